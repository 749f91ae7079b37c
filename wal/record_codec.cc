#include "wal/record_codec.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <flatbuffers/flatbuffers.h>

#include "storage/base/check.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "wal/log_format.h"
#include "wal/schema/record_generated.h"
#include "wal/upkeep_codec.h"
#include "wal/vector_codec.h"

namespace engram {
namespace {

namespace schema = record_schema;
using flatbuffers::FlatBufferBuilder;
using ByteVector = flatbuffers::Vector<std::uint8_t>;

// At least the table itself, its vtable, the state, and length and alignment of each vector: what a
// payload takes beside its operations.
constexpr std::size_t kPayloadOverhead = 512;
constexpr std::size_t kVectors = 18;  // of the table
constexpr std::size_t kLengthAndAlignment = 4 + 7;
constexpr std::size_t kOffsets = 4 + 2;  // of a field: in the table and in its vtable
static_assert(sizeof(schema::State) + kVectors * (kLengthAndAlignment + kOffsets) + 64 <=
              kPayloadOverhead);

constexpr std::size_t kBytesPerWord = sizeof(std::uint32_t);
static_assert(kMaxDimensions <= std::numeric_limits<std::uint16_t>::max(), "Insert.vector_words");
static_assert(kUpperBytes == sizeof(schema::Upper) && LinkBytes(0, 0) == sizeof(schema::Links));
static_assert(LinkBytes(1, 1) - LinkBytes(0, 0) == sizeof(std::uint32_t) + 1 + 1);

std::uint32_t Length(std::size_t bytes) {
  ENGRAM_CHECK(bytes <= std::numeric_limits<std::uint32_t>::max());
  return static_cast<std::uint32_t>(bytes);
}

bool HasOrigin(const InsertRecord& r) { return r.is_moved() || r.expires_us != kNeverExpires; }

// What an operation adds to a payload.
std::size_t BytesOf(const ExtentRecord&) { return sizeof(schema::Extent); }
std::size_t BytesOf(const FieldNameRecord& r) { return sizeof(schema::FieldName) + r.name.size(); }
std::size_t BytesOf(const RetireRecord& r) {
  std::size_t bytes = sizeof(schema::Retire);
  for (const FieldKey& key : r.fields) bytes += sizeof(schema::Key) + key.value.size();
  if (r.expires_us != kNeverExpires) bytes += sizeof(schema::Expiry);
  return bytes;
}
std::size_t BytesOf(const EndRecord&) { return sizeof(schema::End); }
std::size_t BytesOf(const InsertRecord& r) {
  const std::size_t origin = HasOrigin(r) ? sizeof(schema::Origin) : 0;
  return sizeof(schema::Insert) + r.vector.size() + r.metadata.size() + origin;
}
std::size_t BytesOf(std::uint32_t) { return sizeof(std::uint32_t); }  // a retired upper block
std::size_t BytesOf(const UpperRecord&) { return kUpperBytes; }
std::size_t BytesOf(const LinkRecord& r) { return LinkBytes(r.sets, r.clears); }

template <typename Record>
std::uint64_t BytesOfAll(const std::vector<Record>& records) {
  std::uint64_t bytes = 0;
  for (const Record& record : records) bytes += BytesOf(record);
  return bytes;
}

// The operations of one payload: a piece of each list.
struct Piece {
  std::span<const ExtentRecord> extents;
  std::span<const FieldNameRecord> field_names;
  std::span<const RetireRecord> retires;
  std::span<const std::uint32_t> upper_retires;
  std::span<const EndRecord> ends;
  std::span<const InsertRecord> inserts;
  std::span<const UpperRecord> uppers;
  std::span<const LinkRecord> links;
  std::span<const LinkSet> link_sets;         // of `links`
  std::span<const std::uint8_t> link_clears;  // the same
};

// Takes records off the front of `rest` until `bytes` reaches `target`.
template <typename Record>
std::span<const Record> TakeUpTo(std::size_t target, std::size_t& bytes,
                                 std::span<const Record>& rest) {
  std::size_t count = 0;
  while (count < rest.size() && bytes < target) bytes += BytesOf(rest[count++]);
  const auto taken = rest.first(count);
  rest = rest.subspan(count);
  return taken;
}

// The first `count` of `rest`, which it loses. The caller's lists may not agree.
template <typename Record>
std::span<const Record> Take(std::size_t count, std::span<const Record>& rest) {
  ENGRAM_CHECK(count <= rest.size());
  const auto taken = rest.first(count);
  rest = rest.subspan(count);
  return taken;
}

// Cuts a commit into pieces of about `target` bytes; at least one.
class Cutter {
 public:
  Cutter(const CommitRecord& record, std::size_t target)
      : rest_{.extents = record.extents,
              .field_names = record.field_names,
              .retires = record.retires,
              .upper_retires = record.upper_retires,
              .ends = record.ends,
              .inserts = record.inserts,
              .uppers = record.uppers,
              .links = record.links,
              .link_sets = record.link_sets,
              .link_clears = record.link_clears},
        target_(target) {}

