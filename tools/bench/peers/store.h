// Engram as a peer, through the public interface alone.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_STORE_H_
#define ENGRAM_TOOLS_BENCH_PEERS_STORE_H_

#include <cstddef>
#include <memory>
#include <string>

#include <engram/store.h>

#include "tools/bench/peers/peer.h"

namespace engram::bench {

// What all parts open stores with; warnings go to standard error.
Options StoreOptions(const PeerOptions& options);

Store MustOpen(const std::string& directory, const Options& options);
Stats MustGetStats(const Store& store);

// `count` rows from `first` on, by InsertBatch() of `batch` at a time. A row's id is its number
// plus one.
void InsertRows(Store& store, const RowSource& rows, std::size_t first, std::size_t count,
                std::size_t batch, const WriteOptions& write = {});

// Threads: as PeerIndex.
class StoreIndex final : public PeerIndex {
 public:
  explicit StoreIndex(const PeerOptions& options);

  Store& store() { return store_; }

  void Add(const RowSource& rows, std::size_t first, std::size_t count) override;
  void Settle() override;
  void Save() override;
  void SetEf(std::size_t ef) override { ef_ = ef; }
  void Search(std::span<const float> queries, std::size_t k,
              std::span<std::uint64_t> rows) const override;

 private:
  PeerOptions options_;
  Store store_;
  std::size_t ef_ = 0;
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_STORE_H_
