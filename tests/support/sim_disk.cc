#include "tests/support/sim_disk.h"

#include <algorithm>
#include <utility>

#include "storage/base/check.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"

namespace engram {

using Kind = TraceOp::Kind;

namespace {

// Above it a range is a number read from a damaged file, not one that a test means.
constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 40;
// Space comes and goes in these.
constexpr std::uint64_t kRoomBytes = 4096;

Status CheckRange(const std::string& path, std::uint64_t offset, std::uint64_t length) {
  if (offset <= kLargestFile && length <= kLargestFile - offset) return {};
  return Status::IoError(path + ": file too large: " + std::to_string(offset) + '+' +
                         std::to_string(length));
}

}  // namespace

// Numbered alike in both trees, or the trace could not be replayed over the first.
SimDisk::SimDisk(const SimImage& image) : initial_(image.Compacted()), live_(initial_) {}

Status SimDisk::Apply(TraceOp op) {
  if (trace_.size() >= freeze_at_) return Status::IoError("simulated crash: " + op.ToString());
  switch (op.kind) {
    case Kind::kWrite:
    case Kind::kTruncate:
    case Kind::kAllocate:
    case Kind::kDeallocate:
      live_.ApplyData(op);
      NoteHoles(op);
      modified_[op.inode] = trace_.size();
      break;
    case Kind::kCreate:
    case Kind::kMakeDirectory:
      live_.AddNode(op.inode, op.kind == Kind::kCreate ? FileType::kRegular : FileType::kDirectory);
      [[fallthrough]];
    case Kind::kRename:
    case Kind::kUnlink:
      ENGRAM_CHECK(live_.ApplyName(op));
      break;
    case Kind::kReserve:
    case Kind::kSync:
    case Kind::kDropUnsynced:
    case Kind::kSyncDirectory:
    case Kind::kMark:
      break;  // nothing that the running process could see
  }
  Show(op);
  trace_.push_back(std::move(op));
  return {};
}

void SimDisk::Show(const TraceOp& op) {
  const auto view = views_.find(op.inode);
  if (view == views_.end()) return;
  if (op.kind == Kind::kWrite) {
    view->second.Write(op.offset, std::as_bytes(std::span(op.data)));
  } else if (op.kind == Kind::kTruncate) {
    view->second.Resize(op.length);
  } else if (op.kind == Kind::kAllocate) {
    view->second.GrowTo(op.offset + op.length);
  } else if (op.kind == Kind::kDeallocate) {
    view->second.Clear(op.offset, op.length);
  } else if (op.kind == Kind::kSync) {
    view->second.Synced(live_.node(op.inode).bytes);
  } else if (op.kind == Kind::kDropUnsynced) {
    view->second.DropUnsynced();
  }
}

void SimDisk::NoteHoles(const TraceOp& op) {
  std::set<std::uint64_t>& holes = holes_[op.inode];
  const std::uint64_t length = op.kind == Kind::kWrite ? op.data.size() : op.length;
  const std::uint64_t end = op.kind == Kind::kTruncate ? kLargestFile : op.offset + length;
  if (op.kind == Kind::kDeallocate) {  // only of whole blocks the space goes back
    const std::uint64_t size = SizeOf(op.inode);
    const std::uint64_t last = std::min(end, AlignUp(size, kRoomBytes)) / kRoomBytes;
    for (std::uint64_t block = AlignUp(op.offset, kRoomBytes) / kRoomBytes; block < last; ++block)
      holes.insert(block);
    return;
  }
  const std::uint64_t begin = op.kind == Kind::kTruncate ? op.length : op.offset;
  const std::uint64_t first = op.kind == Kind::kTruncate ? AlignUp(begin, kRoomBytes) : begin;
  holes.erase(holes.lower_bound(first / kRoomBytes),
              holes.lower_bound(AlignUp(end, kRoomBytes) / kRoomBytes));
}

Status SimDisk::MapPrivate(InodeId inode, const std::string& path, std::uint64_t offset,
                           std::uint64_t length, std::byte* at) {
  MutexLock lock(mutex_);
  const auto view = views_.try_emplace(inode, live_.node(inode).bytes).first;
  return view->second.Map(path, offset, length, at);
}

Result<InodeId> SimDisk::Create(const std::string& path, Kind kind) {
  ENGRAM_ASSIGN_OR_RETURN(const SimImage::Place place, live_.ResolveParent(path));
  const InodeId inode = live_.next_inode();
  TraceOp op;
  op.kind = kind;
  op.inode = inode;
  op.dir = place.dir;
  op.name = place.name;
  op.path = path;
  ENGRAM_RETURN_IF_ERROR(Apply(std::move(op)));
  return inode;
}

Result<InodeId> SimDisk::Open(const std::string& path, OpenMode mode) {
  MutexLock lock(mutex_);
  const Result<InodeId> found = live_.Resolve(path);
  const bool may_create = mode == OpenMode::kCreate || mode == OpenMode::kCreateNew;
  if (found.code() == Code::kNotFound && may_create) return Create(path, Kind::kCreate);
  if (!found.ok()) return found;
  if (mode == OpenMode::kCreateNew) return Status::AlreadyExists("open " + path + ": file exists");
  if (live_.node(*found).type != FileType::kRegular) {
    return Status::IoError("open " + path + ": is a directory");
  }
  return found;
}

Status SimDisk::CheckReplace(InodeId from, const std::string& from_path, InodeId to,
                             const std::string& to_path) const {
  const SimImage::Node& source = live_.node(from);
  const SimImage::Node& target = live_.node(to);
  if (source.type != target.type) {
    return Status::IoError("rename " + from_path + " to " + to_path + ": file against directory");
  }
  if (!target.entries.empty()) {
    return Status::IoError("rename " + from_path + " to " + to_path + ": directory not empty");
  }
  return {};
}

Status SimDisk::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  ENGRAM_ASSIGN_OR_RETURN(const InodeId inode, live_.Resolve(from));
  ENGRAM_ASSIGN_OR_RETURN(const SimImage::Place source, live_.ResolveParent(from));
  ENGRAM_ASSIGN_OR_RETURN(const SimImage::Place target, live_.ResolveParent(to));
  if ((NormalizePath(to) + '/').rfind(NormalizePath(from) + '/', 0) == 0) {
    if (NormalizePath(to) == NormalizePath(from)) return {};
    return Status::IoError("rename " + from + " to " + to + ": into itself");
  }
  if (const Result<InodeId> replaced = live_.Resolve(to); replaced.ok()) {
    ENGRAM_RETURN_IF_ERROR(CheckReplace(inode, from, *replaced, to));
  }
  TraceOp op;
  op.kind = Kind::kRename;
  op.inode = inode;
  op.dir = source.dir;
  op.name = source.name;
  op.to_dir = target.dir;
  op.to_name = target.name;
  op.path = from;
  return Apply(std::move(op));
}

