// Jobs as blocks change them: orders in transactions, carried statements and their signatures, what
// happens after a block's transactions, money, and stores that are opened anew. What the rules do
// by themselves: jobs_test.cpp, jobs_model_test.cpp.
#include "ledger/jobs_chain_test_util.h"
#include "ledger/ledger_test_util.h"

namespace kith::ledger {
namespace {

using codec::test::Ordering;
using test::coin;
using test::identity;
using test::rich_amount;
using test::World;

constexpr Amount some_fee = 100'000;  // enough for the largest transaction
constexpr std::uint32_t submitter = 300;
constexpr std::uint32_t owners_first = 301;
constexpr std::uint32_t workers_first = 401;  // of the owner that is 100 below

codec::Genesis computing_genesis() {
  codec::Genesis genesis = test::make_genesis(3);
  genesis.params.compute = test::quick_compute();
  return genesis;
}

/// A chain whose blocks are made by assemble(), executed anew, and counted over.
class JobChain {
 public:
  explicit JobChain(const codec::Genesis& genesis = computing_genesis())
      : world(genesis), speakers(world.rules.genesis, JobId{1}) {}

  AccountId account(std::uint32_t owner) const {
    return codec::account_id(world.rules.genesis, identity(owner).key);
  }
  const Entries& entries() const { return world.tree->tip()->registry().by_kind(); }
  Height next() const { return codec::next(world.tree->tip()->height()); }
  const Supply& supply() const { return world.tree->tip()->supply(); }

  /// Key 1's coins pay for all; what is left comes back to it.
  codec::Transaction tx(const std::vector<Ordering>& orders, Amount taken = 0) const {
    return test::payment({{coins_, 1}}, {{1, left_ - taken - some_fee}}, some_fee,
                         world.rules.genesis, orders);
  }
  void pay(std::vector<codec::TxPtr>& txs, const std::vector<Ordering>& orders, Amount taken = 0) {
    txs.push_back(codec::seal(tx(orders, taken)));
    coins_ = {txs.back()->txid, 0};
    left_ -= taken + some_fee;
  }
  Executed obey(const std::vector<Ordering>& orders, Amount taken = 0) {
    std::vector<codec::TxPtr> txs;
    pay(txs, orders, taken);
    return block(txs);
  }
  std::string refusal(const std::vector<Ordering>& orders, Amount taken = 0) const {
    const auto executed = world.execute_on(world.tree->tip(), {tx(orders, taken)});
    EXPECT_FALSE(executed);
    return executed ? "executed" : executed.error().message;
  }

  /// All candidates apply.
  Executed block(const std::vector<codec::TxPtr>& txs) {
    const BlockContext context = world.context_on(*world.tree->tip());
    std::size_t at = 0;
    const auto give = [&] { return at < txs.size() ? txs[at++] : nullptr; };
    const auto made = assemble(world.rules, world.tree->tip(), context, give, {});
    EXPECT_TRUE(made) << made.error().message;
    EXPECT_TRUE(made->skipped.empty()) << made->skipped[0].second.message;
    const auto body = codec::decode_body(encode_body(made->body), 1 << 22);
    EXPECT_TRUE(body) << body.error().message;
    auto executed = execute(world.rules, world.tree->tip(), context, *body, {});
    EXPECT_TRUE(executed) << executed.error().message;
    EXPECT_EQ(executed->roots, made->executed.roots);
    EXPECT_EQ(executed->jobs.size(), made->executed.jobs.size());
    const Hash id = test::block_id(++world.blocks);
    world.tree->add(id, executed->state);
    world.finalize(id);
    test::expect_consistent(world);
    speakers.hear(executed->jobs);
    log.insert(log.end(), executed->jobs.begin(), executed->jobs.end());
    return *std::move(executed);
  }

