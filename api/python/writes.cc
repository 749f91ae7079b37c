// Store.insert() and the other writes, and WriteBatch.
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/python/arguments.h"
#include "api/python/arrays.h"
#include "api/python/bindings.h"
#include "api/python/errors.h"
#include "api/python/records.h"
#include "api/python/values.h"

namespace engram::python {
namespace {

// A batch that a thread writes without the GIL must not change meanwhile.
class BatchHandle {
 public:
  WriteBatch& ToChange() {
    RequireIdle();
    return batch_;
  }
  std::size_t size() const { return batch_.size(); }

  CommitResult WriteTo(StoreHandle& store, const WriteOptions& options) {
    RequireIdle();
    busy_ = true;
    const std::unique_ptr<bool, void (*)(bool*)> idle(&busy_, [](bool* busy) { *busy = false; });
    return ValueOrThrow(store.Call([&](Store& open) { return open.Write(batch_, options); }));
  }

 private:
  void RequireIdle() const {
    if (busy_) throw StatusError(Status::Busy("another thread is writing this batch"));
  }

  WriteBatch batch_;
  bool busy_ = false;  // guarded by the GIL
};

// What an insert takes, and the array that its vector lies in.
struct Insertion {
  FloatRows rows;
  NewPattern pattern;
};

Insertion InsertionFrom(const py::object& vector, std::size_t dimensions,
                        const py::object& metadata, const py::object& timestamp,
                        const py::object& type, const py::object& id, const py::object& ttl) {
  Insertion insertion{FloatsArgument(vector, "vector", Rows::kOne, dimensions), {}};
  NewPattern& pattern = insertion.pattern;
  pattern.vector = insertion.rows.Row(0);
  if (!metadata.is_none()) pattern.metadata = MetadataArgument(metadata, "metadata");
  if (!timestamp.is_none()) pattern.timestamp = TimestampArgument(timestamp, "timestamp");
  pattern.type = UnsignedArgument<TypeTag>(type, "type");
  if (!id.is_none()) pattern.id = UnsignedArgument<PatternId>(id, "id");
  if (!ttl.is_none()) pattern.ttl = SecondsArgument(ttl, "ttl");
  return insertion;
}

struct Change {
  std::optional<FloatRows> rows;
  PatternChange change;
};

Change ChangeFrom(const py::object& vector, std::size_t dimensions, const py::object& metadata,
                  const py::object& timestamp, const py::object& type, const py::object& ttl) {
  Change result;
  if (!vector.is_none()) {
    result.rows = FloatsArgument(vector, "vector", Rows::kOne, dimensions);
    result.change.vector = result.rows->Row(0);
  }
  if (!metadata.is_none()) result.change.metadata = MetadataArgument(metadata, "metadata");
  if (!timestamp.is_none()) result.change.timestamp = TimestampArgument(timestamp, "timestamp");
  if (!type.is_none()) result.change.type = UnsignedArgument<TypeTag>(type, "type");
  if (!ttl.is_none()) result.change.ttl = SecondsArgument(ttl, "ttl");
  return result;
}

PatternId Insert(StoreHandle& store, const py::object& vector, const py::object& metadata,
                 const py::object& timestamp, const py::object& type, const py::object& id,
                 const py::object& ttl, const py::object& durability) {
  const WriteOptions options = WriteOptionsFrom(durability);
  const Insertion insertion =
      InsertionFrom(vector, store.dimensions(), metadata, timestamp, type, id, ttl);
  return ValueOrThrow(
      store.Call([&](Store& open) { return open.Insert(insertion.pattern, options); }));
}

void Update(StoreHandle& store, const py::object& id, const py::object& vector,
            const py::object& metadata, const py::object& timestamp, const py::object& type,
            const py::object& ttl, const py::object& durability) {
  const WriteOptions options = WriteOptionsFrom(durability);
  const PatternId updated = UnsignedArgument<PatternId>(id, "id");
  const Change change = ChangeFrom(vector, store.dimensions(), metadata, timestamp, type, ttl);
  ThrowIfError(
      store.Call([&](Store& open) { return open.Update(updated, change.change, options); }));
}

void Erase(StoreHandle& store, const py::object& id, const py::object& durability) {
  const WriteOptions options = WriteOptionsFrom(durability);
  const PatternId erased = UnsignedArgument<PatternId>(id, "id");
  ThrowIfError(store.Call([&](Store& open) { return open.Erase(erased, options); }));
}

// --- Batches of rows ---

// `value` as a sequence of `count` items. Errors: TypeError, ValueError.
py::sequence Items(const py::object& value, const char* name, std::size_t count) {
  const bool usable = PySequence_Check(value.ptr()) != 0 && !PyDict_Check(value.ptr()) &&
                      !PyUnicode_Check(value.ptr());
  if (!usable) {
    throw py::type_error(std::string(name) + " is a " + TypeNameOf(value) +
                         ", expected a sequence of " + std::to_string(count));
  }
  auto items = py::reinterpret_borrow<py::sequence>(value);
  if (items.size() != count) {
    throw py::value_error(std::string(name) + " has " + std::to_string(items.size()) +
                          " items, expected " + std::to_string(count) + ", one for each vector");
  }
  return items;
}

std::string ItemName(const char* name, std::size_t i) {
  return std::string(name) + "[" + std::to_string(i) + "]";
}

void SetMetadata(std::vector<NewPattern>& patterns, const py::object& value) {
  const py::sequence items = Items(value, "metadata", patterns.size());
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const py::object item = items[i];
    if (!item.is_none()) {
      patterns[i].metadata = MetadataArgument(item, ItemName("metadata", i));
    }
  }
}

void SetTimestamps(std::vector<NewPattern>& patterns, const py::object& value) {
  if (py::hasattr(value, "utcoffset")) {
    const Timestamp time = TimestampArgument(value, "timestamp");
    for (NewPattern& pattern : patterns) pattern.timestamp = time;
    return;
  }
  const py::sequence items = Items(value, "timestamp", patterns.size());
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const py::object item = items[i];
    if (!item.is_none()) {
      patterns[i].timestamp = TimestampArgument(item, ItemName("timestamp", i));
    }
  }
}

