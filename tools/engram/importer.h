// Feeds rows into a store from several threads and keeps the account of what happened to them.
// Leaves arguments and the report to import.cc.
// Threads: one thread calls Import(); it starts its own.
#ifndef ENGRAM_TOOLS_ENGRAM_IMPORTER_H_
#define ENGRAM_TOOLS_ENGRAM_IMPORTER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <engram/status.h>
#include <engram/store.h>

#include "tools/engram/vector_file.h"

namespace engram::tool {

struct ImportOptions {
  std::size_t batch = 1000;
  std::size_t threads = 1;
  std::optional<Durability> durability;          // unset: the store's
  std::optional<std::chrono::microseconds> ttl;  // of rows that have none of their own
  bool report_commits = false;
  bool skip_bad = false;
};

struct ImportResult {
  std::uint64_t imported = 0;
  std::uint64_t failed = 0;
  PatternId first_id = 0;               // the smallest; 0: nothing was imported
  PatternId last_id = 0;                // the largest
  Status status;                        // why it ended early; names the row where one was to blame
  std::vector<std::string> complaints;  // the first few rows that were skipped
};

struct ImportCallbacks {
  // Never two at a time. Patterns that will survive any crash; only with report_commits.
  std::function<void(std::uint64_t durable)> committed;
  // Between batches, on the calling thread.
  std::function<void(std::uint64_t imported)> progress;
};

// Stores every row up to the end or, without skip_bad, up to the first bad one. With several
// threads, batches that were read before a failure may be stored after it was met. All of it is
// durable on return as the durability asks; `status` is the only sign of failure.
ImportResult Import(Store& store, RowReader& rows, const ImportOptions& options,
                    const ImportCallbacks& callbacks);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_IMPORTER_H_
