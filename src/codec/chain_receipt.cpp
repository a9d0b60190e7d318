#include "codec/chain_receipt.h"

#include <algorithm>

#include "base/format.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t receipt_version = 1;

}  // namespace

Bytes encode_receipt(const Receipt& receipt) {
  Bytes bytes;
  bytes.reserve(receipt_bytes);
  Writer writer(bytes);
  writer.u8(receipt_version);
  writer.bytes(receipt.txid);
  writer.u64(receipt.fee);
  writer.u64(receipt.bonded);
  writer.u64(receipt.first_position);
  writer.u32(receipt.outputs);
  return bytes;
}

Result<Receipt> decode_receipt(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != receipt_version) {
    return fail(Code::unsupported, base::format("receipt of version {}", version));
  }
  Receipt receipt;
  std::ranges::copy(TRY(reader.bytes(32)), receipt.txid.begin());
  receipt.fee = TRY(reader.u64());
  receipt.bonded = TRY(reader.u64());
  receipt.first_position = TRY(reader.u64());
  receipt.outputs = TRY(reader.u32());
  TRY_VOID(reader.finish());
  return receipt;
}

Hash receipt_hash(const Receipt& receipt) {
  return tagged_hash("kith/receipt/1", {encode_receipt(receipt)});
}

Hash system_txid(const Hash& genesis, Height height) {
  Bytes number;
  Writer(number).u64(height.value);
  return tagged_hash("kith/system-tx/1", {genesis, number});
}

}  // namespace kith::codec