  bool done() const {
    return rest_.extents.empty() && rest_.field_names.empty() && rest_.retires.empty() &&
           rest_.upper_retires.empty() && rest_.ends.empty() && rest_.inserts.empty() &&
           rest_.uppers.empty() && rest_.links.empty();
  }

  Piece Cut() {
    std::size_t bytes = 0;
    Piece piece;
    piece.extents = TakeUpTo(target_, bytes, rest_.extents);
    piece.field_names = TakeUpTo(target_, bytes, rest_.field_names);
    piece.retires = TakeUpTo(target_, bytes, rest_.retires);
    piece.upper_retires = TakeUpTo(target_, bytes, rest_.upper_retires);
    piece.ends = TakeUpTo(target_, bytes, rest_.ends);
    piece.inserts = TakeUpTo(target_, bytes, rest_.inserts);
    piece.uppers = TakeUpTo(target_, bytes, rest_.uppers);
    piece.links = TakeUpTo(target_, bytes, rest_.links);
    std::size_t sets = 0;
    std::size_t clears = 0;
    for (const LinkRecord& r : piece.links) {
      sets += r.sets;
      clears += r.clears;
    }
    piece.link_sets = Take(sets, rest_.link_sets);
    piece.link_clears = Take(clears, rest_.link_clears);
    ENGRAM_CHECK(!rest_.links.empty() || (rest_.link_sets.empty() && rest_.link_clears.empty()));
    return piece;
  }

