#include "node/carrier.h"

#include <algorithm>

#include "base/format.h"
#include "codec/chain_key.h"

namespace kith::node {
namespace {

/// By which two are known to be the same bytes.
Hash name_of(ByteView encoded) { return codec::tagged_hash("kith/carried/1", {encoded}); }

/// Room in an action beside its statements.
constexpr std::size_t action_head_bytes = 16;

/// In as few actions as they fit in.
std::vector<codec::JobOrder> packed(const std::vector<codec::JobStatement>& statements) {
  std::vector<codec::JobOrder> orders;
  codec::CarryStatements carry;
  std::size_t bytes = 0;
  for (const codec::JobStatement& statement : statements) {
    const std::size_t size = codec::encode_statement(statement).size();
    if (bytes + size + action_head_bytes > codec::tx_action_bytes_max && bytes > 0) {
      orders.emplace_back(std::exchange(carry, {}));
      bytes = 0;
    }
    carry.statements.push_back(statement);
    bytes += size;
  }
  orders.emplace_back(std::move(carry));
  return orders;
}

}  // namespace

Result<Height> may_carry(const ledger::Entries& entries, Height next,
                         const codec::JobStatement& statement) {
  const auto job = ledger::find_job(entries, statement.job);
  if (!job) return fail(Code::not_found, base::format("no job {}", statement.job.value));
  const auto key = ledger::find_enrolment(entries, statement.job, statement.worker);
  if (!key) return fail(Code::not_found, "the statement's key has no slots in the job");
  const auto round = ledger::statement_round(*job, key->cohort, next);
  if (!round || *round != statement.round) {
    return fail(Code::refused, base::format("a statement of round {}, now {}", statement.round,
                                            round.value_or(0)));
  }
  const bool says_nothing_new = statement.lines.empty() && key->seen >= *round;
  const bool is_anothers = !std::ranges::all_of(statement.lines, [&](const auto& line) {
    return std::ranges::binary_search(key->slots, line.slot);
  });
  if (says_nothing_new || is_anothers) {
    return fail(Code::refused, "a statement that would have no effect");
  }
  return ledger::round_begins(*job, key->cohort, *round + 1);
}

Carrier::Carrier(const codec::ChainParams& params, const Hash& genesis,
                 const crypto::KeyPair& payer, const crypto::KeyPair* worker)
    : params_(params),
      genesis_(genesis),
      payer_(payer),
      worker_(worker),
      lock_(codec::lock_of(codec::chain_key_of(payer))) {}

bool Carrier::carry(codec::JobStatement statement, Height until) {
  const Bytes encoded = codec::encode_statement(statement);
  const Hash name = name_of(encoded);
  if (until <= height_ || statements_.size() >= statements_max || known_.size() >= known_max ||
      known_.contains(name) || encoded.size() + action_head_bytes > codec::tx_action_bytes_max) {
    return false;
  }
  known_.emplace(name, until);
  statements_.push_back({std::move(statement), name, encoded.size(), until});
  make();
  return true;
}

bool Carrier::give(codec::JobOrder order) {
  if (worker_ == nullptr || orders_.size() >= orders_max) return false;
  const bool is_under_way =
      std::ranges::find(orders_, order) != orders_.end() ||
      std::ranges::any_of(pending_, [&](const auto& one) { return one.second.order == order; });
  if (is_under_way) return true;
  orders_.push_back(std::move(order));
  make();
  return true;
}

bool Carrier::give_verdict(codec::GiveVerdict verdict) {
  const auto is_same = [&](const codec::JobOrder& order) {
    const auto* const other = std::get_if<codec::GiveVerdict>(&order);
    return other != nullptr && other->dispute == verdict.dispute;
  };
  const bool is_here =
      std::ranges::any_of(orders_, is_same) || std::ranges::any_of(pending_, [&](const auto& one) {
        return one.second.order && is_same(*one.second.order);
      });
  if (is_here || orders_.size() >= orders_max) return false;
  orders_.emplace_back(std::move(verdict));
  make();
  return true;
}

void Carrier::on_final(Height height, const std::vector<codec::TxPtr>& txs) {
  height_ = height;
  for (const codec::TxPtr& tx : txs) {
    const auto at = pending_.find(tx->txid);
    if (at == pending_.end()) continue;
    ++stats_.transactions;
    stats_.statements += at->second.statements.size();
    stats_.orders += at->second.order ? 1 : 0;
    stats_.fees += tx->tx.fee;
    spend(*tx);
    pending_.erase(at);
  }
  for (auto at = pending_.begin(); at != pending_.end();) {
    const auto next = std::next(at);
    if (at->second.tx->tx.expiry <= height_.value) {
      ++stats_.expired;
      give_up(at, true);
    }
    at = next;
  }
  forget_old();
  make();
}

/// What we know of our coins follows our transactions, also between two answers of the store.
void Carrier::spend(const codec::SealedTx& tx) {
  std::erase_if(coins_, [&](const Coin& coin) {
    return std::ranges::any_of(tx.tx.inputs,
                               [&](const auto& input) { return input.from == coin.from; });
  });
  coins_.push_back({{tx.txid, 0}, tx.tx.outputs[0].value});
  spent_at_ = height_;
}

/// A statement whose round is over has no effect any more.
void Carrier::forget_old() {
  std::erase_if(statements_, [&](const Waiting& waiting) {
    const bool is_late = waiting.until <= height_;
    stats_.too_late += is_late ? 1 : 0;
    return is_late;
  });
  std::erase_if(known_, [&](const auto& known) { return known.second <= height_; });
}

/// What was in a transaction that comes to nothing waits again.
void Carrier::give_up(Pendings::iterator at, bool keeps_order) {
  Pending& gone = at->second;
  for (auto one = gone.statements.rbegin(); one != gone.statements.rend(); ++one) {
    statements_.push_front(std::move(*one));
  }
  if (gone.order && keeps_order) orders_.push_front(*std::move(gone.order));
  pending_.erase(at);
}

void Carrier::on_answer(const Hash& txid, const Result<void>& accepted) {
  const auto at = pending_.find(txid);
  if (at == pending_.end()) return;
  if (accepted) {
    at->second.is_accepted = true;
    return;
  }
  ++stats_.refused;
  // An order that does not apply is given again by whoever still wants it.
  give_up(at, false);
  made_at_ = height_;
}

void Carrier::look_for(const std::function<bool(const Hash&)>& is_there) {
  for (auto at = pending_.begin(); at != pending_.end();) {
    const auto next = std::next(at);
    if (at->second.is_accepted && !is_there(at->first)) {
      ++stats_.refused;
      // Somebody else carried all of it: nobody need pay for that again.
      pending_.erase(at);
    }
    at = next;
  }
  make();
}

void Carrier::on_coins(std::vector<Coin> coins) {
  is_asking_ = false;
  // Of a state in which one of ours was not spent yet: of no use.
  if (asked_at_ >= spent_at_) {
    has_coins_ = true;
    coins_ = std::move(coins);
    std::ranges::sort(coins_, [](const Coin& a, const Coin& b) {
      return a.value != b.value ? a.value > b.value : a.from < b.from;
    });
  }
  make();
}

bool Carrier::is_locked(const codec::OutPoint& coin) const {
  return std::ranges::any_of(pending_, [&](const auto& pending) {
    return std::ranges::any_of(pending.second.tx->tx.inputs,
                               [&](const auto& input) { return input.from == coin; });
  });
}

codec::Amount Carrier::funds() const {
  codec::Amount sum = 0;
  for (const Coin& coin : coins_) sum += coin.value;
  return sum;
}

/// Statements first: they have to be somewhere in time.
void Carrier::make() {
  if (height_.value == 0 || (statements_.empty() && orders_.empty())) return;
  if (asked_at_ != height_ && !is_asking_) {
    is_asking_ = true;
    asked_at_ = height_;
    outputs_.push_back(FindCoins{lock_});
  }
  if (!has_coins_) return;
  is_poor_ = false;
  // One a block: what comes meanwhile goes together.
  if (!statements_.empty() && made_at_ != height_ && make_statements()) made_at_ = height_;
  while (!orders_.empty() && make_order()) {
  }
}

bool Carrier::make_statements() {
  Pending pending;
  std::vector<codec::JobStatement> statements;
  std::size_t bytes = 0;
  for (const Waiting& waiting : statements_) {
    if (bytes + waiting.bytes > tx_statements_bytes_max) break;
    statements.push_back(waiting.statement);
    bytes += waiting.bytes;
  }
  const auto tx = pay_for(packed(statements), false);
  if (!tx) return false;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    pending.statements.push_back(std::move(statements_.front()));
    statements_.pop_front();
  }
  pending.tx = *tx;
  pending_.emplace((*tx)->txid, std::move(pending));
  outputs_.push_back(SubmitCarried{*tx});
  return true;
}

