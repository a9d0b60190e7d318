// Whole nodes that work a job: it is submitted in a transaction, workers enrol, compute, check each
// other and are paid, all over real connections; the carriers' coins pay for what they say.
#include <gtest/gtest.h>

#include "codec/test_chain.h"
#include "compute/workload_goldbach.h"
#include "node/chain_index.h"
#include "node/node_test_util.h"

namespace kith::node {
namespace {

using codec::test::identity;
using codec::test::Ordering;

constexpr std::size_t nodes = 4;
constexpr std::uint32_t submitter = 300;
std::uint32_t carrier_of(std::size_t i) { return 201 + static_cast<std::uint32_t>(i); }
std::uint32_t owner_of(std::size_t i) { return 301 + static_cast<std::uint32_t>(i); }
std::uint32_t worker_of(std::size_t i) { return 401 + static_cast<std::uint32_t>(i); }

class NodeWorkTest : public NodeTest {
 protected:
  NodeWorkTest() {
    SeededRng rng(99);
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params.block_interval_ms = 100;
    genesis_.params.epoch_blocks = 50;
    genesis_.params.jail_threshold = 0;
    codec::ComputeParams compute;
    compute.draw_gap = 2;
    compute.min_bond = 16;
    compute.account_bond = 10;
    compute.bond_epochs = 1;
    compute.answer_blocks = 100;
    genesis_.params.compute = compute;
    for (std::size_t i = 0; i < nodes; ++i) {
      pay_to(carrier_of(i), 10 * codec::units_per_coin);
      keys_.push_back(crypto::KeyPair::generate(rng));
      codec::GenesisValidator validator;
      std::ranges::copy(keys_.back().public_key().data, validator.key.begin());
      validator.owner = codec::lock_of(validator.key);
      validator.stake = 1'000 * codec::units_per_coin;
      genesis_.validators.push_back(validator);
    }
    std::ranges::sort(genesis_.validators, {}, &codec::GenesisValidator::key);
    pay_to(1, 1'000 * codec::units_per_coin);
    hash_ = codec::genesis_hash(genesis_);
  }

  void pay_to(std::uint32_t key, codec::Amount value) {
    genesis_.outputs.push_back({0, 0, value, identity(key).lock});
  }
  codec::AccountId account(std::uint32_t owner) const {
    return codec::account_id(hash_, identity(owner).key);
  }

  std::unique_ptr<Worker> make_worker(std::size_t i) const {
    WorkerConfig config;
    config.genesis = hash_;
    config.params = *genesis_.params.compute;
    config.make_workload = [](std::uint8_t, ByteView) {
      return std::make_unique<compute::GoldbachWorkload>();
    };
    config.in_flight_max = 8;
    return std::make_unique<Worker>(config, identity(worker_of(i)).pair, std::vector<Bytes>());
  }
  std::unique_ptr<Carrier> make_carrier(std::size_t i) const {
    return std::make_unique<Carrier>(genesis_.params, hash_, identity(carrier_of(i)).pair,
                                     &identity(worker_of(i)).pair);
  }

  void add_node(std::size_t i, bool has_carrier) {
    const std::size_t index = members_.size();
    members_.push_back(std::make_unique<Member>(index + 1, config()));
    Member& member = *members_.back();
    world_.add(member.node);
    world_.after_turn = [this](std::size_t n) {
      while (auto report = members_[n]->node.poll_report()) {
        if (std::holds_alternative<BlockFinalized>(*report)) continue;
        members_[n]->reports.push_back(std::move(*report));
      }
    };
    ledger::MemoryStore& store = world_.work[index].chain;
    store.write(make_genesis_batch(genesis_));
    auto chain =
        Chain::open({}, {genesis_, &store, &keys_[i], {}, {}, false}, member.rng, base::null_log());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    member.node.keep_chain(*std::move(chain), &keys_[i]);
    auto carrier = has_carrier ? make_carrier(i) : nullptr;
    if (carrier) carrier->serve_others(serves_others_);
    member.node.begin_work(make_worker(i), std::move(carrier));
    world_.input(index, host::WallClock{{1'700'000'000'000}});
    member.node.start(world_.now());
    world_.turn(index);
    world_.run_for(1ms);
  }
  void add_all(bool all_pay = true) {
    for (std::size_t i = 0; i < nodes; ++i) add_node(i, all_pay || i > 0);
    for (std::size_t a = 0; a < nodes; ++a) {
      for (std::size_t b = a + 1; b < nodes; ++b) connect(a, b, a * 10 + b);
    }
  }

  /// What the shells do: slices and records take a moment.
  void run_for(Duration duration) {
    for (const Instant end = world_.now() + duration; world_.now() < end;) {
      world_.run_for(20ms);
      for (std::size_t i = 0; i < members_.size(); ++i) work(i);
    }
  }
  void work(std::size_t i) {
    struct Goes final : compute::Progress {
      bool go_on(std::uint64_t, std::uint64_t) override { return true; }
    } goes;
    Node& node = members_[i]->node;
    while (auto asked = node.poll_work()) {
      if (const auto* slice = std::get_if<ComputeSlice>(&*asked)) {
        const auto unit = goldbach_.unit_of(*slice->params, {slice->task.value}, slice->unit);
        auto result = goldbach_.run(*unit, slice->slice, goes);
        if (spoil_) spoil_(i, *slice, *result);
        node.on_computed(world_.now(), slice->token, std::move(result));
      } else if (const auto* keep = std::get_if<KeepRecords>(&*asked)) {
        node.on_kept(world_.now(), keep->token);
      }
      world_.turn(i);
    }
  }

  /// Key 1's coins pay for it.
  void order(const std::vector<Ordering>& orders, codec::Amount taken = 0) {
    constexpr codec::Amount fee = 100'000;
    if (coins_.txid == Hash{}) {
      coins_ = read_owned(world_.work[0].chain, identity(1).lock, {}, 1).value().at(0);
      left_ = 1'000 * codec::units_per_coin;
    }
    left_ -= taken + fee;
    const auto tx =
        codec::seal(codec::test::payment({{coins_, 1}}, {{1, left_}}, fee, hash_, orders));
    coins_ = {tx->txid, 0};
    command(0, SubmitTransaction{Token{77}, tx});
    run_for(1s);
    const auto* answered = members_[0]->last<TransactionAnswered>();
    ASSERT_NE(answered, nullptr);
    EXPECT_TRUE(answered->accepted.has_value()) << answered->accepted.error().message;
  }
  void open_accounts() {
    for (std::uint32_t owner = submitter; owner <= owner_of(nodes - 1); ++owner) {
      order({{codec::OpenAccount{identity(owner).lock, 1'000'000, {}}, owner}}, 1'000'000);
    }
    for (std::size_t i = 0; i < nodes; ++i) {
      codec::AddWorker add{account(owner_of(i)),
                           identity(worker_of(i)).key,
                           static_cast<std::uint8_t>(1 + i % 2),
                           {}};
      add.proof = identity(worker_of(i)).pair.sign(codec::add_worker_message(hash_, add, coins_));
      order({{add, owner_of(i)}});
    }
  }
  static codec::JobSpec small_job() {
    compute::GoldbachParams params;
    params.first = 1'000;
    params.units = 4;
    params.slices = 2;
    params.unit_numbers = 8;
    params.numbers = 4 * 8 * 8;
    codec::JobSpec spec;
    spec.workload = 2;
    spec.params = compute::encode_params(params);
    spec.tasks = 8;
    spec.units = 4;
    spec.slices = 2;
    spec.region_tasks = 4;
    spec.round_blocks = 16;
    spec.lease_rounds = 4;
    spec.checked_min = 4;
    spec.eps_ppm = 100'000;
    spec.passes = 1;
    spec.price = 4'000;
    spec.price2 = 4'000;
    spec.bond = 16'000;
    return spec;
  }

  const ledger::Entries& entries() const {
    return members_[0]->node.chain()->states().tip()->registry().by_kind();
  }

  codec::Genesis genesis_;
  Hash hash_{};
  std::vector<crypto::KeyPair> keys_;
  compute::GoldbachWorkload goldbach_;
  codec::OutPoint coins_;
  codec::Amount left_ = 0;
  bool serves_others_ = false;
  /// What a node's device makes of a slice.
  std::function<void(std::size_t, const ComputeSlice&, Bytes&)> spoil_;
};

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