 private:
  Piece rest_;
  const std::size_t target_;
};

// A vector of `size` elements, filled end to end by `fill(std::byte* to)`, which returns what it
// wrote behind.
template <typename Element, typename Fill>
flatbuffers::Offset<flatbuffers::Vector<Element>> Concatenate(FlatBufferBuilder& builder,
                                                              std::size_t size, Fill fill) {
  if (size == 0) return 0;
  Element* to = nullptr;
  const auto vector = builder.CreateUninitializedVector<Element>(size, &to);
  auto* begin = reinterpret_cast<std::byte*>(to);
  const std::byte* end = fill(begin);
  ENGRAM_CHECK(end == begin + size * sizeof(Element));
  return vector;
}

std::byte* Put(std::byte* to, const void* bytes, std::size_t size) {
  if (size != 0) std::memcpy(to, bytes, size);
  return to + size;
}

// One struct for each of `records`.
template <typename Struct, typename Record, typename Make>
flatbuffers::Offset<flatbuffers::Vector<const Struct*>> Structs(FlatBufferBuilder& builder,
                                                                std::span<const Record> records,
                                                                Make make) {
  if (records.empty()) return 0;
  return builder.CreateVectorOfStructs<Struct>(
      records.size(), [&](std::size_t i, Struct* to) { *to = make(records[i]); });
}

schema::State MakeState(const StateRecord& s) {
  return {s.live,         s.dead,       s.next_id,     s.reserved_id,      s.clock_us,
          s.sweep_cursor, s.node_slots, s.upper_slots, Raw(s.entry_point), s.top_level};
}

schema::Insert MakeInsert(const InsertRecord& r) {
  ENGRAM_CHECK(r.vector.size() % kBytesPerWord == 0);
  const std::size_t words = r.vector.size() / kBytesPerWord;
  ENGRAM_CHECK(words <= std::numeric_limits<std::uint16_t>::max());
  return {r.id,
          r.timestamp_us,
          r.inserted_us,
          Raw(r.slot),
          r.type,
          r.norm,
          r.upper,
          Length(r.metadata.size()),
          static_cast<std::uint16_t>(words),
          r.level};
}

struct FieldNameVectors {
  flatbuffers::Offset<flatbuffers::Vector<const schema::FieldName*>> structs;
  flatbuffers::Offset<ByteVector> names;
};

FieldNameVectors BuildFieldNames(FlatBufferBuilder& builder,
                                 std::span<const FieldNameRecord> records) {
  std::size_t bytes = 0;
  for (const FieldNameRecord& r : records) bytes += r.name.size();
  FieldNameVectors built;
  built.structs = Structs<schema::FieldName>(builder, records, [](const FieldNameRecord& r) {
    return schema::FieldName(Length(r.name.size()), r.field);
  });
  built.names = Concatenate<std::uint8_t>(builder, bytes, [&](std::byte* to) {
    for (const FieldNameRecord& r : records) to = Put(to, r.name.data(), r.name.size());
    return to;
  });
  return built;
}

struct RetireVectors {
  flatbuffers::Offset<flatbuffers::Vector<const schema::Retire*>> structs;
  flatbuffers::Offset<flatbuffers::Vector<const schema::Key*>> keys;
  flatbuffers::Offset<ByteVector> key_values;
};

RetireVectors BuildRetires(FlatBufferBuilder& builder, std::span<const RetireRecord> records,
                           std::vector<FieldKey>& keys) {
  keys.clear();
  std::size_t bytes = 0;
  for (const RetireRecord& r : records) {
    for (const FieldKey& key : r.fields) {
      keys.push_back(key);
      bytes += key.value.size();
    }
  }
  RetireVectors built;
  built.structs = Structs<schema::Retire>(builder, records, [](const RetireRecord& r) {
    return schema::Retire(r.id, Raw(r.version), r.timestamp_us, Raw(r.slot), r.type,
                          Length(r.fields.size()));
  });
  built.keys = Structs<schema::Key>(
      builder, std::span<const FieldKey>(keys),
      [](const FieldKey& k) { return schema::Key(Length(k.value.size()), k.field); });
  built.key_values = Concatenate<std::uint8_t>(builder, bytes, [&](std::byte* to) {
    for (const FieldKey& k : keys) to = Put(to, k.value.data(), k.value.size());
    return to;
  });
  return built;
}

struct InsertVectors {
  flatbuffers::Offset<flatbuffers::Vector<const schema::Insert*>> structs;
  flatbuffers::Offset<flatbuffers::Vector<std::uint32_t>> vectors;
  flatbuffers::Offset<ByteVector> metadata;
};

InsertVectors BuildInserts(FlatBufferBuilder& builder, std::span<const InsertRecord> records) {
  std::size_t vector_bytes = 0;
  std::size_t metadata_bytes = 0;
  for (const InsertRecord& r : records) {
    vector_bytes += r.vector.size();
    metadata_bytes += r.metadata.size();
  }
  InsertVectors built;
  built.structs = Structs<schema::Insert>(builder, records, MakeInsert);
  built.vectors =
      Concatenate<std::uint32_t>(builder, vector_bytes / kBytesPerWord, [&](std::byte* to) {
        for (const InsertRecord& r : records) to = Put(to, r.vector.data(), r.vector.size());
        return to;
      });
  built.metadata = Concatenate<std::uint8_t>(builder, metadata_bytes, [&](std::byte* to) {
    for (const InsertRecord& r : records) to = Put(to, r.metadata.data(), r.metadata.size());
    return to;
  });
  return built;
}

// Of what only few inserts and retires have.
flatbuffers::Offset<flatbuffers::Vector<const schema::Origin*>> BuildOrigins(
    FlatBufferBuilder& builder, std::span<const InsertRecord> records) {
  std::vector<schema::Origin> origins;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const InsertRecord& r = records[i];
    if (!HasOrigin(r)) continue;
    origins.emplace_back(r.expires_us, Raw(r.version), Raw(r.moved_from), Length(i));
  }
  return origins.empty() ? 0 : builder.CreateVectorOfStructs(origins);
}

flatbuffers::Offset<flatbuffers::Vector<const schema::Expiry*>> BuildExpiries(
    FlatBufferBuilder& builder, std::span<const RetireRecord> records) {
  std::vector<schema::Expiry> expiries;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].expires_us == kNeverExpires) continue;
    expiries.emplace_back(records[i].expires_us, Length(i));
  }
  return expiries.empty() ? 0 : builder.CreateVectorOfStructs(expiries);
}

