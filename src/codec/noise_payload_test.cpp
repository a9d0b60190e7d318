#include "codec/noise_payload.h"

#include "codec/golden_test_util.h"
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

TEST(NoisePayload, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("noise_payload.txt")) {
    SCOPED_TRACE(line.back());
    const Bytes bytes = unhex(line.back());
    if (line[0] == "bad") {
      const Code code = error_of(bytes);
      EXPECT_TRUE(code == Code::malformed || code == Code::truncated) << static_cast<int>(code);
      continue;
    }
    NoisePayload expected{decode_public_key(unhex(line[1])).value(), unhex(line[2]), {}};
    std::istringstream muxers(line[3] == "-" ? "" : line[3]);
    for (std::string muxer; std::getline(muxers, muxer, ',');) {
      expected.stream_muxers.push_back(muxer);
    }
    const auto payload = decode_noise_payload(bytes);
    ASSERT_TRUE(payload.has_value()) << base::to_string(payload.error());
    EXPECT_EQ(*payload, expected);
    if (line[0] == "ok") EXPECT_EQ(encode_noise_payload(*payload), bytes);
    // Whoever wrote it held the identity key: the signature over the static key is sound.
    Bytes text = base::to_bytes(std::string_view("noise-libp2p-static-key:"));
    for (std::uint8_t i = 0; i < 32; ++i) text.push_back(i);
    EXPECT_TRUE(crypto::verify(payload->identity_key, text, payload->identity_signature));
  }
}

TEST(NoisePayload, RoundTrips) {
  for (const auto& muxers : {std::vector<std::string>{}, {"/yamux/1.0.0"}, {"/b", "", "/a"}}) {
    const NoisePayload payload = payload_with(muxers);
    EXPECT_EQ(decode_noise_payload(encode_noise_payload(payload)).value(), payload);
  }
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
