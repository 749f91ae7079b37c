#include "tests/crash/player.h"

#include <sys/prctl.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include <engram/write_batch.h>

#include "api/src/transactions.h"
#include "engine/vector_rules.h"
#include "storage/base/check.h"
#include "storage/base/coding.h"
#include "storage/base/test_hooks.h"
#include "tests/crash/oracle.h"

namespace engram {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kDimensions = 16;
// Beyond the reserved ids.
constexpr PatternId kGivenIdStep = 1000;

// A huge page for each segment of each small store would be cleared for nothing.
const int kHugePagesOff = prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);

bool OneIn(std::mt19937_64& random, std::uint64_t n) { return random() % n == 0; }

EngineOptions OptionsOf(const StoreShape& shape) {
  EngineOptions config;
  config.min_extent_bytes = shape.extent_bytes;
  config.checkpoint_slice_bytes = shape.slice_bytes;
  Options& options = config.options;
  options.dimensions = kDimensions;
  options.m = shape.m;
  options.metric = shape.metric;
  options.journal_bytes = shape.journal_bytes;
  options.log_segment_bytes = shape.segment_bytes;
  options.metadata_buffer_bytes = shape.metadata_buffer_bytes;
  options.checkpoint_on_close = shape.checkpoint_on_close;
  options.background_threads = 0;
  options.search_threads = 1;
  options.sync_interval = std::chrono::milliseconds(50);
  if (shape.indexed_fields) options.indexed_fields = {"kind", "n", "text"};
  options.history = shape.history;
  options.max_age = std::chrono::microseconds(shape.ages.general_us);
  for (const auto& [type, limit] : shape.ages.by_type) {
    options.max_age_by_type.emplace(type, std::chrono::microseconds(limit));
  }
  return config;
}

}  // namespace

StoreShape::StoreShape(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  constexpr Metric kMetrics[] = {Metric::kL2, Metric::kCosine, Metric::kInnerProduct};
  metric = kMetrics[random() % 3];
  journal_bytes = std::uint64_t{12 << 10} << random() % 4;
  segment_bytes = std::uint64_t{8 << 10} << random() % 4;
  slice_bytes = std::uint64_t{4 << 10} << random() % 3;
  // In the smaller one RocksDB flushes by itself now and then.
  metadata_buffer_bytes = OneIn(random, 3) ? 96 << 10 : 1 << 20;
  indexed_fields = OneIn(random, 2);
  checkpoint_on_close = !OneIn(random, 3);
  m = 2 + static_cast<std::uint32_t>(random() % 3);
  // The past of some dozen steps, or all of it.
  if (OneIn(random, 2)) history = OneIn(random, 2) ? 400'000us : 3'600'000'000us;
  if (OneIn(random, 3)) ages.general_us = 4'000'000;
  if (OneIn(random, 3)) ages.by_type[2] = 1'500'000;
}

Player::Player(Stage stage, Known known)
    : stage_(std::move(stage)),
      random_(stage_.seed),
      files_(stage_.faults != nullptr ? std::shared_ptr<FileSystem>(stage_.faults) : stage_.disk),
      model_(*known.model),
      now_{known.promised, known.attempted, known.used, known.forgotten.size()},
      found_(known.promised),
      secrets_(std::move(known.secrets)),
      forgotten_(std::move(known.forgotten)) {}

Player::~Player() { DropHeld(); }

bool Player::Fail(std::string what) {
  if (failure_.empty()) failure_ = std::move(what);
  return false;
}

void Player::Die() {
  stage_.disk->FreezeAt(stage_.disk->OpCount());
  DropHeld();
  engine_.reset();
}

Lsn Player::visible() const { return engine_->core().versions.visible(); }

bool Player::Excused(const std::string& what, const Status& status) {
  if (stage_.faults == nullptr || stage_.faults->faults_hit() == 0) {
    return Fail(what + ": " + status.ToString());
  }
  const bool documented = status.code() == Code::kNoSpace || status.code() == Code::kIoError ||
                          status.code() == Code::kReadOnly;
  if (!documented) return Fail(what + " after a fault: " + status.ToString());
  if (engine_ == nullptr || engine_->core().log == nullptr) return true;  // closed
  const Status poison = engine_->core().log->poisoned();
  if (!poison_.empty()) {
    if (status.code() == Code::kReadOnly && status.message() == poison_) return true;
    return Fail(what + " of a poisoned store: " + status.ToString() + ", expected " + poison_);
  }
  if (poison.ok()) {
    if (status.code() == Code::kReadOnly) return Fail(what + ": poison without a cause");
    // Clean: what failed may be done again.
    const std::uint64_t hits = stage_.faults->faults_hit();
    // After a crash all fails, and only the first counts.
    if (std::exchange(excused_faults_, hits) == hits && !stage_.faults->crashed()) {
      return Fail(what + ": " + status.ToString() + ", and no fault since the last failure");
    }
    model_.Advance(visible());
    return true;
  }
  if (status.code() == Code::kNoSpace) {
    return Fail(what + ": " + status.ToString() + " from a store that is poisoned");
  }
  poison_ = poison.message();
  // What failed may be there after a reopening, and nothing of it is seen before.
  now_.attempted = kForever;
  return true;
}

