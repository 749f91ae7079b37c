#include "tools/bench/peers/command_line.h"

#include <errno.h>
#include <getopt.h>

#include <cstdio>
#include <cstdlib>

namespace engram::bench {

void Refuse(const std::string& message) {
  std::fprintf(stderr, "%s: %s (--help says more)\n", program_invocation_short_name,
               message.c_str());
  std::exit(2);
}

std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t comma = text.find(',');
    words.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return words;
    text.remove_prefix(comma + 1);
  }
}

Setter SetText(std::string& target) {
  return [&target](std::string_view, std::string_view value) { target = value; };
}

std::span<char* const> ParseOptionValues(int argc, char** argv, const CommandLine& line) {
  std::vector<option> known;
  for (const auto& [name, set] : line.values) {
    known.push_back({name.c_str(), required_argument, nullptr, 'v'});
  }
  for (const auto& [name, flag] : line.flags) {
    known.push_back({name.c_str(), no_argument, nullptr, 'f'});
  }
  known.push_back({"help", no_argument, nullptr, 'h'});
  known.push_back({});
  int index = 0;
  for (int kind; (kind = getopt_long(argc, argv, "", known.data(), &index)) != -1;) {
    if (kind == 'h') {
      std::fputs(line.usage, stdout);
      std::exit(0);
    }
    if (kind != 'v' && kind != 'f') Refuse("wrong command line");
    const std::string name = known[static_cast<std::size_t>(index)].name;
    if (kind == 'f') {
      *line.flags.at(name) = true;
    } else {
      line.values.at(name)(name, optarg);
    }
  }
  return {argv + optind, argv + argc};  // what is no option was moved to the end
}

bool ParseParts(std::span<char* const> words, const std::map<std::string_view, bool*>& names) {
  for (const std::string_view word : words) {
    const auto found = names.find(word);
    if (word == "all") {
      for (const auto& [name, chosen] : names) *chosen = true;
    } else if (found == names.end()) {
      Refuse("there is no part " + std::string(word));
    } else {
      *found->second = true;
    }
  }
  return !words.empty();
}

}  // namespace engram::bench
