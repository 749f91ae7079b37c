// Writes to a store until it is killed, and says on its output what it does before it does it and
// what was acknowledged after: the witness of kill_test. A line goes out with one write(), whole.
//
//   kill_child DIR RUN WRITERS SEED COMMITS
//
// `have ID TOKEN` for each pattern found at the opening, then `ready`; `try WRITER OP...` with OP
// i<token>, u<id>:<token> or e<id>, then `ack WRITER ID...` with the ids of the inserts; `opening`,
// `checkpoint`, `checkpointed`, `closing`, `closed`. Of upkeep, before `ready`: `name NAME LSN
// HASH` for each named snapshot, `extra TOKEN` for each pattern of its own; then `upkeep`, `upkept`
// around each round, in which `naming NAME`, `named NAME LSN HASH`, `dropping NAME`, `dropped
// NAME`, `forgotten TOKEN` (erased for ever). COMMITS: how many each writer makes before the store
// is closed; 0: no end. Threads: writers, one for checkpoints, one for upkeep.
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <engram/store.h>

#include "tests/crash/kill_pattern.h"

namespace engram {
namespace {

constexpr std::size_t kLivePatterns = 250;  // about so many a writer keeps

struct Arguments {
  std::string directory;
  std::uint64_t run = 0;
  std::uint64_t writers = 1;
  std::uint64_t seed = 0;
  std::uint64_t commits = 0;
};

void Say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    _exit(3);
  }
}

[[noreturn]] void Fail(const std::string& what) {
  Say("error " + what);
  _exit(1);
}

// A small store, so that short runs meet many segments, rounds and flushes.
Options KillOptions(std::uint64_t run) {
  Options options;
  options.dimensions = kKillDimensions;
  options.m = 4;
  options.indexed_fields = {"token"};
  options.log_segment_bytes = 64 << 10;
  options.checkpoint_log_bytes = 64 << 10;
  options.dirty_page_bytes = 128 << 10;
  options.journal_bytes = 256 << 10;
  options.metadata_buffer_bytes = 1 << 20;
  options.sync_interval = std::chrono::milliseconds(10);
  options.search_threads = 1;
  // Each finds what the other left.
  options.residency = run % 2 == 0 ? Residency::kResident : Residency::kMapped;
  return options;
}

using Live = std::map<PatternId, std::uint64_t>;  // id, token

class Writer {
 public:
  Writer(Store& store, const Arguments& arguments, std::uint64_t number, Live live)
      : store_(store),
        run_(arguments.run),
        number_(number),
        live_(std::move(live)),
        random_(arguments.seed * 31 + number) {}

  void Commit() {
    WriteBatch batch;
    Live after = live_;
    std::vector<std::uint64_t> inserted;
    std::string line = "try " + std::to_string(number_);
    for (std::uint64_t left = Operations(); left > 0; --left)
      line += AddOne(batch, after, inserted);
    Say(line);
    const Durability durabilities[] = {Durability::kSync, Durability::kInterval, Durability::kNone};
    const auto result = store_.Write(batch, WriteOptions::With(durabilities[random_() % 3]));
    if (!result.ok()) Fail(result.status().ToString());
    line = "ack " + std::to_string(number_);
    for (std::size_t i = 0; i < inserted.size(); ++i) {
      after.emplace(result->ids[i], inserted[i]);
      line += " " + std::to_string(result->ids[i]);
    }
    Say(line);
    live_ = std::move(after);
  }

 private:
  // Mostly few; sometimes so many that the commit spans blocks and pages.
  std::uint64_t Operations() { return random_() % 8 == 0 ? 60 : 1 + random_() % 5; }

  std::uint64_t NextToken() { return KillToken(run_, number_, ++made_); }

