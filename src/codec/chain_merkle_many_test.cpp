#include "codec/chain_merkle_many.h"

#include <rapidcheck.h>

#include <set>

#include "codec/golden_test_util.h"
#include "codec/test_chain.h"

namespace kith::codec {
namespace {

std::vector<Hash> list_of(std::size_t count) {
  std::vector<Hash> entries(count);
  for (std::size_t i = 0; i < count; ++i) {
    entries[i] = test::hash_of(static_cast<std::uint8_t>(i));
    entries[i][1] = static_cast<std::uint8_t>(i >> 8);
  }
  return entries;
}

std::vector<Hash> chosen(const std::vector<Hash>& entries,
                         const std::vector<std::uint16_t>& indices) {
  std::vector<Hash> those;
  for (const std::uint16_t index : indices) those.push_back(entries[index]);
  return those;
}

TEST(ChainMerkleMany, GoldenSiblings) {
  for (const GoldenLine& line : golden_lines("merkle_many.txt")) {  // count indices root siblings
    const std::vector<Hash> entries = list_of(std::stoul(line[0]));
    std::vector<std::uint16_t> indices;
    for (std::size_t at = 0; at < line[1].size(); at = line[1].find(',', at) + 1) {
      indices.push_back(static_cast<std::uint16_t>(std::stoul(line[1].substr(at))));
      if (line[1].find(',', at) == std::string::npos) break;
    }
    std::string text;
    const auto siblings = prove_merkle_many(entries, indices);
    for (const Hash& sibling : siblings) text += base::to_hex(sibling);
    EXPECT_EQ(text, line.size() > 3 ? line[3] : "");
    EXPECT_EQ(base::to_hex(merkle_root(entries)), line[2]);
    EXPECT_TRUE(verify_merkle_many(merkle_root(entries), entries.size(), indices,
                                   chosen(entries, indices), siblings));
  }
}

TEST(ChainMerkleMany, WhatIsProvenVerifiesAndNothingElse) {
  EXPECT_TRUE(rc::check([](const std::set<std::uint16_t>& drawn, std::uint8_t size,
                           std::size_t which, std::uint8_t flip) {
    const std::vector<Hash> entries = list_of(std::size_t{1} << (size % 11));
    std::set<std::uint16_t> places{0};
    for (const std::uint16_t one : drawn) {
      places.insert(static_cast<std::uint16_t>(one % entries.size()));
    }
    const std::vector<std::uint16_t> indices(places.begin(), places.end());
    const auto siblings = prove_merkle_many(entries, indices);
    auto those = chosen(entries, indices);
    const Hash root = merkle_root(entries);
    RC_ASSERT(verify_merkle_many(root, entries.size(), indices, those, siblings).has_value());
    auto more = siblings;
    more.push_back({});
    RC_ASSERT(!verify_merkle_many(root, entries.size(), indices, those, more));
    if (!siblings.empty()) {
      auto other = siblings;
      other[which % other.size()][3] ^= static_cast<std::uint8_t>(flip | 1);
      RC_ASSERT(!verify_merkle_many(root, entries.size(), indices, those, other));
      other.pop_back();
      RC_ASSERT(!verify_merkle_many(root, entries.size(), indices, those, other));
    }
    those[which % those.size()][3] ^= static_cast<std::uint8_t>(flip | 1);
    RC_ASSERT(!verify_merkle_many(root, entries.size(), indices, those, siblings));
  }));
}

TEST(ChainMerkleMany, PlacesThatAreNoneAreRefused) {
  const std::vector<Hash> entries = list_of(8);
  const Hash root = merkle_root(entries);
  const auto refuses = [&](std::size_t count, const std::vector<std::uint16_t>& indices) {
    return !verify_merkle_many(root, count, indices, std::vector<Hash>(indices.size()), {});
  };
  EXPECT_TRUE(refuses(8, {}));
  EXPECT_TRUE(refuses(8, {8}));
  EXPECT_TRUE(refuses(8, {3, 3}));
  EXPECT_TRUE(refuses(8, {4, 3}));
  EXPECT_TRUE(refuses(6, {0}));
  EXPECT_TRUE(refuses(2'048, {0}));
  EXPECT_TRUE(refuses(0, {0}));
}

TEST(ChainMerkleMany, NodesComeToTheRoot) {
  const std::vector<Hash> entries = list_of(256);
  const auto nodes = merkle_nodes(entries, 32);
  ASSERT_EQ(nodes.size(), 32u);
  EXPECT_EQ(merkle_root_of_top(256, merkle_node_over(nodes)), merkle_root(entries));
  const std::vector<Hash> under(entries.begin() + 8, entries.begin() + 16);
  EXPECT_EQ(merkle_nodes(under, 1).front(), nodes[1]);
}

}  // namespace
}  // namespace kith::codec
