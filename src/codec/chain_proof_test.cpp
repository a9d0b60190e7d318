#include "codec/chain_proof.h"

#include <rapidcheck.h>

#include "codec/chain_proof_check.h"
#include "codec/golden_test_util.h"
#include "codec/test_light_chain.h"

namespace kith::codec {
namespace {

LightTestChain small_chain() {
  LightTestChain chain({.first = {1, 2, 3, 4}, .of_epoch = [](std::uint64_t epoch) {
                          const auto first = static_cast<std::uint32_t>(epoch);
                          return LightTestChain::Numbers{first + 1, first + 2, first + 3,
                                                         first + 4};
                        }});
  chain.grow(11);
  return chain;
}

ChainProof whole_proof(const LightTestChain& chain) {
  ChainProof proof;
  proof.start = chain.genesis();
  proof.steps = {chain.step(0), chain.skip(1, 10)};
  proof.last = chain.finality(11);
  proof.claims = {chain.block_claim(3, 11),     chain.tx_claim(5, 11),
                  chain.tx_claim(11, 11),       chain.output_claim(0, 11),
                  chain.output_claim(2, 11),    chain.validator_claim(4, 11),
                  chain.validator_claim(99, 11)};
  return proof;
}

TEST(ChainProof, ComesBackAsItWas) {
  const LightTestChain chain = small_chain();
  ChainProof proof = whole_proof(chain);
  EXPECT_EQ(decode_chain_proof(encode_chain_proof(proof)).value(), proof);
  proof.start = chain.checkpoint(7);
  proof.last.reset();
  EXPECT_EQ(decode_chain_proof(encode_chain_proof(proof)).value(), proof);
  EXPECT_EQ(decode_chain_proof(encode_chain_proof({})).value(), ChainProof());
}

TEST(ChainProof, IsTakenWholeOrNotAtAll) {
  const Bytes good = encode_chain_proof(whole_proof(small_chain()));
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_FALSE(decode_chain_proof(ByteView(good).first(cut))) << cut;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(decode_chain_proof(longer).error().code, Code::malformed);
  Bytes later = good;
  later[0] = 2;
  EXPECT_EQ(decode_chain_proof(later).error().code, Code::unsupported);
  const Bytes huge(chain_proof_bytes_max + 1);
  EXPECT_EQ(decode_chain_proof(huge).error().code, Code::too_large);
}

TEST(ChainProof, WhatDecodesHasOneEncoding) {
  const Bytes good = encode_chain_proof(whole_proof(small_chain()));
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const unsigned flip : {0x01U, 0x80U, 0xffU}) {
      Bytes bad = good;
      bad[at] ^= static_cast<std::uint8_t>(flip);
      const auto decoded = decode_chain_proof(bad);
      if (decoded) EXPECT_EQ(encode_chain_proof(*decoded), bad) << at;
    }
  }
}

TEST(ChainProof, CountsHaveLimits) {
  const auto with = [](ByteView tail) {
    Bytes bytes{1, 0};
    base::append(bytes, tail);
    return decode_chain_proof(bytes).error().code;
  };
  EXPECT_EQ(with(Bytes{0x10, 0x01}), Code::too_large);       // 4,097 steps
  EXPECT_EQ(with(Bytes{0, 0, 0, 17}), Code::too_large);      // claims
  EXPECT_EQ(with(Bytes{0, 0, 2, 0}), Code::malformed);       // neither a last block nor none
  EXPECT_EQ(with(Bytes{0, 0, 0, 1, 6}), Code::unsupported);  // a claim of kind 6
  EXPECT_EQ(decode_chain_proof(Bytes{1, 3}).error().code, Code::unsupported);
}

TEST(ChainProof, AFinalityProofOf200EqualsIsBelow9000Bytes) {
  LightTestChain::Numbers numbers(200);
  for (std::uint32_t i = 0; i < 200; ++i) numbers[i] = i + 1;
  LightTestChain chain({.first = numbers});
  chain.grow(1);
  Bytes bytes;
  Writer writer(bytes);
  const FinalityProof proof = chain.finality(1);
  encode(writer, proof);
  EXPECT_EQ(bytes.size(), 8972u);
  EXPECT_TRUE(verify(proof, chain.genesis_hash(), chain.set(0)));
}

TEST(ChainProof, AFinalityProofHoldsForItsSetAndChainAlone) {
  const LightTestChain chain = small_chain();
  const FinalityProof good = chain.finality(2);
  const auto final = verify(good, chain.genesis_hash(), chain.set(0));
  ASSERT_TRUE(final);
  EXPECT_EQ(final->header, chain.header(2));
  EXPECT_EQ(final->digest, chain.digest(2));
  EXPECT_FALSE(verify(good, tagged_hash("another", {}), chain.set(0)));
  EXPECT_FALSE(verify(good, chain.genesis_hash(), chain.set(1)));
  EXPECT_EQ(verify(chain.finality(2, 2), chain.genesis_hash(), chain.set(0)).error().code,
            Code::refused);  // two of four
  FinalityProof bad = good;
  bad.header.time.unix_ms += 1;
  EXPECT_EQ(verify(bad, chain.genesis_hash(), chain.set(0)).error().code, Code::bad_signature);
  // One signature in the place of two signers.
  bad = good;
  bad.signatures[1] = bad.signatures[0];
  EXPECT_EQ(verify(bad, chain.genesis_hash(), chain.set(0)).error().code, Code::bad_signature);
}

