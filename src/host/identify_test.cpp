#include "host/identify.h"

#include <gtest/gtest.h>

#include "codec/envelope.h"
#include "codec/pb_wire.h"
#include "codec/peer_id.h"
#include "codec/varint.h"
#include "crypto/key_test_vectors.h"
#include "host/test_service.h"

namespace kith::host {
namespace {

codec::Multiaddr at(const std::string& text) { return *codec::Multiaddr::parse(text); }

Bytes record_of(std::uint8_t number) {
  codec::PeerRecord record;
  record.peer = test_peer(number);
  record.sequence = 1;
  record.addresses = {at("/ip4/203.0.113.1/tcp/1")};
  return codec::seal_peer_record(test_key(number), record);
}

codec::IdentifyMessage message_of(std::uint8_t number) {
  codec::IdentifyMessage message;
  message.agent_version = "tester/1";
  message.public_key = test_key(number).public_key();
  message.protocols = {std::string(identify_protocol), std::string(identify_push_protocol)};
  message.listen_addresses = {at("/ip4/203.0.113.1/tcp/1")};
  message.signed_peer_record = record_of(number);
  return message;
}

Bytes framed(ByteView body) {
  Bytes bytes;
  codec::append_varint(bytes, body.size());
  base::append(bytes, body);
  return bytes;
}

class IdentifyTest : public testing::Test {
 protected:
  IdentifyTest() {
    IdentifySelf self;
    self.agent_version = "kith/test";
    self.key = test_key(9).public_key();
    bench.service.set_self(std::move(self));
  }
  /// Connects peer 1 and opens the question's stream, number 10.
  void ask() {
    bench.up(peer);
    const auto opens = bench.take<Open>();
    ASSERT_EQ(opens.size(), 1U);
    ASSERT_EQ(opens[0].protocols, std::vector{std::string(identify_protocol)});
    bench.stream_up(10, peer, Direction::outbound, identify_protocol, opens[0].token);
    EXPECT_EQ(bench.take<Finish>().size(), 1U);
  }
  void answer(ByteView bytes) {
    bench.data(10, bytes);
    bench.end(10);
  }
  void push(std::uint64_t stream, ByteView bytes) {
    bench.stream_up(stream, peer, Direction::inbound, identify_push_protocol);
    bench.data(stream, bytes);
    bench.end(stream);
  }
  std::optional<Code> fault() {
    const auto faults = bench.take<Fault>();
    if (faults.empty()) return std::nullopt;
    EXPECT_EQ(faults[0].peer, peer);
    return faults[0].error.code;
  }

  const PeerId peer = test_peer(1);
  ServiceBench<Identify> bench;
};

TEST_F(IdentifyTest, AsksANewPeerAndHearsTheAnswerInAnyPieces) {
  ask();
  const Bytes bytes = framed(codec::encode_identify(message_of(1)));
  for (const std::uint8_t byte : bytes) bench.data(10, {&byte, 1});
  bench.end(10);
  const auto told = bench.service.poll_identified();
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->peer, peer);
  EXPECT_FALSE(told->is_push);
  EXPECT_EQ(*told->message, message_of(1));
  std::size_t consumed = 0;
  for (const auto& consume : bench.take<Consume>()) consumed += consume.bytes;
  EXPECT_EQ(consumed, bytes.size());
  EXPECT_FALSE(bench.service.next_deadline().has_value());
}

TEST_F(IdentifyTest, AnswersWithWhatThePeerLooksLike) {
  bench.up(peer);
  bench.service.set_observed(at("/ip4/198.51.100.1/tcp/7"));
  bench.stream_up(11, peer, Direction::inbound, identify_protocol);
  const auto writes = bench.take<Write>();
  ASSERT_EQ(writes.size(), 1U);
  EXPECT_EQ(bench.take<Finish>().size(), 1U);
  const ByteView sent = writes[0].data.view();
  const auto length = codec::read_varint(sent);
  const auto message = codec::decode_identify(sent.subspan(length->size));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->agent_version, "kith/test");
  EXPECT_EQ(message->observed_address, at("/ip4/198.51.100.1/tcp/7"));
}

