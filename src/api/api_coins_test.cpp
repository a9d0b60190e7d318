// Methods about coins, over a whole node that is its chain's only validator, in virtual time.
#include <gtest/gtest.h>

#include "api/api.h"
#include "api/json.h"
#include "codec/chain_account.h"
#include "codec/chain_address.h"
#include "codec/test_chain.h"
#include "host/test_world.h"

namespace kith::api {
namespace {

constexpr codec::Amount coin = codec::units_per_coin;
constexpr codec::Amount fee = 1'000;

class ApiCoinsTest : public testing::Test {
 protected:
  ApiCoinsTest() : rng_(1), key_(crypto::KeyPair::generate(rng_)) {
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params.block_interval_ms = 1'000;
    for (std::uint32_t key = 1; key <= 3; ++key) {
      genesis_.outputs.push_back({0, 0, 10 * coin, codec::test::identity(key).lock});
    }
    codec::GenesisValidator validator;
    std::ranges::copy(key_.public_key().data, validator.key.begin());
    validator.owner = codec::lock_of(validator.key);
    validator.stake = 1'000 * coin;
    genesis_.validators.push_back(validator);
    hash_ = codec::genesis_hash(genesis_);
  }

  void start(bool is_indexed = true) {
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
    node::ChainConfig chain_config;
    chain_config.is_indexed = is_indexed;
    auto chain = node::Chain::open(chain_config, {genesis_, &store, &key_}, rng_, base::null_log());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    node_->keep_chain(*std::move(chain), &key_);
    world_.input(0, host::WallClock{{1'700'000'000'500}});
    node_->start(world_.now());
    world_.turn(0);
    world_.run_for(10ms);
  }

