// The commands that keep a store as good as new: erase, prune, compact, and expiry by import.
#include <signal.h>  // NOLINT: of POSIX, not of the standard library

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <engram/store.h>

#include "tests/tools/tool_fixture.h"

namespace engram::tool {
namespace {

using testing::HasSubstr;

class UpkeepCommands : public ToolTest {
 protected:
  // Ids 1 to 10: on the first ten days of 2026, types 0, 1, 2, 0, 1, 2...
  void MakeDays() {
    std::string lines;
    for (int day = 1; day <= 10; ++day) {
      lines += "{\"vector\":[" + std::to_string(day) +
               ",1],\"type\":" + std::to_string((day - 1) % 3) + ",\"timestamp\":\"2026-01-" +
               (day < 10 ? "0" : "") + std::to_string(day) + "T12:00:00Z\"}\n";
    }
    MakeStore(lines);
  }

  std::vector<int> Ids() {
    std::vector<int> ids;
    for (int id = 1; id <= 10; ++id) {
      if (Engram({"get", store_, std::to_string(id)}).code == 0) ids.push_back(id);
    }
    return ids;
  }
};

TEST_F(UpkeepCommands, ErasesWhatAFilterMeans) {
  ASSERT_NO_FATAL_FAILURE(MakeDays());
  const std::vector<std::string> filter = {"--type",     "1",        "--from",
                                           "2026-01-03", "--before", "2026-01-08T12:00"};
  std::vector<std::string> dry = {"erase", store_, "--dry-run"};
  dry.insert(dry.end(), filter.begin(), filter.end());
  EXPECT_EQ(Answer(dry)["would_erase"], 1);  // 5; 2 is before, 8 not before its own time
  EXPECT_EQ(Engram(dry).out, "would erase 1 of 10 patterns\n");
  EXPECT_EQ(Ids().size(), 10U);

  std::vector<std::string> erase = {"erase", store_};
  erase.insert(erase.end(), filter.begin(), filter.end());
  EXPECT_EQ(Engram(erase).out, "erased 1 of 10 patterns\n");
  EXPECT_EQ(Ids(), (std::vector<int>{1, 2, 3, 4, 6, 7, 8, 9, 10}));

  const Json answer =
      Answer({"erase", store_, "--filter", "type = 0, from=2026-01-02,before=2026-01-09"});
  EXPECT_EQ(answer["erased"], 2);  // 4 and 7
  EXPECT_EQ(answer["patterns_before"], 9);
  EXPECT_EQ(Ids(), (std::vector<int>{1, 2, 3, 6, 8, 9, 10}));
  // What is given in both ways counts together.
  EXPECT_EQ(Answer({"erase", store_, "--filter", "type=2", "--before", "@1767700000"})["erased"],
            1);  // 3
  EXPECT_EQ(Answer({"erase", store_, "--before", "0s"})["erased"], 6);
  EXPECT_EQ(Answer({"erase", store_, "--type", "1"})["erased"], 0);
}

TEST_F(UpkeepCommands, ADryRunOfIdsErasesNone) {
  MakeStore(Points(10));
  EXPECT_EQ(Answer({"erase", store_, "--dry-run", "2-4", "9-20"})["would_erase"], 5);
  EXPECT_EQ(Engram({"erase", store_, "--dry-run", "2-4"}).out, "would erase 3\n");
  ExpectFailure({"erase", store_, "--dry-run", "2", "77"}, "kNotFound", "pattern 77");
  EXPECT_EQ(Count(), 10U);
}

// Numbers of a caller's own may be far apart: what there is counts, not how many lie between.
TEST_F(UpkeepCommands, RangesOfMoreNumbersThanPatternsAreErased) {
  const std::string far = "{\"vector\":[9,9],\"id\":1764558000000000}\n";
  const std::string beyond = "1764558000000001";
  MakeStore(Points(10) + far);
  EXPECT_EQ(Answer({"erase", store_, "1-" + beyond, "--dry-run"})["would_erase"], 11);
  EXPECT_EQ(Answer({"erase", store_, "11-1764557999999999", "--dry-run"})["would_erase"], 0);
  EXPECT_EQ(Answer({"erase", store_, "9-" + beyond, "3-4", "1-4"})["erased"], 7);
  EXPECT_EQ(Ids(), (std::vector<int>{5, 6, 7, 8}));
  ExpectFailure({"erase", store_, "7-" + beyond, "10"}, "kNotFound", "pattern 10 is not in");
  EXPECT_EQ(Answer({"erase", store_, "--forever", "0-5", "10-" + beyond})["versions"], 7);
  EXPECT_EQ(Ids(), (std::vector<int>{6}));
  ExpectFailure({"erase", store_, "--forever", "6", beyond + "-1764558000000009"}, "kNotFound",
                "pattern " + beyond + " was never");
  ExpectFailure({"erase", store_, "--forever", "6", "0"}, "kNotFound", "pattern 0 was never");
  EXPECT_EQ(Count(), 1U);
}

// Behind a kill the store gives no id that may have been used, though none of these was.
TEST_F(UpkeepCommands, ARangeOfAKilledStoreMayEndBehindItsLastId) {
  const std::string live = dir_.File("live");
  Options options;
  options.dimensions = 2;
  options.background_threads = 0;
  {
    Store store = Check(Store::Open(live, options));
    const std::vector<float> vector = {0, 1};
    NewPattern pattern;
    pattern.vector = vector;
    for (PatternId id = 1; id <= 10; ++id) {
      pattern.id = id;
      Check(store.Insert(pattern, WriteOptions::With(Durability::kNone)));
    }
    Check(store.Flush());
    // What is on disk now is what a kill would leave.
    std::filesystem::copy(live, store_, std::filesystem::copy_options::recursive);
  }
  EXPECT_EQ(Answer({"erase", store_, "--forever", "1-1000000"})["erased"], 10);
  EXPECT_EQ(Count(), 0U);
}

TEST_F(UpkeepCommands, FiltersThatMeanNothingAreRefused) {
  ASSERT_NO_FATAL_FAILURE(MakeDays());
  struct Case {
    std::vector<std::string> options;
    std::string part;
  };
  for (const Case& bad : {
           Case{{}, "what to erase is missing"},
           Case{{"--filter", ""}, "there is no condition in it"},
           Case{{"--filter", "type=1,"}, "is no condition"},
           Case{{"--filter", "type"}, "is no condition"},
           Case{{"--filter", "type=x"}, "type is \"x\", expected a whole number"},
           Case{{"--filter", "type=1|type=2"}, "type is \"1|type=2\", expected"},
           Case{{"--filter", "type=1,type=2"}, "type is given twice"},
           Case{{"--filter", "type!=1"}, "\"type!\" is no part of a pattern"},
           Case{{"--filter", "id=1"}, "\"id\" is no part of a pattern"},
           Case{{"--filter", "before<2026-01-01"}, "is no condition"},
           Case{{"--filter", "before=tomorrow"}, "\"tomorrow\" is no time"},
           Case{{"--type", "4294967296"}, "expected a whole number from 0 to 4294967295"},
           Case{{"--type", "-1"}, "expected a whole number"},
           Case{{"--before", "1767700000"}, "is no time"},
           Case{{"--from", "2026-13-01"}, "is no time"},
           Case{{"--type", "1", "--filter", "type=1"}, "type is given twice"},
           Case{{"--before", "1d", "--filter", "before=2d"}, "before is given twice"},
           Case{{"--from", "2026-01-02", "--before", "2026-01-02"}, "no time lies between"},
           Case{{"1", "--type", "1"}, "excludes"},
           Case{{"--forever", "--type", "1"}, "excludes"},
           Case{{"--forever", "--dry-run", "1"}, "excludes"},
       }) {
    std::vector<std::string> arguments = {"erase", store_};
    arguments.insert(arguments.end(), bad.options.begin(), bad.options.end());
    ExpectWrongUsage(arguments, bad.part);
  }
  EXPECT_EQ(Ids().size(), 10U);
}

// All bytes of all files.
bool StoreHolds(const std::string& store, const std::string& text) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    if (bytes.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST_F(UpkeepCommands, ErasesForEverWhatSnapshotsSee) {
  const std::string secret = "the secret of somebody";
  MakeStore(Points(20) + "{\"vector\":[7,7],\"metadata\":{\"s\":\"" + secret + "\"}}\n");
  ASSERT_EQ(Engram({"snapshot", "take", store_, "before"}).code, 0);
  ASSERT_EQ(Answer({"erase", store_, "21"})["erased"], 1);
  ASSERT_EQ(Engram({"get", store_, "21", "--at", "before"}).code, 0);
  ASSERT_TRUE(StoreHolds(store_, secret));

  const Json report = Answer({"erase", store_, "--forever", "21", "3-4", "4"});
  EXPECT_EQ(report["erased"], 2);
  EXPECT_EQ(report["versions"], 3);
  EXPECT_GT(report["journal_bytes"], 0);
  EXPECT_GT(report["metadata_bytes"], 0);
  EXPECT_FALSE(StoreHolds(store_, secret));
  EXPECT_EQ(Engram({"get", store_, "21", "--at", "before"}).code, 1);
  EXPECT_EQ(Engram({"get", store_, "4", "--at", "before"}).code, 1);
  EXPECT_EQ(Engram({"get", store_, "5", "--at", "before"}).code, 0);
  const Ran text = Engram({"erase", store_, "--forever", "5"});
  EXPECT_THAT(text.out, HasSubstr("erased 1 for ever"));
  EXPECT_THAT(text.out, HasSubstr("journal written anew"));
  ExpectFailure({"erase", store_, "--forever", "5", "22"}, "kNotFound", "pattern 22 was never");
  EXPECT_EQ(Count(), 17U);
  EXPECT_EQ(Answer({"verify", store_})["ok"], true);
}

TEST_F(UpkeepCommands, PrunesWhatIsOld) {
  ASSERT_NO_FATAL_FAILURE(MakeDays());
  Import("{\"vector\":[0,0]}\n");  // of now
  const Ran ran = Engram({"prune", store_, "--before", "2026-01-04"});
  EXPECT_EQ(ran.out, "erased 3 of 11 patterns: those of before 2026-01-04T00:00:00Z\n") << ran.err;
  const Json answer = Answer({"prune", store_, "--before", "1h"});
  EXPECT_EQ(answer["erased"], 7);
  EXPECT_EQ(answer["patterns_before"], 8);
  EXPECT_TRUE(ParseTime(answer["before"].get<std::string>()).ok());
  EXPECT_EQ(Count(), 1U);
  ExpectFailure({"prune", store_, "--before", "9999-01-01"}, "kInvalidArgument", "in the past");
  ExpectWrongUsage({"prune", store_}, "--before");
  ExpectWrongUsage({"prune", store_, "--before", "soon"}, "\"soon\" is no time");
}

TEST_F(UpkeepCommands, ImportedPatternsExpire) {
  ASSERT_EQ(Engram({"create", store_, "--dim", "2"}).code, 0);
  Import(
      "{\"vector\":[0,1]}\n"
      "{\"vector\":[0,2],\"ttl\":\"2d\"}\n"
      "{\"vector\":[0,3],\"ttl\":1}\n",
      {"--ttl", "30d"});
  const auto lives = [&](const char* id) {
    const Json pattern = Answer({"get", store_, id});
    const Timestamp from = ParseTime(pattern["inserted_at"].get<std::string>()).value();
    return ParseTime(pattern["expires_at"].get<std::string>()).value() - from;
  };
  EXPECT_EQ(lives("1"), std::chrono::days(30));
  EXPECT_EQ(lives("2"), std::chrono::days(2));
  EXPECT_EQ(Engram({"get", store_, "3"}).code, 1);  // a millisecond has passed
  EXPECT_THAT(Engram({"get", store_, "1"}).out, HasSubstr("expires at"));
  Import(Points(1));
  EXPECT_FALSE(Answer({"get", store_, "4"}).contains("expires_at"));

  ExpectWrongUsage({"import", store_, "x.jsonl", "--ttl", "5"}, "is no span of time");
  const std::string rows = Write("rows.jsonl", "{\"vector\":[0,1],\"ttl\":\"soon\"}\n");
  ExpectFailure({"import", store_, rows}, "kInvalidArgument",
                "line 1: \"soon\" is no span of time");
  Write("rows.jsonl", "{\"vector\":[0,1],\"ttl\":0}\n");
  ExpectFailure({"import", store_, rows}, "kInvalidArgument", "line 1: ");
}

TEST_F(UpkeepCommands, CompactsAndReports) {
  MakeStore(Points(3000));
  ASSERT_EQ(Answer({"erase", store_, "1-2500"})["erased"], 2500);
  const std::uint64_t before = Answer({"stats", store_})["page_file_bytes"].get<std::uint64_t>();
  const Json report = Answer({"compact", store_, "--no-metadata"});
  EXPECT_EQ(report["held"], 0);
  EXPECT_EQ(report["gave_way"], false);
  EXPECT_GT(report["moved"], 0);
  EXPECT_LT(report["bytes_after"], report["bytes_before"]);
  const Json stats = Answer({"stats", store_});
  EXPECT_LT(stats["page_file_bytes"].get<std::uint64_t>(), before);
  EXPECT_EQ(stats["count"], 500);
  EXPECT_EQ(stats["dead"], 0);
  EXPECT_EQ(Answer({"verify", store_})["ok"], true);

  // What a snapshot sees stays, and the report says so.
  ASSERT_EQ(Engram({"snapshot", "take", store_, "kept"}).code, 0);
  ASSERT_EQ(Answer({"erase", store_, "2600-2699"})["erased"], 100);
  const Ran text = Engram({"compact", store_});
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr(" became "));
  EXPECT_THAT(text.out, HasSubstr("dead patterns that stay  100: snapshots"));
}

// Sends the process SIGINT when something is shown.
class InterruptingBuffer : public std::stringbuf {
 public:
  int sync() override {
    if (!std::exchange(sent_, true)) raise(SIGINT);
    return 0;
  }

