#include "light/record.h"

#include <algorithm>

#include "base/format.h"
#include "codec/chain_account.h"
#include "codec/chain_entry_text.h"
#include "codec/chain_job_check.h"
#include "codec/writer.h"

namespace kith::light {
namespace {

using codec::EntryKind;

Bytes id_of(std::uint64_t job) {
  Bytes id;
  codec::Writer(id).u64(job);
  return id;
}
Bytes id_of(std::uint64_t job, std::uint32_t number) {
  Bytes id;
  codec::Writer writer(id);
  writer.u64(job);
  writer.u32(number);
  return id;
}

/// Null when the proof says nothing of it, or that it is not there.
const Bytes* entry_in(const Verdict& verdict, EntryKind kind, ByteView id) {
  for (const Fact& fact : verdict.facts) {
    const auto* entry = std::get_if<EntryFact>(&fact);
    if (entry == nullptr || entry->kind != kind || !base::equal(entry->id, id)) continue;
    if (entry->entry) return &*entry->entry;
  }
  return nullptr;
}
Result<ByteView> entry_of(const Verdict& verdict, EntryKind kind, const Bytes& id) {
  if (const Bytes* entry = entry_in(verdict, kind, id)) return ByteView(*entry);
  return fail(Code::refused, base::format("the proof does not show {}",
                                          codec::to_text(codec::EntryName{kind, id})));
}

Result<void> check_worker(const codec::Record& record, const Verdict& verdict) {
  const ByteView bytes = TRY(entry_of(verdict, EntryKind::worker, base::to_bytes(record.worker)));
  const codec::WorkerEntry worker = TRY(codec::decode_worker(bytes));
  if (worker.account == record.account) return {};
  return fail(Code::refused, base::format("worker {} is account {}'s, the record says {}",
                                          base::to_hex(record.worker), base::to_hex(worker.account),
                                          base::to_hex(record.account)));
}

/// That there can be such a record in the job.
Result<void> check_numbers(const codec::Record& record, const codec::JobEntry& job) {
  const codec::JobSpec& spec = job.spec;
  if (record.task.value >= spec.tasks || record.pass > spec.passes) {
    return fail(Code::refused,
                base::format("pass {} of task {} of a job of {} passes of {} tasks", record.pass,
                             record.task.value, spec.passes, spec.tasks));
  }
  if (record.checked > spec.units || record.checked < std::min(spec.checked_min, spec.units)) {
    return fail(Code::refused, base::format("{} units checked, of {}, at least {}", record.checked,
                                            spec.units, spec.checked_min));
  }
  return {};
}

Result<void> check_place(const codec::Record& record, const codec::MerkleProof& place,
                         ByteView bytes, RecordFact& fact) {
  const auto region = TRY(codec::decode_entry<codec::RegionEntry>(bytes));
  const codec::Mmr& list = record.pass == 2 ? region.second : region.first;
  if (list.count() == 0) {
    return fail(Code::refused, base::format("nothing of pass {} in region {} is accepted",
                                            record.pass, fact.region));
  }
  if (place.count != list.count()) {
    return fail(Code::refused, base::format("a place in a list of {} records, the region's has {}",
                                            place.count, list.count()));
  }
  fact.region_root = list.root();
  TRY_VOID(codec::verify_record(record, fact.region_root, place));
  fact.settled = RecordFact::Settled::accepted;
  fact.place = place.index;
  fact.count = place.count;
  fact.region_done = record.pass == 2 ? region.second_height : region.first_height;
  return {};
}

bool is_maturing(const codec::Record& record, const codec::SlotEntry& slot) {
  const codec::Hash hash = codec::record_hash(record);
  return !slot.head.is_free && std::ranges::any_of(slot.maturing, [&](const auto& task) {
    return task.record == hash && task.task == record.task && task.pass == record.pass;
  });
}

}  // namespace

Result<RecordFact> verify_record(const codec::Record& record,
                                 const std::optional<codec::MerkleProof>& place,
                                 const Hash& genesis, const Verdict& verdict) {
  if (record.genesis != genesis) {
    return fail(Code::refused, base::format("a record of the chain {}, not of {}",
                                            base::to_hex(record.genesis), base::to_hex(genesis)));
  }
  TRY_VOID(codec::verify_record(record));
  TRY_VOID(check_worker(record, verdict));
  const ByteView job_bytes = TRY(entry_of(verdict, EntryKind::job, id_of(record.job.value)));
  const auto job = TRY(codec::decode_entry<codec::JobEntry>(job_bytes));
  TRY_VOID(check_numbers(record, job));
  const codec::JobSpec& spec = job.spec;
  RecordFact fact;
  if (const Bytes* bytes = entry_in(verdict, EntryKind::account, base::to_bytes(record.account))) {
    fact.account_name = TRY(codec::decode_account(*bytes)).name;
  }
  fact.workload = spec.workload;
  fact.params = spec.params;
  fact.region = static_cast<std::uint32_t>(record.task.value / spec.region_tasks);
  fact.task_in_region = static_cast<std::uint32_t>(record.task.value % spec.region_tasks);
  fact.region_tasks = spec.region_tasks;
  fact.first_unit = record.task.value * spec.units;
  fact.units = spec.units;
  fact.slices = spec.slices;
  if (place) {
    const Bytes id = id_of(record.job.value, fact.region);
    const ByteView region = TRY(entry_of(verdict, EntryKind::region, id));
    TRY_VOID(check_place(record, *place, region, fact));
    return fact;
  }
  const Bytes slot_id = id_of(record.job.value, record.slot.value);
  if (const Bytes* bytes = entry_in(verdict, EntryKind::slot, slot_id)) {
    const auto slot = TRY(codec::decode_entry<codec::SlotEntry>(*bytes));
    if (!is_maturing(record, slot)) {
      return fail(Code::refused,
                  base::format("slot {} has no result of task {} that matures and is the record's",
                               record.slot.value, record.task.value));
    }
    fact.settled = RecordFact::Settled::maturing;
  }
  return fact;
}

std::string record_entries(const codec::Record& record, std::uint32_t region_tasks,
                           bool with_region) {
  const auto region = static_cast<std::uint32_t>(record.task.value / region_tasks);
  const codec::EntryName last =
      with_region ? codec::EntryName{EntryKind::region, id_of(record.job.value, region)}
                  : codec::EntryName{EntryKind::slot, id_of(record.job.value, record.slot.value)};
  const codec::EntryName names[] = {{EntryKind::account, base::to_bytes(record.account)},
                                    {EntryKind::worker, base::to_bytes(record.worker)},
                                    {EntryKind::job, id_of(record.job.value)},
                                    last};
  std::string text;
  for (const codec::EntryName& name : names) {
    if (!text.empty()) text += ",";
    text += codec::to_text(name);
  }
  return text;
}

}  // namespace kith::light
