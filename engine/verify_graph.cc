#include "engine/verify_graph.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "index/node_key.h"
#include "index/node_view.h"
#include "index/upper_view.h"
#include "storage/base/coding.h"
#include "storage/corruption.h"
#include "storage/slot_bits.h"

namespace engram {
namespace {

// What is known of a slot, and what was found out.
enum Mark : std::uint8_t {
  kUnknown = 1,  // its state lies on a bad page
  kIsLive = 2,
  kIsDead = 4,
  kReadable = 8,  // its block does not lie on a bad page; only of live and dead ones
  kHasParent = 16,
  kSeen = 32,  // dead: led to from a live node. Live: reached from the entry point.
};

struct List {
  PageRef page;
  SlotId slot = SlotId::kNone;
  std::uint32_t level = 0;
  std::optional<std::uint32_t> block;  // the upper block
  std::uint32_t said = 0;              // how many links it says it has
  ConstLinks links;
};

class GraphChecker {
 public:
  GraphChecker(const Core& core, const StoreState& state, const BadPages& bad, Findings& findings)
      : core_(core), layout_(*core.layout), state_(state), bad_(bad), findings_(findings) {}

  void Run() {
    Learn();
    CheckLists();
    CheckUpperStates();
    const bool sound_entry = CheckEntryPoint();
    // A parent may lie on a bad page.
    if (bad_.AnyOf(SegmentKind::kNodes) || bad_.AnyOf(SegmentKind::kNodeSlots)) return;
    CheckParents();
    if (sound_entry) CheckReachability();
  }

 private:
  std::uint8_t& marks(SlotId slot) { return marks_[Raw(slot)]; }
  bool Is(SlotId slot, std::uint8_t all) const { return (marks_[Raw(slot)] & all) == all; }
  ConstNodeView Node(SlotId slot) const { return core_.Node(slot); }
  PageRef PageOf(SlotId slot) const { return {SegmentKind::kNodes, layout_.PageOf(slot)}; }

  std::string Describe(SlotId slot) const {
    const ConstNodeView node = Node(slot);
    return "slot " + std::to_string(Raw(slot)) + " (pattern " + std::to_string(node.id()) +
           ", version " + std::to_string(Raw(node.version())) + ")";
  }
  static std::string Describe(std::uint32_t block, std::uint32_t level, SlotId slot) {
    return "upper block " + std::to_string(block) + " (level " + std::to_string(level) +
           " of slot " + std::to_string(Raw(slot)) + ")";
  }
  void Complain(PageRef page, std::string what) {
    findings_.Add(FindingKind::kGraph, "graph.engram: " + engram::Describe(page), std::move(what));
  }
  void ComplainOfState(std::string what) {
    findings_.Add(FindingKind::kGraph, "graph.engram: state", std::move(what));
  }

  void Learn();
  void CheckLists();
  void CheckNode(SlotId slot, bool is_led_to);
  void CheckUppers(SlotId slot, bool is_led_to);
  void CheckList(const List& list, bool is_led_to);
  void CheckLink(const List& list, std::uint32_t position, SlotId to, bool is_led_to);
  void CheckUpperPadding(std::uint32_t block, std::uint32_t level, SlotId slot);
  void CheckUpperStates();
  bool CheckEntryPoint();
  void CheckParents();
  void CheckReachability();

  void ComplainOfList(const List& list, const std::string& what) {
    const std::string who = list.block ? Describe(*list.block, list.level, list.slot)
                                       : Describe(list.slot) + ", level 0";
    Complain(list.page, who + ": " + what);
  }

  // Pre: both are readable.
  bool RanksAbove(SlotId a, SlotId b) const {
    const std::uint64_t rank_a = ranks_[Raw(a)];
    const std::uint64_t rank_b = ranks_[Raw(b)];
    if (rank_a != rank_b) return rank_a > rank_b;
    return NodeKey::Of(Node(b)) < NodeKey::Of(Node(a));
  }
  std::uint32_t LevelOf(SlotId slot) const {
    return static_cast<std::uint32_t>(ranks_[Raw(slot)] >> kLevelShift);
  }
  // Of what CheckUppers() follows.
  SlotState UpperState(std::uint32_t block) const {
    return core_.upper_slots->state(static_cast<SlotId>(block));
  }
  bool UpperStateIsKnown(std::uint32_t block) const {
    return !bad_.Contains({SegmentKind::kUpperSlots, SlotBitsPage(block)});
  }

