#include "tools/engram/importer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace engram::tool {
namespace {

constexpr std::uint32_t kDimensions = 512;

class Rows : public RowReader {
 public:
  explicit Rows(std::uint64_t count) : count_(count) {}

  bool Next(Row& row) override {
    if (read_ == count_) return false;
    row = Row();
    row.number = ++read_;
    row.vector.assign(kDimensions, static_cast<float>(read_));
    return true;
  }
  std::optional<double> progress() const override { return std::nullopt; }
  std::uint64_t read() const { return read_; }

 private:
  const std::uint64_t count_;
  std::uint64_t read_ = 0;
};

// While it lives no file of this process grows beyond `bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST(Importer, AStoreThatFailsOnTheWayEndsItWithTheRightAccount) {
  for (const bool skip_bad : {false, true}) {
    const TempDir dir;
    Options options;
    options.dimensions = kDimensions;
    options.journal_bytes = 256 << 10;
    options.log_segment_bytes = 1 << 20;
    options.background_threads = 0;
    auto store = Store::Open(dir.File("store"), options);
    ASSERT_TRUE(store.ok()) << store.status();
    Rows rows(20000);
    ImportOptions import;
    import.batch = 5000;  // several commits
    import.skip_bad = skip_bad;
    ImportResult result;
    {
      const FileSizeLimit limit(9 << 20);
      result = Import(*store, rows, import, {});
    }
    EXPECT_FALSE(result.status.ok());
    EXPECT_NE(result.status.message().find("row " + std::to_string(result.imported + 1) + ": "),
              std::string_view::npos)
        << result.status;
    EXPECT_GT(result.imported, 0u);
    EXPECT_EQ(result.imported, store->GetStats()->count);
    EXPECT_EQ(result.first_id, 1u);
    EXPECT_EQ(result.last_id, result.imported);
    EXPECT_EQ((result.imported + result.failed) % import.batch, 0u) << "of whole batches";
    EXPECT_GT(result.failed, 0u);
  }
}

}  // namespace
}  // namespace engram::tool
