#include "storage/meta_codec.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <variant>

#include <flatbuffers/flatbuffers.h>

#include "storage/base/clock.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/schema/metadata_generated.h"

namespace engram {
namespace {

namespace schema = metadata_schema;
using ByteVector = flatbuffers::Vector<std::uint8_t>;
using ValueOffset = flatbuffers::Offset<schema::Value>;

// The least a value takes: its place in a vector and the link from its table to the vtable.
constexpr std::size_t kLeastValueBytes = 8;

const std::uint8_t* AsUnsigned(const void* bytes) {
  return static_cast<const std::uint8_t*>(bytes);
}

std::string_view AsText(const ByteVector& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Checks depth and a lower bound of the size before anything is built: the builder takes 2 GiB at
// most and ends the process beyond.
class LimitChecker {
 public:
  Status CheckMap(const Metadata& map, int depth) {
    ENGRAM_RETURN_IF_ERROR(CheckDepth(depth));
    for (const auto& [name, value] : map) {
      ENGRAM_RETURN_IF_ERROR(Add(name.size()));
      ENGRAM_RETURN_IF_ERROR(CheckValue(value, depth));
    }
    return Status::Ok();
  }

 private:
  Status CheckValue(const Value& value, int depth) {
    ENGRAM_RETURN_IF_ERROR(Add(kLeastValueBytes));
    if (const auto* text = value.As<std::string>()) return Add(text->size());
    if (const auto* bytes = value.As<Bytes>()) return Add(bytes->size());
    if (const auto* map = value.As<Metadata>()) return CheckMap(*map, depth + 1);
    if (const auto* list = value.As<ValueList>()) {
      ENGRAM_RETURN_IF_ERROR(CheckDepth(depth + 1));
      for (const Value& item : *list) ENGRAM_RETURN_IF_ERROR(CheckValue(item, depth + 1));
    }
    return Status::Ok();
  }

  static Status CheckDepth(int depth) {
    if (depth <= kMaxMetadataDepth) return Status::Ok();
    return Status::InvalidArgument("metadata is nested deeper than " +
                                   std::to_string(kMaxMetadataDepth) + " levels");
  }

  Status Add(std::size_t size) {
    // `size` alone may be near the limit of its type, `size_` never exceeds the limit by then.
    if (size <= kMaxMetadataBytes && (size_ += size) <= kMaxMetadataBytes) return Status::Ok();
    return Status::InvalidArgument("metadata takes more than the limit of " +
                                   std::to_string(kMaxMetadataBytes) + " bytes encoded");
  }

  std::size_t size_ = 0;
};

class Encoder {
 public:
  Result<std::vector<std::byte>> Encode(const Metadata& metadata) {
    builder_.Finish(EncodeMap(metadata, 0));
    const auto bytes = std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()));
    if (bytes.size() > kMaxMetadataBytes) {
      return Status::InvalidArgument("metadata takes " + std::to_string(bytes.size()) +
                                     " bytes encoded, the limit is " +
                                     std::to_string(kMaxMetadataBytes));
    }
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }

 private:
  using Name = flatbuffers::Offset<ByteVector>;

  ValueOffset EncodeMap(const Metadata& map, Name name) {
    std::vector<ValueOffset> items;
    items.reserve(map.size());
    for (const auto& [key, value] : map) {
      const Name item = builder_.CreateVector(AsUnsigned(key.data()), key.size());
      items.push_back(EncodeValue(value, item));
    }
    return Finish(schema::Kind::Map, 0, 0, builder_.CreateVector(items), name);
  }

  ValueOffset EncodeList(const ValueList& list, Name name) {
    std::vector<ValueOffset> items;
    items.reserve(list.size());
    for (const Value& item : list) items.push_back(EncodeValue(item, 0));
    return Finish(schema::Kind::List, 0, 0, builder_.CreateVector(items), name);
  }

  ValueOffset EncodeNumber(schema::Kind kind, std::uint64_t number, Name name) {
    return Finish(kind, number, 0, 0, name);
  }

  ValueOffset EncodeData(schema::Kind kind, const void* data, std::size_t size, Name name) {
    return Finish(kind, 0, builder_.CreateVector(AsUnsigned(data), size), 0, name);
  }

