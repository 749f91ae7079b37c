#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "tools/engram/command.h"
#include "tools/engram/importer.h"
#include "tools/engram/json_values.h"
#include "tools/engram/progress.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

struct ImportArguments {
  std::string directory;
  std::string file;
  std::string durability;
  ImportOptions import;
  Options store;
};

void CheckDimensions(const Store& store, const RowReader& rows, const std::string& file) {
  const std::uint32_t expected = Check(store.GetStats()).dimensions;
  if (rows.dimensions().value_or(expected) == expected) return;
  throw Failure(
      Status::DimensionMismatch(file + ": rows have " + std::to_string(*rows.dimensions()) +
                                " components, the store has " + std::to_string(expected)));
}

Json MakeReport(const ImportResult& result, double seconds) {
  Json report;
  report["imported"] = result.imported;
  report["failed"] = result.failed;
  report["first_id"] = result.first_id;
  report["last_id"] = result.last_id;
  report["seconds"] = seconds;
  return report;
}

void PrintImport(Context& context, const ImportResult& result, double seconds) {
  context.out << "imported " << WithSeparators(result.imported);
  if (result.imported > 0) context.out << ", ids " << result.first_id << " to " << result.last_id;
  if (result.failed > 0) context.out << ", " << WithSeparators(result.failed) << " failed";
  context.out << ", " << HumanSeconds(seconds);
  if (result.imported > 0) {
    const double rate = static_cast<double>(result.imported) / seconds;
    context.out << " (" << WithSeparators(static_cast<std::uint64_t>(rate)) << "/s)";
  }
  context.out << "\n";
}

ImportResult ImportWithProgress(Context& context, Store& store, RowReader& rows,
                                const ImportOptions& options) {
  Progress progress(context, "import");
  ImportCallbacks callbacks;
  callbacks.committed = [&context](std::uint64_t durable) {
    context.out << "committed " << durable << std::endl;
  };
  callbacks.progress = [&](std::uint64_t imported) { progress.Update(imported, rows.progress()); };
  return Import(store, rows, options, callbacks);
}

int RunImport(Context& context, ImportArguments& arguments) {
  const std::map<std::string, Durability> durabilities = {{"sync", Durability::kSync},
                                                          {"interval", Durability::kInterval},
                                                          {"none", Durability::kNone}};
  if (!arguments.durability.empty()) {
    arguments.import.durability = durabilities.at(arguments.durability);
  }
  const auto begin = std::chrono::steady_clock::now();
  const std::unique_ptr<RowReader> rows = OpenRows(arguments.file);
  Store store = OpenForWriting(context, arguments.directory, arguments.store);
  CheckDimensions(store, *rows, arguments.file);

  ImportResult result = ImportWithProgress(context, store, *rows, arguments.import);
  // Closing makes the rest durable; a failure there is a failure of the import.
  const Status closed = store.Close();
  if (result.status.ok()) result.status = closed;
  const double seconds = SecondsSince(begin);
  for (const std::string& complaint : result.complaints) {
    context.err << "engram: skipped " << OneLine(complaint) << "\n";
  }
  if (result.failed > result.complaints.size() && result.status.ok()) {
    context.err << "engram: skipped " << result.failed - result.complaints.size() << " more\n";
  }
  const Json report = MakeReport(result, seconds);
  if (!result.status.ok()) {
    throw Failure(Status(result.status.code(), std::string(result.status.message()) + "; " +
                                                   std::to_string(result.imported) +
                                                   " patterns were imported before"),
                  report);
  }
  if (context.json) {
    context.out << DumpJson(report) << "\n";
  } else {
    PrintImport(context, result, seconds);
  }
  return 0;
}

}  // namespace

Command AddImport(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ImportArguments>();
  CLI::App* sub =
      AddSubcommand(app, context, "import", "Insert the rows of a file", arguments->directory);
  AddResidency(sub, context);
  AddHistory(sub, context);
  sub->add_option("FILE", arguments->file,
                  ".fvecs, .bvecs, .npy (f4, f2, u1, i1) or .jsonl; - reads JSON lines from "
                  "standard input. A JSON line has \"vector\" and may have \"metadata\", "
                  "\"timestamp\" (RFC 3339 or ms), \"type\", \"id\" and \"ttl\" (as --ttl, or ms)")
      ->required();
  sub->add_option("--batch", arguments->import.batch, "Patterns a batch")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  sub->add_option("--threads", arguments->import.threads, "Threads that insert batches")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  sub->add_option("--durability", arguments->durability, "sync (default), interval or none")
      ->check(CLI::IsMember({"sync", "interval", "none"}));
  sub->add_option_function<std::string>(
         "--ttl",
         [arguments](const std::string& age) { arguments->import.ttl = Check(ParseAge(age)); },
         "So long after it was written a pattern expires (" + std::string(kAgeForms) +
             "), unless its row says otherwise; default: it does not")
      ->check(CheckAge);
  sub->add_flag("--report-commits", arguments->import.report_commits,
                "Print `committed N` when N patterns of this run will survive any crash");
  sub->add_flag("--skip-bad", arguments->import.skip_bad,
                "Store the good rows and count the bad ones, instead of ending at the first");
  sub->add_option("--max-elements", arguments->store.max_elements,
                  "Most patterns the store may hold; 0 (default): as it was created")
      ->check(CheckNotNegative);
  sub->add_option("--ef-construction", arguments->store.ef_construction,
                  "Candidates looked at by an insert; 0 (default): as the store was created");
  return {sub, [&context, arguments] { return RunImport(context, *arguments); }};
}

}  // namespace engram::tool
