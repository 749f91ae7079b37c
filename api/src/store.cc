#include <engram/store.h>

#include <pthread.h>

#include <atomic>
#include <string>
#include <utility>

#include "api/src/batch_inserter.h"
#include "api/src/options.h"
#include "api/src/store_impl.h"
#include "api/src/transactions.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

constexpr std::size_t kMaxK = 1'000'000;
constexpr std::size_t kMaxSample = 100'000;

// Relaxed: changed in a new process before it has a second thread.
std::atomic<unsigned> g_forks{0};

Result<ReadRequest> ToRequest(const StoreImpl& impl, const GetOptions& options) {
  ReadRequest request{options.include_vector, options.include_metadata, std::nullopt};
  ENGRAM_ASSIGN_OR_RETURN(request.snapshot, impl.StateOf(options.snapshot));
  return request;
}

VectorRules RulesOf(const StoreImpl& impl) {
  return {impl.engine().metric(), impl.engine().dimensions()};
}

Status CheckRange(const char* name, std::size_t value, std::size_t least, std::size_t most) {
  if (value >= least && value <= most) return Status::Ok();
  return Status::InvalidArgument(std::string(name) + " is " + std::to_string(value) +
                                 ", allowed is " + std::to_string(least) + " to " +
                                 std::to_string(most));
}

Status CheckAnalyze(const AnalyzeOptions& options) {
  ENGRAM_RETURN_IF_ERROR(CheckRange("sample", options.sample, 0, kMaxSample));
  ENGRAM_RETURN_IF_ERROR(CheckRange("k", options.k, 1, kMaxEf - 1));
  // A sampled pattern is found too, and takes one of the places.
  if (options.ef != 0) return CheckRange("ef", options.ef, options.k + 1, kMaxEf);
  return Status::Ok();
}

Status CheckRebalance(const RebalanceOptions& options) {
  // Written so that NaN is refused.
  if (!(options.worst_share >= 0 && options.worst_share <= 1)) {
    return Status::InvalidArgument("worst_share is " + std::to_string(options.worst_share) +
                                   ", allowed is 0 to 1");
  }
  return CheckRange("sample", options.sample, 0, kMaxSample);
}

}  // namespace

unsigned ForkGeneration() {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { g_forks.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);  // fails only without memory; then children are not told apart
  return g_forks.load(std::memory_order_relaxed);
}

Store::Store(std::unique_ptr<StoreImpl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;

Store& Store::operator=(Store&& other) noexcept {
  if (this != &other) {
    Store old(std::move(*this));  // closes what was here
    impl_ = std::move(other.impl_);
  }
  return *this;
}

Store::~Store() {
  if (impl_ == nullptr) return;
  if (!impl_->in_owner()) {
    LeaveToParent(impl_->Release());
    return;
  }
  if (!impl_->Check().ok()) return;
  const Status status = impl_->engine().Close();
  const LogCallback& log = impl_->engine().options().log;
  if (!status.ok() && log) log(LogLevel::kError, "closing failed: " + status.ToString());
}

Result<Store> Store::Open(const std::string& directory, const Options& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(options.Validate());
  EngineOptions config;
  config.options = options;
  ENGRAM_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine,
                          Engine::Open(directory, std::move(config), Engine::Access::kReadWrite));
  return Store(std::make_unique<StoreImpl>(std::move(engine)));
}

Result<Store> Store::OpenReadOnly(const std::string& directory, const Options& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(options.Validate());
  EngineOptions config;
  config.options = options;
  ENGRAM_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine,
                          Engine::Open(directory, std::move(config), Engine::Access::kReadOnly));
  return Store(std::make_unique<StoreImpl>(std::move(engine)));
}

Result<PatternId> Store::Insert(const NewPattern& pattern, const WriteOptions& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_ASSIGN_OR_RETURN(PendingInsert insert, CheckInsert(RulesOf(*impl_), pattern));
  Transaction transaction;
  ENGRAM_ASSIGN_OR_RETURN(transaction.durability, impl_->DurabilityOf(options));
  Append(transaction, std::move(insert));
  impl_->engine().Commit(transaction);
  ENGRAM_RETURN_IF_ERROR(transaction.status);
  return transaction.ids.front();
}

Result<BatchResult> Store::InsertBatch(std::span<const NewPattern> patterns,
                                       const WriteOptions& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_ASSIGN_OR_RETURN(const Durability durability, impl_->DurabilityOf(options));
  ENGRAM_RETURN_IF_ERROR(impl_->engine().RequireWritable());
  return BatchInserter(impl_->engine(), durability).Run(patterns);
}

Status Store::Update(PatternId id, const PatternChange& change,
                     const WriteOptions& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_ASSIGN_OR_RETURN(PendingUpdate update, CheckUpdate(RulesOf(*impl_), id, change));
  Transaction transaction;
  ENGRAM_ASSIGN_OR_RETURN(transaction.durability, impl_->DurabilityOf(options));
  Append(transaction, std::move(update));
  impl_->engine().Commit(transaction);
  return transaction.status;
}

Status Store::Erase(PatternId id, const WriteOptions& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  Transaction transaction;
  ENGRAM_ASSIGN_OR_RETURN(transaction.durability, impl_->DurabilityOf(options));
  Append(transaction, PendingErase{id});
  impl_->engine().Commit(transaction);
  return transaction.status;
}

