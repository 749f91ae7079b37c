#include "storage/base/address_space.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <utility>

#include "storage/base/coding.h"
#include "storage/base/posix_file.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

constexpr std::uint64_t kHuge = AddressSpace::kHugePageBytes;
// Far above what any processor addresses, and safe to round up.
constexpr std::uint64_t kMostCapacity = 1ull << 56;

std::uint64_t SystemPageBytes() {
  static const auto bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

// The pages are this process's alone: a child must not touch them, and after a fork every write of
// ours would otherwise copy a page. Advice only; without it nothing goes wrong.
void KeepFromChildren(std::byte* base, std::uint64_t bytes) {
  ::madvise(base, bytes, MADV_DONTFORK);
}

// Zeros, a word at a time, for who may be looking.
void StoreZeros(std::byte* from, std::uint64_t length) {
  for (std::byte* at = from; at < from + length; at += sizeof(std::uint64_t)) {
    // Relaxed: that the bytes mean something again is published when they do.
    std::atomic_ref(*reinterpret_cast<std::uint64_t*>(at)).store(0, std::memory_order_relaxed);
  }
}

// `capacity` bytes of addresses on a huge page's boundary, without access; null with errno set.
std::byte* ReserveAligned(std::uint64_t capacity) {
  // One huge page more than asked for has an aligned range in it; what lies around that goes back.
  void* mapped = ::mmap(nullptr, capacity + kHuge, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* start = static_cast<std::byte*>(mapped);
  const auto address = reinterpret_cast<std::uintptr_t>(start);
  const std::uint64_t before = AlignUp(address, kHuge) - address;
  if (before > 0) ::munmap(start, before);
  ::munmap(start + before + capacity, kHuge - before);
  return start + before;
}

}  // namespace

Result<AddressSpace> AddressSpace::Reserve(std::uint64_t capacity, std::uint64_t least,
                                           Pages pages) {
  const std::uint64_t floor = AlignUp(std::clamp<std::uint64_t>(least, 1, kMostCapacity), kHuge);
  std::uint64_t wanted =
      std::max(floor, AlignUp(std::min<std::uint64_t>(capacity, kMostCapacity), kHuge));
  while (true) {
    if (std::byte* base = ReserveAligned(wanted); base != nullptr) {
      return AddressSpace(base, wanted, pages);
    }
    const int error = errno;
    if (wanted == floor) {
      return ErrnoStatus(error, "reserve", std::to_string(wanted) + " bytes of addresses");
    }
    wanted = std::max(floor, AlignUp(wanted / 2, kHuge));
  }
}

AddressSpace::AddressSpace(std::byte* base, std::uint64_t capacity, Pages pages)
    : base_(base), capacity_(capacity), pages_(pages), owner_(::getpid()) {
  KeepFromChildren(base_, capacity_);
}

AddressSpace::AddressSpace(AddressSpace&& other) noexcept { Swap(other); }

AddressSpace& AddressSpace::operator=(AddressSpace&& other) noexcept {
  AddressSpace taken(std::move(other));
  Swap(taken);
  return *this;
}

AddressSpace::~AddressSpace() {
  // In a forked child something else may lie at these addresses by now.
  if (base_ != nullptr && ::getpid() == owner_) ::munmap(base_, capacity_);
}

void AddressSpace::Swap(AddressSpace& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(size_, other.size_);
  std::swap(usable_, other.usable_);
  std::swap(capacity_, other.capacity_);
  std::swap(pages_, other.pages_);
  std::swap(owner_, other.owner_);
}

Status AddressSpace::Extend(std::uint64_t size) {
  if (size <= size_) return {};
  if (size > capacity_) {
    return Status::IoError("memory for " + std::to_string(size) + " bytes, but only " +
                           std::to_string(capacity_) + " bytes of addresses are reserved");
  }
  const std::uint64_t usable = AlignUp(size, kHuge);
  if (usable > usable_) {
    std::byte* from = base_ + usable_;
    if (::mprotect(from, usable - usable_, PROT_READ | PROT_WRITE) != 0) {
      return ErrnoStatus(errno, "get memory for", std::to_string(size) + " bytes");
    }
    // Small pages do where the system has no huge ones.
    ::madvise(from, usable - usable_, pages_ == Pages::kHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    usable_ = usable;
  }
  size_ = size;
  return {};
}

Status AddressSpace::MapFile(const File& file, std::uint64_t offset, std::uint64_t length,
                             std::uint64_t at) {
  if (at > capacity_ || length > capacity_ - at) {
    return Status::IoError("addresses for " + std::to_string(at + length) + " bytes of " +
                           file.path() + ", but only " + std::to_string(capacity_) +
                           " are reserved");
  }
  ENGRAM_RETURN_IF_ERROR(file.MapPrivate(offset, length, base_ + at));
  size_ = std::max(size_, at + length);
  return {};
}

bool AddressSpace::Drop(std::uint64_t at, std::uint64_t length) const {
  if (::madvise(base_ + at, length, MADV_DONTNEED) == 0) return true;
#ifndef MADV_DONTNEED_LOCKED
  constexpr int MADV_DONTNEED_LOCKED = 24;  // since Linux 5.18; the headers may be older
#endif
  return errno == EINVAL && ::madvise(base_ + at, length, MADV_DONTNEED_LOCKED) == 0;
}

void AddressSpace::Clear(std::uint64_t at, std::uint64_t length) const {
  const std::uint64_t end = at + length;
  const std::uint64_t first = std::min(end, AlignUp(at, SystemPageBytes()));
  const std::uint64_t last = std::max(first, end / SystemPageBytes() * SystemPageBytes());
  StoreZeros(base_ + at, first - at);
  if (first < last && !Drop(first, last - first)) StoreZeros(base_ + first, last - first);
  StoreZeros(base_ + last, end - last);
}

Status AddressSpace::Shrink(std::uint64_t size) {
  if (size >= size_) return {};
  // Views take whole pages, memory whole huge pages.
  const bool views = usable_ == 0;
  const std::uint64_t keep = AlignUp(size, views ? SystemPageBytes() : kHuge);
  const std::uint64_t end = views ? AlignUp(size_, SystemPageBytes()) : usable_;
  if (keep < end) {
    // In one step: at no time can anything else of the process be mapped there.
    void* reserved = ::mmap(base_ + keep, end - keep, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (reserved == MAP_FAILED) {
      return ErrnoStatus(errno, "give back", std::to_string(end - keep) + " bytes of memory");
    }
    KeepFromChildren(base_ + keep, end - keep);
  }
  if (!views) {
    Clear(size, std::min(keep, size_) - size);
    usable_ = keep;
  }
  size_ = size;
  return {};
}

}  // namespace engram
