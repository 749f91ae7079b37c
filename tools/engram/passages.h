// Cuts the text files of a machine into passages of a few lines, each of which says one thing.
// Threads: pure functions.
#ifndef ENGRAM_TOOLS_ENGRAM_PASSAGES_H_
#define ENGRAM_TOOLS_ENGRAM_PASSAGES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <engram/types.h>

namespace engram::tool {

struct Passage {
  std::string file;
  std::uint32_t line = 0;  // of the first line of `text`, from 1
  Timestamp modified;
  std::string title;  // of the file: a manual page's own words for itself, else the file's name
  std::string text;   // lines with their ends
};

// Text files at or below `path`, in an order that is the same each time: what lies near the top
// first. Left out: hidden and build directories, symbolic links, change logs, licences, and other
// formats than plain text, sources, headers and manual pages (.gz too).
std::vector<std::string> FindTextFiles(const std::string& path);

// The passages of one file; none where it cannot be read, is too large or holds no text.
std::vector<Passage> ReadPassages(const std::string& file);

// The passages of `content`; `roff` removes the markup of a manual page, keeping the number of
// lines.
std::vector<Passage> CutPassages(std::string_view content, bool roff);

// What stands for a passage when it is compared: its words and those of its file's title.
std::string TextToEncode(const Passage& passage);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_PASSAGES_H_
