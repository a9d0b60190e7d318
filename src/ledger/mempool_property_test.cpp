// The mempool beside the simplest one that keeps its rules: a list, in which everything is found by
// looking at all of it.
#include <rapidcheck.h>

#include <algorithm>

#include "ledger/ledger_test_util.h"
#include "ledger/mempool.h"

namespace kith::ledger {
namespace {

using codec::OutPoint;
using codec::TxPtr;
using codec::Uint128;
using test::identity;
using test::World;

constexpr std::size_t count_max = 6;
constexpr std::size_t peer_bytes_max = 800;
constexpr std::size_t ancestors_max = 2;
constexpr std::size_t replaced_max = 3;
constexpr std::int64_t age_ms_max = 60;

PeerId peer(std::uint8_t number) { return *PeerId::from_multihash(Bytes(34, number)); }

class Model {
 public:
  struct Item {
    TxPtr tx;
    Source source;
    std::int64_t since = 0;
    std::uint64_t order = 0;
    std::set<Hash> missing;  // an orphan's, when it came
  };
  std::vector<Item> list;  // in the order of arrival
  std::vector<Item> orphans;
  std::set<OutPoint> final_outputs;
  std::set<OutPoint> final_spent;

  const Item* find(const Hash& txid) const {
    const auto found =
        std::ranges::find(list, txid, [](const Item& item) { return item.tx->txid; });
    return found == list.end() ? nullptr : &*found;
  }
  static bool spends(const Item& item, const Hash& txid) {
    return std::ranges::any_of(item.tx->tx.inputs,
                               [&](const auto& input) { return input.from.txid == txid; });
  }
  std::set<Hash> ancestors(const TxPtr& tx) const {
    std::set<Hash> all;
    for (const auto& input : tx->tx.inputs) {
      if (const Item* parent = find(input.from.txid)) {
        all.insert(input.from.txid);
        all.merge(ancestors(parent->tx));
      }
    }
    return all;
  }
  std::set<Hash> descendants(const Hash& txid) const {
    std::set<Hash> all = {txid};
    for (const Item& item : list) {
      if (spends(item, txid)) all.merge(descendants(item.tx->txid));
    }
    return all;
  }
  void drop(const std::set<Hash>& gone) {
    std::erase_if(list, [&](const Item& item) { return gone.contains(item.tx->txid); });
  }

  /// Whether a pays less than b, or as much and came later.
  static bool is_worse(Amount fee_a, std::size_t bytes_a, std::uint64_t order_a, Amount fee_b,
                       std::size_t bytes_b, std::uint64_t order_b) {
    const Uint128 a = Uint128{fee_a} * bytes_b;
    const Uint128 b = Uint128{fee_b} * bytes_a;
    return a != b ? a < b : order_a > order_b;
  }

  /// Removes until `fits`; false when what is left pays as much.
  template <class Fits>
  bool make_room(const TxPtr& tx, const Source* of_peer, std::set<Hash>& gone, const Fits& fits) {
    const std::set<Hash> kept = ancestors(tx);
    while (!fits(gone)) {
      const Item* worst = nullptr;
      for (const Item& item : list) {
        if (gone.contains(item.tx->txid) || kept.contains(item.tx->txid)) continue;
        if (of_peer != nullptr && item.source != *of_peer) continue;
        const bool is_leaf = std::ranges::none_of(list, [&](const Item& other) {
          return !gone.contains(other.tx->txid) && spends(other, item.tx->txid);
        });
        if (!is_leaf) continue;
        if (worst == nullptr || is_worse(item.tx->tx.fee, item.tx->bytes, item.order,
                                         worst->tx->tx.fee, worst->tx->bytes, worst->order)) {
          worst = &item;
        }
      }
      if (worst == nullptr ||
          Uint128{worst->tx->tx.fee} * tx->bytes >= Uint128{tx->tx.fee} * worst->tx->bytes) {
        return false;
      }
      gone.insert(worst->tx->txid);
    }
    return true;
  }

