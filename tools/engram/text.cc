#include "tools/engram/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace engram::tool {
namespace {

std::string Styled(const Context& context, std::string_view text, const char* style) {
  if (!context.out_is_terminal) return std::string(text);
  return std::string("\033[").append(style).append("m").append(text).append("\033[0m");
}

}  // namespace

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::string Fixed(double value, int digits) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return {text.data(), std::min(static_cast<std::size_t>(length), text.size() - 1)};
}

std::string WithSeparators(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

std::string HumanBytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return Fixed(value, unit == 0 || value >= 100 ? 0 : 1) + " " + kUnits[unit];
}

std::string HumanSeconds(double seconds) {
  if (seconds < 0.001) return Fixed(seconds * 1e6, 0) + " us";
  if (seconds < 1) return Fixed(seconds * 1e3, seconds < 0.1 ? 1 : 0) + " ms";
  if (seconds < 120) return Fixed(seconds, seconds < 10 ? 1 : 0) + " s";
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  constexpr std::uint64_t kHour = 3600;
  constexpr std::uint64_t kDay = 24 * kHour;
  if (whole < 2 * kHour) {
    return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  }
  if (whole < 2 * kDay) {
    return std::to_string(whole / kHour) + " h " + std::to_string(whole % kHour / 60) + " min";
  }
  return WithSeparators(whole / kDay) + " d " + std::to_string(whole % kDay / kHour) + " h";
}

std::string Bold(const Context& context, std::string_view text) {
  return Styled(context, text, "1");
}

std::string Dim(const Context& context, std::string_view text) {
  return Styled(context, text, "2");
}

std::string HistogramBar(double fraction, std::size_t width) {
  constexpr std::array<const char*, 8> kParts = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double eighths = std::clamp(fraction, 0.0, 1.0) * static_cast<double>(8 * width);
  const auto whole = static_cast<std::size_t>(std::ceil(eighths));
  std::string bar;
  for (std::size_t i = 0; i < whole / 8; ++i) bar += "█";
  return bar + kParts[whole % 8];
}

std::string AlignRight(std::string_view text, std::size_t width) {
  return std::string(width - std::min(width, text.size()), ' ').append(text);
}

std::string OneLine(std::string_view text) {
  std::string cleaned(text);
  std::replace_if(
      cleaned.begin(), cleaned.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return cleaned;
}

std::string Clip(std::string_view line, std::size_t width) {
  if (line.size() > width) {
    while (width > 0 && (static_cast<unsigned char>(line[width]) & 0xc0) == 0x80) --width;
    line = line.substr(0, width);
  }
  return OneLine(line);
}

void PrintFields(Context& context, const std::vector<std::pair<std::string, std::string>>& fields) {
  std::size_t width = 0;
  for (const auto& [name, value] : fields) width = std::max(width, name.size());
  for (const auto& [name, value] : fields) {
    context.out << "  " << name << std::string(width - name.size() + 2, ' ') << value << "\n";
  }
}

}  // namespace engram::tool
