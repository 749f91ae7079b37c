// What a store says about itself and about what was done for it.
#include <vector>

#include "api/python/record_class.h"
#include "api/python/records.h"

namespace engram::python {
namespace {

const char* PhaseName(CompactProgress::Phase phase) {
  switch (phase) {
    case CompactProgress::Phase::kSweeping:
      return "sweeping";
    case CompactProgress::Phase::kMoving:
      return "moving";
    case CompactProgress::Phase::kReturning:
      return "returning";
    case CompactProgress::Phase::kMetadata:
      return "metadata";
  }
  return "unknown";
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
      .Field("oldest_snapshot_age", &S::oldest_snapshot_age,
             "datetime.timedelta: how long that has been open; 0 where there is none.")
      .Field("named_snapshots", &S::named_snapshots, "int: snapshots that have a name.")
      .Field("oldest_named_snapshot_age", &S::oldest_named_snapshot_age,
             "datetime.timedelta: since the oldest of them got it; 0 where there is none.")
      .Field("expired_snapshots", &S::expired_snapshots,
             "int: that gave way (max_snapshot_age) since this process opened the store.")
      .Field("horizon", &S::horizon,
             "int: states of before this commit may have lost what ended before it.")
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
      .Field("sweep_rounds", &S::sweep_rounds,
             "int: since then, over the graph for the sake of the dead.")
      .Field("sweep_progress", &S::sweep_progress,
             "float: of the round that goes on, 0 to 1; 0: none does.")
      .Field("healed_nodes", &S::healed_nodes,
             "int: since then, whose links to the dead were replaced.")
      .Field("reclaimed", &S::reclaimed, "int: since then, places of the dead that became free.")
      .Field("expired", &S::expired, "int: since then, patterns that max_age or a ttl has ended.")
      .Field("moved", &S::moved, "int: since then, patterns that compact() gave another place.")
      .Field("audit_rounds", &S::audit_rounds,
             "int: since then, over all nodes of the graph in the background.")
      .Field("audited_nodes", &S::audited_nodes, "int: whose links were looked at by these.")
      .Field("mended_nodes", &S::mended_nodes,
             "int: whose links or counts these found wrong and put right.")
      .Field("scrubbed_pages", &S::scrubbed_pages,
             "int: since then, read from the disk and checked in the background.")
      .Field("scrub_rounds", &S::scrub_rounds, "int: of that over all pages of the file.")
      .Field("bad_pages", &S::bad_pages, "int: pages that were found bad on the disk by these.")
      .Field("healed_pages", &S::healed_pages,
             "int: of them, found right when they had been written anew.")
      .Field("first_bad_segment", &S::first_bad_segment,
             "int: where the first was: 1 nodes, 2 upper, 3 node slots, 4 upper slots; 0: none.")
      .Field("first_bad_page", &S::first_bad_page, "int: its number there.")
      .Done();
}

void DefineNamedSnapshot(py::module_& module) {
  using N = NamedSnapshot;
  Record<N>(module, "NamedSnapshot", "A state that has a name, and stays readable by it.")
      .Field("name", &N::name, "str: 1 to 255 bytes of UTF-8.")
      .Field("lsn", &N::lsn, "int: number of the last commit it sees.")
      .Field("taken_at", &N::taken_at,
             "datetime.datetime in UTC: when it got its name, or when the snapshot was taken that "
             "it was made of.")
      .Done();
}

void DefineUpkeepReports(py::module_& module) {
  using P = CompactProgress;
  Record<P>(module, "CompactProgress", "How far Store.compact() is; passed to its `progress`.")
      .Field(
          "phase", [](const P& at) { return PhaseName(at.phase); },
          "str: 'sweeping' (dead patterns are taken out of the graph), 'moving' (patterns of the "
          "last pages move to free places), 'returning' (pages at the end go back to the file "
          "system) or 'metadata' (the metadata store is compacted); in this order, but for the "
          "first two, which may come again.")
      .Field("done", &P::done, "int: of `total`: slots looked at, patterns moved, families.")
      .Field("total", &P::total, "int: as is known by now.")
      .Done();

  using C = CompactReport;
  Record<C>(module, "CompactReport", "What Store.compact() did.")
      .Field("moved", &C::moved, "int: patterns that got another place.")
      .Field("reclaimed", &C::reclaimed, "int: dead patterns whose place became free.")
      .Field("bytes_before", &C::bytes_before, "int: of all files, as in Stats.bytes_on_disk.")
      .Field("bytes_after", &C::bytes_after, "int: the same when it was done.")
      .Field("held", &C::held,
             "int: dead patterns that snapshots, history or running reads still see.")
      .Field("gave_way", &C::gave_way,
             "bool: inserts that went on meanwhile needed places that were to go: call again.")
      .Done();

  using E = EraseForeverReport;
  Record<E>(module, "EraseForeverReport", "What Store.erase_forever() did.")
      .Field("patterns", &E::patterns, "int: that were in the store and ended.")
      .Field("versions", &E::versions, "int: places that held a version of one, and were zeroed.")
      .Field("log_bytes", &E::log_bytes, "int: of files of the log that were removed.")
      .Field("journal_bytes", &E::journal_bytes, "int: of the double-write area, written anew.")
      .Field("metadata_bytes", &E::metadata_bytes,
             "int: of the metadata store, all of it written anew.")
      .Done();
}

void DefineRebalanceReports(py::module_& module) {
  using P = RebalanceProgress;
  Record<P>(module, "RebalanceProgress", "How far Store.rebalance() is; passed to its `progress`.")
      .Field("done", &P::done, "int: nodes that were looked at, and those then linked anew.")
      .Field("total", &P::total, "int: of both; falls where fewer than allowed turn out to be bad.")
      .Field("relinked", &P::relinked, "int: whose links have changed.")
      .Done();

  using H = GraphHealth;
  Record<H>(module, "GraphHealth",
            "How well a graph is linked at level 0, and how well searches find what is in it.")
      .Field("count", &H::count, "int: live patterns.")
      .Field("mean_links_out", &H::mean_links_out, "float: of a live node, to live and ended ones.")
      .Field("mean_links_in", &H::mean_links_in, "float: to a live node, from live ones.")
      .Field("least_links_in", &H::least_links_in,
             "int: to one live node; 0 where there is only one.")
      .Field("one_link_in", &H::one_link_in, "int: live nodes that one live node links to.")
      .Field("sampled", &H::sampled, "int: patterns that were searched for.")
      .Field("finds_itself", &H::finds_itself,
             "float: the share of them that a walk with few candidates (16) finds by their own "
             "vector.")
      .Field("recall", &H::recall, "float: share of their true 10 nearest that a search finds.")
      .Field("recall_error", &H::recall_error,
             "float: half-width of its 95 % confidence interval, as in GraphReport.")
      .Done();

  using R = RebalanceReport;
  Record<R>(module, "RebalanceReport", "What became of the graph by Store.rebalance().")
      .Field("before", &R::before, "GraphHealth: the graph as it was.")
      .Field("after", &R::after, "GraphHealth: the graph as it is.")
      .Field("looked_at", &R::looked_at, "int: live nodes.")
      .Field("bad", &R::bad,
             "int: of them, badly linked, whether or not they were among the worst.")
      .Field("relinked", &R::relinked, "int: of these, whose links have changed.")
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

}  // namespace

void DefineReports(py::module_& module) {
  DefineStats(module);
  DefineNamedSnapshot(module);
  DefineUpkeepReports(module);
  DefineRebalanceReports(module);
  DefineGraphParts(module);
  DefineSpaceReport(module);
  DefineGraphReport(module);
}

}  // namespace engram::python