 private:
  bool sent_ = false;
};

TEST_F(UpkeepCommands, CtrlCEndsACompactionInGoodOrder) {
  MakeStore(Points(2000));
  ASSERT_EQ(Answer({"erase", store_, "1-1500"})["erased"], 1500);
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGINT, nullptr, &before), 0);

  std::ostringstream out;
  InterruptingBuffer shown;
  std::ostream err(&shown);
  Context context{.out = out, .err = err, .err_is_terminal = true};
  const std::array<const char*, 4> arguments = {"engram", "compact", store_.c_str(), "--json"};
  EXPECT_EQ(RunTool(arguments.size(), arguments.data(), context), 1);
  EXPECT_EQ(Json::parse(out.str())["error"]["code"], "kCancelled");
  EXPECT_THAT(shown.str(), HasSubstr("compact: taking the dead out of the graph"));
  EXPECT_THAT(shown.str(), HasSubstr("engram: kCancelled: compaction was cancelled"));

  // Signals do again what they did, and the store is as good as before.
  struct sigaction after {};
  ASSERT_EQ(sigaction(SIGINT, nullptr, &after), 0);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
  EXPECT_EQ(Answer({"verify", store_})["ok"], true);
  EXPECT_EQ(Count(), 500U);
  EXPECT_GT(Answer({"compact", store_})["reclaimed"], 0);
}

