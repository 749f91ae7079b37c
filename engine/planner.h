// Turns a transaction into a commit record: resolves ids, merges updates, coalesces operations on
// one id, gives ids. Changes nothing but the list of free slots, and that only when all is well.
// Leaves room, logging and pages to writer.h.
// Threads: the holder of the writer role. Implements docs/architecture.md, "Life of an insert".
#ifndef ENGRAM_ENGINE_PLANNER_H_
#define ENGRAM_ENGINE_PLANNER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <engram/result.h>

#include "engine/core.h"
#include "engine/transaction.h"
#include "wal/record.h"

namespace engram {

// A commit that is planned and not yet appended. The record borrows from the transaction, from
// pages and from here.
struct CommitPlan {
  Transaction* transaction = nullptr;  // nullptr: the store's own
  Lsn lsn = Lsn::kNone;
  CommitRecord record;
  IdCursor ids;                        // after it
  std::vector<const FoundNear*> near;  // of each insert: what its caller found, or nullptr
  // Room in the log for changes of links beyond those that inserts and ends make.
  std::uint64_t most_link_bytes = 0;
  std::function<void(LinkSink&)> relink;  // makes these; empty: there are none
  std::deque<std::vector<std::byte>> owned_bytes;
  std::deque<std::string> owned_text;
  bool needs_sync = false;
};

// Plans the transactions of one group, each seeing those before it.
class Planner {
 public:
  // `first` is the LSN of the group's first commit; `state` and `ids` what holds before it.
  Planner(Core& core, Lsn first, const StoreState& state, const IdCursor& ids)
      : core_(core), next_lsn_(first), state_(state), ids_(ids) {}

  // Errors (nothing changed): kNotFound, kAlreadyExists, kIndexFull, and what reading a row met.
  // Messages of batches name the operation's position. With OnRefusal::kSkip the first two and
  // kIndexFull are written to `refused`, and are an error only where no operation is left.
  Result<CommitPlan> Add(Transaction& transaction, const DurableIds& durable,
                         std::uint64_t available_slots, std::uint64_t available_uppers);

  // Gives the slots and upper blocks of `plan`, the last one that was added, back.
  void Undo(const CommitPlan& plan);

 private:
  // A version: where it is, or, for a new one, will be; and what it holds.
  struct Content {
    SlotId slot = SlotId::kNone;
    Lsn version = Lsn::kNone;
    std::span<const std::byte> vector;
    float norm = 0;
    std::optional<std::span<const std::byte>> metadata;  // unset: not read from the rows yet
    std::int64_t timestamp_us = 0;
    TypeTag type = 0;
    std::int64_t expires_us = kNeverExpires;
    const FoundNear* near = nullptr;  // nodes near `vector`, where its caller searched
  };
  bool Matches(const EraseMatch& match, const Content& content) const;
  bool HasExpired(const Content& content, std::int64_t now_us) const;

  // What one id becomes.
  struct Change {
    PatternId id = 0;
    std::optional<Content> before;  // the live version there was
    std::optional<Content> after;   // the one there will be
    bool changed = false;
  };

  struct Draft {
    CommitPlan plan;
    StoreState state;
    std::vector<Change> changes;  // in order of first use
    std::unordered_map<PatternId, std::size_t> by_id;
    std::int64_t now_us = 0;
    std::uint64_t available_slots = 0;
    std::uint64_t available_uppers = 0;
    bool gives_ids = false;  // the store does, not the caller
  };

  Status PlanAll(Draft& draft, Transaction& transaction);
  Status Plan(Draft& draft, const PendingInsert& op);
  Status Plan(Draft& draft, const PendingUpdate& op);
  Status Plan(Draft& draft, const PendingErase& op);
  // The change of an id that must be live at this point of the transaction.
  Result<Change*> Require(Draft& draft, PatternId id);
  // The same of one that may be gone: nullptr then.
  Result<Change*> FindChange(Draft& draft, PatternId id);
  Result<std::optional<Content>> FindLive(PatternId id);
  Status ReadMetadata(Draft& draft, PatternId id, Content& content);
  static void ReserveIds(Draft& draft, const DurableIds& durable);
  // Whether the store may hold `live` patterns, `inserts` of them in new slots.
  Status CheckRoom(std::uint64_t live, std::uint64_t inserts, std::uint64_t available_slots) const;
  Status Finish(Draft& draft);
  // Takes a slot and upper blocks for a new version.
  void Place(Draft& draft, PatternId id, Content& content);
  void NoteExpiry(const Content& content);

  Core& core_;
  Lsn next_lsn_;
  StoreState state_;
  IdCursor ids_;
  // Ids that earlier transactions of the group changed; nullopt: ended. Neither pages nor rows know
  // of it yet.
  std::unordered_map<PatternId, std::optional<Content>> overlay_;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_PLANNER_H_
