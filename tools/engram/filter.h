// Which patterns a command means, by what they are: options, or one expression of the same.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_ENGRAM_FILTER_H_
#define ENGRAM_TOOLS_ENGRAM_FILTER_H_

#include <string>
#include <vector>

#include <engram/maintenance.h>
#include <engram/store.h>

#include "tools/engram/command.h"

namespace engram::tool {

// As they were given; empty: not at all.
struct FilterArguments {
  std::string type;
  std::string from;
  std::string before;
  std::string expression;  // "type=3,before=2026-01-01": all conditions hold

  bool empty() const {
    return type.empty() && from.empty() && before.empty() && expression.empty();
  }
};

// --type, --from, --before and --filter, and what each of them must look like.
std::vector<CLI::Option*> AddFilterOptions(CLI::App* sub, FilterArguments& arguments);

// All conditions together. Throws CLI::ValidationError where one is given twice, or no time lies
// between the two.
PatternFilter MakeFilter(const FilterArguments& arguments);

// For a look at every pattern that needs neither vectors nor metadata.
GetOptions HeaderOnly();

// How many patterns of the newest state the filter means.
std::uint64_t CountMatching(const Store& store, const PatternFilter& filter);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_FILTER_H_
