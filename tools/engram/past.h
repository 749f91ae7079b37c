// --at: the state of a store that a command reads, by the name of a snapshot, by the number of a
// commit, or by a time.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_ENGRAM_PAST_H_
#define ENGRAM_TOOLS_ENGRAM_PAST_H_

#include <string>

#include <engram/snapshot.h>
#include <engram/store.h>

#include "tools/engram/command.h"

namespace engram::tool {

// A state of the past, for as long as it lives; it must go before the store is closed.
struct PastState {
  Snapshot snapshot;
  std::string what;  // what it was taken for, for a person
  Json json;         // the same for a program
};

// --at, with `what` as the beginning of what is said of it.
void AddAtOption(CLI::App* sub, std::string& at, const std::string& what);

// "name:", "lsn:" or "time:" before it says what it is. Without one of these digits alone are a
// commit, what reads as a time is one, and the rest is a name; what would be a snapshot's name as
// well is refused. Throws Failure: kInvalidArgument (ambiguous; not there yet), kNotFound (no such
// name), kSnapshotExpired (the state is not kept).
PastState OpenPast(const Store& store, const std::string& at);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_PAST_H_
