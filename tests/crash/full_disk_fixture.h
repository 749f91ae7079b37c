// A store on a small disk, and what it must hold.
// Leaves what is done to it to the tests. Threads: one thread.
#ifndef ENGRAM_TESTS_CRASH_FULL_DISK_FIXTURE_H_
#define ENGRAM_TESTS_CRASH_FULL_DISK_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <engram/store.h>

#include "storage/base/posix_file_system.h"
#include "tests/support/small_disk.h"
#include "tests/support/sound_store.h"
#include "tests/support/temp_dir.h"

namespace engram {

inline constexpr std::uint64_t kMegabyte = 1 << 20;
inline constexpr std::uint64_t kDiskMegabytes = 40;

// What fills the disk, and who does the store's background work.
struct Load {
  const char* name;
  std::uint32_t dimensions;
  std::size_t text_bytes;
  std::size_t batch;
  std::uint32_t background_threads;
  Durability durability;
};

inline void PrintTo(const Load& load, std::ostream* out) { *out << load.name; }

class FullDiskTest : public ::testing::TestWithParam<Load> {
 protected:
  void OnDisk(const std::function<void()>& body) {
    if (const std::string why = OnSmallDisk(disk_, kDiskMegabytes, body); !why.empty()) {
      GTEST_SKIP() << "no disk of a known size: " << why;
    }
  }

  Options MakeOptions() const {
    Options options;
    options.dimensions = GetParam().dimensions;
    options.m = 4;
    options.journal_bytes = kMegabyte;
    options.log_segment_bytes = 256 << 10;
    options.metadata_buffer_bytes = kMegabyte;
    options.background_threads = GetParam().background_threads;
    options.durability = GetParam().durability;
    options.search_threads = 1;
    options.checkpoint_on_close = checkpoint_on_close_;
    return options;
  }

  std::vector<float> VectorOf(std::uint64_t number) const {
    std::mt19937_64 random(number);
    std::vector<float> vector(GetParam().dimensions);
    for (float& component : vector) component = static_cast<float>(random() % 20001) - 10000;
    return vector;
  }
  Metadata MetadataOf(std::uint64_t number) const {
    std::mt19937_64 random(number);
    std::string text(GetParam().text_bytes, ' ');  // of a kind that does not compress
    for (char& c : text) c = static_cast<char>(random());
    return {{"number", static_cast<std::int64_t>(number)}, {"text", std::move(text)}};
  }

  void Open() {
    auto opened = Store::Open(path_, MakeOptions());
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_.emplace(std::move(opened).value());
  }

  // One atomic batch.
  Status InsertSome() {
    WriteBatch batch;
    const std::uint64_t first = next_number_;
    for (std::size_t i = 0; i < GetParam().batch; ++i) {
      NewPattern pattern;
      const std::vector<float> vector = VectorOf(next_number_);
      pattern.vector = vector;
      pattern.metadata = MetadataOf(next_number_++);
      batch.Insert(pattern);
    }
    const auto written = store_->Write(batch);
    if (!written.ok()) return written.status();
    for (std::size_t i = 0; i < written->ids.size(); ++i) {
      EXPECT_TRUE(numbers_.emplace(written->ids[i], first + i).second) << "an id given twice";
    }
    return {};
  }

  // Until the disk is full, and some more: each time the same clean answer.
  void InsertUntilFull() {
    constexpr int kMost = 100'000;
    Status status;
    for (int i = 0; i < kMost && status.ok(); ++i) status = InsertSome();
    ASSERT_EQ(status.code(), Code::kNoSpace) << status;
    for (int i = 0; i < 5; ++i) {
      const Status again = InsertSome();
      EXPECT_TRUE(again.ok() || again.code() == Code::kNoSpace) << again;
    }
  }

  // Everything acknowledged and nothing else.
  void CheckAll() const {
    std::size_t found = 0;
    const Status status = store_->ForEach([&](const Pattern& pattern) {
      ++found;
      const auto expected = numbers_.find(pattern.id);
      EXPECT_NE(expected, numbers_.end()) << "pattern " << pattern.id << " was never acknowledged";
      if (expected == numbers_.end()) return false;
      EXPECT_EQ(pattern.vector, VectorOf(expected->second)) << pattern.id;
      EXPECT_EQ(pattern.metadata, MetadataOf(expected->second)) << pattern.id;
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(found, numbers_.size());
    const auto& [id, number] = *numbers_.rbegin();
    SearchOptions exact;
    exact.exact = true;
    const auto result = store_->Search(VectorOf(number), exact);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->hits.at(0).id, id);
  }

  void CheckVerifies() { ExpectSoundStore(MakePosixFileSystem(), path_); }

  void CloseAndVerify() {
    const Status closed = store_->Close();
    EXPECT_TRUE(closed.ok()) << closed;
    store_.reset();
    CheckVerifies();
    Open();
    CheckAll();
  }

  TempDir dir_;
  const std::string disk_ = dir_.path();
  const std::string path_ = dir_.File("store");
  Ballast ballast_{dir_.File("ballast")};
  bool checkpoint_on_close_ = true;
  std::optional<Store> store_;
  std::uint64_t next_number_ = 1;
  std::map<PatternId, std::uint64_t> numbers_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_CRASH_FULL_DISK_FIXTURE_H_
