#include "node/verdict_service.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>

#include "base/machine.h"
#include "codec/chain_dispute.h"
#include "codec/chain_job_state.h"
#include "codec/writer.h"
#include "compute/workload_goldbach.h"
#include "ledger/jobs_audit_test_util.h"

namespace kith::node {
namespace {

using codec::ChainKey;
using codec::Hash;
using codec::SaidVerdict;
using codec::test::hash_of;
using codec::test::identity;
using gossip::Verdict;

const Hash genesis = hash_of(0x77);
constexpr std::uint32_t answer_blocks = 96;
constexpr std::uint64_t asked_at = 100;
constexpr std::uint32_t first_juror = 90;

codec::JobSpec goldbach_job() {
  codec::JobSpec spec = ledger::test::small_spec();
  compute::GoldbachParams params;
  params.first = 1'000;
  params.units = 16;
  params.slices = 2;
  params.unit_numbers = 8;
  params.numbers = 16 * 8 * 4'000;
  spec.workload = 2;
  spec.params = compute::encode_params(params);
  spec.tasks = 4'000;
  spec.units = 16;
  spec.slices = 2;
  return spec;
}

codec::DisputeEntry dispute_entry(std::uint16_t unit, std::uint64_t until) {
  codec::DisputeEntry entry;
  entry.kind = codec::DisputeKind::check;
  entry.job = {1};
  entry.task = {3};
  entry.until = {until};
  entry.worker.slot = {0};
  entry.other.slot = {1};
  entry.stage = codec::DisputeStage::verdict;
  entry.unit = unit;
  entry.slice = 1;
  entry.said = hash_of(1);
  entry.said_other = hash_of(2);
  return entry;
}

/// What the slice of unit 5 comes to.
Hash truth() {
  struct Goes final : compute::Progress {
    bool go_on(std::uint64_t, std::uint64_t) override { return true; }
  } goes;
  const compute::GoldbachWorkload workload;
  const Bytes unit = workload.unit_of(goldbach_job().params, {3}, 5).value();
  return workload.digest(unit, 1, workload.run(unit, 1, goes).value());
}

/// Validators, and perhaps others, who hear each other at once.
class Net {
 public:
  struct Member {
    std::optional<std::uint32_t> key;
    Verdicts verdicts;
    bool can_sign = true;
    bool can_pay = true;
    bool is_deaf = false;
    std::vector<codec::GiveVerdict> given = {};
    std::vector<SaidVerdict> said = {};
    std::vector<std::uint64_t> computed = {};  // disputes
    std::optional<Verdict> judged = {};
  };

  explicit Net(std::vector<codec::Weight> weights) : world_(goldbach_job()) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      ledger::ValidatorEntry entry;
      entry.key = identity(first_juror + static_cast<std::uint32_t>(i)).key;
      entry.weight = weights[i];
      registry_.put(entry);
      add(first_juror + static_cast<std::uint32_t>(i));
    }
    set_dispute(1, dispute_entry(5, asked_at + answer_blocks));
  }
  Member& add(std::optional<std::uint32_t> key) {
    const auto public_key = key ? std::optional(identity(*key).key) : std::nullopt;
    members.push_back(Member{key, Verdicts({genesis, answer_blocks}, public_key)});
    return members.back();
  }
  void set_dispute(std::uint64_t number, const std::optional<codec::DisputeEntry>& entry) {
    ledger::Entries& entries = world_.entries;
    Bytes id;
    codec::Writer(id).u64(number);
    if (entry) entries.put(codec::EntryKind::dispute, id, codec::encode_entry(*entry));
    if (!entry) entries.erase(codec::EntryKind::dispute, id);
    registry_.change_by_kind() = entries;
  }

