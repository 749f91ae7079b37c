// Walks the trace of a simulated disk and makes the image that a power loss at that point may
// leave. The model: the data of a file is durable from SyncData() on, and so is its size; its name
// is not. Names (created, renamed, unlinked) are durable from SyncDirectory() of the directory on;
// a rename between two directories only when both were synced. Until then each operation is
// pending, and a CrashPolicy says which pending ones survive. Whatever the policy, names stay sane:
// an operation whose precondition was lost is lost too, so every image is what some subset of the
// pending operations, applied in order, would have made; a rename is never half there. A write
// under way when the power goes is the last pending one: AdvanceTo() the step after it. Threads:
// one thread; the disk may go on in others.
#ifndef ENGRAM_TESTS_SUPPORT_CRASH_REPLAYER_H_
#define ENGRAM_TESTS_SUPPORT_CRASH_REPLAYER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/sim_disk.h"
#include "tests/support/sim_image.h"

namespace engram {

// What happens to operations that no sync covers. Sectors are 512 bytes. Where an unsynced write
// ends behind the durable end of the file, the new size may survive without the data (a tail of
// zeros), and the other way round.
enum class CrashPolicy : std::uint8_t {
  kLoseAll,
  kKeepAll,
  kRandomSectors,  // each sector of each write or hole by itself: any mixture of versions, in any
                   // order
  kRandomOps,      // each operation by itself, whole
  kPrefix,   // those up to a random one; of that one, if it is a write or a hole, the first few
             // sectors
  kGarbage,  // as kRandomSectors, and some sectors hold neither version but noise; never synced
             // bytes
};
inline constexpr std::array kAllCrashPolicies = {
    CrashPolicy::kLoseAll,   CrashPolicy::kKeepAll, CrashPolicy::kRandomSectors,
    CrashPolicy::kRandomOps, CrashPolicy::kPrefix,  CrashPolicy::kGarbage};

class CrashReplayer {
 public:
  explicit CrashReplayer(std::shared_ptr<const SimDisk> disk);

  // Operations before this one were issued. Pre: position() <= op_index <= OpCount() of the disk.
  void AdvanceTo(std::size_t op_index);
  std::size_t position() const { return position_; }

  // The same random numbers give the same image.
  SimImage PowerLoss(std::mt19937_64& random, CrashPolicy policy) const;
  // 0: every policy gives the same image.
  std::size_t PendingCount() const;

  // Marks passed so far, in order: those with a number, those with a text.
  const std::vector<std::uint64_t>& numbers() const { return numbers_; }
  const std::vector<std::string>& texts() const { return texts_; }

  // An operation that no sync has covered yet.
  struct PendingData {
    const TraceOp* op;
    std::size_t index;
    bool size_only;  // a sync failed over it: the bytes never reach the disk, the size they gave
                     // the file may
  };
  struct PendingName {
    const TraceOp* op;
    std::size_t index;
    bool dir_synced;
    bool to_dir_synced;
  };

 private:
  void Issue(const TraceOp& op, std::size_t index);
  void Sync(InodeId inode);
  void DropUnsynced(InodeId inode);
  void SyncDirectory(InodeId dir);

  std::shared_ptr<const SimDisk> disk_;
  std::size_t position_ = 0;
  SimImage durable_;
  std::map<InodeId, std::vector<PendingData>> data_;
  std::vector<PendingName> names_;
  std::vector<std::uint64_t> numbers_;
  std::vector<std::string> texts_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_CRASH_REPLAYER_H_
