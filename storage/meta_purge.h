// What is deleted or overwritten in RocksDB lies in its files until they are written anew: here
// that is done, and files that nobody needs are removed. Leaves flushes to meta_flusher.h, and when
// the database is closed and opened to meta_store.cc. Threads: one thread at a time.
// Implements docs/rocksdb.md, "Erasing for ever".
#ifndef ENGRAM_STORAGE_META_PURGE_H_
#define ENGRAM_STORAGE_META_PURGE_H_

#include <span>
#include <string>

#include <engram/status.h>

#include "storage/base/file.h"
#include "storage/meta_database.h"

namespace engram {

// Writes the tables of `family` anew where they may hold what is deleted or overwritten. Write
// buffers are left as they are. Errors: kNoSpace, and all goes on as before.
Status PurgeFamily(const MetaDatabase& database, Family family);

// Until RocksDB's own work that goes on now has ended, and has removed what it replaced.
Status WaitForWork(const MetaDatabase& database);

// In the directory of a database that is closed: unlinks the tables and MANIFESTs that are not
// among `needed`, and what was to become CURRENT.
Status RemoveUnneeded(FileSystem& files, const std::string& directory,
                      std::span<const std::string> needed);

}  // namespace engram

#endif  // ENGRAM_STORAGE_META_PURGE_H_
