#include "engine/verify_nodes.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <string>
#include <tuple>
#include <utility>

#include "index/metric.h"
#include "index/node_view.h"
#include "storage/base/coding.h"
#include "storage/corruption.h"
#include "storage/slot_bits.h"

namespace engram {
namespace {

std::string Text(Lsn lsn) { return lsn == kForever ? "forever" : std::to_string(Raw(lsn)); }

class NodeChecker {
 public:
  NodeChecker(const Core& core, const StoreState& state, Lsn last, const BadPages& bad,
              Findings& findings)
      : core_(core),
        layout_(*core.layout),
        state_(state),
        last_(last),
        bad_(bad),
        findings_(findings) {}

  std::vector<StoredVersion> Run() {
    for (std::uint32_t i = 0; i < state_.node_slots; ++i) CheckSlot(static_cast<SlotId>(i));
    CheckUnusedSlots();
    CheckCounts();
    CheckUnique();
    return std::move(versions_);
  }

 private:
  PageRef PageOf(SlotId slot) const { return {SegmentKind::kNodes, layout_.PageOf(slot)}; }
  bool StateIsKnown(SlotId slot) const {
    return !bad_.Contains({SegmentKind::kNodeSlots, SlotBitsPage(Raw(slot))});
  }

  void Complain(PageRef page, std::string what) {
    findings_.Add(FindingKind::kPattern, "graph.engram: " + Describe(page), std::move(what));
  }
  void ComplainOfState(std::string what) {
    findings_.Add(FindingKind::kPattern, "graph.engram: state", std::move(what));
  }

  void CheckSlot(SlotId slot) {
    if (!StateIsKnown(slot)) return;
    const SlotState state = core_.slots->state(slot);
    if (state == SlotState::kFree) return;
    if (state == SlotState::kRetired) {
      Complain({SegmentKind::kNodeSlots, SlotBitsPage(Raw(slot))},
               "slot " + std::to_string(Raw(slot)) + " is retired, which is never written");
      return;
    }
    ++(state == SlotState::kLive ? live_ : dead_);
    if (bad_.Contains(PageOf(slot))) return;
    const ConstNodeView node = core_.Node(slot);
    const std::string who = "slot " + std::to_string(Raw(slot)) + " (pattern " +
                            std::to_string(node.id()) + ", version " + Text(node.version()) + "): ";
    const auto complain = [&](const std::string& what) { Complain(PageOf(slot), who + what); };
    CheckIdentity(node, state, complain);
    CheckVector(node, complain);
    CheckPadding(slot, complain);
    CheckFlags(node, state, complain);
    if (node.is_moved()) return;
    versions_.push_back({node.id(), node.version(), node.timestamp_us(), slot, node.type(),
                         state == SlotState::kLive, node.expires_us()});
  }

  template <typename Complaint>
  void CheckIdentity(const ConstNodeView& node, SlotState state, const Complaint& complain) const {
    if (node.id() == 0 || node.id() >= state_.next_id) {
      complain("the id is not one of 1 to " + std::to_string(state_.next_id - 1) +
               ", the ones given so far");
    }
    if (node.version() == Lsn::kNone || node.version() > node.valid_from() ||
        node.valid_from() > last_) {
      complain("valid from " + Text(node.valid_from()) + ", expected from its version to " +
               Text(last_) + ", the last commit");
    }
    if (state == SlotState::kLive && node.valid_to() != kForever) {
      complain("live, but valid to " + Text(node.valid_to()) + ", expected forever");
    }
    // One that was erased for ever is seen by no state at all.
    const bool was_seen = node.valid_to() != Lsn::kNone;
    if (state == SlotState::kDead && was_seen &&
        (node.valid_to() <= node.valid_from() || node.valid_to() > last_)) {
      complain("dead, but valid from " + Text(node.valid_from()) + " to " + Text(node.valid_to()) +
               ", expected an end at or before " + Text(last_) + ", the last commit");
    }
  }

  template <typename Complaint>
  void CheckFlags(const ConstNodeView& node, SlotState state, const Complaint& complain) const {
    constexpr std::uint8_t kKnown =
        static_cast<std::uint8_t>(NodeFlag::kExpires) | static_cast<std::uint8_t>(NodeFlag::kMoved);
    if ((node.flags() & ~kKnown) != 0) {
      complain("flags " + std::to_string(node.flags()) + ", expected at most " +
               std::to_string(kKnown));
    }
    if (node.is_moved() && state == SlotState::kLive) complain("live, but moved elsewhere");
  }

