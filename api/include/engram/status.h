// The outcome of a call: success, or a code that tells a program what to do next and a message that
// tells a person what was found and what was expected. Success is one null pointer and costs
// nothing. Threads: immutable.
#ifndef ENGRAM_STATUS_H_
#define ENGRAM_STATUS_H_

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <engram/export.h>

namespace engram {

// What went wrong, in classes that a caller handles alike. Values are stable and never reused.
enum class Code : std::uint8_t {
  kOk = 0,                 // Nothing went wrong.
  kInvalidArgument = 1,    // Fix the call: an option, a number or a name is out of range.
  kDimensionMismatch = 2,  // Fix the call: the vector has another number of components.
  kInvalidVector = 3,      // Fix the data: NaN, infinity, or a zero vector under cosine.
  kIndexFull = 4,          // Raise max_elements or erase: the store holds all it may hold.
  kEmptyIndex = 5,         // Nothing to search in: insert first.
  kNotFound = 6,           // No such pattern, or no store in that directory.
  kAlreadyExists = 7,      // The id was used before, or the directory holds a store already.
  kSearchTimeout = 8,      // The deadline or max_compared came before the first hit.
  kCancelled = 9,          // The caller's cancellation was seen.
  kSnapshotExpired = 10,   // Take a new snapshot.
  kCorruptedIndex = 11,    // Restore or verify: bytes on disk are not what was written.
  kNoSpace = 12,           // Free disk space and call again; nothing was changed.
  kIoError = 13,   // The system refused a read, a write or an open; the message has its reason.
  kBusy = 14,      // Another process holds the store, or a snapshot still uses it.
  kReadOnly = 15,  // A write or sync failed earlier (the message has the cause): reopen.
  // This build cannot: another format version, an unknown feature, a forked child.
  kNotSupported = 16,
};

// "kNotFound" and its like.
ENGRAM_EXPORT std::string_view CodeName(Code code);

// The outcome of a call that has no value. Threads: immutable.
class [[nodiscard]] ENGRAM_EXPORT Status {
 public:
  // Success.
  Status() noexcept = default;
  // A failure, or success where `code` is kOk.
  Status(Code code, std::string message);

  // Copied, moved and destroyed as any value; what was moved from is a success:
  Status(const Status& other);
  Status& operator=(const Status& other);
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;
  ~Status() = default;

  // Success.
  static Status Ok() { return {}; }
  // A failure with that code, and what was found and expected for a person:
  static Status InvalidArgument(std::string m) { return {Code::kInvalidArgument, std::move(m)}; }
  static Status DimensionMismatch(std::string m) {
    return {Code::kDimensionMismatch, std::move(m)};
  }
  static Status InvalidVector(std::string m) { return {Code::kInvalidVector, std::move(m)}; }
  static Status IndexFull(std::string m) { return {Code::kIndexFull, std::move(m)}; }
  static Status EmptyIndex(std::string m) { return {Code::kEmptyIndex, std::move(m)}; }
  static Status NotFound(std::string m) { return {Code::kNotFound, std::move(m)}; }
  static Status AlreadyExists(std::string m) { return {Code::kAlreadyExists, std::move(m)}; }
  static Status SearchTimeout(std::string m) { return {Code::kSearchTimeout, std::move(m)}; }
  static Status Cancelled(std::string m) { return {Code::kCancelled, std::move(m)}; }
  static Status SnapshotExpired(std::string m) { return {Code::kSnapshotExpired, std::move(m)}; }
  static Status CorruptedIndex(std::string m) { return {Code::kCorruptedIndex, std::move(m)}; }
  static Status NoSpace(std::string m) { return {Code::kNoSpace, std::move(m)}; }
  static Status IoError(std::string m) { return {Code::kIoError, std::move(m)}; }
  static Status Busy(std::string m) { return {Code::kBusy, std::move(m)}; }
  static Status ReadOnly(std::string m) { return {Code::kReadOnly, std::move(m)}; }
  static Status NotSupported(std::string m) { return {Code::kNotSupported, std::move(m)}; }

  // Whether it is a success.
  bool ok() const noexcept { return rep_ == nullptr; }
  // kOk for success.
  Code code() const noexcept { return rep_ ? rep_->code : Code::kOk; }
  // Empty for success. Valid while this object lives and is not assigned to.
  std::string_view message() const noexcept {
    return rep_ ? std::string_view(rep_->message) : std::string_view();
  }
  // "kNotFound: pattern 7 is not in the store".
  std::string ToString() const;

  // Says that a failure is dropped on purpose; the caller writes the reason beside it.
  void IgnoreError() const noexcept {}

 private:
  struct Rep {
    Code code;
    std::string message;
  };
  std::unique_ptr<const Rep> rep_;
};

// As ToString().
ENGRAM_EXPORT std::ostream& operator<<(std::ostream& out, const Status& status);

}  // namespace engram

#endif  // ENGRAM_STATUS_H_
