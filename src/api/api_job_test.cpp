// Methods about jobs, over a whole node that is its chain's only validator: a job's life as they
// show it, from its order to its end, page by page, and what they say of parameters that cannot be.
#include <gtest/gtest.h>

#include "api/api.h"
#include "api/json.h"
#include "codec/test_chain.h"
#include "host/test_world.h"
#include "ledger/jobs_chain_test_util.h"

namespace kith::api {
namespace {

using codec::test::identity;
using codec::test::Ordering;

constexpr codec::Amount coin = codec::units_per_coin;
constexpr codec::Amount fee = 100'000;
constexpr codec::Amount funds = coin;
constexpr std::uint32_t submitter = 300;
constexpr std::uint32_t owners_first = 301;
constexpr std::uint32_t workers_first = 401;
constexpr std::uint32_t workers = 4;
/// Its checks are made up until it is disputed.
constexpr std::uint32_t liar = workers_first + 3;
/// Blocks before its round ends that a worker speaks: its transaction takes one or two.
constexpr std::uint64_t early = 4;

class ApiJobTest : public testing::Test {
 protected:
  ApiJobTest() : rng_(1), key_(crypto::KeyPair::generate(rng_)) {
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params.block_interval_ms = 1'000;
    genesis_.params.epoch_blocks = 50;
    genesis_.params.compute = ledger::test::quick_compute();
    genesis_.outputs.push_back({0, 0, left_, identity(1).lock});
    codec::GenesisValidator validator;
    std::ranges::copy(key_.public_key().data, validator.key.begin());
    validator.owner = codec::lock_of(validator.key);
    validator.stake = 1'000 * coin;
    genesis_.validators.push_back(validator);
    hash_ = codec::genesis_hash(genesis_);
    coins_ = {hash_, 0};
    speakers_.emplace(hash_, codec::JobId{1});
    start();
  }

  void start() {
    node::NodeConfig config;
    config.host.peers_min = 0;
    node_ = std::make_unique<node::Node>(config, key_, rng_, base::null_log());
    api_ = std::make_unique<Api>(*node_, Surroundings());
    world_.add(*node_);
    world_.after_turn = [this](std::size_t) {
      while (auto report = node_->poll_report()) {
        api_->on_report(world_.now(), *report);
        if (const auto* done = std::get_if<node::BlockFinalized>(&*report)) {
          speakers_->hear(done->jobs);
        }
      }
    };
    ledger::MemoryStore& store = world_.work[0].chain;
    store.write(node::make_genesis_batch(genesis_));
    auto chain = node::Chain::open({}, {genesis_, &store, &key_}, rng_, base::null_log());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    node_->keep_chain(*std::move(chain), &key_);
    world_.input(0, host::WallClock{{1'700'000'000'500}});
    node_->start(world_.now());
    world_.turn(0);
    world_.run_for(10ms);
  }