struct LinkVectors {
  flatbuffers::Offset<flatbuffers::Vector<const schema::Links*>> structs;
  flatbuffers::Offset<flatbuffers::Vector<std::uint32_t>> neighbours;
  flatbuffers::Offset<ByteVector> positions;
  flatbuffers::Offset<ByteVector> clears;
};

LinkVectors BuildLinks(FlatBufferBuilder& builder, const Piece& piece) {
  LinkVectors built;
  built.structs = Structs<schema::Links>(builder, piece.links, [](const LinkRecord& r) {
    return schema::Links(Raw(r.slot), r.sets, r.clears, r.link_count, r.level);
  });
  const std::span<const LinkSet> sets = piece.link_sets;
  built.neighbours = Concatenate<std::uint32_t>(builder, sets.size(), [&](std::byte* to) {
    for (const LinkSet& set : sets) to = Put(to, &set.neighbour, sizeof(set.neighbour));
    return to;
  });
  built.positions = Concatenate<std::uint8_t>(builder, sets.size(), [&](std::byte* to) {
    for (const LinkSet& set : sets) to = Put(to, &set.position, sizeof(set.position));
    return to;
  });
  built.clears = Concatenate<std::uint8_t>(builder, piece.link_clears.size(), [&](std::byte* to) {
    return Put(to, piece.link_clears.data(), piece.link_clears.size());
  });
  return built;
}

// Hands out consecutive pieces of a payload's byte vector.
// Threads: one thread.
class Slicer {
 public:
  template <typename Element>
  explicit Slicer(const flatbuffers::Vector<Element>* vector) {
    if (vector != nullptr) {
      rest_ = {reinterpret_cast<const std::byte*>(vector->Data()),
               vector->size() * sizeof(Element)};
    }
  }

