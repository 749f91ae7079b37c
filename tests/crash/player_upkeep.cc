// The player's steps that keep a store as good as new, and the checks of what lies behind the
// newest state: names, the past, snapshots, files without a byte of what was erased for ever.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "engine/writer.h"
#include "storage/base/coding.h"
#include "storage/base/test_hooks.h"
#include "tests/crash/oracle.h"
#include "tests/crash/player.h"

namespace engram {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostHeld = 3;
constexpr std::size_t kMostNames = 4;
// States of the past that one check reads.
constexpr std::size_t kPastsRead = 1;

Timestamp TimeOf(std::int64_t us) { return Timestamp(std::chrono::microseconds(us)); }

std::string AtCommit(Lsn lsn) { return "the state of commit " + std::to_string(Raw(lsn)) + ": "; }

}  // namespace

// --- What is checked ---

ModelState Player::Seen() const { return Unexpired(model_.newest(), stage_.shape.ages, now_us()); }

ModelState Player::SeenAt(Lsn lsn, std::int64_t time_us) const {
  return Unexpired(model_.Past(lsn), stage_.shape.ages, time_us);
}

std::string Player::CheckEntry(const Model::Entry& entry) {
  std::string wrong = CheckHolds(*engine_, Unexpired(*entry.state, stage_.shape.ages, now_us()));
  if (!wrong.empty()) return wrong;
  ModelNames found;
  for (const NamedSnapshot& named : engine_->ListNamedSnapshots()) {
    found[named.name] = {named.lsn, named.taken_at.time_since_epoch().count()};
  }
  if (found == *entry.names) return {};
  const auto list = [](const ModelNames& names) {
    std::string text;
    for (const auto& [name, named] : names) {
      text += " \"" + name + "\" of commit " + std::to_string(Raw(named.lsn)) + " at " +
              std::to_string(named.taken_us);
    }
    return text;
  };
  return "named snapshots are" + list(found) + ", expected" + list(*entry.names);
}

std::string Player::CheckPast() {
  std::string wrong = CheckNamed();
  if (wrong.empty()) wrong = CheckHistory();
  if (wrong.empty()) wrong = CheckHeld();
  return wrong.empty() ? CheckForgotten() : wrong;
}

std::string Player::CheckNamed() {
  for (const auto& [name, named] : model_.names()) {
    const auto kept = engine_->OpenNamedSnapshot(name);
    if (!kept.ok()) return "snapshot " + name + ": " + kept.status().ToString();
    std::string wrong = CheckAnswers(*engine_, SeenAt(named.lsn, named.taken_us), *kept);
    engine_->DropSnapshot(*kept);
    if (!wrong.empty()) return "snapshot " + name + ": " + wrong;
  }
  return {};
}

// States that are as new as Options::history says, read by commit and by time.
std::string Player::CheckHistory() {
  if (stage_.shape.history.count() == 0) return {};
  const std::int64_t since_us = now_us() - stage_.shape.history.count();
  // Of the empty store nothing is said.
  std::vector<const Model::Entry*> kept;
  for (const Model::Entry& entry : model_.entries()) {
    if (!entry.keeps_time) continue;
    if (entry.time_us <= since_us) kept.clear();
    kept.push_back(&entry);
  }
  // Ending what has expired is a commit of the store's own, which may be the newest that is old
  // enough: then the one before need not be there.
  if (!kept.empty() && kept.front()->time_us <= since_us) {
    const std::uint64_t after = kept.size() > 1 ? Raw(kept[1]->lsn) : Raw(visible()) + 1;
    if (after > Raw(kept.front()->lsn) + 1) kept.erase(kept.begin());
  }
  if (kept.empty()) return {};
  std::string wrong = CheckOnePast(*kept.front());
  for (std::size_t i = 0; i < kPastsRead && wrong.empty(); ++i) {
    wrong = CheckOnePast(*kept[random_() % kept.size()]);
  }
  return wrong;
}

