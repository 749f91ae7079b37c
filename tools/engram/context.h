// What every subcommand is given, and how it fails.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_ENGRAM_CONTEXT_H_
#define ENGRAM_TOOLS_ENGRAM_CONTEXT_H_

#include <chrono>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include <engram/options.h>
#include <engram/result.h>
#include <engram/status.h>

namespace engram::tool {

// `ordered_json` keeps the fields in the order in which they were set, which is the order people
// read.
using Json = nlohmann::ordered_json;

struct Context {
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;            // colours
  bool err_is_terminal = false;            // a progress bar
  bool json = false;                       // --json
  Residency residency = Residency::kAuto;  // --residency, of the store that is opened
  // --history, of the store that is opened for writing; unset: as it was kept before.
  std::optional<std::chrono::microseconds> history;
};

// Ends a subcommand with exit code 1. `report` holds fields that belong into the JSON answer beside
// the error.
class Failure : public std::exception {
 public:
  explicit Failure(Status status, Json report = Json::object())
      : status_(std::move(status)), report_(std::move(report)), text_(status_.ToString()) {}

  const Status& status() const { return status_; }
  const Json& report() const { return report_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  Status status_;
  Json report_;
  std::string text_;
};

inline void Check(const Status& status) {
  if (!status.ok()) throw Failure(status);
}

template <typename T>
T Check(Result<T> result) {
  if (!result.ok()) throw Failure(result.status());
  return std::move(result).value();
}

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_CONTEXT_H_
