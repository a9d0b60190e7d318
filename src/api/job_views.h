// Jobs and what belongs to them, as JSON. Internal to api.
#pragma once

#include "api/json.h"
#include "codec/chain_job_state.h"
#include "ledger/jobs.h"

namespace kith::api {

/// Of a state, where all entries decode.
template <class Entry>
Entry entry_of(ByteView bytes) {
  auto entry = codec::decode_entry<Entry>(bytes);
  ASSERT(entry.has_value());
  return *std::move(entry);
}

Json name_or_null(const ledger::Entries& entries, const codec::AccountId& account);
Json job_view(codec::JobId id, const codec::JobEntry& job, const ledger::Entries& entries,
              codec::Height height);
/// Null for a number that is nobody's.
Json slot_view(codec::SlotId number, const codec::SlotEntry& slot, std::uint16_t round_blocks);
Json region_view(std::uint32_t number, const codec::RegionEntry& region);
Json member_view(const codec::AccountId& account, const codec::MemberEntry& member,
                 const ledger::Entries& entries);
/// `name`: of the find.
Json find_view(const codec::Hash& name, const codec::FindEntry& find,
               const ledger::Entries& entries);
Json dispute_view(std::uint64_t number, const codec::DisputeEntry& dispute);

}  // namespace kith::api
