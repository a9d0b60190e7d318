#include "codec/chain_account.h"

#include <rapidcheck.h>

#include "codec/chain_compute.h"
#include "codec/golden_test_util.h"
#include "codec/test_chain.h"

namespace kith::codec {
namespace {

using test::hash_of;
using test::identity;

AccountEntry full_account() {
  AccountEntry full;
  full.key = hash_of(1);
  full.lock = hash_of(2);
  full.name = "kith-1";
  full.seal = hash_of(3);
  full.sealed = {70};
  full.bond = 1'000;
  full.held = 300;
  full.unbondings = {{4, 10}, {5, 20}};
  full.earned = 444;
  full.is_team = true;
  full.team = hash_of(5);
  full.workers = {hash_of(6), hash_of(7), hash_of(9)};
  return full;
}

std::vector<AccountEntry> golden_accounts() {
  AccountEntry plain;
  plain.key = hash_of(1);
  plain.lock = hash_of(2);
  plain.bond = units_per_coin;
  AccountEntry closed = plain;
  closed.bond = 0;
  closed.unbondings = {{9, amount_max / 2}};
  closed.earned = amount_max / 2;
  return {plain, full_account(), closed};
}

std::vector<NameEntry> golden_names() { return {{hash_of(5), {0}}, {hash_of(5), {123'456}}}; }

std::vector<WorkerEntry> golden_workers() { return {{hash_of(5), 0}, {hash_of(5), 2}}; }

std::vector<AccountOrder> golden_orders() {
  crypto::Signature proof{};
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<std::uint8_t>(i);
  const AccountId id = hash_of(5);
  return {OpenAccount{hash_of(2), 1'000, {}},
          OpenAccount{hash_of(2), amount_max, hash_of(3)},
          AddBond{id, 7},
          TakeBond{id, 1},
          ChangeKey{id, hash_of(8), proof},
          SealName{id, hash_of(3)},
          TakeName{id, hash_of(4), "kith-1"},
          AddWorker{id, hash_of(8), 2, proof},
          DropWorker{id, hash_of(8)},
          JoinTeam{id, hash_of(10)},
          OpenTeam{id, true}};
}

std::string hash_text(EntryKind kind, ByteView entry) {
  return base::to_hex(entry_hash(kind, entry));
}

TEST(ChainAccount, GoldenEntries) {
  const auto lines = golden_lines("chain_account.txt");
  ASSERT_EQ(lines.size(), 7u + golden_orders().size() + 4u);
  auto line = lines.begin();
  for (const AccountEntry& entry : golden_accounts()) {
    EXPECT_EQ(base::to_hex(encode_account(entry)), (*line)[0]);
    EXPECT_EQ(hash_text(EntryKind::account, encode_account(entry)), (*line)[1]);
    EXPECT_EQ(decode_account(unhex((*line++)[0])).value(), entry);
  }
  for (const NameEntry& entry : golden_names()) {
    EXPECT_EQ(base::to_hex(encode_name(entry)), (*line)[0]);
    EXPECT_EQ(hash_text(EntryKind::name, encode_name(entry)), (*line)[1]);
    EXPECT_EQ(decode_name(unhex((*line++)[0])).value(), entry);
  }
  for (const WorkerEntry& entry : golden_workers()) {
    EXPECT_EQ(base::to_hex(encode_worker(entry)), (*line)[0]);
    EXPECT_EQ(hash_text(EntryKind::worker, encode_worker(entry)), (*line)[1]);
    EXPECT_EQ(decode_worker(unhex((*line++)[0])).value(), entry);
  }
}

TEST(ChainAccount, GoldenOrdersAndHashes) {
  const auto lines = golden_lines("chain_account.txt");
  ASSERT_EQ(lines.size(), 7u + golden_orders().size() + 4u);
  auto line = lines.begin() + 7;
  for (const AccountOrder& order : golden_orders()) {
    SCOPED_TRACE(order.index());
    EXPECT_EQ(base::to_hex(encode_account_order(order)), (*line)[0]);
    EXPECT_EQ(decode_account_order(unhex((*line++)[0])).value(), order);
  }
  const OutPoint first{hash_of(12), 3};
  EXPECT_EQ(base::to_hex(account_id(hash_of(11), hash_of(1))), (*line++)[0]);
  EXPECT_EQ(base::to_hex(name_seal(hash_of(5), hash_of(4), "kith-1")), (*line++)[0]);
  const ChangeKey change{hash_of(5), hash_of(8), {}};
  EXPECT_EQ(base::to_hex(change_key_message(hash_of(11), change, first)), (*line++)[0]);
  const AddWorker add{hash_of(5), hash_of(8), 2, {}};
  EXPECT_EQ(base::to_hex(add_worker_message(hash_of(11), add, first)), (*line++)[0]);
}

TEST(ChainAccount, AccountsThatCannotBeAreRefused) {
  const auto refused = [](auto change) {
    AccountEntry entry = full_account();
    change(entry);
    return !decode_account(encode_account(entry)).has_value();
  };
  EXPECT_FALSE(refused([](AccountEntry&) {}));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.held = 1'001; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.earned = amount_max; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.bond = amount_max + 1; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.unbondings = {{5, 1}, {5, 1}}; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.unbondings = {{5, 0}}; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.unbondings = {{5, amount_max}}; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.name = "ki--th"; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.name = "ab"; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.seal = {}; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.sealed = {0}; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { std::swap(e.workers[0], e.workers[1]); }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.workers[1] = e.workers[0]; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.bond = e.held = 0; }));
}

TEST(ChainAccount, AClosedAccountHasMoneyAtMost) {
  const AccountEntry closed = golden_accounts()[2];
  const auto refused = [&](auto change) {
    AccountEntry entry = closed;
    change(entry);
    return !decode_account(encode_account(entry)).has_value();
  };
  EXPECT_FALSE(refused([](AccountEntry&) {}));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.name = "kith"; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.is_team = true; }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.team = hash_of(1); }));
  EXPECT_TRUE(refused([](AccountEntry& e) { e.workers = {hash_of(1)}; }));
  EXPECT_TRUE(refused([](AccountEntry& e) {
    e.seal = hash_of(1);
    e.sealed = {1};
  }));
}

TEST(ChainAccount, OrdersThatCannotBeAreRefused) {
  const auto code = [](const AccountOrder& order) {
    return decode_account_order(encode_account_order(order)).error().code;
  };
  EXPECT_EQ(code(AddBond{{}, 0}), Code::malformed);
  EXPECT_EQ(code(TakeBond{{}, amount_max + 1}), Code::malformed);
  EXPECT_EQ(code(OpenAccount{{}, 0, {}}), Code::malformed);
  EXPECT_EQ(code(TakeName{{}, {}, "KITH"}), Code::malformed);
  for (const int kind : {0, 11, 255}) {
    Bytes unknown = encode_account_order(AddBond{{}, 1});
    unknown[0] = static_cast<std::uint8_t>(kind);
    EXPECT_EQ(decode_account_order(unknown).error().code, Code::unsupported);
  }
  Bytes flag = encode_account_order(OpenTeam{{}, true});
  flag.back() = 2;
  EXPECT_EQ(decode_account_order(flag).error().code, Code::malformed);
  Bytes longer = encode_account_order(AddBond{{}, 1});
  longer.push_back(0);
  EXPECT_FALSE(decode_account_order(longer));
  longer.resize(longer.size() - 2);
  EXPECT_EQ(decode_account_order(longer).error().code, Code::truncated);
}

TEST(ChainAccount, ProofsAreOfTheNewKeyAndOfOneTransaction) {
  const Hash genesis = hash_of(11);
  const OutPoint first{hash_of(12), 3};
  const AddWorker add{hash_of(5), identity(1).key, 0, {}};
  const auto job = proof_job(add, genesis, first);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->key, identity(1).key);
  EXPECT_EQ(job->message, add_worker_message(genesis, add, first));
  EXPECT_NE(job->message, add_worker_message(genesis, add, {hash_of(12), 4}));
  EXPECT_NE(job->message, add_worker_message(hash_of(13), add, first));
  const ChangeKey change{hash_of(5), identity(1).key, {}};
  EXPECT_EQ(proof_job(change, genesis, first)->message,
            change_key_message(genesis, change, first));
  EXPECT_NE(change_key_message(genesis, change, first), job->message);
  EXPECT_FALSE(proof_job(AddBond{{}, 1}, genesis, first));
}

TEST(ChainAccount, AnyBytesDecodeToThemselvesOrNotAtAll) {
  EXPECT_TRUE(rc::check([](const Bytes& noise, std::size_t at, std::uint8_t flip) {
    (void)decode_account(noise);
    (void)decode_name(noise);
    (void)decode_worker(noise);
    (void)decode_account_order(noise);
    Bytes account = encode_account(full_account());
    account[at % account.size()] ^= flip;
    if (const auto decoded = decode_account(account)) {
      RC_ASSERT(encode_account(*decoded) == account);
    }
    Bytes worker = encode_worker(golden_workers()[1]);
    worker[at % worker.size()] ^= flip;
    if (const auto decoded = decode_worker(worker)) RC_ASSERT(encode_worker(*decoded) == worker);
    const auto orders = golden_orders();
    Bytes order = encode_account_order(orders[at % orders.size()]);
    order[(at / orders.size()) % order.size()] ^= flip;
    if (const auto decoded = decode_account_order(order)) {
      RC_ASSERT(encode_account_order(*decoded) == order);
    }
  }));
}

TEST(ChainCompute, ParametersThatCannotBeAreNamed) {
  const auto why = [](auto change) {
    ComputeParams params;
    change(params);
    const auto checked = check(params);
    return checked ? std::string("fine") : checked.error().message;
  };
  EXPECT_EQ(why([](ComputeParams&) {}), "fine");
  EXPECT_EQ(why([](ComputeParams& p) { p.cheats = 5'000; }), "cheats is 5000, not 1 to 4999");
  EXPECT_EQ(why([](ComputeParams& p) { p.draw_gap = 0; }), "draw_gap is 0, not 1 to 2048");
  EXPECT_NE(why([](ComputeParams& p) { p.min_bond = 0; }), "fine");
  EXPECT_NE(why([](ComputeParams& p) { p.account_bond = amount_max + 1; }), "fine");
  EXPECT_NE(why([](ComputeParams& p) { p.bond_epochs = 0; }), "fine");
  EXPECT_NE(why([](ComputeParams& p) { p.answer_blocks = 0; }), "fine");
}

}  // namespace
}  // namespace kith::codec
