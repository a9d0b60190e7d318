// Jobs as blocks change them: orders in transactions, carried statements and their signatures, what
// happens after a block's transactions, money, and stores that are opened anew. What the rules do
// by themselves: jobs_test.cpp, jobs_model_test.cpp.
#include "ledger/job_world_test_util.h"
#include "ledger/jobs_carry.h"

namespace kith::ledger {
namespace {

using codec::test::Ordering;
using test::coin;
using test::identity;
using test::job_fee;
using test::JobChain;
using test::owners_first;
using test::rich_amount;
using test::submitter;
using test::workers_first;
using test::World;

TEST(ExecuteJobs, ATaskIsLeasedCheckedAcceptedAndPaid) {
  JobChain chain;
  chain.populate(4, coin);
  EXPECT_EQ(chain.supply().escrow, 6 * coin);
  chain.rounds(14);
  EXPECT_GT(chain.count(JobEvent::Kind::settled), 12u);
  EXPECT_GT(chain.count(JobEvent::Kind::accepted), 4u);
  EXPECT_EQ(chain.count(JobEvent::Kind::disputed), 0u);
  const auto job = find_job(chain.entries(), JobId{1});
  EXPECT_EQ(job->accepted, chain.count(JobEvent::Kind::accepted));
  EXPECT_LT(job->escrow, coin);
  // Epochs are of four blocks: what was earned is at the owners' locks.
  Amount paid = 0;
  for (std::uint32_t i = 0; i < 4; ++i) {
    const auto member = find_member(chain.entries(), JobId{1}, chain.account(owners_first + i));
    EXPECT_GT(member->tasks, 0u);
    EXPECT_GT(chain.coins_of(owners_first + i), 0u);
    paid += chain.coins_of(owners_first + i);
    paid += find_account(chain.entries(), chain.account(owners_first + i))->earned;
  }
  EXPECT_EQ(paid, coin - job->escrow);
}

TEST(ExecuteJobs, WhatAFaultBurnsLeavesTheEscrow) {
  JobChain chain;
  chain.populate(4, coin);
  chain.speakers.workers.at(workers_first).is_mute_at_reveal = true;
  const Amount minted_before = chain.supply().minted;
  while (chain.count(JobEvent::Kind::fault) == 0 && chain.next().value < 200) chain.said_block();
  EXPECT_EQ(chain.count(JobEvent::Kind::fault), 1u);
  EXPECT_EQ(chain.supply().burnt, test::quick_job().bond / 16);
  EXPECT_GT(chain.supply().minted, minted_before);
  EXPECT_TRUE(chain.supply().is_conserved());
}

TEST(ExecuteJobs, WhoConcedesIsFinedByATransaction) {
  JobChain chain;
  chain.populate(4, coin);
  chain.speakers.workers.at(workers_first + 1).makes_checks_up = true;
  while (chain.count(JobEvent::Kind::disputed) == 0 && chain.next().value < 100) {
    chain.said_block();
  }
  ASSERT_GT(chain.count(JobEvent::Kind::disputed), 0u);
  const auto dispute = find_dispute(chain.entries(), 1);
  ASSERT_TRUE(dispute);
  const std::uint32_t liar = workers_first + 1;
  EXPECT_EQ(dispute->other.worker, identity(liar).key);
  EXPECT_NE(chain.refusal({{codec::ConcedeDispute{1}, 1}}).find("is not the signer's"),
            std::string::npos);
  chain.obey({{codec::ConcedeDispute{1}, liar}});
  EXPECT_FALSE(find_dispute(chain.entries(), 1));
  EXPECT_EQ(chain.supply().burnt, test::quick_job().bond / 16);
  EXPECT_NE(chain.refusal({{codec::ConcedeDispute{1}, liar}}).find("no dispute 1"),
            std::string::npos);
}

TEST(ExecuteJobs, WhatIsLeftOfAJobGoesToItsAccount) {
  JobChain chain;
  codec::JobSpec spec = test::quick_job();
  spec.tasks = 3;
  chain.populate(4, coin, spec);
  while (find_job(chain.entries(), JobId{1}) && chain.next().value < 300) chain.said_block();
  EXPECT_FALSE(find_job(chain.entries(), JobId{1}));
  EXPECT_EQ(chain.count(JobEvent::Kind::accepted), 3u);
  EXPECT_EQ(chain.count(JobEvent::Kind::region_done), 1u);
  while (chain.next().value % 4 != 1) chain.block({});
  Amount paid = 0;
  for (std::uint32_t owner = owners_first; owner < owners_first + 4; ++owner) {
    paid += chain.coins_of(owner) + find_account(chain.entries(), chain.account(owner))->earned;
  }
  EXPECT_GE(paid, 3 * spec.price);
  EXPECT_EQ(chain.coins_of(submitter) + paid, coin);
  // Regions and members stay; nothing is held any more.
  EXPECT_TRUE(find_region(chain.entries(), JobId{1}, 0));
  EXPECT_EQ(find_account(chain.entries(), chain.account(owners_first))->held, 0u);
  // Its statements, told late, are void, and the block holds.
  codec::JobStatement late{{1}, 3, identity(workers_first).key, {}, {}};
  chain.speakers.sign(late);
  chain.obey({{codec::CarryStatements{{late}}, 0}});
}

TEST(ExecuteJobs, HostileOrdersAreRefusedByName) {
  JobChain chain;
  chain.populate(3, coin);
  const ChainKey key = identity(workers_first).key;
  const auto says = [&](const std::vector<Ordering>& orders, Amount taken, const char* what) {
    const std::string why = chain.refusal(orders, taken);
    EXPECT_NE(why.find(what), std::string::npos) << why;
    EXPECT_NE(why.find("transaction "), std::string::npos) << why;
  };
  says({{codec::FundJob{{9}, 5}, 0}}, 5, "no job 9");
  says({{codec::FundJob{{1}, 5}, 0}}, 4, "outputs, fee and bonds of");
  says({{codec::EndJob{{1}}, owners_first}}, 0, "not signed by its account");
  says({{codec::SubmitJob{chain.account(submitter), test::quick_job(), 1}, 1}}, 1,
       "not signed by the account");
  says({{codec::EnrolSlots{{1}, key, 1}, 0}}, 0, "not signed by it");
  says({{codec::EnrolSlots{{1}, key, 256}, workers_first}}, 0, "slots of one worker");
  says({{codec::LeaveJob{{1}, identity(9).key, 1}, 9}}, 0, "no slots in the job");
  codec::JobSpec spec = test::quick_job();
  spec.eps_ppm = 10;
  says({{codec::SubmitJob{chain.account(submitter), spec, 1}, submitter}}, 1, "255 passes");
  spec = test::quick_job();
  spec.round_blocks = 3;
  says({{codec::SubmitJob{chain.account(submitter), spec, 1}, submitter}}, 1, "rounds of 3 blocks");

  codec::JobStatement forged = chain.some_statement();
  forged.signature[5] ^= 1;
  says({{codec::CarryStatements{{forged}}, 0}}, 0, "does not verify");
  codec::JobStatement others = chain.some_statement();
  others.worker = identity(workers_first + 1).key;
  const auto swapped = chain.some_statement().worker == others.worker;
  if (!swapped) says({{codec::CarryStatements{{others}}, 0}}, 0, "does not verify");
  // A good one beside a forged one does not save it.
  says({{codec::CarryStatements{{chain.some_statement(), forged}}, 0}}, 0, "does not verify");

  codec::Transaction unknown = chain.tx({});
  unknown.actions.push_back({codec::module_jobs, codec::TxAction::no_witness, {11, 1}});
  codec::sign(unknown, identity(1).pair, chain.world.rules.genesis);
  const auto executed = chain.world.execute_on(chain.world.tree->tip(), {unknown});
  ASSERT_FALSE(executed);
  EXPECT_NE(executed.error().message.find("order 11 to the jobs"), std::string::npos);
  unknown.actions[0].body = {6, 0xff, 0xff};  // says that it carries 65,535
  codec::sign(unknown, identity(1).pair, chain.world.rules.genesis);
  EXPECT_FALSE(chain.world.execute_on(chain.world.tree->tip(), {unknown}));
}

TEST(ExecuteJobs, ACarriedStatementIsVerifiedWithTheTransaction) {
  JobChain chain;
  chain.populate(3, coin);
  const codec::JobStatement said = chain.some_statement();
  const codec::Transaction tx = chain.tx({{codec::CarryStatements{{said, said}}, 0}});
  const auto jobs = codec::signature_jobs(tx, chain.world.rules.genesis);
  ASSERT_EQ(jobs.size(), 3u);
  EXPECT_EQ(jobs[1].key, said.worker);
  EXPECT_EQ(codec::signatures_of(tx), 3u);
  EXPECT_TRUE(codec::verify_signatures(tx, chain.world.rules.genesis));
  // Verified elsewhere already: nobody looks again.
  codec::Transaction forged = chain.tx({{codec::CarryStatements{{said}}, 0}});
  forged.actions[0].body.back() ^= 1;
  codec::sign(forged, identity(1).pair, chain.world.rules.genesis);
  codec::BlockBody body;
  body.transactions.push_back(codec::seal(forged));
  const auto context = chain.world.context_on(*chain.world.tree->tip());
  body.proof = context.proof;
  EXPECT_FALSE(execute(chain.world.rules, chain.world.tree->tip(), context, body, {}));
  EXPECT_TRUE(execute(chain.world.rules, chain.world.tree->tip(), context, body, {true}));
}

TEST(ExecuteJobs, TwoCarriersOfOneStatementDoNotSpoilEachOthers) {
  JobChain chain;
  chain.populate(3, coin);
  const codec::JobStatement said = chain.some_statement();
  std::vector<codec::TxPtr> txs;
  chain.pay(txs, {{codec::CarryStatements{{said}}, 0}});
  chain.pay(txs, {{codec::CarryStatements{{said}}, 0}});
  const Executed both = chain.block(txs);
  EXPECT_EQ(both.tx_count, 2u);
  EXPECT_EQ(find_enrolment(chain.entries(), JobId{1}, said.worker)->seen, said.round);
}

TEST(ExecuteJobs, AStoreOpenedAnewGoesOnInTheMiddleOfAJob) {
  JobChain chain;
  chain.populate(4, coin);
  chain.rounds(10);
  // With what is said, then without, until all leases have lapsed: from a store that is opened anew
  // before every block the same follows.
  for (int i = 0; i < 60; ++i) {
    const auto again =
        StateTree::open(chain.world.store, chain.world.tree->tip_id(), chain.world.config).value();
    std::vector<codec::Transaction> txs;
    const codec::CarryStatements carry{chain.speakers.statements(chain.entries(), chain.next())};
    if (i < 8 && !carry.statements.empty()) txs.push_back(chain.tx({{carry, 0}}));
    const auto here = chain.world.execute_on(chain.world.tree->tip(), txs);
    const auto there = chain.world.execute_on(again->tip(), txs);
    ASSERT_TRUE(here && there);
    ASSERT_EQ(here->roots, there->roots);
    if (i < 8) {
      chain.said_block();
    } else {
      chain.block({});
    }
  }
  EXPECT_GT(chain.count(JobEvent::Kind::lapsed), 0u);
}

TEST(ExecuteJobs, ADamagedEntryOfAJobIsNotOpened) {
  JobChain chain;
  chain.populate(3, coin);
  chain.rounds(4);
  std::map<EntryKind, std::pair<EntryKey, Bytes>> one;
  chain.entries().visit_all([&](const EntryKey& key, const std::shared_ptr<const Bytes>& entry) {
    one.try_emplace(key.kind, key, *entry);
  });
  const auto opens_with = [&](const EntryKey& key, std::optional<Bytes> value) {
    MemoryStore damaged = chain.world.store;
    WriteBatch batch;
    batch.records = {{Table::entry, record_key(key), std::move(value)}};
    batch.first_leaf = damaged.leaves().size();
    damaged.write(batch);
    return StateTree::open(damaged, chain.world.tree->tip_id(), chain.world.config).has_value();
  };
  for (const EntryKind kind : {EntryKind::job, EntryKind::slot, EntryKind::member,
                               EntryKind::enrolment, EntryKind::jobs}) {
    ASSERT_TRUE(one.contains(kind)) << static_cast<int>(kind);
    const auto& [key, entry] = one.at(kind);
    EXPECT_TRUE(opens_with(key, entry));
    Bytes cut = entry;
    cut.pop_back();
    EXPECT_FALSE(opens_with(key, cut)) << static_cast<int>(kind);
  }
  codec::JobEntry richer = *find_job(chain.entries(), JobId{1});
  richer.escrow += 1;
  EXPECT_FALSE(opens_with(one.at(EntryKind::job).first, codec::encode_entry(richer)));
}

TEST(ExecuteJobs, AChainWithoutComputingRefusesThem) {
  World world;
  const codec::Transaction tx =
      test::payment({{world.rich(1), 1}}, {{1, rich_amount - job_fee - 5}}, job_fee,
                    world.rules.genesis, {{codec::FundJob{{1}, 5}, 0}});
  const auto executed = world.execute_on(world.tree->tip(), {tx});
  ASSERT_FALSE(executed);
  EXPECT_EQ(executed.error().code, Code::unsupported);
}

/// Anything that anybody may order, much of it refused, while workers lie, are silent, leave.
class Unruly {
 public:
  explicit Unruly(std::uint64_t seed) : rng_(seed) {
    codec::JobSpec spec = test::quick_job();
    spec.tasks = 40 + rng_.below(200);
    chain.populate(4, coin / 100 * (1 + rng_.below(50)), spec);
  }

