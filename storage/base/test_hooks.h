// What tests may bend: named points where a thread can be stopped, and deliberate breaks of the
// durability protocol that the crash tests must catch. Only in builds with ENGRAM_TEST_HOOKS;
// otherwise constants. Threads: any thread.
#ifndef ENGRAM_STORAGE_BASE_TEST_HOOKS_H_
#define ENGRAM_STORAGE_BASE_TEST_HOOKS_H_

#include <cstdint>

#ifdef ENGRAM_TEST_HOOKS
#include <atomic>
#include <functional>
#include <string_view>
#endif

namespace engram {

// Each breaks one rule of docs/recovery.md, the last ones of docs/concurrency.md or docs/hnsw.md.
// tests/crash/mutants_test.cc, tests/stress/schedules_test.cc, tests/engine/graph_mutants_test.cc,
// tests/engine/scrubber_test.cc and tests/storage/page_file_cut_test.cc show that each is caught.
enum class Mutant : std::uint8_t {
  kNone = 0,
  kLogNotSyncedBeforePages,  // R1: images reach the journal ahead of their log records
  kLogSyncedOnlyToS,         // R1: the log is made durable to the first slice's LSN, not the last's
  kImageBeforeAppend,        // an image is taken between linking and append
  kJournalSkipped,           // R2: pages are written in place without a journal
  kJournalNotSynced,         // R2
  kJournalReusedEarly,       // R2: the next round starts before the in-place sync
  kPagesNotSyncedBeforeSuperblock,
  kSuperblockOneSlot,  // the newer superblock is overwritten instead of the older
  kSuperblockNotSynced,
  kLogCutBeforeSuperblock,  // segments go before the superblock is durable
  kLogCutIgnoresFamilies,   // segments go by S alone, whether rows are durable or not
  kRedoGatedByPageLsn,
  kOneLsnForAllFamilies,       // that of the family that is flushed first
  kBarrierSkipped,             // RocksDB syncs files without our log
  kFailedSyncRetried,          // a failed sync is called again and believed
  kPoisonIgnored,              // a checkpoint goes on after a failed sync
  kSegmentDirectoryNotSynced,  // a new log segment's directory entry is left to chance
  kTornTailAsCorruption,    // the reverse mistake: an unsynced tail that did not arrive is refused
  kCommitWithoutLastFrame,  // a commit counts though its last frame is missing
  kOldGenerationRead,       // frames behind the end of an old generation are read again
  kGrowthNotLogged,         // an extent is used without a record of it
  kJournalOlderRestored,    // images of an older checkpoint are restored
  kRestoreNotSynced,        // recovery reuses the journal before restored pages are durable
  kRoundNotRepeated,        // pages of an unfinished round that look right are taken for durable
  kSuperblockNotRepeated,   // a superblock that was read is taken for durable
  kAcknowledgeBeforeSync,
  kDropBeforeWrite,        // R3: a mapped page's copy is dropped before its image is in the file
  kDropBeforeSync,         // R3: before it is known to be durable there
  kDropRedirtied,          // R4: though it was changed since its image was taken
  kCandidatesNotPinned,    // a caller lets go of what it found before that is linked
  kNoGrace,                // slots are used again while readers that may look at them go on
  kLinkToDead,             // I13: candidates that died since they were found are linked to
  kEntryBeforeLinks,       // walks may begin at a node that has no links yet
  kParentNotKept,          // I8a: the heuristic takes a node's last link from above
  kLinksNotLogged,         // lists change without a record of it
  kRoundForgetsUppers,     // a sweep heals lists at level 0 alone
  kScrubBesideCheckpoint,  // a page that is being written is called bad
  kSnapshotUnchecked,      // a snapshot counts though the horizon has passed it meanwhile
  kCutBeforeCheckpoint,    // space of cut pages is returned while a superblock names them
  kMovedRowForgetsOld,     // the row of a moved version names its new place alone
  kHistoryIgnored,         // the horizon passes states that are to stay for their time's sake
  kNamedForgotten,         // and those that have a name
  kReleasedWhileNamed,     // R5: space goes back though a superblock still names it
  kChangeNotAudited,       // the audit misses the links that come while a round is on its way
  kCutNotLogged,           // a segment is cut without a record of it
  kSweepAheadOfHealing,    // a sweep says it has looked at all when it has begun
  kVoidKeepsSweep,         // a round goes on as if nothing had died since it began
};

#ifdef ENGRAM_TEST_HOOKS
void SetMutant(Mutant mutant);
Mutant ActiveMutant();
// `callback` runs on the thread that reaches the named point; empty removes it.
void SetSyncPoint(std::string_view name, std::function<void()> callback);
void ClearSyncPoints();
void ReachSyncPoint(std::string_view name);
#define ENGRAM_MUTANT(name) (::engram::ActiveMutant() == ::engram::Mutant::name)
#define ENGRAM_SYNC_POINT(name) ::engram::ReachSyncPoint(name)
#else
#define ENGRAM_MUTANT(name) false
#define ENGRAM_SYNC_POINT(name) static_cast<void>(0)
#endif

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_TEST_HOOKS_H_