std::string Player::CheckOnePast(const Model::Entry& entry) {
  const auto by_lsn = engine_->TakeSnapshotAt(entry.lsn);
  if (!by_lsn.ok()) return AtCommit(entry.lsn) + by_lsn.status().ToString();
  std::string wrong = CheckAnswers(*engine_, SeenAt(entry.lsn, entry.time_us), *by_lsn);
  engine_->DropSnapshot(*by_lsn);
  if (!wrong.empty()) return AtCommit(entry.lsn) + wrong;
  if (entry.time_us < now_us() - stage_.shape.history.count()) return {};
  const auto by_time = engine_->TakeSnapshotAt(TimeOf(entry.time_us));
  if (!by_time.ok()) return AtCommit(entry.lsn) + "by time: " + by_time.status().ToString();
  wrong = CheckAnswers(*engine_, SeenAt(entry.lsn, entry.time_us), *by_time);
  engine_->DropSnapshot(*by_time);
  return wrong.empty() ? wrong : AtCommit(entry.lsn) + "by time: " + wrong;
}

std::string Player::CheckHeld() {
  for (const Held& held : held_) {
    const std::string wrong =
        CheckAnswers(*engine_, SeenAt(held.kept.lsn, held.time_us), held.kept);
    if (!wrong.empty()) return "a snapshot, " + AtCommit(held.kept.lsn) + wrong;
  }
  return {};
}

std::string Player::CheckForgotten() const {
  if (forgotten_.empty()) return {};
  return CheckHoldsNothingOf(stage_.disk->LiveImage(), forgotten_);
}

// --- What is done ---

bool Player::DoUpkeep(Step step) {
  switch (step) {
    case Step::kWait:
      stage_.clock->Advance(std::chrono::milliseconds(random_() % 1000));
      return true;
    case Step::kSweepStep:
      return SweepStep();
    case Step::kCompact:
      return Compact(false);
    case Step::kCompactSome:
      return Compact(true);
    case Step::kBusyCompact:
      return BusyCompact();
    case Step::kRacedTake:
      return RacedTake();
    case Step::kName:
      return model_.names().size() >= kMostNames ? Unname() : Name();
    case Step::kUnname:
      return model_.names().empty() || Unname();
    case Step::kTake:
      Take();
      return true;
    case Step::kEraseMatching:
      return EraseMatching(false);
    case Step::kPrune:
      return EraseMatching(true);
    case Step::kEraseForever:
      return EraseForever();
    default:
      return Fail("there is no such step");
  }
}

bool Player::SweepStep() {
  Result<bool> more = true;
  {
    MutexLock role(engine_->core().writer_role);
    Writer writer(engine_->core());
    more = writer.Sweep(1 + random_() % 12, 1);
  }
  return more.ok() || Excused("sweep", more.status());
}

bool Player::Compact(bool cancel) {
  CompactOptions options;
  std::uint64_t left = cancel ? random_() % 12 : std::numeric_limits<std::uint64_t>::max();
  options.progress = [&left](const CompactProgress& progress) {
    return progress.done <= progress.total && left-- > 0;
  };
  options.metadata = random_() % 2 == 0;
  const Lsn before = visible();
  const auto report = engine_->Compact(options);
  if (report.code() == Code::kCancelled && cancel) return true;
  return Promise("Compact", report.status(), before) && (!report.ok() || CheckCompacted());
}

bool Player::BusyCompact() {
  int left = 4;
  bool fine = true;
  SetSyncPoint("checkpoint:slice", [&] {
    if (left-- > 0 && fine) fine = InsertSome(8, Durability::kNone);
  });
  const Lsn lsn = visible();
  const auto report = engine_->Compact({});
  ClearSyncPoints();
  return fine && Promise("Compact", report.status(), lsn);
}

// The file ends where its last page does.
bool Player::CheckCompacted() {
  std::uint64_t end = 0;
  const PageFile& file = *engine_->core().page_file;
  for (const ExtentEntry& extent : file.Extents()) {
    const std::uint64_t bytes = std::uint64_t{extent.pages} * file.PageBytes(extent.segment);
    end = std::max(end, extent.file_offset + bytes);
  }
  const std::string path = std::string(kDirectory) + "/graph.engram";
  const std::uint64_t size = stage_.disk->LiveImage().FindFile(path)->size();
  return size <= std::max<std::uint64_t>(end, kFirstExtentOffset) ||
         Fail("compacted, the page file has " + std::to_string(size) +
              " bytes, expected no more than " + std::to_string(end));
}