  bool may_replace(const TxPtr& tx, std::set<Hash>& gone, const codec::ChainParams& params) const {
    Amount fees = 0;
    for (const Item& item : list) {
      bool is_conflict = false;
      for (const auto& input : item.tx->tx.inputs) {
        for (const auto& own : tx->tx.inputs) is_conflict |= input.from == own.from;
      }
      if (!is_conflict) continue;
      gone.merge(descendants(item.tx->txid));
      if (Uint128{tx->tx.fee} * item.tx->bytes * 100 < Uint128{item.tx->tx.fee} * tx->bytes * 125) {
        return false;
      }
    }
    if (gone.empty()) return true;
    for (const Hash& ancestor : ancestors(tx)) {
      if (gone.contains(ancestor)) return false;
    }
    for (const Hash& txid : gone) fees += find(txid)->tx->tx.fee;
    return gone.size() <= replaced_max && tx->tx.fee >= fees + codec::min_fee(params, tx->bytes);
  }

  /// 'a' accepted, 'o' orphaned, 'r' refused.
  char add(const TxPtr& tx, const Source& source, std::int64_t now,
           const codec::ChainParams& params) {
    const auto is_orphan =
        std::ranges::any_of(orphans, [&](const Item& item) { return item.tx->txid == tx->txid; });
    if (find(tx->txid) != nullptr || is_orphan) return 'r';
    if (tx->tx.fee < codec::min_fee(params, tx->bytes)) return 'r';
    std::set<Hash> missing;
    for (const auto& input : tx->tx.inputs) {
      if (find(input.from.txid) != nullptr || final_outputs.contains(input.from)) continue;
      if (final_spent.contains(input.from)) return 'r';
      missing.insert(input.from.txid);
    }
    if (!missing.empty()) {
      orphans.push_back({tx, source, now, 0, missing});
      return 'o';
    }
    std::set<Hash> gone;
    if (ancestors(tx).size() > ancestors_max || !may_replace(tx, gone, params)) return 'r';
    if (source && !make_room(tx, &source, gone, [&](const std::set<Hash>& out) {
          std::size_t bytes = tx->bytes;
          for (const Item& item : list) {
            if (item.source == source && !out.contains(item.tx->txid)) bytes += item.tx->bytes;
          }
          return bytes <= peer_bytes_max;
        })) {
      return 'r';
    }
    if (!make_room(tx, nullptr, gone, [&](const std::set<Hash>& out) {
          return list.size() - out.size() < count_max;
        })) {
      return 'r';
    }
    drop(gone);
    list.push_back({tx, source, now, next_order++, {}});
    return 'a';
  }

  void adopt(std::vector<Hash> parents, const codec::ChainParams& params) {
    for (std::size_t i = 0; i < parents.size(); ++i) {
      std::vector<Item> waiting;
      std::erase_if(orphans, [&](const Item& orphan) {
        const bool waits = orphan.missing.contains(parents[i]);
        if (waits) waiting.push_back(orphan);
        return waits;
      });
      for (const Item& orphan : waiting) {
        if (add(orphan.tx, orphan.source, orphan.since, params) == 'a') {
          parents.push_back(orphan.tx->txid);
        }
      }
    }
  }

  void on_final(const std::vector<TxPtr>& txs, std::int64_t now, const codec::ChainParams& params) {
    std::vector<Hash> parents;
    for (const TxPtr& tx : txs) {
      parents.push_back(tx->txid);
      std::erase_if(orphans, [&](const Item& item) { return item.tx->txid == tx->txid; });
      const bool was_here = find(tx->txid) != nullptr;
      std::set<Hash> gone;
      for (const Item& item : list) {
        for (const auto& input : item.tx->tx.inputs) {
          for (const auto& theirs : tx->tx.inputs) {
            if (!was_here && input.from == theirs.from) gone.merge(descendants(item.tx->txid));
          }
        }
      }
      drop(was_here ? std::set<Hash>{tx->txid} : gone);
      for (const auto& input : tx->tx.inputs) {
        final_outputs.erase(input.from);
        final_spent.insert(input.from);
      }
      for (std::uint32_t i = 0; i < tx->tx.outputs.size(); ++i) final_outputs.insert({tx->txid, i});
    }
    expire(now);
    adopt(parents, params);
  }

  void expire(std::int64_t now) {
    std::set<Hash> gone;
    for (const Item& item : list) {
      if (item.since + age_ms_max < now) gone.merge(descendants(item.tx->txid));
    }
    drop(gone);
  }