  /// The next final state is everybody's.
  void block() {
    ++height;
    for (Member& member : members) {
      member.verdicts.on_final({{height}, registry_, member.can_sign, member.can_pay});
    }
    for (Member& member : members) drain(member);
  }
  void blocks(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) block();
  }
  /// What the member makes of a message.
  Verdict hear(Member& member, const Bytes& bytes, const PeerId& from = PeerId()) {
    member.judged.reset();
    member.verdicts.on_message({7}, from, bytes);
    drain(member);
    EXPECT_TRUE(member.judged.has_value());
    return member.judged.value_or(Verdict::ignore);
  }
  Verdict hear(Member& member, const SaidVerdict& said) {
    return hear(member, codec::encode(said));
  }
  std::size_t given() const {
    std::size_t sum = 0;
    for (const Member& member : members) sum += member.given.size();
    return sum;
  }
  const ledger::Registry& registry() const { return registry_; }

  std::deque<Member> members;
  std::uint64_t height = asked_at;
  bool is_silent = false;  // nobody hears what is said

 private:
  void drain(Member& member) {
    while (auto output = member.verdicts.poll_output()) {
      std::visit(Overload{[&](const Verdicts::Judged& judged) { member.judged = judged.verdict; },
                          [&](const Verdicts::Say& said) {
                            member.said.push_back(codec::decode_said_verdict(said.message).value());
                            if (!is_silent) spread(member, said.message);
                          },
                          [&](const Verdicts::Ask& ask) {
                            const auto& asked = std::get<codec::SignVerdict>(ask.what);
                            const crypto::KeyPair& pair = identity(*member.key).pair;
                            const Bytes bytes =
                                codec::signed_bytes(genesis, identity(*member.key).key, ask.what);
                            member.verdicts.on_signed(asked, pair.sign(bytes));
                          },
                          [&](const Verdicts::Give& give) { member.given.push_back(give.order); },
                          [&](const host::RunJob& work) {
                            work.job->run();
                            const auto* const answer =
                                dynamic_cast<const AnswerVerdictJob*>(work.job.get());
                            if (answer != nullptr) member.computed.push_back(answer->dispute());
                            EXPECT_TRUE(member.verdicts.on_job(*work.job));
                          }},
                 *output);
    }
  }
  void spread(const Member& from, const Bytes& message) {
    for (Member& member : members) {
      if (&member == &from || member.is_deaf) continue;
      member.verdicts.on_message({7}, PeerId(), message);
      drain(member);
    }
  }

  ledger::test::JobWorld world_;
  ledger::Registry registry_;
};

SaidVerdict said_by(std::uint32_t key, const Hash& digest, std::uint64_t dispute = 1,
                    std::uint32_t repeat = 1) {
  const auto message = codec::verdict_message(genesis, dispute, digest);
  return {dispute, digest, identity(key).key, identity(key).pair.sign(message), repeat};
}

TEST(Verdicts, ValidatorsComputeSignAndOneOfThemPays) {
  Net net({1, 1, 1, 1});
  net.block();
  EXPECT_TRUE(net.members[0].said.empty()) << "whose state is a block behind would pass it over";
  net.block();
  for (const auto& member : net.members) {
    EXPECT_EQ(member.computed.size(), 1u);
    ASSERT_EQ(member.said.size(), 1u);
    EXPECT_EQ(member.said[0].digest, truth());
  }
  ASSERT_EQ(net.given(), 1u);
  const ledger::Jury jury = ledger::jury_of(net.registry());
  for (const auto& member : net.members) {
    if (member.given.empty()) continue;
    const codec::GiveVerdict& order = member.given[0];
    EXPECT_EQ(order.dispute, 1u);
    EXPECT_EQ(order.digest, truth());
    EXPECT_EQ(order.signatures.size(), 3u) << "as few as are needed";
    codec::Transaction tx;
    tx.actions.push_back({codec::module_jobs, codec::TxAction::no_witness,
                          codec::encode_job_order(codec::JobOrder(order))});
    EXPECT_TRUE(ledger::verify_verdicts(tx, genesis, net.registry()).has_value());
  }
  net.set_dispute(1, std::nullopt);
  net.blocks(40);
  EXPECT_EQ(net.given(), 1u);
  EXPECT_EQ(net.members[0].said.size(), 1u) << "it is over";
  EXPECT_EQ(net.members[0].verdicts.asked(), 0u);
}

