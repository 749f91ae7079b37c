// A store on real files, and vectors to put into it.
#ifndef ENGRAM_TESTS_API_STORE_FIXTURE_H_
#define ENGRAM_TESTS_API_STORE_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <engram/store.h>

#include "tests/support/temp_dir.h"

namespace engram {

// A small store with dimension 8. Threads: one thread.
class StoreTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kDimensions = 8;

  StoreTest() {
    options_.dimensions = kDimensions;
    options_.journal_bytes = 1 << 20;
    options_.log_segment_bytes = 1 << 20;
    options_.background_threads = 0;
  }

  std::string Path() const { return dir_.File("store"); }

  void Open() {
    auto opened = Store::Open(Path(), options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_.emplace(std::move(opened).value());
  }
  void Reopen() {
    ASSERT_TRUE(store_->Close().ok());
    store_.reset();
    Open();
  }

  // All components `first`, but the second: one more than the last call's.
  std::vector<float> Vector(float first) {
    std::vector<float> vector(kDimensions, first);
    vector[1] = ++counter_;
    return vector;
  }

  PatternId Insert(const std::vector<float>& vector, Metadata metadata = {}) {
    NewPattern pattern;
    pattern.vector = vector;
    pattern.metadata = std::move(metadata);
    const auto id = store_->Insert(pattern);
    EXPECT_TRUE(id.ok()) << id.status();
    return id.ok() ? *id : 0;
  }

  TempDir dir_;
  Options options_;
  std::optional<Store> store_;
  float counter_ = 0;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_API_STORE_FIXTURE_H_
