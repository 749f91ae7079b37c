// Pages in memory over a page file on a real disk, resident and mapped. For tests of storage.
// Threads: one thread.
#ifndef ENGRAM_TESTS_STORAGE_PAGE_SPACE_FIXTURE_H_
#define ENGRAM_TESTS_STORAGE_PAGE_SPACE_FIXTURE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <engram/options.h>
#include <gtest/gtest.h>

#include "storage/page_file.h"
#include "storage/page_space.h"
#include "tests/storage/page_file_fixture.h"

namespace engram {

inline constexpr std::uint64_t kStoreId = kTestStoreId;

inline PageRef Node(std::uint32_t page) { return {SegmentKind::kNodes, static_cast<PageId>(page)}; }

inline constexpr std::array<std::uint32_t, kSegments> kSizes = {8192, 8192, 4096, 4096};

// Resident, and mapped over a page file.
class PageSpaceTest : public PageFileTest, public testing::WithParamInterface<Residency> {
 protected:
  void SetUp() override {
    Create();
    file_ = Open();
    MakeSpace(0);
  }

  void MakeSpace(std::uint32_t nodes_in_use) {
    space_.reset();
    MappedFile mapped;
    if (GetParam() == Residency::kMapped) mapped = {file_.get(), nodes_in_use};
    auto space = PageSpace::Create(kStoreId, kSizes, 64 << 20, mapped);
    ASSERT_TRUE(space.ok()) << space.status();
    space_ = std::move(*space);
    std::array<std::uint32_t, kSegments> first{};
    for (const ExtentEntry& extent : file_->Extents()) {
      ASSERT_TRUE(space_->AddExtent(first[IndexOf(extent.segment)], extent).ok());
      first[IndexOf(extent.segment)] += extent.pages;
    }
  }

  // By an extent of the file, to so many pages in all.
  void Extend(SegmentKind segment, std::uint32_t pages) {
    const std::uint32_t have = file_->PageCount(segment);
    const auto extent = file_->ReserveExtent(segment, pages - have);
    ASSERT_TRUE(extent.ok()) << extent.status();
    const Status status = space_->AddExtent(have, *extent);
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_TRUE(file_->AddExtent(file_->ExtentCount(segment), *extent).ok());
  }

  // Takes everything in slices of `slice` bytes.
  PageSpace::Images TakeAll(std::uint64_t slice) {
    PageSpace::Images images;
    PageSpace::Cursor cursor;
    while (!space_->TakeImages(cursor, slice, images)) {
    }
    return images;
  }

  // Images into the file, sealed, and synced.
  void WriteImages(PageSpace::Images& images) {
    std::vector<PageImage> sealed;
    for (std::size_t i = 0; i < images.refs.size(); ++i) {
      SealPage(images.pages[i], kStoreId);
      sealed.push_back({images.refs[i], images.pages[i]});
    }
    ASSERT_TRUE(file_->WritePages(sealed).ok());
    ASSERT_TRUE(file_->Sync().ok());
  }
  void Drop(const PageSpace::Images& images, std::uint64_t slice = 1 << 20) {
    std::size_t next = 0;
    while (!space_->DropCopies(images.refs, next, slice)) {
    }
  }

  std::unique_ptr<PageFile> file_;
  std::unique_ptr<PageSpace> space_;
};

inline const auto kResidencies = testing::Values(Residency::kResident, Residency::kMapped);
inline std::string NameOfResidency(const testing::TestParamInfo<Residency>& residency) {
  return std::string(ResidencyName(residency.param));
}

}  // namespace engram

#endif  // ENGRAM_TESTS_STORAGE_PAGE_SPACE_FIXTURE_H_
