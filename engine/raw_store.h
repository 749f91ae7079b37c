// What those share who look at a store's files without opening it (verify.h, dump.h).
// Threads: pure functions over a FileSystem.
#ifndef ENGRAM_ENGINE_RAW_STORE_H_
#define ENGRAM_ENGINE_RAW_STORE_H_

#include <memory>
#include <string>

#include <engram/result.h>

#include "storage/base/file.h"

namespace engram {

// Keeps writers out. Null where there is no lock file, as in a copy of a store: nobody can have it
// open for writing then. Errors: kBusy.
Result<std::unique_ptr<FileLock>> LockForReading(FileSystem& files, const std::string& directory);

Result<bool> FileExists(FileSystem& files, const std::string& path);

}  // namespace engram

#endif  // ENGRAM_ENGINE_RAW_STORE_H_
