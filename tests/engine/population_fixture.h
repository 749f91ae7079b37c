// A small engine that patterns come to and leave, at random.
#ifndef ENGRAM_TESTS_ENGINE_POPULATION_FIXTURE_H_
#define ENGRAM_TESTS_ENGINE_POPULATION_FIXTURE_H_

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/engine/engine_fixture.h"
#include "tests/support/graph_check.h"

namespace engram {

class PopulationTest : public EngineTest {
 protected:
  explicit PopulationTest(std::uint64_t seed) : random_(seed) {
    config_.options.search_threads = 1;
    config_.options.durability = Durability::kNone;
  }

  void InsertAll(const std::vector<std::vector<float>>& vectors) {
    std::vector<PendingOp> ops;
    for (const std::vector<float>& vector : vectors) ops.emplace_back(InsertOf(vector));
    const Done done = Commit(std::move(ops), Durability::kNone);
    ASSERT_TRUE(done.status.ok()) << done.status;
    ids_.insert(ids_.end(), done.ids.begin(), done.ids.end());
  }
  void EraseSome(std::size_t count) {
    std::vector<PendingOp> ops;
    for (; count > 0; --count) {
      std::swap(ids_[random_() % ids_.size()], ids_.back());
      ops.emplace_back(PendingErase{ids_.back()});
      ids_.pop_back();
    }
    const Done done = Commit(std::move(ops), Durability::kNone);
    ASSERT_TRUE(done.status.ok()) << done.status;
  }

  // Empty, or what is wrong with the graph.
  std::string CheckGraphNow() {
    MutexLock role(engine_->core().writer_role);
    return CheckGraph(engine_->core(), &shape_);
  }

  std::mt19937_64 random_;
  std::vector<PatternId> ids_;  // that live
  GraphShape shape_;            // as of CheckGraphNow()
};

}  // namespace engram

#endif  // ENGRAM_TESTS_ENGINE_POPULATION_FIXTURE_H_
