// graph.parents: what the linker counts of each node's parents, kept from a clean close to the next
// opening, which then need not look at every link. Means nothing by itself: who reads it checks the
// counts against what it knows, and counts anew where they do not fit or there is no such file.
// Leaves to others: what a count says (index/linker.h), when the file is made and removed
// (engine/recovery.h).
// Threads: pure functions over a FileSystem. Implements docs/journal-format.md, "graph.parents".
#ifndef ENGRAM_STORAGE_PARENTS_FILE_H_
#define ENGRAM_STORAGE_PARENTS_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <engram/result.h>

#include "storage/base/file.h"
#include "storage/base/ids.h"

namespace engram {

inline constexpr std::uint32_t kParentsVersion = 1;

// `slots` counts of four bytes follow.
struct ParentsHeader {     // docs/journal-format.md, "Parents header"
  std::uint64_t checksum;  // XXH3 of the file behind this field, seeded with the store id
  std::uint64_t magic;     // kParentsMagic
  std::uint64_t store_id;
  Lsn lsn;  // the last commit
  std::uint32_t format_version;
  std::uint32_t generation;  // of the log in the opening that wrote it
  std::uint32_t slots;
  std::uint32_t reserved;  // zero
};
static_assert(sizeof(ParentsHeader) == 48 && offsetof(ParentsHeader, lsn) == 24 &&
              offsetof(ParentsHeader, format_version) == 32);

// The graph that counts are of. A generation gives each LSN once, so that no two graphs have the
// same name.
struct ParentsName {
  std::uint64_t store_id = 0;
  std::uint32_t generation = 0;
  Lsn lsn = Lsn::kNone;
  std::uint32_t slots = 0;
};

// Under a temporary name, synced, renamed, the directory synced.
// Pre: counts.size() == name.slots.
Status WriteParents(FileSystem& files, const std::string& directory, const ParentsName& name,
                    std::span<const std::uint32_t> counts);

// The counts of just that graph. Errors: kNotFound, where there is no file or it is of another
// graph; kCorruptedIndex, where it is not what was written; kIoError.
Result<std::vector<std::uint32_t>> ReadParents(FileSystem& files, const std::string& directory,
                                               const ParentsName& name);

// Nothing where there is none.
Status RemoveParents(FileSystem& files, const std::string& directory);

}  // namespace engram

#endif  // ENGRAM_STORAGE_PARENTS_FILE_H_
