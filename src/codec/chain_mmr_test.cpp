#include "codec/chain_mmr.h"

#include <rapidcheck.h>

#include <map>

#include "codec/test_hashes.h"

namespace kith::codec {
namespace {

/// A range, the nodes it gave out, and the list itself.
struct Store {
  Mmr mmr;
  std::map<std::pair<std::size_t, std::uint64_t>, Hash> nodes;
  std::vector<Hash> list;

  void grow_to(std::uint64_t count) {
    while (list.size() < count) {
      list.push_back(number_hash(list.size()));
      for (const MmrNode& node : mmr.append(list.back())) {
        EXPECT_TRUE(nodes.emplace(std::pair(node.level, node.index), node.hash).second);
      }
    }
  }
  MmrLookup lookup() const {
    return [this](std::size_t level, std::uint64_t index) -> Result<Hash> {
      const auto node = nodes.find({level, index});
      if (node == nodes.end()) return fail(Code::not_found, "no such node");
      return node->second;
    };
  }
};

TEST(ChainMmr, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("merkle.txt")) {
    SCOPED_TRACE(line[0]);
    Store store;
    store.grow_to(std::stoull(line[0]));
    EXPECT_EQ(base::to_hex(store.mmr.root()), line[1]);
    EXPECT_EQ(base::to_hex(store.mmr.encode()), line[2]);
    EXPECT_EQ(Mmr::decode(unhex(line[2])).value(), store.mmr);
    if (line[3] == "-") continue;
    const auto proof = prove_mmr(std::stoull(line[3]), store.mmr.count(), store.lookup());
    ASSERT_TRUE(proof);
    EXPECT_EQ(base::to_hex(encode_merkle_proof(*proof)), line[4]);
  }
}

TEST(ChainMmr, IsTheMerkleListOfEveryMoment) {
  constexpr std::uint64_t size = 70;
  Store store;
  std::vector<Hash> roots{store.mmr.root()};
  for (std::uint64_t count = 1; count <= size; ++count) {
    store.grow_to(count);
    roots.push_back(store.mmr.root());
    EXPECT_EQ(roots.back(), merkle_root(store.list));
    const Mmr again = Mmr::decode(store.mmr.encode()).value();
    EXPECT_EQ(again, store.mmr);
    EXPECT_EQ(again.root(), roots.back());
  }
  // Proofs from the nodes of the grown store, for each earlier count.
  for (std::uint64_t count = 1; count <= size; ++count) {
    for (std::uint64_t index = 0; index < count; ++index) {
      const auto proof = prove_mmr(index, count, store.lookup());
      ASSERT_TRUE(proof);
      EXPECT_EQ(*proof, prove_merkle(std::span(store.list).first(count), index));
      EXPECT_TRUE(verify_merkle_proof(roots[count], store.list[index], *proof));
    }
  }
  EXPECT_LE(store.nodes.size(), 2 * size);
}

TEST(ChainMmr, AMissingNodeIsToldAndAnEntryBeyondRefused) {
  Store store;
  store.grow_to(10);
  EXPECT_EQ(prove_mmr(10, 10, store.lookup()).error().code, Code::not_found);
  EXPECT_EQ(prove_mmr(0, merkle_count_max + 1, store.lookup()).error().code, Code::not_found);
  store.nodes.erase({1, 4});  // the peak of entries 8 and 9
  EXPECT_EQ(prove_mmr(0, 10, store.lookup()).error().message, "no such node");
  EXPECT_TRUE(prove_mmr(0, 8, store.lookup()));
}

TEST(ChainMmr, DamagedBytesAreRefusedOrAnotherRange) {
  Store store;
  store.grow_to(77);
  const Bytes good = store.mmr.encode();
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 2;
    const auto decoded = Mmr::decode(bad);
    EXPECT_FALSE(decoded && decoded->root() == store.mmr.root()) << i;
    EXPECT_FALSE(Mmr::decode(ByteView(good).first(i))) << i;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(Mmr::decode(longer).error().code, Code::malformed);
  Bytes over;
  Writer(over).u64(merkle_count_max + 1);
  EXPECT_EQ(Mmr::decode(over).error().code, Code::too_large);
}

TEST(ChainMmr, GrowsFromAnyDecodedState) {
  EXPECT_TRUE(rc::check([](std::uint16_t count, const std::vector<std::uint8_t>& noise) {
    Store store;
    store.grow_to(count % 600);
    Mmr again = Mmr::decode(store.mmr.encode()).value();
    store.grow_to(store.list.size() + 1);
    again.append(store.list.back());
    RC_ASSERT(again == store.mmr);
    if (const auto any = Mmr::decode(noise)) RC_ASSERT(any->encode() == noise);
  }));
}

}  // namespace
}  // namespace kith::codec
