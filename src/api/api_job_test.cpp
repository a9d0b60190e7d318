// Methods about jobs, over a whole node that is its chain's only validator, in virtual time.
#include <gtest/gtest.h>

#include "api/api.h"
#include "api/json.h"
#include "host/test_world.h"
#include "ledger/jobs_chain_test_util.h"

namespace kith::api {
namespace {

using codec::test::identity;
using codec::test::Ordering;

constexpr codec::Amount coin = codec::units_per_coin;
constexpr codec::Amount fee = 100'000;
constexpr codec::JobId the_job{1};
constexpr std::uint32_t submitter = 300;
constexpr std::uint32_t owners_first = 301;
constexpr std::uint32_t workers_first = 401;
constexpr std::uint32_t workers = 3;

class ApiJobTest : public testing::Test {
 protected:
  ApiJobTest() : rng_(1), key_(crypto::KeyPair::generate(rng_)) {
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params.block_interval_ms = 1'000;
    genesis_.params.compute = ledger::test::quick_compute();
    genesis_.outputs.push_back({0, 0, 100 * coin, identity(1).lock});
    codec::GenesisValidator validator;
    std::ranges::copy(key_.public_key().data, validator.key.begin());
    validator.owner = codec::lock_of(validator.key);
    validator.stake = 1'000 * coin;
    genesis_.validators.push_back(validator);
    hash_ = codec::genesis_hash(genesis_);
    coins_ = {hash_, 0};
    speakers_.emplace(hash_, the_job);
    node::NodeConfig config;
    config.host.peers_min = 0;
    node_ = std::make_unique<node::Node>(config, key_, rng_, base::null_log());
    api_ = std::make_unique<Api>(*node_, Surroundings());
    world_.add(*node_);
    world_.after_turn = [this](std::size_t) {
      while (auto report = node_->poll_report()) api_->on_report(world_.now(), *report);
    };
    ledger::MemoryStore& store = world_.work[0].chain;
    store.write(node::make_genesis_batch(genesis_));
    auto chain = node::Chain::open({}, {genesis_, &store, &key_}, rng_, base::null_log());
    EXPECT_TRUE(chain.has_value());
    node_->keep_chain(*std::move(chain), &key_);
    world_.input(0, host::WallClock{{1'700'000'000'500}});
    node_->start(world_.now());
    world_.turn(0);
    world_.run_for(10ms);
  }

