#include "codec/identify.h"

#include "base/format.h"
#include "codec/pb_wire.h"
#include "codec/public_key.h"

namespace kith::codec {

namespace {

constexpr std::uint32_t public_key_field = 1;
constexpr std::uint32_t listen_addresses_field = 2;
constexpr std::uint32_t protocols_field = 3;
constexpr std::uint32_t observed_address_field = 4;
constexpr std::uint32_t protocol_version_field = 5;
constexpr std::uint32_t agent_version_field = 6;
constexpr std::uint32_t signed_peer_record_field = 8;

void append_text(Bytes& to, std::uint32_t field, const std::string& text) {
  if (!text.empty()) append_pb_bytes(to, field, text);
}

// An address we cannot read is mostly of a transport we do not have: the others are still good.
void take_listen_address(IdentifyMessage& message, ByteView bytes) {
  if (message.listen_addresses.size() == identify_addresses_max) return;
  if (auto address = Multiaddr::decode(bytes)) {
    message.listen_addresses.push_back(*std::move(address));
  }
}

void take_observed_address(IdentifyMessage& message, ByteView bytes) {
  message.observed_address.reset();
  if (auto address = Multiaddr::decode(bytes)) message.observed_address = *std::move(address);
}

void take_protocol(IdentifyMessage& message, ByteView text) {
  if (message.protocols.size() == identify_protocols_max) return;
  message.protocols.emplace_back(base::as_text(text));
}

// Of a field that may stand once the last holds, as protobuf says: peers split a long message into
// several, whose bytes one after the other are their union.
Result<void> take_field(IdentifyMessage& message, const PbField& field) {
  switch (field.number) {
    case public_key_field: {
      const ByteView key = TRY(field.as_bytes("identify public key", identify_bytes_max));
      message.public_key = TRY(decode_public_key(key));
      break;
    }
    case listen_addresses_field:
      take_listen_address(message, TRY(field.as_bytes("listen address", identify_bytes_max)));
      break;
    case protocols_field:
      take_protocol(message, TRY(field.as_bytes("protocol", identify_bytes_max)));
      break;
    case observed_address_field:
      take_observed_address(message, TRY(field.as_bytes("observed address", identify_bytes_max)));
      break;
    case protocol_version_field:
      message.protocol_version =
          base::as_text(TRY(field.as_bytes("protocol version", identify_bytes_max)));
      break;
    case agent_version_field:
      message.agent_version =
          base::as_text(TRY(field.as_bytes("agent version", identify_bytes_max)));
      break;
    case signed_peer_record_field:
      message.signed_peer_record =
          base::to_bytes(TRY(field.as_bytes("signed peer record", identify_bytes_max)));
      break;
    default:  // a field of a later identify
      break;
  }
  return {};
}

}  // namespace

Bytes encode_identify(const IdentifyMessage& message) {
  Bytes bytes;
  if (message.public_key) {
    append_pb_bytes(bytes, public_key_field, encode_public_key(*message.public_key));
  }
  for (const Multiaddr& address : message.listen_addresses) {
    append_pb_bytes(bytes, listen_addresses_field, address.bytes());
  }
  for (const std::string& protocol : message.protocols) {
    append_pb_bytes(bytes, protocols_field, protocol);
  }
  if (message.observed_address) {
    append_pb_bytes(bytes, observed_address_field, message.observed_address->bytes());
  }
  append_text(bytes, protocol_version_field, message.protocol_version);
  append_text(bytes, agent_version_field, message.agent_version);
  if (!message.signed_peer_record.empty()) {
    append_pb_bytes(bytes, signed_peer_record_field, message.signed_peer_record);
  }
  return bytes;
}

Result<IdentifyMessage> decode_identify(ByteView bytes) {
  if (bytes.size() > identify_bytes_max) {
    return fail(Code::too_large, base::format("identify message of {} bytes, limit {}",
                                              bytes.size(), identify_bytes_max));
  }
  IdentifyMessage message;
  PbReader reader(bytes);
  while (const auto field = TRY(reader.next())) TRY_VOID(take_field(message, *field));
  return message;
}

}  // namespace kith::codec
