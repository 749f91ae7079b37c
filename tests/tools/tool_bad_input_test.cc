#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "storage/base/coding.h"
#include "storage/superblock.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/run_tool.h"

namespace engram::tool {
namespace {

class ToolBadInput : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(Engram({"create", store_, "--dim", "2"}).code, 0); }

  std::string Write(const std::string& name, const std::string& content) {
    std::ofstream(dir_.File(name), std::ios::binary) << content;
    return dir_.File(name);
  }

  // Exit code 1, one line on standard error that begins with the code, and the same as JSON.
  static void ExpectFailure(std::vector<std::string> arguments, const std::string& code,
                            const std::string& part) {
    arguments.push_back("--json");
    const Ran ran = Engram(arguments);
    EXPECT_EQ(ran.code, 1) << ran.out;
    EXPECT_TRUE(ran.err.starts_with("engram: " + code + ": ")) << ran.err;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
    EXPECT_NE(ran.err.find(part), std::string::npos) << ran.err;
    EXPECT_EQ(ran.json()["error"]["code"], code);
  }

  std::uint64_t count() {
    return Engram({"stats", store_, "--json"}).json()["count"].get<std::uint64_t>();
  }

  TempDir dir_;
  const std::string store_ = dir_.File("store");
};

constexpr const char* kGood = "{\"vector\":[1,2]}\n";

TEST_F(ToolBadInput, WrongUsageExitsWithTwo) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{},
        {"nonsense"},
        {"create", store_},
        {"create", store_, "--dim", "x"},
        {"create", store_, "--dim", "2", "--metric", "l3"},
        {"search", store_},
        {"search", store_, "--vector", "[1,2]", "--query", "x"},
        {"search", store_, "--vector", "[1,2]", "--include", "everything"},
        {"search", store_, "--vector", "[1,2]", "--k", "-1"},
        {"search", store_, "--vector", "[1,2]", "--ef", "-1"},
        {"get", store_, "x"},
        {"erase", store_, "8-5"},
        {"erase", store_, "5-"},
        {"erase", store_},
        {"prune", store_},
        {"prune", store_, "--before", "5"},
        {"compact", store_, "--metadata"},
        {"rebalance", store_, "--worst-share", "x"},
        {"snapshot"},
        {"snapshot", "keep", store_, "a"},
        {"snapshot", "take", store_},
        {"snapshot", "drop", store_},
        {"get", store_, "1", "--at", "lsn:x"},
        {"search", store_, "--vector", "[1,2]", "--at", "time:x"},
        {"dump", store_},
        {"dump", store_, "--log", "--superblock"},
        {"import", store_, "x.npy", "--batch", "0"},
        {"import", store_, "x.npy", "--max-elements", "-1"},
        {"import", store_, "x.npy", "--durability", "maybe"},
        {"stats", store_, "--what"}}) {
    const Ran ran = Engram(arguments);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(arguments);
    EXPECT_FALSE(ran.err.empty());
  }
}

TEST_F(ToolBadInput, NumbersBelowZeroAreNamed) {
  const Ran ran = Engram({"search", store_, "--vector", "[1,2]", "--ef", "-1"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, testing::HasSubstr("--ef: found -1, expected 0 or more"));
}

TEST_F(ToolBadInput, CreateRefusesWhatCannotBe) {
  ExpectFailure({"create", store_, "--dim", "2"}, "kAlreadyExists", store_);
  ExpectFailure({"create", dir_.File("a"), "--dim", "0"}, "kInvalidArgument", "16384");
  ExpectFailure({"create", dir_.File("a"), "--dim", "16385"}, "kInvalidArgument", "16385");
  ExpectFailure({"create", dir_.File("a"), "--dim", "2", "--m", "1"}, "kInvalidArgument", "1");
}

// An older package in front of a newer store.
TEST_F(ToolBadInput, AStoreOfALaterFormatIsLeftAsItIsAndSaysWhatCanOpenIt) {
  const std::string path = store_ + "/graph.engram";
  const auto read = [&path] {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  std::string bytes = read();
  int changed = 0;
  for (const unsigned slot : {0U, 1U}) {
    const std::size_t offset = SuperblockOffset(slot);
    auto superblock = LoadAs<Superblock>(std::as_bytes(std::span(bytes)).subspan(offset).data());
    if (superblock.magic != kSuperblockMagic) continue;  // no checkpoint has written it yet
    ++superblock.format_version;
    SealSuperblock(superblock);
    std::memcpy(bytes.data() + offset, &superblock, sizeof(superblock));
    ++changed;
  }
  ASSERT_GT(changed, 0);
  std::ofstream(path, std::ios::binary) << bytes;

  const std::string told = "format version " + std::to_string(kFormatVersion + 1) +
                           ", this build reads versions " + std::to_string(kOldestFormatVersion) +
                           " to " + std::to_string(kFormatVersion) +
                           ": open it with the Engram that made it, or a newer one";
  const std::string rows = Write("rows.jsonl", kGood);
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"stats", store_},
                                                    {"search", store_, "--vector", "[1,2]"},
                                                    {"import", store_, rows},
                                                    {"checkpoint", store_}}) {
    ExpectFailure(arguments, "kNotSupported", told);
  }
  EXPECT_TRUE(read() == bytes);
}

