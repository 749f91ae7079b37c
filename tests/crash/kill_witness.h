// What kill_child has said, over all its lives in one store: what its store must hold, and whether
// it does. Threads: one thread.
#ifndef ENGRAM_TESTS_CRASH_KILL_WITNESS_H_
#define ENGRAM_TESTS_CRASH_KILL_WITNESS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <engram/types.h>

namespace engram {

class KillWitness {
 public:
  // Takes a line of the process that runs now.
  void Hear(const std::string& line);
  // That process is dead; the next one begins.
  void NextLife();
  // Empty while all is as it must be.
  const std::string& failure() const { return failure_; }

  // Of the process that runs now.
  bool opening() const { return began_ && !ready_; }
  bool in_checkpoint() const { return in_checkpoint_; }
  bool in_upkeep() const { return in_upkeep_; }
  bool closing() const { return closing_ && !closed_; }
  bool closed() const { return closed_; }
  std::uint64_t checkpoints() const { return checkpoints_; }  // begun
  // Of all that ran.
  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t openings_compared() const { return openings_compared_; }
  std::uint64_t unanswered() const { return unanswered_; }  // commits that a kill left in doubt
  std::uint64_t unanswered_kept() const {
    return unanswered_kept_;
  }  // of these, those that were there
  std::uint64_t names_compared() const { return names_compared_; }
  std::uint64_t forgotten_count() const { return forgotten_count_; }
  // Erased for ever, and said so: no file may have its text. The last ones.
  const std::vector<std::uint64_t>& forgotten() const { return forgotten_; }

 private:
  using Live = std::map<PatternId, std::uint64_t>;  // id, token
  struct Writer {
    Live live;
    std::optional<std::vector<std::string>> pending;  // a commit's operations
    PatternId above = 0;  // ids that it gives are; as used_before_ when it was tried
  };

  // `naming`, `named`, `dropping`, `dropped`, `name`, `extra`, `forgotten`. False: none of these.
  bool HearUpkeep(const std::vector<std::string>& words);
  void CompareNames();
  void Fail(const std::string& what);
  void Acknowledge(Writer& writer, const std::vector<std::string>& ids);
  // What `writer` has where its pending commit took place with these ids.
  static Live Apply(const Writer& writer, const std::vector<PatternId>& ids);
  static std::vector<std::uint64_t> InsertedTokens(const std::vector<std::string>& ops);
  void Compare();
  void CompareWriter(std::uint64_t number, Writer& writer, const Live& found);
  // An id that a process gave out must be new.
  void TakeId(PatternId id, PatternId above);

  std::map<std::uint64_t, Writer> writers_;
  std::map<std::uint64_t, Live> found_;
  std::map<std::string, std::string> names_;  // what each sees
  std::map<std::string, std::string> found_names_;
  std::optional<std::string> naming_;    // that one may be there
  std::optional<std::string> dropping_;  // that one may be gone
  std::vector<std::uint64_t> forgotten_;
  std::uint64_t names_compared_ = 0;
  std::uint64_t forgotten_count_ = 0;
  std::set<PatternId> used_;
  PatternId used_before_ = 0;  // the largest when the process that runs now began
  bool began_ = false;
  bool ready_ = false;
  bool in_checkpoint_ = false;
  bool in_upkeep_ = false;
  bool closing_ = false;
  bool closed_ = false;
  std::uint64_t checkpoints_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t openings_compared_ = 0;
  std::uint64_t unanswered_ = 0;
  std::uint64_t unanswered_kept_ = 0;
  std::string failure_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_CRASH_KILL_WITNESS_H_
