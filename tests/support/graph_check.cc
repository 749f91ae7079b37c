#include "tests/support/graph_check.h"

#include <algorithm>
#include <vector>

#include "index/graph.h"
#include "index/node_key.h"
#include "storage/base/coding.h"

namespace engram {
namespace {

class GraphChecker {
 public:
  explicit GraphChecker(const Core& core)
      : core_(core),
        graph_(core.GraphNow()),
        used_(core.slots->used()),
        has_parent_(used_),
        block_used_(core.upper_slots->used()) {}

  std::string Run() {
    for (std::uint32_t i = 0; i < used_ && wrong_.empty(); ++i) {
      const auto slot = static_cast<SlotId>(i);
      const SlotState state = graph_.state(slot);
      if (state != SlotState::kLive && state != SlotState::kDead) continue;
      const ConstNodeView node = graph_.Node(slot);
      ++(state == SlotState::kLive ? shape_.live : shape_.dead);
      for (std::uint32_t level = 0; level <= node.level() && wrong_.empty(); ++level) {
        CheckList(slot, level, state == SlotState::kLive);
      }
      if (state != SlotState::kLive) continue;
      if (highest_ == SlotId::kNone || Key(highest_) < Key(slot)) highest_ = slot;
    }
    if (wrong_.empty()) CheckEntry();
    if (wrong_.empty()) CheckParents();
    if (wrong_.empty()) CheckUppers();
    return wrong_;
  }

  const GraphShape& shape() const { return shape_; }

 private:
  NodeKey Key(SlotId slot) const { return NodeKey::Of(graph_.Node(slot)); }

  void Complain(SlotId slot, std::uint32_t level, const std::string& what) {
    if (!wrong_.empty()) return;
    wrong_ = "graph: slot " + std::to_string(Raw(slot)) + " at level " + std::to_string(level) +
             ": " + what;
  }

  void CheckList(SlotId slot, std::uint32_t level, bool live) {
    if (level > 0) {
      const std::optional<std::uint32_t> block = graph_.UpperBlock(slot, level);
      if (!block || *block >= block_used_.size()) return Complain(slot, level, "no upper block");
      if (block_used_[*block]) return Complain(slot, level, "another node's upper block");
      block_used_[*block] = true;
      ++shape_.upper_blocks;
    }
    const ConstLinks links = graph_.LinksAt(slot, level);
    std::vector<SlotId> targets;
    for (std::uint32_t i = 0; i < links.capacity(); ++i) {
      if (links[i] == SlotId::kNone) continue;
      if (i >= links.count()) return Complain(slot, level, "a link behind the count");
      targets.push_back(links[i]);
    }
    std::sort(targets.begin(), targets.end());
    if (std::adjacent_find(targets.begin(), targets.end()) != targets.end()) {
      return Complain(slot, level, "a link twice");
    }
    for (const SlotId to : targets) CheckLink(slot, level, live, to);
  }

  void CheckLink(SlotId slot, std::uint32_t level, bool live, SlotId to) {
    const std::string name = "link to slot " + std::to_string(Raw(to));
    if (to == slot) return Complain(slot, level, name + ", itself");
    if (Raw(to) >= used_) return Complain(slot, level, name + ", which was never used");
    const SlotState state = graph_.state(to);
    if (state != SlotState::kLive && state != SlotState::kDead) {
      return Complain(slot, level, name + ", which holds no node");
    }
    if (graph_.Node(to).level() < level) return Complain(slot, level, name + ", of a lower level");
    if (!live) return;
    ++shape_.links;
    // Links to nodes that have ended may stay, but none is made (I13). When a voided one did is not
    // known any more.
    if (state == SlotState::kDead) {
      ++shape_.links_to_dead;
      const Lsn ended = graph_.Node(to).valid_to();
      if (ended != Lsn::kNone && ended <= graph_.Node(slot).valid_from()) {
        Complain(slot, level, name + ", which ended before this one began");
      }
      return;
    }
    if (level == 0 && Key(to) < Key(slot)) has_parent_[Raw(to)] = true;
  }

  void CheckEntry() {
    const EntryPoint entry = core_.entry();
    if (entry.slot == highest_ &&
        (highest_ == SlotId::kNone || entry.level == graph_.Node(highest_).level())) {
      return;
    }
    wrong_ = "graph: the entry point is slot " + std::to_string(Raw(entry.slot)) + " of level " +
             std::to_string(entry.level) + ", the highest node is slot " +
             std::to_string(Raw(highest_));
  }

  void CheckParents() {
    for (std::uint32_t i = 0; i < used_; ++i) {
      const auto slot = static_cast<SlotId>(i);
      if (graph_.state(slot) != SlotState::kLive || slot == highest_ || has_parent_[i]) continue;
      return Complain(slot, 0, "no live node above it links to it");
    }
  }

  // No block belongs to nobody.
  void CheckUppers() {
    for (std::uint32_t block = 0; block < block_used_.size(); ++block) {
      const SlotState state = core_.upper_slots->state(static_cast<SlotId>(block));
      const bool in_use = state == SlotState::kLive || state == SlotState::kDead;
      if (in_use == block_used_[block]) continue;
      wrong_ = "graph: upper block " + std::to_string(block) +
               (in_use ? " is in use by no node" : " is in use and counts as free");
      return;
    }
  }

  const Core& core_;
  const Graph graph_;
  const std::uint32_t used_;
  std::vector<bool> has_parent_;
  std::vector<bool> block_used_;
  SlotId highest_ = SlotId::kNone;
  GraphShape shape_;
  std::string wrong_;
};

}  // namespace

std::string CheckGraph(const Core& core, GraphShape* shape) {
  GraphChecker checker(core);
  std::string wrong = checker.Run();
  if (shape != nullptr) *shape = checker.shape();
  return wrong;
}

}  // namespace engram
