#include "node/heartbeat_service.h"

#include <gtest/gtest.h>

#include "codec/test_votes.h"

namespace kith::node {
namespace {

using codec::Attestation;
using codec::Heartbeat;
using codec::HeartbeatMessage;
using codec::key_of_number;
using codec::validator_key;

constexpr std::uint8_t outside = 9;  // the number of a registered key that is not in the set
constexpr std::uint8_t stranger = 10;
const codec::Hash genesis = codec::test_genesis;
constexpr std::int64_t first_slot = 1000;
constexpr std::uint64_t now_slot = 1000;

/// One node's heartbeats, and what it says.
struct Watcher {
  explicit Watcher(std::size_t actives, std::uint8_t number = 0)
      : key(number == 0 ? std::nullopt : std::optional(key_of_number(number))),
        validators(actives),
        beats({.genesis = genesis}, key ? std::optional(validator_key(*key)) : std::nullopt) {
    beats.on_wall_clock(now, {first_slot * 5000 + 100});
    for (std::size_t i = 0; i < actives; ++i) put(static_cast<std::uint8_t>(i + 1), {});
    put(outside, {});
    set_final(1);
  }
  void put(std::uint8_t number_of, codec::ValidatorStatus status) {
    ledger::ValidatorEntry entry;
    entry.key = validator_key(key_of_number(number_of));
    entry.status = status;
    registry.put(entry);
  }
  void set_final(std::uint64_t height) {
    beats.on_final(now, {height}, codec::number_hash(height), registry,
                   std::make_shared<const codec::ValidatorSet>(validators.set));
  }
  /// Hears a message; the verdict, once signatures are checked.
  gossip::Verdict hear(const HeartbeatMessage& message) { return hear(codec::encode(message)); }
  gossip::Verdict hear(const Bytes& bytes) {
    beats.on_message(now, {7}, bytes);
    std::optional<gossip::Verdict> verdict;
    while (auto output = beats.poll_output()) take(*output, verdict);
    EXPECT_TRUE(verdict.has_value());
    return verdict.value_or(gossip::Verdict::ignore);
  }
  void take(Heartbeats::Output& output, std::optional<gossip::Verdict>& verdict) {
    if (const auto* judged = std::get_if<Heartbeats::Judged>(&output)) verdict = judged->verdict;
    if (auto* said_now = std::get_if<Heartbeats::Say>(&output)) {
      said.push_back(*codec::decode_heartbeat_message(said_now->message));
    }
    if (const auto* ask = std::get_if<Heartbeats::Ask>(&output)) {
      const Bytes bytes = codec::signed_bytes(genesis, validator_key(*key), ask->what);
      beats.on_signed(now, ask->what, key->sign(bytes));
    }
    if (auto* work = std::get_if<host::RunJob>(&output)) {
      ++jobs;
      work->job->run();
      beats.on_verified(now, dynamic_cast<const VerifyHeartbeatJob&>(*work->job));
    }
  }
  void run_for(Duration span) {
    const Instant end = now + span;
    while (beats.next_deadline() && *beats.next_deadline() <= end) {
      now = *beats.next_deadline();
      beats.on_deadline(now);
      std::optional<gossip::Verdict> verdict;
      while (auto output = beats.poll_output()) take(*output, verdict);
    }
    now = end;
  }
  HeartbeatRow row() const {
    const auto rows = beats.rows(now);
    EXPECT_EQ(rows.size(), 1u);
    return rows.empty() ? HeartbeatRow() : rows.front();
  }

