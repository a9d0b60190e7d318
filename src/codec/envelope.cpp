#include "codec/envelope.h"

#include "base/format.h"
#include "codec/pb_wire.h"
#include "codec/peer_id.h"
#include "codec/public_key.h"
#include "codec/varint.h"

namespace kith::codec {

namespace {

// Envelope (RFC 0002); field 4 was never assigned.
constexpr std::uint32_t public_key_field = 1;
constexpr std::uint32_t payload_type_field = 2;
constexpr std::uint32_t payload_field = 3;
constexpr std::uint32_t signature_field = 5;

// PeerRecord (RFC 0003), and AddressInfo within it.
constexpr std::uint32_t peer_id_field = 1;
constexpr std::uint32_t sequence_field = 2;
constexpr std::uint32_t addresses_field = 3;
constexpr std::uint32_t multiaddr_field = 1;

void append_prefixed(Bytes& to, ByteView part) {
  append_varint(to, part.size());
  base::append(to, part);
}

Bytes signed_bytes(std::string_view domain, ByteView payload_type, ByteView payload) {
  ASSERT(!domain.empty());  // a signature without a domain could be replayed as any other
  Bytes bytes;
  bytes.reserve(domain.size() + payload_type.size() + payload.size() + 3 * varint_bytes_max);
  append_prefixed(bytes, base::as_bytes(domain));
  append_prefixed(bytes, payload_type);
  append_prefixed(bytes, payload);
  return bytes;
}

// What is signed must read the same to everybody: no field may stand twice.
Result<void> take_once(std::optional<ByteView>& slot, const PbField& field, std::string_view what) {
  if (slot) return fail(Code::malformed, base::format("envelope with two of: {}", what));
  slot = TRY(field.as_bytes(what, envelope_bytes_max));
  return {};
}

Bytes encode_peer_record(const PeerRecord& record) {
  Bytes bytes;
  append_pb_bytes(bytes, peer_id_field, record.peer.bytes());
  append_pb_varint(bytes, sequence_field, record.sequence);
  for (const Multiaddr& address : record.addresses) {
    Bytes info;
    append_pb_bytes(info, multiaddr_field, address.bytes());
    append_pb_bytes(bytes, addresses_field, info);
  }
  return bytes;
}

Result<void> take_address(PeerRecord& record, ByteView info) {
  PbReader reader(info);
  while (const auto field = TRY(reader.next())) {
    if (field->number != multiaddr_field) continue;
    const ByteView bytes = TRY(field->as_bytes("address of a peer record", envelope_bytes_max));
    // What is over the limit is left out like what we cannot read: the others are still good.
    if (record.addresses.size() == peer_record_addresses_max) continue;
    if (auto address = Multiaddr::decode(bytes)) record.addresses.push_back(*std::move(address));
  }
  return {};
}

Result<PeerRecord> decode_peer_record(ByteView bytes) {
  PeerRecord record;
  PbReader reader(bytes);
  while (const auto field = TRY(reader.next())) {
    if (field->number == peer_id_field) {
      const ByteView peer = TRY(field->as_bytes("peer id of a record", envelope_bytes_max));
      if (!record.peer.empty()) return fail(Code::malformed, "peer record with two peer ids");
      record.peer = TRY(peer_id_from_bytes(peer));
    } else if (field->number == sequence_field) {
      record.sequence = TRY(field->as_varint("sequence of a peer record"));
    } else if (field->number == addresses_field) {
      const ByteView info = TRY(field->as_bytes("address info", envelope_bytes_max));
      TRY_VOID(take_address(record, info));
    }
  }
  if (record.peer.empty()) return fail(Code::malformed, "peer record without peer id");
  return record;
}

}  // namespace

Bytes seal_envelope(const crypto::KeyPair& key, std::string_view domain, ByteView payload_type,
                    ByteView payload) {
  const crypto::Signature signature = key.sign(signed_bytes(domain, payload_type, payload));
  Bytes bytes;
  append_pb_bytes(bytes, public_key_field, encode_public_key(key.public_key()));
  append_pb_bytes(bytes, payload_type_field, payload_type);
  append_pb_bytes(bytes, payload_field, payload);
  append_pb_bytes(bytes, signature_field, signature);
  return bytes;
}

Result<Envelope> decode_envelope(ByteView bytes) {
  if (bytes.size() > envelope_bytes_max) {
    return fail(Code::too_large,
                base::format("envelope of {} bytes, limit {}", bytes.size(), envelope_bytes_max));
  }
  std::optional<ByteView> key;
  std::optional<ByteView> payload_type;
  std::optional<ByteView> payload;
  std::optional<ByteView> signature;
  PbReader reader(bytes);
  while (const auto field = TRY(reader.next())) {
    if (field->number == public_key_field) {
      TRY_VOID(take_once(key, *field, "public key"));
    } else if (field->number == payload_type_field) {
      TRY_VOID(take_once(payload_type, *field, "payload type"));
    } else if (field->number == payload_field) {
      TRY_VOID(take_once(payload, *field, "payload"));
    } else if (field->number == signature_field) {
      TRY_VOID(take_once(signature, *field, "signature"));
    }
  }
  if (!key) return fail(Code::malformed, "envelope without public key");
  if (!signature || signature->empty()) {
    return fail(Code::malformed, "envelope without signature");
  }
  Envelope envelope;
  envelope.key = TRY(decode_public_key(*key));
  // proto3 leaves empty fields out; then the type or the payload is empty.
  if (payload_type) envelope.payload_type = base::to_bytes(*payload_type);
  if (payload) envelope.payload = base::to_bytes(*payload);
  envelope.signature = base::to_bytes(*signature);
  return envelope;
}

Result<Envelope> open_envelope(std::string_view domain, ByteView payload_type, ByteView bytes) {
  Envelope envelope = TRY(decode_envelope(bytes));
  if (!base::equal(envelope.payload_type, payload_type)) {
    return fail(Code::unsupported,
                base::format("envelope of payload type {}, not {}",
                             base::to_hex(envelope.payload_type), base::to_hex(payload_type)));
  }
  TRY_VOID(crypto::verify(envelope.key, signed_bytes(domain, payload_type, envelope.payload),
                          envelope.signature));
  return envelope;
}

Bytes seal_peer_record(const crypto::KeyPair& key, const PeerRecord& record) {
  ASSERT(record.peer == peer_id_of(key.public_key()));
  ASSERT(record.addresses.size() <= peer_record_addresses_max);
  return seal_envelope(key, peer_record_domain, peer_record_payload_type,
                       encode_peer_record(record));
}

static Result<PeerRecord> record_of(const Envelope& envelope) {
  PeerRecord record = TRY(decode_peer_record(envelope.payload));
  const PeerId signer = peer_id_of(envelope.key);
  if (record.peer != signer) {
    return fail(Code::wrong_peer, base::format("peer record of {} signed by {}",
                                               to_text(record.peer), to_text(signer)));
  }
  return record;
}

Result<PeerRecord> open_peer_record(ByteView envelope) {
  const Envelope opened =
      TRY(open_envelope(peer_record_domain, peer_record_payload_type, envelope));
  return record_of(opened);
}

Result<PeerRecord> peek_peer_record(ByteView envelope) {
  const Envelope decoded = TRY(decode_envelope(envelope));
  return record_of(decoded);
}

}  // namespace kith::codec
