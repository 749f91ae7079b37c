#include "tools/bench/peers/written.h"

#include <algorithm>
#include <filesystem>

#include "storage/base/uring_file_system.h"
#include "tools/bench/bench_store.h"
#include "tools/bench/peers/child.h"
#include "tools/bench/peers/counting_file_system.h"
#include "tools/bench/peers/made_up_set.h"

namespace engram::bench {
namespace {

constexpr std::size_t kDimensions[] = {128, 768};
constexpr std::size_t kBatch = 1000;

std::vector<float> AllRows(const VectorFile& file) {
  std::vector<float> vectors(file.rows() * file.dimensions());
  for (std::size_t row = 0; row < file.rows(); ++row) {
    file.CopyRow(row, std::span(vectors).subspan(row * file.dimensions(), file.dimensions()));
  }
  return vectors;
}

Json Measure(const Bench& bench, const VectorFile& file, const std::string& path) {
  const std::vector<float> vectors = AllRows(file);
  const auto counting = std::make_shared<CountingFileSystem>(MakeBestFileSystem());
  EngineOptions config;
  config.file_system = counting;
  config.options.dimensions = static_cast<std::uint32_t>(file.dimensions());
  config.options.m = bench.options.m;
  config.options.ef_construction = bench.options.ef_construction;
  config.options.search_threads = bench.options.threads;
  const auto engine = MustOpen(path, config);
  for (std::size_t row = 0; row < file.rows(); row += kBatch) {
    InsertRows(*engine, vectors, row, std::min(kBatch, file.rows() - row), Durability::kInterval);
  }
  MustBeOk(engine->Close());
  const auto an_insert = [&](const std::atomic<std::uint64_t>& bytes) {
    // relaxed: nobody writes any more
    return static_cast<double>(bytes.load(std::memory_order_relaxed)) /
           static_cast<double>(file.rows());
  };
  const WrittenBytes& written = counting->written();
  return {{"dimensions", file.dimensions()},
          {"points", file.rows()},
          {"vector_bytes", file.dimensions() * sizeof(float)},
          {"log_bytes", an_insert(written.log)},
          {"journal_bytes", an_insert(written.journal)},
          {"page_bytes", an_insert(written.pages)},
          {"row_bytes", an_insert(written.rows)},
          {"other_bytes", an_insert(written.other)}};
}

}  // namespace

Json RunWritten(const Bench& bench) {
  const std::string path = bench.Scratch("written");
  Json figures = Json::array();
  for (const std::size_t dimensions : kDimensions) {
    const MadeUpSet set{.dimensions = dimensions, .points = bench.options.written};
    const VectorFile file(MakeSet(set, bench.directory.path()) + "/base.fvecs");
    std::filesystem::remove_all(path);
    figures.push_back(InChild([&] { return Measure(bench, file, path); }));
  }
  std::filesystem::remove_all(path);
  return figures;
}

}  // namespace engram::bench
