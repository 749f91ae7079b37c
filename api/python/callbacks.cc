#include "api/python/callbacks.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "api/python/errors.h"
#include "api/python/values.h"

namespace engram::python {
namespace {

thread_local const char* t_running = nullptr;

// While one is there, this thread is inside the callback of that name. One may begin in another:
// freeing an object there may close a store, which logs.
class Running {
 public:
  explicit Running(const char* name) : before_(std::exchange(t_running, name)) {}
  ~Running() { t_running = before_; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  const char* before_;
};

// A thread that asks for the GIL of an interpreter that ends is ended with it, in the middle of the
// library's code: nothing is called then any more. (Stores are closed before, by atexit.)
bool Finalizing() { return _Py_IsFinalizing() != 0; }

py::object CallableArgument(py::handle value, const char* name) {
  if (PyCallable_Check(value.ptr()) == 0) {
    throw py::type_error(std::string(name) + " is a " + TypeNameOf(value) +
                         ", expected a callable");
  }
  return py::reinterpret_borrow<py::object>(value);
}

// Owns the callable of a store, which may go with the store's last thread. Threads: any, without
// the GIL.
class Callable {
 public:
  explicit Callable(py::object callable) : callable_(std::move(callable)) {}
  ~Callable() {
    if (Finalizing()) {
      static_cast<void>(callable_.release());
      return;
    }
    const py::gil_scoped_acquire gil;
    callable_ = py::object();
  }
  Callable(const Callable&) = delete;
  Callable& operator=(const Callable&) = delete;

  // With the GIL.
  const py::object& get() const { return callable_; }

 private:
  py::object callable_;
};

// Runs `work`, which calls the callback of that name; shows what it raises. With the GIL.
template <typename Work>
void RunShown(const char* name, Work work) {
  const Running running(name);
  const std::string where = std::string("the ") + name + " callback of an engram.Store";
  try {
    work();
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable(where.c_str());
  } catch (const py::builtin_exception& error) {
    error.set_error();
    PyErr_WriteUnraisable(py::str(where).ptr());
  } catch (const StatusError& error) {
    const py::object exception = ExceptionFor(error.status());
    PyErr_SetObject(py::type::handle_of(exception).ptr(), exception.ptr());
    PyErr_WriteUnraisable(py::str(where).ptr());
  }
}

// The levels of Python's module logging.
int LevelInPython(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return 20;
    case LogLevel::kWarning:
      return 30;
    case LogLevel::kError:
      return 40;
  }
  return 40;
}

class HostClock {
 public:
  explicit HostClock(py::object callable) : callable_(std::move(callable)) {
    const Running running("clock");
    last_us_.store(Ask(), std::memory_order_relaxed);
  }

  Timestamp Now() {
    if (!Finalizing()) {
      const py::gil_scoped_acquire gil;
      RunShown("clock", [this] { last_us_.store(Ask(), std::memory_order_relaxed); });
    }
    return Timestamp(std::chrono::microseconds(last_us_.load(std::memory_order_relaxed)));
  }

 private:
  std::int64_t Ask() const {
    return TimestampArgument(callable_.get()(), "what the clock returned")
        .time_since_epoch()
        .count();
  }

  const Callable callable_;
  // What it gave last. Relaxed: a number of its own, nothing is read by it.
  std::atomic<std::int64_t> last_us_{0};
};

}  // namespace

LogCallback LogFrom(py::handle callable) {
  auto sink = std::make_shared<Callable>(CallableArgument(callable, "log"));
  return [sink](LogLevel level, std::string_view message) {
    if (Finalizing()) return;
    const py::gil_scoped_acquire gil;
    RunShown("log", [&] { sink->get()(LevelInPython(level), TextToPython(message)); });
  };
}

ClockCallback ClockFrom(py::handle callable) {
  auto clock = std::make_shared<HostClock>(CallableArgument(callable, "clock"));
  return [clock] { return clock->Now(); };
}

const char* RunningCallback() { return t_running; }

ProgressTeller::ProgressTeller(py::handle callable) {
  if (!callable.is_none()) callable_ = CallableArgument(callable, "progress");
}

bool ProgressTeller::Tell(const std::function<py::object()>& progress) {
  if (Finalizing()) return false;
  const py::gil_scoped_acquire gil;
  if (raised_ != nullptr) return false;
  try {
    const py::object answer = callable_(progress());
    if (answer.is_none()) return true;
    const int truth = PyObject_IsTrue(answer.ptr());
    if (truth < 0) throw py::error_already_set();
    return truth == 1;
  } catch (...) {
    raised_ = std::current_exception();
    return false;
  }
}

void ProgressTeller::RethrowRaised() {
  if (raised_ != nullptr) std::rethrow_exception(std::exchange(raised_, nullptr));
}

}  // namespace engram::python
