#include "tools/engram/npy.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

namespace engram::tool {
namespace {

std::string_view TrimFront(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\n");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

// What follows "'key':" in the dictionary.
std::optional<std::string_view> ValueOf(std::string_view text, const std::string& key) {
  std::size_t at = text.find("'" + key + "'");
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = TrimFront(text.substr(at + key.size() + 2));
  if (rest.empty() || rest.front() != ':') return std::nullopt;
  return TrimFront(rest.substr(1));
}

Result<ElementType> ParseType(std::string_view value) {
  const std::size_t end = value.size() < 2 || value.front() != '\'' ? 0 : value.find('\'', 1);
  if (end == 0 || end == std::string_view::npos) {
    return Status::NotSupported("the elements are not plain numbers");
  }
  const std::string_view descr = value.substr(1, end - 1);
  if (descr == "<f4") return ElementType::kFloat32;
  if (descr == "<f2") return ElementType::kFloat16;
  if (descr == "|u1" || descr == "<u1") return ElementType::kUint8;
  if (descr == "|i1" || descr == "<i1") return ElementType::kInt8;
  return Status::NotSupported("elements are of type '" + std::string(descr) +
                              "', expected little-endian f4, f2, u1 or i1");
}

std::optional<std::vector<std::uint64_t>> ParseShape(std::string_view value) {
  if (value.empty() || value.front() != '(') return std::nullopt;
  value.remove_prefix(1);
  std::vector<std::uint64_t> shape;
  while (true) {
    value = TrimFront(value);
    if (value.empty()) return std::nullopt;
    if (value.front() == ')') return shape;
    std::uint64_t extent = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), extent);
    if (error != std::errc()) return std::nullopt;
    shape.push_back(extent);
    value = TrimFront(value.substr(static_cast<std::size_t>(end - value.data())));
    if (!value.empty() && value.front() == ',') value.remove_prefix(1);
  }
}

}  // namespace

std::size_t ElementBytes(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return 4;
    case ElementType::kFloat16:
      return 2;
    case ElementType::kUint8:
    case ElementType::kInt8:
      return 1;
  }
  return 0;
}

Result<NpyHeader> ParseNpyDictionary(std::string_view text) {
  const auto descr = ValueOf(text, "descr");
  const auto order = ValueOf(text, "fortran_order");
  const auto extents = ValueOf(text, "shape");
  if (!descr || !order || !extents) {
    return Status::InvalidArgument("the .npy header lacks descr, fortran_order or shape");
  }
  const Result<ElementType> type = ParseType(*descr);
  if (!type.ok()) return type.status();
  if (order->starts_with("True")) {
    return Status::NotSupported("the array is in Fortran order, expected C order");
  }
  if (!order->starts_with("False")) {
    return Status::InvalidArgument("fortran_order is neither True nor False");
  }
  const auto shape = ParseShape(*extents);
  if (!shape) return Status::InvalidArgument("the .npy header has no readable shape");
  if (shape->empty() || shape->size() > 2) {
    return Status::NotSupported("the array has " + std::to_string(shape->size()) +
                                " axes, expected 2 (rows, components) or 1");
  }
  NpyHeader header;
  header.type = *type;
  header.rows = shape->size() == 2 ? shape->front() : 1;
  header.columns = shape->back();
  return header;
}

float HalfToFloat(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = half >> 10 & 31u;
  const std::uint32_t fraction = half & 1023u;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

}  // namespace engram::tool
