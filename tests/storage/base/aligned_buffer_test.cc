#include "storage/base/aligned_buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace engram {
namespace {

TEST(AlignedBuffer, LiesOnABlock) {
  const auto buffer = AlignedBuffer::Allocate(5000);
  ASSERT_TRUE(buffer.ok()) << buffer.status();
  EXPECT_EQ(buffer->size(), 5000u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->data()) % 4096, 0u);
}

TEST(AlignedBuffer, LargeOnesHoldWhatIsWritten) {
  AlignedBuffer buffer((3 << 20) + 1);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 4096, 0u);
  for (std::size_t i = 0; i < buffer.size(); i += 4093) buffer.data()[i] = std::byte{7};
  AlignedBuffer moved = std::move(buffer);
  for (std::size_t i = 0; i < moved.size(); i += 4093) ASSERT_EQ(moved.data()[i], std::byte{7});
}

TEST(AlignedBuffer, ASizeThatMemoryHasNoRoomForIsAnError) {
  EXPECT_EQ(AlignedBuffer::Allocate(SIZE_MAX).code(), Code::kIoError);
  EXPECT_EQ(AlignedBuffer::Allocate(SIZE_MAX - 4096 + 1).code(), Code::kIoError);
}

}  // namespace
}  // namespace engram
