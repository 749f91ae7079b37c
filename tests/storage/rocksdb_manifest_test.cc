#include "storage/rocksdb_manifest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/meta_store.h"
#include "tests/support/sim_file_system.h"

namespace engram {
namespace {

class RocksDbManifestTest : public ::testing::Test {
 protected:
  std::unique_ptr<MetaStore> OpenStore() {
    MetaStoreOptions options;
    options.file_system = files_;
    options.directory = "/meta";
    auto store = MetaStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? std::move(*store) : nullptr;
  }
  std::string ManifestPath() {
    std::string found;
    const auto names = files_->List("/meta");
    for (const std::string& name : *names) {
      if (IsManifest(name)) found = "/meta/" + name;
    }
    return found;
  }
  std::vector<std::byte> ReadAll(const std::string& path) {
    auto file = files_->Open(path, OpenMode::kRead);
    std::vector<std::byte> bytes(*(*file)->Size());
    EXPECT_TRUE(ReadExactly(**file, 0, bytes).ok());
    return bytes;
  }
  std::uint64_t GoodBytes(const std::vector<std::byte>& content) {
    auto file = files_->Open("/copy", OpenMode::kCreate);
    EXPECT_TRUE((*file)->Truncate(0).ok());
    EXPECT_TRUE((*file)->WriteAt(0, content).ok());
    const auto good = GoodManifestBytes(**file);
    EXPECT_TRUE(good.ok()) << good.status();
    return good.ok() ? *good : 0;
  }

  std::shared_ptr<SimFileSystem> files_ = std::make_shared<SimFileSystem>();
};

TEST_F(RocksDbManifestTest, TheNameDecides) {
  EXPECT_TRUE(IsManifest("/a/meta/MANIFEST-000005"));
  EXPECT_FALSE(IsManifest("/MANIFEST-1/CURRENT"));
  EXPECT_FALSE(IsManifest("/a/000004.log"));
}

TEST_F(RocksDbManifestTest, AWholeFileOfRocksDbIsGoodToItsEnd) {
  auto store = OpenStore();
  // Enough flushes for several blocks of 32 KiB.
  for (std::uint64_t lsn = 1; lsn <= 100; ++lsn) {
    ASSERT_TRUE(store->WriteMarkers(static_cast<Lsn>(lsn)).ok());
    ASSERT_TRUE(store->Flush().ok());
  }
  const std::string path = ManifestPath();
  store.reset();
  const std::vector<std::byte> bytes = ReadAll(path);
  EXPECT_GT(bytes.size(), 70'000u);
  EXPECT_EQ(GoodBytes(bytes), bytes.size());
}

TEST_F(RocksDbManifestTest, ABadByteEndsItBeforeItsRecord) {
  auto store = OpenStore();
  const std::string path = ManifestPath();
  store.reset();
  const std::vector<std::byte> bytes = ReadAll(path);
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::vector<std::byte> damaged = bytes;
    damaged[i] ^= std::byte{0x10};
    const std::uint64_t good = GoodBytes(damaged);
    ASSERT_LE(good, i);
    ASSERT_GE(good, last) << "grows with the place of the damage";
    last = good;
  }
  EXPECT_GT(last, 0u);
}

TEST_F(RocksDbManifestTest, AZeroTailAndAShortTailAreLeftOut) {
  auto store = OpenStore();
  const std::string path = ManifestPath();
  store.reset();
  std::vector<std::byte> bytes = ReadAll(path);
  const std::size_t size = bytes.size();
  bytes.resize(size + 100'000);
  EXPECT_EQ(GoodBytes(bytes), size);
  bytes.resize(size - 1);
  EXPECT_LT(GoodBytes(bytes), size - 1);
  EXPECT_EQ(GoodBytes({}), 0u);
}

// The last record rots: the store opens in the state before it.
TEST_F(RocksDbManifestTest, AStoreOpensInTheStateBeforeABadLastRecord) {
  auto store = OpenStore();
  ASSERT_TRUE(store->WriteMarkers(Lsn{1}).ok());
  ASSERT_TRUE(store->Flush().ok());
  const std::string path = ManifestPath();
  const std::size_t before = ReadAll(path).size();
  ASSERT_TRUE(store->WriteMarkers(Lsn{2}).ok());
  ASSERT_TRUE(store->Flush().ok());
  store.reset();
  ASSERT_GT(ReadAll(path).size(), before);
  {
    auto file = files_->Open(path, OpenMode::kReadWrite);
    const std::byte zeros[8] = {};
    ASSERT_TRUE((*file)->WriteAt(before + 20, zeros).ok());
  }
  store = OpenStore();
  ASSERT_NE(store, nullptr);
  FamilyLsns expected;
  expected.fill(Lsn{1});
  EXPECT_EQ(store->applied(), expected);
}

}  // namespace
}  // namespace engram
