#include "ledger/mempool.h"

#include <algorithm>

#include "base/format.h"
#include "codec/writer.h"

namespace kith::ledger {
namespace {

using codec::SealedTx;
using codec::TxPtr;
using codec::Uint128;

constexpr std::uint8_t snapshot_version = 1;
/// Entries of jobs that are read to see whether what a transaction carries may have an effect: when
/// it comes, and after each block.
constexpr std::size_t looks_at_first = 256;
constexpr std::size_t looks_again = 32;
/// Of transactions with orders, so much is looked at after a block, the rest after the next ones:
/// what has been overtaken meanwhile no block takes, and it costs no more than its place.
constexpr std::size_t orders_again = 4'096;
constexpr std::size_t orders_again_bytes = 4 * 1024 * 1024;
/// By how much a replacement's fee rate is above that of what it replaces, in quarters.
constexpr std::uint32_t replacement_quarters = 5;

std::string hex(const Hash& txid) { return base::to_hex(txid); }

}  // namespace

std::string_view name_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::known: return "known";
    case Refusal::invalid: return "invalid";
    case Refusal::stale: return "stale";
    case Refusal::low_fee: return "low_fee";
    case Refusal::spent: return "spent";
    case Refusal::conflict: return "conflict";
    case Refusal::chain: return "chain";
    case Refusal::full: return "full";
    case Refusal::peer_full: return "peer_full";
    case Refusal::store: return "store";
  }
  UNREACHABLE();
}

bool Mempool::Rank::operator<(const Rank& other) const {
  const Uint128 left = Uint128{fee} * other.bytes;
  const Uint128 right = Uint128{other.fee} * bytes;
  return left != right ? left < right : order > other.order;
}

Mempool::Mempool(const MempoolConfig& config)
    : config_(config),
      entries_(16, OutPointHash{config.seed}),
      spenders_(16, OutPointHash{config.seed}),
      orphans_(config.orphans, config.seed) {}

std::set<Hash> Mempool::closure(const Hash& txid, std::set<Hash> Entry::* links) const {
  std::set<Hash> all = {txid};
  std::vector<Hash> open = {txid};
  while (!open.empty()) {
    const Entry& entry = entries_.find(open.back())->second;
    open.pop_back();
    for (const Hash& next : entry.*links) {
      if (all.insert(next).second) open.push_back(next);
    }
  }
  return all;
}

Mempool::Denied Mempool::plan_inputs(const SealedTx& tx, const BlockState& final_state,
                                     Plan& plan) const {
  for (const codec::TxInput& input : tx.tx.inputs) {
    const OutPoint& from = input.from;
    const auto spender = spenders_.find(from);
    if (spender != spenders_.end()) plan.conflicts.insert(spender->second);
    const auto parent = entries_.find(from.txid);
    if (parent != entries_.end() && from.index < parent->second.tx->tx.outputs.size()) {
      plan.parents.insert(from.txid);
      continue;
    }
    const auto utxo = final_state.find(from);
    if (!utxo) return Denial{Refusal::store, utxo.error()};
    if (*utxo) continue;
    const auto spend = final_state.final_spend(from);
    if (!spend) return Denial{Refusal::store, spend.error()};
    if (*spend) {
      return Denial{
          Refusal::spent,
          {Code::refused, base::format("input {} was spent by {} in block {}", to_text(from),
                                       hex((*spend)->txid), (*spend)->height.value)}};
    }
    if (parent != entries_.end()) {
      return Denial{
          Refusal::invalid,
          {Code::not_found, base::format("input {} of a transaction with {} outputs", to_text(from),
                                         parent->second.tx->tx.outputs.size())}};
    }
    if (std::ranges::find(plan.missing, from.txid) == plan.missing.end()) {
      plan.missing.push_back(from.txid);
    }
  }
  return {};
}

