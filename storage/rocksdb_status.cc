#include "storage/rocksdb_status.h"

#include <string>

namespace engram {
namespace {

Code CodeOf(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return Code::kNoSpace;  // an IOError too, so asked first
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
