# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
engram_test(index_test unit
  api/types_test.cc
  index/distance_test.cc
  index/exact_search_test.cc
  index/metric_test.cc
  index/node_layout_test.cc
  index/node_view_test.cc
  index/top_k_test.cc
  storage/slot_bits_test.cc)
engram_test(graph_test unit
  index/allocation_counter.cc
  index/candidate_pool_test.cc
  index/graph_fixture.cc
  index/graph_search_test.cc
  index/graph_test.cc
  index/linker_audit_test.cc
  index/linker_relink_test.cc
  index/linker_test.cc
  index/links_test.cc
  index/neighbor_list_test.cc
  index/node_key_test.cc
  index/select_neighbors_test.cc
  index/upper_view_test.cc
  index/visited_set_test.cc)

# No function of a header, compiled for one instruction set, may be the copy that the linker keeps.
add_test(NAME kernel_files_share_no_code
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/index/kernel_symbols.py ${CMAKE_NM} $<TARGET_FILE:engram>)
set_tests_properties(kernel_files_share_no_code PROPERTIES LABELS unit)
if(ENGRAM_SANITIZE)  # sanitizers keep calls that are inlined otherwise
  set_tests_properties(kernel_files_share_no_code PROPERTIES DISABLED TRUE)
endif()

# The NEON kernels on a machine that has none: cross-compiled, linked statically, emulated.
find_program(AARCH64_CXX aarch64-linux-gnu-g++)
find_program(QEMU_AARCH64 NAMES qemu-aarch64 qemu-aarch64-static)
set(neon_kernels ${CMAKE_BINARY_DIR}/tests/neon_kernels)
add_test(NAME neon_kernels_under_qemu COMMAND ${QEMU_AARCH64} ${neon_kernels})
set_tests_properties(neon_kernels_under_qemu PROPERTIES LABELS unit)
if(ENGRAM_SANITIZE)  # it has none of them
  set_tests_properties(neon_kernels_under_qemu PROPERTIES DISABLED TRUE)
elseif(AARCH64_CXX AND QEMU_AARCH64)
  set(neon_sources
    ${CMAKE_CURRENT_SOURCE_DIR}/index/distance_cross_main.cc
    ${CMAKE_SOURCE_DIR}/index/distance.cc
    ${CMAKE_SOURCE_DIR}/index/distance_avx2.cc
    ${CMAKE_SOURCE_DIR}/index/distance_avx512.cc
    ${CMAKE_SOURCE_DIR}/index/distance_neon.cc
    ${CMAKE_SOURCE_DIR}/index/distance_scalar.cc)
  add_custom_command(OUTPUT ${neon_kernels}
    COMMAND ${AARCH64_CXX} -std=c++20 -O3 -ffp-contract=off -Wall -Wextra -Werror -static
      -I${CMAKE_SOURCE_DIR} -I${CMAKE_SOURCE_DIR}/api/include ${neon_sources} -o ${neon_kernels}
    DEPENDS ${neon_sources} ${CMAKE_SOURCE_DIR}/index/distance.h
      ${CMAKE_SOURCE_DIR}/index/distance_xsimd.inc
    VERBATIM)
  add_custom_target(build_neon_kernels ALL DEPENDS ${neon_kernels})
else()
  message(STATUS
    "neon_kernels_under_qemu is disabled: it needs aarch64-linux-gnu-g++ and qemu-aarch64")
  set_tests_properties(neon_kernels_under_qemu PROPERTIES DISABLED TRUE)
endif()