  std::uint64_t request(const std::string& method, const Json& params, std::vector<Json>& replies) {
    const Json line{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", params}};
    const auto number = api_->request(
        world_.now(), line.dump(),
        [&](const std::string& reply, bool) { replies.push_back(Json::parse(reply)); });
    world_.turn(0);
    world_.turn(0);
    return number;
  }
  /// The result; virtual time runs until there is one.
  Json ask(const std::string& method, const Json& params = Json::object()) {
    std::vector<Json> replies;
    request(method, params, replies);
    world_.run_until([&] { return !replies.empty(); });
    EXPECT_EQ(replies.size(), 1U) << method;
    if (replies.empty()) return {};
    EXPECT_TRUE(replies[0].contains("result")) << replies[0].dump();
    return replies[0].value("result", Json());
  }
  std::pair<std::string, std::string> error(const std::string& method, const Json& params) {
    std::vector<Json> replies;
    request(method, params, replies);
    world_.run_until([&] { return !replies.empty(); });
    if (replies.empty() || !replies[0].contains("error")) return {"none", ""};
    return {replies[0]["error"]["code"], replies[0]["error"]["message"]};
  }

  codec::TxPtr pay(std::uint32_t from, codec::OutPoint what, codec::Amount had, std::uint32_t to,
                   codec::Amount value) const {
    return codec::seal(codec::test::payment({{what, from}}, {{to, value}}, had - value, hash_));
  }
  static std::string hex(const codec::TxPtr& tx) {
    return base::to_hex(codec::encode_transaction(tx->tx));
  }
  std::string address(std::uint32_t key) const {
    return codec::encode_address("kith", codec::test::identity(key).lock);
  }

  SeededRng rng_;
  crypto::KeyPair key_;
  codec::Genesis genesis_;
  codec::Hash hash_{};
  host::TestWorld world_;
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<Api> api_;
};

TEST_F(ApiCoinsTest, BalanceOfGenesisAndOfNobody) {
  start();
  const Json rich = ask("address.balance", {{"address", address(1)}});
  EXPECT_EQ(rich["final"], 10 * coin);
  EXPECT_EQ(rich["locked"], 0);
  EXPECT_EQ(rich["pending"], 0);
  EXPECT_EQ(rich["outputs"], 1);
  EXPECT_EQ(ask("address.balance", {{"address", address(9)}})["final"], 0);
  EXPECT_EQ(error("address.balance", {{"address", "kith1qqqq"}}).first, "truncated");
}

TEST_F(ApiCoinsTest, APaymentIsPendingThenFinalAndBothSidesSeeIt) {
  start();
  const auto tx = pay(1, {hash_, 0}, 10 * coin, 4, 10 * coin - fee);
  const std::string txid = base::to_hex(tx->txid);
  EXPECT_EQ(ask("tx.check", {{"tx", hex(tx)}})["would"], "accept");
  const Json submitted = ask("tx.submit", {{"tx", hex(tx)}});
  EXPECT_EQ(submitted["txid"], txid);
  EXPECT_EQ(submitted["status"], "accepted");
  EXPECT_EQ(ask("tx.submit", {{"tx", hex(tx)}})["status"], "known");
  // It waits.
  const Json from = ask("address.balance", {{"address", address(1)}});
  EXPECT_EQ(from["final"], 10 * coin);
  EXPECT_EQ(from["locked"], 10 * coin);
  EXPECT_EQ(ask("address.balance", {{"address", address(4)}})["pending"], 10 * coin - fee);
  const Json utxos = ask("address.utxos", {{"address", address(1)}});
  ASSERT_EQ(utxos["utxos"].size(), 1U);
  EXPECT_EQ(utxos["utxos"][0]["state"], "locked");
  EXPECT_EQ(utxos["utxos"][0]["spender"], txid);
  EXPECT_EQ(utxos["next"], nullptr);
  EXPECT_EQ(ask("address.utxos", {{"address", address(4)}})["utxos"][0]["state"], "pending");
  const Json waiting = ask("tx.get", {{"txid", txid}});
  EXPECT_EQ(waiting["status"], "mempool");
  EXPECT_EQ(waiting["inputs"][0]["address"], address(1));
  EXPECT_EQ(waiting["inputs"][0]["value"], 10 * coin);
  EXPECT_EQ(waiting["outputs"][0]["state"], "pending");
  EXPECT_EQ(ask("address.history", {{"address", address(4)}})["entries"][0]["status"], "mempool");
  EXPECT_EQ(ask("mempool.status")["transactions"], 1);
  EXPECT_EQ(ask("mempool.list")["transactions"][0]["txid"], txid);
  // Then it is final.
  const Json done = ask("tx.wait", {{"txid", txid}});
  EXPECT_EQ(done["status"], "final");
  const std::uint64_t height = done["height"];
  EXPECT_GE(height, 1U);
  EXPECT_EQ(ask("address.balance", {{"address", address(1)}})["final"], 0);
  EXPECT_EQ(ask("address.balance", {{"address", address(4)}})["final"], 10 * coin - fee);
  const Json got = ask("tx.get", {{"txid", txid}});
  EXPECT_EQ(got["status"], "final");
  EXPECT_EQ(got["height"], height);
  EXPECT_EQ(got["index"], 0);
  EXPECT_EQ(got["inputs"][0]["address"], address(1));
  EXPECT_EQ(got["outputs"][0]["state"], "unspent");
  EXPECT_EQ(got["tx"], hex(tx));
  const Json history = ask("address.history", {{"address", address(1)}});
  ASSERT_EQ(history["entries"].size(), 2U);
  EXPECT_EQ(history["entries"][0]["txid"], txid);
  EXPECT_EQ(history["entries"][0]["spent"], 10 * coin);
  EXPECT_EQ(history["entries"][0]["height"], height);
  EXPECT_EQ(history["entries"][1]["received"], 10 * coin);  // genesis
  EXPECT_EQ(history["entries"][1]["height"], 0);
  // Handed in again it is what it is; one that spends the same is refused by name.
  EXPECT_EQ(ask("tx.submit", {{"tx", hex(tx)}})["status"], "final");
  const auto [code, message] =
      error("tx.submit", {{"tx", hex(pay(1, {hash_, 0}, 10 * coin, 5, 9 * coin))}});
  EXPECT_EQ(code, "refused");
  EXPECT_NE(message.find(txid), std::string::npos) << message;
}

TEST_F(ApiCoinsTest, SubmittingMayWaitUntilItIsFinal) {
  start();
  const auto tx = pay(2, {hash_, 1}, 10 * coin, 4, 9 * coin);
  const Json done = ask("tx.submit", {{"tx", hex(tx)}, {"wait", "final"}});
  EXPECT_EQ(done["status"], "final");
  EXPECT_GE(done["height"], 1);
  EXPECT_EQ(ask("tx.wait", {{"txid", base::to_hex(tx->txid)}})["height"], done["height"]);
}

TEST_F(ApiCoinsTest, WhoWaitsForWhatWasReplacedIsTold) {
  start();
  const auto first = pay(2, {hash_, 1}, 10 * coin, 4, 10 * coin - fee);
  std::vector<Json> replies;
  request("tx.submit", {{"tx", hex(first)}, {"wait", "final"}}, replies);
  const auto better = pay(2, {hash_, 1}, 10 * coin, 5, 9 * coin);
  EXPECT_EQ(ask("tx.check", {{"tx", hex(better)}})["would"], "accept");
  EXPECT_EQ(ask("tx.submit", {{"tx", hex(better)}, {"wait", "final"}})["status"], "final");
  world_.run_for(3s);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0]["error"]["code"], "not_found") << replies[0].dump();
  EXPECT_EQ(error("tx.check", {{"tx", hex(first)}}).first, "refused");
}

TEST_F(ApiCoinsTest, WhatNeverComesIsWaitedForOnlySoLong) {
  start();
  std::vector<Json> replies;
  request("tx.wait", {{"txid", std::string(64, 'a')}, {"timeout_ms", 2000}}, replies);
  world_.run_for(1ms);
  EXPECT_EQ(api_->pending(), 1U);
  api_->tick(world_.now() + 1s);
  EXPECT_TRUE(replies.empty());
  api_->tick(world_.now() + 3s);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0]["error"]["code"], "timeout");
  // And whoever goes away is forgotten.
  const auto number = request("tx.wait", {{"txid", std::string(64, 'b')}}, replies);
  EXPECT_TRUE(api_->is_open(number));
  api_->abandon(world_.now(), number);
  EXPECT_FALSE(api_->is_open(number));
  world_.run_for(1ms);
  EXPECT_EQ(api_->pending(), 0U);
}