TEST_F(UpkeepCommands, RebalancesAndSaysHowTheGraphWasAndIs) {
  MakeStore(Points(2000));
  ASSERT_EQ(Answer({"erase", store_, "101-1900"})["erased"], 1800);
  const Json report = Answer({"rebalance", store_, "--worst-share", "1", "--sample", "50"});
  EXPECT_EQ(report["looked_at"], 200);
  EXPECT_LE(report["relinked"], report["bad"]);
  for (const char* when : {"before", "after"}) {
    const Json& health = report[when];
    EXPECT_EQ(health["count"], 200);
    EXPECT_EQ(health["sampled"], 50);
    for (const char* share : {"finds_itself", "recall"}) {
      EXPECT_GE(health[share].get<double>(), 0.9) << when << " " << share;
      EXPECT_LE(health[share].get<double>(), 1) << when << " " << share;
    }
  }
  EXPECT_EQ(Answer({"verify", store_})["ok"], true);
  const Ran text = Engram({"rebalance", store_, "--sample", "0"});
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("of 200 patterns linked anew"));
  EXPECT_THAT(text.out, HasSubstr("with one link in"));
  EXPECT_THAT(text.out, testing::Not(HasSubstr("recall")));  // nothing was measured
  ExpectFailure({"rebalance", store_, "--worst-share", "1.5"}, "kInvalidArgument", "worst_share");
  ExpectFailure({"rebalance", store_, "--sample", "100001"}, "kInvalidArgument", "sample");
}

