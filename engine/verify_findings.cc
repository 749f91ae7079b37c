#include "engine/verify_findings.h"

#include <string_view>
#include <utility>

#include "storage/base/coding.h"

namespace engram {
namespace {

constexpr std::string_view kSeparator = ": ";

std::string_view NameOf(FindingKind kind) {
  switch (kind) {
    case FindingKind::kFile:
      return "files";
    case FindingKind::kPage:
      return "graph.engram: pages";
    case FindingKind::kLog:
      return "wal";
    case FindingKind::kPattern:
      return "graph.engram: patterns";
    case FindingKind::kGraph:
      return "graph.engram: graph";
    case FindingKind::kRow:
      return "meta: rows";
  }
  return "";
}

}  // namespace

bool IsDamage(const Status& status) {
  return status.code() == Code::kCorruptedIndex || status.code() == Code::kNotFound;
}

void Findings::Add(FindingKind kind, std::string where, std::string what) {
  if (counts_[Raw(kind)]++ >= kMostFindingsOfAKind) return;
  findings_.push_back({std::move(where), std::move(what)});
}

void Findings::AddStatus(FindingKind kind, const Status& status) {
  std::string_view message = status.message();
  if (const std::string prefix = JoinPath(directory_, ""); message.starts_with(prefix)) {
    message.remove_prefix(prefix.size());
  }
  const std::size_t file = message.find(kSeparator);
  if (file == std::string_view::npos) {
    Add(kind, std::string(NameOf(kind)), std::string(message));
    return;
  }
  const std::size_t place = message.find(kSeparator, file + kSeparator.size());
  const std::size_t end = place == std::string_view::npos ? file : place;
  Add(kind, std::string(message.substr(0, end)),
      std::string(message.substr(end + kSeparator.size())));
}

Status Findings::AddOrFail(FindingKind kind, const std::string& file, const Status& status) {
  if (!status.ok() && !IsDamage(status)) return status;
  if (status.code() == Code::kNotFound) {
    Add(kind, file, "missing");
  } else if (!status.ok()) {
    AddStatus(kind, status);
  }
  return Status::Ok();
}

std::vector<Finding> Findings::Take() {
  for (std::size_t i = 0; i < kFindingKinds; ++i) {
    if (counts_[i] <= kMostFindingsOfAKind) continue;
    findings_.push_back({std::string(NameOf(static_cast<FindingKind>(i))),
                         std::to_string(counts_[i] - kMostFindingsOfAKind) + " more of this kind"});
  }
  counts_.fill(0);
  return std::exchange(findings_, {});
}

}  // namespace engram