TEST_F(IdentifyTest, A52ARecordOfAThirdPartyIsAFault) {
  ask();
  auto message = message_of(1);
  message.signed_peer_record = record_of(2);
  answer(framed(codec::encode_identify(message)));
  EXPECT_EQ(fault(), Code::wrong_peer);
  EXPECT_FALSE(bench.service.poll_identified().has_value());
}

TEST_F(IdentifyTest, A54ARecordThatIsNoneIsLeftOut) {
  ask();
  auto message = message_of(1);
  message.signed_peer_record.pop_back();
  answer(framed(codec::encode_identify(message)));
  EXPECT_FALSE(fault().has_value());
  const auto told = bench.service.poll_identified();
  ASSERT_TRUE(told.has_value());
  EXPECT_TRUE(told->message->signed_peer_record.empty());
}

TEST_F(IdentifyTest, APeerThatNeverTakesAPushGivesItsSlotBack) {
  const std::size_t peers = Identify::push_concurrent_max;
  ask();
  answer(framed(codec::encode_identify(message_of(1))));
  IdentifySelf self;
  self.key = test_key(9).public_key();
  for (std::size_t round = 0; round <= peers; ++round) {
    bench.service.set_self(self);
    const auto opens = bench.take<Open>();
    ASSERT_EQ(opens.size(), 1U) << round;
    bench.stream_up(5000 + round, peer, Direction::outbound, identify_push_protocol,
                    opens[0].token);
    bench.take<Finish>();
    bench.wait(Identify::timeout);
    EXPECT_EQ(bench.take<Reset>().size(), 1U) << round;
  }
}

TEST_F(IdentifyTest, A56AnotherPeersKeyIsAFault) {
  ask();
  auto message = message_of(1);
  message.public_key = test_key(2).public_key();
  answer(framed(codec::encode_identify(message)));
  EXPECT_EQ(fault(), Code::wrong_peer);
  EXPECT_FALSE(bench.service.poll_identified().has_value());
}

// A59: most ids are hashes of their keys, not the keys themselves. What comes must hash to the id.
std::vector<crypto::PublicKey> keys_of_every_kind() {
  const auto key = [](crypto::KeyType type, const char* hex) {
    return crypto::PublicKey{type, base::from_hex(hex).value()};
  };
  namespace vectors = crypto::vectors;
  return {key(crypto::KeyType::rsa, vectors::spec_rsa_key),
          key(crypto::KeyType::ecdsa, vectors::spec_ecdsa_key),
          key(crypto::KeyType::ecdsa, vectors::p384_key),
          key(crypto::KeyType::secp256k1, vectors::spec_secp256k1_key),
          key(crypto::KeyType::ed25519, vectors::spec_ed25519_key)};
}

struct Answered {
  std::optional<Code> fault;
  std::optional<Identified> told;
};

/// What identify makes of `message`, from the peer whose key is `of`.
Answered answer_of(const crypto::PublicKey& of, const codec::IdentifyMessage& message) {
  const PeerId peer = codec::peer_id_of(of);
  ServiceBench<Identify> bench;
  bench.up(peer);
  bench.stream_up(10, peer, Direction::outbound, identify_protocol, bench.take<Open>()[0].token);
  bench.data(10, framed(codec::encode_identify(message)));
  bench.end(10);
  const auto faults = bench.take<Fault>();
  return {faults.empty() ? std::nullopt : std::optional(faults[0].error.code),
          bench.service.poll_identified()};
}

