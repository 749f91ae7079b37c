# What `cmake --install` and CPack make of a build (docs/packaging.md): the components library,
# development, tool and python (whose files api/python/CMakeLists.txt installs).

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/engram)

install(TARGETS engram_shared EXPORT engram_shared
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS engram EXPORT engram_static
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/api/include/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.h")
if(TARGET engram_tool)
  install(TARGETS engram_tool
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tool)
endif()

# For CMake. A file of targets for each library: who wants the shared one alone need not find what
# the static one links. Before 1.0 a minor version may change any type.
foreach(kind shared static)
  install(EXPORT engram_${kind} NAMESPACE engram:: DESTINATION ${package_dir} COMPONENT development)
endforeach()
configure_package_config_file(${PROJECT_SOURCE_DIR}/tools/cmake/engramConfig.cmake.in
  ${PROJECT_BINARY_DIR}/engramConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/engramConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/engramConfig.cmake ${PROJECT_BINARY_DIR}/engramConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT development)

# For pkg-config. The prefix is found from where the file lies, so that `cmake --install --prefix`
# and a moved tree need no other file.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" to_prefix ${to_prefix})
  set(pc_prefix "\${pcfiledir}/${to_prefix}")
endif()
foreach(dir libdir includedir)
  string(TOUPPER ${dir} upper)
  set(pc_${dir} "\${prefix}")
  cmake_path(APPEND pc_${dir} ${CMAKE_INSTALL_${upper}})  # an absolute one replaces it
endforeach()
configure_file(${PROJECT_SOURCE_DIR}/tools/cmake/engram.pc.in ${PROJECT_BINARY_DIR}/engram.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/engram.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

# Debian packages. Their names and the components they are made of:
set(library_package libengram${PROJECT_VERSION_MAJOR})
set(development_package libengram-dev)
set(tool_package engram)
set(python_package python3-engram)
set(CPACK_COMPONENTS_ALL library development)
if(TARGET engram_tool)
  list(APPEND CPACK_COMPONENTS_ALL tool)
endif()
if(TARGET engram_python)
  list(APPEND CPACK_COMPONENTS_ALL python)
endif()
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${${component}_package})
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE RENAME copyright
    DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${${component}_package} COMPONENT ${component})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_VENDOR "The Engram maintainers")
set(CPACK_PACKAGE_CONTACT
  "The Engram maintainers <maintainers@users.noreply.b-seed-8bb70ac0.example>")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION
  "The shared library, for programs that keep vectors with metadata in a\ndirectory of their own and \
search them by similarity.")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
  "Headers, the static library, and the files by which CMake and pkg-config\nfind both.")
set(CPACK_COMPONENT_TOOL_DESCRIPTION
  "The engram program: makes, fills, searches, measures and checks stores\nfrom the shell.")
set(CPACK_COMPONENT_PYTHON_DESCRIPTION
  "The Python module engram: vectors as NumPy arrays, metadata as dicts, kept\nin a directory and \
searched by similarity.")
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS library)
set(CPACK_COMPONENT_PYTHON_DEPENDS library)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_TOOL_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
# What the static library links. The other dependencies are read from the files' own lists.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "librocksdb-dev (>= ${RocksDB_VERSION}), liburing-dev")
if(TARGET engram_python)
  # The extension is for this minor version of Python alone.
  math(EXPR next_minor "${Python3_VERSION_MINOR} + 1")
  set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS
    "python3 (>= 3.${Python3_VERSION_MINOR}~), python3 (<< 3.${next_minor}), python3-numpy")
endif()
# Where dpkg-shlibdeps finds the shared library that the extension is linked with. That the package
# needs the library's is said above (CPACK_COMPONENT_PYTHON_DEPENDS).
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR})
find_program(DPKG_SHLIBDEPS dpkg-shlibdeps)
find_program(FILE_PROGRAM file)
if(DPKG_SHLIBDEPS AND FILE_PROGRAM)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
else()
  message(STATUS
    "Debian packages will not name the libraries they need: no dpkg-shlibdeps and file (Debian: dpkg-dev, file)")
endif()
include(CPack)