  // False where there are not so many bytes any more.
  bool Take(std::uint64_t size, std::span<const std::byte>& piece) {
    if (size > rest_.size()) return false;
    piece = rest_.first(size);
    rest_ = rest_.subspan(size);
    return true;
  }
  bool Take(std::uint64_t size, std::string_view& piece) {
    std::span<const std::byte> bytes;
    if (!Take(size, bytes)) return false;
    piece = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    return true;
  }
  bool empty() const { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
};

Status BadLengths(std::string_view of) {
  return BadLogRecord("lengths of " + std::string(of) + " do not add up to the bytes there are");
}

StateRecord ReadState(const schema::State& s) {
  StateRecord state;
  state.live = s.live();
  state.dead = s.dead();
  state.next_id = s.next_id();
  state.reserved_id = s.reserved_id();
  state.clock_us = s.clock_us();
  state.node_slots = s.node_slots();
  state.upper_slots = s.upper_slots();
  state.entry_point = static_cast<SlotId>(s.entry_point());
  state.top_level = s.top_level();
  state.sweep_cursor = s.sweep_cursor();
  return state;
}

Status ReadExtents(const schema::Payload& payload, CommitRecord& record) {
  for (std::size_t i = 0; i < SizeOf(payload.extents()); ++i) {
    const schema::Extent& from = *payload.extents()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (from.segment() < Raw(SegmentKind::kNodes) || from.segment() > kSegments) {
      return BadLogRecord("extent of segment " + std::to_string(from.segment()) +
                          ", expected 1 to " + std::to_string(kSegments));
    }
    record.extents.push_back(
        {static_cast<SegmentKind>(from.segment()), from.index(), from.file_offset(), from.pages()});
  }
  return {};
}

Status ReadFieldNames(const schema::Payload& payload, CommitRecord& record) {
  Slicer names(payload.names());
  for (std::size_t i = 0; i < SizeOf(payload.field_names()); ++i) {
    const auto& from = *payload.field_names()->Get(static_cast<flatbuffers::uoffset_t>(i));
    FieldNameRecord name{from.field(), {}};
    if (!names.Take(from.name_bytes(), name.name)) return BadLengths("field names");
    record.field_names.push_back(name);
  }
  return names.empty() ? Status() : BadLengths("field names");
}

Status ReadRetires(const schema::Payload& payload, CommitRecord& record) {
  Slicer values(payload.key_values());
  const std::size_t keys = SizeOf(payload.keys());
  std::size_t key = 0;
  for (std::size_t i = 0; i < SizeOf(payload.retires()); ++i) {
    const auto& from = *payload.retires()->Get(static_cast<flatbuffers::uoffset_t>(i));
    RetireRecord retire;
    retire.slot = static_cast<SlotId>(from.slot());
    retire.id = from.id();
    retire.version = static_cast<Lsn>(from.version());
    retire.timestamp_us = from.timestamp_us();
    retire.type = from.type();
    if (from.keys() > keys - key) return BadLengths("keys");
    retire.fields.reserve(from.keys());
    for (const std::size_t end = key + from.keys(); key < end; ++key) {
      const auto& from_key = *payload.keys()->Get(static_cast<flatbuffers::uoffset_t>(key));
      FieldKey field{from_key.field(), {}};
      if (!values.Take(from_key.value_bytes(), field.value)) return BadLengths("key values");
      retire.fields.push_back(field);
    }
    record.retires.push_back(std::move(retire));
  }
  if (key != keys) return BadLengths("keys");
  return values.empty() ? Status() : BadLengths("key values");
}

void ReadEnds(const schema::Payload& payload, CommitRecord& record) {
  record.ends.reserve(record.ends.size() + SizeOf(payload.ends()));
  for (std::size_t i = 0; i < SizeOf(payload.ends()); ++i) {
    const auto& from = *payload.ends()->Get(static_cast<flatbuffers::uoffset_t>(i));
    record.ends.push_back(
        {static_cast<SlotId>(from.slot()), from.id(), static_cast<Lsn>(from.version())});
  }
}

Status ReadInserts(const schema::Payload& payload, CommitRecord& record) {
  Slicer vectors(payload.vectors());
  Slicer metadata(payload.metadata());
  record.inserts.reserve(record.inserts.size() + SizeOf(payload.inserts()));
  for (std::size_t i = 0; i < SizeOf(payload.inserts()); ++i) {
    const auto& from = *payload.inserts()->Get(static_cast<flatbuffers::uoffset_t>(i));
    InsertRecord insert;
    insert.id = from.id();
    insert.slot = static_cast<SlotId>(from.slot());
    insert.type = from.type();
    insert.level = from.level();
    insert.upper = from.upper();
    insert.norm = from.norm();
    insert.timestamp_us = from.timestamp_us();
    insert.inserted_us = from.inserted_us();
    if (!vectors.Take(std::uint64_t{from.vector_words()} * kBytesPerWord, insert.vector)) {
      return BadLengths("vectors");
    }
    if (!metadata.Take(from.metadata_bytes(), insert.metadata)) return BadLengths("metadata");
    record.inserts.push_back(insert);
  }
  if (!vectors.empty()) return BadLengths("vectors");
  return metadata.empty() ? Status() : BadLengths("metadata");
}

// Pre: the inserts and retires of this payload are the last of `record`.
Status ReadOrigins(const schema::Payload& payload, CommitRecord& record) {
  const std::size_t inserts = SizeOf(payload.inserts());
  const std::size_t first = record.inserts.size() - inserts;
  for (std::size_t i = 0; i < SizeOf(payload.origins()); ++i) {
    const auto& from = *payload.origins()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (from.index() >= inserts) {
      return BadLogRecord("origin of insert " + std::to_string(from.index()) + " of " +
                          std::to_string(inserts));
    }
    InsertRecord& insert = record.inserts[first + from.index()];
    insert.expires_us = from.expires_us();
    insert.version = static_cast<Lsn>(from.version());
    insert.moved_from = static_cast<SlotId>(from.from());
  }
  const std::size_t retires = SizeOf(payload.retires());
  for (std::size_t i = 0; i < SizeOf(payload.expiries()); ++i) {
    const auto& from = *payload.expiries()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (from.index() >= retires) {
      return BadLogRecord("expiry of retire " + std::to_string(from.index()) + " of " +
                          std::to_string(retires));
    }
    record.retires[record.retires.size() - retires + from.index()].expires_us = from.expires_us();
  }
  return {};
}

void ReadUpperRetires(const schema::Payload& payload, CommitRecord& record) {
  for (std::size_t i = 0; i < SizeOf(payload.upper_retires()); ++i) {
    record.upper_retires.push_back(
        payload.upper_retires()->Get(static_cast<flatbuffers::uoffset_t>(i)));
  }
}

Status ReadUppers(const schema::Payload& payload, CommitRecord& record) {
  for (std::size_t i = 0; i < SizeOf(payload.uppers()); ++i) {
    const auto& from = *payload.uppers()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (from.level() == 0) return BadLogRecord("upper block of level 0, expected at least 1");
    record.uppers.push_back(
        {from.block(), static_cast<SlotId>(from.node()), from.above(), from.level()});
  }
  return {};
}

Status CheckLinks(const schema::Links& links) {
  const std::uint32_t changed = std::uint32_t{links.sets()} + links.clears();
  if (changed <= kMaxLinkPositions && links.link_count() <= kMaxLinkPositions) return {};
  return BadLogRecord("slot " + std::to_string(links.slot()) + " has " + std::to_string(changed) +
                      " links changed and " + std::to_string(links.link_count()) +
                      " in all, expected at most " + std::to_string(kMaxLinkPositions));
}

Status ReadLinks(const schema::Payload& payload, CommitRecord& record) {
  std::uint64_t sets = 0;
  std::uint64_t clears = 0;
  for (std::size_t i = 0; i < SizeOf(payload.links()); ++i) {
    const auto& from = *payload.links()->Get(static_cast<flatbuffers::uoffset_t>(i));
    ENGRAM_RETURN_IF_ERROR(CheckLinks(from));
    record.links.push_back({static_cast<SlotId>(from.slot()), from.level(), from.link_count(),
                            from.sets(), from.clears()});
    sets += from.sets();
    clears += from.clears();
  }
  if (sets != SizeOf(payload.link_neighbours()) || sets != SizeOf(payload.link_positions())) {
    return BadLengths("links");
  }
  if (clears != SizeOf(payload.link_clears())) return BadLengths("cleared links");
  const auto* neighbours = payload.link_neighbours();
  const auto* positions = payload.link_positions();
  const std::size_t sets_before = record.link_sets.size();
  record.link_sets.resize(sets_before + sets);
  for (std::size_t i = 0; i < sets; ++i) {
    const auto at = static_cast<flatbuffers::uoffset_t>(i);
    record.link_sets[sets_before + i] = {static_cast<SlotId>(neighbours->Get(at)),
                                         positions->Get(at)};
  }
  if (clears != 0) {
    const std::uint8_t* cleared = payload.link_clears()->Data();
    record.link_clears.insert(record.link_clears.end(), cleared, cleared + clears);
  }
  return {};
}

}  // namespace

