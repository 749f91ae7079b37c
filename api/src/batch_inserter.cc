#include "api/src/batch_inserter.h"

#include <algorithm>
#include <utility>

#include "api/src/transactions.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

// Codes that speak of one pattern, not of the store.
bool OfOnePattern(Code code) { return code == Code::kAlreadyExists || code == Code::kIndexFull; }

}  // namespace

Status BatchInserter::Run(std::span<const NewPattern> patterns, BatchResult& result) {
  result.ids.assign(patterns.size(), 0);
  const VectorRules rules{engine_.metric(), engine_.dimensions()};
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    auto insert = CheckInsert(rules, patterns[i]);
    if (!insert.ok()) {
      result.failures.push_back({i, insert.status()});
      continue;
    }
    Append(transaction_, std::move(insert).value());
    positions_.push_back(i);
    if (positions_.size() >= kPatterns || transaction_.bytes >= kBytes) {
      ENGRAM_RETURN_IF_ERROR(CommitCollected(result));
    }
  }
  ENGRAM_RETURN_IF_ERROR(CommitCollected(result));
  std::sort(result.failures.begin(), result.failures.end(),
            [](const auto& a, const auto& b) { return a.position < b.position; });
  return Status::Ok();
}

Status BatchInserter::CommitCollected(BatchResult& result) {
  if (positions_.empty()) return Status::Ok();
  engine_.Commit(transaction_);
  if (OfOnePattern(transaction_.status.code())) return CommitOneByOne(result);
  ENGRAM_RETURN_IF_ERROR(transaction_.status);
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    result.ids[positions_[i]] = transaction_.ids[i];
  }
  result.lsn = transaction_.lsn;
  Reset();
  return Status::Ok();
}

Status BatchInserter::CommitOneByOne(BatchResult& result) {
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    Transaction single;
    single.durability = transaction_.durability;
    Append(single, std::move(transaction_.ops[i]));
    engine_.Commit(single);
    if (single.status.ok()) {
      result.ids[positions_[i]] = single.ids.front();
      result.lsn = single.lsn;
    } else if (OfOnePattern(single.status.code())) {
      result.failures.push_back({positions_[i], single.status});
    } else {
      return single.status;
    }
  }
  Reset();
  return Status::Ok();
}

void BatchInserter::Reset() {
  positions_.clear();
  transaction_.ops.clear();
  transaction_.bytes = 0;
  transaction_.done = false;
}

}  // namespace engram
