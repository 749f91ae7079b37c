// NumPy arrays that come in, without a copy where they are what the store takes.
// Threads: with the GIL; the memory behind FloatRows may be read without it.
#ifndef ENGRAM_API_PYTHON_ARRAYS_H_
#define ENGRAM_API_PYTHON_ARRAYS_H_

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <engram/types.h>

namespace engram::python {

namespace py = pybind11;

// Rows of floats in an array that is kept alive.
class FloatRows {
 public:
  FloatRows(py::array owner, std::size_t rows, std::size_t dimensions)
      : owner_(std::move(owner)),
        data_(static_cast<const float*>(owner_.data())),
        rows_(rows),
        dimensions_(dimensions) {}

  std::size_t rows() const { return rows_; }
  bool single() const { return owner_.ndim() == 1; }
  // Without the GIL too.
  VectorView Row(std::size_t i) const { return {data_ + i * dimensions_, dimensions_}; }

 private:
  py::array owner_;
  const float* data_;
  std::size_t rows_;
  std::size_t dimensions_;
};

// Shapes that a call takes.
enum class Rows { kOne, kMany, kOneOrMany };

// An array of float32 in C order; with `dimensions` 0 of any length. Lists and tuples of numbers,
// and arrays whose type NumPy casts to float32 safely (float16, integers of 8 and 16 bits), are
// copied into one. Errors: TypeError (another type), ValueError (another number of axes or order),
// engram.DimensionMismatchError.
FloatRows FloatsArgument(py::handle value, const char* name, Rows rows, std::size_t dimensions);

// `count` ids, or any number of them where that is not said. Errors: TypeError (not integers),
// ValueError (shape, a negative one).
std::vector<PatternId> IdsArgument(py::handle value, const char* name,
                                   std::optional<std::size_t> count = {});

// An array that owns `values`; nothing is copied.
template <typename T>
py::array_t<T> ArrayOwning(std::vector<T> values) {
  auto owned = std::make_unique<std::vector<T>>(std::move(values));
  const auto size = static_cast<py::ssize_t>(owned->size());
  const T* data = owned->data();
  py::capsule owner(owned.get(),
                    [](void* p) { delete static_cast<std::vector<T>*>(p); });  // NOLINT
  static_cast<void>(owned.release());                                          // the capsule has it
  return py::array_t<T>({size}, {sizeof(T)}, data, owner);
}

}  // namespace engram::python

#endif  // ENGRAM_API_PYTHON_ARRAYS_H_
