// What stands behind the handles of <engram/c.h>, and how failures leave.
// Threads: as the C calls.
#ifndef ENGRAM_API_C_HANDLES_H_
#define ENGRAM_API_C_HANDLES_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <engram/c.h>
#include <engram/feature_encoder.h>
#include <engram/store.h>

namespace engram::c {

struct Error {
  Code code;
  std::string message;
};

// A setter returns nothing: the first refusal is kept until a call that can tell it.
struct OpenOptions {
  Options options;
  Status refused;
};

struct FindOptions {
  SearchOptions options;
  std::optional<std::chrono::microseconds> timeout;
  Status refused;
};

struct BatchOutcome {
  BatchResult result;
  std::vector<Error> errors;  // of result.failures, one each
};

struct SearchBatchOutcome {
  std::vector<Result<SearchResult>> results;
  std::vector<std::optional<Error>> errors;  // by position
};

struct ReportOutcome {
  GraphReport report;
  engram_graph_summary summary = {};
  std::vector<engram_level_report> levels;
  std::vector<engram_hub_report> hubs;
  engram_space_report space = {};
};

// The C types are never defined: a handle is the address of the C++ object, and only these name
// both.
#define ENGRAM_C_HANDLE(handle, Object)                                                       \
  inline Object* Unwrap(handle* h) { return reinterpret_cast<Object*>(h); }                   \
  inline const Object* Unwrap(const handle* h) { return reinterpret_cast<const Object*>(h); } \
  inline handle* Wrap(Object* object) { return reinterpret_cast<handle*>(object); }           \
  inline const handle* Wrap(const Object* object) {                                           \
    return reinterpret_cast<const handle*>(object);                                           \
  }
ENGRAM_C_HANDLE(engram_error, Error)
ENGRAM_C_HANDLE(engram_options, OpenOptions)
ENGRAM_C_HANDLE(engram_store, Store)
ENGRAM_C_HANDLE(engram_snapshot, Snapshot)
ENGRAM_C_HANDLE(engram_named_snapshot, NamedSnapshot)
ENGRAM_C_HANDLE(engram_named_snapshot_list, std::vector<NamedSnapshot>)
ENGRAM_C_HANDLE(engram_value, Value)
ENGRAM_C_HANDLE(engram_metadata, Metadata)
ENGRAM_C_HANDLE(engram_pattern, Pattern)
ENGRAM_C_HANDLE(engram_write_batch, WriteBatch)
ENGRAM_C_HANDLE(engram_commit_result, CommitResult)
ENGRAM_C_HANDLE(engram_batch_result, BatchOutcome)
ENGRAM_C_HANDLE(engram_search_options, FindOptions)
ENGRAM_C_HANDLE(engram_search_result, SearchResult)
ENGRAM_C_HANDLE(engram_search_batch, SearchBatchOutcome)
ENGRAM_C_HANDLE(engram_graph_report, ReportOutcome)
ENGRAM_C_HANDLE(engram_feature_encoder, FeatureEncoder)
#undef ENGRAM_C_HANDLE

// A new handle, the caller's, of `object`.
template <typename Object>
auto* Own(Object object) {
  return Wrap(std::make_unique<Object>(std::move(object)).release());
}

// Takes back what Own() gave; NULL is nothing.
template <typename Handle>
void Free(Handle* handle) {
  const std::unique_ptr<std::remove_pointer_t<decltype(Unwrap(handle))>> owner(Unwrap(handle));
}

// The value into a new handle at `*out`, or why there is none.
template <typename Object, typename Handle>
Status Give(Result<Object> result, Handle** out) {
  if (!result.ok()) return result.status();
  *out = Own(std::move(result).value());
  return Status::Ok();
}

inline Error ErrorOf(const Status& status) {
  return {status.code(), std::string(status.message())};
}

// The last step of every call that may fail.
inline engram_code Report(const Status& status, engram_error** error) {
  if (error != nullptr) *error = status.ok() ? nullptr : Own(ErrorOf(status));
  return static_cast<engram_code>(status.code());
}

struct Argument {
  const char* name;
  const void* pointer;
};

// Errors: kInvalidArgument, naming the first that is NULL.
inline Status RequireAll(std::initializer_list<Argument> arguments) {
  for (const Argument& argument : arguments) {
    if (argument.pointer == nullptr) {
      return Status::InvalidArgument(std::string(argument.name) + " is NULL");
    }
  }
  return Status::Ok();
}

// Before the first step of a call with an `out` handle.
template <typename Handle>
void Clear(Handle** out) {
  if (out != nullptr) *out = nullptr;
}

// As much of `from` as a caller with its own idea of its size has room for; zero beyond it.
template <typename T>
void CopySized(const T& from, T* to, std::size_t bytes) {
  const std::size_t known = std::min(bytes, sizeof(T));
  std::memcpy(to, &from, known);
  std::memset(reinterpret_cast<std::byte*>(to) + known, 0, bytes - known);
}

// The data and, where `size` is not NULL, how much of it.
template <typename T>
const T* Items(const std::vector<T>& items, std::size_t* size) {
  if (size != nullptr) *size = items.size();
  return items.empty() ? nullptr : items.data();
}

template <typename T>
const T* NoItems(std::size_t* size) {
  return Items(std::vector<T>(), size);
}

// Errors: kInvalidArgument where a field that later versions may give a meaning is set.
template <typename Struct>
Status CheckReserved(const Struct& from) {
  const auto is_zero = [](auto field) { return field == 0; };
  if (std::all_of(std::begin(from.reserved), std::end(from.reserved), is_zero)) {
    return Status::Ok();
  }
  return Status::InvalidArgument("a reserved field is not zero: begin with {0}");
}

// What a write asks. Errors: kInvalidArgument for a durability that is none.
inline Result<WriteOptions> WriteOptionsOf(engram_durability durability) {
  if (durability == ENGRAM_DURABILITY_DEFAULT) return WriteOptions();
  if (durability >= ENGRAM_DURABILITY_SYNC && durability <= ENGRAM_DURABILITY_NONE) {
    return WriteOptions::With(static_cast<Durability>(durability));
  }
  return Status::InvalidArgument("durability is " + std::to_string(durability) + ", which is none");
}

// Errors: kInvalidArgument for bits that mean nothing.
inline Status CheckInclude(engram_include include) {
  if ((include & ~static_cast<engram_include>(ENGRAM_INCLUDE_ALL)) == 0) return Status::Ok();
  return Status::InvalidArgument("include is " + std::to_string(include) +
                                 ", allowed are the bits 1 (vector) and 2 (metadata)");
}

inline Timestamp TimeOf(std::int64_t us) { return Timestamp(std::chrono::microseconds(us)); }
inline std::int64_t MicrosOf(Timestamp time) { return time.time_since_epoch().count(); }

inline std::optional<Timestamp> TimeIf(bool given, std::int64_t us) {
  return given ? std::optional(TimeOf(us)) : std::nullopt;
}

}  // namespace engram::c

#endif  // ENGRAM_API_C_HANDLES_H_