  std::vector<Json> replies(const std::string& method, const Json& params) {
    std::vector<Json> all;
    const Json line{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", params}};
    api_->request(world_.now(), line.dump(),
                  [&](const std::string& reply, bool) { all.push_back(Json::parse(reply)); });
    world_.turn(0);
    world_.run_until([&] { return !all.empty(); });
    return all;
  }
  Json ask(const std::string& method, const Json& params = Json::object()) {
    const auto all = replies(method, params);
    EXPECT_EQ(all.size(), 1U) << method;
    if (all.empty()) return {};
    EXPECT_TRUE(all[0].contains("result")) << all[0].dump();
    return all[0].value("result", Json());
  }
  std::string error(const std::string& method, const Json& params) {
    const auto all = replies(method, params);
    if (all.empty() || !all[0].contains("error")) return "none";
    return all[0]["error"]["code"];
  }

  void order(const std::vector<Ordering>& orders, codec::Amount taken) {
    const auto tx = codec::seal(codec::test::payment(
        {{coins_, 1}}, {{1, left_ - taken - fee}}, fee, hash_, orders));
    coins_ = {tx->txid, 0};
    left_ -= taken + fee;
    ask("tx.submit", {{"tx", base::to_hex(codec::encode_transaction(tx->tx))}, {"wait", "final"}});
  }
  codec::AccountId account(std::uint32_t owner) const {
    return codec::account_id(hash_, identity(owner).key);
  }
  static std::string hex(std::uint32_t key) { return base::to_hex(identity(key).key); }
  void begin_job() {
    order({{codec::OpenAccount{identity(submitter).lock, coin, {}}, submitter},
           {codec::SubmitJob{account(submitter), ledger::test::quick_job(), coin}, submitter}},
          2 * coin);
    for (std::uint32_t i = 0; i < workers; ++i) {
      const std::uint32_t owner = owners_first + i;
      const std::uint32_t worker = workers_first + i;
      codec::AddWorker add{account(owner), identity(worker).key, 1, {}};
      add.proof = identity(worker).pair.sign(codec::add_worker_message(hash_, add, coins_));
      speakers_->add(owner, worker);
      order({{codec::OpenAccount{identity(owner).lock, coin, {}}, owner},
             {add, owner},
             {codec::EnrolSlots{the_job, identity(worker).key, 1}, worker}},
            coin);
    }
  }
  /// A block with what is to be said in it, so that it is the last of some round.
  void work(int blocks) {
    for (int i = 0; i < blocks; ++i) {
      const auto& entries = node_->chain()->states().tip()->registry().by_kind();
      const auto said = speakers_->statements(entries, codec::next(node_->chain()->height()), 2);
      if (said.empty()) {
        world_.run_for(1s);
      } else {
        order({{codec::CarryStatements{said}, 0}}, 0);
      }
    }
  }

  SeededRng rng_;
  crypto::KeyPair key_;
  codec::Genesis genesis_;
  codec::Hash hash_{};
  host::TestWorld world_;
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<Api> api_;
  std::optional<ledger::test::Speakers> speakers_;
  codec::OutPoint coins_;
  codec::Amount left_ = 100 * coin;
};

TEST_F(ApiJobTest, AChainWithoutJobsSaysSo) {
  EXPECT_TRUE(ask("job.list")["jobs"].empty());
  EXPECT_EQ(ask("job.list")["next"], nullptr);
  EXPECT_TRUE(ask("job.disputes")["disputes"].empty());
  EXPECT_TRUE(ask("compute.leaderboard")["accounts"].empty());
  EXPECT_EQ(error("job.get", {{"job", 1}}), "not_found");
  EXPECT_EQ(error("job.slots", {{"job", 1}}), "not_found");
  EXPECT_EQ(error("job.dispute", {{"dispute", 1}}), "not_found");
  EXPECT_EQ(error("job.enrolments", {{"worker", hex(workers_first)}}), "not_found");
  EXPECT_EQ(error("job.enrolments", {{"worker", "12"}}), "usage");
  EXPECT_EQ(error("job.work", {{"job", 1}, {"worker", hex(workers_first)}, {"limit", 257}}),
            "usage");
  EXPECT_EQ(error("job.slots", {{"job", 1}, {"after", 1ULL << 32}}), "usage");
  EXPECT_EQ(error("job.members", {{"job", 1}, {"after", "xyz"}}), "usage");
  EXPECT_EQ(error("job.list", {{"limit", 0}}), "usage");
}

TEST_F(ApiJobTest, WhatTheStateHoldsOfAJob) {
  begin_job();
  work(24);
  const Json job = ask("job.get", {{"job", 1}});
  EXPECT_EQ(job["state"], "working");
  EXPECT_EQ(job["account"], base::to_hex(account(submitter)));
  EXPECT_EQ(job["spec"]["units"], 64);
  EXPECT_EQ(job["spec"]["params"], "010203");
  EXPECT_EQ(job["mature"], 2);
  EXPECT_EQ(job["slots"], workers);
  EXPECT_EQ(job["regions"], 625);
  EXPECT_GT(job["leased"], 0);
  EXPECT_TRUE(job["round"].is_number());
  const Json list = ask("job.list");
  ASSERT_EQ(list["jobs"].size(), 1U);
  EXPECT_EQ(list["jobs"][0]["job"], 1);

  const Json first = ask("job.slots", {{"job", 1}, {"limit", 2}});
  ASSERT_EQ(first["slots"].size(), 2U);
  EXPECT_EQ(first["next"], first["slots"][1]["slot"]);
  const Json rest = ask("job.slots", {{"job", 1}, {"limit", 2}, {"after", first["next"]}});
  ASSERT_EQ(rest["slots"].size(), 1U);
  EXPECT_EQ(rest["next"], nullptr);
  EXPECT_GT(rest["slots"][0]["slot"], first["next"]);

  const Json members = ask("job.members", {{"job", 1}});
  ASSERT_EQ(members["members"].size(), workers);
  EXPECT_LT(members["members"][0]["account"], members["members"][1]["account"]);
  const Json behind =
      ask("job.members", {{"job", 1}, {"after", members["members"][0]["account"]}});
  EXPECT_EQ(behind["members"].size(), workers - 1);

  const Json enrolments = ask("job.enrolments", {{"worker", hex(workers_first)}});
  EXPECT_EQ(enrolments["account"], base::to_hex(account(owners_first)));
  ASSERT_EQ(enrolments["enrolments"].size(), 1U);
  EXPECT_EQ(enrolments["enrolments"][0]["slots"].size(), 1U);
}

TEST_F(ApiJobTest, WhatAWorkerHasToDoAndWhatCameOfIt) {
  begin_job();
  bool has_lease = false;
  bool has_check = false;
  bool has_reveal = false;
  for (int i = 0; i < 60; ++i) {
    work(1);
    const Json todo = ask("job.work", {{"job", 1}, {"worker", hex(workers_first)}});
    EXPECT_EQ(todo["account"], base::to_hex(account(owners_first)));
    if (!todo["round"].is_null()) EXPECT_GT(todo["round_ends"], todo["height"]);
    for (const Json& check : todo["checks"]) EXPECT_FALSE(check["units"].empty());
    for (const Json& reveal : todo["reveals"]) EXPECT_FALSE(reveal["parts"].empty());
    has_lease = has_lease || !todo["leases"].empty();
    has_check = has_check || !todo["checks"].empty();
    has_reveal = has_reveal || !todo["reveals"].empty();
  }
  EXPECT_TRUE(has_lease && has_check && has_reveal);
  EXPECT_EQ(error("job.work", {{"job", 2}, {"worker", hex(workers_first)}}), "not_found");

  const Json regions = ask("job.regions", {{"job", 1}});
  ASSERT_FALSE(regions["regions"].empty());
  EXPECT_GT(regions["regions"][0]["accepted"], 0);
  EXPECT_EQ(regions["regions"][0]["root"].get<std::string>().size(), 64U);
  EXPECT_EQ(regions["regions"][0]["root_second"], nullptr);
  const Json board = ask("compute.leaderboard", {{"limit", 2}});
  EXPECT_EQ(board["is_whole"], true);
  ASSERT_EQ(board["accounts"].size(), 2U);
  EXPECT_GE(board["accounts"][0]["units"], board["accounts"][1]["units"]);
  EXPECT_GT(board["accounts"][0]["units"], 0);
  EXPECT_EQ(board["accounts"][0]["jobs"], 1);
}

TEST_F(ApiJobTest, ADisputeIsShownWhileItIsOpen) {
  begin_job();
  speakers_->workers.at(workers_first).makes_checks_up = true;
  Json disputes;
  for (int i = 0; i < 60; ++i) {
    work(1);
    disputes = ask("job.disputes", {{"job", 1}})["disputes"];
    if (!disputes.empty()) break;
  }
  ASSERT_FALSE(disputes.empty());
  EXPECT_EQ(disputes[0]["kind"], "check");
  EXPECT_EQ(disputes[0]["other"]["worker"], hex(workers_first));
  const Json one = ask("job.dispute", {{"dispute", disputes[0]["dispute"]}});
  EXPECT_EQ(one["worker"]["slot"], disputes[0]["worker"]["slot"]);
  EXPECT_TRUE(ask("job.disputes", {{"job", 2}})["disputes"].empty());
}

}  // namespace
}  // namespace kith::api
