// One io_uring: runs batches of reads and writes on a file, and a write linked to a sync. It makes
// one pass and reports what each operation got; carrying on what ended short is left to
// uring_file_system.h. Every call returns with nothing in flight, so that no buffer is in use after
// it. Threads: one at a time, any. Implements docs/architecture.md, "The file layer".
#ifndef ENGRAM_STORAGE_BASE_URING_H_
#define ENGRAM_STORAGE_BASE_URING_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <engram/result.h>

struct io_uring;

namespace engram {

class Uring {
 public:
  enum class Direction : std::uint8_t { kRead, kWrite };

  struct Transfer {
    std::uint64_t offset = 0;
    std::byte* data = nullptr;  // not changed by a write
    std::size_t size = 0;
    // Out: bytes done, or a negative errno. 0 where it was interrupted or not begun: call again, or
    // otherwise.
    std::int64_t result = 0;
  };

  struct WriteThenSyncResult {
    std::int64_t written = 0;  // as Transfer::result
    // What the sync returned, 0 or a negative errno. Empty where it did not run, as behind a write
    // that ended short; then it may be asked for again.
    std::optional<int> sync;
  };

  // The most operations in flight.
  static constexpr std::size_t kDepth = 64;

  // Errors: kNotSupported, where the system has no io_uring, refuses it, or lacks an operation we
  // use.
  static Result<std::unique_ptr<Uring>> Create();

  // In a forked child the ring is still the parent's: the child may destroy it but never use it.
  ~Uring();
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  // After the first failed one no more are begun. Pre: offset + size of each fits an off_t.
  void Run(int fd, Direction direction, std::span<Transfer> transfers);
  // Pre: as Run().
  WriteThenSyncResult WriteThenSync(int fd, std::uint64_t offset, std::span<const std::byte> bytes);

  // False once the kernel refused to take operations, and in a forked child. Such a ring is thrown
  // away.
  bool usable() const;

 private:
  struct Completion {
    std::uint64_t tag = 0;
    int result = 0;
  };

  explicit Uring(std::unique_ptr<io_uring> ring);
  bool HasNeededOperations();
  // Hands `queued` entries to the kernel and waits for `wait_for` completions, or fewer; returns
  // how many it took. Where that is not all, the ring is not usable any more and the others never
  // run.
  unsigned Submit(unsigned queued, unsigned wait_for);
  // Waits for one operation in flight.
  Completion Wait();

  std::unique_ptr<io_uring> ring_;
  pid_t owner_;
  bool broken_ = false;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_URING_H_
