// The memory behind the private views of one simulated file: what the system's cache is to a real
// one. Follows the file, and forgets what a failed sync has lost, as a cache does that writes such
// pages no more and gives them up.
// Threads: whoever holds the disk's mutex; what is mapped may be touched by anyone.
#ifndef ENGRAM_TESTS_SUPPORT_SIM_VIEW_H_
#define ENGRAM_TESTS_SUPPORT_SIM_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <engram/status.h>

#include "storage/base/posix_file.h"
#include "tests/support/cow_ptr.h"
#include "tests/support/sim_bytes.h"

namespace engram {

class SimView {
 public:
  // Of a file that holds `bytes`, all of it synced.
  explicit SimView(const CowPtr<SimBytes>& bytes);

  // As File::MapPrivate().
  Status Map(const std::string& path, std::uint64_t offset, std::uint64_t length,
             std::byte* at) const;

  void Write(std::uint64_t offset, std::span<const std::byte> bytes);
  void Resize(std::uint64_t size);
  void GrowTo(std::uint64_t size);
  void Clear(std::uint64_t offset, std::uint64_t length);
  // The file holds `bytes`, and all of it is on the disk.
  void Synced(const CowPtr<SimBytes>& bytes) { synced_ = bytes; }
  void DropUnsynced() { Fill(synced_); }

 private:
  void Fill(const CowPtr<SimBytes>& bytes);

  FileDescriptor memory_;
  std::uint64_t size_ = 0;
  CowPtr<SimBytes> synced_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_SIM_VIEW_H_
