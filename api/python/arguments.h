// Numbers and words that Python passes, with messages that name the argument, what was found and
// what is expected.
// Threads: with the GIL.
#ifndef ENGRAM_API_PYTHON_ARGUMENTS_H_
#define ENGRAM_API_PYTHON_ARGUMENTS_H_

#include <pybind11/pybind11.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include <engram/options.h>
#include <engram/types.h>

namespace engram::python {

namespace py = pybind11;

// An int of Python or NumPy. Errors: TypeError; engram.InvalidArgumentError out of 0 to `most`.
std::uint64_t UnsignedArgument(py::handle value, const char* name, std::uint64_t most);

template <typename T>
T UnsignedArgument(py::handle value, const char* name) {
  return static_cast<T>(UnsignedArgument(value, name, std::numeric_limits<T>::max()));
}

// As UnsignedArgument(); None is `otherwise`.
template <typename T>
T UnsignedOr(py::handle value, const char* name, T otherwise) {
  return value.is_none() ? otherwise : UnsignedArgument<T>(value, name);
}

// Errors: TypeError for anything but True and False.
bool BoolArgument(py::handle value, const char* name);

// A float of Python or NumPy, or what becomes one. Errors: TypeError.
double NumberArgument(py::handle value, const char* name);

// Seconds, a number or a datetime.timedelta, rounded to microseconds, but not to 0 what is not 0:
// that often means something else, as of a TTL. Errors: TypeError, engram.InvalidArgumentError for
// what is negative, NaN or more than 292,000 years.
std::chrono::microseconds SecondsArgument(py::handle value, const char* name);

// "l2", "cosine", "ip". Errors: TypeError, engram.InvalidArgumentError.
Metric MetricArgument(py::handle value);

// "sync", "interval", "none". Errors as above.
Durability DurabilityArgument(py::handle value);

// "auto", "resident", "mapped". Errors as above.
Residency ResidencyArgument(py::handle value);

// None: as the store was opened.
WriteOptions WriteOptionsFrom(py::handle durability);

// A str, bytes or os.PathLike, as the system takes it. Errors: TypeError.
std::string PathArgument(py::handle value);

// UTF-8 of a str. Errors: TypeError.
std::string TextArgument(py::handle value, const char* name);

}  // namespace engram::python

#endif  // ENGRAM_API_PYTHON_ARGUMENTS_H_
