#include "ledger/mempool.h"

#include <algorithm>

#include "ledger/ledger_test_util.h"

namespace kith::ledger {
namespace {

using codec::OutPoint;
using codec::TxPtr;
using codec::test::hash_of;
using test::coin;
using test::identity;
using test::payment;
using test::rich_amount;
using test::World;
using Kind = MempoolAnswer::Kind;

constexpr WallTime start{1'700'000'000'000};

PeerId peer(std::uint8_t number) { return *PeerId::from_multihash(Bytes(34, number)); }

struct Pool {
  explicit Pool(const MempoolConfig& with = {}) : config(with), pool(with) {}

  /// Key `from`'s coins of genesis, for a fee.
  TxPtr rich(std::uint32_t from, Amount fee, std::uint32_t to = 9) const {
    return codec::seal(payment({{world.rich(from), from}},
                               {{to, coin}, {from, rich_amount - coin - fee}}, fee,
                               world.rules.genesis));
  }
  /// Spends output `index` of `parent`, which is key `owner`'s.
  TxPtr child(const TxPtr& parent, std::uint32_t index, std::uint32_t owner, Amount fee) const {
    return codec::seal(payment({{{parent->txid, index}, owner}},
                               {{owner, parent->tx.outputs[index].value - fee}}, fee,
                               world.rules.genesis));
  }
  MempoolAnswer add(const TxPtr& tx, const Source& source = {}, WallTime now = start) {
    const auto foreseen = pool.refuses(tx, source, world.rules, *world.tree->tip());
    MempoolAnswer answer = pool.add(tx, source, now, world.rules, *world.tree->tip());
    EXPECT_EQ(foreseen.has_value(),
              answer.kind == Kind::refused &&
                  answer.error.message.find("wait for parents") == std::string::npos);
    return answer;
  }
  bool accepts(const TxPtr& tx, const Source& source = {}) {
    const MempoolAnswer answer = add(tx, source);
    EXPECT_EQ(answer.kind, Kind::accepted) << answer.error.message;
    return answer.kind == Kind::accepted;
  }
  bool refuses(const TxPtr& tx, Refusal why, const char* says, const Source& source = {}) {
    const MempoolAnswer answer = add(tx, source);
    EXPECT_EQ(answer.kind, Kind::refused);
    EXPECT_EQ(name_of(answer.refusal), name_of(why)) << answer.error.message;
    EXPECT_NE(answer.error.message.find(says), std::string::npos) << answer.error.message;
    return answer.kind == Kind::refused && answer.refusal == why;
  }
  std::vector<TxPtr> walk() const {
    std::vector<TxPtr> all;
    Mempool::Walk walk(pool, *world.tree->tip());
    while (TxPtr tx = walk.next()) all.push_back(std::move(tx));
    return all;
  }
  /// A final block of these.
  std::vector<TxPtr> block(const std::vector<TxPtr>& txs, WallTime now = start) {
    std::vector<codec::Transaction> plain;
    for (const TxPtr& tx : txs) plain.push_back(tx->tx);
    world.block(plain);
    return pool.on_final(txs, now, world.rules, *world.tree->tip());
  }

