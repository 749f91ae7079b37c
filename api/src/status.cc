#include <engram/status.h>

#include <array>
#include <ostream>

namespace engram {
namespace {

constexpr std::array<std::string_view, 17> kCodeNames = {"kOk",
                                                         "kInvalidArgument",
                                                         "kDimensionMismatch",
                                                         "kInvalidVector",
                                                         "kIndexFull",
                                                         "kEmptyIndex",
                                                         "kNotFound",
                                                         "kAlreadyExists",
                                                         "kSearchTimeout",
                                                         "kCancelled",
                                                         "kSnapshotExpired",
                                                         "kCorruptedIndex",
                                                         "kNoSpace",
                                                         "kIoError",
                                                         "kBusy",
                                                         "kReadOnly",
                                                         "kNotSupported"};

}  // namespace

std::string_view CodeName(Code code) {
  const auto index = static_cast<std::size_t>(code);
  return index < kCodeNames.size() ? kCodeNames[index] : "kUnknown";
}

Status::Status(Code code, std::string message)
    : rep_(code == Code::kOk ? nullptr : new Rep{code, std::move(message)}) {}

Status::Status(const Status& other) : rep_(other.rep_ ? new Rep(*other.rep_) : nullptr) {}

Status& Status::operator=(const Status& other) {
  if (this != &other) rep_.reset(other.rep_ ? new Rep(*other.rep_) : nullptr);
  return *this;
}

std::string Status::ToString() const {
  std::string text(CodeName(code()));
  if (!ok()) text.append(": ").append(message());
  return text;
}

std::ostream& operator<<(std::ostream& out, const Status& status) {
  return out << status.ToString();
}

}  // namespace engram
