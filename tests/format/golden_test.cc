// Stores that earlier versions of the format left (tests/format/golden/README.md), and one of a
// later version: what today's code makes of them.
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <engram/store.h>

#include "engine/verify.h"
#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/posix_file_system.h"
#include "storage/page_format.h"
#include "storage/superblock.h"
#include "tests/support/sound_store.h"
#include "tests/support/temp_dir.h"
#include "wal/log_format.h"

namespace engram {
namespace {

using testing::Each;
using testing::HasSubstr;

// As the program in the README computes it.
std::vector<float> VectorOf(std::uint32_t i) {
  std::vector<float> vector(8);
  std::uint32_t x = i * 2654435761u + 1;
  for (float& component : vector) {
    x = x * 1664525u + 1013904223u;
    component = static_cast<float>(x >> 16) / 65536.0f;
  }
  return vector;
}

// What a pattern of id i is to be: all but its vector follows from i.
using Model = std::map<PatternId, std::vector<float>>;

Model AsMade() {
  Model model;
  for (std::uint32_t i = 1; i <= 340; ++i) model[i] = VectorOf(i);
  for (std::uint32_t i = 1; i <= 300; i += 5) model.erase(i);
  for (std::uint32_t i = 2; i <= 300; i += 10) model[i] = VectorOf(1000 + i);
  return model;
}

template <typename Struct>
Struct ReadStruct(const std::string& path, std::uint64_t offset) {
  std::ifstream file(path, std::ios::binary);
  Struct value{};
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(&value), sizeof(value));
  EXPECT_TRUE(file.good()) << path;
  return value;
}

void WriteBlock(const std::string& path, std::uint64_t offset, const std::string& bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(offset));
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_TRUE(file.good()) << path;
}

class GoldenTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    options_.dimensions = 8;
    options_.m = 4;
    options_.indexed_fields = {"name"};
    options_.background_threads = 0;
    options_.create_if_missing = false;
    const std::string archive =
        std::string(ENGRAM_SOURCES) + "/tests/format/golden/" + GetParam() + ".tar.gz";
    const std::string command = "tar xzf '" + archive + "' -C '" + dir_.path() + "'";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  std::string path() const { return dir_.File(GetParam()); }
  std::string GraphPath() const { return path() + "/graph.engram"; }
  std::string NewestSegment() const {
    std::string newest;
    for (const auto& entry : std::filesystem::directory_iterator(path() + "/wal")) {
      newest = std::max(newest, entry.path().string());
    }
    return newest;
  }

  // Of the superblocks that count, and of the segments of the log.
  std::vector<std::uint32_t> SuperblockVersions() const {
    std::vector<std::uint32_t> versions;
    for (const unsigned slot : {0u, 1u}) {
      const auto superblock = ReadStruct<Superblock>(GraphPath(), SuperblockOffset(slot));
      versions.push_back(superblock.format_version);
    }
    return versions;
  }
  std::vector<std::uint32_t> LogVersions() const {
    std::vector<std::uint32_t> versions;
    for (const auto& entry : std::filesystem::directory_iterator(path() + "/wal")) {
      versions.push_back(ReadStruct<SegmentHeader>(entry.path(), 0).format_version);
    }
    return versions;
  }

  Store Open() {
    auto store = Store::Open(path(), options_);
    EXPECT_TRUE(store.ok()) << store.status();
    return std::move(store).value();
  }
  std::string Read(const std::string& file) const {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  static void Put(Store& store, Model& model, std::uint32_t i) {
    const std::vector<float> vector = VectorOf(i);
    NewPattern pattern;
    pattern.vector = vector;
    pattern.type = i % 3;
    pattern.timestamp = Timestamp(std::chrono::seconds(i));
    pattern.metadata = {{"name", Value("n" + std::to_string(i))}};
    const auto id = store.Insert(pattern);
    ASSERT_TRUE(id.ok()) << id.status();
    ASSERT_EQ(*id, i);
    model[i] = vector;
  }

  // Each pattern with all that it has, found by its id, by a walk, by a scan and by the graph.
  static void ExpectHolds(const Store& store, const Model& model) {
    Model seen;
    const Status walked = store.ForEach([&](const Pattern& pattern) {
      seen[pattern.id] = pattern.vector;
      ExpectAsMade(pattern);
      return true;
    });
    EXPECT_TRUE(walked.ok()) << walked;
    EXPECT_EQ(seen, model);
    for (PatternId id = 1; id < 400; ++id) {
      const auto pattern = store.Get(id);
      ASSERT_EQ(pattern.code(), model.contains(id) ? Code::kOk : Code::kNotFound) << id;
      if (!pattern.ok()) continue;
      EXPECT_EQ(pattern->vector, model.at(id)) << id;
      ExpectAsMade(*pattern);
    }
    for (const bool exact : {true, false}) {
      for (const auto& [id, vector] : model) {
        SearchOptions options;
        options.k = 1;
        options.exact = exact;
        const auto found = store.Search(vector, options);
        ASSERT_TRUE(found.ok()) << found.status();
        ASSERT_EQ(found->hits.size(), 1u);
        EXPECT_EQ(found->hits[0].id, id) << (exact ? "exact" : "graph");
        EXPECT_EQ(found->hits[0].distance, 0.0f);
      }
    }
  }
  static void ExpectAsMade(const Pattern& pattern) {
    EXPECT_EQ(pattern.type, pattern.id % 3);
    EXPECT_EQ(pattern.timestamp, Timestamp(std::chrono::seconds(pattern.id)));
    EXPECT_EQ(pattern.metadata, Metadata({{"name", Value("n" + std::to_string(pattern.id))}}));
    EXPECT_FALSE(pattern.expires_at.has_value());
    EXPECT_GT(pattern.inserted_at, Timestamp{});
  }

  void ExpectSound(std::uint64_t patterns) const {
    ExpectSoundStore(MakePosixFileSystem(), path(), patterns);
  }

  TempDir dir_;
  Options options_;
};

