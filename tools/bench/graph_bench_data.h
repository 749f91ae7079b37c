// One data set in TEXMEX files: base rows, queries, and the distances that decide what is a hit.
// Threads: immutable once loaded.
#ifndef ENGRAM_TOOLS_BENCH_GRAPH_BENCH_DATA_H_
#define ENGRAM_TOOLS_BENCH_GRAPH_BENCH_DATA_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tools/bench/graph_bench_index.h"
#include "tools/bench/graph_bench_options.h"

namespace engram::bench {

// Rows of .fvecs, .bvecs or .ivecs, mapped: they cost no memory of this process's own.
class VectorFile {
 public:
  // `path` with its ending.
  explicit VectorFile(const std::string& path);
  // The one of `stem`.fvecs and `stem`.bvecs that is there.
  static VectorFile Find(const std::string& stem);
  ~VectorFile();
  VectorFile(VectorFile&& other) noexcept;
  VectorFile(const VectorFile&) = delete;
  VectorFile& operator=(const VectorFile&) = delete;

  std::size_t rows() const { return rows_; }
  std::size_t dimensions() const { return dimensions_; }
  void CopyRow(std::size_t row, std::span<float> out) const;
  // Pre: the ending is .ivecs.
  std::span<const std::int32_t> Numbers(std::size_t row) const;

 private:
  const std::byte* RowBytes(std::size_t row) const;

  std::span<const std::byte> bytes_;
  std::size_t dimensions_ = 0;
  std::size_t component_bytes_ = 4;
  std::size_t rows_ = 0;
};

class DataSet {
 public:
  explicit DataSet(const BenchOptions& options);

  std::size_t rows() const { return rows_; }
  std::uint32_t dimensions() const { return static_cast<std::uint32_t>(base_.dimensions()); }
  std::size_t query_count() const { return queries_.size() / base_.dimensions(); }
  VectorView query(std::size_t number) const;
  // Valid while this object is where it is.
  RowSource StoredRows() const;
  // As many as one likes that are not in the base but near rows that are: a tenth of another row is
  // mixed into each.
  RowSource NewRows() const;

  // Where only part of the base is used, its neighbours are found by looking at every row, once a
  // `directory`.
  void LoadTruth(const BenchOptions& options, const std::string& directory);
  // The share of true nearest among `found`, k for each query; a row as near as the k-th nearest
  // is one of them. Pre: LoadTruth().
  double Recall(std::span<const std::uint64_t> found) const;

 private:
  void CopyRow(std::size_t row, std::span<float> out) const;
  void CopyNewRow(std::size_t number, std::span<float> out) const;
  double DistanceToRow(std::size_t query, std::size_t row) const;

  VectorFile base_;
  Metric metric_;
  std::size_t rows_;
  std::size_t k_;
  std::vector<float> queries_;
  std::vector<double> borders_;  // of each query: the distance of its k-th nearest
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_GRAPH_BENCH_DATA_H_
