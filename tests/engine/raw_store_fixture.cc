#include "tests/engine/raw_store_fixture.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "engine/vector_rules.h"
#include "storage/base/aligned_buffer.h"
#include "storage/base/coding.h"
#include "storage/base/posix_file_system.h"
#include "storage/superblock.h"

namespace engram {

std::shared_ptr<FileSystem> RawStoreTest::MakeFiles() { return MakePosixFileSystem(); }

EngineOptions RawStoreTest::Options() const {
  EngineOptions config;
  config.file_system = files_;
  config.min_extent_bytes = 64 << 10;
  config.options.dimensions = kDimensions;
  config.options.m = 4;
  config.options.indexed_fields = {"kind", "size"};
  config.options.journal_bytes = 1 << 20;
  config.options.log_segment_bytes = 64 << 10;
  config.options.metadata_buffer_bytes = 1 << 20;
  config.options.background_threads = 0;
  config.options.search_threads = 1;
  return config;
}

std::unique_ptr<Engine> RawStoreTest::OpenEngine(EngineOptions options) {
  auto engine = Engine::Open(directory_, std::move(options), Engine::Access::kReadWrite);
  EXPECT_TRUE(engine.ok()) << engine.status();
  return engine.ok() ? std::move(*engine) : nullptr;
}

VectorView RawStoreTest::NextVector() {
  std::vector<float>& vector = vectors_.emplace_back();
  for (std::uint32_t i = 0; i < kDimensions; ++i) {
    vector.push_back(static_cast<float>(made_ * kDimensions + i) / 7.0F);
  }
  ++made_;
  return vector;
}

void RawStoreTest::Insert(Engine& engine, std::size_t count) {
  Transaction transaction;
  transaction.durability = Durability::kNone;
  for (std::size_t i = 0; i < count; ++i) {
    PendingInsert insert;
    insert.vector = NextVector();
    insert.norm = VectorNorm(insert.vector);
    insert.type = static_cast<TypeTag>(made_ % 3);
    if (made_ % 2 == 0) {
      Metadata metadata{{"kind", Value(static_cast<std::int64_t>(made_ % 5))}, {"name", "a name"}};
      if (made_ % 4 == 0) metadata.emplace("size", 1.5);
      insert.metadata = *EncodedMetadata(metadata);
    }
    transaction.ops.emplace_back(std::move(insert));
  }
  engine.Commit(transaction);
  ASSERT_TRUE(transaction.status.ok()) << transaction.status;
}

void RawStoreTest::Erase(Engine& engine, std::vector<PatternId> ids) {
  Transaction transaction;
  transaction.durability = Durability::kNone;
  for (const PatternId id : ids) transaction.ops.emplace_back(PendingErase{id});
  engine.Commit(transaction);
  ASSERT_TRUE(transaction.status.ok()) << transaction.status;
}

void RawStoreTest::UpdateVector(Engine& engine, PatternId id) {
  PendingUpdate update;
  update.id = id;
  update.vector = NextVector();
  update.norm = VectorNorm(*update.vector);
  Transaction transaction;
  transaction.durability = Durability::kNone;
  transaction.ops.emplace_back(std::move(update));
  engine.Commit(transaction);
  ASSERT_TRUE(transaction.status.ok()) << transaction.status;
}

void RawStoreTest::MakeStore(End end) {
  const std::unique_ptr<Engine> engine = OpenEngine();
  ASSERT_NE(engine, nullptr);
  for (std::size_t made = 0; made < kPatterns / 2; made += 10) Insert(*engine, 10);
  UpdateVector(*engine, 3);
  Erase(*engine, {5, 6, 7});
  const Status status = engine->Checkpoint();
  ASSERT_TRUE(status.ok()) << status;
  for (std::size_t made = kPatterns / 2; made < kPatterns; made += 10) Insert(*engine, 10);
  UpdateVector(*engine, 4);
  // More than are worth a retirement of their own.
  std::vector<PatternId> ids;
  for (PatternId id = 20; id < 120; ++id) ids.push_back(id);
  Erase(*engine, ids);
  Insert(*engine, 10);
  // The commit behind it proves that all these were durable.
  const Status flushed = engine->Flush();
  ASSERT_TRUE(flushed.ok()) << flushed;
  Erase(*engine, {130, 131});
  if (end == End::kClosed) {
    const Status closed = engine->Close();
    ASSERT_TRUE(closed.ok()) << closed;
  }
}

std::vector<std::string> RawStoreTest::Names(const std::string& directory) const {
  std::vector<std::string> names = *files_->List(PathOf(directory));
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> RawStoreTest::Everything() const {
  std::vector<std::string> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_)) {
    std::string line = entry.path().string() + " " +
                       std::to_string(entry.last_write_time().time_since_epoch().count()) + " ";
    if (entry.is_regular_file()) {
      line += Read(std::filesystem::relative(entry.path(), directory_).string());
    }
    all.push_back(std::move(line));
  }
  std::sort(all.begin(), all.end());
  return all;
}

