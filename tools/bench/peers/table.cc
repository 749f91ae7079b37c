#include "tools/bench/peers/table.h"

#include <algorithm>
#include <cstdio>

namespace engram::bench {
namespace {

// In characters, which are more than one byte long beyond ASCII.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xc0) != 0x80; }));
}

std::string Padding(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, Width(text)), ' ');
}

}  // namespace

std::string Number(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  std::string number = text;
  const std::size_t point = std::min(number.find('.'), number.size());
  const std::size_t first = number.starts_with('-') ? 1 : 0;
  for (std::size_t at = point; at > first + 3;) number.insert(at -= 3, ",");
  return number;
}

std::string Number(const Json& value, int digits) {
  return value.is_null() ? "-" : Number(value.get<double>(), digits);
}

std::string MiB(const Json& bytes) { return Number(bytes.get<double>() / (1 << 20), 1); }

std::string Duration(double seconds) {
  if (seconds < 1e-3) return Number(seconds * 1e6, seconds < 1e-4 ? 1 : 0) + " µs";
  if (seconds < 1) return Number(seconds * 1e3, 1) + " ms";
  return Number(seconds, 2) + " s";
}

void Table::Print(const std::string& title) const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::printf("\n%s\n", title.c_str());
  for (const auto& row : rows_) {
    std::string line = "  " + row[0] + Padding(row[0], widths[0]);
    for (std::size_t i = 1; i < row.size(); ++i) line += "  " + Padding(row[i], widths[i]) + row[i];
    std::printf("%s\n", line.c_str());
  }
}

}  // namespace engram::bench
