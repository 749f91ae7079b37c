#include "tools/engram/json_values.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace engram::tool {
namespace {

constexpr int kMaxDepth = 32;  // as the library's
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string EncodeBase64(const Bytes& bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < have ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text.push_back(j <= have ? kBase64[group >> (18 - 6 * j) & 63] : '=');
    }
  }
  return text;
}

std::optional<Bytes> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  Bytes bytes;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::size_t have = 4;
    if (i + 4 == text.size()) {
      while (have > 2 && text[i + have - 1] == '=') --have;
    }
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const std::size_t digit = j < have ? kBase64.find(text[i + j]) : 0;
      if (digit == std::string_view::npos) return std::nullopt;
      group = group << 6 | static_cast<std::uint32_t>(digit);
    }
    for (std::size_t j = 0; j + 1 < have; ++j) {
      bytes.push_back(static_cast<std::byte>(group >> (16 - 8 * j) & 255));
    }
  }
  return bytes;
}

Result<Value> ValueFromJson(const InputJson& json, int depth);

Result<Value> FieldsFromJson(const InputJson& json, int depth) {
  Metadata fields;
  for (const auto& [name, member] : json.items()) {
    Result<Value> value = ValueFromJson(member, depth + 1);
    if (!value.ok()) return value.status();
    fields.insert_or_assign(name, std::move(value).value());
  }
  return Value(std::move(fields));
}

Result<Value> ObjectFromJson(const InputJson& json, int depth) {
  if (json.size() == 1 && json.begin().key() == "$time") {
    const Result<Timestamp> time = TimeFromJson(json.begin().value());
    if (!time.ok()) return time.status();
    return Value(*time);
  }
  if (json.size() == 1 && json.begin().key() == "$bytes") {
    const InputJson& text = json.begin().value();
    std::optional<Bytes> bytes;
    if (text.is_string()) bytes = DecodeBase64(text.get_ref<const std::string&>());
    if (!bytes) return Status::InvalidArgument("the value of \"$bytes\" is not base64");
    return Value(std::move(*bytes));
  }
  return FieldsFromJson(json, depth);
}

Result<Value> ValueFromJson(const InputJson& json, int depth) {
  if (depth > kMaxDepth) {
    return Status::InvalidArgument("metadata is nested deeper than " + std::to_string(kMaxDepth) +
                                   " levels");
  }
  switch (json.type()) {
    case InputJson::value_t::null:
      return Value();
    case InputJson::value_t::boolean:
      return Value(json.get<bool>());
    case InputJson::value_t::string:
      return Value(json.get<std::string>());
    case InputJson::value_t::number_integer:
      return Value(json.get<std::int64_t>());
    case InputJson::value_t::number_unsigned:
      if (json.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
        return Status::InvalidArgument("metadata has an integer beyond 64 bits with sign");
      }
      return Value(json.get<std::int64_t>());
    case InputJson::value_t::number_float:
      return Value(json.get<double>());
    case InputJson::value_t::array: {
      ValueList list;
      for (const InputJson& element : json) {
        Result<Value> value = ValueFromJson(element, depth + 1);
        if (!value.ok()) return value.status();
        list.push_back(std::move(value).value());
      }
      return Value(std::move(list));
    }
    case InputJson::value_t::object:
      return ObjectFromJson(json, depth);
    default:
      return Status::InvalidArgument("metadata has a value that JSON has not");
  }
}

struct ToJson {
  Json operator()(std::monostate) const { return nullptr; }
  Json operator()(bool value) const { return value; }
  Json operator()(std::int64_t value) const { return value; }
  Json operator()(double value) const { return value; }
  Json operator()(const std::string& value) const { return value; }
  Json operator()(const Bytes& value) const { return {{"$bytes", EncodeBase64(value)}}; }
  Json operator()(Timestamp value) const { return {{"$time", FormatTime(value)}}; }
  Json operator()(const ValueList& list) const {
    Json json = Json::array();
    for (const Value& value : list) json.push_back(std::visit(*this, value.storage()));
    return json;
  }
  Json operator()(const Metadata& metadata) const { return MetadataToJson(metadata); }
};

}  // namespace

Result<Timestamp> TimeFromJson(const InputJson& json) {
  if (json.is_string()) return ParseTime(json.get_ref<const std::string&>());
  constexpr std::int64_t kLimitMs = std::numeric_limits<std::int64_t>::max() / 1000;
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > std::uint64_t{kLimitMs}) {
    return Status::InvalidArgument("a time in milliseconds is out of range");
  }
  if (!json.is_number_integer()) {
    return Status::InvalidArgument("a time is neither RFC 3339 text nor a whole number of ms");
  }
  const auto ms = json.get<std::int64_t>();
  if (ms < -kLimitMs || ms > kLimitMs)
    return Status::InvalidArgument("a time in milliseconds is out of range");
  return Timestamp(std::chrono::milliseconds(ms));
}

Result<std::chrono::microseconds> SpanFromJson(const InputJson& json) {
  if (json.is_string()) return ParseAge(json.get_ref<const std::string&>());
  constexpr std::uint64_t kLimitMs = std::numeric_limits<std::int64_t>::max() / 1000;
  if (!json.is_number_unsigned() || json.get<std::uint64_t>() > kLimitMs) {
    return Status::InvalidArgument("a span of time is neither a text as in " +
                                   std::string(kAgeForms) + " nor a whole number of ms");
  }
  return std::chrono::microseconds(std::chrono::milliseconds(json.get<std::int64_t>()));
}

Result<Metadata> MetadataFromJson(const InputJson& json) {
  if (!json.is_object()) return Status::InvalidArgument("metadata is not a JSON object");
  const Result<Value> fields = FieldsFromJson(json, 1);
  if (!fields.ok()) return fields.status();
  return *fields->As<Metadata>();
}

Json MetadataToJson(const Metadata& metadata) {
  Json json = Json::object();
  for (const auto& [name, value] : metadata) json[name] = std::visit(ToJson{}, value.storage());
  return json;
}

Result<std::vector<float>> VectorFromJson(const InputJson& json) {
  if (!json.is_array()) return Status::InvalidArgument("a vector is not a JSON array");
  std::vector<float> vector;
  vector.reserve(json.size());
  for (const InputJson& element : json) {
    if (!element.is_number()) {
      return Status::InvalidArgument("component " + std::to_string(vector.size()) +
                                     " of a vector is not a number");
    }
    const auto value = element.get<double>();
    if (!(std::abs(value) <= double{std::numeric_limits<float>::max()})) {
      return Status::InvalidVector("component " + std::to_string(vector.size()) +
                                   " of a vector is beyond the range of a 32-bit float");
    }
    vector.push_back(static_cast<float>(value));
  }
  return vector;
}

Json FloatToJson(float value) {
  // Through the shortest text of the float: as a double 0.1f would print as 0.10000000149011612.
  std::array<char, 32> text{};
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
  double wide = value;
  std::from_chars(text.data(), written.ptr, wide);
  return wide;
}

Json VectorToJson(VectorView vector) {
  Json json = Json::array();
  for (const float value : vector) json.push_back(FloatToJson(value));
  return json;
}

Result<InputJson> ParseJson(std::string_view text) {
  try {
    return InputJson::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    return Status::InvalidArgument("no valid JSON at byte " + std::to_string(e.byte));
  } catch (const nlohmann::json::exception&) {
    return Status::InvalidArgument("no valid JSON: a number is out of range");
  }
}

std::string DumpJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace engram::tool
