// A store on real files that is damaged again and again, each time from the same bytes.
#ifndef ENGRAM_TESTS_ENGINE_CORRUPTION_FIXTURE_H_
#define ENGRAM_TESTS_ENGINE_CORRUPTION_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/verify.h"
#include "tests/engine/raw_store_fixture.h"
#include "wal/log_reader.h"

namespace engram {

// A field of a struct on disk.
struct FieldPlace {
  const char* name;
  std::size_t offset;
  std::size_t bytes;
};
#define ENGRAM_FIELD(type, member) \
  ::engram::FieldPlace { #member, offsetof(type, member), sizeof(type::member) }

std::vector<FieldPlace> SuperblockFields();
std::vector<FieldPlace> ExtentTableFields();  // the header's
std::vector<FieldPlace> ExtentFields();
std::vector<FieldPlace> PageFields();
std::vector<FieldPlace> NodeFields();
std::vector<FieldPlace> UpperFields();
std::vector<FieldPlace> JournalFields();
std::vector<FieldPlace> JournalImageFields();
std::vector<FieldPlace> SegmentFields();
std::vector<FieldPlace> FrameFields();

class CorruptionTest : public RawStoreTest {
 protected:
  // Every pattern by id, with all that a caller can see of it.
  using Content = std::map<PatternId, std::string>;

  enum class Damage { kOneBit, kOnes, kZeros };
  static constexpr Damage kDamages[] = {Damage::kOneBit, Damage::kOnes, Damage::kZeros};

  // Makes the store, keeps its bytes for Restore(), and learns what it holds.
  void MakeAndKeep(End end);
  void Keep();  // the bytes alone
  void Restore();
  const Content& expected() const { return expected_; }

  // False where these bytes were already so.
  bool Spoil(const std::string& name, std::uint64_t offset, std::size_t bytes, Damage damage);
  void Truncate(const std::string& name, std::uint64_t size);
  void Put(const std::string& name, std::uint64_t offset, std::span<const std::byte> bytes);

  // Both openings fail with `code`, and say so of `named`; no byte on disk is another afterwards.
  // A store that needs a recovery is refused read-only for that (kNotSupported), too.
  void ExpectRefused(Code code, const std::string& named);
  // Both openings give all data; read-only may be refused where a recovery is due.
  void ExpectRight();
  // The one or the other. Returns whether it was right.
  bool ExpectRightOrRefused(Code code, const std::string& named);
  // Verify has something to say about it.
  void ExpectFinding(const std::string& named);
  // For each field of a struct at `offset` of a file and each kind of damage.
  void ForEachDamage(const std::string& name, std::uint64_t offset,
                     const std::vector<FieldPlace>& fields, const std::function<void()>& expect);

  struct Attempt {
    Status status;
    Content content;
  };
  Attempt Try(Engine::Access access);

  Superblock ReadSuperblock(unsigned slot) const;
  unsigned NewerSlot() const;
  std::vector<FrameInfo> Frames() const;
  std::string InLog(const std::string& segment_path) const;  // "wal/..."

 private:
  // Everything but what an opening may touch: the name in LOCK, and RocksDB's own housekeeping.
  std::vector<std::string> Files() const;
  void CheckRefusal(const Attempt& attempt, Engine::Access access, Code code,
                    const std::string& named);

  TempDir kept_;
  Content expected_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_ENGINE_CORRUPTION_FIXTURE_H_
