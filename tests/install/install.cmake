# Installs a build into an empty directory. usage: cmake -DBUILD=dir -DWORK=dir -P install.cmake
# Everything else in WORK goes too: it was made from what was installed before.
file(REMOVE_RECURSE ${WORK})
execute_process(
  COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
