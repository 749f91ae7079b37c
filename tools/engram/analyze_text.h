// What `engram analyze` shows to a person.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_ENGRAM_ANALYZE_TEXT_H_
#define ENGRAM_TOOLS_ENGRAM_ANALYZE_TEXT_H_

#include <cstddef>

#include <engram/analyze.h>

#include "tools/engram/context.h"

namespace engram::tool {

// A page: figures, levels, links, hubs, bytes. `k`: neighbours of each pattern of the sample.
void PrintReport(Context& context, const GraphReport& report, std::size_t k);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_ANALYZE_TEXT_H_