Mempool::Denied Mempool::plan_replacement(const SealedTx& tx, const Rules& rules,
                                          Plan& plan) const {
  Amount fees = 0;
  for (const Hash& conflict : plan.conflicts) {
    for (const Hash& txid : closure(conflict, &Entry::children)) {
      if (!plan.gone.insert(txid).second) continue;
      fees += entries_.find(txid)->second.tx->tx.fee;
    }
  }
  const auto deny = [&](const std::string& why) {
    return Denial{
        Refusal::conflict,
        {Code::refused, base::format("conflicts with {}: {}", hex(*plan.conflicts.begin()), why)}};
  };
  for (const Hash& txid : plan.gone) {
    if (plan.ancestors.contains(txid)) return deny("and spends what it would replace");
  }
  if (plan.gone.size() > config_.replaced_max) {
    return deny(base::format("to replace it would remove {}, limit {}", plan.gone.size(),
                             config_.replaced_max));
  }
  for (const Hash& conflict : plan.conflicts) {
    const SealedTx& old = *entries_.find(conflict)->second.tx;
    if (Uint128{tx.tx.fee} * old.bytes * 4 <
        Uint128{old.tx.fee} * tx.bytes * replacement_quarters) {
      return deny(base::format("a fee rate of {} for {} bytes is not 1.25 times {} for {}",
                               tx.tx.fee, tx.bytes, old.tx.fee, old.bytes));
    }
  }
  if (const Amount least = fees + codec::min_fee(rules.params, tx.bytes); tx.tx.fee < least) {
    return deny(
        base::format("a fee of {} is below {}, that of all it replaces and its own "
                     "minimum",
                     tx.tx.fee, least));
  }
  plan.replaced = plan.gone.size();
  return {};
}

void Mempool::plan_to_remove(const Hash& txid, const Source& source, Plan& plan) const {
  const Entry& entry = entries_.find(txid)->second;
  plan.gone.insert(txid);
  plan.bytes_gone += entry.tx->bytes;
  if (entry.source && entry.source == source) plan.peer_bytes_gone += entry.tx->bytes;
}

template <class Fits>
bool Mempool::evict(const Ranks& leaves, const Source* of_peer, const Rank& newcomer,
                    const Fits& fits, Plan& plan) const {
  Ranks exposed;  // leaves once what goes has gone
  const auto expose_parents = [&](const Hash& txid) {
    for (const Hash& parent : entries_.find(txid)->second.parents) {
      const Entry& entry = entries_.find(parent)->second;
      const bool is_candidate = of_peer == nullptr || entry.source == *of_peer;
      const bool is_leaf = std::ranges::all_of(
          entry.children, [&](const Hash& child) { return plan.gone.contains(child); });
      if (is_candidate && is_leaf && !plan.gone.contains(parent)) exposed.insert(entry.own());
    }
  };
  for (const Hash& txid : plan.gone) expose_parents(txid);
  auto at = leaves.begin();
  while (!fits()) {
    const auto is_out = [&](const Rank& rank) {
      return plan.gone.contains(rank.txid) || plan.ancestors.contains(rank.txid);
    };
    while (at != leaves.end() && is_out(*at)) ++at;
    while (!exposed.empty() && is_out(*exposed.begin())) exposed.erase(exposed.begin());
    const Rank* worst = at != leaves.end() ? &*at : nullptr;
    if (!exposed.empty() && (worst == nullptr || *exposed.begin() < *worst)) {
      worst = &*exposed.begin();
    }
    if (worst == nullptr || !(*worst < newcomer)) return false;
    const Hash txid = worst->txid;
    plan_to_remove(txid, of_peer != nullptr ? *of_peer : Source(), plan);
    expose_parents(txid);
  }
  return true;
}

Mempool::Denied Mempool::plan_room(const SealedTx& tx, const Source& source, Plan& plan) const {
  const std::set<Hash> replaced = plan.gone;
  for (const Hash& txid : replaced) plan_to_remove(txid, source, plan);
  const Rank newcomer{tx.tx.fee, tx.bytes, next_order_, tx.txid};
  if (source) {
    const auto share = shares_.find(*source);
    static const Ranks none;
    const std::size_t held = share == shares_.end() ? 0 : share->second.bytes;
    const auto fits = [&] {
      return held - plan.peer_bytes_gone + tx.bytes <= config_.peer_bytes_max;
    };
    if (!evict(share == shares_.end() ? none : share->second.leaves, &source, newcomer, fits,
               plan)) {
      return Denial{Refusal::peer_full,
                    {Code::limit, base::format("its peer's share of {} bytes is full of what pays "
                                               "more",
                                               config_.peer_bytes_max)}};
    }
  }
  const auto fits = [&] {
    return bytes_ - plan.bytes_gone + tx.bytes <= config_.bytes_max &&
           entries_.size() - plan.gone.size() < config_.count_max;
  };
  if (evict(leaves_, nullptr, newcomer, fits, plan)) return {};
  return Denial{Refusal::full,
                {Code::limit, base::format("mempool of {} bytes is full of what pays more than {} "
                                           "for {} bytes",
                                           bytes_, tx.tx.fee, tx.bytes)}};
}

