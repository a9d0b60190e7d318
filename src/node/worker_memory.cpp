#include "node/worker_memory.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"
#include "codec/chain_job_bytes.h"

namespace kith::node {
namespace {

using codec::Reader;
using codec::Writer;

enum class Kind : std::uint8_t {
  old_task = 1,
  old_check = 2,
  statement = 3,
  record = 4,
  checked = 5,
  first = 6,
  settled = 7,
  placed = 8,
  task = 16,
  check = 17,
  finds = 18,
};
/// Statistics are a workload's: those of a slice fit in far less.
constexpr std::size_t statistics_bytes_max = 4'096;
constexpr std::size_t record_bytes_max = 1'024;

void write_roots(Writer& writer, const std::vector<Hash>& roots) {
  for (const Hash& root : roots) writer.bytes(root);
}

struct WriteKept {
  Writer& writer;

  void kind(Kind which) const { writer.u8(static_cast<std::uint8_t>(which)); }
  void operator()(const KeptTask& kept) const {
    kind(Kind::task);
    writer.u16(kept.results);
    writer.u64(kept.job.value);
    writer.u64(kept.task.value);
    writer.u16(static_cast<std::uint16_t>(kept.roots.size()));
    write_roots(writer, kept.roots);
    writer.u16(static_cast<std::uint16_t>(kept.statistics.size()));
    writer.bytes(kept.statistics);
  }
  void operator()(const KeptCheck& kept) const {
    kind(Kind::check);
    writer.u16(kept.results);
    writer.u64(kept.job.value);
    writer.u32(kept.slot.value);
    writer.u32(kept.target.value);
    writer.u8(kept.part);
    writer.u64(kept.task.value);
    writer.u8(kept.pass);
    writer.u64(kept.due.value);
    writer.u16(static_cast<std::uint16_t>(kept.units.size()));
    for (const std::uint16_t unit : kept.units) writer.u16(unit);
    write_roots(writer, kept.roots);
  }
  void operator()(const KeptStatement& kept) const {
    kind(Kind::statement);
    writer.bytes(codec::encode_statement(kept.statement));
  }
  void operator()(const KeptRecord& kept) const {
    kind(Kind::record);
    writer.bytes(kept.seed);
    writer.u16(kept.checked);
    sized(codec::encode_record(kept.record));
  }
  void operator()(const KeptChecked& kept) const {
    kind(Kind::checked);
    writer.u32(kept.target.value);
    writer.u8(kept.part);
    writer.u64(kept.due.value);
    sized(codec::encode_record(kept.record));
  }
  void operator()(const KeptFirst& kept) const {
    kind(Kind::first);
    writer.u64(kept.job.value);
    writer.u64(kept.task.value);
    sized(kept.first.record);
    sized(kept.first.proof);
  }
  void operator()(const FirstSettled& kept) const {
    kind(Kind::settled);
    sized(codec::encode_record(kept.record));
  }
  void operator()(const FirstPlaced& kept) const {
    kind(Kind::placed);
    writer.u64(kept.job.value);
    writer.u64(kept.task.value);
    writer.u64(kept.place);
  }

