// Bytes as RocksDB names them, and back. Threads: pure functions.
#ifndef ENGRAM_STORAGE_ROCKSDB_SLICE_H_
#define ENGRAM_STORAGE_ROCKSDB_SLICE_H_

#include <cstddef>
#include <span>

#include <rocksdb/slice.h>

namespace engram {

inline rocksdb::Slice AsSlice(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::span<const std::byte> AsSpan(const rocksdb::Slice& slice) {
  return std::as_bytes(std::span(slice.data(), slice.size()));
}

}  // namespace engram

#endif  // ENGRAM_STORAGE_ROCKSDB_SLICE_H_
