// Linker::Link(): a batch of new nodes in steps, those that compute on many threads and those that
// change lists on one.
#include <algorithm>
#include <iterator>
#include <tuple>

#include "index/linker.h"
#include "index/select_neighbors.h"
#include "storage/base/check.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

GraphWalker& WalkerOfThisThread() {
  thread_local GraphWalker walker;
  return walker;
}

}  // namespace

class Linker::Batch {
 public:
  Batch(Linker& linker, const Graph& graph, std::span<const NewNode> nodes, const RunTasks& run,
        LinkSink& sink)
      : linker_(linker),
        graph_(graph),
        scorer_(linker.Scorer(graph)),
        start_(linker.entry_),
        run_(run),
        sink_(sink) {
    work_.resize(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      work_[i].slot = nodes[i].slot;
      work_[i].near = nodes[i].near;
      work_[i].row = RowOf(graph, nodes[i].slot);
      work_[i].key = NodeKey::Of(graph.Node(nodes[i].slot));
      work_[i].levels.resize(work_[i].key.level + 1);
    }
  }

  void Run() {
    ChooseEntries();
    run_(work_.size(), [this](std::size_t i) {
      FindCandidates(i);
      ChooseNeighbours(i);
    });
    for (const Work& work : work_) SetOwnLinks(work);
    CollectBackLinks();
    plans_.resize(targets_.size());
    const PlanRules rules{linker_.options_.keep_pruned, nullptr};
    run_(targets_.size(), [&](std::size_t i) {
      const Target& target = targets_[i];
      plans_[i] = PlanList(graph_, scorer_, target.slot, target.level, target.additions, rules);
    });
    for (ListPlan& plan : plans_) linker_.Commit(graph_, plan, sink_);
    linker_.entry_ = entry_;
    for (const Work& work : work_) {
      if (work.slot != entry_.slot && linker_.parents(work.slot) == 0) {
        linker_.Adopt(graph_, work.slot, sink_);
      }
    }
  }

 private:
  struct Level {
    std::vector<Candidate> candidates;  // by distance
    std::size_t found = 0;              // of them, by a search
    std::vector<Candidate> chosen;
  };
  struct Work {
    SlotId slot = SlotId::kNone;
    const FoundNear* near = nullptr;
    Row row;
    NodeKey key;
    std::vector<Level> levels;
    // Links to it and from it, whatever the heuristic says: a node that ranks above it, or, where
    // it is the new entry point, the old one. kNone: none, since it is the first.
    SlotId tied = SlotId::kNone;
    bool becomes_entry = false;
  };
  struct Target {
    SlotId slot = SlotId::kNone;
    std::uint32_t level = 0;
    std::vector<Addition> additions;
  };

  // Which of the new nodes become entry points, one after the other.
  void ChooseEntries() {
    entry_ = start_;
    for (Work& work : work_) {
      if (entry_.slot != SlotId::kNone && work.key < NodeKey::Of(graph_.Node(entry_.slot)))
        continue;
      work.becomes_entry = true;
      work.tied = entry_.slot;  // kNone for the first node of a graph, which hangs on no other
      entry_ = {work.slot, work.key.level};
    }
  }

  // What was found for it, at each level it has, of the nodes linked before it.
  void FindCandidates(std::size_t index) {
    Work& work = work_[index];
    Search(work);
    for (Level& level : work.levels) level.found = level.candidates.size();
    AddRecent(work);
    for (std::size_t i = 0; i < index; ++i) {
      const Work& earlier = work_[i];
      AddCandidate(work, earlier.slot, earlier.row, earlier.key.level);
    }
    for (std::uint32_t level = 0; level < work.levels.size(); ++level) Arrange(work, level);
  }

