#include "tests/support/sim_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "storage/base/address_space.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::unique_ptr<File> OpenFile(FileSystem& fs, const std::string& path,
                               OpenMode mode = OpenMode::kCreate) {
  Result<std::unique_ptr<File>> file = fs.Open(path, mode);
  EXPECT_TRUE(file.ok()) << file.status();
  return std::move(file).value();
}

void Put(FileSystem& fs, const std::string& path, const std::string& text) {
  const std::unique_ptr<File> file = OpenFile(fs, path);
  ASSERT_TRUE(file->WriteAt(0, Bytes(text)).ok());
}

std::string Content(const SimImage& image, const std::string& path) {
  const SimBytes* bytes = image.FindFile(path);
  return bytes != nullptr ? bytes->ToString() : "(none)";
}

std::string ReadAll(const File& file) {
  std::string text(static_cast<std::size_t>(*file.Size()), '\0');
  EXPECT_EQ(*file.ReadAt(0, std::as_writable_bytes(std::span(text))), text.size());
  return text;
}

CrashReplayer AtEnd(const SimFileSystem& fs) {
  CrashReplayer replayer = fs.Replay();
  replayer.AdvanceTo(fs.OpCount());
  return replayer;
}

// What a path holds in many images of each policy that is named.
std::set<std::string> Outcomes(const CrashReplayer& replayer, const std::string& path,
                               std::initializer_list<CrashPolicy> policies, int images = 300) {
  std::mt19937_64 random(TestSeed(11));
  std::set<std::string> outcomes;
  for (const CrashPolicy policy : policies) {
    for (int i = 0; i < images; ++i) {
      outcomes.insert(Content(replayer.PowerLoss(random, policy), path));
    }
  }
  return outcomes;
}

// /db exists, and /db/f holds `text`, all durable.
SimImage ImageWith(const std::string& text) {
  SimImage image;
  image.AddFile("/db/f", text);
  return image;
}

