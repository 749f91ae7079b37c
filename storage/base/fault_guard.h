// Keeps the host process alive when memory that is mapped from a file cannot be read: the file was
// cut short under us, or its disk failed. One handler of SIGBUS for the process puts a page of
// zeros where the system has none, counts that in the range the page belongs to, and lets the
// interrupted instruction go on. Whoever reads mapped memory looks at the count afterwards, and
// uses nothing of what it read where that is not 0.
// The handler comes with the first range and stays for good. It takes faults inside of registered
// ranges alone: everything else goes to the handler that was there before. One that is installed
// later is left in place, and passes on to ours what it does not know, as handlers do.
// Leaves to others: mapping, and what a lost page means to a store.
// Threads: any thread; the handler takes no lock. A thread that blocks SIGBUS is not protected.
#ifndef ENGRAM_STORAGE_BASE_FAULT_GUARD_H_
#define ENGRAM_STORAGE_BASE_FAULT_GUARD_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include <engram/result.h>

namespace engram {

// A range of addresses whose faults are taken, from Register() to the destructor: so long nothing
// but mappings of its owner may lie there. A forked child is protected where it registers itself:
// ranges that it got from its parent do nothing there, since its addresses may hold something else.
class FaultRange {
 public:
  // So many in one process, all stores together.
  static constexpr std::size_t kMostRanges = 1024;

  // Of no memory.
  FaultRange() = default;
  // Ranges may overlap: each counts. Errors: kInvalidArgument: `base` is no multiple of the
  // system's page size, or the range is empty or ends behind the last address; kIoError:
  // kMostRanges are registered, or the system refuses the handler.
  static Result<FaultRange> Register(const void* base, std::size_t size);

  FaultRange(FaultRange&& other) noexcept;
  FaultRange& operator=(FaultRange&& other) noexcept;
  // Pre: no thread reads the range any more.
  ~FaultRange();

  // Faults so far. A page that was lost once holds zeros, and what was written to it since, until
  // it is mapped anew, and reading it again is no fault: so a count above 0, not one that has
  // grown, says that what was read may be wrong. It never falls. A thread that read one of the
  // zeros finds it counted. (Cutting a file takes private copies of its pages too.)
  std::uint64_t count() const;
  // Where the first one was, in bytes from the base on; nothing where count() is 0.
  std::optional<std::uint64_t> first_offset() const;

 private:
  explicit FaultRange(std::size_t entry) : entry_(entry) {}

  std::optional<std::size_t> entry_;  // in the registry
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_FAULT_GUARD_H_
