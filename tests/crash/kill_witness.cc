#include "tests/crash/kill_witness.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "tests/crash/kill_pattern.h"

namespace engram {
namespace {

constexpr std::size_t kMostForgotten = 16;

std::uint64_t Number(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 10); }

std::vector<std::string> Words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace

void KillWitness::Fail(const std::string& what) {
  if (failure_.empty()) failure_ = what;
}

void KillWitness::NextLife() {
  found_.clear();
  used_before_ = used_.empty() ? 0 : *used_.rbegin();
  found_names_.clear();
  began_ = ready_ = in_checkpoint_ = in_upkeep_ = closing_ = closed_ = false;
  checkpoints_ = 0;
}

void KillWitness::Hear(const std::string& line) {
  const std::vector<std::string> words = Words(line);
  const std::string what = words.empty() ? "" : words[0];
  if (HearUpkeep(words)) return;
  if (what == "opening") {
    began_ = true;
  } else if (what == "have") {
    const std::uint64_t token = Number(words.at(2));
    if (!found_[WriterOf(token)].emplace(Number(words.at(1)), token).second) {
      Fail("visited twice: " + line);
    }
  } else if (what == "ready") {
    ready_ = true;
    Compare();
    CompareNames();
  } else if (what == "try") {
    Writer& writer = writers_[Number(words.at(1))];
    writer.pending.emplace(words.begin() + 2, words.end());
    writer.above = used_before_;
  } else if (what == "ack") {
    Acknowledge(writers_[Number(words.at(1))], {words.begin() + 2, words.end()});
  } else if (what == "checkpoint") {
    ++checkpoints_;
    in_checkpoint_ = true;
  } else if (what == "checkpointed") {
    in_checkpoint_ = false;
  } else if (what == "closing") {
    closing_ = true;
  } else if (what == "closed") {
    closed_ = true;
  } else {
    Fail("kill_child says: " + line);
  }
}

bool KillWitness::HearUpkeep(const std::vector<std::string>& words) {
  const std::string what = words.empty() ? "" : words[0];
  if (what == "upkeep" || what == "upkept") {
    in_upkeep_ = what == "upkeep";
  } else if (what == "naming") {
    naming_ = words.at(1);
  } else if (what == "named") {
    names_[words.at(1)] = words.at(2) + " " + words.at(3);
    naming_.reset();
  } else if (what == "name") {
    found_names_[words.at(1)] = words.at(2) + " " + words.at(3);
  } else if (what == "dropping") {
    dropping_ = words.at(1);
  } else if (what == "dropped") {
    names_.erase(words.at(1));
    dropping_.reset();
  } else if (what == "forgotten") {
    ++forgotten_count_;
    forgotten_.push_back(Number(words.at(1)));
    if (forgotten_.size() > kMostForgotten) forgotten_.erase(forgotten_.begin());
  } else if (what == "extra") {
    const std::uint64_t token = Number(words.at(1));
    if (ExpiresAtOnce(token)) Fail("is seen, and has expired: " + words.at(1));
    if (std::find(forgotten_.begin(), forgotten_.end(), token) != forgotten_.end()) {
      Fail("was erased for ever, and is there: " + words.at(1));
    }
  } else {
    return false;
  }
  return true;
}

void KillWitness::CompareNames() {
  if (naming_ && found_names_.contains(*naming_)) names_[*naming_] = found_names_[*naming_];
  if (dropping_ && !found_names_.contains(*dropping_)) names_.erase(*dropping_);
  naming_.reset();
  dropping_.reset();
  names_compared_ += names_.size();
  if (found_names_ == names_) return;
  std::string wrong;
  for (const auto& [name, sees] : names_) {
    const auto found = found_names_.find(name);
    if (found == found_names_.end()) wrong = name + " is gone";
    if (found != found_names_.end() && found->second != sees) {
      wrong = name + " sees " + found->second + ", expected " + sees;
    }
  }
  Fail("named snapshots: " + (wrong.empty() ? "one is there that was dropped" : wrong));
}

void KillWitness::TakeId(PatternId id, PatternId above) {
  if (id <= above) {
    Fail("id " + std::to_string(id) + " was given again or late: " + std::to_string(above) +
         " was given by an earlier process");
  }
  if (!used_.insert(id).second) Fail("id " + std::to_string(id) + " was given twice");
}

std::vector<std::uint64_t> KillWitness::InsertedTokens(const std::vector<std::string>& ops) {
  std::vector<std::uint64_t> tokens;
  for (const std::string& op : ops) {
    if (op[0] == 'i') tokens.push_back(Number(op.substr(1)));
  }
  return tokens;
}

KillWitness::Live KillWitness::Apply(const Writer& writer, const std::vector<PatternId>& ids) {
  Live live = writer.live;
  std::size_t inserted = 0;
  for (const std::string& op : *writer.pending) {
    const std::string text = op.substr(1);
    if (op[0] == 'i') live[ids.at(inserted++)] = Number(text);
    if (op[0] == 'u') live[Number(text)] = Number(text.substr(text.find(':') + 1));
    if (op[0] == 'e') live.erase(Number(text));
  }
  return live;
}

void KillWitness::Acknowledge(Writer& writer, const std::vector<std::string>& ids) {
  ++acknowledged_;
  std::vector<PatternId> given;
  for (const std::string& id : ids) given.push_back(Number(id));
  for (const PatternId id : given) TakeId(id, writer.above);
  if (!writer.pending || given.size() != InsertedTokens(*writer.pending).size()) {
    return Fail("an acknowledgement of nothing that was tried");
  }
  writer.live = Apply(writer, given);
  writer.pending.reset();
}

void KillWitness::Compare() {
  ++openings_compared_;
  for (const auto& [number, found] : found_) writers_[number];  // those that nobody knows, too
  for (auto& [number, writer] : writers_) CompareWriter(number, writer, found_[number]);
}

void KillWitness::CompareWriter(std::uint64_t number, Writer& writer, const Live& found) {
  if (!writer.pending) {
    if (found == writer.live) return;
    return Fail("writer " + std::to_string(number) + ": " + std::to_string(found.size()) +
                " patterns are there, " + std::to_string(writer.live.size()) +
                " were acknowledged, or some are others");
  }
  ++unanswered_;
  // All of it or nothing. The ids that it was given are found by what has them.
  std::vector<PatternId> ids;
  for (const std::uint64_t token : InsertedTokens(*writer.pending)) {
    const auto pattern = std::find_if(found.begin(), found.end(),
                                      [token](const auto& entry) { return entry.second == token; });
    ids.push_back(pattern == found.end() ? 0 : pattern->first);
  }
  if (found == writer.live) {
    writer.pending.reset();
    return;
  }
  if (found != Apply(writer, ids)) {
    return Fail("writer " + std::to_string(number) + ": " + std::to_string(found.size()) +
                " patterns are there, neither what was acknowledged (" +
                std::to_string(writer.live.size()) + ") nor that and the whole last commit");
  }
  ++unanswered_kept_;
  for (const PatternId id : ids) TakeId(id, writer.above);
  writer.live = found;
  writer.pending.reset();
}

}  // namespace engram
