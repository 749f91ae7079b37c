// graph.journal, the double-write area: the images of one checkpoint round lie here, durable,
// before they are written in place, so that a page torn by a power cut can be put right.
// Leaves the order of things to the checkpointer and to recovery.
// Threads: one thread at a time.
// Implements docs/journal-format.md, "graph.journal".
#ifndef ENGRAM_STORAGE_JOURNAL_H_
#define ENGRAM_STORAGE_JOURNAL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <engram/result.h>

#include "storage/base/aligned_buffer.h"
#include "storage/base/file.h"
#include "storage/page_file.h"
#include "storage/page_format.h"

namespace engram {

class Journal {
 public:
  // Makes the file, preallocated, durable under its name (temporary name, rename; the directory is
  // synced by the caller). Pre: a multiple of kBlockBytes.
  static Status Create(FileSystem& fs, const std::string& path, std::uint64_t bytes);
  // Errors: kNotFound, kCorruptedIndex where the size is not `bytes`.
  static Result<std::unique_ptr<Journal>> Open(FileSystem& fs, const std::string& path,
                                               OpenMode mode, std::uint64_t store_id,
                                               std::uint64_t bytes);

  // How many images from the front fit one round. At least one: CheckSuperblock() sees to the
  // journal's size.
  std::size_t FitRound(std::span<const PageImage> images) const;
  // No two rounds of a store have the same name: what is left of one is never taken for another.
  struct RoundName {
    std::uint32_t generation = 0;  // of the opening, as in the log
    std::uint64_t checkpoint = 0;
    std::uint32_t round = 0;  // from 0 in each checkpoint
  };
  // Writes a round and syncs. Pre: FitRound().
  Status WriteRound(const RoundName& name, std::span<const PageImage> images);

  // Zeroes all of it, and syncs. Pre: no page needs what it holds: the checkpoint that wrote it
  // last is complete.
  Status Wipe();

  // A round as found on disk.
  struct Round {
    RoundName name;
    AlignedBuffer bytes;  // what `images` borrow from
    // Only those that are whole and belong to this very round, each page once.
    std::vector<PageImage> images;
    // What is not as it was written, and why; ordinary after a crash while the round was written,
    // when no page was touched yet. For people.
    std::vector<std::string> problems;
  };
  // The checkpoint of the round that the journal holds; 0 where its header is not valid.
  Result<std::uint64_t> ReadCheckpoint() const;
  // What the journal holds; an empty round (checkpoint 0) where its header is not valid. The
  // images' pages are not known to exist: PageFile::WritePages() says. Errors: kIoError, also
  // where there is no memory for the images.
  Result<Round> Read() const;

  // Relaxed: a figure for stats.
  std::uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }

 private:
  Journal(std::unique_ptr<File> file, std::uint64_t store_id, std::uint64_t bytes)
      : file_(std::move(file)), store_id_(store_id), bytes_(bytes) {}

  // Success where the header counts, else why it does not.
  Status CheckHeader(const JournalHeader& header) const;
  void ReadImages(const JournalHeader& header, Round& round) const;
  // Takes bytes of a round in order, and writes them in large pieces.
  Status Append(std::span<const std::byte> bytes);
  Status FlushBuffer();

  const std::unique_ptr<File> file_;
  const std::uint64_t store_id_;
  const std::uint64_t bytes_;
  std::atomic<std::uint64_t> bytes_written_{0};
  AlignedBuffer buffer_;
  std::size_t buffered_ = 0;       // bytes in it
  std::uint64_t next_offset_ = 0;  // where they go
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_JOURNAL_H_
