// Engram for C: everything the C++ headers of <engram/...> do. Plain C11, also valid C++; nothing
// but the C standard library is included. docs/c-api.md has an example.
//
// Threads: of a store, a snapshot and whatever is passed as `const`, any thread; of what a call
// changes or frees, one thread.
#ifndef ENGRAM_C_H_
#define ENGRAM_C_H_

#ifndef __cplusplus
#include <stdbool.h>
#endif
#include <stddef.h>
#include <stdint.h>

// What a program may use.
#define ENGRAM_C_API __attribute__((visibility("default")))
#ifdef __cplusplus
// No call lets an exception out.
#define ENGRAM_C_NOEXCEPT noexcept
extern "C" {
#else
#define ENGRAM_C_NOEXCEPT
#endif

// --- Rules for all calls ---
//
// Errors: a call that may fail returns its code and takes `error` last. NULL there: the code is
// enough. Otherwise `*error` is written by every such call, never read: NULL after success, after a
// failure a new object that the caller gives back with engram_error_free(). A failed call sets
// `*out` handles to NULL. No C++ exception leaves a call, and none may leave a callback: the
// process ends there, as where memory runs out.
// Arguments: pointers must not be NULL where nothing else is said; one that is NULL gets
// ENGRAM_INVALID_ARGUMENT and its name in the message. Text is UTF-8.
// Lifetime: what *_create() returns or a call writes to an `out` handle belongs to the caller, who
// gives it back with the *_free() of its type, which takes NULL as well. A `const` pointer that is
// returned belongs to the object it was asked of, and goes with it.

// --- Version ---

// Of these headers; the same as in <engram/version.h>:
#define ENGRAM_VERSION_MAJOR 0
#define ENGRAM_VERSION_MINOR 1
#define ENGRAM_VERSION_PATCH 0

// "0.1.0" of the library that runs. Lives for ever. Threads: any thread.
ENGRAM_C_API const char* engram_version(void) ENGRAM_C_NOEXCEPT;

// --- Words ---

// What went wrong, in classes that a caller handles alike. Values are stable and never reused.
typedef int32_t engram_code;
// Values of engram_code.
enum engram_code_values {
  ENGRAM_OK = 0,                  // Nothing went wrong.
  ENGRAM_INVALID_ARGUMENT = 1,    // Fix the call: an option, a number or a name is out of range.
  ENGRAM_DIMENSION_MISMATCH = 2,  // Fix the call: the vector has another number of components.
  ENGRAM_INVALID_VECTOR = 3,      // Fix the data: NaN, infinity, or a zero vector under cosine.
  ENGRAM_INDEX_FULL = 4,          // Raise max_elements or erase: the store holds all it may hold.
  ENGRAM_EMPTY_INDEX = 5,         // Nothing to search in: insert first.
  ENGRAM_NOT_FOUND = 6,           // No such pattern, or no store in that directory.
  ENGRAM_ALREADY_EXISTS = 7,      // The id was used before, or the directory holds a store already.
  ENGRAM_SEARCH_TIMEOUT = 8,      // The deadline passed before the first hit.
  ENGRAM_CANCELLED = 9,           // The caller's cancellation was seen.
  ENGRAM_SNAPSHOT_EXPIRED = 10,   // Take a new snapshot.
  ENGRAM_CORRUPTED_INDEX = 11,    // Restore or verify: bytes on disk are not what was written.
  ENGRAM_NO_SPACE = 12,           // Free disk space and call again; nothing was changed.
  ENGRAM_IO_ERROR = 13,      // The system refused a read, a write or an open; the message says why.
  ENGRAM_BUSY = 14,          // Another process holds the store, or a snapshot still uses it.
  ENGRAM_READ_ONLY = 15,     // A write or sync failed earlier (the message has the cause): reopen.
  ENGRAM_NOT_SUPPORTED = 16  // This build cannot: another format version, a forked child.
};

// How near two vectors are. Every distance is "smaller is nearer".
typedef int32_t engram_metric;
// Values of engram_metric.
enum engram_metric_values {
  ENGRAM_METRIC_DEFAULT = 0,        // of an existing store: its own; of a new one: L2
  ENGRAM_METRIC_L2 = 1,             // squared Euclidean distance; range [0, inf)
  ENGRAM_METRIC_COSINE = 2,         // 1 - cos(a, b); range [0, 2]; a zero vector is refused
  ENGRAM_METRIC_INNER_PRODUCT = 3,  // 1 - <a, b>; any range
};

// When a write counts as done. All levels are atomic, and after a crash a prefix of the commits is
// there.
typedef int32_t engram_durability;
// Values of engram_durability.
enum engram_durability_values {
  ENGRAM_DURABILITY_DEFAULT = 0,   // what the store was opened with
  ENGRAM_DURABILITY_SYNC = 1,      // on disk: survives a power cut
  ENGRAM_DURABILITY_INTERVAL = 2,  // a killed process at once, a power cut after sync_interval
  ENGRAM_DURABILITY_NONE = 3,      // a killed process; synced by flush, wait_durable, checkpoint
};

// How the pages of a store are held.
typedef int32_t engram_residency;
// Values of engram_residency.
enum engram_residency_values {
  ENGRAM_RESIDENCY_AUTO = 0,      // resident while they fit the memory budget, else mapped
  ENGRAM_RESIDENCY_RESIDENT = 1,  // all in memory: the fastest search
  ENGRAM_RESIDENCY_MAPPED = 2,    // read as they are needed: opens at once, larger than memory
};

// How much a message matters.
typedef int32_t engram_log_level;
// Values of engram_log_level.
enum engram_log_level_values {
  ENGRAM_LOG_INFO = 1,     // nothing to be done
  ENGRAM_LOG_WARNING = 2,  // something works less well than asked for
  ENGRAM_LOG_ERROR = 3,    // something failed
};

// What engram_store_compact() does now; each once, in this order, but for the first two, which may
// come again.
typedef int32_t engram_compact_phase;
// Values of engram_compact_phase.
enum engram_compact_phase_values {
  ENGRAM_COMPACT_SWEEPING = 1,   // dead patterns are taken out of the graph
  ENGRAM_COMPACT_MOVING = 2,     // patterns of the last pages move to free places
  ENGRAM_COMPACT_RETURNING = 3,  // pages at the end go back to the file system
  ENGRAM_COMPACT_METADATA = 4,   // the metadata store is compacted
};

// What reads bring beside id and times; bits.
typedef uint32_t engram_include;
// Values of engram_include.
enum engram_include_values {
  ENGRAM_INCLUDE_NONE = 0,      // neither
  ENGRAM_INCLUDE_VECTOR = 1,    // the vector
  ENGRAM_INCLUDE_METADATA = 2,  // the metadata
  ENGRAM_INCLUDE_ALL = 3,       // both
};

// Ranges and defaults of options.
enum engram_limits {
  ENGRAM_MAX_DIMENSIONS = 16384,         // components of a vector
  ENGRAM_MIN_M = 2,                      // links a node keeps above level 0
  ENGRAM_MAX_M = 128,                    // likewise
  ENGRAM_DEFAULT_M = 16,                 // of a new store
  ENGRAM_MAX_EF = 65536,                 // candidates of a search or an insert
  ENGRAM_DEFAULT_EF_CONSTRUCTION = 200,  // candidates of an insert
  ENGRAM_DEFAULT_EF = 100,               // candidates of a search
};
// Patterns in one store.
#define ENGRAM_MOST_ELEMENTS UINT64_C(0xfffffffe)

// Handles:
typedef struct engram_error engram_error;
typedef struct engram_options engram_options;
typedef struct engram_store engram_store;
typedef struct engram_snapshot engram_snapshot;
typedef struct engram_named_snapshot engram_named_snapshot;
typedef struct engram_named_snapshot_list engram_named_snapshot_list;
typedef struct engram_value engram_value;
typedef struct engram_metadata engram_metadata;
typedef struct engram_pattern engram_pattern;
typedef struct engram_write_batch engram_write_batch;
typedef struct engram_commit_result engram_commit_result;
typedef struct engram_batch_result engram_batch_result;
typedef struct engram_search_options engram_search_options;
typedef struct engram_search_result engram_search_result;
typedef struct engram_search_batch engram_search_batch;
typedef struct engram_graph_report engram_graph_report;
typedef struct engram_feature_encoder engram_feature_encoder;

// "kNotFound" for ENGRAM_NOT_FOUND: the name in the C++ API, in logs and in the documents;
// "kUnknown" for a number that is no code. Lives for ever. Threads: any thread.
ENGRAM_C_API const char* engram_code_name(engram_code code) ENGRAM_C_NOEXCEPT;
// "l2", "cosine", "ip"; "unknown" for anything else. Lives for ever. Threads: any thread.
ENGRAM_C_API const char* engram_metric_name(engram_metric metric) ENGRAM_C_NOEXCEPT;

// --- Errors ---

// NULL: ENGRAM_OK.
ENGRAM_C_API engram_code engram_error_code(const engram_error* error) ENGRAM_C_NOEXCEPT;
// What was found and what was expected, for a person; "" for NULL. Lives as long as `error`.
ENGRAM_C_API const char* engram_error_message(const engram_error* error) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_error_free(engram_error* error) ENGRAM_C_NOEXCEPT;

// --- How a store is made and opened ---
//
// Setters return nothing and do nothing for NULL; numbers out of range, and an enumerator or a name
// that was refused, are told by engram_options_validate() and by opening.

// The defaults.
ENGRAM_C_API engram_options* engram_options_create(void) ENGRAM_C_NOEXCEPT;
// m 32, ef_construction 500, ef 500: recall first.
ENGRAM_C_API engram_options* engram_options_create_high_accuracy(void) ENGRAM_C_NOEXCEPT;
// m 8, ef_construction 50, ef 50: speed first.
ENGRAM_C_API engram_options* engram_options_create_high_speed(void) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_options_free(engram_options* options) ENGRAM_C_NOEXCEPT;
// Errors: ENGRAM_INVALID_ARGUMENT, with the first field out of its range, what was found and what
// is allowed. `dimensions` may be 0 here.
ENGRAM_C_API engram_code engram_options_validate(const engram_options* options,
                                                 engram_error** error) ENGRAM_C_NOEXCEPT;

// Fixed when the store is created; on open, checked against the store (0 or none: as it is there).

// Components of a vector. Range 1 to ENGRAM_MAX_DIMENSIONS; must be set to create a store.
ENGRAM_C_API void engram_options_set_dimensions(engram_options* options,
                                                uint32_t dimensions) ENGRAM_C_NOEXCEPT;
// Default: ENGRAM_METRIC_DEFAULT.
ENGRAM_C_API void engram_options_set_metric(engram_options* options,
                                            engram_metric metric) ENGRAM_C_NOEXCEPT;
// Links a node keeps above level 0, twice as many at level 0. Range ENGRAM_MIN_M to ENGRAM_MAX_M; 0
// (default): ENGRAM_DEFAULT_M in a new store.
ENGRAM_C_API void engram_options_set_m(engram_options* options, uint32_t m) ENGRAM_C_NOEXCEPT;
// Seeds level choice and everything else that is random. Stored; not checked on open.
ENGRAM_C_API void engram_options_set_seed(engram_options* options, uint64_t seed) ENGRAM_C_NOEXCEPT;
// Adds the name of a top-level metadata field that gets an index family entry. At most 64, each 1
// to 255 bytes, none twice. The name is copied.
ENGRAM_C_API void engram_options_add_indexed_field(engram_options* options,
                                                   const char* name) ENGRAM_C_NOEXCEPT;

// May differ at each open.

// Default: true.
ENGRAM_C_API void engram_options_set_create_if_missing(engram_options* options,
                                                       bool create) ENGRAM_C_NOEXCEPT;
// Default: false.
ENGRAM_C_API void engram_options_set_error_if_exists(engram_options* options,
                                                     bool error_if_exists) ENGRAM_C_NOEXCEPT;
// Of the next three, 0 (default) means what was given at creation, and where nothing was, the
// default named here.
// Candidates looked at while inserting. Range 1 to ENGRAM_MAX_EF; 200.
ENGRAM_C_API void engram_options_set_ef_construction(engram_options* options,
                                                     uint32_t ef_construction) ENGRAM_C_NOEXCEPT;
// Candidates looked at while searching, unless a search says otherwise. Range 1 to ENGRAM_MAX_EF;
// 100.
ENGRAM_C_API void engram_options_set_ef(engram_options* options, uint32_t ef) ENGRAM_C_NOEXCEPT;
// The most live patterns the store takes; then ENGRAM_INDEX_FULL. Range 1 to ENGRAM_MOST_ELEMENTS;
// that.
ENGRAM_C_API void engram_options_set_max_elements(engram_options* options,
                                                  uint64_t max_elements) ENGRAM_C_NOEXCEPT;
// Fill a new node's links up with near nodes that the diversity heuristic left out. Default: false.
ENGRAM_C_API void engram_options_set_keep_pruned(engram_options* options,
                                                 bool keep_pruned) ENGRAM_C_NOEXCEPT;
// What a write promises unless it says otherwise: ENGRAM_DURABILITY_SYNC (default), _INTERVAL or
// _NONE.
ENGRAM_C_API void engram_options_set_durability(engram_options* options,
                                                engram_durability durability) ENGRAM_C_NOEXCEPT;
// Under ENGRAM_DURABILITY_INTERVAL, the longest time an acknowledged write may be unsynced,
// milliseconds. Range 1 to 3,600,000; default 1000. With 0 background threads the sync comes with
// the next write after it, or with engram_store_run_maintenance().
ENGRAM_C_API void engram_options_set_sync_interval_ms(engram_options* options,
                                                      int64_t interval_ms) ENGRAM_C_NOEXCEPT;
// Size of one log segment file, bytes. Range 64 KiB to 1 GiB; default 64 MiB.
ENGRAM_C_API void engram_options_set_log_segment_bytes(engram_options* options,
                                                       uint64_t bytes) ENGRAM_C_NOEXCEPT;
// A checkpoint starts when the log holds max(this, a quarter of the page file), bytes. Range from
// 64 KiB; default 256 MiB.
ENGRAM_C_API void engram_options_set_checkpoint_log_bytes(engram_options* options,
                                                          uint64_t bytes) ENGRAM_C_NOEXCEPT;
// A checkpoint starts when this much of the page file is changed in memory, bytes. 0 (default): no
// limit.
ENGRAM_C_API void engram_options_set_dirty_page_bytes(engram_options* options,
                                                      uint64_t bytes) ENGRAM_C_NOEXCEPT;
// A checkpoint starts when the last is this old and something changed, seconds. 0 (default): never
// by time. Negative: refused.
ENGRAM_C_API void engram_options_set_checkpoint_interval_s(engram_options* options,
                                                           int64_t interval_s) ENGRAM_C_NOEXCEPT;
// Size of the double-write area, bytes; used when the store is created. Range 256 KiB to 4 GiB;
// default 128 MiB.
ENGRAM_C_API void engram_options_set_journal_bytes(engram_options* options,
                                                   uint64_t bytes) ENGRAM_C_NOEXCEPT;
// How pages are held; engram_stats says which way it is. Default: ENGRAM_RESIDENCY_AUTO. Mapped
// needs a file system whose private mappings follow the file: else ENGRAM_NOT_SUPPORTED, and _AUTO
// takes _RESIDENT.
ENGRAM_C_API void engram_options_set_residency(engram_options* options,
                                               engram_residency residency) ENGRAM_C_NOEXCEPT;
// Whether a mapped store catches SIGBUS, which the system sends where a page of the file cannot be
// read any more: calls then fail with ENGRAM_IO_ERROR. Default: true.
ENGRAM_C_API void engram_options_set_handle_sigbus(engram_options* options,
                                                   bool handle) ENGRAM_C_NOEXCEPT;
// The most memory pages may take, bytes. 0 (default): three quarters of RAM. Resident, inserts that
// need more are ENGRAM_INDEX_FULL; mapped, changed pages may take a third of it before a write
// waits for a checkpoint. Below what the store needs at least: ENGRAM_INVALID_ARGUMENT.
ENGRAM_C_API void engram_options_set_memory_budget_bytes(engram_options* options,
                                                         uint64_t bytes) ENGRAM_C_NOEXCEPT;
// Memory of the metadata store's write buffers, bytes. Range from 1 MiB; default 16 MiB.
ENGRAM_C_API void engram_options_set_metadata_buffer_bytes(engram_options* options,
                                                           uint64_t bytes) ENGRAM_C_NOEXCEPT;
// 1 (default): the store owns threads for syncs, checkpoints and reclaiming; 0: none, and the host
// calls engram_store_run_maintenance().
ENGRAM_C_API void engram_options_set_background_threads(engram_options* options,
                                                        uint32_t threads) ENGRAM_C_NOEXCEPT;
// How much of the page file is read from the disk and checked in the background, bytes a second.
// Range to 1 TiB; default 8 MiB; 0: nothing is. With 0 background threads it is read by
// engram_store_run_maintenance().
ENGRAM_C_API void engram_options_set_scrub_bytes_per_second(engram_options* options,
                                                            uint64_t bytes) ENGRAM_C_NOEXCEPT;
// How long after one round of the audit another begins, which looks at every link of the graph and
// mends what no search could find any more, seconds. Range 0 (never) to 31,622,400 (366 days);
// default 3,600. With 0 background threads it is engram_store_run_maintenance() that audits.
ENGRAM_C_API void engram_options_set_audit_interval_s(engram_options* options,
                                                      int64_t interval_s) ENGRAM_C_NOEXCEPT;
// Threads that one exact search, batch of searches or large insert may use, the caller's included.
// Range to 256; 0 (default): one per core, at most 16; with 0 background threads the caller's
// alone.
ENGRAM_C_API void engram_options_set_search_threads(engram_options* options,
                                                    uint32_t threads) ENGRAM_C_NOEXCEPT;
// Whether closing makes a checkpoint, so that the next open replays nothing. Default: true.
ENGRAM_C_API void engram_options_set_checkpoint_on_close(engram_options* options,
                                                         bool checkpoint) ENGRAM_C_NOEXCEPT;
// Refuses a store directory that others may write to. Default: true.
ENGRAM_C_API void engram_options_set_check_permissions(engram_options* options,
                                                       bool check) ENGRAM_C_NOEXCEPT;

// How long the states of the past stay readable by engram_store_snapshot_at_lsn() and its like,
// microseconds; what ended meanwhile keeps its place. Range 0 (default: not at all) to ten years.
// States of before the store was opened with a history are not kept.
ENGRAM_C_API void engram_options_set_history_us(engram_options* options,
                                                int64_t history_us) ENGRAM_C_NOEXCEPT;
// Where the history is 0, a store that keeps states of the past gives them up. With this it goes on
// keeping them, for up to ten years, and one that keeps none begins nothing: for programs that open
// a store of another. Default: false.
ENGRAM_C_API void engram_options_set_keep_history(engram_options* options,
                                                  bool keep_history) ENGRAM_C_NOEXCEPT;
// A snapshot that is older gives way when what it holds back is wanted: reads through it are
// ENGRAM_SNAPSHOT_EXPIRED then. Named ones do not. Microseconds; range 0 (default: never) to ten
// years.
ENGRAM_C_API void engram_options_set_max_snapshot_age_us(engram_options* options,
                                                         int64_t age_us) ENGRAM_C_NOEXCEPT;
// The most named snapshots. Range 0 to 65,536; default 64.
ENGRAM_C_API void engram_options_set_max_named_snapshots(engram_options* options,
                                                         uint32_t most) ENGRAM_C_NOEXCEPT;
// Patterns expire when their own time is so long ago: reads do not return them any more, and the
// store ends them. Microseconds; range 0 (default: they do not) to a thousand years.
ENGRAM_C_API void engram_options_set_max_age_us(engram_options* options,
                                                int64_t age_us) ENGRAM_C_NOEXCEPT;
// What counts instead for patterns of that type. Called once a type; again, it replaces.
ENGRAM_C_API void engram_options_set_max_age_of_type_us(engram_options* options, uint32_t type,
                                                        int64_t age_us) ENGRAM_C_NOEXCEPT;
// A sweep for what the dead leave begins when this time has passed since the last one, however few
// they are, seconds. Range 1 to a year; default 60.
ENGRAM_C_API void engram_options_set_sweep_interval_s(engram_options* options,
                                                      int64_t interval_s) ENGRAM_C_NOEXCEPT;

// Returns what time it is, microseconds since 1970-01-01 UTC. Called from any thread, at each write
// and, where patterns expire, each search; must not call the store.
typedef int64_t (*engram_clock_callback)(void* context);
// For the time of patterns that come without one, of commits, and for expiry. NULL (default): the
// system's clock. `context` as for engram_options_set_log().
ENGRAM_C_API void engram_options_set_clock(engram_options* options, engram_clock_callback clock,
                                           void* context) ENGRAM_C_NOEXCEPT;

// `message` lives until the callback returns. Called from any thread, never with a lock of the
// store held; must not call the store.
typedef void (*engram_log_callback)(void* context, engram_log_level level, const char* message);
// Gets what the store has to tell a person. NULL (default): nobody is told. `context` is passed on
// as it is, and must live as long as every store opened with these options.
ENGRAM_C_API void engram_options_set_log(engram_options* options, engram_log_callback log,
                                         void* context) ENGRAM_C_NOEXCEPT;

// --- Metadata ---
//
// An engram_metadata maps names to values, nested as in JSON, in the order of the names' bytes. A
// value is null, bool, int64, double, string, bytes, a time, a list of values, or such a map.
// Nesting deeper than 32 levels, or more than 1 MiB encoded, is refused by writes
// (ENGRAM_INVALID_ARGUMENT). Names and strings may hold bytes of value 0 through the _n calls,
// which take the length in bytes; the others take text that ends with one.
// The calls that build fail for NULL arguments alone, or where said, with ENGRAM_INVALID_ARGUMENT.

// What a value is.
typedef int32_t engram_kind;
// Values of engram_kind.
enum engram_kind_values {
  ENGRAM_KIND_NULL = 0,    // null
  ENGRAM_KIND_BOOL = 1,    // true or false
  ENGRAM_KIND_INT64 = 2,   // a whole number
  ENGRAM_KIND_DOUBLE = 3,  // a number
  ENGRAM_KIND_STRING = 4,  // text
  ENGRAM_KIND_BYTES = 5,   // raw bytes
  ENGRAM_KIND_TIME = 6,    // microseconds since 1970-01-01 UTC
  ENGRAM_KIND_LIST = 7,    // a list of values
  ENGRAM_KIND_MAP = 8,     // names and values
};

// An empty map.
ENGRAM_C_API engram_metadata* engram_metadata_create(void) ENGRAM_C_NOEXCEPT;
// A deep copy, the caller's; NULL of NULL.
ENGRAM_C_API engram_metadata* engram_metadata_copy(const engram_metadata* metadata)
    ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_metadata_free(engram_metadata* metadata) ENGRAM_C_NOEXCEPT;

// Sets or replaces a field. `value` is taken in any case, also by a call that fails: the caller
// uses it no more. The name is copied:
ENGRAM_C_API engram_code engram_metadata_set(engram_metadata* metadata, const char* name,
                                             engram_value* value) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API engram_code engram_metadata_set_n(engram_metadata* metadata, const char* name,
                                               size_t name_bytes,
                                               engram_value* value) ENGRAM_C_NOEXCEPT;
// Shorter ways to set common kinds. `text` is copied:
ENGRAM_C_API engram_code engram_metadata_set_bool(engram_metadata* metadata, const char* name,
                                                  bool value) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API engram_code engram_metadata_set_int64(engram_metadata* metadata, const char* name,
                                                   int64_t value) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API engram_code engram_metadata_set_double(engram_metadata* metadata, const char* name,
                                                    double value) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API engram_code engram_metadata_set_string(engram_metadata* metadata, const char* name,
                                                    const char* text) ENGRAM_C_NOEXCEPT;
// Microseconds since 1970-01-01 UTC.
ENGRAM_C_API engram_code engram_metadata_set_time_us(engram_metadata* metadata, const char* name,
                                                     int64_t time_us) ENGRAM_C_NOEXCEPT;
// Takes a field out. Errors: ENGRAM_NOT_FOUND.
ENGRAM_C_API engram_code engram_metadata_remove(engram_metadata* metadata,
                                                const char* name) ENGRAM_C_NOEXCEPT;

// Fields; 0 for NULL.
ENGRAM_C_API size_t engram_metadata_size(const engram_metadata* metadata) ENGRAM_C_NOEXCEPT;
// NULL where there is no such field, or for NULL. The value lives until `metadata` is changed or
// freed:
ENGRAM_C_API const engram_value* engram_metadata_find(const engram_metadata* metadata,
                                                      const char* name) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API const engram_value* engram_metadata_find_n(const engram_metadata* metadata,
                                                        const char* name,
                                                        size_t name_bytes) ENGRAM_C_NOEXCEPT;
// Steps through the fields: with `*name` NULL to the first, else to the one after `*name` (of
// `*name_bytes`, which need not be a field). Writes name, length and value, and returns true; false
// at the end or for a NULL argument. The name ends with a byte of value 0 and lives as the value
// does.
ENGRAM_C_API bool engram_metadata_next(const engram_metadata* metadata, const char** name,
                                       size_t* name_bytes,
                                       const engram_value** value) ENGRAM_C_NOEXCEPT;
// False where only one is NULL. Doubles compare as IEEE 754 says: a NaN equals nothing.
ENGRAM_C_API bool engram_metadata_equal(const engram_metadata* a,
                                        const engram_metadata* b) ENGRAM_C_NOEXCEPT;

// A new value of that kind, the caller's:
ENGRAM_C_API engram_value* engram_value_create_null(void) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API engram_value* engram_value_create_bool(bool value) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API engram_value* engram_value_create_int64(int64_t value) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API engram_value* engram_value_create_double(double value) ENGRAM_C_NOEXCEPT;
// Text and bytes are copied. NULL for NULL, unless 0 bytes of it are wanted:
ENGRAM_C_API engram_value* engram_value_create_string(const char* text) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API engram_value* engram_value_create_string_n(const char* text,
                                                        size_t bytes) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API engram_value* engram_value_create_bytes(const void* data,
                                                     size_t bytes) ENGRAM_C_NOEXCEPT;
// Microseconds since 1970-01-01 UTC.
ENGRAM_C_API engram_value* engram_value_create_time_us(int64_t time_us) ENGRAM_C_NOEXCEPT;
// An empty list.
ENGRAM_C_API engram_value* engram_value_create_list(void) ENGRAM_C_NOEXCEPT;
// `fields` is taken; NULL for NULL.
ENGRAM_C_API engram_value* engram_value_create_map(engram_metadata* fields) ENGRAM_C_NOEXCEPT;
// A deep copy, the caller's; NULL of NULL.
ENGRAM_C_API engram_value* engram_value_copy(const engram_value* value) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_value_free(engram_value* value) ENGRAM_C_NOEXCEPT;

// Adds `item` at the end. `item` is taken in any case, unless it is `list` itself. Errors:
// ENGRAM_INVALID_ARGUMENT also where `list` is no list, or is `item`.
ENGRAM_C_API engram_code engram_value_append(engram_value* list,
                                             engram_value* item) ENGRAM_C_NOEXCEPT;

// ENGRAM_KIND_NULL for NULL.
ENGRAM_C_API engram_kind engram_value_kind(const engram_value* value) ENGRAM_C_NOEXCEPT;
// Write `*out` and return true where the value is of that kind; else, or for NULL, false, and
// `*out` is as it was:
ENGRAM_C_API bool engram_value_get_bool(const engram_value* value, bool* out) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API bool engram_value_get_int64(const engram_value* value, int64_t* out) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API bool engram_value_get_double(const engram_value* value, double* out) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API bool engram_value_get_time_us(const engram_value* value,
                                           int64_t* out) ENGRAM_C_NOEXCEPT;
// The text with a byte of value 0 behind it, or the bytes; NULL where the value is of another kind.
// `*bytes`, where not NULL, gets the length (0 for another kind). Lives as long as the value:
ENGRAM_C_API const char* engram_value_get_string(const engram_value* value,
                                                 size_t* bytes) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API const void* engram_value_get_bytes(const engram_value* value,
                                                size_t* bytes) ENGRAM_C_NOEXCEPT;
// Items of a list; 0 for another kind.
ENGRAM_C_API size_t engram_value_list_size(const engram_value* value) ENGRAM_C_NOEXCEPT;
// NULL where the value is no list or has fewer items. Lives until the list is changed or freed.
ENGRAM_C_API const engram_value* engram_value_list_at(const engram_value* value,
                                                      size_t position) ENGRAM_C_NOEXCEPT;
// NULL where the value is no map. Lives as long as the value.
ENGRAM_C_API const engram_metadata* engram_value_get_map(const engram_value* value)
    ENGRAM_C_NOEXCEPT;
// As engram_metadata_equal().
ENGRAM_C_API bool engram_value_equal(const engram_value* a,
                                     const engram_value* b) ENGRAM_C_NOEXCEPT;

// --- The store ---

// Opens the store in `directory`, or makes one where the options allow that. `options` may be freed
// or used again afterwards. One process has a store open for writing at a time.
// Errors: ENGRAM_NOT_FOUND (no store there), ENGRAM_ALREADY_EXISTS, ENGRAM_BUSY (another process
// has it), ENGRAM_INVALID_ARGUMENT (an option), ENGRAM_DIMENSION_MISMATCH, ENGRAM_NOT_SUPPORTED
// (format version or feature), ENGRAM_CORRUPTED_INDEX, ENGRAM_NO_SPACE, ENGRAM_IO_ERROR.
// Errors common to all calls on a store: ENGRAM_READ_ONLY of writes after a failed write or sync,
// ENGRAM_NOT_SUPPORTED in a forked child, ENGRAM_INVALID_ARGUMENT after engram_store_close().
// Threads: any thread, except engram_store_close() and engram_store_free(), which must be the last
// calls.
ENGRAM_C_API engram_code engram_store_open(const char* directory, const engram_options* options,
                                           engram_store** out,
                                           engram_error** error) ENGRAM_C_NOEXCEPT;
// Opens for reading, together with other readers, without writing a byte. `options` may be NULL: as
// the store is. Errors: as above; ENGRAM_NOT_SUPPORTED also for a store that was not closed cleanly
// (open it for writing once).
ENGRAM_C_API engram_code engram_store_open_read_only(const char* directory,
                                                     const engram_options* options,
                                                     engram_store** out,
                                                     engram_error** error) ENGRAM_C_NOEXCEPT;
// Flushes, makes a checkpoint (engram_options_set_checkpoint_on_close()) and gives the directory
// free. The handle still has to be freed.
// Errors: ENGRAM_BUSY while a snapshot is open (the store stays open), or what the flush or
// checkpoint met (the store is closed).
ENGRAM_C_API engram_code engram_store_close(engram_store* store,
                                            engram_error** error) ENGRAM_C_NOEXCEPT;
// Closes where that was not done, failures going to the log callback, and frees the handle. Free
// snapshots before.
ENGRAM_C_API void engram_store_free(engram_store* store) ENGRAM_C_NOEXCEPT;

// Makes everything acknowledged so far durable. Errors: ENGRAM_IO_ERROR.
ENGRAM_C_API engram_code engram_store_flush(engram_store* store,
                                            engram_error** error) ENGRAM_C_NOEXCEPT;
// Returns when the commit `lsn` is on disk. Errors: ENGRAM_INVALID_ARGUMENT for a commit that is
// not there yet, ENGRAM_IO_ERROR.
ENGRAM_C_API engram_code engram_store_wait_durable(engram_store* store, uint64_t lsn,
                                                   engram_error** error) ENGRAM_C_NOEXCEPT;
// Brings the page file up to date, so that the log before it can go. Readers and writers go on.
// Errors: ENGRAM_NO_SPACE, ENGRAM_IO_ERROR.
ENGRAM_C_API engram_code engram_store_checkpoint(engram_store* store,
                                                 engram_error** error) ENGRAM_C_NOEXCEPT;
// Does the background work that is due (interval syncs, checkpoints) for about `budget_us`
// microseconds, on this thread. For hosts with 0 background threads; harmless otherwise.
// Errors: ENGRAM_NO_SPACE, ENGRAM_IO_ERROR.
ENGRAM_C_API engram_code engram_store_run_maintenance(engram_store* store, int64_t budget_us,
                                                      engram_error** error) ENGRAM_C_NOEXCEPT;

// A state of the store that stays readable while writes go on: the newest acknowledged one. Holds
// back the reuse of whatever it sees; must be freed before the store is closed. Threads: any thread
// reads through it, one frees it. Errors: those common to all calls.
ENGRAM_C_API engram_code engram_store_get_snapshot(const engram_store* store, engram_snapshot** out,
                                                   engram_error** error) ENGRAM_C_NOEXCEPT;
// The state behind the commit `lsn`, or of that time (microseconds since 1970-01-01 UTC): behind
// the last commit at or before it. Errors: ENGRAM_SNAPSHOT_EXPIRED, where the state is older than
// engram_options_set_history_us() says, or of before the store was opened with it;
// ENGRAM_INVALID_ARGUMENT for one that is not there yet:
ENGRAM_C_API engram_code engram_store_snapshot_at_lsn(const engram_store* store, uint64_t lsn,
                                                      engram_snapshot** out,
                                                      engram_error** error) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API engram_code engram_store_snapshot_at_time_us(const engram_store* store,
                                                          int64_t time_us, engram_snapshot** out,
                                                          engram_error** error) ENGRAM_C_NOEXCEPT;
// The last commit it sees; 0 for NULL.
ENGRAM_C_API uint64_t engram_snapshot_lsn(const engram_snapshot* snapshot) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_snapshot_free(engram_snapshot* snapshot) ENGRAM_C_NOEXCEPT;

// Gives the newest state, or that of `snapshot` where it is not NULL, a name of 1 to 255 bytes, by
// a commit: it stays readable, also when the store was closed in between, until it is dropped.
// Names are `name_bytes` long and may hold any byte. `out` may be NULL.
// Errors: ENGRAM_INVALID_ARGUMENT (the name, durability), ENGRAM_ALREADY_EXISTS (it is taken),
// ENGRAM_INDEX_FULL (there are as many as engram_options_set_max_named_snapshots() says),
// ENGRAM_SNAPSHOT_EXPIRED.
ENGRAM_C_API engram_code engram_store_create_named_snapshot(engram_store* store, const char* name,
                                                            size_t name_bytes,
                                                            const engram_snapshot* snapshot,
                                                            engram_durability durability,
                                                            engram_named_snapshot** out,
                                                            engram_error** error) ENGRAM_C_NOEXCEPT;
// That state, for reading; as engram_store_get_snapshot(). Errors: ENGRAM_NOT_FOUND.
ENGRAM_C_API engram_code engram_store_open_named_snapshot(const engram_store* store,
                                                          const char* name, size_t name_bytes,
                                                          engram_snapshot** out,
                                                          engram_error** error) ENGRAM_C_NOEXCEPT;
// Snapshots that were opened by the name stay readable. Errors: ENGRAM_NOT_FOUND.
ENGRAM_C_API engram_code engram_store_drop_named_snapshot(engram_store* store, const char* name,
                                                          size_t name_bytes,
                                                          engram_durability durability,
                                                          engram_error** error) ENGRAM_C_NOEXCEPT;
// All of them, by name.
ENGRAM_C_API engram_code engram_store_list_named_snapshots(const engram_store* store,
                                                           engram_named_snapshot_list** out,
                                                           engram_error** error) ENGRAM_C_NOEXCEPT;
// How many; 0 for NULL.
ENGRAM_C_API size_t engram_named_snapshot_list_size(const engram_named_snapshot_list* list)
    ENGRAM_C_NOEXCEPT;
// NULL where there are not so many. Lives as long as the list: do not free it.
ENGRAM_C_API const engram_named_snapshot* engram_named_snapshot_list_at(
    const engram_named_snapshot_list* list, size_t position) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_named_snapshot_list_free(engram_named_snapshot_list* list)
    ENGRAM_C_NOEXCEPT;
// The name with a byte of value 0 behind it; `*bytes`, where not NULL, gets its length. NULL and 0
// for NULL. Lives as long as `named`.
ENGRAM_C_API const char* engram_named_snapshot_name(const engram_named_snapshot* named,
                                                    size_t* bytes) ENGRAM_C_NOEXCEPT;
// The last commit it sees; 0 for NULL.
ENGRAM_C_API uint64_t engram_named_snapshot_lsn(const engram_named_snapshot* named)
    ENGRAM_C_NOEXCEPT;
// When it got its name, or when the snapshot was taken that it was made of, microseconds since
// 1970-01-01 UTC: what has expired by then is not in it. 0 for NULL.
ENGRAM_C_API int64_t engram_named_snapshot_taken_at_us(const engram_named_snapshot* named)
    ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_named_snapshot_free(engram_named_snapshot* named) ENGRAM_C_NOEXCEPT;

// --- Writes ---
//
// Ids name one pattern for ever: 1 to 2^62, given by the store in increasing order, or by the
// caller, larger than every one in use and every one the store may have given. `durability` is
// ENGRAM_DURABILITY_DEFAULT or what this write asks. Lsn: the number of a commit, from 1.

// A pattern to be inserted. Set all to zero first ({0}): every field but `vector` and `dimensions`
// may stay so. All pointers are borrowed by the call that takes the struct, until it returns.
typedef struct engram_new_pattern {
  const float* vector;              // `dimensions` components
  size_t dimensions;                // as the store's
  const engram_metadata* metadata;  // NULL: none
  int64_t timestamp_us;             // its own time, microseconds since 1970-01-01 UTC
  bool has_timestamp;               // false: now by the system's clock
  uint32_t type;                    // what the application chooses; 0: no type
  uint64_t id;                      // 0: the store gives the next
  // It expires so long after it was written, microseconds; at most a thousand years. 0: not by
  // itself.
  int64_t ttl_us;
  uint64_t reserved[1];  // zero
} engram_new_pattern;

// What to change in a pattern. Set all to zero first ({0}): that means "stays" for each field. All
// pointers are borrowed by the call that takes the struct, until it returns.
typedef struct engram_pattern_change {
  const float* vector;              // NULL: stays
  size_t dimensions;                // of `vector`, as the store's
  const engram_metadata* metadata;  // replaces all of it; NULL: stays
  int64_t timestamp_us;             // where has_timestamp
  bool has_timestamp;               // false: the time stays
  bool has_type;                    // false: the type stays
  uint32_t type;                    // where has_type
  // Where has_ttl: as in engram_new_pattern, from this change on; 0: it does not expire by itself
  // any more.
  int64_t ttl_us;
  bool has_ttl;         // false: that stays
  uint8_t reserved[7];  // zero
} engram_pattern_change;

// Adds one pattern, and writes its id to `*id` (may be NULL) once it is as durable as asked.
// Errors: ENGRAM_DIMENSION_MISMATCH, ENGRAM_INVALID_VECTOR, ENGRAM_INVALID_ARGUMENT (metadata, id,
// durability), ENGRAM_ALREADY_EXISTS (id), ENGRAM_INDEX_FULL, ENGRAM_NO_SPACE; nothing is changed
// by any of them.
ENGRAM_C_API engram_code engram_store_insert(engram_store* store, const engram_new_pattern* pattern,
                                             engram_durability durability, uint64_t* id,
                                             engram_error** error) ENGRAM_C_NOEXCEPT;

// Adds the good ones of `count` patterns in order, in atomic sub-batches of at most 1,000 patterns
// and about 4 MiB; each bad one gets its own error. Where the store fails on the way
// (ENGRAM_NO_SPACE, ENGRAM_READ_ONLY), what was stored stays stored, and every pattern from there
// on gets the store's error. `patterns` may be NULL where `count` is 0.
// The call itself fails only where it tried nothing: ENGRAM_READ_ONLY, ENGRAM_INVALID_ARGUMENT,
// ENGRAM_NOT_SUPPORTED. ENGRAM_OK does not say that all were stored: see
// engram_batch_result_failures().
ENGRAM_C_API engram_code engram_store_insert_batch(engram_store* store,
                                                   const engram_new_pattern* patterns, size_t count,
                                                   engram_durability durability,
                                                   engram_batch_result** out,
                                                   engram_error** error) ENGRAM_C_NOEXCEPT;
// `*count` ids by position, 0 where a pattern was not stored. NULL for NULL, or where there is
// none. `count` may be NULL.
ENGRAM_C_API const uint64_t* engram_batch_result_ids(const engram_batch_result* result,
                                                     size_t* count) ENGRAM_C_NOEXCEPT;
// How many were not stored.
ENGRAM_C_API size_t engram_batch_result_failures(const engram_batch_result* result)
    ENGRAM_C_NOEXCEPT;
// Where in `patterns` the failure with that number (from 0, by position) is; SIZE_MAX where there
// are fewer.
ENGRAM_C_API size_t engram_batch_result_failed_position(const engram_batch_result* result,
                                                        size_t failure) ENGRAM_C_NOEXCEPT;
// Why the pattern at `position` was not stored; NULL where it was. Lives as long as `result`: do
// not free it.
ENGRAM_C_API const engram_error* engram_batch_result_error(const engram_batch_result* result,
                                                           size_t position) ENGRAM_C_NOEXCEPT;
// The last commit; 0 where nothing was stored.
ENGRAM_C_API uint64_t engram_batch_result_lsn(const engram_batch_result* result) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_batch_result_free(engram_batch_result* result) ENGRAM_C_NOEXCEPT;

// Replaces what `change` sets in the newest version of `id`. Errors: as engram_store_insert(), and
// ENGRAM_NOT_FOUND.
ENGRAM_C_API engram_code engram_store_update(engram_store* store, uint64_t id,
                                             const engram_pattern_change* change,
                                             engram_durability durability,
                                             engram_error** error) ENGRAM_C_NOEXCEPT;
// Ends the pattern. Errors: ENGRAM_NOT_FOUND.
ENGRAM_C_API engram_code engram_store_erase(engram_store* store, uint64_t id,
                                            engram_durability durability,
                                            engram_error** error) ENGRAM_C_NOEXCEPT;

// Which patterns are meant: those for which everything that is set holds. Set all to zero first
// ({0}).
typedef struct engram_pattern_filter {
  int64_t from_us;    // where has_from: whose own time is at or after it
  int64_t before_us;  // where has_before: whose own time is before it
  uint32_t type;      // where has_type: of that type; 0: of none
  // What is set:
  bool has_from;
  bool has_before;
  bool has_type;
  uint8_t reserved[9];  // zero
} engram_pattern_filter;

// Ends the patterns that `filter` means when the call begins and still means when it is committed,
// all in one commit, and writes how many to `*erased` (may be NULL). For many of them
// engram_store_prune_before() is kinder to other writers, who wait meanwhile. Errors:
// ENGRAM_INVALID_ARGUMENT for a filter with nothing set.
ENGRAM_C_API engram_code engram_store_erase_matching(engram_store* store,
                                                     const engram_pattern_filter* filter,
                                                     engram_durability durability, uint64_t* erased,
                                                     engram_error** error) ENGRAM_C_NOEXCEPT;
// Ends all patterns whose own time is before `time_us` (microseconds since 1970-01-01 UTC), in
// commits of at most some hundreds, between which other writers go on, and writes how many to
// `*erased` (may be NULL). What failed on the way keeps what was done. Errors:
// ENGRAM_INVALID_ARGUMENT where the time is later than now.
ENGRAM_C_API engram_code engram_store_prune_before(engram_store* store, int64_t time_us,
                                                   engram_durability durability, uint64_t* erased,
                                                   engram_error** error) ENGRAM_C_NOEXCEPT;

// Several changes that happen together or not at all. Vectors and metadata are copied into it.
// Operations on one id are coalesced when written: the last wins. Threads: one thread.
ENGRAM_C_API engram_write_batch* engram_write_batch_create(void) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_write_batch_free(engram_write_batch* batch) ENGRAM_C_NOEXCEPT;
// Errors: ENGRAM_INVALID_ARGUMENT (NULL, a reserved field), ENGRAM_DIMENSION_MISMATCH (more than
// ENGRAM_MAX_DIMENSIONS); the batch is as it was. The rest is checked by engram_store_write():
ENGRAM_C_API engram_code engram_write_batch_insert(engram_write_batch* batch,
                                                   const engram_new_pattern* pattern,
                                                   engram_error** error) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API engram_code engram_write_batch_update(engram_write_batch* batch, uint64_t id,
                                                   const engram_pattern_change* change,
                                                   engram_error** error) ENGRAM_C_NOEXCEPT;
// Errors: ENGRAM_INVALID_ARGUMENT (NULL).
ENGRAM_C_API engram_code engram_write_batch_erase(engram_write_batch* batch, uint64_t id,
                                                  engram_error** error) ENGRAM_C_NOEXCEPT;
// Takes all operations out.
ENGRAM_C_API void engram_write_batch_clear(engram_write_batch* batch) ENGRAM_C_NOEXCEPT;
// Operations; 0 for NULL.
ENGRAM_C_API size_t engram_write_batch_size(const engram_write_batch* batch) ENGRAM_C_NOEXCEPT;

// All of the batch or nothing; the batch itself stays as it is. `out` may be NULL.
// Errors: as the single calls, the message naming the operation's position; ENGRAM_INVALID_ARGUMENT
// also for a batch that is empty or takes more than 256 MiB.
ENGRAM_C_API engram_code engram_store_write(engram_store* store, const engram_write_batch* batch,
                                            engram_durability durability,
                                            engram_commit_result** out,
                                            engram_error** error) ENGRAM_C_NOEXCEPT;
// Its commit; 0 for NULL.
ENGRAM_C_API uint64_t engram_commit_result_lsn(const engram_commit_result* result)
    ENGRAM_C_NOEXCEPT;
// The id of each insert of the batch, in their order. NULL for NULL, or where there is none.
// `count` may be NULL.
ENGRAM_C_API const uint64_t* engram_commit_result_ids(const engram_commit_result* result,
                                                      size_t* count) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_commit_result_free(engram_commit_result* result) ENGRAM_C_NOEXCEPT;

// --- What keeps a store as good as new ---

// What engram_store_erase_forever() did. Later versions may add fields at the end.
typedef struct engram_erase_forever_report {
  uint64_t patterns;        // that were in the store and ended
  uint64_t versions;        // blocks that held a version of one, live, dead or free
  uint64_t log_bytes;       // of log segments that were removed
  uint64_t journal_bytes;   // that were written anew
  uint64_t metadata_bytes;  // of the metadata store, all of it written anew
} engram_erase_forever_report;

// Ends the patterns with these `count` ids, takes their versions out of all snapshots and of the
// past, and returns when no file of the store holds the bytes of their vectors and metadata any
// more. Ids whose pattern was erased before are welcome, since its bytes may still be there. Waits
// for running reads, and takes as long as the metadata store is large. What is outside of the
// store's directory, backups and what the host kept, is the caller's. After a failure or a crash
// call it again with the same ids.
// Writes up to `bytes` of `*report` (may be NULL), which is sizeof(engram_erase_forever_report):
// what a later program asks beyond what this library knows is zero. Errors: ENGRAM_INVALID_ARGUMENT
// (no id), ENGRAM_NOT_FOUND (one that was never given; nothing is changed), ENGRAM_NO_SPACE,
// ENGRAM_IO_ERROR.
ENGRAM_C_API engram_code engram_store_erase_forever(engram_store* store, const uint64_t* ids,
                                                    size_t count,
                                                    engram_erase_forever_report* report,
                                                    size_t bytes,
                                                    engram_error** error) ENGRAM_C_NOEXCEPT;

// How far engram_store_compact() is. Later versions may add fields at the end.
typedef struct engram_compact_progress {
  engram_compact_phase phase;  // what it does now
  uint32_t reserved;           // zero
  uint64_t done;               // of `total`: slots looked at, patterns moved, pages, families
  uint64_t total;              // as is known by now
} engram_compact_progress;

// `progress` lives until the callback returns. Called between steps, on the caller's thread; may
// call the store, but for engram_store_compact(), engram_store_erase_forever() and closing. Return
// false to cancel.
typedef bool (*engram_compact_callback)(void* context, const engram_compact_progress* progress);

// How engram_store_compact() goes about it. Set all to zero first ({0}): the defaults.
typedef struct engram_compact_options {
  engram_compact_callback progress;  // NULL: nobody asks
  void* context;                     // passed on to `progress` as it is
  bool skip_metadata;                // true: the metadata store is not compacted
  uint8_t reserved[23];              // zero
} engram_compact_options;

// What engram_store_compact() did. Later versions may add fields at the end.
typedef struct engram_compact_report {
  uint64_t moved;         // patterns that got another place
  uint64_t reclaimed;     // dead patterns whose place became free
  uint64_t bytes_before;  // of all files of the store, as in engram_stats
  uint64_t bytes_after;   // likewise
  uint64_t held;  // dead patterns that snapshots, history or running reads still see, and that stay
  bool gave_way;  // inserts that went on meanwhile needed places that were to go: call again
} engram_compact_report;

// Gives back what erased patterns have left: takes the dead out of the graph, moves patterns from
// the last pages into free places, returns the pages at the end to the file system, and compacts
// the metadata store. Readers and writers go on. `options` may be NULL: the defaults. Writes up to
// `bytes` of `*report` (may be NULL), which is sizeof(engram_compact_report), as
// engram_store_erase_forever() does.
// Errors: ENGRAM_CANCELLED (by the callback), ENGRAM_INVALID_ARGUMENT (a reserved field),
// ENGRAM_NO_SPACE, ENGRAM_IO_ERROR; what was done by then stays done, and the store is as usable as
// before.
ENGRAM_C_API engram_code engram_store_compact(engram_store* store,
                                              const engram_compact_options* options,
                                              engram_compact_report* report, size_t bytes,
                                              engram_error** error) ENGRAM_C_NOEXCEPT;

// How far engram_store_rebalance() is. Later versions may add fields at the end.
typedef struct engram_rebalance_progress {
  uint64_t done;      // nodes that were looked at, and those that were then linked anew
  uint64_t total;     // of both; falls where fewer than allowed turn out to be bad
  uint64_t relinked;  // whose links have changed
} engram_rebalance_progress;

// `progress` lives until the callback returns. Called every few nodes, on the caller's thread; may
// call the store, but for closing. Return false to cancel.
typedef bool (*engram_rebalance_callback)(void* context, const engram_rebalance_progress* progress);

// What engram_store_rebalance() does. Set all to zero first ({0}): the defaults.
typedef struct engram_rebalance_options {
  engram_rebalance_callback progress;  // NULL: nobody asks
  void* context;                       // passed on to `progress` as it is
  // The most nodes that are linked anew, as a share of all live ones. Those that are well linked
  // are left alone, whatever it says. Range 0 to 1; 0.05 unless has_worst_share is true.
  double worst_share;
  // Live patterns that are searched for to measure the graph before and after. Range 0 (none) to
  // 100,000; 100 unless has_sample is true. Which ones, follows from the store alone.
  size_t sample;
  bool has_worst_share;  // whether worst_share counts
  bool has_sample;       // whether sample counts
  uint8_t reserved[30];  // zero
} engram_rebalance_options;

// How well a graph is linked at level 0, and how well searches find what is in it.
typedef struct engram_graph_health {
  uint64_t count;         // live patterns
  double mean_links_out;  // of a live node, to live and ended ones
  double mean_links_in;   // to a live node, from live ones
  uint64_t one_link_in;   // live nodes that one live node links to
  uint64_t sampled;       // patterns that were searched for
  double finds_itself;    // the share of them that a walk with 16 candidates finds by their vector
  double recall;          // the share of their true 10 nearest that a search finds
  double recall_error;    // half-width of its 95 % confidence interval
  uint32_t least_links_in;  // to one live node; 0 where there is only one
  uint32_t reserved[9];     // zero; room for later versions: the size stays
} engram_graph_health;

// What became of the graph. Later versions may add fields at the end.
typedef struct engram_rebalance_report {
  engram_graph_health before;  // the graph as it was
  engram_graph_health after;   // and as it is
  uint64_t looked_at;          // live nodes
  uint64_t bad;                // of them, badly linked, whether or not among the worst
  uint64_t relinked;           // of these, whose links have changed
} engram_rebalance_report;

// Links the worst nodes of the graph anew: those that walks for their own vector do not find, and
// those with few links to them or from them. For after large deletions, and where
// engram_store_analyze() says that recall has fallen. Looks at every node, on this thread, then
// commits a few at a time; readers and writers go on. `options` may be NULL: the defaults. Writes
// up to `bytes` of `*report` (may be NULL), which is sizeof(engram_rebalance_report), as
// engram_store_erase_forever() does.
// Errors: ENGRAM_CANCELLED (by the callback), ENGRAM_INVALID_ARGUMENT (out of range, a reserved
// field), ENGRAM_NO_SPACE, ENGRAM_CORRUPTED_INDEX, ENGRAM_IO_ERROR; what was linked anew by then
// stays so.
ENGRAM_C_API engram_code engram_store_rebalance(engram_store* store,
                                                const engram_rebalance_options* options,
                                                engram_rebalance_report* report, size_t bytes,
                                                engram_error** error) ENGRAM_C_NOEXCEPT;

// --- Reads ---
//
// `snapshot` says which state is read; NULL: the newest acknowledged one. A snapshot of another
// store is ENGRAM_INVALID_ARGUMENT. `include` is ENGRAM_INCLUDE_..., one or several.

// Errors: ENGRAM_NOT_FOUND, ENGRAM_SNAPSHOT_EXPIRED, ENGRAM_CORRUPTED_INDEX, ENGRAM_IO_ERROR.
ENGRAM_C_API engram_code engram_store_get(const engram_store* store, uint64_t id,
                                          engram_include include, const engram_snapshot* snapshot,
                                          engram_pattern** out,
                                          engram_error** error) ENGRAM_C_NOEXCEPT;
// Writes whether there is such a pattern. Errors: as engram_store_get(), but ENGRAM_NOT_FOUND.
ENGRAM_C_API engram_code engram_store_contains(const engram_store* store, uint64_t id,
                                               const engram_snapshot* snapshot, bool* found,
                                               engram_error** error) ENGRAM_C_NOEXCEPT;

// `pattern` lives until the callback returns: do not free it. Return false to stop.
typedef bool (*engram_visit_callback)(void* context, const engram_pattern* pattern);
// Calls `visit` on this thread for each pattern of one state, in no particular order, until it
// returns false. `context` is passed on as it is. Errors: as engram_store_get(), but
// ENGRAM_NOT_FOUND.
ENGRAM_C_API engram_code engram_store_for_each(const engram_store* store, engram_include include,
                                               const engram_snapshot* snapshot,
                                               engram_visit_callback visit, void* context,
                                               engram_error** error) ENGRAM_C_NOEXCEPT;

// The id of a pattern as it is stored. What this and the next return for NULL is 0 or NULL.
ENGRAM_C_API uint64_t engram_pattern_id(const engram_pattern* pattern) ENGRAM_C_NOEXCEPT;
// `*dimensions` components (the argument may be NULL); NULL and 0 where it was not asked for. Lives
// as long as the pattern.
ENGRAM_C_API const float* engram_pattern_vector(const engram_pattern* pattern,
                                                size_t* dimensions) ENGRAM_C_NOEXCEPT;
// Empty where the pattern has none or it was not asked for. Lives as long as the pattern.
ENGRAM_C_API const engram_metadata* engram_pattern_metadata(const engram_pattern* pattern)
    ENGRAM_C_NOEXCEPT;
// Its own time, microseconds since 1970-01-01 UTC.
ENGRAM_C_API int64_t engram_pattern_timestamp_us(const engram_pattern* pattern) ENGRAM_C_NOEXCEPT;
// When this version was written, likewise; never less than an earlier commit's.
ENGRAM_C_API int64_t engram_pattern_inserted_at_us(const engram_pattern* pattern) ENGRAM_C_NOEXCEPT;
// What the application chose; 0: no type.
ENGRAM_C_API uint32_t engram_pattern_type(const engram_pattern* pattern) ENGRAM_C_NOEXCEPT;
// The commit that wrote this version.
ENGRAM_C_API uint64_t engram_pattern_version(const engram_pattern* pattern) ENGRAM_C_NOEXCEPT;
// Writes when it expires by engram_new_pattern::ttl_us, microseconds since 1970-01-01 UTC, and
// returns true; false, and `*out` is as it was, where it does not by itself, or for NULL.
ENGRAM_C_API bool engram_pattern_get_expires_at_us(const engram_pattern* pattern,
                                                   int64_t* out) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_pattern_free(engram_pattern* pattern) ENGRAM_C_NOEXCEPT;

// What a search asks. Setters do nothing for NULL; what is out of range is told by the search.
ENGRAM_C_API engram_search_options* engram_search_options_create(void) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_search_options_free(engram_search_options* options) ENGRAM_C_NOEXCEPT;
// Hits wanted. Range 1 to 1,000,000, default 10; fewer come back where the store holds fewer.
ENGRAM_C_API void engram_search_options_set_k(engram_search_options* options,
                                              size_t k) ENGRAM_C_NOEXCEPT;
// Candidates kept while the graph is walked: more find more of the true nearest and take longer.
// Range k to ENGRAM_MAX_EF; 0 (default): what the store was opened with, or k where that is more.
ENGRAM_C_API void engram_search_options_set_ef(engram_search_options* options,
                                               size_t ef) ENGRAM_C_NOEXCEPT;
// Look at every pattern instead of walking the graph: the true nearest, in time that grows with the
// store. Default: false.
ENGRAM_C_API void engram_search_options_set_exact(engram_search_options* options,
                                                  bool exact) ENGRAM_C_NOEXCEPT;
// The most distances to compute on the graph; then the answer is `exhausted`. 0 (default): no
// limit. Not for exact searches.
ENGRAM_C_API void engram_search_options_set_max_compared(engram_search_options* options,
                                                         uint64_t most) ENGRAM_C_NOEXCEPT;
// Also bring each hit's vector or metadata. Default: ENGRAM_INCLUDE_NONE.
ENGRAM_C_API void engram_search_options_set_include(engram_search_options* options,
                                                    engram_include include) ENGRAM_C_NOEXCEPT;
// Borrowed: must live while these options are used. NULL (default): the newest acknowledged state.
ENGRAM_C_API void engram_search_options_set_snapshot(
    engram_search_options* options, const engram_snapshot* snapshot) ENGRAM_C_NOEXCEPT;
// Stop looking at a moment: with hits the answer is ENGRAM_OK and `partial`, without it is
// ENGRAM_SEARCH_TIMEOUT. The moment is a time of CLOCK_MONOTONIC, in nanoseconds; or so many
// microseconds after each search or batch begins (0 or less: it has passed). The last of these
// three calls holds. Default: none:
ENGRAM_C_API void engram_search_options_set_deadline_ns(engram_search_options* options,
                                                        int64_t monotonic_ns) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API void engram_search_options_set_timeout_us(engram_search_options* options,
                                                       int64_t timeout_us) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API void engram_search_options_clear_deadline(engram_search_options* options)
    ENGRAM_C_NOEXCEPT;

// The k stored patterns nearest to `query` (`dimensions` components, borrowed until the call
// returns), found by a walk over the graph that may miss some; ef trades time for that. Distances
// are exact. Small stores are looked through whole. `options` may be NULL: the defaults.
// Errors: ENGRAM_DIMENSION_MISMATCH, ENGRAM_INVALID_VECTOR, ENGRAM_INVALID_ARGUMENT (k, ef,
// include), ENGRAM_EMPTY_INDEX, ENGRAM_SEARCH_TIMEOUT, ENGRAM_SNAPSHOT_EXPIRED, ENGRAM_IO_ERROR.
ENGRAM_C_API engram_code engram_store_search(const engram_store* store, const float* query,
                                             size_t dimensions,
                                             const engram_search_options* options,
                                             engram_search_result** out,
                                             engram_error** error) ENGRAM_C_NOEXCEPT;

// Many searches of one state, on as many threads as engram_options_set_search_threads() says.
// `queries` is a matrix of `count` rows of `dimensions` components, one row after the other,
// borrowed until the call returns; it may be NULL where `count` is 0. `options` may be NULL.
// Each query has its own result or error; ENGRAM_OK does not say that all succeeded. Errors of the
// call: ENGRAM_INVALID_ARGUMENT (NULL, dimensions 0, include, a
// matrix larger than the address space).
ENGRAM_C_API engram_code engram_store_search_batch(const engram_store* store, const float* queries,
                                                   size_t count, size_t dimensions,
                                                   const engram_search_options* options,
                                                   engram_search_batch** out,
                                                   engram_error** error) ENGRAM_C_NOEXCEPT;
// Queries; 0 for NULL.
ENGRAM_C_API size_t engram_search_batch_size(const engram_search_batch* batch) ENGRAM_C_NOEXCEPT;
// The answer to the query at `position`; NULL where it failed or there are fewer. Lives as long as
// the batch: do not free it.
ENGRAM_C_API const engram_search_result* engram_search_batch_result(
    const engram_search_batch* batch, size_t position) ENGRAM_C_NOEXCEPT;
// Why it failed; NULL where it did not or there are fewer. Lives as long as the batch.
ENGRAM_C_API const engram_error* engram_search_batch_error(const engram_search_batch* batch,
                                                           size_t position) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_search_batch_free(engram_search_batch* batch) ENGRAM_C_NOEXCEPT;

// Hits, nearest first, ties by lower id; each pattern once. 0 for NULL.
ENGRAM_C_API size_t engram_search_result_size(const engram_search_result* result) ENGRAM_C_NOEXCEPT;
// 0 where there are not so many.
ENGRAM_C_API uint64_t engram_search_result_id(const engram_search_result* result,
                                              size_t position) ENGRAM_C_NOEXCEPT;
// By the store's metric; exact. NaN where there are not so many.
ENGRAM_C_API float engram_search_result_distance(const engram_search_result* result,
                                                 size_t position) ENGRAM_C_NOEXCEPT;
// `*dimensions` components (the argument may be NULL); NULL and 0 where not asked for. Lives as
// long as the result.
ENGRAM_C_API const float* engram_search_result_vector(const engram_search_result* result,
                                                      size_t position,
                                                      size_t* dimensions) ENGRAM_C_NOEXCEPT;
// NULL where not asked for; empty where the pattern has none. Lives as long as the result.
ENGRAM_C_API const engram_metadata* engram_search_result_metadata(
    const engram_search_result* result, size_t position) ENGRAM_C_NOEXCEPT;

// How the search went. Later versions may add fields at the end.
typedef struct engram_search_summary {
  uint64_t lsn;       // the state that was searched
  uint64_t compared;  // vectors whose distance was computed
  uint64_t hops;      // nodes of the graph whose links were followed
  bool partial;       // the deadline passed before everything was looked at
  bool exhausted;     // max_compared was reached before that
  bool exact;         // every pattern was looked at: asked for, or cheaper than the graph
  bool degraded;      // exact because the graph is damaged: run `engram verify`
} engram_search_summary;
// Writes up to `bytes` of it, which is sizeof(engram_search_summary): what a later program asks
// beyond what this library knows is zero. Errors: ENGRAM_INVALID_ARGUMENT (NULL).
ENGRAM_C_API engram_code engram_search_result_summary(const engram_search_result* result,
                                                      engram_search_summary* summary,
                                                      size_t bytes) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_search_result_free(engram_search_result* result) ENGRAM_C_NOEXCEPT;

// --- What a store says about itself ---

// Sizes and counters; docs/operations.md, "Monitoring", says what to do about each. Later versions
// may add fields at the end.
typedef struct engram_stats {
  uint64_t count;            // live patterns
  uint64_t dead;             // ended, still seen by somebody or not yet reclaimed
  uint64_t free_slots;       // reusable places in the page file
  uint32_t dimensions;       // components of a vector
  engram_metric metric;      // of all distances
  uint32_t m;                // links a node keeps above level 0
  uint32_t reserved;         // zero
  uint64_t last_lsn;         // newest visible commit
  uint64_t durable_lsn;      // newest commit known to be on disk
  uint64_t checkpoint_lsn;   // the page file needs no log up to here
  uint64_t checkpoints;      // made since the store was created
  uint64_t next_id;          // the store would give it next; no pattern has it or a larger one
  uint64_t snapshots;        // open in this process
  uint64_t oldest_snapshot;  // of them, its commit; 0: none

  uint64_t bytes_on_disk;     // all files of the store
  uint64_t page_file_bytes;   // of them: graph.engram
  uint64_t journal_bytes;     // graph.journal
  uint64_t log_bytes;         // wal/
  uint64_t metadata_bytes;    // meta/
  uint64_t memory_bytes;      // pages and metadata buffers of this process
  uint64_t dirty_page_bytes;  // changed since the last checkpoint

  // Since this process opened the store:
  uint64_t commits;
  uint64_t log_syncs;
  uint64_t log_bytes_written;
  uint64_t page_bytes_written;  // in place, by checkpoints
  uint64_t journal_bytes_written;
  uint64_t searches;
  uint64_t replayed_commits;  // when it was opened
  uint64_t restored_pages;    // from the journal, when it was opened

  engram_residency residency;  // how pages are held: ENGRAM_RESIDENCY_RESIDENT or _MAPPED
  uint32_t reserved2;          // zero

  uint64_t scrubbed_pages;  // read from the disk and checked, in the background
  uint64_t scrub_rounds;    // over all pages of the file
  uint64_t bad_pages;       // found on the disk by these
  uint64_t healed_pages;    // of them, found right when they had been written anew
  // Where the first bad page was: 1 nodes, 2 upper, 3 node slots, 4 upper slots; 0: there was none.
  uint32_t first_bad_segment;
  uint32_t first_bad_page;  // its number there

  int64_t oldest_snapshot_age_us;        // how long the oldest has been open; 0: there is none
  uint64_t named_snapshots;              // there are
  int64_t oldest_named_snapshot_age_us;  // since it got its name; 0: there is none
  uint64_t expired_snapshots;            // that gave way since the store was opened
  uint64_t horizon;                      // states of before it may have lost what ended before it
  uint64_t sweep_rounds;   // over the graph, for the sake of the dead, since the store was opened
  double sweep_progress;   // of the round that goes on, 0 to 1; 0: none does
  uint64_t healed_nodes;   // whose links to the dead were replaced
  uint64_t reclaimed;      // places of dead patterns that became free
  uint64_t expired;        // patterns that max_age or a TTL has ended
  uint64_t moved;          // patterns that compaction gave another place
  uint64_t audit_rounds;   // over all nodes of the graph, in the background
  uint64_t audited_nodes;  // whose links were looked at by these
  uint64_t mended_nodes;   // whose links or counts these found wrong and put right
} engram_stats;
// Writes up to `bytes` of it, which is sizeof(engram_stats): what a later program asks beyond what
// this library knows is zero. Errors: ENGRAM_INVALID_ARGUMENT (NULL), ENGRAM_IO_ERROR.
ENGRAM_C_API engram_code engram_store_get_stats(const engram_store* store, engram_stats* stats,
                                                size_t bytes,
                                                engram_error** error) ENGRAM_C_NOEXCEPT;

// The graph at one level: the nodes whose level is at least that. Links are counted that lead to
// nodes of the state that was looked at, live or dead. Later versions may add fields at the end.
typedef struct engram_level_report {
  uint64_t nodes;          // live
  uint64_t links;          // from live nodes to live nodes
  uint64_t links_to_dead;  // from live nodes
  uint32_t least_links;    // of a live node, to live and dead ones
  uint32_t most_links;     // likewise
  uint64_t unreached;      // live ones that no walk over this level reaches from the entry point
} engram_level_report;

// A live pattern to which many links lead. Later versions may add fields at the end.
typedef struct engram_hub_report {
  uint64_t id;        // the pattern's
  uint32_t in_links;  // from live nodes, at level 0
  uint32_t level;     // the highest that it reaches
} engram_hub_report;

// What the bytes of a store are for. The parts of the page file are those of the state that was
// looked at; what they leave of it are headers of pages, ends of pages, and its table. Later
// versions may add fields at the end.
typedef struct engram_space_report {
  uint64_t page_file_bytes;        // as in engram_stats
  uint64_t node_bytes;             // of it: pages of headers, vectors and links of level 0
  uint64_t live_node_bytes;        // of these: live patterns
  uint64_t dead_node_bytes;        // ended ones that still lie in the graph
  uint64_t free_node_bytes;        // places for others, now or when readers have let go
  uint64_t upper_bytes;            // of it: pages of links above level 0
  uint64_t live_upper_bytes;       // of these, as above
  uint64_t dead_upper_bytes;       // likewise
  uint64_t free_upper_bytes;       // likewise
  uint64_t slot_state_bytes;       // of it: pages that say which places are free
  uint64_t journal_bytes;          // as in engram_stats
  uint64_t log_bytes;              // likewise
  uint64_t metadata_bytes;         // likewise
  uint64_t page_memory_bytes;      // pages that stay in memory
  uint64_t page_copy_bytes;        // of a mapped store: changed pages, until a checkpoint
  uint64_t metadata_memory_bytes;  // RocksDB's
} engram_space_report;

// The whole graph, and how well searches find what is in it. Later versions may add fields at the
// end.
typedef struct engram_graph_summary {
  uint64_t lsn;            // the state that was looked at
  uint64_t count;          // live patterns
  uint64_t dead;           // ended ones that still lie in the graph
  uint64_t unreachable;    // live ones that no walk from the entry point reaches at level 0
  uint64_t components;     // parts of the live nodes by the links among them at level 0, both ways
  uint64_t bytes_on_disk;  // as in engram_stats
  uint64_t memory_bytes;   // likewise
  uint64_t sampled;        // patterns whose neighbours were searched for
  double recall;           // the share of their true k nearest that these searches find
  double recall_error;     // from there to the farther end of its 95 % confidence interval
  double mean_compared;    // vectors that such a search compared with, on average
  uint32_t most_in_links;  // the most that lead to one live node
  bool exact;           // as in engram_search_summary, of these searches: then recall says nothing
  bool degraded;        // as in engram_search_summary
  double recall_low;    // where that interval begins; range 0 to 1
  double recall_high;   // where it ends; likewise
  uint64_t free_slots;  // as in engram_stats
  double dead_share;    // dead of dead and live ones; range 0 to 1
  uint64_t hanging;     // live ones to which one link from a live one leads, or none
  // Of the links between live nodes at level 0, the share that leads to the hundredth of live nodes
  // (rounded up) with most of them; 0.01 where each has as many as the others, 0 without links.
  double hub_share;
  // Live patterns with the same vector, 0 and -0 being one number: those beyond the first of each
  // vector, the vectors of which there are several, the patterns of the one of which there are
  // most:
  uint64_t duplicates;
  uint64_t duplicated_vectors;
  uint64_t largest_heap;
} engram_graph_summary;

// Looks at the whole graph; takes about as long as an exact search, and the sample's searches, and
// 16 bytes of memory a pattern meanwhile.
// Writers and readers go on; what they change meanwhile may be counted or not.
// sample: live patterns whose neighbours are searched for and compared with an exact search. Range
// 0 (none) to 100,000; 100 is usual. k: neighbours of each, itself not counted. Range 1 to
// ENGRAM_MAX_EF - 1; 10 is usual. ef: candidates kept by these searches. Range k + 1 to
// ENGRAM_MAX_EF; 0: as for searches.
// Errors: ENGRAM_INVALID_ARGUMENT, ENGRAM_CORRUPTED_INDEX, ENGRAM_IO_ERROR.
ENGRAM_C_API engram_code engram_store_analyze(const engram_store* store, size_t sample, size_t k,
                                              size_t ef, engram_graph_report** out,
                                              engram_error** error) ENGRAM_C_NOEXCEPT;
// NULL for NULL. Lives as long as the report.
ENGRAM_C_API const engram_graph_summary* engram_graph_report_summary(
    const engram_graph_report* report) ENGRAM_C_NOEXCEPT;
// Levels, from 0 up; none without a live pattern.
ENGRAM_C_API size_t engram_graph_report_levels(const engram_graph_report* report) ENGRAM_C_NOEXCEPT;
// NULL where there are not so many. Lives as long as the report.
ENGRAM_C_API const engram_level_report* engram_graph_report_level(const engram_graph_report* report,
                                                                  size_t level) ENGRAM_C_NOEXCEPT;
// Live patterns with the most links to them: at most 10, most links first, those with as many by
// lower id.
ENGRAM_C_API size_t engram_graph_report_hubs(const engram_graph_report* report) ENGRAM_C_NOEXCEPT;
// NULL where there are not so many. Lives as long as the report.
ENGRAM_C_API const engram_hub_report* engram_graph_report_hub(const engram_graph_report* report,
                                                              size_t hub) ENGRAM_C_NOEXCEPT;
// What the store's bytes are for. NULL for NULL. Lives as long as the report.
ENGRAM_C_API const engram_space_report* engram_graph_report_space(const engram_graph_report* report)
    ENGRAM_C_NOEXCEPT;
// Live nodes by the number of their links at level 0, and by that of links from live nodes to them:
// element i of `*count` counts those with i links; the last one those with that many or more.
// `count` may be NULL. Lives as long as the report:
ENGRAM_C_API const uint64_t* engram_graph_report_out_degrees(const engram_graph_report* report,
                                                             size_t* count) ENGRAM_C_NOEXCEPT;
ENGRAM_C_API const uint64_t* engram_graph_report_in_degrees(const engram_graph_report* report,
                                                            size_t* count) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_graph_report_free(engram_graph_report* report) ENGRAM_C_NOEXCEPT;

// --- Vectors out of names, numbers and text ---
//
// Signed feature hashing: the same input gives the same vector on every machine and in every
// version of the library. Threads: any thread may encode; engram_feature_encoder_learn() before
// that, from one thread.

// `name` is `name_bytes` long, borrowed by the call that takes the struct.
typedef struct engram_feature {
  const char* name;   // borrowed
  size_t name_bytes;  // its length
  float weight;       // finite
} engram_feature;

// Range of `dimensions`: 1 to ENGRAM_MAX_DIMENSIONS. Errors: ENGRAM_INVALID_ARGUMENT.
ENGRAM_C_API engram_code engram_feature_encoder_create(uint32_t dimensions,
                                                       engram_feature_encoder** out,
                                                       engram_error** error) ENGRAM_C_NOEXCEPT;
// The same with words learnt before: `bytes` bytes that engram_feature_encoder_save() wrote.
// Errors: ENGRAM_INVALID_ARGUMENT.
ENGRAM_C_API engram_code engram_feature_encoder_load(uint32_t dimensions, const void* saved,
                                                     size_t bytes, engram_feature_encoder** out,
                                                     engram_error** error) ENGRAM_C_NOEXCEPT;
// Takes NULL as well.
ENGRAM_C_API void engram_feature_encoder_free(engram_feature_encoder* encoder) ENGRAM_C_NOEXCEPT;
// 0 for NULL.
ENGRAM_C_API uint32_t engram_feature_encoder_dimensions(const engram_feature_encoder* encoder)
    ENGRAM_C_NOEXCEPT;
// Writes the sum of the features, scaled to unit length, to `vector`, which has room for
// `dimensions` floats, as many as the encoder's; all zero where there is none. `features` may be
// NULL where `count` is 0.
// Errors: ENGRAM_INVALID_VECTOR for a weight that is NaN or infinite, ENGRAM_DIMENSION_MISMATCH;
// `vector` is as it was.
ENGRAM_C_API engram_code engram_feature_encoder_encode(const engram_feature_encoder* encoder,
                                                       const engram_feature* features, size_t count,
                                                       float* vector, size_t dimensions,
                                                       engram_error** error) ENGRAM_C_NOEXCEPT;
// The same of the words of `text`, `bytes` long: each weighted by (1 + ln count) and, where texts
// were learnt, by its rarity.
ENGRAM_C_API engram_code engram_feature_encoder_encode_text(const engram_feature_encoder* encoder,
                                                            const char* text, size_t bytes,
                                                            float* vector, size_t dimensions,
                                                            engram_error** error) ENGRAM_C_NOEXCEPT;
// Counts the words of one more text, `bytes` long, for the rarity weight.
ENGRAM_C_API engram_code engram_feature_encoder_learn(engram_feature_encoder* encoder,
                                                      const char* text, size_t bytes,
                                                      engram_error** error) ENGRAM_C_NOEXCEPT;
// What was learnt, as a value of kind ENGRAM_KIND_BYTES, the caller's, to be stored with the
// patterns; NULL for NULL.
ENGRAM_C_API engram_value* engram_feature_encoder_save(const engram_feature_encoder* encoder)
    ENGRAM_C_NOEXCEPT;

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // ENGRAM_C_H_
