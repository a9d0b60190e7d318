// Whole nodes that work a job: it is submitted in a transaction, workers enrol, compute, check each
// other and are paid, all over real connections; the carriers' coins pay for what they say.
#include "node/node_work_test_util.h"

namespace kith::node {
namespace {

TEST_F(NodeWorkTest, AJobIsSubmittedWorkedCheckedAcceptedAndPaid) {
  add_all();
  run_for(2s);
  open_accounts();
  order({{codec::SubmitJob{account(submitter), small_job(), 200'000}, submitter}}, 200'000);
  run_for(5s);
  const codec::JobId job{1};
  ASSERT_TRUE(ledger::find_job(entries(), job).has_value());
  for (std::size_t i = 0; i < nodes; ++i) {
    EXPECT_TRUE(ledger::find_enrolment(entries(), job, identity(worker_of(i)).key)) << i;
  }
  for (int seconds = 0; seconds < 120 && ledger::find_job(entries(), job); ++seconds) run_for(1s);
  EXPECT_FALSE(ledger::find_job(entries(), job)) << "it has ended";
  std::uint64_t tasks = 0, settled = 0, carried = 0;
  for (std::size_t i = 0; i < nodes; ++i) {
    const auto member = ledger::find_member(entries(), job, account(owner_of(i)));
    ASSERT_TRUE(member.has_value());
    tasks += member->tasks;
    EXPECT_GT(member->checks, 0u);
    EXPECT_EQ(member->faults, 0u);
    const Node& node = members_[i]->node;
    settled += node.worker()->stats().settled;
    carried += node.carrier()->stats().statements;
    EXPECT_EQ(node.carrier()->stats().expired, 0u);
    EXPECT_EQ(node.worker()->stats().disputes, 0u);
    EXPECT_GT(node.worker()->stats().shows, 0u) << "what it checked was shown to it";
    EXPECT_EQ(node.worker()->stats().not_shown, 0u);
    EXPECT_GT(node.carrier()->funds(), 9 * codec::units_per_coin);
    for (std::size_t j = 0; j < nodes; ++j) {
      const PeerId* const peer = node.worker_peers()->peer_of(identity(worker_of(j)).key);
      ASSERT_NE(peer, nullptr) << "who answers for worker " << j;
      EXPECT_EQ(*peer, members_[j]->id());
    }
    EXPECT_EQ(node.worker_peers()->stats().refused, 0u);
  }
  EXPECT_EQ(tasks, 8u);
  EXPECT_GE(settled, 8u);
  EXPECT_GT(carried, 40u);
}

TEST_F(NodeWorkTest, ADisputeIsContestedOverTheNetworkDownToTheSlice) {
  constexpr std::size_t wrong = 3;
  spoil_ = [](std::size_t i, const ComputeSlice& slice, Bytes& result) {
    if (i == wrong && slice.unit == slice.task.value % 4 && slice.slice == 1) result[15] ^= 1;
  };
  add_all();
  run_for(2s);
  open_accounts();
  order({{codec::SubmitJob{account(submitter), small_job(), 200'000}, submitter}}, 200'000);
  std::vector<ledger::AskedVerdict> asked;
  for (int i = 0; i < 120 && asked.empty(); ++i) {
    run_for(500ms);
    asked = ledger::verdicts_asked(entries());
  }
  ASSERT_FALSE(asked.empty()) << "both sides have moved to the end";
  for (const ledger::AskedVerdict& one : asked) {
    const auto dispute = ledger::find_dispute(entries(), one.dispute).value();
    const codec::ChainKey liar = identity(worker_of(wrong)).key;
    ASSERT_TRUE(dispute.worker.worker == liar || dispute.other.worker == liar);
    EXPECT_EQ(one.unit, one.task.value % 4);
    EXPECT_EQ(one.slice, 1u);
    const auto unit = goldbach_.unit_of(one.params, {one.task.value}, one.unit);
    struct Goes final : compute::Progress {
      bool go_on(std::uint64_t, std::uint64_t) override { return true; }
    } goes;
    const auto result = goldbach_.run(*unit, one.slice, goes);
    const Hash truth = goldbach_.digest(*unit, one.slice, *result);
    const bool is_liars = dispute.worker.worker == liar;
    EXPECT_EQ(is_liars ? dispute.said_other : dispute.said, truth);
    EXPECT_NE(is_liars ? dispute.said : dispute.said_other, truth);
  }
  std::uint64_t moves = 0;
  for (std::size_t i = 0; i < nodes; ++i) {
    moves += members_[i]->node.worker()->stats().moves;
    EXPECT_EQ(members_[i]->node.worker()->stats().conceded, 0u) << i;
  }
  EXPECT_GE(moves, 4u);
}

TEST_F(NodeWorkTest, WhoHasNoCoinsIsCarriedByItsPeers) {
  for (const bool serves : {true, false}) {
    SCOPED_TRACE(serves);
    members_.clear();
    world_ = host::TestWorld();
    coins_ = {};
    serves_others_ = serves;
    add_all(false);
    run_for(2s);
    open_accounts();
    order({{codec::SubmitJob{account(submitter), small_job(), 200'000}, submitter}}, 200'000);
    const codec::JobId job{1};
    order({{codec::EnrolSlots{job, identity(worker_of(0)).key, 1}, worker_of(0)}});
    run_for(40s);
    const auto member = ledger::find_member(entries(), job, account(owner_of(0)));
    ASSERT_TRUE(member.has_value());
    EXPECT_EQ(member->tasks + member->checks > 0, serves);
    EXPECT_GT(members_[0]->node.worker()->stats().statements, 0u);
    EXPECT_GT(members_[0]->node.compute_service()->stats().answered, 5u);
  }
}

}  // namespace
}  // namespace kith::node