TEST_F(UpkeepCommands, CtrlCEndsRebalancingInGoodOrder) {
  MakeStore(Points(2000));
  std::ostringstream out;
  InterruptingBuffer shown;
  std::ostream err(&shown);
  Context context{.out = out, .err = err, .err_is_terminal = true};
  const std::array<const char*, 4> arguments = {"engram", "rebalance", store_.c_str(), "--json"};
  EXPECT_EQ(RunTool(arguments.size(), arguments.data(), context), 1);
  EXPECT_EQ(Json::parse(out.str())["error"]["code"], "kCancelled");
  EXPECT_EQ(Answer({"verify", store_})["ok"], true);
}

TEST_F(UpkeepCommands, StatsSayWhatWasSweptAndWhatHoldsItBack) {
  MakeStore(Points(10));
  ASSERT_EQ(Engram({"snapshot", "take", store_, "kept"}).code, 0);
  const Json json = Answer({"stats", store_});
  EXPECT_EQ(json["named_snapshots"], 1);
  EXPECT_GT(json["oldest_named_snapshot_age_seconds"], 0);
  EXPECT_EQ(json["snapshots"], 0);
  const std::string text = Engram({"stats", store_}).out;
  EXPECT_THAT(text, HasSubstr("named snapshots       1, the oldest "));
  EXPECT_THAT(text, HasSubstr("open snapshots        none"));
  EXPECT_THAT(text, HasSubstr("sweep "));
  EXPECT_THAT(text, HasSubstr("  ended by age"));
}

}  // namespace
}  // namespace engram::tool
