// Engram where patterns come and go, through the public interface alone.
#ifndef ENGRAM_TOOLS_BENCH_CHURN_STORE_INDEX_H_
#define ENGRAM_TOOLS_BENCH_CHURN_STORE_INDEX_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <engram/store.h>

#include "tools/bench/churn/churn_index.h"

namespace engram::bench {

// A pattern's id is its number plus one.
// Threads: any thread.
class ChurnStore final : public ChurnIndex {
 public:
  // A new store, whose directory goes with it.
  ChurnStore(const std::string& directory, const Options& options);
  ~ChurnStore() override;
  ChurnStore(const ChurnStore&) = delete;
  ChurnStore& operator=(const ChurnStore&) = delete;

  Store& store() { return store_; }
  const Store& store() const { return store_; }

  void Insert(const RowSource& rows, std::span<const std::uint64_t> patterns) override;
  void Erase(std::span<const std::uint64_t> patterns) override;
  void Settle() override;
  std::optional<std::uint64_t> Search(std::span<const float> queries, std::size_t k, std::size_t ef,
                                      std::span<std::uint64_t> found) const override;
  std::uint64_t Unreachable() const override;

 private:
  std::string directory_;
  Store store_;
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_CHURN_STORE_INDEX_H_
