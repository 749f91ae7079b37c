// Tells a person something through the host's callback; says nothing where the host gave none.
// Threads: any thread. As the callback may do anything but call the store: not with a lock held.
#ifndef ENGRAM_STORAGE_BASE_LOGGER_H_
#define ENGRAM_STORAGE_BASE_LOGGER_H_

#include <string>
#include <utility>

#include <engram/options.h>

namespace engram {

class Logger {
 public:
  Logger() = default;
  explicit Logger(LogCallback callback) : callback_(std::move(callback)) {}

  void Warning(const std::string& message) const { Log(LogLevel::kWarning, message); }
  void Error(const std::string& message) const { Log(LogLevel::kError, message); }

 private:
  void Log(LogLevel level, const std::string& message) const {
    if (callback_) callback_(level, message);
  }

  LogCallback callback_;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_LOGGER_H_
