// A graph in memory alone, and what must hold of it: node, upper and slot segments that a test
// fills, and the checks of docs/hnsw.md, "Reachability".
// Threads: one writer, many readers.
#ifndef ENGRAM_TESTS_INDEX_GRAPH_FIXTURE_H_
#define ENGRAM_TESTS_INDEX_GRAPH_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "index/graph.h"
#include "index/linker.h"
#include "index/metric.h"
#include "index/neighbor_list.h"
#include "storage/base/aligned_buffer.h"
#include "storage/slot_bits.h"

namespace engram {

struct MemoryGraphShape {
  std::uint32_t dimensions = 2;
  std::uint32_t m = 4;
  std::uint32_t slots = 100;
  std::uint32_t upper_blocks = 100;
};

class MemoryGraph : public LinkSink {
 public:
  explicit MemoryGraph(const MemoryGraphShape& shape);

  Graph graph() const;
  const NodeLayout& layout() const { return layout_; }

  // A live node without links at any level, in the given slot, which must be free.
  void Write(SlotId slot, PatternId id, VectorView vector, std::uint32_t level = 0,
             Lsn from = Lsn{1});
  void End(SlotId slot, Lsn to);
  // The slot and its upper blocks are free.
  void Free(SlotId slot);
  void SetState(SlotId slot, SlotState state);

  NodeView Node(SlotId slot) { return {nodes_.data() + layout_.OffsetInSegment(slot), layout_}; }
  UpperView Upper(std::uint32_t block);
  // The list of a node that reaches the level.
  Links LinksOf(SlotId slot, std::uint32_t level);
  // All of a list: neighbours at positions 0, 1, ...
  void SetList(SlotId slot, std::uint32_t level, const std::vector<SlotId>& neighbours);

  // Makes the change; remembers the first that breaks I9 or I13.
  void SetLinks(SlotId slot, std::uint32_t level, const ListChange& change) override;
  std::uint64_t changes() const { return changes_; }
  // What a test spoiled is mended: only what is wrong from now on counts.
  void ForgetWrong() { wrong_.clear(); }

  // Empty, or the first thing that is wrong: I8a, I8b, I9, I13 and both rules of docs/hnsw.md.
  std::string Check(EntryPoint entry) const;
  // Whether each live node but the entry point has a link to a live one that ranks above it.
  std::string CheckWaysUp(EntryPoint entry) const;

  std::vector<SlotId> Live() const;
  // Everything that links say, to be compared.
  std::vector<std::uint32_t> AllLinks() const;
  // Distances from the query to what is live, nearest first.
  std::vector<Candidate> BruteForce(const QueryScorer& query) const;

 private:
  std::string CheckList(SlotId slot, std::uint32_t level) const;

  const MemoryGraphShape shape_;
  const NodeLayout layout_;
  AlignedBuffer nodes_;
  AlignedBuffer upper_;
  AlignedBuffer states_;
  std::vector<std::uint32_t> free_upper_;
  std::uint64_t changes_ = 0;
  std::string wrong_;
};

// How the vectors of a history are made.
enum class VectorKind { kRandom, kDuplicates, kAllEqual, kClusters, kSorted, kHub };

const char* NameOf(VectorKind kind);

// Threads: one thread.
class VectorMaker {
 public:
  VectorMaker(VectorKind kind, std::uint32_t dimensions, std::uint64_t seed)
      : kind_(kind), dimensions_(dimensions), random_(seed) {}

  std::vector<float> Next();
  std::vector<std::vector<float>> Many(std::size_t count);

 private:
  const VectorKind kind_;
  const std::uint32_t dimensions_;
  std::mt19937_64 random_;
  std::uint32_t made_ = 0;
};

// A graph in memory with the linker that links it, and a sweep as the engine has one.
// Threads: one thread; `run` may have more.
class LinkedGraph {
 public:
  LinkedGraph(const MemoryGraphShape& shape, const LinkerOptions& options)
      : memory_(shape), linker_(options), free_(FreeSlots(shape.slots)) {}

  MemoryGraph& memory() { return memory_; }
  Linker& linker() { return linker_; }
  Graph graph() const { return memory_.graph(); }
  std::size_t room() const { return free_.size(); }

  // One commit. `near` is empty or has one for each vector.
  std::vector<SlotId> Insert(const std::vector<std::vector<float>>& vectors,
                             const std::vector<FoundNear>& near = {},
                             const RunTasks& run = RunHere);
  // What a caller finds before it queues.
  FoundNear FindNear(const std::vector<float>& vector) const;
  void End(SlotId slot);

  // One step of a sweep: begins a round, heals some slots, or, behind the last, frees the doomed;
  // Check() then says where a link still leads to one of these.
  void Sweep(std::uint32_t slots);
  bool sweeping() const { return !doomed_.empty(); }

  std::string Check() const;

  static void RunHere(std::size_t tasks, const std::function<void(std::size_t)>& body) {
    for (std::size_t i = 0; i < tasks; ++i) body(i);
  }

 private:
  static std::vector<SlotId> FreeSlots(std::uint32_t slots);
  void Retire();

  MemoryGraph memory_;
  Linker linker_;
  std::vector<SlotId> free_;  // the next one at the end
  std::vector<SlotId> dead_;
  std::vector<SlotId> doomed_;  // of the round
  std::uint32_t next_healed_ = 0;
  PatternId next_id_ = 1;
  std::uint64_t lsn_ = 0;
};

// As many threads as it says, the caller's included, for each Run(). Threads: one thread.
RunTasks RunOnThreads(std::size_t threads);

}  // namespace engram

#endif  // ENGRAM_TESTS_INDEX_GRAPH_FIXTURE_H_
