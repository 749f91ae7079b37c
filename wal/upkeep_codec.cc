#include "wal/upkeep_codec.h"

#include <string>
#include <vector>

#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "wal/vector_codec.h"

namespace engram {
namespace {

namespace schema = record_schema;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::uoffset_t;

// Table, vtable, progress, and length and alignment of each vector.
constexpr std::uint64_t kOverhead = 256;

bool IsAlignedTo(std::size_t alignment, const void* at) {
  return reinterpret_cast<std::uintptr_t>(at) % alignment == 0;
}

bool AllAligned(const schema::Upkeep& from) {
  const bool clock = from.clock_erases() == nullptr ||
                     IsAlignedTo(sizeof(std::int64_t), from.clock_erases()->Data());
  return clock && IsAlignedTo(alignof(schema::Progress), from.progress()) &&
         IsAligned(from.cuts()) && IsAligned(from.voids()) && IsAligned(from.snapshots());
}

// Nothing for an empty one, as for all vectors of a payload.
template <typename Struct>
flatbuffers::Offset<flatbuffers::Vector<const Struct*>> Structs(FlatBufferBuilder& builder,
                                                                const std::vector<Struct>& from) {
  return from.empty() ? 0 : builder.CreateVectorOfStructs(from);
}

template <typename Number>
flatbuffers::Offset<flatbuffers::Vector<Number>> Numbers(FlatBufferBuilder& builder,
                                                         const std::vector<Number>& from) {
  return from.empty() ? 0 : builder.CreateVector(from);
}

Status ReadCuts(const schema::Upkeep& from, UpkeepRecord& record) {
  for (uoffset_t i = 0; i < SizeOf(from.cuts()); ++i) {
    const schema::Cut& cut = *from.cuts()->Get(i);
    if (cut.segment() < Raw(SegmentKind::kNodes) || cut.segment() > kSegments) {
      return BadLogRecord("cut of segment " + std::to_string(cut.segment()) + ", expected 1 to " +
                          std::to_string(kSegments));
    }
    record.cuts.push_back({static_cast<SegmentKind>(cut.segment()), cut.pages()});
  }
  return {};
}

Status ReadSnapshots(const schema::Upkeep& from, UpkeepRecord& record) {
  uoffset_t at = 0;
  const uoffset_t bytes = SizeOf(from.snapshot_names());
  for (uoffset_t i = 0; i < SizeOf(from.snapshots()); ++i) {
    const schema::Snapshot& snapshot = *from.snapshots()->Get(i);
    if (snapshot.name_bytes() == 0 || snapshot.name_bytes() > bytes - at) {
      return BadLogRecord("lengths of snapshot names do not add up to the bytes there are");
    }
    const auto* name = reinterpret_cast<const char*>(from.snapshot_names()->Data()) + at;
    at += snapshot.name_bytes();
    record.snapshots.push_back(
        {{name, snapshot.name_bytes()}, static_cast<Lsn>(snapshot.lsn()), snapshot.taken_us()});
  }
  if (at == bytes) return {};
  return BadLogRecord("lengths of snapshot names do not add up to the bytes there are");
}

}  // namespace

std::uint64_t UpkeepBytes(const UpkeepRecord& record) {
  if (record.empty()) return 0;
  std::uint64_t bytes = kOverhead;
  bytes += record.cuts.size() * sizeof(schema::Cut);
  bytes += record.voids.size() * sizeof(schema::End);
  bytes += record.wipes.size() * sizeof(std::uint32_t);
  bytes += record.clock_erases.size() * sizeof(std::int64_t);
  for (const SnapshotRecord& r : record.snapshots) {
    bytes += sizeof(schema::Snapshot) + r.name.size();
  }
  return bytes;
}

flatbuffers::Offset<schema::Upkeep> BuildUpkeep(FlatBufferBuilder& builder,
                                                const UpkeepRecord& record) {
  std::vector<schema::Cut> cuts;
  for (const CutRecord& r : record.cuts) cuts.emplace_back(r.pages, Raw(r.segment));
  std::vector<schema::End> voids;
  for (const EndRecord& r : record.voids) voids.emplace_back(r.id, Raw(r.version), Raw(r.slot));
  std::vector<std::uint32_t> wipes;
  for (const SlotId slot : record.wipes) wipes.push_back(Raw(slot));
  std::vector<schema::Snapshot> snapshots;
  std::string names;
  for (const SnapshotRecord& r : record.snapshots) {
    snapshots.emplace_back(Raw(r.lsn), r.taken_us, static_cast<std::uint32_t>(r.name.size()));
    names += r.name;
  }
  const std::vector<std::uint8_t> name_bytes(names.begin(), names.end());
  const auto made_cuts = Structs(builder, cuts);
  const auto made_voids = Structs(builder, voids);
  const auto made_wipes = Numbers(builder, wipes);
  const auto made_clock = Numbers(builder, record.clock_erases);
  const auto made_snapshots = Structs(builder, snapshots);
  const auto made_names = Numbers(builder, name_bytes);
  schema::Progress progress;
  if (record.progress) {
    progress = {Raw(record.progress->horizon), Raw(record.progress->sweep_through),
                record.progress->sweep_next};
  }
  return schema::CreateUpkeep(builder, record.progress ? &progress : nullptr, made_cuts, made_voids,
                              made_wipes, made_clock, made_snapshots, made_names,
                              record.keeps_clock);
}

Status ReadUpkeep(const schema::Upkeep& from, UpkeepRecord& record) {
  if (!AllAligned(from)) return BadLogRecord("a vector of the upkeep is not aligned");
  if (const schema::Progress* progress = from.progress()) {
    record.progress = {static_cast<Lsn>(progress->horizon()),
                       static_cast<Lsn>(progress->sweep_through()), progress->sweep_next()};
  }
  ENGRAM_RETURN_IF_ERROR(ReadCuts(from, record));
  for (uoffset_t i = 0; i < SizeOf(from.voids()); ++i) {
    const schema::End& end = *from.voids()->Get(i);
    record.voids.push_back(
        {static_cast<SlotId>(end.slot()), end.id(), static_cast<Lsn>(end.version())});
  }
  for (uoffset_t i = 0; i < SizeOf(from.wipes()); ++i) {
    record.wipes.push_back(static_cast<SlotId>(from.wipes()->Get(i)));
  }
  for (uoffset_t i = 0; i < SizeOf(from.clock_erases()); ++i) {
    record.clock_erases.push_back(from.clock_erases()->Get(i));
  }
  ENGRAM_RETURN_IF_ERROR(ReadSnapshots(from, record));
  record.keeps_clock = record.keeps_clock || from.keeps_clock();
  return {};
}

}  // namespace engram
