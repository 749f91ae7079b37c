#include "tools/engram/evaluation.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <latch>
#include <span>
#include <thread>
#include <utility>

#include "engine/vector_rules.h"
#include "storage/base/mutex.h"
#include "tools/engram/context.h"
#include "tools/engram/input_file.h"

namespace engram::tool {
namespace {

constexpr std::size_t kRounds = 3;
constexpr std::int32_t kLongestTruth = 1 << 20;

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// Names of rows as people count them: the first is 1.
std::string RowName(std::size_t row) { return "row " + std::to_string(row + 1); }

[[noreturn]] void Refuse(const std::string& path, const std::string& what) {
  throw Failure(Status::InvalidArgument(path + ": " + what));
}

// False at the end of the file.
bool ReadNumber(InputFile& file, std::int32_t& number) {
  std::array<std::byte, sizeof number> raw{};
  const std::size_t got = file.Read(raw);
  if (got != 0 && got != raw.size()) {
    Refuse(file.path(), "truncated: found " + std::to_string(file.position()) +
                            " bytes, expected " +
                            std::to_string(file.position() - got + raw.size()) + " or more");
  }
  std::memcpy(&number, raw.data(), sizeof number);
  return got != 0;
}

// Keeps the first failure of several threads.
class FirstFailure {
 public:
  bool met() const {  // relaxed: only saves work; Throw() comes after the threads are joined
    return met_.load(std::memory_order_relaxed);
  }
  void Set(Status status) ENGRAM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (met()) return;
    status_ = std::move(status);
    met_.store(true, std::memory_order_relaxed);  // as above
  }
  void ThrowIfMet() ENGRAM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (met()) throw Failure(status_);
  }

 private:
  std::atomic<bool> met_{false};
  Mutex mutex_;
  Status status_ ENGRAM_GUARDED_BY(mutex_);
};

using Visit = std::function<void(std::size_t query, const SearchResult&, double seconds)>;

// One search for each query, on several threads that take the next one as they go; `visit` is
// called on them. Returns the seconds from the first search to the last.
double SearchAll(const Store& store, const Vectors& queries, const SearchOptions& options,
                 std::size_t threads, const Visit& visit) {
  std::atomic<std::size_t> next{0};  // relaxed: hands out numbers, orders nothing
  FirstFailure failure;
  const auto work = [&] {
    for (;;) {
      const std::size_t i = next.fetch_add(1, std::memory_order_relaxed);
      if (i >= queries.size() || failure.met()) return;
      const Clock::time_point begin = Clock::now();
      const Result<SearchResult> result = store.Search(queries[i], options);
      const double seconds = Seconds(Clock::now() - begin);
      if (result.ok()) {
        visit(i, *result, seconds);
      } else {
        failure.Set(Status(result.code(), "query " + std::to_string(i + 1) + ": " +
                                              std::string(result.status().message())));
      }
    }
  };
  const std::size_t helpers = std::min(threads, queries.size()) - 1;
  std::latch ready(static_cast<std::ptrdiff_t>(helpers + 1));
  std::vector<std::thread> started;
  for (std::size_t i = 0; i < helpers; ++i) {
    started.emplace_back([&] {
      // A thread's first search takes what the later ones use. What it meets, they meet too.
      static_cast<void>(store.Search(queries.front(), options));
      ready.arrive_and_wait();
      work();
    });
  }
  ready.arrive_and_wait();
  const Clock::time_point begin = Clock::now();
  work();
  for (std::thread& thread : started) thread.join();
  const double seconds = Seconds(Clock::now() - begin);
  failure.ThrowIfMet();
  return seconds;
}

// The smallest value that this share of all does not exceed. Pre: sorted, not empty.
double Percentile(std::span<const double> sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

}  // namespace

Truth ReadTruth(const std::string& path) {
  if (!path.ends_with(".ivecs")) Refuse(path, "the name does not end in .ivecs");
  InputFile file(path);
  Truth truth{path, {}};
  std::int32_t length = 0;
  while (ReadNumber(file, length)) {
    const std::string row = RowName(truth.rows.size());
    if (length < 1 || length > kLongestTruth) {
      Refuse(path, row + " says it names " + std::to_string(length) +
                       " neighbours, expected 1 to " + std::to_string(kLongestTruth));
    }
    std::vector<std::uint32_t> neighbours(static_cast<std::size_t>(length));
    const auto bytes = std::as_writable_bytes(std::span(neighbours));
    if (const std::size_t got = file.Read(bytes); got != bytes.size()) {
      Refuse(path, "truncated: " + row + " has " + std::to_string(got) + " bytes, expected " +
                       std::to_string(bytes.size()));
    }
    for (const std::uint32_t neighbour : neighbours) {
      if (std::in_range<std::int32_t>(neighbour)) continue;
      Refuse(path, row + " names the neighbour " +
                       std::to_string(static_cast<std::int32_t>(neighbour)) +
                       ", expected 0 or more");
    }
    truth.rows.push_back(std::move(neighbours));
  }
  return truth;
}

