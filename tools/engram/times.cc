#include "tools/engram/times.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>

namespace engram::tool {
namespace {

using std::chrono::microseconds;

// Takes `digits` decimal digits off the front of `text`.
std::optional<int> TakeNumber(std::string_view& text, std::size_t digits) {
  if (text.size() < digits || text.front() == '-') return std::nullopt;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (error != std::errc() || end != text.data() + digits) return std::nullopt;
  text.remove_prefix(digits);
  return number;
}

bool Take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::sys_days> TakeDate(std::string_view& text) {
  const auto year = TakeNumber(text, 4);
  if (!year || !Take(text, "-")) return std::nullopt;
  const auto month = TakeNumber(text, 2);
  if (!month || !Take(text, "-")) return std::nullopt;
  const auto day = TakeNumber(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

std::optional<microseconds> TakeFraction(std::string_view& text) {
  if (!Take(text, ".")) return microseconds(0);
  std::int64_t us = 0;
  std::int64_t unit = 100000;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    us += (text[digits] - '0') * unit;
    unit /= 10;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return microseconds(us);
}

std::optional<microseconds> TakeTimeOfDay(std::string_view& text) {
  const auto hour = TakeNumber(text, 2);
  if (!hour || *hour > 23 || !Take(text, ":")) return std::nullopt;
  const auto minute = TakeNumber(text, 2);
  if (!minute || *minute > 59 || !Take(text, ":")) return std::nullopt;
  const auto second = TakeNumber(text, 2);  // 60 is a leap second
  if (!second || *second > 60) return std::nullopt;
  const auto fraction = TakeFraction(text);
  if (!fraction) return std::nullopt;
  return std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second) +
         *fraction;
}

std::optional<microseconds> TakeOffset(std::string_view& text) {
  if (Take(text, "Zz")) return microseconds(0);
  const bool west = !text.empty() && text.front() == '-';
  if (!Take(text, "+-")) return std::nullopt;
  const auto hours = TakeNumber(text, 2);
  if (!hours || *hours > 23 || !Take(text, ":")) return std::nullopt;
  const auto minutes = TakeNumber(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const microseconds offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return west ? -offset : offset;
}

// The hours and minutes of a time of day alone; a second, and parts of one, where they follow.
std::optional<microseconds> TakeLooseTimeOfDay(std::string_view& text) {
  std::string_view whole = text;
  if (const auto clock = TakeTimeOfDay(whole)) {
    text = whole;
    return clock;
  }
  const auto hour = TakeNumber(text, 2);
  if (!hour || *hour > 23 || !Take(text, ":")) return std::nullopt;
  const auto minute = TakeNumber(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  return std::chrono::hours(*hour) + std::chrono::minutes(*minute);
}

// A date as of ParseMoment().
std::optional<Timestamp> DateAndTime(std::string_view text) {
  const auto day = TakeDate(text);
  if (!day) return std::nullopt;
  if (text.empty()) return Timestamp(*day);
  if (!Take(text, "Tt ")) return std::nullopt;
  const auto clock = TakeLooseTimeOfDay(text);
  if (!clock) return std::nullopt;
  const auto offset = text.empty() ? microseconds(0) : TakeOffset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return Timestamp(*day + *clock - *offset);
}

// As many digits as there are; unset where there is none, or they do not fit.
std::optional<std::int64_t> TakeWhole(std::string_view& text) {
  std::int64_t number = 0;
  if (text.starts_with('-')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// Behind the @.
std::optional<Timestamp> SecondsSince1970(std::string_view text) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1'000'000 - 1;
  const auto seconds = TakeWhole(text);
  if (!seconds || *seconds > kMost) return std::nullopt;
  const auto fraction = TakeFraction(text);
  if (!fraction || !text.empty()) return std::nullopt;
  return Timestamp(std::chrono::seconds(*seconds) + *fraction);
}

struct Unit {
  std::string_view name;
  std::int64_t us;
};
// From the largest to the smallest, but "ms" before "m", which it begins with.
constexpr std::array<Unit, 6> kUnits = {{{"w", 7 * 86'400'000'000},
                                         {"d", 86'400'000'000},
                                         {"h", 3'600'000'000},
                                         {"ms", 1000},
                                         {"m", 60'000'000},
                                         {"s", 1'000'000}}};

const Unit* TakeUnit(std::string_view& text) {
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return &unit;
  }
  return nullptr;
}

bool OnlyDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

}  // namespace

std::string FormatTime(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 64> text{};
  int length = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  std::string out(text.data(), static_cast<std::size_t>(length));
  if (const auto us = static_cast<int>(clock.subseconds().count()); us != 0) {
    length = us % 1000 == 0 ? std::snprintf(text.data(), text.size(), ".%03d", us / 1000)
                            : std::snprintf(text.data(), text.size(), ".%06d", us);
    out.append(text.data(), static_cast<std::size_t>(length));
  }
  return out + "Z";
}

Result<Timestamp> ParseTime(std::string_view text) {
  const Status bad =
      Status::InvalidArgument("a time is not RFC 3339 (expected as in 2024-05-01T12:00:00Z)");
  const auto day = TakeDate(text);
  if (!day || !Take(text, "Tt ")) return bad;
  const auto clock = TakeTimeOfDay(text);
  if (!clock) return bad;
  const auto offset = TakeOffset(text);
  if (!offset || !text.empty()) return bad;
  return Timestamp(*day + *clock - *offset);
}

Result<microseconds> ParseAge(std::string_view text) {
  const Status bad = Status::InvalidArgument(Quoted(text) + " is no span of time (expected as in " +
                                             std::string(kAgeForms) + ")");
  if (text == "0") return microseconds(0);
  if (text.empty()) return bad;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::int64_t sum = 0;
  std::int64_t last = kMost;
  while (!text.empty()) {
    const auto number = TakeWhole(text);
    const Unit* const unit = number ? TakeUnit(text) : nullptr;
    if (unit == nullptr || unit->us >= last || *number > (kMost - sum) / unit->us) return bad;
    sum += *number * unit->us;
    last = unit->us;
  }
  return microseconds(sum);
}

Result<Timestamp> ParseMoment(std::string_view text, Timestamp now) {
  std::optional<Timestamp> moment;
  if (text.starts_with('@')) {
    moment = SecondsSince1970(text.substr(1));
  } else if (!OnlyDigits(text)) {  // neither seconds since 1970 nor an age without saying so
    moment = DateAndTime(text);
    const Result<microseconds> age = ParseAge(text);
    if (!moment && age.ok()) moment = now - *age;
  }
  if (moment) return *moment;
  return Status::InvalidArgument(Quoted(text) + " is no time (expected as in " +
                                 std::string(kMomentForms) + ")");
}

Timestamp Now() {
  return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

std::string CheckMoment(const std::string& text) {
  return std::string(ParseMoment(text, Now()).status().message());
}

std::string CheckAge(const std::string& text) {
  return std::string(ParseAge(text).status().message());
}

}  // namespace engram::tool
