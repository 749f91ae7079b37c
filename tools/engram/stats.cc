#include <chrono>
#include <memory>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

std::uint64_t Number(Lsn lsn) { return static_cast<std::uint64_t>(lsn); }

double SecondsOf(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

// "2, the oldest 3 d 4 h old".
std::string CountWithAge(std::uint64_t count, std::chrono::microseconds oldest) {
  if (count == 0) return "none";
  return WithSeparators(count) + ", the oldest " + HumanSeconds(SecondsOf(oldest)) + " old";
}

// Of the sweep, where it was at work since the store was opened.
std::string SweepOf(const Stats& stats) {
  std::string text = WithSeparators(stats.sweep_rounds) + " rounds, " +
                     WithSeparators(stats.reclaimed) + " places freed, " +
                     WithSeparators(stats.healed_nodes) + " nodes linked anew";
  if (stats.sweep_progress > 0) text += "; " + Fixed(100 * stats.sweep_progress, 0) + " % of one";
  return text;
}

Json StatsToJson(const Stats& stats) {
  Json json;
  json["count"] = stats.count;
  json["dead"] = stats.dead;
  json["free_slots"] = stats.free_slots;
  json["dimensions"] = stats.dimensions;
  json["metric"] = MetricName(stats.metric);
  json["m"] = stats.m;
  json["last_lsn"] = Number(stats.last_lsn);
  json["durable_lsn"] = Number(stats.durable_lsn);
  json["checkpoint_lsn"] = Number(stats.checkpoint_lsn);
  json["checkpoints"] = stats.checkpoints;
  json["next_id"] = stats.next_id;
  json["snapshots"] = stats.snapshots;
  json["oldest_snapshot"] = Number(stats.oldest_snapshot);
  json["oldest_snapshot_age_seconds"] = SecondsOf(stats.oldest_snapshot_age);
  json["named_snapshots"] = stats.named_snapshots;
  json["oldest_named_snapshot_age_seconds"] = SecondsOf(stats.oldest_named_snapshot_age);
  json["expired_snapshots"] = stats.expired_snapshots;
  json["horizon"] = Number(stats.horizon);
  json["bytes_on_disk"] = stats.bytes_on_disk;
  json["page_file_bytes"] = stats.page_file_bytes;
  json["journal_bytes"] = stats.journal_bytes;
  json["log_bytes"] = stats.log_bytes;
  json["metadata_bytes"] = stats.metadata_bytes;
  json["memory_bytes"] = stats.memory_bytes;
  json["dirty_page_bytes"] = stats.dirty_page_bytes;
  json["commits"] = stats.commits;
  json["log_syncs"] = stats.log_syncs;
  json["log_bytes_written"] = stats.log_bytes_written;
  json["page_bytes_written"] = stats.page_bytes_written;
  json["journal_bytes_written"] = stats.journal_bytes_written;
  json["searches"] = stats.searches;
  json["replayed_commits"] = stats.replayed_commits;
  json["restored_pages"] = stats.restored_pages;
  json["sweep_rounds"] = stats.sweep_rounds;
  json["sweep_progress"] = stats.sweep_progress;
  json["healed_nodes"] = stats.healed_nodes;
  json["reclaimed"] = stats.reclaimed;
  json["expired"] = stats.expired;
  json["moved"] = stats.moved;
  json["residency"] = ResidencyName(stats.residency);
  json["scrubbed_pages"] = stats.scrubbed_pages;
  json["scrub_rounds"] = stats.scrub_rounds;
  json["bad_pages"] = stats.bad_pages;
  json["healed_pages"] = stats.healed_pages;
  json["first_bad_segment"] = stats.first_bad_segment;
  json["first_bad_page"] = stats.first_bad_page;
  json["audit_rounds"] = stats.audit_rounds;
  json["audited_nodes"] = stats.audited_nodes;
  json["mended_nodes"] = stats.mended_nodes;
  return json;
}

void PrintStats(Context& context, const Stats& stats) {
  context.out << Bold(context, WithSeparators(stats.count) + " patterns") << " of "
              << stats.dimensions << " dimensions, metric " << MetricName(stats.metric) << ", m "
              << stats.m << "\n";
  PrintFields(
      context,
      {{"ended, not reclaimed", WithSeparators(stats.dead)},
       {"reusable slots", WithSeparators(stats.free_slots)},
       {"next id", std::to_string(stats.next_id)},
       {"last commit", std::to_string(Number(stats.last_lsn))},
       {"durable up to", std::to_string(Number(stats.durable_lsn))},
       {"checkpoint at", std::to_string(Number(stats.checkpoint_lsn)) + " (" +
                             WithSeparators(stats.checkpoints) + " made)"},
       {"named snapshots", CountWithAge(stats.named_snapshots, stats.oldest_named_snapshot_age)},
       {"open snapshots", CountWithAge(stats.snapshots, stats.oldest_snapshot_age) + ", " +
                              WithSeparators(stats.expired_snapshots) + " gave way"},
       {"horizon", "commit " + std::to_string(Number(stats.horizon)) +
                       "; states of before it may not be whole"},
       {"sweep", SweepOf(stats)},
       {"  ended by age", WithSeparators(stats.expired)},
       {"  moved", WithSeparators(stats.moved)},
       {"on disk", HumanBytes(stats.bytes_on_disk)},
       {"  page file", HumanBytes(stats.page_file_bytes)},
       {"  journal", HumanBytes(stats.journal_bytes)},
       {"  log", HumanBytes(stats.log_bytes)},
       {"  metadata", HumanBytes(stats.metadata_bytes)},
       {"in memory",
        HumanBytes(stats.memory_bytes) + ", " + std::string(ResidencyName(stats.residency))},
       {"replayed on opening", WithSeparators(stats.replayed_commits) + " commits"},
       {"restored on opening", WithSeparators(stats.restored_pages) + " pages"}});
}

int ShowStats(Context& context, const std::string& directory) {
  const Store store = OpenForReading(context, directory);
  const Stats stats = Check(store.GetStats());
  if (context.json) {
    context.out << DumpJson(StatsToJson(stats)) << "\n";
  } else {
    PrintStats(context, stats);
  }
  return 0;
}

}  // namespace

Command AddStats(CLI::App& app, Context& context) {
  auto directory = std::make_shared<std::string>();
  CLI::App* sub = AddSubcommand(app, context, "stats", "Show what a store holds", *directory);
  AddResidency(sub, context);
  return {sub, [&context, directory] { return ShowStats(context, *directory); }};
}

}  // namespace engram::tool
