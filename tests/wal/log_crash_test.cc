// The log alone under simulated power losses: whatever is lost at whatever operation, reading finds
// a prefix of the commits, at least all that were said to be durable, each as it was written; also
// when the log was reopened after a failed sync, and when power fails again after a reopening.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "storage/base/coding.h"
#include "storage/base/test_hooks.h"
#include "tests/support/counts.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/sim_file_system.h"
#include "tests/support/temp_dir.h"
#include "tests/wal/log_test_support.h"
#include "wal/log_writer.h"

namespace engram {
namespace {

constexpr char kDirectory[] = "/wal";

// What was appended under each LSN, in any generation, and what reading gave.
using History = std::map<std::uint64_t, std::string>;

struct Reading {
  Result<LogEnd> end = Status::IoError("not read");
  History commits;
};

Reading Read(const std::shared_ptr<FileSystem>& files) {
  LogReaderOptions options{files, kDirectory, kTestStoreId, Lsn::kNone};
  Reading reading;
  reading.end =
      ReadLog(options, Lsn::kNone, [&](Lsn lsn, std::span<const std::span<const std::byte>> parts) {
        std::string& text = reading.commits[Raw(lsn)];
        for (const auto& part : parts) {
          text.append(reinterpret_cast<const char*>(part.data()), part.size());
        }
        return Status();
      });
  return reading;
}

// One log in a simulated file system, and what it has promised.
class Script {
 public:
  explicit Script(const SimImage& image)
      : sim_(std::make_shared<SimFileSystem>(image)),
        files_(std::make_shared<FaultFileSystem>(sim_)) {}

  SimFileSystem& sim() { return *sim_; }
  const History& history() const { return history_; }

  // As after a kill: what the system holds stays.
  bool Open() {
    log_.reset();
    Reading reading = Read(files_);
    if (!reading.end.ok()) return false;
    history_ = reading.commits;
    last_ = Raw(reading.end->last);
    LogWriterOptions options;
    options.file_system = files_;
    options.directory = kDirectory;
    options.store_id = kTestStoreId;
    options.generation = reading.end->generation + 1;
    options.previous_generation = reading.end->generation;
    options.previous_end = reading.end->last;
    options.segment_bytes = 16 << 10;
    generation_ = options.generation;
    auto log = LogWriter::Create(options);
    if (!log.ok()) return false;
    log_ = std::move(log).value();
    return true;
  }

  void Append(SyncMode mode, std::size_t parts = 1, std::size_t bytes = 100) {
    const std::uint64_t lsn = last_ + 1;
    std::vector<std::string> payloads;
    for (std::size_t i = 0; i < parts; ++i) {
      payloads.push_back(std::to_string(generation_) + ":" + std::to_string(lsn) + ";");
      payloads.back().resize(bytes, static_cast<char>('a' + lsn % 26));
      history_[lsn] += payloads.back();
    }
    const Status status = AppendOne(*log_, lsn, mode, payloads);
    if (status.ok()) last_ = lsn;
    Promise();
  }

  void Sync() {
    log_->SyncAll().IgnoreError();  // what counts is what it says to be durable
    Promise();
  }

  void FailNextSync() { files_->SetPlan({.fault = Fault::kSyncFail, .kinds = {IoKind::kSync}}); }

 private:
  void Promise() { sim_->Mark(Raw(log_->durable())); }

