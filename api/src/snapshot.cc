#include <engram/snapshot.h>

#include "api/src/store_impl.h"

namespace engram {

Snapshot::Snapshot(std::unique_ptr<SnapshotImpl> impl) : impl_(std::move(impl)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;

Lsn Snapshot::lsn() const { return impl_ != nullptr ? impl_->lsn() : Lsn::kNone; }

}  // namespace engram
