#include "index/node_layout.h"

#include <string>

#include "storage/base/coding.h"

namespace engram {
namespace {

constexpr std::uint32_t kFactorsPerCode = 2;  // floats that go with each code

std::uint32_t RoundUp(std::uint32_t value, std::uint32_t unit) {
  return (value + unit - 1) / unit * unit;
}

Status OutOfRange(const char* what, std::uint32_t value, std::uint32_t low, std::uint32_t high) {
  return Status::InvalidArgument(std::string(what) + " is " + std::to_string(value) +
                                 ", expected " + std::to_string(low) + " to " +
                                 std::to_string(high));
}

// The smallest page whose bytes outside of header and whole blocks are at most a quarter of it.
std::uint32_t PageBytesFor(std::uint32_t block_bytes) {
  constexpr std::uint32_t kUnit = kBlockBytes;
  constexpr std::uint32_t kHeader = kPageHeaderBytes;
  std::uint32_t page_bytes = RoundUp(kHeader + block_bytes, kUnit);
  while ((page_bytes - kHeader) % block_bytes > page_bytes / 4) page_bytes += kUnit;
  return page_bytes;
}

}  // namespace

Result<NodeLayout> NodeLayout::Create(const StoreParameters& parameters) {
  const std::uint32_t d = parameters.dimensions;
  const std::uint32_t m = parameters.m;
  if (d < 1 || d > kMaxDimensions) return OutOfRange("number of dimensions", d, 1, kMaxDimensions);
  if (m < kMinM || m > kMaxM) return OutOfRange("m", m, kMinM, kMaxM);
  if (parameters.code_bits > kMaxCodeBits) {
    return OutOfRange("number of code bits", parameters.code_bits, 0, kMaxCodeBits);
  }

  constexpr std::uint32_t kLine = kCacheLineBytes;
  NodeLayout layout;
  layout.dimensions_ = d;
  layout.max_links_ = m;
  layout.max_links0_ = 2 * m;
  // Links begin on a line of their own: they change while a scan reads the vector.
  layout.links_offset_ = RoundUp(layout.vector_offset() + d * std::uint32_t{sizeof(float)}, kLine);
  layout.codes_offset_ =
      RoundUp(layout.links_offset_ + layout.max_links0_ * std::uint32_t{sizeof(SlotId)}, kLine);
  const std::uint32_t code_bytes = parameters.code_bits == 0
                                       ? 0
                                       : parameters.code_bits * RoundUp(d, 64) / 8 +
                                             kFactorsPerCode * std::uint32_t{sizeof(float)};
  layout.block_bytes_ = RoundUp(layout.codes_offset_ + layout.max_links0_ * code_bytes, kLine);
  layout.page_bytes_ = PageBytesFor(layout.block_bytes_);
  if (parameters.page_bytes != 0 && parameters.page_bytes != layout.page_bytes_) {
    return Status::CorruptedIndex("page size is " + std::to_string(parameters.page_bytes) +
                                  " bytes, expected " + std::to_string(layout.page_bytes_) +
                                  " for " + std::to_string(d) + " dimensions and m " +
                                  std::to_string(m));
  }

  const auto room = layout.page_bytes_ - static_cast<std::uint32_t>(kPageHeaderBytes);
  layout.blocks_per_page_ = room / layout.block_bytes_;
  layout.reciprocal_ = ~std::uint64_t{0} / layout.blocks_per_page_ + 1;
  layout.upper_block_bytes_ =
      RoundUp(std::uint32_t{sizeof(UpperHeader)} + m * std::uint32_t{sizeof(SlotId)}, 16);
  layout.upper_blocks_per_page_ = room / layout.upper_block_bytes_;
  return layout;
}

}  // namespace engram
