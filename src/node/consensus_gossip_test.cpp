// Consensus by gossip: what is handed on, and when it is said. Whole nodes: node_talk_test.cpp.
#include "node/consensus_gossip.h"

#include <gtest/gtest.h>

#include "codec/test_votes.h"

namespace kith::node {
namespace {

using codec::ConsensusMessage;
using codec::finalize;
using codec::notarize;
using codec::nullify;
using codec::number_hash;
using codec::test_genesis;
using gossip::Verdict;

class ConsensusGossipTest : public testing::Test {
 protected:
  ConsensusGossipTest()
      : talk_(ConsensusGossipConfig{test_genesis}, codec::validator_key(four_.keys[0])) {
    set_ = std::make_shared<const codec::ValidatorSet>(four_.set);
    talk_.begin_epoch({0}, set_, number_hash(99));
    talk_.on_views({10}, {12});
  }
  Bytes said(const codec::ConsensusMessage& message, std::uint32_t repeat = 1) {
    Bytes bytes{1};
    codec::Writer(bytes).u32(repeat);
    base::append(bytes, codec::encode(message));
    return bytes;
  }
  Verdict hear(const ConsensusMessage& message, std::uint32_t repeat = 1) {
    return hear(said(message, repeat));
  }
  /// What becomes of it; jobs run at once.
  Verdict hear(const Bytes& bytes) {
    talk_.on_message(now_, Token{7}, PeerId(), bytes);
    std::optional<Verdict> verdict;
    while (auto output = talk_.poll_output()) {
      if (auto* work = std::get_if<host::RunJob>(&*output)) {
        work->job->run();
        talk_.on_verified(now_, dynamic_cast<VerifySaidJob&>(*work->job));
      } else if (const auto* judged = std::get_if<ConsensusGossip::Judged>(&*output)) {
        EXPECT_FALSE(verdict.has_value());
        EXPECT_EQ(judged->token, Token{7});
        verdict = judged->verdict;
      } else if (auto* heard = std::get_if<consensus::Heard>(&*output)) {
        last_ = std::move(*heard);
        ++heard_;
      }
    }
    return verdict.value();
  }

  crypto::Signature signature(codec::ValidatorIndex signer, const codec::Hash& message) {
    return four_.keys[signer].sign(codec::tagged_hash("kith/said-by/1", {test_genesis, message}));
  }
  /// As validator `signer` says what is signed as a whole.
  Bytes said_by(codec::ValidatorIndex signer, const ConsensusMessage& message,
                std::uint32_t repeat = 1) {
    const Bytes encoded = codec::encode(message);
    Bytes bytes{2};
    codec::Writer writer(bytes);
    writer.u32(repeat);
    writer.u16(signer);
    writer.bytes(signature(signer, codec::tagged_hash("kith/said/1", {test_genesis, encoded})));
    writer.bytes(encoded);
    return bytes;
  }
  /// A proposal whose justification nobody looks at here.
  codec::ProposalMessage proposal(std::uint64_t view, codec::ValidatorIndex by,
                                  std::uint8_t body = 1) {
    codec::BlockHeader header;
    header.height = {1};
    header.view = {view};
    header.parent = test_genesis;
    const auto block = codec::make_block(header, Bytes{body}, {});
    return {four_.vote(by, notarize({0}, view, 0, block->digest())), block, std::nullopt};
  }
  codec::ValidatorIndex leader(std::uint64_t view) {
    return consensus::LeaderSchedule(*set_, number_hash(99), {0}).leader({view});
  }

