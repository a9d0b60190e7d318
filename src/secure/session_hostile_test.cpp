// Sessions against whoever can alter, repeat and drop what they say, and what they leave in memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/sanitizer_test_util.h"
#include "secure/session_testing.h"

namespace kith::secure {
namespace {

using session_testing::expect_established;
using session_testing::SaidHandshake;
using session_testing::SessionNode;
using session_testing::SessionPair;
using session_testing::SessionSide;

enum class HostileKind { open, seed, ticket };
constexpr HostileKind hostile_kinds[] = {HostileKind::open, HostileKind::seed, HostileKind::ticket};

/// Two nodes whose next session is of that kind.
struct HostileNodes {
  explicit HostileNodes(HostileKind wanted) : kind(wanted), a(1), b(2) {
    if (kind == HostileKind::seed) a.config.seed = b.config.seed = crypto::Hash256{9};
    if (kind == HostileKind::ticket) meet();
  }
  /// So that each has tickets of the other.
  void meet() {
    SessionPair pair(a, b);
    pair.shake_hands();
    pair.exchange();
  }
  SessionPair pair() {
    if (kind == HostileKind::ticket && a.tickets.kept() == 0) meet();
    return SessionPair(a, b);
  }
  bool is_resumed() const { return kind == HostileKind::ticket; }

