// Store.search() and Store.search_hits().
#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "api/python/arguments.h"
#include "api/python/arrays.h"
#include "api/python/bindings.h"
#include "api/python/errors.h"
#include "api/python/records.h"

namespace engram::python {
namespace {

using Results = std::vector<Result<SearchResult>>;

SearchOptions OptionsFrom(const py::object& k, const py::object& ef, const py::object& exact,
                          const py::object& max_compared, const py::object& timeout) {
  SearchOptions options;
  options.k = UnsignedArgument<std::size_t>(k, "k");
  options.ef = UnsignedOr<std::size_t>(ef, "ef", 0);
  options.exact = BoolArgument(exact, "exact");
  options.max_compared = UnsignedOr<std::uint64_t>(max_compared, "max_compared", 0);
  if (!timeout.is_none()) {
    options.deadline = std::chrono::steady_clock::now() + SecondsArgument(timeout, "timeout");
  }
  return options;
}

// One result a row, without the GIL while they are looked for.
Results SearchRows(StoreHandle& store, const FloatRows& queries, SearchOptions options,
                   const SnapshotHandle* snapshot) {
  std::vector<VectorView> views;
  views.reserve(queries.rows());
  for (std::size_t i = 0; i < queries.rows(); ++i) views.push_back(queries.Row(i));
  Results results = store.CallAt(snapshot, [&](Store& open, const Snapshot* at) {
    options.snapshot = at;
    if (!queries.single()) return open.SearchBatch(views, options);
    Results one;
    one.push_back(open.Search(views[0], options));
    return one;
  });
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].ok()) continue;
    const Status failed = results[i].status();
    if (queries.single()) throw StatusError(failed);
    throw StatusError(
        Status(failed.code(), "query " + std::to_string(i) + ": " + std::string(failed.message())));
  }
  return results;
}

// Places without a hit: no pattern has the id 0, and nothing is farther away.
constexpr PatternId kNoId = 0;
constexpr float kNoDistance = std::numeric_limits<float>::infinity();

NeighborsFlags FlagsOf(const Results& results) {
  NeighborsFlags flags;
  for (const Result<SearchResult>& result : results) {
    flags.partial = flags.partial || result->partial;
    flags.exhausted = flags.exhausted || result->exhausted;
    flags.exact = flags.exact && result->exact;
    flags.degraded = flags.degraded || result->degraded;
  }
  return flags;
}

// Writes the hits into rows of `k` places. Without the GIL.
void Fill(Results results, std::size_t k, PatternId* ids, float* distances) {
  for (const Result<SearchResult>& result : results) {
    std::size_t place = 0;
    for (const Hit& hit : result->hits) {
      ids[place] = hit.id;
      distances[place++] = hit.distance;
    }
    for (; place < k; ++place) {
      ids[place] = kNoId;
      distances[place] = kNoDistance;
    }
    ids += k;
    distances += k;
  }
}

py::object Search(StoreHandle& store, const py::object& query, const py::object& k,
                  const py::object& ef, const py::object& exact, const py::object& max_compared,
                  const py::object& timeout, const py::object& snapshot) {
  const FloatRows queries = FloatsArgument(query, "query", Rows::kOneOrMany, store.dimensions());
  const SearchOptions options = OptionsFrom(k, ef, exact, max_compared, timeout);
  Results results = SearchRows(store, queries, options, SnapshotArgument(snapshot));
  const NeighborsFlags flags = FlagsOf(results);
  const std::size_t places = queries.single() ? results[0]->hits.size() : options.k;
  std::vector<py::ssize_t> shape = {static_cast<py::ssize_t>(places)};
  if (!queries.single()) shape.insert(shape.begin(), static_cast<py::ssize_t>(results.size()));
  py::array_t<PatternId> ids(shape);
  py::array_t<float> distances(shape);
  {
    PatternId* const to_ids = ids.mutable_data();
    float* const to_distances = distances.mutable_data();
    const py::gil_scoped_release released;
    Fill(std::move(results), places, to_ids, to_distances);
  }
  return NeighborsOf(std::move(ids), std::move(distances), flags);
}

py::object SearchHits(StoreHandle& store, const py::object& query, const py::object& k,
                      const py::object& ef, const py::object& exact, const py::object& max_compared,
                      const py::object& timeout, const py::object& snapshot,
                      const py::object& include_vector, const py::object& include_metadata) {
  const FloatRows queries = FloatsArgument(query, "query", Rows::kOneOrMany, store.dimensions());
  SearchOptions options = OptionsFrom(k, ef, exact, max_compared, timeout);
  options.include_vector = BoolArgument(include_vector, "include_vector");
  options.include_metadata = BoolArgument(include_metadata, "include_metadata");
  Results results = SearchRows(store, queries, options, SnapshotArgument(snapshot));
  if (queries.single()) return py::cast(RecordOf(std::move(*results[0]), options));
  py::list records;
  for (Result<SearchResult>& result : results) {
    records.append(py::cast(RecordOf(std::move(*result), options)));
  }
  return records;
}

constexpr const char* kSearchDoc = R"(Finds the stored patterns nearest to each query.

query     float32, shape (dim,) or (queries, dim), C order (see Store about other arrays).
k         hits wanted, 1 to 1,000,000.
ef        candidates kept while the graph is walked, k to 65,536: more find more of the true
          nearest and take longer. None: what the store was opened with, or k where that is more.
exact     look at every pattern instead.
max_compared  a walk that has computed so many distances ends there.
timeout   seconds (number or timedelta) after which to stop looking.
snapshot  search what this Snapshot sees; None: the newest acknowledged state.

Returns Neighbors, the pair (ids, distances), uint64 and float32. For one query of shape (n,),
n <= k: as many as there are. For many of shape (queries, k), by as many threads as search_threads
says, all in one state; where a row has fewer than k hits, the places left have id 0, which names no
pattern, and distance inf. Nearest first, ties by lower id. The distance is the squared Euclidean
distance ('l2'), 1 - cos ('cosine') or 1 - inner product ('ip'). The result's attributes partial,
exhausted, exact and degraded say of an answer what SearchResult says.

Raises DimensionMismatchError, InvalidVectorError, InvalidArgumentError (k, ef), EmptyIndexError,
SearchTimeoutError (before the first hit), ClosedError; of many queries the first that fails.)";

constexpr const char* kSearchHitsDoc =
    R"(Finds the same as search() and returns objects: a SearchResult for a query of shape (dim,), a
list of them for queries of shape (queries, dim).

include_vector    each Hit brings its vector.
include_metadata  each Hit brings its metadata. A search that does not ask does not pay.

The other arguments and the errors are those of search().)";

}  // namespace

void DefineSearches(StoreClass& store) {
  store.def("search", &Search, py::arg("query"), py::arg("k") = 10, py::arg("ef") = py::none(),
            py::kw_only(), py::arg("exact") = false, py::arg("max_compared") = py::none(),
            py::arg("timeout") = py::none(), py::arg("snapshot") = py::none(), kSearchDoc);
  store.def("search_hits", &SearchHits, py::arg("query"), py::arg("k") = 10,
            py::arg("ef") = py::none(), py::kw_only(), py::arg("exact") = false,
            py::arg("max_compared") = py::none(), py::arg("timeout") = py::none(),
            py::arg("snapshot") = py::none(), py::arg("include_vector") = false,
            py::arg("include_metadata") = false, kSearchHitsDoc);
}

}  // namespace engram::python
