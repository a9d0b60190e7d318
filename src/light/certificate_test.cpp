#include "light/certificate.h"

#include <gtest/gtest.h>

#include "codec/chain_entry_text.h"
#include "codec/chain_job_state.h"
#include "codec/test_chain.h"

namespace kith::light {
namespace {

using codec::test::identity;

/// Of an account with a name and some work, and what a light client has found proven.
struct Case {
  Hash genesis{};
  codec::AccountCertificate certificate;
  Verdict verdict;

  Case() {
    genesis.fill(5);
    codec::AccountEntry account;
    account.key = identity(1).key;
    account.lock = identity(1).lock;
    account.name = "alice";
    account.bond = 10;
    codec::MemberEntry member;
    member.tasks = 4;
    member.units = 64;
    member.checks = 7;
    certificate.genesis = genesis;
    certificate.account = codec::account_id(genesis, identity(1).key);
    certificate.height = {9};
    certificate.work = codec::CertifiedWork{codec::JobId{2}, 4, 64, 7};
    verdict.block.header.height = {9};
    verdict.facts = {EntryFact{codec::EntryKind::account, base::to_bytes(certificate.account),
                               codec::encode_account(account)},
                     EntryFact{codec::EntryKind::member, codec::member_id(2, certificate.account),
                               codec::encode_entry(member)}};
    sign();
  }
  void sign(std::uint32_t by = 1) {
    certificate.signature = identity(by).pair.sign(codec::account_certificate_message(certificate));
  }
  Code refusal() const {
    const auto fact = verify_certificate(certificate, genesis, verdict);
    return fact ? Code::internal : fact.error().code;
  }
};

TEST(LightCertificate, SaysWhoDidWhat) {
  const Case it;
  const auto fact = verify_certificate(it.certificate, it.genesis, it.verdict);
  ASSERT_TRUE(fact.has_value()) << fact.error().message;
  EXPECT_EQ(fact->name, "alice");
  EXPECT_EQ(fact->key, identity(1).key);
  EXPECT_EQ(fact->work, it.certificate.work);
}

/// Of a find of the account, in the place of its work.
Case found_case() {
  Case it;
  codec::FindEntry found{it.certificate.account, identity(7).key, {5}, 3, {}, 1, {8}};
  found.number[14] = 9;
  found.number[15] = 227;  // 2531
  it.certificate.work.reset();
  it.certificate.find = codec::CertifiedFind{{2}, codec::test::hash_of(6), found.number, 1};
  it.verdict.facts[1] =
      EntryFact{codec::EntryKind::find, codec::find_id(2, codec::test::hash_of(6)),
                codec::encode_entry(found)};
  it.sign();
  return it;
}

TEST(LightCertificate, SaysWhoFoundWhat) {
  const Case it = found_case();
  const auto fact = verify_certificate(it.certificate, it.genesis, it.verdict);
  ASSERT_TRUE(fact.has_value()) << fact.error().message;
  EXPECT_EQ(fact->find, it.certificate.find);
  ASSERT_TRUE(fact->found.has_value());
  EXPECT_EQ(fact->found->worker, identity(7).key);
  EXPECT_EQ(fact->found->task.value, 5u);
  EXPECT_EQ(fact->found->height, codec::Height{8});
}

TEST(LightCertificate, AFindThatTheChainDoesNotHaveIsRefused) {
  Case number = found_case();
  number.certificate.find->number[15] ^= 1;
  number.sign();
  EXPECT_EQ(number.refusal(), Code::refused);
  Case what = found_case();
  what.certificate.find->what = 2;
  what.sign();
  EXPECT_EQ(what.refusal(), Code::refused);
  Case job = found_case();
  job.certificate.find->job = {3};
  job.sign();
  EXPECT_EQ(job.refusal(), Code::refused);
  Case name = found_case();
  name.certificate.find->name[0] ^= 1;
  name.sign();
  EXPECT_EQ(name.refusal(), Code::refused);
  Case unsigned_find = found_case();
  unsigned_find.certificate.find->number[0] = 1;  // after it was signed
  EXPECT_EQ(unsigned_find.refusal(), Code::bad_signature);
  // Another account's: it signs, but the find is not its own.
  Case thief = found_case();
  auto stolen =
      codec::decode_entry<codec::FindEntry>(*std::get<EntryFact>(thief.verdict.facts[1]).entry)
          .value();
  stolen.account = codec::account_id(thief.genesis, identity(2).key);
  std::get<EntryFact>(thief.verdict.facts[1]).entry = codec::encode_entry(stolen);
  EXPECT_EQ(thief.refusal(), Code::refused);
}

TEST(LightCertificate, WhatTheChainDoesNotSayIsRefused) {
  Case more;
  more.certificate.work->tasks += 1;
  more.sign();
  EXPECT_EQ(more.refusal(), Code::refused);
  Case other_job;
  other_job.certificate.work->job = codec::JobId{3};
  other_job.sign();
  EXPECT_EQ(other_job.refusal(), Code::refused);
  Case later;
  later.certificate.height = {10};
  later.sign();
  EXPECT_EQ(later.refusal(), Code::refused);
  Case other_chain;
  other_chain.certificate.genesis[0] ^= 1;
  other_chain.sign();
  EXPECT_EQ(other_chain.refusal(), Code::refused);
  Case unproven;
  unproven.verdict.facts.erase(unproven.verdict.facts.begin());
  EXPECT_EQ(unproven.refusal(), Code::refused);
  Case absent;
  std::get<EntryFact>(absent.verdict.facts[0]).entry.reset();
  EXPECT_EQ(absent.refusal(), Code::refused);
}

TEST(LightCertificate, OnlyTheAccountsKeySigns) {
  Case other;
  other.sign(2);
  EXPECT_EQ(other.refusal(), Code::bad_signature);
  Case changed;
  changed.certificate.work.reset();  // after it was signed
  EXPECT_EQ(changed.refusal(), Code::bad_signature);
}

}  // namespace
}  // namespace kith::light
