// Shows the raw structures of a store to a person: what lies in a page, the superblocks, the log.
// Leaves judging them to engine/verify.h, and layout of the text to the caller.
// Threads: one thread.
#ifndef ENGRAM_ENGINE_DUMP_H_
#define ENGRAM_ENGINE_DUMP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <engram/result.h>

#include "storage/base/file.h"

namespace engram {

// One structure. Names and values are printed as they are; a value that does not check out says so
// in its own text ("0x12ab (wrong: expected 0x77c0)"), so that a damaged store can be looked at.
struct DumpSection {
  std::string title;  // "superblock 0", "frame at 8192"
  std::vector<std::pair<std::string, std::string>>
      fields;  // in the order in which they lie in the file
};

// All three read the files without opening the store, take its lock shared and write nothing.
// Errors: kNotFound (no store there, or no such page), kBusy (a process has it open for writing),
// kIoError, kCorruptedIndex (no valid superblock, where one is needed to find what was asked for).

// Page `page` of the page file, counted over the extents in the order of the file: its header, then
// one section a block.
Result<std::vector<DumpSection>> DumpPage(const std::shared_ptr<FileSystem>& files,
                                          const std::string& directory, std::uint64_t page);

// Both slots, valid or not, and the extents of the one that counts.
Result<std::vector<DumpSection>> DumpSuperblock(const std::shared_ptr<FileSystem>& files,
                                                const std::string& directory);

// One section a segment, one a frame: offset, LSN, kind, generation, length, what it holds.
Result<std::vector<DumpSection>> DumpLog(const std::shared_ptr<FileSystem>& files,
                                         const std::string& directory);

}  // namespace engram

#endif  // ENGRAM_ENGINE_DUMP_H_
