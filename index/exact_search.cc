#include "index/exact_search.h"

#include <algorithm>
#include <bit>

#include "index/node_view.h"
#include "storage/slot_bits.h"

namespace engram {
namespace {

constexpr std::uint32_t kSlotsBetweenChecks = 1024;
static_assert(kSlotsBetweenChecks % kSlotsPerWord == 0);

// How far ahead of the distance computation blocks are asked for: about kAheadBytes of what is read
// of them, into the second-level cache, since the first level has too few lines on their way to use
// all of the memory's bandwidth. The processor's own prefetcher does not follow from page to page,
// nor over the links between two vectors; but it does see to the rest of a vector longer than
// kMaxPrefetchBytes. Chosen by measurement at d 128 and 768 (docs/benchmarks.md).
constexpr std::size_t kMaxAhead = 32;
constexpr std::size_t kAheadBytes = 16384;
constexpr std::size_t kMaxPrefetchBytes = 4096;
constexpr int kIntoSecondLevel = 2;

// One bit of two for each slot that is live or dead: a dead one may be seen by an older snapshot.
std::uint64_t MaybeVisible(std::uint64_t states) {
  static_assert(static_cast<int>(SlotState::kLive) == 1 && static_cast<int>(SlotState::kDead) == 2);
  return (states ^ states >> 1) & 0x5555555555555555;
}

// Drops the bits of slots outside of begin <= s < end from the word that starts with slot `first`.
std::uint64_t Within(std::uint64_t bits, std::uint32_t first, std::uint32_t begin,
                     std::uint32_t end) {
  if (begin > first) bits &= ~std::uint64_t{0} << SlotBitsShift(begin);
  if (end - first < kSlotsPerWord) bits &= ~(~std::uint64_t{0} << SlotBitsShift(end));
  return bits;
}

// The address of a slot's block, for slots in increasing order: additions instead of a division.
class BlockCursor {
 public:
  BlockCursor(const ScanSource& source, std::uint32_t slot)
      : page_bytes_(source.layout->page_bytes()),
        block_bytes_(source.layout->block_bytes()),
        blocks_per_page_(source.layout->blocks_per_page()),
        number_(slot / blocks_per_page_),
        page_(source.nodes + std::size_t{number_} * page_bytes_),
        slot_(slot),
        index_(slot % blocks_per_page_) {}

  // Pre: not less than the slot before.
  const std::byte* MoveTo(std::uint32_t slot) {
    index_ += slot - slot_;
    slot_ = slot;
    while (index_ >= blocks_per_page_) {
      index_ -= blocks_per_page_;
      page_ += page_bytes_;
      ++number_;
    }
    return page_ + kPageHeaderBytes + std::size_t{index_} * block_bytes_;
  }
  // That it lies in.
  PageId page() const { return static_cast<PageId>(number_); }

 private:
  std::size_t page_bytes_;
  std::size_t block_bytes_;
  std::uint32_t blocks_per_page_;
  std::uint32_t number_;  // of the page
  const std::byte* page_;
  std::uint32_t slot_;
  std::uint32_t index_;
};

// Blocks on their way from memory, worked on in the order in which they were asked for.
class Scorer {
 public:
  Scorer(const ScanSource& source, const ScanRequest& request, TopK* top)
      : layout_(*source.layout), query_(*request.query), sight_(request.sight), top_(*top) {
    const std::size_t touched = sizeof(NodeHeader) + layout_.dimensions() * sizeof(float);
    prefetch_bytes_ = std::min(touched, kMaxPrefetchBytes);
    ahead_ = std::clamp<std::size_t>(kAheadBytes / touched, 1, kMaxAhead);
  }

  void Add(const std::byte* block, std::uint32_t slot) {
    for (std::size_t at = 0; at < prefetch_bytes_; at += kCacheLineBytes) {
      __builtin_prefetch(block + at, 0, kIntoSecondLevel);
    }
    if (added_ - scored_ == ahead_) ScoreNext();
    waiting_[added_++ % kMaxAhead] = {block, slot};
  }

  void Finish() {
    while (scored_ < added_) ScoreNext();
  }

  std::uint64_t compared() const { return compared_; }

 private:
  struct Waiting {
    const std::byte* block;
    std::uint32_t slot;
  };

  void ScoreNext() {
    const Waiting next = waiting_[scored_++ % kMaxAhead];
    const ConstNodeView node(next.block, layout_);
    if (!sight_.Sees(node)) return;
    const float distance = query_.Distance(node.vector().data(), node.norm());
    top_.Push({distance, static_cast<SlotId>(next.slot), node.id()});
    ++compared_;
  }

  const NodeLayout& layout_;
  const QueryScorer& query_;
  const Sight sight_;
  TopK& top_;
  std::size_t prefetch_bytes_;
  std::size_t ahead_;
  Waiting waiting_[kMaxAhead];
  std::size_t added_ = 0;
  std::size_t scored_ = 0;
  std::uint64_t compared_ = 0;
};

bool MustStop(const ScanRequest& request, const std::atomic<bool>* stop) {
  // relaxed: nothing is read on the strength of it.
  if (stop != nullptr && stop->load(std::memory_order_relaxed)) return true;
  return request.deadline && std::chrono::steady_clock::now() >= *request.deadline;
}

}  // namespace

bool ScanRange(const ScanSource& source, const ScanRequest& request, SlotId begin, SlotId end,
               const std::atomic<bool>* stop, TopK* top, ScanStats* stats) {
  const auto from = static_cast<std::uint32_t>(begin);
  const std::uint32_t to = std::min(static_cast<std::uint32_t>(end), source.node_slots);
  if (MustStop(request, stop)) return false;
  if (from >= to) return true;

  Scorer scorer(source, request, top);
  BlockCursor cursor(source, from);
  bool complete = true;
  std::uint32_t at = from;  // the first slot not looked at
  while (at < to) {
    const std::uint32_t first = at / kSlotsPerWord * kSlotsPerWord;
    if (first % kSlotsBetweenChecks == 0 && MustStop(request, stop)) {
      complete = false;
      break;
    }
    std::uint64_t bits = Within(MaybeVisible(LoadSlotWord(source.slots, first)), first, from, to);
    for (; bits != 0; bits &= bits - 1) {
      const std::uint32_t slot = first + static_cast<std::uint32_t>(std::countr_zero(bits)) / 2;
      const std::byte* block = cursor.MoveTo(slot);
      if (source.guard.MayUse(cursor.page())) scorer.Add(block, slot);
    }
    at = to - first > kSlotsPerWord ? first + kSlotsPerWord : to;
  }
  scorer.Finish();
  stats->slots += at - from;
  stats->compared += scorer.compared();
  return complete;
}

}  // namespace engram