  static constexpr unsigned kLevelShift = 59;
  static_assert(kMaxLevel < 1u << (64 - kLevelShift));

  const Core& core_;
  const NodeLayout& layout_;
  const StoreState& state_;
  const BadPages& bad_;
  Findings& findings_;
  // By slot; of readable ones, a rank is the level and the first bits of NodeKey's hash. The blocks
  // themselves are looked at in order, and not again for each link to them.
  std::vector<std::uint8_t> marks_;
  std::vector<std::uint64_t> ranks_;
  std::vector<bool> owned_;     // by upper block
  std::vector<SlotId> led_to_;  // dead nodes yet to be looked at
  std::vector<SlotId> sorted_;  // scratch
  std::uint64_t live_ = 0;
  SlotId highest_ = SlotId::kNone;  // live
};

void GraphChecker::Learn() {
  marks_.assign(state_.node_slots, 0);
  ranks_.assign(state_.node_slots, 0);
  owned_.assign(state_.upper_slots, false);
  for (std::uint32_t i = 0; i < state_.node_slots; ++i) {
    const auto slot = static_cast<SlotId>(i);
    if (bad_.Contains({SegmentKind::kNodeSlots, SlotBitsPage(i)})) {
      marks(slot) = kUnknown;
      continue;
    }
    const SlotState state = core_.slots->state(slot);
    if (state != SlotState::kLive && state != SlotState::kDead) continue;
    marks(slot) = state == SlotState::kLive ? kIsLive : kIsDead;
    live_ += state == SlotState::kLive ? 1 : 0;
    if (bad_.Contains(PageOf(slot))) continue;
    marks(slot) |= kReadable;
    const NodeKey key = NodeKey::Of(Node(slot));
    const std::uint64_t level = std::min(key.level, kMaxLevel);
    ranks_[i] = level << kLevelShift | key.hash >> (64 - kLevelShift);
    if (state != SlotState::kLive) continue;
    if (highest_ == SlotId::kNone || RanksAbove(slot, highest_)) highest_ = slot;
  }
}

// --- Lists ---

// What can be walked to must lead on to nodes at every link. A dead node that nothing leads to any
// more may name slots that were freed before its own: a sweep frees them a few at a time.
void GraphChecker::CheckLists() {
  for (std::uint32_t i = 0; i < state_.node_slots; ++i) {
    if (const auto slot = static_cast<SlotId>(i); Is(slot, kIsLive | kReadable)) {
      CheckNode(slot, true);
    }
  }
  while (!led_to_.empty()) {
    const SlotId slot = led_to_.back();
    led_to_.pop_back();
    CheckNode(slot, true);
  }
  for (std::uint32_t i = 0; i < state_.node_slots; ++i) {
    const auto slot = static_cast<SlotId>(i);
    if (Is(slot, kIsDead | kReadable) && !Is(slot, kSeen)) CheckNode(slot, false);
  }
}

void GraphChecker::CheckNode(SlotId slot, bool is_led_to) {
  const auto header =
      LoadAs<NodeHeader>(core_.pages->page(PageOf(slot)) + layout_.OffsetInPage(slot));
  CheckList({PageOf(slot), slot, 0, std::nullopt, header.link_count, Node(slot).links()},
            is_led_to);
  CheckUppers(slot, is_led_to);
}

void GraphChecker::CheckUppers(SlotId slot, bool is_led_to) {
  const ConstNodeView node = Node(slot);
  const std::uint32_t top = node.level();
  if (top > kMaxLevel) {
    Complain(PageOf(slot), Describe(slot) + ": level " + std::to_string(top) +
                               ", expected at most " + std::to_string(kMaxLevel));
    return;
  }
  std::uint32_t block = node.upper();
  PageRef page = PageOf(slot);
  std::string where = Describe(slot);
  for (std::uint32_t level = 1; level <= top; ++level) {
    if (block >= state_.upper_slots) {
      Complain(page, where + ": upper block " + std::to_string(block) + " at level " +
                         std::to_string(level) + ", expected one below " +
                         std::to_string(state_.upper_slots));
      return;
    }
    page = {SegmentKind::kUpper, layout_.UpperPageOf(block)};
    if (bad_.Contains(page)) return;
    where = Describe(block, level, slot);
    const std::byte* bytes = core_.pages->page(page) + layout_.UpperOffsetInPage(block);
    const auto header = LoadAs<UpperHeader>(bytes);
    if (header.node != Raw(slot)) {
      Complain(page, where + ": says that its node is slot " + std::to_string(header.node) +
                         ", expected slot " + std::to_string(Raw(slot)));
      return;
    }
    if (owned_[block]) {
      Complain(page, where + ": is also another level of that node, expected one level only");
      return;
    }
    owned_[block] = true;
    if (UpperStateIsKnown(block) && UpperState(block) == SlotState::kFree) {
      Complain({SegmentKind::kUpperSlots, SlotBitsPage(block)}, where + ": is free, expected live");
    }
    if (header.level != level) {
      Complain(page, where + ": says that its level is " + std::to_string(header.level) +
                         ", expected " + std::to_string(level));
    }
    CheckUpperPadding(block, level, slot);
    CheckList({page, slot, level, block, header.link_count, ConstUpperView(bytes, layout_).links()},
              is_led_to);
    block = header.above;
  }
  if (block == kNoUpper) return;
  Complain(page, where + ": upper block " + std::to_string(block) + " above level " +
                     std::to_string(top) + ", the highest of the node, expected none");
}

void GraphChecker::CheckUpperPadding(std::uint32_t block, std::uint32_t level, SlotId slot) {
  const PageRef page{SegmentKind::kUpper, layout_.UpperPageOf(block)};
  const std::span<const std::byte> bytes(core_.pages->page(page) + layout_.UpperOffsetInPage(block),
                                         layout_.upper_block_bytes());
  const std::size_t links_end = sizeof(UpperHeader) + layout_.max_links() * sizeof(SlotId);
  if (AllZero(bytes.subspan(offsetof(UpperHeader, reserved), sizeof(UpperHeader::reserved))) &&
      AllZero(bytes.subspan(links_end))) {
    return;
  }
  Complain(page, Describe(block, level, slot) + ": reserved bytes are not zero");
}

void GraphChecker::CheckList(const List& list, bool is_led_to) {
  const std::uint32_t capacity = list.links.capacity();
  if (list.said > capacity) {
    ComplainOfList(
        list, std::to_string(list.said) + " links, expected at most " + std::to_string(capacity));
  }
  sorted_.clear();
  for (std::uint32_t i = 0; i < capacity; ++i) {
    const SlotId to = list.links[i];
    if (to == SlotId::kNone) continue;
    if (i >= list.said) {
      ComplainOfList(list, "link " + std::to_string(i) + " leads to slot " +
                               std::to_string(Raw(to)) + ", expected none: the list has " +
                               std::to_string(list.said) + " links");
      continue;
    }
    sorted_.push_back(to);
    CheckLink(list, i, to, is_led_to);
  }
  std::sort(sorted_.begin(), sorted_.end());
  const auto twice = std::adjacent_find(sorted_.begin(), sorted_.end());
  if (twice == sorted_.end()) return;
  ComplainOfList(list, "two links lead to slot " + std::to_string(Raw(*twice)));
}

void GraphChecker::CheckLink(const List& list, std::uint32_t position, SlotId to, bool is_led_to) {
  const auto complain = [&](const std::string& what) {
    ComplainOfList(list, "link " + std::to_string(position) + " leads to " + what);
  };
  if (to == list.slot) return complain("itself");
  if (Raw(to) >= state_.node_slots) {
    return complain("slot " + std::to_string(Raw(to)) + ", expected one below " +
                    std::to_string(state_.node_slots));
  }
  if (!is_led_to || Is(to, kUnknown)) return;
  if (!Is(to, kIsLive) && !Is(to, kIsDead)) {
    return complain("slot " + std::to_string(Raw(to)) +
                    ", which is free, expected one that holds a pattern");
  }
  if (!Is(to, kReadable)) return;
  if (LevelOf(to) < list.level) {
    complain("slot " + std::to_string(Raw(to)) + ", whose level is " + std::to_string(LevelOf(to)) +
             ", expected at least " + std::to_string(list.level));
  }
  if (Is(to, kIsDead) && !Is(to, kSeen)) {
    marks(to) |= kSeen;
    led_to_.push_back(to);
  }
  const bool is_parent = list.level == 0 && Is(list.slot, kIsLive) && Is(to, kIsLive);
  if (is_parent && RanksAbove(list.slot, to)) marks(to) |= kHasParent;
}

// --- Upper blocks that no node leads to ---

void GraphChecker::CheckUpperStates() {
  // A node on a bad page, or one behind a bad upper page, may own them.
  const bool owners_are_known = !bad_.AnyOf(SegmentKind::kNodes) &&
                                !bad_.AnyOf(SegmentKind::kNodeSlots) &&
                                !bad_.AnyOf(SegmentKind::kUpper);
  const std::uint64_t end = AlignUp(state_.upper_slots, kSlotsPerPage);
  for (std::uint64_t i = 0; i < end; ++i) {
    const auto block = static_cast<std::uint32_t>(i);
    if (!UpperStateIsKnown(block)) continue;
    const SlotState state = UpperState(block);
    if (state == SlotState::kFree) continue;
    const PageRef page{SegmentKind::kUpperSlots, SlotBitsPage(block)};
    const std::string who = "upper block " + std::to_string(block);
    if (i >= state_.upper_slots) {
      Complain(page, who + " is not free, expected only the first " +
                         std::to_string(state_.upper_slots) + " to be used");
    } else if (state != SlotState::kLive) {
      Complain(page, who + " is " + (state == SlotState::kDead ? "dead" : "retired") +
                         ", which is never written");
    } else if (owners_are_known && !owned_[i]) {
      Complain(page, who + " is live, but no node leads to it");
    }
  }
}

// --- Where walks begin, and where they get to ---

// Whether walks can begin there.
bool GraphChecker::CheckEntryPoint() {
  const SlotId entry = state_.entry_point;
  if (entry == SlotId::kNone) {
    if (live_ > 0) {
      ComplainOfState("there is no entry point, expected one of " + std::to_string(live_) +
                      " live patterns");
    }
    if (state_.top_level != 0) {
      ComplainOfState("the top level is " + std::to_string(state_.top_level) +
                      ", expected 0 without an entry point");
    }
    return false;
  }
  const std::string who = "the entry point is slot " + std::to_string(Raw(entry));
  if (Raw(entry) >= state_.node_slots) {
    ComplainOfState(who + ", expected one below " + std::to_string(state_.node_slots));
    return false;
  }
  if (Is(entry, kUnknown)) return false;
  if (!Is(entry, kIsLive)) {
    ComplainOfState(who + ", which is " + (Is(entry, kIsDead) ? "dead" : "free") +
                    ", expected a live one");
    return false;
  }
  if (!Is(entry, kReadable)) return false;
  if (const std::uint32_t level = Node(entry).level(); level != state_.top_level) {
    ComplainOfState(who + " of level " + std::to_string(level) + ", expected level " +
                    std::to_string(state_.top_level) + ", the top");
  }
  if (RanksAbove(highest_, entry)) {
    ComplainOfState(who + ", expected slot " + std::to_string(Raw(highest_)) + " (level " +
                    std::to_string(LevelOf(highest_)) + "), which ranks above all others");
  }
  return true;
}

void GraphChecker::CheckParents() {
  for (std::uint32_t i = 0; i < state_.node_slots; ++i) {
    const auto slot = static_cast<SlotId>(i);
    if (!Is(slot, kIsLive) || Is(slot, kHasParent) || slot == highest_) continue;
    Complain(PageOf(slot), Describe(slot) +
                               ": no live node that ranks above it links to it at level 0, "
                               "expected one at least");
  }
}

void GraphChecker::CheckReachability() {
  std::vector<SlotId> next{state_.entry_point};
  marks(state_.entry_point) |= kSeen;
  std::uint64_t reached = 1;
  while (!next.empty()) {
    const ConstLinks links = Node(next.back()).links();
    next.pop_back();
    const std::uint32_t count = links.count();
    for (std::uint32_t i = 0; i < count; ++i) {
      const SlotId to = links[i];
      if (Raw(to) >= state_.node_slots || !Is(to, kIsLive) || Is(to, kSeen)) continue;
      marks(to) |= kSeen;
      ++reached;
      next.push_back(to);
    }
  }
  if (reached == live_) return;
  const auto first = std::find_if(marks_.begin(), marks_.end(), [](std::uint8_t marks) {
    return (marks & (kIsLive | kSeen)) == kIsLive;
  });
  const auto slot = static_cast<SlotId>(first - marks_.begin());
  findings_.Add(FindingKind::kGraph, "graph.engram: graph",
                std::to_string(live_ - reached) + " of " + std::to_string(live_) +
                    " live nodes are not reached from the entry point over live nodes at level 0, "
                    "the first is " +
                    Describe(slot));
}

}  // namespace

void CheckGraph(const Core& core, const StoreState& state, const BadPages& bad,
                Findings& findings) {
  GraphChecker(core, state, bad, findings).Run();
}

}  // namespace engram
