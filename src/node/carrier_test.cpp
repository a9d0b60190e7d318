#include "node/carrier.h"

#include <gtest/gtest.h>

#include "codec/test_chain.h"
#include "ledger/jobs_audit_test_util.h"

namespace kith::node {
namespace {

using codec::test::hash_of;
using codec::test::identity;

class CarrierTest : public testing::Test {
 protected:
  CarrierTest() : carrier_(params_, genesis_, identity(5).pair, &identity(6).pair) { final(10); }

  codec::JobStatement statement(std::uint64_t round, std::size_t lines = 1) {
    codec::JobStatement said{{1}, round, identity(6).key, {}, {}};
    for (std::uint32_t i = 0; i < lines; ++i) {
      said.lines.push_back({{i}, hash_of(1), {}, {}, {}});
    }
    said.signature = identity(6).pair.sign(codec::statement_message(genesis_, said));
    return said;
  }
  void final(std::uint64_t height, std::vector<codec::TxPtr> txs = {}) {
    carrier_.on_final({height}, txs);
    drain();
  }
  void drain() {
    while (auto output = carrier_.poll_output()) {
      if (const auto* find = std::get_if<Carrier::FindCoins>(&*output)) {
        EXPECT_EQ(find->lock, identity(5).lock);
        ++asked_;
        if (answers_) carrier_.on_coins(coins_);
      } else {
        const auto& tx = std::get<Carrier::SubmitCarried>(*output).tx;
        EXPECT_TRUE(codec::check_form(tx->tx));
        EXPECT_TRUE(codec::verify_signatures(tx->tx, genesis_));
        EXPECT_GE(tx->tx.fee, codec::min_fee(params_, tx->bytes));
        EXPECT_LE(tx->tx.fee, codec::min_fee(params_, tx->bytes) + 2);
        submitted_.push_back(tx);
      }
    }
  }
  static std::vector<codec::JobStatement> carried(const codec::TxPtr& tx) {
    std::vector<codec::JobStatement> all;
    for (const auto& action : tx->tx.actions) {
      const auto order = codec::decode_job_order(action.body);
      EXPECT_TRUE(order.has_value());
      const auto& carry = std::get<codec::CarryStatements>(*order);
      all.insert(all.end(), carry.statements.begin(), carry.statements.end());
    }
    return all;
  }