  std::optional<crypto::KeyPair> key;
  codec::TestValidators validators;
  Instant now;
  ledger::Registry registry;
  Heartbeats beats;
  std::vector<HeartbeatMessage> said;
  std::size_t jobs = 0;
};

Heartbeat beat(std::uint64_t slot, std::uint8_t number = outside, std::uint64_t height = 1) {
  const crypto::KeyPair key = key_of_number(number);
  Heartbeat heartbeat{validator_key(key), slot, {height}, codec::number_hash(height), {}};
  heartbeat.signature = key.sign(codec::heartbeat_hash(genesis, heartbeat));
  return heartbeat;
}

Attestation attest(const Heartbeat& heartbeat, const codec::ValidatorKey& witness) {
  Attestation attestation{heartbeat, witness, {}};
  for (std::uint8_t number = 1; number < 30; ++number) {
    const crypto::KeyPair key = key_of_number(number);
    if (validator_key(key) != witness) continue;
    attestation.signature =
        key.sign(codec::attestation_hash(genesis, codec::heartbeat_hash(genesis, heartbeat)));
  }
  return attestation;
}

std::vector<codec::ValidatorKey> drawn(const Watcher& watcher, const Heartbeat& heartbeat) {
  return codec::witnesses_of(codec::heartbeat_hash(genesis, heartbeat), watcher.validators.set, 5);
}

TEST(Heartbeats, ThreeWitnessesMakeItCount) {
  Watcher watcher(8);
  const Heartbeat heartbeat = beat(now_slot);
  EXPECT_EQ(watcher.hear(heartbeat), gossip::Verdict::accept);
  EXPECT_EQ(watcher.row().last, heartbeat);
  EXPECT_FALSE(watcher.row().is_online);
  const auto witnesses = drawn(watcher, heartbeat);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(watcher.row().is_online) << i;
    EXPECT_EQ(watcher.hear(attest(heartbeat, witnesses[i])), gossip::Verdict::accept);
    EXPECT_EQ(watcher.row().witnesses, i + 1);
  }
  EXPECT_TRUE(watcher.row().is_online);
  EXPECT_EQ(watcher.row().attested_slot, now_slot);
  EXPECT_TRUE(watcher.said.empty());  // it has no key of its own
}

TEST(Heartbeats, WhatMisses3SlotsIsOffline) {
  Watcher watcher(3);
  const Heartbeat heartbeat = beat(now_slot);
  // An attestation alone is enough: it carries what it attests.
  for (const auto& witness : drawn(watcher, heartbeat)) watcher.hear(attest(heartbeat, witness));
  EXPECT_TRUE(watcher.row().is_online);
  watcher.run_for(15s);  // two whole slots without
  EXPECT_EQ(watcher.row().missed, 2u);
  EXPECT_TRUE(watcher.row().is_online);
  watcher.run_for(5s);
  EXPECT_EQ(watcher.row().missed, 3u);
  EXPECT_FALSE(watcher.row().is_online);
  // It comes back.
  const Heartbeat again = beat(now_slot + 4);
  for (const auto& witness : drawn(watcher, again)) watcher.hear(attest(again, witness));
  EXPECT_TRUE(watcher.row().is_online);
  EXPECT_EQ(watcher.row().missed, 0u);
}

TEST(Heartbeats, NothingIsCheckedForWhoMayNotBeHeard) {
  Watcher watcher(4);
  const auto ignored = [&](const HeartbeatMessage& message) {
    const std::size_t before = watcher.jobs;
    EXPECT_EQ(watcher.hear(message), gossip::Verdict::ignore);
    EXPECT_EQ(watcher.jobs, before);
  };
  ignored(beat(now_slot, stranger));
  ignored(beat(now_slot, 1));  // of the active set
  ignored(beat(now_slot - 2));
  ignored(beat(now_slot + 2));
  const Heartbeat heartbeat = beat(now_slot);
  ASSERT_EQ(watcher.hear(heartbeat), gossip::Verdict::accept);
  ignored(heartbeat);
  ignored(beat(now_slot, outside, 5));  // another of the same slot
  ignored(beat(now_slot - 1));          // and an earlier one
  ignored(attest(heartbeat, validator_key(key_of_number(stranger))));
  const auto witness = drawn(watcher, heartbeat).front();
  ASSERT_EQ(watcher.hear(attest(heartbeat, witness)), gossip::Verdict::accept);
  ignored(attest(heartbeat, witness));
  // Who is gone from the registry, or can never vote again, is not heard.
  watcher.put(outside, codec::ValidatorStatus::tombstoned);
  watcher.set_final(2);
  EXPECT_TRUE(watcher.beats.rows(watcher.now).empty());
  ignored(beat(now_slot + 1));
}

TEST(Heartbeats, FalseSignaturesAreTheBringersFault) {
  Watcher watcher(8);
  Heartbeat heartbeat = beat(now_slot);
  heartbeat.signature[5] ^= 1;
  EXPECT_EQ(watcher.hear(heartbeat), gossip::Verdict::reject);
  EXPECT_FALSE(watcher.row().last);
  const Heartbeat good = beat(now_slot);
  Attestation attestation = attest(good, drawn(watcher, good).front());
  attestation.signature[5] ^= 1;
  EXPECT_EQ(watcher.hear(attestation), gossip::Verdict::reject);
  EXPECT_EQ(watcher.row().witnesses, 0u);
  EXPECT_EQ(watcher.hear(base::to_bytes("no heartbeat")), gossip::Verdict::reject);
  // A good attestation of a heartbeat whose own signature is false helps it nothing.
  EXPECT_EQ(watcher.hear(attest(heartbeat, drawn(watcher, heartbeat).front())),
            gossip::Verdict::reject);
}

TEST(Heartbeats, OnlyTheDrawnAttest) {
  // Of 8 validators 5 are drawn; each node says so if it is one of them, and nothing if not.
  const Heartbeat heartbeat = beat(now_slot);
  std::size_t attested = 0;
  for (std::uint8_t number = 1; number <= 8; ++number) {
    Watcher watcher(8, number);
    ASSERT_EQ(watcher.hear(heartbeat), gossip::Verdict::accept);
    const auto witnesses = drawn(watcher, heartbeat);
    const auto me = validator_key(key_of_number(number));
    const bool is_drawn = std::ranges::find(witnesses, me) != witnesses.end();
    ASSERT_EQ(watcher.said.size(), is_drawn ? 1u : 0u);
    if (!is_drawn) continue;
    ++attested;
    EXPECT_EQ(watcher.said[0], HeartbeatMessage(attest(heartbeat, me)));
    EXPECT_EQ(watcher.row().witnesses, 1u);
  }
  EXPECT_EQ(attested, 5u);
}

TEST(Heartbeats, OneASlotIsSentByWhoIsOutsideAndByNobodyElse) {
  Watcher sender(4, outside);
  sender.run_for(1min);
  EXPECT_EQ(sender.said.size(), 12u);
  std::uint64_t before = 0;
  for (const HeartbeatMessage& message : sender.said) {
    const auto& heartbeat = std::get<Heartbeat>(message);
    EXPECT_GT(heartbeat.slot, before);
    before = heartbeat.slot;
    EXPECT_EQ(heartbeat, beat(heartbeat.slot));
  }
  for (const std::uint8_t number : {std::uint8_t{1}, stranger}) {
    Watcher other(4, number);
    other.run_for(1min);
    EXPECT_TRUE(other.said.empty());
  }
}

}  // namespace
}  // namespace kith::node
