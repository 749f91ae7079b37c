// A round of the audit on its way (index/linker_audit.cc): which lists it has counted, and what
// they say. Threads: the holder of the writer role. Implements docs/hnsw.md, "Audit".
#ifndef ENGRAM_INDEX_AUDIT_ROUND_H_
#define ENGRAM_INDEX_AUDIT_ROUND_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "storage/base/ids.h"

namespace engram {

// What a round has found and put right.
struct AuditReport {
  std::uint64_t looked_at = 0;  // nodes, live and dead
  std::uint64_t mended = 0;     // of these, with anything of the following
  std::uint64_t links = 0;      // that led nowhere, to a lower level, to their own node, or twice
  std::uint64_t counts = 0;     // of parents, that were wrong
  std::uint64_t adopted = 0;    // nodes without a parent that have one now
  std::uint64_t entries = 0;    // entry points that did not rank above all others
};

struct AuditRound {
  // Whether changes of the list of `base` are counted here: it was looked at, or is newer than the
  // round, so that all its links have come since.
  bool Counts(SlotId base) const {
    const auto number = static_cast<std::uint32_t>(base);
    return number < next || number >= end;
  }
  std::uint32_t& parents(SlotId slot) { return counted[static_cast<std::uint32_t>(slot)]; }

  std::uint32_t next = 0;      // slots below it were looked at
  std::uint32_t end = 0;       // slots there were when the round began
  std::uint32_t compared = 0;  // counts below it were compared
  std::uint32_t sick_end = 0;  // where looking has stopped: slots to be mended lie below it
  // Of each live slot: the live nodes above it among those that are counted whose lists name it.
  std::vector<std::uint32_t> counted;
  std::vector<SlotId> orphans;  // live nodes without a parent
  bool ordered = true;          // `orphans` is, by rank, the highest at the end
  AuditReport report;
};

}  // namespace engram

#endif  // ENGRAM_INDEX_AUDIT_ROUND_H_
