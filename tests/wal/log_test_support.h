// What the tests of the log share: logs laid out byte by byte, independently of the writer;
// payloads that name their commit; a file system that asks before each operation.
#ifndef ENGRAM_TESTS_WAL_LOG_TEST_SUPPORT_H_
#define ENGRAM_TESTS_WAL_LOG_TEST_SUPPORT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/file.h"
#include "wal/log_format.h"
#include "wal/log_reader.h"
#include "wal/log_writer.h"

namespace engram {

inline constexpr std::uint64_t kTestStoreId = 0x1122334455667788;

constexpr Lsn L(std::uint64_t value) { return static_cast<Lsn>(value); }

std::vector<std::byte> ReadBytes(const std::string& path);
void WriteBytes(const std::string& path, const std::vector<std::byte>& bytes);
std::vector<std::byte> Bytes(const std::string& text);

// A segment made by hand.
class RawSegment {
 public:
  struct FrameFields {
    std::uint64_t lsn = 0;
    std::uint64_t durable_through = 0;
    std::uint32_t part = 0;
    FrameKind kind = FrameKind::kLast;
    std::string payload = "payload";
    std::optional<std::uint32_t> generation = std::nullopt;
  };

  explicit RawSegment(std::uint64_t first_lsn, std::uint32_t generation = 1);

  SegmentHeader& header() { return header_; }
  // Appends at the next multiple of 8; returns the frame's offset.
  std::uint64_t Add(const FrameFields& fields);
  void SkipToBlock();
  // Zeros up to `size`.
  void Extend(std::size_t size) { bytes_.resize(size); }
  std::vector<std::byte>& bytes() { return bytes_; }
  // Writes it into `directory` under its name; returns the path.
  std::string Save(const std::string& directory);

 private:
  SegmentHeader header_{};
  std::vector<std::byte> bytes_;
};

struct ReadOutcome {
  Result<LogEnd> end = Status::IoError("not read");
  std::vector<std::pair<std::uint64_t, std::string>> commits;  // LSN, payloads joined by '|'

  std::vector<std::uint64_t> lsns() const;
};

ReadOutcome ReadAll(const std::string& directory, std::uint64_t after = 0,
                    std::uint64_t known_durable = 0);

LogWriterOptions WriterOptions(const std::string& directory, std::uint64_t previous_end = 0,
                               std::uint32_t generation = 1);

// Appends one commit with one payload (several: a frame each), after Reserve().
Status AppendOne(LogWriter& log, std::uint64_t lsn, SyncMode mode,
                 const std::vector<std::string>& payloads = {"payload"});

// Passes everything on after asking `before`, which may answer with a failure, wait, or look.
// Operations: "open", "read", "write", "sync", "allocate", "rename", "unlink", "syncdir", "list".
class HookedFileSystem : public FileSystem {
 public:
  using Hook = std::function<Status(const std::string& operation, const std::string& path)>;

  explicit HookedFileSystem(Hook before);

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Unlink(const std::string& path) override;
  Status CreateDirectory(const std::string& path) override;
  Status RemoveDirectory(const std::string& path) override;
  Status SyncDirectory(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& path) override;
  Result<FileInfo> Stat(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode,
                                         const std::string& owner) override;

 private:
  const Hook before_;
  std::shared_ptr<FileSystem> base_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_WAL_LOG_TEST_SUPPORT_H_
