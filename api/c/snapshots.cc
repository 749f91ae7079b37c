// Snapshots: of now, of the past, with a name.
#include <string>

#include "api/c/handles.h"

namespace engram::c {
namespace {

// A new handle of what `take(store)` brings.
template <typename Take>
Status Keep(const engram_store* store, engram_snapshot** out, Take take) {
  Status status = RequireAll({{"store", store}, {"out", out}});
  return status.ok() ? Give(take(*Unwrap(store)), out) : status;
}

// Errors: kInvalidArgument where one is NULL.
Status CheckNamed(const engram_store* store, const char* name) {
  return RequireAll({{"store", store}, {"name", name}});
}

}  // namespace
}  // namespace engram::c

// What is defined below is global, as in C.
using namespace engram;     // NOLINT
using namespace engram::c;  // NOLINT

engram_code engram_store_get_snapshot(const engram_store* store, engram_snapshot** out,
                                      engram_error** error) noexcept {
  Clear(out);
  return Report(Keep(store, out, [](const Store& open) { return open.GetSnapshot(); }), error);
}

engram_code engram_store_snapshot_at_lsn(const engram_store* store, uint64_t lsn,
                                         engram_snapshot** out, engram_error** error) noexcept {
  Clear(out);
  const auto take = [lsn](const Store& open) { return open.SnapshotAt(static_cast<Lsn>(lsn)); };
  return Report(Keep(store, out, take), error);
}

engram_code engram_store_snapshot_at_time_us(const engram_store* store, int64_t time_us,
                                             engram_snapshot** out, engram_error** error) noexcept {
  Clear(out);
  const auto take = [time_us](const Store& open) { return open.SnapshotAt(TimeOf(time_us)); };
  return Report(Keep(store, out, take), error);
}

uint64_t engram_snapshot_lsn(const engram_snapshot* snapshot) noexcept {
  return snapshot == nullptr ? 0 : static_cast<std::uint64_t>(Unwrap(snapshot)->lsn());
}

void engram_snapshot_free(engram_snapshot* snapshot) noexcept { Free(snapshot); }

engram_code engram_store_create_named_snapshot(engram_store* store, const char* name,
                                               size_t name_bytes, const engram_snapshot* snapshot,
                                               engram_durability durability,
                                               engram_named_snapshot** out,
                                               engram_error** error) noexcept {
  Clear(out);
  if (Status status = CheckNamed(store, name); !status.ok()) return Report(status, error);
  const Result<WriteOptions> options = WriteOptionsOf(durability);
  if (!options.ok()) return Report(options.status(), error);
  Result<NamedSnapshot> named =
      Unwrap(store)->CreateNamedSnapshot(std::string(name, name_bytes), Unwrap(snapshot), *options);
  return Report(out == nullptr ? named.status() : Give(std::move(named), out), error);
}

engram_code engram_store_open_named_snapshot(const engram_store* store, const char* name,
                                             size_t name_bytes, engram_snapshot** out,
                                             engram_error** error) noexcept {
  Clear(out);
  if (Status status = CheckNamed(store, name); !status.ok()) return Report(status, error);
  const auto take = [&](const Store& open) {
    return open.OpenNamedSnapshot(std::string(name, name_bytes));
  };
  return Report(Keep(store, out, take), error);
}

engram_code engram_store_drop_named_snapshot(engram_store* store, const char* name,
                                             size_t name_bytes, engram_durability durability,
                                             engram_error** error) noexcept {
  if (Status status = CheckNamed(store, name); !status.ok()) return Report(status, error);
  const Result<WriteOptions> options = WriteOptionsOf(durability);
  if (!options.ok()) return Report(options.status(), error);
  return Report(Unwrap(store)->DropNamedSnapshot(std::string(name, name_bytes), *options), error);
}

engram_code engram_store_list_named_snapshots(const engram_store* store,
                                              engram_named_snapshot_list** out,
                                              engram_error** error) noexcept {
  Clear(out);
  Status status = RequireAll({{"store", store}, {"out", out}});
  if (status.ok()) status = Give(Unwrap(store)->ListNamedSnapshots(), out);
  return Report(status, error);
}

size_t engram_named_snapshot_list_size(const engram_named_snapshot_list* list) noexcept {
  return list == nullptr ? 0 : Unwrap(list)->size();
}

const engram_named_snapshot* engram_named_snapshot_list_at(const engram_named_snapshot_list* list,
                                                           size_t position) noexcept {
  if (position >= engram_named_snapshot_list_size(list)) return nullptr;
  return Wrap(&(*Unwrap(list))[position]);
}

void engram_named_snapshot_list_free(engram_named_snapshot_list* list) noexcept { Free(list); }

const char* engram_named_snapshot_name(const engram_named_snapshot* named, size_t* bytes) noexcept {
  if (bytes != nullptr) *bytes = named == nullptr ? 0 : Unwrap(named)->name.size();
  return named == nullptr ? nullptr : Unwrap(named)->name.c_str();
}

uint64_t engram_named_snapshot_lsn(const engram_named_snapshot* named) noexcept {
  return named == nullptr ? 0 : static_cast<std::uint64_t>(Unwrap(named)->lsn);
}

int64_t engram_named_snapshot_taken_at_us(const engram_named_snapshot* named) noexcept {
  return named == nullptr ? 0 : MicrosOf(Unwrap(named)->taken_at);
}

void engram_named_snapshot_free(engram_named_snapshot* named) noexcept { Free(named); }
