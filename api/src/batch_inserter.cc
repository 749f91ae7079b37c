#include "api/src/batch_inserter.h"

#include <algorithm>
#include <utility>

#include "api/src/transactions.h"

namespace engram {
namespace {

// Codes that speak of one pattern, not of the store.
bool OfOnePattern(Code code) { return code == Code::kAlreadyExists || code == Code::kIndexFull; }

}  // namespace

BatchResult BatchInserter::Run(std::span<const NewPattern> patterns) {
  result_.ids.assign(patterns.size(), 0);
  const VectorRules rules{engine_.metric(), engine_.dimensions()};
  Status store;
  std::size_t i = 0;
  for (; i < patterns.size() && store.ok(); ++i) {
    auto insert = CheckInsert(rules, patterns[i]);
    if (!insert.ok()) {
      result_.failures.push_back({i, insert.status()});
      continue;
    }
    Append(transaction_, std::move(insert).value());
    positions_.push_back(i);
    if (positions_.size() >= kPatterns || transaction_.bytes >= kBytes) store = CommitCollected();
  }
  if (store.ok()) store = CommitCollected();
  for (; i < patterns.size(); ++i) result_.failures.push_back({i, store});
  std::sort(result_.failures.begin(), result_.failures.end(),
            [](const auto& a, const auto& b) { return a.position < b.position; });
  return std::move(result_);
}

Status BatchInserter::CommitCollected() {
  if (positions_.empty()) return Status::Ok();
  engine_.Commit(transaction_);
  Status store;
  auto refusal = transaction_.refused.begin();
  auto id = transaction_.ids.begin();
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    if (refusal != transaction_.refused.end() && refusal->position == i) {
      if (!OfOnePattern(refusal->status.code())) store = refusal->status;
      result_.failures.push_back({positions_[i], std::move(refusal->status)});
      ++refusal;
    } else if (transaction_.status.ok()) {
      result_.ids[positions_[i]] = *id++;
    } else {
      store = transaction_.status;
      result_.failures.push_back({positions_[i], store});
    }
  }
  if (transaction_.status.ok()) result_.lsn = transaction_.lsn;
  positions_.clear();
  transaction_.ops.clear();
  transaction_.bytes = 0;
  transaction_.done = false;
  return store;
}

}  // namespace engram
