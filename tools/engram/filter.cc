#include "tools/engram/filter.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "tools/engram/times.h"

namespace engram::tool {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::string InQuotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

// The setters say what is wrong, or nothing.
std::string SetType(std::string_view text, PatternFilter& filter) {
  TypeTag type = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, type);
  if (text.empty() || error != std::errc() || at != end) {
    return "type is " + InQuotes(text) + ", expected a whole number from 0 to 4294967295";
  }
  if (filter.type) return "type is given twice: all conditions must hold, and a pattern has one";
  filter.type = type;
  return "";
}

std::string SetTime(std::string_view name, std::string_view text, std::optional<Timestamp>& time) {
  const Result<Timestamp> moment = ParseMoment(text, Now());
  if (!moment.ok()) return std::string(name) + ": " + std::string(moment.status().message());
  if (time) return std::string(name) + " is given twice";
  time = *moment;
  return "";
}

std::string SetCondition(std::string_view condition, PatternFilter& filter) {
  const std::size_t sign = condition.find('=');
  if (sign == std::string_view::npos) {
    return InQuotes(condition) + " is no condition, expected type=N, from=TIME or before=TIME";
  }
  const std::string_view name = Trimmed(condition.substr(0, sign));
  const std::string_view value = Trimmed(condition.substr(sign + 1));
  if (name == "type") return SetType(value, filter);
  if (name == "from") return SetTime(name, value, filter.from);
  if (name == "before") return SetTime(name, value, filter.before);
  return InQuotes(name) +
         " is no part of a pattern that a condition may name, expected type, "
         "from or before";
}

std::string SetAll(std::string_view expression, PatternFilter& filter) {
  if (Trimmed(expression).empty()) return "there is no condition in it";
  for (bool more = true; more;) {
    const std::size_t comma = expression.find(',');
    more = comma != std::string_view::npos;
    std::string wrong = SetCondition(Trimmed(expression.substr(0, comma)), filter);
    if (!wrong.empty()) return wrong;
    expression.remove_prefix(more ? comma + 1 : 0);
  }
  return "";
}

std::string CheckType(const std::string& text) {
  PatternFilter filter;
  return SetType(text, filter);
}

std::string CheckExpression(const std::string& text) {
  PatternFilter filter;
  return SetAll(text, filter);
}

void Require(const std::string& option, const std::string& wrong) {
  if (!wrong.empty()) throw CLI::ValidationError(option, wrong);
}

}  // namespace

std::vector<CLI::Option*> AddFilterOptions(CLI::App* sub, FilterArguments& arguments) {
  const std::string times = std::string(kMomentForms);
  return {sub->add_option("--type", arguments.type, "Patterns of that type; 0: of none")
              ->check(CheckType),
          sub->add_option("--from", arguments.from,
                          "Patterns whose own time is at or after it: " + times)
              ->check(CheckMoment),
          sub->add_option("--before", arguments.before, "Patterns whose own time is before it")
              ->check(CheckMoment),
          sub->add_option("--filter", arguments.expression,
                          "The same conditions in one: \"type=3,from=2026-01-01,before=10d\"")
              ->check(CheckExpression)};
}

PatternFilter MakeFilter(const FilterArguments& arguments) {
  PatternFilter filter;
  if (!arguments.type.empty()) Require("--type", SetType(arguments.type, filter));
  if (!arguments.from.empty()) Require("--from", SetTime("from", arguments.from, filter.from));
  if (!arguments.before.empty()) {
    Require("--before", SetTime("before", arguments.before, filter.before));
  }
  if (!arguments.expression.empty()) Require("--filter", SetAll(arguments.expression, filter));
  if (filter.from && filter.before && *filter.from >= *filter.before) {
    throw CLI::ValidationError("from is " + FormatTime(*filter.from) + " and before is " +
                               FormatTime(*filter.before) + ": no time lies between them");
  }
  return filter;
}

GetOptions HeaderOnly() {
  GetOptions options;
  options.include_vector = false;
  options.include_metadata = false;
  return options;
}

std::uint64_t CountMatching(const Store& store, const PatternFilter& filter) {
  std::uint64_t count = 0;
  Check(store.ForEach(
      [&](const Pattern& pattern) {
        const bool meant = (!filter.type || pattern.type == *filter.type) &&
                           (!filter.from || pattern.timestamp >= *filter.from) &&
                           (!filter.before || pattern.timestamp < *filter.before);
        count += meant ? 1 : 0;
        return true;
      },
      HeaderOnly()));
  return count;
}

}  // namespace engram::tool