EncodedBound BoundOf(const CommitRecord& record, std::uint64_t more_bytes,
                     std::size_t target_bytes) {
  const std::uint64_t operations = more_bytes + BytesOfAll(record.extents) +
                                   BytesOfAll(record.field_names) + BytesOfAll(record.retires) +
                                   BytesOfAll(record.upper_retires) + BytesOfAll(record.ends) +
                                   BytesOfAll(record.inserts) + BytesOfAll(record.uppers) +
                                   BytesOfAll(record.links) + UpkeepBytes(record.upkeep);
  // Each frame but the last has operations of at least target_bytes.
  const std::uint64_t frames = operations / target_bytes + 1;
  ENGRAM_CHECK(frames <= std::numeric_limits<std::uint32_t>::max());
  return {operations + frames * kPayloadOverhead, static_cast<std::uint32_t>(frames)};
}

class RecordEncoder::Impl {
 public:
  const std::vector<std::span<const std::byte>>& Encode(const CommitRecord& record,
                                                        std::size_t target_bytes) {
    payloads_.clear();
    Cutter cutter(record, target_bytes);
    do {
      if (builders_.size() == payloads_.size()) {
        builders_.push_back(std::make_unique<FlatBufferBuilder>(target_bytes + kPayloadOverhead));
      }
      FlatBufferBuilder& builder = *builders_[payloads_.size()];
      builder.Clear();
      // All of the upkeep in the first one.
      Build(builder, cutter.Cut(), record, payloads_.empty());
      payloads_.push_back(std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())));
    } while (!cutter.done());
    return payloads_;
  }

 private:
  void Build(FlatBufferBuilder& builder, const Piece& piece, const CommitRecord& record,
             bool first) {
    const auto extents = Structs<schema::Extent>(builder, piece.extents, [](const ExtentRecord& r) {
      return schema::Extent(r.file_offset, r.index, r.pages, Raw(r.segment));
    });
    const FieldNameVectors field_names = BuildFieldNames(builder, piece.field_names);
    const RetireVectors retires = BuildRetires(builder, piece.retires, keys_);
    const auto ends = Structs<schema::End>(builder, piece.ends, [](const EndRecord& r) {
      return schema::End(r.id, Raw(r.version), Raw(r.slot));
    });
    const auto upper_retires =
        Concatenate<std::uint32_t>(builder, piece.upper_retires.size(), [&](std::byte* to) {
          return Put(to, piece.upper_retires.data(), piece.upper_retires.size_bytes());
        });
    const InsertVectors inserts = BuildInserts(builder, piece.inserts);
    const auto uppers = Structs<schema::Upper>(builder, piece.uppers, [](const UpperRecord& r) {
      return schema::Upper(r.block, Raw(r.node), r.above, r.level);
    });
    const LinkVectors links = BuildLinks(builder, piece);
    const auto origins = BuildOrigins(builder, piece.inserts);
    const auto expiries = BuildExpiries(builder, piece.retires);
    flatbuffers::Offset<schema::Upkeep> upkeep = 0;
    if (first && !record.upkeep.empty()) upkeep = BuildUpkeep(builder, record.upkeep);
    const schema::State made_state = MakeState(record.state);
    builder.Finish(schema::CreatePayload(
        builder, &made_state, extents, field_names.structs, field_names.names, retires.structs,
        retires.keys, retires.key_values, upper_retires, ends, inserts.structs, inserts.vectors,
        inserts.metadata, uppers, links.structs, links.neighbours, links.positions, links.clears,
        origins, expiries, upkeep));
  }

  std::vector<std::unique_ptr<FlatBufferBuilder>> builders_;
  std::vector<std::span<const std::byte>> payloads_;
  std::vector<FieldKey> keys_;
};