  Json reply(const std::string& method, const Json& params) {
    std::vector<Json> replies;
    const Json line{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", params}};
    api_->request(world_.now(), line.dump(),
                  [&](const std::string& text, bool) { replies.push_back(Json::parse(text)); });
    world_.turn(0);
    world_.turn(0);
    world_.run_until([&] { return !replies.empty(); });
    EXPECT_EQ(replies.size(), 1U) << method;
    return replies.empty() ? Json::object() : replies[0];
  }
  Json ask(const std::string& method, const Json& params = Json::object()) {
    const Json got = reply(method, params);
    EXPECT_TRUE(got.contains("result")) << method << ": " << got.dump();
    return got.value("result", Json::object());
  }
  /// Its code, and after it the sentence.
  std::string error(const std::string& method, const Json& params = Json::object()) {
    const Json got = reply(method, params);
    if (!got.contains("error")) return "none";
    return got["error"]["code"].get<std::string>() + ": " +
           got["error"]["message"].get<std::string>();
  }

  const ledger::Entries& entries() const {
    return node_->chain()->states().tip()->registry().by_kind();
  }
  codec::AccountId account(std::uint32_t owner) const {
    return codec::account_id(hash_, identity(owner).key);
  }
  std::string account_text(std::uint32_t owner) const { return base::to_hex(account(owner)); }
  static std::string worker_text(std::uint32_t worker) {
    return base::to_hex(identity(worker).key);
  }

  /// Key 1's coins pay for it; comes back when it is final.
  void order(const std::vector<Ordering>& orders, codec::Amount taken = 0) {
    left_ -= taken + fee;
    const auto tx =
        codec::seal(codec::test::payment({{coins_, 1}}, {{1, left_}}, fee, hash_, orders));
    coins_ = {tx->txid, 0};
    const Json done = ask(
        "tx.submit", {{"tx", base::to_hex(codec::encode_transaction(tx->tx))}, {"wait", "final"}});
    EXPECT_EQ(done.value("status", ""), "final");
  }

  static codec::JobSpec spec() {
    codec::JobSpec spec = ledger::test::quick_job();
    spec.tasks = 12;
    spec.region_tasks = 5;
    spec.round_blocks = 8;
    return spec;
  }
  void submit() {
    order({{codec::OpenAccount{identity(submitter).lock, coin, {}}, submitter}}, coin);
    order({{codec::SubmitJob{account(submitter), spec(), funds}, submitter}}, funds);
  }
  void enrol() {
    for (std::uint32_t i = 0; i < workers; ++i) {
      const std::uint32_t owner = owners_first + i;
      const std::uint32_t worker = workers_first + i;
      speakers_->add(owner, worker).makes_checks_up = worker == liar;
      codec::AddWorker add{
          account(owner), identity(worker).key, static_cast<std::uint8_t>(1 + i % 2), {}};
      add.proof = identity(worker).pair.sign(codec::add_worker_message(hash_, add, coins_));
      order({{codec::OpenAccount{identity(owner).lock, coin, {}}, owner},
             {add, owner},
             {codec::EnrolSlots{{1}, identity(worker).key, 1}, worker}},
            coin);
    }
  }
  /// Workers say what they have to, each once a round, until it is so.
  bool live_until(const std::function<bool()>& is_so) {
    for (int i = 0; i < 1'500 && !is_so(); ++i) {
      std::vector<codec::JobStatement> news;
      const auto next = codec::next(node_->chain()->height());
      for (codec::JobStatement& said : speakers_->statements(entries(), next, early)) {
        if (said_.insert({said.worker, said.round}).second) news.push_back(std::move(said));
      }
      if (!news.empty()) {
        order({{codec::CarryStatements{std::move(news)}, 0}});
      } else {
        world_.run_for(500ms);
      }
    }
    return is_so();
  }
  bool is_there() const { return ledger::find_job(entries(), {1}).has_value(); }

  /// All of a method's list, in pages of two; each page but the last is full.
  Json pages(const std::string& method, Json params, const char* name) {
    Json all = Json::array();
    params["limit"] = 2;
    for (;;) {
      const Json page = ask(method, params);
      for (const Json& each : page[name]) all.push_back(each);
      if (page["next"].is_null() || all.size() > 100) return all;
      EXPECT_EQ(page[name].size(), 2U) << method;
      params["after"] = page["next"];
    }
  }

  SeededRng rng_;
  crypto::KeyPair key_;
  codec::Amount left_ = 100 * coin;
  codec::Genesis genesis_;
  codec::Hash hash_{};
  codec::OutPoint coins_;
  std::optional<ledger::test::Speakers> speakers_;
  std::set<std::pair<codec::ChainKey, std::uint64_t>> said_;
  host::TestWorld world_;
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<Api> api_;
};

TEST_F(ApiJobTest, WithoutJobsListsAreEmptyAndNothingIsFound) {
  world_.run_for(3s);
  const Json list = ask("job.list");
  EXPECT_TRUE(list["jobs"].empty());
  EXPECT_TRUE(list["next"].is_null());
  EXPECT_GT(list["height"], 0);
  EXPECT_TRUE(ask("job.disputes")["disputes"].empty());
  EXPECT_TRUE(ask("job.members", {{"job", 1}})["members"].empty());
  EXPECT_TRUE(ask("job.regions", {{"job", 1}})["regions"].empty());
  const Json board = ask("compute.leaderboard");
  EXPECT_TRUE(board["accounts"].empty());
  EXPECT_TRUE(board["is_whole"].get<bool>());
  EXPECT_TRUE(error("job.get", {{"job", 1}}).starts_with("not_found: no job 1 at height "));
  EXPECT_TRUE(error("job.slots", {{"job", 1}}).starts_with("not_found: no job 1 at height "));
  EXPECT_TRUE(error("job.dispute", {{"dispute", 3}}).starts_with("not_found: no dispute 3 at"));
  const std::string nobody(64, 'a');
  EXPECT_TRUE(error("job.enrolments", {{"worker", nobody}})
                  .starts_with("not_found: no account has the worker " + nobody));
  EXPECT_TRUE(error("job.work", {{"job", 1}, {"worker", nobody}})
                  .starts_with("not_found: worker " + nobody + " has no slots in job 1"));
}

TEST_F(ApiJobTest, ParametersThatCannotBeAreNamed) {
  const auto says = [&](const std::string& method, const Json& params, const std::string& what) {
    const std::string told = error(method, params);
    EXPECT_TRUE(told.starts_with("usage: ")) << method << params.dump() << " " << told;
    EXPECT_NE(told.find(what), std::string::npos) << method << params.dump() << " " << told;
  };
  for (const char* method : {"job.get", "job.slots", "job.regions", "job.members", "job.work"}) {
    says(method, Json::object(), "job");
    says(method, {{"job", "first"}}, "job");
    says(method, {{"job", -1}}, "job");
  }
  says("job.dispute", Json::object(), "dispute");
  says("job.enrolments", Json::object(), "worker");
  says("job.enrolments", {{"worker", "12"}}, "worker is 64 digits of hex, not \"12\"");
  says("job.work", {{"job", 1}, {"worker", "zz"}}, "worker is 64 digits of hex, not \"zz\"");
  says("job.list", {{"colour", 1}}, "colour");
  const std::string worker(64, 'a');
  for (const int limit : {0, 257}) {
    says("job.work", {{"job", 1}, {"worker", worker}, {"limit", limit}},
         "\"limit\" is 1 to 256, not " + std::to_string(limit));
  }
  for (const char* method : {"job.list", "job.slots", "job.regions", "job.members", "job.disputes",
                             "compute.leaderboard"}) {
    Json params = Json::object();
    const std::string name = method;
    if (name != "job.list" && name != "compute.leaderboard") params["job"] = 1;
    for (const int limit : {0, 1'001}) {
      params["limit"] = limit;
      says(method, params, "\"limit\" is 1 to 1000, not " + std::to_string(limit));
    }
  }
  for (const char* method : {"job.slots", "job.regions"}) {
    says(method, {{"job", 1}, {"after", 4'294'967'296}}, "after: 4294967296 is no such number");
  }
  says("job.members", {{"job", 1}, {"after", "kith"}}, "after is 64 digits of hex");
}

TEST_F(ApiJobTest, AJobIsSeenFromItsOrderToItsSlots) {
  submit();
  const Json job = ask("job.get", {{"job", 1}});
  EXPECT_EQ(job["job"], 1);
  EXPECT_EQ(job["state"], "working");
  EXPECT_EQ(job["account"], account_text(submitter));
  EXPECT_EQ(job["name"], nullptr);
  EXPECT_EQ(job["spec"]["tasks"], 12);
  EXPECT_EQ(job["spec"]["params"], "010203");
  EXPECT_EQ(job["spec"]["round_blocks"], 8);
  EXPECT_EQ(job["escrow"], funds);
  EXPECT_EQ(job["regions"], 3);
  EXPECT_EQ(job["slots"], 0);
  // A second and a third, which nobody works for: of the list each page has two.
  for (int i = 0; i < 2; ++i) {
    order({{codec::SubmitJob{account(submitter), spec(), 1'000}, submitter}}, 1'000);
  }
  const Json jobs = pages("job.list", Json::object(), "jobs");
  ASSERT_EQ(jobs.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(jobs[i]["job"], i + 1);
  EXPECT_TRUE(ask("job.list", {{"after", 3}})["jobs"].empty());

  enrol();
  const Json slots = pages("job.slots", {{"job", 1}}, "slots");
  ASSERT_EQ(slots.size(), workers);
  std::set<std::string> keys;
  for (const Json& slot : slots) {
    keys.insert(slot["worker"].get<std::string>());
    EXPECT_EQ(slot["cohort"], slot["slot"].get<int>() % 8);
    EXPECT_EQ(slot["passed"], 0);
    EXPECT_FALSE(slot["is_leaving"].get<bool>());
  }
  EXPECT_EQ(keys.size(), workers);
  EXPECT_TRUE(ask("job.slots", {{"job", 2}})["slots"].empty());
  const Json members = pages("job.members", {{"job", 1}}, "members");
  ASSERT_EQ(members.size(), workers);
  for (std::size_t i = 0; i + 1 < members.size(); ++i) {
    EXPECT_LT(members[i]["account"].get<std::string>(),
              members[i + 1]["account"].get<std::string>());
    EXPECT_EQ(members[i]["slots"], 1);
  }
  const Json enrolled = ask("job.enrolments", {{"worker", worker_text(workers_first)}});
  EXPECT_EQ(enrolled["account"], account_text(owners_first));
  EXPECT_EQ(enrolled["device_class"], 1);
  ASSERT_EQ(enrolled["enrolments"].size(), 1U);
  EXPECT_EQ(enrolled["enrolments"][0]["job"], 1);
  EXPECT_EQ(enrolled["enrolments"][0]["slots"].size(), 1U);
}

TEST_F(ApiJobTest, WorkIsSeenUntilItIsAcceptedAndTheJobHasEnded) {
  submit();
  enrol();
  const Json asked{{"job", 1}, {"worker", worker_text(workers_first)}};
  Json work;
  ASSERT_TRUE(live_until([&] { return !(work = ask("job.work", asked))["leases"].empty(); }));
  EXPECT_EQ(work["account"], account_text(owners_first));
  EXPECT_TRUE(work["next"].is_null());
  const Json lease = work["leases"][0];
  EXPECT_EQ(lease["pass"], 1);
  EXPECT_LT(lease["task"], 12);
  EXPECT_TRUE(
      ask("job.work",
          {{"job", 1}, {"worker", worker_text(workers_first)}, {"after", lease["slot"]}})["leases"]
          .empty())
      << "behind the only slot";
  ASSERT_TRUE(live_until([&] { return !(work = ask("job.work", asked))["reveals"].empty(); }));
  EXPECT_EQ(work["reveals"][0]["task"], lease["task"]);
  EXPECT_EQ(work["reveals"][0]["parts"][0].size(), 64U) << "beginners are checked in whole";
  ASSERT_TRUE(live_until([&] { return !(work = ask("job.work", asked))["checks"].empty(); }));
  EXPECT_NE(work["checks"][0]["target"], lease["slot"]);
  EXPECT_GE(work["checks"][0]["units"].size(), 4U);

  // The liar's first check is a dispute that it loses.
  ASSERT_TRUE(live_until([&] { return !ask("job.disputes")["disputes"].empty(); }));
  speakers_->workers.at(liar).makes_checks_up = false;
  const Json disputes = pages("job.disputes", {{"job", 1}}, "disputes");
  const Json dispute = ask("job.dispute", {{"dispute", disputes[0]["dispute"]}});
  EXPECT_EQ(dispute["kind"], "check");
  EXPECT_EQ(dispute["stage"], "open_part");
  EXPECT_EQ(dispute["other"]["worker"], worker_text(liar));
  EXPECT_TRUE(ask("job.disputes", {{"job", 2}})["disputes"].empty());
  for (const Json& each : disputes) {
    const auto number = each["dispute"].get<std::uint64_t>();
    if (ledger::find_dispute(entries(), number)) order({{codec::ConcedeDispute{number}, liar}});
  }
  EXPECT_TRUE(error("job.dispute", {{"dispute", disputes[0]["dispute"]}}).starts_with("not_found"));
  EXPECT_EQ(ask("job.slots", {{"job", 1}})["slots"].size(), workers - 1) << "its slot is closed";

  ASSERT_TRUE(live_until([&] { return !ask("job.regions", {{"job", 1}})["regions"].empty(); }));
  EXPECT_GT(ask("job.get", {{"job", 1}})["accepted"], 0);
  ASSERT_TRUE(live_until([&] { return !is_there(); }));
  EXPECT_TRUE(error("job.get", {{"job", 1}}).starts_with("not_found: no job 1 at height "));
  EXPECT_TRUE(ask("job.list")["jobs"].empty());
  const Json regions = pages("job.regions", {{"job", 1}}, "regions");
  ASSERT_EQ(regions.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(regions[i]["region"], i);
    EXPECT_EQ(regions[i]["accepted"], i < 2 ? 5 : 2);
    EXPECT_GT(regions[i]["height"], 0);
    EXPECT_EQ(regions[i]["accepted_second"], 0);
    EXPECT_EQ(regions[i]["root_second"], nullptr);
  }
  // Who has done what stays, and the board has it from the top.
  const Json board = ask("compute.leaderboard");
  ASSERT_EQ(board["accounts"].size(), workers);
  std::uint64_t tasks = 0;
  for (std::size_t i = 0; i < workers; ++i) {
    const Json& line = board["accounts"][i];
    tasks += line["tasks"].get<std::uint64_t>();
    EXPECT_EQ(line["jobs"], 1);
    EXPECT_EQ(line["units"], line["tasks"].get<std::uint64_t>() * 64);
    EXPECT_EQ(line["faults"] > 0, line["account"] == account_text(owners_first + 3));
    if (i > 0) EXPECT_LE(line["units"], board["accounts"][i - 1]["units"]);
  }
  EXPECT_EQ(tasks, 12U);
  EXPECT_EQ(ask("compute.leaderboard", {{"limit", 2}})["accounts"].size(), 2U);
  EXPECT_EQ(ask("job.members", {{"job", 1}})["members"].size(), workers);
}

}  // namespace
}  // namespace kith::api
