// Real processes on a real directory, ended by SIGKILL at any moment: what was acknowledged is
// there when the next process opens the store, and verify finds nothing to say about what lies
// between.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <engram/store.h>

#include "tests/crash/kill_pattern.h"
#include "tests/crash/kill_witness.h"
#include "tests/support/child_process.h"
#include "tests/support/counts.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

// Longer than any step takes: a process that is silent for so long hangs.
constexpr std::chrono::seconds kHang{120};

bool WasKilled(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }

// --- A store of small parts, and a witness ---

enum class Moment { kWriting, kCheckpoint, kOpening, kClosing, kUpkeep };

constexpr const char* kMomentNames[] = {"while writing", "in a checkpoint", "while opening",
                                        "while closing", "in upkeep"};

class KillTest : public ::testing::Test {
 protected:
  // One process, killed at this moment if it can be met. False where something is wrong.
  bool RunAndKill(Moment moment) {
    witness_.NextLife();
    const std::uint64_t commits = moment == Moment::kClosing ? 1 + random_() % 20 : 0;
    ChildProcess child({ENGRAM_KILL_CHILD, directory_, std::to_string(++runs_),
                        std::to_string(1 + runs_ % 3), std::to_string(random_()),
                        std::to_string(commits)});
    const std::uint64_t lines = random_() % 60;
    std::uint64_t heard = 0;
    while (!Reached(moment, lines, heard)) {
      const auto line = child.NextLine(steady_clock::now() + kHang);
      if (!line) return Wrong(child.ended() ? "kill_child ended by itself" : "kill_child hangs");
      Hear(*line, &heard);
    }
    // What it says meanwhile is heard, so that a full pipe does not stop it.
    auto& span = spans_[moment];
    const auto until =
        steady_clock::now() + microseconds(random_() % static_cast<std::uint64_t>(span.count()));
    while (const auto line = child.NextLine(until)) Hear(*line, &heard);
    child.Kill();
    while (const auto line = child.NextLine(steady_clock::now() + kHang)) Hear(*line, &heard);
    return Count(moment, child.Wait());
  }

  bool Count(Moment moment, int status) {
    const bool killed = WasKilled(status);
    if (!killed && !witness_.closed()) return Wrong("kill_child ended by itself");
    kills_ += killed ? 1 : 0;
    const bool hit = killed && Met(moment);
    hits_[moment] += hit ? 1 : 0;
    // Finds out by itself how long a moment lasts on this machine.
    auto& span = spans_[moment];
    if (moment != Moment::kWriting)
      span = std::clamp(hit ? span * 5 / 4 : span * 2 / 3, kShortest, kLongest);
    if (!witness_.failure().empty()) return Wrong(witness_.failure());
    return HoldsNothingForgotten() && Verifies();
  }

