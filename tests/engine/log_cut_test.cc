// The log of a killed store cut at every byte, and with a hole at every byte: what opens is the
// state after a whole number of commits, or a commit that something proves durable is missed by
// name. Never wrong data, never a crash.
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/vector_rules.h"
#include "storage/base/coding.h"
#include "tests/support/counts.h"
#include "tests/support/manual_clock.h"
#include "tests/support/sim_file_system.h"
#include "wal/log_reader.h"

namespace engram {
namespace {

// A huge page for each segment of each small store would be cleared for nothing.
const int kHugePagesOff = prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);

constexpr const char* kDirectory = "/store";
constexpr std::uint32_t kDimensions = 4;

// Where a checkpoint, and so a proof of what was durable, comes in the history.
enum class Checkpoint { kNone, kInTheMiddle };

class LogCutTest : public testing::TestWithParam<Checkpoint> {
 protected:
  using Content = std::map<PatternId, std::string>;

  void SetUp() override {
    const auto disk = std::make_shared<SimFileSystem>();
    {
      auto opened = Engine::Open(kDirectory, Options(disk), Engine::Access::kReadWrite);
      ASSERT_TRUE(opened.ok()) << opened.status();
      Engine& engine = **opened;
      states_[engine.GetStats()->last_lsn] = ContentOf(engine);
      Play(engine);
      for (const std::string& path : disk->LiveImage().Paths()) {
        if (path.ends_with(".wal")) segment_ = path;
      }
      checkpoint_ = engine.GetStats()->checkpoint_lsn;
      image_ = disk->LiveImage();  // the process dies
      disk->FreezeAt(disk->OpCount());
    }
    LogReaderOptions options;
    options.file_system = std::make_shared<SimFileSystem>(image_);
    options.directory = JoinPath(kDirectory, "wal");
    options.store_id = StoreId();
    ASSERT_TRUE(ForEachFrame(options, [this](const FrameInfo& f) {
                  if (f.segment == segment_) frames_.push_back(f);
                }).ok());
    ASSERT_GE(frames_.size(), 10U);
  }

  // Durable at once and later, small and of several blocks; each kind of operation.
  void Play(Engine& engine) {
    for (int round = 0; round < 2; ++round) {
      Insert(engine, 1, Durability::kSync);
      Insert(engine, 2, Durability::kNone);
      Insert(engine, 1, Durability::kNone);
      Commit(engine, {PendingErase{1 + static_cast<PatternId>(round)}}, Durability::kNone);
      if (round == 0 && GetParam() == Checkpoint::kInTheMiddle) {
        ASSERT_TRUE(engine.Checkpoint().ok());
      }
      Insert(engine, round == 0 ? 30 : 1, Durability::kNone);
      const std::vector<float> vector(kDimensions, 0.5F);
      PendingUpdate update;
      update.id = 3;
      update.vector = vector;
      update.norm = VectorNorm(vector);
      Commit(engine, {update}, Durability::kSync);
    }
    Insert(engine, 2, Durability::kNone);  // of this nobody was promised anything
  }

  void Insert(Engine& engine, std::size_t count, Durability durability) {
    std::vector<std::vector<float>> vectors;
    std::vector<PendingOp> ops;
    for (std::size_t i = 0; i < count; ++i) {
      vectors.emplace_back(kDimensions, static_cast<float>(++made_));
      PendingInsert insert;
      insert.vector = vectors.back();
      insert.norm = VectorNorm(vectors.back());
      insert.metadata = *EncodedMetadata({{"n", static_cast<std::int64_t>(made_)}});
      ops.emplace_back(std::move(insert));
    }
    // Views of the vectors: `vectors` has its place by now.
    for (std::size_t i = 0; i < count; ++i) std::get<PendingInsert>(ops[i]).vector = vectors[i];
    Commit(engine, std::move(ops), durability);
  }

  void Commit(Engine& engine, std::vector<PendingOp> ops, Durability durability) {
    Transaction transaction;
    transaction.ops = std::move(ops);
    transaction.durability = durability;
    engine.Commit(transaction);
    ASSERT_TRUE(transaction.status.ok()) << transaction.status;
    states_[transaction.lsn] = ContentOf(engine);
  }

  EngineOptions Options(std::shared_ptr<FileSystem> files) {
    EngineOptions config;
    config.file_system = std::move(files);
    config.clock = &clock_;
    config.min_extent_bytes = 16 << 10;
    config.options.dimensions = kDimensions;
    config.options.m = 2;
    config.options.journal_bytes = 64 << 10;
    config.options.log_segment_bytes = 128 << 10;  // all in one segment
    config.options.metadata_buffer_bytes = 1 << 20;
    config.options.background_threads = 0;
    config.options.search_threads = 1;
    return config;
  }

  static Content ContentOf(Engine& engine) {
    Content content;
    const Status status = engine.ForEach(
        [&](const Pattern& pattern) {
          std::string text = "version " + std::to_string(Raw(pattern.version));
          for (const float component : pattern.vector) text += " " + std::to_string(component);
          for (const auto& [name, value] : pattern.metadata) {
            text += " " + name + " " + std::to_string(*value.As<std::int64_t>());
          }
          return content.emplace(pattern.id, std::move(text)).second;
        },
        {});
    EXPECT_TRUE(status.ok()) << status;
    return content;
  }