  const codec::TestValidators four_{4};
  std::shared_ptr<const codec::ValidatorSet> set_;
  ConsensusGossip talk_;
  Instant now_{};
  int heard_ = 0;
  consensus::Heard last_;
};

TEST_F(ConsensusGossipTest, WhatIsNewAndSignedIsHandedOn) {
  EXPECT_EQ(hear(four_.vote(1, nullify({0}, 12))), Verdict::accept);
  EXPECT_EQ(hear(four_.vote(1, notarize({0}, 12, 11, number_hash(1)))), Verdict::accept);
  EXPECT_EQ(hear(four_.certificate(nullify({0}, 11), {0, 1, 3})), Verdict::accept);
  EXPECT_EQ(hear(proposal(13, leader(13))), Verdict::accept);
  EXPECT_EQ(heard_, 4);
}

TEST_F(ConsensusGossipTest, TheSameIsSaidAgainAfterAWhileOnly) {
  const codec::Vote vote = four_.vote(2, nullify({0}, 12));
  EXPECT_EQ(hear(vote, 1), Verdict::accept);
  EXPECT_EQ(hear(vote, 2), Verdict::ignore);
  now_ += 2s;
  EXPECT_EQ(hear(vote, 3), Verdict::accept);
  EXPECT_EQ(hear(vote, 4), Verdict::ignore);
}

TEST_F(ConsensusGossipTest, TwoDifferingVotesAreEvidenceAThirdIsNoise) {
  for (std::uint64_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(hear(four_.vote(2, notarize({0}, 12, 11, number_hash(i)))),
              i <= 2 ? Verdict::accept : Verdict::ignore);
  }
  const auto by = leader(14);
  for (std::uint8_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(hear(proposal(14, by, i)), i <= 2 ? Verdict::accept : Verdict::ignore);
  }
}

TEST_F(ConsensusGossipTest, OtherEpochsAndViewsArePassedOver) {
  EXPECT_EQ(hear(four_.vote(1, nullify({1}, 12))), Verdict::ignore);
  EXPECT_EQ(hear(four_.vote(1, nullify({0}, 10))), Verdict::ignore);
  EXPECT_EQ(hear(four_.vote(1, nullify({0}, 11))), Verdict::accept);
  EXPECT_EQ(hear(four_.vote(1, nullify({0}, 12 + 64))), Verdict::accept);
  EXPECT_EQ(hear(four_.vote(1, nullify({0}, 12 + 65))), Verdict::ignore);
  // What is final is forgotten, and not heard again.
  talk_.on_views({11}, {12});
  now_ += 10s;
  EXPECT_EQ(hear(four_.vote(1, nullify({0}, 11))), Verdict::ignore);
}

TEST_F(ConsensusGossipTest, WhatIsFalseIsRefused) {
  codec::Vote forged = four_.vote(1, nullify({0}, 12));
  forged.signer = 2;
  EXPECT_EQ(hear(forged), Verdict::reject);
  forged.signer = 200;
  EXPECT_EQ(hear(forged), Verdict::reject);
  EXPECT_EQ(hear(four_.certificate(nullify({0}, 12), {0, 1})), Verdict::reject);
  const auto by = leader(13);
  EXPECT_EQ(hear(proposal(13, by == 0 ? 1 : 0)), Verdict::reject);
  EXPECT_EQ(hear(codec::BlockRequest{number_hash(1)}), Verdict::reject);
  EXPECT_EQ(hear(codec::MemoryRequest{{0}, 1, 5, {0}}), Verdict::reject);
  Bytes bytes = said(four_.vote(1, nullify({0}, 12)));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(hear(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))),
              Verdict::reject);
  }
  bytes[0] = 2;
  EXPECT_EQ(hear(bytes), Verdict::reject);
  EXPECT_EQ(heard_, 0);
}

TEST_F(ConsensusGossipTest, QuestionsAfterAStartAreSignedAsAWhole) {
  const codec::MemoryRequest request{{0}, 2, 77, {0}};
  EXPECT_EQ(hear(said_by(2, request)), Verdict::accept);
  EXPECT_EQ(last_.proven, set_->at(2).key);
  EXPECT_EQ(ConsensusGossip::named(last_.from), set_->at(2).key);
  EXPECT_EQ(hear(said_by(2, request, 2)), Verdict::ignore);  // so soon again
  now_ += 2s;
  EXPECT_EQ(hear(said_by(2, request, 3)), Verdict::accept);
  EXPECT_EQ(hear(said_by(1, request)), Verdict::ignore);  // of somebody else
  const codec::Memory memory{{0}, 77, {}, {}};
  EXPECT_EQ(hear(said_by(3, memory)), Verdict::accept);
  EXPECT_EQ(hear(said_by(1, memory)), Verdict::accept);
  Bytes forged = said_by(1, codec::Memory{{0}, 78, {}, {}});
  forged[6] = 3;
  EXPECT_EQ(hear(forged), Verdict::reject);
  forged[6] = 200;
  EXPECT_EQ(hear(forged), Verdict::reject);
  // Nothing else is said so, and this not otherwise.
  EXPECT_EQ(hear(said_by(1, four_.vote(1, nullify({0}, 12)))), Verdict::reject);
  EXPECT_EQ(hear(said(memory)), Verdict::reject);
}

TEST_F(ConsensusGossipTest, WhoAsksAllTheTimeIsNotHandedOn) {
  int accepted = 0;
  for (std::uint64_t nonce = 0; nonce < 100; ++nonce) {
    if (hear(said_by(2, codec::MemoryRequest{{0}, 2, nonce, {0}})) == Verdict::accept) ++accepted;
  }
  EXPECT_EQ(accepted, 8);
  EXPECT_EQ(hear(said_by(1, codec::MemoryRequest{{0}, 1, 5, {0}})), Verdict::accept);
}

