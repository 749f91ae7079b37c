// The library's version. The format versions are in docs/file-format.md and docs/wal-format.md.
#ifndef ENGRAM_VERSION_H_
#define ENGRAM_VERSION_H_

#include <string_view>

#include <engram/export.h>

// The version of these headers:
#define ENGRAM_VERSION_MAJOR 0
#define ENGRAM_VERSION_MINOR 1
#define ENGRAM_VERSION_PATCH 0

namespace engram {

// "0.1.0" of the library that runs, which may be another than the headers'.
ENGRAM_EXPORT std::string_view LibraryVersion();

}  // namespace engram

#endif  // ENGRAM_VERSION_H_