TEST(IdentifyHostile, A59TheKeyMustHashToTheIdOfEveryKind) {
  const auto keys = keys_of_every_kind();
  for (std::size_t of = 0; of < keys.size(); ++of) {
    for (std::size_t named = 0; named < keys.size(); ++named) {
      codec::IdentifyMessage message;
      message.public_key = keys[named];
      const Answered answered = answer_of(keys[of], message);
      EXPECT_EQ(answered.told.has_value(), of == named) << of << ' ' << named;
      if (of != named) EXPECT_EQ(answered.fault, Code::wrong_peer) << of << ' ' << named;
    }
    codec::IdentifyMessage message;
    message.public_key = keys[of];
    for (const std::size_t at : {std::size_t{0}, keys[of].data.size() - 1}) {
      message.public_key->data[at] ^= 1;  // its own, but for a bit
      const Answered answered = answer_of(keys[of], message);
      EXPECT_EQ(answered.fault, Code::wrong_peer) << of;
      EXPECT_FALSE(answered.told.has_value()) << of;
      message.public_key->data[at] ^= 1;
    }
  }
}

TEST(IdentifyHostile, A59ARecordForAnIdThatItsKeyDoesNotHashToIsLeftOut) {
  for (const crypto::PublicKey& of : keys_of_every_kind()) {
    Bytes record, info;  // of that peer, but sealed by another's key
    codec::append_pb_bytes(record, 1, codec::peer_id_of(of).bytes());
    codec::append_pb_varint(record, 2, 7);
    codec::append_pb_bytes(info, 1, at("/ip4/203.0.113.66/tcp/1").bytes());
    codec::append_pb_bytes(record, 3, info);
    codec::IdentifyMessage message;
    message.agent_version = "tester/1";
    message.signed_peer_record = codec::seal_envelope(test_key(66), codec::peer_record_domain,
                                                      codec::peer_record_payload_type, record);
    const Answered answered = answer_of(of, message);
    EXPECT_FALSE(answered.fault.has_value());
    ASSERT_TRUE(answered.told.has_value());
    EXPECT_FALSE(answered.told->record.has_value());
    EXPECT_TRUE(answered.told->message->signed_peer_record.empty());
    EXPECT_EQ(answered.told->message->agent_version, "tester/1");
  }
}

// A message in parts: protobuf merges what is concatenated (js #3423).
TEST_F(IdentifyTest, A57PartsAreJoinedUpToTheLimit) {
  for (const std::size_t parts : {Identify::messages_max, Identify::messages_max + 1}) {
    bench.now += 1h;
    ServiceBench<Identify> fresh;
    fresh.up(peer);
    fresh.stream_up(10, peer, Direction::outbound, identify_protocol, fresh.take<Open>()[0].token);
    Bytes bytes;
    for (std::size_t i = 0; i < parts; ++i) {
      codec::IdentifyMessage part;
      if (i == 0) part.agent_version = "tester/1";
      part.protocols = {"/p/" + std::to_string(i)};
      base::append(bytes, framed(codec::encode_identify(part)));
    }
    fresh.data(10, bytes);
    fresh.end(10);
    const auto told = fresh.service.poll_identified();
    const bool fits = parts <= Identify::messages_max;
    EXPECT_EQ(told.has_value(), fits);
    EXPECT_EQ(fresh.take<Fault>().size(), fits ? 0U : 1U);
    if (!told) continue;
    EXPECT_EQ(told->message->protocols.size(), parts);
    EXPECT_EQ(told->message->agent_version, "tester/1");
  }
}

TEST_F(IdentifyTest, A57MoreThan8KiBIsAFaultWithoutWaitingForTheEnd) {
  ask();
  const Bytes piece(1000, 0x7f);
  for (int i = 0; i < 10; ++i) bench.data(10, piece);
  EXPECT_EQ(fault(), Code::too_large);
  EXPECT_EQ(bench.take<Reset>().size(), 1U);
}

