// Looks for rot: reads the pages of graph.engram from the disk, round after round and no faster
// than Options::scrub_bytes_per_second, and checks each as opening would. One that looks bad is
// read again while no checkpoint writes; only then it is called bad: told to the host, counted,
// and, where memory has it whole, marked so that the next checkpoint writes it anew. Leaves to
// others: when it is its turn (engine/maintenance.h), making that checkpoint. Threads: any thread;
// one at a time reads, others return at once. Implements docs/architecture.md, "A look at the
// disk".
#ifndef ENGRAM_ENGINE_SCRUBBER_H_
#define ENGRAM_ENGINE_SCRUBBER_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <engram/status.h>

#include "engine/checkpointer.h"
#include "engine/core.h"
#include "storage/base/mutex.h"
#include "storage/page_format.h"

namespace engram {

class Scrubber {
 public:
  Scrubber(Core& core, Checkpointer& checkpointer);

  // Reads what the rate allows since the last call, and not beyond `end`. What cannot be read is a
  // finding, no error. Whether a page waits for a checkpoint that writes it anew.
  bool Run(std::chrono::steady_clock::time_point end) ENGRAM_EXCLUDES(mutex_);

  struct Figures {
    std::uint64_t pages = 0;   // read and checked
    std::uint64_t rounds = 0;  // over all pages
    std::uint64_t bad = 0;     // pages found bad
    std::uint64_t healed = 0;  // of these, found right again behind a checkpoint
    std::optional<PageRef> first_bad;
  };
  Figures figures() const;

 private:
  // A page that looked bad.
  struct Suspect {
    PageRef ref;
    // Of one that is bad and was marked: the newest checkpoint then. The next one writes it.
    std::optional<std::uint64_t> marked_after;
  };

  std::chrono::steady_clock::time_point Now() const { return core_.clock->Steady(); }
  bool HealsFromMemory(PageRef ref) const;

  void Earn() ENGRAM_REQUIRES(mutex_);
  void Spend(std::uint64_t bytes) ENGRAM_REQUIRES(mutex_);
  // Of the segment's first pages those that state_ counts and that were not cut since. What lies
  // behind them may never have been written.
  std::uint32_t EndOf(SegmentKind segment) const ENGRAM_REQUIRES(mutex_);
  // Some pages of the round; false where it has to wait.
  bool ReadOn() ENGRAM_REQUIRES(mutex_);
  void EndRound() ENGRAM_REQUIRES(mutex_);
  // Pages that were bad and that a checkpoint has written since.
  struct Rewritten {
    std::uint64_t pages = 0;
    PageRef first;
  };
  void TellOf(const Rewritten& rewritten, const char* what) ENGRAM_REQUIRES(mutex_);
  void TellTheRest() ENGRAM_REQUIRES(mutex_);
  Status ReadPage(PageRef ref) ENGRAM_REQUIRES(mutex_);
  // Looks at suspects once more, unless a checkpoint is on its way.
  void LookAgain() ENGRAM_REQUIRES(mutex_) ENGRAM_EXCLUDES(core_.writer_role);
  // Whether the suspect stays one.
  bool Judge(Suspect& suspect) ENGRAM_REQUIRES(mutex_) ENGRAM_EXCLUDES(core_.writer_role);
  bool WaitsForCheckpoint(const Suspect& suspect) const;
  void Report(PageRef ref, const Status& why) ENGRAM_REQUIRES(mutex_);
  void Mark(PageRef ref) ENGRAM_EXCLUDES(core_.writer_role);

  Core& core_;
  Checkpointer& checkpointer_;
  Mutex mutex_;
  // As the last checkpoint left it that could be held off: which pages must be there.
  StoreState state_ ENGRAM_GUARDED_BY(mutex_){};
  std::size_t segment_ ENGRAM_GUARDED_BY(mutex_) = 0;
  std::uint32_t page_ ENGRAM_GUARDED_BY(mutex_) = 0;  // the next one to be read
  std::chrono::steady_clock::time_point round_began_ ENGRAM_GUARDED_BY(mutex_);
  // Up to here time was turned into bytes; in the future between rounds.
  std::chrono::steady_clock::time_point earned_until_ ENGRAM_GUARDED_BY(mutex_);
  std::uint64_t allowed_bytes_ ENGRAM_GUARDED_BY(mutex_) = 0;
  std::deque<Suspect> suspects_ ENGRAM_GUARDED_BY(mutex_);
  std::uint64_t bad_in_round_ ENGRAM_GUARDED_BY(mutex_) = 0;
  bool round_ended_ ENGRAM_GUARDED_BY(mutex_) = false;
  Rewritten right_again_ ENGRAM_GUARDED_BY(mutex_);  // not yet told, as the next
  Rewritten bad_still_ ENGRAM_GUARDED_BY(mutex_);
  std::vector<std::string> messages_ ENGRAM_GUARDED_BY(mutex_);

  // Relaxed: figures for stats.
  std::atomic<std::uint64_t> pages_{0};
  std::atomic<std::uint64_t> rounds_{0};
  std::atomic<std::uint64_t> bad_{0};
  std::atomic<std::uint64_t> healed_{0};
  std::atomic<std::uint64_t> first_bad_{0};  // segment and page in one word; 0: none
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_SCRUBBER_H_
