#include "api/python/values.h"

// Python's own header, after <Python.h>, which pybind11 includes.
#include <datetime.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <variant>

#include "api/python/arguments.h"
#include "api/python/errors.h"

namespace engram::python {
namespace {

// Writes refuse more than 32; here only what has no end must be stopped.
constexpr int kDeepest = 64;
constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kSecondsPerDay = 86'400;

[[noreturn]] void ThrowInvalid(const std::string& what) {
  throw StatusError(Status::InvalidArgument(what));
}

void LoadDatetime() {
  if (PyDateTimeAPI == nullptr) PyDateTime_IMPORT;
  if (PyDateTimeAPI == nullptr) throw py::error_already_set();
}

py::object Owned(PyObject* made) {
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

py::object Epoch() {
  return Owned(PyDateTimeAPI->DateTime_FromDateAndTime(
      1970, 1, 1, 0, 0, 0, 0, PyDateTimeAPI->TimeZone_UTC, PyDateTimeAPI->DateTimeType));
}

Bytes BytesOf(py::handle value) {
  Py_buffer view;
  if (PyObject_GetBuffer(value.ptr(), &view, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  const auto* first = static_cast<const std::byte*>(view.buf);
  Bytes bytes(first, first + view.len);
  PyBuffer_Release(&view);
  return bytes;
}

std::int64_t IntOf(py::handle value, const std::string& path) {
  int overflow = 0;
  const std::int64_t number = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
  if (overflow != 0) ThrowInvalid(path + " is an int of more than 64 bits");
  if (number == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
  return number;
}

class Reader {
 public:
  Metadata ReadMap(py::handle dict, const std::string& path, int depth) {
    CheckDepth(depth, path);
    Metadata map;
    for (const auto& [key, value] : py::reinterpret_borrow<py::dict>(dict)) {
      if (!PyUnicode_Check(key.ptr())) {
        throw py::type_error(path + " has a key that is a " + TypeNameOf(key) + ", expected a str");
      }
      // Held while it is read: reading may run code of Python's.
      const auto held = py::reinterpret_borrow<py::object>(value);
      std::string name = TextArgument(key, path.c_str());
      const std::string inner = path + "['" + name + "']";
      map.emplace(std::move(name), Read(held, inner, depth + 1));
    }
    return map;
  }

 private:
  static void CheckDepth(int depth, const std::string& path) {
    if (depth > kDeepest) {
      ThrowInvalid(path.substr(0, path.find('[')) + " is nested deeper than 32 levels");
    }
  }

  ValueList ReadList(py::handle sequence, const std::string& path, int depth) {
    CheckDepth(depth, path);
    ValueList list;
    std::size_t position = 0;
    for (const py::handle item : sequence) {
      const auto held = py::reinterpret_borrow<py::object>(item);
      list.push_back(Read(held, path + "[" + std::to_string(position++) + "]", depth + 1));
    }
    return list;
  }

  Value Read(py::handle value, const std::string& path, int depth) {
    PyObject* object = value.ptr();
    if (value.is_none()) return {};
    if (PyBool_Check(object)) return object == Py_True;
    if (PyLong_Check(object)) return IntOf(value, path);
    if (PyFloat_Check(object)) return PyFloat_AS_DOUBLE(object);
    if (PyUnicode_Check(object)) return TextArgument(value, path.c_str());
    if (PyBytes_Check(object) || PyByteArray_Check(object) || PyMemoryView_Check(object)) {
      return BytesOf(value);
    }
    if (PyDateTime_Check(object)) return TimestampArgument(value, path);
    if (PyDict_Check(object)) return ReadMap(value, path, depth);
    if (PyList_Check(object) || PyTuple_Check(object)) return ReadList(value, path, depth);
    return ReadScalar(value, path, depth);
  }

  // numpy.float32(1) and its like say which Python object they are.
  Value ReadScalar(py::handle value, const std::string& path, int depth) {
    const py::object generic = py::module_::import("numpy").attr("generic");
    if (py::isinstance(value, generic)) {
      const py::object item = value.attr("item")();
      if (!py::isinstance(item, generic)) return Read(item, path, depth);
    }
    throw py::type_error(path + " is a " + TypeNameOf(value) +
                         ", expected None, bool, int, float, str, bytes, datetime, list or dict");
  }
};

py::object ToPython(const Value& value) {
  return std::visit(
      [](const auto& held) -> py::object {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          return py::none();
        } else if constexpr (std::is_same_v<T, bool>) {
          return py::bool_(held);
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          return py::int_(held);
        } else if constexpr (std::is_same_v<T, double>) {
          return py::float_(held);
        } else if constexpr (std::is_same_v<T, std::string>) {
          return TextToPython(held);
        } else if constexpr (std::is_same_v<T, Bytes>) {
          return py::bytes(reinterpret_cast<const char*>(held.data()), held.size());
        } else if constexpr (std::is_same_v<T, ValueList>) {
          py::list list;
          for (const Value& item : held) list.append(ToPython(item));
          return list;
        } else {
          return python::ToPython(held);  // a map or a time
        }
      },
      value.storage());
}

}  // namespace

Metadata MetadataArgument(py::handle value, const std::string& name) {
  LoadDatetime();
  if (!PyDict_Check(value.ptr())) {
    throw py::type_error(name + " is a " + TypeNameOf(value) + ", expected a dict");
  }
  return Reader().ReadMap(value, name, 1);
}

py::dict ToPython(const Metadata& metadata) {
  py::dict dict;
  for (const auto& [name, value] : metadata) dict[TextToPython(name)] = ToPython(value);
  return dict;
}

Timestamp TimestampArgument(py::handle value, const std::string& name) {
  LoadDatetime();
  if (!PyDateTime_Check(value.ptr())) {
    throw py::type_error(name + " is a " + TypeNameOf(value) + ", expected a datetime.datetime");
  }
  if (value.attr("utcoffset")().is_none()) {
    ThrowInvalid(name + " is a datetime without a time zone, expected one with: " +
                 "datetime.now(timezone.utc), value.astimezone()");
  }
  const py::object delta = py::reinterpret_borrow<py::object>(value) - Epoch();
  const std::int64_t seconds = PyDateTime_DELTA_GET_DAYS(delta.ptr()) * kSecondsPerDay +
                               PyDateTime_DELTA_GET_SECONDS(delta.ptr());
  return Timestamp(std::chrono::microseconds(seconds * kMicrosPerSecond +
                                             PyDateTime_DELTA_GET_MICROSECONDS(delta.ptr())));
}

py::object ToPython(Timestamp time) {
  LoadDatetime();
  return Epoch() + ToPython(time.time_since_epoch());
}

py::object ToPython(std::chrono::microseconds time) {
  LoadDatetime();
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::int64_t micros = (time - days).count();
  return Owned(PyDelta_FromDSU(static_cast<int>(days.count()),
                               static_cast<int>(micros / kMicrosPerSecond),
                               static_cast<int>(micros % kMicrosPerSecond)));
}

}  // namespace engram::python
