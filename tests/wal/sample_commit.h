// A commit of every kind of operation, and what it takes for two of them to be the same.
// Threads: one thread.
#ifndef ENGRAM_TESTS_WAL_SAMPLE_COMMIT_H_
#define ENGRAM_TESTS_WAL_SAMPLE_COMMIT_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "wal/record.h"

namespace engram {

// A commit with bytes of its own behind its views. Without operations it is empty but for its
// state.
class SampleCommit {
 public:
  SampleCommit(std::uint32_t seed, std::size_t operations, std::size_t dimensions);
  SampleCommit(const SampleCommit&) = delete;
  SampleCommit& operator=(const SampleCommit&) = delete;

  CommitRecord& record() { return record_; }

 private:
  std::string_view Text(std::size_t i) const { return std::string_view(text_).substr(0, i % 40); }
  void AddOneOfEach(std::size_t i);
  void AddRetire(std::size_t i);
  void AddInsert(std::size_t i);
  void AddLinks(std::size_t i);
  void AddUpkeep(std::size_t i);

  std::mt19937_64 random_;
  std::vector<std::byte> vector_;
  const std::string text_ = std::string(40, 'k') + std::string(1, '\0');
  CommitRecord record_;
};

void ExpectSame(const CommitRecord& a, const CommitRecord& b);
void ExpectSameUpkeep(const UpkeepRecord& a, const UpkeepRecord& b);

}  // namespace engram

#endif  // ENGRAM_TESTS_WAL_SAMPLE_COMMIT_H_