TEST_F(ApiCoinsTest, PagesOfOutputsAndOfHistory) {
  start();
  // One output becomes 250 of key 4.
  const std::vector<codec::test::Paying> outputs(250, {4, 1'000'000});
  const codec::Amount paid = 250 * 1'000'000ull;
  const auto tx =
      codec::seal(codec::test::payment({{{hash_, 2}, 3}}, outputs, 10 * coin - paid, hash_));
  ask("tx.submit", {{"tx", hex(tx)}, {"wait", "final"}});
  std::set<std::string> seen;
  Json next;
  int pages = 0;
  do {
    Json params{{"address", address(4)}, {"limit", 100}};
    if (!next.is_null()) params["after"] = next;
    const Json page = ask("address.utxos", params);
    for (const Json& each : page["utxos"]) seen.insert(each["outpoint"].get<std::string>());
    next = page["next"];
    ++pages;
  } while (!next.is_null());
  EXPECT_EQ(seen.size(), 250U);
  EXPECT_EQ(pages, 3);
  // Key 3's history: genesis, and the split; one a page.
  const Json first = ask("address.history", {{"address", address(3)}, {"limit", 1}});
  EXPECT_EQ(first["entries"][0]["txid"], base::to_hex(tx->txid));
  const Json second =
      ask("address.history", {{"address", address(3)}, {"limit", 1}, {"before", first["next"]}});
  EXPECT_EQ(second["entries"][0]["txid"], base::to_hex(hash_));
  const Json third =
      ask("address.history", {{"address", address(3)}, {"limit", 1}, {"before", second["next"]}});
  EXPECT_EQ(third["entries"].size(), 0U);
  EXPECT_EQ(third["next"], nullptr);
}