  // Live ones that reach the level (in a damaged graph a walk may find others), each once, by
  // distance.
  void Arrange(Work& work, std::uint32_t level) const {
    std::vector<Candidate>& candidates = work.levels[level].candidates;
    std::erase_if(candidates, [&](const Candidate& candidate) {
      if (level > 0 && graph_.Node(candidate.slot).level() < level) return true;
      return graph_.state(candidate.slot) != SlotState::kLive && !ENGRAM_MUTANT(kLinkToDead);
    });
    if (linker_.options_.metric != Metric::kL2) {
      // The walk's distances differ in their last digits, and copies of one vector must be told by
      // equal ones.
      for (Candidate& candidate : candidates) {
        candidate.distance = scorer_.Distance(work.row, RowOf(graph_, candidate.slot));
      }
    }
    std::sort(candidates.begin(), candidates.end(), Nearer);
    candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
    if (candidates.size() > ef()) candidates.resize(ef());
  }

  std::size_t ef() const { return linker_.options_.ef_construction; }

  bool IsFoundAhead(const Work& work) const {
    return work.near != nullptr && linker_.linked_ - work.near->linked <= linker_.recent_.size();
  }

  void Search(Work& work) {
    if (start_.slot == SlotId::kNone) return;
    const bool found_ahead = IsFoundAhead(work);
    if (found_ahead) work.levels[0].candidates = work.near->nodes;
    if (found_ahead && work.key.level == 0) return;
    const QueryScorer query(linker_.options_.metric, {work.row.vector, scorer_.dimensions()});
    GraphWalker& walker = WalkerOfThisThread();
    WalkStats stats;
    const std::uint32_t top = std::min(work.key.level, start_.level);
    std::optional<Candidate> nearest = walker.Descend(graph_, query, start_, top, stats);
    const WalkFilter filter{WalkFilter::Kind::kLive, {}, true};
    for (std::uint32_t level = top + 1; nearest && level-- > (found_ahead ? 1u : 0u);) {
      const std::vector<Candidate>& found =
          walker.Search(graph_, query, level, ef(), *nearest, filter, {}, stats);
      if (found.empty()) continue;
      nearest = found.front();
      work.levels[level].candidates = found;
    }
  }

  // Nodes linked since the search began.
  void AddRecent(Work& work) {
    if (!IsFoundAhead(work)) return;
    const std::uint64_t missed = linker_.linked_ - work.near->linked;
    const auto& recent = linker_.recent_;
    for (std::size_t i = recent.size() - missed; i < recent.size(); ++i) {
      if (!graph_.Has(recent[i]) || graph_.state(recent[i]) != SlotState::kLive) continue;
      AddCandidate(work, recent[i], RowOf(graph_, recent[i]), graph_.Node(recent[i]).level());
    }
  }

  void AddCandidate(Work& work, SlotId slot, Row row, std::uint32_t level) {
    const float distance = scorer_.Distance(work.row, row);
    for (std::uint32_t at = 0; at <= std::min(level, work.key.level); ++at) {
      Level& to = work.levels[at];
      // What was found lies in front, by distance: behind that many nearer ones nothing is wanted.
      if (to.found >= ef() && distance >= to.candidates[ef() - 1].distance) continue;
      to.candidates.push_back({distance, slot});
    }
  }

  void ChooseNeighbours(std::size_t index) {
    Work& work = work_[index];
    for (Level& level : work.levels) {
      std::vector<std::uint32_t> selected;
      SelectNeighbors(graph_, scorer_, level.candidates, scorer_.Distance(work.row, work.row),
                      graph_.layout().max_links(), linker_.options_.keep_pruned, selected);
      for (const std::uint32_t i : selected) level.chosen.push_back(level.candidates[i]);
    }
    if (!work.becomes_entry) work.tied = ChooseParent(work, index);
    if (work.tied == SlotId::kNone) return;
    std::vector<Candidate>& chosen = work.levels[0].chosen;
    const auto is_tied = [&](const Candidate& candidate) { return candidate.slot == work.tied; };
    if (std::any_of(chosen.begin(), chosen.end(), is_tied)) return;
    chosen.push_back({scorer_.Distance(work.row, RowOf(graph_, work.tied)), work.tied});
  }

