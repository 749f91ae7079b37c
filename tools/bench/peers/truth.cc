#include "tools/bench/peers/truth.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <thread>
#include <utility>

#include "tools/bench/system.h"

namespace engram::bench {
namespace {

using Candidate = std::pair<float, std::int32_t>;

void Offer(std::vector<Candidate>& nearest, std::size_t k, Candidate candidate) {
  if (nearest.size() == k) {
    if (candidate >= nearest.front()) return;
    std::pop_heap(nearest.begin(), nearest.end());
    nearest.pop_back();
  }
  nearest.push_back(candidate);
  std::push_heap(nearest.begin(), nearest.end());
}

// The rows are walked outside, so that each is fetched and converted once a thread.
void ScanFor(std::span<const float> queries, const RowSource& rows, std::size_t count,
             std::size_t k, std::span<std::int32_t> out) {
  const std::size_t dimensions = rows.dimensions;
  const std::size_t query_count = queries.size() / dimensions;
  std::vector<std::vector<Candidate>> nearest(query_count);
  std::vector<float> vector(dimensions);
  for (std::size_t row = 0; row < count; ++row) {
    rows.copy(row, vector);
    for (std::size_t q = 0; q < query_count; ++q) {
      const float distance = Distance(queries.subspan(q * dimensions, dimensions), vector);
      Offer(nearest[q], k, {distance, static_cast<std::int32_t>(row)});
    }
  }
  for (std::size_t q = 0; q < query_count; ++q) {
    std::sort_heap(nearest[q].begin(), nearest[q].end());
    for (std::size_t i = 0; i < k; ++i) out[q * k + i] = nearest[q][i].second;
  }
}

}  // namespace

float Distance(std::span<const float> a, std::span<const float> b) {
  constexpr std::size_t kLanes = 16;  // sums of their own, so that the compiler may use vectors
  std::array<float, kLanes> sums{};
  const std::size_t whole = a.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float difference = a[i + lane] - b[i + lane];
      sums[lane] += difference * difference;
    }
  }
  float sum = 0;
  for (const float part : sums) sum += part;
  for (std::size_t i = whole; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

std::vector<std::int32_t> NearestRows(std::span<const float> queries, const RowSource& rows,
                                      std::size_t count, std::size_t k) {
  const std::size_t dimensions = rows.dimensions;
  if (count < k) Fail("fewer rows than neighbours wanted");
  const std::size_t query_count = queries.size() / dimensions;
  std::vector<std::int32_t> nearest(query_count * k);
  const std::size_t shares = Processors().size();
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < shares; ++i) {
    const std::size_t begin = query_count * i / shares;
    const std::size_t size = query_count * (i + 1) / shares - begin;
    threads.emplace_back([=, &rows, out = std::span(nearest).subspan(begin * k, size * k)] {
      ScanFor(queries.subspan(begin * dimensions, size * dimensions), rows, count, k, out);
    });
  }
  threads.clear();  // joins
  return nearest;
}

void WriteNumbers(const std::string& path, std::span<const std::int32_t> numbers,
                  std::size_t width) {
  std::ofstream file(path, std::ios::binary);
  const auto header = static_cast<std::int32_t>(width);
  for (std::size_t i = 0; i < numbers.size(); i += width) {
    file.write(reinterpret_cast<const char*>(&header), sizeof(header));
    file.write(reinterpret_cast<const char*>(&numbers[i]),
               static_cast<std::streamsize>(width * sizeof(std::int32_t)));
  }
  file.close();
  if (!file) Fail("cannot write " + path);
}

}  // namespace engram::bench
