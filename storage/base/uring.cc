#include "storage/base/uring.h"

#include <fcntl.h>
#include <liburing.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "storage/base/check.h"

namespace engram {
namespace {

// Longer ones end short and are carried on; the kernel's own limit is a little below 2 GiB.
constexpr std::size_t kMostBytesAtOnce = std::size_t{1} << 30;

unsigned LengthOf(std::size_t size) {
  return static_cast<unsigned>(std::min(size, kMostBytesAtOnce));
}

// The operation did nothing and says nothing about the file: it may simply be done again.
bool WasInterrupted(int result) {
  return result == -EINTR || result == -EAGAIN || result == -ECANCELED;
}

Status NotSupported(std::string_view what, int error) {
  return Status::NotSupported("io_uring: " + std::string(what) + ": " +
                              std::generic_category().message(error));
}

}  // namespace

Uring::Uring(std::unique_ptr<io_uring> ring) : ring_(std::move(ring)), owner_(::getpid()) {}

Uring::~Uring() {
  if (::getpid() == owner_) {
    ::io_uring_queue_exit(ring_.get());
  } else {
    // The parent's mappings are not inherited (MADV_DONTFORK): something else may lie at their
    // addresses.
    ::close(ring_->ring_fd);
  }
}

Result<std::unique_ptr<Uring>> Uring::Create() {
  auto raw = std::make_unique<io_uring>();
  // The kernel makes the descriptor close-on-exec.
  if (const int result = ::io_uring_queue_init(kDepth, raw.get(), 0); result < 0) {
    return NotSupported("no ring", -result);
  }
  std::unique_ptr<Uring> ring(new Uring(std::move(raw)));
  if (!ring->HasNeededOperations()) return NotSupported("missing operations", ENOSYS);
  // A sandbox may allow the setup and refuse the rest.
  ::io_uring_prep_nop(::io_uring_get_sqe(ring->ring_.get()));
  if (ring->Submit(1, 1) != 1) return NotSupported("operations refused", EPERM);
  if (const int result = ring->Wait().result; result < 0) return NotSupported("no-op", -result);
  return ring;
}

bool Uring::HasNeededOperations() {
  struct Free {
    void operator()(io_uring_probe* probe) const { ::io_uring_free_probe(probe); }
  };
  const std::unique_ptr<io_uring_probe, Free> probe(::io_uring_get_probe_ring(ring_.get()));
  if (probe == nullptr) return false;
  constexpr std::array kNeeded = {IORING_OP_NOP, IORING_OP_READ, IORING_OP_WRITE, IORING_OP_FSYNC};
  return std::all_of(kNeeded.begin(), kNeeded.end(), [&](int operation) {
    return ::io_uring_opcode_supported(probe.get(), operation) != 0;
  });
}

bool Uring::usable() const { return !broken_ && ::getpid() == owner_; }

unsigned Uring::Submit(unsigned queued, unsigned wait_for) {
  const int taken = ::io_uring_submit_and_wait(ring_.get(), wait_for);
  const unsigned count = taken > 0 ? static_cast<unsigned>(taken) : 0;
  ENGRAM_CHECK(count <= queued);
  if (count < queued) broken_ = true;
  return count;
}

Uring::Completion Uring::Wait() {
  io_uring_cqe* cqe = nullptr;
  while (true) {
    const int result = ::io_uring_wait_cqe(ring_.get(), &cqe);
    if (result == 0) break;
    // The operation still uses the caller's buffer, so there is no way but to wait, even where the
    // system refuses to wait for us (a sandbox closed meanwhile): the call above looks into the
    // shared memory first.
    if (result != -EINTR) std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  const Completion completion{.tag = cqe->user_data, .result = cqe->res};
  ::io_uring_cqe_seen(ring_.get(), cqe);
  return completion;
}

void Uring::Run(int fd, Direction direction, std::span<Transfer> transfers) {
  ENGRAM_CHECK(usable());
  std::size_t next = 0;
  unsigned in_flight = 0;
  bool go_on = true;
  while (true) {
    unsigned queued = 0;
    for (; go_on && next < transfers.size() && in_flight + queued < kDepth; ++next, ++queued) {
      const Transfer& transfer = transfers[next];
      io_uring_sqe* sqe = ::io_uring_get_sqe(ring_.get());
      if (direction == Direction::kRead) {
        ::io_uring_prep_read(sqe, fd, transfer.data, LengthOf(transfer.size), transfer.offset);
      } else {
        ::io_uring_prep_write(sqe, fd, transfer.data, LengthOf(transfer.size), transfer.offset);
      }
      ::io_uring_sqe_set_data64(sqe, next);
    }
    if (queued > 0) {
      // Half the depth stays in flight while the other half is refilled.
      in_flight += Submit(queued, (in_flight + queued + 1) / 2);
      if (broken_) go_on = false;
    }
    if (in_flight == 0) return;
    // Those that are there already, and at least one.
    for (unsigned ready = std::max(1u, ::io_uring_cq_ready(ring_.get())); ready > 0; --ready) {
      const Completion completion = Wait();
      --in_flight;
      if (WasInterrupted(completion.result)) continue;  // its result stays 0
      transfers[static_cast<std::size_t>(completion.tag)].result = completion.result;
      if (completion.result < 0) go_on = false;
    }
  }
}

Uring::WriteThenSyncResult Uring::WriteThenSync(int fd, std::uint64_t offset,
                                                std::span<const std::byte> bytes) {
  ENGRAM_CHECK(usable());
  constexpr std::uint64_t kWrite = 0;
  constexpr std::uint64_t kSync = 1;
  io_uring_sqe* write = ::io_uring_get_sqe(ring_.get());
  ::io_uring_prep_write(write, fd, bytes.data(), LengthOf(bytes.size()), offset);
  ::io_uring_sqe_set_flags(write, IOSQE_IO_LINK);
  ::io_uring_sqe_set_data64(write, kWrite);
  io_uring_sqe* sync = ::io_uring_get_sqe(ring_.get());
  ::io_uring_prep_fsync(sync, fd, IORING_FSYNC_DATASYNC);
  ::io_uring_sqe_set_data64(sync, kSync);

  WriteThenSyncResult result;
  for (unsigned in_flight = Submit(2, 2); in_flight > 0; --in_flight) {
    const Completion completion = Wait();
    if (completion.tag == kSync) {
      result.sync = completion.result;
    } else if (!WasInterrupted(completion.result)) {
      result.written = completion.result;
    }
  }
  // A cancelled sync did not run if the link broke, which a complete write does not do. Behind one,
  // or without that reason, it counts as a failed sync, which is never asked for again.
  const bool link_broke = result.written < static_cast<std::int64_t>(bytes.size());
  if (link_broke && result.sync == -ECANCELED) result.sync.reset();
  return result;
}

}  // namespace engram