  // The nearest node there is that ranks above it: one it links to anyway, else a candidate, of the
  // lowest level that has one, else the entry point.
  SlotId ChooseParent(const Work& work, std::size_t index) const {
    const auto above = [&](const Candidate& candidate) {
      return work.key < NodeKey::Of(graph_.Node(candidate.slot));
    };
    const std::vector<Candidate>& chosen = work.levels[0].chosen;
    if (const auto it = std::find_if(chosen.begin(), chosen.end(), above); it != chosen.end()) {
      return it->slot;
    }
    for (const Level& level : work.levels) {
      const auto it = std::find_if(level.candidates.begin(), level.candidates.end(), above);
      if (it != level.candidates.end()) return it->slot;
    }
    SlotId entry = start_.slot;
    for (std::size_t i = 0; i < index; ++i) {
      if (work_[i].becomes_entry) entry = work_[i].slot;
    }
    return entry;
  }

  void SetOwnLinks(const Work& work) {
    for (std::uint32_t level = 0; level < work.levels.size(); ++level) {
      const std::vector<Candidate>& chosen = work.levels[level].chosen;
      if (chosen.empty()) continue;
      change_.Clear();
      for (const Candidate& candidate : chosen) {
        change_.sets.push_back({candidate.slot, static_cast<std::uint8_t>(change_.sets.size())});
        // The new entry point is a parent of the old one.
        if (level == 0 && NodeKey::Of(graph_.Node(candidate.slot)) < work.key) {
          linker_.CountLink(work.slot, candidate.slot);
        }
      }
      change_.count = static_cast<std::uint32_t>(chosen.size());
      sink_.SetLinks(work.slot, level, change_);
    }
  }

  void CollectBackLinks() {
    struct BackLink {
      std::uint32_t level;
      SlotId target;
      Addition addition;
    };
    std::vector<BackLink> links;
    for (const Work& work : work_) {
      for (std::uint32_t level = 0; level < work.levels.size(); ++level) {
        for (const Candidate& chosen : work.levels[level].chosen) {
          const bool must = level == 0 && chosen.slot == work.tied;
          links.push_back({level, chosen.slot, {{chosen.distance, work.slot}, must}});
        }
      }
    }
    // Stable: those of one list stay in the order of the new nodes.
    std::stable_sort(links.begin(), links.end(), [](const BackLink& a, const BackLink& b) {
      return std::tie(a.level, a.target) < std::tie(b.level, b.target);
    });
    for (const BackLink& link : links) {
      if (targets_.empty() || targets_.back().slot != link.target ||
          targets_.back().level != link.level) {
        targets_.push_back({link.target, link.level, {}});
      }
      targets_.back().additions.push_back(link.addition);
    }
  }

  Linker& linker_;
  const Graph& graph_;
  const RowScorer scorer_;
  const EntryPoint start_;  // when the batch begins
  EntryPoint entry_;        // behind it
  const RunTasks& run_;
  LinkSink& sink_;
  std::vector<Work> work_;
  std::vector<Target> targets_;
  std::vector<ListPlan> plans_;
  ListChange change_;
};

void Linker::Link(const Graph& graph, std::span<const NewNode> nodes, const RunTasks& run,
                  LinkSink& sink) {
  ENGRAM_CHECK(nodes.size() <= kMostNodes);
  Cover(graph);
  for (const NewNode& node : nodes) {
    parents(node.slot) = 0;
    if (audit_) audit_->parents(node.slot) = 0;
  }
  Batch(*this, graph, nodes, run, sink).Run();
  linked_ += nodes.size();
  for (const NewNode& node : nodes) recent_.push_back(node.slot);
  while (recent_.size() > 2 * kMostNodes) recent_.pop_front();
}

}  // namespace engram
