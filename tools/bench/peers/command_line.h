// Command lines of the benchmarks that compare: parts are words, options are `--name value`.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_COMMAND_LINE_H_
#define ENGRAM_TOOLS_BENCH_PEERS_COMMAND_LINE_H_

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace engram::bench {

// Ends the process with what is wrong with its command line.
[[noreturn]] void Refuse(const std::string& message);

// The words between the commas.
std::vector<std::string> Split(std::string_view text);

template <typename Number>
Number ParseNumber(std::string_view name, std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value <= Number{0}) {
    Refuse("--" + std::string(name) + " takes a number above 0, found " + std::string(text));
  }
  return value;
}

// What an option does with its value. Those below keep it in `target`.
using Setter = std::function<void(std::string_view name, std::string_view value)>;

template <typename Number>
Setter SetNumber(Number& target) {
  return [&target](std::string_view name, std::string_view value) {
    target = ParseNumber<Number>(name, value);
  };
}

// In order, each once.
template <typename Number>
Setter SetNumbers(std::vector<Number>& target) {
  return [&target](std::string_view name, std::string_view value) {
    target.clear();
    for (const std::string& word : Split(value)) target.push_back(ParseNumber<Number>(name, word));
    std::sort(target.begin(), target.end());
    target.erase(std::unique(target.begin(), target.end()), target.end());
  };
}

Setter SetText(std::string& target);

// One of two words.
template <typename Choice>
Setter SetChoice(Choice& target, std::string_view first, Choice if_first, std::string_view second,
                 Choice if_second) {
  return [=, &target](std::string_view name, std::string_view value) {
    if (value != first && value != second) {
      Refuse("--" + std::string(name) + " takes " + std::string(first) + " or " +
             std::string(second) + ", found " + std::string(value));
    }
    target = value == first ? if_first : if_second;
  };
}

struct CommandLine {
  const char* usage = "";  // for --help
  std::map<std::string, Setter> values;
  std::map<std::string, bool*> flags;  // options without a value
};

// Does what the options say, and returns the words that are none. Ends the process for --help.
std::span<char* const> ParseOptionValues(int argc, char** argv, const CommandLine& line);

// Chooses those of `names` that are among `words`, or each where there is `all`. Whether any was.
bool ParseParts(std::span<char* const> words, const std::map<std::string_view, bool*>& names);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_COMMAND_LINE_H_
