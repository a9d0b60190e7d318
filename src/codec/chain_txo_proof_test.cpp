#include "codec/chain_txo_proof.h"

#include <rapidcheck.h>

#include "codec/test_hashes.h"

namespace kith::codec {
namespace {

struct Golden {
  Hash root;
  std::uint64_t index;
  TxoProof proof;
};

std::vector<Golden> golden() {
  std::vector<Golden> all;
  for (const GoldenLine& line : golden_lines("txo_proof.txt")) {
    if (line[2] == "-") continue;
    all.push_back({hash_from_hex(line[1]), std::stoull(line[2]), {}});
    const auto proof = decode_txo_proof(unhex(line[3]));
    EXPECT_TRUE(proof) << proof.error().message;
    all.back().proof = proof.value();
    EXPECT_EQ(base::to_hex(encode_txo_proof(*proof)), line[3]);
  }
  return all;
}

TEST(ChainTxoProof, GoldenVectors) {
  for (const auto& [root, index, proof] : golden()) {
    SCOPED_TRACE(index);
    const auto unspent = verify_txo_proof(root, index, number_hash(index), proof);
    ASSERT_TRUE(unspent) << unspent.error().message;
    EXPECT_EQ(*unspent, index % 3 != 0);
  }
}

TEST(ChainTxoProof, NothingElseIsProven) {
  for (const auto& [root, index, proof] : golden()) {
    SCOPED_TRACE(index);
    EXPECT_FALSE(verify_txo_proof(number_hash(1), index, number_hash(index), proof));
    EXPECT_FALSE(verify_txo_proof(root, index, number_hash(index + 1), proof));
    EXPECT_FALSE(verify_txo_proof(root, index ^ 1, number_hash(index), proof));
    EXPECT_FALSE(verify_txo_proof(root, index + proof.size, number_hash(index), proof));
    // Beyond the padding: the path is the same, the index is not.
    const std::uint64_t padded = txo_chunk_leaves << txo_upper_levels(proof.size);
    EXPECT_FALSE(verify_txo_proof(root, index + padded, number_hash(index), proof));
    TxoProof larger = proof;
    larger.size += 1;
    EXPECT_FALSE(verify_txo_proof(root, index, number_hash(index), larger));
    TxoProof higher = proof;
    higher.upper.push_back(txo_empty_chunks(proof.upper.size()));
    EXPECT_EQ(verify_txo_proof(root, index, number_hash(index), higher).error().code,
              Code::malformed);
    TxoProof revived = proof;
    set_bit(revived.bitmap, index % txo_chunk_leaves, index % 3 == 0);
    EXPECT_FALSE(verify_txo_proof(root, index, number_hash(index), revived));
  }
}

TEST(ChainTxoProof, EveryBitCounts) {
  const auto all = golden();
  const auto& [root, index, proof] = all.back();
  const Bytes good = encode_txo_proof(proof);
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 0x10;
    const auto decoded = decode_txo_proof(bad);
    if (decoded) {
      EXPECT_FALSE(verify_txo_proof(root, index, number_hash(index), *decoded)) << i;
    }
    EXPECT_FALSE(decode_txo_proof(ByteView(good).first(i))) << i;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(decode_txo_proof(longer).error().code, Code::malformed);
}

TEST(ChainTxoProof, AtTwoToThe27IsOf900Bytes) {
  TxoProof proof;
  proof.size = 1u << 27;
  proof.upper.resize(txo_upper_levels(proof.size));
  EXPECT_EQ(encode_txo_proof(proof).size(), 900u);
}

TEST(ChainTxoProof, SizesHaveLimits) {
  Bytes none;
  Writer(none).varint(0);
  EXPECT_EQ(decode_txo_proof(none).error().code, Code::malformed);
  Bytes over;
  Writer(over).varint(txo_size_max + 1);
  EXPECT_EQ(decode_txo_proof(over).error().code, Code::malformed);
  TxoProof largest;
  largest.size = txo_size_max;
  largest.upper.resize(txo_upper_levels(largest.size));
  EXPECT_EQ(largest.upper.size(), txo_upper_levels_max);
  const Bytes bytes = encode_txo_proof(largest);
  EXPECT_LE(bytes.size(), txo_proof_bytes_max);
  EXPECT_EQ(decode_txo_proof(bytes).value(), largest);
  EXPECT_EQ(txo_upper_levels(0), 0u);
  EXPECT_EQ(txo_upper_levels(256), 0u);
  EXPECT_EQ(txo_upper_levels(257), 1u);
  EXPECT_EQ(txo_upper_levels(512), 1u);
  EXPECT_EQ(txo_upper_levels(513), 2u);
}

TEST(ChainTxoProof, AnyBytesDecodeToThemselvesOrNotAtAll) {
  EXPECT_TRUE(rc::check([](std::vector<std::uint8_t> bytes, std::uint16_t size, bool exact) {
    if (exact && size > 0) {
      Bytes head;
      Writer(head).varint(size);
      bytes.resize(32 * (1 + txo_chunk_levels + txo_upper_levels(size)));
      bytes.insert(bytes.begin(), head.begin(), head.end());
    }
    const auto proof = decode_txo_proof(bytes);
    if (exact && size > 0) RC_ASSERT(proof.has_value());
    if (proof) RC_ASSERT(encode_txo_proof(*proof) == bytes);
  }));
}

}  // namespace
}  // namespace kith::codec