Result<void> Mempool::check_entry(const SealedTx& tx, const Rules& rules,
                                  const BlockState& final_state, std::size_t looks) const {
  const auto find = [&](const OutPoint& from) -> Result<std::optional<Utxo>> {
    const auto parent = entries_.find(from.txid);
    if (parent != entries_.end() && from.index < parent->second.tx->tx.outputs.size()) {
      return Utxo{0, parent->second.tx->tx.outputs[from.index], {}};
    }
    return final_state.find(from);
  };
  return check_applies(rules, final_state, codec::next(final_state.height()), tx, find, looks);
}

Mempool::Denied Mempool::plan(const SealedTx& tx, const Source& source, const Rules& rules,
                              const BlockState& final_state, Plan& plan) const {
  if (entries_.contains(tx.txid) || orphans_.contains(tx.txid)) {
    return Denial{Refusal::known, {Code::exists, base::format("{} is here", hex(tx.txid))}};
  }
  const auto policy = check_policy(rules.params, codec::next(final_state.height()), tx);
  if (!policy) {
    const bool is_low = tx.tx.fee < codec::min_fee(rules.params, tx.bytes);
    const bool is_late =
        tx.tx.expiry != 0 && tx.tx.expiry < codec::next(final_state.height()).value;
    const Refusal other = is_late ? Refusal::stale : Refusal::invalid;
    return Denial{is_low ? Refusal::low_fee : other, policy.error()};
  }
  if (Denied denied = plan_inputs(tx, final_state, plan)) return denied;
  if (!plan.missing.empty()) return {};
  if (const auto checked = check_entry(tx, rules, final_state, looks_at_first); !checked) {
    const bool is_ours = checked.error().code == Code::io;
    // Where it comes from the registry may stand otherwise; inputs are what they are everywhere.
    const Refusal theirs = tx.tx.actions.empty() ? Refusal::invalid : Refusal::stale;
    return Denial{is_ours ? Refusal::store : theirs, checked.error()};
  }
  for (const Hash& parent : plan.parents) plan.ancestors.merge(closure(parent, &Entry::parents));
  if (plan.ancestors.size() > config_.ancestors_max) {
    return Denial{Refusal::chain,
                  {Code::limit, base::format("{} ancestors in the mempool, limit {}",
                                             plan.ancestors.size(), config_.ancestors_max)}};
  }
  if (!plan.conflicts.empty()) {
    if (Denied denied = plan_replacement(tx, rules, plan)) return denied;
  }
  return plan_room(tx, source, plan);
}

std::optional<MempoolAnswer> Mempool::refuses(const TxPtr& tx, const Source& source,
                                              const Rules& rules,
                                              const BlockState& final_state) const {
  Plan unused;
  Denied denied = plan(*tx, source, rules, final_state, unused);
  if (!denied) return std::nullopt;
  MempoolAnswer answer;
  answer.refusal = denied->refusal;
  answer.error = std::move(denied->error);
  return answer;
}

