// Times, batches, snapshots, several changes at once, forgetting. usage: readings DIRECTORY
#include <engram/store.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <vector>

// Ends the program with what went wrong; else gives the value.
template <typename T>
T Check(engram::Result<T> result) {
  if (result.ok()) return *std::move(result);
  std::cerr << "readings: " << result.status() << "\n";
  std::exit(1);
}

void Check(const engram::Status& status) {
  if (!status.ok()) Check(engram::Result<int>(status));
}

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: readings DIRECTORY\n", 2;
  engram::Options options;
  options.dimensions = 3;  // temperature, vibration, pressure, each scaled to about 0 to 1
  engram::Store store = Check(engram::Store::Open(argv[1], options));

  // A batch stores every good pattern, and says of each bad one what is wrong with it.
  using namespace std::chrono_literals;
  const engram::Timestamp morning = std::chrono::sys_days{2026y / 5 / 1} + 8h;
  const std::vector<std::vector<float>> readings = {
      {0.61F, 0.10F, 0.80F}, {0.62F, 0.12F, 0.79F}, {0.90F, NAN, 0.35F}, {0.93F, 0.81F, 0.31F}};
  std::vector<engram::NewPattern> patterns;
  for (const std::vector<float>& reading : readings) {
    engram::NewPattern& pattern = patterns.emplace_back();
    pattern.vector = reading;
    pattern.timestamp = morning + patterns.size() * 1h;
    pattern.metadata = {{"machine", "pump 7"}, {"state", reading[0] < 0.9F ? "normal" : "worn"}};
  }
  const engram::BatchResult stored = Check(store.InsertBatch(patterns));
  for (const engram::BatchResult::Failure& failure : stored.failures) {
    std::cout << "reading " << failure.position << " is refused: " << failure.status << "\n";
  }

  // Changes that happen together or not at all. The interval: a sync for all of a second's writes.
  const engram::Snapshot before = Check(store.GetSnapshot());
  engram::WriteBatch changes;
  changes.Erase(stored.ids[0]);
  engram::PatternChange repair;
  repair.metadata = {{"machine", "pump 7"}, {"state", "repaired"}};
  changes.Update(stored.ids[3], repair);
  Check(store.Write(changes, engram::WriteOptions::With(engram::Durability::kInterval)));

  // A snapshot goes on seeing what it saw.
  const std::vector<float> question = {0.92F, 0.80F, 0.30F};
  engram::SearchOptions search;
  search.include_metadata = true;
  for (const engram::Snapshot* state : {&before, static_cast<const engram::Snapshot*>(nullptr)}) {
    search.snapshot = state;
    const engram::SearchResult found = Check(store.Search(question, search));
    std::cout << (state != nullptr ? "before: " : "after: ") << found.hits.size()
              << " readings, the nearest is "
              << *found.hits[0].metadata->at("state").As<std::string>() << "\n";
  }

  // Forget what is older than half past ten.
  engram::PatternFilter old;
  old.before = morning + 150min;
  const std::uint64_t forgotten = Check(store.EraseMatching(old));
  std::cout << "forgotten: " << forgotten << ", left: " << Check(store.GetStats()).count << "\n";
}
