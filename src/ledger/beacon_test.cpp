#include "ledger/beacon.h"

#include <set>

#include "codec/golden_test_util.h"
#include "codec/test_chain.h"

namespace kith::ledger {
namespace {

using codec::Hash;
using codec::Height;
using codec::test::hash_of;
using codec::test::identity;

const Hash genesis = hash_of(0x77);

crypto::VrfProof proof_of(std::uint32_t proposer, Height height) {
  return crypto::vrf_prove(identity(proposer).pair, beacon_input(genesis, height));
}

TEST(Beacon, GoldenVectors) {
  Entries entries;
  for (const codec::GoldenLine& line : codec::golden_lines("beacon.txt")) {
    SCOPED_TRACE(line[0]);
    const Height height{std::stoull(line[0])};
    const crypto::KeyPair pair =
        crypto::KeyPair::from_seed(ByteView(codec::unhex(line[1])).first<32>());
    codec::ChainKey key;
    std::ranges::copy(pair.public_key().data, key.begin());
    EXPECT_EQ(base::to_hex(beacon_input(genesis, height)), line[2]);
    const crypto::VrfProof proof = crypto::vrf_prove(pair, beacon_input(genesis, height));
    EXPECT_EQ(base::to_hex(proof), line[3]);
    ASSERT_TRUE(advance_beacon(entries, genesis, height, key, proof));
    EXPECT_EQ(base::to_hex(beacon_of(entries, genesis)), line[4]);
  }
  EXPECT_EQ(entries.size(), 1u);
}

TEST(Beacon, IsTheGenesisHashThenOneValueABlock) {
  Entries entries;
  EXPECT_EQ(beacon_of(entries, genesis), genesis);
  std::set<Hash> seen{genesis};
  for (std::uint64_t height = 1; height <= 8; ++height) {
    const auto proposer = static_cast<std::uint32_t>(1 + height % 3);
    ASSERT_TRUE(advance_beacon(entries, genesis, {height}, identity(proposer).key,
                               proof_of(proposer, {height})));
    EXPECT_TRUE(seen.insert(beacon_of(entries, genesis)).second);
  }
}

TEST(Beacon, TakesTheProposersProofOfThisHeightOnly) {
  Entries entries;
  const crypto::VrfProof proof = proof_of(1, {5});
  EXPECT_EQ(advance_beacon(entries, genesis, {5}, identity(2).key, proof).error().code,
            Code::bad_signature);
  EXPECT_FALSE(advance_beacon(entries, genesis, {6}, identity(1).key, proof));
  EXPECT_FALSE(advance_beacon(entries, hash_of(0x78), {5}, identity(1).key, proof));
  EXPECT_EQ(entries.size(), 0u);
  EXPECT_TRUE(advance_beacon(entries, genesis, {5}, identity(1).key, proof));
}

TEST(Beacon, SeedsLeadersWithWhatItIsWhenAnEpochEnds) {
  Entries entries;
  EXPECT_EQ(leaders_seed_of(entries, genesis), genesis);
  const auto advance = [&](std::uint64_t height) {
    ASSERT_TRUE(advance_beacon(entries, genesis, {height}, identity(1).key, proof_of(1, {height})));
  };
  advance(1);
  EXPECT_EQ(leaders_seed_of(entries, genesis), genesis);
  const Hash floor = beacon_of(entries, genesis);
  seed_leaders(entries, genesis);
  EXPECT_EQ(beacon_of(entries, genesis), floor);
  advance(2);
  EXPECT_EQ(leaders_seed_of(entries, genesis), floor);
  // As accounts.md has it.
  Bytes expected{1};
  base::append(expected, beacon_of(entries, genesis));
  base::append(expected, floor);
  EXPECT_EQ(*entries.find(EntryKind::beacon, {}), expected);
}

TEST(Beacon, FollowsFromAllProofsBefore) {
  Entries one;
  Entries other;
  ASSERT_TRUE(advance_beacon(one, genesis, {1}, identity(1).key, proof_of(1, {1})));
  ASSERT_TRUE(advance_beacon(other, genesis, {1}, identity(2).key, proof_of(2, {1})));
  for (Entries* entries : {&one, &other}) {
    ASSERT_TRUE(advance_beacon(*entries, genesis, {2}, identity(3).key, proof_of(3, {2})));
  }
  EXPECT_NE(beacon_of(one, genesis), beacon_of(other, genesis));
}

}  // namespace
}  // namespace kith::ledger
