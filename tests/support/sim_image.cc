#include "tests/support/sim_image.h"

#include <algorithm>
#include <utility>

#include "storage/base/check.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

std::vector<std::string> SplitPath(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    std::string part = path.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return parts;
}

std::string_view KindName(TraceOp::Kind kind) {
  switch (kind) {
    case TraceOp::Kind::kWrite:
      return "write";
    case TraceOp::Kind::kTruncate:
      return "truncate";
    case TraceOp::Kind::kAllocate:
      return "allocate";
    case TraceOp::Kind::kReserve:
      return "reserve";
    case TraceOp::Kind::kDeallocate:
      return "deallocate";
    case TraceOp::Kind::kSync:
      return "sync";
    case TraceOp::Kind::kDropUnsynced:
      return "drop unsynced";
    case TraceOp::Kind::kCreate:
      return "create";
    case TraceOp::Kind::kMakeDirectory:
      return "make directory";
    case TraceOp::Kind::kRename:
      return "rename";
    case TraceOp::Kind::kUnlink:
      return "unlink";
    case TraceOp::Kind::kSyncDirectory:
      return "sync directory";
    case TraceOp::Kind::kMark:
      return "mark";
  }
  return "?";
}

}  // namespace

std::string NormalizePath(const std::string& path) {
  std::string normal;
  for (const std::string& part : SplitPath(path)) normal += '/' + part;
  return normal.empty() ? "/" : normal;
}

std::string TraceOp::ToString() const {
  std::string text(KindName(kind));
  if (kind == Kind::kMark) return text + ' ' + (data.empty() ? std::to_string(offset) : data);
  text += ' ' + path;
  if (kind == Kind::kWrite)
    return text + ' ' + std::to_string(offset) + '+' + std::to_string(data.size());
  if (kind == Kind::kAllocate || kind == Kind::kReserve || kind == Kind::kDeallocate)
    return text + ' ' + std::to_string(offset) + '+' + std::to_string(length);
  if (kind == Kind::kTruncate) return text + " to " + std::to_string(length);
  if (kind == Kind::kRename) return text + " to " + to_name;
  return text;
}

SimImage::SimImage() { AddNode(InodeId::kRoot, FileType::kDirectory); }

void SimImage::AddDirectory(const std::string& path) {
  InodeId at = InodeId::kRoot;
  for (const std::string& part : SplitPath(path)) {
    InodeId next = FindEntry(at, part);
    if (next == InodeId::kRoot) {
      next = next_inode();
      AddNode(next, FileType::kDirectory);
      node(at).entries[part] = next;
    }
    at = next;
    ENGRAM_CHECK(node(at).type == FileType::kDirectory);
  }
}

void SimImage::AddFile(const std::string& path, std::string_view content) {
  AddDirectory(path + "/..");
  const Result<Place> place = ResolveParent(path);
  ENGRAM_CHECK(place.ok());
  const InodeId id = next_inode();
  AddNode(id, FileType::kRegular);
  node(id).bytes.Mutable().Write(0, std::as_bytes(std::span(content)));
  node(place->dir).entries[place->name] = id;
}

SimBytes* SimImage::FindFile(const std::string& path) {
  const Result<InodeId> id = Resolve(path);
  if (!id.ok() || node(*id).type != FileType::kRegular) return nullptr;
  return &node(*id).bytes.Mutable();
}

const SimBytes* SimImage::FindFile(const std::string& path) const {
  static const SimBytes kEmpty;
  const Result<InodeId> id = Resolve(path);
  if (!id.ok() || node(*id).type != FileType::kRegular) return nullptr;
  const SimBytes* bytes = node(*id).bytes.get();
  return bytes != nullptr ? bytes : &kEmpty;
}

bool SimImage::HasDirectory(const std::string& path) const {
  const Result<InodeId> id = Resolve(path);
  return id.ok() && node(*id).type == FileType::kDirectory;
}

std::vector<std::string> SimImage::Paths() const {
  std::vector<std::string> paths;
  ListInto(InodeId::kRoot, "", &paths);
  return paths;
}

