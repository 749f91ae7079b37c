// How a struct of the library becomes a class of Python whose attributes do not change.
// Threads: with the GIL.
#ifndef ENGRAM_API_PYTHON_RECORD_CLASS_H_
#define ENGRAM_API_PYTHON_RECORD_CLASS_H_

#include <pybind11/pybind11.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <engram/options.h>
#include <engram/types.h>

#include "api/python/arrays.h"
#include "api/python/errors.h"
#include "api/python/values.h"

namespace engram::python {

namespace py = pybind11;

template <typename T>
py::object ToObject(const T& value) {
  if constexpr (std::is_same_v<T, Lsn>) {
    return py::int_(static_cast<std::uint64_t>(value));
  } else if constexpr (std::is_same_v<T, Timestamp> ||
                       std::is_same_v<T, std::chrono::microseconds>) {
    return ToPython(value);
  } else if constexpr (std::is_same_v<T, std::optional<Timestamp>>) {
    return value ? ToPython(*value) : py::none();
  } else if constexpr (std::is_same_v<T, std::string>) {
    return TextToPython(value);
  } else if constexpr (std::is_same_v<T, Metric>) {
    return TextToPython(MetricName(value));
  } else if constexpr (std::is_same_v<T, Residency>) {
    return TextToPython(ResidencyName(value));
  } else if constexpr (std::is_same_v<T, std::vector<std::uint64_t>>) {
    return ArrayOwning(value);
  } else if constexpr (std::is_base_of_v<py::object, T>) {
    return value;
  } else {
    return py::cast(value);
  }
}

// A class whose attributes are fields of T, in the order in which they are shown.
template <typename T>
class Record {
 public:
  Record(py::module_& module, const char* name, const char* doc)
      : class_(module, name, doc), name_(name) {}

  template <typename Owner, typename Member>
  Record& Field(const char* name, Member Owner::*member, const char* doc) {
    return Field(
        name, [member](const T& record) { return ToObject(record.*member); }, doc);
  }

  template <typename Get, typename = std::enable_if_t<!std::is_member_pointer_v<Get>>>
  Record& Field(const char* name, Get get, const char* doc) {
    class_.def_property_readonly(name, get, doc);
    fields_.append(name);
    return *this;
  }

  py::class_<T>& Done() {
    class_.def("__repr__", [name = name_, fields = fields_](const py::object& self) {
      std::string text = "engram." + name + "(";
      for (const py::handle field : fields) {
        if (text.back() != '(') text += ", ";
        text += field.cast<std::string>() + "=" +
                py::repr(py::getattr(self, field)).cast<std::string>();
      }
      return text + ")";
    });
    return class_;
  }

 private:
  py::class_<T> class_;
  std::string name_;
  py::list fields_;
};

}  // namespace engram::python

#endif  // ENGRAM_API_PYTHON_RECORD_CLASS_H_
