// One data set in TEXMEX files: base rows, queries, and the distances that decide what is a hit.
// Threads: immutable once loaded.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_DATA_H_
#define ENGRAM_TOOLS_BENCH_PEERS_DATA_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tools/bench/peers/options.h"
#include "tools/bench/peers/peer.h"

namespace engram::bench {

// Rows of .fvecs, .bvecs or .ivecs, mapped: they cost no memory of this process's own.
class VectorFile {
 public:
  explicit VectorFile(const std::string& path);
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
  // BenchOptions::set; what it has not got as a file (a made-up set, the truth of a part of a set)
  // is made in `directory`, where a later run finds it.
  DataSet(const BenchOptions& options, const std::string& directory);

  std::size_t rows() const { return rows_; }
  std::uint32_t dimensions() const { return static_cast<std::uint32_t>(base_.dimensions()); }
  std::size_t query_count() const { return queries_.size() / base_.dimensions(); }
  VectorView query(std::size_t number) const { return queries(number, 1); }
  // `count` of them from `first` on, one behind the other.
  std::span<const float> queries(std::size_t first, std::size_t count) const;
  // Valid while this object is where it is.
  RowSource StoredRows() const;
  // As many as one likes that are not in the base but near rows that are: a tenth of another row is
  // mixed into each.
  RowSource NewRows() const;

  // Looks at every row where no file has the neighbours: with every processor, and threads that are
  // gone when it returns.
  void LoadTruth();
  // The share of true nearest among `found`, k for each query; a row as near as the k-th nearest
  // is one of them. Pre: LoadTruth().
  double Recall(std::span<const std::uint64_t> found) const;

 private:
  void CopyRow(std::size_t row, std::span<float> out) const;
  void CopyNewRow(std::size_t number, std::span<float> out) const;
  double DistanceToRow(std::size_t query, std::size_t row) const;
  std::string MakeTruth() const;

  std::string set_directory_;
  std::string made_truth_;  // where it is kept, once it was made
  VectorFile base_;
  Metric metric_;
  std::size_t rows_;
  std::size_t k_;
  std::vector<float> queries_;
  std::vector<double> borders_;  // of each query: the distance of its k-th nearest
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_DATA_H_
