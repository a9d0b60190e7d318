#include "codec/peer_id.h"

#include "base/format.h"
#include "codec/cid.h"
#include "codec/multibase.h"
#include "codec/multihash.h"
#include "codec/printable.h"
#include "codec/public_key.h"
#include "crypto/hash.h"

namespace kith::codec {

namespace {

/// Keys up to this many bytes of protobuf are carried in the id (peer-ids, "Peer Ids").
constexpr std::size_t inline_key_bytes_max = 42;

Result<Bytes> multihash_from_text(std::string_view text) {
  if (text.starts_with('1') || text.starts_with("Qm")) {
    return decode_base(Multibase::base58btc, text, PeerId::bytes_max);
  }
  const Cid cid = TRY(Cid::parse(text));
  if (cid.codec() != codec_libp2p_key) {
    return fail(Code::malformed, base::format("CID codec {:#x}, not libp2p-key", cid.codec()));
  }
  return base::to_bytes(cid.multihash());
}

Error not_a_peer_id(std::string_view text, const Error& why) {
  return {Code::malformed, base::format("peer id {}: {}", printable(text), why.message)};
}

}  // namespace

PeerId peer_id_of(const crypto::PublicKey& key) {
  const Bytes encoded = encode_public_key(key);
  Bytes multihash;
  if (encoded.size() <= inline_key_bytes_max) {
    append_multihash(multihash, HashCode::identity, encoded);
  } else {
    append_multihash(multihash, HashCode::sha2_256, crypto::sha256(encoded));
  }
  const std::optional<PeerId> id = PeerId::from_multihash(multihash);
  ASSERT(id.has_value());
  return *id;
}

NodeId node_id_of(const crypto::PublicKey& key) { return NodeId{crypto::sha256(key.data)}; }

std::string to_text(const PeerId& id) { return encode_base(Multibase::base58btc, id.bytes()); }

std::string to_text(const NodeId& id) { return base::to_hex(id.bytes); }

Result<PeerId> peer_id_from_text(std::string_view text) {
  const Result<Bytes> multihash = multihash_from_text(text);
  if (!multihash) return fail(not_a_peer_id(text, multihash.error()));
  const Result<PeerId> id = peer_id_from_bytes(*multihash);
  if (!id) return fail(not_a_peer_id(text, id.error()));
  return *id;
}

Result<PeerId> peer_id_from_bytes(ByteView multihash) {
  const Multihash hash = TRY(decode_multihash(multihash));
  switch (hash.code) {
    case HashCode::identity:
      if (hash.digest.empty() || hash.digest.size() > inline_key_bytes_max) {
        return fail(Code::malformed,
                    base::format("peer id with a key of {} bytes inside", hash.digest.size()));
      }
      break;
    case HashCode::sha2_256: break;
    case HashCode::sha2_512: return fail(Code::malformed, "peer id hashed with sha2-512");
  }
  const std::optional<PeerId> id = PeerId::from_multihash(multihash);
  ASSERT(id.has_value());
  return *id;
}

std::optional<crypto::PublicKey> key_inside(const PeerId& id) {
  const Result<Multihash> hash = decode_multihash(id.bytes());
  if (!hash || hash->code != HashCode::identity) return std::nullopt;
  Result<crypto::PublicKey> key = decode_public_key(hash->digest);
  if (!key) return std::nullopt;
  return *std::move(key);
}

}  // namespace kith::codec
