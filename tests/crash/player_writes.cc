// The player's writes: what they are of, the batches, and what the model makes of them.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <engram/write_batch.h>

#include "api/src/transactions.h"
#include "engine/vector_rules.h"
#include "storage/base/coding.h"
#include "tests/crash/player.h"

namespace engram {
namespace {

using namespace std::chrono_literals;

bool OneIn(std::mt19937_64& random, std::uint64_t n) { return random() % n == 0; }

}  // namespace

std::vector<float> Player::AnyVector() {
  std::vector<float> vector(engine_->dimensions());
  std::uniform_real_distribution<float> component(-1, 1);
  for (float& c : vector) c = component(random_);
  return vector;
}

Metadata Player::AnyMetadata() {
  Metadata metadata;
  if (OneIn(random_, 6)) return metadata;
  metadata["n"] = static_cast<std::int64_t>(random_() % 100);
  if (OneIn(random_, 2)) metadata["kind"] = random_() % 2 == 0 ? "red" : "blue";
  if (OneIn(random_, 3)) {
    std::string text;
    for (int i = 0; i < 16; ++i) text += static_cast<char>('a' + random_() % 26);
    metadata["text"] = text + std::string(random_() % 300, 'x');
  }
  if (OneIn(random_, 8)) metadata["list"] = ValueList{Value(1.5), Value(), Value(true)};
  return metadata;
}

Durability Player::AnyDurability() {
  constexpr Durability kAny[] = {Durability::kSync, Durability::kSync, Durability::kInterval,
                                 Durability::kNone, Durability::kNone};
  return kAny[random_() % std::size(kAny)];
}

PatternId Player::AnyLive() {
  const ModelState state = Seen();
  return std::next(state.begin(), static_cast<std::ptrdiff_t>(random_() % state.size()))->first;
}

Player::Change Player::NewInsert() {
  Change change;
  change.vector = AnyVector();
  change.metadata = AnyMetadata();
  change.type = static_cast<TypeTag>(random_() % 3);
  if (OneIn(random_, 2)) {
    const std::int64_t ago_us = static_cast<std::int64_t>(random_() % 1'000'000);
    const bool old = stage_.shape.ages.general_us == 0 && stage_.shape.ages.by_type.empty();
    change.timestamp = Timestamp(std::chrono::microseconds(old ? ago_us : now_us() - ago_us));
  }
  if (OneIn(random_, 4)) change.ttl = std::chrono::milliseconds(100 + random_() % 3000);
  return change;
}

bool Player::InsertSome(std::size_t count, Durability durability) {
  std::vector<Change> changes;
  for (std::size_t i = 0; i < count; ++i) changes.push_back(NewInsert());
  return Commit(std::move(changes), durability);
}

bool Player::HugeBatch() {
  std::vector<Change> changes;
  for (int i = 0; i < 3; ++i) {
    changes.push_back(NewInsert());
    (*changes.back().metadata)["text"] = std::string(700'000 + random_() % 1000, 'y');
  }
  return Commit(std::move(changes), AnyDurability());
}

bool Player::Mixed() {
  std::vector<Change> changes;
  const std::size_t count = 2 + random_() % 5;
  std::vector<PatternId> erased;
  for (std::size_t i = 0; i < count; ++i) {
    const bool insert = Seen().empty() || OneIn(random_, 3);
    Change change = NewInsert();
    if (!insert) {
      change.id = AnyLive();
      if (std::find(erased.begin(), erased.end(), *change.id) != erased.end()) continue;
      change.kind = OneIn(random_, 3) ? Change::Kind::kErase : Change::Kind::kUpdate;
      if (change.kind == Change::Kind::kErase) erased.push_back(*change.id);
      if (OneIn(random_, 2)) change.vector.reset();
      if (OneIn(random_, 2)) change.metadata.reset();
      if (OneIn(random_, 2)) change.type.reset();
      // Of another type it may be too old, and no more there for what follows.
      if (change.type.has_value())
        change.timestamp = Timestamp(std::chrono::microseconds(now_us()));
    }
    changes.push_back(std::move(change));
  }
  return Commit(std::move(changes), AnyDurability());
}

bool Player::Update(bool vector, bool metadata) {
  Change change;
  change.kind = Change::Kind::kUpdate;
  change.id = AnyLive();
  if (vector) change.vector = AnyVector();
  if (metadata) change.metadata = AnyMetadata();
  if (OneIn(random_, 4)) change.type = static_cast<TypeTag>(random_() % 3);
  if (OneIn(random_, 8)) change.ttl = std::chrono::milliseconds(random_() % 2000);
  return Commit({std::move(change)}, AnyDurability());
}

bool Player::Erase() {
  std::vector<Change> changes;
  const std::size_t count = OneIn(random_, 4) ? 1 + Seen().size() / 4 : 1;
  for (std::size_t i = 0; i < count; ++i) {
    Change change;
    change.kind = Change::Kind::kErase;
    change.id = AnyLive();
    const auto same = [&](const Change& c) { return c.id == change.id; };
    if (std::none_of(changes.begin(), changes.end(), same)) changes.push_back(std::move(change));
  }
  return Commit(std::move(changes), AnyDurability());
}

bool Player::Commit(std::vector<Change> changes, Durability durability) {
  stage_.clock->Advance(1us);  // each commit has a time of its own
  WriteBatch batch;
  for (const Change& change : changes) {
    switch (change.kind) {
      case Change::Kind::kInsert:
        batch.Insert({*change.vector, *change.metadata, change.timestamp, *change.type, change.id,
                      change.ttl});
        break;
      case Change::Kind::kUpdate: {
        NoteSecrets(*change.id, change);
        PatternChange to{std::nullopt, change.metadata, change.timestamp, change.type, change.ttl};
        if (change.vector.has_value()) to.vector = *change.vector;
        batch.Update(*change.id, to);
        break;
      }
      case Change::Kind::kErase:
        batch.Erase(*change.id);
        break;
    }
  }
  Transaction transaction;
  transaction.durability = durability;
  const VectorRules rules{engine_->metric(), engine_->dimensions()};
  const Status checked = CheckBatch(rules, batch, transaction);
  if (!checked.ok()) return Fail("batch: " + checked.ToString());
  engine_->Commit(transaction);
  if (!transaction.status.ok()) return CommitFailed(transaction, changes);
  if (poisoned()) return Fail("a write to a poisoned store succeeded");
  for (const PatternId id : transaction.ids) {
    if (id <= now_.used) {
      return Fail("id " + std::to_string(id) + " was given again, " + std::to_string(now_.used) +
                  " was given before");
    }
    now_.used = id;
  }
  AddToModel(changes, transaction);
  if (durability == Durability::kSync) now_.promised = transaction.lsn;
  if (durability == Durability::kInterval) last_interval_ = transaction.lsn;
  return true;
}

bool Player::CommitFailed(const Transaction& transaction, const std::vector<Change>& changes) {
  const bool was_poisoned = poisoned();
  if (!Excused("commit", transaction.status)) return false;
  if (was_poisoned) return true;
  if (poisoned()) {
    const auto inserts =
        static_cast<std::size_t>(std::count_if(changes.begin(), changes.end(), [](const Change& c) {
          return c.kind == Change::Kind::kInsert;
        }));
    model_.Advance(visible());
    const Lsn last = model_.last();
    if (transaction.ids.size() == inserts && transaction.lsn > last) {
      AddToModel(changes, transaction);
      model_.DoubtLast(last);
    }
  }
  return Check();
}

void Player::AddToModel(const std::vector<Change>& changes, const Transaction& transaction) {
  std::size_t inserts = 0;
  for (const Change& change : changes) {
    if (change.kind == Change::Kind::kInsert) NoteSecrets(transaction.ids[inserts++], change);
  }
  model_.Commit(transaction.lsn, now_us(), Apply(changes, transaction));
}

void Player::NoteSecrets(PatternId id, const Change& change) {
  std::vector<std::string>& secrets = secrets_[id];
  if (change.vector.has_value()) {
    // A part is as bad as the whole.
    const auto bytes = std::as_bytes(std::span(*change.vector));
    const std::string all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    secrets.push_back(all.substr(0, all.size() / 2));
    secrets.push_back(all.substr(all.size() / 2));
  }
  if (!change.metadata.has_value()) return;
  const auto text = change.metadata->find("text");
  if (text == change.metadata->end()) return;
  const auto* value = text->second.As<std::string>();
  if (value != nullptr && value->front() != 'y') secrets.push_back(value->substr(0, 16));
}

ModelState Player::Apply(const std::vector<Change>& changes, const Transaction& transaction) const {
  ModelState state = model_.newest();
  std::size_t inserts = 0;
  for (const Change& change : changes) {
    if (change.kind == Change::Kind::kErase) {
      state.erase(*change.id);
      continue;
    }
    const bool insert = change.kind == Change::Kind::kInsert;
    const PatternId id = insert ? transaction.ids[inserts++] : *change.id;
    PatternModel pattern;
    if (!insert) pattern = *state.at(id);
    if (change.vector.has_value()) pattern.vector = *change.vector;
    if (change.metadata.has_value()) pattern.metadata = *change.metadata;
    if (change.type.has_value()) pattern.type = *change.type;
    if (insert) pattern.timestamp_us = now_us();
    if (change.timestamp.has_value()) {
      pattern.timestamp_us = change.timestamp->time_since_epoch().count();
    }
    if (change.ttl.has_value()) {
      pattern.expires_us =
          change.ttl->count() == 0 ? kNeverExpires : now_us() + change.ttl->count();
    }
    pattern.version = transaction.lsn;
    pattern.inserted_us = now_us();
    state[id] = std::make_shared<PatternModel>(std::move(pattern));
  }
  return state;
}

}  // namespace engram
