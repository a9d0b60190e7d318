// Which peer answers for a worker: what its key says of itself on the topic of computing, so that
// whoever is to be shown something knows whom to ask. Grammar: docs/protocol/compute.md, "Off
// chain". Big-endian, one encoding a value. Nothing here is in the chain's state.
//
// Limit: 150 bytes.
#pragma once

#include "codec/chain_compute.h"
#include "codec/chain_key.h"
#include "crypto/key.h"

namespace kith::codec {

struct WorkerPeer {
  ChainKey worker{};
  Height height;  // the last final block of whoever says it
  PeerId peer;    // serves /kith/compute/1.0.0
  crypto::Signature signature{};
  friend bool operator==(const WorkerPeer&, const WorkerPeer&) = default;
};

inline constexpr std::size_t worker_peer_bytes_max = 1 + 32 + 8 + 1 + PeerId::bytes_max + 64;

Bytes encode(const WorkerPeer& said);
/// The signature is not looked at.
Result<WorkerPeer> decode_worker_peer(ByteView bytes);
/// What the worker's key signs.
Hash worker_peer_message(const Hash& genesis, const WorkerPeer& said);

}  // namespace kith::codec
