// Ends patterns by what they are: those that a filter means, in one commit or in many small ones,
// and those that have expired. Finds them by the indexes without a lock; each is looked at once
// more when its commit is planned.
// Leaves what ending means to planner.h and writer.h.
// Threads: any thread; Expire() by one at a time. Implements docs/expiry.md.
#ifndef ENGRAM_ENGINE_ERASER_H_
#define ENGRAM_ENGINE_ERASER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <engram/maintenance.h>
#include <engram/result.h>

#include "engine/core.h"
#include "engine/transaction.h"

namespace engram {

class Eraser {
 public:
  // Commits a transaction, as CommitQueue::Submit().
  using Submit = std::function<void(Transaction&)>;

  Eraser(Core& core, Submit submit) : core_(core), submit_(std::move(submit)) {}

  // The most patterns that EraseAtOnce() ends: they are one commit, for which other writers wait.
  static constexpr std::size_t kMostAtOnce = 262'144;

  // All that `filter` means, in one commit. How many. Errors: kInvalidArgument, where there are
  // more than kMostAtOnce.
  Result<std::uint64_t> EraseAtOnce(const PatternFilter& filter, Durability durability);
  // In steps. The last one is as durable as asked, and so are those before it.
  Result<std::uint64_t> EraseInSteps(const PatternFilter& filter, Durability durability);

  // Ends what has expired by now, in steps, until `until`.
  Status Expire(std::chrono::steady_clock::time_point until);

 private:
  // A range of rows of one index.
  struct Rows {
    enum class Index : std::uint8_t { kTime, kType, kExpiry };
    Index index = Index::kTime;
    TypeTag type = 0;          // of kType, and whose cursor it is where `by_type`
    std::int64_t from_us = 0;  // from here on
    std::int64_t before_us = 0;
    bool by_type = false;  // the cursor is that of `type`
  };
  // The ids of live versions, in order of the rows, and where to go on: nowhere where that was all.
  struct Found {
    std::vector<PatternId> ids;
    std::optional<std::int64_t> next_us;
  };

  static Rows RowsFor(const PatternFilter& filter);
  // About `most` at most, of those that match. Others do not count: rows of one moment may be more
  // than that, and the walk must come past them.
  Result<Found> Collect(const Rows& rows, const EraseMatch& match, std::size_t most);
  Status WalkRows(const Rows& rows,
                  const std::function<Result<bool>(const MetaStore::IndexRow&)>& visit);
  bool Matches(const ConstNodeView& node, const EraseMatch& match) const;
  // Whether the row's version was there when the walk began, and the pattern's live one matches.
  // Pre: pinned, and the walk began to look at rows behind `began`.
  Result<bool> IsMeant(const MetaStore::IndexRow& index, Lsn began, const EraseMatch& match);
  // Ends, in steps, those of `ids` that still match, until it is told to stop behind a step; adds
  // to `count`. How many of `ids` it came to.
  using Stop = std::function<bool()>;
  Result<std::size_t> EraseAll(std::span<const PatternId> ids, const EraseMatch& match,
                               Durability durability, const Stop& stop, std::uint64_t& count);
  // Ends those of `ids` that still match. How many.
  Result<std::uint64_t> Erase(std::span<const PatternId> ids, const EraseMatch& match,
                              Durability durability);
  Status ExpireRows(Rows rows, std::int64_t now_us, std::chrono::steady_clock::time_point until);
  // Up to where it came.
  Result<std::int64_t> ExpireUntil(Rows rows, std::int64_t now_us, const Stop& stop);
  // The cursor of `rows`.
  std::int64_t& CursorOf(const Rows& rows) ENGRAM_REQUIRES(core_.writer_role);

  Core& core_;
  const Submit submit_;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_ERASER_H_
