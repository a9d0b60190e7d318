#include "codec/chain_validator.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"
#include "codec/test_chain.h"

namespace kith::codec {
namespace {

using test::hash_of;
using test::identity;

std::vector<ValidatorEntry> golden_entries() {
  ValidatorEntry plain;
  plain.key = identity(1).key;
  plain.owner = identity(2).lock;
  plain.stake = 5;
  ValidatorEntry full = plain;
  full.status = ValidatorStatus::jailed;
  full.weight = 11;
  full.weight_before = 12;
  full.joined = 3;
  full.jailed_until = 9;
  full.voted = 100;
  full.missed = 28;
  full.uptime = 7'812;
  full.voted_ever = 1'000;
  full.missed_ever = 30;
  full.rewards = 444;
  full.unbondings = {{4, 10}, {5, 20}};
  ValidatorEntry barred = full;
  barred.status = ValidatorStatus::tombstoned;
  barred.unbondings.clear();
  return {plain, full, barred};
}

std::vector<ValidatorOrder> golden_orders() {
  Bond bond{identity(1).key, identity(2).lock, 1'000, {}};
  bond.proof.fill(9);
  return {bond, AddStake{identity(1).key, 7}, Unbond{identity(1).key, amount_max},
          Unjail{identity(1).key}};
}

TEST(ChainValidator, GoldenVectors) {
  const auto lines = golden_lines("chain_validator.txt");
  const auto entries = golden_entries();
  const auto orders = golden_orders();
  ASSERT_EQ(lines.size(), entries.size() + orders.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(base::to_hex(encode_validator(entries[i])), lines[i][0]);
    EXPECT_EQ(base::to_hex(validator_hash(entries[i])), lines[i][1]);
    EXPECT_EQ(decode_validator(unhex(lines[i][0])).value(), entries[i]);
  }
  for (std::size_t i = 0; i < orders.size(); ++i) {
    SCOPED_TRACE(i);
    const auto& line = lines[entries.size() + i];
    EXPECT_EQ(base::to_hex(encode_order(orders[i])), line[0]);
    EXPECT_EQ(decode_order(unhex(line[0])).value(), orders[i]);
  }
}

TEST(ChainValidator, WhatCannotBeIsRefused) {
  ValidatorEntry entry = golden_entries()[1];
  const auto refused = [](const ValidatorEntry& bad) {
    return !decode_validator(encode_validator(bad)).has_value();
  };
  ASSERT_FALSE(refused(entry));
  entry.unbondings = {{5, 1}, {5, 1}};
  EXPECT_TRUE(refused(entry));
  entry.unbondings = {{5, 0}};
  EXPECT_TRUE(refused(entry));
  entry.unbondings = {{5, amount_max}};
  EXPECT_TRUE(refused(entry));
  entry = golden_entries()[1];
  entry.uptime = 10'001;
  EXPECT_TRUE(refused(entry));
  Bytes status = encode_validator(golden_entries()[1]);
  status[65] = 4;
  EXPECT_FALSE(decode_validator(status));
  EXPECT_EQ(decode_order(encode_order(AddStake{{}, 0})).error().code, Code::malformed);
  EXPECT_EQ(decode_order(encode_order(Unbond{{}, amount_max + 1})).error().code, Code::malformed);
  Bytes unknown = encode_order(Unjail{});
  unknown[0] = 5;
  EXPECT_EQ(decode_order(unknown).error().code, Code::unsupported);
}

TEST(ChainValidator, AnyBytesDecodeToThemselvesOrNotAtAll) {
  EXPECT_TRUE(rc::check([](const Bytes& noise, std::size_t at, std::uint8_t flip) {
    (void)decode_validator(noise);
    (void)decode_order(noise);
    Bytes entry = encode_validator(golden_entries()[1]);
    entry[at % entry.size()] ^= flip;
    if (const auto decoded = decode_validator(entry)) {
      RC_ASSERT(encode_validator(*decoded) == entry);
    }
    Bytes order = encode_order(golden_orders()[at % 4]);
    order[at % order.size()] ^= flip;
    if (const auto decoded = decode_order(order)) RC_ASSERT(encode_order(*decoded) == order);
  }));
}

}  // namespace
}  // namespace kith::codec