std::vector<float> TrueDistances(const Store& store, const Vectors& queries, const Truth& truth,
                                 const EvalSetting& setting) {
  if (queries.size() != truth.rows.size()) {
    Refuse(truth.path, "found " + std::to_string(truth.rows.size()) + " rows, expected " +
                           std::to_string(queries.size()) + ": one for each query");
  }
  const Stats stats = Check(store.GetStats());
  std::vector<float> distances;
  distances.reserve(queries.size());
  for (std::size_t i = 0; i < queries.size(); ++i) {
    if (const Status status = CheckVector({stats.metric, stats.dimensions}, queries[i]);
        !status.ok()) {
      throw Failure(Status(
          status.code(), "query " + std::to_string(i + 1) + ": " + std::string(status.message())));
    }
    const std::vector<std::uint32_t>& row = truth.rows[i];
    if (row.size() < setting.k) {
      Refuse(truth.path, RowName(i) + " names " + std::to_string(row.size()) +
                             " neighbours, fewer than k, which is " + std::to_string(setting.k));
    }
    std::vector<float> nearest;
    for (std::size_t rank = 0; rank < setting.k; ++rank) {
      const PatternId id = setting.first_id + row[rank];
      const Result<Pattern> pattern = store.Get(id, {.include_metadata = false});
      if (pattern.code() == Code::kNotFound) {
        Refuse(truth.path, RowName(i) + " names row " + std::to_string(row[rank]) +
                               " of the data (0 is the first), pattern " + std::to_string(id) +
                               " here, which the store does not hold; --first-id says which "
                               "pattern row 0 is");
      }
      if (!pattern.ok()) throw Failure(pattern.status());
      nearest.push_back(VectorDistance(stats.metric, queries[i], pattern->vector));
    }
    distances.push_back(*std::max_element(nearest.begin(), nearest.end()));
  }
  return distances;
}

EvalRow Measure(const Store& store, const Vectors& queries,
                const std::vector<float>& true_distances, const EvalSetting& setting,
                std::size_t ef,
                const std::function<void(std::size_t done, std::size_t of)>& progress) {
  SearchOptions options;
  options.k = setting.k;
  options.ef = ef;
  EvalRow row;
  row.ef = ef;
  // Each element is written by one thread, and read when all are joined.
  std::vector<std::size_t> found(queries.size());
  std::atomic<bool> exact{false};  // relaxed, like the next: read when the threads are joined
  std::atomic<bool> degraded{false};
  const std::size_t all = (kRounds + 1) * queries.size();
  SearchAll(store, queries, options, setting.threads,
            [&](std::size_t i, const SearchResult& result, double) {
              found[i] = static_cast<std::size_t>(
                  std::count_if(result.hits.begin(), result.hits.end(),
                                [&](const Hit& hit) { return hit.distance <= true_distances[i]; }));
              if (result.exact) exact.store(true, std::memory_order_relaxed);
              if (result.degraded) degraded.store(true, std::memory_order_relaxed);
            });
  progress(queries.size(), all);
  row.exact = exact.load(std::memory_order_relaxed);
  row.degraded = degraded.load(std::memory_order_relaxed);
  std::size_t total = 0;
  for (const std::size_t hits : found) total += hits;
  row.recall = static_cast<double>(total) / static_cast<double>(queries.size() * setting.k);

  std::vector<double> seconds(queries.size());
  for (std::size_t round = 0; round < kRounds; ++round) {
    const double wall =
        SearchAll(store, queries, options, setting.threads,
                  [&](std::size_t i, const SearchResult&, double taken) { seconds[i] = taken; });
    progress((round + 2) * queries.size(), all);
    const double rate = static_cast<double>(queries.size()) / wall;
    if (rate <= row.queries_per_second) continue;
    row.queries_per_second = rate;
    std::vector<double> sorted = seconds;
    std::sort(sorted.begin(), sorted.end());
    row.p50_us = 1e6 * Percentile(sorted, 0.50);
    row.p95_us = 1e6 * Percentile(sorted, 0.95);
    row.p99_us = 1e6 * Percentile(sorted, 0.99);
  }
  return row;
}

}  // namespace engram::tool
