#include "codec/chain_merkle.h"

#include <rapidcheck.h>

#include "codec/test_hashes.h"

namespace kith::codec {
namespace {

TEST(ChainMerkle, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("merkle.txt")) {
    SCOPED_TRACE(line[0]);
    const std::vector<Hash> list = number_hashes(std::stoull(line[0]));
    const Hash root = merkle_root(list);
    EXPECT_EQ(base::to_hex(root), line[1]);
    if (list.empty()) continue;
    const std::uint64_t index = std::stoull(line[3]);
    const MerkleProof proof = prove_merkle(list, index);
    EXPECT_EQ(base::to_hex(encode_merkle_proof(proof)), line[4]);
    EXPECT_EQ(decode_merkle_proof(unhex(line[4])).value(), proof);
    EXPECT_TRUE(verify_merkle_proof(root, list[index], proof));
  }
}

TEST(ChainMerkle, ProvesEveryEntryAndNoOther) {
  for (std::uint64_t count = 1; count <= 40; ++count) {
    const std::vector<Hash> list = number_hashes(count);
    const Hash root = merkle_root(list);
    for (std::uint64_t index = 0; index < count; ++index) {
      SCOPED_TRACE(index);
      const MerkleProof proof = prove_merkle(list, index);
      const MerkleProof again = decode_merkle_proof(encode_merkle_proof(proof)).value();
      EXPECT_EQ(again, proof);
      EXPECT_TRUE(verify_merkle_proof(root, list[index], again));
      EXPECT_FALSE(verify_merkle_proof(root, number_hash(count), again));
      for (std::uint64_t other = 0; other <= count; ++other) {
        MerkleProof moved = proof;
        moved.index = other;
        EXPECT_EQ(verify_merkle_proof(root, list[index], moved).has_value(), other == index);
      }
    }
  }
}

TEST(ChainMerkle, TheRootSaysHowManyAndWhich) {
  std::vector<Hash> roots{merkle_root({})};
  for (std::uint64_t count = 1; count < 20; ++count) {
    std::vector<Hash> list = number_hashes(count);
    roots.push_back(merkle_root(list));
    list.push_back(list.back());  // Bitcoin's CVE-2012-2459
    roots.push_back(merkle_root(list));
    if (count > 1) {
      list.pop_back();
      std::swap(list[0], list[1]);
      roots.push_back(merkle_root(list));
    }
  }
  // A list of one inner node is not the list of its two halves.
  const auto two = number_hashes(2);
  roots.push_back(merkle_root(std::vector{merkle_node(merkle_leaf(two[0]), merkle_leaf(two[1]))}));
  std::ranges::sort(roots);
  EXPECT_EQ(std::ranges::adjacent_find(roots), roots.end());
}

TEST(ChainMerkle, EveryBitOfAProofCounts) {
  const std::vector<Hash> list = number_hashes(1000);
  const Hash root = merkle_root(list);
  const Bytes good = encode_merkle_proof(prove_merkle(list, 517));
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 1;
    const auto proof = decode_merkle_proof(bad);
    EXPECT_FALSE(proof && verify_merkle_proof(root, list[517], *proof)) << i;
    EXPECT_FALSE(decode_merkle_proof(ByteView(good).first(i))) << i;
  }
}

TEST(ChainMerkle, APathHasOneLength) {
  const std::vector<Hash> list = number_hashes(11);
  const Hash root = merkle_root(list);
  MerkleProof proof = prove_merkle(list, 3);
  ASSERT_TRUE(verify_merkle_proof(root, list[3], proof));
  proof.path.push_back({});
  EXPECT_EQ(verify_merkle_proof(root, list[3], proof).error().code, Code::malformed);
  proof.path.resize(proof.path.size() - 2);
  EXPECT_EQ(verify_merkle_proof(root, list[3], proof).error().code, Code::malformed);
}

TEST(ChainMerkle, HasLimits) {
  const auto of = [](std::uint64_t index, std::uint64_t count, std::size_t hashes) {
    Bytes bytes;
    Writer(bytes).varint(index);
    Writer(bytes).varint(count);
    bytes.resize(bytes.size() + 32 * hashes);
    return decode_merkle_proof(bytes);
  };
  EXPECT_TRUE(of(0, merkle_count_max, merkle_path_max));
  EXPECT_EQ(of(0, merkle_count_max, merkle_path_max - 1).error().code, Code::truncated);
  EXPECT_EQ(of(0, merkle_count_max + 1, merkle_path_max).error().code, Code::malformed);
  EXPECT_EQ(of(3, 3, 1).error().code, Code::malformed);
  EXPECT_EQ(of(0, 0, 0).error().code, Code::malformed);
  EXPECT_EQ(of(0, 1, 1).error().code, Code::malformed);
  EXPECT_LE(encode_merkle_proof(of(0, merkle_count_max, merkle_path_max).value()).size(),
            merkle_proof_bytes_max);
  const MerkleProof beyond{0, merkle_count_max + 1, {}};
  EXPECT_FALSE(verify_merkle_proof({}, {}, beyond));
}

TEST(ChainMerkle, AnyBytesDecodeToThemselvesOrNotAtAll) {
  EXPECT_TRUE(rc::check([](std::vector<std::uint8_t> bytes, std::uint8_t count, bool exact) {
    if (exact && count > 0) {
      const auto index = *rc::gen::inRange<std::uint64_t>(0, count);
      Bytes head;
      Writer(head).varint(index);
      Writer(head).varint(count);
      bytes.resize(32 * merkle_path_length(index, count));
      bytes.insert(bytes.begin(), head.begin(), head.end());
    }
    const auto proof = decode_merkle_proof(bytes);
    if (exact && count > 0) RC_ASSERT(proof.has_value());
    if (proof) RC_ASSERT(encode_merkle_proof(*proof) == bytes);
  }));
}

}  // namespace
}  // namespace kith::codec