  void sized(const Bytes& bytes) const {
    writer.u16(static_cast<std::uint16_t>(bytes.size()));
    writer.bytes(bytes);
  }
  void operator()(const KeptFinds& kept) const {
    kind(Kind::finds);
    writer.u64(kept.job.value);
    writer.u64(kept.task.value);
    writer.u8(static_cast<std::uint8_t>(kept.finds.size()));
    for (const KeptFind& find : kept.finds) {
      writer.u16(find.unit);
      writer.bytes(find.number);
      writer.u8(find.what);
    }
  }
};

Result<std::size_t> read_count_of(Reader& reader, std::size_t most) {
  const std::size_t count = TRY(reader.u16());
  if (count <= most) return count;
  return fail(Code::too_large, base::format("{} in a worker's record, limit {}", count, most));
}

Result<std::vector<Hash>> read_roots(Reader& reader, std::size_t count) {
  std::vector<Hash> roots;
  for (std::size_t i = 0; i < count; ++i) roots.push_back(TRY(codec::read_hash(reader)));
  return roots;
}

Result<KeptTask> read_task(Reader& reader, bool is_old) {
  KeptTask kept;
  if (!is_old) kept.results = TRY(reader.u16());
  kept.job = {TRY(reader.u64())};
  kept.task = {TRY(reader.u64())};
  const std::size_t units = TRY(read_count_of(reader, codec::job_units_max));
  kept.roots = TRY(read_roots(reader, units));
  const std::size_t size = TRY(read_count_of(reader, statistics_bytes_max));
  kept.statistics = base::to_bytes(TRY(reader.bytes(size)));
  return kept;
}

Result<KeptCheck> read_check(Reader& reader, bool is_old) {
  KeptCheck kept;
  if (!is_old) kept.results = TRY(reader.u16());
  kept.job = {TRY(reader.u64())};
  kept.slot = {TRY(reader.u32())};
  kept.target = {TRY(reader.u32())};
  kept.part = TRY(reader.u8());
  kept.task = {TRY(reader.u64())};
  kept.pass = TRY(reader.u8());
  kept.due = {TRY(reader.u64())};
  const std::size_t units = TRY(read_count_of(reader, codec::part_units_max));
  for (std::size_t i = 0; i < units; ++i) kept.units.push_back(TRY(reader.u16()));
  kept.roots = TRY(read_roots(reader, units));
  return kept;
}

Result<codec::Record> read_signed(Reader& reader) {
  const std::size_t size = TRY(read_count_of(reader, record_bytes_max));
  const ByteView record = TRY(reader.bytes(size));
  return codec::decode_record(record);
}

Result<KeptRecord> read_record(Reader& reader) {
  KeptRecord kept;
  kept.seed = TRY(codec::read_hash(reader));
  kept.checked = TRY(reader.u16());
  kept.record = TRY(read_signed(reader));
  return kept;
}

Result<KeptChecked> read_checked(Reader& reader) {
  KeptChecked kept;
  kept.target = {TRY(reader.u32())};
  kept.part = TRY(reader.u8());
  kept.due = {TRY(reader.u64())};
  kept.record = TRY(read_signed(reader));
  return kept;
}

Result<KeptFirst> read_first(Reader& reader) {
  KeptFirst kept;
  kept.job = {TRY(reader.u64())};
  kept.task = {TRY(reader.u64())};
  const std::size_t record = TRY(read_count_of(reader, codec::first_pass_record_bytes_max));
  kept.first.record = base::to_bytes(TRY(reader.bytes(record)));
  const std::size_t proof = TRY(read_count_of(reader, codec::first_pass_proof_bytes_max));
  kept.first.proof = base::to_bytes(TRY(reader.bytes(proof)));
  return kept;
}

Result<FirstPlaced> read_placed(Reader& reader) {
  FirstPlaced kept;
  kept.job = {TRY(reader.u64())};
  kept.task = {TRY(reader.u64())};
  kept.place = TRY(reader.u64());
  return kept;
}

Result<KeptFinds> read_finds(Reader& reader) {
  KeptFinds kept;
  kept.job = {TRY(reader.u64())};
  kept.task = {TRY(reader.u64())};
  const std::size_t count = TRY(reader.u8());
  if (count > kept_finds_max) {
    return fail(Code::too_large,
                base::format("{} finds in a task, limit {}", count, kept_finds_max));
  }
  for (std::size_t i = 0; i < count; ++i) {
    KeptFind& find = kept.finds.emplace_back();
    find.unit = TRY(reader.u16());
    std::ranges::copy(TRY(reader.bytes(find.number.size())), find.number.begin());
    find.what = TRY(reader.u8());
  }
  return kept;
}

Result<Kept> read_kept(Reader& reader) {
  switch (const std::uint8_t kind = TRY(reader.u8()); static_cast<Kind>(kind)) {
    case Kind::old_task: return TRY(read_task(reader, true));
    case Kind::old_check: return TRY(read_check(reader, true));
    case Kind::task: return TRY(read_task(reader, false));
    case Kind::check: return TRY(read_check(reader, false));
    case Kind::finds: return TRY(read_finds(reader));
    case Kind::statement: return KeptStatement{TRY(codec::read_statement(reader))};
    case Kind::record: return TRY(read_record(reader));
    case Kind::checked: return TRY(read_checked(reader));
    case Kind::first: return TRY(read_first(reader));
    case Kind::settled: return FirstSettled{TRY(read_signed(reader))};
    case Kind::placed: return TRY(read_placed(reader));
  }
  return fail(Code::malformed, "a worker's record of no known kind");
}

WorkerMemory::RecordKey key_of(const codec::Record& record) {
  return {record.job, record.task, record.pass};
}

}  // namespace

Bytes encode_kept(const Kept& kept) {
  Bytes bytes;
  Writer writer(bytes);
  std::visit(WriteKept{writer}, kept);
  return bytes;
}

Result<Kept> decode_kept(ByteView bytes) {
  Reader reader(bytes);
  Kept kept = TRY(read_kept(reader));
  TRY_VOID(reader.finish());
  return kept;
}

void WorkerMemory::keep(Kept kept) {
  std::visit(
      Overload{[&](KeptTask& task) {
                 const TaskKey key{task.job, task.task};
                 tasks_.insert_or_assign(key, std::move(task));
               },
               [&](KeptCheck& check) {
                 const CheckKey key{check.job, check.target, check.part, check.due};
                 checks_.insert_or_assign(key, std::move(check));
               },
               [&](KeptStatement& said) { statements_.push_back(std::move(said.statement)); },
               [&](KeptRecord& record) {
                 const RecordKey key = key_of(record.record);
                 forget_name(key);
                 if (record.is_signed()) {
                   by_cid_.insert_or_assign(codec::cid_of(record.record), key);
                 }
                 records_.insert_or_assign(key, std::move(record));
                 forget_oldest();
               },
               [&](KeptFinds& finds) {
                 const TaskKey key{finds.job, finds.task};
                 finds_.insert_or_assign(key, std::move(finds));
               },
               [&](KeptChecked& checked) {
                 const CheckKey key{checked.record.job, checked.target, checked.part, checked.due};
                 checked_.insert_or_assign(key, std::move(checked.record));
               },
               [&](KeptFirst& first) {
                 const TaskKey key{first.job, first.task};
                 firsts_.insert_or_assign(key, std::move(first.first));
               },
               [&](const FirstSettled& settled) { first_passes_.on_settled(settled); },
               [&](const FirstPlaced& placed) { first_passes_.on_placed(placed); }},
      kept);
}

void WorkerMemory::forget_name(const RecordKey& key) {
  const auto at = records_.find(key);
  if (at != records_.end() && at->second.is_signed()) {
    by_cid_.erase(codec::cid_of(at->second.record));
  }
}

/// By task, so the oldest or nearly so.
void WorkerMemory::forget_oldest() {
  while (records_.size() > records_max) {
    forget_name(records_.begin()->first);
    records_.erase(records_.begin());
  }
}

std::vector<Bytes> WorkerMemory::all() const {
  std::vector<Bytes> all;
  for (const auto& [key, task] : tasks_) all.push_back(encode_kept(task));
  for (const auto& [key, check] : checks_) all.push_back(encode_kept(check));
  for (const auto& statement : statements_) all.push_back(encode_kept(KeptStatement{statement}));
  for (const auto& [key, record] : records_) all.push_back(encode_kept(record));
  for (const auto& [key, finds] : finds_) all.push_back(encode_kept(finds));
  for (const auto& [key, record] : checked_) {
    all.push_back(encode_kept(KeptChecked{key.target, key.part, key.due, record}));
  }
  for (const auto& [key, first] : firsts_) {
    all.push_back(encode_kept(KeptFirst{key.job, key.task, first}));
  }
  for (const auto& [key, one] : first_passes_.all()) {
    all.push_back(encode_kept(FirstSettled{one.record}));
    if (one.place) all.push_back(encode_kept(FirstPlaced{key.job, key.task, *one.place}));
  }
  return all;
}

const KeptTask* WorkerMemory::task(JobId job, codec::TaskIndex task) const {
  const auto at = tasks_.find({job, task});
  return at == tasks_.end() ? nullptr : &at->second;
}

const KeptCheck* WorkerMemory::check(const CheckKey& key) const {
  const auto at = checks_.find(key);
  return at == checks_.end() ? nullptr : &at->second;
}

const KeptRecord* WorkerMemory::record(const RecordKey& key) const {
  const auto at = records_.find(key);
  return at == records_.end() ? nullptr : &at->second;
}

const KeptFinds* WorkerMemory::finds(JobId job, codec::TaskIndex task) const {
  const auto at = finds_.find({job, task});
  return at == finds_.end() ? nullptr : &at->second;
}

const codec::Record* WorkerMemory::checked(const CheckKey& key) const {
  const auto at = checked_.find(key);
  return at == checked_.end() ? nullptr : &at->second;
}

const codec::FirstPass* WorkerMemory::first(JobId job, codec::TaskIndex task) const {
  const auto at = firsts_.find({job, task});
  return at == firsts_.end() ? nullptr : &at->second;
}

const codec::Record* WorkerMemory::record(const codec::Cid& cid) const {
  const auto at = by_cid_.find(cid);
  return at == by_cid_.end() ? nullptr : &records_.at(at->second).record;
}

}  // namespace kith::node
