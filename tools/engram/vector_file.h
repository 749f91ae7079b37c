// Rows of vectors from the files people have them in: .fvecs, .bvecs, .npy and JSON lines. Rows are
// read one by one, so that a file may be larger than memory. Threads: one thread.
#ifndef ENGRAM_TOOLS_ENGRAM_VECTOR_FILE_H_
#define ENGRAM_TOOLS_ENGRAM_VECTOR_FILE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <engram/metadata.h>
#include <engram/status.h>
#include <engram/types.h>

namespace engram::tool {

struct Row {
  std::uint64_t number = 0;  // 1 for the first; of JSON lines: the line's number
  std::vector<float> vector;
  Metadata metadata;
  std::optional<Timestamp> timestamp;
  TypeTag type = 0;
  std::optional<PatternId> id;
  std::optional<std::chrono::microseconds> ttl;
  // Why this row cannot be used though the next one can: a line that is not JSON. The vector is
  // empty then.
  Status status;
};

class RowReader {
 public:
  virtual ~RowReader() = default;

  // False at the end. Throws Failure where the file cannot be read on.
  virtual bool Next(Row& row) = 0;
  // Whether Next() would wait for input that comes live, and still would after `patience`.
  virtual bool WouldWait(std::chrono::milliseconds) const { return false; }
  // Components of each row, where the format fixes it for the whole file and there is a row.
  virtual std::optional<std::uint32_t> dimensions() const { return std::nullopt; }
  // How far this is, 0 to 1; unset where nobody knows.
  virtual std::optional<double> progress() const = 0;
  // "row 17", "line 17".
  virtual std::string Name(std::uint64_t number) const { return "row " + std::to_string(number); }
};

// The reader for the file's name ending; "-" stands for JSON lines on standard input.
// Throws Failure: kNotFound, kIoError, kInvalidArgument (an unknown ending; not what the ending
// says; truncated, with the bytes found and expected), kNotSupported (a kind of .npy that is not
// read).
std::unique_ptr<RowReader> OpenRows(const std::string& path);

// The vectors of all rows. Throws Failure as OpenRows() does, and where a row cannot be used.
std::vector<std::vector<float>> ReadVectors(const std::string& path);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_VECTOR_FILE_H_
