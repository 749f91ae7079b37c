#include "tests/stress/search_history.h"

#include <algorithm>
#include <bit>
#include <set>

#include "index/metric.h"
#include "index/node_key.h"
#include "storage/base/coding.h"

namespace engram {

std::uint64_t HashOf(VectorView vector) {
  std::uint64_t hash = 0;
  for (const float component : vector) hash = Mix(hash ^ std::bit_cast<std::uint32_t>(component));
  return hash;
}

void SearchHistory::Add(WriterNotes notes) {
  for (auto& [lsn, events] : notes.commits) commits_.emplace(lsn, std::move(events));
}

void SearchHistory::Add(ReaderNotes notes) {
  for (SearchSeen& seen : notes.searches) {
    const Lsn lsn = seen.result.lsn;
    searches_.emplace(lsn, std::move(seen));
  }
  for (VisitSeen& seen : notes.visits) {
    const Lsn lsn = seen.lsn;
    visits_.emplace(lsn, std::move(seen));
  }
}

std::string SearchHistory::Check() {
  std::set<Lsn> looked_at;
  for (const auto& [lsn, seen] : searches_) looked_at.insert(lsn);
  for (const auto& [lsn, seen] : visits_) looked_at.insert(lsn);
  for (const Lsn lsn : looked_at) {
    ApplyThrough(lsn);
    std::string wrong;
    for (auto [it, end] = searches_.equal_range(lsn); it != end && wrong.empty(); ++it) {
      wrong = Check(it->second);
    }
    for (auto [it, end] = visits_.equal_range(lsn); it != end && wrong.empty(); ++it) {
      wrong = Check(it->second);
    }
    if (!wrong.empty()) return "at commit " + std::to_string(Raw(lsn)) + ": " + wrong;
  }
  return {};
}

void SearchHistory::ApplyThrough(Lsn lsn) {
  while (!commits_.empty() && commits_.begin()->first <= lsn) {
    const auto commit = commits_.begin();
    for (PatternEvent& event : commit->second) {
      if (event.kind == PatternEvent::Kind::kErase) {
        state_.erase(event.id);
        continue;
      }
      Version& version = state_[event.id];
      version.version = commit->first;
      if (event.kind == PatternEvent::Kind::kSet) version.vector = std::move(event.vector);
    }
    commits_.erase(commit);
  }
}

std::string SearchHistory::Check(const SearchSeen& seen) {
  const SearchResult& result = seen.result;
  const QueryScorer scorer(metric_, seen.query);
  std::vector<std::pair<float, PatternId>> expected;
  for (const auto& [id, version] : state_) {
    expected.emplace_back(scorer.Distance(version.vector.data(), Norm(version.vector)), id);
  }
  std::sort(expected.begin(), expected.end());
  expected.resize(std::min(expected.size(), seen.k));
  if (result.hits.size() != expected.size()) {
    return std::to_string(result.hits.size()) + " hits, expected " +
           std::to_string(expected.size());
  }
  if (result.partial || result.exhausted) return "a search without limits ended early";
  if (result.degraded) return "a whole graph was taken for a damaged one";
  if (seen.exact_asked && !result.exact) return "an exact search was none";
  ++counts_.searches;
  counts_.walks += result.exact ? 0 : 1;
  for (std::size_t i = 0; i < result.hits.size(); ++i) {
    const Hit& hit = result.hits[i];
    const std::string name = "hit " + std::to_string(i) + ", pattern " + std::to_string(hit.id);
    const auto version = state_.find(hit.id);
    if (version == state_.end()) return name + ", is not in this state";
    const std::vector<float>& vector = version->second.vector;
    const float distance = scorer.Distance(vector.data(), Norm(vector));
    if (hit.distance != distance) {
      return name + ", at distance " + std::to_string(hit.distance) + ", expected " +
             std::to_string(distance);
    }
    const bool first = i == 0;
    if (!first && std::pair(hit.distance, hit.id) <=
                      std::pair(result.hits[i - 1].distance, result.hits[i - 1].id)) {
      return name + ", is not behind the one before";
    }
    if (result.exact && hit.id != expected[i].second) {
      return name + ", expected pattern " + std::to_string(expected[i].second);
    }
    if (result.exact) continue;
    ++counts_.hits_wanted;
    if (distance <= expected.back().first) ++counts_.hits_found;
  }
  return {};
}

std::string SearchHistory::Check(const VisitSeen& seen) const {
  std::vector<VisitSeen::One> expected;
  for (const auto& [id, version] : state_) {
    expected.push_back({id, version.version, HashOf(version.vector)});
  }
  std::vector<VisitSeen::One> found = seen.patterns;
  std::sort(found.begin(), found.end());
  if (found == expected) return {};
  const auto differs = std::mismatch(found.begin(), found.end(), expected.begin(), expected.end());
  const PatternId at = differs.first != found.end() ? differs.first->id : differs.second->id;
  return "a visit of " + std::to_string(found.size()) + " patterns, expected " +
         std::to_string(expected.size()) + ", other from pattern " + std::to_string(at) + " on";
}

}  // namespace engram
