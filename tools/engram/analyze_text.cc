#include "tools/engram/analyze_text.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tools/engram/text.h"

namespace engram::tool {
namespace {

constexpr std::size_t kWideBar = 32;
constexpr std::size_t kNarrowBar = 20;  // of two beside each other

double ShareOf(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(std::max<std::uint64_t>(whole, 1));
}

std::string Percent(double share) { return Fixed(100 * share, 1) + " %"; }

// Behind a number; nothing where the bar is empty, so that no line ends in blanks.
std::string BarBehind(double share, std::size_t width) {
  const std::string bar = HistogramBar(share, width);
  return bar.empty() ? bar : "  " + bar;
}

std::string RecallText(const GraphReport& report) {
  if (report.sampled == 0) return "not sampled";
  std::string text = Fixed(report.recall, 4) + ", 95 % sure: " + Fixed(report.recall_low, 4) +
                     " to " + Fixed(report.recall_high, 4) + " (" + WithSeparators(report.sampled) +
                     " searches, " +
                     WithSeparators(static_cast<std::uint64_t>(report.mean_compared)) +
                     " vectors compared by each";
  if (report.degraded) return text + ": all, since the graph is damaged; run `engram verify`)";
  return text + (report.exact ? ": all, since the store is small)" : ")");
}

std::string DuplicatesText(const GraphReport& report) {
  if (report.duplicates == 0) return "0";
  return WithSeparators(report.duplicates) + ", copies of " +
         WithSeparators(report.duplicated_vectors) +
         (report.duplicated_vectors == 1 ? " vector" : " vectors") + "; the largest heap has " +
         WithSeparators(report.largest_heap);
}

void PrintFigures(Context& context, const GraphReport& report, std::size_t k) {
  context.out << Bold(context, WithSeparators(report.count) + " patterns") << " in a graph of "
              << report.levels.size() << (report.levels.size() == 1 ? " level" : " levels") << "\n";
  PrintFields(context, {{"recall@" + std::to_string(k), RecallText(report)},
                        {"unreachable", WithSeparators(report.unreachable)},
                        {"parts", WithSeparators(report.components)},
                        {"on one link or none", WithSeparators(report.hanging)},
                        {"duplicates", DuplicatesText(report)},
                        {"ended, not reclaimed", WithSeparators(report.dead) + ", " +
                                                     Percent(report.dead_share) + " of all"},
                        {"reusable slots", WithSeparators(report.free_slots)}});
}

void PrintLevels(Context& context, const std::vector<LevelReport>& levels) {
  const auto line = [&context](const std::vector<std::string>& cells) {
    for (const std::string& cell : cells) {
      context.out << AlignRight(cell, &cell == &cells[0] ? 7 : 12);
    }
    context.out << "\n";
  };
  context.out << "\n";
  line({"level", "nodes", "links", "a node", "least", "most", "to ended", "unreached"});
  for (std::size_t i = levels.size(); i-- > 0;) {
    const LevelReport& level = levels[i];
    line({std::to_string(i), WithSeparators(level.nodes), WithSeparators(level.links),
          Fixed(ShareOf(level.links + level.links_to_dead, level.nodes), 1),
          std::to_string(level.least_links), std::to_string(level.most_links),
          WithSeparators(level.links_to_dead), WithSeparators(level.unreached)});
  }
}

// Nodes by links, in groups 0, 1, 2-3, 4-7, ...
std::vector<std::uint64_t> GroupsOf(const std::vector<std::uint64_t>& histogram) {
  std::vector<std::uint64_t> groups;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    groups.resize(std::max<std::size_t>(groups.size(), std::bit_width(i) + std::size_t{1}));
    groups[static_cast<std::size_t>(std::bit_width(i))] += histogram[i];
  }
  while (groups.size() > 1 && groups.back() == 0) groups.pop_back();
  return groups;
}

// Of the group, in a histogram whose last element, `last`, stands for more.
std::string GroupName(std::size_t group, std::size_t last) {
  if (group == 0) return "0";
  const std::size_t first = std::size_t{1} << (group - 1);
  const std::size_t end = std::min(2 * first - 1, last);
  return std::to_string(first) + (end > first ? "-" + std::to_string(end) : "") +
         (end == last ? "+" : "");
}

// Links from nodes and to them, beside each other.
void PrintDegrees(Context& context, const GraphReport& report) {
  constexpr std::size_t kBytesOfBlock = 3;  // in UTF-8
  std::vector<std::uint64_t> from = GroupsOf(report.out_degrees);
  std::vector<std::uint64_t> to = GroupsOf(report.in_degrees);
  const std::uint64_t most_from = *std::max_element(from.begin(), from.end());
  const std::uint64_t most_to = *std::max_element(to.begin(), to.end());
  from.resize(std::max(from.size(), to.size()));
  to.resize(from.size());
  context.out << "\n  " << Bold(context, "nodes by their links at level 0") << "\n"
              << AlignRight("links", 10) << AlignRight("from them", 13)
              << std::string(kNarrowBar + 2, ' ') << AlignRight("to them", 12) << "\n";
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::string bar = HistogramBar(ShareOf(from[i], most_from), kNarrowBar);
    context.out << AlignRight(GroupName(i, report.in_degrees.size() - 1), 10)
                << AlignRight(WithSeparators(from[i]), 13) << "  " << bar
                << std::string(kNarrowBar - bar.size() / kBytesOfBlock, ' ')
                << AlignRight(WithSeparators(to[i]), 12)
                << BarBehind(ShareOf(to[i], most_to), kNarrowBar) << "\n";
  }
}