bool Player::Open() {
  stage_.disk->Mark(0);
  const bool opened = OpenEngine();
  if (opened && engine_ != nullptr) {
    records_.push_back(now_);
    stage_.disk->Mark(1);
  }
  return opened;
}

EngineOptions Player::NextOptions() {
  EngineOptions config = OptionsOf(stage_.shape);
  const std::uint64_t turn = stage_.seed + openings_++;
  config.options.residency =
      stage_.shape.residency.value_or(turn % 2 == 0 ? Residency::kResident : Residency::kMapped);
  // Once in a while is enough: it does the same each time.
  config.check_mapping = turn % 16 == 1;
  return config;
}

bool Player::OpenEngine() {
  poison_.clear();
  rows_lost_ = false;
  unsure_.clear();
  EngineOptions config = NextOptions();
  config.file_system = files_;
  config.clock = stage_.clock;
  auto opened = Engine::Open(kDirectory, std::move(config), Engine::Access::kReadWrite);
  if (!opened.ok()) {
    // A reopening that fails leaves what it found.
    return Excused("open", opened.status());
  }
  engine_ = std::move(*opened);
  if (stage_.faults_end_with_opening) stage_.faults->ClearPlan();
  return CheckOpened();
}

// A new store records its indexed fields, and when its history begins.
Lsn Player::FirstCommits() const {
  return static_cast<Lsn>((stage_.shape.indexed_fields ? 1 : 0) +
                          (stage_.shape.history.count() > 0 ? 1 : 0));
}

bool Player::CheckOpened() {
  const Lsn lsn = visible();
  const bool first_commit = lsn <= FirstCommits();
  if (lsn < now_.promised || (lsn > now_.attempted && !first_commit)) {
    return Fail("opened at commit " + std::to_string(Raw(lsn)) + ", promised were " +
                std::to_string(Raw(now_.promised)) + ", attempted " +
                std::to_string(Raw(now_.attempted)));
  }
  std::string wrong;
  const Model::Entry* holds = nullptr;
  for (const Model::Entry* candidate : model_.Candidates(lsn)) {
    std::string differs = CheckEntry(*candidate);
    if (differs.empty()) holds = candidate;
    if (wrong.empty()) wrong = std::move(differs);
  }
  if (holds == nullptr) return Fail("opened at commit " + std::to_string(Raw(lsn)) + ": " + wrong);
  model_.Settle(lsn, holds);
  if (std::string past = CheckPast(); !past.empty()) {
    return Fail("opened at commit " + std::to_string(Raw(lsn)) + ": " + past);
  }
  last_interval_ = Lsn::kNone;
  reopened_at_ = stage_.disk->OpCount();
  now_.promised = lsn;  // opening made the log's tail durable
  now_.attempted = lsn;
  return true;
}

bool Player::Check() {
  if (engine_ == nullptr || rows_lost_) return true;
  std::string wrong = poisoned() ? CheckAnswers(*engine_, Seen()) : CheckHolds(*engine_, Seen());
  if (!unsure_.empty()) {
    ModelState without = Seen();
    for (const PatternId id : unsure_) without.erase(id);
    if (!wrong.empty()) wrong = CheckAnswers(*engine_, without);
    return wrong.empty() || Fail("visible: " + wrong);
  }
  if (wrong.empty()) wrong = CheckPast();
  return wrong.empty() || Fail("visible: " + wrong);
}

Known Player::known() const {
  return {std::make_shared<Model>(model_),
          now_.promised,
          now_.attempted,
          now_.used,
          secrets_,
          forgotten_};
}

Known Player::KnownAt(const CrashReplayer& replayer) const {
  Known known{std::make_shared<Model>(model_), {}, {}, 0, secrets_, {}};
  const std::uint64_t mark = replayer.numbers().empty() ? 0 : replayer.numbers().back();
  const std::size_t step = mark / 2;
  const bool ended = mark % 2 == 1;
  if (step == 0) {
    // Opening neither loses nor adds anything; ids were given before.
    known.promised = records_[0].promised <= FirstCommits() ? found_ : records_[0].promised;
    known.attempted = records_[0].attempted;
    known.used = records_[0].used;
    known.forgotten = {forgotten_.begin(),
                       forgotten_.begin() + static_cast<std::ptrdiff_t>(records_[0].forgotten)};
    return known;
  }
  const Record& done = records_[ended ? step : step - 1];
  known.promised = done.promised;
  known.used = done.used;
  known.forgotten = {forgotten_.begin(),
                     forgotten_.begin() + static_cast<std::ptrdiff_t>(done.forgotten)};
  known.attempted = records_[step].attempted;
  return known;
}

bool Player::Run(Step step) {
  if (engine_ == nullptr) return true;
  stage_.clock->Advance(std::chrono::milliseconds(20));
  stage_.disk->Mark(2 * records_.size());
  if (!Do(step)) return false;
  if (engine_ != nullptr && poison_.empty()) {
    model_.Advance(visible());
    now_.attempted = visible();
  }
  now_.forgotten = forgotten_.size();
  records_.push_back(now_);
  stage_.disk->Mark(2 * records_.size() - 1);
  return true;
}

