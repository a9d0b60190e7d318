// The fields of handshake messages at the edges of what is taken: by their decoders, and in a
// HELLO or RESPONSE of a peer that knows how to seal them.
#include "secure/session_message.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "codec/peer_id.h"
#include "codec/public_key.h"
#include "secure/session_handshake.h"
#include "secure/session_testing.h"

namespace kith::secure {
namespace {

using session_testing::SessionNode;
using FieldError = std::optional<Code>;

template <class T>
FieldError error_of(const Result<T>& result) {
  return result ? FieldError() : FieldError(result.error().code);
}

FieldError hello_start_error(ByteView bytes) { return error_of(decode_hello_start(bytes)); }
/// Of a field alone, so that whatever is behind it is too much.
template <auto decode>
FieldError field_error(ByteView bytes) {
  codec::Reader from(bytes);
  const auto decoded = decode(from);
  if (!decoded) return decoded.error().code;
  return error_of(from.finish());
}

Bytes field_sized(std::size_t said, std::size_t bytes) {
  Bytes out;
  codec::Writer to(out);
  to.u16(static_cast<std::uint16_t>(said));
  to.bytes(Bytes(bytes, 5));
  return out;
}
Bytes field_sized(std::size_t size) { return field_sized(size, size); }
Bytes field_joined(Bytes front, ByteView back) {
  base::append(front, back);
  return front;
}
Bytes field_ciphers(std::size_t count, std::uint8_t cipher) {
  return field_joined(Bytes{static_cast<std::uint8_t>(count)}, Bytes(count, cipher));
}
/// A true key, and a signature of that size.
Bytes field_identity(std::size_t signature) {
  return encode_identity(testing::identity_key(1).public_key(), Bytes(signature, 5));
}
/// A key of that many bytes and of a type whose keys are checked later.
Bytes field_key(std::size_t size) {
  const Bytes key = codec::encode_public_key({crypto::KeyType::rsa, Bytes(size, 3)});
  return field_joined(field_joined(field_sized(key.size(), 0), key), field_sized(64));
}

struct FieldCase {
  const char* name;
  FieldError (*decode)(ByteView);
  Bytes bytes;
  FieldError expected;
};

std::vector<FieldCase> field_cases() {
  constexpr auto hello = hello_start_error;
  constexpr auto ciphers = field_error<decode_ciphers>;
  constexpr auto parameters = field_error<decode_parameters>;
  constexpr auto identity = field_error<decode_identity>;
  const std::size_t most = session_parameters_bytes_max;
  const std::size_t key_most = crypto::public_key_bytes_max;
  const std::size_t signature_most = crypto::signature_bytes_max;
  const Bytes one{0};
  return {
      {"no version", hello, {}, Code::truncated},
      {"no pattern", hello, {1}, Code::truncated},
      {"version 0", hello, {0, 1}, Code::unsupported},
      {"version 2", hello, {2, 1}, Code::unsupported},
      {"pattern 0", hello, {1, 0}, Code::unsupported},
      {"pattern 1", hello, {1, 1}, {}},
      {"pattern 2", hello, {1, 2}, {}},
      {"pattern 4", hello, {1, 4}, Code::unsupported},
      {"a ticket", hello, field_joined({1, 3}, Bytes(ticket_bytes)), {}},
      {"a cut ticket", hello, field_joined({1, 3}, Bytes(ticket_bytes - 1)), Code::truncated},

      {"no list of ciphers", ciphers, {}, Code::truncated},
      {"0 ciphers", ciphers, field_ciphers(0, 1), Code::malformed},
      {"1 cipher", ciphers, field_ciphers(1, 1), {}},
      {"8 ciphers", ciphers, field_ciphers(8, 2), {}},
      {"9 ciphers", ciphers, field_ciphers(9, 2), Code::malformed},
      {"8 ciphers nobody knows", ciphers, field_ciphers(8, 99), {}},
      {"a cipher missing", ciphers, {2, 1}, Code::truncated},
      {"bytes behind ciphers", ciphers, field_joined(field_ciphers(2, 1), one), Code::malformed},

      {"no parameters' size", parameters, {0}, Code::truncated},
      {"no parameters", parameters, field_sized(0), {}},
      {"most parameters", parameters, field_sized(most), {}},
      {"parameters over the limit", parameters, field_sized(most + 1), Code::too_large},
      {"parameters said to be many", parameters, field_sized(65'535, 3), Code::too_large},
      {"cut parameters", parameters, field_sized(most, most - 1), Code::truncated},
      {"bytes behind parameters", parameters, field_joined(field_sized(3), one), Code::malformed},

      {"an identity", identity, field_identity(64), {}},
      {"no signature's bytes", identity, field_identity(0), {}},
      {"the largest signature", identity, field_identity(signature_most), {}},
      {"an oversized signature", identity, field_identity(signature_most + 1), Code::too_large},
      {"the largest key", identity, field_key(key_most), {}},
      {"an oversized key", identity, field_key(key_most + 1), Code::too_large},
      {"a key of no bytes", identity, field_sized(0), Code::malformed},
      {"bytes behind an identity", identity, field_joined(field_identity(64), one),
       Code::malformed},
  };
}

TEST(SessionMessage, FieldsAreTakenUpToTheirLimitsAndNotBeyond) {
  for (const FieldCase& each : field_cases()) {
    EXPECT_EQ(each.decode(each.bytes), each.expected) << each.name;
  }
}

TEST(SessionMessage, ASignatureOrAKeyThatIsCutIsTruncated) {
  const Bytes whole = field_identity(64);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const ByteView cut = ByteView(whole).first(size);
    EXPECT_EQ(field_error<decode_identity>(cut), Code::truncated) << size;
  }
}

/// What a responder says to a HELLO whose payload was sealed as it is.
FieldError hello_payload_error(ByteView payload) {
  SessionNode a(1), b(2);
  Bytes hello = encode_hello_start(NoisePattern::xx, {});
  NoiseHandshake noise(NoisePattern::xx, Direction::outbound, &a.config.identity->key, {},
                       session_prologue(NoisePattern::xx, a.config.network, {}));
  EXPECT_TRUE(noise.write_message(a.rng, payload, hello));
  SessionResponder responder(b.config, std::nullopt, b.tickets);
  const auto answer = responder.on_hello({}, hello, b.rng);
  if (answer) return std::nullopt;
  EXPECT_FALSE(answer.error().is_proof);  // anybody could have made it
  EXPECT_TRUE(responder.is_empty());
  return answer.error().error.code;
}

/// What an initiator says to a RESPONSE whose payload was sealed by the peer that it dialled.
FieldError response_payload_error(ByteView behind_identity) {
  SessionNode a(1), b(2);
  SessionInitiator initiator(a.config, b.peer(), a.tickets, {});
  Bytes hello = initiator.hello(a.rng);
  NoiseHandshake noise(NoisePattern::xx, Direction::inbound, &b.config.identity->key, {},
                       session_prologue(NoisePattern::xx, b.config.network, {}));
  EXPECT_TRUE(noise.read_message(ByteSpan(hello).subspan(2)));
  Bytes payload = field_joined(Bytes{1}, b.config.identity->encoded);
  base::append(payload, behind_identity);
  Bytes response;
  EXPECT_TRUE(noise.write_message(b.rng, payload, response));
  const auto answer = initiator.on_response(response, a.rng);
  if (answer) return std::nullopt;
  EXPECT_TRUE(answer.error().is_proof);  // only the peer could
  return answer.error().error.code;
}

TEST(SessionMessage, APayloadEndsWhereItsFieldsEnd) {
  EXPECT_EQ(hello_payload_error(field_ciphers(2, 1)), FieldError());
  EXPECT_EQ(hello_payload_error(field_joined(field_ciphers(2, 1), Bytes{0})), Code::malformed);
  EXPECT_EQ(hello_payload_error(field_ciphers(0, 1)), Code::malformed);
  EXPECT_EQ(hello_payload_error(field_ciphers(8, 1)), FieldError());
  EXPECT_EQ(hello_payload_error(field_ciphers(9, 1)), Code::malformed);
  const std::size_t most = session_parameters_bytes_max;
  EXPECT_EQ(response_payload_error(field_sized(most)), FieldError());
  EXPECT_EQ(response_payload_error(field_joined(field_sized(most), Bytes{0})), Code::malformed);
  EXPECT_EQ(response_payload_error(field_sized(most + 1)), Code::too_large);
}

}  // namespace
}  // namespace kith::secure