Result<CommitResult> Store::Write(const WriteBatch& batch, const WriteOptions& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  Transaction transaction;
  ENGRAM_ASSIGN_OR_RETURN(transaction.durability, impl_->DurabilityOf(options));
  ENGRAM_RETURN_IF_ERROR(CheckBatch(RulesOf(*impl_), batch, transaction));
  impl_->engine().Commit(transaction);
  ENGRAM_RETURN_IF_ERROR(transaction.status);
  return CommitResult{transaction.lsn, std::move(transaction.ids)};
}

Result<Pattern> Store::Get(PatternId id, const GetOptions& options) const noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_ASSIGN_OR_RETURN(const ReadRequest request, ToRequest(*impl_, options));
  return impl_->engine().Get(id, request);
}

Result<bool> Store::Contains(PatternId id, const Snapshot* snapshot) const noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<KeptState> state, impl_->StateOf(snapshot));
  return impl_->engine().Contains(id, state);
}

Status Store::ForEach(const std::function<bool(const Pattern&)>& visit,
                      const GetOptions& options) const noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_ASSIGN_OR_RETURN(const ReadRequest request, ToRequest(*impl_, options));
  return impl_->engine().ForEach(visit, request);
}

namespace {

Status CheckSearchOptions(const SearchOptions& options) {
  if (options.k < 1 || options.k > kMaxK) {
    return Status::InvalidArgument("k is " + std::to_string(options.k) + ", allowed is 1 to " +
                                   std::to_string(kMaxK));
  }
  if (options.ef == 0) return Status::Ok();
  if (options.ef < options.k || options.ef > kMaxEf) {
    return Status::InvalidArgument("ef is " + std::to_string(options.ef) + ", allowed is k, here " +
                                   std::to_string(options.k) + ", to " + std::to_string(kMaxEf) +
                                   ", or 0 for the store's");
  }
  return Status::Ok();
}

// All but the query.
Result<SearchRequest> RequestFor(const StoreImpl& impl, const SearchOptions& options) {
  ENGRAM_RETURN_IF_ERROR(CheckSearchOptions(options));
  SearchRequest request;
  request.k = options.k;
  request.ef = options.ef;
  request.exact = options.exact;
  request.max_compared = options.max_compared;
  request.include_vector = options.include_vector;
  request.include_metadata = options.include_metadata;
  request.deadline = options.deadline;
  ENGRAM_ASSIGN_OR_RETURN(request.snapshot, impl.StateOf(options.snapshot));
  return request;
}

}  // namespace

Result<SearchResult> Store::Search(VectorView query, const SearchOptions& options) const noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_ASSIGN_OR_RETURN(SearchRequest request, RequestFor(*impl_, options));
  ENGRAM_RETURN_IF_ERROR(CheckVector(RulesOf(*impl_), query));
  request.query = query;
  return impl_->engine().Search(request);
}

std::vector<Result<SearchResult>> Store::SearchBatch(std::span<const VectorView> queries,
                                                     const SearchOptions& options) const noexcept {
  std::vector<Result<SearchResult>> results;
  const Status open = CheckOpen(impl_.get());
  const Result<SearchRequest> request =
      open.ok() ? RequestFor(*impl_, options) : Result<SearchRequest>(open);
  if (!request.ok()) {
    results.assign(queries.size(), request.status());
    return results;
  }
  // The good ones are searched for together.
  std::vector<VectorView> good;
  std::vector<Status> checks;
  for (const VectorView query : queries) {
    checks.push_back(CheckVector(RulesOf(*impl_), query));
    if (checks.back().ok()) good.push_back(query);
  }
  std::vector<Result<SearchResult>> found = impl_->engine().SearchBatch(good, *request);
  std::size_t next = 0;
  for (Status& check : checks) {
    results.push_back(check.ok() ? std::move(found[next++])
                                 : Result<SearchResult>(std::move(check)));
  }
  return results;
}

Result<GraphReport> Store::Analyze(const AnalyzeOptions& options) const noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_RETURN_IF_ERROR(CheckAnalyze(options));
  return impl_->engine().Analyze(options);
}

Result<RebalanceReport> Store::Rebalance(const RebalanceOptions& options) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  ENGRAM_RETURN_IF_ERROR(CheckRebalance(options));
  return impl_->engine().Rebalance(options);
}

Status Store::Flush() noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  return impl_->engine().Flush();
}

Status Store::WaitDurable(Lsn lsn) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  return impl_->engine().WaitDurable(lsn);
}

Status Store::Checkpoint() noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  return impl_->engine().Checkpoint();
}

Status Store::RunMaintenance(std::chrono::microseconds budget) noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  return impl_->engine().RunMaintenance(budget);
}

Result<Stats> Store::GetStats() const noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  return impl_->engine().GetStats();
}

Status Store::Close() noexcept {
  ENGRAM_RETURN_IF_ERROR(CheckOpen(impl_.get()));
  const Status status = impl_->engine().Close();
  if (status.code() != Code::kBusy) impl_->Release().reset();
  return status;
}

}  // namespace engram
