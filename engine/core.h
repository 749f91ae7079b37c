// The parts of an open store, and who may touch which. Owned by Engine; borrowed by the writer, the
// checkpointer, recovery and the readers. Lock order: Checkpointer's mutex > the writer role > the
// locks inside the parts (docs/concurrency.md, "Locks"). Threads: as each part says.
#ifndef ENGRAM_ENGINE_CORE_H_
#define ENGRAM_ENGINE_CORE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <engram/options.h>

#include "engine/versions.h"
#include "index/graph.h"
#include "index/linker.h"
#include "index/node_layout.h"
#include "index/node_view.h"
#include "index/sight.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/logger.h"
#include "storage/base/mutex.h"
#include "storage/journal.h"
#include "storage/meta_store.h"
#include "storage/page_file.h"
#include "storage/page_space.h"
#include "storage/slot_map.h"
#include "wal/log_writer.h"

namespace engram {

// What tests and benchmarks may set beside the public options.
struct EngineOptions {
  Options options;
  std::shared_ptr<FileSystem> file_system;  // nullptr: the best that the system has
  Clock* clock = nullptr;                   // nullptr: the system's
  // Smallest growth of a segment, bytes; a multiple of 4 KiB.
  std::uint64_t min_extent_bytes = 2ull << 20;
  // Image bytes copied at a time while the writer waits.
  std::uint64_t checkpoint_slice_bytes = 1ull << 20;
  // Whether opening a mapped store tries what its file system does (mapping_check.h).
  bool check_mapping = true;
  // The scrubber begins no round sooner than this after it began the last one.
  std::chrono::microseconds scrub_rest{60'000'000};
};

// A slot that holds an ended version.
struct DeadSlot {
  Lsn valid_to = Lsn::kNone;
  SlotId slot = SlotId::kNone;
};

// Slots and upper blocks that nobody sees but somebody may still look at.
struct Limbo {
  std::uint64_t epoch = 0;  // reusable when every pin is of this epoch or later
  std::vector<SlotId> slots;
  std::vector<std::uint32_t> uppers;
};

// A round over all nodes that takes links to dead ones out of the graph, so that these can go.
struct SweepRound {
  std::size_t doomed = 0;    // so many of WriterState::dead, from the front; 0: no round
  Lsn through = Lsn::kNone;  // dead ones that ended at or before it are doomed
  std::uint32_t next = 0;    // the first slot not looked at
  std::uint32_t end = 0;     // slots used when it began: no newer node links to a doomed one
  // Nodes that lost most of their links: linked anew when all lists are healed. Not kept over a
  // crash.
  std::vector<SlotId> hurt{};
};

// A state that a handle keeps, as it was when the handle was made.
struct KeptState {
  SnapshotLine* line = nullptr;  // nullptr: kept by a pin of the caller's
  Lsn lsn = Lsn::kNone;
  std::int64_t now_us = Sight::kNothingExpires;  // the moment, for what expires
};

// Up to where patterns that expire have been ended; those inserted later with an earlier time take
// it back. Microseconds; the least number there is: nothing was looked at yet.
struct ExpiryCursors {
  static constexpr std::int64_t kStart = std::numeric_limits<std::int64_t>::min();
  std::int64_t ttl_us = kStart;   // by the moment at which they expire
  std::int64_t time_us = kStart;  // by their own time, of types without a limit of their own
  std::map<TypeTag, std::int64_t> types;  // the same of the others
};

// Where ids go on while the store is open.
struct IdCursor {
  // Above every id in use: one that a caller gives may not be below it.
  PatternId next = 1;
  // The store itself gives none below it: a commit that was lost may have used them.
  PatternId given_from = 1;
};

// Where ids would go on after a crash, whatever it loses: StoreState::next_id and reserved_id as a
// commit on disk has them.
struct DurableIds {
  std::uint64_t next = 0;
  std::uint64_t reserved = 0;
};

// What the writer alone knows. Guarded by Core::writer_role.
struct WriterState {
  StoreState state{};
  IdCursor ids;
  DurableIds durable_ids;
  std::deque<DeadSlot> dead;  // by valid_to
  std::deque<Limbo> limbo;    // by epoch
  SweepRound sweep;
  StoreProgress progress{};  // as the log has it
  ExpiryCursors expiry;
  // The oldest state that is kept for its time's sake, and when that was looked up.
  Lsn history = Lsn::kNone;
  std::chrono::steady_clock::time_point history_asked{};
};

// What a person is to be told, once while the store is open, when no lock is held.
enum class News : std::uint32_t {
  kBudgetNear = 1,  // the pages that stay in memory come near the budget
  kCopiesKept = 2,  // the system does not drop copies of mapped pages
};

struct Counters {
  // Relaxed: figures for stats.
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> searches{0};
  std::atomic<std::uint64_t> replayed_commits{0};
  std::atomic<std::uint64_t> replayed_bytes{0};  // of frames
  std::atomic<std::uint64_t> restored_pages{0};
  std::atomic<std::uint64_t> live{0};
  std::atomic<std::uint64_t> dead{0};
  std::atomic<std::uint64_t> free_slots{0};
  std::atomic<std::uint64_t> next_id{0};
  std::atomic<std::uint64_t> sweep_rounds{0};
  std::atomic<std::uint32_t> sweep_next{0};  // of the round that goes on
  std::atomic<std::uint32_t> sweep_end{0};   // 0: none does
  std::atomic<std::uint64_t> healed_nodes{0};
  std::atomic<std::uint64_t> reclaimed{0};
  std::atomic<std::uint64_t> expired{0};
  std::atomic<std::uint64_t> moved{0};
  std::atomic<std::uint64_t> audit_rounds{0};
  std::atomic<std::uint64_t> audited_nodes{0};
  std::atomic<std::uint64_t> mended_nodes{0};
};

struct Core {
  EngineOptions config;
  std::string directory;
  std::shared_ptr<FileSystem> file_system;
  std::unique_ptr<Clock> own_clock;  // where the options have one
  Clock* clock = nullptr;
  Logger logger;
  bool read_only = false;
  Residency residency = Residency::kResident;  // how the pages are held; never kAuto

