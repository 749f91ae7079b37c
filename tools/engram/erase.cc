#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

constexpr std::size_t kErasedTogether = 1000;

struct EraseArguments {
  std::string directory;
  std::vector<std::string> which;
};

struct Range {
  PatternId first = 0;
  PatternId last = 0;
  bool single = false;  // one id, which must be there; a range may have holes
};

std::optional<Range> ParseRange(const std::string& text) {
  Range range;
  const char* const end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, range.first);
  if (error != std::errc()) return std::nullopt;
  range.single = at == end;
  range.last = range.first;
  if (range.single) return range;
  if (*at != '-') return std::nullopt;
  const auto [last_end, last_error] = std::from_chars(at + 1, end, range.last);
  if (last_error != std::errc() || last_end != end || range.last < range.first) return std::nullopt;
  return range;
}

std::string CheckRange(const std::string& text) {
  return ParseRange(text) ? "" : "\"" + text + "\" is neither an id nor a range FROM-TO";
}

// Collects ids and erases them a batch at a time.
class Eraser {
 public:
  explicit Eraser(Store& store) : store_(store) {}

  void Add(const Range& range) {
    // Ids are given in order: none at or above next_id exists.
    const PatternId next_id = Check(store_.GetStats()).next_id;
    const PatternId last = next_id == 0 ? 0 : std::min(range.last, next_id - 1);
    if (range.single && range.first > last) missing_.push_back(range.first);
    for (PatternId id = range.first; id <= last; ++id) {
      if (Check(store_.Contains(id))) {
        batch_.Erase(id);
      } else if (range.single) {
        missing_.push_back(id);
      }
      if (batch_.size() == kErasedTogether) Write();
    }
  }

  void Write() {
    if (batch_.empty()) return;
    Check(store_.Write(batch_));
    erased_ += batch_.size();
    batch_.Clear();
  }

  std::uint64_t erased() const { return erased_; }
  const std::vector<PatternId>& missing() const { return missing_; }

 private:
  Store& store_;
  WriteBatch batch_;
  std::uint64_t erased_ = 0;
  std::vector<PatternId> missing_;
};

int Erase(Context& context, const EraseArguments& arguments) {
  Store store = OpenForWriting(context, arguments.directory);
  Eraser eraser(store);
  for (const std::string& text : arguments.which) {
    eraser.Add(*ParseRange(text));
    eraser.Write();  // the next argument may name the same ids
  }
  Check(store.Close());
  Json answer;
  answer["erased"] = eraser.erased();
  if (!eraser.missing().empty()) {
    throw Failure(Status::NotFound("pattern " + std::to_string(eraser.missing().front()) +
                                   " is not in the store; " + std::to_string(eraser.erased()) +
                                   " others were erased"),
                  answer);
  }
  if (context.json) {
    context.out << DumpJson(answer) << "\n";
  } else {
    context.out << "erased " << WithSeparators(eraser.erased()) << "\n";
  }
  return 0;
}

}  // namespace

Command AddErase(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<EraseArguments>();
  CLI::App* sub = AddSubcommand(app, context, "erase", "End patterns", arguments->directory);
  AddResidency(sub, context);
  sub->add_option("ID|FROM-TO", arguments->which, "Ids, and ranges of ids, both ends included")
      ->required()
      ->check(CheckRange);
  return {sub, [&context, arguments] { return Erase(context, *arguments); }};
}

}  // namespace engram::tool
