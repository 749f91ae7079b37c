#include "api/python/open_options.h"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "api/python/arguments.h"
#include "api/python/callbacks.h"
#include "api/python/errors.h"

namespace engram::python {
namespace {

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

void SetAges(Options& options, py::handle value) {
  if (!PyDict_Check(value.ptr())) {
    throw py::type_error("max_age_by_type is a " + TypeNameOf(value) +
                         ", expected a dict of types and seconds");
  }
  // A copy: converting a key or a value may run code that changes the dict.
  const auto ages = py::reinterpret_steal<py::dict>(PyDict_Copy(value.ptr()));
  if (!ages) throw py::error_already_set();
  for (const auto& [key, age] : ages) {
    const auto type = UnsignedArgument<TypeTag>(key, "a type in max_age_by_type");
    const std::string name = "max_age_by_type[" + std::to_string(type) + "]";
    options.max_age_by_type[type] = SecondsArgument(age, name.c_str());
  }
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
    {"history", SetTime<&Options::history>},
    {"keep_history", SetFlag<&Options::keep_history>},
    {"max_snapshot_age", SetTime<&Options::max_snapshot_age>},
    {"max_named_snapshots", SetNumber<&Options::max_named_snapshots>},
    {"max_age", SetTime<&Options::max_age>},
    {"max_age_by_type", [](Options& o, const char*, py::handle v) { SetAges(o, v); }},
    {"sweep_interval", SetTime<&Options::sweep_interval>},
    {"clock", [](Options& o, const char*, py::handle v) { o.clock = ClockFrom(v); }},
    {"log", [](Options& o, const char*, py::handle v) { o.log = LogFrom(v); }},
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

}  // namespace engram::python
