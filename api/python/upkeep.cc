// Erasing by what patterns are, erasing for ever, and compaction.
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
  options.progress = teller.callback();
  options.metadata = BoolArgument(metadata, "metadata");
  Result<CompactReport> report =
      store.CallAlone([&](Store& open) { return open.Compact(options); });
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
          and is raised here. It may call the store, but not compact(), erase_forever() and
          close().
metadata  compact the metadata store, too; True.

What was done before an error stays done. Raises CancelledError, NoSpaceError, IoError,
ReadOnlyError.

    store.compact(progress=lambda at: print(at.phase, at.done, at.total)))";

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
}

}  // namespace engram::python
