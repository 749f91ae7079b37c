#include "tests/crash/sweep.h"

#include <span>
#include <utility>

#include "tests/crash/oracle.h"
#include "tests/support/counts.h"

namespace engram {
namespace {

constexpr CrashPolicy kRandomPolicies[] = {CrashPolicy::kRandomSectors, CrashPolicy::kRandomOps,
                                           CrashPolicy::kPrefix, CrashPolicy::kGarbage};
constexpr Step kAfterwards[] = {Step::kInsert,     Step::kUpdateBoth, Step::kBatch,
                                Step::kCheckpoint, Step::kErase,      Step::kCheckpoint};

constexpr Step kAfterwardsOfUpkeep[] = {
    Step::kSweepStep,    Step::kErase,     Step::kCompact, Step::kName,   Step::kInsert,
    Step::kEraseForever, Step::kSweepStep, Step::kCompact, Step::kUnname, Step::kCompactSome};

constexpr std::int64_t kLongerThanALife = 60'000'000;  // us

constexpr std::size_t kImagesOfTornPages = 8;

const char* NameOf(CrashPolicy policy) {
  constexpr const char* kNames[] = {"lose all",   "keep all", "random sectors",
                                    "random ops", "prefix",   "garbage"};
  return kNames[static_cast<std::size_t>(policy)];
}

// `first`: where in the list of steps.
bool LiveOn(Player& player, Diet diet, std::size_t first, std::size_t steps) {
  const std::span<const Step> list =
      diet == Diet::kWrites ? std::span<const Step>(kAfterwards) : kAfterwardsOfUpkeep;
  for (std::size_t i = first; i < first + steps; ++i) {
    if (!player.Run(list[i % list.size()])) return false;
  }
  return player.Check() && player.Run(Step::kKill);
}

}  // namespace

SweepCounts& SweepCounts::operator+=(const SweepCounts& other) {
  images += other.images;
  crash_points += other.crash_points;
  restored += other.restored;
  replayed += other.replayed;
  verified += other.verified;
  lived_on += other.lived_on;
  second_images += other.second_images;
  second_points += other.second_points;
  from_restored += other.from_restored;
  return *this;
}

void SweepCounts::Print(std::uint64_t histories) const {
  PrintCounts({{"histories", histories},
               {"images", images},
               {"crash points", crash_points},
               {"with restored pages", restored},
               {"with replayed commits", replayed},
               {"verified", verified},
               {"lived on", lived_on},
               {"images after a second crash", second_images},
               {"second crash points", second_points},
               {"of them from restored pages", from_restored}});
}

bool Sweeper::SweepTrace(const SimFileSystem& disk, const Player& player, std::size_t first,
                         Depth depth) {
  CrashReplayer replayer = disk.Replay();
  std::size_t pending = 0;
  std::size_t marks = 0;
  for (std::size_t at = first; at <= disk.OpCount() && counts_.images < most_images_; ++at) {
    replayer.AdvanceTo(at);
    const std::size_t was_pending = std::exchange(pending, replayer.PendingCount());
    const bool mark = std::exchange(marks, replayer.numbers().size()) != marks;
    // More is promised after a mark, more is durable after a sync, more can be lost after the rest.
    const bool loses = mark || pending < was_pending;
    const bool more = pending > was_pending;
    if (!loses && !more) continue;
    if (rates_.point_one_in > 1 && !OneIn(rates_.point_one_in)) continue;
    ++(depth == Depth::kFirst ? counts_.crash_points : counts_.second_points);
    if (loses && !CrashWith(replayer, CrashPolicy::kLoseAll, player, depth)) return false;
    if (mark || pending == 0) continue;
    if (more && OneIn(2) && !CrashWith(replayer, CrashPolicy::kKeepAll, player, depth)) {
      return false;
    }
    const std::size_t any = random_() % std::size(kRandomPolicies);
    const std::uint64_t restored = counts_.restored;
    std::size_t count = depth == Depth::kFirst ? 2 : 1;
    for (std::size_t i = 0; i < count; ++i) {
      const CrashPolicy policy = kRandomPolicies[(any + i) % std::size(kRandomPolicies)];
      if (!CrashWith(replayer, policy, player, depth)) return false;
      // Torn pages are rare, and worth a closer look.
      if (counts_.restored > restored) count = kImagesOfTornPages;
    }
  }
  return true;
}

bool Sweeper::CrashWith(const CrashReplayer& replayer, CrashPolicy policy, const Player& player,
                        Depth depth) {
  const SimImage image = replayer.PowerLoss(random_, policy);
  const std::string wrong = CheckImage(image, player.KnownAt(replayer), depth);
  if (wrong.empty()) return true;
  failure_ = std::string(depth == Depth::kFirst ? "" : "second ") + "crash after operation " +
             std::to_string(replayer.position()) + " with policy '" + NameOf(policy) +
             "': " + wrong + (failure_.empty() ? "" : "\n  " + failure_);
  return false;
}

std::string Sweeper::CheckImage(const SimImage& image, const Known& known, Depth depth) {
  ++counts_.images;
  if (depth == Depth::kSecond) ++counts_.second_images;
  if (OneIn(rates_.verify_one_in)) {
    ++counts_.verified;
    std::string wrong = CheckVerifies(std::make_shared<SimFileSystem>(image), Player::kDirectory);
    if (!wrong.empty()) return wrong;
  }
  // Not before what the store has seen: its clock never goes back.
  ManualClock clock(now_us_ + (depth == Depth::kSecond ? kLongerThanALife : 0));
  const auto disk = std::make_shared<SimFileSystem>(image);
  Player player({shape_, random_(), &clock, disk, nullptr}, known);
  if (!player.Open()) return player.failure();
  const Counters& counters = player.engine()->core().counters;
  const bool restored = counters.restored_pages.load(std::memory_order_relaxed) > 0;
  const bool replayed = counters.replayed_commits.load(std::memory_order_relaxed) > 0;
  counts_.restored += restored ? 1 : 0;
  counts_.replayed += replayed ? 1 : 0;
  const bool again = depth == Depth::kFirst && OneIn(restored ? rates_.crash_again_restored_one_in
                                                              : rates_.crash_again_one_in);
  if (again || OneIn(rates_.live_on_one_in)) {
    ++counts_.lived_on;
    // Each of the steps of upkeep is the first one now and then: what a crash left, it finds.
    const std::size_t first = diet_ == Diet::kWrites ? 0 : random_() % 8;
    if (!LiveOn(player, diet_, first, 1 + random_() % std::size(kAfterwards))) {
      return "living on: " + player.failure();
    }
  }
  if (!again) return {};
  counts_.from_restored += restored ? 1 : 0;
  player.Die();
  return SweepTrace(*disk, player, 1, Depth::kSecond) ? std::string()
                                                      : "recovered, then lost again";
}

std::string CheckCrashed(const SimImage& image, const Known& known, const StoreShape& shape,
                         std::int64_t now_us, std::uint64_t seed, std::size_t steps, Diet diet) {
  ManualClock clock(now_us);
  const auto disk = std::make_shared<SimFileSystem>(image);
  Player player({shape, seed, &clock, disk, nullptr}, known);
  if (!player.Open()) return player.failure();
  if (steps > 0 && !LiveOn(player, diet, seed % 8, steps)) return "living on: " + player.failure();
  return {};
}

}  // namespace engram
