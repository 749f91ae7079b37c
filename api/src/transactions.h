// Arguments of writes, checked and turned into transactions.
// Threads: pure functions.
#ifndef ENGRAM_API_SRC_TRANSACTIONS_H_
#define ENGRAM_API_SRC_TRANSACTIONS_H_

#include <engram/result.h>
#include <engram/write_batch.h>

#include "engine/transaction.h"
#include "engine/vector_rules.h"

namespace engram {

// Errors: kDimensionMismatch, kInvalidVector, kInvalidArgument (metadata, id 0). The result borrows
// the vector.
Result<PendingInsert> CheckInsert(const VectorRules& rules, const NewPattern& pattern);
Result<PendingUpdate> CheckUpdate(const VectorRules& rules, PatternId id,
                                  const PatternChange& change);
// The message names the operation's position. The result borrows from `batch`.
Status CheckBatch(const VectorRules& rules, const WriteBatch& batch, Transaction& to);

// Adds an operation and its size.
void Append(Transaction& transaction, PendingOp op);

}  // namespace engram

#endif  // ENGRAM_API_SRC_TRANSACTIONS_H_
