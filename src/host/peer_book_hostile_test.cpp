// The peer book against one peer that floods it. Names begin with the row of the attack catalogue.
#include <gtest/gtest.h>

#include <limits>

#include "host/peer_book.h"
#include "host/test_connections.h"

namespace kith::host {
namespace {

constexpr auto anyone = codec::AddrScope::unspecified;
constexpr auto sequence_max = std::numeric_limits<std::uint64_t>::max();
const PeerId self = test_peer(200);

codec::Multiaddr address(std::uint32_t number) {
  const std::uint8_t ip[] = {198, 51, static_cast<std::uint8_t>(number >> 8),
                             static_cast<std::uint8_t>(number)};
  return codec::Multiaddr::tcp(ip, 4770);
}

/// As many keys as somebody cares to make up.
crypto::KeyPair invented_key(std::uint32_t number) {
  std::array<std::uint8_t, 32> seed{};
  for (std::size_t i = 0; i < 4; ++i) seed[i] = static_cast<std::uint8_t>(number >> (8 * i));
  seed.back() = 0xaa;
  return crypto::KeyPair::from_seed(seed);
}

Bytes record(const crypto::KeyPair& key, std::uint64_t sequence, std::uint32_t addresses) {
  codec::PeerRecord record{codec::peer_id_of(key.public_key()), sequence, {}};
  for (std::uint32_t i = 0; i < addresses; ++i) record.addresses.push_back(address(i));
  return codec::seal_peer_record(key, record);
}

struct Book {
  explicit Book(const PeerBookConfig& with = {}) : config(with) {}
  PeerBookConfig config;
  SeededRng rng{1};
  PeerBook book{config, self, rng};
};

TEST(PeerBookHostile, A101EndlessInventedPeersLeaveTheBookItsSizeAndItsFriends) {
  Book b({.peers_max = 100});
  for (std::uint8_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(b.book.learn_record({}, record(test_key(i), 1, 1), anyone).value());
    b.book.on_connected({}, {1}, test_peer(i));
    if (i % 2 == 0) b.book.on_disconnected({}, test_peer(i));
  }
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const Instant now{1s + Duration(i)};
    const crypto::KeyPair key = invented_key(i);
    ASSERT_TRUE(b.book.learn_record(now, record(key, i, 64), codec::AddrScope::global).value());
    ASSERT_LE(b.book.size(), 100U);
    const auto* entry = b.book.find(codec::peer_id_of(key.public_key()));
    ASSERT_NE(entry, nullptr) << "the latest is there";
    ASSERT_LE(entry->addresses.size(), b.config.addresses_max);
  }
  for (std::uint8_t i = 0; i < 20; ++i) EXPECT_NE(b.book.find(test_peer(i)), nullptr) << int{i};
  for (const Bytes& handed : b.book.sample_records(self, 1000)) {
    EXPECT_EQ(codec::open_peer_record(handed)->sequence, 1U) << "none of the invented";
  }
}

TEST(PeerBookHostile, A101APeerThatSignsItselfAnewForEverIsOneEntry) {
  Book b;
  const crypto::KeyPair key = test_key(1);
  b.book.on_connected({}, {1}, test_peer(1));
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    const Bytes envelope = record(key, i, 64);
    if (i % 2 == 0) {
      ASSERT_TRUE(b.book.learn_record(Instant{Duration(i)}, envelope, anyone).value());
    } else {
      const auto opened = codec::peek_peer_record(envelope).value();
      b.book.learn_from_author(Instant{Duration(i)}, opened, envelope, anyone);
    }
    ASSERT_EQ(b.book.find(test_peer(1))->sequence, i);
    ASSERT_LE(b.book.find(test_peer(1))->addresses.size(), b.config.addresses_max);
    ASSERT_LE(b.book.find(test_peer(1))->signed_record.size(), codec::envelope_bytes_max);
  }
  EXPECT_EQ(b.book.size(), 1U);
}