TEST(SimBytes, HolesAndWhatGrowsAgainReadAsZero) {
  SimBytes bytes;
  bytes.Write(1'000'000, Bytes("end"));
  EXPECT_EQ(bytes.size(), 1'000'003U);
  std::string text = bytes.ToString();
  EXPECT_EQ(text.substr(1'000'000), "end");
  EXPECT_EQ(text.find_first_not_of('\0'), 1'000'000U);
  bytes.Write(5000, Bytes("abcdef"));
  bytes.Resize(5003);
  bytes.Resize(300'000);
  text = bytes.ToString();
  EXPECT_EQ(text.substr(5000, 6), std::string("abc\0\0\0", 6));
  EXPECT_EQ(text.find_first_not_of('\0', 5003), text.npos);
}

TEST(SimBytes, RandomOperationsMatchAString) {
  std::mt19937_64 random(TestSeed(3));
  SimBytes bytes;
  std::string model;
  std::vector<std::pair<SimBytes, std::string>> copies;
  for (int i = 0; i < 2000; ++i) {
    const std::size_t at = random() % 600'000;
    if (random() % 8 == 1) {
      const std::size_t length = random() % 100'000;
      bytes.Clear(at, length);
      if (at < model.size()) {
        const std::size_t cleared = std::min(length, model.size() - at);
        model.replace(at, cleared, cleared, '\0');
      }
    } else if (random() % 8 == 0) {
      bytes.Resize(at);
      model.resize(at);
    } else {
      const std::string data(random() % 9000, static_cast<char>('a' + random() % 26));
      bytes.Write(at, Bytes(data));
      if (!data.empty() && model.size() < at + data.size()) model.resize(at + data.size());
      model.replace(at < model.size() ? at : 0, data.size(), data);
    }
    if (i % 200 == 0) copies.emplace_back(bytes, model);
  }
  EXPECT_TRUE(bytes.ToString() == model);
  for (const auto& [copy, text] : copies) EXPECT_TRUE(copy.ToString() == text);
  SimBytes same;
  same.Write(0, Bytes(model));
  EXPECT_TRUE(same == bytes);
}

TEST(SimFileSystem, ReadsWhatWasWritten) {
  SimFileSystem fs(ImageWith("old"));
  const std::unique_ptr<File> file = OpenFile(fs, "/db/f", OpenMode::kReadWrite);
  ASSERT_TRUE(file->WriteAt(5, Bytes("new")).ok());
  EXPECT_EQ(ReadAll(*file), std::string("old\0\0new", 8));
  ASSERT_TRUE(file->Truncate(2).ok());
  ASSERT_TRUE(file->Allocate(0, 4).ok());
  EXPECT_EQ(ReadAll(*file), std::string("ol\0\0", 4));
  ASSERT_TRUE(file->Allocate(0, 2).ok());  // does not shrink
  ASSERT_TRUE(file->Reserve(0, 100).ok());
  EXPECT_EQ(*file->Size(), 4U);
  std::array<std::byte, 10> out{};
  EXPECT_EQ(*file->ReadAt(3, out), 1U);
  EXPECT_EQ(*file->ReadAt(1000, out), 0U);
}

TEST(SimFileSystem, AHoleIsZeroAndTakesNoSpaceUntilItIsWritten) {
  SimFileSystem fs(ImageWith(std::string(10 * 4096, 'a')));
  const std::unique_ptr<File> file = OpenFile(fs, "/db/f", OpenMode::kReadWrite);
  EXPECT_EQ(*file->AllocatedBytes(), 10U * 4096);
  ASSERT_TRUE(file->Deallocate(4000, 5 * 4096).ok());
  std::string expected(10 * 4096, 'a');
  expected.replace(4000, 5 * 4096, 5 * 4096, '\0');
  EXPECT_TRUE(ReadAll(*file) == expected);
  EXPECT_EQ(*file->AllocatedBytes(), 6U * 4096) << "four whole blocks less";
  ASSERT_TRUE(file->WriteAt(2 * 4096, Bytes("x")).ok());
  EXPECT_EQ(*file->AllocatedBytes(), 7U * 4096);
  ASSERT_TRUE(file->Allocate(0, 10 * 4096).ok());
  EXPECT_EQ(*file->AllocatedBytes(), 10U * 4096);
  ASSERT_TRUE(file->Deallocate(8 * 4096, 100 * 4096).ok());
  EXPECT_EQ(*file->AllocatedBytes(), 8U * 4096);
  EXPECT_EQ(*file->Size(), 10U * 4096);
  ASSERT_TRUE(file->Truncate(4096).ok());
  EXPECT_EQ(*file->AllocatedBytes(), 4096U);
  EXPECT_EQ(OpenFile(fs, "/db/f", OpenMode::kRead)->Deallocate(0, 1).code(), Code::kIoError);
}

TEST(SimFileSystem, MapsACopy) {
  SimFileSystem fs(ImageWith("0123456789"));
  const std::unique_ptr<File> file = OpenFile(fs, "/db/f", OpenMode::kReadWrite);
  const Result<Mapping> mapping = file->Map(2, 4);
  ASSERT_TRUE(mapping.ok());
  ASSERT_TRUE(file->WriteAt(0, Bytes("abcdefghij")).ok());
  EXPECT_TRUE(std::ranges::equal(mapping->bytes(), Bytes("2345")));
}

TEST(SimFileSystem, APrivateViewFollowsTheFileUntilAPageIsWritten) {
  constexpr std::size_t kPage = 4096;
  SimFileSystem fs(ImageWith(std::string(2 * kPage, 'a')));
  const std::unique_ptr<File> file = OpenFile(fs, "/db/f", OpenMode::kReadWrite);
  auto space = AddressSpace::Reserve(4 * kPage, 4 * kPage);
  ASSERT_TRUE(space.ok()) << space.status();
  EXPECT_EQ(space->MapFile(*file, kPage, 2 * kPage, 0).code(), Code::kIoError);
  ASSERT_TRUE(file->Allocate(2 * kPage, kPage).ok());
  ASSERT_TRUE(space->MapFile(*file, 0, 3 * kPage, 0).ok());
  const auto seen = [&](std::size_t page) {
    return static_cast<char>(const_cast<volatile std::byte*>(space->base())[page * kPage]);
  };
  EXPECT_EQ(seen(0), 'a');
  EXPECT_EQ(seen(2), '\0');
  space->base()[kPage] = std::byte{'p'};
  ASSERT_TRUE(file->WriteAt(0, Bytes(std::string(3 * kPage, 'b'))).ok());
  EXPECT_EQ(seen(0), 'b');
  EXPECT_EQ(seen(1), 'p');
  EXPECT_EQ(seen(2), 'b');
  ASSERT_TRUE(space->Drop(kPage, kPage));
  EXPECT_EQ(seen(1), 'b');

  // A hole shows where no copy was made.
  space->base()[0] = std::byte{'p'};
  ASSERT_TRUE(file->Deallocate(0, 2 * kPage).ok());
  EXPECT_EQ(seen(0), 'p');
  EXPECT_EQ(seen(1), '\0');
  EXPECT_EQ(seen(2), 'b');
  ASSERT_TRUE(file->WriteAt(0, Bytes(std::string(2 * kPage, 'b'))).ok());
  ASSERT_TRUE(space->Drop(0, kPage));

  // What a failed sync has lost, the cache gives up.
  ASSERT_TRUE(file->SyncData().ok());
  ASSERT_TRUE(file->WriteAt(0, Bytes("c")).ok());
  EXPECT_EQ(seen(0), 'c');
  ASSERT_TRUE(fs.DropUnsynced(*file).ok());
  EXPECT_EQ(seen(0), 'b');
}

TEST(SimFileSystem, OpenModesAnswerAsASystemDoes) {
  SimFileSystem fs(ImageWith("x"));
  EXPECT_EQ(fs.Open("/db/none", OpenMode::kRead).code(), Code::kNotFound);
  EXPECT_EQ(fs.Open("/db/none", OpenMode::kReadWrite).code(), Code::kNotFound);
  EXPECT_EQ(fs.Open("/none/f", OpenMode::kCreate).code(), Code::kNotFound);
  EXPECT_EQ(fs.Open("/db/f", OpenMode::kCreateNew).code(), Code::kAlreadyExists);
  EXPECT_EQ(fs.Open("/db", OpenMode::kRead).code(), Code::kIoError);
  EXPECT_EQ(fs.Open("/db/f/g", OpenMode::kRead).code(), Code::kIoError);
  EXPECT_EQ(OpenFile(fs, "/db/f", OpenMode::kRead)->WriteAt(0, Bytes("y")).code(), Code::kIoError);
  EXPECT_EQ(ReadAll(*OpenFile(fs, "//db/./f", OpenMode::kCreate)), "x");
  EXPECT_EQ(fs.OpCount(), 0U);
}

TEST(SimFileSystem, NamesFollowRenameUnlinkAndDirectories) {
  SimFileSystem fs(ImageWith("x"));
  ASSERT_TRUE(fs.CreateDirectory("/db/sub").ok());
  EXPECT_TRUE(fs.CreateDirectory("/db/sub").ok());
  EXPECT_EQ(fs.CreateDirectory("/db/f").code(), Code::kAlreadyExists);
  Put(fs, "/db/sub/a", "a");
  Put(fs, "/db/sub/b", "b");
  ASSERT_TRUE(fs.Rename("/db/sub/a", "/db/sub/b").ok());
  EXPECT_THAT(*fs.List("/db/sub"), ElementsAre("b"));
  EXPECT_EQ(fs.Rename("/db/none", "/db/x").code(), Code::kNotFound);
  EXPECT_EQ(fs.Rename("/db/f", "/db/sub").code(), Code::kIoError);
  EXPECT_EQ(fs.Rename("/db", "/db/sub/db").code(), Code::kIoError);
  EXPECT_EQ(fs.RemoveDirectory("/db/sub").code(), Code::kIoError);
  EXPECT_EQ(fs.Unlink("/db/sub").code(), Code::kIoError);
  ASSERT_TRUE(fs.Rename("/db/sub", "/db/moved").ok());
  EXPECT_EQ(ReadAll(*OpenFile(fs, "/db/moved/b", OpenMode::kRead)), "a");
  ASSERT_TRUE(fs.Unlink("/db/moved/b").ok());
  ASSERT_TRUE(fs.RemoveDirectory("/db/moved").ok());
  EXPECT_THAT(*fs.List("/db"), ElementsAre("f"));
  EXPECT_EQ(fs.Stat("/db")->type, FileType::kDirectory);
  EXPECT_EQ(fs.Stat("/db/f")->size, 1U);
  EXPECT_EQ(fs.Stat("/db/none").code(), Code::kNotFound);
  EXPECT_EQ(fs.SyncDirectory("/db/f").code(), Code::kIoError);
}

TEST(SimFileSystem, AnUnlinkedFileLivesWhileItIsOpen) {
  SimFileSystem fs(ImageWith("old"));
  const std::unique_ptr<File> file = OpenFile(fs, "/db/f", OpenMode::kReadWrite);
  ASSERT_TRUE(fs.Unlink("/db/f").ok());
  Put(fs, "/db/f", "another");
  ASSERT_TRUE(file->WriteAt(0, Bytes("O")).ok());
  EXPECT_EQ(ReadAll(*file), "Old");
  EXPECT_EQ(ReadAll(*OpenFile(fs, "/db/f", OpenMode::kRead)), "another");
}

TEST(SimFileSystem, LocksExcludeAndNameTheirHolder) {
  SimFileSystem fs;
  EXPECT_EQ(fs.Lock("/LOCK", LockMode::kShared, "").code(), Code::kNotFound);
  {
    const auto held = fs.Lock("/LOCK", LockMode::kExclusive, "pid 7");
    ASSERT_TRUE(held.ok());
    const auto second = fs.Lock("/LOCK", LockMode::kExclusive, "pid 8");
    EXPECT_EQ(second.code(), Code::kBusy);
    EXPECT_THAT(second.status().message(), HasSubstr("pid 7"));
    EXPECT_EQ(fs.Lock("/LOCK", LockMode::kShared, "").code(), Code::kBusy);
    EXPECT_TRUE(SimFileSystem(fs.LiveImage()).Lock("/LOCK", LockMode::kExclusive, "pid 9").ok());
  }
  const auto first = fs.Lock("/LOCK", LockMode::kShared, "");
  const auto second = fs.Lock("/LOCK", LockMode::kShared, "");
  EXPECT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(fs.Lock("/LOCK", LockMode::kExclusive, "pid 8").code(), Code::kBusy);
}

TEST(SimFileSystem, FrozenNothingChangesAndReadsGoOn) {
  SimFileSystem fs(ImageWith("old"));
  const std::unique_ptr<File> file = OpenFile(fs, "/db/f", OpenMode::kReadWrite);
  fs.FreezeAt(1);
  ASSERT_TRUE(file->WriteAt(0, Bytes("N")).ok());
  const SimImage before = fs.LiveImage();
  EXPECT_EQ(file->WriteAt(0, Bytes("X")).code(), Code::kIoError);
  EXPECT_EQ(file->SyncData().code(), Code::kIoError);
  EXPECT_EQ(file->Truncate(0).code(), Code::kIoError);
  EXPECT_EQ(file->Allocate(0, 100).code(), Code::kIoError);
  EXPECT_EQ(file->Deallocate(0, 1).code(), Code::kIoError);
  EXPECT_EQ(file->Reserve(0, 100).code(), Code::kIoError);
  EXPECT_EQ(fs.Open("/db/g", OpenMode::kCreate).code(), Code::kIoError);
  EXPECT_EQ(fs.Rename("/db/f", "/db/g").code(), Code::kIoError);
  EXPECT_EQ(fs.Unlink("/db/f").code(), Code::kIoError);
  EXPECT_EQ(fs.CreateDirectory("/db/d").code(), Code::kIoError);
  EXPECT_EQ(fs.SyncDirectory("/db").code(), Code::kIoError);
  EXPECT_EQ(fs.Lock("/db/LOCK", LockMode::kExclusive, "me").code(), Code::kIoError);
  fs.Mark(1);
  EXPECT_EQ(fs.OpCount(), 1U);
  EXPECT_EQ(ReadAll(*file), "Nld");
  EXPECT_TRUE(fs.LiveImage() == before);
}

TEST(SimFileSystem, ManyThreadsAgreeWithTheirTrace) {
  SimFileSystem fs;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&fs, t] {
      const std::string path = "/f" + std::to_string(t);
      const std::unique_ptr<File> file = OpenFile(fs, path);
      const std::unique_ptr<File> shared = OpenFile(fs, "/shared");
      std::array<std::byte, 64> out{};
      for (std::uint64_t i = 0; i < 200; ++i) {
        EXPECT_TRUE(file->WriteAt(i * 100, Bytes(path)).ok());
        EXPECT_TRUE(shared->WriteAt((i * 4 + static_cast<std::uint64_t>(t)) * 8, Bytes(path)).ok());
        EXPECT_TRUE(shared->ReadAt(i * 16, out).ok());
        if (i % 16 == 0) {
          EXPECT_TRUE(file->SyncData().ok());
        }
        if (i % 64 == 0) fs.LiveImage();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::mt19937_64 random(1);
  EXPECT_TRUE(AtEnd(fs).PowerLoss(random, CrashPolicy::kKeepAll) == fs.LiveImage());
}

TEST(CrashReplayer, SyncedDataIsInEveryImage) {
  SimFileSystem fs(ImageWith(""));
  std::mt19937_64 random(TestSeed(5));
  const std::unique_ptr<File> file = OpenFile(fs, "/db/f");
  std::string synced(20'000, 's');
  ASSERT_TRUE(file->WriteAndSync(0, Bytes(synced)).ok());
  // Not aligned, and sharing sectors with synced bytes.
  ASSERT_TRUE(file->WriteAt(3000, Bytes(std::string(5000, 'u'))).ok());
  ASSERT_TRUE(file->WriteAt(19'900, Bytes(std::string(3000, 'u'))).ok());
  const CrashReplayer replayer = AtEnd(fs);
  for (const CrashPolicy policy : kAllCrashPolicies) {
    for (int i = 0; i < 1000; ++i) {
      const std::string text = Content(replayer.PowerLoss(random, policy), "/db/f");
      ASSERT_GE(text.size(), 20'000U);
      ASSERT_EQ(text.substr(0, 3000), synced.substr(0, 3000));
      ASSERT_EQ(text.substr(8000, 11'900), synced.substr(0, 11'900));
    }
  }
}

TEST(CrashReplayer, EachPolicyDoesWhatItSays) {
  SimFileSystem fs(ImageWith(std::string(1024, 'o')));
  const std::unique_ptr<File> file = OpenFile(fs, "/db/f");
  ASSERT_TRUE(file->WriteAt(0, Bytes(std::string(1024, '1'))).ok());
  ASSERT_TRUE(file->WriteAt(0, Bytes(std::string(1024, '2'))).ok());
  const CrashReplayer replayer = AtEnd(fs);
  const auto sectors = [](char a, char b) { return std::string(512, a) + std::string(512, b); };
  EXPECT_THAT(Outcomes(replayer, "/db/f", {CrashPolicy::kLoseAll}), ElementsAre(sectors('o', 'o')));
  EXPECT_THAT(Outcomes(replayer, "/db/f", {CrashPolicy::kKeepAll}), ElementsAre(sectors('2', '2')));
  EXPECT_THAT(Outcomes(replayer, "/db/f", {CrashPolicy::kRandomOps}),
              UnorderedElementsAre(sectors('o', 'o'), sectors('1', '1'), sectors('2', '2')));
  // In order: the head of the second only over all of the first.
  EXPECT_THAT(Outcomes(replayer, "/db/f", {CrashPolicy::kPrefix}),
              UnorderedElementsAre(sectors('o', 'o'), sectors('1', 'o'), sectors('1', '1'),
                                   sectors('2', '1'), sectors('2', '2')));
  EXPECT_EQ(Outcomes(replayer, "/db/f", {CrashPolicy::kRandomSectors}, 1000).size(), 9U);
  const auto garbage = Outcomes(replayer, "/db/f", {CrashPolicy::kGarbage});
  EXPECT_TRUE(std::ranges::any_of(
      garbage, [](const std::string& text) { return text.find_first_not_of("o12") != text.npos; }));
}

TEST(CrashReplayer, WritesToTwoFilesReachTheDiskInAnyOrder) {
  SimImage image;
  image.AddFile("/a", "old");
  image.AddFile("/b", "old");
  SimFileSystem fs(image);
  Put(fs, "/a", "new");
  Put(fs, "/b", "new");
  const CrashReplayer replayer = AtEnd(fs);
  std::mt19937_64 random(TestSeed(6));
  std::set<std::string> any;
  std::set<std::string> in_order;
  for (int i = 0; i < 300; ++i) {
    const SimImage loose = replayer.PowerLoss(random, CrashPolicy::kRandomSectors);
    any.insert(Content(loose, "/a") + Content(loose, "/b"));
    const SimImage prefix = replayer.PowerLoss(random, CrashPolicy::kPrefix);
    in_order.insert(Content(prefix, "/a") + Content(prefix, "/b"));
  }
  EXPECT_THAT(any, UnorderedElementsAre("oldold", "oldnew", "newold", "newnew"));
  EXPECT_THAT(in_order, UnorderedElementsAre("oldold", "newold", "newnew"));
}

TEST(CrashReplayer, TheSizeMaySurviveWithoutTheDataAndTheOtherWayRound) {
  SimFileSystem fs(ImageWith("head"));
  const std::unique_ptr<File> file = OpenFile(fs, "/db/f");
  ASSERT_TRUE(file->WriteAt(512, Bytes(std::string(1024, 'd'))).ok());
  const auto outcomes = Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kRandomSectors}, 1000);
  std::string text = "head";
  EXPECT_THAT(outcomes, Contains(text));
  text.resize(1536, '\0');
  EXPECT_THAT(outcomes, Contains(text)) << "a tail of zeros";
  text.replace(1024, 512, std::string(512, 'd'));
  EXPECT_THAT(outcomes, Contains(text)) << "a hole of zeros before the data";
  text.replace(512, 512, std::string(512, 'd'));
  EXPECT_THAT(outcomes, Contains(text));
  text.resize(1024);
  EXPECT_THAT(outcomes, Contains(text)) << "the end lost with its data";
}

TEST(CrashReplayer, AllocationAndTruncationSurviveOrNot) {
  SimFileSystem grown(ImageWith("abc"));
  ASSERT_TRUE(OpenFile(grown, "/db/f")->Allocate(0, 5).ok());
  EXPECT_THAT(Outcomes(AtEnd(grown), "/db/f", {CrashPolicy::kRandomSectors}),
              UnorderedElementsAre("abc", std::string("abc\0\0", 5)));
  SimFileSystem reserved(ImageWith("abc"));
  ASSERT_TRUE(OpenFile(reserved, "/db/f")->Reserve(0, 5).ok());
  EXPECT_THAT(Outcomes(AtEnd(reserved), "/db/f", {CrashPolicy::kRandomSectors}),
              ElementsAre("abc"));
  SimFileSystem cut(ImageWith("abc"));
  const std::unique_ptr<File> file = OpenFile(cut, "/db/f");
  ASSERT_TRUE(file->Truncate(0).ok());
  ASSERT_TRUE(file->WriteAt(0, Bytes("x")).ok());
  EXPECT_THAT(Outcomes(AtEnd(cut), "/db/f", {CrashPolicy::kRandomOps}),
              UnorderedElementsAre("abc", "", "xbc", "x"));
  ASSERT_TRUE(file->SyncData().ok());
  EXPECT_THAT(Outcomes(AtEnd(cut), "/db/f", {CrashPolicy::kRandomOps}), ElementsAre("x"));
}

TEST(CrashReplayer, AHoleSurvivesSectorBySectorUntilItIsSynced) {
  const std::string old = std::string(512, 'a') + std::string(512, 'b');
  SimFileSystem fs(ImageWith(old));
  const std::unique_ptr<File> file = OpenFile(fs, "/db/f");
  ASSERT_TRUE(file->Deallocate(0, 1024).ok());
  std::string first = old;
  first.replace(0, 512, 512, '\0');
  std::string second = old;
  second.replace(512, 512, 512, '\0');
  const std::string both(1024, '\0');
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kRandomSectors}),
              UnorderedElementsAre(old, first, second, both));
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kPrefix}),
              UnorderedElementsAre(old, first, both));
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kRandomOps}),
              UnorderedElementsAre(old, both));
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kLoseAll}), ElementsAre(old));
  // Behind the end nothing comes to be, with noise neither.
  ASSERT_TRUE(file->Deallocate(0, 1 << 20).ok());
  for (const std::string& outcome : Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kGarbage})) {
    EXPECT_EQ(outcome.size(), 1024U);
  }
  ASSERT_TRUE(file->SyncData().ok());
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kLoseAll, CrashPolicy::kGarbage}),
              ElementsAre(both));
}

