#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "storage/base/mutex.h"
#include "tests/tools/tool_fixture.h"

namespace engram::tool {
namespace {

class Tool : public ToolTest {};

TEST_F(Tool, CreatesWhatStatsShows) {
  const Ran created = Engram(
      {"create", store_, "--dim", "16", "--metric", "cosine", "--m", "8", "--seed", "7", "--json"});
  ASSERT_EQ(created.code, 0) << created.err;
  EXPECT_EQ(created.json()["dimensions"], 16);
  const Ran stats = Engram({"stats", store_, "--json"});
  ASSERT_EQ(stats.code, 0) << stats.err;
  const Json json = stats.json();
  for (const char* field : {"count",
                            "bytes_on_disk",
                            "memory_bytes",
                            "last_lsn",
                            "durable_lsn",
                            "checkpoint_lsn",
                            "scrubbed_pages",
                            "scrub_rounds",
                            "bad_pages",
                            "healed_pages",
                            "first_bad_segment",
                            "oldest_snapshot_age_seconds",
                            "named_snapshots",
                            "oldest_named_snapshot_age_seconds",
                            "expired_snapshots",
                            "horizon",
                            "sweep_rounds",
                            "sweep_progress",
                            "healed_nodes",
                            "reclaimed",
                            "expired",
                            "moved",
                            "audit_rounds",
                            "audited_nodes",
                            "mended_nodes"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  EXPECT_EQ(json["count"], 0);
  EXPECT_EQ(json["metric"], "cosine");
  EXPECT_EQ(json["m"], 8);
  EXPECT_EQ(json["residency"], "resident");
  EXPECT_EQ(Engram({"stats", store_, "--json", "--residency", "mapped"}).json()["residency"],
            "mapped");
  EXPECT_EQ(Engram({"stats", store_, "--residency", "elsewhere"}).code, 2);
  EXPECT_NE(Engram({"stats", store_}).out.find("0 patterns"), std::string::npos);
}

TEST_F(Tool, PresetsSetWhatIsNotGiven) {
  EXPECT_EQ(Engram({"create", dir_.File("a"), "--dim", "4", "--preset", "accuracy", "--json"})
                .json()["m"],
            32);
  EXPECT_EQ(
      Engram({"create", dir_.File("b"), "--dim", "4", "--preset", "speed", "--json"}).json()["m"],
      8);
  EXPECT_EQ(
      Engram({"create", dir_.File("c"), "--dim", "4", "--preset", "speed", "--m", "9", "--json"})
          .json()["m"],
      9);
}

TEST_F(Tool, ImportsAndFindsAndGets) {
  ASSERT_EQ(Engram({"create", store_, "--dim", "2"}).code, 0);
  const Ran imported =
      Engram({"import", store_, Write("rows.jsonl", Points(250)), "--json", "--batch", "100"});
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(imported.json()["imported"], 250);
  EXPECT_EQ(imported.json()["failed"], 0);
  EXPECT_EQ(imported.json()["first_id"], 1);
  EXPECT_EQ(imported.json()["last_id"], 250);

  const Ran found = Engram({"search", store_, "--vector", "[100.2, 1]", "--k", "2", "--include",
                            "metadata,vector", "--exact", "--json"});
  ASSERT_EQ(found.code, 0) << found.err;
  const Json hits = found.json()["results"][0];
  ASSERT_EQ(hits.size(), 2U);
  EXPECT_EQ(hits[0]["id"], 101);
  EXPECT_NEAR(hits[0]["distance"].get<double>(), 0.04, 1e-4);
  EXPECT_EQ(hits[0]["metadata"]["n"], 100);
  EXPECT_EQ(hits[0]["vector"], Json::array({100, 1}));
  EXPECT_EQ(hits[1]["id"], 102);

  const Ran got = Engram({"get", store_, "101", "--json"});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.json()["metadata"]["n"], 100);
  EXPECT_EQ(got.json()["vector"], Json::array({100, 1}));
}

TEST_F(Tool, WithoutBeingAskedAHitIsIdAndDistance) {
  MakeStore(Points(3));
  const Json hit =
      Engram({"search", store_, "--vector", "[0,1]", "--json"}).json()["results"][0][0];
  EXPECT_EQ(hit.size(), 2U);
}

TEST_F(Tool, SearchesForEachRowOfAFileAndEachVectorOfAList) {
  MakeStore(Points(5));
  const std::string queries = Write("q.jsonl", "{\"vector\":[0,1]}\n{\"vector\":[4,1]}\n");
  for (const Ran& ran :
       {Engram({"--json", "search", store_, "--query", queries, "--k", "1"}),
        Engram({"search", store_, "--vector", "[[0,1],[4,1]]", "--k", "1", "--json"})}) {
    ASSERT_EQ(ran.code, 0) << ran.err;
    ASSERT_EQ(ran.json()["results"].size(), 2U);
    EXPECT_EQ(ran.json()["results"][0][0]["id"], 1);
    EXPECT_EQ(ran.json()["results"][1][0]["id"], 5);
  }
}

TEST_F(Tool, KeepsTimesAndTypesAndIds) {
  MakeStore(
      "{\"vector\":[0,1],\"timestamp\":\"2024-05-01T12:00:00+02:00\",\"type\":7,\"id\":40}\n"
      "{\"vector\":[0,2],\"timestamp\":1500}\n");
  const Json first = Engram({"get", store_, "40", "--json"}).json();
  EXPECT_EQ(first["timestamp"], "2024-05-01T10:00:00Z");
  EXPECT_EQ(first["type"], 7);
  EXPECT_EQ(Engram({"get", store_, "41", "--json"}).json()["timestamp"],
            "1970-01-01T00:00:01.500Z");
}

TEST_F(Tool, ImportReportsWhatIsDurableWithEveryDurability) {
  for (const char* durability : {"sync", "interval", "none"}) {
    const std::string store = dir_.File(durability);
    ASSERT_EQ(Engram({"create", store, "--dim", "2"}).code, 0);
    const Ran ran = Engram({"import", store, Write("rows.jsonl", Points(25)), "--batch", "10",
                            "--report-commits", "--durability", durability, "--json"});
    ASSERT_EQ(ran.code, 0) << ran.err;
    EXPECT_TRUE(ran.out.starts_with("committed 10\ncommitted 20\ncommitted 25\n{")) << ran.out;
    EXPECT_EQ(Engram({"stats", store, "--json"}).json()["count"], 25);
  }
}

// Makes standard input of this process the reading end of a pipe while it lives.
class Piped {
 public:
  Piped() : stdin_(dup(STDIN_FILENO)) {
    EXPECT_EQ(pipe2(ends_.data(), O_CLOEXEC), 0);
    EXPECT_GE(dup2(ends_[0], STDIN_FILENO), 0);
    close(ends_[0]);
  }
  ~Piped() {
    CloseEnd();
    dup2(stdin_, STDIN_FILENO);
    close(stdin_);
  }
  Piped(const Piped&) = delete;
  Piped& operator=(const Piped&) = delete;

  void Write(std::string_view text) {
    EXPECT_EQ(write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void CloseEnd() {
    if (ends_[1] >= 0) close(std::exchange(ends_[1], -1));
  }

 private:
  std::array<int, 2> ends_{-1, -1};
  const int stdin_;
};

// Each flush of what it is written to hands the text on to a thread that waits for it.
class LineWaiter : public std::stringbuf {
 public:
  int sync() override {
    MutexLock lock(mutex_);
    seen_ = str();
    changed_.NotifyAll();
    return 0;
  }
  void WaitFor(const std::string& text) {
    MutexLock lock(mutex_);
    while (seen_.find(text) == std::string::npos) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::string seen_ ENGRAM_GUARDED_BY(mutex_);
};

// What is asked for next is written only when what was written before is committed: this ends only
// where lines are committed as they come.
TEST_F(Tool, LinesPipedInAreCommittedAsTheyCome) {
  ASSERT_EQ(Engram({"create", store_, "--dim", "2"}).code, 0);
  LineWaiter lines;
  std::ostream out(&lines);
  std::ostringstream err;
  int code = -1;
  Piped input;
  std::thread tool([&] {
    Context context{.out = out, .err = err};
    const std::array<const char*, 5> argv = {"engram", "import", store_.c_str(), "-",
                                             "--report-commits"};
    code = RunTool(static_cast<int>(argv.size()), argv.data(), context);
  });
  input.Write(Points(1));
  lines.WaitFor("committed 1\n");
  input.Write(Points(2) + "{\"vector\":[7,");  // a line that goes on later waits alone
  lines.WaitFor("committed 3\n");
  input.Write("8]}\n");
  lines.WaitFor("committed 4\n");
  input.Write("{\"vector\":[9,9]}");  // the last has no end
  input.CloseEnd();
  tool.join();
  EXPECT_EQ(code, 0) << err.str();
  EXPECT_NE(lines.str().find("committed 5\n"), std::string::npos) << lines.str();
  EXPECT_EQ(Engram({"stats", store_, "--json"}).json()["count"], 5);
}

TEST_F(Tool, ThreadsImportEveryRowOnce) {
  ASSERT_EQ(Engram({"create", store_, "--dim", "2"}).code, 0);
  const Ran ran = Engram({"import", store_, Write("rows.jsonl", Points(500)), "--batch", "7",
                          "--threads", "4", "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.json()["imported"], 500);
  EXPECT_EQ(ran.json()["first_id"], 1);
  EXPECT_EQ(ran.json()["last_id"], 500);
  const Json hits = Engram({"search", store_, "--vector", "[0,1]", "--k", "500", "--include",
                            "metadata", "--json"})
                        .json()["results"][0];
  ASSERT_EQ(hits.size(), 500U);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(hits[static_cast<std::size_t>(i)]["metadata"]["n"], i);
}

TEST_F(Tool, ErasesIdsAndRanges) {
  MakeStore(Points(20));
  const Ran ran = Engram({"erase", store_, "1", "5-8", "18-18446744073709551615", "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.json()["erased"], 8);
  EXPECT_EQ(Engram({"stats", store_, "--json"}).json()["count"], 12);
  EXPECT_EQ(Engram({"get", store_, "6"}).code, 1);
  EXPECT_EQ(Engram({"erase", store_, "5-8", "--json"}).json()["erased"], 0);
}

TEST_F(Tool, CheckpointsAndDumpsAndVerifies) {
  MakeStore(Points(50));
  const Ran checkpoint = Engram({"checkpoint", store_, "--json"});
  ASSERT_EQ(checkpoint.code, 0) << checkpoint.err;
  EXPECT_GT(checkpoint.json()["checkpoint_lsn"], 0);
  for (const std::vector<std::string>& what :
       {std::vector<std::string>{"--superblock"}, {"--log"}, {"--page", "0"}}) {
    std::vector<std::string> arguments = {"dump", store_, "--json"};
    arguments.insert(arguments.end(), what.begin(), what.end());
    const Ran dumped = Engram(arguments);
    ASSERT_EQ(dumped.code, 0) << dumped.err;
    EXPECT_FALSE(dumped.json()["sections"].empty());
    std::erase(arguments, "--json");
    EXPECT_EQ(Engram(arguments).code, 0);
  }
  const Ran verified = Engram({"verify", store_, "--json"});
  ASSERT_EQ(verified.code, 0) << verified.out << verified.err;
  EXPECT_EQ(verified.json()["ok"], true);
  EXPECT_EQ(verified.json()["patterns"], 50);
}

TEST_F(Tool, VerifyFindsADamagedPageAndExitsWithOne) {
  MakeStore(Points(50));
  {
    std::fstream file(store_ + "/graph.engram", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(65536 + 100);
    file << "not what was written";
  }
  const Ran ran = Engram({"verify", store_, "--json"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.json()["ok"], false);
  ASSERT_FALSE(ran.json()["findings"].empty());
  EXPECT_NE(ran.json()["findings"][0]["where"].get<std::string>().find("graph.engram"),
            std::string::npos);
}

TEST_F(Tool, IndexesTextAndAnswersQuestions) {
  std::filesystem::create_directory(dir_.File("text"));
  std::string fork;
  std::string sorting;
  for (int i = 0; i < 9; ++i) {
    fork += "the parent waits until the child process has ended\n";
    sorting += "the array is sorted with a comparison function\n";
  }
  Write("text/fork.txt", fork);
  Write("text/sorting.txt", sorting);
  const Ran indexed = Engram({"index-text", store_, dir_.File("text"), "--json"});
  ASSERT_EQ(indexed.code, 0) << indexed.err;
  EXPECT_EQ(indexed.json()["inserted"], 2);

  const Ran ran = Engram({"ask", store_, "compare", "and", "sort", "an", "array", "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  ASSERT_FALSE(ran.json()["answers"].empty());
  EXPECT_EQ(ran.json()["answers"][0]["file"], dir_.File("text/sorting.txt"));
  EXPECT_NE(Engram({"ask", store_, "child process"}).out.find("fork.txt:1"), std::string::npos);

  Write("text/later.txt", fork + fork + "and something that was not there before\n");
  const Ran again = Engram({"index-text", store_, dir_.File("text"), "--json"});
  EXPECT_EQ(again.json()["found"], 2);
  EXPECT_EQ(again.json()["inserted"], 1);
}

TEST_F(Tool, HelpAndVersionAreNoFailures) {
  EXPECT_EQ(Engram({"--help"}).code, 0);
  EXPECT_EQ(Engram({"import", "--help"}).code, 0);
  EXPECT_TRUE(Engram({"--version"}).out.starts_with("engram 0."));
}

}  // namespace
}  // namespace engram::tool