  std::uint64_t StoreId() const {
    const SimBytes* file = image_.FindFile(JoinPath(kDirectory, "graph.engram"));
    std::uint64_t id = 0;
    for (unsigned slot = 0; slot < 2 && id == 0;
         ++slot) {  // one of them may never have been written
      file->Read(SuperblockOffset(slot) + offsetof(Superblock, store_id),
                 std::as_writable_bytes(std::span(&id, 1)));
    }
    return id;
  }

  // Up to where the log goes where nothing at or behind `offset` is right.
  Lsn LastBefore(std::uint64_t offset) const {
    Lsn last = static_cast<Lsn>(Raw(frames_.front().header.lsn) - 1);
    for (const FrameInfo& frame : frames_) {
      if (frame.offset + frame.header.frame_bytes > offset) break;
      if (frame.header.kind == FrameKind::kLast) last = frame.header.lsn;
    }
    return last;
  }

  // The state after the newest commit at or before `lsn` that a caller made.
  const Content& StateAt(Lsn lsn) const { return std::prev(states_.upper_bound(lsn))->second; }

  // What opening `image` finds, where the log goes up to `last` and `durable` is proved.
  void Check(const SimImage& image, Lsn last, Lsn durable) {
    const auto files = std::make_shared<SimFileSystem>(image);
    auto opened = Engine::Open(kDirectory, Options(files), Engine::Access::kReadWrite);
    if (last < durable) {
      ++refused_;
      EXPECT_EQ(opened.code(), Code::kCorruptedIndex) << opened.status();
      EXPECT_NE(opened.status().message().find(segment_), std::string_view::npos)
          << opened.status();
      EXPECT_NE(opened.status().message().find("expected commit " + std::to_string(Raw(last) + 1)),
                std::string_view::npos)
          << opened.status();
      return;
    }
    ++opened_;
    ASSERT_TRUE(opened.ok()) << opened.status();
    ASSERT_TRUE(ContentOf(**opened) == StateAt(last)) << "not the state after commit " << Raw(last);
    files->FreezeAt(files->OpCount());
  }

  std::uint64_t EndOfFrames() const {
    return frames_.back().offset + frames_.back().header.frame_bytes;
  }
  // Not in the padding between frames, where one place is like another, but at its edges.
  bool IsInFrame(std::uint64_t offset) const {
    return std::any_of(frames_.begin(), frames_.end(), [offset](const FrameInfo& frame) {
      return offset >= frame.offset && offset <= frame.offset + frame.header.frame_bytes + 1;
    });
  }

  ManualClock clock_{1'700'000'000'000'000};
  std::uint64_t made_ = 0;
  std::map<Lsn, Content> states_;
  std::string segment_;
  Lsn checkpoint_ = Lsn::kNone;
  SimImage image_;
  std::vector<FrameInfo> frames_;
  std::uint64_t opened_ = 0;
  std::uint64_t refused_ = 0;
};

TEST_P(LogCutTest, CutAtAnyByteLeavesTheCommitsBeforeIt) {
  for (std::uint64_t cut = kLogBlockBytes; cut <= EndOfFrames() + 1; ++cut) {
    if (!IsInFrame(cut) && cut % 512 != 0) continue;
    SCOPED_TRACE("cut at " + std::to_string(cut));
    SimImage image = image_;
    image.FindFile(segment_)->Resize(cut);
    Check(image, LastBefore(cut), checkpoint_);
    if (HasFailure()) return;
  }
  EXPECT_EQ(refused_ > 0, GetParam() == Checkpoint::kInTheMiddle);
  PrintCounts({{"cuts opened", opened_}, {"cuts refused", refused_}});
}

TEST_P(LogCutTest, ByteChangedAnywhereInAFrameIsNeverPassedOver) {
  for (const FrameInfo& frame : frames_) {
    // Whatever of it is behind the change is no proof any more, frames behind it are.
    Lsn durable = checkpoint_;
    for (const FrameInfo& later : frames_) {
      if (later.offset > frame.offset) durable = std::max(durable, later.header.durable_through);
    }
    for (std::uint64_t at = frame.offset; at < frame.offset + frame.header.frame_bytes; at += 3) {
      SCOPED_TRACE("changed at " + std::to_string(at));
      SimImage image = image_;
      SimBytes* file = image.FindFile(segment_);
      std::byte byte{};
      file->Read(at, {&byte, 1});
      byte ^= std::byte{0x20};
      file->Write(at, {&byte, 1});
      Check(image, LastBefore(frame.offset), durable);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(refused_, 0U);
  EXPECT_GT(opened_, 0U);
  PrintCounts({{"changes opened", opened_}, {"changes refused", refused_}});
}

TEST_P(LogCutTest, HeaderBlockCutAnywhereIsNamed) {
  for (std::uint64_t cut = 0; cut < kLogBlockBytes; cut += cut < 64 ? 1 : 97) {
    SimImage image = image_;
    image.FindFile(segment_)->Resize(cut);
    const auto files = std::make_shared<SimFileSystem>(image);
    const auto opened = Engine::Open(kDirectory, Options(files), Engine::Access::kReadWrite);
    ASSERT_EQ(opened.code(), Code::kCorruptedIndex) << cut << ": " << opened.status();
    ASSERT_NE(opened.status().message().find(segment_), std::string_view::npos) << opened.status();
  }
}

INSTANTIATE_TEST_SUITE_P(Log, LogCutTest,
                         testing::Values(Checkpoint::kNone, Checkpoint::kInTheMiddle),
                         [](const auto& log) {
                           return std::string(log.param == Checkpoint::kNone ? "WithoutCheckpoint"
                                                                             : "WithCheckpoint");
                         });

}  // namespace
}  // namespace engram
