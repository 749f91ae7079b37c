#include "tools/engram/text_store.h"

#include <algorithm>
#include <utility>

#include "tools/engram/context.h"

namespace engram::tool {
namespace {

constexpr std::size_t kPartBytes = 256 << 10;  // well below the most that metadata may hold

template <typename T>
std::optional<T> Field(const Metadata& metadata, std::string_view name) {
  const auto found = metadata.find(name);
  if (found == metadata.end()) return std::nullopt;
  const T* value = found->second.As<T>();
  return value == nullptr ? std::nullopt : std::optional<T>(*value);
}

}  // namespace

Metadata MetadataOf(const Passage& passage) {
  return {{"file", passage.file},
          {"line", static_cast<std::int64_t>(passage.line)},
          {"modified", passage.modified},
          {"title", passage.title},
          {"text", passage.text}};
}

std::optional<Passage> PassageOf(const Metadata& metadata) {
  const auto file = Field<std::string>(metadata, "file");
  const auto line = Field<std::int64_t>(metadata, "line");
  const auto modified = Field<Timestamp>(metadata, "modified");
  const auto title = Field<std::string>(metadata, "title");
  const auto text = Field<std::string>(metadata, "text");
  if (!file || !line || !modified || !title || !text) return std::nullopt;
  return Passage{*file, static_cast<std::uint32_t>(*line), *modified, *title, *text};
}

std::string PlaceOf(const Passage& passage) {
  return passage.file + ":" + std::to_string(passage.line);
}

void SaveWords(Store& store, const FeatureEncoder& encoder) {
  const std::string saved = encoder.SaveWords();
  // The metric takes no zero vector; this one is as near to any passage as chance has it.
  const std::vector<float> anywhere(kTextDimensions, 1.0F);
  WriteBatch batch;
  for (std::size_t begin = 0; begin < saved.size(); begin += kPartBytes) {
    const std::string_view part = std::string_view(saved).substr(begin, kPartBytes);
    Bytes bytes(part.size());
    std::transform(part.begin(), part.end(), bytes.begin(),
                   [](char c) { return static_cast<std::byte>(c); });
    NewPattern pattern;
    pattern.vector = anywhere;
    pattern.metadata = {{"words", std::move(bytes)}};
    pattern.type = kWordsType;
    batch.Insert(pattern);
  }
  Check(store.Write(batch));
}

std::optional<std::string> FindSavedWords(const Store& store) {
  std::vector<PatternId> parts;
  GetOptions header_only;
  header_only.include_vector = false;
  header_only.include_metadata = false;
  Check(store.ForEach(
      [&parts](const Pattern& pattern) {
        if (pattern.type == kWordsType) parts.push_back(pattern.id);
        return true;
      },
      header_only));
  if (parts.empty()) return std::nullopt;
  std::sort(parts.begin(), parts.end());  // ids are given in the order of the batch
  std::string saved;
  for (const PatternId id : parts) {
    const Pattern pattern = Check(store.Get(id));
    const auto bytes = Field<Bytes>(pattern.metadata, "words");
    if (!bytes) {
      throw Failure(Status::InvalidArgument("pattern " + std::to_string(id) +
                                            " has no word counts: this store was not made by "
                                            "index-text"));
    }
    for (const std::byte byte : *bytes) saved.push_back(static_cast<char>(byte));
  }
  return saved;
}

}  // namespace engram::tool
