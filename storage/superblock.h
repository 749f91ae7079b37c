// The superblock pair: sealing, checking, and which one counts.
// Threads: pure functions.
// Implements docs/file-format.md, "Superblock".
#ifndef ENGRAM_STORAGE_SUPERBLOCK_H_
#define ENGRAM_STORAGE_SUPERBLOCK_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <engram/result.h>

#include "storage/base/file.h"
#include "storage/page_format.h"

namespace engram {

// Pages are never larger; keeps a number read from disk from being used as any size.
inline constexpr std::uint32_t kMaxPageBytes = 4u << 20;

// A checkpoint as the page file holds it.
struct CheckpointRoot {
  Superblock superblock{};
  std::vector<ExtentEntry> extents;
  // Of the checkpoint before, where the other slot is valid too: its LSN, and what it names.
  std::optional<Lsn> older_lsn;
  std::vector<ExtentEntry> older_extents;
};

// Sets the checksum.
void SealSuperblock(Superblock& superblock);

// Checks one slot's block. Errors: kCorruptedIndex (magic, checksum, address, reserved bytes, a
// parameter or a state out of range), kNotSupported (a newer format version, an unknown required
// feature; only where the checksum is right). Messages start with `path`.
Status CheckSuperblock(const Superblock& superblock, unsigned slot, const std::string& path);

// Reads and checks a slot: the superblock and the table that it names, without which it does not
// count. `file_bytes` is the file's size.
Result<CheckpointRoot> ReadSuperblockSlot(const File& file, unsigned slot,
                                          std::uint64_t file_bytes);

// Reads both slots and returns the valid one with the larger checkpoint. Errors: kCorruptedIndex
// with the reasons of both where neither is valid, or where both are and cannot belong together;
// kNotSupported of either slot wins.
Result<CheckpointRoot> ReadSuperblocks(const File& file);

}  // namespace engram

#endif  // ENGRAM_STORAGE_SUPERBLOCK_H_
