#include "wallet/orders.h"

#include <gtest/gtest.h>

#include "crypto/ed25519_zip215.h"
#include "wallet/account_file.h"
#include "wallet/payment.h"
#include "wallet/test_coins.h"

namespace kith::wallet {
namespace {

using test::account;

const codec::Hash genesis = [] {
  codec::Hash hash{};
  hash.fill(7);
  return hash;
}();

PaymentRequest request_with(const WalletOrder& order, std::optional<OrderSigner> signer,
                            const crypto::KeyPair* proof_key = nullptr) {
  PaymentRequest request;
  request.genesis = genesis;
  request.hrp = "kith";
  request.rate = 1'000;
  request.dust = 546;
  request.change_path = {KeyChain::change, 0};
  request.change_lock = codec::lock_of(chain_key_of(key_at(account(), request.change_path)));
  request.orders = {{order, signer, proof_key}};
  return request;
}

OfflineTx built(const PaymentRequest& request) {
  SeededRng rng(1);
  const std::vector coins = {test::coin(1, 1'000'000), test::coin(2, 2'000'000, 3)};
  auto payment = build_payment(coins, request, rng);
  EXPECT_TRUE(payment.has_value()) << payment.error().message;
  // It goes through a file as it is.
  auto again = decode_offline_tx(encode_offline_tx(payment->file));
  EXPECT_TRUE(again.has_value()) << again.error().message;
  return *again;
}

TEST(WalletOrders, AnOrderComesBackFromItsAction) {
  const codec::ChainKey key = chain_key_of(signer_at(account(), 0));
  const codec::AccountId id = codec::account_id(genesis, key);
  codec::JobSpec spec;
  spec.workload = 2;
  spec.tasks = 5;
  spec.units = 4;
  spec.slices = 1;
  spec.region_tasks = 5;
  spec.round_blocks = 64;
  spec.lease_rounds = 4;
  spec.checked_min = 4;
  spec.eps_ppm = 250;
  spec.passes = 1;
  spec.bond = 16;
  const std::vector<std::pair<WalletOrder, codec::Amount>> orders = {
      {codec::AccountOrder(codec::OpenAccount{{}, 500, {}}), 500},
      {codec::AccountOrder(codec::AddBond{id, 7}), 7},
      {codec::AccountOrder(codec::TakeBond{id, 9}), 0},
      {codec::JobOrder(codec::SubmitJob{id, spec, 300}), 300},
      {codec::JobOrder(codec::FundJob{codec::JobId{3}, 4}), 4},
      {codec::JobOrder(codec::EndJob{codec::JobId{3}}), 0},
      {codec::ValidatorOrder(codec::AddStake{key, 11}), 11}};
  for (const auto& [order, taken] : orders) {
    EXPECT_EQ(order_of(action_of(order)).value(), order);
    EXPECT_EQ(taken_by(order), taken);
  }
  codec::TxAction strange{9, codec::TxAction::no_witness, {}};
  EXPECT_EQ(order_of(strange).error().code, Code::unsupported);
}

TEST(WalletOrders, ABondComesOutOfTheCoinsAndTheAccountsKeySigns) {
  const codec::ChainKey key = chain_key_of(signer_at(account(), 4));
  const auto request = request_with(codec::AccountOrder(codec::OpenAccount{{}, 500'000, {}}),
                                    OrderSigner{key, std::nullopt});
  OfflineTx file = built(request);
  EXPECT_EQ(bonded_by(file.tx).value(), 500'000U);
  EXPECT_EQ(file.tx.witnesses[file.tx.actions[0].witness].key, key);
  // The file does not say where the key is: it is found.
  EXPECT_EQ(unsigned_by(file).size(), file.tx.witnesses.size());
  EXPECT_EQ(sign_offline(file, account()).value(), file.tx.witnesses.size());
  EXPECT_TRUE(unsigned_by(file).empty());
  const auto summary = summarize(file, &account()).value();
  EXPECT_EQ(summary.bonded, 500'000U);
  EXPECT_EQ(summary.orders.size(), 1U);
}

TEST(WalletOrders, AKeyBehindTheFirstIsNotLookedFor) {
  const codec::ChainKey key = chain_key_of(signer_at(account(), signer_keys_max));
  EXPECT_FALSE(find_signer(account(), key).has_value());
  OfflineTx file = built(
      request_with(codec::AccountOrder(codec::AddBond{{}, 5'000}), OrderSigner{key, std::nullopt}));
  ASSERT_TRUE(sign_offline(file, account()).has_value());
  EXPECT_EQ(unsigned_by(file), std::vector{key});
}

TEST(WalletOrders, ProofsAreOverTheFirstInput) {
  const crypto::KeyPair worker = signer_at(account(), 9);
  const codec::ChainKey owner = chain_key_of(signer_at(account(), 0));
  const codec::AccountId id = codec::account_id(genesis, owner);
  for (const codec::AccountOrder& order :
       {codec::AccountOrder(codec::AddWorker{id, chain_key_of(worker), 1, {}}),
        codec::AccountOrder(codec::ChangeKey{id, chain_key_of(worker), {}})}) {
    const OfflineTx file = built(request_with(order, OrderSigner{owner, std::nullopt}, &worker));
    const auto said = codec::decode_account_order(file.tx.actions[0].body).value();
    const auto job = codec::proof_job(said, genesis, file.tx.inputs[0].from);
    ASSERT_TRUE(job.has_value());
    EXPECT_TRUE(crypto::verify_zip215(job->key, job->message, job->signature).has_value());
    codec::OutPoint other = file.tx.inputs[0].from;
    other.index ^= 1;
    const auto moved = codec::proof_job(said, genesis, other);
    EXPECT_FALSE(crypto::verify_zip215(moved->key, moved->message, moved->signature).has_value());
  }
}

TEST(WalletOrders, ASaltIsTheKeysTheAccountsAndTheNames) {
  const crypto::KeyPair key = signer_at(account(), 0);
  const codec::Hash salt = name_salt(key, genesis, "alice");
  EXPECT_EQ(name_salt(key, genesis, "alice"), salt);
  EXPECT_NE(name_salt(key, genesis, "alicf"), salt);
  EXPECT_NE(name_salt(key, salt, "alice"), salt);
  EXPECT_NE(name_salt(signer_at(account(), 1), genesis, "alice"), salt);
}

TEST(AccountFiles, ComeBackAsTheyWere) {
  SeededRng rng(3);
  const crypto::KeyPair key = signer_at(account(), 0);
  AccountFile file{genesis, codec::account_id(genesis, chain_key_of(key)), "alice",
                   crypto::encode_identity_key(key, std::nullopt, rng)};
  for (const char* name : {"alice", ""}) {
    file.name = name;
    const Bytes bytes = encode_account_file(file);
    EXPECT_LE(bytes.size(), account_file_bytes_max);
    const auto again = decode_account_file(bytes);
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(*again, file);
    const auto opened = crypto::decode_identity_key(again->key, std::nullopt);
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(chain_key_of(*opened), chain_key_of(key));
    for (std::size_t size : {std::size_t{0}, std::size_t{20}, bytes.size() - file.key.size()}) {
      EXPECT_EQ(decode_account_file(ByteView(bytes).first(size)).error().code, Code::bad_key);
    }
  }
  std::string text(base::as_text(encode_account_file(file)));
  const auto changed = [&](std::string_view from, std::string_view to) {
    std::string other = text;
    other.replace(other.find(from), from.size(), to);
    return decode_account_file(base::as_bytes(other)).error().code;
  };
  EXPECT_EQ(changed("ACCOUNT 1", "ACCOUNT 2"), Code::bad_key);
  EXPECT_EQ(changed("genesis: 07", "genesis: 7"), Code::bad_key);
  EXPECT_EQ(changed("name: -", "name: A"), Code::bad_key);
  EXPECT_EQ(changed("KITH IDENTITY", "kith identity"), Code::bad_key);
}

}  // namespace
}  // namespace kith::wallet
