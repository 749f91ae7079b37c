#include "tests/index/graph_fixture.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <set>
#include <thread>

#include "index/node_key.h"
#include "storage/base/check.h"

namespace engram {
namespace {

std::uint32_t Raw(SlotId slot) { return static_cast<std::uint32_t>(slot); }

NodeLayout MakeLayout(const MemoryGraphShape& shape) {
  StoreParameters parameters{};
  parameters.dimensions = shape.dimensions;
  parameters.m = shape.m;
  return std::move(NodeLayout::Create(parameters)).value();
}

std::string Say(SlotId slot, const std::string& what) {
  return "slot " + std::to_string(Raw(slot)) + ": " + what;
}

}  // namespace

MemoryGraph::MemoryGraph(const MemoryGraphShape& shape)
    : shape_(shape),
      layout_(MakeLayout(shape)),
      nodes_((shape.slots / layout_.blocks_per_page() + std::size_t{1}) * layout_.page_bytes()),
      upper_((shape.upper_blocks / layout_.upper_blocks_per_page() + std::size_t{1}) *
             layout_.page_bytes()),
      states_((shape.slots / kSlotsPerPage + 1) * kBlockBytes) {
  // What is in free slots must not matter.
  std::memset(nodes_.data(), 0xa5, nodes_.size());
  std::memset(upper_.data(), 0xa5, upper_.size());
  std::memset(states_.data(), 0, states_.size());
  for (std::uint32_t block = shape.upper_blocks; block > 0; --block) {
    free_upper_.push_back(block - 1);
  }
}

Graph MemoryGraph::graph() const {
  return Graph({.nodes = nodes_.data(),
                .upper = upper_.data(),
                .node_slots = states_.data(),
                .layout = &layout_,
                .node_limit = shape_.slots,
                .upper_limit = shape_.upper_blocks});
}

void MemoryGraph::Write(SlotId slot, PatternId id, VectorView vector, std::uint32_t level,
                        Lsn from) {
  ENGRAM_CHECK(graph().state(slot) == SlotState::kFree && free_upper_.size() >= level);
  std::uint32_t above = kNoUpper;
  for (std::uint32_t at = level; at > 0; --at) {
    const std::uint32_t block = free_upper_.back();
    free_upper_.pop_back();
    Upper(block).Write(slot, static_cast<std::uint8_t>(at), above);
    above = block;
  }
  Node(slot).WriteNode({.id = id,
                        .version = from,
                        .valid_from = from,
                        .upper = above,
                        .level = static_cast<std::uint8_t>(level),
                        .norm = Norm(vector),
                        .vector = std::as_bytes(vector)});
  SetState(slot, SlotState::kLive);
}

void MemoryGraph::End(SlotId slot, Lsn to) {
  Node(slot).SetValidTo(to);
  SetState(slot, SlotState::kDead);
}

void MemoryGraph::Free(SlotId slot) {
  for (std::uint32_t level = 1; level <= Node(slot).level(); ++level) {
    free_upper_.push_back(graph().UpperBlock(slot, level).value());
  }
  SetState(slot, SlotState::kFree);
}

void MemoryGraph::SetState(SlotId slot, SlotState state) {
  StoreSlotState(states_.data(), Raw(slot), state);
}

UpperView MemoryGraph::Upper(std::uint32_t block) {
  return {
      upper_.data() +
          std::size_t{Raw(static_cast<SlotId>(layout_.UpperPageOf(block)))} * layout_.page_bytes() +
          layout_.UpperOffsetInPage(block),
      layout_};
}

Links MemoryGraph::LinksOf(SlotId slot, std::uint32_t level) {
  if (level == 0) return Node(slot).links();
  return Upper(graph().UpperBlock(slot, level).value()).links();
}

void MemoryGraph::SetList(SlotId slot, std::uint32_t level, const std::vector<SlotId>& neighbours) {
  Links links = LinksOf(slot, level);
  ENGRAM_CHECK(neighbours.size() <= links.capacity());
  for (std::uint32_t i = 0; i < links.capacity(); ++i) {
    links.Set(i, i < neighbours.size() ? neighbours[i] : SlotId::kNone);
  }
  links.SetCount(static_cast<std::uint32_t>(neighbours.size()));
}

void MemoryGraph::SetLinks(SlotId slot, std::uint32_t level, const ListChange& change) {
  ++changes_;
  Links links = LinksOf(slot, level);
  std::set<std::uint32_t> positions;
  for (const ListChange::Set& set : change.sets) {
    if (graph().state(set.neighbour) != SlotState::kLive && wrong_.empty()) {
      wrong_ = Say(slot, "a link to the dead " + std::to_string(Raw(set.neighbour)) + " (I13)");
    }
    if (!positions.insert(set.position).second) wrong_ = Say(slot, "one position changed twice");
    links.Set(set.position, set.neighbour);
  }
  for (const std::uint8_t position : change.clears) {
    if (!positions.insert(position).second) wrong_ = Say(slot, "one position changed twice");
    links.Set(position, SlotId::kNone);
  }
  links.SetCount(change.count);
  if (const std::string bad = CheckList(slot, level); !bad.empty() && wrong_.empty()) wrong_ = bad;
}

std::string MemoryGraph::CheckList(SlotId slot, std::uint32_t level) const {
  const Graph graph = this->graph();
  const ConstLinks links = graph.LinksAt(slot, level);
  if (links.capacity() != (level == 0 ? 2 : 1) * shape_.m) return Say(slot, "no list");
  std::set<SlotId> seen;
  for (std::uint32_t i = 0; i < links.capacity(); ++i) {
    const SlotId to = links[i];
    if (to == SlotId::kNone) continue;
    if (i >= links.count()) return Say(slot, "a link behind the count");
    if (!graph.Has(to)) return Say(slot, "a link that leads outside");
    if (to == slot) return Say(slot, "a link to itself");
    if (!seen.insert(to).second) return Say(slot, "a link twice");
    const SlotState state = graph.state(to);
    if (state != SlotState::kLive && state != SlotState::kDead) {
      return Say(slot, "a link to a slot that is free");
    }
    if (graph.Node(to).level() < level) return Say(slot, "a link to a node of a lower level");
  }
  if (links.count() > 0 && links[links.count() - 1] == SlotId::kNone) {
    return Say(slot, "a count above the last link");
  }
  return "";
}

std::vector<SlotId> MemoryGraph::Live() const {
  std::vector<SlotId> live;
  for (std::uint32_t i = 0; i < shape_.slots; ++i) {
    if (graph().state(SlotId{i}) == SlotState::kLive) live.push_back(SlotId{i});
  }
  return live;
}

std::string MemoryGraph::Check(EntryPoint entry) const {
  if (!wrong_.empty()) return wrong_;
  const Graph graph = this->graph();
  std::vector<bool> has_parent(shape_.slots);
  for (std::uint32_t i = 0; i < shape_.slots; ++i) {
    const SlotId slot{i};
    const SlotState state = graph.state(slot);
    if (state != SlotState::kLive && state != SlotState::kDead) continue;
    for (std::uint32_t level = 0; level <= graph.Node(slot).level(); ++level) {
      if (std::string bad = CheckList(slot, level); !bad.empty()) return bad;
    }
    if (state != SlotState::kLive) continue;
    const ConstLinks links = graph.LinksAt(slot, 0);
    for (std::uint32_t at = 0; at < links.count(); ++at) {
      if (!graph.Has(links[at])) continue;
      if (NodeKey::Of(graph.Node(links[at])) < NodeKey::Of(graph.Node(slot))) {
        has_parent[Raw(links[at])] = true;
      }
    }
  }
  const std::vector<SlotId> live = Live();
  if (live.empty()) return entry == EntryPoint{} ? "" : "an entry point into nothing";
  if (!graph.Has(entry.slot) || graph.state(entry.slot) != SlotState::kLive) {
    return "the entry point is not live";
  }
  if (entry.level != graph.Node(entry.slot).level()) return "the entry point's level is another";
  for (const SlotId slot : live) {
    if (NodeKey::Of(graph.Node(entry.slot)) < NodeKey::Of(graph.Node(slot))) {
      return Say(slot, "ranks above the entry point");
    }
    if (slot != entry.slot && !has_parent[Raw(slot)]) return Say(slot, "no parent");
  }
  // The rules above imply it; here it is counted.
  std::vector<bool> reached(shape_.slots);
  std::deque<SlotId> queue{entry.slot};
  reached[Raw(entry.slot)] = true;
  std::size_t count = 0;
  for (; !queue.empty(); queue.pop_front(), ++count) {
    const ConstLinks links = graph.LinksAt(queue.front(), 0);
    for (std::uint32_t at = 0; at < links.count(); ++at) {
      const SlotId to = links[at];
      if (!graph.Has(to) || reached[Raw(to)] || graph.state(to) != SlotState::kLive) continue;
      reached[Raw(to)] = true;
      queue.push_back(to);
    }
  }
  return count == live.size() ? "" : "live nodes are not reached";
}

std::string MemoryGraph::CheckWaysUp(EntryPoint entry) const {
  const Graph graph = this->graph();
  for (const SlotId slot : Live()) {
    if (slot == entry.slot) continue;
    const ConstLinks links = graph.LinksAt(slot, 0);
    bool up = false;
    for (std::uint32_t at = 0; at < links.count() && !up; ++at) {
      up = graph.Has(links[at]) && graph.state(links[at]) == SlotState::kLive &&
           NodeKey::Of(graph.Node(slot)) < NodeKey::Of(graph.Node(links[at]));
    }
    if (!up) return Say(slot, "no way up");
  }
  return "";
}

std::vector<std::uint32_t> MemoryGraph::AllLinks() const {
  std::vector<std::uint32_t> all;
  const Graph graph = this->graph();
  for (const SlotId slot : Live()) {
    for (std::uint32_t level = 0; level <= graph.Node(slot).level(); ++level) {
      const ConstLinks links = graph.LinksAt(slot, level);
      all.push_back(links.count());
      for (std::uint32_t i = 0; i < links.capacity(); ++i) all.push_back(Raw(links[i]));
    }
  }
  return all;
}

std::vector<Candidate> MemoryGraph::BruteForce(const QueryScorer& query) const {
  std::vector<Candidate> all;
  for (const SlotId slot : Live()) {
    const ConstNodeView node = graph().Node(slot);
    all.push_back({query.Distance(node.vector().data(), node.norm()), slot});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Candidate& a, const Candidate& b) { return a.distance < b.distance; });
  return all;
}

