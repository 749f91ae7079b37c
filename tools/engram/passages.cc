#include "tools/engram/passages.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

namespace engram::tool {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestFile = 2 << 20;
constexpr std::size_t kFewestLines = 8;
constexpr std::size_t kMostLines = 20;
constexpr std::size_t kFewestWords = 20;
constexpr std::size_t kLongestPassage = 4096;
constexpr std::size_t kFilledLine = 60;

// Without the ending .gz.
std::string PlainName(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name;
}

// "printf.3", "perlre.1", "X509_new.3ssl".
bool IsManualPage(const fs::path& path) {
  const std::string ending = fs::path(PlainName(path)).extension().string();
  return ending.size() >= 2 && ending[1] >= '1' && ending[1] <= '9' &&
         path.parent_path().filename().string().starts_with("man");
}

bool IsText(const fs::path& path) {
  static const std::set<std::string> kEndings = {"",     ".h",  ".hh",  ".hpp",  ".hxx",
                                                 ".c",   ".cc", ".cpp", ".txt",  ".md",
                                                 ".rst", ".py", ".sh",  ".texi", ".fbs"};
  const std::string name = PlainName(path);
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* boring : {"changelog", "copyright", "license", "copying", "authors"}) {
    if (lower.starts_with(boring)) return false;
  }
  return kEndings.contains(fs::path(name).extension().string()) || IsManualPage(path);
}

std::optional<std::string> ReadWhole(const std::string& file) {
  // Reads plain files as they are.
  const std::unique_ptr<gzFile_s, decltype(&gzclose)> in(gzopen(file.c_str(), "rbe"), gzclose);
  if (!in) return std::nullopt;
  std::string content(kLargestFile + 1, '\0');
  const int got = gzread(in.get(), content.data(), static_cast<unsigned>(content.size()));
  if (got <= 0 || static_cast<std::size_t>(got) > kLargestFile) return std::nullopt;
  content.resize(static_cast<std::size_t>(got));
  if (content.find('\0') != std::string::npos) return std::nullopt;  // not text
  return content;
}

// Removes the escapes of roff: \fB, \-, \(aq, \&, \s-1.
std::string WithoutEscapes(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      out.push_back(line[i]);
      continue;
    }
    const char escape = line[++i];
    if (escape == '"') break;  // a comment
    if (escape == 'f' && i + 1 < line.size()) {
      const char font = line[i + 1];
      i += font == '(' ? 3u : 1u;
      if (font == '[') i = std::min(line.find(']', i), line.size());
    } else if (escape == '(') {
      const std::string_view name = line.substr(i + 1, 2);
      out += name == "aq" || name == "cq" || name == "oq" ? "'" : name == "en" ? "-" : "";
      i += 2;
    } else if (escape == '*' && i + 1 < line.size()) {
      i += line[i + 1] == '(' ? 3u : 1u;
    } else if (escape == 's') {
      while (i + 1 < line.size() && (line[i + 1] == '-' || line[i + 1] == '+' ||
                                     (line[i + 1] >= '0' && line[i + 1] <= '9'))) {
        ++i;
      }
    } else if (escape == '-' || escape == '\\' || escape == ' ' || escape == '.') {
      out.push_back(escape);
    } else if (escape == 'e') {
      out.push_back('\\');
    }
  }
  return out;
}

// The arguments of a macro: split at spaces that are not in quotes.
std::vector<std::string> SplitArguments(std::string_view line) {
  std::vector<std::string> arguments;
  bool quoted = false;
  bool begun = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
      if (quoted && !begun) arguments.emplace_back();
      begun = quoted || begun;
    } else if ((c == ' ' || c == '\t') && !quoted) {
      begun = false;
    } else {
      if (!begun) arguments.emplace_back();
      begun = true;
      arguments.back().push_back(c);
    }
  }
  return arguments;
}

std::string_view MacroOf(std::string_view line) {
  if (line.empty() || (line.front() != '.' && line.front() != '\'')) return {};
  line = line.substr(std::min(line.find_first_not_of(" \t", 1), line.size()));
  return line.substr(0, line.find_first_of(" \t"));
}

// One line of a manual page as text; empty where it is layout alone.
std::string RoffToText(std::string_view line) {
  if (line.empty() || (line.front() != '.' && line.front() != '\'')) return WithoutEscapes(line);
  // Macros whose arguments are words of the text; of mdoc too.
  static const std::set<std::string_view> kText = {"B",  "I",  "SM", "SB", "SH", "SS", "IP", "Nm",
                                                   "Nd", "Fn", "Ar", "Fl", "Sh", "Ss", "Xr", "Dv",
                                                   "Va", "Fa", "Em", "Pa", "Li", "Er", "It"};
  // These change the font from one argument to the next, within one word.
  static const std::set<std::string_view> kOneWord = {"BR", "RB", "IR", "RI", "BI", "IB"};
  const std::string_view macro = MacroOf(line);
  const bool one_word = kOneWord.contains(macro);
  if (!one_word && !kText.contains(macro)) return "";
  line.remove_prefix(static_cast<std::size_t>(macro.data() - line.data()) + macro.size());
  std::string text;
  for (const std::string& argument : SplitArguments(line)) {
    if (!one_word && !text.empty()) text += " ";
    text += WithoutEscapes(argument);
  }
  return text;
}

bool StartsParagraph(std::string_view macro) {
  static const std::set<std::string_view> kMacros = {"SH", "SS", "PP", "LP", "P",  "TP",
                                                     "IP", "Pp", "Sh", "Ss", "HP", "It"};
  return kMacros.contains(macro);
}

