#include "ledger/beacon.h"

namespace kith::ledger {

using codec::BeaconEntry;

namespace {

/// REQUIRES: an entry that a block wrote, or that passed escrow_of() when the store was opened.
BeaconEntry read(const Entries& entries, const codec::Hash& genesis) {
  const std::shared_ptr<const Bytes> bytes = entries.find(EntryKind::beacon, {});
  if (!bytes) return {genesis, genesis};
  const auto entry = codec::decode_beacon(*bytes);
  ASSERT(entry.has_value());
  return *entry;
}

void write(Entries& entries, const BeaconEntry& entry) {
  entries.put(EntryKind::beacon, {}, codec::encode_beacon(entry));
}

}  // namespace

codec::Hash beacon_of(const Entries& entries, const codec::Hash& genesis) {
  return read(entries, genesis).beacon;
}

codec::Hash leaders_seed_of(const Entries& entries, const codec::Hash& genesis) {
  return read(entries, genesis).leaders_seed;
}

Result<void> advance_beacon(Entries& entries, const codec::Hash& genesis, codec::Height height,
                            const codec::ChainKey& proposer, const crypto::VrfProof& proof) {
  const crypto::VrfOutput beta =
      TRY(crypto::vrf_verify(proposer, beacon_input(genesis, height), proof));
  BeaconEntry entry = read(entries, genesis);
  entry.beacon = codec::tagged_hash("kith/beacon/1", {entry.beacon, beta});
  write(entries, entry);
  return {};
}

void seed_leaders(Entries& entries, const codec::Hash& genesis) {
  const codec::Hash now = beacon_of(entries, genesis);
  write(entries, {now, now});
}

}  // namespace kith::ledger
