#include "api/python/errors.h"

namespace engram::python {
namespace {

constexpr const char* kModule = "engram._errors";

void SetPythonError(const py::object& exception) {
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
}

}  // namespace

py::object ExceptionFor(const Status& status) {
  return py::module_::import(kModule).attr("error_for")(static_cast<int>(status.code()),
                                                        TextToPython(status.message()));
}

py::str TextToPython(std::string_view text) {
  PyObject* made =
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape");
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(made);
}

std::string TypeNameOf(py::handle value) {
  const auto type = py::type::handle_of(value);
  const auto name = type.attr("__qualname__").cast<std::string>();
  const auto module = type.attr("__module__").cast<std::string>();
  return module == "builtins" ? name : module + "." + name;
}

void TranslateErrors() {
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const StatusError& error) {
      SetPythonError(ExceptionFor(error.status()));
    } catch (const ClosedError& error) {
      SetPythonError(py::module_::import(kModule).attr("ClosedError")(error.what()));
    }
  });
}

}  // namespace engram::python