TEST(CrashReplayer, AFileWithoutASyncedNameMayBeGone) {
  SimFileSystem fs(ImageWith(""));
  const std::unique_ptr<File> file = OpenFile(fs, "/db/new");
  ASSERT_TRUE(file->WriteAndSync(0, Bytes("data")).ok());
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/new", {CrashPolicy::kRandomOps}),
              UnorderedElementsAre("(none)", "data"));
  ASSERT_TRUE(fs.SyncDirectory("/db").ok());
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/new", {CrashPolicy::kRandomOps, CrashPolicy::kLoseAll}),
              ElementsAre("data"));
}

TEST(CrashReplayer, ADirectoryWithoutASyncedNameTakesItsFilesAlong) {
  SimFileSystem fs;
  ASSERT_TRUE(fs.CreateDirectory("/db").ok());
  ASSERT_TRUE(OpenFile(fs, "/db/f")->WriteAndSync(0, Bytes("data")).ok());
  ASSERT_TRUE(fs.SyncDirectory("/db").ok());
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kLoseAll}), ElementsAre("(none)"));
  ASSERT_TRUE(fs.SyncDirectory("/").ok());
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kLoseAll}), ElementsAre("data"));
}

TEST(CrashReplayer, AnUnlinkIsUndoneUntilTheDirectoryIsSynced) {
  SimFileSystem fs(ImageWith("data"));
  ASSERT_TRUE(fs.Unlink("/db/f").ok());
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kRandomSectors}),
              UnorderedElementsAre("(none)", "data"));
  ASSERT_TRUE(fs.SyncDirectory("/db").ok());
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kRandomSectors, CrashPolicy::kLoseAll}),
              ElementsAre("(none)"));
}

