// Whole nodes that give verdicts: one's device computes falsely, it contests to the end, and the
// validators' verdict takes its bonds.
#include "codec/chain_merkle.h"
#include "ledger/accounts.h"
#include "ledger/jobs_move.h"
#include "node/node_work_test_util.h"

namespace kith::node {
namespace {

constexpr std::size_t liar = 3;
constexpr std::uint64_t tasks = 64;
constexpr codec::Amount escrow = 1'000'000;
/// Who owes a move for so long does not make it by itself.
constexpr std::uint64_t patience = 20;

class NodeVerdictTest : public NodeWorkTest {
 protected:
  NodeVerdictTest() {
    spoil_ = [this](std::size_t i, const ComputeSlice& slice, Bytes& result) {
      if (i == liar && is_lied_about(slice.task)) spoil(result);
    };
  }

  static void spoil(Bytes& result) { result[15] ^= 1; }

  /// Enough of it for the job not to end before the dispute does.
  static codec::JobSpec long_job() {
    codec::JobSpec spec = small_job();
    auto params = compute::decode_goldbach_params(spec.params).value();
    params.numbers = tasks * params.units * params.unit_numbers;
    spec.params = compute::encode_params(params);
    spec.tasks = tasks;
    return spec;
  }

  /// Whatever was leased to the liar once, in what it says first and whenever it computes it again.
  bool is_lied_about(codec::TaskIndex task) {
    const ledger::Entries& state =
        members_[liar]->node.chain()->states().tip()->registry().by_kind();
    for (const auto& lease : ledger::leases_of(state, job_, identity(worker_of(liar)).key)) {
      lied_.insert(lease.task);
    }
    return lied_.contains(task);
  }

  std::vector<Hash> slices_of(codec::TaskIndex task, std::uint16_t unit, bool lies) {
    struct Goes final : compute::Progress {
      bool go_on(std::uint64_t, std::uint64_t) override { return true; }
    } goes;
    std::vector<Hash> digests;
    const codec::JobSpec spec = long_job();
    const Bytes bytes = goldbach_.unit_of(spec.params, {task.value}, unit).value();
    for (std::uint32_t slice = 0; slice < spec.slices; ++slice) {
      Bytes result = goldbach_.run(bytes, slice, goes).value();
      if (lies) spoil(result);
      digests.push_back(goldbach_.digest(bytes, slice, result));
    }
    return digests;
  }

  /// The moves of both sides, honest from where each stands, in transactions of key 1's.
  void move_all() {
    for (std::size_t i = 0; i < nodes; ++i) {
      for (const auto& owed : ledger::moves_of(entries(), identity(worker_of(i)).key)) {
        const std::uint64_t height = members_[0]->node.chain()->height().value;
        const std::uint64_t since = owed.until.value - genesis_.params.compute->answer_blocks;
        if (height < since + patience) continue;
        const bool lies = i == liar && lied_.contains(owed.task);
        const ledger::OwnResults own{
            [&](std::uint16_t unit) {
              return codec::merkle_root(slices_of(owed.task, unit, lies));
            },
            [&](std::uint16_t unit) { return slices_of(owed.task, unit, lies); }};
        order({{ledger::honest_move(owed, own), worker_of(i)}});
      }
    }
  }

  template <class Holds>
  bool run_until(const Holds& holds, int seconds_max) {
    for (int seconds = 0; seconds < seconds_max; ++seconds) {
      if (holds()) return true;
      run_for(1s);
      move_all();
    }
    return holds();
  }

  codec::Amount bond_of(std::size_t i) const {
    const auto account = ledger::find_account(entries(), this->account(owner_of(i)));
    return account ? account->bond : 0;
  }

  const codec::JobId job_{1};
  std::set<codec::TaskIndex> lied_;
};

TEST_F(NodeVerdictTest, WhoContestsAFalseResultLosesItsBondByVerdict) {
  add_all();
  run_for(2s);
  open_accounts();
  order({{codec::SubmitJob{account(submitter), long_job(), escrow}, submitter}}, escrow);
  const auto all_bonds = [&] {
    codec::Amount sum = 0;
    for (std::size_t i = 0; i < nodes; ++i) sum += bond_of(i);
    return sum;
  };
  const codec::Amount before = all_bonds();
  ASSERT_EQ(bond_of(liar), 1'000'000u);
  ASSERT_TRUE(run_until([&] { return bond_of(liar) < 1'000'000; }, 200));
  const codec::Amount lost = 1'000'000 - bond_of(liar);
  EXPECT_EQ(lost % long_job().bond, 0u) << "all of a slot's bond, not the sixteenth of a fault";
  EXPECT_EQ(before - all_bonds(), lost) << "nobody else lost any";
  std::uint64_t given = 0;
  for (std::size_t i = 0; i < nodes; ++i) {
    SCOPED_TRACE(i);
    const VerdictStats& stats = members_[i]->node.verdicts()->stats();
    EXPECT_GE(stats.said, 1u);
    EXPECT_GE(stats.heard, 2u) << "two thirds of four are three";
    EXPECT_EQ(stats.unanswered + stats.differing, 0u);
    given += stats.given;
    const auto member = ledger::find_member(entries(), job_, account(owner_of(i)));
    ASSERT_TRUE(member.has_value());
    EXPECT_EQ(member->faults > 0, i == liar);
  }
  EXPECT_GE(given, 1u);
  EXPECT_LE(given, members_[0]->node.verdicts()->stats().said) << "one of the four pays for each";
}

}  // namespace
}  // namespace kith::node
