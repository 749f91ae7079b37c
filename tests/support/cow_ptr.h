// A pointer to a value that its copies share until one of them changes it. Copies cost one counter,
// so a whole disk can be copied for every crash point that a test tries. Threads: any thread, each
// on its own copy.
#ifndef ENGRAM_TESTS_SUPPORT_COW_PTR_H_
#define ENGRAM_TESTS_SUPPORT_COW_PTR_H_

#include <atomic>
#include <cstdint>
#include <utility>

namespace engram {

// std::shared_ptr will not do: its use_count() is a relaxed read, so "I am the last one" would not
// order another thread's reads before the write that follows.
template <typename T>
class CowPtr {
 public:
  CowPtr() = default;
  CowPtr(const CowPtr& other) : box_(other.box_) {
    // relaxed: `other` keeps the box alive meanwhile
    if (box_ != nullptr) box_->references.fetch_add(1, std::memory_order_relaxed);
  }
  CowPtr(CowPtr&& other) noexcept : box_(std::exchange(other.box_, nullptr)) {}
  CowPtr& operator=(CowPtr other) noexcept {
    std::swap(box_, other.box_);
    return *this;
  }
  ~CowPtr() {
    // release: our reads end before another owner writes or deletes; acquire: pairs with it when we
    // delete
    if (box_ != nullptr && box_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete box_;
    }
  }

  // Null where nothing was stored.
  const T* get() const { return box_ != nullptr ? &box_->value : nullptr; }

  // This copy's own value, made where it is missing. Valid until the next copy of this pointer is
  // taken.
  T& Mutable() {
    if (box_ == nullptr) {
      box_ = new Box();
    } else if (box_->references.load(std::memory_order_acquire) != 1) {
      // acquire: pairs with the release in the destructor of the copy that left last
      CowPtr own;
      own.box_ = new Box(box_->value);
      std::swap(box_, own.box_);
    }
    return box_->value;
  }

 private:
  struct Box {
    Box() = default;
    explicit Box(const T& from) : value(from) {}
    T value{};
    std::atomic<std::uint32_t> references{1};
  };
  Box* box_ = nullptr;  // counted, so no unique_ptr
};

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_COW_PTR_H_