  ValueOffset EncodeValue(const Value& value, Name name) {
    if (const auto* v = value.As<bool>()) return EncodeNumber(schema::Kind::Bool, *v ? 1 : 0, name);
    if (const auto* v = value.As<std::int64_t>()) {
      return EncodeNumber(schema::Kind::Int, static_cast<std::uint64_t>(*v), name);
    }
    if (const auto* v = value.As<double>()) {
      return EncodeNumber(schema::Kind::Double, std::bit_cast<std::uint64_t>(*v), name);
    }
    if (const auto* v = value.As<Timestamp>()) {
      const std::int64_t microseconds = UnixMicros(*v);
      return EncodeNumber(schema::Kind::Time, static_cast<std::uint64_t>(microseconds), name);
    }
    if (const auto* v = value.As<std::string>()) {
      return EncodeData(schema::Kind::String, v->data(), v->size(), name);
    }
    if (const auto* v = value.As<Bytes>()) {
      return EncodeData(schema::Kind::Bytes, v->data(), v->size(), name);
    }
    if (const auto* v = value.As<ValueList>()) return EncodeList(*v, name);
    if (const auto* v = value.As<Metadata>()) return EncodeMap(*v, name);
    return EncodeNumber(schema::Kind::Null, 0, name);
  }

  ValueOffset Finish(schema::Kind kind, std::uint64_t number, Name data,
                     flatbuffers::Offset<flatbuffers::Vector<ValueOffset>> items, Name name) {
    return schema::CreateValue(builder_, kind, number, data, items, name);
  }

  flatbuffers::FlatBufferBuilder builder_{256};
};

Status Corrupted(const std::string& what) { return Status::CorruptedIndex("metadata: " + what); }

// A verified buffer. The verifier bounds every offset, and how many tables it visits over all
// paths, since several paths may lead to one table. It does not bound how often one vector of bytes
// is named: Charge() does.
class Decoder {
 public:
  // Pre: `bytes` is not empty and lives as long as this object.
  static Result<Decoder> Open(std::span<const std::byte> bytes) {
    if (bytes.size() > kMaxMetadataBytes) {
      return Corrupted("it takes " + std::to_string(bytes.size()) + " bytes, the limit is " +
                       std::to_string(kMaxMetadataBytes));
    }
    Decoder decoder(bytes);
    const auto base = decoder.bytes();
    // An item at the deepest level is one table deeper. No honest buffer has more values than room
    // for them.
    flatbuffers::Verifier verifier(
        AsUnsigned(base.data()), base.size(),
        /*max_depth=*/kMaxMetadataDepth + 2,
        static_cast<flatbuffers::uoffset_t>(base.size() / kLeastValueBytes + 1));
    if (!schema::VerifyValueBuffer(verifier)) {
      return Corrupted("the FlatBuffer of " + std::to_string(base.size()) + " bytes is damaged");
    }
    if (decoder.root().kind() != schema::Kind::Map) return Corrupted("the root is not a map");
    return decoder;
  }

  const schema::Value& root() const { return *schema::GetValue(bytes().data()); }

  Result<Metadata> DecodeMap(const schema::Value& map, int depth) {
    if (depth > kMaxMetadataDepth) return Corrupted("nested too deep");
    Metadata decoded;
    if (map.items() == nullptr) return decoded;
    std::optional<std::string_view> last;
    for (const schema::Value* item : *map.items()) {
      ENGRAM_ASSIGN_OR_RETURN(const std::string_view name, NextName(*item, last));
      ENGRAM_ASSIGN_OR_RETURN(Value value, DecodeValue(*item, depth));
      decoded.emplace_hint(decoded.end(), name, std::move(value));
    }
    return decoded;
  }

  Result<Value> DecodeValue(const schema::Value& value, int depth) {
    switch (value.kind()) {
      case schema::Kind::List:
        return DecodeList(value, depth + 1);
      case schema::Kind::Map: {
        ENGRAM_ASSIGN_OR_RETURN(Metadata map, DecodeMap(value, depth + 1));
        return Value(std::move(map));
      }
      default:
        return DecodeScalar(value);
    }
  }

