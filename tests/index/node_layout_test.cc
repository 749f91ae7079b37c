#include "index/node_layout.h"

#include <gtest/gtest.h>

namespace engram {
namespace {

StoreParameters Parameters(std::uint32_t dimensions, std::uint32_t m, std::uint8_t code_bits = 0) {
  StoreParameters parameters{};
  parameters.dimensions = dimensions;
  parameters.m = m;
  parameters.metric = Metric::kL2;
  parameters.code_bits = code_bits;
  return parameters;
}

TEST(NodeLayout, FiveBlocksOf128DimensionsAndSixteenLinksFillOnePage) {
  const auto layout = NodeLayout::Create(Parameters(128, 16));
  ASSERT_TRUE(layout.ok());
  EXPECT_EQ(layout->vector_offset(), 64U);
  EXPECT_EQ(layout->links_offset(), 576U);
  EXPECT_EQ(layout->codes_offset(), 704U);
  EXPECT_EQ(layout->block_bytes(), 704U);
  EXPECT_EQ(layout->page_bytes(), 4096U);
  EXPECT_EQ(layout->blocks_per_page(), 5U);
  EXPECT_EQ(layout->upper_block_bytes(), 80U);
  EXPECT_EQ(layout->upper_blocks_per_page(), 50U);
}

TEST(NodeLayout, CodesLieBehindTheLinks) {
  const auto layout = NodeLayout::Create(Parameters(100, 16, 2));
  ASSERT_TRUE(layout.ok());
  EXPECT_EQ(layout->links_offset(), 64U + 448U);
  EXPECT_EQ(layout->codes_offset(), 512U + 128U);
  EXPECT_EQ(layout->block_bytes(), 640U + 32U * (2U * 128U / 8U + 8U));
}

TEST(NodeLayout, EveryShapeKeepsItsRules) {
  for (const std::uint32_t d :
       {1U, 2U, 15U, 16U, 17U, 100U, 128U, 384U, 768U, 1000U, 1536U, 4096U, 16384U}) {
    for (const std::uint32_t m : {2U, 3U, 16U, 17U, 128U}) {
      for (std::uint8_t bits = 0; bits <= 3; ++bits) {
        SCOPED_TRACE(testing::Message() << "d " << d << " m " << m << " bits " << int{bits});
        const auto layout = NodeLayout::Create(Parameters(d, m, bits));
        ASSERT_TRUE(layout.ok());
        EXPECT_EQ(layout->max_links0(), 2 * m);
        EXPECT_GE(layout->links_offset(), 64 + 4 * d);
        EXPECT_GE(layout->codes_offset(), layout->links_offset() + 8 * m);
        EXPECT_GE(layout->block_bytes(), layout->codes_offset());
        EXPECT_EQ(layout->links_offset() % 64, 0U);
        EXPECT_EQ(layout->codes_offset() % 64, 0U);
        EXPECT_EQ(layout->block_bytes() % 64, 0U);
        EXPECT_EQ(layout->page_bytes() % 4096, 0U);
        const std::uint32_t used = 64 + layout->blocks_per_page() * layout->block_bytes();
        ASSERT_LE(used, layout->page_bytes());
        EXPECT_LE((layout->page_bytes() - used) * 4, layout->page_bytes());
        for (std::uint32_t smaller = 4096; smaller < layout->page_bytes(); smaller += 4096) {
          const std::uint32_t blocks = (smaller - 64) / layout->block_bytes();
          EXPECT_TRUE(blocks == 0 || (smaller - 64 - blocks * layout->block_bytes()) * 4 > smaller)
              << "a page of " << smaller << " would do";
        }
        EXPECT_GE(layout->upper_block_bytes(), 16 + 4 * m);
        EXPECT_EQ(layout->upper_block_bytes() % 16, 0U);
        EXPECT_LE(64 + layout->upper_blocks_per_page() * layout->upper_block_bytes(),
                  layout->page_bytes());
      }
    }
  }
}

TEST(NodeLayout, BlocksFollowEachOtherAndStayWithinTheirPage) {
  const auto layout = NodeLayout::Create(Parameters(128, 16));
  ASSERT_TRUE(layout.ok());
  EXPECT_EQ(layout->OffsetInSegment(SlotId{0}), 64U);
  EXPECT_EQ(layout->OffsetInSegment(SlotId{4}), 64U + 4 * 704U);
  EXPECT_EQ(layout->OffsetInSegment(SlotId{5}), 4096U + 64U);
  EXPECT_EQ(layout->PageOf(SlotId{14}), PageId{2});
  EXPECT_EQ(layout->OffsetInPage(SlotId{14}), 64U + 4 * 704U);
  // Far beyond 32 bits of bytes.
  EXPECT_EQ(layout->OffsetInSegment(SlotId{4000000000U}), 800000000ULL * 4096 + 64);
}

TEST(NodeLayout, RefusesWhatIsOutOfRange) {
  for (const auto& bad : {Parameters(0, 16), Parameters(16385, 16), Parameters(8, 1),
                          Parameters(8, 129), Parameters(8, 16, 4)}) {
    EXPECT_EQ(NodeLayout::Create(bad).code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(NodeLayout::Create(Parameters(0, 16)).status().message(),
            "number of dimensions is 0, expected 1 to 16384");
}

TEST(NodeLayout, APageSizeThatDoesNotFitTheParametersIsCorruption) {
  StoreParameters parameters = Parameters(128, 16);
  parameters.page_bytes = 4096;
  EXPECT_TRUE(NodeLayout::Create(parameters).ok());
  parameters.page_bytes = 8192;
  const auto layout = NodeLayout::Create(parameters);
  EXPECT_EQ(layout.code(), Code::kCorruptedIndex);
  EXPECT_EQ(layout.status().message(),
            "page size is 8192 bytes, expected 4096 for 128 dimensions and m 16");
}

}  // namespace
}  // namespace engram
