// Vectors out of features and text.
#include <algorithm>
#include <string>

#include "api/c/handles.h"

namespace engram::c {
namespace {

Status CheckText(const char* name, const void* text, std::size_t bytes) {
  return bytes == 0 ? Status::Ok() : RequireAll({{name, text}});
}

std::string_view ViewOf(const void* text, std::size_t bytes) {
  return bytes == 0 ? std::string_view() : std::string_view(static_cast<const char*>(text), bytes);
}

// Where an encoded vector goes.
struct Room {
  float* vector;
  std::size_t dimensions;
};

Status CheckRoom(const engram_feature_encoder* encoder, const Room& room) {
  Status status = RequireAll({{"encoder", encoder}, {"vector", room.vector}});
  if (!status.ok() || room.dimensions == Unwrap(encoder)->dimensions()) return status;
  return Status::DimensionMismatch("the vector has room for " + std::to_string(room.dimensions) +
                                   " components, expected " +
                                   std::to_string(Unwrap(encoder)->dimensions()));
}

Status Encode(const engram_feature_encoder* encoder, const engram_feature* features,
              std::size_t count, const Room& room) {
  Status status = CheckRoom(encoder, room);
  if (status.ok() && count > 0) status = RequireAll({{"features", features}});
  if (!status.ok()) return status;
  std::vector<FeatureEncoder::Feature> named;
  named.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    status = CheckText("name of a feature", features[i].name, features[i].name_bytes);
    if (!status.ok()) return status;
    named.push_back({ViewOf(features[i].name, features[i].name_bytes), features[i].weight});
  }
  const Result<std::vector<float>> vector = Unwrap(encoder)->Encode(named);
  if (vector.ok()) std::copy(vector->begin(), vector->end(), room.vector);
  return vector.status();
}

Status EncodeText(const engram_feature_encoder* encoder, const char* text, std::size_t bytes,
                  const Room& room) {
  Status status = CheckRoom(encoder, room);
  if (status.ok()) status = CheckText("text", text, bytes);
  if (!status.ok()) return status;
  const std::vector<float> vector = Unwrap(encoder)->EncodeText(ViewOf(text, bytes));
  std::copy(vector.begin(), vector.end(), room.vector);
  return Status::Ok();
}

}  // namespace
}  // namespace engram::c

// What is defined below is global, as in C.
using namespace engram;     // NOLINT
using namespace engram::c;  // NOLINT

engram_code engram_feature_encoder_create(uint32_t dimensions, engram_feature_encoder** out,
                                          engram_error** error) noexcept {
  Clear(out);
  Status status = RequireAll({{"out", out}});
  if (status.ok()) status = Give(FeatureEncoder::Create(dimensions), out);
  return Report(status, error);
}

engram_code engram_feature_encoder_load(uint32_t dimensions, const void* saved, size_t bytes,
                                        engram_feature_encoder** out,
                                        engram_error** error) noexcept {
  Clear(out);
  Status status = RequireAll({{"out", out}, {"saved", saved}});
  if (status.ok()) status = Give(FeatureEncoder::Load(dimensions, ViewOf(saved, bytes)), out);
  return Report(status, error);
}

void engram_feature_encoder_free(engram_feature_encoder* encoder) noexcept { Free(encoder); }

uint32_t engram_feature_encoder_dimensions(const engram_feature_encoder* encoder) noexcept {
  return encoder == nullptr ? 0 : Unwrap(encoder)->dimensions();
}

engram_code engram_feature_encoder_encode(const engram_feature_encoder* encoder,
                                          const engram_feature* features, size_t count,
                                          float* vector, size_t dimensions,
                                          engram_error** error) noexcept {
  return Report(Encode(encoder, features, count, {vector, dimensions}), error);
}

engram_code engram_feature_encoder_encode_text(const engram_feature_encoder* encoder,
                                               const char* text, size_t bytes, float* vector,
                                               size_t dimensions, engram_error** error) noexcept {
  return Report(EncodeText(encoder, text, bytes, {vector, dimensions}), error);
}

engram_code engram_feature_encoder_learn(engram_feature_encoder* encoder, const char* text,
                                         size_t bytes, engram_error** error) noexcept {
  Status status = RequireAll({{"encoder", encoder}});
  if (status.ok()) status = CheckText("text", text, bytes);
  if (status.ok()) Unwrap(encoder)->LearnWords(ViewOf(text, bytes));
  return Report(status, error);
}

engram_value* engram_feature_encoder_save(const engram_feature_encoder* encoder) noexcept {
  if (encoder == nullptr) return nullptr;
  const std::string saved = Unwrap(encoder)->SaveWords();
  const auto* first = reinterpret_cast<const std::byte*>(saved.data());
  return Own(Value(Bytes(first, first + saved.size())));
}