  Result<Value> DecodeScalar(const schema::Value& value) {
    const std::uint64_t number = value.number();
    switch (value.kind()) {
      case schema::Kind::Null:
        return Value();
      case schema::Kind::Bool:
        if (number > 1) return Corrupted("a bool is neither 0 nor 1");
        return Value(number == 1);
      case schema::Kind::Int:
        return Value(static_cast<std::int64_t>(number));
      case schema::Kind::Double:
        return Value(std::bit_cast<double>(number));
      case schema::Kind::Time:
        return Value(Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(number))));
      case schema::Kind::String: {
        ENGRAM_ASSIGN_OR_RETURN(const std::string_view text, Charge(value.data()));
        return Value(std::string(text));
      }
      case schema::Kind::Bytes: {
        ENGRAM_ASSIGN_OR_RETURN(const std::string_view text, Charge(value.data()));
        const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
        return Value(Bytes(bytes.begin(), bytes.end()));
      }
      case schema::Kind::List:
      case schema::Kind::Map:
        break;
    }
    return Corrupted("a value has the unknown kind " +
                     std::to_string(static_cast<int>(value.kind())));
  }

  // The name of the next item of a map. Errors: kCorruptedIndex, where names do not ascend.
  Result<std::string_view> NextName(const schema::Value& item,
                                    std::optional<std::string_view>& last) {
    ENGRAM_ASSIGN_OR_RETURN(const std::string_view name, Charge(item.name()));
    if (last.has_value() && name <= *last) return Corrupted("the names of a map do not ascend");
    last = name;
    return name;
  }

 private:
  explicit Decoder(std::span<const std::byte> bytes) : borrowed_(bytes), budget_(bytes.size()) {
    // Numbers in the buffer are read in place and are aligned relative to its start.
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(std::uint64_t) != 0) {
      aligned_.assign(bytes.begin(), bytes.end());
    }
  }

  std::span<const std::byte> bytes() const { return aligned_.empty() ? borrowed_ : aligned_; }

  Result<Value> DecodeList(const schema::Value& list, int depth) {
    if (depth > kMaxMetadataDepth) return Corrupted("nested too deep");
    ValueList decoded;
    if (list.items() == nullptr) return Value(std::move(decoded));
    decoded.reserve(list.items()->size());
    for (const schema::Value* item : *list.items()) {
      ENGRAM_ASSIGN_OR_RETURN(Value value, DecodeValue(*item, depth));
      decoded.push_back(std::move(value));
    }
    return Value(std::move(decoded));
  }

  // The text of `field`, taken off what one buffer of this size can hold. Errors: kCorruptedIndex.
  Result<std::string_view> Charge(const ByteVector* field) {
    if (field == nullptr) return std::string_view();
    if (field->size() > budget_) return Corrupted("it claims more bytes than it has");
    budget_ -= field->size();
    return AsText(*field);
  }

  std::span<const std::byte> borrowed_;
  std::vector<std::byte> aligned_;
  std::size_t budget_;
};

}  // namespace

Result<std::vector<std::byte>> EncodeMetadata(const Metadata& metadata) {
  if (metadata.empty()) return std::vector<std::byte>();
  ENGRAM_RETURN_IF_ERROR(LimitChecker().CheckMap(metadata, 1));
  return Encoder().Encode(metadata);
}

Result<Metadata> DecodeMetadata(std::span<const std::byte> bytes) {
  if (bytes.empty()) return Metadata();
  ENGRAM_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Open(bytes));
  return decoder.DecodeMap(decoder.root(), 1);
}

Result<std::vector<std::pair<std::size_t, Value>>> FindScalars(std::span<const std::byte> bytes,
                                                               std::span<const std::string> names) {
  std::vector<std::pair<std::size_t, Value>> found;
  if (bytes.empty() || names.empty()) return found;
  ENGRAM_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Open(bytes));
  const auto* items = decoder.root().items();
  if (items == nullptr) return found;
  std::optional<std::string_view> last;
  for (const schema::Value* item : *items) {
    ENGRAM_ASSIGN_OR_RETURN(const std::string_view name, decoder.NextName(*item, last));
    const auto wanted = std::find(names.begin(), names.end(), name);
    const bool nested = item->kind() == schema::Kind::List || item->kind() == schema::Kind::Map;
    if (wanted == names.end() || nested) continue;
    ENGRAM_ASSIGN_OR_RETURN(Value value, decoder.DecodeScalar(*item));
    found.emplace_back(static_cast<std::size_t>(wanted - names.begin()), std::move(value));
  }
  return found;
}

}  // namespace engram
