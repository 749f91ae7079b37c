// The part of a commit's payload that only maintenance writes. Of wal/record_codec.cc alone.
// Threads: pure functions. Implements docs/record-format.md, "Records".
#ifndef ENGRAM_WAL_UPKEEP_CODEC_H_
#define ENGRAM_WAL_UPKEEP_CODEC_H_

#include <cstdint>

#include <flatbuffers/flatbuffers.h>

#include <engram/status.h>

#include "wal/record.h"
#include "wal/schema/record_generated.h"

namespace engram {

// The most that it adds to a payload; 0 where there is nothing.
std::uint64_t UpkeepBytes(const UpkeepRecord& record);

flatbuffers::Offset<record_schema::Upkeep> BuildUpkeep(flatbuffers::FlatBufferBuilder& builder,
                                                       const UpkeepRecord& record);

// Pre: verified. Appends to `record`, whose views borrow from the payload. Errors: kCorruptedIndex.
Status ReadUpkeep(const record_schema::Upkeep& from, UpkeepRecord& record);

}  // namespace engram

#endif  // ENGRAM_WAL_UPKEEP_CODEC_H_
