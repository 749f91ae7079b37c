#include <engram/snapshot.h>

#include "api/src/store_impl.h"

namespace engram {

Snapshot::Snapshot(std::unique_ptr<SnapshotImpl> impl) : impl_(std::move(impl)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;

Lsn Snapshot::lsn() const { return impl_ != nullptr ? impl_->state().lsn : Lsn::kNone; }

Result<std::optional<KeptState>> StoreImpl::StateOf(const Snapshot* snapshot) const {
  if (snapshot == nullptr) return std::optional<KeptState>();
  if (snapshot->impl_ == nullptr || !snapshot->impl_->IsOf(engine())) {
    return Status::InvalidArgument("the snapshot is of another store, or was moved from");
  }
  return std::optional<KeptState>(snapshot->impl_->state());
}

}  // namespace engram