TEST(Verdicts, WhoIsSilentInItsTurnIsFollowedByTheNext) {
  Net net({1, 1, 1, 1});
  for (auto& member : net.members) member.can_pay = false;
  net.blocks(2);
  EXPECT_EQ(net.given(), 0u);
  // All can pay but the verdict never gets into a block: each in its turn, nobody else.
  for (auto& member : net.members) member.can_pay = true;
  std::set<std::size_t> payers;
  for (std::uint64_t i = 0; i < 4 * Verdicts::turn_blocks; ++i) {
    const std::size_t before = net.given();
    net.block();
    EXPECT_LE(net.given() - before, 1u);
    for (std::size_t m = 0; m < 4; ++m) {
      if (!net.members[m].given.empty()) payers.insert(m);
    }
  }
  EXPECT_EQ(payers.size(), 4u);
  EXPECT_LE(net.given(), 5u);
}

TEST(Verdicts, InTheSecondHalfWhoeverHasCoinsPays) {
  Net net({1, 1, 1, 1});
  auto& other = net.add(std::nullopt);
  for (auto& member : net.members) member.can_pay = &member == &other;
  net.blocks(answer_blocks / 2 - 1);
  EXPECT_EQ(net.given(), 0u);
  net.blocks(2);
  EXPECT_EQ(other.given.size(), 1u);
  EXPECT_TRUE(other.computed.empty()) << "it is no validator";
}

TEST(Verdicts, ALyingMinorityDecidesNothing) {
  // Their weight is a third, and they are in three of four turns.
  Net net({2, 1, 1, 2});
  for (const std::size_t liar : {1u, 2u}) net.members[liar].can_sign = false;
  net.blocks(2);
  for (auto& member : net.members) {
    EXPECT_NE(net.hear(member, said_by(first_juror + 1, hash_of(9))), Verdict::reject);
    EXPECT_NE(net.hear(member, said_by(first_juror + 2, hash_of(9))), Verdict::reject);
  }
  net.blocks(answer_blocks - 2);
  EXPECT_EQ(net.given(), 0u) << "4 of 6 are not more than two thirds, 2 even less";
  // One of them says the truth after all: of who has been heard the first word counts.
  EXPECT_EQ(net.hear(net.members[0], said_by(first_juror + 1, truth())), Verdict::ignore);
  EXPECT_EQ(net.members[0].verdicts.stats().differing, 1u);
  EXPECT_EQ(net.given(), 0u);
}

TEST(Verdicts, LiarsDoNotKeepTheOthersFromDeciding) {
  Net net({1, 1, 1, 1});
  net.members[2].can_sign = false;
  net.is_silent = true;
  net.blocks(2);
  net.is_silent = false;
  for (auto& member : net.members) net.hear(member, said_by(first_juror + 2, hash_of(9)));
  net.blocks(Verdicts::repeat_blocks);
  ASSERT_GE(net.given(), 1u) << "what was missed is said again";
  for (const auto& member : net.members) {
    for (const auto& order : member.given) EXPECT_EQ(order.digest, truth());
  }
}

TEST(Verdicts, OnlyWhatIsSignedAboutWhatIsAskedIsHandedOn) {
  Net net({1, 1, 1, 1});
  for (auto& member : net.members) member.can_sign = false;
  auto& member = net.members[0];
  const SaidVerdict good = said_by(first_juror + 1, truth());
  EXPECT_EQ(net.hear(member, good), Verdict::ignore) << "nothing is asked here yet";
  net.block();
  SaidVerdict forged = good;
  forged.signature[3] ^= 1;
  EXPECT_EQ(net.hear(member, forged), Verdict::reject);
  EXPECT_EQ(net.hear(member, Bytes(codec::said_verdict_bytes, 0)), Verdict::reject);
  EXPECT_EQ(net.hear(member, said_by(first_juror + 1, truth(), 2)), Verdict::ignore);
  EXPECT_EQ(net.hear(member, said_by(7, truth())), Verdict::ignore) << "no validator";
  EXPECT_EQ(net.hear(member, good), Verdict::accept);
  EXPECT_EQ(net.hear(member, said_by(first_juror + 1, truth(), 1, 2)), Verdict::ignore)
      << "the same, in other bytes";
  net.blocks(Verdicts::again_blocks);
  EXPECT_EQ(net.hear(member, said_by(first_juror + 1, truth(), 1, 3)), Verdict::accept);
  EXPECT_EQ(net.hear(member, said_by(first_juror + 1, truth(), 1, 4)), Verdict::ignore);
  EXPECT_EQ(member.verdicts.stats().heard, 1u);
}

