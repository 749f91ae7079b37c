// The posix file system with batches and write-and-sync through io_uring. A ring only makes things
// faster: whatever it leaves undone (a short or interrupted operation, no ring to be had) plain
// system calls finish. Threads: any thread; each call has a ring of its own, so nobody waits for
// another's I/O. Implements docs/architecture.md, "The file layer".
#ifndef ENGRAM_STORAGE_BASE_URING_FILE_SYSTEM_H_
#define ENGRAM_STORAGE_BASE_URING_FILE_SYSTEM_H_

#include <memory>

#include <engram/result.h>

#include "storage/base/file.h"

namespace engram {

// Errors: kNotSupported where io_uring does not work here (an old kernel, a sandbox, an
// administrator's choice).
Result<std::shared_ptr<FileSystem>> MakeUringFileSystem();

// The above where it works, else the posix one.
std::shared_ptr<FileSystem> MakeBestFileSystem();

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_URING_FILE_SYSTEM_H_