  bool HoldsNothingForgotten() {
    if (witness_.forgotten().empty()) return true;  // nor need there be a store yet
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      for (const std::uint64_t token : witness_.forgotten()) {
        if (bytes.find(KillSecret(token)) == std::string::npos) continue;
        return Wrong(entry.path().string() +
                     " holds what was erased for ever: " + std::to_string(token));
      }
    }
    return true;
  }

  bool Reached(Moment moment, std::uint64_t lines, std::uint64_t heard) const {
    switch (moment) {
      case Moment::kWriting:
        return heard > lines;
      case Moment::kCheckpoint:
        return witness_.in_checkpoint() && witness_.checkpoints() > lines % 3;
      case Moment::kOpening:
        return witness_.opening();
      case Moment::kClosing:
        return witness_.closing();
      case Moment::kUpkeep:
        return witness_.in_upkeep() && heard > lines % 8;
    }
    return true;
  }

  bool Met(Moment moment) const {
    switch (moment) {
      case Moment::kWriting:
        return true;
      case Moment::kCheckpoint:
        return witness_.in_checkpoint();
      case Moment::kOpening:
        return witness_.opening();
      case Moment::kClosing:
        return witness_.closing();
      case Moment::kUpkeep:
        return witness_.in_upkeep();
    }
    return false;
  }

  void Hear(const std::string& line, std::uint64_t* heard) {
    witness_.Hear(line);
    if (line.starts_with("ack ")) ++*heard;
  }

  bool Verifies() {
    const ProgramResult verified = RunProgram({ENGRAM_TOOL, "verify", directory_});
    if (verified.code == 0) return true;
    const bool none_yet = witness_.openings_compared() == 0 &&
                          verified.output.find("holds no store") != std::string::npos;
    return none_yet || Wrong("verify: " + verified.output);
  }

  bool Wrong(const std::string& what) {
    const std::string why = witness_.failure().empty() ? what : what + ": " + witness_.failure();
    ADD_FAILURE() << "process " << runs_ << " of " << directory_ << ": " << why;
    return false;
  }

  // The next process is left alone, and finds what the last one was told.
  bool OpensAndCloses() {
    witness_.NextLife();
    ChildProcess child({ENGRAM_KILL_CHILD, directory_, std::to_string(++runs_), "1", "1", "1"});
    std::uint64_t heard = 0;
    while (const auto line = child.NextLine(steady_clock::now() + kHang)) Hear(*line, &heard);
    if (!witness_.closed() || !witness_.failure().empty()) return Wrong("the last opening");
    return Verifies();
  }

  static constexpr microseconds kShortest{200};
  static constexpr microseconds kLongest{2'000'000};

  TempDir dir_;
  const std::string directory_ = dir_.File("store");
  std::mt19937_64 random_{TestSeed(20)};
  KillWitness witness_;
  std::uint64_t runs_ = 0;
  std::uint64_t kills_ = 0;
  std::map<Moment, std::uint64_t> hits_;
  std::map<Moment, microseconds> spans_ = {{Moment::kWriting, microseconds(3000)},
                                           {Moment::kCheckpoint, microseconds(3000)},
                                           {Moment::kOpening, microseconds(8000)},
                                           {Moment::kClosing, microseconds(3000)},
                                           {Moment::kUpkeep, microseconds(8000)}};
};

TEST_F(KillTest, EveryAcknowledgedOperationIsThereWhateverTheMoment) {
  const std::map<Moment, std::uint64_t> wanted = {{Moment::kWriting, 50},
                                                  {Moment::kCheckpoint, 35},
                                                  {Moment::kOpening, 30},
                                                  {Moment::kClosing, 20},
                                                  {Moment::kUpkeep, 40}};
  constexpr std::uint64_t kMostRuns = 600;
  const auto done = [&] {
    return std::all_of(wanted.begin(), wanted.end(),
                       [&](const auto& w) { return hits_[w.first] >= w.second; });
  };
  while (!done() && runs_ < kMostRuns) {
    // An opening is worth killing after a kill that left it much to do, and while there is no
    // store.
    for (const auto& [moment, count] : wanted) {
      if ((hits_[moment] < count || moment == Moment::kWriting) && !RunAndKill(moment)) return;
    }
  }
  EXPECT_TRUE(OpensAndCloses());
  for (const auto& [moment, count] : wanted) {
    EXPECT_GE(hits_[moment], count) << kMomentNames[static_cast<int>(moment)];
    const std::string name = "kills " + std::string(kMomentNames[static_cast<int>(moment)]);
    PrintCounts({{name.c_str(), hits_[moment]}});
  }
  EXPECT_GT(witness_.unanswered_kept(), 0U) << "no commit was both kept and unanswered";
  PrintCounts({{"kills", kills_},
               {"commits acknowledged", witness_.acknowledged()},
               {"openings compared", witness_.openings_compared()},
               {"named snapshots compared", witness_.names_compared()},
               {"patterns erased for ever", witness_.forgotten_count()},
               {"commits in doubt", witness_.unanswered()},
               {"commits in doubt there", witness_.unanswered_kept()}});
}

