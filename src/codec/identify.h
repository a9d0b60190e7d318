// The identify message (libp2p specs/identify): who a peer is, what it speaks, where it listens and
// how it sees us. The protobuf is written by hand over codec/pb_wire.h.
//
// Limits on receipt: 8 KiB in all, 500 protocols, 64 listen addresses; entries over a limit or of
// unknown address protocols are left out, a message over 8 KiB is refused before decoding.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codec/multiaddr.h"
#include "crypto/key.h"

namespace kith::codec {

inline constexpr std::size_t identify_bytes_max = 8192;
inline constexpr std::size_t identify_protocols_max = 500;
inline constexpr std::size_t identify_addresses_max = 64;

struct IdentifyMessage {
  std::string protocol_version;
  std::string agent_version;
  std::optional<crypto::PublicKey> public_key;
  std::vector<Multiaddr> listen_addresses;
  std::optional<Multiaddr> observed_address;
  std::vector<std::string> protocols;
  Bytes signed_peer_record;  // an envelope, not yet opened; empty for none
  friend bool operator==(const IdentifyMessage&, const IdentifyMessage&) = default;
};

Bytes encode_identify(const IdentifyMessage& message);
Result<IdentifyMessage> decode_identify(ByteView bytes);

}  // namespace kith::codec
