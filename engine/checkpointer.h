// Brings the page file and the metadata families up to date, so that the log before can go: images
// in slices, log durable, journal, in place, superblock, family markers, log segments. The order is
// the whole point (docs/recovery.md, "Checkpoint"). Readers never notice; the writer waits only
// while a slice is copied. Threads: any thread; one checkpoint at a time, others wait for it.
#ifndef ENGRAM_ENGINE_CHECKPOINTER_H_
#define ENGRAM_ENGINE_CHECKPOINTER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>

#include <engram/status.h>

#include "engine/core.h"
#include "storage/base/mutex.h"

namespace engram {

class Checkpointer {
 public:
  explicit Checkpointer(Core& core);

  // Makes a checkpoint of everything visible. Any failed write or sync poisons the store; kNoSpace
  // (for rows) does not.
  Status Run() ENGRAM_EXCLUDES(mutex_);
  // Makes `change`, and a checkpoint behind it, with none in between. Errors: of both.
  Status RunBehind(const std::function<Status()>& change) ENGRAM_EXCLUDES(mutex_);
  // Runs `work` while there is no checkpoint. Pre: it waits for no reader, who may wait for one.
  Status HoldOff(const std::function<Status()>& work) ENGRAM_EXCLUDES(mutex_);
  // Whether the log, the dirty pages or the clock ask for one.
  bool Due() const;

  // Of a mapped store: whether so many changed pages lie in memory that a checkpoint is due.
  bool CopiesAreMany() const;
  // Where there are too many, makes the checkpoint that lets go of them, or waits for the one that
  // does; before a write, without locks. What fails is in the log, or the next write meets it.
  void MakeRoomForCopies() ENGRAM_EXCLUDES(mutex_);

  // For who reads the page file and wants to meet no page that is half written: while it is held no
  // checkpoint begins. Never waits: false where one is on its way.
  bool TryHoldOff() ENGRAM_TRY_ACQUIRE(true, mutex_) { return mutex_.TryLock(); }
  void LetGo() ENGRAM_RELEASE(mutex_) { mutex_.Unlock(); }

  // As of the last one. Relaxed loads: figures.
  Lsn lsn() const { return static_cast<Lsn>(lsn_.load(std::memory_order_relaxed)); }
  std::uint64_t number() const { return number_.load(std::memory_order_relaxed); }
  std::uint64_t journal_bytes_written() const {
    return journal_bytes_.load(std::memory_order_relaxed);
  }
  std::uint64_t page_bytes_written() const { return page_bytes_.load(std::memory_order_relaxed); }

 private:
  // What the superblock will say, as of the first slice.
  struct Cut {
    Superblock superblock{};
    std::vector<ExtentEntry> extents;
    std::uint64_t log_bytes = 0;  // LogBytes() then
  };

  Status RunLocked() ENGRAM_REQUIRES(mutex_);
  bool CopiesAreTooMany() const;
  // Everything up to the superblock.
  Status WritePageFile() ENGRAM_REQUIRES(mutex_);
  // Rows durable, then the log before the superblock's LSN removed. Errors: kNoSpace where there is
  // no room for the rows: nothing is lost.
  Status ReleaseLog() ENGRAM_REQUIRES(mutex_);
  Cut TakeCut() ENGRAM_EXCLUDES(core_.writer_role);
  // Images for one round; returns the last LSN they may hold (E), and whether that was all.
  Lsn TakeRound(PageSpace::Cursor& cursor, PageSpace::Images& images, bool& last);
  Status WriteRounds(std::uint64_t checkpoint, PageSpace::Images& images, std::uint32_t& round)
      ENGRAM_REQUIRES(mutex_);
  Status WriteRound(std::uint64_t checkpoint, std::uint32_t round,
                    std::span<const PageImage> images) ENGRAM_REQUIRES(mutex_);
  // In slices: copies of mapped pages whose images are durable in the file.
  void DropCopies(std::span<const PageImage> images) ENGRAM_EXCLUDES(core_.writer_role);
  Status MarkFamilies() ENGRAM_EXCLUDES(core_.writer_role);
  Status CutLog(Lsn lsn);
  // Frames appended or replayed since the store was opened: what a recovery from a cut reads is the
  // difference.
  std::uint64_t LogBytes() const;
  void NoteTime();

  Core& core_;
  Mutex mutex_;
  std::atomic<std::uint64_t> lsn_{0};
  std::atomic<std::uint64_t> number_{0};
  std::atomic<std::uint64_t> journal_bytes_{0};
  std::atomic<std::uint64_t> page_bytes_{0};
  std::atomic<std::uint64_t> log_bytes_at_cut_{0};
  std::atomic<std::int64_t> last_us_{0};  // by the steady clock
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_CHECKPOINTER_H_