  template <typename Complaint>
  void CheckVector(const ConstNodeView& node, const Complaint& complain) const {
    const Metric metric = core_.page_file->superblock().parameters.metric;
    if (const Status status = ValidateVector(metric, layout_.dimensions(), node.vector());
        !status.ok()) {
      complain(std::string(status.message()));
      return;
    }
    // The same bits on every machine.
    const float norm = Norm(node.vector());
    if (std::bit_cast<std::uint32_t>(norm) == std::bit_cast<std::uint32_t>(node.norm())) return;
    complain("length of the vector " + std::to_string(node.norm()) + ", expected " +
             std::to_string(norm));
  }

  // Reserved bytes and gaps. Codes have no rule of their own: any bytes are an estimate.
  template <typename Complaint>
  void CheckPadding(SlotId slot, const Complaint& complain) const {
    const std::span<const std::byte> block(
        core_.pages->page(PageOf(slot)) + layout_.OffsetInPage(slot), layout_.block_bytes());
    const std::size_t vector_end = layout_.vector_offset() + layout_.dimensions() * sizeof(float);
    const std::size_t links_end = layout_.links_offset() + layout_.max_links0() * sizeof(SlotId);
    const bool zero = AllZero(block.subspan(vector_end, layout_.links_offset() - vector_end)) &&
                      AllZero(block.subspan(links_end, layout_.codes_offset() - links_end));
    if (!zero) complain("reserved bytes are not zero");
  }

  // Slots behind those ever used, as far as their pages are in use.
  void CheckUnusedSlots() {
    const std::uint64_t end = AlignUp(state_.node_slots, kSlotsPerPage);
    for (std::uint64_t i = state_.node_slots; i < end; ++i) {
      const auto slot = static_cast<SlotId>(i);
      const PageRef page{SegmentKind::kNodeSlots, SlotBitsPage(Raw(slot))};
      if (bad_.Contains(page) || core_.slots->state(slot) == SlotState::kFree) continue;
      Complain(page, "slot " + std::to_string(i) + " is not free, expected only the first " +
                         std::to_string(state_.node_slots) + " to be used");
    }
  }

  void CheckCounts() {
    if (state_.reserved_id < state_.next_id) {
      ComplainOfState("ids are reserved up to " + std::to_string(state_.reserved_id) +
                      ", but given up to " + std::to_string(state_.next_id));
    }
    if (bad_.AnyOf(SegmentKind::kNodeSlots) || (live_ == state_.live && dead_ == state_.dead))
      return;
    ComplainOfState("slots say " + std::to_string(live_) + " live and " + std::to_string(dead_) +
                    " dead patterns, the last commit says " + std::to_string(state_.live) +
                    " and " + std::to_string(state_.dead));
  }

  // No version is held twice, and no pattern lives twice.
  void CheckUnique() {
    std::sort(versions_.begin(), versions_.end(),
              [](const StoredVersion& a, const StoredVersion& b) {
                return std::tuple(a.id, a.version, a.slot) < std::tuple(b.id, b.version, b.slot);
              });
    const StoredVersion* live = nullptr;
    for (std::size_t i = 0; i < versions_.size(); ++i) {
      const StoredVersion& version = versions_[i];
      if (i > 0 && versions_[i - 1].id == version.id &&
          versions_[i - 1].version == version.version) {
        ComplainTwice(versions_[i - 1], version, "hold the same version");
      }
      if (!version.live) continue;
      if (live != nullptr && live->id == version.id) {
        ComplainTwice(*live, version, "both hold it live");
      }
      live = &version;
    }
  }

  void ComplainTwice(const StoredVersion& a, const StoredVersion& b, const std::string& what) {
    Complain(PageOf(b.slot), "pattern " + std::to_string(b.id) + ": slots " +
                                 std::to_string(Raw(a.slot)) + " and " +
                                 std::to_string(Raw(b.slot)) + " " + what);
  }

  const Core& core_;
  const NodeLayout& layout_;
  const StoreState& state_;
  const Lsn last_;
  const BadPages& bad_;
  Findings& findings_;
  std::vector<StoredVersion> versions_;
  std::uint64_t live_ = 0;
  std::uint64_t dead_ = 0;
};

}  // namespace

std::vector<StoredVersion> CheckNodes(const Core& core, const StoreState& state, Lsn last,
                                      const BadPages& bad, Findings& findings) {
  return NodeChecker(core, state, last, bad, findings).Run();
}

}  // namespace engram
