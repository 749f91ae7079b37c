// Whether private views of files in a directory behave as a mapped store needs it, which POSIX
// leaves open: a page that nobody wrote follows the file, one that was written keeps what was
// written until it is dropped, and then follows the file again, also behind what was its end.
// Threads: one thread. Implements docs/architecture.md, "Pages in memory".
#ifndef ENGRAM_STORAGE_BASE_MAPPING_CHECK_H_
#define ENGRAM_STORAGE_BASE_MAPPING_CHECK_H_

#include <string>

#include <engram/status.h>

#include "storage/base/file.h"

namespace engram {

// Tries it on a file of some pages at `path`, which is made and removed. Errors: kNotSupported,
// saying which promise does not hold; else as the file system has it.
Status CheckMapping(FileSystem& files, const std::string& path);

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_MAPPING_CHECK_H_
