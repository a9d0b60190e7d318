#include "secure/session_message.h"

#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"
#include "codec/public_key.h"

namespace kith::secure {

namespace {

constexpr std::string_view prologue_label = "kith/session/1";
constexpr std::string_view static_label = "kith/session/static/1";

Result<ByteView> sized_by_u16(codec::Reader& from, std::size_t size_max, std::string_view what) {
  const std::size_t size = TRY(from.u16());
  if (size > size_max) {
    return fail(Code::too_large, base::format("{} of {} bytes, at most {}", what, size, size_max));
  }
  return from.bytes(size);
}

}  // namespace

Bytes session_prologue(NoisePattern pattern, const crypto::Hash256& network, ByteView ticket) {
  Bytes bytes = base::to_bytes(prologue_label);
  bytes.push_back(static_cast<std::uint8_t>(pattern));
  base::append(bytes, network);
  base::append(bytes, ticket);
  return bytes;
}

Bytes encode_hello_start(NoisePattern pattern, ByteView ticket) {
  Bytes bytes{session_version, static_cast<std::uint8_t>(pattern)};
  base::append(bytes, ticket);
  return bytes;
}

Result<HelloStart> decode_hello_start(ByteView bytes) {
  codec::Reader from(bytes);
  const std::uint8_t version = TRY(from.u8());
  if (version != session_version) {
    return fail(Code::unsupported,
                base::format("a session of version {}, we speak {}", version, session_version));
  }
  const std::uint8_t pattern = TRY(from.u8());
  if (pattern < 1 || pattern > 3) {
    return fail(Code::unsupported, base::format("a session's handshake by pattern {}", pattern));
  }
  HelloStart start{static_cast<NoisePattern>(pattern), {}, 0};
  if (start.pattern == NoisePattern::nn_psk0) start.ticket = TRY(from.bytes(ticket_bytes));
  start.bytes = from.offset();
  return start;
}

void encode_ciphers(codec::Writer& to, const std::vector<crypto::CipherId>& ciphers) {
  ASSERT(!ciphers.empty() && ciphers.size() <= session_ciphers_max);
  to.u8(static_cast<std::uint8_t>(ciphers.size()));
  for (const crypto::CipherId cipher : ciphers) to.u8(static_cast<std::uint8_t>(cipher));
}

Result<std::vector<crypto::CipherId>> decode_ciphers(codec::Reader& from) {
  const std::size_t count = TRY(from.u8());
  if (count == 0 || count > session_ciphers_max) {
    return fail(Code::malformed, base::format("a list of {} ciphers, 1 to {} are allowed", count,
                                              session_ciphers_max));
  }
  std::vector<crypto::CipherId> ciphers;
  for (const std::uint8_t cipher : TRY(from.bytes(count))) {
    if (cipher == 1 || cipher == 2) ciphers.push_back(static_cast<crypto::CipherId>(cipher));
  }
  return ciphers;
}

void encode_parameters(codec::Writer& to, ByteView parameters) {
  ASSERT(parameters.size() <= session_parameters_bytes_max);
  to.u16(static_cast<std::uint16_t>(parameters.size()));
  to.bytes(parameters);
}

Result<Bytes> decode_parameters(codec::Reader& from) {
  return base::to_bytes(TRY(sized_by_u16(from, session_parameters_bytes_max, "parameters")));
}

Bytes encode_identity(const crypto::PublicKey& key, ByteView signature) {
  Bytes bytes;
  codec::Writer to(bytes);
  const Bytes encoded = codec::encode_public_key(key);
  to.u16(static_cast<std::uint16_t>(encoded.size()));
  to.bytes(encoded);
  to.u16(static_cast<std::uint16_t>(signature.size()));
  to.bytes(signature);
  return bytes;
}

Result<SessionIdentityRead> decode_identity(codec::Reader& from) {
  SessionIdentityRead identity;
  const ByteView key =
      TRY(sized_by_u16(from, codec::public_key_message_bytes_max, "an identity's key"));
  identity.key = TRY(codec::decode_public_key(key));
  identity.signature =
      TRY(sized_by_u16(from, crypto::signature_bytes_max, "an identity's signature"));
  identity.peer = codec::peer_id_of(identity.key);
  return identity;
}

Bytes session_signed_bytes(const crypto::X25519Public& static_key) {
  Bytes bytes = base::to_bytes(static_label);
  base::append(bytes, static_key);
  return bytes;
}

std::size_t session_message_bytes(std::uint8_t type) {
  switch (type) {
    case static_cast<std::uint8_t>(SessionMessage::offer):
    case static_cast<std::uint8_t>(SessionMessage::accept): return session_offer_bytes;
    case static_cast<std::uint8_t>(SessionMessage::ticket): return session_ticket_message_bytes;
    default: return 0;
  }
}

Bytes encode_offer(SessionMessage type, std::uint64_t epoch, const crypto::X25519Public& key) {
  Bytes bytes;
  codec::Writer to(bytes);
  to.u8(static_cast<std::uint8_t>(type));
  to.u64(epoch);
  to.bytes(key);
  return bytes;
}

Bytes encode_ticket_message(const TicketId& id, ByteView ticket) {
  ASSERT(ticket.size() == ticket_bytes);
  Bytes bytes{static_cast<std::uint8_t>(SessionMessage::ticket)};
  base::append(bytes, id);
  base::append(bytes, ticket);
  return bytes;
}

}  // namespace kith::secure