// The last number there is: whoever uses it up harms nobody but itself, and a forger not even that.
TEST(PeerBookHostile, A103TheHighestSequenceHoldsAndOverflowsNothing) {
  Book b;
  const Bytes last = record(test_key(1), sequence_max, 2);
  ASSERT_TRUE(b.book.learn_record({}, record(test_key(1), sequence_max - 1, 1), anyone).value());
  ASSERT_TRUE(b.book.learn_record({}, last, anyone).value());
  EXPECT_FALSE(b.book.learn_record({}, last, anyone).value()) << "no news";
  for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{1}, sequence_max - 1}) {
    EXPECT_FALSE(b.book.learn_record({}, record(test_key(1), sequence, 3), anyone).value());
  }
  EXPECT_FALSE(b.book.learn_record({}, record(test_key(1), sequence_max, 3), anyone).value());
  EXPECT_EQ(b.book.find(test_peer(1))->sequence, sequence_max);
  EXPECT_EQ(b.book.find(test_peer(1))->addresses.size(), 2U);
  ASSERT_TRUE(b.book.learn_record({}, record(test_key(2), 1, 1), anyone).value());
  EXPECT_EQ(b.book.find(test_peer(2))->sequence, 1U);

  b.book.on_connected({}, {1}, test_peer(1));
  Book later;
  later.book.restore({}, *b.book.to_store(test_peer(1)));
  EXPECT_EQ(later.book.find(test_peer(1))->sequence, sequence_max);
}

TEST(PeerBookHostile, A103AForgedHighestSequenceDoesNotShutOutTheGenuine) {
  for (const bool is_connected : {false, true}) {
    Book b;
    Bytes forged = record(test_key(1), sequence_max, 1);
    forged.back() ^= 1;
    if (is_connected) b.book.on_connected({}, {1}, test_peer(1));
    EXPECT_EQ(b.book.learn_record({}, forged, anyone).has_value(), !is_connected);
    ASSERT_TRUE(b.book.learn_record({}, record(test_key(1), 1, 2), anyone).value());
    EXPECT_EQ(b.book.find(test_peer(1))->sequence, 1U);
    EXPECT_FALSE(b.book.learn_record({}, forged, anyone).has_value()) << "nor afterwards";
    EXPECT_EQ(b.book.find(test_peer(1))->sequence, 1U);
  }
}

// Dates come from a clock or from a file, either of which may be wrong.
TEST(PeerBookHostile, A103DatesOfAnyNumberAreKeptAndOrderNothing) {
  using limits = std::numeric_limits<std::int64_t>;
  Book b({.peers_max = 4});
  std::uint8_t number = 0;
  for (const std::int64_t date :
       {limits::min(), std::int64_t{-1}, std::int64_t{1}, limits::max()}) {
    ++number;
    b.book.restore({}, {test_peer(number), {address(number)}, {}, {date}});
    ASSERT_NE(b.book.find(test_peer(number)), nullptr);
    EXPECT_EQ(b.book.find(test_peer(number))->last_seen, WallTime{date});
    EXPECT_EQ(b.book.to_store(test_peer(number))->last_seen, WallTime{date});
  }
  b.book.on_connected({}, {limits::min()}, test_peer(4));
  b.book.on_connected({}, {limits::max()}, test_peer(1));
  b.book.on_disconnected({}, test_peer(1));
  b.book.on_disconnected({}, test_peer(4));
  EXPECT_EQ(b.book.pick_to_dial(Instant{1h}, 10).size(), 4U);
  for (std::uint32_t i = 100; i < 200; ++i) {
    const PeerId invented = codec::peer_id_of(invented_key(i).public_key());
    b.book.learn_addresses(Instant{1s}, invented, {address(i)}, anyone);
    EXPECT_LE(b.book.size(), 4U);
  }
}

}  // namespace
}  // namespace kith::host
