#include "engine/page_loader.h"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "index/node_layout.h"
#include "storage/base/coding.h"
#include "storage/journal.h"
#include "tests/engine/raw_store_fixture.h"
#include "tests/support/sound_store.h"

namespace engram {
namespace {

// A store whose newest checkpoint has cut the nodes' pages that nobody uses, and given their space
// back, while the journal still speaks of them.
class LoadCutPagesTest : public RawStoreTest, public testing::WithParamInterface<Residency> {
 protected:
  static constexpr SegmentKind kNodes = SegmentKind::kNodes;

  void SetUp() override {
    MakeStore(End::kClosed);
    ASSERT_NO_FATAL_FAILURE(OpenForWriting());
    const auto layout = NodeLayout::Create(pages_->parameters());
    ASSERT_TRUE(layout.ok());
    in_use_ = PagesInUse(*layout, pages_->superblock().state, kNodes);
    before_ = pages_->PageCount(kNodes);
    ASSERT_GT(in_use_, 1u);
    ASSERT_GT(before_, in_use_);
    ASSERT_TRUE(pages_->CutSegment(kNodes, in_use_).ok());
    Superblock next = pages_->superblock();
    ++next.checkpoint;
    ASSERT_TRUE(pages_->WriteSuperblock(next, pages_->Extents()).ok());
    ASSERT_TRUE(pages_->ReleaseUnused().ok());
  }

  void OpenForWriting() {
    auto pages = PageFile::Open(*files_, PathOf("graph.engram"), OpenMode::kReadWrite);
    ASSERT_TRUE(pages.ok()) << pages.status();
    pages_ = std::move(*pages);
  }

  // Of all pages there ever were: those in use as they lie in the file, the others as they might
  // have been before they were cut.
  void FillJournal(std::uint64_t checkpoint) {
    const std::size_t size = pages_->PageBytes(kNodes);
    const std::uint64_t store_id = pages_->superblock().store_id;
    std::vector<std::byte> bytes(before_ * size);
    ASSERT_TRUE(pages_->ReadPages(kNodes, 0, in_use_, std::span(bytes).first(in_use_ * size)).ok());
    std::vector<PageImage> images;
    for (std::uint32_t i = 0; i < before_; ++i) {
      const std::span<std::byte> page = std::span(bytes).subspan(i * size, size);
      if (i >= in_use_) {
        PageHeader header{};
        header.page = i;
        header.segment = kNodes;
        StoreAs(page.data(), header);
        SealPage(page, store_id);
      }
      images.push_back({{kNodes, static_cast<PageId>(i)}, page});
    }
    const auto journal =
        Journal::Open(*files_, PathOf("graph.journal"), OpenMode::kReadWrite, store_id,
                      pages_->parameters().journal_blocks * std::uint64_t{kBlockBytes});
    ASSERT_TRUE(journal.ok()) << journal.status();
    ASSERT_EQ((*journal)->FitRound(images), images.size());
    const auto generation = static_cast<std::uint32_t>(pages_->superblock().log_generation);
    ASSERT_TRUE((*journal)->WriteRound({generation, checkpoint, 0}, images).ok());
  }

  void Tear(std::uint32_t page) {
    Flip("graph.engram", pages_->FileOffset({kNodes, static_cast<PageId>(page)}) + 300);
  }

  void ExpectNoFindings() const { ExpectSoundStore(files_, path()); }

  // Opens, looks at everything, grows over what was cut, and closes.
  void ExpectOpens(std::uint64_t restored) {
    const std::uint64_t checkpoint = pages_->superblock().checkpoint;
    pages_.reset();
    EngineOptions options = Options();
    options.options.residency = GetParam();
    {
      const std::unique_ptr<Engine> engine = OpenEngine(options);
      ASSERT_NE(engine, nullptr);
      EXPECT_EQ(engine->GetStats()->restored_pages, restored);
      EXPECT_EQ(engine->core().page_file->superblock().checkpoint, checkpoint);
      EXPECT_EQ(engine->core().page_file->PageCount(kNodes), in_use_);
      std::uint64_t patterns = 0;
      const auto count = [&](const Pattern&) {
        ++patterns;
        return true;
      };
      ASSERT_TRUE(engine->ForEach(count, {}).ok());
      EXPECT_EQ(patterns, engine->GetStats()->count);
      for (int i = 0; i < 40; ++i) Insert(*engine, 20);
      EXPECT_GT(engine->core().page_file->PageCount(kNodes), before_);
      ASSERT_TRUE(engine->Close().ok());
    }
    ExpectNoFindings();
  }

  std::unique_ptr<PageFile> pages_;
  std::uint32_t in_use_ = 0;
  std::uint32_t before_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Residencies, LoadCutPagesTest,
                         testing::Values(Residency::kResident, Residency::kMapped),
                         [](const auto& residency) {
                           return std::string(ResidencyName(residency.param));
                         });

TEST_P(LoadCutPagesTest, ImagesOfAnOlderCheckpointAreNotLookedAt) {
  FillJournal(pages_->superblock().checkpoint - 1);
  ExpectNoFindings();
  ExpectOpens(0);
}

TEST_P(LoadCutPagesTest, ImagesOfTheCheckpointItselfMendWhatIsThereStill) {
  FillJournal(pages_->superblock().checkpoint);
  const bool looked_at = GetParam() == Residency::kResident;
  if (looked_at) Tear(in_use_ - 1);
  ExpectOpens(looked_at ? 1 : 0);
}

TEST_P(LoadCutPagesTest, OfAnUnfinishedCheckpointPagesThatAreGoneAreLeftOut) {
  FillJournal(pages_->superblock().checkpoint + 1);
  Tear(0);
  Tear(in_use_ - 1);
  ExpectOpens(2);
}

TEST_P(LoadCutPagesTest, OfAnUnfinishedCheckpointWithoutTornPagesToo) {
  FillJournal(pages_->superblock().checkpoint + 1);
  ExpectOpens(0);
}

// The newest superblock is lost: the one before it counts, and names no more.
TEST_P(LoadCutPagesTest, TheOlderSuperblockOpensWithTheSamePages) {
  FillJournal(pages_->superblock().checkpoint);
  Flip("graph.engram", SuperblockOffset(pages_->superblock().slot) + 60);
  ASSERT_NO_FATAL_FAILURE(OpenForWriting());
  EXPECT_EQ(pages_->PageCount(kNodes), in_use_);
  ExpectOpens(0);
}

}  // namespace
}  // namespace engram
