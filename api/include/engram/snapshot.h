// A state of the store that stays readable while writes go on.
#ifndef ENGRAM_SNAPSHOT_H_
#define ENGRAM_SNAPSHOT_H_

#include <memory>
#include <string>

#include <engram/export.h>
#include <engram/types.h>

namespace engram {

class SnapshotImpl;
class Store;
class StoreImpl;

// A state that has a name, and stays readable until that is dropped.
struct NamedSnapshot {
  std::string name;      // 1 to 255 bytes
  Lsn lsn = Lsn::kNone;  // the last commit it sees
  // When it got its name, or when the snapshot was taken that it was made of: what has expired by
  // then is not in it.
  Timestamp taken_at;
};

// Holds back the reuse of whatever it sees, until it is destroyed. Move-only. Must be destroyed
// before the store is closed (Close() says kBusy otherwise). Threads: any thread may read through
// it; one thread moves or destroys it.
class ENGRAM_EXPORT Snapshot {
 public:
  // What was moved from may only be destroyed or assigned to:
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;
  // Gives free what it held back.
  ~Snapshot();

  // The last commit it sees.
  Lsn lsn() const;

 private:
  friend class Store;
  friend class StoreImpl;
  explicit Snapshot(std::unique_ptr<SnapshotImpl> impl);

  std::unique_ptr<SnapshotImpl> impl_;
};

}  // namespace engram

#endif  // ENGRAM_SNAPSHOT_H_
