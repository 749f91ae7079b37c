#include "tests/crash/model.h"

#include <algorithm>

#include "storage/base/check.h"

namespace engram {

bool ModelAges::Expired(const PatternModel& pattern, std::int64_t now_us) const {
  if (pattern.expires_us <= now_us) return true;
  const auto own = by_type.find(pattern.type);
  const std::int64_t limit_us = own != by_type.end() ? own->second : general_us;
  return limit_us != 0 && pattern.timestamp_us <= now_us - limit_us;
}

ModelState Unexpired(const ModelState& state, const ModelAges& ages, std::int64_t now_us) {
  ModelState seen;
  for (const auto& [id, pattern] : state) {
    if (!ages.Expired(*pattern, now_us)) seen.emplace_hint(seen.end(), id, pattern);
  }
  return seen;
}

Model::Model() {
  entries_.push_back({Lsn::kNone, false, 0, std::make_shared<ModelState>(),
                      std::make_shared<ModelNames>(), nullptr});
}

const Model::Entry& Model::At(Lsn lsn) const {
  ENGRAM_CHECK(lsn <= last_);
  const auto after =
      std::upper_bound(entries_.begin(), entries_.end(), lsn,
                       [](Lsn value, const Entry& entry) { return value < entry.lsn; });
  return *std::prev(after);
}

std::vector<const Model::Entry*> Model::Candidates(Lsn lsn) const {
  if (lsn <= last_) return {&At(lsn)};
  std::vector<const Entry*> candidates = {&entries_.back()};
  if (doubt_ != nullptr) candidates.push_back(doubt_.get());
  return candidates;
}

ModelState Model::Past(Lsn lsn) const {
  const Entry& entry = At(lsn);
  ModelState state = *entry.state;
  for (auto later = entries_.rbegin(); later->lsn > entry.lsn; ++later) {
    if (later->voided == nullptr) continue;
    for (const PatternId id : *later->voided) state.erase(id);
  }
  return state;
}

void Model::Add(Entry entry) {
  ENGRAM_CHECK(entry.lsn > last_);
  last_ = entry.lsn;
  entries_.push_back(std::move(entry));
}

void Model::Commit(Lsn lsn, std::int64_t time_us, ModelState state) {
  Add({lsn, true, time_us, std::make_shared<ModelState>(std::move(state)), entries_.back().names,
       nullptr});
}

void Model::Rename(Lsn lsn, std::optional<std::int64_t> time_us, ModelNames names) {
  Add({lsn, time_us.has_value(), time_us.value_or(0), entries_.back().state,
       std::make_shared<ModelNames>(std::move(names)), nullptr});
}

void Model::Void(Lsn lsn, const std::set<PatternId>& ids) {
  ModelState state = newest();
  for (const PatternId id : ids) state.erase(id);
  Add({lsn, false, 0, std::make_shared<ModelState>(std::move(state)), entries_.back().names,
       std::make_shared<std::set<PatternId>>(ids)});
}

void Model::Advance(Lsn lsn) { last_ = std::max(last_, lsn); }

void Model::DoubtLast(Lsn last) {
  doubt_ = std::make_shared<Entry>(std::move(entries_.back()));
  entries_.pop_back();
  last_ = last;
}

void Model::Settle(Lsn lsn, const Entry* entry) {
  if (lsn > last_ && entry == doubt_.get()) {
    Add(Entry(*entry));
    last_ = lsn;  // behind it lies what was the store's own
  } else {
    while (entries_.back().lsn > lsn) entries_.pop_back();
    last_ = lsn;
  }
  doubt_.reset();
}

}  // namespace engram