  std::shared_ptr<SimFileSystem> sim_;
  std::shared_ptr<FaultFileSystem> files_;
  std::unique_ptr<LogWriter> log_;
  History history_;
  std::uint64_t last_ = 0;
  std::uint32_t generation_ = 0;
};

void RunFirst(Script& script) {
  ASSERT_TRUE(script.Open());
  script.Append(SyncMode::kSync);
  script.Append(SyncMode::kNoSync, 3, 700);
  script.Append(SyncMode::kNoSync);
  script.Append(SyncMode::kSync, 2);
  script.Append(SyncMode::kNoSync, 4, 1500);
  script.Sync();
  for (int i = 0; i < 6; ++i) script.Append(SyncMode::kNoSync, 1, 2500);  // on to a second segment
  script.Append(SyncMode::kSync);
  script.Append(SyncMode::kNoSync, 2, 600);
  script.FailNextSync();
  script.Sync();
  ASSERT_TRUE(script.Open());
  script.Append(SyncMode::kNoSync, 3, 900);
  script.Append(SyncMode::kSync);
  script.Append(SyncMode::kNoSync);
}

void RunAfterCrash(Script& script) {
  if (!script.Open()) return;  // the caller has read it before
  script.Append(SyncMode::kNoSync, 2, 300);
  script.Append(SyncMode::kSync);
  if (!script.Open()) return;
  script.Append(SyncMode::kSync, 2, 1200);
}

struct Sweep {
  std::uint64_t images = 0;
  std::vector<std::string> violations;
};

std::string Violation(const Reading& reading, const History& history, std::uint64_t promised) {
  if (!reading.end.ok()) return reading.end.status().ToString();
  const std::uint64_t last = Raw(reading.end->last);
  if (last < promised) {
    return "commit " + std::to_string(promised) + " was durable, the log ends at " +
           std::to_string(last);
  }
  if (reading.commits.size() != last) return "commits are missing in the middle";
  for (const auto& [lsn, text] : reading.commits) {
    const auto written = history.find(lsn);
    if (written == history.end()) return "commit " + std::to_string(lsn) + " was never made";
    if (written->second != text) return "commit " + std::to_string(lsn) + " is another one";
  }
  return {};
}

// Every image of `script`'s trace: each operation, each policy. `keep` gets the good ones.
void CheckImages(Script& script, std::mt19937_64& random, Sweep& sweep,
                 const std::function<void(const SimImage&)>& keep) {
  CrashReplayer replayer = script.sim().Replay();
  for (std::size_t op = 0; op <= script.sim().OpCount(); ++op) {
    replayer.AdvanceTo(op);
    const auto& numbers = replayer.numbers();
    const std::uint64_t promised =
        numbers.empty() ? 0 : *std::max_element(numbers.begin(), numbers.end());
    for (const CrashPolicy policy : kAllCrashPolicies) {
      const SimImage image = replayer.PowerLoss(random, policy);
      ++sweep.images;
      const std::string wrong =
          Violation(Read(std::make_shared<SimFileSystem>(image)), script.history(), promised);
      if (wrong.empty()) {
        keep(image);
      } else {
        sweep.violations.push_back("operation " + std::to_string(op) + ", policy " +
                                   std::to_string(static_cast<int>(policy)) + ": " + wrong);
      }
    }
  }
}

Sweep RunSweep(std::uint64_t seed, std::uint64_t one_second_crash_in) {
  std::mt19937_64 random(seed);
  Sweep sweep;
  SimImage empty;
  empty.AddDirectory(kDirectory);
  Script first(empty);
  RunFirst(first);
  CheckImages(first, random, sweep, [&](const SimImage& image) {
    if (random() % one_second_crash_in != 0) return;
    Script second(image);
    RunAfterCrash(second);
    CheckImages(second, random, sweep, [](const SimImage&) {});
  });
  return sweep;
}

TEST(LogCrash, EveryImageReadsAsAPrefixThatHoldsAllThatWasDurable) {
  const Sweep sweep = RunSweep(TestSeed(20240611), 8);
  PrintCounts({{"images", sweep.images}});
  EXPECT_GT(sweep.images, 5000u);
  EXPECT_TRUE(sweep.violations.empty())
      << sweep.violations.size() << " violations, the first: " << sweep.violations.front();
}

class LogMutant : public ::testing::TestWithParam<Mutant> {};

TEST_P(LogMutant, IsCaught) {
  const std::uint64_t seed = TestSeed(20240612);
  SetMutant(GetParam());
  const Sweep sweep = RunSweep(seed, 8);
  SetMutant(Mutant::kNone);
  EXPECT_FALSE(sweep.violations.empty()) << sweep.images << " images";
}

INSTANTIATE_TEST_SUITE_P(
    Each, LogMutant,
    ::testing::Values(Mutant::kFailedSyncRetried, Mutant::kSegmentDirectoryNotSynced,
                      Mutant::kTornTailAsCorruption, Mutant::kCommitWithoutLastFrame,
                      Mutant::kOldGenerationRead, Mutant::kAcknowledgeBeforeSync));

}  // namespace
}  // namespace engram
