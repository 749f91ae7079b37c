// Reading the past: snapshot, --at and --history.
#include <algorithm>
#include <filesystem>
#include <optional>

#include <engram/store.h>

#include "tests/tools/tool_fixture.h"

namespace engram::tool {
namespace {

using testing::HasSubstr;

class PastCommands : public ToolTest {
 protected:
  void Create(const std::vector<std::string>& options = {}) {
    std::vector<std::string> arguments = {"create", store_, "--dim", "2"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Ran ran = Engram(arguments);
    ASSERT_EQ(ran.code, 0) << ran.err;
  }

  std::size_t Hits(const std::string& at) {
    const Json answer = Answer({"search", store_, "--vector", "[0,1]", "--k", "99", "--at", at});
    return answer.contains("results") ? answer["results"][0].size() : 0;
  }

  std::string LastCommit() {
    return std::to_string(Answer({"stats", store_})["last_lsn"].get<std::uint64_t>());
  }

  static std::string TimeNow() { return FormatTime(Now()); }
};

TEST_F(PastCommands, SnapshotsAreTakenListedReadAndDropped) {
  MakeStore(Points(3));
  const Json taken = Answer({"snapshot", "take", store_, "three"});
  EXPECT_EQ(taken["name"], "three");
  EXPECT_GT(taken["lsn"], 0);
  ASSERT_EQ(Answer({"erase", store_, "1-2"})["erased"], 2);
  const Ran second = Engram({"snapshot", "take", store_, "one"});
  EXPECT_THAT(second.out, HasSubstr("snapshot one at commit "));

  EXPECT_EQ(Hits("three"), 3U);
  EXPECT_EQ(Hits("name:three"), 3U);
  EXPECT_EQ(Hits("one"), 1U);
  const Json hits = Answer({"search", store_, "--vector", "[0,1]", "--at", "three"});
  EXPECT_EQ(hits["at"]["taken_for"], "snapshot");
  EXPECT_EQ(hits["at"]["name"], "three");
  EXPECT_EQ(hits["at"]["lsn"], taken["lsn"]);
  EXPECT_EQ(hits["at"]["taken_at"], taken["taken_at"]);
  EXPECT_EQ(Engram({"get", store_, "1"}).code, 1);
  EXPECT_EQ(Answer({"get", store_, "1", "--at", "three"})["metadata"]["n"], 0);
  EXPECT_THAT(Engram({"get", store_, "1", "--at", "three"}).out,
              testing::StartsWith("at snapshot \"three\": commit "));

  const Json list = Answer({"snapshot", "list", store_})["snapshots"];
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["name"], "one");
  EXPECT_EQ(list[1]["lsn"], taken["lsn"]);
  EXPECT_GT(list[1]["age_seconds"], 0);
  const std::string text = Engram({"snapshot", "list", store_}).out;
  EXPECT_THAT(text, HasSubstr("  three  commit "));
  EXPECT_THAT(text, HasSubstr("2 snapshots\n"));

