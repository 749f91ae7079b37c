// The whole `engram` program without its process.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_ENGRAM_RUN_H_
#define ENGRAM_TOOLS_ENGRAM_RUN_H_

#include "tools/engram/context.h"

namespace engram::tool {

// Exit code 0, 1 (failure) or 2 (usage).
int RunTool(int argc, const char* const* argv, Context& context);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_RUN_H_