  std::uint64_t store_id = 0;
  std::uint32_t generation = 0;  // of the log in this opening
  std::unique_ptr<NodeLayout> layout;
  std::unique_ptr<PageFile> page_file;
  std::unique_ptr<PageSpace> pages;
  std::unique_ptr<SlotMap> slots;
  std::unique_ptr<SlotMap> upper_slots;
  std::unique_ptr<Journal> journal;
  // Before `meta`, which calls it until the end: members are destroyed in reverse order.
  std::unique_ptr<LogWriter> log;  // nullptr in a read-only store
  std::unique_ptr<MetaStore> meta;

  Versions versions;
  // Slots below it may hold what the visible commit sees. Release by the publishing writer, acquire
  // by scans.
  std::atomic<std::uint32_t> visible_slots{0};
  Counters counters;
  AgeLimits ages;
  // Whether any pattern expires by itself. Relaxed: set before the commit of the first is
  // published, and read behind a load of the visible commit.
  std::atomic<bool> has_ttl{false};

  // Where walks begin: level and slot in one word, so that they fit together. Release by
  // PublishEntry(), when the node and its links are there; acquire by entry().
  std::atomic<std::uint64_t> packed_entry{~0ull};
  // Linker::linked(), for searches ahead of linking: release by the leader, when the nodes are
  // linked; acquire by callers before they search.
  std::atomic<std::uint64_t> linked{0};

  // Bits of News: what was noted, and what was told. Relaxed: a bit is an event by itself.
  std::atomic<std::uint32_t> noted{0};
  std::atomic<std::uint32_t> told{0};

  // Held by whoever changes pages, rows or the log: the leader of a commit group, a slice of a
  // checkpoint, Close().
  Mutex writer_role;
  // Leaders that wait for it. Relaxed on both sides: only a hint for LetLeadersIn().
  std::atomic<std::uint32_t> waiting_leaders{0};
  WriterState writer ENGRAM_GUARDED_BY(writer_role);
  // nullptr in a read-only store.
  std::unique_ptr<Linker> linker ENGRAM_PT_GUARDED_BY(writer_role);

  // What became of the pages that a call looked at: the first bad one, or one that was lost
  // meanwhile. Asked when it has looked at the last, and before anybody believes it.
  Status PageTrouble(const PageErrors& errors) const {
    const Status lost = pages->CheckFaults();
    return lost.ok() ? errors.first() : lost;
  }
  // The graph as far as pages have memory now. Nodes of bad pages look empty, and `errors` says so.
  Graph GraphNow(PageErrors& errors) const;
  // For the holder of the writer role: pages->writer_errors().
  Graph GraphNow() const { return GraphNow(pages->writer_errors()); }
  EntryPoint entry() const {
    const std::uint64_t packed = packed_entry.load(std::memory_order_acquire);
    return {static_cast<SlotId>(packed & 0xffffffff), static_cast<std::uint32_t>(packed >> 32)};
  }
  void PublishEntry(EntryPoint entry) {
    packed_entry.store(std::uint64_t{entry.level} << 32 | static_cast<std::uint32_t>(entry.slot),
                       std::memory_order_release);
  }

  // Whether patterns expire, so that reads must know the time.
  bool Expires() const { return has_ttl.load(std::memory_order_relaxed) || !ages.empty(); }
  Sight SightAt(Lsn lsn, std::int64_t now_us) const {
    return {lsn, now_us, ages.empty() ? nullptr : &ages};
  }
  // Of the newest state, now.
  Sight SightNow(Lsn lsn) const {
    return Expires() ? SightAt(lsn, clock->NowMicros()) : Sight{lsn};
  }

  // The node, where its page is right. Pre: the page has memory. Errors: kCorruptedIndex, kIoError.
  Result<ConstNodeView> ReadNode(SlotId slot) const;
  // The same of a page that was looked at before. The view is valid as docs/concurrency.md,
  // "Reclaiming", says.
  ConstNodeView Node(SlotId slot) const {
    const PageRef page{SegmentKind::kNodes, layout->PageOf(slot)};
    return {pages->page(page) + layout->OffsetInPage(slot), *layout};
  }

  // Before the writer role is taken for work that comes in many steps: a mutex is not fair, and one
  // step after another would go before a writer that has to wake up first.
  void LetLeadersIn() const ENGRAM_EXCLUDES(writer_role);

  // Any thread, with or without locks.
  void Note(News news);
  // Any thread, without a lock of the store.
  void TellNews();

  const Options& options() const { return config.options; }
  std::string GraphPath() const { return JoinPath(directory, "graph.engram"); }
  std::string JournalPath() const { return JoinPath(directory, "graph.journal"); }
  std::string LogPath() const { return JoinPath(directory, "wal"); }
  std::string MetaPath() const { return JoinPath(directory, "meta"); }
  std::string LockPath() const { return JoinPath(directory, "LOCK"); }
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_CORE_H_
