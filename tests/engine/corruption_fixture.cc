#include "tests/engine/corruption_fixture.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include "engine/vector_rules.h"
#include "index/node_layout.h"
#include "storage/base/coding.h"
#include "wal/log_format.h"

namespace engram {

std::vector<FieldPlace> SuperblockFields() {
  return {ENGRAM_FIELD(Superblock, checksum),
          ENGRAM_FIELD(Superblock, magic),
          ENGRAM_FIELD(Superblock, format_version),
          ENGRAM_FIELD(Superblock, slot),
          ENGRAM_FIELD(Superblock, required_features),
          ENGRAM_FIELD(Superblock, optional_features),
          ENGRAM_FIELD(Superblock, store_id),
          ENGRAM_FIELD(Superblock, checkpoint),
          ENGRAM_FIELD(Superblock, lsn),
          ENGRAM_FIELD(Superblock, log_generation),
          ENGRAM_FIELD(Superblock, created_us),
          ENGRAM_FIELD(Superblock, parameters.seed),
          ENGRAM_FIELD(Superblock, parameters.dimensions),
          ENGRAM_FIELD(Superblock, parameters.m),
          ENGRAM_FIELD(Superblock, parameters.metric),
          ENGRAM_FIELD(Superblock, parameters.code_bits),
          ENGRAM_FIELD(Superblock, parameters.reserved0),
          ENGRAM_FIELD(Superblock, parameters.page_bytes),
          ENGRAM_FIELD(Superblock, parameters.journal_blocks),
          ENGRAM_FIELD(Superblock, parameters.reserved1),
          ENGRAM_FIELD(Superblock, state.live),
          ENGRAM_FIELD(Superblock, state.dead),
          ENGRAM_FIELD(Superblock, state.next_id),
          ENGRAM_FIELD(Superblock, state.reserved_id),
          ENGRAM_FIELD(Superblock, state.clock_us),
          ENGRAM_FIELD(Superblock, state.node_slots),
          ENGRAM_FIELD(Superblock, state.upper_slots),
          ENGRAM_FIELD(Superblock, state.entry_point),
          ENGRAM_FIELD(Superblock, state.top_level),
          ENGRAM_FIELD(Superblock, state.sweep_cursor),
          ENGRAM_FIELD(Superblock, extent_table_checksum),
          ENGRAM_FIELD(Superblock, defaults),
          ENGRAM_FIELD(Superblock, progress.horizon),
          ENGRAM_FIELD(Superblock, progress.sweep_through),
          ENGRAM_FIELD(Superblock, progress.sweep_next),
          ENGRAM_FIELD(Superblock, progress.reserved),
          ENGRAM_FIELD(Superblock, reserved)};
}

std::vector<FieldPlace> ExtentTableFields() {
  return {ENGRAM_FIELD(ExtentTableHeader, checksum), ENGRAM_FIELD(ExtentTableHeader, magic),
          ENGRAM_FIELD(ExtentTableHeader, store_id), ENGRAM_FIELD(ExtentTableHeader, checkpoint),
          ENGRAM_FIELD(ExtentTableHeader, count),    ENGRAM_FIELD(ExtentTableHeader, reserved)};
}

std::vector<FieldPlace> ExtentFields() {
  return {ENGRAM_FIELD(ExtentEntry, file_offset), ENGRAM_FIELD(ExtentEntry, pages),
          ENGRAM_FIELD(ExtentEntry, segment), ENGRAM_FIELD(ExtentEntry, reserved)};
}

std::vector<FieldPlace> PageFields() {
  return {ENGRAM_FIELD(PageHeader, checksum), ENGRAM_FIELD(PageHeader, store_id),
          ENGRAM_FIELD(PageHeader, lsn),      ENGRAM_FIELD(PageHeader, page),
          ENGRAM_FIELD(PageHeader, segment),  ENGRAM_FIELD(PageHeader, reserved0),
          ENGRAM_FIELD(PageHeader, reserved1)};
}

std::vector<FieldPlace> NodeFields() {
  return {ENGRAM_FIELD(NodeHeader, id),           ENGRAM_FIELD(NodeHeader, version),
          ENGRAM_FIELD(NodeHeader, valid_from),   ENGRAM_FIELD(NodeHeader, valid_to),
          ENGRAM_FIELD(NodeHeader, timestamp_us), ENGRAM_FIELD(NodeHeader, when_us),
          ENGRAM_FIELD(NodeHeader, type),         ENGRAM_FIELD(NodeHeader, norm),
          ENGRAM_FIELD(NodeHeader, upper),        ENGRAM_FIELD(NodeHeader, link_count),
          ENGRAM_FIELD(NodeHeader, level),        ENGRAM_FIELD(NodeHeader, flags)};
}

std::vector<FieldPlace> UpperFields() {
  return {ENGRAM_FIELD(UpperHeader, node), ENGRAM_FIELD(UpperHeader, above),
          ENGRAM_FIELD(UpperHeader, link_count), ENGRAM_FIELD(UpperHeader, level),
          ENGRAM_FIELD(UpperHeader, reserved)};
}

std::vector<FieldPlace> JournalFields() {
  return {ENGRAM_FIELD(JournalHeader, checksum),    ENGRAM_FIELD(JournalHeader, magic),
          ENGRAM_FIELD(JournalHeader, store_id),    ENGRAM_FIELD(JournalHeader, checkpoint),
          ENGRAM_FIELD(JournalHeader, round),       ENGRAM_FIELD(JournalHeader, images),
          ENGRAM_FIELD(JournalHeader, image_bytes), ENGRAM_FIELD(JournalHeader, generation),
          ENGRAM_FIELD(JournalHeader, reserved)};
}

std::vector<FieldPlace> JournalImageFields() {
  return {
      ENGRAM_FIELD(JournalImageHeader, checksum),   ENGRAM_FIELD(JournalImageHeader, store_id),
      ENGRAM_FIELD(JournalImageHeader, checkpoint), ENGRAM_FIELD(JournalImageHeader, round),
      ENGRAM_FIELD(JournalImageHeader, page),       ENGRAM_FIELD(JournalImageHeader, page_bytes),
      ENGRAM_FIELD(JournalImageHeader, segment),    ENGRAM_FIELD(JournalImageHeader, reserved0),
      ENGRAM_FIELD(JournalImageHeader, generation), ENGRAM_FIELD(JournalImageHeader, reserved1)};
}

std::vector<FieldPlace> SegmentFields() {
  return {
      ENGRAM_FIELD(SegmentHeader, checksum),       ENGRAM_FIELD(SegmentHeader, magic),
      ENGRAM_FIELD(SegmentHeader, format_version), ENGRAM_FIELD(SegmentHeader, generation),
      ENGRAM_FIELD(SegmentHeader, store_id),       ENGRAM_FIELD(SegmentHeader, first_lsn),
      ENGRAM_FIELD(SegmentHeader, previous_end),   ENGRAM_FIELD(SegmentHeader, previous_generation),
      ENGRAM_FIELD(SegmentHeader, reserved)};
}

std::vector<FieldPlace> FrameFields() {
  return {ENGRAM_FIELD(FrameHeader, checksum),
          ENGRAM_FIELD(FrameHeader, frame_bytes),
          ENGRAM_FIELD(FrameHeader, generation),
          ENGRAM_FIELD(FrameHeader, lsn),
          ENGRAM_FIELD(FrameHeader, durable_through),
          ENGRAM_FIELD(FrameHeader, part),
          ENGRAM_FIELD(FrameHeader, kind),
          ENGRAM_FIELD(FrameHeader, reserved)};
}

void CorruptionTest::Keep() {
  std::filesystem::remove_all(kept_.File("store"));
  std::filesystem::copy(path(), kept_.File("store"), std::filesystem::copy_options::recursive);
}

void CorruptionTest::MakeAndKeep(End end) {
  MakeStore(end);
  Keep();
  Attempt whole = Try(Engine::Access::kReadWrite);
  ASSERT_TRUE(whole.status.ok()) << whole.status;
  ASSERT_GT(whole.content.size(), 100U);
  expected_ = std::move(whole.content);
  Restore();
}

void CorruptionTest::Restore() {
  std::filesystem::remove_all(path());
  std::filesystem::copy(kept_.File("store"), path(), std::filesystem::copy_options::recursive);
}

bool CorruptionTest::Spoil(const std::string& name, std::uint64_t offset, std::size_t bytes,
                           Damage damage) {
  std::vector<std::byte> now(bytes);
  Edit(name, [&](File& file) { ASSERT_TRUE(ReadExactly(file, offset, now).ok()); });
  std::vector<std::byte> then = now;
  if (damage == Damage::kOneBit) then[bytes / 2] ^= std::byte{0x04};
  if (damage == Damage::kOnes) std::fill(then.begin(), then.end(), std::byte{0xff});
  if (damage == Damage::kZeros) std::fill(then.begin(), then.end(), std::byte{0});
  Put(name, offset, then);
  return then != now;
}

void CorruptionTest::Truncate(const std::string& name, std::uint64_t size) {
  Edit(name, [size](File& file) { ASSERT_TRUE(file.Truncate(size).ok()); });
}

void CorruptionTest::Put(const std::string& name, std::uint64_t offset,
                         std::span<const std::byte> bytes) {
  Edit(name, [&](File& file) { ASSERT_TRUE(file.WriteAt(offset, bytes).ok()); });
}

CorruptionTest::Attempt CorruptionTest::Try(Engine::Access access) {
  Attempt attempt;
  EngineOptions options = Options();
  options.options.create_if_missing = false;
  auto engine = Engine::Open(path(), options, access);
  attempt.status = engine.status();
  if (!engine.ok()) return attempt;
  attempt.status = (*engine)->ForEach(
      [&](const Pattern& pattern) {
        std::string text(reinterpret_cast<const char*>(pattern.vector.data()),
                         pattern.vector.size() * sizeof(float));
        const std::vector<std::byte> metadata = *EncodedMetadata(pattern.metadata);
        text.append(reinterpret_cast<const char*>(metadata.data()), metadata.size());
        text += " type " + std::to_string(pattern.type) + " version " +
                std::to_string(Raw(pattern.version)) + " at " +
                std::to_string(pattern.timestamp.time_since_epoch().count()) + " inserted " +
                std::to_string(pattern.inserted_at.time_since_epoch().count());
        return attempt.content.emplace(pattern.id, std::move(text)).second;
      },
      {});
  return attempt;
}

std::vector<std::string> CorruptionTest::Files() const {
  std::vector<std::string> all;
  for (std::string& file : Everything()) {
    const std::string name = file.substr(path().size() + 1, file.find(' ') - path().size() - 1);
    if (name != "LOCK" && !name.starts_with("meta")) all.push_back(std::move(file));
  }
  return all;
}

void CorruptionTest::CheckRefusal(const Attempt& attempt, Engine::Access access, Code code,
                                  const std::string& named) {
  const std::string message(attempt.status.message());
  const bool unclean = access == Engine::Access::kReadOnly &&
                       attempt.status.code() == Code::kNotSupported &&
                       message.find("was not closed cleanly") != std::string::npos;
  if (unclean) return;
  EXPECT_EQ(attempt.status.code(), code) << attempt.status;
  EXPECT_NE(message.find(named), std::string::npos) << attempt.status << "\nshould name " << named;
}

bool CorruptionTest::ExpectRightOrRefused(Code code, const std::string& named) {
  bool right = false;
  for (const auto access : {Engine::Access::kReadOnly, Engine::Access::kReadWrite}) {
    const std::vector<std::string> before = Files();
    const Attempt attempt = Try(access);
    right = attempt.status.ok();
    if (right) {
      EXPECT_EQ(attempt.content == expected_, true) << "other patterns than were stored";
    } else {
      CheckRefusal(attempt, access, code, named);
      EXPECT_EQ(Files() == before, true) << "the failed opening changed files: " << attempt.status;
    }
  }
  return right;
}

void CorruptionTest::ExpectRefused(Code code, const std::string& named) {
  EXPECT_FALSE(ExpectRightOrRefused(code, named)) << "opened, though damaged";
}

void CorruptionTest::ExpectRight() {
  for (const auto access : {Engine::Access::kReadOnly, Engine::Access::kReadWrite}) {
    const Attempt attempt = Try(access);
    if (access == Engine::Access::kReadOnly && attempt.status.code() == Code::kNotSupported)
      continue;
    ASSERT_TRUE(attempt.status.ok()) << attempt.status;
    EXPECT_EQ(attempt.content == expected_, true) << "other patterns than were stored";
  }
}

void CorruptionTest::ExpectFinding(const std::string& named) {
  const auto report = VerifyStore(files_, path());
  if (report.code() == Code::kNotSupported) return;
  ASSERT_TRUE(report.ok()) << report.status();
  const bool found = std::any_of(
      report->findings.begin(), report->findings.end(),
      [&](const Finding& f) { return (f.where + ": " + f.what).find(named) != std::string::npos; });
  EXPECT_TRUE(found) << "verify says nothing of " << named << ", but has "
                     << report->findings.size() << " findings";
}

void CorruptionTest::ForEachDamage(const std::string& name, std::uint64_t offset,
                                   const std::vector<FieldPlace>& fields,
                                   const std::function<void()>& expect) {
  for (const FieldPlace& field : fields) {
    for (const Damage damage : kDamages) {
      SCOPED_TRACE(name + " at " + std::to_string(offset) + ": " + field.name + ", damage " +
                   std::to_string(static_cast<int>(damage)));
      if (Spoil(name, offset + field.offset, field.bytes, damage)) expect();
      Restore();
    }
  }
}

Superblock CorruptionTest::ReadSuperblock(unsigned slot) const {
  const std::string bytes = Read("graph.engram");
  return LoadAs<Superblock>(std::as_bytes(std::span(bytes)).subspan(SuperblockOffset(slot)).data());
}

unsigned CorruptionTest::NewerSlot() const {
  return ReadSuperblock(1).checkpoint > ReadSuperblock(0).checkpoint ? 1 : 0;
}

std::vector<FrameInfo> CorruptionTest::Frames() const {
  LogReaderOptions options;
  options.file_system = files_;
  options.directory = PathOf("wal");
  options.store_id = ReadSuperblock(NewerSlot()).store_id;
  std::vector<FrameInfo> frames;
  EXPECT_TRUE(ForEachFrame(options, [&](const FrameInfo& f) { frames.push_back(f); }).ok());
  return frames;
}

std::string CorruptionTest::InLog(const std::string& segment_path) const {
  return "wal" + segment_path.substr(segment_path.find_last_of('/'));
}

}  // namespace engram