  EXPECT_EQ(Answer({"snapshot", "drop", store_, "three"})["snapshots"], 1);
  EXPECT_EQ(Engram({"snapshot", "drop", store_, "one"}).out, "dropped one; 0 left\n");
  EXPECT_TRUE(Answer({"snapshot", "list", store_})["snapshots"].empty());
}

TEST_F(PastCommands, SnapshotsThatCannotBeAreRefused) {
  MakeStore(Points(1));
  ASSERT_EQ(Engram({"snapshot", "take", store_, "a"}).code, 0);
  ExpectFailure({"snapshot", "take", store_, "a"}, "kAlreadyExists", "\"a\"");
  ExpectFailure({"snapshot", "take", store_, "b", "--most", "1"}, "kIndexFull", "1 named");
  ExpectFailure({"snapshot", "take", store_, ""}, "kInvalidArgument", "255");
  ExpectFailure({"snapshot", "take", store_, std::string(256, 'x')}, "kInvalidArgument", "256");
  ExpectFailure({"snapshot", "drop", store_, "b"}, "kNotFound", "\"b\"");
  ExpectFailure({"snapshot", "list", dir_.File("missing")}, "kNotFound", "missing");
  ExpectWrongUsage({"snapshot"}, "subcommand");
  ExpectWrongUsage({"snapshot", "take", store_}, "NAME");
  ExpectWrongUsage({"snapshot", "take", store_, "b", "--at", "lsn:x"}, "is no commit");
  ExpectWrongUsage({"snapshot", "give", store_, "b"}, "");
}

TEST_F(PastCommands, AHistoryIsReadByTimeAndCommit) {
  ASSERT_NO_FATAL_FAILURE(Create({"--history", "1d"}));
  Import(Points(3));
  const std::string three = TimeNow();
  const std::string three_lsn = LastCommit();
  // No command after the first says --history: it goes on.
  ASSERT_EQ(Answer({"erase", store_, "1"})["erased"], 1);
  const std::string two = TimeNow();
  Import(Points(4));
  ASSERT_EQ(Engram({"compact", store_}).code, 0);
  ASSERT_EQ(Engram({"checkpoint", store_}).code, 0);

  EXPECT_EQ(Hits(three), 3U);
  EXPECT_EQ(Hits("time:" + three), 3U);
  EXPECT_EQ(Hits(three_lsn), 3U);
  EXPECT_EQ(Hits("lsn:" + three_lsn), 3U);
  EXPECT_EQ(Hits(two), 2U);
  EXPECT_EQ(Hits("0s"), 6U);
  const Json by_time = Answer({"search", store_, "--vector", "[0,1]", "--at", three})["at"];
  EXPECT_EQ(by_time["taken_for"], "time");
  EXPECT_EQ(by_time["time"], three);
  EXPECT_EQ(std::to_string(by_time["lsn"].get<std::uint64_t>()), three_lsn);
  const Json by_lsn = Answer({"get", store_, "1", "--at", three_lsn})["at"];
  EXPECT_EQ(by_lsn["taken_for"], "commit");
  const std::string text = Engram({"search", store_, "--vector", "[0,1]", "--at", three}).out;
  EXPECT_THAT(text, testing::StartsWith("at time " + three + ": commit " + three_lsn + "\n"));

  // A name for a state of the past outlives the history.
  EXPECT_EQ(Answer({"snapshot", "take", store_, "three", "--at", three})["at"]["taken_for"],
            "time");
  ASSERT_EQ(Engram({"checkpoint", store_, "--history", "0"}).code, 0);
  EXPECT_EQ(Hits("three"), 3U);
  ExpectFailure({"search", store_, "--vector", "[0,1]", "--at", two}, "kSnapshotExpired",
                "--history");
}

TEST_F(PastCommands, WithoutAHistoryThePastIsGone) {
  ASSERT_NO_FATAL_FAILURE(Create());
  Import(Points(3));
  const std::string before = TimeNow();
  const std::string lsn = LastCommit();
  ASSERT_EQ(Answer({"erase", store_, "1"})["erased"], 1);
  ExpectFailure({"search", store_, "--vector", "[0,1]", "--at", before}, "kSnapshotExpired",
                "engram snapshot take");
  ExpectFailure({"get", store_, "1", "--at", lsn}, "kSnapshotExpired", "commit " + lsn);
  ExpectFailure({"get", store_, "1", "--at", "9999-01-01"}, "kInvalidArgument", "in the past");
  ExpectFailure({"get", store_, "1", "--at", "99999"}, "kInvalidArgument", "not there yet");
  ExpectFailure({"get", store_, "1", "--at", "yesterday"}, "kNotFound",
                "neither a commit's number nor a time");
  ExpectFailure({"get", store_, "1", "--at", "name:10m"}, "kNotFound", "\"10m\"");
  for (const char* at : {"lsn:", "lsn:x", "lsn:-1", "time:x", "time:", "name:", ""}) {
    EXPECT_EQ(Engram({"get", store_, "1", "--at", at}).code, 2) << at;
  }
  ExpectWrongUsage({"import", store_, "x.jsonl", "--history", "1"}, "is no span of time");
  ExpectFailure({"checkpoint", store_, "--history", "600w"}, "kInvalidArgument", "history");
}

TEST_F(PastCommands, ANameThatReadsAsSomethingElseNeedsAPrefix) {
  ASSERT_NO_FATAL_FAILURE(Create({"--history", "1d"}));
  Import(Points(3));
  const std::string lsn = LastCommit();
  for (const std::string& name : {std::string("0s"), lsn, std::string("name:x")}) {
    ASSERT_EQ(Engram({"snapshot", "take", store_, name}).code, 0);
  }
  ASSERT_EQ(Answer({"erase", store_, "1"})["erased"], 1);
  ExpectFailure({"get", store_, "1", "--at", "0s"}, "kInvalidArgument", "write name:0s or time:0s");
  ExpectFailure({"get", store_, "1", "--at", lsn}, "kInvalidArgument",
                "write name:" + lsn + " or lsn:" + lsn);
  EXPECT_EQ(Hits("name:0s"), 3U);
  EXPECT_EQ(Hits("time:0s"), 2U);
  EXPECT_EQ(Hits("name:" + lsn), 3U);
  EXPECT_EQ(Hits("lsn:" + lsn), 3U);
  EXPECT_EQ(Hits("name:name:x"), 3U);
}

TEST_F(PastCommands, ATimeThatIsNotKeptIsToldWithoutANumberThatNobodySet) {
  ASSERT_NO_FATAL_FAILURE(Create({"--history", "7d"}));
  Import(Points(3));
  const Ran ran = Engram({"search", store_, "--vector", "[0,1]", "--at", "1h"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("is not kept, only those from "));
  EXPECT_THAT(ran.err, testing::Not(HasSubstr("316224000000000")));
}

// A terminal does what they say.
TEST_F(PastCommands, ControlCharactersOfNamesAreNotPrinted) {
  MakeStore(Points(3));
  const std::string name = "a\nb\033[2Jc";
  const std::string shown = "a b [2Jc";
  const auto clean = [](const std::string& text) {
    return std::count_if(text.begin(), text.end(), [](char c) { return c >= 0 && c < 32; }) == 1 &&
           text.ends_with('\n');
  };
  const Ran taken = Engram({"snapshot", "take", store_, name});
  EXPECT_THAT(taken.out, HasSubstr("snapshot " + shown + " at commit "));
  EXPECT_TRUE(clean(taken.out)) << taken.out;
  const std::string at = "name:" + name;
  const std::vector<std::vector<std::string>> failing = {
      {"snapshot", "take", store_, name},
      {"snapshot", "drop", store_, name + "x"},
      {"get", store_, "1", "--at", at + "x"},
      {"search", store_, "--vector", "[0,1]", "--at", at + "x"}};
  for (const std::vector<std::string>& arguments : failing) {
    const Ran ran = Engram(arguments);
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("\"" + shown));
    EXPECT_TRUE(clean(ran.err)) << ran.err;
  }
  EXPECT_THAT(Engram({"get", store_, "1", "--at", at}).out,
              HasSubstr("at snapshot \"" + shown + "\": commit "));
  EXPECT_THAT(Engram({"dump", store_, "--log"}).out, HasSubstr("snapshot \"" + shown + "\""));
  EXPECT_THAT(Engram({"snapshot", "list", store_}).out, HasSubstr("  " + shown + "  commit "));
  const Ran usage = Engram({"get", store_, "1", "--at", "lsn:" + name});
  EXPECT_EQ(usage.code, 2);
  EXPECT_THAT(usage.err, HasSubstr("\"lsn:" + shown + "\" is no commit"));
  EXPECT_THAT(usage.err, HasSubstr("--help"));
  EXPECT_EQ(Engram({"snapshot", "drop", store_, name}).out, "dropped " + shown + "; 0 left\n");
  // In JSON they are as they were.
  EXPECT_EQ(Answer({"snapshot", "take", store_, name})["name"], name);
}

// A process with a history was killed; whoever looks into the store recovers it, and forgets no
// time by that.
TEST_F(PastCommands, LookingIntoAKilledStoreKeepsItsHistory) {
  const std::string live = dir_.File("live");
  Options options;
  options.dimensions = 2;
  options.history = std::chrono::hours(1);
  options.background_threads = 0;
  std::string first;
  {
    Store store = Check(Store::Open(live, options));
    const std::vector<float> vector = {0, 1};
    NewPattern pattern;
    pattern.vector = vector;
    const PatternId id = Check(store.Insert(pattern));
    Check(store.Insert(pattern));
    first = TimeNow();
    ASSERT_TRUE(store.Erase(id).ok());
    // What is on disk now is what a kill would leave.
    std::filesystem::copy(live, store_, std::filesystem::copy_options::recursive);
  }
  ASSERT_EQ(Store::OpenReadOnly(store_).code(), Code::kNotSupported);
  EXPECT_EQ(Hits(first), 2U);  // recovers
  EXPECT_TRUE(Store::OpenReadOnly(store_).ok());
  EXPECT_EQ(Hits(first), 2U);  // only reads
  ASSERT_EQ(Engram({"stats", store_}).code, 0);
  options.create_if_missing = false;
  Store again = Check(Store::Open(store_, options));
  EXPECT_TRUE(again.SnapshotAt(Check(ParseTime(first))).ok());
}

}  // namespace
}  // namespace engram::tool
