// Numbers, sizes and times as people read them.
// Threads: any thread.
#ifndef ENGRAM_TOOLS_ENGRAM_TEXT_H_
#define ENGRAM_TOOLS_ENGRAM_TEXT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/engram/context.h"

namespace engram::tool {

std::string WithSeparators(std::uint64_t number);  // "1,234,567"
std::string HumanBytes(std::uint64_t bytes);       // "1.2 MiB"
std::string HumanSeconds(double seconds);          // "1.3 ms", "3 min 20 s", "3 d 4 h"
std::string Fixed(double value, int digits);
double SecondsSince(std::chrono::steady_clock::time_point begin);

// Escape sequences around `text` where the output is a terminal; `text` alone elsewhere.
std::string Bold(const Context& context, std::string_view text);
std::string Dim(const Context& context, std::string_view text);

// As long as `fraction` (0 to 1) of `width` characters, in eighths of one; whatever is above 0 can
// be seen.
std::string HistogramBar(double fraction, std::size_t width);
// `text` with blanks before it, up to `width` bytes.
std::string AlignRight(std::string_view text, std::size_t width);

// In one line and safe for a terminal: with blanks for control characters.
std::string OneLine(std::string_view text);
// The first `width` bytes of a line of somebody's file, as OneLine(), and cut between characters of
// UTF-8.
std::string Clip(std::string_view line, std::size_t width);

// Names on the left, values aligned behind them.
void PrintFields(Context& context, const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_TEXT_H_
