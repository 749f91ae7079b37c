// The module engram._core: all of the package engram that is not Python.
#include <pybind11/pybind11.h>

#include <engram/version.h>

#include "api/python/arguments.h"
#include "api/python/bindings.h"
#include "api/python/errors.h"
#include "api/python/open_options.h"
#include "api/python/records.h"

namespace engram::python {
namespace {

constexpr const char* kStoreDoc =
    R"(An open store: patterns (a vector, metadata, a time, a type, an id) in one directory. Made by
engram.create() and engram.open(). A `with` closes it at its end.

Any thread may call any method; none holds the GIL while the store works. close() waits for the
calls of other threads.

Vectors go in as NumPy arrays of float32 in C order, read where they lie. Lists and tuples of
numbers, and arrays of float16 and of integers of 8 or 16 bits, whose values float32 has exactly,
are copied into one. Anything else is refused: TypeError for another dtype (float64 too), ValueError for
another order or number of axes, DimensionMismatchError for another length. What comes out belongs
to the caller.)";

StoreClass DefineStore(py::module_& module) {
  StoreClass store(module, "Store", kStoreDoc);
  store
      .def_property_readonly(
          "path", [](const StoreHandle& s) { return TextToPython(s.path()); },
          "str: its directory, as it was opened.")
      .def_property_readonly("dim", &StoreHandle::dimensions, "int: components of a vector.")
      .def_property_readonly(
          "metric", [](const StoreHandle& s) { return TextToPython(MetricName(s.metric())); },
          "str: 'l2', 'cosine' or 'ip'.")
      .def_property_readonly("m", &StoreHandle::m, "int: links a node keeps above level 0.")
      .def_property_readonly("read_only", &StoreHandle::read_only, "bool: opened for reading.")
      .def_property_readonly("closed", &StoreHandle::closed, "bool: close() was called.")
      .def(
          "__enter__", [](py::object self) { return self; }, "Returns itself.")
      .def(
          "__exit__", [](StoreHandle& s, const py::args&) { s.Close(); }, "Calls close().")
      .def(
          "__len__",
          [](StoreHandle& s) {
            return ValueOrThrow(s.Call([](Store& open) { return open.GetStats(); })).count;
          },
          "The number of live patterns.")
      .def("__repr__", [](const StoreHandle& s) {
        const std::string size = s.closed() ? "closed" : "dim " + std::to_string(s.dimensions());
        return TextToPython("<engram.Store '" + s.path() + "', " + size + ", " +
                            std::string(MetricName(s.metric())) + ">");
      });
  return store;
}

GraphReport Analyze(StoreHandle& store, const py::object& sample, const py::object& k,
                    const py::object& ef) {
  AnalyzeOptions options;
  options.sample = UnsignedArgument<std::size_t>(sample, "sample");
  options.k = UnsignedArgument<std::size_t>(k, "k");
  options.ef = UnsignedOr<std::size_t>(ef, "ef", 0);
  return ValueOrThrow(store.Call([&](Store& open) { return open.Analyze(options); }));
}

void DefineLife(StoreClass& store) {
  store
      .def(
          "flush",
          [](StoreHandle& s) { ThrowIfError(s.Call([](Store& open) { return open.Flush(); })); },
          "Makes everything acknowledged so far durable.")
      .def(
          "wait_durable",
          [](StoreHandle& s, const py::object& lsn) {
            const auto wanted = static_cast<Lsn>(UnsignedArgument<std::uint64_t>(lsn, "lsn"));
            ThrowIfError(s.Call([&](Store& open) { return open.WaitDurable(wanted); }));
          },
          py::arg("lsn"),
          "Returns when this commit (CommitResult.lsn, Pattern.version) is on disk. Raises "
          "InvalidArgumentError for one that is not there yet.")
      .def(
          "checkpoint",
          [](StoreHandle& s) {
            ThrowIfError(s.Call([](Store& open) { return open.Checkpoint(); }));
          },
          "Brings the page file up to date, so that the log before it can go. Reads and writes go "
          "on.")
      .def(
          "run_maintenance",
          [](StoreHandle& s, const py::object& budget) {
            const auto time = SecondsArgument(budget, "budget");
            ThrowIfError(s.Call([&](Store& open) { return open.RunMaintenance(time); }));
          },
          py::arg("budget"),
          "Does the background work that is due for about `budget` seconds, on this thread: for "
          "stores opened with background_threads=0.")
      .def(
          "stats",
          [](StoreHandle& s) {
            return ValueOrThrow(s.Call([](Store& open) { return open.GetStats(); }));
          },
          "Returns Stats: sizes and counters as they are now.")
      .def("analyze", &Analyze, py::arg("sample") = 100, py::arg("k") = 10,
           py::arg("ef") = py::none(),
           "Returns a GraphReport: looks at the whole graph, and estimates the recall of searches "
           "with k and ef from `sample` patterns (0 to 100,000). Takes about as long as an exact "
           "search, and the sample's searches, and 16 bytes of memory a pattern meanwhile.")
      .def("close", &StoreHandle::Close,
           "Ends the store's snapshots, makes a checkpoint (checkpoint_on_close) and gives the "
           "directory free, after the calls of other threads have ended. Calls after it raise "
           "ClosedError; closing again does nothing. Raises what the flush or checkpoint met; the "
           "store is closed then, too.");
}

std::shared_ptr<StoreHandle> OpenStore(const py::object& path, const py::dict& keywords,
                                       bool read_only) {
  const std::string directory = PathArgument(path);
  return StoreHandle::Open(
      directory, OptionsFrom(keywords),
      read_only ? StoreHandle::Access::kReadOnly : StoreHandle::Access::kReadWrite);
}

}  // namespace

PYBIND11_MODULE(_core, module) {
  module.doc() = "What the package engram is made of.";
  TranslateErrors();
  DefineRecords(module);
  DefineWriteBatch(module);
  StoreClass store = DefineStore(module);
  DefineLife(store);
  DefineWrites(store);
  DefineReads(module, store);
  DefineSnapshots(module, store);
  DefineUpkeep(store);
  DefineSearches(store);
  DefineFeatureEncoder(module);
  module.def("open_store", &OpenStore, py::arg("path"), py::arg("options"), py::arg("read_only"),
             "What engram.create() and engram.open() call; options that are None are left out.");
  module.attr("__version__") = TextToPython(LibraryVersion());
  py::module_::import("atexit").attr("register")(py::cpp_function(&StoreHandle::CloseAll));
}

}  // namespace engram::python
