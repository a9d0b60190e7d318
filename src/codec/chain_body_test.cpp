#include "codec/chain_body.h"

#include <rapidcheck.h>

#include <numeric>

#include "codec/chain_merkle.h"
#include "codec/chain_receipt.h"
#include "codec/golden_test_util.h"
#include "codec/test_chain.h"

namespace kith::codec {
namespace {

using test::hash_of;

constexpr std::size_t plenty = 1 << 20;

crypto::VrfProof some_proof() {
  crypto::VrfProof proof;
  std::iota(proof.begin(), proof.end(), std::uint8_t{0});
  return proof;
}

BlockBody body_of(std::size_t transactions, std::size_t pieces) {
  BlockBody body;
  for (std::size_t i = 0; i < transactions; ++i) {
    const OutPoint from{hash_of(static_cast<std::uint8_t>(i)), 0};
    body.transactions.push_back(seal(test::payment({{from, 1}}, {{2, 700}}, 300, hash_of(0x11))));
  }
  for (std::size_t i = 0; i < pieces; ++i) body.evidence.push_back(Bytes(i, 0xee));
  return body;
}

TEST(ChainBody, GoldenVectors) {
  const auto lines = golden_lines("chain_body.txt");
  ASSERT_EQ(lines.size(), 12u);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    SCOPED_TRACE(i);
    BlockBody body = body_of(i % 3, i % 6 / 3 * 2);
    if (i >= 6) body.proof = some_proof();
    EXPECT_EQ(base::to_hex(encode_body(body)), lines[i][0]);
    EXPECT_EQ(base::to_hex(tx_root(body)), lines[i][1]);
    EXPECT_EQ(base::to_hex(evidence_root(body)), lines[i][2]);
    EXPECT_EQ(encoded_size(body), lines[i][0].size() / 2);
    const auto decoded = decode_body(unhex(lines[i][0]), plenty);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(encode_body(*decoded), encode_body(body));
    EXPECT_EQ(decoded->proof, body.proof);
    EXPECT_EQ(tx_root(*decoded), tx_root(body));
  }
}

TEST(ChainBody, HasLimits) {
  const Bytes bytes = encode_body(body_of(2, 2));
  EXPECT_TRUE(decode_body(bytes, bytes.size()));
  EXPECT_EQ(decode_body(bytes, bytes.size() - 1).error().code, Code::too_large);
  EXPECT_EQ(decode_body(encode_body(body_of(0, body_evidence_max)), plenty)->evidence.size(),
            body_evidence_max);
  Bytes many = encode_body(body_of(0, body_evidence_max));
  many[6] = body_evidence_max + 1;
  EXPECT_EQ(decode_body(many, plenty).error().code, Code::too_large);
  BlockBody large = body_of(0, 1);
  large.evidence[0].resize(evidence_bytes_max + 1);
  EXPECT_EQ(decode_body(encode_body(large), plenty).error().code, Code::too_large);
  // A count that would be allocated before it is believed.
  Bytes claim = encode_body(body_of(0, 0));
  claim[1] = 0xff;
  EXPECT_EQ(decode_body(claim, plenty).error().code, Code::truncated);
  Bytes later = bytes;
  later[0] = 3;
  EXPECT_EQ(decode_body(later, plenty).error().code, Code::unsupported);
}

TEST(ChainBody, AProofIsWholeAndTheRootsDoNotHaveIt) {
  BlockBody body = body_of(0, 0);
  body.proof = some_proof();
  const Bytes bytes = encode_body(body);
  EXPECT_EQ(bytes.size(), body_empty_bytes + crypto::vrf_proof_bytes);
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_EQ(decode_body(ByteView(bytes).first(size), plenty).error().code, Code::truncated);
  }
  Bytes without = bytes;
  without[0] = 1;  // the proof would be a number of transactions
  EXPECT_FALSE(decode_body(without, plenty));
  EXPECT_EQ(tx_root(body), tx_root(body_of(0, 0)));
  EXPECT_EQ(evidence_root(body), evidence_root(body_of(0, 0)));
}

TEST(ChainBody, TheRootIsOverSignaturesToo) {
  BlockBody body = body_of(1, 0);
  Transaction tx = body.transactions[0]->tx;
  tx.witnesses[0].signature[0] ^= 1;
  const BlockBody other{{seal(tx)}, {}};
  EXPECT_EQ(other.transactions[0]->txid, body.transactions[0]->txid);
  EXPECT_NE(tx_root(other), tx_root(body));
}

TEST(ChainBody, AnyBytesDecodeToThemselvesOrNotAtAll) {
  EXPECT_TRUE(rc::check([](const Bytes& noise, std::size_t at, std::uint8_t flip) {
    (void)decode_body(noise, plenty);
    BlockBody body = body_of(2, 2);
    if (flip % 2 == 0) body.proof = some_proof();
    Bytes bytes = encode_body(body);
    bytes[at % bytes.size()] ^= flip;
    const auto decoded = decode_body(bytes, plenty);
    if (decoded) RC_ASSERT(encode_body(*decoded) == bytes);
  }));
}

TEST(ChainReceipt, GoldenVectors) {
  std::uint64_t number = 0;
  for (const GoldenLine& line : golden_lines("chain_receipt.txt")) {
    SCOPED_TRACE(line[0]);
    const auto receipt = decode_receipt(unhex(line[0]));
    ASSERT_TRUE(receipt);
    EXPECT_EQ(receipt->fee, 1'000 * number);
    EXPECT_EQ(base::to_hex(encode_receipt(*receipt)), line[0]);
    EXPECT_EQ(base::to_hex(receipt_hash(*receipt)), line[1]);
    EXPECT_EQ(base::to_hex(system_txid(hash_of(0x11), Height{number++})), line[2]);
  }
}

TEST(ChainReceipt, RoundTrip) {
  const Receipt receipt{hash_of(1), 2, 3, 4, 5};
  const Bytes bytes = encode_receipt(receipt);
  EXPECT_EQ(bytes.size(), receipt_bytes);
  EXPECT_EQ(decode_receipt(bytes).value(), receipt);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_receipt(ByteView(bytes).first(cut)));
  }
  Bytes later = bytes;
  later[0] = 2;
  EXPECT_EQ(decode_receipt(later).error().code, Code::unsupported);
  EXPECT_NE(receipt_hash(receipt), receipt_hash({hash_of(1), 2, 3, 4, 6}));
  EXPECT_NE(system_txid(hash_of(1), Height{1}), system_txid(hash_of(1), Height{2}));
  EXPECT_NE(system_txid(hash_of(1), Height{1}), system_txid(hash_of(2), Height{1}));
}

}  // namespace
}  // namespace kith::codec
