#include "codec/noise_payload.h"

#include "codec/pb_wire.h"
#include "codec/public_key.h"

namespace kith::codec {
namespace {

constexpr std::string_view ed25519_key =
    "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e";

Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

NoisePayload payload_with(std::vector<std::string> muxers) {
  return {decode_public_key(hex(ed25519_key)).value(), hex("aabb"), std::move(muxers)};
}

Code error_of(const Bytes& bytes) {
  const auto payload = decode_noise_payload(bytes);
  EXPECT_FALSE(payload.has_value()) << base::to_hex(bytes);
  return payload ? Code::internal : payload.error().code;
}

// The fields of specs/noise, "The libp2p Handshake Payload", by hand.
TEST(NoisePayload, HasTheSpecificationsBytes) {
  const std::string key = "0a24" + std::string(ed25519_key);
  EXPECT_EQ(base::to_hex(encode_noise_payload(payload_with({}))), key + "1202aabb");
  EXPECT_EQ(base::to_hex(encode_noise_payload(payload_with({"/a", "/b"}))),
            key + "1202aabb" + "2208" + "12022f61" + "12022f62");
}

TEST(NoisePayload, RoundTrips) {
  for (const auto& muxers : {std::vector<std::string>{}, {"/yamux/1.0.0"}, {"/b", "", "/a"}}) {
    const NoisePayload payload = payload_with(muxers);
    EXPECT_EQ(decode_noise_payload(encode_noise_payload(payload)).value(), payload);
  }
}

TEST(NoisePayload, PassesOverOtherExtensions) {
  Bytes extensions;
  append_pb_bytes(extensions, 1, "a certificate's hash");
  append_pb_bytes(extensions, 2, "/yamux/1.0.0");
  append_pb_varint(extensions, 1025, 1);
  Bytes bytes = encode_noise_payload(payload_with({}));
  append_pb_bytes(bytes, 3, "early data of before revision 4");
  append_pb_bytes(bytes, 4, extensions);
  EXPECT_EQ(decode_noise_payload(bytes).value(), payload_with({"/yamux/1.0.0"}));
}

TEST(NoisePayload, RefusesMissingAndRepeatedFields) {
  Bytes key;
  append_pb_bytes(key, 1, hex(ed25519_key));
  Bytes signature;
  append_pb_bytes(signature, 2, hex("aabb"));
  EXPECT_EQ(error_of({}), Code::malformed);
  EXPECT_EQ(error_of(key), Code::malformed);
  EXPECT_EQ(error_of(signature), Code::malformed);

  Bytes twice = encode_noise_payload(payload_with({}));
  base::append(twice, key);
  EXPECT_EQ(error_of(twice), Code::malformed);
  twice = encode_noise_payload(payload_with({}));
  base::append(twice, signature);
  EXPECT_EQ(error_of(twice), Code::malformed);

  Bytes empty = key;
  append_pb_bytes(empty, 2, ByteView());
  EXPECT_EQ(error_of(empty), Code::malformed);
}

TEST(NoisePayload, RefusesOverItsLimits) {
  NoisePayload payload = payload_with(std::vector<std::string>(noise_muxers_max, "/m"));
  EXPECT_TRUE(decode_noise_payload(encode_noise_payload(payload)).has_value());
  payload.stream_muxers.push_back("/m");
  EXPECT_EQ(error_of(encode_noise_payload(payload)), Code::malformed);

  payload = payload_with({});
  payload.identity_signature.assign(crypto::signature_bytes_max + 1, 1);
  EXPECT_EQ(error_of(encode_noise_payload(payload)), Code::malformed);
  EXPECT_EQ(error_of(Bytes(noise_payload_bytes_max + 1)), Code::malformed);
}

TEST(NoisePayload, A61UnknownFieldsCostNothingAndGroupsAreRefused) {
  Bytes unknown = encode_noise_payload(payload_with({"/m"}));
  while (unknown.size() + 3 <= noise_payload_bytes_max) append_pb_bytes(unknown, 99, ByteView());
  EXPECT_EQ(decode_noise_payload(unknown).value(), payload_with({"/m"}));
  for (const char* tail : {"0b", "9b06", "1affffffff07", "22020b0c", "220612ffffffff07"}) {
    Bytes bytes = encode_noise_payload(payload_with({}));
    base::append(bytes, hex(tail));
    EXPECT_FALSE(decode_noise_payload(bytes).has_value()) << tail;
  }
}

TEST(NoisePayload, RefusesEveryPrefix) {
  const Bytes bytes = encode_noise_payload(payload_with({}));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_noise_payload(ByteView(bytes).first(size)).has_value()) << size;
  }
}

}  // namespace
}  // namespace kith::codec