TEST(CrashReplayer, ARenameIsNeverHalfThere) {
  SimFileSystem fs(ImageWith("old"));
  ASSERT_TRUE(OpenFile(fs, "/db/tmp")->WriteAndSync(0, Bytes("new")).ok());
  ASSERT_TRUE(fs.Rename("/db/tmp", "/db/f").ok());
  ASSERT_TRUE(fs.Rename("/db/f", "/db/g").ok());
  const CrashReplayer replayer = AtEnd(fs);
  std::mt19937_64 random(TestSeed(7));
  std::set<std::string> outcomes;
  for (const CrashPolicy policy : kAllCrashPolicies) {
    for (int i = 0; i < 300; ++i) {
      const SimImage image = replayer.PowerLoss(random, policy);
      outcomes.insert(Content(image, "/db/tmp") + ' ' + Content(image, "/db/f") + ' ' +
                      Content(image, "/db/g"));
    }
  }
  EXPECT_THAT(outcomes, UnorderedElementsAre("(none) old (none)", "new old (none)",
                                             "(none) new (none)", "(none) (none) new"));
}

TEST(CrashReplayer, ARenameBetweenDirectoriesNeedsBothSynced) {
  SimImage image;
  image.AddFile("/a/f", "data");
  image.AddDirectory("/b");
  SimFileSystem fs(image);
  ASSERT_TRUE(fs.Rename("/a/f", "/b/f").ok());
  ASSERT_TRUE(fs.SyncDirectory("/b").ok());
  EXPECT_THAT(Outcomes(AtEnd(fs), "/a/f", {CrashPolicy::kRandomOps}),
              UnorderedElementsAre("(none)", "data"));
  // A new file of the old name cannot be durable before the name was free.
  SimFileSystem reused(fs.LiveImage());
  ASSERT_TRUE(reused.Rename("/b/f", "/a/f").ok());
  Put(reused, "/b/f", "");
  ASSERT_TRUE(reused.SyncDirectory("/b").ok());
  EXPECT_THAT(Outcomes(AtEnd(reused), "/a/f", {CrashPolicy::kLoseAll}), ElementsAre("data"));
  ASSERT_TRUE(fs.SyncDirectory("/a").ok());
  EXPECT_THAT(Outcomes(AtEnd(fs), "/b/f", {CrashPolicy::kLoseAll}), ElementsAre("data"));
}

