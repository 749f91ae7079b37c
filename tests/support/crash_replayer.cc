#include "tests/support/crash_replayer.h"

#include <algorithm>
#include <limits>
#include <set>
#include <span>
#include <utility>

#include "storage/base/check.h"

namespace engram {

using Kind = TraceOp::Kind;

namespace {

constexpr std::uint64_t kSectorBytes = 512;

// What becomes of each pending operation in one image.
class Fate {
 public:
  // `cut`: the operation at which the power went, for kPrefix.
  Fate(std::mt19937_64& random, CrashPolicy policy, std::size_t cut)
      : random_(random),
        policy_(policy),
        cut_(cut),
        keep_(Fraction()),
        garbage_one_in_(2 + random_() % 14) {}

  bool Survives(std::size_t index) {
    switch (policy_) {
      case CrashPolicy::kLoseAll:
        return false;
      case CrashPolicy::kKeepAll:
        return true;
      case CrashPolicy::kPrefix:
        return index < cut_;
      case CrashPolicy::kRandomSectors:
      case CrashPolicy::kRandomOps:
      case CrashPolicy::kGarbage:
        return Fraction() < keep_;
    }
    return false;
  }

  // Does to `image` what reached the disk.
  void Apply(const CrashReplayer::PendingData& pending, SimImage* image) {
    const TraceOp& op = *pending.op;
    const bool by_sector =
        policy_ == CrashPolicy::kRandomSectors || policy_ == CrashPolicy::kGarbage;
    const bool torn = policy_ == CrashPolicy::kPrefix && pending.index == cut_;
    if (op.kind == Kind::kWrite && !pending.size_only && (by_sector || torn)) {
      SimBytes& bytes = image->node(op.inode).bytes.Mutable();
      torn ? WriteHead(op, &bytes) : WriteSectors(op, &bytes);
    } else if (op.kind == Kind::kDeallocate && (by_sector || torn)) {
      ClearSectors(op, torn, &image->node(op.inode).bytes.Mutable());
    } else if (Survives(pending.index)) {
      if (pending.size_only) {
        image->node(op.inode).bytes.Mutable().GrowTo(op.offset + op.data.size());
      } else {
        image->ApplyData(op);
      }
    }
  }

 private:
  double Fraction() { return static_cast<double>(random_() >> 11) * 0x1p-53; }

  static std::uint64_t SectorEnd(const TraceOp& op, std::uint64_t at) {
    return std::min(op.offset + op.data.size(), (at / kSectorBytes + 1) * kSectorBytes);
  }

  void WriteHead(const TraceOp& op, SimBytes* bytes) {
    const std::uint64_t first = op.offset / kSectorBytes;
    const std::uint64_t sectors =
        (op.offset + op.data.size() + kSectorBytes - 1) / kSectorBytes - first;
    const std::uint64_t written = random_() % sectors;
    if (written == 0) return;
    const std::uint64_t end = (first + written) * kSectorBytes;
    const auto all = std::as_bytes(std::span(op.data));
    bytes->Write(op.offset, all.first(static_cast<std::size_t>(end - op.offset)));
  }

  void WriteSectors(const TraceOp& op, SimBytes* bytes) {
    const auto all = std::as_bytes(std::span(op.data));
    const std::uint64_t end = op.offset + op.data.size();
    for (std::uint64_t at = op.offset; at < end; at = SectorEnd(op, at)) {
      const auto sector = all.subspan(static_cast<std::size_t>(at - op.offset),
                                      static_cast<std::size_t>(SectorEnd(op, at) - at));
      if (policy_ == CrashPolicy::kGarbage && random_() % garbage_one_in_ == 0) {
        WriteNoise(at, sector.size(), bytes);
      } else if (Fraction() < keep_) {
        bytes->Write(at, sector);
      }
    }
    if (Fraction() < keep_) bytes->GrowTo(end);
  }

  // A hole, as zeros that were written: each sector by itself, or the first few. Nothing behind the
  // end of the file.
  void ClearSectors(const TraceOp& op, bool head, SimBytes* bytes) {
    const std::uint64_t end = std::min(op.offset + op.length, bytes->size());
    if (op.offset >= end) return;
    if (head) {
      const std::uint64_t sectors = (end - op.offset) / kSectorBytes;
      bytes->Clear(op.offset, random_() % (sectors + 1) * kSectorBytes);
      return;
    }
    for (std::uint64_t at = op.offset; at < end; at = (at / kSectorBytes + 1) * kSectorBytes) {
      const std::uint64_t length = std::min(end, (at / kSectorBytes + 1) * kSectorBytes) - at;
      if (policy_ == CrashPolicy::kGarbage && random_() % garbage_one_in_ == 0) {
        WriteNoise(at, static_cast<std::size_t>(length), bytes);
      } else if (Fraction() < keep_) {
        bytes->Clear(at, length);
      }
    }
  }

  void WriteNoise(std::uint64_t at, std::size_t length, SimBytes* bytes) {
    std::array<std::byte, kSectorBytes> noise;
    for (std::byte& b : noise) b = static_cast<std::byte>(random_());
    bytes->Write(at, std::span(noise).first(length));
  }

