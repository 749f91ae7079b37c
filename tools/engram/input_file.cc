#include "tools/engram/input_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tools/engram/context.h"

namespace engram::tool {
namespace {

constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::size_t kLongestLine = 64 << 20;

[[noreturn]] void Fail(const std::string& path, int error) {
  const std::string message = path + ": " + std::strerror(error);
  throw Failure(error == ENOENT ? Status::NotFound(message) : Status::IoError(message));
}

}  // namespace

InputFile::InputFile(const std::string& path)
    : path_(path == "-" ? "standard input" : path),
      file_(path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (file_.fd < 0) Fail(path_, errno);
  struct stat info = {};
  if (fstat(file_.fd, &info) != 0) Fail(path_, errno);
  if (S_ISDIR(info.st_mode)) Fail(path_, EISDIR);
  if (S_ISREG(info.st_mode)) size_ = static_cast<std::uint64_t>(info.st_size);
}

InputFile::Descriptor::~Descriptor() {
  if (fd > STDIN_FILENO) close(fd);
}

std::size_t InputFile::ReadSome(std::span<std::byte> out) {
  ssize_t got = -1;
  do {
    got = read(file_.fd, out.data(), out.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) Fail(path_, errno);
  position_ += static_cast<std::uint64_t>(got);
  return static_cast<std::size_t>(got);
}

std::size_t InputFile::Read(std::span<std::byte> out) {
  std::size_t total = 0;
  while (total < out.size()) {
    const std::size_t got = ReadSome(out.subspan(total));
    if (got == 0) break;
    total += got;
  }
  return total;
}

bool InputFile::WouldWait(std::chrono::milliseconds patience) const {
  const auto rest = buffer_.begin() + static_cast<std::ptrdiff_t>(line_begin_);
  if (size_ || std::find(rest, buffer_.end(), '\n') != buffer_.end()) return false;
  pollfd input = {.fd = file_.fd, .events = POLLIN, .revents = 0};
  return poll(&input, 1, static_cast<int>(patience.count())) == 0;
}

// Appends what the file has next to the buffer; false at the end.
bool InputFile::FillLine() {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(line_begin_));
  line_begin_ = 0;
  const std::size_t had = buffer_.size();
  if (had > kLongestLine) {
    throw Failure(Status::InvalidArgument(path_ + ": a line has more than " +
                                          std::to_string(kLongestLine) + " bytes"));
  }
  buffer_.resize(had + kReadBytes);
  const std::size_t got = ReadSome(std::as_writable_bytes(std::span(buffer_).subspan(had)));
  buffer_.resize(had + got);
  return got > 0;
}

std::optional<std::string_view> InputFile::ReadLine() {
  for (std::size_t searched = 0;;) {
    const std::string_view rest(buffer_.data() + line_begin_, buffer_.size() - line_begin_);
    if (const std::size_t end = rest.find('\n', searched); end != std::string_view::npos) {
      line_begin_ += end + 1;
      return rest.substr(0, end);
    }
    searched = rest.size();
    if (FillLine()) continue;
    if (buffer_.empty()) return std::nullopt;
    line_begin_ = buffer_.size();  // the last line has no end
    return std::string_view(buffer_.data(), buffer_.size());
  }
}

}  // namespace engram::tool
