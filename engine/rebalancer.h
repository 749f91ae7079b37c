// Finds the nodes of the graph that are linked worst, and links them anew: looks for their
// neighbours as an insert does, without the writer role, and commits a few at a time under it. Each
// commit leaves a graph as good as any, so a crash or a cancellation only ends the work. Leaves to
// others: choosing the links (index/linker_relink.cc), measuring before and after (engine.h).
// Threads: one thread, while others write and read. Implements docs/hnsw.md, "Rebalancing".
#ifndef ENGRAM_ENGINE_REBALANCER_H_
#define ENGRAM_ENGINE_REBALANCER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include <engram/rebalance.h>
#include <engram/status.h>

#include "engine/checkpointer.h"
#include "engine/core.h"
#include "engine/maintenance.h"
#include "engine/writer.h"

namespace engram {

// Whether a narrow walk for the node's own vector finds it, a copy of it, or enough that is as
// near. Pre: pinned since before `graph` and `entry` were taken.
bool FindsItself(const Graph& graph, EntryPoint entry, Metric metric, SlotId slot);

class Rebalancer {
 public:
  Rebalancer(Core& core, Writer& writer, Checkpointer& checkpointer, Maintenance& maintenance)
      : core_(core), writer_(writer), checkpointer_(checkpointer), maintenance_(maintenance) {}

  // Fills all of `report` but what was measured. Errors: kCancelled, and what a commit may meet;
  // what was linked anew until then stays so.
  Status Run(const RebalanceOptions& options, RebalanceReport& report);

 private:
  // A node that is badly linked; the first is the worst.
  struct BadNode {
    bool found = true;            // by its own vector
    std::uint32_t links_in = 0;   // from live nodes
    std::uint32_t links_out = 0;  // to live nodes
    SlotId slot = SlotId::kNone;
    PatternId id = 0;
    Lsn version = Lsn::kNone;
    friend auto operator<=>(const BadNode&, const BadNode&) = default;
  };

  Status CountLinksIn();
  Status LookAtAll();
  Status LookAt(std::uint32_t begin, std::uint32_t end);
  void ChooseWorst();
  Status RelinkWorst();
  Status RelinkSome(std::size_t begin, std::size_t end);
  Status TellProgress() const;

  Core& core_;
  Writer& writer_;
  Checkpointer& checkpointer_;
  Maintenance& maintenance_;
  const RebalanceOptions* options_ = nullptr;
  RebalanceReport* report_ = nullptr;
  RebalanceProgress progress_;
  std::uint64_t most_ = 0;               // to be linked anew
  std::vector<std::uint16_t> links_in_;  // by slot, from live nodes, as far as a number goes
  std::vector<BadNode> bad_;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_REBALANCER_H_
