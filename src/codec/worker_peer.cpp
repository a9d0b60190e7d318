#include "codec/worker_peer.h"

#include "codec/chain_job_bytes.h"
#include "codec/peer_id.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t version = 1;

/// All but the signature.
Bytes encode_said(const WorkerPeer& said) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(version);
  writer.bytes(said.worker);
  writer.u64(said.height.value);
  writer.u8(static_cast<std::uint8_t>(said.peer.bytes().size()));
  writer.bytes(said.peer.bytes());
  return bytes;
}

}  // namespace

Bytes encode(const WorkerPeer& said) {
  Bytes bytes = encode_said(said);
  Writer(bytes).bytes(said.signature);
  return bytes;
}

Result<WorkerPeer> decode_worker_peer(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t found = TRY(reader.u8());
  if (found != version) {
    return fail(Code::unsupported, base::format("a worker's peer of version {}", found));
  }
  WorkerPeer said;
  said.worker = TRY(read_hash(reader));
  said.height = {TRY(reader.u64())};
  const std::size_t size = TRY(read_count(reader, "bytes of a peer id", PeerId::bytes_max));
  const ByteView peer = TRY(reader.bytes(size));
  said.peer = TRY(peer_id_from_bytes(peer));
  said.signature = TRY(read_array_of<crypto::ed25519_signature_bytes>(reader));
  TRY_VOID(reader.finish());
  return said;
}

Hash worker_peer_message(const Hash& genesis, const WorkerPeer& said) {
  return tagged_hash("kith/worker-peer/1", {genesis, encode_said(said)});
}

}  // namespace kith::codec
