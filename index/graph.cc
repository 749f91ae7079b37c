#include "index/graph.h"

#include <algorithm>

#include "storage/base/aligned_buffer.h"
#include "storage/base/coding.h"

namespace engram {
namespace {

// The largest vector, and more than links of the largest m take.
constexpr std::size_t kEmptyBlockBytes = kMaxDimensions * sizeof(float) + 16384;

AlignedBuffer MakeEmptyBlock() {
  AlignedBuffer block(kEmptyBlockBytes);
  std::fill(block.span().begin(), block.span().end(), std::byte{0});
  NodeHeader header{};
  header.norm = 1;  // a vector of length 0 has no cosine
  header.upper = kNoUpper;
  StoreAs(block.data(), header);
  return block;
}

}  // namespace

const std::byte* Graph::EmptyBlock() {
  static const AlignedBuffer block = MakeEmptyBlock();
  return block.data();
}

std::optional<std::uint32_t> Graph::UpperBlock(SlotId slot, std::uint32_t level) const {
  const ConstNodeView node = Node(slot);
  if (level > node.level()) return std::nullopt;
  std::uint32_t block = node.upper();
  for (std::uint32_t at = 1;; ++at) {
    if (!HasUpper(block)) return std::nullopt;
    const ConstUpperView upper = Upper(block);
    if (upper.node() != slot || upper.level() != at) return std::nullopt;
    if (at == level) return block;
    block = upper.above();
  }
}

ConstLinks Graph::LinksAt(SlotId slot, std::uint32_t level) const {
  if (level == 0) return Node(slot).links();
  const std::optional<std::uint32_t> block = UpperBlock(slot, level);
  return block ? Upper(*block).links() : ConstLinks();
}

}  // namespace engram