TEST(CrashReplayer, ANameThatIsUsedAgainShowsOneFileOrTheOther) {
  SimFileSystem fs(ImageWith("old"));
  ASSERT_TRUE(fs.Unlink("/db/f").ok());
  ASSERT_TRUE(OpenFile(fs, "/db/f", OpenMode::kCreateNew)->WriteAndSync(0, Bytes("new")).ok());
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kRandomOps}),
              UnorderedElementsAre("old", "(none)", "new"));
}

TEST(CrashReplayer, DroppedBytesNeverBecomeDurable) {
  SimFileSystem fs(ImageWith("old"));
  const std::unique_ptr<File> file = OpenFile(fs, "/db/f");
  ASSERT_TRUE(file->WriteAt(0, Bytes("newest")).ok());
  ASSERT_TRUE(fs.DropUnsynced("/db/f").ok());
  EXPECT_EQ(ReadAll(*file), "newest");
  const std::string extended("old\0\0\0", 6);
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/f",
                       {CrashPolicy::kRandomSectors, CrashPolicy::kRandomOps, CrashPolicy::kPrefix,
                        CrashPolicy::kGarbage, CrashPolicy::kKeepAll, CrashPolicy::kLoseAll}),
              UnorderedElementsAre("old", extended));
  // The next sync succeeds and proves nothing about them.
  ASSERT_TRUE(file->WriteAt(1, Bytes("L")).ok());
  ASSERT_TRUE(file->SyncData().ok());
  EXPECT_THAT(Outcomes(AtEnd(fs), "/db/f", {CrashPolicy::kKeepAll, CrashPolicy::kLoseAll}),
              ElementsAre(std::string("oLd\0\0\0", 6)));
  EXPECT_EQ(fs.DropUnsynced("/db/none").code(), Code::kNotFound);
}

