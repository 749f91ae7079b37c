#include "engine/verify.h"

#include <memory>

#include "storage/base/posix_file_system.h"
#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

void PrintJson(Context& context, const VerifyReport& report) {
  Json answer;
  answer["ok"] = report.findings.empty();
  answer["findings"] = Json::array();
  for (const Finding& finding : report.findings) {
    answer["findings"].push_back({{"where", finding.where}, {"what", finding.what}});
  }
  answer["pages"] = report.pages;
  answer["frames"] = report.frames;
  answer["commits"] = report.commits;
  answer["rows"] = report.rows;
  answer["patterns"] = report.patterns;
  answer["restored_pages"] = report.restored_pages;
  context.out << DumpJson(answer) << "\n";
}

int Verify(Context& context, const std::string& directory) {
  const VerifyReport report = Check(VerifyStore(MakePosixFileSystem(), directory));
  const int code = report.findings.empty() ? 0 : 1;
  if (context.json) {
    PrintJson(context, report);
    return code;
  }
  for (const Finding& finding : report.findings) {
    context.out << Bold(context, OneLine(finding.where)) << ": " << OneLine(finding.what) << "\n";
  }
  if (report.restored_pages > 0) {
    context.out
        << WithSeparators(report.restored_pages)
        << " pages are damaged; the journal has their images, and the next opening for writing "
           "puts them right\n";
  }
  context.out << (report.findings.empty()
                      ? std::string("nothing wrong")
                      : WithSeparators(report.findings.size()) + " things wrong")
              << ": " << WithSeparators(report.patterns) << " patterns, "
              << WithSeparators(report.pages) << " pages, " << WithSeparators(report.frames)
              << " log frames (" << WithSeparators(report.commits) << " commits), "
              << WithSeparators(report.rows) << " metadata rows looked at\n";
  return code;
}

}  // namespace

Command AddVerify(CLI::App& app, Context& context) {
  auto directory = std::make_shared<std::string>();
  CLI::App* sub = AddSubcommand(app, context, "verify",
                                "Check every byte of a store, changing nothing; exit code 1 "
                                "where something is wrong",
                                *directory);
  return {sub, [&context, directory] { return Verify(context, *directory); }};
}

}  // namespace engram::tool
