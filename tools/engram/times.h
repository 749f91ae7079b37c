// Moments and spans of time as people write and read them.
// Threads: any thread.
#ifndef ENGRAM_TOOLS_ENGRAM_TIMES_H_
#define ENGRAM_TOOLS_ENGRAM_TIMES_H_

#include <chrono>
#include <string>
#include <string_view>

#include <engram/result.h>
#include <engram/types.h>

namespace engram::tool {

// RFC 3339 in UTC, with as many digits after the second as there is something to say, up to six.
std::string FormatTime(Timestamp time);
// RFC 3339 with any offset; what is finer than a microsecond is cut. Errors: kInvalidArgument.
Result<Timestamp> ParseTime(std::string_view text);

// What is said of ParseMoment() and ParseAge() to a person:
inline constexpr std::string_view kMomentForms =
    "2026-05-01, 2026-05-01T12:00:00Z, @1777636800 (seconds since 1970), or 10m, 12h, 30d ago";
inline constexpr std::string_view kAgeForms = "90s, 10m, 12h, 30d, 2w or 1d12h";

// A date, or a date and a time of day down to minutes, seconds or parts of one, in UTC unless an
// offset follows; seconds since 1970 behind an @; or an age, for a moment so long before `now`.
// Errors: kInvalidArgument.
Result<Timestamp> ParseMoment(std::string_view text, Timestamp now);
// Numbers with a unit: ms, s, m(inutes), h, d(ays) or w(eeks), from the largest to the smallest;
// 0 needs none. Errors: kInvalidArgument.
Result<std::chrono::microseconds> ParseAge(std::string_view text);

// By the system's clock.
Timestamp Now();

// For options: an empty text, or what is wrong.
std::string CheckMoment(const std::string& text);
std::string CheckAge(const std::string& text);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_TIMES_H_
