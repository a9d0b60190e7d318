#include "codec/tx_bundle.h"

#include <set>

#include "base/format.h"
#include "codec/writer.h"

namespace kith::codec {

Bytes encode_tx_bundle(const std::vector<TxPtr>& txs) {
  ASSERT(!txs.empty() && txs.size() <= bundle_txs_max);
  std::size_t size = bundle_head_bytes;
  for (const TxPtr& tx : txs) size += tx->bytes;
  ASSERT(size <= bundle_bytes_max);
  Bytes out;
  out.reserve(size);
  Writer writer(out);
  writer.u8(tx_bundle_version);
  writer.u16(static_cast<std::uint16_t>(txs.size()));
  for (const TxPtr& tx : txs) writer.bytes(encode_transaction(tx->tx));
  return out;
}

Result<std::vector<TxPtr>> decode_tx_bundle(ByteView bytes) {
  if (bytes.size() > bundle_bytes_max) {
    return fail(Code::too_large, base::format("a bundle of {} bytes; it may have {}", bytes.size(),
                                              bundle_bytes_max));
  }
  Reader reader(bytes);
  if (const auto version = TRY(reader.u8()); version != tx_bundle_version) {
    return fail(Code::unsupported, base::format("a bundle of version {}", version));
  }
  const std::size_t count = TRY(reader.u16());
  if (count == 0 || count > bundle_txs_max) {
    return fail(Code::malformed,
                base::format("a bundle of {} transactions; it has 1 to {}", count, bundle_txs_max));
  }
  std::vector<TxPtr> txs;
  std::set<Hash> seen;
  for (std::size_t i = 0; i < count; ++i) {
    txs.push_back(seal(TRY(read_transaction(reader))));
    if (!seen.insert(txs.back()->txid).second) {
      return fail(Code::malformed, base::format("transaction {} is in a bundle twice",
                                                base::to_hex(txs.back()->txid)));
    }
  }
  TRY_VOID(reader.finish());
  return txs;
}

}  // namespace kith::codec
