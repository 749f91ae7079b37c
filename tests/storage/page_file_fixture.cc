#include "tests/storage/page_file_fixture.h"

#include <cstring>

#include "storage/base/coding.h"
#include "storage/base/posix_file_system.h"
#include "storage/superblock.h"

namespace engram {

Superblock FirstSuperblock() {
  Superblock first{};
  first.store_id = kTestStoreId;
  first.created_us = 1'700'000'000'000'000;
  first.log_generation = 1;
  first.parameters.seed = 7;
  first.parameters.dimensions = 8;
  first.parameters.m = 16;
  first.parameters.metric = Metric::kCosine;
  first.parameters.page_bytes = 8192;
  first.parameters.journal_blocks = 64;
  first.state.next_id = 1;
  first.state.reserved_id = 1;
  first.state.entry_point = SlotId::kNone;
  return first;
}

Superblock ValidSuperblock() {
  Superblock superblock = FirstSuperblock();
  superblock.magic = kSuperblockMagic;
  superblock.format_version = kFormatVersion;
  superblock.slot = 1;
  superblock.checkpoint = 5;
  superblock.lsn = static_cast<Lsn>(90);
  superblock.state.node_slots = 10;
  superblock.state.live = 6;
  superblock.state.dead = 3;
  superblock.state.entry_point = static_cast<SlotId>(9);
  superblock.state.top_level = 2;
  SealSuperblock(superblock);
  return superblock;
}

PageFileTest::PageFileTest() : fs_(MakePosixFileSystem()), path_(dir_.File("graph.engram")) {}

void PageFileTest::Create() {
  const Status status = PageFile::Create(*fs_, path_, FirstSuperblock());
  ASSERT_TRUE(status.ok()) << status;
}

Result<std::unique_ptr<PageFile>> PageFileTest::TryOpen() const {
  return PageFile::Open(*fs_, path_, OpenMode::kReadWrite);
}

std::unique_ptr<PageFile> PageFileTest::Open() const {
  auto file = TryOpen();
  EXPECT_TRUE(file.ok()) << file.status();
  return std::move(file).value();
}

void PageFileTest::Grow(PageFile& file, SegmentKind segment, std::uint32_t pages) const {
  const auto extent = file.ReserveExtent(segment, pages);
  ASSERT_TRUE(extent.ok()) << extent.status();
  const Status status = file.AddExtent(file.ExtentCount(segment), *extent);
  ASSERT_TRUE(status.ok()) << status;
}

void PageFileTest::Checkpoint(PageFile& file, std::uint64_t lsn) const {
  Superblock next = file.superblock();
  ++next.checkpoint;
  next.lsn = static_cast<Lsn>(lsn);
  const Status status = file.WriteSuperblock(next, file.Extents());
  ASSERT_TRUE(status.ok()) << status;
}

std::vector<std::byte> PageFileTest::ReadAll(const std::string& path) const {
  auto file = fs_->Open(path, OpenMode::kRead);
  EXPECT_TRUE(file.ok()) << file.status();
  std::vector<std::byte> bytes((*file)->Size().value());
  EXPECT_TRUE(ReadExactly(**file, 0, bytes).ok());
  return bytes;
}

void PageFileTest::WriteAt(const std::string& path, std::uint64_t offset,
                           std::span<const std::byte> bytes) const {
  auto file = fs_->Open(path, OpenMode::kReadWrite);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->WriteAt(offset, bytes).ok());
}

void PageFileTest::SetSize(const std::string& path, std::uint64_t bytes) const {
  auto file = fs_->Open(path, OpenMode::kReadWrite);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Truncate(bytes).ok());
}

std::vector<std::byte> MakePage(PageRef ref, std::uint32_t page_bytes, std::uint32_t salt) {
  std::vector<std::byte> page(page_bytes);
  for (std::size_t i = 0; i < page.size(); ++i) {
    page[i] = static_cast<std::byte>(i * 7 + salt * 13 + Raw(ref.page));
  }
  PageHeader header{};
  header.lsn = static_cast<Lsn>(salt);
  header.page = Raw(ref.page);
  header.segment = ref.segment;
  StoreAs(page.data(), header);
  SealPage(page, kTestStoreId);
  return page;
}

}  // namespace engram
