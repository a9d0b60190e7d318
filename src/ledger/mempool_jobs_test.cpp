// What the mempool takes of transactions that carry statements: only what may still have an effect,
// whoever else carries the same.
#include "ledger/job_world_test_util.h"
#include "ledger/jobs_carry.h"
#include "ledger/mempool.h"

namespace kith::ledger {
namespace {

using codec::TxPtr;
using test::coin;
using test::identity;
using test::JobChain;
using test::workers_first;
using Kind = MempoolAnswer::Kind;

constexpr WallTime start{1'700'000'000'000};

PeerId peer(std::uint8_t number) { return *PeerId::from_multihash(Bytes(34, number)); }

class MempoolJobs : public testing::Test {
 protected:
  explicit MempoolJobs(const MempoolConfig& config = {}) : pool_(config) {
    chain_.populate(3, coin);
    chain_.rounds(3);
  }

  /// Of the coins of genesis of key `payer`.
  TxPtr carrier(const std::vector<codec::JobStatement>& said, std::uint32_t payer) const {
    return codec::seal(test::payment({{chain_.world.rich(payer), payer}},
                                     {{payer, test::rich_amount - test::job_fee}}, test::job_fee,
                                     chain_.world.rules.genesis, JobChain::carrying(said)));
  }
  MempoolAnswer add(const TxPtr& tx, const Source& source = {}) {
    return pool_.add(tx, source, start, chain_.world.rules, *chain_.world.tree->tip());
  }
  void expect_stale(const TxPtr& tx, const char* says) {
    const MempoolAnswer answer = add(tx);
    EXPECT_EQ(answer.kind, Kind::refused);
    EXPECT_EQ(name_of(answer.refusal), name_of(Refusal::stale));
    EXPECT_NE(answer.error.message.find(says), std::string::npos) << answer.error.message;
  }
  void block(const std::vector<TxPtr>& txs) {
    chain_.block(txs);
    pool_.on_final(txs, start, chain_.world.rules, *chain_.world.tree->tip());
  }

  /// One with lines, whose round goes on after the next block.
  codec::JobStatement statement_that_goes_on() {
    for (;;) {
      for (const auto& one : chain_.speakers.statements(chain_.entries(), chain_.next(), 4)) {
        const auto cohort = find_enrolment(chain_.entries(), {1}, one.worker)->cohort;
        const auto after =
            statement_round(*find_job(chain_.entries(), {1}), cohort, codec::next(chain_.next()));
        if (!one.lines.empty() && after == one.round) return one;
      }
      chain_.said_block();
    }
  }

  JobChain chain_;
  Mempool pool_;
};

TEST_F(MempoolJobs, WhatCanHaveNoEffectIsNotTaken) {
  codec::JobStatement said = chain_.some_statement();
  codec::JobStatement late = said;
  late.round -= 1;
  expect_stale(carrier({late}, 2), "statement of round");
  codec::JobStatement early = said;
  early.round += 20;
  expect_stale(carrier({early}, 2), "statement of round");
  early.round = UINT64_MAX;
  expect_stale(carrier({early}, 2), "statement of round");
  codec::JobStatement nowhere = said;
  nowhere.job = {9};
  expect_stale(carrier({nowhere}, 2), "job 9 is not at work");
  codec::JobStatement stranger = said;
  stranger.worker = identity(77).key;
  expect_stale(carrier({stranger}, 2), "has no slots in job 1");
  // One that may is enough, wherever it stands.
  EXPECT_EQ(add(carrier({late, nowhere, said}, 2)).kind, Kind::accepted);
}

TEST_F(MempoolJobs, TwoCarriersOfOneStatementDoNotSpoilEachOther) {
  const codec::JobStatement said = statement_that_goes_on();
  const TxPtr one = carrier({said}, 2);
  const TxPtr other = carrier({said}, 3);
  EXPECT_EQ(add(one).kind, Kind::accepted);
  EXPECT_EQ(add(other).kind, Kind::accepted);
  block({one});  // which says it all
  EXPECT_EQ(pool_.size(), 0u);
  EXPECT_EQ(pool_.counters().overtaken, 1u);
  expect_stale(other, "has said all of it");
}

TEST_F(MempoolJobs, ASecondStatementOfTheRoundIsTakenForWhatIsNewInIt) {
  const codec::JobStatement said = statement_that_goes_on();
  codec::JobStatement silent = said;
  silent.lines.clear();
  chain_.speakers.sign(silent);
  block({carrier({silent}, 2)});
  expect_stale(carrier({silent}, 3), "has said all of it");
  EXPECT_EQ(add(carrier({said}, 3)).kind, Kind::accepted);
}

TEST_F(MempoolJobs, WhatIsLateByNowGoes) {
  const TxPtr tx = carrier({chain_.some_statement()}, 2);
  EXPECT_EQ(add(tx).kind, Kind::accepted);
  for (int i = 0; i < 5; ++i) block({});
  EXPECT_EQ(pool_.size(), 0u);
  EXPECT_EQ(pool_.counters().overtaken, 1u);
}

TEST_F(MempoolJobs, ALookReadsNoMoreThanItMay) {
  const codec::JobStatement said = statement_that_goes_on();
  chain_.obey({{codec::CarryStatements{{said}}, 0}});
  const Height next = chain_.next();
  std::size_t looks = 100;
  const codec::CarryStatements again{{said}};
  const bool is_over = !check_carried(chain_.entries(), next, again, looks);
  EXPECT_TRUE(is_over);
  EXPECT_LT(looks, 100u);
  // Who may not look has to believe it.
  std::size_t none = 0;
  EXPECT_TRUE(check_carried(chain_.entries(), next, again, none));
}

class MempoolJobsOfPeers : public MempoolJobs {
 protected:
  static MempoolConfig small() {
    MempoolConfig config;
    config.peer_bytes_max = 1'000;
    return config;
  }
  MempoolJobsOfPeers() : MempoolJobs(small()) {}
};

TEST_F(MempoolJobsOfPeers, CarriersCountAgainstTheirPeersShare) {
  const codec::JobStatement said = chain_.some_statement();
  std::size_t taken = 0;
  for (std::uint32_t payer = 2; payer <= 8; ++payer) {
    const MempoolAnswer answer = add(carrier({said}, payer), peer(1));
    if (answer.kind == Kind::accepted) {
      ++taken;
    } else {
      EXPECT_EQ(name_of(answer.refusal), name_of(Refusal::peer_full)) << answer.error.message;
    }
  }
  EXPECT_GE(taken, 1u);
  EXPECT_LT(taken, 7u);
  EXPECT_LE(pool_.bytes_of(peer(1)), 1'000u);
  EXPECT_EQ(add(carrier({said}, 9), peer(2)).kind, Kind::accepted);
}

}  // namespace
}  // namespace kith::ledger