// While there is no store yet, or only a part of one.
TEST_F(KillTest, CreationThatIsKilledIsDoneAgain) {
  spans_[Moment::kOpening] = microseconds(20000);
  for (std::uint64_t created = 0; created < 20; ++created) {
    witness_ = KillWitness();
    std::filesystem::remove_all(directory_);
    if (!RunAndKill(Moment::kOpening) || !OpensAndCloses()) return;
  }
  EXPECT_GT(hits_[Moment::kOpening], 0U);
  PrintCounts({{"kills", kills_}, {"kills before the store was open", hits_[Moment::kOpening]}});
}

// --- The program's import ---

class KillImportTest : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr std::uint64_t kRows = 4000;
  static constexpr std::uint64_t kBatch = 25;
  static constexpr std::uint64_t kDimensions = 12;

  static std::vector<float> VectorOf(std::uint64_t row) {
    std::vector<float> vector(kDimensions);
    for (std::uint64_t i = 0; i < kDimensions; ++i) {
      vector[i] = static_cast<float>((row * 31 + i * 7) % 1021) - 500;
    }
    return vector;
  }

  void SetUp() override {
    std::ofstream rows(file_);
    for (std::uint64_t row = 0; row < kRows; ++row) {
      rows << "{\"vector\": [";
      const std::vector<float> vector = VectorOf(row);
      for (std::uint64_t i = 0; i < kDimensions; ++i) rows << (i == 0 ? "" : ", ") << vector[i];
      rows << "], \"metadata\": {\"row\": " << row << "}}\n";
    }
    ASSERT_TRUE(rows.flush().good());
    const auto made =
        RunProgram({ENGRAM_TOOL, "create", directory_, "--dim", std::to_string(kDimensions)});
    ASSERT_EQ(made.code, 0) << made.output;
  }

  // Imports, kills, and returns how many patterns the process said were durable.
  std::uint64_t ImportAndKill(std::uint64_t threads) {
    ChildProcess child({ENGRAM_TOOL, "import", directory_, file_, "--batch", std::to_string(kBatch),
                        "--durability", GetParam(), "--threads", std::to_string(threads),
                        "--report-commits", "--json"});
    const std::uint64_t lines = random_() % 30;
    std::uint64_t committed = 0;
    std::uint64_t heard = 0;
    const auto hear = [&](const std::string& line) {
      ++heard;
      if (line.starts_with("committed ")) committed = std::stoull(line.substr(10));
    };
    while (heard < lines) {
      const auto line = child.NextLine(steady_clock::now() + kHang);
      if (!line) break;
      hear(*line);
    }
    const auto until = steady_clock::now() + microseconds(random_() % 10000);
    while (const auto line = child.NextLine(until)) hear(*line);
    child.Kill();
    while (const auto line = child.NextLine(steady_clock::now() + kHang)) hear(*line);
    if (WasKilled(child.Wait())) ++kills_;
    return committed;
  }

  // What the last process left is whole batches of rows, `committed` patterns at least, behind all
  // that was there before it.
  void CheckStore(std::uint64_t committed, std::uint64_t threads) {
    const auto verified = RunProgram({ENGRAM_TOOL, "verify", directory_});
    ASSERT_EQ(verified.code, 0) << verified.output;
    Options options;
    options.checkpoint_on_close = random_() % 4 == 0;  // else the next process replays, too
    auto store = Store::Open(directory_, options);
    ASSERT_TRUE(store.ok()) << store.status();
    std::map<PatternId, std::uint64_t> found;
    const Status visited = store->ForEach([&](const Pattern& pattern) {
      const auto row = static_cast<std::uint64_t>(*pattern.metadata.at("row").As<std::int64_t>());
      EXPECT_EQ(pattern.vector, VectorOf(row)) << "pattern " << pattern.id;
      return found.emplace(pattern.id, row).second;
    });
    ASSERT_TRUE(visited.ok()) << visited;
    EXPECT_TRUE(store->Close().ok());
    for (const auto& [id, row] : rows_) {
      ASSERT_TRUE(found.contains(id)) << "pattern " << id << " was there before and is lost";
      ASSERT_EQ(found[id], row);
      found.erase(id);
    }
    EXPECT_GE(found.size(), committed);
    CheckNew(found, threads);
    rows_.merge(found);
  }

  void CheckNew(const std::map<PatternId, std::uint64_t>& found, std::uint64_t threads) const {
    const PatternId last = rows_.empty() ? 0 : rows_.rbegin()->first;
    std::map<std::uint64_t, std::set<std::uint64_t>> batches;
    for (const auto& [id, row] : found) {
      EXPECT_GT(id, last) << "was given to a pattern of an earlier process";
      EXPECT_TRUE(batches[row / kBatch].insert(row).second) << "row " << row << " twice";
    }
    for (const auto& [batch, rows] : batches) EXPECT_EQ(rows.size(), kBatch) << "batch " << batch;
    if (threads == 1 && !batches.empty()) {
      EXPECT_EQ(batches.rbegin()->first + 1, batches.size())
          << "a batch before a later one is missing";
    }
  }

  TempDir dir_;
  const std::string directory_ = dir_.File("store");
  const std::string file_ = dir_.File("rows.jsonl");
  std::mt19937_64 random_{TestSeed(21)};
  std::map<PatternId, std::uint64_t> rows_;
  std::uint64_t kills_ = 0;
};

