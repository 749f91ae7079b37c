# The Python module, from the build directory, by pytest: a test of ctest for each file. Label `python`.
if(NOT TARGET engram_python)
  message(STATUS "the tests of label python are left out of this build")
  return()
endif()

set(python_tests ${CMAKE_CURRENT_SOURCE_DIR}/python)
file(GLOB test_files RELATIVE ${python_tests} CONFIGURE_DEPENDS ${python_tests}/test_*.py)
foreach(file IN LISTS test_files)
  string(REGEX REPLACE "^test_(.*)\\.py$" "python_\\1" name ${file})
  add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} -B -W error -m pytest -q -p no:cacheprovider ${file}
    WORKING_DIRECTORY ${python_tests})
  set_tests_properties(${name} PROPERTIES LABELS python TIMEOUT 300
    ENVIRONMENT "PYTHONPATH=${PROJECT_BINARY_DIR}/python:${PROJECT_SOURCE_DIR}/tools/bench;PYTHONFAULTHANDLER=1")
endforeach()
