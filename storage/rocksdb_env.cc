#include "storage/rocksdb_env.h"

#include <algorithm>
#include <utility>

#include <rocksdb/system_clock.h>

namespace engram {
namespace {

constexpr int kLongestSleepUs = 10'000;

// After a failed flush RocksDB's thread sleeps for a second before anything else, so as not to
// repeat it in a hurry; a close or a resume has to wait for that. Here nothing is repeated unasked,
// and what else sleeps does so for less.
class Clock : public rocksdb::SystemClockWrapper {
 public:
  using SystemClockWrapper::SystemClockWrapper;

  const char* Name() const override { return "EngramClock"; }
  void SleepForMicroseconds(int micros) override {
    target_->SleepForMicroseconds(std::min(micros, kLongestSleepUs));
  }
};

class Environment : public rocksdb::EnvWrapper {
 public:
  explicit Environment(std::shared_ptr<rocksdb::FileSystem> file_system)
      : EnvWrapper(rocksdb::NewCompositeEnv(file_system)) {
    // RocksDB asks these two, not the wrapped environment.
    file_system_ = std::move(file_system);
    system_clock_ = std::make_shared<Clock>(rocksdb::SystemClock::Default());
  }
};

}  // namespace

std::unique_ptr<rocksdb::Env> MakeRocksDbEnv(std::shared_ptr<rocksdb::FileSystem> file_system) {
  return std::make_unique<Environment>(std::move(file_system));
}

}  // namespace engram
