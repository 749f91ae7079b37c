// Whether the patterns on the pages, as they are after redo, can be what the writer left: states
// of slots against blocks, vectors, counts. Leaves checksums of pages, the graph and the rows to
// verify.cc, verify_graph.h and verify_rows.h.
// Threads: one thread.
#ifndef ENGRAM_ENGINE_VERIFY_NODES_H_
#define ENGRAM_ENGINE_VERIFY_NODES_H_

#include <cstdint>
#include <vector>

#include <engram/types.h>

#include "engine/core.h"
#include "engine/verify_findings.h"
#include "engine/verify_pages.h"

namespace engram {

// A version that a live or dead slot holds: what its rows must say.
struct StoredVersion {
  PatternId id = 0;
  Lsn version = Lsn::kNone;
  std::int64_t timestamp_us = 0;
  SlotId slot = SlotId::kNone;
  TypeTag type = 0;
  bool live = false;
  std::int64_t expires_us = kNeverExpires;
};

// Checks every slot, but those on pages of `bad`, against `state` and the last commit. Returns
// what the slots hold, by id and version; a version that was moved is where it lies now.
std::vector<StoredVersion> CheckNodes(const Core& core, const StoreState& state, Lsn last,
                                      const BadPages& bad, Findings& findings);

}  // namespace engram

#endif  // ENGRAM_ENGINE_VERIFY_NODES_H_
