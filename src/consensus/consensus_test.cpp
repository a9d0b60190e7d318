#include "consensus/consensus.h"

#include "consensus/test_world.h"
#include "crypto/ed25519_zip215.h"

namespace kith::consensus {
namespace {

using namespace test;

PeerId peer(std::uint8_t number) {
  const std::array<std::uint8_t, 2> bytes{1, number};
  return *PeerId::from_multihash(bytes);
}

/// One node over several epochs of a block each; everything that it asks for is answered at once.
struct Node {
  World world{Scene{.last_height = {1}}};
  SeededRng rng{1};
  Consensus consensus{fast(), world.validators.set.at(world.me).key, rng, base::null_log()};
  Instant now = Instant{} + 1h;
  std::vector<std::pair<PeerId, ConsensusMessage>> replies;
  std::vector<ConsensusMessage> said;
  bool others_answer = true;

  Node() { consensus.on_input(now, WallClockRead{genesis_time}); }

  Result<void> begin(std::uint64_t epoch, const std::vector<Bytes>& records = {},
                     bool may_vote = true, CertificatePtr ended = {}) {
    FinalBlock floor{{}, {epoch}, codec::test_genesis, genesis_time, {}};
    const FinalBlock last_final = floor;
    floor.finalization = std::move(ended);
    EpochContext context{codec::test_genesis, {epoch}, world.validators.set, floor,
                         {epoch + 1},         {}};
    auto begun = consensus.begin(now, context, last_final, records, may_vote);
    drain();
    if (others_answer) answer();
    return begun;
  }
  /// What it asked all others when it began.
  std::optional<codec::MemoryRequest> request() const {
    for (const ConsensusMessage& message : said) {
      const auto* const found = std::get_if<codec::MemoryRequest>(&message);
      if (found != nullptr && found->epoch == consensus.engine()->context().epoch) return *found;
    }
    return std::nullopt;
  }
  /// With these votes of its own.
  void answer(const std::vector<Vote>& votes = {}) {
    const auto asked = request();
    for (const ValidatorIndex other : world.others) {
      if (!asked) return;
      const codec::Memory memory{asked->epoch, asked->nonce, {}, votes};
      consensus.on_input(now, Heard{peer(static_cast<std::uint8_t>(other)), memory,
                                    world.validators.set.at(other).key});
      drain();
    }
  }
  void hear(std::uint8_t from, ConsensusMessage message) {
    consensus.on_input(now, Heard{peer(from), std::move(message)});
    drain();
  }
  void drain() {
    std::vector<EngineInput> answers;
    while (true) {
      while (auto output = consensus.poll_output(now)) {
        if (auto* const verify = std::get_if<Verify>(&*output)) {
          std::vector<bool> valid;
          for (const VerifyJob& job : verify->jobs) {
            valid.push_back(
                crypto::verify_zip215(job.key, *job.message, job.signature).has_value());
          }
          answers.push_back(Verified{verify->token, valid});
        } else if (auto* const check = std::get_if<Check>(&*output)) {
          answers.push_back(Checked{check->block->digest(), {}});
        } else if (auto* const sign = std::get_if<Sign>(&*output)) {
          answers.push_back(
              Signed{sign->statement, world.validators.vote(world.me, sign->statement).signature});
        } else if (auto* const persist = std::get_if<Persist>(&*output)) {
          answers.push_back(Persisted{persist->token});
        } else if (auto* const reply = std::get_if<ReplyTo>(&*output)) {
          replies.emplace_back(reply->peer,
                               *codec::decode_consensus_message(reply->message.view()));
        } else if (auto* const broadcast = std::get_if<Broadcast>(&*output)) {
          said.push_back(*codec::decode_consensus_message(broadcast->message.view()));
        }
      }
      if (answers.empty()) return;
      for (EngineInput& answer : std::exchange(answers, {})) {
        consensus.on_input(now, std::move(answer));
      }
    }
  }
  /// The only block of epoch 0 becomes final.
  codec::Statement end_epoch_0() {
    const Tip floor;
    const BlockPtr block = world.block(floor, 1);
    hear(1, world.proposal(block, floor));
    hear(1, world.certificate(world.finalization(block, floor)));
    EXPECT_TRUE(consensus.engine()->is_over());
    return world.finalization(block, floor);
  }
};

TEST(Consensus, SaysAndHearsNothingBeforeItBegan) {
  Node node;
  EXPECT_EQ(node.consensus.engine(), nullptr);
  node.hear(1, node.world.validators.vote(0, nullify({0}, 1)));
  EXPECT_FALSE(node.consensus.next_deadline());
  node.consensus.on_deadline(node.now);
  EXPECT_TRUE(node.said.empty());
}

TEST(Consensus, MessagesOfTheNextEpochWaitForIt) {
  Node node;
  ASSERT_TRUE(node.begin(0));
  for (const ValidatorIndex other : node.world.others) {
    node.hear(1, node.world.validators.vote(other, nullify({1}, 1)));
  }
  EXPECT_EQ(node.consensus.engine()->view().value, 1u) << "they are not of this epoch";
  node.end_epoch_0();
  ASSERT_TRUE(node.begin(1));
  EXPECT_EQ(node.consensus.engine()->context().epoch.value, 1u);
  EXPECT_EQ(node.consensus.engine()->view().value, 2u);
}

TEST(Consensus, MessagesOfOtherEpochsAreNotHeard) {
  Node node;
  ASSERT_TRUE(node.begin(5));
  for (const std::uint64_t epoch : {0u, 3u, 4u, 7u, 100u}) {
    node.hear(1, node.world.certificate(nullify({epoch}, 1)));
  }
  EXPECT_EQ(node.consensus.engine()->view().value, 1u);
  EXPECT_TRUE(node.replies.empty());
  ASSERT_TRUE(node.begin(7));
  EXPECT_EQ(node.consensus.engine()->view().value, 1u) << "what was heard of it is long forgotten";
}

TEST(Consensus, WhoIsStillInTheLastEpochIsToldHowItEnded) {
  Node node;
  ASSERT_TRUE(node.begin(0));
  const codec::Statement end = node.end_epoch_0();
  ASSERT_TRUE(node.begin(1));
  const Vote late = node.world.validators.vote(0, nullify({0}, 2));
  node.hear(9, late);
  ASSERT_EQ(node.replies.size(), 1u);
  EXPECT_EQ(node.replies[0].first, peer(9));
  EXPECT_EQ(std::get<Certificate>(node.replies[0].second).statement, end);
  node.hear(9, late);
  EXPECT_EQ(node.replies.size(), 1u) << "not for every word";
  node.hear(8, late);
  EXPECT_EQ(node.replies.size(), 2u);
  node.now += 300ms;
  node.hear(9, late);
  EXPECT_EQ(node.replies.size(), 3u);
  // An epoch that this node did not see the end of it cannot tell.
  ASSERT_TRUE(node.begin(3));
  node.now += 300ms;
  node.hear(9, node.world.validators.vote(0, nullify({2}, 2)));
  EXPECT_EQ(node.replies.size(), 3u);
}

TEST(Consensus, AfterARestartTheStoreKnowsHowTheLastEpochEnded) {
  Node node;
  const auto end = finalize({4}, 7, 6, codec::number_hash(1));
  ASSERT_TRUE(
      node.begin(5, {}, true, std::make_shared<const Certificate>(node.world.certificate(end))));
  node.hear(9, node.world.validators.vote(0, nullify({4}, 3)));
  ASSERT_EQ(node.replies.size(), 1u);
  EXPECT_EQ(std::get<Certificate>(node.replies[0].second).statement, end);
}

TEST(Consensus, WithoutItsLogItFollowsUntilTheNextEpoch) {
  Node node;
  ASSERT_TRUE(node.begin(0, {}, false));
  EXPECT_FALSE(node.consensus.engine()->me());
  node.consensus.on_deadline(node.now + 10s);
  node.drain();
  EXPECT_TRUE(node.said.empty());
  node.end_epoch_0();
  ASSERT_TRUE(node.begin(1));
  EXPECT_EQ(node.consensus.engine()->me(), node.world.me);
}

TEST(Consensus, ADamagedLogIsALostOne) {
  Node node;
  EXPECT_EQ(node.begin(0, {Bytes{9, 9}}).error().code, Code::malformed);
  ASSERT_NE(node.consensus.engine(), nullptr);
  EXPECT_FALSE(node.consensus.engine()->me());
  node.end_epoch_0();
  ASSERT_TRUE(node.begin(1));
  EXPECT_TRUE(node.consensus.engine()->me());
}

// A copy of the disk of the epoch before knows nothing of this one.
TEST(Consensus, TheSilenceLastsUntilOthersHaveAnsweredInSomeEpoch) {
  Node node;
  node.others_answer = false;
  ASSERT_TRUE(node.begin(0));
  ASSERT_TRUE(node.request());
  node.end_epoch_0();
  EXPECT_EQ(node.consensus.stats().notarize_votes, 0u);
  ASSERT_TRUE(node.begin(1));
  ASSERT_TRUE(node.request()) << "it asks anew";
  EXPECT_TRUE(node.consensus.engine()->is_silent());
  node.answer();
  EXPECT_FALSE(node.consensus.engine()->is_silent());
  node.said.clear();
  ASSERT_TRUE(node.begin(2));
  EXPECT_FALSE(node.consensus.engine()->is_silent()) << "it knows what it has said since";
  EXPECT_FALSE(node.request());
}

TEST(Consensus, AStaleLogMakesItFollowAndAskAgainInTheNextEpoch) {
  Node node;
  node.others_answer = false;
  ASSERT_TRUE(node.begin(0));
  node.answer({node.world.validators.vote(node.world.me, nullify({0}, 1))});
  EXPECT_TRUE(node.consensus.engine()->is_stale());
  EXPECT_FALSE(node.consensus.engine()->me());
  node.end_epoch_0();
  ASSERT_TRUE(node.begin(1));
  EXPECT_EQ(node.consensus.engine()->me(), node.world.me);
  EXPECT_FALSE(node.consensus.engine()->is_stale());
  EXPECT_TRUE(node.consensus.engine()->is_silent());
  EXPECT_EQ(node.consensus.stats().stale, 1u);
  node.answer();
  EXPECT_FALSE(node.consensus.engine()->is_silent());
}

TEST(Consensus, WhoseLogIsLostAsksInTheNextEpoch) {
  Node node;
  node.others_answer = false;
  ASSERT_TRUE(node.begin(0, {}, false));
  EXPECT_FALSE(node.request());
  node.end_epoch_0();
  ASSERT_TRUE(node.begin(1));
  EXPECT_TRUE(node.consensus.engine()->is_silent());
  EXPECT_TRUE(node.request());
}

TEST(Consensus, QuestionsOfOtherEpochs) {
  Node node;
  ASSERT_TRUE(node.begin(0));
  const auto end = node.end_epoch_0();
  const auto ask = [&](std::uint8_t from, std::uint64_t epoch) {
    node.replies.clear();
    node.hear(from, codec::MemoryRequest{{epoch}, node.world.others[0], 5, {}});
  };
  ask(1, 1);
  EXPECT_TRUE(node.replies.empty());
  ASSERT_TRUE(node.begin(1));
  ASSERT_EQ(node.replies.size(), 1u) << "it waited for the epoch";
  EXPECT_EQ(std::get<codec::Memory>(node.replies[0].second).epoch.value, 1u);
  ask(2, 0);
  ASSERT_EQ(node.replies.size(), 1u) << "and who is behind is told how that epoch ended";
  EXPECT_EQ(std::get<Certificate>(node.replies[0].second).statement, end);
  node.replies.clear();
  node.hear(3, codec::Memory{{0}, 5, {}, {}});
  node.hear(3, codec::Memory{{2}, 5, {}, {}});
  EXPECT_TRUE(node.replies.empty());
}

TEST(Consensus, WhoIsNoValidatorFollows) {
  World world{Scene{}};
  SeededRng rng(1);
  for (const bool has_key : {false, true}) {
    std::optional<codec::ValidatorKey> key;
    if (has_key) key = codec::validator_key(codec::key_of_number(99));
    Consensus consensus(fast(), key, rng, base::null_log());
    consensus.on_input(Instant{}, WallClockRead{genesis_time});
    const FinalBlock floor{{}, {}, codec::test_genesis, genesis_time, {}};
    ASSERT_TRUE(consensus.begin(
        Instant{}, {codec::test_genesis, {0}, world.validators.set, floor, {9}, {}}, floor, {}));
    EXPECT_FALSE(consensus.engine()->me());
  }
}

TEST(Consensus, EarlyMessagesOfOnePeerAreLimitedInNumberAndBytes) {
  Node node;
  ASSERT_TRUE(node.begin(0));
  const std::uint64_t before = node.consensus.stats().dropped;
  for (std::size_t i = 0; i < Consensus::early_max / 8 + 7; ++i) {
    node.hear(1, node.world.validators.vote(0, nullify({1}, 1)));
  }
  EXPECT_EQ(node.consensus.stats().dropped - before, 7u);
  // Of another peer there is room, for so many bytes.
  BlockHeader header;
  header.epoch = {1};
  header.height = {2};
  header.view = {1};
  const BlockPtr block = codec::make_block(header, Bytes(3'000'000), {});
  const ProposalMessage proposal{
      node.world.validators.vote(0, notarize({1}, 1, 0, block->digest())), block, std::nullopt};
  for (int i = 0; i < 10; ++i) node.hear(2, proposal);
  EXPECT_GE(node.consensus.stats().dropped - before, 7u + 8);
  EXPECT_LE(block.use_count() - 2, 2) << "an eighth of early_bytes_max";
}

TEST(Consensus, ABlockThatNobodyAskedForDoesNotWait) {
  Node node;
  ASSERT_TRUE(node.begin(0));
  BlockHeader header;
  header.epoch = {1};
  const BlockPtr block = codec::make_block(header, Bytes(1'000'000), {});
  for (int i = 0; i < 100; ++i) node.hear(1, codec::BlockAnswer{block});
  EXPECT_EQ(block.use_count(), 1);
}

TEST(Consensus, StatisticsAreOfAllEpochs) {
  Node node;
  ASSERT_TRUE(node.begin(0));
  node.end_epoch_0();
  const EngineStats first = node.consensus.stats();
  EXPECT_EQ(first.blocks_final, 1u);
  EXPECT_EQ(first.notarize_votes, 1u);
  ASSERT_TRUE(node.begin(1));
  EXPECT_EQ(node.consensus.stats().blocks_final, 1u);
  EXPECT_EQ(node.consensus.stats().views_entered, first.views_entered + 1);
}

}  // namespace
}  // namespace kith::consensus