MempoolAnswer Mempool::add_one(const TxPtr& tx, const Source& source, WallTime now,
                               const Rules& rules, const BlockState& final_state) {
  Plan made;
  MempoolAnswer answer;
  Denied denied = plan(*tx, source, rules, final_state, made);
  if (!denied && !made.missing.empty()) {
    if (orphans_.add({tx, source, now, made.missing})) {
      answer.kind = MempoolAnswer::Kind::orphaned;
      ++counters_.orphaned;
      return answer;
    }
    denied =
        Denial{Refusal::peer_full, {Code::limit, "its peer has too many that wait for parents"}};
  }
  if (denied) {
    ++counters_.refused[static_cast<std::size_t>(denied->refusal)];
    answer.refusal = denied->refusal;
    answer.error = std::move(denied->error);
    return answer;
  }
  // Children go before their parents, so that every step leaves the pool whole.
  std::vector<std::pair<std::uint64_t, Hash>> gone;
  gone.reserve(made.gone.size());
  for (const Hash& txid : made.gone) gone.emplace_back(entries_.find(txid)->second.order, txid);
  std::ranges::sort(gone, std::greater<>());
  for (const auto& [order, txid] : gone) {
    remove(txid);
    answer.removed.push_back(txid);
  }
  counters_.replaced += made.replaced;
  counters_.evicted += made.gone.size() - made.replaced;
  insert(tx, source, now, made);
  ++counters_.accepted;
  answer.kind = MempoolAnswer::Kind::accepted;
  return answer;
}

void Mempool::adopt(std::vector<Hash> parents, const Rules& rules, const BlockState& final_state,
                    MempoolAnswer& answer) {
  for (std::size_t at = 0; at < parents.size(); ++at) {
    for (const OrphanPool::Item& orphan : orphans_.take_waiting_for(Hash(parents[at]))) {
      const MempoolAnswer added =
          add_one(orphan.tx, orphan.source, orphan.since, rules, final_state);
      if (added.kind != MempoolAnswer::Kind::accepted) continue;
      ++counters_.adopted;
      answer.adopted.push_back(orphan.tx);
      answer.removed.insert(answer.removed.end(), added.removed.begin(), added.removed.end());
      parents.push_back(orphan.tx->txid);
    }
  }
}

MempoolAnswer Mempool::add(const TxPtr& tx, const Source& source, WallTime now, const Rules& rules,
                           const BlockState& final_state) {
  MempoolAnswer answer = add_one(tx, source, now, rules, final_state);
  if (answer.kind == MempoolAnswer::Kind::accepted) {
    adopt({tx->txid}, rules, final_state, answer);
  }
  return answer;
}

void Mempool::set_leaf(const Entry& entry, bool is_leaf) {
  const auto change = [&](Ranks& leaves) {
    if (is_leaf) {
      leaves.insert(entry.own());
    } else {
      leaves.erase(entry.own());
    }
  };
  change(leaves_);
  if (entry.source) change(shares_[*entry.source].leaves);
}

void Mempool::set_score(Entry& entry) {
  Rank package{0, 0, entry.order, entry.tx->txid};
  for (const Hash& txid : closure(entry.tx->txid, &Entry::parents)) {
    const SealedTx& member = *entries_.find(txid)->second.tx;
    package.fee += member.tx.fee;
    package.bytes += member.bytes;
  }
  entry.score = std::min(entry.own(), package);
  by_score_.insert(entry.score);
}

void Mempool::insert(const TxPtr& tx, const Source& source, WallTime since, const Plan& plan) {
  const Hash& txid = tx->txid;
  for (const Hash& parent : plan.parents) {
    Entry& entry = entries_.find(parent)->second;
    if (entry.children.empty()) set_leaf(entry, false);
    entry.children.insert(txid);
  }
  Entry& entry = entries_[txid];
  entry.tx = tx;
  entry.source = source;
  entry.since = since;
  entry.order = next_order_++;
  entry.parents = plan.parents;
  set_score(entry);
  set_leaf(entry, true);
  bytes_ += tx->bytes;
  if (source) shares_[*source].bytes += tx->bytes;
  for (const codec::TxInput& input : tx->tx.inputs) spenders_[input.from] = txid;
  by_order_.emplace(entry.order, txid);
  by_age_.emplace(since.unix_ms, txid);
  if (tx->tx.expiry != 0) by_expiry_.emplace(tx->tx.expiry, txid);
  if (!tx->tx.actions.empty()) with_actions_.insert(txid);
  for (std::uint32_t i = 0; i < tx->tx.outputs.size(); ++i) {
    by_lock_.insert({tx->tx.outputs[i].lock, {txid, i}});
  }
}

