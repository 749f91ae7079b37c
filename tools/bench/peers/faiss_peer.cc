#include "tools/bench/peers/faiss_peer.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/index_io.h>
#include <omp.h>

#include <utility>
#include <vector>

#include "tools/bench/peers/faiss_kernels.h"
#include "tools/bench/system.h"

namespace engram::bench {
namespace {

using Row = decltype(faiss::Index::ntotal);

class FlatDistances final : public faiss::FlatCodesDistanceComputer {
 public:
  explicit FlatDistances(const faiss::IndexFlat& index)
      : FlatCodesDistanceComputer(index.codes.data(), index.code_size),
        dimensions_(static_cast<std::size_t>(index.d)) {}

  void set_query(const float* query) override { query_ = query; }
  float distance_to_code(const std::uint8_t* code) override {
    return NativeDistance(query_, reinterpret_cast<const float*>(code), dimensions_);
  }
  float symmetric_dis(Row i, Row j) override { return NativeDistance(At(i), At(j), dimensions_); }

 private:
  const float* At(Row row) const {
    return reinterpret_cast<const float*>(codes + static_cast<std::size_t>(row) * code_size);
  }

  std::size_t dimensions_;
  const float* query_ = nullptr;
};

// FAISS's own storage but for who computes distances.
class NativeFlat final : public faiss::IndexFlat {
 public:
  explicit NativeFlat(Row dimensions) : IndexFlat(dimensions) {}
  faiss::FlatCodesDistanceComputer* get_FlatCodesDistanceComputer() const override {
    return new FlatDistances(*this);  // FAISS deletes it
  }
};

// FAISS decodes component i of a code as least[i] + (code + 0.5) / 255 * width[i]; its quantizer
// holds all of least, then all of width. What does not depend on the code is taken from the query
// once.
class Sq8Distances final : public faiss::FlatCodesDistanceComputer {
 public:
  explicit Sq8Distances(const faiss::IndexScalarQuantizer& index)
      : FlatCodesDistanceComputer(index.codes.data(), index.code_size),
        least_(index.sq.trained.data()),
        steps_(static_cast<std::size_t>(index.d)),
        query_(steps_.size()) {
    const float* width = least_ + steps_.size();
    for (std::size_t i = 0; i < steps_.size(); ++i) steps_[i] = width[i] / 255;
  }

  void set_query(const float* query) override {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      query_[i] = query[i] - least_[i] - steps_[i] / 2;
    }
  }
  float distance_to_code(const std::uint8_t* code) override {
    return NativeCodeDistance(query_.data(), steps_.data(), code, steps_.size());
  }
  float symmetric_dis(Row i, Row j) override {
    return NativeCodesDistance(steps_.data(), At(i), At(j), steps_.size());
  }

 private:
  const std::uint8_t* At(Row row) const {
    return codes + static_cast<std::size_t>(row) * code_size;
  }

  const float* least_;
  std::vector<float> steps_;
  std::vector<float> query_;
};

class NativeSq8 final : public faiss::IndexScalarQuantizer {
 public:
  explicit NativeSq8(int dimensions)
      : IndexScalarQuantizer(dimensions, faiss::ScalarQuantizer::QT_8bit) {}
  faiss::FlatCodesDistanceComputer* get_FlatCodesDistanceComputer() const override {
    return new Sq8Distances(*this);  // FAISS deletes it
  }
};

std::unique_ptr<faiss::Index> WithNativeKernels(faiss::Index& plain) {
  if (auto* flat = dynamic_cast<faiss::IndexFlat*>(&plain)) {
    auto native = std::make_unique<NativeFlat>(flat->d);
    native->codes.swap(flat->codes);
    native->ntotal = flat->ntotal;
    return native;
  }
  auto* coded = dynamic_cast<faiss::IndexScalarQuantizer*>(&plain);
  if (coded == nullptr) Fail("the file holds an index of FAISS that is not compared here");
  auto native = std::make_unique<NativeSq8>(coded->d);
  native->codes.swap(coded->codes);
  native->sq = coded->sq;
  native->ntotal = coded->ntotal;
  native->is_trained = coded->is_trained;
  return native;
}

class Faiss final : public PeerIndex {
 public:
  Faiss(const PeerOptions& options, std::unique_ptr<faiss::IndexHNSW> index)
      : options_(options), index_(std::move(index)) {
    index_->hnsw.efConstruction = static_cast<int>(options.ef_construction);
    if (options.faiss_kernels == FaissKernels::kPackaged) return;
    faiss::Index* native = WithNativeKernels(*index_->storage).release();
    delete std::exchange(index_->storage, native);  // the index owns what it has
  }

  // All in one call, as FAISS wants it: its threads share that. The rows of the first call train
  // the codes.
  void Add(const RowSource& rows, std::size_t first, std::size_t count) override {
    omp_set_num_threads(static_cast<int>(options_.threads));
    std::vector<float> vectors(count * rows.dimensions);
    for (std::size_t i = 0; i < count; ++i) {
      rows.copy(first + i, std::span(vectors).subspan(i * rows.dimensions, rows.dimensions));
    }
    const auto wanted = static_cast<Row>(count);
    if (!index_->is_trained) index_->train(wanted, vectors.data());
    index_->add(wanted, vectors.data());
  }

  void Save() override { faiss::write_index(index_.get(), options_.path.c_str()); }

  void SetEf(std::size_t ef) override { index_->hnsw.efSearch = static_cast<int>(ef); }

  void Search(std::span<const float> queries, std::size_t k,
              std::span<std::uint64_t> rows) const override {
    omp_set_num_threads(1);  // each thread of the process has a number of its own
    const std::size_t count = rows.size() / k;
    std::vector<float> distances(rows.size());
    std::vector<Row> found(rows.size());
    index_->search(static_cast<Row>(count), queries.data(), static_cast<Row>(k), distances.data(),
                   found.data());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] = found[i] < 0 ? kNoRow : static_cast<std::uint64_t>(found[i]);
    }
  }

 private:
  PeerOptions options_;
  std::unique_ptr<faiss::IndexHNSW> index_;
};

std::unique_ptr<faiss::IndexHNSW> MakeIndex(const PeerOptions& options, FaissStorage storage) {
  const int dimensions = static_cast<int>(options.dimensions);
  const int m = static_cast<int>(options.m);
  // L2 between vectors of length 1 orders as the cosine does.
  if (storage == FaissStorage::kFlat) return std::make_unique<faiss::IndexHNSWFlat>(dimensions, m);
  return std::make_unique<faiss::IndexHNSWSQ>(dimensions, faiss::ScalarQuantizer::QT_8bit, m);
}

}  // namespace

std::unique_ptr<PeerIndex> MakeFaiss(const PeerOptions& options, FaissStorage storage) {
  return std::make_unique<Faiss>(options, MakeIndex(options, storage));
}

std::unique_ptr<PeerIndex> OpenFaiss(const PeerOptions& options) {
  std::unique_ptr<faiss::Index> index(faiss::read_index(options.path.c_str()));
  auto* graph = dynamic_cast<faiss::IndexHNSW*>(index.get());
  if (graph == nullptr) Fail(options.path + " holds no HNSW index of FAISS");
  index.release();
  return std::make_unique<Faiss>(options, std::unique_ptr<faiss::IndexHNSW>(graph));
}

std::string FaissVersion() {
  return std::to_string(FAISS_VERSION_MAJOR) + "." + std::to_string(FAISS_VERSION_MINOR) + "." +
         std::to_string(FAISS_VERSION_PATCH);
}

}  // namespace engram::bench
