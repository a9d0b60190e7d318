#include "codec/identify.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"
#include "codec/pb_wire.h"
#include "codec/public_key.h"

namespace kith::codec {
namespace {

Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

IdentifyMessage full_message() {
  IdentifyMessage message;
  message.protocol_version = "ipfs/0.1.0";
  message.agent_version = "kith/0.1.0";
  message.public_key =
      decode_public_key(
          hex("080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"))
          .value();
  message.listen_addresses = {Multiaddr::parse("/ip4/192.0.2.1/tcp/4770").value(),
                              Multiaddr::parse("/ip4/192.0.2.1/udp/4770/quic-v1").value()};
  message.observed_address = Multiaddr::parse("/ip4/198.51.100.7/tcp/1234").value();
  message.protocols = {"/ipfs/id/1.0.0", "/ipfs/ping/1.0.0"};
  message.signed_peer_record = hex("0102");
  return message;
}

TEST(Identify, RoundTrips) {
  const auto message = decode_identify(encode_identify(full_message()));
  ASSERT_TRUE(message.has_value()) << base::to_string(message.error());
  EXPECT_EQ(*message, full_message());
  EXPECT_EQ(decode_identify({}).value(), IdentifyMessage());
}

IdentifyMessage short_message() {
  IdentifyMessage message;
  message.protocol_version = "v";
  message.agent_version = "a";
  message.listen_addresses = {Multiaddr::parse("/ip4/192.0.2.1/tcp/1").value()};
  message.observed_address = Multiaddr::parse("/ip4/192.0.2.2/tcp/2").value();
  message.protocols = {"/x"};
  message.signed_peer_record = hex("ff");
  return message;
}

// The example of docs/protocol/identify.md.
IdentifyMessage page_message() {
  IdentifyMessage message;
  message.protocol_version = "kith/1.0.0";
  message.agent_version = "kith/0.1.0";
  std::array<std::uint8_t, 32> seed;
  seed.fill(1);
  message.public_key = crypto::KeyPair::from_seed(seed).public_key();
  message.listen_addresses = {Multiaddr::parse("/ip4/127.0.0.1/tcp/4770").value()};
  message.observed_address = Multiaddr::parse("/ip4/127.0.0.1/tcp/50000").value();
  message.protocols = {"/ipfs/ping/1.0.0"};
  return message;
}

// What the vectors of tests/golden/identify.txt say, by name.
std::map<std::string, IdentifyMessage> golden_messages() {
  IdentifyMessage full = full_message();
  for (const GoldenLine& line : golden_lines("envelope.txt")) {
    if (line[0] == "record" && line[1] == "1570215229") full.signed_peer_record = unhex(line[4]);
  }
  IdentifyMessage parts = full;  // two, one after the other
  parts.protocols.push_back("/late/1.0.0");
  parts.agent_version = "kith/0.1.1";
  IdentifyMessage foreign;  // an unknown field, an address that nobody here can read
  foreign.protocol_version = "v";
  foreign.agent_version = "a";
  foreign.protocols = {"/x"};
  return {{"empty", {}},  {"short", short_message()}, {"page", page_message()},
          {"full", full}, {"parts", parts},           {"foreign", foreign}};
}

TEST(Identify, GoldenVectors) {
  auto expected = golden_messages();
  for (const GoldenLine& line : golden_lines("identify.txt")) {
    SCOPED_TRACE(line[0]);
    const Bytes bytes = unhex(line[1]);
    const auto message = decode_identify(bytes);
    ASSERT_TRUE(message.has_value()) << base::to_string(message.error());
    const auto found = expected.extract(line[0]);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(*message, found.mapped());
    const bool is_ours = line[0] != "parts" && line[0] != "foreign";
    EXPECT_EQ(encode_identify(*message) == bytes, is_ours);
  }
  EXPECT_TRUE(expected.empty());
}

TEST(Identify, RefusesOverEightKibibytesBeforeReading) {
  EXPECT_EQ(decode_identify(Bytes(identify_bytes_max + 1)).error().code, Code::too_large);
}

TEST(Identify, LeavesOutWhatIsOverALimit) {
  IdentifyMessage message;
  message.protocols.assign(identify_protocols_max + 10, "/p");
  message.listen_addresses.assign(identify_addresses_max + 10,
                                  Multiaddr::parse("/ip4/192.0.2.1/tcp/1").value());
  const auto read = decode_identify(encode_identify(message)).value();
  EXPECT_EQ(read.protocols.size(), identify_protocols_max);
  EXPECT_EQ(read.listen_addresses.size(), identify_addresses_max);
}

TEST(Identify, A60LeavesOutAddressesItCannotRead) {
  Bytes bytes = encode_identify(full_message());
  append_pb_bytes(bytes, 2, hex("9103"));  // a protocol nobody here knows
  append_pb_bytes(bytes, 2, hex("04c0"));  // cut short
  append_pb_bytes(bytes, 4, hex("9103"));
  const auto read = decode_identify(bytes).value();
  EXPECT_EQ(read.listen_addresses, full_message().listen_addresses);
  EXPECT_FALSE(read.observed_address.has_value());
}

TEST(Identify, RefusesADamagedKey) {
  Bytes bytes;
  append_pb_bytes(bytes, 1, hex("0801"));
  EXPECT_EQ(decode_identify(bytes).error().code, Code::malformed);
}

TEST(Identify, RefusesAKnownFieldOfAnotherType) {
  for (const std::uint32_t field : {1u, 2u, 3u, 4u, 5u, 6u, 8u}) {
    Bytes bytes;
    append_pb_varint(bytes, field, 1);
    EXPECT_EQ(decode_identify(bytes).error().code, Code::malformed) << field;
  }
}

TEST(Identify, A61UnknownFieldsCostNothingAndGroupsAreRefused) {
  Bytes unknown = encode_identify(full_message());
  while (unknown.size() + 3 <= identify_bytes_max) append_pb_bytes(unknown, 99, ByteView());
  EXPECT_EQ(decode_identify(unknown).value(), full_message());
  for (const char* tail : {"0b", "9b06", "12ffffffff07", "4280808080087f"}) {
    Bytes bytes = encode_identify(full_message());
    base::append(bytes, hex(tail));
    EXPECT_FALSE(decode_identify(bytes).has_value()) << tail;
  }
  EXPECT_EQ(decode_identify(Bytes(identify_bytes_max, 0x0b)).error().code, Code::malformed);
  EXPECT_EQ(decode_identify(Bytes(100'000, 0x0b)).error().code, Code::too_large);
}

// go-libp2p splits what is too long for one message; protobuf reads the parts together as one.
TEST(Identify, PartsOneAfterTheOtherAreTheirUnion) {
  IdentifyMessage first = full_message();
  IdentifyMessage second;
  second.protocols = {"/late/1.0.0"};
  second.agent_version = "kith/0.1.1";
  Bytes bytes = encode_identify(first);
  base::append(bytes, encode_identify(second));
  first.protocols.push_back("/late/1.0.0");
  first.agent_version = "kith/0.1.1";
  EXPECT_EQ(decode_identify(bytes).value(), first);
}

TEST(Identify, AnythingReadCanBeWrittenAndReadAgain) {
  ASSERT_TRUE(rc::check([] {
    Bytes bytes = encode_identify(full_message());
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[at] = *rc::gen::arbitrary<std::uint8_t>();
    const auto read = decode_identify(bytes);
    if (read) RC_ASSERT(decode_identify(encode_identify(*read)).value() == *read);
  }));
}

}  // namespace
}  // namespace kith::codec
