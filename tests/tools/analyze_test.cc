#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"
#include "tests/tools/run_tool.h"

namespace engram::tool {
namespace {

class ToolAnalyze : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(Engram({"create", store_, "--dim", "8"}).code, 0); }

  void Fill(int count) {
    std::mt19937_64 random(TestSeed(1));
    std::string lines;
    for (int i = 0; i < count; ++i) {
      lines += "{\"vector\":[";
      for (int c = 0; c < 8; ++c) lines += (c == 0 ? "" : ",") + std::to_string(random() % 1000);
      lines += "]}\n";
    }
    std::ofstream(dir_.File("rows.jsonl")) << lines;
    const Ran ran = Engram({"import", store_, dir_.File("rows.jsonl")});
    ASSERT_EQ(ran.code, 0) << ran.err;
  }
  Json Analyze(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"analyze", store_, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = Engram(arguments);
    EXPECT_EQ(ran.code, 0) << ran.err;
    return ran.json();
  }
  static std::uint64_t Sum(const Json& numbers) {
    const auto values = numbers.get<std::vector<std::uint64_t>>();
    return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
  }

  TempDir dir_;
  const std::string store_ = dir_.File("store");
};

TEST_F(ToolAnalyze, AnEmptyStoreHasNoGraph) {
  const Json json = Analyze();
  EXPECT_EQ(json["count"], 0);
  EXPECT_EQ(json["dead"], 0);
  EXPECT_EQ(json["unreachable"], 0);
  EXPECT_EQ(json["components"], 0);
  EXPECT_EQ(json["sampled"], 0);
  EXPECT_TRUE(json["recall"].is_null());
  EXPECT_TRUE(json["levels"].empty());
  const Ran text = Engram({"analyze", store_});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_TRUE(text.out.starts_with("0 patterns in a graph of 0 levels\n")) << text.out;
}

TEST_F(ToolAnalyze, SaysHowTheGraphIsLinkedAndSearched) {
  Fill(3000);
  const Json json = Analyze({"--sample", "50", "--ef", "100"});
  EXPECT_EQ(json["count"], 3000);
  EXPECT_EQ(json["dead"], 0);
  EXPECT_EQ(json["unreachable"], 0);
  EXPECT_EQ(json["components"], 1);
  EXPECT_EQ(json["bytes_on_disk"], Engram({"stats", store_, "--json"}).json()["bytes_on_disk"]);
  EXPECT_EQ(json["sampled"], 50);
  EXPECT_GT(json["recall"], 0.9);
  EXPECT_LE(json["recall"], 1);
  EXPECT_GT(json["recall_error"], 0);
  EXPECT_EQ(json["levels"][0]["nodes"], 3000);
  EXPECT_EQ(Sum(json["out_degrees"]), 3000U);
  EXPECT_EQ(Sum(json["in_degrees"]), 3000U);
}

TEST_F(ToolAnalyze, ErasedPatternsAreNotCounted) {
  Fill(50);
  ASSERT_EQ(Engram({"erase", store_, "1-20"}).code, 0);
  const Json json = Analyze();
  EXPECT_EQ(json["count"], 30);
  EXPECT_EQ(json["unreachable"], 0);
  EXPECT_EQ(json["sampled"], 30);
}

TEST_F(ToolAnalyze, WithoutASampleThereIsNoRecall) {
  Fill(50);
  const Json json = Analyze({"--sample", "0"});
  EXPECT_EQ(json["sampled"], 0);
  EXPECT_TRUE(json["recall"].is_null());
  EXPECT_NE(Engram({"analyze", store_, "--sample", "0"}).out.find("not sampled"),
            std::string::npos);
}

TEST_F(ToolAnalyze, TextShowsLevelsAndHistograms) {
  Fill(500);
  const Ran ran = Engram({"analyze", store_, "--k", "5"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  for (const char* part :
       {"500 patterns in a graph of ", "  recall@5 ", " of 100 searches, ", "  level        nodes",
        "nodes by links from them, level 0", "nodes by links to them, level 0", "█"}) {
    EXPECT_NE(ran.out.find(part), std::string::npos) << part << "\n" << ran.out;
  }
}

TEST_F(ToolAnalyze, RangesAreSaid) {
  struct Case {
    std::vector<std::string> arguments;
    std::string part;
  };
  for (const Case& bad :
       {Case{{"--sample", "100001"}, "sample is 100001, allowed is 0 to 100000"},
        Case{{"--k", "0"}, "k is 0, allowed is 1 to 65535"}, Case{{"--k", "65536"}, "k is 65536"},
        Case{{"--ef", "10"}, "ef is 10, allowed is 11 to 65536"},
        Case{{"--ef", "65537"}, "ef is 65537"}}) {
    std::vector<std::string> arguments = {"analyze", store_};
    arguments.insert(arguments.end(), bad.arguments.begin(), bad.arguments.end());
    const Ran ran = Engram(arguments);
    EXPECT_EQ(ran.code, 1);
    EXPECT_TRUE(ran.err.starts_with("engram: kInvalidArgument: " + bad.part)) << ran.err;
  }
  EXPECT_EQ(Engram({"analyze", store_, "--sample", "-1"}).code, 2);
  EXPECT_EQ(Engram({"analyze", dir_.File("missing")}).code, 1);
}

}  // namespace
}  // namespace engram::tool
