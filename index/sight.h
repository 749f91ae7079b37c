// What a reader sees of the nodes it walks over: the versions of one state that have not expired.
// Leaves pins, and which state that is, to engine/versions.h.
// Threads: immutable. Implements docs/concurrency.md, "Versions".
#ifndef ENGRAM_INDEX_SIGHT_H_
#define ENGRAM_INDEX_SIGHT_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <engram/types.h>

#include "index/node_view.h"

namespace engram {

// How long patterns are kept, by their own time.
class AgeLimits {
 public:
  static constexpr std::int64_t kNone = 0;  // for ever

  AgeLimits() = default;
  // Microseconds; kNone: no limit. `by_type`: in the place of the general one.
  AgeLimits(std::int64_t general_us, std::vector<std::pair<TypeTag, std::int64_t>> by_type)
      : general_us_(general_us), by_type_(std::move(by_type)) {
    std::sort(by_type_.begin(), by_type_.end());
  }

  bool empty() const { return general_us_ == kNone && by_type_.empty(); }
  std::int64_t general_us() const { return general_us_; }
  const std::vector<std::pair<TypeTag, std::int64_t>>& by_type() const { return by_type_; }

  std::int64_t Of(TypeTag type) const {
    const auto it = std::lower_bound(
        by_type_.begin(), by_type_.end(), type,
        [](const std::pair<TypeTag, std::int64_t>& limit, TypeTag t) { return limit.first < t; });
    return it != by_type_.end() && it->first == type ? it->second : general_us_;
  }
  // Patterns of the type whose time is at or before it have expired at `now_us`; the least number
  // there is where none has.
  std::int64_t Cutoff(TypeTag type, std::int64_t now_us) const {
    const std::int64_t limit = Of(type);
    constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
    return limit == kNone || now_us < kLeast + limit ? kLeast : now_us - limit;
  }
  bool Expired(TypeTag type, std::int64_t timestamp_us, std::int64_t now_us) const {
    return timestamp_us <= Cutoff(type, now_us) && Of(type) != kNone;
  }

 private:
  std::int64_t general_us_ = kNone;
  std::vector<std::pair<TypeTag, std::int64_t>> by_type_;  // by type
};

struct Sight {
  static constexpr std::int64_t kNothingExpires = std::numeric_limits<std::int64_t>::min();

  Lsn lsn = Lsn::kNone;
  // What expires at or before it has expired.
  std::int64_t now_us = kNothingExpires;
  const AgeLimits* ages = nullptr;  // nullptr: none; outlives this

  bool Sees(const ConstNodeView& node) const {
    return node.VisibleAt(lsn) && (now_us == kNothingExpires || !Expired(node));
  }
  bool Expired(const ConstNodeView& node) const {
    if (node.expires_us() <= now_us) return true;
    return ages != nullptr && ages->Expired(node.type(), node.timestamp_us(), now_us);
  }
};

}  // namespace engram

#endif  // ENGRAM_INDEX_SIGHT_H_
