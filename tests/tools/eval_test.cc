#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"
#include "tests/tools/run_tool.h"

namespace engram::tool {
namespace {

// Each row with its length before it: .fvecs of floats, .ivecs of int32.
template <typename T>
std::string VecsOf(const std::vector<std::vector<T>>& rows) {
  std::string bytes;
  const auto append = [&bytes](const void* from, std::size_t size) {
    bytes.append(static_cast<const char*>(from), size);
  };
  for (const std::vector<T>& row : rows) {
    const auto length = static_cast<std::int32_t>(row.size());
    append(&length, sizeof length);
    append(row.data(), row.size() * sizeof(T));
  }
  return bytes;
}

// A store of 100 points (i, 1), row i of the data, and searches for the nearest of some.
class Eval : public ::testing::Test {
 protected:
  void SetUp() override { Make(store_, 1); }

  void Make(const std::string& store, std::uint64_t first_id) {
    ASSERT_EQ(Engram({"create", store, "--dim", "2"}).code, 0);
    std::string lines;
    for (int i = 0; i < 100; ++i) {
      lines += "{\"vector\":[" + std::to_string(i) + ",1]";
      if (i == 0 && first_id != 1) lines += ",\"id\":" + std::to_string(first_id);
      lines += "}\n";
    }
    const Ran ran = Engram({"import", store, Write("rows.jsonl", lines)});
    ASSERT_EQ(ran.code, 0) << ran.err;
  }
  std::string Write(const std::string& name, const std::string& content) {
    std::ofstream(dir_.File(name), std::ios::binary) << content;
    return dir_.File(name);
  }
  std::string Queries(const std::vector<std::vector<float>>& rows) {
    return Write("queries.fvecs", VecsOf(rows));
  }
  std::string Truth(const std::vector<std::vector<std::int32_t>>& rows) {
    return Write("truth.ivecs", VecsOf(rows));
  }
  Ran Run(std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "eval", store_, "--query", dir_.File("queries.fvecs"), "--truth", dir_.File("truth.ivecs")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Engram(arguments);
  }
  void ExpectFailure(std::vector<std::string> more, const std::string& code,
                     const std::string& part) {
    more.emplace_back("--json");
    const Ran ran = Run(more);
    EXPECT_EQ(ran.code, 1) << ran.out;
    EXPECT_TRUE(ran.err.starts_with("engram: " + code + ": ")) << ran.err;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
    EXPECT_NE(ran.err.find(part), std::string::npos) << ran.err;
    EXPECT_EQ(ran.json()["error"]["code"], code);
  }