const char* NameOf(VectorKind kind) {
  switch (kind) {
    case VectorKind::kRandom:
      return "Random";
    case VectorKind::kDuplicates:
      return "Duplicates";
    case VectorKind::kAllEqual:
      return "AllEqual";
    case VectorKind::kClusters:
      return "Clusters";
    case VectorKind::kSorted:
      return "Sorted";
    case VectorKind::kHub:
      return "Hub";
  }
  return "";
}

std::vector<float> VectorMaker::Next() {
  const std::uint32_t number = made_++;
  std::normal_distribution<float> normal;
  std::vector<float> vector(dimensions_);
  for (float& component : vector) component = normal(random_);
  switch (kind_) {
    case VectorKind::kRandom:
      break;
    case VectorKind::kDuplicates:  // of eight places, and some that lie elsewhere
      if (number % 16 != 0) std::fill(vector.begin(), vector.end(), 1 + float(random_() % 8));
      break;
    case VectorKind::kAllEqual:
      std::fill(vector.begin(), vector.end(), 1.5F);
      break;
    case VectorKind::kClusters:
      for (float& component : vector) component = component * 0.01F + float(number % 5) * 100;
      break;
    case VectorKind::kSorted:
      for (float& component : vector) component = component * 1e-3F + float(number + 1);
      break;
    case VectorKind::kHub:  // all around one place, which itself is in the store; one lies far away
      if (number == 20) std::fill(vector.begin(), vector.end(), 0.001F);
      if (number == 40) std::fill(vector.begin(), vector.end(), 1e6F);
      break;
  }
  return vector;
}

