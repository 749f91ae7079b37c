#include "api/python/records.h"

#include <iterator>

#include "api/python/arrays.h"
#include "api/python/errors.h"
#include "api/python/record_class.h"
#include "api/python/values.h"

namespace engram::python {
namespace {

py::object VectorOrNone(bool included, std::vector<float> vector) {
  return included ? py::object(ArrayOwning(std::move(vector))) : py::none();
}

py::object MetadataOrNone(bool included, const Metadata& metadata) {
  return included ? py::object(ToPython(metadata)) : py::none();
}

void DefinePattern(py::module_& module) {
  using P = PatternRecord;
  Record<P>(module, "Pattern", "One pattern as it is stored.")
      .Field("id", &P::id, "int: its id.")
      .Field(
          "vector", &P::vector,
          "numpy.ndarray of float32, shape (dim,), the caller's own; None where it was not asked "
          "for.")
      .Field("metadata", &P::metadata,
             "dict, the caller's own, empty where the pattern has none; None where it was not "
             "asked for. Times in it are in UTC.")
      .Field("timestamp", &P::timestamp,
             "datetime.datetime in UTC: its own time. OverflowError outside the years 1 to 9999.")
      .Field("inserted_at", &P::inserted_at,
             "datetime.datetime in UTC: when this version was written.")
      .Field("type", &P::type, "int: the application's kind of pattern; 0 where it gave none.")
      .Field("version", &P::version, "int: number of the commit that wrote this version.")
      .Field("expires_at", &P::expires_at,
             "datetime.datetime in UTC: when it expires by its ttl; None: not by itself.")
      .Done();
}

void DefineSearchResults(py::module_& module) {
  using H = HitRecord;
  Record<H>(module, "Hit", "One pattern that a search found.")
      .Field("id", &H::id, "int: the pattern's id.")
      .Field("distance", &H::distance, "float: by the store's metric, exact; smaller is nearer.")
      .Field("vector", &H::vector,
             "numpy.ndarray of float32, shape (dim,); None where it was not asked for.")
      .Field("metadata", &H::metadata, "dict; None where it was not asked for.")
      .Done();

  using S = SearchRecord;
  const auto rest = [](auto member) {
    return [member](const S& record) { return ToObject(record.rest.*member); };
  };
  Record<S>(module, "SearchResult", "What one query of Store.search_hits() found.")
      .Field("hits", &S::hits, "list of Hit, nearest first, ties by lower id; at most k.")
      .Field("partial", rest(&SearchResult::partial),
             "bool: the timeout passed before everything was looked at.")
      .Field("exhausted", rest(&SearchResult::exhausted),
             "bool: max_compared was reached before that.")
      .Field("exact", rest(&SearchResult::exact),
             "bool: every pattern was looked at, because that was asked for or cheaper.")
      .Field("degraded", rest(&SearchResult::degraded),
             "bool: exact because the graph is damaged; run `engram verify`.")
      .Field("lsn", rest(&SearchResult::lsn), "int: number of the newest commit that was seen.")
      .Field("compared", rest(&SearchResult::compared), "int: vectors whose distance was computed.")
      .Field("hops", rest(&SearchResult::hops),
             "int: nodes of the graph whose links were followed.")
      .Done();
}

void DefineWriteResults(py::module_& module) {
  using F = FailureRecord;
  Record<F>(module, "Failure", "Why one vector of a batch was not stored.")
      .Field("position", &F::position, "int: its row in the batch.")
      .Field("error", &F::error, "Error: what Store.insert() would have raised.")
      .Done();

  using B = BatchRecord;
  Record<B>(module, "BatchResult", "What became of a batch.")
      .Field("ids", &B::ids,
             "numpy.ndarray of uint64, shape (n,): by row; 0 where it was not stored.")
      .Field("failures", &B::failures, "list of Failure, by row; empty where all were stored.")
      .Field("lsn", &B::lsn, "int: number of the last commit.")
      .Done()
      .def(
          "raise_for_failures",
          [](const B& result) {
            if (result.failures.empty()) return;
            const auto error = result.failures[0].cast<const F&>().error;
            PyErr_SetObject(py::type::handle_of(error).ptr(), error.ptr());
            throw py::error_already_set();
          },
          "Raises the error of the first row that was not stored, if there is one.");

  using C = CommitRecord;
  Record<C>(module, "CommitResult", "What Store.write() did.")
      .Field("lsn", &C::lsn, "int: number of the commit.")
      .Field("ids", &C::ids,
             "numpy.ndarray of uint64: the id of each insert of the batch, in its order.")
      .Done();
}

// Made once, never destroyed.
PyTypeObject* NeighborsType() {
  static PyStructSequence_Field fields[] = {
      {"ids", "numpy.ndarray of uint64, shape (n,) or (queries, k)."},
      {"distances", "numpy.ndarray of float32, of the same shape."},
      {"partial", "bool: of some query, the timeout passed before everything was looked at."},
      {"exhausted", "bool: of some query, max_compared was reached before that."},
      {"exact", "bool: for each query every pattern was looked at."},
      {"degraded", "bool: because the graph is damaged; run `engram verify`."},
      {nullptr, nullptr}};
  static PyStructSequence_Desc description = {
      "engram.Neighbors",
      "What Store.search() found: the pair (ids, distances), and attributes beside it.", fields, 2};
  static PyTypeObject* const type = PyStructSequence_NewType(&description);
  if (type == nullptr) throw py::error_already_set();
  return type;
}

}  // namespace

PatternRecord RecordOf(Pattern pattern, const GetOptions& included) {
  return {pattern.id,
          VectorOrNone(included.include_vector, std::move(pattern.vector)),
          MetadataOrNone(included.include_metadata, pattern.metadata),
          pattern.timestamp,
          pattern.inserted_at,
          pattern.type,
          pattern.version,
          pattern.expires_at};
}

SearchRecord RecordOf(SearchResult result, const SearchOptions& included) {
  SearchRecord record;
  for (Hit& hit : result.hits) {
    record.hits.append(py::cast(HitRecord{
        hit.id, hit.distance, VectorOrNone(included.include_vector, std::move(hit.vector)),
        MetadataOrNone(included.include_metadata && hit.metadata.has_value(),
                       hit.metadata.value_or(Metadata()))}));
  }
  result.hits.clear();
  record.rest = std::move(result);
  return record;
}

BatchRecord RecordOf(BatchResult result) {
  BatchRecord record{ArrayOwning(std::move(result.ids)), py::list(), result.lsn};
  for (const BatchResult::Failure& failure : result.failures) {
    record.failures.append(py::cast(FailureRecord{failure.position, ExceptionFor(failure.status)}));
  }
  return record;
}

CommitRecord RecordOf(CommitResult result) {
  return {result.lsn, ArrayOwning(std::move(result.ids))};
}

py::object NeighborsOf(py::object ids, py::object distances, const NeighborsFlags& flags) {
  auto made = py::reinterpret_steal<py::object>(PyStructSequence_New(NeighborsType()));
  if (!made) throw py::error_already_set();
  py::object items[] = {std::move(ids),           std::move(distances),
                        py::bool_(flags.partial), py::bool_(flags.exhausted),
                        py::bool_(flags.exact),   py::bool_(flags.degraded)};
  for (std::size_t i = 0; i < std::size(items); ++i) {
    PyStructSequence_SetItem(made.ptr(), static_cast<Py_ssize_t>(i), items[i].release().ptr());
  }
  return made;
}

void DefineRecords(py::module_& module) {
  DefinePattern(module);
  DefineSearchResults(module);
  DefineWriteResults(module);
  DefineReports(module);
  module.attr("Neighbors") =
      py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(NeighborsType()));
}

}  // namespace engram::python
