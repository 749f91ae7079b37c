// A file that is read from front to back.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_ENGRAM_INPUT_FILE_H_
#define ENGRAM_TOOLS_ENGRAM_INPUT_FILE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engram::tool {

class InputFile {
 public:
  // "-" is standard input. Throws Failure: kNotFound, kIoError.
  explicit InputFile(const std::string& path);

  const std::string& path() const { return path_; }
  // Unset for pipes and terminals.
  std::optional<std::uint64_t> size() const { return size_; }
  std::uint64_t position() const { return position_; }

  // Fewer bytes than asked for only at the end of the file. Throws Failure (kIoError).
  std::size_t Read(std::span<std::byte> out);

  // The next line without its end; unset at the end of the file. Valid until the next call.
  // Throws Failure: kIoError, kInvalidArgument (a line of more than 64 MiB).
  // Of a pipe, what is there: it waits only where that is not a line.
  std::optional<std::string_view> ReadLine();
  // Whether ReadLine() would begin to wait now, and still would after `patience`.
  bool WouldWait(std::chrono::milliseconds patience) const;

 private:
  struct Descriptor {
    explicit Descriptor(int number) : fd(number) {}
    ~Descriptor();
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    const int fd;
  };
  // What is there, at least one byte; 0 at the end of the file.
  std::size_t ReadSome(std::span<std::byte> out);
  bool FillLine();

  std::string path_;
  const Descriptor file_;
  std::optional<std::uint64_t> size_;
  std::uint64_t position_ = 0;
  std::vector<char> buffer_;  // of ReadLine: bytes from line_begin_ on are not handed out yet
  std::size_t line_begin_ = 0;
};

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_INPUT_FILE_H_