std::vector<std::vector<float>> VectorMaker::Many(std::size_t count) {
  std::vector<std::vector<float>> vectors;
  for (std::size_t i = 0; i < count; ++i) vectors.push_back(Next());
  return vectors;
}

std::vector<SlotId> LinkedGraph::FreeSlots(std::uint32_t slots) {
  std::vector<SlotId> free;
  for (std::uint32_t slot = slots; slot > 0; --slot) free.push_back(SlotId{slot - 1});
  return free;
}

std::vector<SlotId> LinkedGraph::Insert(const std::vector<std::vector<float>>& vectors,
                                        const std::vector<FoundNear>& near, const RunTasks& run) {
  ++lsn_;
  std::vector<SlotId> slots;
  std::vector<NewNode> nodes;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const SlotId slot = free_.back();
    free_.pop_back();
    const PatternId id = next_id_++;
    memory_.Write(slot, id, vectors[i], LevelOf(1, id, memory_.layout().max_links()), Lsn{lsn_});
    slots.push_back(slot);
    nodes.push_back({slot, near.empty() ? nullptr : &near[i]});
  }
  linker_.Link(graph(), nodes, run, memory_);
  return slots;
}

FoundNear LinkedGraph::FindNear(const std::vector<float>& vector) const {
  FoundNear near;
  near.linked = linker_.linked();
  const QueryScorer query(linker_.options().metric, vector);
  GraphWalker walker;
  WalkStats stats;
  const auto start = walker.Descend(graph(), query, linker_.entry(), 0, stats);
  if (!start) return near;
  const WalkFilter filter{WalkFilter::Kind::kLive, {}, true};
  near.nodes = walker.Search(graph(), query, 0, linker_.options().ef_construction, *start, filter,
                             {}, stats);
  return near;
}