Status SimDisk::Remove(const std::string& path, FileType type) {
  ENGRAM_ASSIGN_OR_RETURN(const InodeId inode, live_.Resolve(path));
  ENGRAM_ASSIGN_OR_RETURN(const SimImage::Place place, live_.ResolveParent(path));
  const SimImage::Node& node = live_.node(inode);
  if (node.type != type) return Status::IoError("remove " + path + ": file against directory");
  if (!node.entries.empty()) return Status::IoError("remove " + path + ": directory not empty");
  TraceOp op;
  op.kind = Kind::kUnlink;
  op.inode = inode;
  op.dir = place.dir;
  op.name = place.name;
  op.path = path;
  return Apply(std::move(op));
}

Status SimDisk::Unlink(const std::string& path) {
  MutexLock lock(mutex_);
  return Remove(path, FileType::kRegular);
}

Status SimDisk::RemoveDirectory(const std::string& path) {
  MutexLock lock(mutex_);
  return Remove(path, FileType::kDirectory);
}

Status SimDisk::CreateDirectory(const std::string& path) {
  MutexLock lock(mutex_);
  const Result<InodeId> found = live_.Resolve(path);
  if (found.code() == Code::kNotFound) return Create(path, Kind::kMakeDirectory).status();
  if (!found.ok()) return found.status();
  if (live_.node(*found).type == FileType::kDirectory) return {};
  return Status::AlreadyExists("make directory " + path + ": file exists");
}

