#include "engine/analyze.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

namespace engram {
namespace {

// Links to a node are told apart up to this many times what a node has itself.
constexpr std::uint32_t kInDegreeFactor = 4;

enum class Kind : std::uint8_t { kNone, kLive, kDead };

// Whether the slot's block may be looked at: it does not change then while the caller's pin lives.
bool MayLookAt(const Graph& graph, SlotId slot) {
  const SlotState state = graph.state(slot);
  return state == SlotState::kLive || state == SlotState::kDead;
}

// What the slot holds for a reader at `at`; kNone also for what came later.
Kind KindAt(const Graph& graph, SlotId slot, Lsn at) {
  if (!MayLookAt(graph, slot)) return Kind::kNone;
  const ConstNodeView node = graph.Node(slot);
  if (node.valid_from() > at) return Kind::kNone;
  return node.VisibleAt(at) ? Kind::kLive : Kind::kDead;
}

// Sets that begin with one member each.
class Parts {
 public:
  explicit Parts(std::uint32_t members) : parents_(members) {
    std::iota(parents_.begin(), parents_.end(), 0U);
  }
  // False where they were in one part already.
  bool Unite(SlotId a, SlotId b) {
    const std::uint32_t one = Find(static_cast<std::uint32_t>(a));
    const std::uint32_t other = Find(static_cast<std::uint32_t>(b));
    parents_[std::max(one, other)] = std::min(one, other);
    return one != other;
  }

 private:
  std::uint32_t Find(std::uint32_t member) {
    while (parents_[member] != member) {
      member = parents_[member] = parents_[parents_[member]];
    }
    return member;
  }
  std::vector<std::uint32_t> parents_;
};

void CountIn(std::vector<std::uint64_t>& histogram, std::size_t value) {
  ++histogram[std::min(value, histogram.size() - 1)];
}

class Analysis {
 public:
  Analysis(const Graph& graph, Lsn at) : graph_(graph), kinds_(graph.node_limit()) {
    report_.lsn = at;
    for (std::uint32_t i = 0; i < graph.node_limit(); ++i) {
      kinds_[i] = KindAt(graph, static_cast<SlotId>(i), at);
      if (kinds_[i] == Kind::kLive) ++report_.count;
      if (kinds_[i] == Kind::kDead) ++report_.dead;
    }
  }

  void CountLinks() {
    const std::uint32_t most = graph_.layout().max_links0();
    report_.out_degrees.assign(most + 1, 0);
    report_.in_degrees.assign(std::size_t{kInDegreeFactor} * most + 1, 0);
    report_.components = report_.count;
    std::vector<std::uint32_t> links_in(kinds_.size());
    Parts parts(graph_.node_limit());
    for (std::uint32_t i = 0; i < kinds_.size(); ++i) {
      if (kinds_[i] != Kind::kLive) continue;
      const SlotId slot = static_cast<SlotId>(i);
      const std::uint32_t degree = CountLinksAt(slot, 0, [&](SlotId neighbour) {
        ++links_in[static_cast<std::uint32_t>(neighbour)];
        if (parts.Unite(slot, neighbour)) --report_.components;
      });
      CountIn(report_.out_degrees, degree);
      const std::uint32_t top = std::min<std::uint32_t>(graph_.Node(slot).level(), kMaxLevel);
      for (std::uint32_t level = 1; level <= top; ++level) {
        CountLinksAt(slot, level, [](SlotId) {});
      }
    }
    for (std::uint32_t i = 0; i < kinds_.size(); ++i) {
      if (kinds_[i] != Kind::kLive) continue;
      CountIn(report_.in_degrees, links_in[i]);
      report_.most_in_links = std::max(report_.most_in_links, links_in[i]);
    }
  }

  // Over live and dead nodes, as a search goes.
  void Walk(EntryPoint entry) {
    std::vector<bool> seen(kinds_.size());
    std::vector<SlotId> reached;
    report_.unreachable = report_.count;
    const auto reach = [&](SlotId slot) {
      const auto number = static_cast<std::uint32_t>(slot);
      if (!graph_.Has(slot) || seen[number] || !MayLookAt(graph_, slot)) return;
      seen[number] = true;
      reached.push_back(slot);
      if (kinds_[number] == Kind::kLive) --report_.unreachable;
    };
    reach(entry.slot);
    // Once more for as long as it finds more: a writer may give a node that was passed the link
    // that it takes from one that was not.
    for (std::size_t before = 0; before < reached.size() && report_.unreachable > 0;) {
      before = reached.size();
      for (std::size_t i = 0; i < reached.size(); ++i) {
        graph_.ForEachNeighbour(reached[i], 0, reach);
      }
    }
  }

