// Erasing by what patterns are, erasing for ever, compaction, and rebalancing.
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "api/python/arguments.h"
#include "api/python/arrays.h"
#include "api/python/bindings.h"
#include "api/python/callbacks.h"
#include "api/python/errors.h"
#include "api/python/values.h"

namespace engram::python {
namespace {

std::uint64_t EraseMatching(StoreHandle& store, const py::object& type, const py::object& from,
                            const py::object& before, const py::object& durability) {
  PatternFilter filter;
  if (!type.is_none()) filter.type = UnsignedArgument<TypeTag>(type, "type");
  if (!from.is_none()) filter.from = TimestampArgument(from, "from_");
  if (!before.is_none()) filter.before = TimestampArgument(before, "before");
  const WriteOptions options = WriteOptionsFrom(durability);
  return ValueOrThrow(store.Call([&](Store& open) { return open.EraseMatching(filter, options); }));
}

std::uint64_t PruneBefore(StoreHandle& store, const py::object& time,
                          const py::object& durability) {
  const Timestamp before = TimestampArgument(time, "time");
  const WriteOptions options = WriteOptionsFrom(durability);
  return ValueOrThrow(store.Call([&](Store& open) { return open.PruneBefore(before, options); }));
}

EraseForeverReport EraseForever(StoreHandle& store, const py::object& ids) {
  const std::vector<PatternId> erased = IdsArgument(ids, "ids");
  return ValueOrThrow(store.CallAlone([&](Store& open) { return open.EraseForever(erased); }));
}

CompactReport Compact(StoreHandle& store, const py::object& progress, const py::object& metadata) {
  ProgressTeller teller(progress);
  CompactOptions options;
  options.progress = teller.callback<CompactProgress>();
  options.metadata = BoolArgument(metadata, "metadata");
  Result<CompactReport> report =
      store.CallAlone([&](Store& open) { return open.Compact(options); });
  teller.RethrowRaised();
  return ValueOrThrow(std::move(report));
}

RebalanceReport Rebalance(StoreHandle& store, const py::object& worst_share,
                          const py::object& sample, const py::object& progress) {
  ProgressTeller teller(progress);
  RebalanceOptions options;
  options.worst_share = NumberArgument(worst_share, "worst_share");
  options.sample = UnsignedArgument<std::size_t>(sample, "sample");
  options.progress = teller.callback<RebalanceProgress>();
  Result<RebalanceReport> report =
      store.CallAlone([&](Store& open) { return open.Rebalance(options); });
  teller.RethrowRaised();
  return ValueOrThrow(std::move(report));
}

constexpr const char* kEraseMatchingDoc =
    R"(Ends the patterns for which everything that is given holds, all in one commit, and returns how
many, an int. For many of them prune_before() is kinder to other writers, who wait meanwhile.

type        int: of that type; 0: of none.
from_       datetime with a time zone: whose own time is at or after it.
before      the same: whose own time is before it.
durability  as in insert().

Raises InvalidArgumentError where nothing is given, ReadOnlyError.)";

constexpr const char* kPruneBeforeDoc =
    R"(Ends all patterns whose own time is before `time`, a datetime with a time zone, and returns how
many, an int. Does it in commits of at most some hundreds, between which other writers go on; what
failed on the way keeps what was done. Raises InvalidArgumentError where `time` is later than now,
ReadOnlyError; durability as in insert().)";

constexpr const char* kEraseForeverDoc =
    R"(Ends the patterns with these ids, takes their versions out of all snapshots and of the past, and
returns an EraseForeverReport when no file of the store holds the bytes of their vectors and
metadata any more.

ids   integers, shape (n,); those of patterns that were erased before too, whose bytes may still be
      there.

Waits for running reads, and takes as long as the metadata store is large. Backups, and what this
process and the machine kept elsewhere, are the caller's. After a failure or a crash call it again
with the same ids. Raises NotFoundError for an id that was never given (nothing is changed),
InvalidArgumentError where there is none, NoSpaceError, IoError, ReadOnlyError.)";

constexpr const char* kCompactDoc =
    R"(Gives back what erased patterns have left: takes the dead out of the graph, moves patterns from
the last pages into free places, returns the pages at the end to the file system, and compacts the
metadata store. Reads and writes go on. Returns a CompactReport.

progress  called as progress(CompactProgress) between steps, on this thread. Where it returns what
          is false, but not None, compaction ends with CancelledError; what it raises ends it too,
          and is raised here. It may call the store, but not compact(), rebalance(),
          erase_forever() and close().
metadata  compact the metadata store, too; True.

What was done before an error stays done. Raises CancelledError, NoSpaceError, IoError,
ReadOnlyError.

    store.compact(progress=lambda at: print(at.phase, at.done, at.total)))";

constexpr const char* kRebalanceDoc =
    R"(Links the worst nodes of the graph anew: those that walks for their own vector do not find, and
those with few links to them or from them. For after large deletions, and where analyze() says that
recall has fallen. Looks at every node, on this thread, then commits a few at a time; reads and
writes go on. Returns a RebalanceReport.

worst_share  the most nodes that are linked anew, as a share of all live ones, 0 to 1; those that
             are well linked are left alone, whatever it says. 0.05.
sample       live patterns that are searched for to measure the graph before and after, 0 (none) to
             100,000; 100.
progress     called as progress(RebalanceProgress) every few nodes, as compact() does: what is false,
             but not None, ends the work with CancelledError.

What was linked anew before an error stays so. Raises CancelledError, InvalidArgumentError,
NoSpaceError, CorruptedIndexError, IoError, ReadOnlyError.)";

}  // namespace

void DefineUpkeep(StoreClass& store) {
  const py::none none;
  store.def("erase_matching", &EraseMatching, py::kw_only(), py::arg("type") = none,
            py::arg("from_") = none, py::arg("before") = none, py::arg("durability") = none,
            kEraseMatchingDoc);
  store.def("prune_before", &PruneBefore, py::arg("time"), py::kw_only(),
            py::arg("durability") = none, kPruneBeforeDoc);
  store.def("erase_forever", &EraseForever, py::arg("ids"), kEraseForeverDoc);
  store.def("compact", &Compact, py::kw_only(), py::arg("progress") = none,
            py::arg("metadata") = true, kCompactDoc);
  const RebalanceOptions otherwise;
  store.def("rebalance", &Rebalance, py::kw_only(), py::arg("worst_share") = otherwise.worst_share,
            py::arg("sample") = otherwise.sample, py::arg("progress") = none, kRebalanceDoc);
}

}  // namespace engram::python
