#include "codec/envelope.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"
#include "codec/pb_wire.h"
#include "codec/peer_id.h"
#include "codec/public_key.h"

namespace kith::codec {
namespace {

// The Ed25519 key of the peer-ids specification's test vectors.
constexpr std::string_view ed25519_seed =
    "7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d";
Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

crypto::KeyPair spec_key() {
  const Bytes seed = hex(ed25519_seed);
  return crypto::KeyPair::from_seed(std::span<const std::uint8_t, 32>(seed));
}

// RFC 0003's example.
PeerRecord example_record() {
  return {peer_id_of(spec_key().public_key()),
          1570215229,
          {Multiaddr::parse("/ip4/192.0.2.0/tcp/42").value(),
           Multiaddr::parse("/ip4/198.51.100.0/tcp/42").value()}};
}

/// The first vector of that kind: its envelope. "sealed" is the testing domain's hello world, and
/// "record" RFC 0003's example.
Bytes golden_envelope(const std::string& kind) {
  for (const GoldenLine& line : golden_lines("envelope.txt")) {
    if (line[0] == kind) return unhex(line.back());
  }
  ADD_FAILURE() << "no vector of kind " << kind;
  return {};
}

template <class T>
Code code_of(const Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? Code::internal : result.error().code;
}

PeerRecord record_on(const GoldenLine& line) {
  PeerRecord record;
  record.peer = peer_id_from_text(line[2]).value();
  record.sequence = std::stoull(line[1]);
  std::istringstream addresses(line[3] == "-" ? "" : line[3]);
  for (std::string address; std::getline(addresses, address, ',');) {
    record.addresses.push_back(Multiaddr::parse(address).value());
  }
  return record;
}

TEST(Envelope, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("envelope.txt")) {
    if (line[0] != "sealed") continue;
    SCOPED_TRACE(line[1]);
    const Bytes type = unhex(line[2]);
    const Bytes payload = unhex(line[3]);
    EXPECT_EQ(base::to_hex(seal_envelope(spec_key(), line[1], type, payload)), line[4]);
    const auto opened = open_envelope(line[1], type, unhex(line[4]));
    ASSERT_TRUE(opened.has_value()) << base::to_string(opened.error());
    EXPECT_EQ(opened->payload, payload);
    EXPECT_EQ(opened->key, spec_key().public_key());
  }
}

TEST(PeerRecord, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("envelope.txt")) {
    if (line[0] == "sealed") continue;
    SCOPED_TRACE(line.back());
    const Bytes envelope = unhex(line.back());
    if (line[0] == "forged") {  // RUSTSEC-2022-0009: a good signature, but by somebody else
      EXPECT_EQ(code_of(open_peer_record(envelope)), Code::wrong_peer);
      continue;
    }
    const auto record = open_peer_record(envelope);
    ASSERT_TRUE(record.has_value()) << base::to_string(record.error());
    EXPECT_EQ(*record, record_on(line));
    if (line[0] == "record") EXPECT_EQ(seal_peer_record(spec_key(), *record), envelope);
  }
}

TEST(Envelope, BelongsToItsDomainAndType) {
  const Bytes sealed = golden_envelope("sealed");
  const ByteView type = base::as_bytes("/libp2p/testdata");
  EXPECT_EQ(code_of(open_envelope("libp2p-testinh", type, sealed)), Code::bad_signature);
  EXPECT_EQ(code_of(open_envelope("libp2p-testing", base::as_bytes("/libp2p/testdat"), sealed)),
            Code::unsupported);
  EXPECT_EQ(code_of(open_peer_record(sealed)), Code::unsupported);
}

TEST(Envelope, NoByteMayChange) {
  const Bytes sealed = golden_envelope("sealed");
  const ByteView type = base::as_bytes("/libp2p/testdata");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes bent = sealed;
    bent[i] ^= 1;
    EXPECT_FALSE(open_envelope("libp2p-testing", type, bent).has_value()) << i;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(decode_envelope(ByteView(sealed).first(size)).has_value()) << size;
  }
}

TEST(Envelope, RefusesMissingAndRepeatedFields) {
  const Bytes key = encode_public_key(spec_key().public_key());
  Bytes only_key;
  append_pb_bytes(only_key, 1, key);
  EXPECT_EQ(code_of(decode_envelope(only_key)), Code::malformed);
  Bytes only_signature;
  append_pb_bytes(only_signature, 5, Bytes(64));
  EXPECT_EQ(code_of(decode_envelope(only_signature)), Code::malformed);
  Bytes twice = golden_envelope("sealed");
  append_pb_bytes(twice, 3, "another payload");
  EXPECT_EQ(code_of(decode_envelope(twice)), Code::malformed);
}