bool Carrier::make_order() {
  const bool is_workers = !std::holds_alternative<codec::GiveVerdict>(orders_.front());
  const auto tx = pay_for({orders_.front()}, is_workers);
  if (!tx) return false;
  pending_.emplace((*tx)->txid, Pending{*tx, {}, std::move(orders_.front()), false});
  orders_.pop_front();
  outputs_.push_back(SubmitCarried{*tx});
  return true;
}

/// A transaction of these orders; none while no coins for it are free.
std::optional<codec::TxPtr> Carrier::pay_for(std::vector<codec::JobOrder> orders, bool is_workers) {
  codec::Transaction tx;
  tx.expiry = height_.value + expiry_blocks;
  std::vector<codec::ChainKey> keys{codec::chain_key_of(payer_)};
  if (is_workers && codec::chain_key_of(*worker_) != keys[0])
    keys.push_back(codec::chain_key_of(*worker_));
  std::ranges::sort(keys);
  for (const codec::ChainKey& key : keys) {
    tx.witnesses.push_back({codec::witness_ed25519, key, {}});
  }
  const auto place_of = [&](const crypto::KeyPair& pair) {
    return static_cast<std::uint16_t>(std::ranges::find(keys, codec::chain_key_of(pair)) -
                                      keys.begin());
  };
  for (const codec::JobOrder& order : orders) {
    tx.actions.push_back({codec::module_jobs,
                          is_workers ? place_of(*worker_) : codec::TxAction::no_witness,
                          codec::encode_job_order(order)});
  }
  tx.outputs.push_back({codec::output_version, codec::lock_key_hash, 0, lock_});
  codec::Amount sum = 0;
  for (const Coin& coin : coins_) {
    if (tx.inputs.size() == inputs_max) break;
    if (is_locked(coin.from)) continue;
    tx.inputs.push_back({coin.from, place_of(payer_)});
    sum += coin.value;
    tx.fee = codec::min_fee(params_, codec::encoded_size(tx));
    if (sum < tx.fee + params_.dust) continue;
    tx.outputs[0].value = sum - tx.fee;
    std::ranges::sort(tx.inputs, {}, &codec::TxInput::from);
    codec::sign(tx, payer_, genesis_);
    if (keys.size() > 1) codec::sign(tx, *worker_, genesis_);
    return codec::seal(std::move(tx));
  }
  is_poor_ = pending_.empty();
  return std::nullopt;
}

std::optional<Carrier::Output> Carrier::poll_output() {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

}  // namespace kith::node
