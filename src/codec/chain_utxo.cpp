#include "codec/chain_utxo.h"

#include <algorithm>

#include "base/format.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t utxo_format = 1;

void write_u64(std::uint8_t* to, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) to[i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
}

}  // namespace

std::array<std::uint8_t, utxo_bytes> encode(const Utxo& utxo) {
  std::array<std::uint8_t, utxo_bytes> bytes;
  bytes[0] = utxo_format;
  write_u64(&bytes[1], utxo.position);
  std::ranges::copy(encode(utxo.output), bytes.begin() + 9);
  write_u64(&bytes[9 + output_bytes], utxo.height.value);
  return bytes;
}

Hash txo_leaf(const OutPoint& outpoint, const Utxo& utxo) {
  return tagged_hash("kith/txo-leaf/1", {encode(outpoint), ByteView(encode(utxo)).subspan(1)});
}

Result<Utxo> decode_utxo(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t format = TRY(reader.u8());
  if (format != utxo_format) {
    return fail(Code::unsupported, base::format("unspent output in format {}", format));
  }
  Utxo utxo;
  utxo.position = TRY(reader.u64());
  utxo.output = TRY(read_output(reader));
  utxo.height = {TRY(reader.u64())};
  TRY_VOID(reader.finish());
  return utxo;
}

}  // namespace kith::codec
