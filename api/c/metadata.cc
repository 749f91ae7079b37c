// Metadata and values. Kinds are the alternatives of Value::Storage.
#include <cstdint>
#include <string>
#include <variant>

#include "api/c/handles.h"

namespace engram::c {
namespace {

template <int kKind, typename T>
constexpr bool kHolds =
    std::is_same_v<std::variant_alternative_t<static_cast<std::size_t>(kKind), Value::Storage>, T>;

static_assert(kHolds<ENGRAM_KIND_NULL, std::monostate> && kHolds<ENGRAM_KIND_BOOL, bool>);
static_assert(kHolds<ENGRAM_KIND_INT64, std::int64_t> && kHolds<ENGRAM_KIND_DOUBLE, double>);
static_assert(kHolds<ENGRAM_KIND_STRING, std::string> && kHolds<ENGRAM_KIND_BYTES, Bytes>);
static_assert(kHolds<ENGRAM_KIND_TIME, Timestamp> && kHolds<ENGRAM_KIND_LIST, ValueList>);
static_assert(kHolds<ENGRAM_KIND_MAP, Metadata>);
static_assert(std::variant_size_v<Value::Storage> == ENGRAM_KIND_MAP + 1);

// A view of text that ends with a zero; of nothing for NULL.
std::optional<std::string_view> TextOf(const char* text) {
  if (text == nullptr) return std::nullopt;
  return std::string_view(text);
}

std::optional<std::string_view> TextOf(const char* text, std::size_t bytes) {
  if (bytes == 0) return std::string_view();
  if (text == nullptr) return std::nullopt;
  return std::string_view(text, bytes);
}

engram_code SetField(engram_metadata* metadata, std::optional<std::string_view> name, Value value) {
  if (metadata == nullptr || !name.has_value()) return ENGRAM_INVALID_ARGUMENT;
  Unwrap(metadata)->insert_or_assign(std::string(*name), std::move(value));
  return ENGRAM_OK;
}

engram_code TakeField(engram_metadata* metadata, std::optional<std::string_view> name,
                      engram_value* value) {
  if (value == nullptr) return ENGRAM_INVALID_ARGUMENT;
  const std::unique_ptr<Value> taken(Unwrap(value));
  return SetField(metadata, name, std::move(*taken));
}

const engram_value* FindField(const engram_metadata* metadata,
                              std::optional<std::string_view> name) {
  if (metadata == nullptr || !name.has_value()) return nullptr;
  const auto found = Unwrap(metadata)->find(*name);
  return found == Unwrap(metadata)->end() ? nullptr : Wrap(&found->second);
}

template <typename T>
const T* Alternative(const engram_value* value) {
  return value == nullptr ? nullptr : Unwrap(value)->As<T>();
}

template <typename T>
bool CopyOut(const T* from, T* to) {
  if (from == nullptr || to == nullptr) return false;
  *to = *from;
  return true;
}

void SetLength(std::size_t* bytes, std::size_t length) {
  if (bytes != nullptr) *bytes = length;
}

}  // namespace
}  // namespace engram::c

// What is defined below is global, as in C.
using namespace engram;     // NOLINT
using namespace engram::c;  // NOLINT

engram_metadata* engram_metadata_create(void) noexcept { return Own(Metadata()); }

engram_metadata* engram_metadata_copy(const engram_metadata* metadata) noexcept {
  return metadata == nullptr ? nullptr : Own(Metadata(*Unwrap(metadata)));
}

void engram_metadata_free(engram_metadata* metadata) noexcept { Free(metadata); }

engram_code engram_metadata_set(engram_metadata* metadata, const char* name,
                                engram_value* value) noexcept {
  return TakeField(metadata, TextOf(name), value);
}

engram_code engram_metadata_set_n(engram_metadata* metadata, const char* name, size_t name_bytes,
                                  engram_value* value) noexcept {
  return TakeField(metadata, TextOf(name, name_bytes), value);
}

engram_code engram_metadata_set_bool(engram_metadata* metadata, const char* name,
                                     bool value) noexcept {
  return SetField(metadata, TextOf(name), Value(value));
}

engram_code engram_metadata_set_int64(engram_metadata* metadata, const char* name,
                                      int64_t value) noexcept {
  return SetField(metadata, TextOf(name), Value(value));
}

engram_code engram_metadata_set_double(engram_metadata* metadata, const char* name,
                                       double value) noexcept {
  return SetField(metadata, TextOf(name), Value(value));
}

engram_code engram_metadata_set_string(engram_metadata* metadata, const char* name,
                                       const char* text) noexcept {
  if (text == nullptr) return ENGRAM_INVALID_ARGUMENT;
  return SetField(metadata, TextOf(name), Value(text));
}

engram_code engram_metadata_set_time_us(engram_metadata* metadata, const char* name,
                                        int64_t time_us) noexcept {
  return SetField(metadata, TextOf(name), Value(TimeOf(time_us)));
}

engram_code engram_metadata_remove(engram_metadata* metadata, const char* name) noexcept {
  if (metadata == nullptr || name == nullptr) return ENGRAM_INVALID_ARGUMENT;
  return Unwrap(metadata)->erase(name) > 0 ? ENGRAM_OK : ENGRAM_NOT_FOUND;
}

size_t engram_metadata_size(const engram_metadata* metadata) noexcept {
  return metadata == nullptr ? 0 : Unwrap(metadata)->size();
}

const engram_value* engram_metadata_find(const engram_metadata* metadata,
                                         const char* name) noexcept {
  return FindField(metadata, TextOf(name));
}