Status SimDisk::SyncDirectory(const std::string& path) {
  MutexLock lock(mutex_);
  ENGRAM_ASSIGN_OR_RETURN(const InodeId inode, live_.Resolve(path));
  if (live_.node(inode).type != FileType::kDirectory) {
    return Status::IoError("sync directory " + path + ": not a directory");
  }
  TraceOp op;
  op.kind = Kind::kSyncDirectory;
  op.inode = inode;
  op.path = path;
  return Apply(std::move(op));
}

Result<std::vector<std::string>> SimDisk::List(const std::string& path) const {
  MutexLock lock(mutex_);
  ENGRAM_ASSIGN_OR_RETURN(const InodeId inode, live_.Resolve(path));
  const SimImage::Node& node = live_.node(inode);
  if (node.type != FileType::kDirectory) {
    return Status::IoError("list " + path + ": not a directory");
  }
  std::vector<std::string> names;
  for (const auto& [name, id] : node.entries) names.push_back(name);
  return names;
}

Result<FileInfo> SimDisk::Stat(const std::string& path) const {
  MutexLock lock(mutex_);
  ENGRAM_ASSIGN_OR_RETURN(const InodeId inode, live_.Resolve(path));
  const SimImage::Node& node = live_.node(inode);
  const auto modified = modified_.find(inode);
  return FileInfo{.type = node.type,
                  .size = node.bytes.get() != nullptr ? node.bytes.get()->size() : 0,
                  .permissions = node.type == FileType::kDirectory ? 0700U : 0600U,
                  .modified_us = modified != modified_.end() ? modified->second : 0};
}

Result<InodeId> SimDisk::Lock(const std::string& path, LockMode mode, const std::string& owner) {
  const bool exclusive = mode == LockMode::kExclusive;
  ENGRAM_ASSIGN_OR_RETURN(const InodeId inode,
                          Open(path, exclusive ? OpenMode::kCreate : OpenMode::kRead));
  {
    MutexLock lock(mutex_);
    int& holders = locks_[inode];
    if (holders == kExclusive || (exclusive && holders > 0)) {
      const SimBytes* bytes = live_.node(inode).bytes.get();
      return Status::Busy("lock " + path + ": held by " +
                          (bytes != nullptr ? bytes->ToString() : "(unknown)"));
    }
    holders = exclusive ? kExclusive : holders + 1;
  }
  if (!exclusive) return inode;
  Status written = Truncate(inode, path, 0);
  if (written.ok()) written = Write(inode, path, 0, std::as_bytes(std::span(owner)));
  if (written.ok()) return inode;
  Unlock(inode);
  return written;
}

void SimDisk::Unlock(InodeId inode) {
  MutexLock lock(mutex_);
  int& holders = locks_[inode];
  holders = holders == kExclusive ? 0 : holders - 1;
}

std::size_t SimDisk::Read(InodeId inode, std::uint64_t offset, std::span<std::byte> out) const {
  CowPtr<SimBytes> bytes;
  {
    MutexLock lock(mutex_);
    bytes = live_.node(inode).bytes;
  }
  // A copy of the pointer: readers of a large file do not hold up its writers.
  return bytes.get() != nullptr ? bytes.get()->Read(offset, out) : 0;
}