  HostileKind kind;
  SessionNode a, b;
};

SaidHandshake hostile_bent(SaidHandshake said, std::size_t bit) {
  said.bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  return said;
}

constexpr std::size_t hostile_stride = test::less_if_sanitized<std::size_t>(1, 5);

TEST(SessionHostile, NoBitOfHelloCanBeTurnedAndTheTrueOneWins) {
  for (const HostileKind kind : hostile_kinds) {
    HostileNodes nodes(kind);
    const std::size_t bits = nodes.pair().initiator.last().bytes.size() * 8;
    for (std::size_t bit = 0; bit < bits; bit += hostile_stride) {
      SessionPair pair = nodes.pair();
      const SaidHandshake hello = pair.initiator.last();
      ASSERT_EQ(hello.bytes.size() * 8, bits);
      pair.responder.hear(pair.now, hostile_bent(hello, bit));
      if (!pair.responder.handshake.empty()) pair.initiator.hear(pair.now, pair.responder.last());
      ASSERT_FALSE(pair.initiator.established || pair.responder.established) << bit;
      ASSERT_FALSE(pair.initiator.fault || pair.responder.fault) << bit;
      pair.shake_hands();
      expect_established(pair, nodes.is_resumed());
    }
  }
}

TEST(SessionHostile, NoBitOfAnAnswerCanBeTurnedAndTheTrueOneWins) {
  for (const HostileKind kind : hostile_kinds) {
    HostileNodes nodes(kind);
    SessionPair pair = nodes.pair();
    SessionSide* sides[] = {&pair.initiator, &pair.responder};
    pair.responder.hear(pair.now, pair.initiator.last());
    // RESPONSE, AUTH_PROOF, FINAL: all their bits one after the other, then the truth.
    for (std::size_t step = 1; step < 4; ++step) {
      SessionSide& hearer = *sides[(step + 1) % 2];
      const SaidHandshake truth = sides[step % 2]->last();
      ASSERT_EQ(static_cast<std::size_t>(truth.message), step);
      const std::size_t said = hearer.handshake.size();
      const std::uint64_t ignored = hearer.session.ignored();
      std::uint64_t tried = 0;
      for (std::size_t bit = 0; bit < truth.bytes.size() * 8; bit += hostile_stride, ++tried) {
        hearer.hear(pair.now, hostile_bent(truth, bit));
        ASSERT_FALSE(hearer.fault) << step << " " << bit;
        ASSERT_EQ(hearer.handshake.size(), said) << step << " " << bit;
        ASSERT_EQ(hearer.established.has_value(), step == 3) << step << " " << bit;
        ASSERT_FALSE(hearer.is_confirmed) << step << " " << bit;
      }
      EXPECT_EQ(hearer.session.ignored(), ignored + tried);
      for (std::size_t size = 0; size < truth.bytes.size(); size += 7) {
        SaidHandshake cut = truth;
        cut.bytes.resize(size);
        hearer.hear(pair.now, cut);
        ASSERT_FALSE(hearer.fault) << step << " " << size;
      }
      SaidHandshake longer = truth;
      longer.bytes.push_back(0);
      hearer.hear(pair.now, longer);
      ASSERT_EQ(hearer.handshake.size(), said);
      hearer.hear(pair.now, truth);
    }
    expect_established(pair, nodes.is_resumed());
  }
}

TEST(SessionHostile, WhoeverSitsBetweenGetsNeitherSide) {
  for (const HostileKind kind : {HostileKind::open, HostileKind::seed}) {
    HostileNodes nodes(kind);
    SessionNode between(3);
    between.config.seed =
        kind == HostileKind::seed ? std::optional(crypto::Hash256{8}) : std::nullopt;
    SessionSide a(nodes.a, Direction::outbound, nodes.b.peer(), {});
    SessionSide to_a(between, Direction::inbound, std::nullopt, {});
    to_a.hear({}, a.last());
    a.hear({}, to_a.last());
    EXPECT_FALSE(a.established);
    EXPECT_TRUE(a.fault);  // whom it dialled is not there
    SessionSide b(nodes.b, Direction::inbound, std::nullopt, {});
    SessionSide to_b(between, Direction::outbound, nodes.b.peer(), {});
    b.hear({}, to_b.last());
    to_b.hear({}, b.last());
    b.hear({}, to_b.last());
    if (kind == HostileKind::seed) {
      EXPECT_FALSE(b.established);
    } else {
      ASSERT_TRUE(b.established);
      EXPECT_EQ(b.established->peer, between.peer());  // as itself, and as nobody else
    }
  }
}

TEST(SessionHostile, UnderLossAndRepetitionTheyStillAgree) {
  SeededRng wire(5);
  for (std::uint64_t round = 0; round < test::less_if_sanitized<std::uint64_t>(300, 60); ++round) {
    HostileNodes nodes(hostile_kinds[round % 3]);
    SessionPair pair = nodes.pair();
    SessionSide* sides[] = {&pair.initiator, &pair.responder};
    std::vector<std::pair<std::size_t, SaidHandshake>> under_way;  // to whom
    for (int turn = 0; turn < 200 && !pair.initiator.is_confirmed; ++turn) {
      pair.now += 10ms;
      for (std::size_t from = 0; from < 2; ++from) {
        if (sides[from]->handshake.empty() || wire.below(4) != 0) continue;
        under_way.emplace_back(1 - from, sides[from]->last());  // as a carrier repeats it
      }
      if (under_way.empty()) continue;
      const std::size_t at = wire.below(under_way.size());
      const auto [to, said] = under_way[at];
      if (wire.below(3) != 0) sides[to]->hear(pair.now, said);
      if (wire.below(3) != 0) {  // else once more, later
        under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
    expect_established(pair, nodes.is_resumed());
  }
}

// What is freed is looked through for secrets that should have been wiped.
constexpr std::size_t watched_header_bytes = 16;  // the block's size
std::vector<std::array<std::uint8_t, 32>> watched_secrets;
bool is_watching = false;
std::size_t watched_found = 0;
std::size_t watched_blocks = 0;

void look_through(const std::uint8_t* bytes, std::size_t size) {
  if (!is_watching) return;
  ++watched_blocks;
  for (const auto& secret : watched_secrets) {
    if (std::search(bytes, bytes + size, secret.begin(), secret.end()) != bytes + size) {
      ++watched_found;
    }
  }
}

/// Everything a session does, its secrets told to nobody or written down.
void live_a_session(bool writes_down) {
  HostileNodes nodes(HostileKind::seed);
  for (int meeting = 0; meeting < 2; ++meeting) {  // the second one with a ticket
    Session sides[] = {Session(nodes.a.config, Direction::outbound, nodes.b.peer(), nodes.a.tickets,
                               nodes.a.rng, {}),
                       Session(nodes.b.config, Direction::inbound, std::nullopt, nodes.b.tickets,
                               nodes.b.rng, {})};
    std::vector<Session::Input> inputs[2];
    const auto note = [&](const SessionSecret& secret) {
      if (!writes_down) return;
      std::array<std::uint8_t, 32> copy;
      std::copy_n(secret.view().begin(), copy.size(), copy.begin());
      if (std::ranges::find(watched_secrets, copy) == watched_secrets.end()) {
        watched_secrets.push_back(copy);
      }
    };
    note(seed_psk(*nodes.a.config.seed));
    for (int turn = 0; turn < 12; ++turn) {
      const Instant now = Instant{} + turn * 1s;
      for (std::size_t i = 0; i < 2; ++i) {
        while (auto output = sides[i].poll_output(now)) {
          if (auto* said = std::get_if<SayHandshake>(&*output)) {
            sides[1 - i].on_input(now, HandshakeReceived{said->message, said->bytes});
          } else if (auto* bytes = std::get_if<SaySession>(&*output)) {
            sides[1 - i].on_input(now, SessionReceived{bytes->bytes});
          } else if (auto* keys = std::get_if<KeysReady>(&*output)) {
            note(keys->receive);
            note(keys->send);
            if (keys->may_send) sides[1 - i].on_input(now, EpochUsed{keys->epoch});
          } else if (auto* ticket = std::get_if<TicketArrived>(&*output)) {
            note(ticket->secret);
            (i == 0 ? nodes.a : nodes.b)
                .tickets.keep({}, ticket->peer, std::move(ticket->ticket),
                              std::move(ticket->secret));
          }
        }
      }
      if (turn == 6) sides[0].on_input(now, RotateNow{});
    }
    ASSERT_EQ(sides[0].rotations(), 1u);
    ASSERT_EQ(sides[1].rotations(), 1u);
  }
}

TEST(SessionHostile, NoSecretIsLeftInMemoryThatIsGivenBack) {
  watched_secrets.clear();
  watched_secrets.reserve(100);
  live_a_session(true);
  const std::size_t secrets = watched_secrets.size();
  EXPECT_EQ(secrets, 1u + 2 * (2 * 2 + 4));  // the seed's; epochs 0 and 1 of two sessions, tickets
  is_watching = true;
  watched_found = watched_blocks = 0;
  live_a_session(false);  // the same random numbers: the same secrets
  EXPECT_GT(watched_blocks, 100u);
  EXPECT_EQ(watched_found, 0u);
  // And the test can see: a copy that is not wiped.
  {
    const std::vector<std::uint8_t> careless(watched_secrets[3].begin(), watched_secrets[3].end());
  }
  is_watching = false;
  EXPECT_EQ(watched_found, 1u);
  watched_secrets.clear();
}

}  // namespace

void* allocate_watched(std::size_t size) {
  auto* const block = static_cast<std::uint8_t*>(std::malloc(size + watched_header_bytes));
  if (block == nullptr) std::abort();
  std::memcpy(block, &size, sizeof size);
  return block + watched_header_bytes;
}
void free_watched(void* bytes) {
  if (bytes == nullptr) return;
  auto* const block = static_cast<std::uint8_t*>(bytes) - watched_header_bytes;
  std::size_t size;
  std::memcpy(&size, block, sizeof size);
  look_through(block + watched_header_bytes, size);
  std::free(block);
}

}  // namespace kith::secure

// For the whole test program: the usual ones, but that what is freed is looked through first.
using kith::secure::allocate_watched;
using kith::secure::free_watched;
void* operator new(std::size_t size) { return allocate_watched(size); }
void* operator new[](std::size_t size) { return allocate_watched(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate_watched(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocate_watched(size);
}
void operator delete(void* bytes) noexcept { free_watched(bytes); }
void operator delete[](void* bytes) noexcept { free_watched(bytes); }
void operator delete(void* bytes, std::size_t) noexcept { free_watched(bytes); }
void operator delete[](void* bytes, std::size_t) noexcept { free_watched(bytes); }
void operator delete(void* bytes, const std::nothrow_t&) noexcept { free_watched(bytes); }
void operator delete[](void* bytes, const std::nothrow_t&) noexcept { free_watched(bytes); }
