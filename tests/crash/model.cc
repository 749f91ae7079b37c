#include "tests/crash/model.h"

#include <algorithm>

#include "storage/base/check.h"

namespace engram {

Model::Model() { states_.emplace_back(Lsn::kNone, std::make_shared<ModelState>()); }

const ModelState& Model::At(Lsn lsn) const {
  ENGRAM_CHECK(lsn <= last_);
  const auto after =
      std::upper_bound(states_.begin(), states_.end(), lsn,
                       [](Lsn value, const auto& state) { return value < state.first; });
  return *std::prev(after)->second;
}

std::vector<const ModelState*> Model::Candidates(Lsn lsn) const {
  if (lsn <= last_) return {&At(lsn)};
  std::vector<const ModelState*> candidates = {&newest()};
  if (doubt_ != nullptr) candidates.push_back(doubt_.get());
  return candidates;
}

void Model::Commit(Lsn lsn, ModelState state) {
  ENGRAM_CHECK(lsn > last_);
  states_.emplace_back(lsn, std::make_shared<ModelState>(std::move(state)));
  last_ = lsn;
}

void Model::Advance(Lsn lsn) { last_ = std::max(last_, lsn); }

void Model::Settle(Lsn lsn, const ModelState& state) {
  if (lsn > last_ && &state == doubt_.get()) {
    Commit(lsn, state);
  } else {
    while (states_.back().first > lsn) states_.pop_back();
    last_ = lsn;
  }
  doubt_.reset();
}

}  // namespace engram
