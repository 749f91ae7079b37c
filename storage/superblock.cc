#include "storage/superblock.h"

#include <span>
#include <utility>

#include "storage/base/aligned_buffer.h"
#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/corruption.h"
#include "storage/extent_table.h"

namespace engram {
namespace {

std::uint64_t SuperblockChecksum(const Superblock& superblock) {
  return Checksum64(AsBytes(superblock).subspan(sizeof(superblock.checksum)));
}

std::string Where(const std::string& path, unsigned slot) {
  return path + ": superblock " + std::to_string(slot);
}

std::string Range(std::uint64_t from, std::uint64_t to) {
  return std::to_string(from) + " to " + std::to_string(to);
}

Status CheckVersionAndFeatures(const Superblock& superblock, const std::string& where) {
  if (superblock.format_version < kOldestFormatVersion ||
      superblock.format_version > kFormatVersion) {
    return Status::NotSupported(
        where + ": format version " + std::to_string(superblock.format_version) +
        ", this build reads versions " + Range(kOldestFormatVersion, kFormatVersion) +
        ": open it with the Engram that made it, or a newer one");
  }
  const std::uint64_t unknown = superblock.required_features & ~kKnownRequiredFeatures;
  if (unknown != 0) {
    return Status::NotSupported(where + ": the store needs features " + Hex(unknown) +
                                ", which this build does not know: open it with the Engram that "
                                "made it, or a newer one");
  }
  return Status::Ok();
}

Status CheckParameters(const StoreParameters& parameters, const std::string& where) {
  if (parameters.dimensions < 1 || parameters.dimensions > kMaxDimensions) {
    return UnexpectedNumber(where, "dimensions", parameters.dimensions, Range(1, kMaxDimensions));
  }
  if (parameters.m < kMinM || parameters.m > kMaxM) {
    return UnexpectedNumber(where, "m", parameters.m, Range(kMinM, kMaxM));
  }
  const auto metric = Raw(parameters.metric);
  if (metric < Raw(Metric::kL2) || metric > Raw(Metric::kInnerProduct)) {
    return UnexpectedNumber(where, "metric", metric,
                            Range(Raw(Metric::kL2), Raw(Metric::kInnerProduct)));
  }
  if (parameters.code_bits > kMaxCodeBits) {
    return UnexpectedNumber(where, "code bits", parameters.code_bits, Range(0, kMaxCodeBits));
  }
  if (parameters.page_bytes == 0 || parameters.page_bytes % kBlockBytes != 0 ||
      parameters.page_bytes > kMaxPageBytes) {
    return UnexpectedNumber(where, "page bytes", parameters.page_bytes,
                            "a multiple of 4096 up to " + std::to_string(kMaxPageBytes));
  }
  // Room for the header and one image, padded.
  const std::uint64_t least_blocks = 2 + parameters.page_bytes / kBlockBytes;
  if (parameters.journal_blocks < least_blocks) {
    return UnexpectedNumber(where, "journal blocks", parameters.journal_blocks,
                            "at least " + std::to_string(least_blocks));
  }
  if (!AllZero(std::as_bytes(std::span(parameters.reserved0))) || parameters.reserved1 != 0) {
    return Unexpected(where, "reserved bytes of the parameters", "not zero", "zero");
  }
  return Status::Ok();
}

Status CheckDefaults(const StoreDefaults& defaults, const std::string& where) {
  if (defaults.max_elements > kMostElements) {
    return UnexpectedNumber(where, "max_elements", defaults.max_elements,
                            "at most " + std::to_string(kMostElements));
  }
  for (const auto& [name, value] :
       {std::pair("ef_construction", defaults.ef_construction), std::pair("ef", defaults.ef)}) {
    if (value > kMaxEf) {
      return UnexpectedNumber(where, name, value, "at most " + std::to_string(kMaxEf));
    }
  }
  return Status::Ok();
}

Status CheckProgress(const Superblock& superblock, const std::string& where) {
  const StoreProgress& progress = superblock.progress;
  if (superblock.format_version < 2) {
    if (progress == StoreProgress{}) return Status::Ok();
    return Unexpected(where, "progress of a store of version 1", "not zero", "zero");
  }
  for (const auto& [name, lsn] : {std::pair("horizon", progress.horizon),
                                  std::pair("doomed through", progress.sweep_through)}) {
    if (lsn > superblock.lsn) {
      return UnexpectedNumber(where, name, Raw(lsn),
                              "at most " + std::to_string(Raw(superblock.lsn)) + " (its LSN)");
    }
  }
  if (progress.sweep_next > superblock.state.node_slots) {
    return UnexpectedNumber(
        where, "swept slots", progress.sweep_next,
        "at most " + std::to_string(superblock.state.node_slots) + " (slots ever used)");
  }
  if (progress.reserved != 0) {
    return UnexpectedNumber(where, "reserved bytes of the progress", progress.reserved, "0");
  }
  return Status::Ok();
}

Status CheckState(const StoreState& state, const std::string& where) {
  if (state.live > state.node_slots || state.dead > state.node_slots - state.live) {
    return Unexpected(
        where, "patterns",
        std::to_string(state.live) + " live and " + std::to_string(state.dead) + " dead",
        "at most " + std::to_string(state.node_slots) + " (slots ever used)");
  }
  if (state.next_id > state.reserved_id) {
    return UnexpectedNumber(where, "next id", state.next_id,
                            "at most " + std::to_string(state.reserved_id) + " (reserved ids)");
  }
  if (state.entry_point != SlotId::kNone && Raw(state.entry_point) >= state.node_slots) {
    return UnexpectedNumber(where, "entry point", Raw(state.entry_point),
                            "a slot below " + std::to_string(state.node_slots));
  }
  const std::uint32_t max_level = state.entry_point == SlotId::kNone ? 0 : kMaxLevel;
  if (state.top_level > max_level) {
    return UnexpectedNumber(where, "top level", state.top_level, Range(0, max_level));
  }
  return Status::Ok();
}

// Two valid slots are two checkpoints of one store, the later one with the larger numbers.
Status CheckPair(const Superblock& older, const Superblock& newer, const std::string& path) {
  const std::string where = path + ": superblocks";
  if (older.store_id != newer.store_id) {
    return UnexpectedHex(where, "store id", newer.store_id, older.store_id);
  }
  if (older.checkpoint == newer.checkpoint) {
    return UnexpectedNumber(where, "checkpoint", newer.checkpoint, "another one in each slot");
  }
  if (older.parameters != newer.parameters || older.defaults != newer.defaults ||
      older.created_us != newer.created_us) {
    return Unexpected(where, "parameters", "differ", "the same in both slots");
  }
  if (older.lsn > newer.lsn) {
    return UnexpectedNumber(where, "LSN of the newer", Raw(newer.lsn),
                            "at least " + std::to_string(Raw(older.lsn)) + " (the older's)");
  }
  return Status::Ok();
}

// Why the file cannot be used. A file without a single magic is more likely the wrong file than a
// damaged one.
Status NeitherSlot(const File& file, const Status& first, const Status& second) {
  bool has_magic = false;
  for (unsigned slot = 0; slot < 2; ++slot) {
    std::byte bytes[sizeof(std::uint64_t)];
    ENGRAM_RETURN_IF_ERROR(
        ReadExactly(file, SuperblockOffset(slot) + offsetof(Superblock, magic), bytes));
    has_magic = has_magic || LoadAs<std::uint64_t>(bytes) == kSuperblockMagic;
  }
  const std::string what =
      has_magic ? " has no valid superblock: " : " is not an Engram page file: ";
  return Status::CorruptedIndex(file.path() + what + std::string(first.message()) + "; " +
                                std::string(second.message()));
}

}  // namespace

void SealSuperblock(Superblock& superblock) {
  superblock.checksum = SuperblockChecksum(superblock);
}

Status CheckSuperblock(const Superblock& superblock, unsigned slot, const std::string& path) {
  const std::string where = Where(path, slot);
  if (AllZero(AsBytes(superblock))) return Status::CorruptedIndex(where + ": never written");
  if (superblock.magic != kSuperblockMagic) {
    return UnexpectedHex(where, "magic", superblock.magic, kSuperblockMagic);
  }
  const std::uint64_t checksum = SuperblockChecksum(superblock);
  if (superblock.checksum != checksum) {
    return UnexpectedHex(where, "checksum", superblock.checksum, checksum);
  }
  ENGRAM_RETURN_IF_ERROR(CheckVersionAndFeatures(superblock, where));
  if (superblock.slot != slot) {
    return UnexpectedNumber(where, "slot", superblock.slot, std::to_string(slot));
  }
  if (superblock.store_id == 0) return UnexpectedNumber(where, "store id", 0, "another number");
  if (superblock.checkpoint == 0) return UnexpectedNumber(where, "checkpoint", 0, "at least 1");
  ENGRAM_RETURN_IF_ERROR(CheckParameters(superblock.parameters, where));
  ENGRAM_RETURN_IF_ERROR(CheckState(superblock.state, where));
  ENGRAM_RETURN_IF_ERROR(CheckDefaults(superblock.defaults, where));
  ENGRAM_RETURN_IF_ERROR(CheckProgress(superblock, where));
  if (!AllZero(std::as_bytes(std::span(superblock.reserved)))) {
    return Unexpected(where, "reserved bytes", "not zero", "zero");
  }
  return Status::Ok();
}

Result<CheckpointRoot> ReadSuperblockSlot(const File& file, unsigned slot,
                                          std::uint64_t file_bytes) {
  AlignedBuffer block(kBlockBytes);
  ENGRAM_RETURN_IF_ERROR(ReadExactly(file, SuperblockOffset(slot), block.span()));
  CheckpointRoot root;
  root.superblock = LoadAs<Superblock>(block.data());
  ENGRAM_RETURN_IF_ERROR(CheckSuperblock(root.superblock, slot, file.path()));
  ENGRAM_ASSIGN_OR_RETURN(root.extents, ReadExtentTable(file, root.superblock, file_bytes));
  return root;
}

Result<CheckpointRoot> ReadSuperblocks(const File& file) {
  ENGRAM_ASSIGN_OR_RETURN(const std::uint64_t file_bytes, file.Size());
  if (file_bytes < kFirstExtentOffset) {
    return Status::CorruptedIndex(
        file.path() + " is not an Engram page file, or was cut: " + std::to_string(file_bytes) +
        " bytes, expected at least " + std::to_string(kFirstExtentOffset));
  }
  Result<CheckpointRoot> slots[2] = {ReadSuperblockSlot(file, 0, file_bytes),
                                     ReadSuperblockSlot(file, 1, file_bytes)};
  for (const auto& slot : slots) {
    // A later version may have written this one after the other: the other is not the newest then.
    // Nothing can be said of a slot that could not be read.
    if (slot.code() == Code::kNotSupported || slot.code() == Code::kIoError) return slot.status();
  }
  if (slots[0].ok() && slots[1].ok()) {
    const bool first_is_newer = slots[0]->superblock.checkpoint > slots[1]->superblock.checkpoint;
    Result<CheckpointRoot>& newer = slots[first_is_newer ? 0 : 1];
    CheckpointRoot& older = *slots[first_is_newer ? 1 : 0];
    ENGRAM_RETURN_IF_ERROR(CheckPair(older.superblock, newer->superblock, file.path()));
    newer->older_lsn = older.superblock.lsn;
    newer->older_extents = std::move(older.extents);
    return std::move(newer);
  }
  if (slots[0].ok()) return std::move(slots[0]);
  if (slots[1].ok()) return std::move(slots[1]);
  return NeitherSlot(file, slots[0].status(), slots[1].status());
}

}  // namespace engram
