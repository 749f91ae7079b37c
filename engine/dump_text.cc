#include "engine/dump_text.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "storage/base/coding.h"
#include "storage/page_file.h"

namespace engram {
namespace {

constexpr std::size_t kMostComponents = 8;

std::string Wrong(std::string found, const std::string& expected) {
  return std::move(found) + " (wrong: expected " + expected + ")";
}

std::string Float(float value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", static_cast<double>(value));
  return text;
}

}  // namespace

std::string HexOrWrong(std::uint64_t found, std::uint64_t expected) {
  return found == expected ? Hex(found) : Wrong(Hex(found), Hex(expected));
}

std::string NumberOrWrong(std::uint64_t found, std::uint64_t expected) {
  return found == expected ? std::to_string(found)
                           : Wrong(std::to_string(found), std::to_string(expected));
}

std::string Reserved(std::span<const std::byte> bytes) {
  return AllZero(bytes) ? "zero" : "not zero (wrong)";
}

std::string TimeText(std::int64_t us) {
  const auto time = std::chrono::microseconds(us);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t since_1970 = seconds.count();
  std::tm parts{};
  char text[64];
  if (gmtime_r(&since_1970, &parts) == nullptr ||
      std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts) == 0) {
    return std::to_string(us);
  }
  char fraction[16];
  std::snprintf(fraction, sizeof(fraction), ".%06lld",
                static_cast<long long>((time - seconds).count()));
  return std::string(text) + fraction + " (" + std::to_string(us) + ")";
}

std::string SlotText(SlotId slot) {
  return slot == SlotId::kNone ? "none" : std::to_string(Raw(slot));
}

std::string SegmentText(SegmentKind segment) {
  return std::to_string(Raw(segment)) + " (" + std::string(SegmentName(segment)) + ")";
}

std::string_view StateText(SlotState state) {
  switch (state) {
    case SlotState::kFree:
      return "free";
    case SlotState::kLive:
      return "live";
    case SlotState::kDead:
      return "dead";
    case SlotState::kRetired:
      return "retired (wrong: never written)";
  }
  return "";
}

std::string LinksText(std::span<const SlotId> positions, std::size_t count) {
  std::size_t shown = std::min(positions.size(), count);
  for (std::size_t i = shown; i < positions.size(); ++i) {
    if (positions[i] != SlotId::kNone) shown = i + 1;
  }
  if (shown == 0) return "none";
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    const bool clear = positions[i] == SlotId::kNone;
    text += (text.empty() ? "" : ", ") + std::to_string(i) + ": " +
            (clear ? "clear" : std::to_string(Raw(positions[i])));
    if (i >= count && !clear) text += " (wrong: expected clear)";
  }
  return text;
}

std::string VectorText(VectorView vector) {
  std::string text;
  for (const float value : vector.first(std::min(vector.size(), kMostComponents))) {
    text += (text.empty() ? "" : " ") + Float(value);
  }
  if (vector.size() > kMostComponents) {
    text += " ... (" + std::to_string(vector.size()) + " components)";
  }
  return text;
}

}  // namespace engram
