// A range of addresses reserved once and given memory, or views of a file, from its start on, so
// that what lies in it never moves and growing never copies; what lies at its end can be given
// back. Leaves to storage/page_space.h what the bytes mean. Threads: one writer, many readers:
// Extend(), MapFile(), Clear() and Shrink() have one caller, who publishes the new size to readers.
// Implements docs/architecture.md, "Pages in memory".
#ifndef ENGRAM_STORAGE_BASE_ADDRESS_SPACE_H_
#define ENGRAM_STORAGE_BASE_ADDRESS_SPACE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include <engram/result.h>
#include <engram/status.h>

#include "storage/base/file.h"

namespace engram {

class AddressSpace {
 public:
  static constexpr std::uint64_t kHugePageBytes = 2ull << 20;

  // Reserves nothing.
  AddressSpace() = default;
  enum class Pages : std::uint8_t {
    kHuge,   // where the system has them: fewer misses of the TLB
    kSmall,  // for what is small or sparse
  };
  // Reserves `capacity` bytes, rounded up to huge pages; where the system has no such range
  // (limits, sanitizers), the largest halving of it that is not below `least`. Takes addresses, no
  // memory. Errors: kIoError.
  static Result<AddressSpace> Reserve(std::uint64_t capacity, std::uint64_t least = 64ull << 20,
                                      Pages pages = Pages::kHuge);

  AddressSpace(AddressSpace&& other) noexcept;
  AddressSpace& operator=(AddressSpace&& other) noexcept;
  // A forked child does not inherit the range: there, nothing is given back.
  ~AddressSpace();

  // Makes the first `size` bytes readable and writable; new ones are 0. Does not shrink. Memory is
  // taken when a byte is first touched, by huge pages where the system has them. Errors: kIoError,
  // where `size` exceeds capacity() or the system refuses; nothing is changed then.
  Status Extend(std::uint64_t size);

  // Puts a private view of `length` bytes of the file from `offset` on over those of the range from
  // `at` on (File::MapPrivate()), whatever lay there, and makes them usable. Not together with
  // Extend(). Errors: kIoError, where the range ends; as MapPrivate().
  Status MapFile(const File& file, std::uint64_t offset, std::uint64_t length, std::uint64_t at);
  // Lets go of the process's own copies of pages of a view: what follows is read from the file.
  // False where the system keeps them (the host has locked its memory, and the system is older than
  // Linux 5.18): nothing is changed then. Any thread.
  bool Drop(std::uint64_t at, std::uint64_t length) const;

  // Makes bytes that Extend() gave 0 again, and gives the memory behind them back as far as the
  // system takes it. Readers may go on: what they load in words of 8 bytes is as it was, or 0.
  // Pre: both are multiples of 8.
  void Clear(std::uint64_t at, std::uint64_t length) const;
  // Gives back the memory behind the first `size` bytes, or the views with the process's own copies
  // in them and every hold on the file. The addresses stay reserved; what Extend() or MapFile()
  // puts there later is new. Pre: nobody touches what goes; `size` is a multiple of 8, and of the
  // system's page size where views lie. Errors: kIoError, where the system refuses; what was there
  // is there still.
  Status Shrink(std::uint64_t size);

  // A multiple of kHugePageBytes; null where nothing is reserved.
  std::byte* base() const { return base_; }
  std::uint64_t size() const { return size_; }
  std::uint64_t capacity() const { return capacity_; }

 private:
  AddressSpace(std::byte* base, std::uint64_t capacity, Pages pages);
  void Swap(AddressSpace& other) noexcept;

  std::byte* base_ = nullptr;
  std::uint64_t size_ = 0;
  std::uint64_t usable_ = 0;  // size_ rounded up to huge pages: what has access
  std::uint64_t capacity_ = 0;
  Pages pages_ = Pages::kHuge;
  pid_t owner_ = 0;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_ADDRESS_SPACE_H_
