#include "api/python/records.h"

#include <iterator>
#include <optional>
#include <string>
#include <type_traits>

#include "api/python/arrays.h"
#include "api/python/errors.h"
#include "api/python/values.h"

namespace engram::python {
namespace {

template <typename T>
py::object ToObject(const T& value) {
  if constexpr (std::is_same_v<T, Lsn>) {
    return py::int_(static_cast<std::uint64_t>(value));
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    return ToPython(value);
  } else if constexpr (std::is_same_v<T, Metric>) {
    return TextToPython(MetricName(value));
  } else if constexpr (std::is_same_v<T, Residency>) {
    return TextToPython(ResidencyName(value));
  } else if constexpr (std::is_same_v<T, std::vector<std::uint64_t>>) {
    return ArrayOwning(value);
  } else if constexpr (std::is_base_of_v<py::object, T>) {
    return value;
  } else {
    return py::cast(value);
  }
}

// A class whose attributes are fields of T, in the order in which they are shown.
template <typename T>
class Record {
 public:
  Record(py::module_& module, const char* name, const char* doc)
      : class_(module, name, doc), name_(name) {}

  template <typename Owner, typename Member>
  Record& Field(const char* name, Member Owner::*member, const char* doc) {
    return Field(
        name, [member](const T& record) { return ToObject(record.*member); }, doc);
  }

  template <typename Get, typename = std::enable_if_t<!std::is_member_pointer_v<Get>>>
  Record& Field(const char* name, Get get, const char* doc) {
    class_.def_property_readonly(name, get, doc);
    fields_.append(name);
    return *this;
  }

  py::class_<T>& Done() {
    class_.def("__repr__", [name = name_, fields = fields_](const py::object& self) {
      std::string text = "engram." + name + "(";
      for (const py::handle field : fields) {
        if (text.back() != '(') text += ", ";
        text += field.cast<std::string>() + "=" +
                py::repr(py::getattr(self, field)).cast<std::string>();
      }
      return text + ")";
    });
    return class_;
  }

