#include "host/peer_book.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "host/test_connections.h"

namespace kith::host {
namespace {

codec::Multiaddr address(std::uint32_t number) {
  const std::uint8_t ip[] = {198, 51, static_cast<std::uint8_t>(number >> 8),
                             static_cast<std::uint8_t>(number)};
  return codec::Multiaddr::tcp(ip, 4770);
}

Bytes record(std::uint8_t peer, std::uint64_t sequence, std::vector<std::uint32_t> numbers) {
  codec::PeerRecord record;
  record.peer = test_peer(peer);
  record.sequence = sequence;
  for (const auto number : numbers) record.addresses.push_back(address(number));
  return codec::seal_peer_record(test_key(peer), record);
}

const PeerId self = test_peer(200);
constexpr auto anyone = codec::AddrScope::unspecified;

struct Book {
  explicit Book(PeerBookConfig with = {}) : config(with) {}
  PeerBookConfig config;
  SeededRng rng{1};
  PeerBook book{config, self, rng};
};

TEST(PeerBook, HearsayIsKeptOnceAndWithoutThePeer) {
  Book b;
  const auto named = address(1).with_peer(test_peer(1));
  EXPECT_TRUE(b.book.learn_addresses({}, test_peer(1), {named, address(1)}, anyone));
  EXPECT_FALSE(b.book.learn_addresses({}, test_peer(1), {address(1)}, anyone));
  EXPECT_EQ(b.book.find(test_peer(1))->addresses, std::vector{address(1)});
}

TEST(PeerBook, ASignedRecordBeatsHearsay) {
  Book b;
  b.book.learn_addresses({}, test_peer(1), {address(1)}, anyone);
  EXPECT_EQ(b.book.learn_record({}, record(1, 5, {2}), anyone).value(), test_peer(1));
  EXPECT_FALSE(b.book.learn_addresses({}, test_peer(1), {address(3)}, anyone));
  EXPECT_EQ(b.book.find(test_peer(1))->addresses, std::vector{address(2)});
}

TEST(PeerBook, TheHigherSequenceHolds) {
  Book b;
  ASSERT_TRUE(b.book.learn_record({}, record(1, 5, {5}), anyone).value());
  EXPECT_FALSE(b.book.learn_record({}, record(1, 4, {4}), anyone).value()) << "older";
  EXPECT_FALSE(b.book.learn_record({}, record(1, 5, {9}), anyone).value()) << "as old";
  EXPECT_EQ(b.book.find(test_peer(1))->addresses, std::vector{address(5)});
  EXPECT_TRUE(b.book.learn_record({}, record(1, 6, {6}), anyone).value());
  EXPECT_EQ(b.book.told().records, 4U);
  EXPECT_EQ(b.book.told().known, 3U);
  EXPECT_EQ(b.book.find(test_peer(1))->addresses, std::vector{address(6)});
}

TEST(PeerBook, A53TenToTheFiveAddressesForOnePeer) {
  Book b;
  std::vector<codec::Multiaddr> flood;
  for (std::uint32_t i = 0; i < 100'000; ++i) flood.push_back(address(i));
  b.book.learn_addresses({}, test_peer(1), flood, anyone);
  for (std::uint32_t i = 0; i < 1000; ++i)
    b.book.learn_addresses({}, test_peer(1), {address(i)}, anyone);
  EXPECT_EQ(b.book.find(test_peer(1))->addresses.size(), b.config.addresses_max);
  EXPECT_EQ(b.book.find(test_peer(1))->addresses.back(), address(999)) << "the latest stays";
  std::vector<std::uint32_t> many(codec::peer_record_addresses_max);
  for (std::uint32_t i = 0; i < many.size(); ++i) many[i] = i;
  ASSERT_TRUE(b.book.learn_record({}, record(1, 1, many), anyone).value());
  EXPECT_EQ(b.book.find(test_peer(1))->addresses.size(), b.config.addresses_max);
}

TEST(PeerBook, A54AForgedRecordReplacesNothing) {
  Book b;
  ASSERT_TRUE(b.book.learn_record({}, record(1, 5, {5}), anyone).value());
  Bytes forged = record(1, 9, {9});
  forged.back() ^= 1;
  EXPECT_FALSE(b.book.learn_record({}, forged, anyone).has_value());
  EXPECT_EQ(b.book.find(test_peer(1))->addresses, std::vector{address(5)});
  // A forgery that came first, when the peer was unknown, gives way to the genuine record.
  Bytes first = record(2, 99, {9});
  first.back() ^= 1;
  ASSERT_TRUE(b.book.learn_record({}, first, anyone).value());
  EXPECT_TRUE(b.book.learn_record({}, record(2, 3, {3}), anyone).value());
  EXPECT_EQ(b.book.find(test_peer(2))->addresses, std::vector{address(3)});
}

TEST(PeerBook, APeerThatIsNeverReachedIsForgotten) {
  Book b({.failures_max = 3});
  const auto fail = [&](bool counts) { return b.book.on_dial_failed({}, test_peer(1), counts); };
  b.book.learn_addresses({}, test_peer(1), {address(1)}, anyone);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(fail(false)) << "our own network is down";
  EXPECT_FALSE(fail(true));
  EXPECT_FALSE(fail(true));
  b.book.on_connected({}, {1}, test_peer(1));
  b.book.on_disconnected({}, test_peer(1));
  EXPECT_FALSE(fail(true)) << "it was there again";
  EXPECT_FALSE(fail(true));
  EXPECT_TRUE(fail(true));
  EXPECT_EQ(b.book.find(test_peer(1)), nullptr);
}

TEST(PeerBook, ABookOfForgeriesDoesNotHoldUpATurn) {
  Book b;
  for (std::uint8_t i = 0; i < 100; ++i) {
    Bytes forged = record(i, 1, {i});
    forged.back() ^= 1;
    ASSERT_TRUE(b.book.learn_record({}, forged, anyone).has_value());
  }
  std::size_t rounds = 0;
  const auto unchecked = [&] {
    std::size_t count = 0;
    for (std::uint8_t i = 0; i < 100; ++i) {
      const auto* entry = b.book.find(test_peer(i));
      count += entry != nullptr && !entry->signed_record.empty() ? 1 : 0;
    }
    return count;
  };
  for (std::size_t before = unchecked(); before > 0; ++rounds) {
    EXPECT_TRUE(b.book.pick_to_dial({}, 8).empty());
    const std::size_t after = unchecked();
    EXPECT_LE(before - after, 32U);
    ASSERT_LT(after, before);
    before = after;
  }
  EXPECT_GE(rounds, 3U);
}

TEST(PeerBook, AnAddressNearerThanItsTellerIsNotBelieved) {
  const auto at = [](const char* text) { return codec::Multiaddr::parse(text).value(); };
  const std::vector all = {at("/ip4/127.0.0.1/tcp/22"), at("/ip4/10.0.0.1/tcp/80"),
                           at("/ip4/198.51.100.7/tcp/4770"), at("/dns4/example.org/tcp/4770")};
  const std::vector global(all.begin() + 2, all.end());
  codec::PeerRecord claims{test_peer(1), 1, all};
  const Bytes envelope = codec::seal_peer_record(test_key(1), claims);
  Book b;
  const auto known = [&] { return b.book.find(test_peer(1))->addresses; };
  b.book.learn_addresses({}, test_peer(1), all, codec::AddrScope::global);
  EXPECT_EQ(known(), global) << "hearsay";
  ASSERT_TRUE(b.book.learn_record({}, envelope, codec::AddrScope::global).value());
  EXPECT_EQ(known(), global) << "a record that came round";
  ASSERT_TRUE(b.book.learn_record({}, envelope, codec::AddrScope::private_net).has_value());
  EXPECT_EQ(known(), std::vector(all.begin() + 1, all.end())) << "a neighbour knows more";
  b.book.on_connected({}, {1}, test_peer(1));
  Book later;
  later.book.restore({}, *b.book.to_store(test_peer(1)));
  EXPECT_EQ(later.book.find(test_peer(1))->addresses.size(), 3U) << "nor after a restart";
  b.book.learn_from_author({}, claims, envelope, codec::AddrScope::loopback);
  EXPECT_EQ(known(), all) << "another process on this machine";
  claims.sequence = 2;
  b.book.learn_from_author({}, claims, codec::seal_peer_record(test_key(1), claims),
                           codec::AddrScope::global);
  EXPECT_EQ(known(), global) << "its author, from afar";
}

TEST(PeerBook, AnAuthorsOwnRecordHoldsAtOnceAndIsVerifiedBeforeItIsHandedOn) {
  Book b;
  const auto learn = [&](std::uint64_t sequence, std::uint32_t number, std::uint8_t damage) {
    Bytes envelope = record(1, sequence, {number});
    const auto opened = codec::open_peer_record(envelope).value();
    envelope.back() ^= damage;
    b.book.learn_from_author({}, opened, envelope, anyone);
    return b.book.find(test_peer(1))->addresses;
  };
  b.book.learn_addresses({}, test_peer(1), {address(1)}, anyone);
  b.book.on_connected({}, {1}, test_peer(1));
  EXPECT_EQ(learn(5, 5, 0), std::vector{address(5)});
  EXPECT_EQ(b.book.sample_records(self, 9), std::vector<Bytes>{record(1, 5, {5})});
  EXPECT_EQ(learn(4, 4, 0), std::vector{address(5)}) << "older than a verified one";
  EXPECT_EQ(learn(6, 6, 1), std::vector{address(6)}) << "the author is here, whatever it signed";
  EXPECT_TRUE(b.book.sample_records(self, 9).empty()) << "A54: no third party gets a forgery";
  EXPECT_EQ(learn(6, 7, 0), std::vector{address(7)});
  EXPECT_EQ(b.book.sample_records(self, 9).size(), 1U);
}

TEST(PeerBook, A54ARecordSignedByAnotherIsRefused) {
  Book b;
  codec::PeerRecord lie;
  lie.peer = test_peer(2);
  lie.sequence = 9;
  Bytes encoded = record(1, 9, {1});
  // The same envelope, its payload claiming another peer: the signature no longer holds either.
  const PeerId one = test_peer(1), two = test_peer(2);
  const auto from = one.bytes(), to = two.bytes();
  auto at = std::search(encoded.begin(), encoded.end(), from.begin(), from.end());
  ASSERT_NE(at, encoded.end());
  std::ranges::copy(to, at);
  EXPECT_FALSE(b.book.learn_record({}, encoded, anyone).has_value());
  EXPECT_EQ(b.book.size(), 0U);
}

TEST(PeerBook, ItselfIsNeverStored) {
  Book b;
  b.book.learn_addresses({}, self, {address(1)}, anyone);
  b.book.on_connected({}, {1}, self);
  EXPECT_FALSE(b.book.learn_record({}, record(200, 1, {1}), anyone).value());
  b.book.restore({}, {self, {address(1)}, {}, {1}});
  EXPECT_EQ(b.book.size(), 0U);
}

TEST(PeerBook, AFullBookKeepsThoseItHasReached) {
  Book b({.peers_max = 10});
  for (std::uint8_t i = 0; i < 5; ++i) {
    b.book.on_connected(Instant{1s}, {1}, test_peer(i));
    b.book.on_disconnected(Instant{1s}, test_peer(i));
  }
  for (std::uint8_t i = 10; i < 150; ++i) {
    b.book.learn_addresses(Instant{2s} + Duration(i), test_peer(i), {address(i)}, anyone);
  }
  EXPECT_EQ(b.book.size(), 10U);
  for (std::uint8_t i = 0; i < 5; ++i) EXPECT_NE(b.book.find(test_peer(i)), nullptr) << int{i};
  EXPECT_NE(b.book.find(test_peer(149)), nullptr) << "news make room among the never reached";
}

TEST(PeerBook, BackOffDoublesToItsBoundWithJitter) {
  Book b;
  b.book.learn_addresses({}, test_peer(1), {address(1)}, anyone);
  Duration least = b.config.backoff_min;
  for (int i = 0; i < 40; ++i) {
    const Instant now{1h * i};
    EXPECT_FALSE(b.book.on_dial_failed(now, test_peer(1), false));
    const Duration wait = b.book.find(test_peer(1))->retry_at - now;
    EXPECT_GE(wait, least) << i;
    EXPECT_LE(wait, least + least / 4) << i;
    EXPECT_TRUE(b.book.pick_to_dial(now, 10).empty());
    EXPECT_EQ(b.book.pick_to_dial(now + wait, 10).size(), 1U);
    least = std::min<Duration>(2 * least, b.config.backoff_max);
  }
  b.book.on_connected(Instant{50h}, {1}, test_peer(1));
  b.book.on_disconnected(Instant{50h}, test_peer(1));
  EXPECT_EQ(b.book.find(test_peer(1))->failures, 0U);
  EXPECT_EQ(b.book.find(test_peer(1))->retry_at, Instant{50h} + b.config.backoff_min);
}

TEST(PeerBook, OnlyRecordsOfPeersThatWereReachedAreHandedOn) {
  Book b;
  for (std::uint8_t i = 1; i <= 20; ++i) {
    ASSERT_TRUE(b.book.learn_record({}, record(i, 1, {i}), anyone).has_value());
    if (i % 2 == 0) b.book.on_connected({}, {1}, test_peer(i));
  }
  for (int round = 0; round < 50; ++round) {
    const auto sample = b.book.sample_records(test_peer(2), 5);
    EXPECT_EQ(sample.size(), 5U);
    for (const Bytes& envelope : sample) {
      const PeerId peer = codec::open_peer_record(envelope)->peer;
      EXPECT_NE(peer, test_peer(2));
      EXPECT_NE(b.book.find(peer)->last_seen.unix_ms, 0);
    }
  }
  EXPECT_EQ(b.book.sample_records(test_peer(2), 100).size(), 9U);
}

TEST(PeerBook, RestoredRecordsAreVerifiedAgain) {
  Book b;
  Bytes broken = record(1, 1, {1});
  broken.back() ^= 1;
  b.book.restore({}, {test_peer(1), {address(7)}, broken, {5}});
  EXPECT_TRUE(b.book.pick_to_dial({}, 10).empty()) << "a broken record is not dialled by";
  EXPECT_TRUE(b.book.sample_records(test_peer(9), 10).empty()) << "and not handed on";
  EXPECT_TRUE(b.book.find(test_peer(1))->signed_record.empty());
  b.book.restore({}, {test_peer(2), {address(7), address(2)}, record(2, 1, {2, 3}), {5}});
  EXPECT_EQ(b.book.find(test_peer(2))->addresses, std::vector{address(2)})
      << "what the record says and the last run believed";
  EXPECT_EQ(b.book.find(test_peer(2))->last_seen, WallTime{5});
}

// Whatever happens in whatever order: the limits hold, connected peers stay, sequences only grow.
TEST(PeerBook, InvariantsHoldUnderAnyHistory) {
  std::vector<Bytes> records;
  for (std::uint8_t peer = 0; peer < 12; ++peer) {
    for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
      records.push_back(record(peer, sequence, {peer}));
    }
  }
  const auto check = [&](const std::vector<std::uint32_t>& operations) {
    Book b({.peers_max = 6, .addresses_max = 2});
    std::set<PeerId> connected;
    std::map<PeerId, std::uint64_t> sequences;
    Instant now{};
    for (const std::uint32_t operation : operations) {
      now += Duration(operation % 7);
      const auto number = static_cast<std::uint8_t>(operation / 8 % 12);
      const PeerId peer = test_peer(number);
      switch (operation % 6) {
        case 0: b.book.learn_addresses(now, peer, {address(operation), address(1)}, anyone); break;
        case 1:
          (void)b.book.learn_record(now, records[operation / 8 % records.size()], anyone);
          break;
        case 2:
          b.book.on_connected(now, {1}, peer);
          connected.insert(peer);
          break;
        case 3:
          b.book.on_disconnected(now, peer);
          connected.erase(peer);
          break;
        case 4: (void)b.book.on_dial_failed(now, peer, operation % 2 == 0); break;
        case 5:
          if (connected.contains(peer)) break;
          b.book.forget(peer);
          break;
      }
      RC_ASSERT(b.book.size() <= std::max<std::size_t>(6, connected.size() + 1));
      for (const PeerId& each : connected) {
        RC_ASSERT(b.book.find(each) != nullptr);
        RC_ASSERT(b.book.find(each)->is_connected);
      }
      std::map<PeerId, std::uint64_t> seen;
      for (std::uint8_t i = 0; i < 12; ++i) {
        const auto* entry = b.book.find(test_peer(i));
        if (entry == nullptr) continue;
        RC_ASSERT(entry->addresses.size() <= 2U);
        RC_ASSERT(entry->sequence >= sequences[test_peer(i)]);
        seen[test_peer(i)] = entry->sequence;
      }
      sequences = seen;
      for (const PeerId& each : b.book.pick_to_dial(now, 100)) RC_ASSERT(!connected.contains(each));
    }
  };
  ASSERT_TRUE(rc::check("peer book invariants", check));
}

}  // namespace
}  // namespace kith::host
