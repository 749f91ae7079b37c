// Runs the `engram` program inside the test.
#ifndef ENGRAM_TESTS_TOOLS_RUN_TOOL_H_
#define ENGRAM_TESTS_TOOLS_RUN_TOOL_H_

#include <sstream>
#include <string>
#include <vector>

#include "tools/engram/json_values.h"
#include "tools/engram/run.h"

namespace engram::tool {

struct Ran {
  int code = 0;
  std::string out;
  std::string err;

  Json json() const { return Json::parse(out); }
};

inline Ran Engram(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  Context context{.out = out, .err = err};
  std::vector<const char*> argv = {"engram"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  Ran ran;
  ran.code = RunTool(static_cast<int>(argv.size()), argv.data(), context);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

}  // namespace engram::tool

#endif  // ENGRAM_TESTS_TOOLS_RUN_TOOL_H_