TEST_P(GoldenTest, IsOfVersion1AndSound) {
  EXPECT_THAT(SuperblockVersions(), Each(1u));
  EXPECT_THAT(LogVersions(), Each(1u));
  ExpectSound(AsMade().size());
  EXPECT_THAT(SuperblockVersions(), Each(1u));  // nothing is changed by looking
}

TEST_P(GoldenTest, EverythingIsThereAndTheNextCheckpointsSayVersion2) {
  Model model = AsMade();
  {
    Store store = Open();
    ExpectHolds(store, model);
    for (std::uint32_t i = 341; i <= 360; ++i) ASSERT_NO_FATAL_FAILURE(Put(store, model, i));
    for (std::uint32_t i = 3; i <= 300; i += 2) {
      if (model.erase(i) == 0) continue;
      ASSERT_TRUE(store.Erase(i).ok());
    }
    const auto compacted = store.Compact();
    ASSERT_TRUE(compacted.ok()) << compacted.status();
    EXPECT_GT(compacted->moved, 0u);
    EXPECT_GT(compacted->reclaimed, 0u);
    const PatternId never[] = {4};
    model.erase(4);
    ASSERT_TRUE(store.EraseForever(never).ok());
    ExpectHolds(store, model);
    const Status closed = store.Close();
    ASSERT_TRUE(closed.ok()) << closed;
  }
  EXPECT_THAT(SuperblockVersions(), Each(2u));
  EXPECT_THAT(LogVersions(), Each(2u));
  ExpectSound(model.size());
  Store store = Open();
  ExpectHolds(store, model);
}