  GraphReport Take() { return std::move(report_); }

 private:
  // Adds a live node's links at a level to the report; returns how many lead to nodes. Calls
  // `to_live` with each neighbour that lives.
  template <typename ToLive>
  std::uint32_t CountLinksAt(SlotId slot, std::uint32_t level, ToLive to_live) {
    const bool first = report_.levels.size() <= level || report_.levels[level].nodes == 0;
    if (report_.levels.size() <= level) report_.levels.resize(level + 1);
    LevelReport& counts = report_.levels[level];
    std::uint32_t live = 0;
    std::uint32_t dead = 0;
    graph_.ForEachNeighbour(slot, level, [&](SlotId neighbour) {
      const Kind kind = kinds_[static_cast<std::uint32_t>(neighbour)];
      if (kind == Kind::kLive) to_live(neighbour);
      if (kind == Kind::kLive) ++live;
      if (kind == Kind::kDead) ++dead;
    });
    ++counts.nodes;
    counts.links += live;
    counts.links_to_dead += dead;
    counts.least_links = first ? live + dead : std::min(counts.least_links, live + dead);
    counts.most_links = std::max(counts.most_links, live + dead);
    return live + dead;
  }

  const Graph& graph_;
  std::vector<Kind> kinds_;  // by slot
  GraphReport report_;
};

// Of `hits` without `self`, the first `k`.
std::vector<float> DistancesOf(const std::vector<Hit>& hits, PatternId self, std::size_t k) {
  std::vector<float> distances;
  for (const Hit& hit : hits) {
    if (hit.id != self && distances.size() < k) distances.push_back(hit.distance);
  }
  return distances;
}

}  // namespace

GraphReport AnalyzeGraph(const Graph& graph, EntryPoint entry, Lsn at) {
  Analysis analysis(graph, at);
  analysis.CountLinks();
  analysis.Walk(entry);
  return analysis.Take();
}

std::vector<SlotId> ChooseNodes(const Graph& graph, Lsn at, std::size_t wanted,
                                std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<SlotId> chosen;
  std::uint64_t seen = 0;
  for (std::uint32_t i = 0; i < graph.node_limit() && wanted > 0; ++i) {
    const SlotId slot = static_cast<SlotId>(i);
    if (KindAt(graph, slot, at) != Kind::kLive) continue;
    // Each one seen so far stays with the same chance. Not a distribution of the library, whose
    // numbers are not the same everywhere.
    ++seen;
    if (chosen.size() < wanted) {
      chosen.push_back(slot);
    } else if (const std::uint64_t place = random() % seen; place < wanted) {
      chosen[place] = slot;
    }
  }
  return chosen;
}

void RecallMeter::Add(const std::vector<Hit>& found, const std::vector<Hit>& exact,
                      PatternId self) {
  const std::vector<float> truth = DistancesOf(exact, self, k_);
  if (truth.empty()) return;
  const std::vector<float> near = DistancesOf(found, self, truth.size());
  const auto hits = std::count_if(near.begin(), near.end(),
                                  [&truth](float distance) { return distance <= truth.back(); });
  const double share = static_cast<double>(hits) / static_cast<double>(truth.size());
  ++searches_;
  neighbours_ += truth.size();
  sum_ += share;
  sum_squares_ += share * share;
}

double RecallMeter::recall() const {
  return searches_ == 0 ? 0 : sum_ / static_cast<double>(searches_);
}

double RecallMeter::error() const {
  constexpr double kZ = 1.96;  // of 95 %
  if (searches_ == 0) return 0;
  const auto searches = static_cast<double>(searches_);
  const auto neighbours = static_cast<double>(neighbours_);
  const double p = recall();
  // Of the mean: as the searches differ, and no less than if each neighbour were a trial of its
  // own.
  double variance = p * (1 - p) / neighbours;
  if (searches_ > 1) {
    const double spread = (sum_squares_ - searches * p * p) / (searches - 1);
    variance = std::max(variance, spread / searches);
  }
  // Wilson's second term: what is left where everything was found.
  const double least = kZ / (2 * neighbours);
  return kZ * std::sqrt(std::max(variance, 0.0) + least * least);
}

}  // namespace engram
