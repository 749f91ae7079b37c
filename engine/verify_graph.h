// Whether the graph on the pages, as they are after redo, is one that the linker leaves: lists of
// links at every level (I9), upper blocks and who owns them, the entry point, and that every live
// node is reached from it (I8a, docs/hnsw.md, "Reachability"). No link is followed before its
// bounds are checked, and nothing is said of what hangs on bad pages.
// Leaves to others: what else is in a node (verify_nodes.h). Memory: some 20 bytes a slot.
// Threads: one thread. Implements docs/recovery.md, "What verify proves".
#ifndef ENGRAM_ENGINE_VERIFY_GRAPH_H_
#define ENGRAM_ENGINE_VERIFY_GRAPH_H_

#include "engine/core.h"
#include "engine/verify_findings.h"
#include "engine/verify_pages.h"

namespace engram {

// Looks at every list, upper block and node once or twice, whatever their number.
void CheckGraph(const Core& core, const StoreState& state, const BadPages& bad, Findings& findings);

}  // namespace engram

#endif  // ENGRAM_ENGINE_VERIFY_GRAPH_H_
