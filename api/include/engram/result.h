// A value, or the Status that says why there is none.
// Threads: as the value's type.
#ifndef ENGRAM_RESULT_H_
#define ENGRAM_RESULT_H_

#include <cstdlib>
#include <type_traits>
#include <utility>
#include <variant>

#include <engram/status.h>

namespace engram {

// A value, or the Status that says why there is none. Look at ok() before taking the value.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;  // what it holds where nothing failed

  // Implicit on purpose: `return value;` and `return Status::NotFound(...)` both read well.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT
  // Pre: `status` is not success (a success without a value would be a bug: the process ends).
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {  // NOLINT
    if (std::get<1>(state_).ok()) std::abort();
  }

  // Whether there is a value.
  bool ok() const noexcept { return state_.index() == 0; }
  // Why there is none; success where there is one.
  Status status() const { return ok() ? Status() : std::get<1>(state_); }
  // The code of that.
  Code code() const noexcept { return ok() ? Code::kOk : std::get_if<1>(&state_)->code(); }

  // Pre: ok(). Otherwise the process ends: the caller has not looked at the status:
  T& value() & { return *Get(); }
  const T& value() const& { return *Get(); }
  T&& value() && { return std::move(*Get()); }
  T& operator*() & { return *Get(); }
  const T& operator*() const& { return *Get(); }
  T&& operator*() && { return std::move(*Get()); }
  T* operator->() { return Get(); }
  const T* operator->() const { return Get(); }

 private:
  T* Get() {
    if (!ok()) std::abort();
    return std::get_if<0>(&state_);
  }
  const T* Get() const {
    if (!ok()) std::abort();
    return std::get_if<0>(&state_);
  }

  std::variant<T, Status> state_;
};

}  // namespace engram

#endif  // ENGRAM_RESULT_H_
