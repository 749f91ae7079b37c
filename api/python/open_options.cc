#include "api/python/open_options.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "api/python/arguments.h"
#include "api/python/errors.h"

namespace engram::python {
namespace {

thread_local bool t_in_log_callback = false;

// A thread that asks for the GIL of an interpreter that ends is ended with it, in the middle of the
// library's code: what still comes then is not logged. (Stores are closed before, by atexit.)
bool Finalizing() { return _Py_IsFinalizing() != 0; }

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

// Holds the callable of a store. Threads: any, without the GIL; it takes it.
class LogSink {
 public:
  explicit LogSink(py::object callable) : callable_(std::move(callable)) {}
  ~LogSink() {
    if (Finalizing()) {
      static_cast<void>(callable_.release());
      return;
    }
    const py::gil_scoped_acquire gil;
    callable_ = py::object();
  }
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  void Log(LogLevel level, std::string_view message) const {
    if (Finalizing()) return;
    const py::gil_scoped_acquire gil;
    t_in_log_callback = true;
    try {
      callable_(LevelInPython(level), TextToPython(message));
    } catch (py::error_already_set& error) {
      error.discard_as_unraisable("the log callback of an engram.Store");
    }
    t_in_log_callback = false;
  }

 private:
  py::object callable_;
};

void SetLog(Options& options, py::handle value) {
  if (PyCallable_Check(value.ptr()) == 0) {
    throw py::type_error("log is a " + TypeNameOf(value) + ", expected a callable");
  }
  auto sink = std::make_shared<LogSink>(py::reinterpret_borrow<py::object>(value));
  options.log = [sink](LogLevel level, std::string_view message) { sink->Log(level, message); };
}

void SetFields(Options& options, py::handle value) {
  if (!PyList_Check(value.ptr()) && !PyTuple_Check(value.ptr())) {
    throw py::type_error("indexed_fields is a " + TypeNameOf(value) + ", expected a list of str");
  }
  for (const py::handle name : value) {
    options.indexed_fields.push_back(TextArgument(name, "a name in indexed_fields"));
  }
}

template <auto Field>
void SetNumber(Options& options, const char* name, py::handle value) {
  options.*Field = UnsignedArgument<std::decay_t<decltype(options.*Field)>>(value, name);
}

template <auto Field>
void SetFlag(Options& options, const char* name, py::handle value) {
  options.*Field = BoolArgument(value, name);
}

template <auto Field>
void SetTime(Options& options, const char* name, py::handle value) {
  using Unit = std::decay_t<decltype(options.*Field)>;
  options.*Field = std::chrono::round<Unit>(SecondsArgument(value, name));
}

struct Keyword {
  const char* name;
  void (*set)(Options&, const char* name, py::handle value);
};

constexpr Keyword kKeywords[] = {
    {"dim", SetNumber<&Options::dimensions>},
    {"metric", [](Options& o, const char*, py::handle v) { o.metric = MetricArgument(v); }},
    {"m", SetNumber<&Options::m>},
    {"seed", SetNumber<&Options::seed>},
    {"indexed_fields", [](Options& o, const char*, py::handle v) { SetFields(o, v); }},
    {"create_if_missing", SetFlag<&Options::create_if_missing>},
    {"error_if_exists", SetFlag<&Options::error_if_exists>},
    {"ef_construction", SetNumber<&Options::ef_construction>},
    {"ef", SetNumber<&Options::ef>},
    {"max_elements", SetNumber<&Options::max_elements>},
    {"keep_pruned", SetFlag<&Options::keep_pruned>},
    {"durability",
     [](Options& o, const char*, py::handle v) { o.durability = DurabilityArgument(v); }},
    {"sync_interval", SetTime<&Options::sync_interval>},
    {"log_segment_bytes", SetNumber<&Options::log_segment_bytes>},
    {"checkpoint_log_bytes", SetNumber<&Options::checkpoint_log_bytes>},
    {"dirty_page_bytes", SetNumber<&Options::dirty_page_bytes>},
    {"checkpoint_interval", SetTime<&Options::checkpoint_interval>},
    {"journal_bytes", SetNumber<&Options::journal_bytes>},
    {"residency",
     [](Options& o, const char*, py::handle v) { o.residency = ResidencyArgument(v); }},
    {"handle_sigbus", SetFlag<&Options::handle_sigbus>},
    {"memory_budget_bytes", SetNumber<&Options::memory_budget_bytes>},
    {"metadata_buffer_bytes", SetNumber<&Options::metadata_buffer_bytes>},
    {"scrub_bytes_per_second", SetNumber<&Options::scrub_bytes_per_second>},
    {"audit_interval", SetTime<&Options::audit_interval>},
    {"background_threads", SetNumber<&Options::background_threads>},
    {"search_threads", SetNumber<&Options::search_threads>},
    {"checkpoint_on_close", SetFlag<&Options::checkpoint_on_close>},
    {"check_permissions", SetFlag<&Options::check_permissions>},
    {"log", [](Options& o, const char*, py::handle v) { SetLog(o, v); }},
};

const Keyword* FindKeyword(std::string_view name) {
  for (const Keyword& keyword : kKeywords) {
    if (name == keyword.name) return &keyword;
  }
  return nullptr;
}

}  // namespace

Options OptionsFrom(const py::dict& keywords) {
  Options options;
  for (const auto& [key, value] : keywords) {
    const std::string name = TextArgument(key, "a keyword");
    const Keyword* keyword = FindKeyword(name);
    if (keyword == nullptr) throw py::type_error("there is no option '" + name + "'");
    if (!value.is_none()) keyword->set(options, keyword->name, value);
  }
  return options;
}

bool InLogCallback() { return t_in_log_callback; }

}  // namespace engram::python
