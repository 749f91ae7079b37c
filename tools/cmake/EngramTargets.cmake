# The few functions that every CMakeLists.txt of the project uses.
#
# The library is compiled twice: `engram` is the product; `engram_testing` is the same code with
# ENGRAM_TEST_HOOKS (named stops and protocol mutants, storage/base/test_hooks.h), which tests link.
# `engram_shared` is made of the objects of `engram` (docs/packaging.md, "Two libraries").

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(RocksDB REQUIRED CONFIG)
pkg_check_modules(URING REQUIRED IMPORTED_TARGET liburing)
find_program(FLATC_PROGRAM flatc REQUIRED)

add_library(engram_flags INTERFACE)
target_compile_options(engram_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wimplicit-fallthrough -Werror
  -Wno-missing-field-initializers)  # designated initializers leave fields at their defaults on purpose
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(engram_flags INTERFACE -Wthread-safety)
else()
  # gcc 12 sees uninitialized members in every moved std::variant and overlaps in "x" + std::string (its bugs 105562,
  # 105651); clang and the sanitizers look better.
  target_compile_options(engram_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict
    -Wno-stringop-overflow)
endif()
if(ENGRAM_SANITIZE)
  add_compile_options(-fsanitize=${ENGRAM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ENGRAM_SANITIZE})
endif()

function(engram_begin_library)
  set_property(GLOBAL PROPERTY ENGRAM_SOURCES "")
  set_property(GLOBAL PROPERTY ENGRAM_SCHEMAS "")
endfunction()

# engram_sources(a.cc b.cc): sources of the calling folder become part of the library.
function(engram_sources)
  foreach(source IN LISTS ARGN)
    set_property(GLOBAL APPEND PROPERTY ENGRAM_SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/${source})
  endforeach()
endfunction()

# engram_source_flags(file.cc -mavx2 ...): flags of one kernel file.
function(engram_source_flags source)
  set_property(SOURCE ${CMAKE_CURRENT_SOURCE_DIR}/${source}
    DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY COMPILE_OPTIONS ${ARGN})
endfunction()

# engram_schema(schema/x.fbs): generates <folder>/schema/x_generated.h, included from the root of the tree.
function(engram_schema schema)
  get_filename_component(name ${schema} NAME_WE)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/schema)
  set(out_dir ${PROJECT_BINARY_DIR}/generated/${folder})
  set(out ${out_dir}/${name}_generated.h)
  file(MAKE_DIRECTORY ${out_dir})
  add_custom_command(OUTPUT ${out}
    COMMAND ${FLATC_PROGRAM} --cpp --scoped-enums -o ${out_dir} ${CMAKE_CURRENT_SOURCE_DIR}/${schema}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${schema} VERBATIM)
  # A target of its own: the output belongs to one directory, its users are in others.
  add_custom_target(engram_schema_${name} DEPENDS ${out})
  set_property(GLOBAL APPEND PROPERTY ENGRAM_SCHEMAS engram_schema_${name})
endfunction()

function(engram_library name)
  get_property(sources GLOBAL PROPERTY ENGRAM_SOURCES)
  get_property(schemas GLOBAL PROPERTY ENGRAM_SCHEMAS)
  add_library(${name} STATIC ${ARGN} ${sources})
  if(schemas)
    add_dependencies(${name} ${schemas})
  endif()
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_include_directories(${name}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/api/include>
    PRIVATE ${PROJECT_SOURCE_DIR})
  target_include_directories(${name} SYSTEM PRIVATE ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(${name} PRIVATE
    $<BUILD_INTERFACE:engram_flags> RocksDB::rocksdb-shared PkgConfig::URING Threads::Threads)
endfunction()

# The shared library: the very objects of the static one, which are position-independent.
function(engram_shared_library)
  add_library(engram_shared SHARED $<TARGET_OBJECTS:engram>)
  if(NOT ENGRAM_INSTALL)
    set_target_properties(engram_shared PROPERTIES EXCLUDE_FROM_ALL TRUE)
  endif()
  set(exports ${PROJECT_BINARY_DIR}/engram.map)
  configure_file(${PROJECT_SOURCE_DIR}/tools/cmake/engram.map.in ${exports} @ONLY)
  set_target_properties(engram_shared PROPERTIES
    OUTPUT_NAME engram
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}
    LINKER_LANGUAGE CXX
    LINK_DEPENDS ${exports})
  target_compile_features(engram_shared INTERFACE cxx_std_20)
  target_include_directories(engram_shared INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/api/include>)
  target_link_options(engram_shared PRIVATE LINKER:--version-script=${exports})
  if(NOT ENGRAM_SANITIZE)  # a sanitizer's symbols come with the program
    target_link_options(engram_shared PRIVATE LINKER:--no-undefined)
  endif()
  target_link_libraries(engram_shared PRIVATE
    RocksDB::rocksdb-shared PkgConfig::URING Threads::Threads)
endfunction()

function(engram_end_library)
  engram_library(engram)
  engram_shared_library()
  set_target_properties(engram PROPERTIES EXPORT_NAME engram_static)
  add_library(engram::engram_static ALIAS engram)
  add_library(engram::engram_shared ALIAS engram_shared)
  if(BUILD_SHARED_LIBS)
    add_library(engram::engram ALIAS engram_shared)
  else()
    add_library(engram::engram ALIAS engram)
  endif()
  if(ENGRAM_BUILD_TESTS)
    engram_library(engram_testing EXCLUDE_FROM_ALL)
    target_compile_definitions(engram_testing PUBLIC ENGRAM_TEST_HOOKS)
    # Several sources at a time: half the work, three times over with the sanitizers.
    set_target_properties(engram_testing PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    # Tests see inside.
    target_include_directories(engram_testing PUBLIC ${PROJECT_SOURCE_DIR})
    target_include_directories(engram_testing SYSTEM PUBLIC ${PROJECT_BINARY_DIR}/generated)
  endif()
endfunction()