TEST(ChainProof, ChangesOfValidatorsAreExact) {
  const LightTestChain chain = small_chain();
  const ValidatorSet before = chain.set(0);
  const ValidatorSet after = chain.set(1);
  const SetChange change = set_change_of(before, after);
  EXPECT_FALSE(change.is_whole);
  EXPECT_EQ(apply(change, before).value(), after);
  EXPECT_EQ(apply(set_change_of(before, before), before).value(), before);
  EXPECT_EQ(set_change_of(before, before), (SetChange{false, {}, {}}));
  const SetChange whole{true, after.all(), {}};
  EXPECT_EQ(apply(whole, before).value(), after);
  EXPECT_FALSE(apply({true, {}, {}}, before));
  // What is so already, who is not there, and whoever goes and stays.
  EXPECT_FALSE(apply({false, {before.at(0)}, {}}, before));
  EXPECT_FALSE(apply({false, {}, {4}}, before));
  Validator heavier = before.at(1);
  heavier.weight += 1;
  EXPECT_TRUE(apply({false, {heavier}, {}}, before));
  EXPECT_FALSE(apply({false, {heavier}, {1}}, before));
  EXPECT_FALSE(apply({false, {}, {0, 1, 2, 3}}, before));  // nobody is left
}

TEST(ChainProof, ClaimsHoldUnderTheirHeaderAlone) {
  const LightTestChain chain = small_chain();
  const BlockHeader& under = chain.header(11);
  const BlockHeader& before = chain.header(10);
  EXPECT_EQ(verify(chain.block_claim(3, 11), under).value(), chain.digest(3));
  EXPECT_FALSE(verify(chain.block_claim(3, 11), before));
  EXPECT_FALSE(verify(chain.block_claim(3, 10), under));
  BlockClaim lie = chain.block_claim(3, 11);  // a block of height 3, shown at 4
  lie.header.height = {4};
  EXPECT_FALSE(verify(lie, under));
  lie.history.index = 4;
  EXPECT_FALSE(verify(lie, under));

  EXPECT_EQ(verify(chain.tx_claim(5, 11), under).value(), chain.header(5));
  EXPECT_FALSE(verify(chain.tx_claim(5, 11), before));
  TxClaim other = chain.tx_claim(5, 11);
  other.tx = chain.transaction(6);
  EXPECT_FALSE(verify(other, under));

  EXPECT_EQ(verify(chain.output_claim(0, 11), under).value(), false);
  EXPECT_EQ(verify(chain.output_claim(1, 11), under).value(), true);
  EXPECT_EQ(verify(chain.output_claim(0, 2), chain.header(2)).value(), true);
  EXPECT_FALSE(verify(chain.output_claim(0, 2), under));  // unspent once, not now
  OutputClaim claim = chain.output_claim(1, 11);
  claim.outpoint.index = 2;
  EXPECT_FALSE(verify(claim, under));
  claim = chain.output_claim(1, 11);
  claim.utxo.output.value += 1;
  EXPECT_FALSE(verify(claim, under));
  claim = chain.output_claim(1, 11);
  claim.utxo.height = {12};
  EXPECT_EQ(verify(claim, under).error().code, Code::malformed);

  EXPECT_TRUE(verify(chain.validator_claim(4, 11), under));
  EXPECT_TRUE(verify(chain.validator_claim(99, 11), under));
  ValidatorClaim entry = chain.validator_claim(4, 11);
  entry.entry->stake += 1;
  EXPECT_FALSE(verify(entry, under));
  entry.entry.reset();
  EXPECT_FALSE(verify(entry, under));
  entry = chain.validator_claim(99, 11);
  entry.entry = chain.validator_claim(4, 11).entry;
  EXPECT_FALSE(verify(entry, under));
}

TEST(ChainProof, AForkIsProvenByTwoFinalizations) {
  LightTestChain::Shape shape{.first = {1, 2, 3, 4}};
  LightTestChain chain(shape);
  shape.salt = 1;
  shape.salt_from = 2;
  LightTestChain other(shape);
  chain.grow(3);
  other.grow(3);
  const auto set = chain.set(0).all();
  const ForkProof flat{chain.genesis_hash(), set, chain.finality(3), other.finality(3), {}};
  EXPECT_TRUE(verify(flat));
  EXPECT_EQ(decode_fork_proof(encode_fork_proof(flat)).value(), flat);
  const ForkProof deep{chain.genesis_hash(), set, chain.finality(2), other.finality(3),
                       other.block_claim(2, 3)};
  EXPECT_TRUE(verify(deep));
  EXPECT_EQ(decode_fork_proof(encode_fork_proof(deep)).value(), deep);
  EXPECT_FALSE(verify(ForkProof{chain.genesis_hash(), set, chain.finality(2), chain.finality(3),
                                chain.block_claim(2, 3)}));
  EXPECT_FALSE(
      verify(ForkProof{chain.genesis_hash(), set, chain.finality(2), other.finality(3), {}}));
  EXPECT_FALSE(
      verify(ForkProof{chain.genesis_hash(), set, chain.finality(3), chain.finality(3), {}}));
}

TEST(ChainProof, AnyBytesDecodeToThemselvesOrNotAtAll) {
  const Bytes good = encode_chain_proof(whole_proof(small_chain()));
  EXPECT_TRUE(rc::check([&](const std::vector<std::uint8_t>& noise, std::uint16_t at,
                            const std::vector<std::uint8_t>& patch) {
    if (const auto decoded = decode_chain_proof(noise)) {
      RC_ASSERT(encode_chain_proof(*decoded) == noise);
    }
    Bytes bytes = good;
    for (std::size_t i = 0; i < patch.size(); ++i) bytes[(at + i) % bytes.size()] = patch[i];
    if (const auto decoded = decode_chain_proof(bytes)) {
      RC_ASSERT(encode_chain_proof(*decoded) == bytes);
    }
    (void)decode_fork_proof(noise);
  }));
}

}  // namespace
}  // namespace kith::codec
