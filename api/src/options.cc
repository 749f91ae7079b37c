#include <engram/options.h>

#include <string>

#include "api/src/options.h"

namespace engram {
namespace {

template <typename T>
Status CheckRange(const char* name, T found, T least, T most) {
  if (found >= least && found <= most) return Status::Ok();
  return Status::InvalidArgument(std::string(name) + " is " + std::to_string(found) +
                                 ", allowed is " + std::to_string(least) + " to " +
                                 std::to_string(most));
}

Status CheckFields(const std::vector<std::string>& fields) {
  if (fields.size() > 64) {
    return Status::InvalidArgument("indexed_fields has " + std::to_string(fields.size()) +
                                   " names, allowed are 64");
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].empty() || fields[i].size() > 255) {
      return Status::InvalidArgument("indexed_fields[" + std::to_string(i) + "] has " +
                                     std::to_string(fields[i].size()) +
                                     " bytes, allowed is 1 to 255");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (fields[i] == fields[j]) {
        return Status::InvalidArgument("indexed_fields names one field twice");
      }
    }
  }
  return Status::Ok();
}

constexpr std::int64_t kSecond = 1'000'000;  // in microseconds
constexpr std::int64_t kYear = 366 * 24 * 3600 * kSecond;

Status CheckAges(const Options& options) {
  const auto check = [](const std::string& name, std::chrono::microseconds found,
                        std::int64_t most) {
    return CheckRange<std::int64_t>((name + ", in microseconds,").c_str(), found.count(), 0, most);
  };
  const Status checks[] = {check("history", options.history, 10 * kYear),
                           check("max_snapshot_age", options.max_snapshot_age, 10 * kYear),
                           check("max_age", options.max_age, kLongestAge)};
  for (const Status& status : checks) {
    if (!status.ok()) return status;
  }
  for (const auto& [type, age] : options.max_age_by_type) {
    const Status status = check("max_age_by_type[" + std::to_string(type) + "]", age, kLongestAge);
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kGiB = 1024 * kKiB * kKiB;
constexpr std::uint64_t kUnlimited = ~0ull;

}  // namespace

std::string_view ResidencyName(Residency residency) {
  switch (residency) {
    case Residency::kAuto:
      return "auto";
    case Residency::kResident:
      return "resident";
    case Residency::kMapped:
      return "mapped";
  }
  return "unknown";
}

Options Options::HighAccuracy() {
  Options options;
  options.m = 32;
  options.ef_construction = 500;
  options.ef = 500;
  return options;
}

Options Options::HighSpeed() {
  Options options;
  options.m = 8;
  options.ef_construction = 50;
  options.ef = 50;
  return options;
}

Status CheckDurability(Durability durability) {
  if (durability == Durability::kSync || durability == Durability::kInterval ||
      durability == Durability::kNone) {
    return Status::Ok();
  }
  return Status::InvalidArgument("durability is " + std::to_string(static_cast<int>(durability)) +
                                 ", which is none");
}

Status Options::Validate() const {
  if (metric.has_value() && *metric != Metric::kL2 && *metric != Metric::kCosine &&
      *metric != Metric::kInnerProduct) {
    return Status::InvalidArgument("metric is " + std::to_string(static_cast<int>(*metric)) +
                                   ", which is none");
  }
  if (Status status = CheckDurability(durability); !status.ok()) return status;
  if (ResidencyName(residency) == "unknown") {
    return Status::InvalidArgument("residency is " + std::to_string(static_cast<int>(residency)) +
                                   ", which is none");
  }
  struct Limit {
    const char* name;
    std::uint64_t found, least, most;
  };
  const Limit limits[] = {
      {"dimensions", dimensions, 0, kMaxDimensions},
      {"m", m == 0 ? kDefaultM : m, kMinM, kMaxM},
      {"ef_construction", ef_construction, 0, kMaxEf},
      {"ef", ef, 0, kMaxEf},
      {"max_elements", max_elements, 0, kMostElements},
      {"log_segment_bytes", log_segment_bytes, 64 * kKiB, kGiB},
      {"checkpoint_log_bytes", checkpoint_log_bytes, 64 * kKiB, kUnlimited},
      {"journal_bytes", journal_bytes, 256 * kKiB, 4 * kGiB},
      {"metadata_buffer_bytes", metadata_buffer_bytes, kKiB * kKiB, kUnlimited},
      {"background_threads", background_threads, 0, 1},
      {"scrub_bytes_per_second", scrub_bytes_per_second, 0, 1024 * kGiB},
      {"search_threads", search_threads, 0, 256},
      {"max_named_snapshots", max_named_snapshots, 0, 65536},
  };
  for (const Limit& limit : limits) {
    if (Status status = CheckRange(limit.name, limit.found, limit.least, limit.most);
        !status.ok()) {
      return status;
    }
  }
  const Status interval =
      CheckRange<std::int64_t>("sync_interval, in ms,", sync_interval.count(), 1, 3600'000);
  if (!interval.ok()) return interval;
  const Status sweep =
      CheckRange<std::int64_t>("sweep_interval, in s,", sweep_interval.count(), 1, kYear / kSecond);
  if (!sweep.ok()) return sweep;
  if (Status ages = CheckAges(*this); !ages.ok()) return ages;
  if (checkpoint_interval.count() < 0) {
    return Status::InvalidArgument("checkpoint_interval is negative");
  }
  const Status audit =
      CheckRange<std::int64_t>("audit_interval, in s,", audit_interval.count(), 0, 366 * 86'400);
  if (!audit.ok()) return audit;
  return CheckFields(indexed_fields);
}

}  // namespace engram
