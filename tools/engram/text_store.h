// How passages of text lie in a store: the vector is their words, hashed; the metadata says where
// they stand. The word counts that weigh the words lie in the same store, so that a question is
// weighed as they were. Threads: one thread.
#ifndef ENGRAM_TOOLS_ENGRAM_TEXT_STORE_H_
#define ENGRAM_TOOLS_ENGRAM_TEXT_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <engram/feature_encoder.h>
#include <engram/metadata.h>
#include <engram/store.h>

#include "tools/engram/passages.h"

namespace engram::tool {

inline constexpr std::uint32_t kTextDimensions = 256;
inline constexpr TypeTag kWordsType = 1;  // a part of the saved word counts
inline constexpr TypeTag kPassageType = 2;

Metadata MetadataOf(const Passage& passage);
// Unset where the metadata is of something else.
std::optional<Passage> PassageOf(const Metadata& metadata);
// Names a passage: "file:line".
std::string PlaceOf(const Passage& passage);

// Writes what `encoder` has learnt, all or nothing.
void SaveWords(Store& store, const FeatureEncoder& encoder);
// The bytes that SaveWords() took from the encoder; unset where the store has none.
std::optional<std::string> FindSavedWords(const Store& store);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_TEXT_STORE_H_
