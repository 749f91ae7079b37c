// What the codecs of log records share: vectors of a payload, and what is wrong with one. Threads:
// pure functions.
#ifndef ENGRAM_WAL_VECTOR_CODEC_H_
#define ENGRAM_WAL_VECTOR_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include <flatbuffers/flatbuffers.h>

#include <engram/status.h>

namespace engram {

inline Status BadLogRecord(const std::string& what) {
  return Status::CorruptedIndex("log record: " + what);
}

// 0 where it is not there.
template <typename Element>
flatbuffers::uoffset_t SizeOf(const flatbuffers::Vector<Element>* vector) {
  return vector == nullptr ? 0 : vector->size();
}

// The verifier checks the alignment of a vector's length only.
template <typename Struct>
bool IsAligned(const flatbuffers::Vector<const Struct*>* vector) {
  return vector == nullptr ||
         reinterpret_cast<std::uintptr_t>(vector->Data()) % alignof(Struct) == 0;
}

}  // namespace engram

#endif  // ENGRAM_WAL_VECTOR_CODEC_H_
