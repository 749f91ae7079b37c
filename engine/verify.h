// Looks at a store from outside: raw pages, journal, log and rows, never through the normal open,
// and says everything that is wrong with them. Leaves repair to nobody: restore a copy, or open for
// recovery. Threads: one thread. Implements docs/recovery.md, "What verify proves".
#ifndef ENGRAM_ENGINE_VERIFY_H_
#define ENGRAM_ENGINE_VERIFY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <engram/result.h>

#include "storage/base/file.h"

namespace engram {

struct Finding {
  std::string where;  // "graph.engram: nodes page 17", "wal/0000000000000001.wal: offset 8192"
  std::string what;   // a sentence with what was found and what was expected
};

// What was looked at, and what is wrong with it. No finding: the store is sound.
struct VerifyReport {
  std::vector<Finding> findings;
  std::uint64_t pages = 0;           // in use at the checkpoint; superblocks and tables not counted
  std::uint64_t restored_pages = 0;  // of these, bad in place and whole in the journal
  std::uint64_t frames = 0;          // valid ones in the files of the log
  std::uint64_t commits = 0;         // whole ones among these
  std::uint64_t rows = 0;            // of the metadata store, all families together
  std::uint64_t patterns = 0;        // live ones
};

// Takes the store's lock shared, writes nothing. Takes as much memory as an open store, and some 80
// bytes a pattern. A store that was killed is looked at as it lies: what only a recovery would
// bring up to date is no finding, what a recovery would refuse is one. Errors: kNotFound (no store
// there), kBusy (a process has it open for writing), kNotSupported (a format version or feature
// this build cannot read), kIoError. What is wrong with the bytes is a finding, not an error.
Result<VerifyReport> VerifyStore(const std::shared_ptr<FileSystem>& files,
                                 const std::string& directory);

}  // namespace engram

#endif  // ENGRAM_ENGINE_VERIFY_H_