RecordEncoder::RecordEncoder() : impl_(std::make_unique<Impl>()) {}
RecordEncoder::~RecordEncoder() = default;

const std::vector<std::span<const std::byte>>& RecordEncoder::Encode(const CommitRecord& record,
                                                                     std::size_t target_bytes) {
  return impl_->Encode(record, target_bytes);
}

Status DecodePayload(std::span<const std::byte> payload, CommitRecord& record) {
  ENGRAM_CHECK(reinterpret_cast<std::uintptr_t>(payload.data()) % kFrameAlignment == 0);
  if (payload.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) return BadLogRecord("payload is too large");
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(payload.data());
  // A table and perhaps one within, and vectors of plain structs.
  flatbuffers::Verifier verifier(bytes, payload.size(), /*max_depth=*/3, /*max_tables=*/2);
  if (!schema::VerifyPayloadBuffer(verifier))
    return BadLogRecord("payload is not a valid FlatBuffer");
  const schema::Payload& from = *schema::GetPayload(bytes);
  if (!IsAligned(from.extents()) || !IsAligned(from.field_names()) || !IsAligned(from.retires()) ||
      !IsAligned(from.keys()) || !IsAligned(from.ends()) || !IsAligned(from.inserts()) ||
      !IsAligned(from.uppers()) || !IsAligned(from.links()) || !IsAligned(from.origins()) ||
      !IsAligned(from.expiries())) {
    return BadLogRecord("a vector of the payload is not aligned");
  }
  ENGRAM_RETURN_IF_ERROR(ReadExtents(from, record));
  ENGRAM_RETURN_IF_ERROR(ReadFieldNames(from, record));
  ENGRAM_RETURN_IF_ERROR(ReadRetires(from, record));
  ReadUpperRetires(from, record);
  ReadEnds(from, record);
  ENGRAM_RETURN_IF_ERROR(ReadInserts(from, record));
  ENGRAM_RETURN_IF_ERROR(ReadOrigins(from, record));
  if (from.upkeep() != nullptr) ENGRAM_RETURN_IF_ERROR(ReadUpkeep(*from.upkeep(), record.upkeep));
  ENGRAM_RETURN_IF_ERROR(ReadUppers(from, record));
  ENGRAM_RETURN_IF_ERROR(ReadLinks(from, record));
  record.state = ReadState(*from.state());
  return {};
}

}  // namespace engram
