#include <engram/version.h>

#define ENGRAM_TEXT_INNER(x) #x
#define ENGRAM_TEXT(x) ENGRAM_TEXT_INNER(x)

namespace engram {

std::string_view LibraryVersion() {
  return ENGRAM_TEXT(ENGRAM_VERSION_MAJOR) "." ENGRAM_TEXT(ENGRAM_VERSION_MINOR) "." ENGRAM_TEXT(
      ENGRAM_VERSION_PATCH);
}

}  // namespace engram
