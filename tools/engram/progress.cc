#include "tools/engram/progress.h"

#include <algorithm>
#include <utility>

#include "tools/engram/text.h"

namespace engram::tool {
namespace {

constexpr std::size_t kProgressWidth = 24;
constexpr std::chrono::milliseconds kBarInterval{100};
constexpr std::chrono::seconds kLineInterval{5};

std::string Bar(double fraction) {
  const auto full = static_cast<std::size_t>(fraction * static_cast<double>(kProgressWidth));
  return "[" + std::string(full, '#') + std::string(kProgressWidth - full, '.') + "] ";
}

}  // namespace

Progress::Progress(Context& context, std::string what)
    : context_(context), what_(std::move(what)) {}

Progress::~Progress() {
  if (bar_shown_) context_.err << "\r\033[K" << std::flush;
}

void Progress::Begin() {
  if (!context_.err_is_terminal) return;
  bar_shown_ = true;
  context_.err << "\r\033[K" << what_ << std::flush;
}

void Progress::UpdateOf(std::uint64_t done, std::uint64_t total) {
  std::optional<double> fraction;
  if (total > 0) fraction = static_cast<double>(done) / static_cast<double>(total);
  Update(done, fraction);
}

void Progress::Update(std::uint64_t done, std::optional<double> fraction) {
  const Clock::time_point now = Clock::now();
  const bool bar = context_.err_is_terminal;
  if (now - printed_ < (bar ? Clock::duration(kBarInterval) : Clock::duration(kLineInterval))) {
    return;
  }
  printed_ = now;
  if (fraction) fraction = std::clamp(*fraction, 0.0, 1.0);
  if (bar) {
    bar_shown_ = true;
    context_.err << "\r\033[K" << what_ << " " << (fraction ? Bar(*fraction) : "")
                 << Describe(done, fraction) << std::flush;
  } else {
    context_.err << what_ << ": " << Describe(done, fraction) << std::endl;
  }
}

std::string Progress::Describe(std::uint64_t done, std::optional<double> fraction) const {
  const double seconds = std::chrono::duration<double>(printed_ - begin_).count();
  std::string text = WithSeparators(done);
  if (fraction) text += " (" + Fixed(100 * *fraction, 0) + " %)";
  text +=
      ", " + WithSeparators(static_cast<std::uint64_t>(static_cast<double>(done) / seconds)) + "/s";
  if (fraction && *fraction > 0) {
    text += ", " + HumanSeconds(seconds * (1 - *fraction) / *fraction) + " left";
  }
  return text;
}

}  // namespace engram::tool
