#include "engine/reader_slots.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>
#include <vector>

namespace engram {

// Lines come in chunks that never move; chunks form a list that only grows, so that the writer
// walks it without a lock.
class ReaderSlots::Registry {
 public:
  static constexpr std::size_t kChunkLines = 64;

  struct Chunk {
    std::array<ReaderLine, kChunkLines> lines;
    std::atomic<Chunk*> next{nullptr};  // release in Take(), acquire in ForEach()
  };

  Registry() = default;
  ~Registry() {
    for (Chunk* chunk = first_.next.load(std::memory_order_acquire); chunk != nullptr;) {
      delete std::exchange(chunk, chunk->next.load(std::memory_order_acquire));
    }
  }

  ReaderLine* Take() {
    MutexLock lock(mutex_);
    if (free_.empty() && !AddChunk()) return nullptr;
    ReaderLine* line = free_.back();
    free_.pop_back();
    return line;
  }

  void GiveBack(ReaderLine* line) {
    MutexLock lock(mutex_);
    free_.push_back(line);
  }

  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Chunk* chunk = &first_; chunk != nullptr;
         chunk = chunk->next.load(std::memory_order_acquire)) {
      for (const ReaderLine& line : chunk->lines) visit(line);
    }
  }

  std::atomic<std::uint64_t> epoch{1};

 private:
  bool AddChunk() ENGRAM_REQUIRES(mutex_) {
    if (lines_ >= kMaxLines) return false;
    Chunk* chunk = &first_;
    if (lines_ > 0) {
      chunk = new Chunk();  // NOLINT: owned by the list, deleted by the destructor
      last_->next.store(chunk, std::memory_order_release);
      last_ = chunk;
    }
    lines_ += kChunkLines;
    for (auto line = chunk->lines.rbegin(); line != chunk->lines.rend(); ++line) {
      free_.push_back(&*line);
    }
    return true;
  }

  Chunk first_;
  Mutex mutex_;
  Chunk* last_ ENGRAM_GUARDED_BY(mutex_) = &first_;
  std::vector<ReaderLine*> free_ ENGRAM_GUARDED_BY(mutex_);
  std::size_t lines_ ENGRAM_GUARDED_BY(mutex_) = 0;
};

namespace {

// The lines of one thread, one for each store it has read from.
class ThreadLines {
 public:
  ~ThreadLines() {
    for (const Entry& entry : entries_) {
      if (const auto registry = entry.registry.lock()) registry->GiveBack(entry.line);
    }
  }

  ReaderLine* Find(const std::shared_ptr<ReaderSlots::Registry>& registry) {
    for (const Entry& entry : entries_) {
      if (entry.key == registry.get() && !entry.registry.expired()) return entry.line;
    }
    return nullptr;
  }

  ReaderLine* Add(const std::shared_ptr<ReaderSlots::Registry>& registry) {
    std::erase_if(entries_, [](const Entry& entry) { return entry.registry.expired(); });
    ReaderLine* line = registry->Take();
    if (line != nullptr) entries_.push_back({registry.get(), registry, line});
    return line;
  }

 private:
  struct Entry {
    const ReaderSlots::Registry* key;
    std::weak_ptr<ReaderSlots::Registry> registry;
    ReaderLine* line;
  };
  std::vector<Entry> entries_;
};

thread_local ThreadLines t_lines;

}  // namespace

ReaderSlots::ReaderSlots() : registry_(std::make_shared<Registry>()) {}
ReaderSlots::~ReaderSlots() = default;

ReaderLine* ReaderSlots::LineOfThisThread() {
  ReaderLine* line = t_lines.Find(registry_);
  return line != nullptr ? line : t_lines.Add(registry_);
}

std::uint64_t ReaderSlots::epoch() const {
  // seq_cst: pairs with StepEpoch(); see docs/concurrency.md, "Pins".
  return registry_->epoch.load(std::memory_order_seq_cst);
}

std::uint64_t ReaderSlots::StepEpoch() {
  // seq_cst: what was marked before is seen by every pin that reads the new epoch.
  return registry_->epoch.fetch_add(1, std::memory_order_seq_cst) + 1;
}

std::uint64_t ReaderSlots::MinEpoch() const {
  std::uint64_t least = kIdle;
  registry_->ForEach([&](const ReaderLine& line) {
    least = std::min(least, line.epoch.load(std::memory_order_seq_cst));
  });
  return least;
}

std::uint64_t ReaderSlots::MinLsn() const {
  std::uint64_t least = kIdle;
  registry_->ForEach([&](const ReaderLine& line) {
    least = std::min(least, line.lsn.load(std::memory_order_seq_cst));
  });
  return least;
}

}  // namespace engram