// Not the pages but the log is of version 2: one more opening than it takes to have both.
TEST_P(GoldenTest, AStoreThatIsHalfOnItsWayToVersion2Opens) {
  Model model = AsMade();
  options_.checkpoint_on_close = false;
  {
    Store store = Open();
    for (std::uint32_t i = 341; i <= 343; ++i) ASSERT_NO_FATAL_FAILURE(Put(store, model, i));
    ASSERT_TRUE(store.Close().ok());
  }
  EXPECT_THAT(SuperblockVersions(), Each(1u));
  EXPECT_THAT(LogVersions(), testing::Contains(2u));
  ExpectSound(model.size());
  {
    Store store = Open();
    ExpectHolds(store, model);
    ASSERT_TRUE(store.Checkpoint().ok());
    ASSERT_TRUE(store.Close().ok());
  }
  EXPECT_THAT(SuperblockVersions(), testing::UnorderedElementsAre(1u, 2u));
  ExpectSound(model.size());
  Store store = Open();
  ExpectHolds(store, model);
}

// Version 1 has not kept count of what its sweeps took, so no state of its time is called whole.
TEST_P(GoldenTest, StatesFromBeforeTheOpeningAreNotKept) {
  options_.history = std::chrono::hours(24);
  Store store = Open();
  const auto now = store.GetSnapshot();
  ASSERT_TRUE(now.ok()) << now.status();
  const auto past = static_cast<Lsn>(static_cast<std::uint64_t>(now->lsn()) - 5);
  EXPECT_EQ(store.SnapshotAt(past).code(), Code::kSnapshotExpired);
  EXPECT_EQ(store.SnapshotAt(Timestamp(std::chrono::seconds(1))).code(), Code::kSnapshotExpired);
  EXPECT_TRUE(store.SnapshotAt(now->lsn()).ok());
}

TEST_P(GoldenTest, PagesOfALaterVersionAreRefusedWithBothNumbers) {
  for (const unsigned slot : {0u, 1u}) {
    const auto before = ReadStruct<Superblock>(GraphPath(), SuperblockOffset(slot));
    Superblock later = before;
    later.format_version = 3;
    SealSuperblock(later);
    const auto put = [&](const Superblock& superblock) {
      WriteBlock(GraphPath(), SuperblockOffset(slot),
                 {reinterpret_cast<const char*>(&superblock), sizeof(superblock)});
    };
    put(later);
    for (const Status& status :
         {Store::Open(path(), options_).status(), Store::OpenReadOnly(path()).status(),
          VerifyStore(MakePosixFileSystem(), path()).status()}) {
      EXPECT_EQ(status.code(), Code::kNotSupported) << status;
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr("superblock " + std::to_string(slot) +
                            ": format version 3, this build reads versions 1 to 2: open it with "
                            "the Engram that made it, or a newer one"));
    }
    put(before);
  }
  Store store = Open();
  ExpectHolds(store, AsMade());
}

TEST_P(GoldenTest, ALogOfALaterVersionIsRefusedWithBothNumbers) {
  const std::string segment = NewestSegment();
  const std::string before = Read(segment).substr(0, kLogBlockBytes);
  std::string later = before;
  const std::uint32_t version = 3;
  std::memcpy(later.data() + offsetof(SegmentHeader, format_version), &version, sizeof(version));
  const std::uint64_t checksum =
      Checksum64(std::as_bytes(std::span(later)).subspan(sizeof(SegmentHeader::checksum)));
  std::memcpy(later.data(), &checksum, sizeof(checksum));
  WriteBlock(segment, 0, later);
  const Status status = Store::Open(path(), options_).status();
  EXPECT_EQ(status.code(), Code::kNotSupported) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(segment + ": log format version 3, this build reads up to 2: open it with "
                                  "the Engram that wrote it, or a newer one"));
  EXPECT_THAT(SuperblockVersions(), Each(1u));  // nothing was written
  WriteBlock(segment, 0, before);
  Store store = Open();
  ExpectHolds(store, AsMade());
}

INSTANTIATE_TEST_SUITE_P(Stores, GoldenTest, testing::Values("v1-clean", "v1-log"),
                         [](const auto& archive) {
                           return std::string(archive.param) == "v1-clean" ? "Clean" : "Log";
                         });

}  // namespace
}  // namespace engram
