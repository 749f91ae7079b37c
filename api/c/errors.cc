// Errors, names and numbers that mean the same in both languages.
#include <array>
#include <string>

#include <engram/version.h>

#include "api/c/handles.h"

namespace engram::c {
namespace {

template <typename Number, typename Enum>
constexpr bool Same(Number number, Enum value) {
  return static_cast<int>(number) == static_cast<int>(value);
}

// Without a default: the compiler refuses a code that C does not know.
constexpr engram_code CodeInC(Code code) {
  switch (code) {
    case Code::kOk:
      return ENGRAM_OK;
    case Code::kInvalidArgument:
      return ENGRAM_INVALID_ARGUMENT;
    case Code::kDimensionMismatch:
      return ENGRAM_DIMENSION_MISMATCH;
    case Code::kInvalidVector:
      return ENGRAM_INVALID_VECTOR;
    case Code::kIndexFull:
      return ENGRAM_INDEX_FULL;
    case Code::kEmptyIndex:
      return ENGRAM_EMPTY_INDEX;
    case Code::kNotFound:
      return ENGRAM_NOT_FOUND;
    case Code::kAlreadyExists:
      return ENGRAM_ALREADY_EXISTS;
    case Code::kSearchTimeout:
      return ENGRAM_SEARCH_TIMEOUT;
    case Code::kCancelled:
      return ENGRAM_CANCELLED;
    case Code::kSnapshotExpired:
      return ENGRAM_SNAPSHOT_EXPIRED;
    case Code::kCorruptedIndex:
      return ENGRAM_CORRUPTED_INDEX;
    case Code::kNoSpace:
      return ENGRAM_NO_SPACE;
    case Code::kIoError:
      return ENGRAM_IO_ERROR;
    case Code::kBusy:
      return ENGRAM_BUSY;
    case Code::kReadOnly:
      return ENGRAM_READ_ONLY;
    case Code::kNotSupported:
      return ENGRAM_NOT_SUPPORTED;
  }
  return -1;
}

constexpr std::size_t kCodes = static_cast<std::size_t>(Code::kNotSupported) + 1;

constexpr bool AllCodesAreEqual() {
  for (std::size_t i = 0; i < kCodes; ++i) {
    if (CodeInC(static_cast<Code>(i)) != static_cast<engram_code>(i)) return false;
  }
  return true;
}
static_assert(AllCodesAreEqual());

static_assert(Same(ENGRAM_METRIC_L2, Metric::kL2));
static_assert(Same(ENGRAM_METRIC_COSINE, Metric::kCosine));
static_assert(Same(ENGRAM_METRIC_INNER_PRODUCT, Metric::kInnerProduct));
static_assert(Same(ENGRAM_DURABILITY_SYNC, Durability::kSync));
static_assert(Same(ENGRAM_DURABILITY_INTERVAL, Durability::kInterval));
static_assert(Same(ENGRAM_DURABILITY_NONE, Durability::kNone));
static_assert(Same(ENGRAM_RESIDENCY_AUTO, Residency::kAuto));
static_assert(Same(ENGRAM_RESIDENCY_RESIDENT, Residency::kResident));
static_assert(Same(ENGRAM_RESIDENCY_MAPPED, Residency::kMapped));
static_assert(Same(ENGRAM_COMPACT_SWEEPING, CompactProgress::Phase::kSweeping));
static_assert(Same(ENGRAM_COMPACT_MOVING, CompactProgress::Phase::kMoving));
static_assert(Same(ENGRAM_COMPACT_RETURNING, CompactProgress::Phase::kReturning));
static_assert(Same(ENGRAM_COMPACT_METADATA, CompactProgress::Phase::kMetadata));
static_assert(Same(ENGRAM_LOG_INFO, LogLevel::kInfo));
static_assert(Same(ENGRAM_LOG_WARNING, LogLevel::kWarning));
static_assert(Same(ENGRAM_LOG_ERROR, LogLevel::kError));

static_assert(Same(ENGRAM_MAX_DIMENSIONS, kMaxDimensions));
static_assert(Same(ENGRAM_MIN_M, kMinM) && Same(ENGRAM_MAX_M, kMaxM));
static_assert(Same(ENGRAM_DEFAULT_M, kDefaultM) && Same(ENGRAM_MAX_EF, kMaxEf));
static_assert(Same(ENGRAM_DEFAULT_EF_CONSTRUCTION, kDefaultEfConstruction));
static_assert(Same(ENGRAM_DEFAULT_EF, kDefaultEf));
static_assert(ENGRAM_MOST_ELEMENTS == kMostElements);

// Of a view that need not end with a zero.
std::array<std::string, kCodes> CodeNames() {
  std::array<std::string, kCodes> names;
  for (std::size_t i = 0; i < kCodes; ++i) names[i] = CodeName(static_cast<Code>(i));
  return names;
}

}  // namespace
}  // namespace engram::c

// What is defined below is global, as in C.
using namespace engram;     // NOLINT
using namespace engram::c;  // NOLINT

const char* engram_version(void) noexcept {
  static const std::string version(LibraryVersion());
  return version.c_str();
}

const char* engram_code_name(engram_code code) noexcept {
  static const std::array<std::string, kCodes> names = CodeNames();
  const bool known = code >= 0 && static_cast<std::size_t>(code) < kCodes;
  return known ? names[static_cast<std::size_t>(code)].c_str() : "kUnknown";
}

const char* engram_metric_name(engram_metric metric) noexcept {
  static const std::array<std::string, 3> names = {std::string(MetricName(Metric::kL2)),
                                                   std::string(MetricName(Metric::kCosine)),
                                                   std::string(MetricName(Metric::kInnerProduct))};
  const bool known = metric >= ENGRAM_METRIC_L2 && metric <= ENGRAM_METRIC_INNER_PRODUCT;
  return known ? names[static_cast<std::size_t>(metric - ENGRAM_METRIC_L2)].c_str() : "unknown";
}

engram_code engram_error_code(const engram_error* error) noexcept {
  if (error == nullptr) return ENGRAM_OK;
  return static_cast<engram_code>(Unwrap(error)->code);
}

const char* engram_error_message(const engram_error* error) noexcept {
  return error == nullptr ? "" : Unwrap(error)->message.c_str();
}

void engram_error_free(engram_error* error) noexcept { Free(error); }