std::uint64_t SimDisk::SizeOf(InodeId inode) const {
  const SimBytes* bytes = live_.node(inode).bytes.get();
  return bytes != nullptr ? bytes->size() : 0;
}

std::uint64_t SimDisk::Size(InodeId inode) const {
  MutexLock lock(mutex_);
  return SizeOf(inode);
}

std::uint64_t SimDisk::AllocatedBytes(InodeId inode) const {
  MutexLock lock(mutex_);
  const auto holes = holes_.find(inode);
  const std::uint64_t blocks = AlignUp(SizeOf(inode), kRoomBytes) / kRoomBytes;
  return (blocks - (holes != holes_.end() ? holes->second.size() : 0)) * kRoomBytes;
}

Status SimDisk::Write(InodeId inode, const std::string& path, std::uint64_t offset,
                      std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  ENGRAM_RETURN_IF_ERROR(CheckRange(path, offset, bytes.size()));
  TraceOp op;
  op.kind = Kind::kWrite;
  op.inode = inode;
  op.path = path;
  op.offset = offset;
  op.data.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  MutexLock lock(mutex_);
  return Apply(std::move(op));
}

Status SimDisk::Truncate(InodeId inode, const std::string& path, std::uint64_t size) {
  ENGRAM_RETURN_IF_ERROR(CheckRange(path, size, 0));
  TraceOp op;
  op.kind = Kind::kTruncate;
  op.inode = inode;
  op.path = path;
  op.length = size;
  MutexLock lock(mutex_);
  return Apply(std::move(op));
}

Status SimDisk::Allocate(InodeId inode, const std::string& path, std::uint64_t offset,
                         std::uint64_t length) {
  return ChangeRoom(Kind::kAllocate, inode, path, offset, length);
}

Status SimDisk::Reserve(InodeId inode, const std::string& path, std::uint64_t offset,
                        std::uint64_t length) {
  return ChangeRoom(Kind::kReserve, inode, path, offset, length);
}

Status SimDisk::Deallocate(InodeId inode, const std::string& path, std::uint64_t offset,
                           std::uint64_t length) {
  return ChangeRoom(Kind::kDeallocate, inode, path, offset, length);
}

Status SimDisk::ChangeRoom(TraceOp::Kind kind, InodeId inode, const std::string& path,
                           std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return {};
  ENGRAM_RETURN_IF_ERROR(CheckRange(path, offset, length));
  TraceOp op;
  op.kind = kind;
  op.inode = inode;
  op.path = path;
  op.offset = offset;
  op.length = length;
  MutexLock lock(mutex_);
  return Apply(std::move(op));
}

Status SimDisk::Sync(InodeId inode, const std::string& path) {
  TraceOp op;
  op.kind = Kind::kSync;
  op.inode = inode;
  op.path = path;
  MutexLock lock(mutex_);
  return Apply(std::move(op));
}

Status SimDisk::DropUnsynced(InodeId inode, const std::string& path) {
  TraceOp op;
  op.kind = Kind::kDropUnsynced;
  op.inode = inode;
  op.path = path;
  MutexLock lock(mutex_);
  return Apply(std::move(op));
}

void SimDisk::Mark(std::uint64_t number, std::string text) {
  TraceOp op;
  op.offset = number;
  op.data = std::move(text);
  MutexLock lock(mutex_);
  Apply(std::move(op)).IgnoreError();  // after the crash there is nobody left to take note
}

void SimDisk::FreezeAt(std::size_t op_index) {
  MutexLock lock(mutex_);
  freeze_at_ = op_index;
}

std::size_t SimDisk::OpCount() const {
  MutexLock lock(mutex_);
  return trace_.size();
}

const TraceOp& SimDisk::op(std::size_t index) const {
  MutexLock lock(mutex_);
  ENGRAM_CHECK(index < trace_.size());
  return trace_[index];
}

SimImage SimDisk::LiveImage() const {
  MutexLock lock(mutex_);
  return live_.Compacted();
}

}  // namespace engram