void Mempool::remove(const Hash& txid) {
  const auto found = entries_.find(txid);
  Entry& entry = found->second;
  std::set<Hash> descendants;
  if (!entry.children.empty()) descendants = closure(txid, &Entry::children);
  if (entry.children.empty()) set_leaf(entry, false);
  for (const Hash& parent : entry.parents) {
    Entry& above = entries_.find(parent)->second;
    above.children.erase(txid);
    if (above.children.empty()) set_leaf(above, true);
  }
  for (const Hash& child : entry.children) entries_.find(child)->second.parents.erase(txid);
  by_score_.erase(entry.score);
  bytes_ -= entry.tx->bytes;
  if (entry.source) {
    const auto share = shares_.find(*entry.source);
    share->second.bytes -= entry.tx->bytes;
    if (share->second.bytes == 0) shares_.erase(share);
  }
  for (const codec::TxInput& input : entry.tx->tx.inputs) spenders_.erase(input.from);
  by_order_.erase(entry.order);
  by_age_.erase({entry.since.unix_ms, txid});
  by_expiry_.erase({entry.tx->tx.expiry, txid});
  with_actions_.erase(txid);
  for (std::uint32_t i = 0; i < entry.tx->tx.outputs.size(); ++i) {
    by_lock_.erase({entry.tx->tx.outputs[i].lock, {txid, i}});
  }
  entries_.erase(found);
  // Those that stay have one ancestor less to pay for.
  for (const Hash& descendant : descendants) {
    const auto left = entries_.find(descendant);
    if (left == entries_.end()) continue;
    by_score_.erase(left->second.score);
    set_score(left->second);
  }
}

std::size_t Mempool::remove_with_descendants(const Hash& txid) {
  std::vector<std::pair<std::uint64_t, Hash>> gone;
  for (const Hash& each : closure(txid, &Entry::children)) {
    gone.emplace_back(entries_.find(each)->second.order, each);
  }
  std::ranges::sort(gone, std::greater<>());
  for (const auto& [order, each] : gone) remove(each);
  return gone.size();
}

std::vector<TxPtr> Mempool::on_final(const std::vector<TxPtr>& included, WallTime now,
                                     const Rules& rules, const BlockState& final_state) {
  std::vector<Hash> parents;
  parents.reserve(included.size());
  for (const TxPtr& tx : included) {
    parents.push_back(tx->txid);
    orphans_.erase(tx->txid);
    if (entries_.contains(tx->txid)) {
      remove(tx->txid);
      ++counters_.included;
      continue;
    }
    for (const codec::TxInput& input : tx->tx.inputs) {
      if (const auto spender = spender_of(input.from)) {
        counters_.overtaken += remove_with_descendants(*spender);
      }
    }
  }
  const std::uint64_t next_height = final_state.height().value + 1;
  while (!by_expiry_.empty() && by_expiry_.begin()->first < next_height) {
    counters_.expired += remove_with_descendants(Hash(by_expiry_.begin()->second));
  }
  drop_overtaken_orders(rules, final_state);
  expire(now);
  MempoolAnswer answer;
  adopt(std::move(parents), rules, final_state, answer);
  return answer.adopted;
}

void Mempool::drop_overtaken_orders(const Rules& rules, const BlockState& final_state) {
  std::size_t bytes = 0;
  const std::size_t count = std::min(with_actions_.size(), orders_again);
  for (std::size_t i = 0; i < count && !with_actions_.empty() && bytes < orders_again_bytes; ++i) {
    auto next = with_actions_.upper_bound(checked_last_);
    if (next == with_actions_.end()) next = with_actions_.begin();
    checked_last_ = *next;
    const SealedTx& tx = *entries_.find(checked_last_)->second.tx;
    bytes += tx.bytes;
    if (check_entry(tx, rules, final_state, looks_again)) continue;
    counters_.overtaken += remove_with_descendants(Hash(checked_last_));
  }
}

void Mempool::expire(WallTime now) {
  orphans_.expire(now);
  while (!by_age_.empty() && by_age_.begin()->first + config_.age_ms_max < now.unix_ms) {
    counters_.expired += remove_with_descendants(Hash(by_age_.begin()->second));
  }
}

