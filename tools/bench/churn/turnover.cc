#include "tools/bench/churn/turnover.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "tools/bench/churn/look.h"
#include "tools/bench/churn/store_index.h"
#include "tools/bench/peers/child.h"
#include "tools/bench/peers/hnswlib_peer.h"
#include "tools/bench/peers/store.h"

namespace engram::bench {
namespace {

// One index, and what its changes took.
class Contender {
 public:
  using Make = std::function<std::unique_ptr<ChurnIndex>()>;

  Contender(std::string name, const Make& make) : name_(std::move(name)) {
    Account([&] { index_ = make(); });
  }

  const std::string& name() const { return name_; }
  const ChurnIndex& index() const { return *index_; }

  void Apply(const RowSource& rows, std::span<const Change> changes) {
    Account([&] {
      for (const Change& change : changes) {
        Spent& spent = change.erases ? erased_ : inserted_;
        const auto begin = Clock::now();
        if (change.erases) {
          index_->Erase(change.patterns);
        } else {
          index_->Insert(rows, change.patterns);
        }
        spent.seconds += SecondsSince(begin);
        spent.patterns += change.patterns.size();
      }
      index_->Settle();
    });
  }

  // Of what was applied since the last call.
  Json TakeFigures() {
    Json figures = {{"inserts_per_second", inserted_.Rate()},
                    {"erases_per_second", erased_.Rate()},
                    {"turnover_seconds", inserted_.seconds + erased_.seconds},
                    {"memory_bytes", memory_bytes_},
                    {"unreachable", index_->Unreachable()}};
    inserted_ = erased_ = {};
    if (const auto* store = dynamic_cast<const ChurnStore*>(index_.get())) {
      const Stats stats = MustGetStats(store->store());
      figures["dead"] = stats.dead;
      figures["free_slots"] = stats.free_slots;
      figures["page_file_bytes"] = stats.page_file_bytes;
      figures["disk_bytes"] = stats.bytes_on_disk;
    }
    return figures;
  }

 private:
  struct Spent {
    double seconds = 0;
    std::size_t patterns = 0;
    Json Rate() const {
      return patterns == 0 ? Json(nullptr) : Json(static_cast<double>(patterns) / seconds);
    }
  };

  void Account(const std::function<void()>& work) {
    const auto before = static_cast<std::int64_t>(AnonymousBytes());
    work();
    memory_bytes_ += static_cast<std::int64_t>(AnonymousBytes()) - before;
  }

  std::string name_;
  std::unique_ptr<ChurnIndex> index_;
  std::int64_t memory_bytes_ = 0;
  Spent inserted_;
  Spent erased_;
};

class TurnoverPart {
 public:
  explicit TurnoverPart(const ChurnBench& bench)
      : bench_(bench), population_(bench.options.leaving) {
    const ChurnOptions& options = bench_.options;
    contenders_.emplace_back("engram", [&] { return MakeStore("churned"); });
    for (const std::string& peer : options.peers) {
      const bool growing = peer == "hnswlib-growing";
      const std::size_t capacity = growing
                                       ? options.patterns * (options.turnovers + 1)
                                       : options.patterns + Population::MostAhead(options.changed);
      contenders_.emplace_back(peer, [&] {
        return MakeChurnHnswlib(bench_.ForPeers(capacity),
                                growing ? ErasedPlaces::kKept : ErasedPlaces::kReused);
      });
    }
  }

  Json Run() {
    const ChurnOptions& options = bench_.options;
    Json looks = Json::array();
    Apply(std::vector<Change>{{false, population_.Come(options.patterns)}});
    looks.push_back(Look(0));
    for (std::size_t turnover = 1; turnover <= options.turnovers; ++turnover) {
      Apply(population_.TurnOver(options.changed));
      const bool wanted = std::binary_search(options.looks.begin(), options.looks.end(), turnover);
      if (wanted || turnover == options.turnovers) looks.push_back(Look(turnover));
    }
    return looks;
  }

 private:
  std::unique_ptr<ChurnIndex> MakeStore(const std::string& name) const {
    return std::make_unique<ChurnStore>(bench_.Scratch(name), bench_.ForStore());
  }

  void Apply(const std::vector<Change>& changes) {
    for (Contender& contender : contenders_) contender.Apply(bench_.rows, changes);
  }

  Json Look(std::size_t turnovers) {
    const std::vector<std::uint64_t> live = population_.live();
    Contender fresh("fresh", [&] { return MakeStore("fresh"); });
    fresh.Apply(bench_.rows, std::vector<Change>{{false, live}});
    std::vector<Contender*> all = {&contenders_.front(), &fresh};
    for (std::size_t i = 1; i < contenders_.size(); ++i) all.push_back(&contenders_[i]);

    std::vector<NamedIndex> indexes;
    for (const Contender* contender : all) {
      indexes.push_back({contender->name(), &contender->index()});
    }
    Json own;
    for (Contender* contender : all) own[contender->name()] = contender->TakeFigures();
    const std::vector<Looked> looked = LookAt(bench_, LiveTruth(bench_, live), indexes);
    for (std::size_t i = 0; i < all.size(); ++i) {
      AddSearches(looked[i], looked[1], own[all[i]->name()]);
    }
    std::fprintf(stderr, "looked after %zu turnovers\n", turnovers);
    return {{"turnovers", turnovers}, {"indexes", own}};
  }

  static void AddSearches(const Looked& looked, const Looked& fresh, Json& figures) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < looked.queries_per_second.size(); ++i) {
      ratios.push_back(looked.queries_per_second[i] / fresh.queries_per_second[i]);
    }
    figures["recall"] = looked.recall;
    figures["compared"] = looked.compared ? Json(*looked.compared) : Json(nullptr);
    figures["qps"] = Repeated(looked.queries_per_second);
    figures["of_fresh"] = Repeated(ratios);
  }

  const ChurnBench& bench_;
  Population population_;
  std::vector<Contender> contenders_;  // Engram first
};

}  // namespace

Json RunTurnover(const ChurnBench& bench) {
  return InChild([&] { return TurnoverPart(bench).Run(); });
}

}  // namespace engram::bench