  TempDir dir_;
  const std::string store_ = dir_.File("store");
};

TEST_F(Eval, AnswersWithARowForEachEf) {
  Queries({{10.2F, 1}, {50.9F, 1}});
  Truth({{10, 11, 9}, {51, 50, 52}});
  const Ran ran = Run({"--k", "3", "--ef", "40,10", "--json"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json json = ran.json();
  EXPECT_EQ(json["k"], 3);
  EXPECT_EQ(json["queries"], 2);
  ASSERT_EQ(json["rows"].size(), 2U);
  EXPECT_EQ(json["rows"][0]["ef"], 40);
  EXPECT_EQ(json["rows"][1]["ef"], 10);
  for (const Json& row : json["rows"]) {
    EXPECT_EQ(row["recall"], 1);
    EXPECT_GT(row["qps"], 0);
    EXPECT_GT(row["p50_us"], 0);
    EXPECT_GE(row["p95_us"], row["p50_us"]);
    EXPECT_GE(row["p99_us"], row["p95_us"]);
  }
}

TEST_F(Eval, HitsBeyondTheTrueKthDistanceDoNotCount) {
  Queries({{10.2F, 1}, {50.9F, 1}});
  Truth({{10, 10}, {51, 50}});  // the first row leaves no room for a second hit
  EXPECT_EQ(Run({"--k", "2", "--json"}).json()["rows"][0]["recall"], 0.75);
}

TEST_F(Eval, EquallyNearHitsCountWhicheverTheTruthNames) {
  Queries({{10, 1}, {50, 1}});
  // 9 and 11 are as near; a search gives the lower id.
  Truth({{10, 11}, {50, 51}});
  EXPECT_EQ(Run({"--k", "2", "--json"}).json()["rows"][0]["recall"], 1);
}

TEST_F(Eval, CosineAndInnerProductCompareAsTheStoreDoes) {
  for (const char* metric : {"cosine", "ip"}) {
    const std::string store = dir_.File(metric);
    ASSERT_EQ(Engram({"create", store, "--dim", "3", "--metric", metric}).code, 0);
    std::string lines;
    for (int i = 1; i <= 60; ++i) {
      lines += "{\"vector\":[" + std::to_string(i % 7) + "," + std::to_string(i % 11) + "." +
               std::to_string(i) + "," + std::to_string(1 + i % 13) + "]}\n";
    }
    ASSERT_EQ(Engram({"import", store, Write("more.jsonl", lines)}).code, 0);
    const std::vector<std::vector<float>> queries = {{1, 2, 3}, {0.3F, 7, 0.1F}};
    Queries(queries);
    std::vector<std::vector<std::int32_t>> truth;
    for (const std::string vector : {"[1,2,3]", "[0.3,7,0.1]"}) {
      truth.emplace_back();
      const Ran ran =
          Engram({"search", store, "--vector", vector, "--k", "10", "--exact", "--json"});
      const Json hits = ran.json()["results"][0];
      for (const Json& hit : hits) {
        truth.back().push_back(hit["id"].get<std::int32_t>() - 1);
      }
    }
    const Ran ran = Engram(
        {"eval", store, "--query", dir_.File("queries.fvecs"), "--truth", Truth(truth), "--json"});
    ASSERT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.json()["rows"][0]["recall"], 1) << metric;
  }
}

TEST_F(Eval, FirstIdSaysWhichPatternIsTheFirstRow) {
  const std::string store = dir_.File("later");
  Make(store, 5000);
  Queries({{10.2F, 1}});
  Truth({{10}});
  const std::vector<std::string> arguments = {
      "eval", store, "--query", dir_.File("queries.fvecs"), "--truth", dir_.File("truth.ivecs"),
      "--k",  "1",   "--json"};
  EXPECT_EQ(Engram(arguments).code, 1);
  std::vector<std::string> with_first_id = arguments;
  with_first_id.insert(with_first_id.end(), {"--first-id", "5000"});
  const Ran ran = Engram(with_first_id);
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.json()["rows"][0]["recall"], 1);
}

TEST_F(Eval, SeveralThreadsFindTheSame) {
  std::vector<std::vector<float>> queries;
  std::vector<std::vector<std::int32_t>> truth;
  for (int i = 0; i < 90; ++i) {
    queries.push_back({static_cast<float>(i) + 0.1F, 1});
    truth.push_back({i});
  }
  Queries(queries);
  Truth(truth);
  for (const char* threads : {"3", "256"}) {  // the last: more than there are queries
    const Ran ran = Run({"--k", "1", "--ef", "10", "--threads", threads, "--json"});
    ASSERT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.json()["threads"], std::stoi(threads));
    EXPECT_EQ(ran.json()["rows"][0]["recall"], 1);
  }
}

TEST_F(Eval, WithoutEfsTheUsualOnesFromKOnAreTried) {
  Queries({{10.2F, 1}});
  std::vector<std::int32_t> all(100);
  for (int i = 0; i < 100; ++i) all[static_cast<std::size_t>(i)] = i;
  Truth({all});
  const Json rows = Run({"--k", "50", "--json"}).json()["rows"];
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0]["ef"], 80);
  EXPECT_EQ(rows[4]["ef"], 640);
}

