// Signed envelopes (libp2p RFC 0002) and the peer records they carry (RFC 0003): how peers vouch
// for their own addresses. What is signed are the encoded bytes as received; they are kept and
// handed on unchanged.
//
// Limits: 8 KiB an envelope, 64 addresses a record.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "codec/multiaddr.h"
#include "crypto/key.h"

namespace kith::codec {

inline constexpr std::size_t envelope_bytes_max = 8192;
inline constexpr std::size_t peer_record_addresses_max = 64;

struct Envelope {
  crypto::PublicKey key;
  Bytes payload_type;
  Bytes payload;
  Bytes signature;
};

/// Signs `payload` under `domain` and encodes the envelope.
Bytes seal_envelope(const crypto::KeyPair& key, std::string_view domain, ByteView payload_type,
                    ByteView payload);
/// Decodes without verifying.
Result<Envelope> decode_envelope(ByteView bytes);
/// Decodes and verifies the signature under `domain` and the expected `payload_type`.
Result<Envelope> open_envelope(std::string_view domain, ByteView payload_type, ByteView bytes);

struct PeerRecord {
  PeerId peer;
  std::uint64_t sequence = 0;  // of two records of one peer the higher holds; Unix ms by custom
  std::vector<Multiaddr> addresses;
  friend bool operator==(const PeerRecord&, const PeerRecord&) = default;
};

inline constexpr std::string_view peer_record_domain = "libp2p-peer-record";
inline constexpr std::uint8_t peer_record_payload_type[] = {0x03, 0x01};

/// The envelope of one's own record: `record.peer` must be the id of `key`.
Bytes seal_peer_record(const crypto::KeyPair& key, const PeerRecord& record);
/// Opens an envelope, and checks that its key, its record and its signature are of one peer
/// (RUSTSEC-2022-0009): `wrong_peer` otherwise. Addresses of unknown protocols are left out.
Result<PeerRecord> open_peer_record(ByteView envelope);

/// What an envelope claims, its signature unverified (key and record are of one peer): enough to
/// see whether it is news and worth that cost. Not to be believed.
Result<PeerRecord> peek_peer_record(ByteView envelope);

}  // namespace kith::codec
