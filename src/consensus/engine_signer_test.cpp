// An engine whose key is with a remote signer: held until that serves it, and then with all that
// was said in its name.
#include "consensus/engine.h"
#include "consensus/test_engine.h"

namespace kith::consensus {
namespace {

using namespace test;

struct Served : Bench {
  static Scene scene_of(Scene scene) {
    scene.has_signer = true;
    return scene;
  }
  explicit Served(Scene scene = {}) : Bench(scene_of(std::move(scene))) {}

  codec::SaidVote said_elsewhere(const codec::Statement& statement) const {
    return {statement, validators.vote(me, statement).signature};
  }
  void ready(std::vector<codec::SaidVote> said_so_far = {}, bool needs_others = false,
             std::uint64_t final_view = 0) {
    input(SignerReady{epoch(), {final_view}, std::move(said_so_far), needs_others, false});
  }
};

TEST(EngineSigner, ItFollowsUntilItIsServed) {
  Served bench;
  EXPECT_TRUE(bench.engine->is_held());
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.propose(block, genesis_tip);
  EXPECT_TRUE(bench.checked(block)) << "everything else goes on";
  bench.run_for(1h);
  EXPECT_EQ(bench.engine->stats().notarize_votes + bench.engine->stats().nullify_votes, 0u);
  bench.ready();
  EXPECT_FALSE(bench.engine->is_held());
  EXPECT_TRUE(bench.said_vote(bench.notarization(block, genesis_tip)));
}

TEST(EngineSigner, ALeaderProposesOnceItIsServed) {
  Served bench(Scene{.leads = 1});
  bench.run_for(5s);
  EXPECT_TRUE(bench.builds.empty());
  bench.ready();
  EXPECT_NE(bench.said_proposal(), nullptr);
}

TEST(EngineSigner, WhatAnotherNodeSaidInItsNameHolds) {
  Served bench;
  const BlockPtr block = bench.block(genesis_tip, 1, "a");
  const codec::Statement other =
      notarize(bench.epoch(), 1, 0, bench.block(genesis_tip, 1, "b")->digest());
  bench.ready({bench.said_elsewhere(other)});
  EXPECT_TRUE(bench.said_vote(other)) << "perhaps nobody heard it";
  bench.propose(block, genesis_tip);
  EXPECT_FALSE(bench.said_vote(bench.notarization(block, genesis_tip)));
  bench.run_for(10s);
  EXPECT_TRUE(bench.said_nullify(1)) << "which it does not forbid";
  EXPECT_TRUE(bench.evidence.empty());
}

TEST(EngineSigner, ALeaderDoesNotProposeTwiceInOneView) {
  Served bench(Scene{.leads = 1});
  bench.ready({bench.said_elsewhere(notarize(bench.epoch(), 1, 0, codec::number_hash(1)))});
  EXPECT_TRUE(bench.builds.empty()) << "the other node has proposed";
}

TEST(EngineSigner, NothingIsSaidUpToTheSignersFinalView) {
  Served bench;
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.propose(block, genesis_tip);
  bench.ready({}, false, 3);
  bench.run_for(10s);
  EXPECT_FALSE(bench.said_vote(bench.notarization(block, genesis_tip)));
  EXPECT_FALSE(bench.said_nullify(1));
}

TEST(EngineSigner, WithoutItsSignerItFollowsAndAsksAgainLater) {
  Served bench;
  bench.ready();
  bench.fails_sign = true;
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.propose(block, genesis_tip);
  bench.input(SignerGone{"gone"});
  EXPECT_TRUE(bench.engine->is_held());
  bench.run_for(10s);
  EXPECT_EQ(bench.engine->stats().nullify_votes, 0u);
  bench.fails_sign = false;
  bench.ready();
  EXPECT_TRUE(bench.said_vote(bench.notarization(block, genesis_tip)));
}

TEST(EngineSigner, AfterASignersStartOthersAreAskedFirst) {
  Served bench;
  const auto requests = [&] {
    std::vector<codec::MemoryRequest> found;
    for (const auto& message : bench.said) {
      const auto* const request = std::get_if<codec::MemoryRequest>(&message);
      if (request != nullptr) found.push_back(*request);
    }
    return found;
  };
  EXPECT_TRUE(requests().empty());
  const codec::Statement known = nullify(bench.epoch(), 1);
  bench.ready({bench.said_elsewhere(known)}, true);
  ASSERT_EQ(requests().size(), 1u);
  EXPECT_TRUE(bench.engine->is_silent());
  EXPECT_FALSE(bench.engine->is_held());
  const auto answer = [&](std::vector<Vote> votes) {
    return codec::Memory{bench.epoch(), requests().back().nonce, {}, std::move(votes)};
  };
  for (const ValidatorIndex other : bench.others) {
    bench.hear_proven(other, answer({bench.validators.vote(bench.me, known)}));
  }
  EXPECT_FALSE(bench.engine->is_silent());
  // What it is told later, of a signer that serves another node by then, proves nothing.
  const auto late = answer({bench.validators.vote(bench.me, nullify(bench.epoch(), 2))});
  bench.input(SignerGone{"another node"});
  bench.hear_proven(bench.others[0], late);
  EXPECT_FALSE(bench.engine->is_stale());
  // The signer was started from an old copy: others know more.
  bench.ready({}, true);
  EXPECT_TRUE(bench.engine->is_stale()) << "this node itself does";
}

TEST(EngineSigner, OthersKnowMoreThanTheSigner) {
  Served bench;
  bench.ready({}, true);
  const auto* const request = std::get_if<codec::MemoryRequest>(&bench.said.back());
  ASSERT_NE(request, nullptr);
  bench.hear_proven(bench.others[0],
                    codec::Memory{bench.epoch(),
                                  request->nonce,
                                  {},
                                  {bench.validators.vote(bench.me, nullify(bench.epoch(), 1))}});
  EXPECT_TRUE(bench.engine->is_stale());
  EXPECT_FALSE(bench.engine->me());
}

// Which epoch it is only others know: a node that lags would name one that is over.
TEST(EngineSigner, WhoLostItsLogIsStaleInTheEpochThatAQuorumNames) {
  Served bench;
  bench.input(SignerReady{bench.epoch(), {}, {}, false, true});
  EXPECT_TRUE(bench.engine->is_silent());
  EXPECT_FALSE(bench.engine->is_stale()) << "nobody has told yet";
  const auto* const request = std::get_if<codec::MemoryRequest>(&bench.said.back());
  ASSERT_NE(request, nullptr);
  const codec::Memory nothing{bench.epoch(), request->nonce, {}, {}};
  for (const ValidatorIndex other : bench.others) bench.hear_proven(other, nothing);
  EXPECT_TRUE(bench.engine->is_stale());
  bench.run_for(10s);
  EXPECT_EQ(bench.engine->stats().notarize_votes + bench.engine->stats().nullify_votes, 0u);
}

TEST(EngineSigner, AnotherEpochsLeaseIsNotItsOwn) {
  Served bench;
  bench.input(SignerReady{next(bench.epoch()), {}, {}, false, false});
  EXPECT_TRUE(bench.engine->is_held());
}

}  // namespace
}  // namespace kith::consensus
