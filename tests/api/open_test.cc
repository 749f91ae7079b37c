#include <sys/mman.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "tests/api/store_fixture.h"
#include "tests/support/sim_file_system.h"

namespace engram {
namespace {

using OpenTest = StoreTest;

TEST_F(OpenTest, WithoutDimensionsNothingIsMade) {
  const auto opened = Store::Open(Path(), {});
  EXPECT_EQ(opened.code(), Code::kInvalidArgument);
  EXPECT_NE(opened.status().message().find("dimensions"), std::string_view::npos);
  EXPECT_FALSE(std::filesystem::exists(Path()));
}

TEST_F(OpenTest, AnEmptyNameIsRefused) {
  EXPECT_EQ(Store::Open("", options_).code(), Code::kInvalidArgument);
}

TEST_F(OpenTest, SlashesAtTheEndMeanNothing) {
  for (const std::string name : {"a/", "b//", "c"}) {
    auto store = Store::Open(dir_.File(name), options_);
    ASSERT_TRUE(store.ok()) << name << store.status();
  }
  EXPECT_TRUE(std::filesystem::exists(dir_.File("b/graph.engram")));
}

TEST_F(OpenTest, RelativeNamesWork) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::create_directory(dir_.File("here"));
  std::filesystem::current_path(dir_.File("here"));
  for (const std::string name : {".", "below", "below/../other/", "./more//deep"}) {
    if (name == "./more//deep") std::filesystem::create_directory("more");
    auto store = Store::Open(name, options_);
    EXPECT_TRUE(store.ok()) << name << store.status();
  }
  std::filesystem::current_path(before);
  EXPECT_TRUE(std::filesystem::exists(dir_.File("here/graph.engram")));
  EXPECT_TRUE(std::filesystem::exists(dir_.File("here/other/graph.engram")));
  EXPECT_TRUE(std::filesystem::exists(dir_.File("here/more/deep/graph.engram")));
}

// Remembers which directories were synced; refuses one.
class DirectorySyncs : public SimFileSystem {
 public:
  Status SyncDirectory(const std::string& path) override {
    synced.insert(path);
    if (path == refused) return Status::IoError("may not read " + path);
    return SimFileSystem::SyncDirectory(path);
  }

  std::set<std::string> synced;
  std::string refused;
};

class OpenSimTest : public OpenTest {
 protected:
  Status OpenAndClose(const std::string& directory) {
    EngineOptions config;
    config.options = options_;
    config.file_system = files_;
    auto engine = Engine::Open(directory, config, Engine::Access::kReadWrite);
    if (!engine.ok()) return engine.status();
    return (*engine)->Close();
  }

