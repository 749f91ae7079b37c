#include <random>
#include <string>

#include "engine/recovery.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

std::uint64_t RandomStoreId() {
  std::random_device device;
  std::uint64_t id = 0;
  while (id == 0) id = std::uint64_t{device()} << 32 | device();
  return id;
}

// A directory with a log or rows and no page file lost it: that is no place for a new store.
Status CheckEmpty(Core& core, const std::string& directory) {
  ENGRAM_ASSIGN_OR_RETURN(const std::vector<std::string> names, core.file_system->List(directory));
  if (names.empty()) return Status::Ok();
  return Status::CorruptedIndex(core.GraphPath() + " is missing, but " + directory + " holds " +
                                std::to_string(names.size()) + " files of a store");
}

Superblock FirstSuperblock(const Core& core, const NodeLayout& layout, StoreParameters parameters) {
  Superblock superblock{};
  superblock.store_id = RandomStoreId();
  superblock.created_us = core.clock->NowMicros();
  parameters.page_bytes = layout.page_bytes();
  superblock.parameters = parameters;
  const Options& options = core.options();
  superblock.defaults = {options.max_elements, options.ef_construction, options.ef};
  superblock.state.next_id = 1;
  superblock.state.reserved_id = 1;
  superblock.state.entry_point = SlotId::kNone;
  return superblock;
}

}  // namespace

Status CreateStoreFiles(Core& core) {
  const Options& options = core.options();
  StoreParameters parameters{};
  parameters.seed = options.seed;
  parameters.dimensions = options.dimensions;
  parameters.m = options.m == 0 ? kDefaultM : options.m;
  parameters.metric = options.metric.value_or(kDefaultMetric);
  const std::uint64_t journal_bytes = AlignUp(options.journal_bytes, kBlockBytes);
  parameters.journal_blocks = static_cast<std::uint32_t>(journal_bytes / kBlockBytes);
  ENGRAM_ASSIGN_OR_RETURN(const NodeLayout layout, NodeLayout::Create(parameters));
  FileSystem& fs = *core.file_system;
  for (const std::string& directory : {core.LogPath(), core.MetaPath()}) {
    ENGRAM_RETURN_IF_ERROR(fs.CreateDirectory(directory));
    ENGRAM_RETURN_IF_ERROR(CheckEmpty(core, directory));
  }
  ENGRAM_RETURN_IF_ERROR(Journal::Create(fs, core.JournalPath(), journal_bytes));
  // The other names first: where the page file's is durable, so are they.
  ENGRAM_RETURN_IF_ERROR(fs.SyncDirectory(core.directory));
  ENGRAM_RETURN_IF_ERROR(
      PageFile::Create(fs, core.GraphPath(), FirstSuperblock(core, layout, parameters)));
  return fs.SyncDirectory(core.directory);
}

}  // namespace engram
