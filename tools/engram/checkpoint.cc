#include <chrono>
#include <memory>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

int Checkpoint(Context& context, const std::string& directory) {
  Store store = OpenForWriting(context, directory);
  const auto begin = std::chrono::steady_clock::now();
  Check(store.Checkpoint());
  const double seconds = SecondsSince(begin);
  const Stats stats = Check(store.GetStats());
  Check(store.Close());
  if (context.json) {
    Json answer;
    answer["checkpoint_lsn"] = static_cast<std::uint64_t>(stats.checkpoint_lsn);
    answer["page_bytes_written"] = stats.page_bytes_written;
    answer["log_bytes"] = stats.log_bytes;
    answer["seconds"] = seconds;
    context.out << DumpJson(answer) << "\n";
  } else {
    context.out << "checkpoint at commit " << static_cast<std::uint64_t>(stats.checkpoint_lsn)
                << ", " << HumanBytes(stats.page_bytes_written) << " of pages written in "
                << HumanSeconds(seconds) << "\n";
  }
  return 0;
}

}  // namespace

Command AddCheckpoint(CLI::App& app, Context& context) {
  auto directory = std::make_shared<std::string>();
  CLI::App* sub = AddSubcommand(app, context, "checkpoint",
                                "Bring the page file up to date with the log", *directory);
  AddResidency(sub, context);
  AddHistory(sub, context);
  return {sub, [&context, directory] { return Checkpoint(context, *directory); }};
}

}  // namespace engram::tool
