#include "ledger/supply.h"

#include "base/format.h"
#include "codec/writer.h"

namespace kith::ledger {
namespace {

constexpr std::uint8_t supply_format = 1;
constexpr std::uint8_t supply_format_escrow = 2;

}  // namespace

Bytes encode(const Supply& supply) {
  Bytes bytes;
  codec::Writer writer(bytes);
  writer.u8(supply.escrow == 0 ? supply_format : supply_format_escrow);
  writer.u64(supply.outputs);
  writer.u64(supply.bonded);
  writer.u64(supply.owed);
  writer.u64(supply.treasury);
  writer.u64(supply.minted);
  writer.u64(supply.burnt);
  if (supply.escrow != 0) writer.u64(supply.escrow);
  return bytes;
}

Result<Supply> read_supply(codec::Reader& reader) {
  const std::uint8_t format = TRY(reader.u8());
  if (format != supply_format && format != supply_format_escrow) {
    return fail(Code::unsupported, base::format("supply in format {}", format));
  }
  Supply supply;
  for (codec::Amount* part : {&supply.outputs, &supply.bonded, &supply.owed, &supply.treasury,
                              &supply.minted, &supply.burnt}) {
    *part = TRY(reader.u64());
  }
  if (format == supply_format_escrow) {
    supply.escrow = TRY(reader.u64());
    if (supply.escrow == 0) return fail(Code::malformed, "supply that writes out an empty escrow");
  }
  std::optional<codec::Amount> sum = 0;
  for (const codec::Amount part :
       {supply.outputs, supply.bonded, supply.owed, supply.treasury, supply.burnt, supply.escrow}) {
    if (sum) sum = codec::add(*sum, part);
  }
  if (!sum || *sum != supply.minted) {
    return fail(Code::malformed, "supply that does not add up");
  }
  return supply;
}

Result<Supply> decode_supply(ByteView bytes) {
  codec::Reader reader(bytes);
  const Supply supply = TRY(read_supply(reader));
  TRY_VOID(reader.finish());
  return supply;
}

codec::Hash supply_hash(const Supply& supply) {
  return codec::tagged_hash("kith/supply/1", {encode(supply)});
}

}  // namespace kith::ledger