const engram_value* engram_metadata_find_n(const engram_metadata* metadata, const char* name,
                                           size_t name_bytes) noexcept {
  return FindField(metadata, TextOf(name, name_bytes));
}

bool engram_metadata_next(const engram_metadata* metadata, const char** name, size_t* name_bytes,
                          const engram_value** value) noexcept {
  if (metadata == nullptr || name == nullptr || name_bytes == nullptr || value == nullptr) {
    return false;
  }
  const Metadata& fields = *Unwrap(metadata);
  const auto next =
      *name == nullptr ? fields.begin() : fields.upper_bound(std::string_view(*name, *name_bytes));
  if (next == fields.end()) return false;
  *name = next->first.c_str();
  *name_bytes = next->first.size();
  *value = Wrap(&next->second);
  return true;
}

bool engram_metadata_equal(const engram_metadata* a, const engram_metadata* b) noexcept {
  if (a == nullptr || b == nullptr) return a == b;
  return *Unwrap(a) == *Unwrap(b);
}

engram_value* engram_value_create_null(void) noexcept { return Own(Value()); }

engram_value* engram_value_create_bool(bool value) noexcept { return Own(Value(value)); }

engram_value* engram_value_create_int64(int64_t value) noexcept { return Own(Value(value)); }

engram_value* engram_value_create_double(double value) noexcept { return Own(Value(value)); }

engram_value* engram_value_create_string(const char* text) noexcept {
  return text == nullptr ? nullptr : Own(Value(text));
}

engram_value* engram_value_create_string_n(const char* text, size_t bytes) noexcept {
  const std::optional<std::string_view> view = TextOf(text, bytes);
  return view.has_value() ? Own(Value(*view)) : nullptr;
}

engram_value* engram_value_create_bytes(const void* data, size_t bytes) noexcept {
  if (data == nullptr && bytes > 0) return nullptr;
  const auto* first = static_cast<const std::byte*>(data);
  return Own(Value(bytes == 0 ? Bytes() : Bytes(first, first + bytes)));
}

engram_value* engram_value_create_time_us(int64_t time_us) noexcept {
  return Own(Value(TimeOf(time_us)));
}

engram_value* engram_value_create_list(void) noexcept { return Own(Value(ValueList())); }

engram_value* engram_value_create_map(engram_metadata* fields) noexcept {
  if (fields == nullptr) return nullptr;
  const std::unique_ptr<Metadata> taken(Unwrap(fields));
  return Own(Value(std::move(*taken)));
}

engram_value* engram_value_copy(const engram_value* value) noexcept {
  return value == nullptr ? nullptr : Own(Value(*Unwrap(value)));
}

void engram_value_free(engram_value* value) noexcept { Free(value); }

engram_code engram_value_append(engram_value* list, engram_value* item) noexcept {
  if (item == nullptr || item == list) return ENGRAM_INVALID_ARGUMENT;
  const std::unique_ptr<Value> taken(Unwrap(item));
  ValueList* items = list == nullptr ? nullptr : Unwrap(list)->As<ValueList>();
  if (items == nullptr) return ENGRAM_INVALID_ARGUMENT;
  items->push_back(std::move(*taken));
  return ENGRAM_OK;
}

engram_kind engram_value_kind(const engram_value* value) noexcept {
  if (value == nullptr) return ENGRAM_KIND_NULL;
  return static_cast<engram_kind>(Unwrap(value)->storage().index());
}

bool engram_value_get_bool(const engram_value* value, bool* out) noexcept {
  return CopyOut(Alternative<bool>(value), out);
}

bool engram_value_get_int64(const engram_value* value, int64_t* out) noexcept {
  return CopyOut(Alternative<std::int64_t>(value), out);
}

bool engram_value_get_double(const engram_value* value, double* out) noexcept {
  return CopyOut(Alternative<double>(value), out);
}

bool engram_value_get_time_us(const engram_value* value, int64_t* out) noexcept {
  const auto* time = Alternative<Timestamp>(value);
  if (time == nullptr || out == nullptr) return false;
  *out = MicrosOf(*time);
  return true;
}

const char* engram_value_get_string(const engram_value* value, size_t* bytes) noexcept {
  const auto* text = Alternative<std::string>(value);
  SetLength(bytes, text == nullptr ? 0 : text->size());
  return text == nullptr ? nullptr : text->c_str();
}

const void* engram_value_get_bytes(const engram_value* value, size_t* bytes) noexcept {
  const auto* data = Alternative<Bytes>(value);
  SetLength(bytes, data == nullptr ? 0 : data->size());
  // No bytes have no address of their own, and NULL means that the value is of another kind.
  if (data != nullptr && data->empty()) return "";
  return data == nullptr ? nullptr : data->data();
}

size_t engram_value_list_size(const engram_value* value) noexcept {
  const auto* items = Alternative<ValueList>(value);
  return items == nullptr ? 0 : items->size();
}

const engram_value* engram_value_list_at(const engram_value* value, size_t position) noexcept {
  const auto* items = Alternative<ValueList>(value);
  return items == nullptr || position >= items->size() ? nullptr : Wrap(&(*items)[position]);
}

const engram_metadata* engram_value_get_map(const engram_value* value) noexcept {
  const auto* fields = Alternative<Metadata>(value);
  return fields == nullptr ? nullptr : Wrap(fields);
}

bool engram_value_equal(const engram_value* a, const engram_value* b) noexcept {
  if (a == nullptr || b == nullptr) return a == b;
  return *Unwrap(a) == *Unwrap(b);
}