  std::string AddOne(WriteBatch& batch, Live& after, std::vector<std::uint64_t>& inserted) {
    const std::uint64_t dice = random_() % 10;
    const bool full = live_.size() > kLivePatterns;
    if (after.empty() || dice < (full ? 2U : 6U)) {
      const std::uint64_t token = NextToken();
      NewPattern pattern;
      const std::vector<float> vector = KillVector(token);
      pattern.vector = vector;
      pattern.metadata = KillMetadata(token);
      pattern.timestamp = KillTime(token);
      pattern.type = KillType(token);
      batch.Insert(pattern);
      inserted.push_back(token);
      return " i" + std::to_string(token);
    }
    auto victim = after.lower_bound(1 + random_() % after.rbegin()->first);
    if (dice < 8) {
      victim->second = NextToken();
      AddUpdate(batch, victim->first, victim->second);
      return " u" + std::to_string(victim->first) + ":" + std::to_string(victim->second);
    }
    const PatternId id = victim->first;
    batch.Erase(id);
    after.erase(victim);
    return " e" + std::to_string(id);
  }

  static void AddUpdate(WriteBatch& batch, PatternId id, std::uint64_t token) {
    const std::vector<float> vector = KillVector(token);
    PatternChange change;
    change.vector = vector;
    change.metadata = KillMetadata(token);
    change.timestamp = KillTime(token);
    change.type = KillType(token);
    batch.Update(id, change);
  }

  Store& store_;
  const std::uint64_t run_;
  const std::uint64_t number_;
  Live live_;
  std::uint64_t made_ = 0;
  std::mt19937_64 random_;
};

std::uint64_t TokenOf(const Pattern& pattern) {
  const auto token = pattern.metadata.find("token");
  const auto* number = token == pattern.metadata.end() ? nullptr : token->second.As<std::int64_t>();
  return number == nullptr ? 0 : static_cast<std::uint64_t>(*number);
}

// Of what writers have stored in it; the order does not count.
std::uint64_t HashOf(const Store& store, const Snapshot& snapshot) {
  std::uint64_t hash = 0;
  GetOptions options;
  options.snapshot = &snapshot;
  const Status status = store.ForEach(
      [&](const Pattern& pattern) {
        const std::uint64_t token = TokenOf(pattern);
        if (WriterOf(token) == kUpkeepWriter) return true;
        if (pattern.vector != KillVector(token)) Fail("a named snapshot has another vector");
        hash += (pattern.id * 0x9e3779b97f4a7c15 ^ token) * 0xbf58476d1ce4e5b9;
        return true;
      },
      options);
  if (!status.ok()) Fail(status.ToString());
  return hash;
}

std::string Described(const Store& store, const std::string& name) {
  const auto snapshot = store.OpenNamedSnapshot(name);
  if (!snapshot.ok()) Fail(snapshot.status().ToString());
  return name + " " + std::to_string(static_cast<std::uint64_t>(snapshot->lsn())) + " " +
         std::to_string(HashOf(store, *snapshot));
}

// What keeps a store as good as new, round after round.
class Upkeep {
 public:
  Upkeep(Store& store, const Arguments& arguments)
      : store_(store), run_(arguments.run), random_(arguments.seed * 31 + kUpkeepWriter) {}

  void Round() {
    Say("upkeep");
    Name();
    Check(Insert(false).status());
    if (random_() % 2 == 0) {
      PatternFilter filter;
      filter.type = kUpkeepType;
      Check(store_.EraseMatching(filter).status());
    }
    CompactOptions options;
    options.metadata = random_() % 2 == 0;
    int left = random_() % 3 == 0 ? static_cast<int>(random_() % 20) : 1'000'000;
    options.progress = [&left](const CompactProgress&) { return left-- > 0; };
    const auto report = store_.Compact(options);
    if (report.code() != Code::kCancelled) Check(report.status());
    if (random_() % 3 == 0) EraseForever();
    Say("upkept");
  }

 private:
  static void Check(const Status& status) {
    if (!status.ok()) Fail(status.ToString());
  }

  void Name() {
    constexpr std::size_t kMost = 3;
    const auto names = store_.ListNamedSnapshots();
    Check(names.status());
    if (names->size() >= kMost) {
      const std::string name = (*names)[random_() % names->size()].name;
      Say("dropping " + name);
      Check(store_.DropNamedSnapshot(name));
      Say("dropped " + name);
    }
    const std::string name = std::to_string(run_) + "." + std::to_string(++made_);
    Say("naming " + name);
    Check(store_.CreateNamedSnapshot(name).status());
    Say("named " + Described(store_, name));
  }

