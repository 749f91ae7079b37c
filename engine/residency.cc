#include "engine/residency.h"

#include <algorithm>
#include <string>

#include "storage/base/mapping_check.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

// Room for changed pages without which a mapped store is no use.
constexpr std::uint64_t kLeastForCopies = 1ull << 20;

struct Needs {
  std::uint64_t resident = 0;  // all pages
  std::uint64_t mapped = 0;    // the least that a mapped store can do with
};

Needs NeedsOf(const PageFile& file) {
  Needs needs;
  needs.mapped = kLeastForCopies;
  for (const SegmentKind segment : kAllSegments) {
    const std::uint64_t bytes = std::uint64_t{file.PageCount(segment)} * file.PageBytes(segment);
    needs.resident += bytes;
    if (segment != SegmentKind::kNodes) needs.mapped += bytes;
  }
  return needs;
}

Status BelowLeast(const Core& core, const char* residency, std::uint64_t least,
                  const char* advice) {
  return Status::InvalidArgument("memory_budget_bytes is " +
                                 std::to_string(core.options().memory_budget_bytes) +
                                 ", the pages of " + core.directory + " need at least " +
                                 std::to_string(least) + " with residency " + residency + advice);
}

// A store that is only read changes no page, and leaves the directory alone.
Status CheckFileSystem(const Core& core) {
  if (core.read_only || !core.config.check_mapping) return Status::Ok();
  return CheckMapping(*core.file_system, JoinPath(core.directory, "mapping.tmp"));
}

Residency Wanted(const Core& core, const Needs& needs) {
  const Options& options = core.options();
  if (options.residency != Residency::kAuto) return options.residency;
  const std::uint64_t budget = options.memory_budget_bytes;
  if (needs.resident <= NearlyAll(budget)) return Residency::kResident;
  const bool only_just = needs.resident <= budget && needs.mapped > budget;
  return only_just ? Residency::kResident : Residency::kMapped;
}

}  // namespace

Status ChooseResidency(Core& core) {
  const Options& options = core.options();
  const Needs needs = NeedsOf(*core.page_file);
  const std::uint64_t budget = options.memory_budget_bytes;
  core.residency = Wanted(core, needs);
  if (core.residency == Residency::kResident) {
    if (needs.resident <= budget) return Status::Ok();
    return BelowLeast(core, "kResident", needs.resident, ": raise it, or open with kMapped");
  }
  if (needs.mapped > budget) return BelowLeast(core, "kMapped", needs.mapped, ": raise it");
  const Status fit = CheckFileSystem(core);
  if (fit.code() != Code::kNotSupported || options.residency == Residency::kMapped) return fit;
  core.residency = Residency::kResident;
  core.logger.Warning(core.directory + " is held in memory wholly, " +
                      std::to_string(needs.resident) + " bytes for a memory_budget_bytes of " +
                      std::to_string(budget) + ": " + std::string(fit.message()));
  return Status::Ok();
}

std::uint64_t HardCopyLimit(const Core& core) {
  const std::uint64_t budget = core.options().memory_budget_bytes;
  const std::uint64_t resident = core.pages->resident_bytes();
  return std::max(kLeastForCopies, budget > resident ? budget - resident : 0) / 3;
}

}  // namespace engram
