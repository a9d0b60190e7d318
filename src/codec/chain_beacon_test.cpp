#include "codec/chain_beacon.h"

#include "codec/golden_test_util.h"
#include "codec/test_chain.h"

namespace kith::codec {
namespace {

using test::hash_of;

TEST(ChainBeacon, AnEntryIsTwoHashesBehindItsVersion) {
  const BeaconEntry entry{hash_of(0xbe), hash_of(0x5e)};
  Bytes expected{1};
  base::append(expected, entry.beacon);
  base::append(expected, entry.leaders_seed);
  EXPECT_EQ(encode_beacon(entry), expected);
  EXPECT_EQ(decode_beacon(expected).value(), entry);
}

TEST(ChainBeacon, OtherBytesAreNone) {
  Bytes bytes = encode_beacon({});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(decode_beacon(ByteView(bytes).first(size)).error().code, Code::truncated);
  }
  bytes.push_back(0);
  EXPECT_FALSE(decode_beacon(bytes));
  bytes.pop_back();
  bytes[0] = 2;
  EXPECT_EQ(decode_beacon(bytes).error().code, Code::unsupported);
}

TEST(ChainBeacon, WhatIsProvenNamesChainAndHeight) {
  EXPECT_NE(beacon_input(hash_of(1), {1}), beacon_input(hash_of(1), {2}));
  EXPECT_NE(beacon_input(hash_of(1), {1}), beacon_input(hash_of(2), {1}));
}

}  // namespace
}  // namespace kith::codec
