// What calls return: objects with attributes that do not change.
// Threads: with the GIL.
#ifndef ENGRAM_API_PYTHON_RECORDS_H_
#define ENGRAM_API_PYTHON_RECORDS_H_

#include <pybind11/pybind11.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <engram/store.h>

namespace engram::python {

namespace py = pybind11;

// A pattern; vector and metadata are None where they were not asked for.
struct PatternRecord {
  PatternId id;
  py::object vector;
  py::object metadata;
  Timestamp timestamp;
  Timestamp inserted_at;
  TypeTag type;
  Lsn version;
  std::optional<Timestamp> expires_at;
};

PatternRecord RecordOf(Pattern pattern, const GetOptions& included);

struct HitRecord {
  PatternId id;
  float distance;
  py::object vector;
  py::object metadata;
};

struct SearchRecord {
  py::list hits;
  SearchResult rest;  // without hits
};

SearchRecord RecordOf(SearchResult result, const SearchOptions& included);

struct FailureRecord {
  std::size_t position;
  py::object error;
};

struct BatchRecord {
  py::object ids;  // array of uint64
  py::list failures;
  Lsn lsn;
};

BatchRecord RecordOf(BatchResult result);

struct CommitRecord {
  Lsn lsn;
  py::object ids;
};

CommitRecord RecordOf(CommitResult result);

// A tuple (ids, distances) that also has attributes, of a search that returns arrays.
struct NeighborsFlags {
  bool partial = false;
  bool exhausted = false;
  bool exact = true;
  bool degraded = false;
};

py::object NeighborsOf(py::object ids, py::object distances, const NeighborsFlags& flags);

void DefineRecords(py::module_& module);
// Of them, those of reports.cc.
void DefineReports(py::module_& module);

}  // namespace engram::python

#endif  // ENGRAM_API_PYTHON_RECORDS_H_