  std::vector<TxPtr> walk() const {
    struct Scored {
      const Item* item;
      Amount fee;
      std::size_t bytes;
    };
    std::vector<Scored> scored;
    for (const Item& item : list) {
      Scored package{&item, item.tx->tx.fee, item.tx->bytes};
      for (const Hash& txid : ancestors(item.tx)) {
        package.fee += find(txid)->tx->tx.fee;
        package.bytes += find(txid)->tx->bytes;
      }
      if (Uint128{item.tx->tx.fee} * package.bytes <= Uint128{package.fee} * item.tx->bytes) {
        package = {&item, item.tx->tx.fee, item.tx->bytes};
      }
      scored.push_back(package);
    }
    std::ranges::sort(scored, [](const Scored& a, const Scored& b) {
      return is_worse(b.fee, b.bytes, b.item->order, a.fee, a.bytes, a.item->order);
    });
    std::vector<TxPtr> order;
    for (const Scored& each : scored) {
      const std::set<Hash> before = ancestors(each.item->tx);
      for (const Item& item : list) {
        const bool is_next = before.contains(item.tx->txid) || &item == each.item;
        if (is_next && std::ranges::find(order, item.tx) == order.end()) order.push_back(item.tx);
      }
    }
    return order;
  }

  std::uint64_t next_order = 0;
};

MempoolConfig small_config() {
  MempoolConfig config;
  config.count_max = count_max;
  config.peer_bytes_max = peer_bytes_max;
  config.ancestors_max = ancestors_max;
  config.replaced_max = replaced_max;
  config.age_ms_max = age_ms_max;
  config.orphans = {10'000, 1 << 30, 10'000, 1ll << 40};
  return config;
}

class Pair {
 public:
  explicit Pair(std::uint64_t seed) : rng_(seed), pool_(small_config()) {
    for (std::uint32_t key = 1; key <= test::rich_keys; ++key) {
      known_.push_back({world_.rich(key), key, test::rich_amount});
      model_.final_outputs.insert(world_.rich(key));
    }
  }

  void step() {
    now_ += static_cast<std::int64_t>(rng_.below(8));
    const std::uint64_t what = rng_.below(12);
    if (what == 0) {
      block();
    } else if (what == 1) {
      pool_.expire({now_});
      model_.expire(now_);
    } else if (what <= 4 && !held_.empty()) {
      // Likely the latest.
      add(held_[held_.size() - 1 - std::min(rng_.below(held_.size()), rng_.below(3))]);
    } else {
      TxPtr tx = any_tx();
      // Some are kept back, so that their children come first.
      if (rng_.below(4) == 0) {
        held_.push_back(std::move(tx));
      } else {
        add(tx);
      }
    }
    compare();
  }

  const MempoolCounters& counters() const { return pool_.counters(); }

 private:
  struct Coin {
    OutPoint at;
    std::uint32_t owner = 0;
    Amount value = 0;
  };

  /// Likely one of the latest, and one that is there.
  const Coin& any_coin() {
    const Coin* coin = nullptr;
    if (!held_.empty() && rng_.below(6) == 0) {
      const Hash& txid = held_.back()->txid;
      return *std::ranges::find_if(known_, [&](const Coin& of) { return of.at.txid == txid; });
    }
    for (int i = 0; i < 6; ++i) {
      const std::size_t back = std::min(rng_.below(known_.size()), rng_.below(known_.size()));
      coin = &known_[known_.size() - 1 - back];
      if (model_.final_outputs.contains(coin->at)) break;
      if (model_.find(coin->at.txid) != nullptr && rng_.below(3) != 0) break;
    }
    return *coin;
  }

  TxPtr any_tx() {
    std::vector<test::Spending> in;
    Amount sum = 0;
    const std::uint64_t inputs = 1 + rng_.below(4) / 3;
    for (std::uint64_t i = 0; i < inputs; ++i) {
      const Coin& coin = any_coin();
      if (!in.empty() && in[0].from == coin.at) continue;
      in.push_back({coin.at, coin.owner});
      sum += coin.value;
    }
    const Amount fee = 200 * (1 + rng_.below(16)) * in.size();
    std::vector<test::Paying> out;
    const std::uint32_t to = 1 + static_cast<std::uint32_t>(rng_.below(test::rich_keys));
    const Amount half = (sum - fee) / 2;
    out.push_back({to, half});
    if (rng_.below(2) == 0) out.push_back({to, half});
    const Amount paid = half * out.size();
    const TxPtr tx = codec::seal(test::payment(in, out, sum - paid, world_.rules.genesis));
    for (std::uint32_t i = 0; i < out.size(); ++i) known_.push_back({{tx->txid, i}, to, half});
    return tx;
  }