bool Player::Name() {
  const std::string name = "name " + std::to_string(names_given_++ % 8);
  const Durability durability = AnyDurability();
  std::optional<KeptState> of;
  if (!held_.empty() && random_() % 2 == 0) of = held_[random_() % held_.size()].kept;
  if (of && of->lsn == Lsn::kNone) of.reset();  // an empty store's gets none
  stage_.clock->Advance(1us);
  const auto named = engine_->CreateNamedSnapshot(name, of, durability);
  if (model_.names().contains(name)) {
    return named.code() == Code::kAlreadyExists ||
           (poisoned() && Excused("name", named.status())) ||
           Fail("a name twice: " + named.status().ToString());
  }
  ModelNames names = model_.names();
  const Lsn own = named.ok() ? visible() : static_cast<Lsn>(Raw(visible()) + 1);
  const bool of_its_moment = of && of->now_us != Sight::kNothingExpires;
  names[name] = {of ? of->lsn : own, of_its_moment ? of->now_us : now_us()};
  return Rename(named.status(), "name", std::move(names), durability);
}

bool Player::Unname() {
  ModelNames names = model_.names();
  const auto any = std::next(names.begin(), static_cast<std::ptrdiff_t>(random_() % names.size()));
  const Durability durability = AnyDurability();
  stage_.clock->Advance(1us);
  const Status status = engine_->DropNamedSnapshot(any->first, durability);
  names.erase(any);
  return Rename(status, "drop of a name", std::move(names), durability);
}

// The drop of a name keeps none.
std::optional<std::int64_t> Player::KeptTime(const ModelNames& names) const {
  if (names.size() < model_.names().size()) return std::nullopt;
  return now_us();
}

bool Player::Rename(const Status& status, const std::string& what, ModelNames names,
                    Durability durability) {
  if (status.ok()) {
    if (poisoned()) return Fail(what + ": a write to a poisoned store succeeded");
    model_.Rename(visible(), KeptTime(names), std::move(names));
    if (durability == Durability::kSync) now_.promised = visible();
    return true;
  }
  const bool was_poisoned = poisoned();
  if (!Excused(what, status)) return false;
  if (was_poisoned || !poisoned()) return Check();
  model_.Advance(visible());
  const Lsn last = model_.last();
  model_.Rename(static_cast<Lsn>(Raw(visible()) + 1), KeptTime(names), std::move(names));
  model_.DoubtLast(last);
  return Check();
}

void Player::Take() {
  if (held_.size() >= kMostHeld || (!held_.empty() && random_() % 3 == 0)) {
    engine_->DropSnapshot(held_.front().kept);
    held_.erase(held_.begin());
    return;
  }
  if (poisoned()) return;
  held_.push_back({engine_->TakeSnapshot(), now_us()});
  model_.Advance(visible());
}

bool Player::RacedTake() {
  bool fine = true;
  SetSyncPoint("versions:snapshot_lsn_read", [&] {
    ClearSyncPoints();
    fine = EraseMatching(true) && (Seen().empty() || Erase()) && SweepAll() &&
           InsertSome(12, Durability::kNone);
  });
  held_.push_back({engine_->TakeSnapshot(), now_us()});
  ClearSyncPoints();
  return fine && Check();
}

bool Player::SweepAll() {
  const Status status = engine_->RunMaintenance(std::chrono::seconds(1));
  return status.ok() || Fail("RunMaintenance: " + status.ToString());
}

void Player::DropHeld() {
  for (const Held& held : held_) engine_->DropSnapshot(held.kept);
  held_.clear();
}

