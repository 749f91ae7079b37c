// Short histories, each of which meets one kind of trouble: where mutants are hunted.
// Leaves the hunts, and which mutant is met where, to mutants_test.cc.
// Threads: immutable.
#ifndef ENGRAM_TESTS_CRASH_MUTANT_SCRIPTS_H_
#define ENGRAM_TESTS_CRASH_MUTANT_SCRIPTS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "tests/crash/history.h"
#include "tests/crash/sweep.h"

namespace engram {

// Images are opened, no more.
inline constexpr SweepRates kNothingMore = {.verify_one_in = 0,
                                            .live_on_one_in = 0,
                                            .crash_again_one_in = 0,
                                            .crash_again_restored_one_in = 0};

// A short history for one kind of trouble.
struct Script {
  std::vector<Step> steps;
  SweepRates rates = {.verify_one_in = 0,
                      .live_on_one_in = 16,
                      .crash_again_one_in = 0,
                      .crash_again_restored_one_in = 0};
  std::uint64_t journal_bytes = 0;  // 0: as the seed says
  std::optional<Residency> residency = {};
  Diet diet = Diet::kWrites;  // of images that live on
  // Unset: as the seed says.
  std::optional<std::chrono::microseconds> history = {};
};

// Commits that nobody syncs between checkpoints, rows flushed at any time, recoveries of all kinds.
inline const Script kAnyTrouble = {
    .steps = {Step::kBatch,          Step::kInsert,         Step::kFlushRows,      Step::kMixed,
              Step::kCheckpoint,     Step::kUpdateVector,   Step::kInsert,         Step::kBatch,
              Step::kErase,          Step::kBusyCheckpoint, Step::kUpdateMetadata, Step::kInsert,
              Step::kFlushRows,      Step::kKill,           Step::kBatch,          Step::kMaintain,
              Step::kBusyCheckpoint, Step::kInsert,         Step::kMixed,          Step::kClose,
              Step::kBatch,          Step::kUpdateBoth,     Step::kCheckpoint,     Step::kInsert}};

// Checkpoints of several rounds over pages that are there already.
inline const Script kManyRounds = {
    .steps = {Step::kBatch, Step::kBatch, Step::kBatch, Step::kBatch, Step::kCheckpoint,
              Step::kMixed, Step::kErase, Step::kUpdateBoth, Step::kMixed, Step::kUpdateVector,
              Step::kBatch, Step::kCheckpoint},
    .journal_bytes = 12 << 10};

// Commits between slices, their log not yet durable.
inline const Script kBusyCheckpoints = {.steps = {Step::kBatch, Step::kBatch, Step::kBusyCheckpoint,
                                                  Step::kFlush, Step::kBusyCheckpoint, Step::kFlush,
                                                  Step::kBusyCheckpoint}};

// Torn pages put right, and then a checkpoint that needs the journal.
inline const Script kRestores = {
    .steps = {Step::kBatch, Step::kBatch, Step::kCheckpoint, Step::kErase, Step::kUpdateVector,
              Step::kBatch, Step::kCheckpoint},
    .rates = {.verify_one_in = 0,
              .live_on_one_in = 0,
              .crash_again_one_in = 0,
              .crash_again_restored_one_in = 1},
    .journal_bytes = 256 << 10};

// A tail of the log with holes, and a life after it.
inline const Script kTornTails = {
    .steps = {Step::kBatch, Step::kInsert, Step::kInsert, Step::kInsert, Step::kUpdateVector,
              Step::kInsert, Step::kInsert, Step::kErase, Step::kInsert, Step::kInsert},
    .rates = {.verify_one_in = 0,
              .live_on_one_in = 1,
              .crash_again_one_in = 0,
              .crash_again_restored_one_in = 0}};

// Lists that overflow, nodes that end, sweeps, and what a reopening makes of them.
inline const Script kSweeps = {.steps = {Step::kBatch, Step::kBatch, Step::kBatch, Step::kBatch,
                                         Step::kErase, Step::kMixed, Step::kErase, Step::kMaintain,
                                         Step::kBatch, Step::kKill, Step::kErase, Step::kErase,
                                         Step::kUpdateVector, Step::kMaintain, Step::kInsert,
                                         Step::kCheckpoint, Step::kErase, Step::kMaintain}};

// Pages that change while their images are on the way to the file.
inline const Script kBusyDrops = {
    .steps = {Step::kBatch, Step::kBatch, Step::kCheckpoint, Step::kBatch, Step::kBusyCheckpoint,
              Step::kBatch, Step::kBusyCheckpoint, Step::kUpdateBoth, Step::kBusyCheckpoint},
    .residency = Residency::kMapped};

// Room in the middle, and pages at the end that go; states that are to stay meanwhile.
inline const Script kCompactions = {
    .steps = {Step::kBatch, Step::kBatch, Step::kBatch, Step::kBatch, Step::kCheckpoint,
              Step::kErase, Step::kEraseMatching, Step::kName, Step::kCompact, Step::kBatch,
              Step::kEraseMatching, Step::kCompactSome, Step::kBusyCompact, Step::kErase,
              Step::kBusyCompact, Step::kBatch},
    .rates = {.point_one_in = 5,
              .verify_one_in = 16,
              .live_on_one_in = 16,
              .crash_again_one_in = 0,
              .crash_again_restored_one_in = 0},
    .diet = Diet::kUpkeep};

// What was said to stay is read after all that could take it away.
inline constexpr SweepRates kFewPoints = {.point_one_in = 8,
                                          .verify_one_in = 16,
                                          .live_on_one_in = 16,
                                          .crash_again_one_in = 0,
                                          .crash_again_restored_one_in = 0};
inline const std::vector<Step> kStayOrGo = {
    Step::kBatch, Step::kBatch,         Step::kName,    Step::kErase,    Step::kEraseMatching,
    Step::kPrune, Step::kMaintain,      Step::kBatch,   Step::kMaintain, Step::kBatch,
    Step::kKill,  Step::kName,          Step::kErase,   Step::kCompact,  Step::kBatch,
    Step::kClose, Step::kEraseMatching, Step::kCompact, Step::kBatch,    Step::kKill};
inline const Script kPasts = {.steps = kStayOrGo,
                              .rates = kFewPoints,
                              .diet = Diet::kUpkeep,
                              .history = std::chrono::hours(1)};
inline const Script kNames = {.steps = kStayOrGo,
                              .rates = kFewPoints,
                              .diet = Diet::kUpkeep,
                              .history = std::chrono::hours(0)};

// Patterns erased for ever while a round of the sweep is on its way.
inline const Script kVoidsInRounds = {
    .steps = {Step::kBatch,        Step::kBatch,     Step::kBatch,        Step::kErase,
              Step::kErase,        Step::kSweepStep, Step::kEraseForever, Step::kErase,
              Step::kErase,        Step::kSweepStep, Step::kSweepStep,    Step::kEraseForever,
              Step::kErase,        Step::kSweepStep, Step::kSweepStep,    Step::kSweepStep,
              Step::kEraseForever, Step::kBatch,     Step::kErase,        Step::kErase,
              Step::kSweepStep,    Step::kSweepStep, Step::kEraseForever, Step::kErase,
              Step::kSweepStep,    Step::kSweepStep, Step::kSweepStep,    Step::kEraseForever},
    .rates = {.point_one_in = 4,
              .verify_one_in = 0,
              .live_on_one_in = 1,
              .crash_again_one_in = 0,
              .crash_again_restored_one_in = 0},
    .diet = Diet::kUpkeep};

// Rounds of the sweep, a few lists at a time, and what comes between.
inline const Script kSweepKills = {
    .steps = {Step::kBatch,     Step::kBatch,     Step::kBatch,         Step::kBatch,
              Step::kErase,     Step::kErase,     Step::kErase,         Step::kSweepStep,
              Step::kKill,      Step::kSweepStep, Step::kSweepStep,     Step::kKill,
              Step::kMaintain,  Step::kBatch,     Step::kEraseMatching, Step::kSweepStep,
              Step::kSweepStep, Step::kKill,      Step::kSweepStep,     Step::kSweepStep,
              Step::kKill,      Step::kMaintain,  Step::kBatch,         Step::kEraseMatching,
              Step::kSweepStep, Step::kKill,      Step::kSweepStep,     Step::kKill},
    .rates = {.point_one_in = 64}};

inline const Script kRacedSnapshots = {
    .steps = {Step::kBatch, Step::kBatch, Step::kRacedTake, Step::kBatch, Step::kRacedTake,
              Step::kErase, Step::kRacedTake},
    .rates = {.point_one_in = 64}};

inline const Script kRaces = {.steps = {Step::kBatch, Step::kRacedCheckpoint, Step::kInsert}};

}  // namespace engram

#endif  // ENGRAM_TESTS_CRASH_MUTANT_SCRIPTS_H_
