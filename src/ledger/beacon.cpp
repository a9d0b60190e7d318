#include "ledger/beacon.h"

#include <algorithm>

#include "codec/writer.h"

namespace kith::ledger {

codec::Hash beacon_input(const codec::Hash& genesis, codec::Height height) {
  Bytes number;
  codec::Writer(number).u64(height.value);
  return codec::tagged_hash("kith/vrf/1", {genesis, number});
}

codec::Hash beacon_of(const Entries& entries, const codec::Hash& genesis) {
  const std::shared_ptr<const Bytes> entry = entries.find(EntryKind::beacon, {});
  if (!entry) return genesis;
  codec::Hash beacon;
  ASSERT(entry->size() == 1 + beacon.size() && entry->front() == beacon_version);
  std::copy(entry->begin() + 1, entry->end(), beacon.begin());
  return beacon;
}

Result<void> advance_beacon(Entries& entries, const codec::Hash& genesis, codec::Height height,
                            const codec::ChainKey& proposer, const crypto::VrfProof& proof) {
  const crypto::VrfOutput beta =
      TRY(crypto::vrf_verify(proposer, beacon_input(genesis, height), proof));
  const codec::Hash next =
      codec::tagged_hash("kith/beacon/1", {beacon_of(entries, genesis), beta});
  Bytes entry{beacon_version};
  base::append(entry, next);
  entries.put(EntryKind::beacon, {}, std::move(entry));
  return {};
}

}  // namespace kith::ledger