TEST_F(IdentifyTest, BrokenBytesAreFaults) {
  for (const Bytes& bytes : {Bytes{0x05, 1, 2}, Bytes{0x80}, Bytes{0x02, 0xff, 0xff}}) {
    ServiceBench<Identify> fresh;
    fresh.up(peer);
    fresh.stream_up(10, peer, Direction::outbound, identify_protocol, fresh.take<Open>()[0].token);
    fresh.data(10, bytes);
    fresh.end(10);
    EXPECT_EQ(fresh.take<Fault>().size(), 1U) << base::to_hex(bytes);
  }
}

TEST_F(IdentifyTest, APeerThatDoesNotAnswerIsGivenUpWithoutAFault) {
  ask();
  bench.wait(Identify::timeout - 1ms);
  EXPECT_TRUE(bench.take<Reset>().empty());
  bench.wait(1ms);
  EXPECT_EQ(bench.take<Reset>().size(), 1U);
  EXPECT_FALSE(fault().has_value());
  bench.end(10);
  bench.down(10);
  EXPECT_FALSE(bench.service.poll_identified().has_value());
}

TEST_F(IdentifyTest, APushMayLeaveOutWhatHasNotChanged) {
  ask();
  answer(framed(codec::encode_identify(message_of(1))));
  ASSERT_TRUE(bench.service.poll_identified().has_value());
  codec::IdentifyMessage change;
  change.agent_version = "tester/2";
  push(20, framed(codec::encode_identify(change)));
  const auto told = bench.service.poll_identified();
  ASSERT_TRUE(told.has_value());
  EXPECT_TRUE(told->is_push);
  auto expected = message_of(1);
  expected.agent_version = "tester/2";
  EXPECT_EQ(*told->message, expected);
}

TEST_F(IdentifyTest, PushesOfOnePeerComeAtARate) {
  bench.up(peer);
  for (std::uint64_t i = 0; i < 100; ++i) push(100 + i, framed({}));
  EXPECT_EQ(bench.take<Reset>().size(), 100U - Identify::push_burst);
  bench.now += Identify::push_interval;
  push(300, framed({}));
  EXPECT_TRUE(bench.take<Reset>().empty());
  push(301, framed({}));
  EXPECT_EQ(bench.take<Reset>().size(), 1U);
}

TEST_F(IdentifyTest, AChangeIsPushedToThoseWhoTakeItAFewAtATime) {
  const std::size_t peers = Identify::push_concurrent_max + 10;
  for (std::size_t i = 0; i < peers; ++i) {
    const auto number = static_cast<std::uint8_t>(10 + i);
    const PeerId id = test_peer(number);
    bench.up(id);
    bench.stream_up(1000 + i, id, Direction::outbound, identify_protocol,
                    bench.take<Open>()[0].token);
    bench.data(1000 + i, framed(codec::encode_identify(message_of(number))));
    bench.end(1000 + i);
    bench.down(1000 + i);
  }
  bench.service.set_self({});
  auto opens = bench.take<Open>();
  ASSERT_EQ(opens.size(), Identify::push_concurrent_max);
  EXPECT_EQ(opens[0].protocols, std::vector{std::string(identify_push_protocol)});
  // One fails, one succeeds: two more begin.
  bench.hear(StreamOpenFailed{opens[0].token, opens[0].peer, {Code::closed, "gone"}});
  bench.stream_up(2000, opens[1].peer, Direction::outbound, identify_push_protocol, opens[1].token);
  EXPECT_EQ(bench.take<Write>().size(), 1U);
  bench.down(2000);
  EXPECT_EQ(bench.take<Open>().size(), 2U);
}

TEST_F(IdentifyTest, NothingIsKeptOfAPeerThatHasGone) {
  ask();
  bench.down(10, Error{Code::io, "gone"});
  bench.hear(PeerDown{peer, {Code::io, "gone"}});
  EXPECT_FALSE(bench.service.next_deadline().has_value());
  bench.stream_up(30, peer, Direction::inbound, identify_push_protocol);
  EXPECT_EQ(bench.take<Reset>().size(), 1U);
}

}  // namespace
}  // namespace kith::host
