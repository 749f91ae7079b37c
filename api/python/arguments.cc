#include "api/python/arguments.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string_view>

#include "api/python/errors.h"

namespace engram::python {
namespace {

[[noreturn]] void ThrowWrongType(const char* name, py::handle found, const char* expected) {
  throw py::type_error(std::string(name) + " is a " + TypeNameOf(found) + ", expected " + expected);
}

template <typename T>
struct Word {
  std::string_view word;
  T meaning;
};

template <typename T>
T OneOf(py::handle value, const char* name, std::initializer_list<Word<T>> words) {
  const std::string found = TextArgument(value, name);
  std::string allowed;
  for (const Word<T>& word : words) {
    if (word.word == found) return word.meaning;
    allowed += std::string(allowed.empty() ? "'" : ", '") + std::string(word.word) + "'";
  }
  throw StatusError(
      Status::InvalidArgument(std::string(name) + " is '" + found + "', allowed is " + allowed));
}

}  // namespace

std::uint64_t UnsignedArgument(py::handle value, const char* name, std::uint64_t most) {
  const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!number) {
    PyErr_Clear();
    ThrowWrongType(name, value, "an int");
  }
  const std::uint64_t found = PyLong_AsUnsignedLongLong(number.ptr());
  const bool fits = !(found == ~0ull && PyErr_Occurred() != nullptr);
  if (!fits) PyErr_Clear();
  if (!fits || found > most) {
    throw StatusError(Status::InvalidArgument(std::string(name) + " is " +
                                              py::str(number).cast<std::string>() +
                                              ", allowed is 0 to " + std::to_string(most)));
  }
  return found;
}

bool BoolArgument(py::handle value, const char* name) {
  if (!PyBool_Check(value.ptr())) ThrowWrongType(name, value, "a bool");
  return value.ptr() == Py_True;
}

double NumberArgument(py::handle value, const char* name) {
  const double number = PyFloat_AsDouble(value.ptr());
  if (PyErr_Occurred() == nullptr) return number;
  PyErr_Clear();
  ThrowWrongType(name, value, "a number");
}

std::chrono::microseconds SecondsArgument(py::handle value, const char* name) {
  py::object number = py::reinterpret_borrow<py::object>(value);
  if (py::hasattr(value, "total_seconds")) number = value.attr("total_seconds")();
  const double seconds = PyFloat_AsDouble(number.ptr());
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    ThrowWrongType(name, value, "seconds, as a number or a datetime.timedelta");
  }
  constexpr double kMost = 9.2e12;  // in microseconds, 64 bits hold it
  if (!(seconds >= 0 && seconds <= kMost)) {
    const std::string expected =
        seconds > kMost ? ", too large: expected at most " +
                              std::to_string(static_cast<std::int64_t>(kMost)) + " seconds"
                        : ", expected seconds that are not negative";
    throw StatusError(Status::InvalidArgument(std::string(name) + " is " +
                                              py::str(value).cast<std::string>() + expected));
  }
  const std::chrono::microseconds rounded(std::llround(seconds * 1e6));
  return seconds > 0 ? std::max(rounded, std::chrono::microseconds(1)) : rounded;
}

Metric MetricArgument(py::handle value) {
  return OneOf<Metric>(
      value, "metric",
      {{"l2", Metric::kL2}, {"cosine", Metric::kCosine}, {"ip", Metric::kInnerProduct}});
}

Durability DurabilityArgument(py::handle value) {
  return OneOf<Durability>(value, "durability",
                           {{"sync", Durability::kSync},
                            {"interval", Durability::kInterval},
                            {"none", Durability::kNone}});
}

Residency ResidencyArgument(py::handle value) {
  return OneOf<Residency>(value, "residency",
                          {{"auto", Residency::kAuto},
                           {"resident", Residency::kResident},
                           {"mapped", Residency::kMapped}});
}

WriteOptions WriteOptionsFrom(py::handle durability) {
  if (durability.is_none()) return {};
  return WriteOptions::With(DurabilityArgument(durability));
}

std::string PathArgument(py::handle value) {
  PyObject* converted = nullptr;
  if (PyUnicode_FSConverter(value.ptr(), &converted) == 0) throw py::error_already_set();
  const auto bytes = py::reinterpret_steal<py::bytes>(converted);
  return std::string(std::string_view(bytes));
}

std::string TextArgument(py::handle value, const char* name) {
  if (!PyUnicode_Check(value.ptr())) ThrowWrongType(name, value, "a str");
  const auto bytes = py::reinterpret_steal<py::bytes>(
      PyUnicode_AsEncodedString(value.ptr(), "utf-8", "surrogateescape"));
  if (!bytes) throw py::error_already_set();
  return std::string(std::string_view(bytes));
}

}  // namespace engram::python