  std::mt19937_64& random_;
  const CrashPolicy policy_;
  const std::size_t cut_;
  const double keep_;
  const std::uint64_t garbage_one_in_;
};

// Of a write that failed: never its first sector, about half of the others; always the same ones.
// Nothing behind the end of the file.
void WriteSomeSectors(const TraceOp& op, std::size_t index, SimBytes* bytes) {
  const auto all = std::as_bytes(std::span(op.data));
  const std::uint64_t end = std::min<std::uint64_t>(op.offset + op.data.size(), bytes->size());
  std::mt19937_64 random(index);
  for (std::uint64_t at = (op.offset / kSectorBytes + 1) * kSectorBytes; at < end;
       at += kSectorBytes) {
    const std::uint64_t length = std::min<std::uint64_t>(kSectorBytes, end - at);
    if (random() % 2 == 0) {
      bytes->Write(at, all.subspan(static_cast<std::size_t>(at - op.offset),
                                   static_cast<std::size_t>(length)));
    }
  }
}

}  // namespace

CrashReplayer::CrashReplayer(std::shared_ptr<const SimDisk> disk)
    : disk_(std::move(disk)), durable_(disk_->initial()) {}

void CrashReplayer::AdvanceTo(std::size_t op_index) {
  ENGRAM_CHECK(op_index >= position_);
  for (; position_ < op_index; ++position_) Issue(disk_->op(position_), position_);
}

void CrashReplayer::Issue(const TraceOp& op, std::size_t index) {
  switch (op.kind) {
    case Kind::kWrite:
    case Kind::kTruncate:
    case Kind::kAllocate:
    case Kind::kDeallocate:
      data_[op.inode].push_back({&op, index, false});
      break;
    case Kind::kSync:
      Sync(op.inode);
      break;
    case Kind::kDropUnsynced:
      DropUnsynced(op.inode);
      break;
    case Kind::kCreate:
    case Kind::kMakeDirectory:
      durable_.AddNode(op.inode,
                       op.kind == Kind::kCreate ? FileType::kRegular : FileType::kDirectory);
      [[fallthrough]];
    case Kind::kRename:
    case Kind::kUnlink:
      names_.push_back({&op, index, false, op.kind != Kind::kRename});
      break;
    case Kind::kSyncDirectory:
      SyncDirectory(op.inode);
      break;
    case Kind::kReserve:
      break;
    case Kind::kMark:
      if (op.data.empty()) {
        numbers_.push_back(op.offset);
      } else {
        texts_.push_back(op.data);
      }
      break;
  }
}

void CrashReplayer::Sync(InodeId inode) {
  const auto found = data_.find(inode);
  if (found == data_.end()) return;
  for (const PendingData& pending : found->second) {
    if (pending.size_only) {
      const TraceOp& op = *pending.op;
      durable_.node(inode).bytes.Mutable().GrowTo(op.offset + op.data.size());
    } else {
      durable_.ApplyData(*pending.op);
    }
  }
  data_.erase(found);
}

void CrashReplayer::DropUnsynced(InodeId inode) {
  const auto found = data_.find(inode);
  if (found == data_.end()) return;
  // As Linux does it: pages whose write failed are called clean, so no later sync writes them; the
  // size goes its own way through the file system's journal. The write failed on its way: some of
  // it may have arrived.
  for (PendingData& pending : found->second) {
    if (pending.op->kind != Kind::kWrite || pending.size_only) continue;
    WriteSomeSectors(*pending.op, pending.index, &durable_.node(inode).bytes.Mutable());
    pending.size_only = true;
  }
}

void CrashReplayer::SyncDirectory(InodeId dir) {
  // From the last to the first: a later operation that becomes durable takes along what it builds
  // on, which can be half of a rename from or to another directory.
  std::set<std::pair<InodeId, std::string>> needed;
  std::vector<PendingName> durable;
  std::vector<PendingName> pending;
  for (auto it = names_.rbegin(); it != names_.rend(); ++it) {
    const TraceOp& op = *it->op;
    const bool renames = op.kind == Kind::kRename;
    it->dir_synced |= op.dir == dir;
    it->to_dir_synced |= renames && op.to_dir == dir;
    if ((it->dir_synced && it->to_dir_synced) || needed.contains({op.dir, op.name}) ||
        (renames && needed.contains({op.to_dir, op.to_name}))) {
      needed.emplace(op.dir, op.name);
      if (renames) needed.emplace(op.to_dir, op.to_name);
      durable.push_back(*it);
    } else {
      pending.push_back(*it);
    }
  }
  for (auto it = durable.rbegin(); it != durable.rend(); ++it) {
    ENGRAM_CHECK(durable_.ApplyName(*it->op));
  }
  names_.assign(pending.rbegin(), pending.rend());
}

std::size_t CrashReplayer::PendingCount() const {
  std::size_t count = names_.size();
  for (const auto& [inode, pending] : data_) count += pending.size();
  return count;
}

SimImage CrashReplayer::PowerLoss(std::mt19937_64& random, CrashPolicy policy) const {
  std::size_t cut = std::numeric_limits<std::size_t>::max();
  if (policy == CrashPolicy::kPrefix) {
    std::vector<std::size_t> indexes;
    for (const PendingName& name : names_) indexes.push_back(name.index);
    for (const auto& [inode, pending] : data_) {
      for (const PendingData& data : pending) indexes.push_back(data.index);
    }
    std::sort(indexes.begin(), indexes.end());
    const std::size_t chosen = static_cast<std::size_t>(random() % (indexes.size() + 1));
    if (chosen < indexes.size()) cut = indexes[chosen];
  }
  Fate fate(random, policy, cut);
  SimImage image = durable_;
  for (const PendingName& name : names_) {
    // False where it needs an operation that was lost: then it is lost as well.
    if (fate.Survives(name.index)) image.ApplyName(*name.op);
  }
  const std::vector<bool> reachable = image.Reachable();
  for (const auto& [inode, pending] : data_) {
    if (!reachable[static_cast<std::size_t>(inode)]) continue;
    for (const PendingData& data : pending) fate.Apply(data, &image);
  }
  return image.Compacted();
}

}  // namespace engram
