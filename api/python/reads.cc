// Store.get() and its like, and iteration.
#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/python/arguments.h"
#include "api/python/arrays.h"
#include "api/python/bindings.h"
#include "api/python/errors.h"
#include "api/python/records.h"

namespace engram::python {
namespace {

GetOptions OptionsFrom(const py::object& include_vector, const py::object& include_metadata) {
  GetOptions options;
  options.include_vector = BoolArgument(include_vector, "include_vector");
  options.include_metadata = BoolArgument(include_metadata, "include_metadata");
  return options;
}

PatternRecord Get(StoreHandle& store, const py::object& id, const py::object& include_vector,
                  const py::object& include_metadata, const py::object& snapshot) {
  GetOptions options = OptionsFrom(include_vector, include_metadata);
  const PatternId wanted = UnsignedArgument<PatternId>(id, "id");
  Result<Pattern> found =
      store.CallAt(SnapshotArgument(snapshot), [&](Store& open, const Snapshot* at) {
        options.snapshot = at;
        return open.Get(wanted, options);
      });
  return RecordOf(ValueOrThrow(std::move(found)), options);
}

bool Contains(StoreHandle& store, const py::object& id, const py::object& snapshot) {
  const PatternId wanted = UnsignedArgument<PatternId>(id, "id");
  return ValueOrThrow(
      store.CallAt(SnapshotArgument(snapshot),
                   [&](Store& open, const Snapshot* at) { return open.Contains(wanted, at); }));
}

std::vector<PatternId> IdsOf(StoreHandle& store, const SnapshotHandle* snapshot) {
  std::vector<PatternId> ids;
  ThrowIfError(store.CallAt(snapshot, [&](Store& open, const Snapshot* at) {
    const GetOptions options{false, false, at};
    const auto visit = [&ids](const Pattern& pattern) {
      ids.push_back(pattern.id);
      return true;
    };
    Status status = open.ForEach(visit, options);
    std::sort(ids.begin(), ids.end());
    return status;
  }));
  return ids;
}

// Patterns of one state, read some at a time: no code of Python's runs inside the store.
class PatternIterator {
 public:
  PatternIterator(std::shared_ptr<SnapshotHandle> snapshot, const GetOptions& options)
      : snapshot_(std::move(snapshot)),
        options_(options),
        ids_(IdsOf(*snapshot_->store(), snapshot_.get())) {}

  PatternRecord Next() {
    while (ready_.empty()) {
      if (next_ == ids_.size()) throw py::stop_iteration();
      ReadSome();
    }
    Pattern pattern = std::move(ready_.front());
    ready_.pop_front();
    return RecordOf(std::move(pattern), options_);
  }

 private:
  // Another thread may come in while the GIL is away: it takes the next part.
  void ReadSome() {
    constexpr std::size_t kAtATime = 128;
    const std::size_t first = next_;
    next_ = std::min(ids_.size(), first + kAtATime);
    const std::size_t end = next_;
    std::vector<Pattern> patterns;
    ThrowIfError(
        snapshot_->store()->CallAt(snapshot_.get(), [&](Store& open, const Snapshot* at) -> Status {
          GetOptions options = options_;
          options.snapshot = at;
          for (std::size_t i = first; i < end; ++i) {
            Result<Pattern> pattern = open.Get(ids_[i], options);
            if (!pattern.ok()) return pattern.status();
            patterns.push_back(std::move(pattern).value());
          }
          return Status::Ok();
        }));
    std::move(patterns.begin(), patterns.end(), std::back_inserter(ready_));
  }

  const std::shared_ptr<SnapshotHandle> snapshot_;
  const GetOptions options_;
  const std::vector<PatternId> ids_;
  std::size_t next_ = 0;
  std::deque<Pattern> ready_;
};

std::unique_ptr<PatternIterator> Patterns(StoreHandle& store, const py::object& include_vector,
                                          const py::object& include_metadata,
                                          const py::object& snapshot) {
  const GetOptions options = OptionsFrom(include_vector, include_metadata);
  if (SnapshotArgument(snapshot) == nullptr) {
    return std::make_unique<PatternIterator>(store.TakeSnapshot(), options);
  }
  auto given = snapshot.cast<std::shared_ptr<SnapshotHandle>>();
  if (given->store().get() != &store) {
    throw StatusError(Status::InvalidArgument("the snapshot is of another store"));
  }
  return std::make_unique<PatternIterator>(std::move(given), options);
}

constexpr const char* kGetDoc =
    R"(Returns the Pattern with this id. What is not included is None in it and costs nothing.
`snapshot` reads an older state. Raises NotFoundError, ClosedError.)";

constexpr const char* kPatternsDoc =
    R"(Iterates over the Patterns of one state, by ascending id: of `snapshot`, or of the newest
when this is called. Writes go on meanwhile. Holds 8 bytes for each pattern; use Store.ids() where ids are
enough. Ends with ClosedError where the store is closed on the way.)";

}  // namespace

void DefineReads(py::module_& module, StoreClass& store) {
  py::class_<PatternIterator>(module, "PatternIterator", "What Store.patterns() returns.")
      .def(
          "__iter__", [](py::object self) { return self; }, "Returns itself.")
      .def("__next__", &PatternIterator::Next, "Returns the next Pattern.");

  const py::none none;
  store.def("get", &Get, py::arg("id"), py::kw_only(), py::arg("include_vector") = true,
            py::arg("include_metadata") = true, py::arg("snapshot") = none, kGetDoc);
  store.def("contains", &Contains, py::arg("id"), py::arg("snapshot") = none,
            "bool: whether a live pattern has this id, in the newest state or in `snapshot`.");
  store.def(
      "__contains__",
      [](StoreHandle& self, const py::object& id) { return Contains(self, id, py::none()); },
      py::arg("id"), "As contains().");
  store.def(
      "ids",
      [](StoreHandle& self, const py::object& snapshot) {
        return ArrayOwning(IdsOf(self, SnapshotArgument(snapshot)));
      },
      py::arg("snapshot") = none,
      "numpy.ndarray of uint64, shape (n,): the ids of all patterns, ascending, in the newest "
      "state "
      "or in `snapshot`.");
  store.def("patterns", &Patterns, py::kw_only(), py::arg("include_vector") = true,
            py::arg("include_metadata") = true, py::arg("snapshot") = none, kPatternsDoc);
  store.def(
      "__iter__",
      [](StoreHandle& self) {
        return py::iter(ArrayOwning(IdsOf(self, nullptr)).attr("tolist")());
      },
      "Iterates over the ids of the newest state, ascending.");
}

}  // namespace engram::python
