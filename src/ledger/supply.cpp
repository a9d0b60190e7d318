#include "ledger/supply.h"

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::ledger {
namespace {

constexpr std::uint8_t supply_format = 1;

}  // namespace

Bytes encode(const Supply& supply) {
  Bytes bytes;
  codec::Writer writer(bytes);
  writer.u8(supply_format);
  writer.u64(supply.outputs);
  writer.u64(supply.bonded);
  writer.u64(supply.owed);
  writer.u64(supply.treasury);
  writer.u64(supply.minted);
  writer.u64(supply.burnt);
  return bytes;
}

Result<Supply> decode_supply(ByteView bytes) {
  codec::Reader reader(bytes);
  const std::uint8_t format = TRY(reader.u8());
  if (format != supply_format) {
    return fail(Code::unsupported, base::format("supply in format {}", format));
  }
  Supply supply;
  for (codec::Amount* part : {&supply.outputs, &supply.bonded, &supply.owed, &supply.treasury,
                              &supply.minted, &supply.burnt}) {
    *part = TRY(reader.u64());
  }
  TRY_VOID(reader.finish());
  std::optional<codec::Amount> sum = 0;
  for (const codec::Amount part :
       {supply.outputs, supply.bonded, supply.owed, supply.treasury, supply.burnt}) {
    if (sum) sum = codec::add(*sum, part);
  }
  if (!sum || *sum != supply.minted) {
    return fail(Code::malformed, "supply that does not add up");
  }
  return supply;
}

codec::Hash supply_hash(const Supply& supply) {
  return codec::tagged_hash("kith/supply/1", {encode(supply)});
}

}  // namespace kith::ledger
