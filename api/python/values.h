// Metadata and times, to Python and back.
// Threads: with the GIL.
#ifndef ENGRAM_API_PYTHON_VALUES_H_
#define ENGRAM_API_PYTHON_VALUES_H_

#include <pybind11/pybind11.h>

#include <chrono>
#include <string>

#include <engram/metadata.h>
#include <engram/types.h>

namespace engram::python {

namespace py = pybind11;

// A dict with str keys, whose values are None, bool, int of 64 bits, float, str, bytes (bytearray,
// memoryview), datetime with a time zone, list (tuple), dict, or NumPy scalars of these.
// `name` goes before the path in messages. Errors: TypeError, engram.InvalidArgumentError.
Metadata MetadataArgument(py::handle value, const std::string& name);
py::dict ToPython(const Metadata& metadata);

// A datetime with a time zone. Errors: TypeError, engram.InvalidArgumentError without a zone.
Timestamp TimestampArgument(py::handle value, const std::string& name);
// In UTC. Errors: OverflowError outside the years 1 to 9999.
py::object ToPython(Timestamp time);
// A datetime.timedelta. Errors: OverflowError beyond 999,999,999 days.
py::object ToPython(std::chrono::microseconds time);

}  // namespace engram::python

#endif  // ENGRAM_API_PYTHON_VALUES_H_
