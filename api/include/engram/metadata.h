// What a pattern carries beside its vector: names and values, nested as in JSON.
// Threads: as std::map: many readers, or one writer.
#ifndef ENGRAM_METADATA_H_
#define ENGRAM_METADATA_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <engram/export.h>
#include <engram/types.h>

namespace engram {

class Value;
using Bytes = std::vector<std::byte>;  // a value of raw bytes
using ValueList = std::vector<Value>;  // a list; its items may be of different kinds
// Names and values, by name.
using Metadata = std::map<std::string, Value, std::less<>>;

// null, bool, int64, double, string, bytes, time, a list of values, or a map of names to values.
// Nesting deeper than 32 levels, or more than 1 MiB encoded, is refused by writes
// (kInvalidArgument).
class ENGRAM_EXPORT Value {
 public:
  // The kinds of values.
  using Storage = std::variant<std::monostate, bool, std::int64_t, double, std::string, Bytes,
                               Timestamp, ValueList, Metadata>;

  // null.
  Value() = default;
  // The value of that kind:
  Value(bool v) : storage_(v) {}                           // NOLINT: reads well in literals
  Value(int v) : storage_(std::int64_t{v}) {}              // NOLINT
  Value(std::int64_t v) : storage_(v) {}                   // NOLINT
  Value(double v) : storage_(v) {}                         // NOLINT
  Value(const char* v) : storage_(std::string(v)) {}       // NOLINT
  Value(std::string_view v) : storage_(std::string(v)) {}  // NOLINT
  Value(std::string v) : storage_(std::move(v)) {}         // NOLINT
  Value(Bytes v) : storage_(std::move(v)) {}               // NOLINT
  Value(Timestamp v) : storage_(v) {}                      // NOLINT
  Value(ValueList v) : storage_(std::move(v)) {}           // NOLINT
  Value(Metadata v) : storage_(std::move(v)) {}            // NOLINT

  // Whether it is null.
  bool is_null() const { return std::holds_alternative<std::monostate>(storage_); }
  // The value when it is a T, else nullptr. Valid while this object is not changed.
  template <typename T>
  const T* As() const {
    return std::get_if<T>(&storage_);
  }
  // The same, to change it in place.
  template <typename T>
  T* As() {
    return std::get_if<T>(&storage_);
  }
  // For std::visit().
  const Storage& storage() const { return storage_; }

  // Kind and value are the same. Doubles compare as IEEE 754 says: a NaN equals nothing.
  friend bool operator==(const Value&, const Value&);

 private:
  Storage storage_;
};

// Kind and value are the same. Doubles compare as IEEE 754 says: a NaN equals nothing.
ENGRAM_EXPORT bool operator==(const Value& a, const Value& b);

}  // namespace engram

#endif  // ENGRAM_METADATA_H_
