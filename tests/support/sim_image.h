// What a simulated disk holds: a tree of directories and files; and the operations that change it,
// as a trace records them. The running file system, the durable state under it and the image after
// a power loss are all such trees, changed by the same code. Leaves to others: when an operation
// becomes durable (crash_replayer.h), threads (sim_disk.h). Threads: any thread, each on its own
// copy; a copy shares what does not differ.
#ifndef ENGRAM_TESTS_SUPPORT_SIM_IMAGE_H_
#define ENGRAM_TESTS_SUPPORT_SIM_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <engram/result.h>

#include "storage/base/file.h"
#include "tests/support/cow_ptr.h"
#include "tests/support/sim_bytes.h"

namespace engram {

enum class InodeId : std::uint32_t { kRoot = 0 };

// One step of the trace. Which fields count depends on the kind.
struct TraceOp {
  enum class Kind : std::uint8_t {
    kWrite,          // inode, offset, data
    kTruncate,       // inode, length: the new size
    kAllocate,       // inode, offset, length
    kReserve,        // the same; changes nothing that could be read
    kDeallocate,     // the same; what lies there is 0
    kSync,           // inode
    kDropUnsynced,   // inode: a sync failed, what it should have written is never written
    kCreate,         // inode becomes dir/name
    kMakeDirectory,  // the same
    kRename,         // dir/name of inode becomes to_dir/to_name
    kUnlink,         // dir/name of inode goes; directories too
    kSyncDirectory,  // inode
    kMark,           // data, or offset as a number
  };
  Kind kind = Kind::kMark;
  InodeId inode = InodeId::kRoot;
  InodeId dir = InodeId::kRoot;
  InodeId to_dir = InodeId::kRoot;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::string name;
  std::string to_name;
  std::string data;
  std::string path;  // for messages

  // "write /db/LOG 4096+512".
  std::string ToString() const;
};

class SimImage {
 public:
  // An empty root directory.
  SimImage();

  // Building and damaging an image. Parents are made.
  void AddDirectory(const std::string& path);
  void AddFile(const std::string& path, std::string_view content);
  // Null where there is no such file. Valid until the image changes or is copied.
  SimBytes* FindFile(const std::string& path);
  const SimBytes* FindFile(const std::string& path) const;
  bool HasDirectory(const std::string& path) const;
  // Of all files and directories but the root, sorted.
  std::vector<std::string> Paths() const;
  // The same paths with the same bytes.
  friend bool operator==(const SimImage& a, const SimImage& b);

  // For SimDisk and CrashReplayer.
  struct Node {
    FileType type = FileType::kRegular;
    std::map<std::string, InodeId> entries;  // of a directory
    CowPtr<SimBytes> bytes;                  // of a file; null: empty
  };
  struct Place {
    InodeId dir = InodeId::kRoot;
    std::string name;
  };
  // Errors: kNotFound, or kIoError where a file stands in for a directory.
  Result<InodeId> Resolve(const std::string& path) const;
  // The directory must exist, the name need not.
  Result<Place> ResolveParent(const std::string& path) const;
  const Node& node(InodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  Node& node(InodeId id) { return nodes_[static_cast<std::size_t>(id)]; }
  InodeId next_inode() const { return static_cast<InodeId>(nodes_.size()); }
  // Without a name yet. Pre: `id` is next_inode().
  void AddNode(InodeId id, FileType type);
  // False, and nothing is changed, where the names are not as the operation needs them: an earlier
  // one was lost.
  bool ApplyName(const TraceOp& op);
  void ApplyData(const TraceOp& op);
  // One flag an inode: whether a path leads to it.
  std::vector<bool> Reachable() const;
  // The same tree without inodes that no path leads to, numbered anew.
  SimImage Compacted() const;

 private:
  InodeId FindEntry(InodeId dir, const std::string& name) const;  // kRoot: there is none
  void CopyTree(const SimImage& from, InodeId from_id, InodeId to_id);
  void ListInto(InodeId dir, const std::string& prefix, std::vector<std::string>* paths) const;
  void Reach(InodeId id, std::vector<bool>* reached) const;

  std::vector<Node> nodes_;  // by InodeId
};

// "/a/b" for "a//b/": the one spelling of a path. "." and ".." are taken out by name.
std::string NormalizePath(const std::string& path);

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_SIM_IMAGE_H_
