// How a store's pages are held, and how much memory they may take.
// Threads: as each says. Implements docs/architecture.md, "Pages in memory".
#ifndef ENGRAM_ENGINE_RESIDENCY_H_
#define ENGRAM_ENGINE_RESIDENCY_H_

#include <cstdint>

#include <engram/status.h>

#include "engine/core.h"

namespace engram {

// Sets core.residency by the options, the budget and what the directory's file system can. Pre:
// page file and layout are there; nobody else sees the store. Errors: kInvalidArgument, where the
// budget is below the least that the store needs; kNotSupported, where it must be mapped and
// cannot.
Status ChooseResidency(Core& core);

// Above it pages that stay in memory are near the end of the budget, and the store is better
// mapped.
constexpr std::uint64_t NearlyAll(std::uint64_t budget) { return budget / 8 * 7; }

// Of a mapped store: how many bytes of changed pages, which the system cannot take back, may lie in
// memory before a write waits for a checkpoint. A third of what the budget leaves beside the pages
// that always are. Any thread.
std::uint64_t HardCopyLimit(const Core& core);
// A checkpoint is due at half of it.
inline std::uint64_t SoftCopyLimit(const Core& core) { return HardCopyLimit(core) / 2; }

}  // namespace engram

#endif  // ENGRAM_ENGINE_RESIDENCY_H_
