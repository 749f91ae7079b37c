// Where the two bits of a slot's state lie in the pages of a slots segment, and how they are read
// and set: behind each page's header come 64-bit words, little-endian, of 32 slots each, the first
// slot in the lowest bits.
// Leaves to others: who may change a state, counts and the free list (storage/slot_map.h).
// Threads: one writer, many readers. Implements docs/file-format.md, "Slots page".
#ifndef ENGRAM_STORAGE_SLOT_BITS_H_
#define ENGRAM_STORAGE_SLOT_BITS_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "storage/base/ids.h"
#include "storage/page_format.h"

namespace engram {

inline constexpr std::uint32_t kSlotsPerWord = 32;
static_assert(kSlotsPerPage % kSlotsPerWord == 0, "no word crosses a page");
static_assert(kPageHeaderBytes % sizeof(std::uint64_t) == 0);
static_assert(std::endian::native == std::endian::little);

// A slot's place. `slot` is a number within the segment described, nodes or upper blocks.
constexpr PageId SlotBitsPage(std::uint32_t slot) {
  return static_cast<PageId>(slot / kSlotsPerPage);
}
// Of its word, from the start of its page.
constexpr std::size_t SlotBitsOffsetInPage(std::uint32_t slot) {
  return kPageHeaderBytes + slot % kSlotsPerPage / kSlotsPerWord * sizeof(std::uint64_t);
}
constexpr unsigned SlotBitsShift(std::uint32_t slot) { return slot % kSlotsPerWord * 2; }

constexpr SlotState SlotStateIn(std::uint64_t word, std::uint32_t slot) {
  return static_cast<SlotState>(word >> SlotBitsShift(slot) & 3);
}

// The word that holds `slot`; `base` is where page 0 of the slots segment is mapped, the others
// behind it.
inline std::uint64_t* SlotWord(std::byte* base, std::uint32_t slot) {
  return reinterpret_cast<std::uint64_t*>(base + std::size_t{slot / kSlotsPerPage} * kBlockBytes +
                                          SlotBitsOffsetInPage(slot));
}

// The states of the 32 slots around `slot`. What was written to a block before its slot was given a
// state is visible to whoever sees that state.
inline std::uint64_t LoadSlotWord(const std::byte* base, std::uint32_t slot) {
  // atomic_ref of C++20 takes no const object; a load does not write.
  std::uint64_t* word = SlotWord(const_cast<std::byte*>(base), slot);
  return std::atomic_ref(*word).load(std::memory_order_acquire);  // pairs with StoreSlotState()
}

inline SlotState LoadSlotState(const std::byte* base, std::uint32_t slot) {
  return SlotStateIn(LoadSlotWord(base, slot), slot);
}

// Pre: the caller is the writer: nobody else stores into the same segment meanwhile.
inline void StoreSlotState(std::byte* base, std::uint32_t slot, SlotState state) {
  const std::atomic_ref word(*SlotWord(base, slot));
  const std::uint64_t others = word.load(std::memory_order_relaxed) &  // only the writer stores
                               ~(std::uint64_t{3} << SlotBitsShift(slot));
  word.store(others | std::uint64_t{static_cast<std::uint8_t>(state)} << SlotBitsShift(slot),
             std::memory_order_release);  // pairs with LoadSlotWord()
}

}  // namespace engram

#endif  // ENGRAM_STORAGE_SLOT_BITS_H_