  World world;
  MempoolConfig config;
  Mempool pool;
};

TEST(Mempool, TheBestPayingGoFirst) {
  Pool p;
  const TxPtr low = p.rich(1, 1'000);
  const TxPtr high = p.rich(2, 9'000);
  const TxPtr middle = p.rich(3, 5'000);
  const TxPtr same = p.rich(4, 5'000);
  for (const TxPtr& tx : {low, high, middle, same}) EXPECT_TRUE(p.accepts(tx));
  EXPECT_EQ(p.walk(), (std::vector<TxPtr>{high, middle, same, low}));
  EXPECT_EQ(p.pool.spender_of(p.world.rich(2)), high->txid);
  EXPECT_FALSE(p.pool.spender_of(p.world.rich(5)));
  EXPECT_EQ(p.pool.find(low->txid), low);
  EXPECT_EQ(p.pool.bytes(), low->bytes * 4);
  EXPECT_TRUE(p.refuses(low, Refusal::known, "is here"));
  EXPECT_TRUE(p.refuses(p.rich(5, 1), Refusal::low_fee, "at least"));
  EXPECT_EQ(p.pool.counters().accepted, 4u);
  EXPECT_EQ(p.pool.counters().refused[static_cast<std::size_t>(Refusal::known)], 1u);
}

TEST(Mempool, AChildPaysForItsParents) {
  Pool p;
  const TxPtr parent = p.rich(1, 500);
  const TxPtr middle = p.rich(2, 2'000);
  const TxPtr child = p.child(parent, 1, 1, 20'000);
  const TxPtr poor = p.child(middle, 1, 2, 300);
  for (const TxPtr& tx : {parent, middle, child, poor}) EXPECT_TRUE(p.accepts(tx));
  EXPECT_EQ(p.walk(), (std::vector<TxPtr>{parent, child, middle, poor}));
  // And once they are in a block it is by its own rate.
  p.block({parent});
  EXPECT_EQ(p.walk(), (std::vector<TxPtr>{child, middle, poor}));
}

TEST(Mempool, ReplacesForAPrice) {
  Pool p;
  const TxPtr old = p.rich(1, 10'000);
  const TxPtr heir = p.child(old, 1, 1, 4'000);
  EXPECT_TRUE(p.accepts(old));
  EXPECT_TRUE(p.accepts(heir));
  const std::string name = "conflicts with " + base::to_hex(old->txid);
  EXPECT_TRUE(p.refuses(p.rich(1, 12'499, 8), Refusal::conflict, name.c_str()));
  EXPECT_TRUE(p.refuses(p.rich(1, 12'499, 8), Refusal::conflict, "1.25 times"));
  // 14,000 go with both; its own minimum is its bytes, at 1 unit a byte.
  const Amount least = 14'000 + old->bytes;
  EXPECT_TRUE(p.refuses(p.rich(1, least - 1, 8), Refusal::conflict, "all it replaces"));
  const MempoolAnswer answer = p.add(p.rich(1, least, 8));
  EXPECT_EQ(answer.kind, Kind::accepted);
  EXPECT_EQ(answer.removed, (std::vector<Hash>{heir->txid, old->txid}));
  EXPECT_EQ(p.pool.size(), 1u);
  EXPECT_EQ(p.pool.counters().replaced, 2u);
  // What spends the one it would replace cannot replace it.
  const TxPtr base = p.pool.find(*p.pool.spender_of(p.world.rich(1)));
  const TxPtr both =
      codec::seal(payment({{p.world.rich(1), 1}, {{base->txid, 1}, 1}}, {{2, rich_amount}},
                          rich_amount - coin - least, p.world.rules.genesis));
  EXPECT_TRUE(p.refuses(both, Refusal::conflict, "spends what it would replace"));
}

TEST(Mempool, RemovesNoMoreThanALimitAtOnce) {
  MempoolConfig config;
  config.replaced_max = 2;
  Pool p(config);
  const TxPtr a = p.rich(1, 300);
  const TxPtr b = p.child(a, 1, 1, 300);
  const TxPtr c = p.child(b, 0, 1, 300);
  for (const TxPtr& tx : {a, b, c}) EXPECT_TRUE(p.accepts(tx));
  EXPECT_TRUE(p.refuses(p.rich(1, coin, 8), Refusal::conflict, "would remove 3, limit 2"));
}

TEST(Mempool, WhatCannotBeIsNamed) {
  Pool p;
  const TxPtr parent = p.rich(1, 1'000);
  EXPECT_TRUE(p.accepts(parent));
  codec::Transaction wrong = p.child(parent, 1, 1, 1'000)->tx;
  wrong.inputs[0].from.index = 7;
  EXPECT_TRUE(p.refuses(codec::seal(wrong), Refusal::invalid, "with 2 outputs"));
  wrong.inputs[0].from.index = 0;
  EXPECT_TRUE(p.refuses(codec::seal(wrong), Refusal::invalid, "another key's"));
  codec::Transaction late = p.rich(2, 1'000)->tx;
  late.expiry = 1;
  EXPECT_TRUE(p.accepts(codec::seal(late)));
  p.block({});
  EXPECT_EQ(p.pool.size(), 1u);  // height 2 is the next
  EXPECT_EQ(p.pool.counters().expired, 1u);
  EXPECT_TRUE(p.refuses(codec::seal(late), Refusal::stale, "expired"));
  const TxPtr other = p.rich(3, 1'000);
  p.block({other});
  EXPECT_TRUE(p.refuses(p.rich(3, 50'000, 8), Refusal::spent, base::to_hex(other->txid).c_str()));
}

TEST(Mempool, ChainsHaveALimit) {
  MempoolConfig config;
  config.ancestors_max = 3;
  Pool p(config);
  TxPtr last = p.rich(1, 1'000);
  EXPECT_TRUE(p.accepts(last));
  last = p.child(last, 1, 1, 1'000);
  EXPECT_TRUE(p.accepts(last));
  for (int i = 0; i < 2; ++i) {
    last = p.child(last, 0, 1, 1'000);
    EXPECT_TRUE(p.accepts(last));
  }
  EXPECT_TRUE(p.refuses(p.child(last, 0, 1, 1'000), Refusal::chain, "4 ancestors"));
}

TEST(Mempool, WhenFullTheWorstMakeRoom) {
  MempoolConfig config;
  config.count_max = 3;
  Pool p(config);
  const TxPtr parent = p.rich(1, 1'000);
  const TxPtr child = p.child(parent, 1, 1, 8'000);
  const TxPtr other = p.rich(2, 4'000);
  for (const TxPtr& tx : {parent, child, other}) EXPECT_TRUE(p.accepts(tx));
  EXPECT_TRUE(p.refuses(p.rich(3, 3'999), Refusal::full, "pays more"));
  EXPECT_TRUE(p.refuses(p.rich(3, 4'000), Refusal::full, "pays more"));
  // The parent pays the least, but its child pays for it.
  MempoolAnswer answer = p.add(p.rich(3, 5'000));
  EXPECT_EQ(answer.removed, std::vector<Hash>{other->txid});
  // A child of its own is no reason to throw a parent out, and nobody makes room for that.
  const TxPtr third = p.pool.find(*p.pool.spender_of(p.world.rich(3)));
  answer = p.add(p.rich(4, 6'000));
  EXPECT_EQ(answer.removed, std::vector<Hash>{third->txid});
  EXPECT_EQ(p.pool.counters().evicted, 2u);
  const TxPtr fourth = p.pool.find(*p.pool.spender_of(p.world.rich(4)));
  EXPECT_EQ(p.add(p.child(fourth, 1, 4, 9'000)).removed, std::vector<Hash>{child->txid});
  // Now the old parent is without a child, and goes next.
  EXPECT_EQ(p.add(p.rich(5, 7'000)).removed, std::vector<Hash>{parent->txid});
}

TEST(Mempool, APeerHasItsShare) {
  const std::size_t each = Pool().rich(1, 1'000)->bytes;
  MempoolConfig config;
  config.peer_bytes_max = 2 * each;
  Pool p(config);
  EXPECT_TRUE(p.accepts(p.rich(1, 1'000), peer(1)));
  EXPECT_TRUE(p.accepts(p.rich(2, 2'000), peer(1)));
  EXPECT_TRUE(p.refuses(p.rich(3, 900), Refusal::peer_full, "share", peer(1)));
  EXPECT_TRUE(p.accepts(p.rich(3, 900), peer(2)));
  EXPECT_TRUE(p.accepts(p.rich(4, 800)));
  const auto first = p.pool.spender_of(p.world.rich(1));
  EXPECT_EQ(p.add(p.rich(5, 3'000), peer(1)).removed, std::vector<Hash>{*first});
  EXPECT_EQ(p.pool.bytes_of(peer(1)), 2 * each);
  EXPECT_EQ(p.pool.bytes_of(peer(2)), each);
  EXPECT_EQ(p.pool.bytes_of(peer(3)), 0u);
}

TEST(Mempool, OrphansWaitForTheirParents) {
  Pool p;
  const TxPtr parent = p.rich(1, 1'000);
  const TxPtr child = p.child(parent, 1, 1, 1'000);
  const TxPtr grandchild = p.child(child, 0, 1, 1'000);
  EXPECT_EQ(p.add(grandchild, peer(1)).kind, Kind::orphaned);
  EXPECT_EQ(p.add(child, peer(1)).kind, Kind::orphaned);
  EXPECT_TRUE(p.refuses(child, Refusal::known, "is here"));
  EXPECT_EQ(p.pool.size(), 0u);
  EXPECT_EQ(p.add(parent).adopted, (std::vector<TxPtr>{child, grandchild}));
  EXPECT_EQ(p.pool.orphans().size(), 0u);
  EXPECT_EQ(p.pool.size(), 3u);
  // A parent that comes in a block lets them in too.
  const TxPtr unseen = p.rich(2, 1'000);
  const TxPtr heir = p.child(unseen, 1, 2, 1'000);
  EXPECT_EQ(p.add(heir).kind, Kind::orphaned);
  EXPECT_EQ(p.block({unseen}), std::vector<TxPtr>{heir});
  EXPECT_EQ(p.pool.counters().adopted, 3u);
}

TEST(Mempool, OrphansHaveLimits) {
  MempoolConfig config;
  config.orphans = {3, 1 << 20, 2, 1'000};
  Pool p(config);
  const auto orphan = [&](std::uint8_t number) {
    return codec::seal(
        payment({{{hash_of(number), 0}, 1}}, {{1, coin}}, 1'000, p.world.rules.genesis));
  };
  EXPECT_EQ(p.add(orphan(1), peer(1)).kind, Kind::orphaned);
  EXPECT_EQ(p.add(orphan(2), peer(1)).kind, Kind::orphaned);
  EXPECT_TRUE(p.refuses(orphan(3), Refusal::peer_full, "wait for parents", peer(1)));
  EXPECT_EQ(p.add(orphan(3), peer(2)).kind, Kind::orphaned);
  EXPECT_EQ(p.add(orphan(4)).kind, Kind::orphaned);
  EXPECT_EQ(p.pool.orphans().size(), 3u);
  EXPECT_FALSE(p.pool.orphans().contains(orphan(1)->txid));
  p.pool.expire({start.unix_ms + 1'000});
  EXPECT_EQ(p.pool.orphans().size(), 3u);
  p.pool.expire({start.unix_ms + 1'001});
  EXPECT_EQ(p.pool.orphans().size(), 0u);
  EXPECT_EQ(p.pool.orphans().bytes(), 0u);
}

TEST(Mempool, ABlockTakesWhatItHoldsAndWhatItOvertakes) {
  Pool p;
  const TxPtr a = p.rich(1, 1'000);
  const TxPtr a_child = p.child(a, 1, 1, 1'000);
  const TxPtr b = p.rich(2, 1'000);
  const TxPtr b_child = p.child(b, 1, 2, 1'000);
  for (const TxPtr& tx : {a, a_child, b, b_child}) EXPECT_TRUE(p.accepts(tx));
  p.block({a, p.rich(2, 700, 8)});
  EXPECT_EQ(p.walk(), std::vector<TxPtr>{a_child});
  EXPECT_EQ(p.pool.counters().included, 1u);
  EXPECT_EQ(p.pool.counters().overtaken, 2u);
  EXPECT_FALSE(p.pool.spender_of(p.world.rich(2)));
}

TEST(Mempool, WhatABlockAboveHoldsIsNotWalked) {
  Pool p;
  const TxPtr a = p.rich(1, 1'000);
  const TxPtr b = p.rich(2, 900);
  EXPECT_TRUE(p.accepts(a));
  EXPECT_TRUE(p.accepts(b));
  const auto above = p.world.execute_on(p.world.tree->tip(), {a->tx});
  ASSERT_TRUE(above);
  Mempool::Walk walk(p.pool, *above->state);
  EXPECT_EQ(walk.next(), b);
  EXPECT_EQ(walk.next(), nullptr);
  EXPECT_EQ(p.pool.size(), 2u);  // until it is final
}

TEST(Mempool, OrdersThatApplyNoMoreGo) {
  Pool p;
  const Hash& genesis = p.world.rules.genesis;
  const codec::ChainKey key = identity(102).key;
  const auto leave = [&](std::uint32_t from) {
    return codec::seal(payment({{p.world.rich(from), from}}, {{from, rich_amount - 1'000}}, 1'000,
                               genesis, {{codec::Unbond{key, 2'000 * coin}, 202}}));
  };
  const TxPtr waiting = leave(1);
  EXPECT_TRUE(p.accepts(waiting));
  EXPECT_TRUE(p.accepts(p.child(waiting, 0, 1, 1'000)));
  p.block({leave(2)});
  EXPECT_EQ(p.pool.size(), 0u);
  EXPECT_EQ(p.pool.counters().overtaken, 2u);
}

TEST(Mempool, ForgetsAfterThreeDays) {
  Pool p;
  const TxPtr parent = p.rich(1, 1'000);
  EXPECT_TRUE(p.accepts(parent));
  const WallTime later{start.unix_ms + 1};
  p.add(p.child(parent, 1, 1, 1'000), {}, later);
  p.add(p.rich(2, 1'000), {}, later);
  p.pool.expire({start.unix_ms + p.config.age_ms_max});
  EXPECT_EQ(p.pool.size(), 3u);
  p.pool.expire({later.unix_ms + p.config.age_ms_max});
  EXPECT_EQ(p.pool.size(), 1u);  // the child goes with its parent
  EXPECT_EQ(p.pool.counters().expired, 2u);
}

TEST(Mempool, SurvivesARestart) {
  Pool p;
  const TxPtr parent = p.rich(1, 1'000);
  const TxPtr child = p.child(parent, 1, 1, 9'000);
  for (const TxPtr& tx : {parent, child, p.rich(2, 5'000)}) EXPECT_TRUE(p.accepts(tx));
  const Bytes bytes = Mempool::encode_snapshot(p.pool.all());
  Pool again;
  const auto saved = Mempool::decode_snapshot(bytes, bytes.size());
  ASSERT_TRUE(saved);
  for (const auto& [tx, since] : *saved) {
    EXPECT_EQ(again.add(tx, {}, since).kind, Kind::accepted);
    EXPECT_EQ(since, start);
  }
  EXPECT_EQ(Mempool::encode_snapshot(again.pool.all()), bytes);
  EXPECT_EQ(Mempool::decode_snapshot(bytes, bytes.size() - 1).error().code, Code::too_large);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(Mempool::decode_snapshot(ByteView(bytes).first(cut), bytes.size()));
  }
}

TEST(Mempool, FillsABlock) {
  Pool p;
  const TxPtr parent = p.rich(1, 500);
  const TxPtr child = p.child(parent, 1, 1, 20'000);
  for (const TxPtr& tx : {parent, child, p.rich(2, 2'000)}) EXPECT_TRUE(p.accepts(tx));
  Mempool::Walk walk(p.pool, *p.world.tree->tip());
  const auto made =
      assemble(p.world.rules, p.world.tree->tip(), p.world.context_on(*p.world.tree->tip()),
               [&] { return walk.next(); }, {});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->body.transactions, p.walk());
  EXPECT_TRUE(made->skipped.empty());
}

}  // namespace
}  // namespace kith::ledger
