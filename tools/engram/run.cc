#include "tools/engram/run.h"

#include <exception>
#include <string>
#include <vector>

#include <engram/version.h>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/text.h"
#include "tools/engram/times.h"

namespace engram::tool {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

int Report(const Failure& failure, Context& context) {
  context.err << "engram: " << OneLine(failure.what()) << "\n";
  if (context.json) {
    Json answer = failure.report();
    answer["error"]["code"] = CodeName(failure.status().code());
    answer["error"]["message"] = failure.status().message();
    context.out << DumpJson(answer) << "\n";
  }
  return kFailed;
}

// Such as name what was passed.
std::string TellUsage(const CLI::App* app, const CLI::Error& error) {
  return CLI::FailureMessage::simple(
      app, CLI::Error(error.get_name(), OneLine(error.what()), error.get_exit_code()));
}

}  // namespace

CLI::App* AddSubcommand(CLI::App& app, Context& context, const std::string& name,
                        const std::string& description, std::string& directory) {
  CLI::App* sub = app.add_subcommand(name, description);
  sub->add_option("DIR", directory, "Directory of the store")->required();
  sub->add_flag("--json", context.json, "Answer in JSON");
  return sub;
}

void AddResidency(CLI::App* sub, Context& context) {
  sub->add_option_function<std::string>(
         "--residency",
         [&context](const std::string& name) {
           for (const Residency residency : {Residency::kResident, Residency::kMapped}) {
             if (name == ResidencyName(residency)) context.residency = residency;
           }
         },
         "Whether pages are all held in memory, or read as they are needed; auto: by the memory "
         "there is")
      ->check(CLI::IsMember({"auto", "resident", "mapped"}))
      ->default_str("auto");
}

void AddHistory(CLI::App* sub, Context& context) {
  sub->add_option_function<std::string>(
         "--history",
         [&context](const std::string& age) { context.history = Check(ParseAge(age)); },
         "How long states of the past stay readable by --at (" + std::string(kAgeForms) +
             "), from now on; 0: those that are kept are given up; default: as it is by now")
      ->check(CheckAge);
}

void SetOpening(const Context& context, Options& options) {
  options.residency = context.residency;
  options.history = context.history.value_or(std::chrono::microseconds(0));
  options.keep_history = !context.history;
}

Store OpenForWriting(const Context& context, const std::string& directory, Options options) {
  options.create_if_missing = false;
  SetOpening(context, options);
  return Check(Store::Open(directory, options));
}

std::string CheckNotNegative(const std::string& text) {
  return text.starts_with('-') ? "found " + text + ", expected 0 or more" : "";
}

Store OpenForReading(const Context& context, const std::string& directory) {
  Options options;
  SetOpening(context, options);
  Result<Store> store = Store::OpenReadOnly(directory, options);
  // A store that was killed wants its log replayed, which only a writer may do.
  if (store.code() == Code::kNotSupported) return OpenForWriting(context, directory);
  return Check(std::move(store));
}

int RunTool(int argc, const char* const* argv, Context& context) {
  CLI::App app("A durable memory of vectors in one directory.", "engram");
  app.set_version_flag("--version", std::string("engram ") + std::string(LibraryVersion()));
  app.add_flag("--json", context.json, "Answer in JSON");
  app.require_subcommand(1);
  app.failure_message(TellUsage);
  const std::vector<Command> commands = {
      AddCreate(app, context),    AddImport(app, context),     AddSearch(app, context),
      AddGet(app, context),       AddErase(app, context),      AddStats(app, context),
      AddDump(app, context),      AddCheckpoint(app, context), AddVerify(app, context),
      AddEval(app, context),      AddAnalyze(app, context),    AddAsk(app, context),
      AddIndexText(app, context), AddPrune(app, context),      AddCompact(app, context),
      AddSnapshot(app, context),  AddRebalance(app, context)};
  try {
    app.parse(argc, argv);
    for (const Command& command : commands) {
      if (!command.app->parsed()) continue;
      const int code = command.run();
      context.out.flush();
      if (context.out) return code;
      throw Failure(Status::IoError("standard output took not all of the answer"));
    }
  } catch (const CLI::ParseError& e) {
    // Help and version come this way too, with exit code 0.
    return app.exit(e, context.out, context.err) == 0 ? 0 : kWrongUsage;
  } catch (const Failure& e) {
    return Report(e, context);
  } catch (const std::exception& e) {
    return Report(Failure(Status(Code::kIoError, e.what())), context);
  }
  return kWrongUsage;
}

}  // namespace engram::tool
