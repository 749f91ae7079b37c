#include "tools/bench/peers/options.h"

#include <getopt.h>
#include <stdlib.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <map>
#include <string_view>

#include "tools/bench/peers/peers.h"
#include "tools/bench/system.h"

namespace engram::bench {
namespace {

constexpr char kUsage[] =
    R"(usage: engram-bench-peers [PART...] [OPTION VALUE...]
Engram, hnswlib and FAISS on the same vectors, side by side in one run.

parts (default: compare)
  compare   of every peer: build time, memory, bytes on disk; recall and queries a second
  readers   of every peer: two searching threads against one
  growth    of every peer: build rate and queries a second at several sizes
  latency   Engram: percentiles of a search, idle and beside a writer on another processor
  insert    Engram: inserts a second by durability and batch size
  open      Engram: opening after a close, after a kill; how long a checkpoint takes
  written   Engram: bytes written an insert, at 128 and 768 dimensions
  all       all of these

what is searched
  --data DIR           directory of data sets ($ENGRAM_DATA)
  --set NAME           DIR/NAME with TEXMEX files (sift-1m): base, query and, if there, gt or
                       groundtruth, each also as ANYTHING_base and so on;
                       random-D-N: N made-up points of D dimensions in clusters, no DIR needed
  --metric l2|cosine   (l2)
  --residency resident|mapped  how Engram holds its pages (resident)
  --points N           use the first N points (all)
  --queries N          use the first N queries (all)
  --k N                neighbours wanted (10)

with what
  --peers NAME[,...]   of engram, hnswlib, faiss-hnsw, faiss-hnsw-sq8 (these), engram-mapped
  --m N                links (16)
  --ef-construction N  (200)
  --threads N          that build (1)
  --batch N            rows of one InsertBatch of Engram (1000)
  --faiss-kernels K    native: distances compiled for this processor; packaged: FAISS's own (native)

how it is measured
  --ef N[,N...]        widths of the curves (10,20,40,60,80,100,150,200,300)
  --at-ef N            width of readers and latency, and of growth beside its curve (100)
  --rounds N           of everything that alternates (5)
  --slice N            queries before the next peer's turn (200)
  --seconds S          of one measurement of readers, latency and insert (3)
  --batches N[,N...]   of insert (1,100,10000)
  --replayed N         points in the log of open (200000)
  --written N          points of written (20000)
  --sizes N[,N...]     of growth (10000,30000,100000,300000,1000000, as far as there are points)
  --keep DIR           leave indexes and truth there, and use those that are there

where it goes, beside the tables on the terminal
  --json FILE          every figure
  --plots DIR          plots as SVG and PNG, made by gnuplot, and its scripts
)";

[[noreturn]] void Refuse(const std::string& message) {
  std::fprintf(stderr, "engram-bench-peers: %s (--help says more)\n", message.c_str());
  std::exit(2);
}

template <typename Number>
Number Parse(std::string_view name, std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value <= Number{0}) {
    Refuse("--" + std::string(name) + " takes a number above 0, found " + std::string(text));
  }
  return value;
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

using Setter = std::function<void(std::string_view name, std::string_view value)>;

template <typename Number>
Setter SetNumber(Number& target) {
  return [&target](std::string_view name, std::string_view value) {
    target = Parse<Number>(name, value);
  };
}

Setter SetNumbers(std::vector<std::size_t>& target) {
  return [&target](std::string_view name, std::string_view value) {
    target.clear();
    for (const std::string& word : Split(value)) target.push_back(Parse<std::size_t>(name, word));
    std::sort(target.begin(), target.end());
    target.erase(std::unique(target.begin(), target.end()), target.end());
  };
}

Setter SetText(std::string& target) {
  return [&target](std::string_view, std::string_view value) { target = value; };
}

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

std::map<std::string_view, bool*> PartNames(Parts& parts) {
  return {{"compare", &parts.compare}, {"readers", &parts.readers}, {"latency", &parts.latency},
          {"insert", &parts.insert},   {"open", &parts.open},       {"written", &parts.written},
          {"growth", &parts.growth}};
}

std::map<std::string, Setter> Values(BenchOptions& options) {
  return {
      {"data", SetText(options.data)},
      {"set", SetText(options.set)},
      {"residency", SetChoice(options.residency, "resident", Residency::kResident, "mapped",
                              Residency::kMapped)},
      {"metric", SetChoice(options.metric, "l2", Metric::kL2, "cosine", Metric::kCosine)},
      {"points", SetNumber(options.points)},
      {"queries", SetNumber(options.queries)},
      {"k", SetNumber(options.k)},
      {"peers", [&](auto, auto value) { options.peers = Split(value); }},
      {"m", SetNumber(options.m)},
      {"ef-construction", SetNumber(options.ef_construction)},
      {"threads", SetNumber(options.threads)},
      {"batch", SetNumber(options.batch)},
      {"faiss-kernels", SetChoice(options.faiss_kernels, "native", FaissKernels::kNative,
                                  "packaged", FaissKernels::kPackaged)},
      {"ef", SetNumbers(options.efs)},
      {"at-ef", SetNumber(options.at_ef)},
      {"rounds", SetNumber(options.rounds)},
      {"slice", SetNumber(options.slice)},
      {"seconds", SetNumber(options.seconds)},
      {"batches", SetNumbers(options.batches)},
      {"replayed", SetNumber(options.replayed)},
      {"written", SetNumber(options.written)},
      {"sizes", SetNumbers(options.sizes)},
      {"keep", SetText(options.keep)},
      {"json", SetText(options.json)},
      {"plots", SetText(options.plots)},
  };
}

void ParseValues(int argc, char** argv, const std::map<std::string, Setter>& values) {
  std::vector<option> known;
  for (const auto& [name, set] : values) {
    known.push_back({name.c_str(), required_argument, nullptr, 'v'});
  }
  known.push_back({"help", no_argument, nullptr, 'h'});
  known.push_back({});
  int index = 0;
  for (int kind; (kind = getopt_long(argc, argv, "", known.data(), &index)) != -1;) {
    if (kind == 'h') {
      std::fputs(kUsage, stdout);
      std::exit(0);
    }
    if (kind != 'v') Refuse("wrong command line");
    const std::string name = known[static_cast<std::size_t>(index)].name;
    values.at(name)(name, optarg);
  }
}

void ParseParts(std::span<char* const> words, Parts& parts) {
  const auto names = PartNames(parts);
  if (words.empty()) parts.compare = true;
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
}

void CheckOptions(const BenchOptions& options) {
  for (const std::string& peer : options.peers) {
    if (FindPeer(peer) == nullptr) Refuse("there is no peer " + peer);
  }
  const bool made_up = options.set.starts_with("random-");
  if (options.data.empty() && !made_up) {
    Refuse("--data or ENGRAM_DATA must name the directory of the sets, or --set be random-D-N");
  }
  if (options.efs.front() < options.k || options.at_ef < options.k) {
    Refuse("ef must be at least k");
  }
  if (!options.plots.empty() && std::system("gnuplot --version >/dev/null 2>&1") != 0) {
    Refuse("--plots needs gnuplot (Debian: gnuplot-nox)");
  }
}

}  // namespace

BenchOptions ParseOptions(int argc, char** argv) {
  BenchOptions options;
  if (const char* data = getenv("ENGRAM_DATA")) options.data = data;
  for (const Peer& peer : AllPeers()) {
    if (peer.by_default) options.peers.push_back(peer.name);
  }
  ParseValues(argc, argv, Values(options));  // moves what is no option to the end
  ParseParts(std::span(argv + optind, argv + argc), options.parts);
  CheckOptions(options);
  return options;
}

}  // namespace engram::bench
