// Values of raw structures as text, for dump.cc.
// Threads: pure functions.
#ifndef ENGRAM_ENGINE_DUMP_TEXT_H_
#define ENGRAM_ENGINE_DUMP_TEXT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <engram/types.h>

#include "engine/dump.h"
#include "storage/base/ids.h"
#include "storage/corruption.h"

namespace engram {

// The value, and what is wrong with it.
std::string HexOrWrong(std::uint64_t found, std::uint64_t expected);
std::string NumberOrWrong(std::uint64_t found, std::uint64_t expected);
// "zero", or "not zero (wrong)".
std::string Reserved(std::span<const std::byte> bytes);
// "2026-11-23 10:52:24.000123 (1795431144000123)".
std::string TimeText(std::int64_t us);
std::string SlotText(SlotId slot);  // "none" for kNone
std::string SegmentText(SegmentKind segment);
std::string_view StateText(SlotState state);
// "0: 17, 1: clear, 2: 4": positions in use, and any behind them that is not clear.
std::string LinksText(std::span<const SlotId> positions, std::size_t count);
// The first few components, and how many there are.
std::string VectorText(VectorView vector);

}  // namespace engram

#endif  // ENGRAM_ENGINE_DUMP_TEXT_H_