  void block() {
    for (auto& [key, worker] : chain.speakers.workers) {
      worker.is_away = rng_.below(10) == 0;
      worker.is_silent_checker = rng_.below(12) == 0;
      worker.is_mute_at_reveal = rng_.below(40) == 0;
      worker.makes_checks_up = rng_.below(40) == 0;
    }
    std::vector<Ordering> orders;
    Amount taken = 0;
    auto said = chain.speakers.statements(chain.entries(), chain.next());
    if (!said.empty() && rng_.below(4) == 0) said.push_back(said[0]);
    check_looks(said);
    orders = JobChain::carrying(said);
    for (std::uint64_t i = rng_.below(3); i > 0; --i) {
      Amount more = 0;
      const Ordering order = any_order(more);
      std::vector<Ordering> with = orders;
      with.push_back(order);
      if (!chain.world.execute_on(chain.world.tree->tip(), {chain.tx(with, taken + more)})) {
        ++refused;
        continue;
      }
      ++obeyed;
      orders = std::move(with);
      taken += more;
    }
    if (orders.empty()) {
      chain.block({});
    } else {
      chain.obey(orders, taken);
    }
  }

  JobChain chain;
  std::size_t refused = 0;
  std::size_t obeyed = 0;
  std::size_t not_taken = 0;

