#include "tests/index/allocation_counter.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

// Relaxed: who counts is the thread that allocates.
std::atomic<std::uint64_t> allocations{0};

}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
// std::stable_sort() takes its buffer by this one and gives it back by the plain delete.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return ::operator new(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace engram {

std::uint64_t Allocations() { return allocations.load(std::memory_order_relaxed); }

}  // namespace engram
