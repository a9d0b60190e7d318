#include "codec/chain_beacon.h"

#include <algorithm>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t entry_version = 1;

}  // namespace

Hash beacon_input(const Hash& genesis, Height height) {
  Bytes number;
  Writer(number).u64(height.value);
  return tagged_hash("kith/vrf/1", {genesis, number});
}

Bytes encode_beacon(const BeaconEntry& entry) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(entry_version);
  writer.bytes(entry.beacon);
  writer.bytes(entry.leaders_seed);
  return bytes;
}

Result<BeaconEntry> decode_beacon(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != entry_version) {
    return fail(Code::unsupported, base::format("a beacon of version {}", version));
  }
  BeaconEntry entry;
  for (Hash* const hash : {&entry.beacon, &entry.leaders_seed}) {
    std::ranges::copy(TRY(reader.bytes(hash->size())), hash->begin());
  }
  TRY_VOID(reader.finish());
  return entry;
}

}  // namespace kith::codec
