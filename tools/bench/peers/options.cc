#include "tools/bench/peers/options.h"

#include <stdlib.h>

#include <map>
#include <string_view>

#include "tools/bench/peers/command_line.h"
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
  const auto words =
      ParseOptionValues(argc, argv, {.usage = kUsage, .values = Values(options), .flags = {}});
  if (!ParseParts(words, PartNames(options.parts))) options.parts.compare = true;
  CheckOptions(options);
  return options;
}

}  // namespace engram::bench
