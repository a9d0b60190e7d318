#include "codec/chain_body.h"

#include <algorithm>

#include "base/format.h"
#include "codec/chain_merkle.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t body_version = 1;
constexpr std::uint8_t body_version_proven = 2;

}  // namespace

std::size_t encoded_size(const BlockBody& body) {
  std::size_t size = body_empty_bytes;
  if (body.proof) size += body.proof->size();
  for (const TxPtr& tx : body.transactions) size += body_item_overhead + tx->bytes;
  for (const Bytes& evidence : body.evidence) size += body_item_overhead + evidence.size();
  return size;
}

Bytes encode_body(const BlockBody& body) {
  ASSERT(body.evidence.size() <= body_evidence_max);
  Bytes bytes;
  bytes.reserve(encoded_size(body));
  Writer writer(bytes);
  writer.u8(body.proof ? body_version_proven : body_version);
  if (body.proof) writer.bytes(*body.proof);
  writer.u32(static_cast<std::uint32_t>(body.transactions.size()));
  for (const TxPtr& tx : body.transactions) {
    writer.u32(static_cast<std::uint32_t>(tx->bytes));
    writer.bytes(encode_transaction(tx->tx));
  }
  writer.u16(static_cast<std::uint16_t>(body.evidence.size()));
  for (const Bytes& evidence : body.evidence) {
    writer.u32(static_cast<std::uint32_t>(evidence.size()));
    writer.bytes(evidence);
  }
  return bytes;
}

Result<BlockBody> decode_body(ByteView bytes, std::size_t bytes_max) {
  if (bytes.size() > bytes_max) {
    return fail(Code::too_large,
                base::format("body of {} bytes, limit {}", bytes.size(), bytes_max));
  }
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != body_version && version != body_version_proven) {
    return fail(Code::unsupported, base::format("body of version {}", version));
  }
  BlockBody body;
  if (version == body_version_proven) {
    std::ranges::copy(TRY(reader.bytes(crypto::vrf_proof_bytes)), body.proof.emplace().begin());
  }
  const std::size_t count = TRY(reader.u32());
  if (count > reader.remaining() / body_item_overhead) {
    return fail(Code::truncated,
                base::format("body of {} transactions in {} bytes", count, reader.remaining()));
  }
  body.transactions.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size = TRY(reader.u32());
    const ByteView encoded = TRY(reader.bytes(size));
    body.transactions.push_back(seal(TRY(decode_transaction(encoded))));
  }
  const std::size_t pieces = TRY(reader.u16());
  if (pieces > body_evidence_max) {
    return fail(Code::too_large, base::format("body with {} pieces of evidence, limit {}", pieces,
                                              body_evidence_max));
  }
  for (std::size_t i = 0; i < pieces; ++i) {
    const std::size_t size = TRY(reader.u32());
    if (size > evidence_bytes_max) {
      return fail(Code::too_large,
                  base::format("evidence of {} bytes, limit {}", size, evidence_bytes_max));
    }
    body.evidence.push_back(base::to_bytes(TRY(reader.bytes(size))));
  }
  TRY_VOID(reader.finish());
  return body;
}

Hash tx_root(const BlockBody& body) {
  std::vector<Hash> entries;
  entries.reserve(body.transactions.size());
  for (const TxPtr& tx : body.transactions) entries.push_back(tx->wtxid);
  return merkle_root(entries);
}

Hash evidence_root(const BlockBody& body) {
  std::vector<Hash> entries;
  entries.reserve(body.evidence.size());
  for (const Bytes& evidence : body.evidence) {
    entries.push_back(tagged_hash("kith/evidence/1", {evidence}));
  }
  return merkle_root(entries);
}

}  // namespace kith::codec
