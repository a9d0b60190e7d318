#include "wallet/payment.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

#include "codec/chain_params.h"
#include "codec/golden_test_util.h"
#include "codec/test_chain.h"
#include "wallet/mnemonic.h"
#include "wallet/test_coins.h"

namespace kith::wallet {
namespace {

using codec::test::hash_of;
using codec::test::identity;
using test::account;
using test::coin;

codec::ChainKey own_key(KeyChain chain, std::uint32_t index) {
  return chain_key_of(key_at(account(), {chain, index}));
}

PaymentRequest request_to(std::vector<PayTo> to) {
  PaymentRequest request;
  request.genesis = hash_of(0x11);
  request.hrp = "kith";
  request.rate = 1000;
  request.dust = 546;
  request.to = std::move(to);
  request.change_path = {KeyChain::change, 4};
  request.change_lock = codec::lock_of(own_key(KeyChain::change, 4));
  return request;
}

std::vector<Coin> some_coins() {
  return {coin(1, 100'000, 1), coin(2, 70'000, 2), coin(3, 30'000, 3), coin(4, 5'000, 3)};
}

OfflineTx signed_one(const Payment& payment) {
  OfflineTx file = payment.file;
  EXPECT_TRUE(sign_offline(file, account()).has_value());
  return file;
}

/// What the ledger asks of it, as far as a transaction shows it.
void check_payment(const Payment& payment, const PaymentRequest& request) {
  const OfflineTx& file = payment.file;
  ASSERT_TRUE(codec::check_form(file.tx).has_value());
  const auto read = decode_offline_tx(encode_offline_tx(file));  // adds up
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(*read, file);
  EXPECT_GE(file.tx.fee, fee_of(request.rate, codec::encoded_size(file.tx)));
  for (const auto& output : file.tx.outputs) EXPECT_GE(output.value, request.dust);
  const OfflineTx done = signed_one(payment);
  EXPECT_TRUE(unsigned_by(done).empty());
  EXPECT_TRUE(codec::verify_signatures(done.tx, request.genesis).has_value());
}

TEST(OfflineTx, GoldenVectors) {
  Bytes entropy(16);
  for (std::size_t i = 0; i < 16; ++i) entropy[i] = static_cast<std::uint8_t>(i);
  const HdKey signer = account_key(seed_of(entropy, "").view(), 0);
  const auto lines = codec::golden_lines("offline_tx.txt");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    SCOPED_TRACE(i);
    const auto& line = lines[i];
    const Bytes bytes = codec::unhex(line[0]);
    auto file = decode_offline_tx(bytes);
    ASSERT_TRUE(file.has_value()) << file.error().message;
    EXPECT_EQ(encode_offline_tx(*file), bytes);
    EXPECT_FALSE(unsigned_by(*file).empty());
    const auto summary = summarize(*file, &signer);
    ASSERT_TRUE(summary.has_value());
    EXPECT_EQ(std::to_string(summary->fee), line[2]);
    EXPECT_EQ(std::to_string(summary->back), line[3]);
    ASSERT_TRUE(sign_offline(*file, signer).has_value());
    EXPECT_EQ(base::to_hex(encode_offline_tx(*file)), line[1]);
    EXPECT_EQ(unsigned_by(*file).empty(), i + 1 < lines.size());
  }
}

TEST(OfflineTx, OtherBytesAreReadTheSameOrRefused) {
  const auto payment = [] {
    SeededRng rng(1);
    return build_payment(some_coins(), request_to({{hash_of(9), 120'000}}), rng).value();
  }();
  const Bytes good = encode_offline_tx(payment.file);
  rc::check([&](std::uint64_t seed) {
    SeededRng rng(seed);
    Bytes bytes = good;
    for (std::size_t i = 0; i < 3; ++i) {
      bytes[rng.below(bytes.size())] = static_cast<std::uint8_t>(rng.next());
    }
    const auto read = decode_offline_tx(bytes);
    if (read) RC_ASSERT(encode_offline_tx(*read) == bytes);
    RC_ASSERT(!decode_offline_tx(ByteView(good).first(rng.below(good.size()))).has_value());
  });
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(decode_offline_tx(longer).has_value());
  EXPECT_EQ(decode_offline_tx(Bytes(offline_tx_bytes_max + 1)).error().code, Code::too_large);
}

TEST(OfflineTx, ALieAboutAValueIsFound) {
  SeededRng rng(1);
  OfflineTx file =
      build_payment(some_coins(), request_to({{hash_of(9), 50'000}}), rng).value().file;
  file.values[0] += 1;
  const auto read = decode_offline_tx(encode_offline_tx(file));
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Code::malformed);
  EXPECT_NE(read.error().message.find("but outputs, fee and bonds of"), std::string::npos);
}

TEST(OfflineTx, ALieAboutAKeyOrChangeIsFound) {
  SeededRng rng(1);
  const auto payment = build_payment(some_coins(), request_to({{hash_of(9), 50'000}}), rng).value();
  OfflineTx file = payment.file;
  file.signers[0] = KeyPath{KeyChain::receive, 77};
  const auto refused = sign_offline(file, account());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::bad_key);
  EXPECT_EQ(file.tx, payment.file.tx);

  ASSERT_GT(payment.change, 0U);
  EXPECT_EQ(summarize(payment.file, &account())->back, payment.change);
  EXPECT_EQ(summarize(payment.file, nullptr)->back, 0U);
  file = payment.file;
  for (auto& path : file.own_outputs) path = KeyPath{KeyChain::change, 4};
  const auto summary = summarize(file, &account());
  EXPECT_EQ(summary->back, payment.change);
  ASSERT_EQ(summary->paid.size(), 1U);
  EXPECT_EQ(summary->paid[0].lock, hash_of(9));
}

TEST(Payment, AddsUpIsSignedAndPaysItsWay) {
  rc::check([](std::uint64_t seed) {
    SeededRng rng(seed);
    std::vector<Coin> coins;
    for (std::uint32_t i = 0; i < 1 + rng.below(12); ++i) {
      coins.push_back(coin(i, 600 + rng.below(200'000), static_cast<std::uint32_t>(rng.below(4))));
    }
    PaymentRequest request = request_to({});
    request.rate = 1000 + rng.below(5'000);
    for (std::size_t i = 0; i < 1 + rng.below(3); ++i) {
      request.to.push_back({hash_of(static_cast<std::uint8_t>(i)), 546 + rng.below(60'000)});
    }
    request.is_fee_inside = rng.below(2) == 0;
    const auto payment = build_payment(coins, request, rng);
    if (!payment) {
      RC_ASSERT(payment.error().code == Code::refused);
      return;
    }
    check_payment(*payment, request);
    std::map<codec::Hash, Amount> paid;
    for (const auto& output : payment->file.tx.outputs) paid[output.lock] += output.value;
    for (std::size_t i = request.is_fee_inside ? 1 : 0; i < request.to.size(); ++i) {
      RC_ASSERT(paid[request.to[i].lock] == request.to[i].value);
    }
    RC_ASSERT(paid[request.to[0].lock] <= request.to[0].value);
    RC_ASSERT(paid[request.change_lock] == payment->change);
  });
}

TEST(Payment, OfAllCoinsAndOfMerging) {
  SeededRng rng(1);
  PaymentRequest request = request_to({{hash_of(9), 0}});
  request.coins_for = CoinsFor::all;
  const auto all = build_payment(some_coins(), request, rng).value();
  check_payment(all, request);
  ASSERT_EQ(all.file.tx.outputs.size(), 1U);
  EXPECT_EQ(all.file.tx.outputs[0].value + all.fee, 205'000U);

  request = request_to({{codec::lock_of(own_key(KeyChain::receive, 6)), 0}});
  request.coins_for = CoinsFor::merge;
  request.own_payee = KeyPath{KeyChain::receive, 6};
  const auto merged = build_payment(some_coins(), request, rng).value();
  check_payment(merged, request);
  const auto summary = summarize(merged.file, &account()).value();
  EXPECT_TRUE(summary.paid.empty());
  EXPECT_EQ(summary.back + summary.fee, 205'000U);
}

TEST(Payment, WhatCannotBeIsRefusedByName) {
  SeededRng rng(1);
  const auto error_of = [&](const PaymentRequest& request) {
    const auto payment = build_payment(some_coins(), request, rng);
    return payment ? Error{} : payment.error();
  };
  EXPECT_EQ(error_of(request_to({})).code, Code::usage);
  EXPECT_EQ(error_of(request_to({{hash_of(1), 545}})).code, Code::usage);
  EXPECT_EQ(error_of(request_to({{hash_of(1), 0}})).code, Code::usage);
  EXPECT_EQ(error_of(request_to({{hash_of(1), codec::amount_max}, {hash_of(2), 1'000}})).code,
            Code::usage);
  EXPECT_EQ(error_of(request_to({{hash_of(1), 300'000}})).code, Code::refused);
  PaymentRequest dear = request_to({{hash_of(1), 10'000}});
  dear.rate = 5'000'000;
  EXPECT_EQ(error_of(dear).code, Code::refused);
  dear.rate = fee_rate_max + 1;
  EXPECT_EQ(error_of(dear).code, Code::usage);
  PaymentRequest capped = request_to({{hash_of(1), 10'000}});
  capped.fee_max = 100;
  EXPECT_NE(error_of(capped).message.find("--max-fee"), std::string::npos);
  PaymentRequest inside = request_to({{hash_of(1), 600}});
  inside.is_fee_inside = true;
  EXPECT_EQ(error_of(inside).code, Code::refused);
}

TEST(Payment, BondsUnbondsAndUnjails) {
  SeededRng rng(1);
  const auto& validator = identity(9);
  PaymentRequest request = request_to({});
  codec::Bond bond;
  bond.key = validator.key;
  bond.owner = codec::lock_of(own_key(KeyChain::receive, 1));
  bond.amount = 80'000;
  request.orders = {{bond, std::nullopt, &validator.pair}};
  const auto bonded = build_payment(some_coins(), request, rng).value();
  check_payment(bonded, request);
  EXPECT_EQ(bonded_by(bonded.file.tx).value(), 80'000U);
  EXPECT_EQ(codec::signature_jobs(bonded.file.tx, request.genesis).size(),
            bonded.file.tx.witnesses.size() + 1);

  const OrderSigner owner{own_key(KeyChain::receive, 1), KeyPath{KeyChain::receive, 1}};
  request.orders = {{codec::Unbond{validator.key, 10'000}, owner}};
  const auto unbound = build_payment(some_coins(), request, rng).value();
  check_payment(unbound, request);
  const auto& tx = unbound.file.tx;
  EXPECT_EQ(tx.witnesses[tx.actions[0].witness].key, owner.key);

  // The validator's own key, which the wallet does not have.
  request.orders = {{codec::Unjail{validator.key}, OrderSigner{validator.key, std::nullopt}}};
  OfflineTx file = signed_one(build_payment(some_coins(), request, rng).value());
  EXPECT_EQ(unsigned_by(file), std::vector{validator.key});
  codec::sign(file.tx, validator.pair, file.genesis);
  EXPECT_TRUE(unsigned_by(file).empty());
}

}  // namespace
}  // namespace kith::wallet