  std::shared_ptr<DirectorySyncs> files_ = std::make_shared<DirectorySyncs>();
};

TEST_F(OpenSimTest, TheNameOfANewDirectoryIsMadeDurable) {
  ASSERT_TRUE(files_->CreateDirectory("/above").ok());
  const std::pair<std::string, std::string> cases[] = {
      {"/above/a", "/above"}, {"/above/b/", "/above"}, {"/above//c//", "/above"}, {"/d/", "/"}};
  for (const auto& [directory, parent] : cases) {
    files_->synced.clear();
    const Status done = OpenAndClose(directory);
    ASSERT_TRUE(done.ok()) << directory << done;
    EXPECT_TRUE(files_->synced.contains(parent)) << directory;
  }
}

TEST_F(OpenSimTest, AnExistingStoreNeedsNothingOfTheDirectoryAbove) {
  ASSERT_TRUE(files_->CreateDirectory("/above").ok());
  files_->refused = "/above";
  EXPECT_EQ(OpenAndClose("/above/store").code(), Code::kIoError) << "its name would not be durable";
  files_->refused.clear();
  ASSERT_TRUE(OpenAndClose("/above/store").ok()) << "what was begun is made";
  files_->refused = "/above";
  const Status opened = OpenAndClose("/above/store");
  EXPECT_TRUE(opened.ok()) << opened;
}

// A process has 128 TiB of addresses. Where stores took them all, the next malloc() of the host
// failed.
TEST_F(OpenTest, ManyStoresLeaveAddressesForTheHost) {
  std::vector<Store> stores;
  for (int i = 0; i < 20; ++i) {
    auto store = Store::Open(dir_.File(std::to_string(i)), options_);
    ASSERT_TRUE(store.ok()) << i << ": " << store.status();
    stores.push_back(std::move(*store));
  }
  constexpr std::size_t kRest = std::size_t{32} << 40;
  void* const rest =
      ::mmap(nullptr, kRest, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(rest, MAP_FAILED);
  ::munmap(rest, kRest);
}

TEST_F(OpenTest, WhatIsUnsetIsTakenFromTheStore) {
  options_ = Options::HighSpeed();
  options_.dimensions = kDimensions;
  options_.metric = Metric::kCosine;
  options_.journal_bytes = 1 << 20;
  Open();
  EXPECT_EQ(store_->GetStats()->m, 8u);
  ASSERT_TRUE(store_->Close().ok());
  store_.reset();
  options_ = Options();
  options_.dimensions = kDimensions;
  Open();
  EXPECT_EQ(store_->GetStats()->m, 8u);
  EXPECT_EQ(store_->GetStats()->metric, Metric::kCosine);
}

TEST_F(OpenTest, WhatIsSetIsCheckedAlsoWithoutDimensions) {
  Open();
  EXPECT_EQ(store_->GetStats()->m, kDefaultM);
  EXPECT_EQ(store_->GetStats()->metric, kDefaultMetric);
  ASSERT_TRUE(store_->Close().ok());
  store_.reset();
  Options options;
  options.m = 17;
  EXPECT_EQ(Store::Open(Path(), options).code(), Code::kInvalidArgument);
  options.m = 16;
  options.metric = Metric::kInnerProduct;
  EXPECT_EQ(Store::Open(Path(), options).code(), Code::kInvalidArgument);
  options.metric = Metric::kL2;
  EXPECT_TRUE(Store::Open(Path(), options).ok());
}

TEST_F(OpenTest, AStoreThatWasMovedFromRefusesEveryCall) {
  Open();
  Store moved = std::move(*store_);
  Store& from = *store_;
  const std::vector<float> vector = Vector(1);
  NewPattern pattern;
  pattern.vector = vector;
  WriteBatch batch;
  batch.Insert(pattern);
  EXPECT_EQ(from.Insert(pattern).code(), Code::kInvalidArgument);
  EXPECT_EQ(from.InsertBatch({&pattern, 1}).code(), Code::kInvalidArgument);
  EXPECT_EQ(from.Update(1, {}).code(), Code::kInvalidArgument);
  EXPECT_EQ(from.Erase(1).code(), Code::kInvalidArgument);
  EXPECT_EQ(from.Write(batch).code(), Code::kInvalidArgument);
  EXPECT_EQ(from.Get(1).code(), Code::kInvalidArgument);
  EXPECT_EQ(from.Contains(1).code(), Code::kInvalidArgument);
  EXPECT_EQ(from.ForEach([](const Pattern&) { return true; }).code(), Code::kInvalidArgument);
  EXPECT_EQ(from.Search(vector).code(), Code::kInvalidArgument);
  EXPECT_EQ(from.GetSnapshot().code(), Code::kInvalidArgument);
  EXPECT_EQ(from.Flush().code(), Code::kInvalidArgument);
  EXPECT_EQ(from.WaitDurable(Lsn::kNone).code(), Code::kInvalidArgument);
  EXPECT_EQ(from.Checkpoint().code(), Code::kInvalidArgument);
  EXPECT_EQ(from.RunMaintenance(std::chrono::seconds(1)).code(), Code::kInvalidArgument);
  EXPECT_EQ(from.GetStats().code(), Code::kInvalidArgument);
  EXPECT_EQ(from.Close().code(), Code::kInvalidArgument);
  EXPECT_TRUE(moved.Insert(pattern).ok());
}

TEST_F(OpenTest, ADurabilityThatIsNoneIsRefused) {
  Open();
  const std::vector<float> vector = Vector(1);
  NewPattern pattern;
  pattern.vector = vector;
  WriteBatch batch;
  batch.Insert(pattern);
  for (const int number : {0, 4, 255}) {
    const WriteOptions bad = WriteOptions::With(static_cast<Durability>(number));
    EXPECT_EQ(store_->Insert(pattern, bad).code(), Code::kInvalidArgument);
    EXPECT_EQ(store_->InsertBatch({&pattern, 1}, bad).code(), Code::kInvalidArgument);
    EXPECT_EQ(store_->Update(1, {}, bad).code(), Code::kInvalidArgument);
    EXPECT_EQ(store_->Erase(1, bad).code(), Code::kInvalidArgument);
    EXPECT_EQ(store_->Write(batch, bad).code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(store_->GetStats()->last_lsn, Lsn::kNone);
}

static_assert(!std::is_constructible_v<Snapshot, std::unique_ptr<SnapshotImpl>>);

}  // namespace
}  // namespace engram
