// Snapshot, Store.snapshot() and its like, and named snapshots.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "api/python/arguments.h"
#include "api/python/bindings.h"
#include "api/python/errors.h"
#include "api/python/values.h"

namespace engram::python {
namespace {

std::shared_ptr<SnapshotHandle> SnapshotAt(StoreHandle& store, const py::object& when) {
  const bool is_bool = PyBool_Check(when.ptr()) != 0;  // an int too, but no commit
  if (PyIndex_Check(when.ptr()) != 0 && !is_bool) {
    const auto lsn = static_cast<Lsn>(UnsignedArgument<std::uint64_t>(when, "when"));
    return store.Keep([&](Store& open) { return open.SnapshotAt(lsn); });
  }
  if (!py::hasattr(when, "utcoffset")) {
    throw py::type_error("when is a " + TypeNameOf(when) +
                         ", expected an int or a datetime.datetime");
  }
  const Timestamp time = TimestampArgument(when, "when");
  return store.Keep([&](Store& open) { return open.SnapshotAt(time); });
}

NamedSnapshot CreateNamed(StoreHandle& store, const py::object& name, const py::object& snapshot,
                          const py::object& durability) {
  const std::string wanted = TextArgument(name, "name");
  const WriteOptions options = WriteOptionsFrom(durability);
  return ValueOrThrow(
      store.CallAt(SnapshotArgument(snapshot), [&](Store& open, const Snapshot* at) {
        return open.CreateNamedSnapshot(wanted, at, options);
      }));
}

std::shared_ptr<SnapshotHandle> OpenNamed(StoreHandle& store, const py::object& name) {
  const std::string wanted = TextArgument(name, "name");
  return store.Keep([&](Store& open) { return open.OpenNamedSnapshot(wanted); });
}

void DropNamed(StoreHandle& store, const py::object& name, const py::object& durability) {
  const std::string wanted = TextArgument(name, "name");
  const WriteOptions options = WriteOptionsFrom(durability);
  ThrowIfError(store.Call([&](Store& open) { return open.DropNamedSnapshot(wanted, options); }));
}

py::list ListNamed(StoreHandle& store) {
  py::list list;
  for (NamedSnapshot& named :
       ValueOrThrow(store.Call([](Store& open) { return open.ListNamedSnapshots(); }))) {
    list.append(py::cast(std::move(named)));
  }
  return list;
}

void DefineSnapshot(py::module_& module) {
  py::class_<SnapshotHandle, std::shared_ptr<SnapshotHandle>>(
      module, "Snapshot",
      "A state of the store that stays readable while writes go on. Made by Store.snapshot() and "
      "its like, passed to reads as `snapshot`. Holds back the reuse of what it sees until "
      "close(), which "
      "comes at the end of a `with`, when the store is closed, and when the last reference goes.")
      .def_property_readonly(
          "lsn", [](const SnapshotHandle& self) { return static_cast<std::uint64_t>(self.lsn()); },
          "int: number of the last commit it sees.")
      .def_property_readonly("closed", &SnapshotHandle::closed, "bool: close() was called.")
      .def_property_readonly(
          "store", [](const SnapshotHandle& self) { return self.store(); },
          "Store: the one it is of.")
      .def("close", &SnapshotHandle::Close,
           "Gives free what it holds. Reads that use it then raise ClosedError.")
      .def(
          "__enter__", [](py::object self) { return self; }, "Returns itself.")
      .def(
          "__exit__", [](SnapshotHandle& self, const py::args&) { self.Close(); }, "Calls close().")
      .def("__repr__", [](const SnapshotHandle& self) {
        return "<engram.Snapshot of commit " +
               std::to_string(static_cast<std::uint64_t>(self.lsn())) +
               (self.closed() ? ", closed>" : ">");
      });
}

constexpr const char* kSnapshotAtDoc =
    R"(Returns a Snapshot of the past.

when   int: the state behind that commit (CommitResult.lsn, Pattern.version); or a datetime with a
       time zone: behind the last commit at or before it.

Raises SnapshotExpiredError where that is older than `history`, or of before the store was opened
with one; InvalidArgumentError for what is not there yet.)";

constexpr const char* kCreateNamedDoc =
    R"(Gives a state a name and returns a NamedSnapshot. It stays readable by open_named_snapshot(),
also when the store was closed in between, until drop_named_snapshot().

name        str of 1 to 255 bytes of UTF-8, that no other has.
snapshot    a Snapshot of that state; None: the newest.
durability  as in insert().

Raises AlreadyExistsError, InvalidArgumentError, IndexFullError (there are max_named_snapshots),
SnapshotExpiredError, ReadOnlyError.)";

}  // namespace

void DefineSnapshots(py::module_& module, StoreClass& store) {
  DefineSnapshot(module);
  const py::none none;
  store.def("snapshot", &StoreHandle::TakeSnapshot,
            "Returns a Snapshot of the newest acknowledged state.");
  store.def("snapshot_at", &SnapshotAt, py::arg("when"), kSnapshotAtDoc);
  store.def("create_named_snapshot", &CreateNamed, py::arg("name"), py::arg("snapshot") = none,
            py::kw_only(), py::arg("durability") = none, kCreateNamedDoc);
  store.def("open_named_snapshot", &OpenNamed, py::arg("name"),
            "Returns a Snapshot of the state that has this name. Raises NotFoundError.");
  store.def("drop_named_snapshot", &DropNamed, py::arg("name"), py::kw_only(),
            py::arg("durability") = none,
            "Takes the name away, and lets the state go; a Snapshot that was opened by it stays "
            "readable. Raises NotFoundError; durability as in insert().");
  store.def("named_snapshots", &ListNamed, "Returns a list of NamedSnapshot, by name.");
}

}  // namespace engram::python