TEST(CrashReplayer, MarksSayWhatHadHappened) {
  SimFileSystem fs(ImageWith(""));
  fs.Mark(7);
  Put(fs, "/db/f", "x");
  fs.Mark("checkpoint done");
  fs.Mark(8);
  CrashReplayer replayer = fs.Replay();
  EXPECT_THAT(replayer.numbers(), IsEmpty());
  replayer.AdvanceTo(2);
  EXPECT_THAT(replayer.numbers(), ElementsAre(7));
  EXPECT_THAT(replayer.texts(), IsEmpty());
  EXPECT_EQ(replayer.PendingCount(), 1U);
  replayer.AdvanceTo(fs.OpCount());
  EXPECT_THAT(replayer.numbers(), ElementsAre(7, 8));
  EXPECT_THAT(replayer.texts(), ElementsAre("checkpoint done"));
  EXPECT_EQ(fs.DescribeOp(1), "write /db/f 0+1");
  EXPECT_EQ(fs.DescribeOp(2), "mark checkpoint done");
}

TEST(CrashReplayer, TheSameSeedGivesTheSameImage) {
  SimFileSystem fs(ImageWith(""));
  for (int i = 0; i < 10; ++i) {
    Put(fs, "/db/f" + std::to_string(i), std::string(3000, static_cast<char>('a' + i)));
  }
  const CrashReplayer replayer = AtEnd(fs);
  for (const CrashPolicy policy : kAllCrashPolicies) {
    std::mt19937_64 first(9);
    std::mt19937_64 second(9);
    EXPECT_TRUE(replayer.PowerLoss(first, policy) == replayer.PowerLoss(second, policy));
  }
}