 private:
  /// What the mempool would not take of what is said now or was before does nothing in a block.
  void check_looks(const std::vector<codec::JobStatement>& said) {
    JobRules rules{chain.world.rules.genesis, *chain.world.rules.params.compute};
    heard_.insert(heard_.end(), said.begin(), said.end());
    if (heard_.size() > 12) heard_.erase(heard_.begin(), heard_.end() - 12);
    for (const codec::JobStatement& statement : heard_) {
      const codec::CarryStatements carry{{statement}};
      Entries after = chain.entries();
      EXPECT_TRUE(apply_job(rules, chain.next(), after, carry, nullptr, nullptr));
      std::size_t looks = 1'000;
      const bool is_taken = check_carried(chain.entries(), chain.next(), carry, looks).has_value();
      const bool has_effect = !after.changed_since(chain.entries()).empty();
      EXPECT_TRUE(is_taken || !has_effect);
      not_taken += is_taken ? 0 : 1;
    }
  }

  std::uint32_t any(std::uint32_t first) {
    return first + static_cast<std::uint32_t>(rng_.below(4));
  }
  Ordering any_order(Amount& taken) {
    const JobId job{1 + rng_.below(2)};
    const std::uint32_t worker = any(workers_first);
    switch (rng_.below(8)) {
      case 0:
        taken = rng_.below(coin);
        return {codec::SubmitJob{chain.account(submitter), test::quick_job(), taken}, submitter};
      case 1: taken = 1 + rng_.below(coin / 10); return {codec::FundJob{job, taken}, 0};
      case 2:
        if (rng_.below(8) != 0) return {codec::EndJob{job}, any(owners_first)};
        return {codec::EndJob{job}, submitter};
      case 3:
      case 4:
        return {codec::EnrolSlots{job, identity(worker).key,
                                  static_cast<std::uint16_t>(1 + rng_.below(3))},
                worker};
      case 5: return {codec::LeaveJob{job, identity(worker).key, 1}, worker};
      case 6: return {codec::ConcedeDispute{1 + rng_.below(6)}, worker};
      default:
        return {codec::TakeBond{chain.account(any(owners_first)), coin / 4}, any(owners_first)};
    }
  }

  SeededRng rng_;
  std::vector<codec::JobStatement> heard_;
};

TEST(ExecuteJobs, ConservesCoinsWhateverHappensToJobs) {
  std::size_t refused = 0;
  std::size_t obeyed = 0;
  std::size_t not_taken = 0;
  std::size_t accepted = 0;
  std::size_t faults = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Unruly unruly(seed);
    for (int i = 0; i < 100 && !testing::Test::HasFailure(); ++i) unruly.block();
    refused += unruly.refused;
    obeyed += unruly.obeyed;
    not_taken += unruly.not_taken;
    accepted += unruly.chain.count(JobEvent::Kind::accepted);
    faults += unruly.chain.count(JobEvent::Kind::fault);
  }
  EXPECT_GT(refused, 50u);
  EXPECT_GT(obeyed, 50u);
  EXPECT_GT(not_taken, 1'000u);
  EXPECT_GT(accepted, 20u);
  EXPECT_GT(faults, 2u);
}

}  // namespace
}  // namespace kith::ledger