  Result<PatternId> Insert(bool stays) {
    made_ += ExpiresAtOnce(made_ + 1) == stays ? 2U : 1U;
    const std::uint64_t token = KillToken(run_, kUpkeepWriter, made_);
    const std::vector<float> vector = KillVector(token);
    NewPattern pattern;
    pattern.vector = vector;
    pattern.metadata = {{"token", static_cast<std::int64_t>(token)}, {"text", KillSecret(token)}};
    pattern.type = kUpkeepType;
    if (!stays) pattern.ttl = std::chrono::microseconds(100);
    return store_.Insert(pattern);
  }

  void EraseForever() {
    const auto id = Insert(true);
    Check(id.status());
    const std::uint64_t token = KillToken(run_, kUpkeepWriter, made_);
    const std::vector<PatternId> ids{*id};
    const auto erased = store_.EraseForever(ids);
    Check(erased.status());
    Say("forgotten " + std::to_string(token));
  }

  Store& store_;
  const std::uint64_t run_;
  std::uint64_t made_ = 0;
  std::mt19937_64 random_;
};

// Everything in the store, checked and told.
std::map<std::uint64_t, Live> TellAll(const Store& store) {
  std::map<std::uint64_t, Live> live;
  const Status status = store.ForEach([&](const Pattern& pattern) {
    const std::uint64_t token = TokenOf(pattern);
    if (WriterOf(token) == kUpkeepWriter) {
      Say("extra " + std::to_string(token));
      return true;
    }
    if (pattern.metadata != KillMetadata(token) || pattern.vector != KillVector(token) ||
        pattern.timestamp != KillTime(token) || pattern.type != KillType(token)) {
      Fail("pattern " + std::to_string(pattern.id) + " is not what was stored");
    }
    live[WriterOf(token)].emplace(pattern.id, token);
    Say("have " + std::to_string(pattern.id) + " " + std::to_string(token));
    return true;
  });
  if (!status.ok()) Fail(status.ToString());
  return live;
}

void Checkpoints(Store& store, const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_relaxed)) {  // nothing else depends on it
    Say("checkpoint");
    const Status status = store.Checkpoint();
    if (!status.ok()) Fail(status.ToString());
    Say("checkpointed");
    std::this_thread::yield();
  }
}

int Run(const Arguments& arguments) {
  Say("opening");
  auto opened = Store::Open(arguments.directory, KillOptions(arguments.run));
  if (!opened.ok()) Fail(opened.status().ToString());
  Store store = std::move(opened).value();
  const std::map<std::uint64_t, Live> live = TellAll(store);
  const auto names = store.ListNamedSnapshots();
  if (!names.ok()) Fail(names.status().ToString());
  for (const NamedSnapshot& named : *names) Say("name " + Described(store, named.name));
  Say("ready");

  std::atomic<bool> stop{false};
  std::thread checkpoints([&] { Checkpoints(store, stop); });
  std::thread upkeep([&] {
    Upkeep own(store, arguments);
    while (!stop.load(std::memory_order_relaxed)) own.Round();  // as above
  });
  std::vector<std::thread> threads;
  for (std::uint64_t number = 0; number < arguments.writers; ++number) {
    const auto own = live.find(number);
    threads.emplace_back([&, number, mine = own == live.end() ? Live() : own->second] {
      Writer writer(store, arguments, number, mine);
      for (std::uint64_t i = 0; arguments.commits == 0 || i < arguments.commits; ++i) {
        writer.Commit();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop.store(true, std::memory_order_relaxed);
  checkpoints.join();
  upkeep.join();
  Say("closing");
  if (const Status status = store.Close(); !status.ok()) Fail(status.ToString());
  Say("closed");
  return 0;
}

}  // namespace
}  // namespace engram

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: kill_child DIR RUN WRITERS SEED COMMITS\n";
    return 2;
  }
  const auto number = [argv](int i) { return std::strtoull(argv[i], nullptr, 10); };
  return engram::Run({argv[1], number(2), number(3), number(4), number(5)});
}
