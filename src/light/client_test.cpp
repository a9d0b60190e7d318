#include "light/client.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "codec/test_light_chain.h"

namespace kith::light {
namespace {

using codec::ChainProof;
using codec::LightTestChain;

using Numbers = LightTestChain::Numbers;
using Shape = LightTestChain::Shape;

/// Epochs of 4 blocks; one of the four validators is another in each.
Shape moving() {
  return {.first = {1, 2, 3, 4}, .of_epoch = [](std::uint64_t epoch) {
            const auto first = static_cast<std::uint32_t>(epoch);
            return Numbers{first + 1, first + 2, first + 3, first + 4};
          }};
}

WallTime after(const LightTestChain& chain, std::uint64_t height) {
  return {chain.header(height).time.unix_ms + 1'000};
}

LightConfig long_trust() {
  LightConfig config;
  config.trusting_period = 24h;
  return config;
}

LightClient client_of(const LightTestChain& chain, const LightConfig& config = long_trust()) {
  auto client = LightClient::begin({chain.genesis_hash(), {}}, chain.genesis(), config);
  EXPECT_TRUE(client) << client.error().message;
  return *std::move(client);
}

ChainProof ending_in(const LightTestChain& chain, std::uint64_t height,
                     std::vector<codec::EpochStep> steps = {},
                     std::vector<codec::Claim> claims = {}) {
  return {{}, std::move(steps), chain.finality(height), std::move(claims)};
}

Code code_of(const Result<Verdict>& result) {
  EXPECT_FALSE(result) << "believed";
  return result ? Code::internal : result.error().code;
}

TEST(LightClient, FollowsEpochsOneByOne) {
  LightTestChain chain(moving());
  chain.grow(11);
  LightClient client = client_of(chain);
  const auto verdict =
      client.verify(ending_in(chain, 11, {chain.step(0), chain.step(1)},
                              {chain.block_claim(2, 11), chain.tx_claim(5, 11),
                               chain.output_claim(0, 11), chain.output_claim(1, 11),
                               chain.validator_claim(5, 11), chain.validator_claim(1, 11)}),
                    after(chain, 11));
  ASSERT_TRUE(verdict) << verdict.error().message;
  EXPECT_EQ(verdict->block.digest, chain.digest(11));
  EXPECT_EQ(verdict->block.header, chain.header(11));
  EXPECT_EQ(verdict->steps, 2u);
  EXPECT_EQ(verdict->skips, 0u);
  EXPECT_FALSE(verdict->is_old_trust);
  EXPECT_EQ(verdict->signed_by, 3'000u);
  EXPECT_EQ(verdict->weight, 4'000u);
  EXPECT_EQ(std::get<BlockFact>(verdict->facts[0]).digest, chain.digest(2));
  EXPECT_EQ(std::get<TxFact>(verdict->facts[1]).in, chain.header(5));
  EXPECT_FALSE(std::get<OutputFact>(verdict->facts[2]).is_unspent);
  EXPECT_TRUE(std::get<OutputFact>(verdict->facts[3]).is_unspent);
  EXPECT_TRUE(std::get<ValidatorFact>(verdict->facts[4]).entry);
  EXPECT_FALSE(std::get<ValidatorFact>(verdict->facts[5]).entry);
  EXPECT_EQ(client.height(), Height{11});
  EXPECT_EQ(client.epoch(), Epoch{2});
}

TEST(LightClient, ALastStepIsTheBlockToo) {
  LightTestChain chain(moving());
  chain.grow(8);
  LightClient client = client_of(chain);
  const ChainProof proof{{}, {chain.step(0), chain.step(1)}, {}, {chain.block_claim(4, 8)}};
  ASSERT_TRUE(client.verify(proof, after(chain, 8)));
  EXPECT_EQ(client.height(), Height{8});
  EXPECT_EQ(client.epoch(), Epoch{2});
  EXPECT_FALSE(client.verify({}, after(chain, 8)));  // shows nothing
}

TEST(LightClient, SkipsWhileAThirdOfTheTrustedStandsByIt) {
  LightTestChain chain(moving());
  chain.grow(16);
  // Two of four in epoch 2: enough. Of 1, 2, 3, 4 only 4 is there in epoch 3: not more than a
  // third.
  LightClient client = client_of(chain);
  const auto skipped =
      client.verify({{}, {chain.skip(0, 10)}, {}, {chain.tx_claim(10, 10)}}, after(chain, 10));
  ASSERT_TRUE(skipped) << skipped.error().message;
  EXPECT_EQ(skipped->skips, 1u);
  LightClient other = client_of(chain);
  EXPECT_EQ(code_of(other.verify({{}, {chain.skip(0, 14)}, {}, {}}, after(chain, 14))),
            Code::refused);
  EXPECT_EQ(other.height(), Height{0});  // and nothing has changed
  ASSERT_TRUE(
      other.verify(ending_in(chain, 14, {chain.step(0), chain.skip(1, 13)}), after(chain, 14)));
}

TEST(LightClient, SkipsNoFurtherThanStakesAreBonded) {
  LightTestChain chain({.first = {1, 2, 3, 4}});
  chain.grow(17);
  LightClient client = client_of(chain);
  EXPECT_EQ(code_of(client.verify({{}, {chain.skip(0, 17)}, {}, {}}, after(chain, 17))),
            Code::refused);  // 4 epochs, 3 are bonded
  EXPECT_TRUE(client.verify({{}, {chain.skip(0, 16)}, {}, {}}, after(chain, 16)));
}

TEST(LightClient, OldKeysAreNotTrusted) {
  LightTestChain chain(moving());
  chain.grow(11);
  LightConfig config;
  config.trusting_period = 10min;
  const auto proof = ending_in(chain, 11, {chain.step(0), chain.step(1)});
  LightClient client = client_of(chain, config);
  EXPECT_EQ(code_of(client.verify(proof, after(chain, 11))), Code::refused);
  config.trusts_old_keys = true;
  LightClient credulous = client_of(chain, config);
  const auto verdict = credulous.verify(proof, after(chain, 11));
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->is_old_trust);
}

/// Those who validated long ago have their stakes back and make another history: whoever was there
/// meanwhile sees that it does not go on from there, whoever was not there does not believe it.
TEST(LightClient, ALongRangeForkIsRefused) {
  LightTestChain chain(moving());
  chain.grow(11);
  Shape shape = moving();
  shape.of_epoch = {};  // the old ones stay for ever
  shape.salt = 1;
  shape.salt_from = 3;
  LightTestChain other(shape);
  other.grow(11);
  const auto lie = ending_in(other, 11, {other.step(0), other.step(1)});

  LightClient present = client_of(chain);
  ASSERT_TRUE(present.verify(ending_in(chain, 9, {chain.step(0), chain.step(1)}), after(chain, 9)));
  EXPECT_EQ(code_of(present.verify(lie, after(chain, 11))), Code::refused);
  const ChainProof direct{{}, {}, other.finality(11), {}};
  EXPECT_FALSE(present.verify(direct, after(chain, 11)));

  LightConfig config;
  config.trusting_period = 10min;
  LightClient late = client_of(chain, config);
  EXPECT_EQ(code_of(late.verify(lie, after(chain, 11))), Code::refused);
  // With a checkpoint the true chain is followed and the other is not.
  const Trust trust{chain.genesis_hash(), Trust::Block{{9}, chain.digest(9)}};
  EXPECT_EQ(LightClient::begin(trust, other.checkpoint(9), config).error().code, Code::refused);
  auto checked = LightClient::begin(trust, chain.checkpoint(9), config);
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_FALSE(checked->verify(direct, after(chain, 11)));
  EXPECT_TRUE(checked->verify(ending_in(chain, 11), after(chain, 11)));
}

TEST(LightClient, BeginsWithWhatIsTrustedAlone) {
  LightTestChain chain(moving());
  chain.grow(9);
  const LightConfig config = long_trust();
  const Trust wrong{codec::tagged_hash("another", {}), {}};
  EXPECT_EQ(LightClient::begin(wrong, chain.genesis(), config).error().code, Code::refused);
  EXPECT_FALSE(LightClient::begin({chain.genesis_hash(), {}}, {}, config));
  EXPECT_FALSE(LightClient::begin({chain.genesis_hash(), {}}, chain.checkpoint(9), config));
  const Trust nine{chain.genesis_hash(), Trust::Block{{9}, chain.digest(9)}};
  EXPECT_FALSE(LightClient::begin(nine, chain.checkpoint(8), config));
  auto start = chain.checkpoint(9);
  start.validators = chain.set(1).all();
  EXPECT_FALSE(LightClient::begin(nine, start, config));
  start = chain.checkpoint(9);
  start.params.unbonding_epochs = 1'000;
  EXPECT_FALSE(LightClient::begin(nine, start, config));
}

TEST(LightClient, OtherChainsEpochsAndQuorumsAreRefused) {
  LightTestChain chain(moving());
  chain.grow(12);
  Shape named = moving();
  named.network = "another";
  LightTestChain other(named);
  other.grow(12);
  LightClient client = client_of(chain);
  const auto refuses = [&](const ChainProof& proof) {
    LightClient copy = client;
    return !copy.verify(proof, after(chain, 12)) && copy.height() == client.height();
  };
  EXPECT_TRUE(refuses(ending_in(other, 2)));
  EXPECT_TRUE(refuses(ending_in(chain, 5)));                   // no step to its epoch
  EXPECT_TRUE(refuses(ending_in(chain, 2, {chain.step(0)})));  // back again
  EXPECT_TRUE(refuses(ending_in(chain, 12, {chain.step(1)})));
  codec::EpochStep early = chain.step(0);  // a block that ends no epoch
  early.finality = chain.finality(3);
  EXPECT_TRUE(refuses(ending_in(chain, 5, {early})));
  codec::EpochStep strangers = chain.step(0);
  strangers.validators = codec::set_change_of(chain.set(0), chain.set(2));
  EXPECT_TRUE(refuses(ending_in(chain, 5, {strangers})));
  for (std::size_t signers = 1; signers < 3; ++signers) {
    ChainProof few{{}, {}, chain.finality(2, signers), {}};
    EXPECT_TRUE(refuses(few)) << signers;
  }
  EXPECT_FALSE(refuses(ending_in(chain, 2)));
}

/// Validators of their own choice can sign whatever header they like; what it says must still fit.
TEST(LightClient, HeadersThatLieAreRefusedWhoeverSigns) {
  LightTestChain chain(moving());
  chain.grow(4);
  const LightClient client = client_of(chain);
  const auto believes = [&](const std::function<void(codec::BlockHeader&)>& change,
                            std::uint64_t height = 2) {
    codec::BlockHeader header = chain.header(height);
    change(header);
    LightClient copy = client;
    const ChainProof proof{{}, {}, chain.finality_by(header, {1, 2, 3, 4}, chain.set(0)), {}};
    return copy.verify(proof, after(chain, 4)).has_value();
  };
  EXPECT_TRUE(believes([](auto&) {}));
  EXPECT_FALSE(believes([](auto& header) { header.height = {6}; }));  // another epoch's
  EXPECT_FALSE(believes([](auto& header) { header.height = {0}; }));
  EXPECT_FALSE(believes([](auto& header) { header.height = {4}; }));  // without next validators
  EXPECT_FALSE(believes([](auto& header) { header.next_validators_root = {1}; }));
  EXPECT_FALSE(believes([](auto& header) { header.params_hash = {}; }));
  EXPECT_FALSE(believes([](auto& header) { header.time.unix_ms += 3'600'000; }));  // ahead
  EXPECT_FALSE(believes([](auto& header) { header.time.unix_ms -= 3'600'000; }));
  EXPECT_FALSE(believes([](auto& header) { header.next_validators_root = {}; }, 4));
}

TEST(LightClient, WhatHasBeenSeenIsNotLeftForSomethingOlder) {
  LightTestChain chain(moving());
  chain.grow(6);
  LightClient client = client_of(chain);
  ASSERT_TRUE(client.verify(ending_in(chain, 3), after(chain, 3)));
  EXPECT_EQ(code_of(client.verify(ending_in(chain, 2), after(chain, 3))), Code::refused);
  EXPECT_TRUE(client.verify(ending_in(chain, 3), after(chain, 3)));  // again is nothing new
  EXPECT_TRUE(client.verify(ending_in(chain, 6, {chain.step(0)}), after(chain, 6)));
}

TEST(LightClient, TwoFinalBlocksOfAHeightAreReported) {
  Shape shape = moving();
  LightTestChain chain(shape);
  shape.salt = 1;
  shape.salt_from = 2;
  LightTestChain other(shape);
  chain.grow(3);
  other.grow(3);
  for (const bool is_deep : {false, true}) {
    LightClient client = client_of(chain);
    ASSERT_TRUE(client.verify(ending_in(chain, is_deep ? 2 : 3), after(chain, 3)));
    std::vector<codec::Claim> claims;
    if (is_deep) claims.push_back(other.block_claim(2, 3));
    EXPECT_EQ(code_of(client.verify(ending_in(other, 3, {}, claims), after(chain, 3))),
              Code::protocol);
    ASSERT_TRUE(client.fork());
    EXPECT_EQ(client.fork()->beneath.has_value(), is_deep);
    EXPECT_TRUE(codec::verify(*client.fork()));
    // Nothing is believed any more, after waking up either.
    EXPECT_EQ(code_of(client.verify(ending_in(chain, 3), after(chain, 3))), Code::protocol);
    auto woken = LightClient::decode(client.encode(), long_trust());
    ASSERT_TRUE(woken) << woken.error().message;
    EXPECT_EQ(code_of(woken->verify(ending_in(chain, 3), after(chain, 3))), Code::protocol);
  }
}

TEST(LightClient, ClaimsThatDoNotHoldSpoilTheProof) {
  LightTestChain chain(moving());
  chain.grow(3);
  const LightClient client = client_of(chain);
  const auto believes = [&](codec::Claim claim) {
    LightClient copy = client;
    const bool is_so =
        copy.verify(ending_in(chain, 3, {}, {std::move(claim)}), after(chain, 3)).has_value();
    EXPECT_EQ(copy.height().value, is_so ? 3u : 0u);
    return is_so;
  };
  EXPECT_TRUE(believes(chain.output_claim(0, 3)));
  EXPECT_FALSE(believes(chain.output_claim(0, 2)));  // it was unspent then
  codec::OutputClaim output = chain.output_claim(0, 3);
  codec::set_bit(output.proof.bitmap, 0, true);  // spent, shown as unspent
  EXPECT_FALSE(believes(output));
  output = chain.output_claim(1, 3);
  output.outpoint.index = 0;  // the proof of another output
  EXPECT_FALSE(believes(output));
  codec::TxClaim tx = chain.tx_claim(1, 3);
  tx.block->header.time.unix_ms += 1;
  EXPECT_FALSE(believes(tx));
  EXPECT_FALSE(believes(chain.block_claim(1, 2)));
}

TEST(LightClient, TheStateComesBackAsItWas) {
  LightTestChain chain(moving());
  chain.grow(6);
  LightClient client = client_of(chain);
  for (const std::uint64_t height : {0u, 2u, 4u, 6u}) {
    if (height == 2) ASSERT_TRUE(client.verify(ending_in(chain, 2), after(chain, 2)));
    if (height == 4) ASSERT_TRUE(client.verify({{}, {chain.step(0)}, {}, {}}, after(chain, 4)));
    if (height == 6) ASSERT_TRUE(client.verify(ending_in(chain, 6), after(chain, 6)));
    const Bytes bytes = client.encode();
    const auto woken = LightClient::decode(bytes, long_trust());
    ASSERT_TRUE(woken) << woken.error().message;
    EXPECT_EQ(woken->encode(), bytes);
    EXPECT_EQ(woken->height(), client.height());
    EXPECT_EQ(woken->validators(), client.validators());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_FALSE(LightClient::decode(ByteView(bytes).first(cut), long_trust()));
    }
  }
}

TEST(LightClient, TheTrustingPeriodFollowsFromTheParameters) {
  Shape shape = moving();
  LightTestChain chain(shape);
  // 3 epochs of 4 blocks of a minute, and of those two thirds.
  EXPECT_EQ(client_of(chain, {}).trusting_period().value(), 8min);
  shape.interval_ms = 0;
  LightTestChain fast(shape);
  fast.grow(1);
  LightClient client = client_of(fast, {});
  EXPECT_EQ(code_of(client.verify(ending_in(fast, 1), after(fast, 1))), Code::usage);
}

TEST(LightClient, NoBitOfAProofCanBeChanged) {
  LightTestChain chain(moving());
  chain.grow(6);
  const ChainProof proof =
      ending_in(chain, 6, {chain.step(0)},
                {chain.tx_claim(3, 6), chain.output_claim(1, 6), chain.validator_claim(4, 6)});
  const Bytes good = codec::encode_chain_proof(proof);
  const LightClient client = client_of(chain);
  EXPECT_TRUE(rc::check([&](std::uint32_t at, std::uint8_t bit) {
    Bytes bad = good;
    bad[at % bad.size()] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    const auto decoded = codec::decode_chain_proof(bad);
    if (!decoded) return;
    LightClient copy = client;
    const auto verdict = copy.verify(*decoded, after(chain, 6));
    // A signature of a transaction is no part of what its name covers, but of what is proven.
    RC_ASSERT(!verdict.has_value());
  }));
}

}  // namespace
}  // namespace kith::light
