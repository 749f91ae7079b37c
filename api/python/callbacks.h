// Callables of Python that the library calls: the log, the clock, and who is told how far work on a
// store is. None lets an exception into the library.
// Threads: made with the GIL; called from any thread without it, which they take.
#ifndef ENGRAM_API_PYTHON_CALLBACKS_H_
#define ENGRAM_API_PYTHON_CALLBACKS_H_

#include <pybind11/pybind11.h>

#include <exception>
#include <functional>

#include <engram/options.h>

namespace engram::python {

namespace py = pybind11;

// Exceptions are shown (sys.unraisablehook) and end there. Errors: TypeError for no callable.
LogCallback LogFrom(py::handle callable);

// Asks once, here, and lets out what is raised; so that later, where the callable raises or returns
// no time, which is shown, there is a time that it gave last: that is taken again. Time then stands
// still, and nothing expires that would not have by then. Errors: TypeError for no callable.
ClockCallback ClockFrom(py::handle callable);

// "log" or "clock" while this thread is inside one of these, which must not call a store; else
// nullptr.
const char* RunningCallback();

// How far a call is, told to a callable. Lives as long as the call that takes callback().
class ProgressTeller {
 public:
  // None: nobody is told. Errors: TypeError for no callable.
  explicit ProgressTeller(py::handle callable);

  // Cancels where the callable returns what is false, but not None, and where it raises.
  template <typename Progress>
  std::function<bool(const Progress&)> callback() {
    if (!callable_) return nullptr;
    return [this](const Progress& progress) {
      return Tell([&progress] { return py::cast(progress); });
    };
  }
  // Goes on with what the callable raised, if it did. With the GIL.
  void RethrowRaised();

 private:
  // `progress` makes what is passed on, with the GIL.
  bool Tell(const std::function<py::object()>& progress);

  py::object callable_;
  std::exception_ptr raised_;  // guarded by the GIL
};

}  // namespace engram::python

#endif  // ENGRAM_API_PYTHON_CALLBACKS_H_