std::size_t CountWords(std::string_view text) {
  std::size_t words = 0;
  std::size_t letters = 0;
  for (const char c : text) {
    letters = std::isalpha(static_cast<unsigned char>(c)) != 0 ? letters + 1 : 0;
    if (letters == 3) ++words;
  }
  return words;
}

// Collects lines and hands out a passage when there are enough and a paragraph ends.
class Cutter {
 public:
  void Line(std::string_view text, std::uint32_t number, bool paragraph_starts) {
    const bool blank = text.find_first_not_of(" \t\r") == std::string_view::npos;
    if (((blank || paragraph_starts) && lines_ >= kFewestLines) || lines_ >= kMostLines ||
        passage_.text.size() + text.size() > kLongestPassage) {
      Finish();
    }
    if (lines_ == 0) {
      if (blank || text.size() > kLongestPassage) return;
      passage_.line = number;
    }
    passage_.text.append(text.substr(0, text.find_last_not_of(" \t\r") + 1)).push_back('\n');
    ++lines_;
  }

  void Finish() {
    if (CountWords(passage_.text) >= kFewestWords) passages_.push_back(std::move(passage_));
    passage_ = Passage();
    lines_ = 0;
  }

  std::vector<Passage> Take() && { return std::move(passages_); }

 private:
  std::vector<Passage> passages_;
  Passage passage_;
  std::size_t lines_ = 0;
};

// "wait, waitpid, waitid - wait for process to change state": the section NAME of a manual page.
std::string ManualTitle(std::string_view content) {
  std::string title;
  bool in_name = false;
  for (std::size_t begin = 0; begin < content.size() && title.size() < 500;) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    const std::string_view line = content.substr(begin, end - begin);
    begin = end + 1;
    if (line.starts_with(".SH") || line.starts_with(".Sh")) {
      if (in_name) break;
      in_name = line.find("NAME") != std::string_view::npos;
    } else if (in_name) {
      title += RoffToText(line) + " ";
    }
  }
  return title;
}

// Joins the fragments that a manual page is written in to lines of an ordinary length.
class Filler {
 public:
  explicit Filler(Cutter& cutter) : cutter_(cutter) {}

  void Line(std::string_view line, std::uint32_t number) {
    const std::string_view macro = MacroOf(line);
    if (macro == "nf" || macro == "EX" || macro == "fi" || macro == "EE") {
      Flush();
      fill_ = macro == "fi" || macro == "EE";
    }
    const bool paragraph = StartsParagraph(macro);
    const std::string text = RoffToText(line);
    if (paragraph || line.empty()) Flush();
    if (text.empty() && !paragraph && !line.empty()) return;
    if (filled_.empty()) number_ = number;
    if (!filled_.empty() && !text.empty()) filled_ += " ";
    filled_ += text;
    paragraph_ = paragraph_ || paragraph;
    const bool heading = paragraph && !text.empty();
    if (heading || line.empty() || !fill_ || filled_.size() >= kFilledLine) Flush();
  }

  void Flush() {
    if (!filled_.empty() || paragraph_) cutter_.Line(filled_, number_, paragraph_);
    filled_.clear();
    paragraph_ = false;
  }

 private:
  Cutter& cutter_;
  std::string filled_;
  std::uint32_t number_ = 0;  // where filled_ begins
  bool paragraph_ = false;    // it begins a paragraph
  bool fill_ = true;
};

Timestamp ModifiedAt(const std::string& file) {
  std::error_code error;
  const fs::file_time_type time = fs::last_write_time(file, error);
  if (error) return {};
  return std::chrono::time_point_cast<std::chrono::microseconds>(
      std::chrono::file_clock::to_sys(time));
}

}  // namespace

std::vector<std::string> FindTextFiles(const std::string& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return {path};
  std::vector<std::string> files;
  std::vector<fs::path> level = {path};
  while (!level.empty()) {  // breadth first
    std::vector<fs::path> below;
    std::vector<std::string> here;
    for (const fs::path& directory : level) {
      fs::directory_iterator entries(directory, fs::directory_options::skip_permission_denied,
                                     error);
      for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        const fs::path& entry = entries->path();
        const std::string name = entry.filename().string();
        if (name.starts_with(".") || entries->is_symlink(error)) continue;
        if (entries->is_directory(error)) {
          if (name != "build") below.push_back(entry);
        } else if (entries->is_regular_file(error) && IsText(entry)) {
          here.push_back(entry.string());
        }
      }
    }
    std::sort(here.begin(), here.end());
    std::sort(below.begin(), below.end());
    files.insert(files.end(), here.begin(), here.end());
    level = std::move(below);
  }
  return files;
}

std::vector<Passage> CutPassages(std::string_view content, bool roff) {
  Cutter cutter;
  Filler filler(cutter);
  std::uint32_t number = 0;
  while (!content.empty()) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    const std::string_view line = content.substr(0, end);
    content.remove_prefix(std::min(end + 1, content.size()));
    ++number;
    if (roff) {
      filler.Line(line, number);
    } else {
      cutter.Line(line, number, false);
    }
  }
  filler.Flush();
  cutter.Finish();
  return std::move(cutter).Take();
}

std::vector<Passage> ReadPassages(const std::string& file) {
  const std::optional<std::string> content = ReadWhole(file);
  if (!content) return {};
  const bool roff = IsManualPage(file);
  std::vector<Passage> passages = CutPassages(*content, roff);
  const Timestamp modified = ModifiedAt(file);
  const std::string name = fs::path(PlainName(file)).stem().string();
  const std::string title = roff ? name + " " + ManualTitle(*content) : name;
  for (Passage& passage : passages) {
    passage.file = file;
    passage.modified = modified;
    passage.title = title;
  }
  return passages;
}

std::string TextToEncode(const Passage& passage) { return passage.title + "\n" + passage.text; }

}  // namespace engram::tool