TEST(Verdicts, WhatOneBringsAtOnceIsCapped) {
  Net net({1, 1, 1, 1});
  for (auto& member : net.members) member.can_sign = false;
  net.block();
  Verdicts& verdicts = net.members[0].verdicts;
  std::size_t jobs = 0, ignored = 0;
  std::vector<std::shared_ptr<host::Job>> running;
  for (std::uint32_t i = 0; i < 100; ++i) {
    SaidVerdict forged = said_by(first_juror + 1, truth());
    forged.signature[0] = static_cast<std::uint8_t>(i);
    verdicts.on_message({i}, PeerId(), codec::encode(forged));
    while (auto output = verdicts.poll_output()) {
      if (auto* work = std::get_if<host::RunJob>(&*output)) {
        ++jobs;
        running.push_back(work->job);
      } else {
        ++ignored;
      }
    }
  }
  EXPECT_EQ(jobs, Verdicts::verifying_max / 8);
  EXPECT_EQ(jobs + ignored, 100u);
  for (const auto& job : running) {
    job->run();
    EXPECT_TRUE(verdicts.on_job(*job));
  }
  while (verdicts.poll_output()) {
  }
  EXPECT_EQ(net.hear(net.members[0], said_by(first_juror + 1, truth())), Verdict::accept);
}

TEST(Verdicts, WhoCannotComputeItSaysNothing) {
  Net net({1, 1, 1});
  codec::DisputeEntry entry = dispute_entry(16, asked_at + answer_blocks);  // no such unit
  net.set_dispute(1, entry);
  net.blocks(20);
  for (const auto& member : net.members) {
    EXPECT_EQ(member.computed.size(), 1u) << "it is not tried again";
    EXPECT_TRUE(member.said.empty());
    EXPECT_EQ(member.verdicts.stats().unanswered, 1u);
  }
  EXPECT_EQ(net.given(), 0u);
}

TEST(Verdicts, WhoseSignerIsAwaySaysItLater) {
  Net net({1});
  net.members[0].can_sign = false;
  net.blocks(5);
  EXPECT_TRUE(net.members[0].computed.empty()) << "for another node has the lease";
  net.members[0].can_sign = true;
  net.block();
  EXPECT_EQ(net.members[0].said.size(), 1u);
  net.blocks(Verdicts::repeat_blocks);
  EXPECT_EQ(net.members[0].said.size(), 2u) << "and again";
  EXPECT_EQ(net.members[0].computed.size(), 1u);
}

TEST(Verdicts, DisputesAreAnsweredInTheOrderInWhichTheyAreDue) {
  Net net({1, 1, 1, 1});
  net.set_dispute(2, dispute_entry(6, asked_at + answer_blocks - 20));
  net.set_dispute(3, dispute_entry(7, asked_at + answer_blocks - 40));
  net.blocks(2);
  EXPECT_EQ(net.members[0].computed, (std::vector<std::uint64_t>{3, 2, 1}));
  EXPECT_EQ(net.members[0].said.size(), 3u);
}

TEST(Verdicts, AFindIsOneOrNone) {
  Net net({1, 1, 1, 1});
  codec::DisputeEntry entry = dispute_entry(5, asked_at + answer_blocks);
  entry.kind = codec::DisputeKind::find;
  entry.other = {};
  entry.other.slot = codec::no_slot;
  entry.said = hash_of(8);
  entry.number[15] = 27;
  entry.what = 1;
  net.set_dispute(1, entry);
  net.blocks(2);
  ASSERT_EQ(net.given(), 1u);
  for (const auto& member : net.members) EXPECT_EQ(member.said.at(0).digest, Hash{});
  auto& member = net.members[0];
  EXPECT_EQ(net.hear(member, said_by(first_juror + 1, hash_of(3))), Verdict::ignore);
}

}  // namespace
}  // namespace kith::node
