// The records that stores and files hold: one encoding each, for ever.
#include <rapidcheck.h>

#include "codec/golden_test_util.h"
#include "ledger/ledger_test_util.h"
#include "ledger/mempool.h"

namespace kith::ledger {
namespace {

using codec::test::hash_of;

const Supply supply{100, 20, 3, 4, 130, 3};
const Supply supply_with_escrow{100, 20, 3, 4, 137, 3, 7};

TipRecord some_tip(const Supply& with) {
  TipRecord tip;
  tip.height = {77};
  tip.supply = with;
  tip.txo_count = 256 + 5;  // two peaks
  tip.frontier = {hash_of(1), hash_of(2)};
  tip.txo_root = hash_of(3);
  return tip;
}

/// Name and bytes of each line of tests/golden/ledger_records.txt.
std::vector<std::pair<std::string, Bytes>> records() {
  TipRecord fresh;
  Mempool pool({});
  test::World world;
  const Bytes empty_pool = Mempool::encode_snapshot(pool.all());
  pool.add(codec::seal(world.pay(1, 2, test::coin)), {}, {1'700'000'000'000}, world.rules,
           *world.tree->tip());
  return {{"spend", encode(Spend{hash_of(9), {5}, {0, 0, 7, hash_of(8)}})},
          {"supply", encode(supply)},
          {"supply", encode(Supply())},
          {"supply", encode(supply_with_escrow)},
          {"tip", encode(some_tip(supply))},
          {"tip", encode(some_tip(supply_with_escrow))},
          {"tip", encode(fresh)},
          {"mempool", empty_pool},
          {"mempool", Mempool::encode_snapshot(pool.all())}};
}

Bytes encode_again(const std::string& name, ByteView bytes) {
  if (name == "spend") return encode(decode_spend(bytes).value());
  if (name == "supply") return encode(decode_supply(bytes).value());
  if (name == "tip") return encode(decode_tip(bytes).value());
  Mempool pool({});
  test::World world;
  for (const auto& [tx, since] : Mempool::decode_snapshot(bytes, bytes.size()).value()) {
    pool.add(tx, {}, since, world.rules, *world.tree->tip());
  }
  return Mempool::encode_snapshot(pool.all());
}

TEST(LedgerRecords, GoldenVectors) {
  const auto lines = codec::golden_lines("ledger_records.txt");
  const auto wanted = records();
  ASSERT_EQ(lines.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(lines[i][0], wanted[i].first);
    EXPECT_EQ(lines[i][1], base::to_hex(wanted[i].second));
    EXPECT_EQ(encode_again(lines[i][0], codec::unhex(lines[i][1])), wanted[i].second);
  }
  EXPECT_EQ(base::to_hex(supply_hash(supply)),
            base::to_hex(codec::tagged_hash("kith/supply/1", {encode(supply)})));
}

TEST(LedgerRecords, ASupplyAddsUp) {
  Supply wrong = supply;
  wrong.outputs += 1;
  EXPECT_FALSE(decode_supply(encode(wrong)));
  // A sum that would come out right by wrapping around.
  wrong = {codec::amount_max, codec::amount_max, codec::amount_max, codec::amount_max, 3, 3};
  EXPECT_FALSE(decode_supply(encode(wrong)));
  wrong = {0, 0, 0, 0, 2, 3};
  EXPECT_FALSE(decode_supply(encode(wrong)));
  wrong = supply_with_escrow;
  wrong.escrow += 1;
  EXPECT_FALSE(decode_supply(encode(wrong)));
  // The second format is for an escrow that is not empty.
  Bytes empty = encode(supply);
  empty[0] = 2;
  empty.resize(empty.size() + 8);
  EXPECT_FALSE(decode_supply(empty));
}

TEST(LedgerRecords, AnyBytesDecodeToThemselvesOrNotAtAll) {
  const auto all = records();
  EXPECT_TRUE(rc::check([&](const Bytes& noise, std::size_t at, std::uint8_t flip) {
    for (const auto& [name, record] : all) {
      Bytes bytes = record;
      bytes[at % bytes.size()] ^= flip;
      for (const Bytes& input : {bytes, noise}) {
        if (const auto spend = decode_spend(input)) RC_ASSERT(encode(*spend) == input);
        if (const auto read = decode_supply(input)) RC_ASSERT(encode(*read) == input);
        if (const auto tip = decode_tip(input)) RC_ASSERT(encode(*tip) == input);
        (void)Mempool::decode_snapshot(input, 1 << 20);
      }
    }
  }));
}

}  // namespace
}  // namespace kith::ledger