 private:
  py::class_<T> class_;
  std::string name_;
  py::list fields_;
};

py::object VectorOrNone(bool included, std::vector<float> vector) {
  return included ? py::object(ArrayOwning(std::move(vector))) : py::none();
}

py::object MetadataOrNone(bool included, const Metadata& metadata) {
  return included ? py::object(ToPython(metadata)) : py::none();
}

void DefinePattern(py::module_& module) {
  using P = PatternRecord;
  Record<P>(module, "Pattern", "One pattern as it is stored.")
      .Field("id", &P::id, "int: its id.")
      .Field(
          "vector", &P::vector,
          "numpy.ndarray of float32, shape (dim,), the caller's own; None where it was not asked "
          "for.")
      .Field("metadata", &P::metadata,
             "dict, the caller's own, empty where the pattern has none; None where it was not "
             "asked for. Times in it are in UTC.")
      .Field("timestamp", &P::timestamp,
             "datetime.datetime in UTC: its own time. OverflowError outside the years 1 to 9999.")
      .Field("inserted_at", &P::inserted_at,
             "datetime.datetime in UTC: when this version was written.")
      .Field("type", &P::type, "int: the application's kind of pattern; 0 where it gave none.")
      .Field("version", &P::version, "int: number of the commit that wrote this version.")
      .Done();
}

void DefineSearchResults(py::module_& module) {
  using H = HitRecord;
  Record<H>(module, "Hit", "One pattern that a search found.")
      .Field("id", &H::id, "int: the pattern's id.")
      .Field("distance", &H::distance, "float: by the store's metric, exact; smaller is nearer.")
      .Field("vector", &H::vector,
             "numpy.ndarray of float32, shape (dim,); None where it was not asked for.")
      .Field("metadata", &H::metadata, "dict; None where it was not asked for.")
      .Done();

  using S = SearchRecord;
  const auto rest = [](auto member) {
    return [member](const S& record) { return ToObject(record.rest.*member); };
  };
  Record<S>(module, "SearchResult", "What one query of Store.search_hits() found.")
      .Field("hits", &S::hits, "list of Hit, nearest first, ties by lower id; at most k.")
      .Field("partial", rest(&SearchResult::partial),
             "bool: the timeout passed before everything was looked at.")
      .Field("exhausted", rest(&SearchResult::exhausted),
             "bool: max_compared was reached before that.")
      .Field("exact", rest(&SearchResult::exact),
             "bool: every pattern was looked at, because that was asked for or cheaper.")
      .Field("degraded", rest(&SearchResult::degraded),
             "bool: exact because the graph is damaged; run `engram verify`.")
      .Field("lsn", rest(&SearchResult::lsn), "int: number of the newest commit that was seen.")
      .Field("compared", rest(&SearchResult::compared), "int: vectors whose distance was computed.")
      .Field("hops", rest(&SearchResult::hops),
             "int: nodes of the graph whose links were followed.")
      .Done();
}

void DefineWriteResults(py::module_& module) {
  using F = FailureRecord;
  Record<F>(module, "Failure", "Why one vector of a batch was not stored.")
      .Field("position", &F::position, "int: its row in the batch.")
      .Field("error", &F::error, "Error: what Store.insert() would have raised.")
      .Done();

  using B = BatchRecord;
  Record<B>(module, "BatchResult", "What became of a batch.")
      .Field("ids", &B::ids,
             "numpy.ndarray of uint64, shape (n,): by row; 0 where it was not stored.")
      .Field("failures", &B::failures, "list of Failure, by row; empty where all were stored.")
      .Field("lsn", &B::lsn, "int: number of the last commit.")
      .Done()
      .def(
          "raise_for_failures",
          [](const B& result) {
            if (result.failures.empty()) return;
            const auto error = result.failures[0].cast<const F&>().error;
            PyErr_SetObject(py::type::handle_of(error).ptr(), error.ptr());
            throw py::error_already_set();
          },
          "Raises the error of the first row that was not stored, if there is one.");

  using C = CommitRecord;
  Record<C>(module, "CommitResult", "What Store.write() did.")
      .Field("lsn", &C::lsn, "int: number of the commit.")
      .Field("ids", &C::ids,
             "numpy.ndarray of uint64: the id of each insert of the batch, in its order.")
      .Done();
}

void DefineStats(py::module_& module) {
  using S = Stats;
  Record<S>(module, "Stats", "What a store says about itself; sizes in bytes.")
      .Field("count", &S::count, "int: live patterns.")
      .Field("dead", &S::dead, "int: ended ones, still seen by somebody or not yet reclaimed.")
      .Field("free_slots", &S::free_slots, "int: reusable places in the page file.")
      .Field("dim", &S::dimensions, "int: components of a vector.")
      .Field("metric", &S::metric, "str: 'l2', 'cosine' or 'ip'.")
      .Field("m", &S::m, "int: links a node keeps above level 0.")
      .Field("residency", &S::residency, "str: how pages are held, 'resident' or 'mapped'.")
      .Field("last_lsn", &S::last_lsn, "int: newest visible commit.")
      .Field("durable_lsn", &S::durable_lsn, "int: newest commit known to be on disk.")
      .Field("checkpoint_lsn", &S::checkpoint_lsn,
             "int: the page file needs no log up to this commit.")
      .Field("checkpoints", &S::checkpoints, "int: made since the store was created.")
      .Field("next_id", &S::next_id, "int: the store would give it next.")
      .Field("snapshots", &S::snapshots, "int: open in this process.")
      .Field("oldest_snapshot", &S::oldest_snapshot, "int: commit of the oldest of them.")
      .Field("bytes_on_disk", &S::bytes_on_disk, "int: all files of the store.")
      .Field("page_file_bytes", &S::page_file_bytes, "int: of them, vectors and graph.")
      .Field("journal_bytes", &S::journal_bytes, "int: of them, the double-write area.")
      .Field("log_bytes", &S::log_bytes, "int: of them, the log.")
      .Field("metadata_bytes", &S::metadata_bytes, "int: of them, metadata and indexes.")
      .Field("memory_bytes", &S::memory_bytes, "int: pages and metadata buffers of this process.")
      .Field("dirty_page_bytes", &S::dirty_page_bytes, "int: changed since the last checkpoint.")
      .Field("commits", &S::commits, "int: since this process opened the store.")
      .Field("log_syncs", &S::log_syncs, "int: since this process opened the store.")
      .Field("log_bytes_written", &S::log_bytes_written, "int: since then.")
      .Field("page_bytes_written", &S::page_bytes_written,
             "int: since then, in place by checkpoints.")
      .Field("journal_bytes_written", &S::journal_bytes_written, "int: since then.")
      .Field("searches", &S::searches, "int: since then.")
      .Field("replayed_commits", &S::replayed_commits, "int: when it was opened.")
      .Field("restored_pages", &S::restored_pages, "int: from the journal, when it was opened.")
      .Field("scrubbed_pages", &S::scrubbed_pages,
             "int: since then, read from the disk and checked in the background.")
      .Field("scrub_rounds", &S::scrub_rounds, "int: of that over all pages of the file.")
      .Field("bad_pages", &S::bad_pages, "int: pages that were found bad on the disk by these.")
      .Field("healed_pages", &S::healed_pages,
             "int: of them, found right when they had been written anew.")
      .Field("first_bad_segment", &S::first_bad_segment,
             "int: where the first was: 1 nodes, 2 upper, 3 node slots, 4 upper slots; 0: none.")
      .Field("first_bad_page", &S::first_bad_page, "int: its number there.")
      .Field("audit_rounds", &S::audit_rounds,
             "int: since then, over all nodes of the graph in the background.")
      .Field("audited_nodes", &S::audited_nodes, "int: whose links were looked at by these.")
      .Field("mended_nodes", &S::mended_nodes,
             "int: whose links or counts these found wrong and put right.")
      .Done();
}

void DefineGraphParts(py::module_& module) {
  using L = LevelReport;
  Record<L>(module, "LevelReport", "The graph at one level: nodes that reach up to it or higher.")
      .Field("nodes", &L::nodes, "int: live ones.")
      .Field("links", &L::links, "int: from live nodes to live nodes.")
      .Field("links_to_dead", &L::links_to_dead, "int: from live nodes to ended ones.")
      .Field("least_links", &L::least_links, "int: of one live node.")
      .Field("most_links", &L::most_links, "int: of one live node.")
      .Field("unreached", &L::unreached,
             "int: live ones that no walk over this level reaches from the entry point.")
      .Done();

  using H = HubReport;
  Record<H>(module, "HubReport", "A live pattern to which many links lead.")
      .Field("id", &H::id, "int: the pattern's id.")
      .Field("in_links", &H::in_links, "int: links from live nodes to it at level 0.")
      .Field("level", &H::level, "int: the highest that it reaches.")
      .Done();
}

void DefineSpaceReport(py::module_& module) {
  using S = SpaceReport;
  Record<S>(module, "SpaceReport",
            "What the bytes of a store are for. What the parts of the page file leave of it are "
            "headers of pages, ends of pages, and its table.")
      .Field("page_file_bytes", &S::page_file_bytes, "int: as in Stats.")
      .Field("node_bytes", &S::node_bytes,
             "int: of the page file: pages of headers, vectors and links of level 0.")
      .Field("live_node_bytes", &S::live_node_bytes, "int: of these: live patterns.")
      .Field("dead_node_bytes", &S::dead_node_bytes,
             "int: of these: ended ones that still lie in the graph.")
      .Field("free_node_bytes", &S::free_node_bytes,
             "int: of these: places for others, now or when readers have let go.")
      .Field("upper_bytes", &S::upper_bytes, "int: of the page file: pages of links above level 0.")
      .Field("live_upper_bytes", &S::live_upper_bytes, "int: of these: of live patterns.")
      .Field("dead_upper_bytes", &S::dead_upper_bytes, "int: of these: of ended ones.")
      .Field("free_upper_bytes", &S::free_upper_bytes, "int: of these: places for others.")
      .Field("slot_state_bytes", &S::slot_state_bytes,
             "int: of the page file: pages that say which places are free.")
      .Field("journal_bytes", &S::journal_bytes, "int: as in Stats.")
      .Field("log_bytes", &S::log_bytes, "int: as in Stats.")
      .Field("metadata_bytes", &S::metadata_bytes, "int: as in Stats.")
      .Field("page_memory_bytes", &S::page_memory_bytes, "int: of pages that stay in memory.")
      .Field("page_copy_bytes", &S::page_copy_bytes,
             "int: of a mapped store: of changed pages, until a checkpoint.")
      .Field("metadata_memory_bytes", &S::metadata_memory_bytes, "int: of RocksDB.")
      .Done();
}

template <typename T>
py::list ListOf(const std::vector<T>& items) {
  py::list list;
  for (const T& item : items) list.append(py::cast(item));
  return list;
}

void DefineGraphReport(py::module_& module) {
  using G = GraphReport;
  Record<G>(module, "GraphReport", "What the graph of a store looks like.")
      .Field("lsn", &G::lsn, "int: commit of the state that was looked at.")
      .Field("count", &G::count, "int: live patterns.")
      .Field("dead", &G::dead, "int: ended ones that still lie in the graph.")
      .Field("dead_share", &G::dead_share, "float: of ended and live ones, 0 to 1.")
      .Field("free_slots", &G::free_slots, "int: as in Stats.")
      .Field(
          "levels", [](const G& report) { return ListOf(report.levels); },
          "list of LevelReport, from level 0 up.")
      .Field("out_degrees", &G::out_degrees,
             "numpy.ndarray of uint64: element i counts live nodes with i links at level 0.")
      .Field("in_degrees", &G::in_degrees,
             "numpy.ndarray of uint64: the same of links to them; the last counts more, too.")
      .Field("most_in_links", &G::most_in_links, "int: to one live node.")
      .Field("hanging", &G::hanging,
             "int: live patterns to which one link from a live one leads, or none.")
      .Field(
          "hubs", [](const G& report) { return ListOf(report.hubs); },
          "list of HubReport: at most 10 with the most links to them, most first.")
      .Field("hub_share", &G::hub_share,
             "float: of the links between live nodes at level 0, the share that leads to the "
             "hundredth of nodes with most of them; 0.01 where all have as many.")
      .Field("unreachable", &G::unreachable,
             "int: live patterns that no walk over level 0 reaches.")
      .Field("components", &G::components, "int: parts that no link joins at level 0.")
      .Field("duplicates", &G::duplicates,
             "int: live patterns whose vector another one has too, beyond the first of each; 0.0 "
             "and -0.0 are one number.")
      .Field("duplicated_vectors", &G::duplicated_vectors,
             "int: vectors that more than one live pattern has.")
      .Field("largest_heap", &G::largest_heap,
             "int: patterns of the vector that most have; 0 where each is alone.")
      .Field("bytes_on_disk", &G::bytes_on_disk, "int: as in Stats.")
      .Field("memory_bytes", &G::memory_bytes, "int: as in Stats.")
      .Field("space", &G::space, "SpaceReport: what both consist of.")
      .Field("sampled", &G::sampled, "int: patterns whose neighbours were searched for.")
      .Field("recall", &G::recall, "float: share of their true k nearest that was found.")
      .Field("recall_low", &G::recall_low, "float: where its 95 % confidence interval begins.")
      .Field("recall_high", &G::recall_high, "float: where it ends.")
      .Field("recall_error", &G::recall_error, "float: from recall to the farther end.")
      .Field("mean_compared", &G::mean_compared, "float: vectors that such a search looked at.")
      .Field("exact", &G::exact, "bool: these searches looked at everything.")
      .Field("degraded", &G::degraded, "bool: because the graph is damaged.")
      .Done();
}

// Made once, never destroyed.
PyTypeObject* NeighborsType() {
  static PyStructSequence_Field fields[] = {
      {"ids", "numpy.ndarray of uint64, shape (n,) or (queries, k)."},
      {"distances", "numpy.ndarray of float32, of the same shape."},
      {"partial", "bool: of some query, the timeout passed before everything was looked at."},
      {"exhausted", "bool: of some query, max_compared was reached before that."},
      {"exact", "bool: for each query every pattern was looked at."},
      {"degraded", "bool: because the graph is damaged; run `engram verify`."},
      {nullptr, nullptr}};
  static PyStructSequence_Desc description = {
      "engram.Neighbors",
      "What Store.search() found: the pair (ids, distances), and attributes beside it.", fields, 2};
  static PyTypeObject* const type = PyStructSequence_NewType(&description);
  if (type == nullptr) throw py::error_already_set();
  return type;
}

}  // namespace

PatternRecord RecordOf(Pattern pattern, const GetOptions& included) {
  return {pattern.id,
          VectorOrNone(included.include_vector, std::move(pattern.vector)),
          MetadataOrNone(included.include_metadata, pattern.metadata),
          pattern.timestamp,
          pattern.inserted_at,
          pattern.type,
          pattern.version};
}

SearchRecord RecordOf(SearchResult result, const SearchOptions& included) {
  SearchRecord record;
  for (Hit& hit : result.hits) {
    record.hits.append(py::cast(HitRecord{
        hit.id, hit.distance, VectorOrNone(included.include_vector, std::move(hit.vector)),
        MetadataOrNone(included.include_metadata && hit.metadata.has_value(),
                       hit.metadata.value_or(Metadata()))}));
  }
  result.hits.clear();
  record.rest = std::move(result);
  return record;
}

BatchRecord RecordOf(BatchResult result) {
  BatchRecord record{ArrayOwning(std::move(result.ids)), py::list(), result.lsn};
  for (const BatchResult::Failure& failure : result.failures) {
    record.failures.append(py::cast(FailureRecord{failure.position, ExceptionFor(failure.status)}));
  }
  return record;
}

CommitRecord RecordOf(CommitResult result) {
  return {result.lsn, ArrayOwning(std::move(result.ids))};
}

py::object NeighborsOf(py::object ids, py::object distances, const NeighborsFlags& flags) {
  auto made = py::reinterpret_steal<py::object>(PyStructSequence_New(NeighborsType()));
  if (!made) throw py::error_already_set();
  py::object items[] = {std::move(ids),           std::move(distances),
                        py::bool_(flags.partial), py::bool_(flags.exhausted),
                        py::bool_(flags.exact),   py::bool_(flags.degraded)};
  for (std::size_t i = 0; i < std::size(items); ++i) {
    PyStructSequence_SetItem(made.ptr(), static_cast<Py_ssize_t>(i), items[i].release().ptr());
  }
  return made;
}

void DefineRecords(py::module_& module) {
  DefinePattern(module);
  DefineSearchResults(module);
  DefineWriteResults(module);
  DefineStats(module);
  DefineGraphParts(module);
  DefineSpaceReport(module);
  DefineGraphReport(module);
  module.attr("Neighbors") =
      py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(NeighborsType()));
}

}  // namespace engram::python
