// The subcommands of the `engram` program: each file registers one and hands back what runs it.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_ENGRAM_COMMAND_H_
#define ENGRAM_TOOLS_ENGRAM_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include <engram/options.h>
#include <engram/store.h>

#include "tools/engram/context.h"

namespace engram::tool {

struct Command {
  CLI::App* app;
  // Runs after the arguments were read; returns the exit code, throws Failure.
  std::function<int()> run;
};

Command AddAnalyze(CLI::App& app, Context& context);
Command AddAsk(CLI::App& app, Context& context);
Command AddCheckpoint(CLI::App& app, Context& context);
Command AddCompact(CLI::App& app, Context& context);
Command AddCreate(CLI::App& app, Context& context);
Command AddDump(CLI::App& app, Context& context);
Command AddErase(CLI::App& app, Context& context);
Command AddEval(CLI::App& app, Context& context);
Command AddGet(CLI::App& app, Context& context);
Command AddImport(CLI::App& app, Context& context);
Command AddIndexText(CLI::App& app, Context& context);
Command AddPrune(CLI::App& app, Context& context);
Command AddRebalance(CLI::App& app, Context& context);
Command AddSearch(CLI::App& app, Context& context);
Command AddSnapshot(CLI::App& app, Context& context);
Command AddStats(CLI::App& app, Context& context);
Command AddVerify(CLI::App& app, Context& context);

// A subcommand with the arguments that all of them share.
CLI::App* AddSubcommand(CLI::App& app, Context& context, const std::string& name,
                        const std::string& description, std::string& directory);

// For options that are whole numbers: an empty text, or what is wrong.
std::string CheckNotNegative(const std::string& text);

// --residency, for a subcommand that opens a store.
void AddResidency(CLI::App* sub, Context& context);

// --history, for a subcommand that opens a store for writing.
void AddHistory(CLI::App* sub, Context& context);

// What these two say, for a store that is opened or made with `options`.
void SetOpening(const Context& context, Options& options);

// Opens a store that must exist, as --residency and --history say. Without --history one that keeps
// states of the past goes on keeping them, whichever way it is opened. ForReading shares it with
// other readers where it was closed cleanly, and recovers it otherwise.
Store OpenForWriting(const Context& context, const std::string& directory, Options options = {});
Store OpenForReading(const Context& context, const std::string& directory);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_COMMAND_H_