TEST_F(Eval, TextIsATable) {
  Queries({{10.2F, 1}});
  Truth({{10, 11}});
  const Ran ran = Run({"--k", "2", "--ef", "10,200"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_TRUE(ran.out.starts_with(
      "recall@2 and speed of 1 queries on 100 patterns, 1 thread, best of three rounds\n"
      "     ef   recall   queries/s       p50       p95       p99\n"
      "     10   1.0000"))
      << ran.out;
  EXPECT_NE(ran.out.find("\n    200   1.0000"), std::string::npos) << ran.out;
}

TEST_F(Eval, TheTruthMustFitTheQueries) {
  Queries({{10.2F, 1}, {50.9F, 1}});
  Truth({{10, 11}});
  ExpectFailure({"--k", "2"}, "kInvalidArgument", "found 1 rows, expected 2: one for each query");
  Truth({{10, 11}, {51, 50}, {1, 2}});
  ExpectFailure({"--k", "2"}, "kInvalidArgument", "found 3 rows, expected 2");
  Truth({{10, 11}, {51}});
  ExpectFailure({"--k", "2"}, "kInvalidArgument", "row 2 names 1 neighbours, fewer than k");
}

TEST_F(Eval, NeighboursThatTheStoreDoesNotHoldAreNamed) {
  Queries({{10.2F, 1}, {50.9F, 1}});
  Truth({{10, 11}, {51, 100}});
  ExpectFailure({"--k", "2"}, "kInvalidArgument",
                "row 2 names row 100 of the data (0 is the first), pattern 101 here");
  ExpectFailure({"--k", "1", "--first-id", "100"}, "kInvalidArgument", "pattern 110 here");
  Truth({{10, 11}, {51, -1}});
  ExpectFailure({"--k", "2"}, "kInvalidArgument", "row 2 names the neighbour -1");
}

TEST_F(Eval, FilesThatAreNoTruthAreRefused) {
  Queries({{10.2F, 1}});
  const std::string whole = VecsOf<std::int32_t>({{10, 11}});
  Write("truth.ivecs", whole.substr(0, 6));
  ExpectFailure({"--k", "2"}, "kInvalidArgument", "truncated: row 1 has 2 bytes, expected 8");
  Write("truth.ivecs", whole + "ab");
  ExpectFailure({"--k", "2"}, "kInvalidArgument", "truncated: found 14 bytes, expected 16 or more");
  Write("truth.ivecs", VecsOf<std::int32_t>({{}}));
  ExpectFailure({"--k", "2"}, "kInvalidArgument", "row 1 says it names 0 neighbours");
  Write("truth.ivecs", std::string("\xff\xff\xff\xff", 4));
  ExpectFailure({"--k", "2"}, "kInvalidArgument", "row 1 says it names -1 neighbours");
  Write("truth.ivecs", std::string("\xff\xff\xff\x7f", 4));
  ExpectFailure({"--k", "2"}, "kInvalidArgument", "row 1 says it names 2147483647 neighbours");
  Write("truth.ivecs", "");
  ExpectFailure({"--k", "2"}, "kInvalidArgument", "found 0 rows, expected 1");
  const Ran other = Engram({"eval", store_, "--query", dir_.File("queries.fvecs"), "--truth",
                            dir_.File("queries.fvecs")});
  EXPECT_EQ(other.code, 1);
  EXPECT_NE(other.err.find("does not end in .ivecs"), std::string::npos) << other.err;
  const Ran missing = Engram(
      {"eval", store_, "--query", dir_.File("queries.fvecs"), "--truth", dir_.File("none.ivecs")});
  EXPECT_EQ(missing.code, 1);
  EXPECT_TRUE(missing.err.starts_with("engram: kNotFound: ")) << missing.err;
}

TEST_F(Eval, QueriesMustFitTheStore) {
  Truth({{10, 11}});
  Queries({{10.2F, 1, 3}});
  ExpectFailure({"--k", "2"}, "kDimensionMismatch", "query 1: ");
  Queries({});
  ExpectFailure({"--k", "2"}, "kInvalidArgument", "no row, expected queries");
  Queries({{std::nanf(""), 1}});
  ExpectFailure({"--k", "2"}, "kInvalidVector", "query 1: ");
}

TEST_F(Eval, RangesOfKAndEfAreSaid) {
  Queries({{10.2F, 1}});
  Truth({{10, 11}});
  ExpectFailure({"--k", "0"}, "kInvalidArgument", "k is 0, allowed is 1 to 65536");
  ExpectFailure({"--k", "2", "--ef", "10,1"}, "kInvalidArgument",
                "ef is 1, allowed is k, which is 2, to 65536");
  ExpectFailure({"--k", "2", "--ef", "65537"}, "kInvalidArgument", "ef is 65537");
  for (const std::vector<std::string>& more : {std::vector<std::string>{"--threads", "0"},
                                               {"--ef", "ten"},
                                               {"--k", "-1"},
                                               {"--first-id", "0"}}) {
    EXPECT_EQ(Run(more).code, 2) << testing::PrintToString(more);
  }
  EXPECT_EQ(Engram({"eval", store_}).code, 2);
}

TEST_F(Eval, AStoreThatIsNotThereIsNotMade) {
  Queries({{10.2F, 1}});
  Truth({{10, 11}});
  const Ran ran = Engram({"eval", dir_.File("missing"), "--query", dir_.File("queries.fvecs"),
                          "--truth", dir_.File("truth.ivecs")});
  EXPECT_EQ(ran.code, 1);
  EXPECT_TRUE(ran.err.starts_with("engram: kNotFound: ")) << ran.err;
}

}  // namespace
}  // namespace engram::tool