  void add(const TxPtr& tx) {
    const std::uint64_t who = rng_.below(3);
    const Source source = who == 0 ? Source() : peer(static_cast<std::uint8_t>(who));
    const MempoolAnswer answer = pool_.add(tx, source, {now_}, world_.rules, *world_.tree->tip());
    const char wanted = model_.add(tx, source, now_, world_.rules.params);
    const char got = answer.kind == MempoolAnswer::Kind::accepted   ? 'a'
                     : answer.kind == MempoolAnswer::Kind::orphaned ? 'o'
                                                                    : 'r';
    RC_ASSERT(got == wanted);
    if (wanted == 'a') model_.adopt({tx->txid}, world_.rules.params);
  }

  /// Of some of the pool's best, and at times one that the pool has not seen.
  void block() {
    std::vector<TxPtr> candidates = model_.walk();
    candidates.resize(std::min<std::size_t>(candidates.size(), rng_.below(4)));
    if (rng_.below(2) == 0) candidates.insert(candidates.begin(), any_tx());
    std::size_t at = 0;
    const auto next = [&] { return at < candidates.size() ? candidates[at++] : nullptr; };
    const auto tip = world_.tree->tip();
    const auto made = assemble(world_.rules, tip, world_.context_on(*tip), next, {});
    RC_ASSERT(made.has_value());
    const Hash id = test::block_id(++world_.blocks);
    world_.tree->add(id, made->executed.state);
    world_.finalize(id);
    pool_.on_final(made->body.transactions, {now_}, world_.rules, *world_.tree->tip());
    model_.on_final(made->body.transactions, now_, world_.rules.params);
  }

  void compare() {
    RC_ASSERT(pool_.size() == model_.list.size());
    RC_ASSERT(pool_.orphans().size() == model_.orphans.size());
    std::size_t bytes = 0;
    for (const Model::Item& item : model_.list) {
      RC_ASSERT(pool_.find(item.tx->txid) == item.tx);
      bytes += item.tx->bytes;
      for (const auto& input : item.tx->tx.inputs) {
        RC_ASSERT(pool_.spender_of(input.from) == item.tx->txid);
      }
    }
    RC_ASSERT(pool_.bytes() == bytes);
    std::vector<TxPtr> walked;
    Mempool::Walk walk(pool_, *world_.tree->tip());
    while (TxPtr tx = walk.next()) walked.push_back(std::move(tx));
    RC_ASSERT(walked == model_.walk());
    // What the pool holds makes a block, all of it, in the order in which it gives it.
    std::size_t at = 0;
    const auto next = [&] { return at < walked.size() ? walked[at++] : nullptr; };
    const auto tip = world_.tree->tip();
    const auto made = assemble(world_.rules, tip, world_.context_on(*tip), next, {});
    RC_ASSERT(made.has_value() && made->skipped.empty());
  }

  SeededRng rng_;
  World world_;
  Mempool pool_;
  Model model_;
  std::vector<Coin> known_;
  std::vector<TxPtr> held_;
  std::int64_t now_ = 1'000;
};

TEST(Mempool, AgreesWithAList) {
  MempoolCounters sum;
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Pair pair(seed);
    for (int i = 0; i < 120; ++i) pair.step();
    const MempoolCounters& counters = pair.counters();
    sum.accepted += counters.accepted;
    sum.orphaned += counters.orphaned;
    sum.adopted += counters.adopted;
    sum.replaced += counters.replaced;
    sum.evicted += counters.evicted;
    sum.expired += counters.expired;
    sum.included += counters.included;
    sum.overtaken += counters.overtaken;
    for (std::size_t i = 0; i < refusals; ++i) sum.refused[i] += counters.refused[i];
  }));
  // That everything happened, or the test would say little.
  for (const std::uint64_t count : {sum.orphaned, sum.adopted, sum.replaced, sum.evicted,
                                    sum.expired, sum.included, sum.overtaken}) {
    EXPECT_GT(count, 10u);
  }
  for (const Refusal refusal : {Refusal::known, Refusal::spent, Refusal::conflict, Refusal::chain,
                                Refusal::full, Refusal::peer_full}) {
    EXPECT_GT(sum.refused[static_cast<std::size_t>(refusal)], 10u) << name_of(refusal);
  }
}

}  // namespace
}  // namespace kith::ledger
