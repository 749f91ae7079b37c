#include "tests/crash/history.h"

#include <span>
#include <utility>

namespace engram {
namespace {

constexpr std::size_t kManyPatterns = 60;

struct Weight {
  Step step;
  unsigned weight;
};
constexpr Weight kWrites[] = {
    {Step::kInsert, 20},      {Step::kInsertGivenId, 2}, {Step::kBatch, 10},
    {Step::kMixed, 10},       {Step::kUpdateVector, 6},  {Step::kUpdateMetadata, 6},
    {Step::kUpdateBoth, 5},   {Step::kErase, 8},         {Step::kFlush, 3},
    {Step::kWaitDurable, 3},  {Step::kCheckpoint, 6},    {Step::kBusyCheckpoint, 5},
    {Step::kMaintain, 4},     {Step::kFlushRows, 4},     {Step::kClose, 2},
    {Step::kKill, 3},         {Step::kName, 2},          {Step::kUnname, 1},
    {Step::kTake, 2},         {Step::kWait, 1},          {Step::kSweepStep, 2},
    {Step::kEraseMatching, 1}};
constexpr Weight kUpkeep[] = {
    {Step::kInsert, 3},     {Step::kBatch, 10},      {Step::kMixed, 4},
    {Step::kUpdateBoth, 3}, {Step::kErase, 8},       {Step::kCheckpoint, 3},
    {Step::kMaintain, 4},   {Step::kFlushRows, 1},   {Step::kClose, 2},
    {Step::kKill, 3},       {Step::kName, 5},        {Step::kUnname, 2},
    {Step::kTake, 3},       {Step::kWait, 5},        {Step::kSweepStep, 6},
    {Step::kCompact, 5},    {Step::kCompactSome, 5}, {Step::kEraseMatching, 3},
    {Step::kPrune, 1},      {Step::kEraseForever, 3}};

std::span<const Weight> WeightsOf(Diet diet) {
  return diet == Diet::kWrites ? std::span<const Weight>(kWrites) : kUpkeep;
}

}  // namespace

Step AnyStep(std::mt19937_64& random, const ModelState& state, Diet diet) {
  if (state.size() > kManyPatterns && random() % 2 == 0) return Step::kErase;
  unsigned total = 0;
  for (const Weight& weight : WeightsOf(diet)) total += weight.weight;
  auto chosen = static_cast<unsigned>(random() % total);
  for (const Weight& weight : WeightsOf(diet)) {
    if (chosen < weight.weight) return weight.step;
    chosen -= weight.weight;
  }
  return Step::kInsert;
}

bool History::Fail(const std::string& what) {
  failure_ = "history of seed " + std::to_string(seed_) + ", life " +
             std::to_string(lives_.size()) + ": " + what;
  return false;
}

Player* History::Begin() {
  Life life;
  life.disk = std::make_shared<SimFileSystem>(image_);
  life.player = std::make_unique<Player>(
      Player::Stage{shape_, random_(), &clock_, life.disk, nullptr}, known_);
  lives_.push_back(std::move(life));
  Player* player = lives_.back().player.get();
  if (player->Open()) return player;
  Fail(player->failure());
  return nullptr;
}

void History::End() {
  const Life& life = lives_.back();
  life.player->Die();
  known_ = life.player->known();
  CrashReplayer replayer = life.disk->Replay();
  replayer.AdvanceTo(life.disk->OpCount());
  image_ = replayer.PowerLoss(random_, kAllCrashPolicies[random_() % kAllCrashPolicies.size()]);
}

bool History::Play(std::size_t lives, std::size_t steps) {
  for (std::size_t i = 0; i < lives; ++i) {
    Player* player = Begin();
    if (player == nullptr) return false;
    for (std::size_t j = 0; j < steps; ++j) {
      const Step step = AnyStep(random_, player->known().model->newest(), diet_);
      if (!player->Run(step)) {
        return Fail("step " + std::to_string(j) + " (" + std::to_string(static_cast<int>(step)) +
                    "): " + player->failure());
      }
    }
    End();
  }
  return true;
}

bool History::Play(const std::vector<Step>& steps) {
  Player* player = Begin();
  if (player == nullptr) return false;
  for (const Step step : steps) {
    if (!player->Run(step)) {
      return Fail("step " + std::to_string(static_cast<int>(step)) + ": " + player->failure());
    }
  }
  End();
  return true;
}

}  // namespace engram