TEST_F(ApiCoinsTest, BadInputIsNamed) {
  start();
  EXPECT_EQ(error("tx.submit", {{"tx", "zz"}}).first, "usage");
  EXPECT_EQ(error("tx.submit", {{"tx", "01"}}).first, "truncated");
  EXPECT_EQ(error("tx.submit", {{"tx", std::string(2 * codec::tx_bytes_max + 2, '0')}}).first,
            "too_large");
  EXPECT_EQ(error("tx.get", {{"txid", "12"}}).first, "usage");
  EXPECT_EQ(error("tx.get", {{"txid", std::string(64, '0')}}).first, "not_found");
  EXPECT_EQ(error("address.utxos", {{"address", address(1)}, {"limit", 0}}).first, "usage");
  EXPECT_EQ(error("address.utxos", {{"address", address(1)}, {"after", "12"}}).first, "usage");
  EXPECT_EQ(error("address.history", {{"address", address(1)}, {"before", "x"}}).first, "usage");
  EXPECT_EQ(error("mempool.list", {{"after", std::string(64, '0')}}).first, "not_found");
  EXPECT_EQ(error("chain.block", {{"height", 1'000'000}}).first, "not_found");
  EXPECT_EQ(error("chain.block_by_digest", {{"digest", std::string(64, 'a')}}).first, "not_found");
  EXPECT_EQ(error("chain.block_by_digest", {{"digest", "7"}}).first, "usage");
  EXPECT_FALSE(ask("address.validate", {{"address", "kith1qq"}})["is_valid"].get<bool>());
  EXPECT_TRUE(ask("address.validate", {{"address", address(7)}})["is_valid"].get<bool>());
  // A signature of somebody else.
  auto forged = pay(1, {hash_, 0}, 10 * coin, 4, coin)->tx;
  forged.witnesses[0].signature[3] ^= 1;
  EXPECT_EQ(error("tx.submit", {{"tx", hex(codec::seal(forged))}}).first, "bad_signature");
}

TEST_F(ApiCoinsTest, BlocksParametersAndSupply) {
  start();
  world_.run_for(5s);
  const Json blocks = ask("chain.blocks", {{"limit", 2}});
  ASSERT_EQ(blocks["blocks"].size(), 2U);
  const std::uint64_t top = blocks["blocks"][0]["height"];
  EXPECT_EQ(blocks["next"], top - 1);
  EXPECT_EQ(ask("chain.blocks", {{"before", 2}})["blocks"][0]["height"], 1);
  EXPECT_EQ(ask("chain.blocks", {{"before", 2}})["next"], nullptr);
  EXPECT_EQ(ask("chain.block", {{"height", top}})["digest"], blocks["blocks"][0]["digest"]);
  const Json block = ask("chain.block_by_digest", {{"digest", blocks["blocks"][0]["digest"]}});
  EXPECT_EQ(block["height"], top);
  EXPECT_EQ(blocks["blocks"][0]["body_bytes"], block["body_bytes"]);
  EXPECT_EQ(blocks["blocks"][0]["transactions"], 0);
  const auto tx = pay(1, {hash_, 0}, 10 * coin, 4, 9 * coin);
  const std::uint64_t height =
      ask("tx.submit", {{"tx", hex(tx)}, {"wait", "final"}})["height"].get<std::uint64_t>();
  const Json with = ask("chain.blocks", {{"before", height + 1}, {"limit", 1}})["blocks"][0];
  EXPECT_EQ(with["height"], height);
  EXPECT_EQ(with["transactions"], 1);
  const Json params = ask("chain.params");
  EXPECT_EQ(params["genesis"], base::to_hex(hash_));
  EXPECT_EQ(params["block_interval_ms"], 1000);
  EXPECT_EQ(params["computing"], nullptr);
  const Json genesis = ask("chain.genesis");
  EXPECT_EQ(genesis["genesis"], base::to_hex(codec::encode_genesis(genesis_)));
  const Json supply = ask("chain.supply");
  const std::uint64_t there = supply["outputs"].get<std::uint64_t>() +
                              supply["bonded"].get<std::uint64_t>() +
                              supply["owed"].get<std::uint64_t>();
  EXPECT_EQ(there, supply["minted"].get<std::uint64_t>());
}

