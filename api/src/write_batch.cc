#include <engram/write_batch.h>

namespace engram {

void WriteBatch::Insert(const NewPattern& pattern) {
  ops_.emplace_back(InsertOp{{pattern.vector.begin(), pattern.vector.end()},
                             pattern.metadata,
                             pattern.timestamp,
                             pattern.type,
                             pattern.id,
                             pattern.ttl});
}

void WriteBatch::Update(PatternId id, const PatternChange& change) {
  UpdateOp op;
  op.id = id;
  if (change.vector.has_value()) op.vector.emplace(change.vector->begin(), change.vector->end());
  op.metadata = change.metadata;
  op.timestamp = change.timestamp;
  op.type = change.type;
  op.ttl = change.ttl;
  ops_.emplace_back(std::move(op));
}

void WriteBatch::Erase(PatternId id) { ops_.emplace_back(EraseOp{id}); }

}  // namespace engram
