#include "storage/base/test_hooks.h"

#ifdef ENGRAM_TEST_HOOKS

#include <map>
#include <string>

#include "storage/base/mutex.h"

namespace engram {
namespace {

struct SyncPoints {
  Mutex mutex;
  std::map<std::string, std::function<void()>, std::less<>> callbacks ENGRAM_GUARDED_BY(mutex);
};

SyncPoints& Points() {
  static SyncPoints points;
  return points;
}

std::atomic<Mutant> g_mutant{Mutant::kNone};
// Relaxed: only spares the lock where no point is set; a callback set concurrently may be missed
// once.
std::atomic<int> g_points_set{0};

}  // namespace

void SetMutant(Mutant mutant) { g_mutant.store(mutant, std::memory_order_seq_cst); }
Mutant ActiveMutant() { return g_mutant.load(std::memory_order_seq_cst); }

void SetSyncPoint(std::string_view name, std::function<void()> callback) {
  MutexLock lock(Points().mutex);
  if (callback) {
    Points().callbacks[std::string(name)] = std::move(callback);
  } else if (const auto it = Points().callbacks.find(name); it != Points().callbacks.end()) {
    Points().callbacks.erase(it);
  }
  g_points_set.store(static_cast<int>(Points().callbacks.size()), std::memory_order_relaxed);
}

void ClearSyncPoints() {
  MutexLock lock(Points().mutex);
  Points().callbacks.clear();
  g_points_set.store(0, std::memory_order_relaxed);
}

void ReachSyncPoint(std::string_view name) {
  if (g_points_set.load(std::memory_order_relaxed) == 0) return;
  std::function<void()> callback;
  {
    MutexLock lock(Points().mutex);
    const auto it = Points().callbacks.find(name);
    if (it == Points().callbacks.end()) return;
    callback = it->second;
  }
  callback();
}

}  // namespace engram

#endif  // ENGRAM_TEST_HOOKS