TEST_F(ApiCoinsTest, AccountsAsTheStateHoldsThem) {
  genesis_.params.compute.emplace();
  hash_ = codec::genesis_hash(genesis_);
  start();
  world_.run_for(2s);
  EXPECT_EQ(ask("account.list")["accounts"].size(), 0U);
  std::vector<std::string> ids;
  for (std::uint32_t key = 1; key <= 3; ++key) {
    const codec::ChainKey owner = codec::test::identity(key).key;
    ids.push_back(base::to_hex(codec::account_id(hash_, owner)));
    const auto tx = codec::seal(
        codec::test::payment({{{hash_, key - 1}, key}}, {{key, 9 * coin - fee}}, fee, hash_,
                             {{codec::OpenAccount{codec::test::identity(9).lock, coin, {}}, key}}));
    EXPECT_EQ(ask("tx.submit", {{"tx", hex(tx)}, {"wait", "final"}})["status"], "final");
  }
  const Json one = ask("account.get", {{"account", ids[1]}});
  EXPECT_EQ(one["account"], ids[1]);
  EXPECT_EQ(one["bond"], coin);
  EXPECT_EQ(one["address"], address(9));
  EXPECT_EQ(one["name"], nullptr);
  EXPECT_EQ(one["team"], nullptr);
  EXPECT_FALSE(one["is_closed"].get<bool>());
  EXPECT_EQ(ask("chain.supply")["escrow"], 3 * coin);
  EXPECT_EQ(ask("chain.params")["computing"]["account_bond"], coin);
  std::ranges::sort(ids);
  const Json page = ask("account.list", {{"limit", 2}});
  ASSERT_EQ(page["accounts"].size(), 2U);
  EXPECT_EQ(page["accounts"][0]["account"], ids[0]);
  EXPECT_EQ(page["next"], ids[1]);
  const Json rest = ask("account.list", {{"limit", 2}, {"after", ids[1]}});
  ASSERT_EQ(rest["accounts"].size(), 1U);
  EXPECT_EQ(rest["accounts"][0]["account"], ids[2]);
  EXPECT_EQ(rest["next"], nullptr);
  EXPECT_EQ(error("account.get", {{"account", std::string(64, '0')}}).first, "not_found");
  EXPECT_EQ(error("account.get", {{"account", "Kith"}}).second, "no account has the name kith");
  EXPECT_EQ(error("account.get", {{"account", "k"}}).first, "usage");
  EXPECT_EQ(error("account.list", {{"after", "kith"}}).first, "usage");
}

TEST_F(ApiCoinsTest, WithoutAnIndexAddressesAreNotAnswered) {
  start(false);
  world_.run_for(3s);
  const auto [code, message] = error("address.balance", {{"address", address(1)}});
  EXPECT_EQ(code, "unsupported");
  EXPECT_NE(message.find("chain.index"), std::string::npos);
  EXPECT_FALSE(ask("chain.params")["is_indexed"].get<bool>());
  const auto tx = pay(1, {hash_, 0}, 10 * coin, 4, 9 * coin);
  EXPECT_EQ(ask("tx.submit", {{"tx", hex(tx)}, {"wait", "final"}})["status"], "final");
}

TEST_F(ApiCoinsTest, ValidatorsByKeyAndPageByPage) {
  for (std::uint32_t key = 1; key <= 3; ++key) {
    genesis_.validators.push_back(
        {codec::test::identity(key).key, codec::test::identity(key).lock, 2'000 * coin});
  }
  std::ranges::sort(genesis_.validators, {}, &codec::GenesisValidator::key);
  start();
  const std::string key = base::to_hex(codec::test::identity(2).key);
  const Json entry = ask("validator.get", {{"key", key}});
  EXPECT_EQ(entry["key"], key);
  EXPECT_EQ(entry["owner"], address(2));
  EXPECT_EQ(entry["status"], "active");
  EXPECT_EQ(entry["stake"], 2'000 * coin);
  EXPECT_EQ(entry["weight"], 2'000);
  EXPECT_EQ(entry["uptime"], 10'000);
  EXPECT_TRUE(entry["unbonding"].empty());
  EXPECT_EQ(error("validator.get", {{"key", std::string(64, 'a')}}).first, "not_found");
  EXPECT_EQ(error("validator.get", {{"key", "xyz"}}).first, "usage");

  const Json all = ask("validator.list");
  EXPECT_EQ(all["total"], 4);
  EXPECT_TRUE(all["next"].is_null());
  Json paged = Json::array();
  Json params{{"limit", 3}};
  for (Json page = ask("validator.list", params);; page = ask("validator.list", params)) {
    for (const Json& each : page["validators"]) paged.push_back(each);
    if (page["next"].is_null()) break;
    params["after"] = page["next"];
  }
  EXPECT_EQ(paged, all["validators"]);
  EXPECT_EQ(error("validator.list", {{"limit", 0}}).first, "usage");
  EXPECT_EQ(error("validator.list", {{"after", "xyz"}}).first, "usage");
}

}  // namespace
}  // namespace kith::api
