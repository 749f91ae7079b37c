#include "tools/bench/peers/data.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <system_error>
#include <utility>

#include "tools/bench/peers/made_up_set.h"
#include "tools/bench/peers/truth.h"
#include "tools/bench/system.h"

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

// The file of `directory` whose name without its ending is, or ends with an underscore and, one of
// `words`; "" where there is none.
std::string FindFile(const std::string& directory, std::initializer_list<std::string> words,
                     std::initializer_list<std::string> endings) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    files.push_back(entry.path());
  }
  if (error) Fail("cannot read " + directory + ": " + error.message());
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) {
    const std::string stem = file.stem();
    const bool wanted = std::any_of(words.begin(), words.end(), [&](const std::string& word) {
      return stem == word || stem.ends_with("_" + word);
    });
    if (!wanted) continue;
    if (std::find(endings.begin(), endings.end(), file.extension()) != endings.end()) return file;
  }
  return {};
}

std::string MustFindVectors(const std::string& directory, const std::string& word) {
  std::string path = FindFile(directory, {word}, {".bvecs", ".fvecs"});
  if (path.empty()) Fail("no file " + word + ".fvecs or " + word + ".bvecs in " + directory);
  return path;
}

std::string SetDirectory(const BenchOptions& options, const std::string& directory) {
  const auto made_up = ParseMadeUpSet(options.set);
  return made_up ? MakeSet(*made_up, directory) : options.data + "/" + options.set;
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

DataSet::DataSet(const BenchOptions& options, const std::string& directory)
    : set_directory_(SetDirectory(options, directory)),
      base_(MustFindVectors(set_directory_, "base")),
      metric_(options.metric),
      rows_(AtMost(options.points, base_.rows())),
      k_(options.k) {
  const VectorFile file(MustFindVectors(set_directory_, "query"));
  if (file.dimensions() != base_.dimensions()) Fail("base and queries differ in dimensions");
  const std::size_t count = AtMost(options.queries, file.rows());
  queries_.resize(count * base_.dimensions());
  for (std::size_t i = 0; i < count; ++i) {
    const auto query = std::span(queries_).subspan(i * base_.dimensions(), base_.dimensions());
    file.CopyRow(i, query);
    if (metric_ == Metric::kCosine) ScaleToLengthOne(query);
  }
  made_truth_ = directory + "/" + std::filesystem::path(set_directory_).filename().string() + "-" +
                std::to_string(rows_) + "-" + std::to_string(count) + "-" +
                std::string(MetricName(metric_)) + "-k" + std::to_string(k_) + ".ivecs";
}

std::span<const float> DataSet::queries(std::size_t first, std::size_t count) const {
  return std::span(queries_).subspan(first * base_.dimensions(), count * base_.dimensions());
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

std::string DataSet::MakeTruth() const {
  if (!std::filesystem::exists(made_truth_)) {
    WriteNumbers(made_truth_, NearestRows(queries_, StoredRows(), rows_, k_), k_);
  }
  return made_truth_;
}

void DataSet::LoadTruth() {
  std::string path;
  if (rows_ == base_.rows()) path = FindFile(set_directory_, {"gt", "groundtruth"}, {".ivecs"});
  const VectorFile truth(path.empty() ? MakeTruth() : path);
  if (truth.dimensions() < k_ || truth.rows() < query_count()) {
    Fail("the truth of " + set_directory_ + " has too few queries or neighbours");
  }
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