void PrintHubs(Context& context, const GraphReport& report) {
  if (report.hubs.empty()) return;
  context.out << "\n  " << Bold(context, "hubs") << ": to 1 % of the nodes lead "
              << Percent(report.hub_share) << " of the links\n"
              << AlignRight("id", 22) << AlignRight("links to it", 13) << AlignRight("level", 7)
              << "\n";
  for (const HubReport& hub : report.hubs) {
    context.out << AlignRight(std::to_string(hub.id), 22)
                << AlignRight(WithSeparators(hub.in_links), 13)
                << AlignRight(std::to_string(hub.level), 7)
                << BarBehind(ShareOf(hub.in_links, report.most_in_links), kNarrowBar) << "\n";
  }
}

using Parts = std::vector<std::pair<std::string, std::uint64_t>>;

void PrintParts(Context& context, const std::string& title, std::uint64_t whole,
                const Parts& parts) {
  context.out << "\n  " << Bold(context, title) << ": " << HumanBytes(whole) << "\n";
  for (const auto& [name, bytes] : parts) {
    if (bytes == 0) continue;
    const double share = ShareOf(bytes, whole);
    context.out << "    " << name << std::string(26 - std::min<std::size_t>(name.size(), 26), ' ')
                << AlignRight(HumanBytes(bytes), 10) << AlignRight(Percent(share), 9)
                << BarBehind(share, kWideBar) << "\n";
  }
}

void PrintBytes(Context& context, const GraphReport& report) {
  const SpaceReport& space = report.space;
  const std::uint64_t known = space.live_node_bytes + space.dead_node_bytes +
                              space.free_node_bytes + space.live_upper_bytes +
                              space.dead_upper_bytes + space.free_upper_bytes +
                              space.slot_state_bytes;
  PrintParts(
      context, "on disk", report.bytes_on_disk,
      {{"patterns", space.live_node_bytes},
       {"ended patterns", space.dead_node_bytes},
       {"room for patterns", space.free_node_bytes},
       {"upper links", space.live_upper_bytes},
       {"upper links of ended", space.dead_upper_bytes},
       {"room for upper links", space.free_upper_bytes},
       {"slot states", space.slot_state_bytes},
       {"page headers and ends", space.page_file_bytes - std::min(known, space.page_file_bytes)},
       {"journal", space.journal_bytes},
       {"log", space.log_bytes},
       {"metadata", space.metadata_bytes}});
  PrintParts(context, "in memory", report.memory_bytes,
             {{"pages", space.page_memory_bytes},
              {"changed pages", space.page_copy_bytes},
              {"metadata", space.metadata_memory_bytes}});
}

}  // namespace

void PrintReport(Context& context, const GraphReport& report, std::size_t k) {
  PrintFigures(context, report, k);
  if (report.count > 0) {
    PrintLevels(context, report.levels);
    PrintDegrees(context, report);
    PrintHubs(context, report);
  }
  PrintBytes(context, report);
}

}  // namespace engram::tool
