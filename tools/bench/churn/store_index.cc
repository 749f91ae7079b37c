#include "tools/bench/churn/store_index.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "tools/bench/peers/store.h"
#include "tools/bench/system.h"

namespace engram::bench {
namespace {

Options New(Options options) {
  options.error_if_exists = true;
  return options;
}

}  // namespace

ChurnStore::ChurnStore(const std::string& directory, const Options& options)
    : directory_(directory), store_(MustOpen(directory, New(options))) {}

ChurnStore::~ChurnStore() {
  store_.Close().IgnoreError();  // nobody opens it again
  std::error_code ignored;       // leftovers do no harm
  std::filesystem::remove_all(directory_, ignored);
}

void ChurnStore::Insert(const RowSource& rows, std::span<const std::uint64_t> patterns) {
  constexpr std::size_t kAtATime = 1000;
  const std::size_t most = std::min(kAtATime, patterns.size());
  std::vector<float> vectors(most * rows.dimensions);
  std::vector<NewPattern> batch;
  for (; !patterns.empty(); patterns = patterns.subspan(batch.size())) {
    batch.clear();
    for (const std::uint64_t number : patterns.first(std::min(most, patterns.size()))) {
      NewPattern pattern;
      const auto vector =
          std::span(vectors).subspan(batch.size() * rows.dimensions, rows.dimensions);
      rows.copy(number, vector);
      pattern.vector = vector;
      pattern.id = number + 1;
      batch.push_back(std::move(pattern));
    }
    const auto result = store_.InsertBatch(batch);
    MustBeOk(result.status());
    if (!result->failures.empty()) MustBeOk(result->failures.front().status);
  }
}

void ChurnStore::Erase(std::span<const std::uint64_t> patterns) {
  WriteBatch batch;
  for (const std::uint64_t number : patterns) batch.Erase(number + 1);
  MustBeOk(store_.Write(batch).status());
}

// A checkpoint that runs by itself would hold memory and a processor.
void ChurnStore::Settle() { MustBeOk(store_.Checkpoint()); }

std::optional<std::uint64_t> ChurnStore::Search(std::span<const float> queries, std::size_t k,
                                                std::size_t ef,
                                                std::span<std::uint64_t> found) const {
  std::fill(found.begin(), found.end(), kNoRow);
  SearchOptions options;
  options.k = k;
  options.ef = ef;
  std::uint64_t compared = 0;
  const std::size_t dimensions = queries.size() * k / found.size();
  for (std::size_t q = 0; q * k < found.size(); ++q) {
    const auto result = store_.Search(queries.subspan(q * dimensions, dimensions), options);
    MustBeOk(result.status());
    compared += result->compared;
    for (std::size_t i = 0; i < result->hits.size(); ++i) found[q * k + i] = result->hits[i].id - 1;
  }
  return compared;
}

std::uint64_t ChurnStore::Unreachable() const {
  const auto report = store_.Analyze({.sample = 0});
  MustBeOk(report.status());
  return report->unreachable;
}

}  // namespace engram::bench
