// Sessions against tests/golden/session.txt, which another implementation made (session.py).
#include <gtest/gtest.h>

#include "codec/golden_test_util.h"
#include "secure/session_keys.h"
#include "secure/session_message.h"
#include "secure/session_testing.h"

namespace kith::secure {
namespace {

using codec::golden_lines;
using codec::GoldenLine;
using codec::unhex;
using testing::ScriptedRng;

std::vector<GoldenLine> session_lines(const std::string& kind) {
  std::vector<GoldenLine> of_kind;
  for (GoldenLine& line : golden_lines("session.txt")) {
    if (line.front() == kind) of_kind.push_back(std::move(line));
  }
  EXPECT_FALSE(of_kind.empty()) << kind;
  return of_kind;
}

SessionSecret golden_secret(const std::string& hex) { return SessionSecret::copy_of(unhex(hex)); }

template <std::size_t size>
std::array<std::uint8_t, size> golden_array(const std::string& hex) {
  const Bytes bytes = unhex(hex);
  std::array<std::uint8_t, size> array{};
  EXPECT_EQ(bytes.size(), size);
  std::copy_n(bytes.begin(), std::min(size, bytes.size()), array.begin());
  return array;
}

SessionConfig golden_config(std::size_t node) {
  const GoldenLine line = session_lines("node").at(node);
  const auto key = crypto::KeyPair::from_seed(golden_array<32>(line.at(1)));
  SessionConfig config;
  config.identity =
      make_session_identity(key, crypto::X25519KeyPair::from_secret(golden_array<32>(line.at(2))));
  EXPECT_EQ(base::to_hex(config.identity->peer.bytes()), line.at(3));
  EXPECT_EQ(base::to_hex(config.identity->encoded), line.at(4));
  config.parameters = unhex(line.at(5));
  config.network = golden_array<32>(session_lines("network").front().at(1));
  config.ciphers = {crypto::CipherId::aes_256_gcm, crypto::CipherId::chacha20_poly1305};
  config.tickets_given = 0;
  return config;
}

/// The issuer's and the holder's half of the file's ticket.
void give_golden_ticket(Tickets& issuer, Tickets& holder, const PeerId& own, const PeerId& peer) {
  const GoldenLine line = session_lines("ticket").front();
  Bytes script = unhex(line.at(2));
  base::append(script, unhex(line.at(3)));
  base::append(script, unhex(line.at(4)));
  ScriptedRng rng(script);
  const Bytes ticket = issuer.issue(Instant{} + 5s, own, peer, golden_secret(line.at(5)), rng);
  EXPECT_EQ(base::to_hex(ticket), line.at(6));
  holder.keep(Instant{} + 5s, own, ticket, golden_secret(line.at(5)));
}

Bytes golden_said(Session& session, HandshakeMessage message) {
  while (auto output = session.poll_output({})) {
    auto* const said = std::get_if<SayHandshake>(&*output);
    if (said != nullptr && said->message == message) return said->bytes;
  }
  ADD_FAILURE() << static_cast<int>(message);
  return {};
}

void hear_golden(Session& session, HandshakeMessage message, const std::string& hex) {
  Bytes bytes = unhex(hex);
  session.on_input(Instant{} + 5s, HandshakeReceived{message, bytes});
}

void check_golden_keys(Session& session, bool is_initiator, const GoldenLine& line) {
  while (auto output = session.poll_output({})) {
    if (const auto* peer = std::get_if<SessionEstablished>(&*output)) {
      EXPECT_EQ(base::to_hex(peer->id), line.at(6));
    }
    const auto* const keys = std::get_if<KeysReady>(&*output);
    if (keys == nullptr) continue;
    EXPECT_EQ(base::to_hex(keys->send.view()), line.at(is_initiator ? 7 : 8));
    EXPECT_EQ(base::to_hex(keys->receive.view()), line.at(is_initiator ? 8 : 7));
    Bytes exported(40);
    session.export_key("stream", Bytes{7}, exported);
    EXPECT_EQ(base::to_hex(exported), line.at(10));
    return;
  }
  ADD_FAILURE() << "no keys";
}

TEST(SessionGolden, HandshakesAreTheOnesOfTheSecondImplementation) {
  for (const GoldenLine& line : session_lines("handshake")) {
    SessionConfig configs[] = {golden_config(0), golden_config(1)};
    Tickets tickets[2];
    if (line.at(1) == "02") {
      const auto seed = golden_array<32>(session_lines("seed").front().at(1));
      configs[0].seed = configs[1].seed = seed;
    }
    if (line.at(1) == "03") {
      give_golden_ticket(tickets[1], tickets[0], configs[1].identity->peer,
                         configs[0].identity->peer);
    }
    ScriptedRng rngs[] = {ScriptedRng(Bytes(32, 0x31)), ScriptedRng(Bytes(32, 0x32))};
    Session initiator(configs[0], Direction::outbound, configs[1].identity->peer, tickets[0],
                      rngs[0], Instant{} + 5s);
    Session responder(configs[1], Direction::inbound, std::nullopt, tickets[1], rngs[1],
                      Instant{} + 5s);
    using enum HandshakeMessage;
    EXPECT_EQ(base::to_hex(golden_said(initiator, hello)), line.at(2));
    hear_golden(responder, hello, line.at(2));
    EXPECT_EQ(base::to_hex(golden_said(responder, response)), line.at(3));
    hear_golden(initiator, response, line.at(3));
    EXPECT_EQ(base::to_hex(golden_said(initiator, auth_proof)), line.at(4));
    check_golden_keys(initiator, true, line);
    hear_golden(responder, auth_proof, line.at(4));
    EXPECT_EQ(base::to_hex(golden_said(responder, final)), line.at(5));
    check_golden_keys(responder, false, line);
    hear_golden(initiator, final, line.at(5));
    const auto confirmed = initiator.poll_output({});
    ASSERT_TRUE(confirmed);
    EXPECT_TRUE(std::holds_alternative<SessionConfirmed>(*confirmed));
  }
}

TEST(SessionGolden, KeysOfADirection) {
  for (const GoldenLine& line : session_lines("keys")) {
    const DirectionKeys keys = direction_keys(golden_secret(line.at(1)), unhex(line.at(2)).at(0));
    EXPECT_EQ(base::to_hex(keys.key), line.at(3));
    EXPECT_EQ(base::to_hex(keys.iv), line.at(4));
    EXPECT_EQ(base::to_hex(keys.offset_key), line.at(5));
    const crypto::Hash256 offset = crypto::hmac_sha256(keys.offset_key, {unhex(line.at(6))});
    EXPECT_EQ(base::to_hex(ByteView(offset).first(4)), line.at(7));
  }
}

TEST(SessionGolden, SecretsOfSeedTicketAndRotation) {
  const GoldenLine seed = session_lines("seed").front();
  EXPECT_EQ(base::to_hex(seed_psk(unhex(seed.at(1))).view()), seed.at(2));
  const GoldenLine first = session_lines("handshake").front();
  const GoldenLine ticket = session_lines("ticket").front();
  EXPECT_EQ(base::to_hex(ticket_psk(golden_secret(first.at(9)), unhex(ticket.at(1))).view()),
            ticket.at(5));

  SessionSecret secrets[] = {golden_secret(first.at(7)), golden_secret(first.at(8))};
  const auto handshake = golden_array<32>(first.at(6));
  std::uint8_t epoch = 0;
  for (const GoldenLine& line : session_lines("rotate")) {
    ++epoch;
    const Bytes fills[] = {Bytes(32, static_cast<std::uint8_t>(0x60 + epoch)),
                           Bytes(32, static_cast<std::uint8_t>(0x70 + epoch))};
    const auto ours = crypto::X25519KeyPair::from_secret(ByteView(fills[0]).first<32>());
    const auto theirs = crypto::X25519KeyPair::from_secret(ByteView(fills[1]).first<32>());
    EXPECT_EQ(base::to_hex(encode_offer(SessionMessage::offer, epoch, ours.public_key())),
              line.at(2));
    EXPECT_EQ(base::to_hex(encode_offer(SessionMessage::accept, epoch, theirs.public_key())),
              line.at(3));
    const auto shared = ours.agree(theirs.public_key());
    for (std::size_t i = 0; i < 2; ++i) {
      secrets[i] = next_secret(secrets[i], *shared, handshake);
      EXPECT_EQ(base::to_hex(secrets[i].view()), line.at(4 + i));
    }
  }
}

}  // namespace
}  // namespace kith::secure