TEST_F(ConsensusGossipTest, ItIsNeededWithoutAQuorumOrForWhomIsHeardHere) {
  EXPECT_FALSE(talk_.is_needed(now_, {true, true, true, true}));
  EXPECT_FALSE(talk_.is_needed(now_, {true, true, true, false}));
  EXPECT_TRUE(talk_.is_needed(now_, {true, true, false, false}));
  EXPECT_EQ(hear(four_.vote(3, nullify({0}, 12))), Verdict::accept);
  EXPECT_TRUE(talk_.is_needed(now_, {true, true, true, false}));
  EXPECT_FALSE(talk_.is_needed(now_, {true, true, true, true}));
  EXPECT_FALSE(talk_.is_needed(now_ + 61s, {true, true, true, false}));
}

TEST_F(ConsensusGossipTest, WhatNeedsAStreamIsNotSaid) {
  talk_.say(codec::encode(ConsensusMessage(codec::BlockRequest{number_hash(1)})));
  talk_.say(codec::encode(ConsensusMessage(proposal(13, 0))));
  const auto output = talk_.poll_output();
  ASSERT_TRUE(output.has_value());
  EXPECT_EQ(std::get<ConsensusGossip::Say>(*output).message, said(proposal(13, 0)));
  EXPECT_FALSE(talk_.poll_output().has_value());
}

TEST_F(ConsensusGossipTest, WhatIsSignedAsAWholeWaitsForItsSignature) {
  const codec::MemoryRequest request{{0}, 0, 5, {0}};
  const Bytes message = codec::encode(ConsensusMessage(request));
  for (int i = 0; i < 2; ++i) talk_.say(message);
  const auto asked = talk_.poll_output();
  const auto& what = std::get<codec::SignSaid>(std::get<ConsensusGossip::Ask>(asked.value()).what);
  EXPECT_EQ(what.message, codec::tagged_hash("kith/said/1", {test_genesis, message}));
  EXPECT_FALSE(talk_.poll_output().has_value()) << "asked for once";
  talk_.on_signed(what, signature(0, what.message));
  EXPECT_EQ(std::get<ConsensusGossip::Say>(*talk_.poll_output()).message, said_by(0, request, 1));
  talk_.on_signed(what, signature(0, what.message));
  EXPECT_FALSE(talk_.poll_output().has_value()) << "nothing waits";
  // The signer serves another node: later, perhaps.
  talk_.say(message);
  EXPECT_TRUE(talk_.poll_output().has_value());
  talk_.on_signed(what, fail(Code::unreachable, "it follows"));
  EXPECT_FALSE(talk_.poll_output().has_value());
  talk_.say(message);
  EXPECT_TRUE(talk_.poll_output().has_value());
}

TEST_F(ConsensusGossipTest, ItsOwnAreFewThatWait) {
  for (std::uint64_t nonce = 0; nonce < 100; ++nonce) {
    talk_.say(codec::encode(ConsensusMessage(codec::MemoryRequest{{0}, 0, nonce, {0}})));
  }
  int asked = 0;
  while (talk_.poll_output()) ++asked;
  EXPECT_EQ(asked, 64);
}

// What is verified has room for all: whoever forges keeps out what others bring in no way.
TEST_F(ConsensusGossipTest, NobodyFillsTheVerifier) {
  const auto peer = [&](codec::ValidatorIndex i) {
    return ConsensusGossip::name_of(set_->at(i).key);
  };
  std::vector<std::shared_ptr<host::Job>> jobs;
  const auto bring = [&](const PeerId& from, const codec::Vote& vote) {
    talk_.on_message(now_, Token{7}, from, said(vote));
    bool is_taken = false;
    while (auto output = talk_.poll_output()) {
      auto* const work = std::get_if<host::RunJob>(&*output);
      if (work == nullptr) continue;
      is_taken = true;
      jobs.push_back(work->job);
    }
    return is_taken;
  };
  int taken = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    codec::Vote forged = four_.vote(1, notarize({0}, 13, 12, number_hash(i)));
    forged.signature[0] ^= 1U;
    if (bring(peer(0), forged)) ++taken;
  }
  EXPECT_EQ(taken, 32);
  EXPECT_TRUE(bring(peer(2), four_.vote(2, nullify({0}, 13))));
  EXPECT_FALSE(bring(peer(0), four_.vote(3, nullify({0}, 13))));
  for (const auto& job : jobs) {
    job->run();
    talk_.on_verified(now_, dynamic_cast<VerifySaidJob&>(*job));
  }
  while (talk_.poll_output()) {
  }
  EXPECT_TRUE(bring(peer(0), four_.vote(3, nullify({0}, 13)))) << "there is room again";
}

}  // namespace
}  // namespace kith::node