void LinkedGraph::End(SlotId slot) {
  memory_.End(slot, Lsn{++lsn_});
  dead_.push_back(slot);
  linker_.Unlink(graph(), slot, memory_);
}

void LinkedGraph::Sweep(std::uint32_t slots) {
  if (doomed_.empty()) {
    doomed_ = std::exchange(dead_, {});
    next_healed_ = 0;
    return;
  }
  if (next_healed_ == graph().node_limit()) return Retire();
  const std::set<SlotId> doomed(doomed_.begin(), doomed_.end());
  const std::function<bool(SlotId)> is_doomed = [&](SlotId slot) { return doomed.contains(slot); };
  for (; slots > 0 && next_healed_ < graph().node_limit(); --slots) {
    const SlotId slot{next_healed_++};
    const SlotState state = graph().state(slot);
    if (state == SlotState::kFree || is_doomed(slot)) continue;
    linker_.Heal(graph(), slot, is_doomed, memory_);
  }
}

void LinkedGraph::Retire() {
  for (const SlotId slot : doomed_) {
    linker_.Forget(slot);
    memory_.Free(slot);
    free_.push_back(slot);
  }
  doomed_.clear();
}

std::string LinkedGraph::Check() const { return memory_.Check(linker_.entry()); }

RunTasks RunOnThreads(std::size_t threads) {
  return [threads](std::size_t tasks, const std::function<void(std::size_t)>& body) {
    std::atomic<std::size_t> next{0};  // relaxed: hands out numbers; joining orders the rest
    const auto work = [&] {
      for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) body(i);
    };
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < threads; ++i) others.emplace_back(work);
    work();
    for (std::thread& other : others) other.join();
  };
}

}  // namespace engram
