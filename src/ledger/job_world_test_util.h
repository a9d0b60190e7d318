// For tests of jobs in blocks: a chain with a job and workers, whose blocks are made by assemble(),
// executed anew, and counted over.
#pragma once

#include "ledger/jobs_chain_test_util.h"
#include "ledger/ledger_test_util.h"

namespace kith::ledger::test {

using codec::test::Ordering;

inline constexpr Amount job_fee = 100'000;  // enough for the largest transaction
inline constexpr std::uint32_t submitter = 300;
inline constexpr std::uint32_t owners_first = 301;
inline constexpr std::uint32_t workers_first = 401;  // of the owner that is 100 below

inline codec::Genesis computing_genesis() {
  codec::Genesis genesis = make_genesis(3);
  genesis.params.compute = quick_compute();
  return genesis;
}

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
    return payment({{coins_, 1}}, {{1, left_ - taken - job_fee}}, job_fee, world.rules.genesis,
                   orders);
  }
  void pay(std::vector<codec::TxPtr>& txs, const std::vector<Ordering>& orders, Amount taken = 0) {
    txs.push_back(codec::seal(tx(orders, taken)));
    coins_ = {txs.back()->txid, 0};
    left_ -= taken + job_fee;
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
    const Hash id = block_id(++world.blocks);
    world.tree->add(id, executed->state);
    world.finalize(id);
    expect_consistent(world);
    speakers.hear(executed->jobs);
    log.insert(log.end(), executed->jobs.begin(), executed->jobs.end());
    return *std::move(executed);
  }

  /// A job of the submitter's, and so many owners with a worker and a slot each.
  void populate(std::uint32_t owners, Amount funds, codec::JobSpec spec = quick_job()) {
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
    for (int i = 0; i < count * quick_job().round_blocks; ++i) said_block();
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
  Speakers speakers;
  JobLog log;

 private:
  codec::OutPoint coins_ = world.rich(1);
  Amount left_ = rich_amount;
};

}  // namespace kith::ledger::test
