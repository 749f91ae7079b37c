// What a store must hold after each of its commits: the truth that crash tests compare with.
// Leaves running a store to player.h, comparing to oracle.h.
// Threads: plain data.
#ifndef ENGRAM_TESTS_CRASH_MODEL_H_
#define ENGRAM_TESTS_CRASH_MODEL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <engram/metadata.h>
#include <engram/types.h>

#include "storage/base/ids.h"

namespace engram {

struct PatternModel {
  Lsn version = Lsn::kNone;
  std::vector<float> vector;
  Metadata metadata;
  std::int64_t timestamp_us = 0;
  std::int64_t inserted_us = 0;
  std::int64_t expires_us = kNeverExpires;
  TypeTag type = 0;
};

// Copies share their patterns. Those that have expired are in it until something else ends them:
// nobody sees whether the store has ended them yet.
using ModelState = std::map<PatternId, std::shared_ptr<const PatternModel>>;

// How long patterns stay by their own time, microseconds; 0: for ever.
struct ModelAges {
  std::int64_t general_us = 0;
  std::map<TypeTag, std::int64_t> by_type;  // in the place of the general one

  bool Expired(const PatternModel& pattern, std::int64_t now_us) const;
};

// What is seen of `state` at a moment.
ModelState Unexpired(const ModelState& state, const ModelAges& ages, std::int64_t now_us);

// A state that has a name.
struct NameModel {
  Lsn lsn = Lsn::kNone;
  std::int64_t taken_us = 0;
  friend bool operator==(const NameModel&, const NameModel&) = default;
};
using ModelNames = std::map<std::string, NameModel>;

class Model {
 public:
  // What the store holds from a commit on.
  struct Entry {
    Lsn lsn = Lsn::kNone;
    bool keeps_time = false;   // else the store does not remember when it was
    std::int64_t time_us = 0;  // of the commit
    std::shared_ptr<const ModelState> state;
    std::shared_ptr<const ModelNames> names;
    // Patterns that this commit took out of all former states, too.
    std::shared_ptr<const std::set<PatternId>> voided;
  };

  // An empty store.
  Model();

  Lsn last() const { return last_; }
  const ModelState& newest() const { return *entries_.back().state; }
  const ModelNames& names() const { return *entries_.back().names; }
  // Commits that changed something, the first of which is the empty store.
  const std::vector<Entry>& entries() const { return entries_; }
  // What a store at `lsn` may hold: one state for a commit that is known; behind the last one the
  // newest state, or what a write that failed would have made of it.
  std::vector<const Entry*> Candidates(Lsn lsn) const;
  // What is left of the state of commit `lsn` in a store that has settled. Pre: lsn <= last().
  ModelState Past(Lsn lsn) const;

  // Pre, of all that add a commit: lsn > last().
  void Commit(Lsn lsn, std::int64_t time_us, ModelState state);
  void Rename(Lsn lsn, std::optional<std::int64_t> time_us, ModelNames names);
  // Patterns end in every state.
  void Void(Lsn lsn, const std::set<PatternId>& ids);
  // Commits up to `lsn` were the store's own and changed no pattern.
  void Advance(Lsn lsn);
  // The last commit that was added failed: it may be there after a reopening, and is not now.
  // `last`: last() before it was added.
  void DoubtLast(Lsn last);
  // A store was opened at `lsn` and holds what `entry`, one of Candidates(lsn), says: what lies
  // behind is lost.
  void Settle(Lsn lsn, const Entry* entry);

 private:
  const Entry& At(Lsn lsn) const;
  void Add(Entry entry);

  std::vector<Entry> entries_;  // each holds from its LSN on
  std::shared_ptr<const Entry> doubt_;
  Lsn last_ = Lsn::kNone;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_CRASH_MODEL_H_