void SetTypes(std::vector<NewPattern>& patterns, const py::object& value) {
  if (PyIndex_Check(value.ptr()) != 0 && PySequence_Check(value.ptr()) == 0) {
    const auto type = UnsignedArgument<TypeTag>(value, "type");
    for (NewPattern& pattern : patterns) pattern.type = type;
    return;
  }
  const py::sequence items = Items(value, "type", patterns.size());
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const py::object item = items[i];
    patterns[i].type = UnsignedArgument<TypeTag>(item, ItemName("type", i).c_str());
  }
}

void SetTtls(std::vector<NewPattern>& patterns, const py::object& value) {
  if (PySequence_Check(value.ptr()) == 0) {
    const std::chrono::microseconds ttl = SecondsArgument(value, "ttl");
    for (NewPattern& pattern : patterns) pattern.ttl = ttl;
    return;
  }
  const py::sequence items = Items(value, "ttl", patterns.size());
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const py::object item = items[i];
    if (!item.is_none()) patterns[i].ttl = SecondsArgument(item, ItemName("ttl", i).c_str());
  }
}

BatchRecord InsertBatch(StoreHandle& store, const py::object& vectors, const py::object& ids,
                        const py::object& metadata, const py::object& timestamp,
                        const py::object& type, const py::object& ttl,
                        const py::object& durability) {
  const WriteOptions options = WriteOptionsFrom(durability);
  const FloatRows rows = FloatsArgument(vectors, "vectors", Rows::kMany, store.dimensions());
  std::vector<NewPattern> patterns(rows.rows());
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i].vector = rows.Row(i);
  if (!ids.is_none()) {
    const std::vector<PatternId> given = IdsArgument(ids, "ids", patterns.size());
    for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i].id = given[i];
  }
  if (!metadata.is_none()) SetMetadata(patterns, metadata);
  if (!timestamp.is_none()) SetTimestamps(patterns, timestamp);
  SetTypes(patterns, type);
  if (!ttl.is_none()) SetTtls(patterns, ttl);
  return RecordOf(
      ValueOrThrow(store.Call([&](Store& open) { return open.InsertBatch(patterns, options); })));
}

constexpr const char* kInsertDoc =
    R"(Adds one pattern and returns its id, an int, once it is as durable as asked.

vector      float32, shape (dim,), C order (see Store about other arrays).
metadata    dict with str keys; values None, bool, int of 64 bits, float, str, bytes, datetime with
            a time zone, list, dict; at most 32 levels and 1 MiB.
timestamp   datetime with a time zone, the pattern's own time; None: now.
type        int of 32 bits, the application's kind of pattern; 0: none.
id          int, 1 to 2**62, larger than every one in use and every one that the store may have
            given; None: the store gives the next.
ttl         seconds (number or timedelta, above 0, at most a thousand years) after which it expires:
            reads do not return it any more, and the store ends it. None: it does not by itself.
durability  'sync', 'interval' or 'none'; None: as the store was opened.

Raises DimensionMismatchError, InvalidVectorError (NaN, infinity, a zero vector under 'cosine'),
InvalidArgumentError, AlreadyExistsError (id), IndexFullError, NoSpaceError, ReadOnlyError,
ClosedError; nothing is changed by any of them.)";

constexpr const char* kInsertBatchDoc =
    R"(Adds the good ones of many patterns, in order, and returns a BatchResult: their ids, and why
each bad one was not stored. Nothing is raised for a bad one: see BatchResult.raise_for_failures().

