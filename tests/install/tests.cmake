# The product as its users get it: installed, found by CMake and pkg-config, packed. Nothing of the
# library is compiled again. Label `install`; as it is shipped, so not under sanitizers.
if(ENGRAM_SANITIZE OR NOT ENGRAM_INSTALL)
  message(STATUS "the tests of label install are left out of this build")
  return()
endif()

set(install_source ${CMAKE_CURRENT_SOURCE_DIR}/install)
set(install_work ${PROJECT_BINARY_DIR}/tests/install)
set(minor_version ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

# install_test(NAME COMMAND...): a test of what `build_installs` put into ${install_work}/prefix.
function(install_test name)
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS install TIMEOUT 300 FIXTURES_REQUIRED installed)
endfunction()

add_test(NAME build_installs COMMAND ${CMAKE_COMMAND}
  -DBUILD=${PROJECT_BINARY_DIR} -DWORK=${install_work} -P ${install_source}/install.cmake)
set_tests_properties(build_installs PROPERTIES LABELS install TIMEOUT 300 FIXTURES_SETUP installed)

# consumer_test(NAME KIND TARGET COMPONENTS [OPTIONS...])
function(consumer_test name kind target components)
  install_test(${name} ${CMAKE_CTEST_COMMAND}
    --build-and-test ${install_source}/consumer ${install_work}/${name} --build-generator ${CMAKE_GENERATOR}
    --build-options
      -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} -DCMAKE_PREFIX_PATH=${install_work}/prefix
      -DCONSUMER_VERSION=${minor_version} -DCONSUMER_KIND=${kind} -DCONSUMER_TARGET=${target}
      -DCONSUMER_COMPONENTS=${components} ${ARGN}
    --test-command ${CMAKE_CTEST_COMMAND} --output-on-failure --no-tests=error)
endfunction()
consumer_test(consumer_links_static static engram::engram_static "")
# Nothing else need be there to be linked with the shared library.
consumer_test(consumer_links_shared_alone shared engram::engram shared
  -DCMAKE_DISABLE_FIND_PACKAGE_RocksDB=ON -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON)

install_test(consumer_builds_by_pkg_config ${install_source}/pkg_config.sh
  ${CMAKE_CXX_COMPILER} ${install_work}/prefix ${PROJECT_VERSION} ${install_source}/consumer/main.cc
  ${install_work}/pkg_config)
install_test(public_headers_compile_alone ${install_source}/public_headers.sh
  ${CMAKE_C_COMPILER} ${CMAKE_CXX_COMPILER} ${install_work}/prefix)

# What documents tell users to do, in their order, with the output that they show.
set(python_arguments "")
if(TARGET engram_python)
  set(python_arguments --python ${Python3_EXECUTABLE} ${install_work}/prefix/${ENGRAM_PYTHON_DIR})
endif()
install_test(documents_do_as_they_say ${install_source}/run_document.py ${python_arguments}
  ${PROJECT_SOURCE_DIR}/docs/examples ${install_work}/prefix ${install_work}/documents
  ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/docs/tutorial.md
  ${PROJECT_SOURCE_DIR}/docs/examples.md ${PROJECT_SOURCE_DIR}/docs/c-api.md)
set_tests_properties(documents_do_as_they_say PROPERTIES
  ENVIRONMENT "CC=${CMAKE_C_COMPILER};CXX=${CMAKE_CXX_COMPILER}")

# The API reference (docs/packaging.md, "API reference"), which needs nothing installed.
add_test(NAME reference_has_no_warnings
  COMMAND ${install_source}/reference.sh ${PROJECT_SOURCE_DIR} ${PROJECT_VERSION}
    ${PROJECT_BINARY_DIR}/tests/reference)
set_tests_properties(reference_has_no_warnings PROPERTIES LABELS install TIMEOUT 300)
find_program(DOXYGEN_PROGRAM doxygen)
if(NOT DOXYGEN_PROGRAM)
  message(STATUS "reference_has_no_warnings is disabled: it needs doxygen")
  set_tests_properties(reference_has_no_warnings PROPERTIES DISABLED TRUE)
endif()

# A project around the sources: configured and generated, which finds every target that is linked.
install_test(sources_serve_as_a_subdirectory ${CMAKE_COMMAND}
  -S ${install_source}/subdirectory -B ${install_work}/subdirectory -G ${CMAKE_GENERATOR}
  -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}
  -DENGRAM_SOURCE=${PROJECT_SOURCE_DIR})

file(GLOB public_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/api/include/engram/*.h)
install_test(shared_library_shows_the_api_alone ${install_source}/exported_symbols.py
  ${CMAKE_NM} $<TARGET_FILE:engram_shared> ${public_headers})

install_test(debian_packages_are_whole ${install_source}/debian_packages.sh
  ${CMAKE_CPACK_COMMAND} ${PROJECT_BINARY_DIR} ${PROJECT_VERSION} ${install_work}/debian
  $<$<TARGET_EXISTS:engram_python>:${Python3_EXECUTABLE}>)
find_program(DPKG_DEB dpkg-deb)
if(NOT DPKG_DEB OR NOT DPKG_SHLIBDEPS OR NOT FILE_PROGRAM)
  message(STATUS "debian_packages_are_whole is disabled: it needs dpkg-deb, dpkg-shlibdeps and file")
  set_tests_properties(debian_packages_are_whole PROPERTIES DISABLED TRUE)
endif()

# From where it was installed, which is neither on Python's path nor the loader's.
if(TARGET engram_python)
  install_test(python_module_serves_as_installed ${PROJECT_SOURCE_DIR}/tests/python/installed.sh
    ${Python3_EXECUTABLE} ${install_work}/prefix ${ENGRAM_PYTHON_DIR} ${PROJECT_VERSION}
    ${install_work}/python)
endif()