bool Player::EraseMatching(bool prune) {
  PatternFilter filter;
  const Durability durability = AnyDurability();
  if (!prune) filter.type = static_cast<TypeTag>(random_() % 3);
  // Half of them, or so.
  const ModelState seen = Seen();
  if (prune || random_() % 2 == 0) {
    filter.before = TimeOf(seen.empty() ? now_us() : seen.at(AnyLive())->timestamp_us);
  }
  ModelState after = model_.newest();
  std::uint64_t all = 0;
  std::uint64_t least = 0;  // it may end what has expired, or not
  for (const auto& [id, pattern] : model_.newest()) {
    const bool meant =
        (!filter.type || pattern->type == *filter.type) &&
        (!filter.before || pattern->timestamp_us < filter.before->time_since_epoch().count());
    if (!meant) continue;
    after.erase(id);
    ++all;
    if (seen.contains(id)) ++least;
  }
  stage_.clock->Advance(1us);
  const Lsn before = visible();
  const auto erased = prune ? engine_->PruneBefore(*filter.before, durability)
                            : engine_->EraseMatching(filter, durability);
  const std::string what = prune ? "PruneBefore" : "EraseMatching";
  if (erased.ok()) {
    if (*erased < least || *erased > all) {
      return Fail(what + " ends " + std::to_string(*erased) + ", expected " +
                  std::to_string(least) + " to " + std::to_string(all));
    }
    // Nothing to be done is done by a poisoned store, too.
    if (*erased == 0) return true;
    if (poisoned()) return Fail(what + ": a write to a poisoned store succeeded");
    model_.Commit(visible(), now_us(), std::move(after));
    if (durability == Durability::kSync) now_.promised = visible();
    if (durability == Durability::kInterval) last_interval_ = visible();
    return true;
  }
  const bool was_poisoned = poisoned();
  // A sync behind the commit may have failed: it is there, and seen.
  const bool there = visible() > before && !was_poisoned;
  if (there) model_.Commit(visible(), now_us(), after);
  if (!Excused(what, erased.status())) return false;
  if (there || was_poisoned || !poisoned()) return Check();
  model_.Advance(visible());
  const Lsn last = model_.last();
  model_.Commit(static_cast<Lsn>(Raw(visible()) + 1), now_us(), std::move(after));
  model_.DoubtLast(last);
  return Check();
}

// Patterns that are there, and such as were.
std::set<PatternId> Player::AnyEver() {
  std::set<PatternId> ids;
  const PatternId next = engine_->core().counters.next_id.load(std::memory_order_relaxed);
  for (std::size_t left = 1 + random_() % 3; left > 0; --left) {
    if (!Seen().empty() && random_() % 4 != 0) {
      ids.insert(AnyLive());
    } else if (!secrets_.empty()) {
      const auto any =
          std::next(secrets_.begin(), static_cast<std::ptrdiff_t>(random_() % secrets_.size()));
      if (any->first != 0 && any->first < next) ids.insert(any->first);
    }
  }
  return ids;
}

bool Player::EraseForever() {
  const std::set<PatternId> ids = AnyEver();
  if (ids.empty()) return true;
  const Lsn before = visible();
  std::vector<IdRange> list;
  for (const PatternId id : ids) list.push_back({id, id});
  const auto report = engine_->EraseForever(list);
  const bool was_poisoned = poisoned();
  // Its first commit is the one that ends them in every state, if there was anything to end.
  const auto gone = static_cast<Lsn>(Raw(before) + 1);
  const bool there = visible() > before && !was_poisoned;
  if (there) model_.Void(gone, ids);
  model_.Advance(visible());
  if (there) now_.promised = std::max(now_.promised, gone);
  if (report.ok()) {
    for (const PatternId id : ids) {
      const std::vector<std::string>& secrets = secrets_[id];
      forgotten_.insert(forgotten_.end(), secrets.begin(), secrets.end());
    }
    const std::string left = CheckForgotten();
    if (!left.empty()) return Fail("erased for ever: " + left);
    return Promise("EraseForever", report.status(), before);
  }
  if (!Excused("EraseForever", report.status())) return false;
  rows_lost_ = poison_.find("after it was written anew") != poison_.npos;
  if (there || was_poisoned || !poisoned()) return Check();
  const Lsn last = model_.last();
  model_.Void(gone, ids);
  model_.DoubtLast(last);
  unsure_ = ids;
  return Check();
}

}  // namespace engram
