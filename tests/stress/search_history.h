// What readers saw and what writers did, held against each other when all is over: I6. Each writer
// notes what its commits changed, each reader what it was answered at which commit; one writer at a
// time makes commits, so their order is the order of their LSNs, and the state at each is known.
// Threads: WriterNotes and ReaderNotes belong to one thread each; SearchHistory to one, afterwards.
#ifndef ENGRAM_TESTS_STRESS_SEARCH_HISTORY_H_
#define ENGRAM_TESTS_STRESS_SEARCH_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <engram/store.h>

namespace engram {

// What a commit did to one pattern.
struct PatternEvent {
  enum class Kind : std::uint8_t {
    kSet,
    kTouch,
    kErase
  };  // kTouch: a new version, vector as before
  PatternId id = 0;
  Kind kind = Kind::kSet;
  std::vector<float> vector;  // with kSet
};

struct WriterNotes {
  std::vector<std::pair<Lsn, std::vector<PatternEvent>>> commits;
};

struct SearchSeen {
  std::vector<float> query;
  std::size_t k = 0;
  bool exact_asked = false;
  SearchResult result;  // no hits: kEmptyIndex
};

// A visit of everything.
struct VisitSeen {
  struct One {
    PatternId id = 0;
    Lsn version = Lsn::kNone;
    std::uint64_t vector_hash = 0;
    friend auto operator<=>(const One&, const One&) = default;
  };
  Lsn lsn = Lsn::kNone;
  std::vector<One> patterns;
};

std::uint64_t HashOf(VectorView vector);

// Keeps a fair sample of what a reader saw where that is too much.
class ReaderNotes {
 public:
  explicit ReaderNotes(std::uint64_t seed) : random_(seed) {}

  void Add(SearchSeen seen) { Keep(searches, searches_seen_, kMostSearches, std::move(seen)); }
  void Add(VisitSeen seen) { Keep(visits, visits_seen_, kMostVisits, std::move(seen)); }

  std::vector<SearchSeen> searches;
  std::vector<VisitSeen> visits;

 private:
  static constexpr std::size_t kMostSearches = 3000;
  static constexpr std::size_t kMostVisits = 500;

  template <typename Seen>
  void Keep(std::vector<Seen>& kept, std::uint64_t& count, std::size_t most, Seen seen) {
    ++count;
    if (kept.size() < most) {
      kept.push_back(std::move(seen));
    } else if (const std::uint64_t at = random_() % count; at < most) {
      kept[at] = std::move(seen);
    }
  }

  std::mt19937_64 random_;
  std::uint64_t searches_seen_ = 0;
  std::uint64_t visits_seen_ = 0;
};

struct HistoryCounts {
  std::uint64_t searches = 0;
  std::uint64_t walks = 0;  // of these, over the graph
  std::uint64_t visits = 0;
  std::uint64_t hits_found = 0;   // by walks, by distance
  std::uint64_t hits_wanted = 0;  // that an exact search would have found
  double recall() const {
    return static_cast<double>(hits_found) / static_cast<double>(hits_wanted);
  }
};

class SearchHistory {
 public:
  explicit SearchHistory(Metric metric) : metric_(metric) {}

  void Add(WriterNotes notes);
  void Add(ReaderNotes notes);

  // Empty, or the first thing that is wrong.
  std::string Check();
  const HistoryCounts& counts() const { return counts_; }

 private:
  struct Version {
    Lsn version = Lsn::kNone;
    std::vector<float> vector;
  };
  using State = std::map<PatternId, Version>;

  void ApplyThrough(Lsn lsn);
  std::string Check(const SearchSeen& seen);
  std::string Check(const VisitSeen& seen) const;

  const Metric metric_;
  std::multimap<Lsn, std::vector<PatternEvent>> commits_;
  std::multimap<Lsn, SearchSeen> searches_;
  std::multimap<Lsn, VisitSeen> visits_;
  State state_;
  HistoryCounts counts_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_STRESS_SEARCH_HISTORY_H_
