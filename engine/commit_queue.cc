#include "engine/commit_queue.h"

#include "storage/base/test_hooks.h"

namespace engram {

void CommitQueue::Submit(Transaction& transaction) {
  std::vector<Transaction*> group;
  {
    MutexLock lock(mutex_);
    transaction.done = false;  // it may have been here before
    waiting_.push_back(&transaction);
    ENGRAM_SYNC_POINT("queue:joined");
    while (!transaction.done && waiting_.front() != &transaction) transaction.wake.Wait(mutex_);
    if (transaction.done) return;
    group = TakeGroup();  // stays in line, so that nobody else leads meanwhile
  }
  {
    core_.waiting_leaders.fetch_add(1, std::memory_order_relaxed);
    MutexLock role(core_.writer_role);
    core_.waiting_leaders.fetch_sub(1, std::memory_order_relaxed);
    writer_.Commit(group);
  }
  MutexLock lock(mutex_);
  for (Transaction* member : group) {
    waiting_.pop_front();
    if (member == &transaction) continue;
    member->done = true;
    // Under the lock: a woken member may be gone as soon as the lock is.
    member->wake.NotifyOne();
  }
  if (!waiting_.empty()) waiting_.front()->wake.NotifyOne();
}

std::vector<Transaction*> CommitQueue::TakeGroup() {
  std::vector<Transaction*> group;
  std::uint64_t bytes = 0;
  for (Transaction* transaction : waiting_) {
    bytes += transaction->bytes;
    if (!group.empty() && (bytes > kGroupBytes || group.size() >= kGroupTransactions)) break;
    group.push_back(transaction);
  }
  return group;
}

}  // namespace engram