TEST_F(ToolBadInput, NoCommandButCreateMakesAStore) {
  const std::string missing = dir_.File("missing");
  const std::string rows = Write("rows.jsonl", kGood);
  ExpectFailure({"import", missing, rows}, "kNotFound", "missing");
  ExpectFailure({"search", missing, "--vector", "[1,2]"}, "kNotFound", "missing");
  ExpectFailure({"get", missing, "1"}, "kNotFound", "missing");
  ExpectFailure({"erase", missing, "1"}, "kNotFound", "missing");
  ExpectFailure({"stats", missing}, "kNotFound", "missing");
  ExpectFailure({"checkpoint", missing}, "kNotFound", "missing");
  ExpectFailure({"erase", missing, "--type", "1"}, "kNotFound", "missing");
  ExpectFailure({"erase", missing, "--type", "1", "--dry-run"}, "kNotFound", "missing");
  ExpectFailure({"erase", missing, "1", "--forever"}, "kNotFound", "missing");
  ExpectFailure({"prune", missing, "--before", "1d"}, "kNotFound", "missing");
  ExpectFailure({"compact", missing}, "kNotFound", "missing");
  ExpectFailure({"rebalance", missing}, "kNotFound", "missing");
  ExpectFailure({"snapshot", "take", missing, "a"}, "kNotFound", "missing");
  ExpectFailure({"snapshot", "list", missing}, "kNotFound", "missing");
  ExpectFailure({"snapshot", "drop", missing, "a"}, "kNotFound", "missing");
  ExpectFailure({"get", missing, "1", "--at", "1d"}, "kNotFound", "missing");
  ExpectFailure({"verify", missing}, "kNotFound", "missing");
  ExpectFailure({"dump", missing, "--log"}, "kNotFound", "missing");
  ExpectFailure({"ask", missing, "what"}, "kNotFound", "missing");
}

TEST_F(ToolBadInput, SearchSaysWhatIsWrongWithTheQuestion) {
  ExpectFailure({"search", store_, "--vector", "[1,2]"}, "kEmptyIndex", "");
  ASSERT_EQ(Engram({"import", store_, Write("rows.jsonl", kGood)}).code, 0);
  ExpectFailure({"search", store_, "--vector", "[1,2,3]"}, "kDimensionMismatch", "3");
  ExpectFailure({"search", store_, "--vector", "[1"}, "kInvalidArgument", "JSON");
  ExpectFailure({"search", store_, "--vector", "[1e39,1]"}, "kInvalidVector", "component 0");
  ExpectFailure({"search", store_, "--vector", "[1,2]", "--k", "0"}, "kInvalidArgument", "k");
  ExpectFailure({"search", store_, "--vector", "[1,2]", "--k", "5", "--ef", "4"},
                "kInvalidArgument", "ef is 4");
  ExpectFailure({"search", store_, "--vector", "[1,2]", "--ef", "65537"}, "kInvalidArgument",
                "ef is 65537");
  ExpectFailure({"search", store_, "--query", dir_.File("no.npy")}, "kNotFound", "no.npy");
  // More than there are is no failure.
  const Ran all = Engram({"search", store_, "--vector", "[1,2]", "--k", "100", "--json"});
  EXPECT_EQ(all.json()["results"][0].size(), 1U);
}

TEST_F(ToolBadInput, UnknownIdsAreNamedAndTheOthersErased) {
  ASSERT_EQ(Engram({"import", store_, Write("rows.jsonl", kGood)}).code, 0);
  ExpectFailure({"get", store_, "77"}, "kNotFound", "77");
  ExpectFailure({"erase", store_, "77", "1"}, "kNotFound", "77");
  EXPECT_EQ(count(), 0U);
}