void SimImage::ListInto(InodeId dir, const std::string& prefix,
                        std::vector<std::string>* paths) const {
  for (const auto& [name, id] : node(dir).entries) {
    const std::string path = prefix + '/' + name;
    paths->push_back(path);
    ListInto(id, path, paths);
  }
}

bool operator==(const SimImage& a, const SimImage& b) {
  const std::vector<std::string> paths = a.Paths();
  if (paths != b.Paths()) return false;
  for (const std::string& path : paths) {
    const SimBytes* left = a.FindFile(path);
    const SimBytes* right = b.FindFile(path);
    if ((left == nullptr) != (right == nullptr)) return false;
    if (left != nullptr && !(*left == *right)) return false;
  }
  return true;
}

InodeId SimImage::FindEntry(InodeId dir, const std::string& name) const {
  const auto& entries = node(dir).entries;
  const auto found = entries.find(name);
  return found != entries.end() ? found->second : InodeId::kRoot;
}

Result<InodeId> SimImage::Resolve(const std::string& path) const {
  InodeId at = InodeId::kRoot;
  for (const std::string& part : SplitPath(path)) {
    if (node(at).type != FileType::kDirectory) return Status::IoError(path + ": not a directory");
    at = FindEntry(at, part);
    if (at == InodeId::kRoot) return Status::NotFound(path + ": no such file or directory");
  }
  return at;
}

Result<SimImage::Place> SimImage::ResolveParent(const std::string& path) const {
  const std::string normal = NormalizePath(path);
  const std::size_t slash = normal.rfind('/');
  std::string name = normal.substr(slash + 1);
  if (name.empty()) return Status::IoError(path + ": is the root directory");
  ENGRAM_ASSIGN_OR_RETURN(const InodeId dir, Resolve(normal.substr(0, slash)));
  if (node(dir).type != FileType::kDirectory) return Status::IoError(path + ": not a directory");
  return Place{dir, std::move(name)};
}

void SimImage::AddNode(InodeId id, FileType type) {
  ENGRAM_CHECK(id == next_inode());
  nodes_.push_back(Node{.type = type, .entries = {}, .bytes = {}});
}

bool SimImage::ApplyName(const TraceOp& op) {
  auto& entries = node(op.dir).entries;
  const auto found = entries.find(op.name);
  if (op.kind == TraceOp::Kind::kCreate || op.kind == TraceOp::Kind::kMakeDirectory) {
    return entries.try_emplace(op.name, op.inode).second;
  }
  if (found == entries.end() || found->second != op.inode) return false;
  entries.erase(found);
  if (op.kind == TraceOp::Kind::kRename) node(op.to_dir).entries[op.to_name] = op.inode;
  return true;
}

void SimImage::ApplyData(const TraceOp& op) {
  SimBytes& bytes = node(op.inode).bytes.Mutable();
  if (op.kind == TraceOp::Kind::kWrite) bytes.Write(op.offset, std::as_bytes(std::span(op.data)));
  if (op.kind == TraceOp::Kind::kTruncate) bytes.Resize(op.length);
  if (op.kind == TraceOp::Kind::kAllocate) bytes.GrowTo(op.offset + op.length);
  if (op.kind == TraceOp::Kind::kDeallocate) bytes.Clear(op.offset, op.length);
}

std::vector<bool> SimImage::Reachable() const {
  std::vector<bool> reached(nodes_.size());
  Reach(InodeId::kRoot, &reached);
  return reached;
}

void SimImage::Reach(InodeId id, std::vector<bool>* reached) const {
  (*reached)[static_cast<std::size_t>(id)] = true;
  for (const auto& [name, child] : node(id).entries) Reach(child, reached);
}

SimImage SimImage::Compacted() const {
  SimImage image;
  image.CopyTree(*this, InodeId::kRoot, InodeId::kRoot);
  return image;
}

void SimImage::CopyTree(const SimImage& from, InodeId from_id, InodeId to_id) {
  const Node& source = from.node(from_id);
  node(to_id).bytes = source.bytes;
  for (const auto& [name, child] : source.entries) {
    const InodeId id = next_inode();
    AddNode(id, from.node(child).type);
    node(to_id).entries.emplace(name, id);
    CopyTree(from, child, id);
  }
}

}  // namespace engram
