// A store of two dimensions for tests of the `engram` program.
// Threads: one thread.
#ifndef ENGRAM_TESTS_TOOLS_TOOL_FIXTURE_H_
#define ENGRAM_TESTS_TOOLS_TOOL_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"
#include "tests/tools/run_tool.h"

namespace engram::tool {

// JSON lines of points [i, 1] with metadata {"n": i}, ids 1 to `count` in a new store.
inline std::string Points(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    lines += "{\"vector\":[" + std::to_string(i) + ",1],\"metadata\":{\"n\":" + std::to_string(i) +
             "}}\n";
  }
  return lines;
}

class ToolTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) {
    std::ofstream(dir_.File(name), std::ios::binary) << content;
    return dir_.File(name);
  }

  // The program's answer in JSON, where it succeeds.
  static Json Answer(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const Ran ran = Engram(arguments);
    EXPECT_EQ(ran.code, 0) << ran.err;
    return ran.code == 0 ? ran.json() : Json::object();
  }

  // Exit code 1, and one line on standard error that begins with the code and has `part`.
  static void ExpectFailure(const std::vector<std::string>& arguments, const std::string& code,
                            const std::string& part) {
    const Ran ran = Engram(arguments);
    EXPECT_EQ(ran.code, 1) << ran.out;
    EXPECT_THAT(ran.err, testing::StartsWith("engram: " + code + ": "));
    EXPECT_THAT(ran.err, testing::HasSubstr(part));
  }

  // Exit code 2, with `part` on standard error.
  static void ExpectWrongUsage(const std::vector<std::string>& arguments, const std::string& part) {
    const Ran ran = Engram(arguments);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(arguments) << ran.out << ran.err;
    EXPECT_THAT(ran.err, testing::HasSubstr(part)) << testing::PrintToString(arguments);
  }

  void Import(const std::string& lines, std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"import", store_, Write("rows.jsonl", lines)});
    const Ran ran = Engram(options);
    ASSERT_EQ(ran.code, 0) << ran.err;
  }

  // A store of two dimensions with these JSON lines.
  void MakeStore(const std::string& lines) {
    ASSERT_EQ(Engram({"create", store_, "--dim", "2"}).code, 0);
    Import(lines);
  }

  std::uint64_t Count() { return Answer({"stats", store_})["count"].get<std::uint64_t>(); }

  TempDir dir_;
  const std::string store_ = dir_.File("store");
};

}  // namespace engram::tool

#endif  // ENGRAM_TESTS_TOOLS_TOOL_FIXTURE_H_
