// Store's calls for snapshots, and for what keeps a store as good as new.
#include <string>
#include <utility>
#include <vector>

#include <engram/store.h>

#include "api/src/options.h"
#include "api/src/store_impl.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

constexpr std::size_t kMaxNameBytes = 255;

Status CheckName(const std::string& name) {
  if (!name.empty() && name.size() <= kMaxNameBytes) return Status::Ok();
  return Status::InvalidArgument("the name of the snapshot has " + std::to_string(name.size()) +
                                 " bytes, allowed is 1 to " + std::to_string(kMaxNameBytes));
}

}  // namespace

Result<Snapshot> Store::GetSnapshot() const noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  return Snapshot(std::make_unique<SnapshotImpl>(impl_->shared(), impl_->engine().TakeSnapshot()));
}

Result<Snapshot> Store::SnapshotAt(Lsn lsn) const noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_ASSIGN_OR_RETURN(const KeptState state, impl_->engine().TakeSnapshotAt(lsn));
  return Snapshot(std::make_unique<SnapshotImpl>(impl_->shared(), state));
}

Result<Snapshot> Store::SnapshotAt(Timestamp time) const noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_ASSIGN_OR_RETURN(const KeptState state, impl_->engine().TakeSnapshotAt(time));
  return Snapshot(std::make_unique<SnapshotImpl>(impl_->shared(), state));
}

Result<NamedSnapshot> Store::CreateNamedSnapshot(const std::string& name, const Snapshot* snapshot,
                                                 const WriteOptions& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_RETURN_IF_ERROR(CheckName(name));
  ENGRAM_ASSIGN_OR_RETURN(const Durability durability, impl_->DurabilityOf(options));
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<KeptState> state, impl_->StateOf(snapshot));
  return impl_->engine().CreateNamedSnapshot(name, state, durability);
}

Result<Snapshot> Store::OpenNamedSnapshot(const std::string& name) const noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_ASSIGN_OR_RETURN(const KeptState state, impl_->engine().OpenNamedSnapshot(name));
  return Snapshot(std::make_unique<SnapshotImpl>(impl_->shared(), state));
}

Status Store::DropNamedSnapshot(const std::string& name, const WriteOptions& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_ASSIGN_OR_RETURN(const Durability durability, impl_->DurabilityOf(options));
  return impl_->engine().DropNamedSnapshot(name, durability);
}

Result<std::vector<NamedSnapshot>> Store::ListNamedSnapshots() const noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  return impl_->engine().ListNamedSnapshots();
}

Result<std::uint64_t> Store::EraseMatching(const PatternFilter& filter,
                                           const WriteOptions& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  if (!filter.type && !filter.from && !filter.before) {
    return Status::InvalidArgument("the filter says nothing, and would mean every pattern");
  }
  ENGRAM_ASSIGN_OR_RETURN(const Durability durability, impl_->DurabilityOf(options));
  return impl_->engine().EraseMatching(filter, durability);
}

Result<std::uint64_t> Store::PruneBefore(Timestamp time, const WriteOptions& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_ASSIGN_OR_RETURN(const Durability durability, impl_->DurabilityOf(options));
  return impl_->engine().PruneBefore(time, durability);
}

Result<EraseForeverReport> Store::EraseForever(std::span<const PatternId> ids) noexcept {
  std::vector<IdRange> ranges;
  ranges.reserve(ids.size());
  for (const PatternId id : ids) ranges.push_back({id, id});
  return EraseForever(std::span<const IdRange>(ranges));
}

Result<EraseForeverReport> Store::EraseForever(std::span<const IdRange> ranges) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  return impl_->engine().EraseForever(ranges);
}

Result<CompactReport> Store::Compact(const CompactOptions& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  return impl_->engine().Compact(options);
}

}  // namespace engram
