// How a Status becomes a Python exception. Between the two it travels as a C++ exception: that is
// the way of pybind11, and none leaves the module.
// Threads: with the GIL.
#ifndef ENGRAM_API_PYTHON_ERRORS_H_
#define ENGRAM_API_PYTHON_ERRORS_H_

#include <pybind11/pybind11.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include <engram/result.h>
#include <engram/status.h>

namespace engram::python {

namespace py = pybind11;

// On its way to Python, where it becomes the subclass of engram.Error for its code. Thrown with or
// without the GIL.
class StatusError : public std::exception {
 public:
  explicit StatusError(Status status) : status_(std::move(status)) {}
  const Status& status() const { return status_; }
  const char* what() const noexcept override { return "engram::Status"; }

 private:
  Status status_;
};

// Becomes engram.ClosedError.
class ClosedError : public std::exception {
 public:
  // `what`: "the store", "the snapshot".
  explicit ClosedError(std::string_view what) : message_(std::string(what) + " is closed") {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

inline void ThrowIfError(const Status& status) {
  if (!status.ok()) throw StatusError(status);
}

// The value, or an exception.
template <typename T>
T ValueOrThrow(Result<T> result) {
  if (!result.ok()) throw StatusError(result.status());
  return std::move(result).value();
}

// The exception object for a failure. Pre: not success.
py::object ExceptionFor(const Status& status);

// Text of the library, which may name a file whose name is not UTF-8: such bytes are escaped as
// os.fsdecode() does, and what Python passes back in is turned into the same bytes again.
py::str TextToPython(std::string_view text);

// "a list", "a numpy.ndarray": for messages about arguments of a wrong type.
std::string TypeNameOf(py::handle value);

// Must be called before anything is thrown.
void TranslateErrors();

}  // namespace engram::python

#endif  // ENGRAM_API_PYTHON_ERRORS_H_
