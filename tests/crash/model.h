// What a store must hold after each of its commits: the truth that crash tests compare with.
// Leaves running a store to player.h, comparing to oracle.h.
// Threads: plain data.
#ifndef ENGRAM_TESTS_CRASH_MODEL_H_
#define ENGRAM_TESTS_CRASH_MODEL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <engram/metadata.h>
#include <engram/types.h>

namespace engram {

struct PatternModel {
  Lsn version = Lsn::kNone;
  std::vector<float> vector;
  Metadata metadata;
  std::int64_t timestamp_us = 0;
  std::int64_t inserted_us = 0;
  TypeTag type = 0;
};

// Copies share their patterns.
using ModelState = std::map<PatternId, std::shared_ptr<const PatternModel>>;

class Model {
 public:
  // An empty store.
  Model();

  Lsn last() const { return last_; }
  const ModelState& newest() const { return *states_.back().second; }
  // Pre: lsn <= last().
  const ModelState& At(Lsn lsn) const;
  // What a store at `lsn` may hold: one state for a commit that is known; behind the last one the
  // newest state, or what a write that failed would have made of it.
  std::vector<const ModelState*> Candidates(Lsn lsn) const;

  // Pre: lsn > last().
  void Commit(Lsn lsn, ModelState state);
  // Commits up to `lsn` were the store's own and changed no pattern.
  void Advance(Lsn lsn);
  // A write failed that may be there after a reopening.
  void Doubt(ModelState state) { doubt_ = std::make_shared<ModelState>(std::move(state)); }
  // A store was opened at `lsn` and holds `state`, one of Candidates(lsn): what lies behind is
  // lost.
  void Settle(Lsn lsn, const ModelState& state);

 private:
  // Each holds from its LSN on.
  std::vector<std::pair<Lsn, std::shared_ptr<const ModelState>>> states_;
  std::shared_ptr<const ModelState> doubt_;
  Lsn last_ = Lsn::kNone;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_CRASH_MODEL_H_