  codec::ChainParams params_;
  Hash genesis_ = hash_of(0x77);
  Carrier carrier_;
  std::vector<Coin> coins_{{{hash_of(9), 0}, codec::units_per_coin}};
  std::vector<codec::TxPtr> submitted_;
  bool answers_ = true;
  int asked_ = 0;
};

TEST_F(CarrierTest, StatementsShareATransactionWhoseChangeComesBack) {
  EXPECT_TRUE(carrier_.carry(statement(1), {20}));
  EXPECT_TRUE(carrier_.carry(statement(2), {20}));
  drain();
  ASSERT_EQ(submitted_.size(), 1u);
  EXPECT_EQ(carried(submitted_[0]), (std::vector{statement(1), statement(2)}));
  const codec::Transaction& tx = submitted_[0]->tx;
  ASSERT_EQ(tx.outputs.size(), 1u);
  EXPECT_EQ(tx.outputs[0].lock, identity(5).lock);
  EXPECT_EQ(tx.outputs[0].value + tx.fee, codec::units_per_coin);
  // Its coin is in use until it is final.
  EXPECT_TRUE(carrier_.carry(statement(3), {20}));
  drain();
  final(11);
  EXPECT_EQ(submitted_.size(), 1u);
  coins_ = {{{submitted_[0]->txid, 0}, tx.outputs[0].value}};
  final(12, {submitted_[0]});
  ASSERT_EQ(submitted_.size(), 2u);
  EXPECT_EQ(carried(submitted_[1]), std::vector{statement(3)});
  EXPECT_EQ(submitted_[1]->tx.inputs[0].from, coins_[0].from);
  EXPECT_EQ(carrier_.stats().statements, 2u);
}

TEST_F(CarrierTest, NothingIsPaidForTwiceOrTooLate) {
  EXPECT_TRUE(carrier_.carry(statement(1), {20}));
  EXPECT_FALSE(carrier_.carry(statement(1), {20}));
  EXPECT_FALSE(carrier_.carry(statement(2), {10}));
  drain();
  final(11, {submitted_.at(0)});
  EXPECT_FALSE(carrier_.carry(statement(1), {20}));
  coins_.clear();
  EXPECT_TRUE(carrier_.carry(statement(3), {13}));
  final(12);
  answers_ = false;
  final(13);
  EXPECT_EQ(carrier_.waiting(), 0u);
}

TEST_F(CarrierTest, WhatIsNotFinalInTimeIsMadeAnew) {
  carrier_.carry(statement(1), {100});
  drain();
  ASSERT_EQ(submitted_.size(), 1u);
  EXPECT_EQ(submitted_[0]->tx.expiry, 10 + Carrier::expiry_blocks);
  final(submitted_[0]->tx.expiry - 1);
  EXPECT_EQ(submitted_.size(), 1u);
  final(submitted_[0]->tx.expiry);
  ASSERT_EQ(submitted_.size(), 2u);
  EXPECT_EQ(carried(submitted_[1]), std::vector{statement(1)});
  EXPECT_EQ(carrier_.stats().expired, 1u);
}

codec::GiveVerdict verdict_of(std::uint64_t dispute) {
  codec::GiveVerdict verdict{dispute, hash_of(2), {}};
  for (std::uint16_t i = 0; i < 134; ++i) verdict.signatures.push_back({i, {}});
  return verdict;
}

TEST_F(CarrierTest, AVerdictIsPaidForOnceAndNeedsNoWorker) {
  EXPECT_TRUE(carrier_.give_verdict(verdict_of(7)));
  EXPECT_FALSE(carrier_.give_verdict(verdict_of(7))) << "it is on its way";
  drain();
  ASSERT_EQ(submitted_.size(), 1u);
  const codec::Transaction& tx = submitted_[0]->tx;
  EXPECT_EQ(tx.witnesses.size(), 1u) << "the payer's alone";
  ASSERT_EQ(tx.actions.size(), 1u);
  EXPECT_EQ(tx.actions[0].witness, codec::TxAction::no_witness);
  EXPECT_EQ(codec::decode_job_order(tx.actions[0].body).value(), codec::JobOrder(verdict_of(7)));
  EXPECT_FALSE(carrier_.give_verdict(verdict_of(7))) << "it is in the mempool";
  coins_ = {{{submitted_[0]->txid, 0}, tx.outputs[0].value}};
  final(11, {submitted_[0]});
  EXPECT_EQ(carrier_.stats().orders, 1u);
  EXPECT_TRUE(carrier_.give_verdict(verdict_of(8)));
  drain();
  ASSERT_EQ(submitted_.size(), 2u);
  carrier_.on_answer(submitted_[1]->txid, fail(Code::not_found, "somebody else's came first"));
  drain();
  EXPECT_EQ(submitted_.size(), 2u);
  EXPECT_EQ(carrier_.waiting(), 0u);
  Carrier alone(params_, genesis_, identity(5).pair, nullptr);
  EXPECT_FALSE(alone.give(codec::EnrolSlots{{1}, identity(6).key, 1}));
  EXPECT_TRUE(alone.give_verdict(verdict_of(9)));
}

TEST_F(CarrierTest, ARefusedOneIsTriedAgainInTheNextBlockAndAnOrderIsDropped) {
  carrier_.carry(statement(1), {100});
  drain();
  carrier_.on_answer(submitted_.at(0)->txid, fail(Code::refused, "no"));
  drain();
  EXPECT_EQ(submitted_.size(), 1u);
  final(11);
  ASSERT_EQ(submitted_.size(), 2u);
  final(12, {submitted_[1]});
  coins_ = {{{submitted_[1]->txid, 0}, submitted_[1]->tx.outputs[0].value}};
  EXPECT_TRUE(carrier_.give(codec::EnrolSlots{{1}, identity(6).key, 2}));
  drain();
  ASSERT_EQ(submitted_.size(), 3u);
  const codec::Transaction& tx = submitted_[2]->tx;
  EXPECT_EQ(tx.witnesses[tx.actions.at(0).witness].key, identity(6).key);
  carrier_.on_answer(submitted_[2]->txid, fail(Code::refused, "no room"));
  final(13);
  EXPECT_EQ(submitted_.size(), 3u);
  EXPECT_EQ(carrier_.waiting() + carrier_.pending(), 0u);
}

TEST_F(CarrierTest, AnOrderThatIsUnderWayIsNotGivenTwice) {
  coins_.push_back({{hash_of(8), 0}, codec::units_per_coin});
  const codec::FileDispute filed{{1}, {1, 2, 3}, codec::DisputeKind::unshown, 2, 0, {}};
  EXPECT_TRUE(carrier_.give(filed));
  drain();
  EXPECT_TRUE(carrier_.give(filed));
  drain();
  final(11);
  ASSERT_EQ(submitted_.size(), 1u);
  const codec::Transaction& tx = submitted_[0]->tx;
  EXPECT_EQ(codec::decode_job_order(tx.actions.at(0).body).value(), codec::JobOrder(filed));
  EXPECT_EQ(tx.witnesses[tx.actions.at(0).witness].key, identity(6).key);
  EXPECT_TRUE(carrier_.give(codec::ConcedeDispute{4}));
  drain();
  EXPECT_EQ(submitted_.size(), 2u);
  final(12, {submitted_[0]});
  EXPECT_TRUE(carrier_.give(filed)) << "it is final: whoever gives it once more wants it again";
  drain();
  EXPECT_EQ(submitted_.size(), 3u);
}

TEST_F(CarrierTest, WhatTheMempoolDropsFreesItsCoin) {
  carrier_.carry(statement(1), {100});
  drain();
  const auto is_nowhere = [](const Hash&) { return false; };
  carrier_.look_for(is_nowhere);  // not answered yet: on its way there
  EXPECT_EQ(carrier_.pending(), 1u);
  carrier_.on_answer(submitted_.at(0)->txid, {});
  carrier_.look_for([](const Hash&) { return true; });
  EXPECT_EQ(carrier_.pending(), 1u);
  carrier_.look_for(is_nowhere);
  EXPECT_EQ(carrier_.pending(), 0u);
  carrier_.carry(statement(2), {100});
  final(11);
  ASSERT_EQ(submitted_.size(), 2u);
  EXPECT_EQ(submitted_[1]->tx.inputs, submitted_[0]->tx.inputs);
  EXPECT_EQ(carried(submitted_[1]), std::vector{statement(2)});
}

TEST_F(CarrierTest, ManyCoinsPayTogetherAndTooFewSayHowItIs) {
  coins_.clear();
  for (std::uint32_t i = 0; i < 4; ++i) coins_.push_back({{hash_of(9), i}, 600});
  carrier_.carry(statement(1), {100});
  drain();
  ASSERT_EQ(submitted_.size(), 1u);
  EXPECT_GT(submitted_[0]->tx.inputs.size(), 1u);
  carrier_.on_answer(submitted_[0]->txid, fail(Code::refused, "no"));
  // Somebody else spends of them: known with the store's next answer.
  coins_.resize(1);
  final(11);
  carrier_.on_answer(submitted_.at(1)->txid, fail(Code::refused, "spent"));
  final(12);
  EXPECT_EQ(submitted_.size(), 2u);
  EXPECT_TRUE(carrier_.is_poor());
  EXPECT_EQ(carrier_.funds(), 600u);
}

TEST_F(CarrierTest, LargeStatementsAreSpreadOverActionsAndTransactions) {
  coins_.push_back({{hash_of(9), 1}, codec::units_per_coin});
  for (std::uint64_t i = 0; i < 20; ++i) carrier_.carry(statement(i, 200), {100});
  drain();
  ASSERT_EQ(submitted_.size(), 1u);
  EXPECT_GT(submitted_[0]->tx.actions.size(), 2u);
  const std::size_t first = carried(submitted_[0]).size();
  EXPECT_GT(first, 4u);
  EXPECT_LT(first, 20u);
  final(11);  // with the other coin
  ASSERT_EQ(submitted_.size(), 2u);
  EXPECT_EQ(carried(submitted_[1]).size(), first);
}

TEST_F(CarrierTest, WhatWaitsIsBounded) {
  answers_ = false;
  std::size_t taken = 0;
  for (std::uint64_t i = 0; i < Carrier::statements_max + 10; ++i) {
    codec::JobStatement said{{1}, i, identity(6).key, {}, {}};
    taken += carrier_.carry(said, {100}) ? 1 : 0;
  }
  EXPECT_EQ(taken, Carrier::statements_max);
}

TEST_F(CarrierTest, OnlyWhatHasAnEffectMayBeCarried) {
  ledger::test::JobWorld world;
  world.populate(10, 4);
  world.rounds(3);
  const auto key = world.enrolment(10);
  const auto round = *ledger::statement_round(world.entry(), key.cohort, world.height);
  const codec::StatementLine line{key.slots[0], hash_of(1), {}, {}, {}};
  codec::JobStatement said{world.job, round, identity(10).key, {line}, {}};
  const auto until = may_carry(world.entries, world.height, said);
  ASSERT_TRUE(until.has_value());
  EXPECT_EQ(*until, ledger::round_begins(world.entry(), key.cohort, round + 1));
  auto other = said;
  other.round = round + 1;
  EXPECT_FALSE(may_carry(world.entries, world.height, other).has_value());
  other = said;
  other.lines[0].slot = world.slot_of(11);
  EXPECT_FALSE(may_carry(world.entries, world.height, other).has_value());
  other = said;
  other.worker = identity(99).key;
  EXPECT_FALSE(may_carry(world.entries, world.height, other).has_value());
  other = said;
  other.job = {9};
  EXPECT_FALSE(may_carry(world.entries, world.height, other).has_value());
}

}  // namespace
}  // namespace kith::node
