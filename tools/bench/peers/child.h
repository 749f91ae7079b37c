// Measurements in processes of their own: each starts with the memory and the threads of a fresh
// program, and what one library leaves behind reaches no other.
// Threads: one thread; a child has only the one that forked, so no other may hold anything then.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_CHILD_H_
#define ENGRAM_TOOLS_BENCH_PEERS_CHILD_H_

#include <functional>

#include "tools/bench/peers/json.h"

namespace engram::bench {

// What `measure` returns, which runs in a child. Ends this process where the child fails.
Json InChild(const std::function<Json()>& measure);

// Runs `work` in a child, which must end by DieKilled(). Ends this process where it does not.
void InKilledChild(const std::function<void()>& work);
// Kills this process with SIGKILL: nothing is closed, no buffer is written, no destructor runs.
[[noreturn]] void DieKilled();

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_CHILD_H_