TEST_P(KillImportTest, WhatIsReportedAsCommittedSurvivesAndBatchesAreWhole) {
  constexpr std::uint64_t kKills = 30;
  std::uint64_t reported = 0;
  for (std::uint64_t i = 0; i < 4 * kKills && kills_ < kKills && !HasFailure(); ++i) {
    const std::uint64_t threads = 1 + i % 2;
    const std::uint64_t committed = ImportAndKill(threads);
    reported += committed;
    CheckStore(committed, threads);
  }
  EXPECT_GE(kills_, kKills);
  EXPECT_GT(reported, 0U);
  PrintCounts(
      {{"kills", kills_}, {"patterns reported", reported}, {"patterns there", rows_.size()}});
}

INSTANTIATE_TEST_SUITE_P(Durability, KillImportTest, ::testing::Values("sync", "interval"),
                         [](const auto& durability) { return std::string(durability.param); });

// --- Who has the store ---

TEST(KillHolder, StoreIsBusyUntilItsHolderIsKilledAndTheHolderIsNamed) {
  TempDir dir;
  const std::string directory = dir.File("store");
  ASSERT_EQ(RunProgram({ENGRAM_TOOL, "create", directory, "--dim", "2"}).code, 0);
  ChildProcess holder(
      {ENGRAM_TOOL, "import", directory, "-", "--batch", "100", "--report-commits"});
  // More than it reads at a time; then it waits for the rest.
  std::string lines;
  while (lines.size() < (320 << 10)) lines += "{\"vector\": [1, 2]}\n";
  holder.Write(lines);
  ASSERT_EQ(holder.NextLine(steady_clock::now() + kHang), "committed 100");

  const auto refused = RunProgram({ENGRAM_TOOL, "get", directory, "1"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.output.find("process " + std::to_string(holder.pid()) + " "), std::string::npos)
      << refused.output;
  const auto in_process = Store::Open(directory, Options());
  EXPECT_EQ(in_process.code(), Code::kBusy) << in_process.status();
  EXPECT_NE(in_process.status().message().find(std::to_string(holder.pid())),
            std::string_view::npos);
  EXPECT_EQ(RunProgram({ENGRAM_TOOL, "verify", directory}).code, 1);

  holder.Kill();
  EXPECT_TRUE(WasKilled(holder.Wait()));
  const auto found = RunProgram({ENGRAM_TOOL, "get", directory, "1"});
  EXPECT_EQ(found.code, 0) << found.output;
}

}  // namespace
}  // namespace engram
