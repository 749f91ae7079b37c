#include "api/python/arrays.h"

#include <string>
#include <utility>

#include "api/python/errors.h"

namespace engram::python {
namespace {

// "(10, 3)", as NumPy writes it.
std::string ShapeOf(const py::array& array) {
  return py::repr(array.attr("shape")).cast<std::string>();
}

std::string DtypeOf(const py::array& array) { return py::str(array.dtype()).cast<std::string>(); }

std::string ExpectedShape(Rows rows, std::size_t dimensions) {
  const std::string dim = dimensions == 0 ? "dim" : std::to_string(dimensions);
  if (rows == Rows::kOne) return "(" + dim + ",)";
  if (rows == Rows::kMany) return "(n, " + dim + ")";
  return "(" + dim + ",) or (n, " + dim + ")";
}

py::module_ NumPy() { return py::module_::import("numpy"); }

// Lists have no type of their own; what else can show its memory as an array does so.
py::array ArrayOf(py::handle value, const std::string& name, const std::string& expected) {
  if (py::isinstance<py::array>(value)) return py::reinterpret_borrow<py::array>(value);
  if (PyList_Check(value.ptr()) || PyTuple_Check(value.ptr())) {
    try {
      return NumPy().attr("asarray")(value, py::dtype::of<float>());
    } catch (py::error_already_set& error) {
      const std::string why = py::str(error.value()).cast<std::string>();
      throw py::value_error(name + " cannot be made " + expected + ": " + why);
    }
  }
  if (PyObject_CheckBuffer(value.ptr()) != 0 || py::hasattr(value, "__array__")) {
    return NumPy().attr("asarray")(value);
  }
  throw py::type_error(name + " is a " + TypeNameOf(value) + ", expected " + expected);
}

// Whether every value of the type is one of float32.
bool FitsFloat(const py::array& array) {
  const char kind = array.dtype().kind();
  return (kind == 'f' || kind == 'i' || kind == 'u') && array.dtype().itemsize() <= 2;
}

bool IsAligned(const py::array& array) {
  return (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
}

void CheckLayout(const py::array& array, const std::string& name) {
  if ((array.flags() & py::array::c_style) == 0) {
    throw py::value_error(name + " is not in C order (shape " + ShapeOf(array) + ", strides " +
                          py::repr(array.attr("strides")).cast<std::string>() +
                          "), expected C-contiguous memory: numpy.ascontiguousarray(" + name +
                          ") makes a copy that is");
  }
  if (!IsAligned(array)) {
    throw py::value_error(name + " does not begin at a multiple of 4 bytes: " + name +
                          ".copy() does");
  }
}

void CheckShape(const py::array& array, const std::string& name, Rows rows,
                std::size_t dimensions) {
  const py::ssize_t axes = array.ndim();
  const bool fits = (axes == 1 && rows != Rows::kMany) || (axes == 2 && rows != Rows::kOne);
  const std::string message =
      name + " has shape " + ShapeOf(array) + ", expected " + ExpectedShape(rows, dimensions);
  if (!fits) throw py::value_error(message);
  const auto found = static_cast<std::size_t>(array.shape(axes - 1));
  if (dimensions != 0 && found != dimensions) {
    throw StatusError(Status::DimensionMismatch(message));
  }
}

}  // namespace

FloatRows FloatsArgument(py::handle value, const char* name, Rows rows, std::size_t dimensions) {
  const std::string expected =
      "a numpy.ndarray of float32 with shape " + ExpectedShape(rows, dimensions);
  py::array array = ArrayOf(value, name, expected);
  if (FitsFloat(array)) array = NumPy().attr("ascontiguousarray")(array, py::dtype::of<float>());
  if (!py::isinstance<py::array_t<float>>(array)) {
    throw py::type_error(std::string(name) + " has dtype " + DtypeOf(array) +
                         ", expected float32: " + name + ".astype(numpy.float32) converts it");
  }
  CheckShape(array, name, rows, dimensions);
  CheckLayout(array, name);
  const py::ssize_t axes = array.ndim();
  const std::size_t count = axes == 1 ? 1 : static_cast<std::size_t>(array.shape(0));
  const auto length = static_cast<std::size_t>(array.shape(axes - 1));
  return {std::move(array), count, length};
}

std::vector<PatternId> IdsArgument(py::handle value, const char* name,
                                   std::optional<std::size_t> wanted) {
  const py::array array = NumPy().attr("asarray")(value);
  const std::string expected = "(" + (wanted ? std::to_string(*wanted) : "n") + ",)";
  const std::size_t count = array.ndim() == 1 ? static_cast<std::size_t>(array.shape(0)) : 0;
  if (array.ndim() != 1 || count != wanted.value_or(count)) {
    throw py::value_error(std::string(name) + " has shape " + ShapeOf(array) + ", expected " +
                          expected);
  }
  if (count == 0) return {};  // NumPy gives an empty list no type of integers
  const char kind = array.dtype().kind();
  if (kind != 'u' && kind != 'i') {
    throw py::type_error(std::string(name) + " has dtype " + DtypeOf(array) +
                         ", expected uint64 or another type of integers");
  }
  if (kind == 'i' && py::bool_(array.attr("min")() < py::int_(0))) {
    throw py::value_error(std::string(name) + " holds a negative number");
  }
  const auto ids = py::array_t<PatternId, py::array::c_style | py::array::forcecast>::ensure(array);
  if (!ids) throw py::error_already_set();
  return {ids.data(), ids.data() + count};
}

}  // namespace engram::python
