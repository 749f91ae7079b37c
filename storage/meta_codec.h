// Metadata as bytes and back: a FlatBuffer, verified before use. The only code that knows its
// schema. Leaves keys of indexed fields to meta_keys.h. Threads: pure functions. Implements
// docs/row-format.md, "Metadata".
#ifndef ENGRAM_STORAGE_META_CODEC_H_
#define ENGRAM_STORAGE_META_CODEC_H_

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <engram/metadata.h>
#include <engram/result.h>

namespace engram {

inline constexpr std::size_t kMaxMetadataBytes = 1u << 20;
// The map itself is level 1, a list or map in it level 2.
inline constexpr int kMaxMetadataDepth = 32;

// Empty for an empty map. Doubles keep their bits.
// Errors: kInvalidArgument (too deep, too large; names the limit and what was found).
Result<std::vector<std::byte>> EncodeMetadata(const Metadata& metadata);
// Errors: kCorruptedIndex.
Result<Metadata> DecodeMetadata(std::span<const std::byte> bytes);

// The entries of the map itself (not of maps in it) named in `names`, lists and maps left out, as
// (position in `names`, value). Spares decoding all else; everything is verified all the same.
// Errors: kCorruptedIndex.
Result<std::vector<std::pair<std::size_t, Value>>> FindScalars(std::span<const std::byte> bytes,
                                                               std::span<const std::string> names);

}  // namespace engram

#endif  // ENGRAM_STORAGE_META_CODEC_H_
