#include "index/graph.h"

namespace engram {

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
