#include "tools/bench/graph_bench_data.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <utility>

#include "tools/bench/graph_bench_system.h"
#include "tools/bench/graph_bench_truth.h"

namespace engram::bench {
namespace {

std::span<const std::byte> MapFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (file < 0 || fstat(file, &info) != 0) Fail("cannot read " + path);
  const auto size = static_cast<std::size_t>(info.st_size);
  void* start = mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (start == MAP_FAILED) Fail("cannot map " + path);
  return {static_cast<const std::byte*>(start), size};
}

void ScaleToLengthOne(std::span<float> vector) {
  double sum = 0;
  for (const float value : vector) sum += static_cast<double>(value) * static_cast<double>(value);
  const double factor = sum > 0 ? 1 / std::sqrt(sum) : 0;
  for (float& value : vector) value = static_cast<float>(static_cast<double>(value) * factor);
}

std::size_t AtMost(std::size_t wanted, std::size_t there) {
  return wanted == 0 ? there : std::min(wanted, there);
}

}  // namespace

VectorFile::VectorFile(const std::string& path)
    : bytes_(MapFile(path)), component_bytes_(path.ends_with(".bvecs") ? 1 : 4) {
  std::int32_t dimensions = 0;
  if (bytes_.size() >= sizeof(dimensions)) {
    std::memcpy(&dimensions, bytes_.data(), sizeof(dimensions));
  }
  dimensions_ = static_cast<std::size_t>(dimensions);
  const std::size_t row_bytes = sizeof(dimensions) + dimensions_ * component_bytes_;
  if (dimensions <= 0 || bytes_.size() % row_bytes != 0) Fail(path + " is not a TEXMEX file");
  rows_ = bytes_.size() / row_bytes;
}

VectorFile VectorFile::Find(const std::string& stem) {
  return VectorFile(stem + (std::filesystem::exists(stem + ".bvecs") ? ".bvecs" : ".fvecs"));
}

VectorFile::~VectorFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

VectorFile::VectorFile(VectorFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})),
      dimensions_(other.dimensions_),
      component_bytes_(other.component_bytes_),
      rows_(std::exchange(other.rows_, 0)) {}

const std::byte* VectorFile::RowBytes(std::size_t row) const {
  constexpr std::size_t kHeader = sizeof(std::int32_t);
  return bytes_.data() + row * (kHeader + dimensions_ * component_bytes_) + kHeader;
}

void VectorFile::CopyRow(std::size_t row, std::span<float> out) const {
  const std::byte* values = RowBytes(row);
  if (component_bytes_ == 4) {
    std::memcpy(out.data(), values, dimensions_ * sizeof(float));
    return;
  }
  for (std::size_t i = 0; i < dimensions_; ++i) out[i] = static_cast<float>(values[i]);
}

std::span<const std::int32_t> VectorFile::Numbers(std::size_t row) const {
  return {reinterpret_cast<const std::int32_t*>(RowBytes(row)), dimensions_};
}

DataSet::DataSet(const BenchOptions& options)
    : base_(VectorFile::Find(options.data + "/" + options.set + "/base")),
      metric_(options.metric),
      rows_(AtMost(options.rows, base_.rows())),
      k_(options.k) {
  const VectorFile queries = VectorFile::Find(options.data + "/" + options.set + "/query");
  if (queries.dimensions() != base_.dimensions()) Fail("base and queries differ in dimensions");
  const std::size_t count = AtMost(options.queries, queries.rows());
  queries_.resize(count * base_.dimensions());
  for (std::size_t i = 0; i < count; ++i) {
    const auto query = std::span(queries_).subspan(i * base_.dimensions(), base_.dimensions());
    queries.CopyRow(i, query);
    if (metric_ == Metric::kCosine) ScaleToLengthOne(query);
  }
}

VectorView DataSet::query(std::size_t number) const {
  return VectorView(queries_).subspan(number * base_.dimensions(), base_.dimensions());
}

void DataSet::CopyRow(std::size_t row, std::span<float> out) const {
  base_.CopyRow(row, out);
  if (metric_ == Metric::kCosine) ScaleToLengthOne(out);
}

void DataSet::CopyNewRow(std::size_t number, std::span<float> out) const {
  constexpr std::size_t kStride = 7919;  // prime: the pairs repeat only after all rows
  std::vector<float> other(base_.dimensions());
  base_.CopyRow(number % rows_, out);
  base_.CopyRow((number * kStride + kStride) % rows_, other);
  for (std::size_t i = 0; i < other.size(); ++i) out[i] = 0.9f * out[i] + 0.1f * other[i];
  if (metric_ == Metric::kCosine) ScaleToLengthOne(out);
}

RowSource DataSet::StoredRows() const {
  return {base_.dimensions(), [this](auto row, auto out) { CopyRow(row, out); }};
}

RowSource DataSet::NewRows() const {
  return {base_.dimensions(), [this](auto row, auto out) { CopyNewRow(row, out); }};
}

void DataSet::LoadTruth(const BenchOptions& options, const std::string& directory) {
  std::string path = options.data + "/" + options.set + "/gt.ivecs";
  if (rows_ < base_.rows()) {
    path = directory + "/" + options.set + "-" + std::to_string(rows_) + "-" +
           std::to_string(query_count()) + "-" + std::string(MetricName(metric_)) + "-k" +
           std::to_string(k_) + ".ivecs";
    if (!std::filesystem::exists(path)) {
      WriteNumbers(path, NearestRows(queries_, StoredRows(), rows_, k_), k_);
    }
  }
  const VectorFile truth(path);
  if (truth.dimensions() < k_ || truth.rows() < query_count()) Fail(path + " holds too little");
  borders_.clear();
  for (std::size_t q = 0; q < query_count(); ++q) {
    borders_.push_back(DistanceToRow(q, static_cast<std::size_t>(truth.Numbers(q)[k_ - 1])));
  }
}

double DataSet::Recall(std::span<const std::uint64_t> found) const {
  std::size_t hits = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] < rows_ && DistanceToRow(i / k_, found[i]) <= borders_[i / k_]) ++hits;
  }
  return static_cast<double>(hits) / static_cast<double>(found.size());
}

double DataSet::DistanceToRow(std::size_t query_number, std::size_t row) const {
  std::vector<float> vector(base_.dimensions());
  CopyRow(row, vector);
  return static_cast<double>(Distance(query(query_number), vector));
}

}  // namespace engram::bench
