// HELLOs that follow one that was answered already: said again, or another in its place, as of an
// initiator that leaves out its ticket because the answer to it was lost.
#include <gtest/gtest.h>

#include <string>

#include "packet/sealer_test_util.h"

namespace kith::packet {
namespace {

constexpr ConnectionId hello_sender{0x00204003};

/// The message and its text of each handshake packet.
std::vector<std::string> hello_texts(const std::vector<Bytes>& packets) {
  std::vector<std::string> texts;
  for (const Bytes& packet : packets) {
    Bytes copy = packet;
    const auto part = decode_handshake(ByteSpan(copy).subspan(header_bytes));
    if (!part) {
      ADD_FAILURE() << "no handshake packet";
      continue;
    }
    texts.push_back(std::to_string(part->message) + " " + std::string(base::as_text(part->bytes)));
  }
  return texts;
}

/// An endpoint that is dialled, and a session which answers each HELLO that it is shown.
struct HelloEnd {
  SeededRng rng{3};
  Instant now = Instant{} + 1h;
  Endpoint endpoint{{}, rng, now};
  base::IpPort from = TestPair::address(1);
  std::optional<ConnectionSlot> slot;
  std::vector<std::string> shown;

  void drain() {
    while (auto output = endpoint.poll_output(now)) {
      if (const auto* asked = std::get_if<Incoming>(&*output)) {
        endpoint.on_input(now, Decide{asked->token, Decide::Verdict::admit});
      }
      if (const auto* admitted = std::get_if<Admitted>(&*output)) slot = admitted->slot;
      const auto* said = std::get_if<FromConnection>(&*output);
      const auto* arrived = said ? std::get_if<HandshakeArrived>(&said->output) : nullptr;
      if (arrived == nullptr) continue;
      shown.emplace_back(base::as_text(arrived->bytes));
      const std::string answer = "to " + shown.back();
      endpoint.on_input(
          now,
          ToConnection{said->slot, HandshakeBytes{1, base::to_bytes(std::string_view(answer))}});
    }
  }
  /// What it says to a HELLO.
  std::vector<Bytes> hear(std::string_view text, ByteView cookie = {}) {
    Bytes packet = test_handshake(PacketType::syn, {}, hello_sender, 0, text, cookie);
    endpoint.on_datagrams(now, {base::SocketId{1}, from, packet, packet.size(), base::Ecn::none});
    drain();
    std::vector<Bytes> said;
    Bytes room(65'536);
    while (endpoint.has_transmit() && said.size() < 100) {
      const base::DatagramsOut out = endpoint.poll_datagrams(now, room);
      for (std::size_t at = 0; at < out.bytes; at += out.segment_bytes) {
        said.push_back(base::to_bytes(
            ByteView(room).subspan(at, std::min(out.segment_bytes, out.bytes - at))));
      }
      drain();
    }
    return said;
  }
  /// Up to the answer to the first HELLO.
  std::vector<Bytes> begin(std::string_view text) {
    std::vector<Bytes> asked = hear(text);
    if (asked.size() != 1) return {};
    const auto part = decode_handshake(ByteSpan(asked[0]).subspan(header_bytes));
    return part ? hear(text, part->cookie) : std::vector<Bytes>{};
  }
};

using Texts = std::vector<std::string>;

TEST(EndpointHello, AnotherOneAfterALostAnswerIsShownAndTheSameOneOnlyRepeatsTheAnswer) {
  HelloEnd end;
  ASSERT_EQ(hello_texts(end.begin("first")), Texts{"1 to first"});  // and lost
  EXPECT_EQ(hello_texts(end.hear("first")), Texts{"1 to first"});
  EXPECT_EQ(end.shown, Texts{"first"});
  EXPECT_EQ(hello_texts(end.hear("second")), Texts{"1 to second"});
  EXPECT_EQ(end.shown, (Texts{"first", "second"}));
  EXPECT_EQ(hello_texts(end.hear("second")), Texts{"1 to second"});
  EXPECT_EQ(end.shown, (Texts{"first", "second"}));
  EXPECT_EQ(end.endpoint.connection_count(), 1U);
}

TEST(EndpointHello, AnotherOneFromElsewhereIsAskedForACookie) {
  HelloEnd end;
  ASSERT_EQ(end.begin("first").size(), 1U);
  end.from = TestPair::address(7);
  const auto said = end.hear("second");
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(hello_texts(said)[0].substr(0, 4), std::to_string(cookie_message) + " ");
  EXPECT_EQ(end.shown, Texts{"first"});
}

TEST(EndpointHello, OverAnyCarrierItIsShownUntilAnAuthProofWasAnswered) {
  for (const Carrier carrier : {Carrier::datagrams, Carrier::ordered}) {
    LoneConnection lone(Direction::inbound, {}, carrier);
    lone.connection.prove_path();
    const auto hear = [&](std::uint8_t message, std::string_view text) {
      lone.deliver(test_handshake(PacketType::syn, LoneConnection::own_id, LoneConnection::peer_id,
                                  message, text));
      return lone.handshakes;
    };
    EXPECT_EQ(hear(0, "first"), 1U);
    lone.input(HandshakeBytes{1, base::to_bytes("to first")});
    EXPECT_EQ(hello_texts(lone.flush()), Texts{"1 to first"});
    EXPECT_EQ(hear(0, "second"), 2U);
    lone.input(HandshakeBytes{1, base::to_bytes("to second")});
    EXPECT_EQ(hello_texts(lone.flush()), Texts{"1 to second"});
    EXPECT_EQ(hear(0, "second"), 2U);
    EXPECT_EQ(hello_texts(lone.flush()), Texts{"1 to second"});
    EXPECT_EQ(hear(2, "proof"), 3U);
    lone.input(test_keys(false, 0));
    lone.input(HandshakeBytes{3, base::to_bytes("final")});
    lone.flush();
    EXPECT_EQ(hear(2, "proof"), 3U);
    if (carrier == Carrier::datagrams) EXPECT_EQ(hear(0, "third"), 3U);
    EXPECT_FALSE(lone.ended);
  }
}

}  // namespace
}  // namespace kith::packet
