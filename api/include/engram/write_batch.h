// Several changes that happen together or not at all.
#ifndef ENGRAM_WRITE_BATCH_H_
#define ENGRAM_WRITE_BATCH_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include <engram/export.h>
#include <engram/metadata.h>
#include <engram/types.h>

namespace engram {

// A pattern to be inserted. `vector` is borrowed: it must live until the call that takes it
// returns.
struct NewPattern {
  VectorView vector;  // as many components as the store's dimensions, all finite
  Metadata metadata;  // at most 1 MiB encoded, 32 levels deep
  // The pattern's own time; unset: now by the system's clock, whatever that says.
  std::optional<Timestamp> timestamp;
  TypeTag type = 0;  // 0: none
  // Unset: the store gives the next id. Set: must exceed every id in use and every one that the
  // store may have given (kAlreadyExists otherwise). Where all ids come from the caller, a crash
  // locks none out: those of commits that it took may be given again.
  std::optional<PatternId> id;
  // Unset: it does not expire by itself. Set: it expires so long after it was written; above 0, at
  // most a thousand years.
  std::optional<std::chrono::microseconds> ttl;
};

// What to change in a pattern; unset fields stay. The id stays in any case.
struct PatternChange {
  std::optional<VectorView> vector;    // borrowed
  std::optional<Metadata> metadata;    // replaces all of it
  std::optional<Timestamp> timestamp;  // the pattern's own time
  std::optional<TypeTag> type;         // 0: none from now on
  // As NewPattern::ttl, from this change on; 0: it does not expire by itself any more.
  std::optional<std::chrono::microseconds> ttl;
};

// Collects operations for Store::Write(). Vectors are copied into the batch, so it may outlive its
// sources. Operations on one id are coalesced when written: the last wins.
// Threads: one thread.
class ENGRAM_EXPORT WriteBatch {
 public:
  // What Insert() was given.
  struct InsertOp {
    // As in NewPattern:
    std::vector<float> vector;
    Metadata metadata;
    std::optional<Timestamp> timestamp;
    TypeTag type = 0;
    std::optional<PatternId> id;
    std::optional<std::chrono::microseconds> ttl;
  };
  // What Update() was given.
  struct UpdateOp {
    PatternId id = 0;  // of the pattern
    // As in PatternChange:
    std::optional<std::vector<float>> vector;
    std::optional<Metadata> metadata;
    std::optional<Timestamp> timestamp;
    std::optional<TypeTag> type;
    std::optional<std::chrono::microseconds> ttl;
  };
  // What Erase() was given.
  struct EraseOp {
    PatternId id = 0;  // of the pattern
  };
  // One of them.
  using Op = std::variant<InsertOp, UpdateOp, EraseOp>;

  // Collects an operation, unchecked: Store::Write() tells what is wrong with it:
  void Insert(const NewPattern& pattern);
  void Update(PatternId id, const PatternChange& change);
  void Erase(PatternId id);
  // Takes all operations out.
  void Clear() { ops_.clear(); }

  // The operations, in their order:
  std::size_t size() const { return ops_.size(); }
  bool empty() const { return ops_.empty(); }
  const std::vector<Op>& ops() const { return ops_; }

 private:
  std::vector<Op> ops_;
};

}  // namespace engram

#endif  // ENGRAM_WRITE_BATCH_H_
