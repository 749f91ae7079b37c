// Where writers wait: the first in line becomes the leader and commits for those behind it, so that
// one append and one sync serve them all. Leaves committing to writer.h. Threads: any thread.
// Implements docs/concurrency.md, "Group commit".
#ifndef ENGRAM_ENGINE_COMMIT_QUEUE_H_
#define ENGRAM_ENGINE_COMMIT_QUEUE_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "engine/core.h"
#include "engine/transaction.h"
#include "engine/writer.h"
#include "storage/base/mutex.h"

namespace engram {

class CommitQueue {
 public:
  CommitQueue(Core& core, Writer& writer) : core_(core), writer_(writer) {}

  // Returns when the transaction is committed and visible, or has failed; its status says which.
  void Submit(Transaction& transaction) ENGRAM_EXCLUDES(mutex_);

 private:
  // A group takes about this many log bytes, so that the first does not wait for the last.
  static constexpr std::uint64_t kGroupBytes = 4ull << 20;
  static constexpr std::size_t kGroupTransactions = 256;

  std::vector<Transaction*> TakeGroup() ENGRAM_REQUIRES(mutex_);

  Core& core_;
  Writer& writer_;
  Mutex mutex_;
  std::deque<Transaction*> waiting_ ENGRAM_GUARDED_BY(mutex_);
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_COMMIT_QUEUE_H_