  /// A job of the submitter's, and so many owners with a worker and a slot each.
  void populate(std::uint32_t owners, Amount funds, codec::JobSpec spec = test::quick_job()) {
    obey({{codec::OpenAccount{identity(submitter).lock, coin, {}}, submitter}}, coin);
    obey({{codec::SubmitJob{account(submitter), spec, funds}, submitter}}, funds);
    for (std::uint32_t i = 0; i < owners; ++i) {
      const std::uint32_t owner = owners_first + i;
      const std::uint32_t worker = workers_first + i;
      codec::AddWorker add{
          account(owner), identity(worker).key, static_cast<std::uint8_t>(1 + i % 2), {}};
      add.proof =
          identity(worker).pair.sign(codec::add_worker_message(world.rules.genesis, add, coins_));
      speakers.add(owner, worker);
      obey({{codec::OpenAccount{identity(owner).lock, coin, {}}, owner},
            {add, owner},
            {codec::EnrolSlots{JobId{1}, identity(worker).key, 1}, worker}},
           coin);
    }
  }

  /// A block with what the workers have to say, if it is something.
  Executed said_block() {
    const auto said = speakers.statements(entries(), next());
    if (said.empty()) return block({});
    return obey(carrying(said));
  }
  /// As many to an action as there is room for.
  static std::vector<Ordering> carrying(const std::vector<codec::JobStatement>& said) {
    std::vector<codec::CarryStatements> carries;
    std::size_t bytes = 0;
    for (const codec::JobStatement& statement : said) {
      const std::size_t more = codec::encode_statement(statement).size();
      if (carries.empty() || bytes + more > codec::tx_action_bytes_max - 16) {
        carries.emplace_back();
        bytes = 0;
      }
      bytes += more;
      carries.back().statements.push_back(statement);
    }
    std::vector<Ordering> orders;
    for (codec::CarryStatements& carry : carries) orders.push_back({std::move(carry), 0});
    return orders;
  }
  void rounds(int count) {
    for (int i = 0; i < count * test::quick_job().round_blocks; ++i) said_block();
  }

  Amount coins_of(std::uint32_t owner) const {
    Amount sum = 0;
    EXPECT_TRUE(world.store.scan(Table::utxo, [&](ByteView, ByteView value) {
      const auto utxo = codec::decode_utxo(value);
      if (utxo->output.lock == identity(owner).lock) sum += utxo->output.value;
    }));
    return sum;
  }
  std::size_t count(JobEvent::Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count(log, kind, &JobEvent::kind));
  }
  /// Of the first carrier of statements that has one.
  codec::JobStatement some_statement() {
    for (;;) {
      const auto all = speakers.statements(entries(), next());
      if (!all.empty()) return all.front();
      block({});
    }
  }

  World world;
  test::Speakers speakers;
  JobLog log;

 private:
  codec::OutPoint coins_ = world.rich(1);
  Amount left_ = rich_amount;
};

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
  unknown.actions.push_back({codec::module_jobs, codec::TxAction::no_witness, {8, 1}});
  codec::sign(unknown, identity(1).pair, chain.world.rules.genesis);
  const auto executed = chain.world.execute_on(chain.world.tree->tip(), {unknown});
  ASSERT_FALSE(executed);
  EXPECT_NE(executed.error().message.find("order 8 to the jobs"), std::string::npos);
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
      test::payment({{world.rich(1), 1}}, {{1, rich_amount - some_fee - 5}}, some_fee,
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

 private:
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
};

TEST(ExecuteJobs, ConservesCoinsWhateverHappensToJobs) {
  std::size_t refused = 0;
  std::size_t obeyed = 0;
  std::size_t accepted = 0;
  std::size_t faults = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Unruly unruly(seed);
    for (int i = 0; i < 100 && !testing::Test::HasFailure(); ++i) unruly.block();
    refused += unruly.refused;
    obeyed += unruly.obeyed;
    accepted += unruly.chain.count(JobEvent::Kind::accepted);
    faults += unruly.chain.count(JobEvent::Kind::fault);
  }
  EXPECT_GT(refused, 50u);
  EXPECT_GT(obeyed, 50u);
  EXPECT_GT(accepted, 20u);
  EXPECT_GT(faults, 2u);
}

}  // namespace
}  // namespace kith::ledger
