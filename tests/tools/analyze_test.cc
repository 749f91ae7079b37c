#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <random>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"
#include "tests/tools/run_tool.h"

namespace engram::tool {
namespace {

// Names of the fields of a struct in <engram/analyze.h>.
std::set<std::string> FieldsOf(const std::string& name) {
  std::ifstream header(ENGRAM_SOURCES "/api/include/engram/analyze.h");
  std::set<std::string> fields;
  bool inside = false;
  const std::regex field("  [\\w:<>]+ (\\w+)( = [^;]*)?;.*");
  std::smatch match;
  for (std::string line; std::getline(header, line);) {
    if (line == "};") inside = false;
    if (inside && std::regex_match(line, match, field)) fields.insert(match[1]);
    if (line == "struct " + name + " {") inside = true;
  }
  EXPECT_FALSE(fields.empty()) << name;
  return fields;
}

class ToolAnalyze : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(Engram({"create", store_, "--dim", "8"}).code, 0); }

  void Fill(int count, int copies = 1) {
    std::mt19937_64 random(TestSeed(1));
    std::string lines;
    for (int i = 0; i < count; ++i) {
      std::string line = "{\"vector\":[";
      for (int c = 0; c < 8; ++c) line += (c == 0 ? "" : ",") + std::to_string(random() % 1000);
      for (int copy = 0; copy < copies; ++copy) lines += line + "]}\n";
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
  EXPECT_NE(text.out.find("  on disk: "), std::string::npos) << text.out;
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
  EXPECT_LT(json["recall_low"], json["recall"]);
  EXPECT_GE(json["recall_high"], json["recall"]);
  EXPECT_EQ(json["levels"][0]["nodes"], 3000);
  EXPECT_EQ(Sum(json["out_degrees"]), 3000U);
  EXPECT_EQ(Sum(json["in_degrees"]), 3000U);
}

// Exactly these: a field that is forgotten here is missing from the answer, or nobody knows of it.
TEST_F(ToolAnalyze, EveryFieldIsInTheJson) {
  Fill(300);
  const auto names = [](const Json& object) {
    std::set<std::string> keys;
    for (const auto& [key, value] : object.items()) keys.insert(key);
    return keys;
  };
  const Json json = Analyze();
  EXPECT_EQ(names(json), FieldsOf("GraphReport"));
  EXPECT_EQ(names(json["space"]), FieldsOf("SpaceReport"));
  EXPECT_EQ(names(json["levels"][0]), FieldsOf("LevelReport"));
  ASSERT_EQ(json["hubs"].size(), 10U);
  EXPECT_EQ(names(json["hubs"][0]), FieldsOf("HubReport"));
}

TEST_F(ToolAnalyze, HubsAndCopiesAreShown) {
  Fill(100, 5);
  const Json json = Analyze();
  EXPECT_EQ(json["count"], 500);
  EXPECT_EQ(json["duplicates"], 400);
  EXPECT_EQ(json["duplicated_vectors"], 100);
  EXPECT_EQ(json["largest_heap"], 5);
  EXPECT_EQ(json["hubs"][0]["in_links"], json["most_in_links"]);
  EXPECT_GE(json["hubs"][0]["in_links"], json["hubs"][9]["in_links"]);
  EXPECT_GE(json["hub_share"], 0.01);
  EXPECT_LT(json["hub_share"], 1);
  const std::string hub = std::to_string(json["hubs"][0]["id"].get<std::uint64_t>());
  const Ran text = Engram({"analyze", store_});
  for (const std::string& part :
       {std::string("400, copies of 100 vectors; the largest heap has 5\n"),
        std::string("  hubs: to 1 % of the nodes lead "), " " + hub + " "}) {
    EXPECT_NE(text.out.find(part), std::string::npos) << part << "\n" << text.out;
  }
}

TEST_F(ToolAnalyze, ErasedPatternsAreNotCounted) {
  Fill(50);
  ASSERT_EQ(Engram({"erase", store_, "1-20"}).code, 0);
  const Json json = Analyze();
  EXPECT_EQ(json["count"], 30);
  EXPECT_EQ(json["unreachable"], 0);
  EXPECT_EQ(json["sampled"], 30);
  // As far as they were not reclaimed since.
  const double dead = json["dead"];
  EXPECT_EQ(json["dead_share"], dead / (30 + dead));
  EXPECT_EQ(dead + json["free_slots"].get<double>(), 20);
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
  for (const char* part : {"500 patterns in a graph of ",
                           "  recall@5  ",
                           ", 95 % sure: 0.",
                           " (100 searches, ",
                           "  unreachable           0\n",
                           "  parts                 1\n",
                           "  on one link or none   ",
                           "  duplicates            0\n",
                           "  ended, not reclaimed  0, 0.0 % of all\n",
                           "  reusable slots        0\n",
                           "  level       nodes       links      a node       least",
                           "    to ended   unreached\n",
                           "  nodes by their links at level 0\n",
                           "  hubs: to 1 % of",
                           "  on disk: ",
                           "    patterns   ",
                           "    room for patterns   ",
                           "    journal   ",
                           "    metadata   ",
                           "  in memory: ",
                           "    pages   ",
                           "█"}) {
    EXPECT_NE(ran.out.find(part), std::string::npos) << part << "\n" << ran.out;
  }
  EXPECT_EQ(ran.out.find(" \n"), std::string::npos) << "a line ends in blanks\n" << ran.out;
  EXPECT_EQ(ran.out.find("ended patterns"), std::string::npos) << "of 0 bytes";
}

TEST_F(ToolAnalyze, PartsOfTheBytesAddUp) {
  Fill(500);
  const Json json = Analyze();
  const auto sum = [&json](const std::vector<const char*>& parts) {
    std::uint64_t bytes = 0;
    for (const char* part : parts) bytes += json["space"][part].get<std::uint64_t>();
    return bytes;
  };
  EXPECT_EQ(sum({"page_file_bytes", "journal_bytes", "log_bytes", "metadata_bytes"}),
            json["bytes_on_disk"]);
  EXPECT_EQ(sum({"page_memory_bytes", "page_copy_bytes", "metadata_memory_bytes"}),
            json["memory_bytes"]);
  EXPECT_LT(sum({"node_bytes", "upper_bytes", "slot_state_bytes"}),
            json["space"]["page_file_bytes"]);
  EXPECT_LT(sum({"live_node_bytes", "dead_node_bytes", "free_node_bytes"}),
            json["space"]["node_bytes"]);
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
