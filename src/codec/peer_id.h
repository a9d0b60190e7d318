// libp2p peer ids (specs/peer-ids): the multihash of a public key's protobuf, identity-hashed when
// the protobuf has at most 42 bytes, else SHA-256. Text: base58btc without prefix ("12D3Koo…",
// "Qm…") or a CIDv1 with codec libp2p-key in base32 ("bafz…"); to_text writes the first.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "crypto/key.h"

namespace kith::codec {

PeerId peer_id_of(const crypto::PublicKey& key);
/// SHA-256 of the raw public key (`key.data`).
NodeId node_id_of(const crypto::PublicKey& key);

std::string to_text(const PeerId& id);
std::string to_text(const NodeId& id);
/// Reads both text forms. `malformed` names what is wrong.
Result<PeerId> peer_id_from_text(std::string_view text);
/// Checks that `multihash` is a peer id's: identity of at most 42 bytes or SHA-256, exact length.
Result<PeerId> peer_id_from_bytes(ByteView multihash);
/// The key itself, where the id carries it (Ed25519, secp256k1); empty otherwise.
std::optional<crypto::PublicKey> key_inside(const PeerId& id);

}  // namespace kith::codec
