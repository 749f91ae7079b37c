// How much of a MANIFEST counts after a power loss. RocksDB 7.8.3 takes a file that ends within a
// record, but not one whose last, unsynced record has lost a sector inside: it then refuses to open
// for good. Any shorter MANIFEST is an earlier state in which each family still holds exactly its
// own LSN; so what follows the first bad record is left out, and our log, which must reach back to
// the lowest LSN, brings the families forward (docs/rocksdb.md, "MANIFEST"). Threads: pure
// functions.
#ifndef ENGRAM_STORAGE_ROCKSDB_MANIFEST_H_
#define ENGRAM_STORAGE_ROCKSDB_MANIFEST_H_

#include <cstdint>
#include <string_view>

#include <engram/result.h>

#include "storage/base/file.h"

namespace engram {

bool IsManifest(std::string_view path);

// The size of the longest beginning of `file` that holds good records only.
Result<std::uint64_t> GoodManifestBytes(const File& file);

}  // namespace engram

#endif  // ENGRAM_STORAGE_ROCKSDB_MANIFEST_H_
