// Commits as FlatBuffers, in one payload or, for large ones, several: the only code that knows the
// schema. Leaves framing, checksums and LSNs to log_writer.h and log_reader.h. Threads: an encoder
// belongs to one thread; DecodePayload: any thread. Implements docs/record-format.md, "Records".
#ifndef ENGRAM_WAL_RECORD_CODEC_H_
#define ENGRAM_WAL_RECORD_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <engram/status.h>

#include "wal/log_format.h"
#include "wal/record.h"

namespace engram {

// What an upper block or a change of links adds to a commit's payloads.
inline constexpr std::uint64_t kUpperBytes = 16;
constexpr std::uint64_t LinkBytes(std::uint64_t sets, std::uint64_t clears) {
  return 12 + 5 * sets + clears;
}

// As LogWriter::Reserve() takes it.
struct EncodedBound {
  std::uint64_t bytes = 0;  // of all payloads
  std::uint32_t frames = 0;
};

// The most that RecordEncoder makes of `record` as it is now and operations of at most `more_bytes`
// together (kUpperBytes, LinkBytes()) that are still to be added. Pre: target_bytes > 0.
EncodedBound BoundOf(const CommitRecord& record, std::uint64_t more_bytes,
                     std::size_t target_bytes = kTargetPayloadBytes);

// Payloads of one commit, in order. Memory is reused from commit to commit.
class RecordEncoder {
 public:
  RecordEncoder();
  ~RecordEncoder();

  // Payloads are cut at about `target_bytes`, between operations; each carries the state. Valid
  // until the next call. Pre: vectors are whole floats; link_sets and link_clears are as many as
  // the links say; target_bytes is above 0 and at most kTargetPayloadBytes; one operation more
  // still fits kMaxFrameBytes (engine/planner.cc proves it).
  const std::vector<std::span<const std::byte>>& Encode(const CommitRecord& record,
                                                        std::size_t target_bytes);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Verifies `payload` and appends what it says to `record` (the payloads of one commit are appended
// in order). Leaves to the caller whether slots, blocks, levels and positions are those of the
// store. Errors: kCorruptedIndex; `record` is then to be thrown away. Views in `record` borrow from
// `payload`, which must be 8-byte aligned.
Status DecodePayload(std::span<const std::byte> payload, CommitRecord& record);

}  // namespace engram

#endif  // ENGRAM_WAL_RECORD_CODEC_H_
