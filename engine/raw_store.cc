#include "engine/raw_store.h"

#include <utility>

namespace engram {

Result<std::unique_ptr<FileLock>> LockForReading(FileSystem& files, const std::string& directory) {
  auto lock = files.Lock(JoinPath(directory, "LOCK"), LockMode::kShared, "");
  if (lock.code() == Code::kNotFound) return std::unique_ptr<FileLock>();
  return lock;
}

Result<bool> FileExists(FileSystem& files, const std::string& path) {
  const auto info = files.Stat(path);
  if (info.ok()) return true;
  if (info.code() == Code::kNotFound) return false;
  return info.status();
}

}  // namespace engram