TEST_F(ToolBadInput, TheFirstBadLineEndsAnImportAndTheLinesBeforeItAreStored) {
  struct Case {
    std::string line;
    std::string code;
    std::string part;
  };
  std::uint64_t expected = 0;
  for (const Case& bad :
       {Case{"{\"vector\": oops}", "kInvalidArgument", "no valid JSON"},
        Case{"{\"vector\":[1,2,3]}", "kDimensionMismatch", "3 components, the store has 2"},
        Case{"{\"vector\":[1,1e39]}", "kInvalidVector", "component 1"},
        Case{"{\"vector\":[1,2],\"id\":1}", "kAlreadyExists", ""}}) {
    const std::string rows =
        Write("rows.jsonl", kGood + std::string("\n") + kGood + bad.line + "\n");
    const Ran ran = Engram({"import", store_, rows, "--json"});
    expected += 2;
    EXPECT_EQ(ran.code, 1);
    EXPECT_TRUE(ran.err.starts_with("engram: " + bad.code + ": line 4: ")) << ran.err;
    EXPECT_NE(ran.err.find(bad.part), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find("2 patterns were imported before"), std::string::npos) << ran.err;
    EXPECT_EQ(ran.json()["imported"], 2);
    EXPECT_EQ(ran.json()["error"]["code"], bad.code);
    EXPECT_EQ(count(), expected);
  }
}

TEST_F(ToolBadInput, NothingBehindABadLineIsStored) {
  const std::string rows = Write("rows.jsonl", std::string(kGood) + "nonsense\n" + kGood);
  EXPECT_EQ(Engram({"import", store_, rows}).code, 1);
  EXPECT_EQ(count(), 1U);
}

TEST_F(ToolBadInput, SkipBadStoresTheGoodLinesAndCountsTheBad) {
  const std::string rows =
      Write("rows.jsonl", std::string(kGood) + "nonsense\n" + kGood + "{\"vector\":[1]}\n" +
                              "{\"vector\":[3,4],\"id\":1}\n" + kGood);
  const Ran ran = Engram({"import", store_, rows, "--skip-bad", "--json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.json()["imported"], 3);
  EXPECT_EQ(ran.json()["failed"], 3);
  EXPECT_NE(ran.err.find("line 2: "), std::string::npos) << ran.err;
  EXPECT_EQ(count(), 3U);
}

TEST_F(ToolBadInput, ControlCharactersOfABadLineAreNotPrinted) {
  const std::string rows = Write("rows.jsonl", "{\"vector\":[1,2],\"ttl\":\"so\\u001b[2Jon\"}\n");
  ExpectFailure({"import", store_, rows}, "kInvalidArgument", "line 1: \"so [2Jon\"");
  const Ran ran = Engram({"import", store_, rows, "--skip-bad"});
  EXPECT_THAT(ran.err, testing::HasSubstr("skipped line 1: \"so [2Jon\""));
}

TEST_F(ToolBadInput, ZeroVectorsHaveNoDirection) {
  const std::string store = dir_.File("cosine");
  ASSERT_EQ(Engram({"create", store, "--dim", "2", "--metric", "cosine"}).code, 0);
  ExpectFailure({"import", store, Write("rows.jsonl", "{\"vector\":[0,0]}\n")}, "kInvalidVector",
                "line 1");
}

TEST_F(ToolBadInput, AFileOfOtherDimensionsIsRefusedWithBoth) {
  const std::string file = Write("rows.bvecs", std::string("\3\0\0\0\1\2\3", 7));
  ExpectFailure({"import", store_, file}, "kDimensionMismatch", "3 components, the store has 2");
  ExpectFailure({"import", store_, Write("rows.npy", "PK")}, "kInvalidArgument", "rows.npy");
  EXPECT_EQ(count(), 0U);
}

TEST_F(ToolBadInput, AFullStoreKeepsWhatItHas) {
  const std::string rows = Write("rows.jsonl", std::string(kGood) + kGood + kGood);
  const Ran ran = Engram({"import", store_, rows, "--max-elements", "2", "--skip-bad", "--json"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_TRUE(ran.err.starts_with("engram: kIndexFull: ")) << ran.err;
  EXPECT_EQ(ran.json()["imported"], 2);
  EXPECT_EQ(count(), 2U);
}

TEST_F(ToolBadInput, AStoreWithoutTextHasNoAnswers) {
  ASSERT_EQ(Engram({"import", store_, Write("rows.jsonl", kGood)}).code, 0);
  ExpectFailure({"ask", store_, "what"}, "kNotFound", "holds no text");
}

TEST_F(ToolBadInput, AQuestionNeedsAWord) {
  std::string text;
  for (int i = 0; i < 9; ++i) text += "every line of this text has quite enough words\n";
  const std::string store = dir_.File("text-store");
  ASSERT_EQ(Engram({"index-text", store, Write("text.txt", text)}).code, 0);
  ExpectFailure({"ask", store, "? a"}, "kInvalidArgument", "no word");
  EXPECT_TRUE(Engram({"ask", store, "unheard", "--json"}).json()["answers"].empty());
}

}  // namespace
}  // namespace engram::tool