TEST(Envelope, RefusesOverTheLimitBeforeReading) {
  EXPECT_EQ(code_of(decode_envelope(Bytes(envelope_bytes_max + 1))), Code::too_large);
}

TEST(Envelope, UnknownFieldsArePassedOver) {
  Bytes more = golden_envelope("sealed");
  append_pb_varint(more, 4, 7);
  append_pb_bytes(more, 99, "later");
  EXPECT_TRUE(
      open_envelope("libp2p-testing", base::as_bytes("/libp2p/testdata"), more).has_value());
}

TEST(Envelope, A61UnknownFieldsCostNothingAndGroupsAreRefused) {
  Bytes unknown = golden_envelope("sealed");
  while (unknown.size() + 3 <= envelope_bytes_max) append_pb_bytes(unknown, 99, ByteView());
  EXPECT_TRUE(
      open_envelope("libp2p-testing", base::as_bytes("/libp2p/testdata"), unknown).has_value());
  for (const char* tail : {"0b", "9b06", "32ffffffff07", "2a80808080087f"}) {
    Bytes bytes = golden_envelope("sealed");
    base::append(bytes, hex(tail));
    EXPECT_FALSE(decode_envelope(bytes).has_value()) << tail;
  }
  EXPECT_EQ(code_of(decode_envelope(Bytes(envelope_bytes_max, 0x0b))), Code::malformed);
  EXPECT_EQ(code_of(decode_envelope(Bytes(100'000, 0x0b))), Code::too_large);
}

TEST(PeerRecord, RefusesANonCanonicalSignature) {
  // RUSTSEC-2019-0004: 64 arbitrary bytes are no signature.
  Bytes bytes = golden_envelope("record");
  std::fill(bytes.end() - 64, bytes.end(), std::uint8_t{0x5a});
  EXPECT_EQ(code_of(open_peer_record(bytes)), Code::bad_signature);
}

Bytes seal_record_bytes(ByteView payload) {
  return seal_envelope(spec_key(), peer_record_domain, peer_record_payload_type, payload);
}

TEST(PeerRecord, A60LeavesOutAddressesItCannotReadAndThoseOverTheLimit) {
  Bytes payload;
  append_pb_bytes(payload, 1, example_record().peer.bytes());
  const auto add = [&payload](ByteView address) {
    Bytes info;
    append_pb_bytes(info, 1, address);
    append_pb_bytes(payload, 3, info);
  };
  add(hex("9103"));  // a protocol nobody here knows
  const Multiaddr good = Multiaddr::parse("/ip4/192.0.2.0/tcp/42").value();
  for (std::size_t i = 0; i < peer_record_addresses_max + 5; ++i) add(good.bytes());
  const auto record = open_peer_record(seal_record_bytes(payload));
  ASSERT_TRUE(record.has_value()) << base::to_string(record.error());
  EXPECT_EQ(record->addresses.size(), peer_record_addresses_max);
  EXPECT_EQ(record->sequence, 0u);  // proto3: absent is zero
}

TEST(PeerRecord, A61RefusesGroupsAndLengthsOfTwoGibibytesWithinWhatIsSigned) {
  Bytes good;
  append_pb_bytes(good, 1, example_record().peer.bytes());
  ASSERT_TRUE(open_peer_record(seal_record_bytes(good)).has_value());
  for (const char* tail : {"0b", "1affffffff07", "1a060affffffff07", "1a020b0c"}) {
    Bytes bytes = good;
    base::append(bytes, hex(tail));
    EXPECT_FALSE(open_peer_record(seal_record_bytes(bytes)).has_value()) << tail;
  }
}

TEST(PeerRecord, RefusesMalformedRecords) {
  EXPECT_EQ(code_of(open_peer_record(seal_record_bytes({}))), Code::malformed);
  Bytes twice;
  append_pb_bytes(twice, 1, example_record().peer.bytes());
  append_pb_bytes(twice, 1, example_record().peer.bytes());
  EXPECT_EQ(code_of(open_peer_record(seal_record_bytes(twice))), Code::malformed);
  EXPECT_FALSE(open_peer_record(seal_record_bytes(hex("0a01ff"))).has_value());
}

TEST(PeerRecord, RoundTrips) {
  ASSERT_TRUE(rc::check([] {
    PeerRecord record = example_record();
    record.sequence = *rc::gen::arbitrary<std::uint64_t>();
    record.addresses.resize(*rc::gen::inRange<std::size_t>(0, 3));
    const auto opened = open_peer_record(seal_peer_record(spec_key(), record));
    RC_ASSERT(opened.has_value());
    RC_ASSERT(*opened == record);
  }));
}

}  // namespace
}  // namespace kith::codec
