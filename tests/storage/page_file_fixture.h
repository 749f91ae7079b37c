// A small page file on a real disk, and a way to damage files. For tests of storage.
// Threads: one thread.
#ifndef ENGRAM_TESTS_STORAGE_PAGE_FILE_FIXTURE_H_
#define ENGRAM_TESTS_STORAGE_PAGE_FILE_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/file.h"
#include "storage/page_file.h"
#include "storage/page_format.h"
#include "tests/support/temp_dir.h"

namespace engram {

inline constexpr std::uint64_t kTestStoreId = 0x1122334455667788;

// One field of a struct on disk, a value that it must not have, and what the error must say.
struct BadField {
  const char* name;
  std::size_t offset;
  std::size_t bytes;
  std::uint64_t value;
  const char* says;
};

// What PageFile::Create() takes: dimensions 8, pages of 8192 bytes.
Superblock FirstSuperblock();
// A sealed superblock of slot 1 that passes CheckSuperblock().
Superblock ValidSuperblock();

class PageFileTest : public testing::Test {
 protected:
  PageFileTest();

  void Create();
  Result<std::unique_ptr<PageFile>> TryOpen() const;
  std::unique_ptr<PageFile> Open() const;

  // Reserves and adds.
  void Grow(PageFile& file, SegmentKind segment, std::uint32_t pages) const;
  // Writes checkpoint superblock().checkpoint + 1 with the extents as they are.
  void Checkpoint(PageFile& file, std::uint64_t lsn) const;

  std::vector<std::byte> ReadAll(const std::string& path) const;
  void WriteAt(const std::string& path, std::uint64_t offset,
               std::span<const std::byte> bytes) const;
  void SetSize(const std::string& path, std::uint64_t bytes) const;
  template <typename T>
  T ReadStruct(std::uint64_t offset) const {
    T value;
    const std::vector<std::byte> all = ReadAll(path_);
    std::memcpy(&value, all.data() + offset, sizeof(T));
    return value;
  }

  TempDir dir_;
  std::shared_ptr<FileSystem> fs_;
  std::string path_;
};

// The page's bytes: header of `ref`, then a pattern that depends on `salt`; sealed.
std::vector<std::byte> MakePage(PageRef ref, std::uint32_t page_bytes, std::uint32_t salt);

}  // namespace engram

#endif  // ENGRAM_TESTS_STORAGE_PAGE_FILE_FIXTURE_H_