bool Player::Do(Step step) {
  const bool any = !Seen().empty();
  switch (step) {
    case Step::kInsert:
      return InsertSome(1, AnyDurability());
    case Step::kInsertGivenId: {
      Change change = NewInsert();
      change.id = now_.used + 1 + random_() % kGivenIdStep;
      // Ids below may be reserved.
      const PatternId next = engine_->core().counters.next_id.load(std::memory_order_relaxed);
      change.id = std::max(*change.id, next);
      return Commit({std::move(change)}, AnyDurability());
    }
    case Step::kBatch:
      return InsertSome(4 + random_() % 12, AnyDurability());
    case Step::kHugeBatch:
      return HugeBatch();
    case Step::kMixed:
      return Mixed();
    case Step::kUpdateVector:
      return !any || Update(true, false);
    case Step::kUpdateMetadata:
      return !any || Update(false, true);
    case Step::kUpdateBoth:
      return !any || Update(true, true);
    case Step::kErase:
      return !any || Erase();
    case Step::kFlush: {
      const Lsn lsn = visible();
      return Promise("Flush", engine_->Flush(), lsn);
    }
    case Step::kWaitDurable: {
      const Lsn last = visible();
      const Lsn lsn = static_cast<Lsn>(Raw(last) - random_() % (Raw(last) / 2 + 1));
      return Promise("WaitDurable", engine_->WaitDurable(lsn), lsn);
    }
    case Step::kCheckpoint:
      return Checkpoint();
    case Step::kBusyCheckpoint:
      return BusyCheckpoint();
    case Step::kRacedCheckpoint:
      return RacedCheckpoint();
    case Step::kMaintain:
      // Syncs for kInterval, and for nobody else.
      return Promise("RunMaintenance", engine_->RunMaintenance(std::chrono::seconds(1)),
                     last_interval_) &&
             CheckScrubbed();
    case Step::kFlushRows:
      return FlushRows();
    case Step::kClose:
    case Step::kKill: {
      const bool clean = step == Step::kClose;
      DropHeld();
      const Status status = clean ? engine_->Close() : Status::Ok();
      // Closing may have made a commit of its own.
      if (poison_.empty()) model_.Advance(visible());
      if (!status.ok()) {
        if (!Excused("Close", status)) return false;
        now_.attempted = kForever;
      } else if (poison_.empty()) {
        // The death of the process alone loses nothing.
        now_.promised = clean || stage_.faults == nullptr ? visible() : now_.promised;
        now_.attempted = visible();
      }
      return Reopen();
    }
    default:
      return DoUpkeep(step);
  }
}

bool Player::Reopen() {
  engine_.reset();
  const Lsn promised = now_.promised;
  if (!OpenEngine()) return false;
  if (engine_ == nullptr) now_.promised = promised;
  return true;
}

bool Player::Promise(const std::string& what, const Status& status, Lsn lsn) {
  if (!status.ok()) return Excused(what, status);
  if (poisoned()) return Fail(what + " of a poisoned store succeeded");
  now_.promised = std::max(now_.promised, lsn);
  return true;
}

// No crash and no failure leaves a page that is bad while the store runs.
bool Player::CheckScrubbed() {
  const auto stats = engine_->GetStats();
  if (!stats.ok() || stats->bad_pages == 0) return true;
  return Fail("RunMaintenance: " + std::to_string(stats->bad_pages) + " pages are called bad");
}

bool Player::Checkpoint() {
  const Lsn lsn = visible();
  return Promise("Checkpoint", engine_->Checkpoint(), lsn);
}

bool Player::BusyCheckpoint() {
  int left = 6;
  bool fine = true;
  SetSyncPoint("checkpoint:slice", [&] {
    if (left-- > 0 && fine) fine = InsertSome(1, Durability::kNone);
  });
  const Lsn lsn = visible();
  const Status status = engine_->Checkpoint();
  ClearSyncPoints();
  return fine && Promise("Checkpoint", status, lsn);
}

bool Player::RacedCheckpoint() {
  // A checkpoint must wait here for the writer role, which this thread holds; the test of it is a
  // mutant that does not (mutants_test.cc).
  Status status;
  SetSyncPoint("writer:linked", [&] {
    ClearSyncPoints();
    status = engine_->Checkpoint();
  });
  const bool fine = InsertSome(1, Durability::kNone);
  ClearSyncPoints();
  return fine && (status.ok() || Fail("Checkpoint: " + status.ToString()));
}

bool Player::FlushRows() {
  // Through the poison it would not be reached.
  if (poisoned()) return true;
  const Status status = engine_->core().meta->Flush();
  if (status.ok()) return true;
  if (stage_.faults == nullptr) return Fail("flush of rows: " + status.ToString());
  // RocksDB's barrier may have met the fault, and so poisoned the log.
  const Status poison = engine_->core().log->poisoned();
  if (poison_.empty() && !poison.ok()) {
    poison_ = poison.message();
    now_.attempted = kForever;
  }
  return true;
}

}  // namespace engram