// One of the things a store does, at random.
void Step(SimFileSystem& fs, std::mt19937_64& random) {
  const std::vector<std::string> dirs = {"/", "/a", "/b"};
  const std::string dir = dirs[random() % dirs.size()];
  const std::string path = JoinPath(dir, std::string(1, static_cast<char>('p' + random() % 4)));
  const std::string other = JoinPath(dirs[random() % dirs.size()], "p");
  // Names may be missing; what matters is what happens when they are not.
  switch (random() % 8) {
    case 0:
      fs.Unlink(path).IgnoreError();
      return;
    case 1:
      fs.Rename(path, other).IgnoreError();
      return;
    case 2:
      ASSERT_TRUE(fs.SyncDirectory(dir).ok());
      return;
    default:
      break;
  }
  const std::unique_ptr<File> file = OpenFile(fs, path);
  const std::string data(random() % 5000, static_cast<char>('a' + random() % 26));
  ASSERT_TRUE(file->WriteAt(random() % 20'000, Bytes(data)).ok());
  if (random() % 8 == 0) {
    ASSERT_TRUE(file->Truncate(random() % 20'000).ok());
  }
  if (random() % 8 == 0) {
    ASSERT_TRUE(file->Deallocate(random() % 20'000, random() % 20'000).ok());
  }
  if (random() % 4 == 0) {
    ASSERT_TRUE(file->SyncData().ok());
  }
}

TEST(CrashReplayer, KeepingAllIsTheLiveViewAndLosingAllChangesOnlyWithSyncs) {
  SimImage start;
  start.AddDirectory("/a");
  start.AddDirectory("/b");
  SimFileSystem fs(start);
  std::mt19937_64 random(TestSeed(12));
  CrashReplayer replayer = fs.Replay();
  for (int i = 0; i < 600; ++i) {
    const SimImage durable = replayer.PowerLoss(random, CrashPolicy::kLoseAll);
    const std::size_t before = fs.OpCount();
    Step(fs, random);
    replayer.AdvanceTo(fs.OpCount());
    ASSERT_TRUE(replayer.PowerLoss(random, CrashPolicy::kKeepAll) == fs.LiveImage()) << i;
    bool synced = false;
    for (std::size_t op = before; op < fs.OpCount(); ++op) {
      synced |= fs.DescribeOp(op).rfind("sync", 0) == 0;
    }
    if (!synced) {
      ASSERT_TRUE(replayer.PowerLoss(random, CrashPolicy::kLoseAll) == durable) << i;
    }
    for (const CrashPolicy policy : kAllCrashPolicies) replayer.PowerLoss(random, policy);
  }
  for (const std::string dir : {"/a", "/b", "/"}) ASSERT_TRUE(fs.SyncDirectory(dir).ok());
  for (const std::string& path : fs.LiveImage().Paths()) {
    if (fs.Stat(path)->type == FileType::kRegular) {
      ASSERT_TRUE(OpenFile(fs, path)->SyncData().ok());
    }
  }
  EXPECT_TRUE(AtEnd(fs).PowerLoss(random, CrashPolicy::kLoseAll) == fs.LiveImage());
}

TEST(CrashReplayer, AnImageCostsLittle) {
  SimImage start;
  for (int i = 0; i < 40; ++i) {
    start.AddFile("/db/f" + std::to_string(i), std::string(100 << 10, 'x'));
  }
  SimFileSystem fs(start);
  std::mt19937_64 random(1);
  for (int i = 0; i < 20; ++i) {
    const std::unique_ptr<File> file = OpenFile(fs, "/db/f" + std::to_string(i));
    ASSERT_TRUE(file->WriteAt(random() % (100 << 10), Bytes(std::string(4096, 'y'))).ok());
  }
  const CrashReplayer replayer = AtEnd(fs);
  constexpr int kImages = 2000;
  const auto begin = std::chrono::steady_clock::now();
  std::size_t names = 0;
  for (int i = 0; i < kImages; ++i) {
    SimFileSystem opened(replayer.PowerLoss(random, CrashPolicy::kRandomSectors));
    names += opened.List("/db")->size();
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(names, kImages * 40U);
  RecordProperty("images_per_second", std::to_string(kImages / took.count()));
  std::cout << kImages / took.count() << " images of 4 MB with 20 pending writes a second\n";
}

}  // namespace
}  // namespace engram
