#include "tests/support/sim_bytes.h"

#include <algorithm>
#include <cstring>

namespace engram {

const SimBytes::Chunk* SimBytes::FindChunk(std::uint64_t offset) const {
  const std::size_t leaf_index = static_cast<std::size_t>(offset / kLeafBytes);
  if (leaf_index >= leaves_.size()) return nullptr;
  const Leaf* leaf = leaves_[leaf_index].get();
  if (leaf == nullptr) return nullptr;
  return (*leaf)[static_cast<std::size_t>(offset % kLeafBytes) / kChunkBytes].get();
}

std::size_t SimBytes::Read(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset >= size_) return 0;
  const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_ - offset));
  std::size_t done = 0;
  while (done < length) {
    const auto inside = static_cast<std::size_t>((offset + done) % kChunkBytes);
    const std::size_t piece = std::min(length - done, kChunkBytes - inside);
    if (const Chunk* chunk = FindChunk(offset + done); chunk != nullptr) {
      std::memcpy(out.data() + done, chunk->data() + inside, piece);
    } else {
      std::memset(out.data() + done, 0, piece);
    }
    done += piece;
  }
  return length;
}

void SimBytes::Write(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  GrowTo(offset + bytes.size());
  std::size_t done = 0;
  while (done < bytes.size()) {
    const std::uint64_t at = offset + done;
    const auto inside = static_cast<std::size_t>(at % kChunkBytes);
    const std::size_t piece = std::min(bytes.size() - done, kChunkBytes - inside);
    Leaf& leaf = leaves_[static_cast<std::size_t>(at / kLeafBytes)].Mutable();
    Chunk& chunk = leaf[static_cast<std::size_t>(at % kLeafBytes) / kChunkBytes].Mutable();
    std::memcpy(chunk.data() + inside, bytes.data() + done, piece);
    done += piece;
  }
}

void SimBytes::Resize(std::uint64_t size) {
  const std::uint64_t old_size = size_;
  size_ = size;
  leaves_.resize(static_cast<std::size_t>((size + kLeafBytes - 1) / kLeafBytes));
  if (size >= old_size || size % kLeafBytes == 0 || leaves_.back().get() == nullptr) return;
  const auto inside_leaf = static_cast<std::size_t>(size % kLeafBytes);
  Leaf& leaf = leaves_.back().Mutable();
  const std::size_t first_gone = (inside_leaf + kChunkBytes - 1) / kChunkBytes;
  for (std::size_t i = first_gone; i < kChunksPerLeaf; ++i) leaf[i] = {};
  const std::size_t inside = inside_leaf % kChunkBytes;
  if (inside == 0 || leaf[first_gone - 1].get() == nullptr) return;
  Chunk& chunk = leaf[first_gone - 1].Mutable();
  std::fill(chunk.begin() + static_cast<std::ptrdiff_t>(inside), chunk.end(), std::byte{0});
}

void SimBytes::GrowTo(std::uint64_t size) {
  if (size > size_) Resize(size);
}

void SimBytes::Clear(std::uint64_t offset, std::uint64_t length) {
  if (offset >= size_) return;
  const std::uint64_t end = offset + std::min(length, size_ - offset);
  for (std::uint64_t at = offset; at < end; at = (at / kChunkBytes + 1) * kChunkBytes) {
    if (FindChunk(at) == nullptr) continue;
    const auto inside = static_cast<std::size_t>(at % kChunkBytes);
    const auto piece =
        static_cast<std::size_t>(std::min<std::uint64_t>(end - at, kChunkBytes - inside));
    Leaf& leaf = leaves_[static_cast<std::size_t>(at / kLeafBytes)].Mutable();
    CowPtr<Chunk>& chunk = leaf[static_cast<std::size_t>(at % kLeafBytes) / kChunkBytes];
    if (piece == kChunkBytes) {
      chunk = {};
    } else {
      std::memset(chunk.Mutable().data() + inside, 0, piece);
    }
  }
}

std::string SimBytes::ToString() const {
  std::string text(static_cast<std::size_t>(size_), '\0');
  Read(0, std::as_writable_bytes(std::span<char>(text)));
  return text;
}

bool operator==(const SimBytes& a, const SimBytes& b) {
  if (a.size_ != b.size_) return false;
  static constexpr SimBytes::Chunk kZeros{};
  for (std::uint64_t at = 0; at < a.size_; at += SimBytes::kChunkBytes) {
    const SimBytes::Chunk* left = a.FindChunk(at);
    const SimBytes::Chunk* right = b.FindChunk(at);
    if (left == right) continue;
    // Bytes behind the end are zero in both, so whole chunks compare.
    if ((left != nullptr ? *left : kZeros) != (right != nullptr ? *right : kZeros)) return false;
  }
  return true;
}

}  // namespace engram
