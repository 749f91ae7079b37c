#include "engine/analyze.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>
#include <span>
#include <utility>

namespace engram {
namespace {

// Links to a node are told apart up to this many times what a node has itself.
constexpr std::uint32_t kInDegreeFactor = 4;
constexpr std::size_t kHubs = 10;
constexpr std::uint64_t kTopPart = 100;  // the share of hubs is that of one node in so many

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
      if (kinds_[i] != Kind::kNone) CountBlocks(static_cast<SlotId>(i), kinds_[i]);
    }
    const std::uint64_t nodes = report_.count + report_.dead;
    if (nodes > 0) {
      report_.dead_share = static_cast<double>(report_.dead) / static_cast<double>(nodes);
    }
    report_.space.free_node_bytes =
        (graph.node_limit() - nodes) * std::uint64_t{graph.layout().block_bytes()};
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
      const std::uint32_t top = LevelOf(slot);
      for (std::uint32_t level = 1; level <= top; ++level) {
        CountLinksAt(slot, level, [](SlotId) {});
      }
    }
    for (std::uint32_t i = 0; i < kinds_.size(); ++i) {
      if (kinds_[i] != Kind::kLive) continue;
      CountIn(report_.in_degrees, links_in[i]);
      report_.most_in_links = std::max(report_.most_in_links, links_in[i]);
    }
    report_.hanging = report_.in_degrees[0] + report_.in_degrees[1];
    FindHubs(std::move(links_in));
  }

  // Each level by itself.
  void Walk(EntryPoint entry) {
    for (std::uint32_t level = 0; level < report_.levels.size(); ++level) WalkLevel(entry, level);
    if (!report_.levels.empty()) report_.unreachable = report_.levels[0].unreached;
  }

  GraphReport Take() { return std::move(report_); }

 private:
  std::uint32_t LevelOf(SlotId slot) const {
    return std::min<std::uint32_t>(graph_.Node(slot).level(), kMaxLevel);
  }

  void CountBlocks(SlotId slot, Kind kind) {
    const bool live = kind == Kind::kLive;
    SpaceReport& space = report_.space;
    ++(live ? report_.count : report_.dead);
    (live ? space.live_node_bytes : space.dead_node_bytes) += graph_.layout().block_bytes();
    (live ? space.live_upper_bytes : space.dead_upper_bytes) +=
        std::uint64_t{LevelOf(slot)} * graph_.layout().upper_block_bytes();
  }

  // Pre: `links_in` is 0 of nodes that do not live.
  void FindHubs(std::vector<std::uint32_t> links_in) {
    if (report_.count == 0) return;
    std::vector<HubReport>& hubs = report_.hubs;
    const auto before = [](const HubReport& a, const HubReport& b) {
      return a.in_links != b.in_links ? a.in_links > b.in_links : a.id < b.id;
    };
    for (std::uint32_t i = 0; i < kinds_.size(); ++i) {
      if (links_in[i] == 0 || (hubs.size() == kHubs && links_in[i] < hubs.back().in_links))
        continue;
      const SlotId slot = static_cast<SlotId>(i);
      const HubReport hub = {graph_.Node(slot).id(), links_in[i], LevelOf(slot)};
      hubs.insert(std::upper_bound(hubs.begin(), hubs.end(), hub, before), hub);
      if (hubs.size() > kHubs) hubs.pop_back();
    }
    const std::uint64_t links = report_.levels[0].links;
    if (links == 0) return;
    const auto top = static_cast<std::ptrdiff_t>((report_.count + kTopPart - 1) / kTopPart);
    std::nth_element(links_in.begin(), links_in.begin() + (top - 1), links_in.end(),
                     std::greater<>());
    const std::uint64_t to_top =
        std::accumulate(links_in.begin(), links_in.begin() + top, std::uint64_t{0});
    report_.hub_share = static_cast<double>(to_top) / static_cast<double>(links);
  }

  // Over live and dead nodes, as a search goes.
  void WalkLevel(EntryPoint entry, std::uint32_t level) {
    std::vector<bool> seen(kinds_.size());
    std::vector<SlotId> reached;
    if (level == 0) reached.reserve(report_.count + report_.dead);
    std::uint64_t& unreached = report_.levels[level].unreached;
    unreached = report_.levels[level].nodes;
    const auto reach = [&](SlotId slot) {
      const auto number = static_cast<std::uint32_t>(slot);
      if (!graph_.Has(slot) || seen[number] || !MayLookAt(graph_, slot)) return;
      seen[number] = true;
      reached.push_back(slot);
      if (kinds_[number] == Kind::kLive && LevelOf(slot) >= level) --unreached;
    };
    reach(entry.slot);
    // Once more for as long as it finds more: a writer may give a node that was passed the link
    // that it takes from one that was not.
    for (std::size_t before = 0; before < reached.size() && unreached > 0;) {
      before = reached.size();
      for (std::size_t i = 0; i < reached.size(); ++i) {
        graph_.ForEachNeighbour(reached[i], level, reach);
      }
    }
  }

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

// A node, and the hash of its vector.
struct HashedNode {
  std::uint64_t hash;
  SlotId slot;
};
static_assert(sizeof(HashedNode) == 16, "the bound that the header gives");

// Of those that `at` sees, by hash and then by slot.
std::vector<HashedNode> HashVectors(const Graph& graph, Lsn at, VectorHash hash) {
  std::vector<HashedNode> nodes;
  std::vector<float> numbers(graph.layout().dimensions());
  // Counted before, by their states alone, so that no memory is for growth.
  std::size_t most = 0;
  for (std::uint32_t i = 0; i < graph.node_limit(); ++i) {
    if (MayLookAt(graph, static_cast<SlotId>(i))) ++most;
  }
  nodes.reserve(most);
  for (std::uint32_t i = 0; i < graph.node_limit(); ++i) {
    const SlotId slot = static_cast<SlotId>(i);
    if (KindAt(graph, slot, at) != Kind::kLive) continue;
    const VectorView vector = graph.Node(slot).vector();
    // -0.0 gets the bytes of 0.0, which it equals.
    std::transform(vector.begin(), vector.end(), numbers.begin(),
                   [](float number) { return number == 0 ? 0.0F : number; });
    nodes.push_back({hash(std::as_bytes(std::span(numbers))), slot});
  }
  std::sort(nodes.begin(), nodes.end(), [](const HashedNode& a, const HashedNode& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.slot < b.slot;
  });
  return nodes;
}

}  // namespace

Duplicates CountDuplicates(const Graph& graph, Lsn at, VectorHash hash) {
  Duplicates found;
  std::vector<HashedNode> nodes = HashVectors(graph, at, hash);
  for (auto first = nodes.begin(); first != nodes.end();) {
    const auto end = std::find_if(first, nodes.end(), [hash = first->hash](const HashedNode& node) {
      return node.hash != hash;
    });
    // Nearly always one turn: all with this hash have one vector.
    while (first != end) {
      const VectorView vector = graph.Node(first->slot).vector();
      const auto others = std::partition(first + 1, end, [&](const HashedNode& node) {
        const VectorView other = graph.Node(node.slot).vector();
        return std::equal(vector.begin(), vector.end(), other.begin());
      });
      const auto copies = static_cast<std::uint64_t>(others - first);
      if (copies > 1) {
        found.nodes += copies - 1;
        ++found.vectors;
        found.largest = std::max(found.largest, copies);
      }
      first = others;
    }
  }
  return found;
}

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

}  // namespace engram