TxPtr Mempool::find(const Hash& txid) const {
  const auto entry = entries_.find(txid);
  return entry == entries_.end() ? nullptr : entry->second.tx;
}

std::vector<OutPoint> Mempool::outputs_of(const Hash& lock) const {
  std::vector<OutPoint> outputs;
  for (auto at = by_lock_.lower_bound({lock, {}}); at != by_lock_.end() && at->first == lock;
       ++at) {
    outputs.push_back(at->second);
  }
  return outputs;
}

std::vector<Mempool::Waiting> Mempool::list(const std::optional<Hash>& after,
                                            std::size_t limit) const {
  auto at = by_order_.begin();
  if (after) {
    const auto entry = entries_.find(*after);
    if (entry != entries_.end()) at = by_order_.upper_bound(entry->second.order);
  }
  std::vector<Waiting> waiting;
  for (; at != by_order_.end() && waiting.size() < limit; ++at) {
    const Entry& entry = entries_.find(at->second)->second;
    waiting.push_back({entry.tx, entry.since});
  }
  return waiting;
}

std::optional<Hash> Mempool::spender_of(const OutPoint& outpoint) const {
  const auto spender = spenders_.find(outpoint);
  if (spender == spenders_.end()) return std::nullopt;
  return spender->second;
}

std::size_t Mempool::bytes_of(const PeerId& peer) const {
  const auto share = shares_.find(peer);
  return share == shares_.end() ? 0 : share->second.bytes;
}

TxPtr Mempool::Walk::next() {
  while (ready_.empty()) {
    if (at_ == pool_->by_score_.rend()) return nullptr;
    const Hash& txid = (at_++)->txid;
    const Entry& entry = pool_->entries_.find(txid)->second;
    if (entry.parents.empty()) {
      ready_.push_back(entry.tx);
    } else {
      std::vector<const Entry*> family;
      for (const Hash& each : pool_->closure(txid, &Entry::parents)) {
        family.push_back(&pool_->entries_.find(each)->second);
      }
      std::ranges::sort(family, std::greater<>(), &Entry::order);
      for (const Entry* each : family) ready_.push_back(each->tx);
    }
    std::erase_if(ready_, [&](const TxPtr& tx) {
      return given_.contains(tx->txid) || head_->pending_spender(tx->tx.inputs[0].from);
    });
    for (const TxPtr& tx : ready_) given_.insert(tx->txid);
  }
  TxPtr tx = std::move(ready_.back());
  ready_.pop_back();
  return tx;
}

Bytes Mempool::encode_snapshot(const std::vector<Waiting>& waiting) {
  Bytes bytes;
  codec::Writer writer(bytes);
  writer.u8(snapshot_version);
  writer.u32(static_cast<std::uint32_t>(waiting.size()));
  for (const Waiting& each : waiting) {
    writer.u64(static_cast<std::uint64_t>(each.since.unix_ms));
    writer.u32(static_cast<std::uint32_t>(each.tx->bytes));
    writer.bytes(codec::encode_transaction(each.tx->tx));
  }
  return bytes;
}

Result<std::vector<Mempool::Waiting>> Mempool::decode_snapshot(ByteView bytes,
                                                               std::size_t bytes_max) {
  if (bytes.size() > bytes_max) {
    return fail(Code::too_large,
                base::format("mempool of {} bytes, limit {}", bytes.size(), bytes_max));
  }
  codec::Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != snapshot_version) {
    return fail(Code::unsupported, base::format("mempool in version {}", version));
  }
  constexpr std::uint64_t date_max = 1ull << 53;
  const std::size_t count = TRY(reader.u32());
  std::vector<Waiting> saved;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t since = TRY(reader.u64());
    if (since > date_max) return fail(Code::malformed, base::format("mempool dated {}", since));
    const std::size_t size = TRY(reader.u32());
    const ByteView encoded = TRY(reader.bytes(size));
    saved.push_back({codec::seal(TRY(codec::decode_transaction(encoded))),
                     WallTime{static_cast<std::int64_t>(since)}});
  }
  TRY_VOID(reader.finish());
  return saved;
}

}  // namespace kith::ledger
