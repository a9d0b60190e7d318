#include "light/record.h"

#include <gtest/gtest.h>

#include "codec/chain_account.h"
#include "codec/chain_entry_text.h"
#include "codec/test_chain.h"
#include "codec/test_jobs.h"

namespace kith::light {
namespace {

using codec::test::hash_of;
using codec::test::identity;
using Settled = RecordFact::Settled;

/// A record of task 21 in a job of regions of 16, as its worker signs it, in its region's list, and
/// what a light client has found proven.
struct Case {
  Hash genesis = hash_of(5);
  codec::Record record;
  codec::JobEntry job = codec::test::sample_job();
  codec::WorkerEntry worker;
  std::vector<Hash> list;
  std::optional<codec::MerkleProof> place;
  codec::SlotEntry slot;
  bool shows_region = true, shows_slot = false, shows_job = true, shows_worker = true;

  Case() {
    record.genesis = genesis;
    record.job = {3};
    record.task = {21};
    record.account = codec::account_id(genesis, identity(1).key);
    record.worker = identity(2).key;
    record.slot = {6};
    record.root = hash_of(9);
    record.checkers = {{7}};
    record.checked = 16;
    worker.account = record.account;
    job.spec.workload = 2;
    job.spec.tasks = 100;
    job.spec.units = 16;
    job.spec.slices = 4;
    job.spec.region_tasks = 16;
    job.spec.checked_min = 4;
    job.spec.eps_ppm = 50'000;
    job.spec.passes = 1;
    job.spec.second_every = 0;
    sign();
  }
  void sign(std::uint32_t by = 2) {
    record.signature = identity(by).pair.sign(codec::record_message(record));
    list = {hash_of(31), hash_of(32), codec::record_hash(record)};
    place = codec::prove_merkle(list, 2);
    slot.head.worker = record.worker;
    slot.maturing = {{record.task, record.pass, codec::record_hash(record), 1, 0, {}, 0, {}}};
  }
  Verdict verdict() const {
    Verdict verdict;
    const auto show = [&](const std::string& name, Bytes entry) {
      const auto of = codec::parse_entry_name(name).value();
      verdict.facts.emplace_back(EntryFact{of.kind, of.id, std::move(entry)});
    };
    // By the names that a node is asked for.
    std::vector<std::string> names;
    for (const bool with_region : {true, false}) {
      std::string all = record_entries(record, job.spec.region_tasks, with_region);
      while (!all.empty()) {
        const std::size_t comma = std::min(all.find(','), all.size());
        names.push_back(all.substr(0, comma));
        all.erase(0, comma + 1);
      }
    }
    codec::AccountEntry account;
    account.key = identity(1).key;
    account.lock = identity(1).lock;
    account.name = "alice";
    account.bond = 10;
    codec::RegionEntry region;
    for (const Hash& hash : list) region.first.append(hash);
    region.first_height = {77};
    show(names.at(0), codec::encode_account(account));
    if (shows_worker) show(names.at(1), codec::encode_worker(worker));
    if (shows_job) show(names.at(2), codec::encode_entry(job));
    if (shows_region) show(names.at(3), codec::encode_entry(region));
    if (shows_slot) show(names.at(7), codec::encode_entry(slot));
    return verdict;
  }
  Result<RecordFact> verify() const { return verify_record(record, place, genesis, verdict()); }
  Code refusal() const {
    const auto fact = verify();
    return fact ? Code::internal : fact.error().code;
  }
};

TEST(LightRecord, SaysWhoseItIsWhatItCoversAndThatItWasAccepted) {
  const Case it;
  const auto fact = it.verify();
  ASSERT_TRUE(fact.has_value()) << fact.error().message;
  EXPECT_EQ(fact->account_name, "alice");
  EXPECT_EQ(fact->region, 1u);
  EXPECT_EQ(fact->task_in_region, 5u);
  EXPECT_EQ(fact->region_tasks, 16u);
  EXPECT_EQ(fact->first_unit, 21u * 16);
  EXPECT_EQ(fact->units, 16);
  EXPECT_EQ(fact->slices, 4);
  EXPECT_EQ(fact->settled, Settled::accepted);
  EXPECT_EQ(fact->place, 2u);
  EXPECT_EQ(fact->count, 3u);
  EXPECT_EQ(fact->region_root, codec::merkle_root(it.list));
  EXPECT_EQ(fact->region_done, codec::Height{77});
}

TEST(LightRecord, OneThatMaturesIsInItsSlot) {
  Case it;
  it.place.reset();
  EXPECT_EQ(it.verify()->settled, Settled::unknown);
  it.shows_slot = true;
  EXPECT_EQ(it.verify()->settled, Settled::maturing);
  it.slot.maturing[0].record[0] ^= 1;  // what was settled has another root
  EXPECT_EQ(it.refusal(), Code::refused);
  Case free;
  free.place.reset();
  free.shows_slot = true;
  free.slot = {};
  free.slot.head.is_free = true;
  EXPECT_EQ(free.refusal(), Code::refused);
}

TEST(LightRecord, WhatTheChainDoesNotSayIsRefused) {
  Case other_root;  // signed by the worker, and not what was settled
  other_root.record.root = hash_of(10);
  other_root.record.signature = identity(2).pair.sign(codec::record_message(other_root.record));
  EXPECT_NE(other_root.refusal(), Code::internal);
  Case other_account;
  other_account.record.account = codec::account_id(other_account.genesis, identity(4).key);
  other_account.sign();
  EXPECT_EQ(other_account.refusal(), Code::refused);
  Case dropped;
  dropped.shows_worker = false;
  EXPECT_EQ(dropped.refusal(), Code::refused);
  Case no_job;
  no_job.shows_job = false;
  EXPECT_EQ(no_job.refusal(), Code::refused);
  Case no_region;
  no_region.shows_region = false;
  EXPECT_EQ(no_region.refusal(), Code::refused);
  Case beyond;
  beyond.job.spec.tasks = 21;
  EXPECT_EQ(beyond.refusal(), Code::refused);
  Case pass;
  pass.record.pass = 2;
  pass.sign();
  EXPECT_EQ(pass.refusal(), Code::refused);
  Case few;
  few.job.spec.checked_min = 17;
  few.job.spec.units = 64;
  EXPECT_EQ(few.refusal(), Code::refused);
  Case old_place;  // of the list as it was before
  old_place.place =
      codec::prove_merkle(std::vector<Hash>(old_place.list.begin() + 1, old_place.list.end()), 1);
  EXPECT_EQ(old_place.refusal(), Code::refused);
  Case other_chain;
  other_chain.genesis = hash_of(6);
  EXPECT_EQ(other_chain.refusal(), Code::refused);
  Case forged;
  forged.record.signature = identity(3).pair.sign(codec::record_message(forged.record));
  EXPECT_EQ(forged.refusal(), Code::bad_signature);
}

}  // namespace
}  // namespace kith::light