void RawStoreTest::Edit(const std::string& name, const std::function<void(File&)>& edit) {
  const auto file = files_->Open(PathOf(name), OpenMode::kReadWrite);
  ASSERT_TRUE(file.ok()) << file.status();
  edit(**file);
}

void RawStoreTest::Flip(const std::string& name, std::uint64_t offset) {
  Edit(name, [offset](File& file) {
    std::byte byte{};
    ASSERT_TRUE(ReadExactly(file, offset, {&byte, 1}).ok());
    byte ^= std::byte{0x10};
    ASSERT_TRUE(file.WriteAt(offset, {&byte, 1}).ok());
  });
}

void RawStoreTest::EditPage(SegmentKind segment, std::uint32_t page,
                            const std::function<void(std::span<std::byte>)>& edit) {
  const std::unique_ptr<PageFile> pages = OpenPages();
  AlignedBuffer bytes(pages->PageBytes(segment));
  ASSERT_TRUE(pages->ReadPages(segment, page, 1, bytes.span()).ok());
  edit(bytes.span());
  SealPage(bytes.span(), pages->superblock().store_id);
  const std::uint64_t offset = pages->FileOffset({segment, static_cast<PageId>(page)});
  Edit("graph.engram", [&](File& file) { ASSERT_TRUE(file.WriteAt(offset, bytes.span()).ok()); });
}

void RawStoreTest::EditState(const std::function<void(StoreState&)>& edit) {
  Superblock superblock = OpenPages()->superblock();
  edit(superblock.state);
  SealSuperblock(superblock);
  Edit("graph.engram", [&](File& file) {
    ASSERT_TRUE(file.WriteAt(SuperblockOffset(superblock.slot), AsBytes(superblock)).ok());
  });
}

std::string RawStoreTest::Read(const std::string& name) const {
  const auto file = files_->Open(PathOf(name), OpenMode::kRead);
  EXPECT_TRUE(file.ok()) << file.status();
  std::string bytes(*(*file)->Size(), '\0');
  EXPECT_TRUE(ReadExactly(**file, 0, std::as_writable_bytes(std::span(bytes))).ok());
  return bytes;
}

std::unique_ptr<MetaStore> RawStoreTest::OpenMeta() {
  MetaStoreOptions options;
  options.file_system = files_;
  options.directory = PathOf("meta");
  auto meta = MetaStore::Open(options);
  EXPECT_TRUE(meta.ok()) << meta.status();
  return meta.ok() ? std::move(*meta) : nullptr;
}

std::unique_ptr<PageFile> RawStoreTest::OpenPages() const {
  auto pages = PageFile::Open(*files_, PathOf("graph.engram"), OpenMode::kRead);
  EXPECT_TRUE(pages.ok()) << pages.status();
  return pages.ok() ? std::move(*pages) : nullptr;
}

}  // namespace engram
