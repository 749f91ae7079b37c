// What is compared: an index that takes rows, is saved, opened and searched. One implementation a
// library; peers.h lists them.
// Threads: Search() by any number of them, everything else by one while none searches.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_PEER_H_
#define ENGRAM_TOOLS_BENCH_PEERS_PEER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>

#include <engram/options.h>
#include <engram/types.h>

namespace engram::bench {

// Threads: any thread.
struct RowSource {
  std::size_t dimensions = 0;
  std::function<void(std::size_t row, std::span<float> out)> copy;  // of `dimensions` floats
};

// Whose distance functions FAISS calls: those of the package, or some for this processor.
enum class FaissKernels : std::uint8_t { kNative, kPackaged };

struct PeerOptions {
  std::size_t dimensions = 0;
  Metric metric = Metric::kL2;  // kCosine: rows and queries have length 1
  std::uint32_t m = 16;
  std::uint32_t ef_construction = 200;
  std::uint32_t threads = 1;  // that build
  std::size_t batch = 1000;   // rows of one call, where the library takes several
  FaissKernels faiss_kernels = FaissKernels::kNative;
  std::size_t capacity = 0;                    // rows there will be at most
  Residency residency = Residency::kResident;  // of Engram
  std::string path;                            // of the file or directory that holds it
};

inline constexpr std::uint64_t kNoRow = std::numeric_limits<std::uint64_t>::max();

class PeerIndex {
 public:
  virtual ~PeerIndex() = default;

  // Rows `first` to `first` + `count` - 1. Pre: `first` rows are there.
  virtual void Add(const RowSource& rows, std::size_t first, std::size_t count) = 0;
  // Returns when nothing that Add() started is going on.
  virtual void Settle() {}
  // Leaves everything at PeerOptions::path. Nothing else may be called then.
  virtual void Save() = 0;

  virtual void SetEf(std::size_t ef) = 0;
  // On the calling thread alone, for each query (they lie one behind the other) the `k` nearest
  // rows in any order; kNoRow in the places that are left.
  virtual void Search(std::span<const float> queries, std::size_t k,
                      std::span<std::uint64_t> rows) const = 0;
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_PEER_H_
