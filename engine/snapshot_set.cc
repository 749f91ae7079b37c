#include "engine/snapshot_set.h"

#include <algorithm>
#include <utility>

namespace engram {
namespace {

std::int64_t Nanos(std::chrono::steady_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

bool Keeps(std::uint64_t lsn) { return lsn < SnapshotLine::kRevoked; }

}  // namespace

SnapshotSet::~SnapshotSet() {
  for (Chunk* chunk = chunks_.load(std::memory_order_acquire); chunk != nullptr;) {
    delete std::exchange(chunk, chunk->next);
  }
}

SnapshotLine* SnapshotSet::LineOf(std::uint64_t top) {
  const std::uint64_t address = top & ((std::uint64_t{1} << kAddressBits) - 1);
  return reinterpret_cast<SnapshotLine*>(static_cast<std::uintptr_t>(address));  // NOLINT
}

std::uint64_t SnapshotSet::Pack(SnapshotLine* line, std::uint64_t before) {
  const std::uint64_t changes = (before >> kAddressBits) + 1;
  return changes << kAddressBits | reinterpret_cast<std::uintptr_t>(line);
}

void SnapshotSet::Push(SnapshotLine* first, SnapshotLine* last) {
  std::uint64_t top = free_.load(std::memory_order_relaxed);
  do {
    last->next.store(LineOf(top), std::memory_order_relaxed);
    // Release: pairs with the acquire in Pop().
  } while (!free_.compare_exchange_weak(top, Pack(first, top), std::memory_order_release,
                                        std::memory_order_relaxed));
}

SnapshotLine* SnapshotSet::Pop() {
  // Acquire: pairs with the release in Push(). Lines are never freed, so that the next one may be
  // read of a line that somebody else has taken meanwhile; then the exchange fails.
  std::uint64_t top = free_.load(std::memory_order_acquire);
  for (;;) {
    SnapshotLine* line = LineOf(top);
    if (line == nullptr) return nullptr;
    SnapshotLine* next = line->next.load(std::memory_order_relaxed);
    if (free_.compare_exchange_weak(top, Pack(next, top), std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      return line;
    }
  }
}

SnapshotLine* SnapshotSet::AddChunk() {
  MutexLock lock(mutex_);
  if (SnapshotLine* line = Pop()) return line;  // somebody else has made some
  auto* chunk = new Chunk();  // NOLINT: owned by the list, deleted by the destructor
  chunk->next = chunks_.load(std::memory_order_relaxed);
  chunks_.store(chunk, std::memory_order_seq_cst);
  for (std::size_t i = 1; i + 1 < kChunkLines; ++i) {
    chunk->lines[i].next.store(&chunk->lines[i + 1], std::memory_order_relaxed);
  }
  Push(&chunk->lines[1], &chunk->lines[kChunkLines - 1]);
  return chunk->lines.data();
}

SnapshotLine* SnapshotSet::Take() {
  SnapshotLine* line = Pop();
  return line != nullptr ? line : AddChunk();
}

void SnapshotSet::GiveBack(SnapshotLine* line) {
  line->lsn.store(SnapshotLine::kFree, std::memory_order_seq_cst);
  Push(line, line);
}

template <typename Visit>
void SnapshotSet::ForEach(Visit visit) const {
  for (Chunk* chunk = chunks_.load(std::memory_order_seq_cst); chunk != nullptr;
       chunk = chunk->next) {
    for (SnapshotLine& line : chunk->lines) visit(line);
  }
}

std::uint64_t SnapshotSet::MinLsn() const {
  std::uint64_t least = SnapshotLine::kFree;
  ForEach([&](const SnapshotLine& line) {
    const std::uint64_t lsn = line.lsn.load(std::memory_order_seq_cst);
    if (Keeps(lsn)) least = std::min(least, lsn);
  });
  return least;
}

std::uint64_t SnapshotSet::RevokeBefore(std::chrono::steady_clock::time_point moment) {
  std::uint64_t revoked = 0;
  ForEach([&](SnapshotLine& line) {
    std::uint64_t lsn = line.lsn.load(std::memory_order_seq_cst);
    if (!Keeps(lsn) || line.taken_ns.load(std::memory_order_relaxed) >= Nanos(moment)) return;
    // Not one that was given back meanwhile. (A line that was given back and taken again at the
    // same LSN since was looked at with the age of the old one: its owner takes another snapshot.)
    if (line.lsn.compare_exchange_strong(lsn, SnapshotLine::kRevoked, std::memory_order_seq_cst)) {
      ++revoked;
    }
  });
  return revoked;
}

SnapshotSet::Figures SnapshotSet::figures() const {
  Figures figures;
  std::int64_t oldest = 0;
  std::uint64_t least = SnapshotLine::kFree;
  ForEach([&](const SnapshotLine& line) {
    const std::uint64_t lsn = line.lsn.load(std::memory_order_seq_cst);
    if (lsn == SnapshotLine::kFree) return;
    const std::int64_t taken = line.taken_ns.load(std::memory_order_relaxed);
    if (figures.count++ == 0 || taken < oldest) oldest = taken;
    if (Keeps(lsn)) least = std::min(least, lsn);
  });
  if (figures.count > 0) {
    figures.oldest = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(oldest));
  }
  if (least != SnapshotLine::kFree) figures.lsn = static_cast<Lsn>(least);
  return figures;
}

}  // namespace engram
