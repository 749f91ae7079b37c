#include "storage/rocksdb_status.h"

#include <string>

namespace engram {
namespace {

// Opening a database, RocksDB takes what a file answers for damage or for wrong options: its words
// are all that is left of an I/O error. Direct I/O, which nobody asked for, is blamed where CURRENT
// cannot be opened.
bool WasIoError(const rocksdb::Status& status) {
  if (!status.IsCorruption() && !status.IsInvalidArgument()) return false;
  const std::string text = status.ToString();
  return text.find("IO error") != text.npos || text.find("Direct I/O") != text.npos;
}

Code CodeOf(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return Code::kNoSpace;  // an IOError too, so asked first
  if (WasIoError(status)) return Code::kIoError;
  if (status.IsCorruption()) return Code::kCorruptedIndex;
  if (status.IsBusy() || status.IsLockLimit()) return Code::kBusy;
  if (status.IsNotFound() || status.IsPathNotFound()) return Code::kNotFound;
  if (status.IsNotSupported()) return Code::kNotSupported;
  // Our own calls are right, so RocksDB found files or families that it did not expect.
  if (status.IsInvalidArgument()) return Code::kCorruptedIndex;
  return Code::kIoError;
}

}  // namespace

rocksdb::IOStatus ToIoStatus(const Status& status) {
  const rocksdb::Slice message(status.message());
  switch (status.code()) {
    case Code::kOk:
      return rocksdb::IOStatus::OK();
    case Code::kNoSpace:
      return rocksdb::IOStatus::NoSpace(message);
    case Code::kNotFound:
      return rocksdb::IOStatus::NotFound(message);
    case Code::kBusy:
      return rocksdb::IOStatus::Busy(message);
    case Code::kCorruptedIndex:
      return rocksdb::IOStatus::Corruption(message);
    case Code::kNotSupported:
      return rocksdb::IOStatus::NotSupported(message);
    default:
      return rocksdb::IOStatus::IOError(message);
  }
}

Status FromRocksDb(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return Status::Ok();
  return Status(CodeOf(status), std::string(what) + ": " + status.ToString());
}

}  // namespace engram