vectors    float32, shape (n, dim), C order; read where it lies, without a copy.
ids        integers, shape (n,), ascending, as in insert(); None: the store gives the next.
metadata   sequence of n dicts or None.
timestamp  one datetime for all, or a sequence of n, or None.
type       one int for all, or a sequence of n.
ttl        one for all, or a sequence of n, or None; as in insert().
durability as in insert().

Stored in atomic parts of at most 1,000 patterns and about 4 MiB. Other threads search and insert
meanwhile; the graph is linked by as many threads as search_threads says. Raises TypeError,
ValueError and their subclasses for arguments of a wrong type or shape, and what hinders all of it
(ReadOnlyError, ClosedError).)";

constexpr const char* kUpdateDoc =
    R"(Replaces what is given in the newest version of a pattern; None leaves it as it is.
`metadata` replaces all of it, {} by nothing. `ttl` counts from this change on; 0: it does not
expire by itself any more. Arguments as in insert(). Raises NotFoundError, and what insert()
raises; then nothing is changed.)";

constexpr const char* kWriteDoc =
    R"(Does all of a WriteBatch or nothing, and returns a CommitResult. Raises what the single calls
raise; the message names the operation's position. The batch may be written again.)";

}  // namespace

void DefineWrites(StoreClass& store) {
  const py::none none;
  store.def("insert", &Insert, py::arg("vector"), py::arg("metadata") = none, py::kw_only(),
            py::arg("timestamp") = none, py::arg("type") = 0, py::arg("id") = none,
            py::arg("ttl") = none, py::arg("durability") = none, kInsertDoc);
  store.def("insert_batch", &InsertBatch, py::arg("vectors"), py::arg("ids") = none,
            py::arg("metadata") = none, py::kw_only(), py::arg("timestamp") = none,
            py::arg("type") = 0, py::arg("ttl") = none, py::arg("durability") = none,
            kInsertBatchDoc);
  store.def("update", &Update, py::arg("id"), py::kw_only(), py::arg("vector") = none,
            py::arg("metadata") = none, py::arg("timestamp") = none, py::arg("type") = none,
            py::arg("ttl") = none, py::arg("durability") = none, kUpdateDoc);
  store.def("erase", &Erase, py::arg("id"), py::kw_only(), py::arg("durability") = none,
            "Ends the pattern. Raises NotFoundError; durability as in insert().");
  store.def(
      "write",
      [](StoreHandle& self, BatchHandle& batch, const py::object& durability) {
        return RecordOf(batch.WriteTo(self, WriteOptionsFrom(durability)));
      },
      py::arg("batch"), py::kw_only(), py::arg("durability") = none, kWriteDoc);
}

void DefineWriteBatch(py::module_& module) {
  const py::none none;
  py::class_<BatchHandle, std::shared_ptr<BatchHandle>>(
      module, "WriteBatch",
      "Several changes that happen together or not at all, by Store.write(). Vectors are copied "
      "in. "
      "Of changes to one id the last wins.")
      .def(py::init<>(), "An empty batch.")
      .def(
          "insert",
          [](BatchHandle& self, const py::object& vector, const py::object& metadata,
             const py::object& timestamp, const py::object& type, const py::object& id,
             const py::object& ttl) {
            const Insertion insertion =
                InsertionFrom(vector, 0, metadata, timestamp, type, id, ttl);
            self.ToChange().Insert(insertion.pattern);
          },
          py::arg("vector"), py::arg("metadata") = none, py::kw_only(), py::arg("timestamp") = none,
          py::arg("type") = 0, py::arg("id") = none, py::arg("ttl") = none,
          "Adds an insert; arguments as in Store.insert(). How long the vector must be, "
          "Store.write() says.")
      .def(
          "update",
          [](BatchHandle& self, const py::object& id, const py::object& vector,
             const py::object& metadata, const py::object& timestamp, const py::object& type,
             const py::object& ttl) {
            const Change change = ChangeFrom(vector, 0, metadata, timestamp, type, ttl);
            const PatternId updated = UnsignedArgument<PatternId>(id, "id");
            self.ToChange().Update(updated, change.change);
          },
          py::arg("id"), py::kw_only(), py::arg("vector") = none, py::arg("metadata") = none,
          py::arg("timestamp") = none, py::arg("type") = none, py::arg("ttl") = none,
          "Adds an update; arguments as in Store.update().")
      .def(
          "erase",
          [](BatchHandle& self, const py::object& id) {
            const PatternId erased = UnsignedArgument<PatternId>(id, "id");
            self.ToChange().Erase(erased);
          },
          py::arg("id"), "Adds the end of a pattern.")
      .def(
          "clear", [](BatchHandle& self) { self.ToChange().Clear(); }, "Forgets all changes.")
      .def("__len__", &BatchHandle::size, "The number of changes.");
}

}  // namespace engram::python
