// Stores on real files whose bytes a test may damage.
#ifndef ENGRAM_TESTS_ENGINE_RAW_STORE_FIXTURE_H_
#define ENGRAM_TESTS_ENGINE_RAW_STORE_FIXTURE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "storage/base/file.h"
#include "storage/meta_store.h"
#include "storage/page_file.h"
#include "tests/support/temp_dir.h"

namespace engram {

class RawStoreTest : public testing::Test {
 protected:
  enum class End { kClosed, kKilled };

  static constexpr std::uint32_t kDimensions = 8;
  static constexpr std::uint64_t kPatterns = 300;

  EngineOptions Options() const;
  std::unique_ptr<Engine> OpenEngine(EngineOptions options);
  std::unique_ptr<Engine> OpenEngine() { return OpenEngine(Options()); }
  // Some pages, dead and free slots, versions, types and metadata; a checkpoint in the middle.
  // Killed, commits after the checkpoint are in the log alone.
  void MakeStore(End end);
  // One commit of `count` patterns.
  void Insert(Engine& engine, std::size_t count);
  void Erase(Engine& engine, std::vector<PatternId> ids);
  void UpdateVector(Engine& engine, PatternId id);

  const std::string& path() const { return directory_; }
  std::string PathOf(const std::string& name) const { return JoinPath(directory_, name); }
  std::vector<std::string> Names(const std::string& directory) const;  // sorted
  // Every file's content and time of change, by path.
  std::vector<std::string> Everything() const;

  void Flip(const std::string& name, std::uint64_t offset);
  void Edit(const std::string& name, const std::function<void(File&)>& edit);
  // Changes a page, and gives it a checksum as if it had been written so.
  void EditPage(SegmentKind segment, std::uint32_t page,
                const std::function<void(std::span<std::byte>)>& edit);
  // The same of the superblock that counts.
  void EditState(const std::function<void(StoreState&)>& edit);
  std::string Read(const std::string& name) const;
  // With its rows; nothing of the rest is opened.
  std::unique_ptr<MetaStore> OpenMeta();
  std::unique_ptr<PageFile> OpenPages() const;

  const std::shared_ptr<FileSystem> files_ = MakeFiles();

 private:
  static std::shared_ptr<FileSystem> MakeFiles();
  VectorView NextVector();

  TempDir temp_;
  const std::string directory_ = temp_.File("store");
  std::uint64_t made_ = 0;
  std::vector<std::vector<float>> vectors_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_ENGINE_RAW_STORE_FIXTURE_H_
