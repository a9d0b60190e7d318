// Disputes: how they are opened, and the moves that narrow them down to one slice. In turn:
//
//   check     the worker opens D, the checker chooses a unit; the worker opens it, the checker
//             chooses a slice and says what it comes to
//   unshown   the worker shows the part's units under U and D
//   doubt     the worker shows the unit's slices under U
//   passes    both open U: 32 nodes, the units under the first that differs, its slices
//   find      nobody moves: validators say whether it is one
//
// A move that does not fit what it is to open is no move: the order is refused, and the time runs
// on. docs/protocol/compute.md, "Disputes".
#include "ledger/jobs_dispute.h"

#include <algorithm>

#include "base/format.h"
#include "codec/chain_merkle_many.h"

namespace kith::ledger {
namespace {

/// What a checker pays that asks to be shown, a 256th of a slot's bond.
constexpr Amount show_share = 256;

Bytes dispute_key(std::uint64_t dispute) { return job_key(JobId{dispute}); }

void put_dispute(Entries& entries, std::uint64_t number, const DisputeEntry& entry) {
  entries.put(EntryKind::dispute, dispute_key(number), codec::encode_entry(entry));
}

/// Changes the entry of another dispute of the list.
template <class Change>
void change(Entries& entries, std::uint64_t number, const Change& how) {
  auto entry = find_dispute(entries, number);
  ASSERT(entry.has_value());
  how(*entry);
  put_dispute(entries, number, *entry);
}

/// As the last one.
void link(Entries& entries, std::uint64_t number, DisputeEntry& entry) {
  codec::JobsEntry jobs = jobs_of(entries);
  entry.before = jobs.last_dispute;
  entry.after = 0;
  if (jobs.last_dispute == 0) {
    jobs.first_dispute = number;
  } else {
    change(entries, jobs.last_dispute, [&](DisputeEntry& last) { last.after = number; });
  }
  jobs.last_dispute = number;
  put_jobs(entries, jobs);
}

bool has_many_units(const codec::JobSpec& spec) { return spec.units > codec::dispute_entries_max; }

std::vector<std::uint16_t> part_of(const codec::JobSpec& spec, const DisputeEntry& entry) {
  return codec::units_of_part(entry.seed, spec, entry.part, entry.checked);
}

Result<void> check_count(std::size_t count, std::size_t wanted) {
  if (count == wanted) return {};
  return fail(Code::refused, base::format("{} entries in a move, not {}", count, wanted));
}

Result<void> check_root(const Hash& root, const Hash& wanted) {
  if (root == wanted) return {};
  return fail(Code::refused, base::format("entries that come to {}, not to {}", base::to_hex(root),
                                          base::to_hex(wanted)));
}

std::optional<std::size_t> first_difference(const std::vector<Hash>& a,
                                            const std::vector<Hash>& b) {
  const auto differs = std::ranges::mismatch(a, b).in1;
  if (differs == a.end()) return std::nullopt;
  return static_cast<std::size_t>(differs - a.begin());
}

/// One kind of move each, by whose turn it is.
struct Obey {
  JobWork& work;
  Dispute& dispute;
  Side side;

  Result<void> operator()(const codec::OpenMove& move) const {
    DisputeEntry& entry = dispute.entry;
    switch (entry.stage) {
      case DisputeStage::open_part:
        TRY_VOID(check_count(move.entries.size(), part_of(work.job.spec, entry).size()));
        return open_for_choice(move, DisputeStage::choose_unit);
      case DisputeStage::open_unit:
        TRY_VOID(check_count(move.entries.size(), work.job.spec.slices));
        return open_for_choice(move, DisputeStage::choose_slice);
      case DisputeStage::open_nodes:
      case DisputeStage::open_units:
      case DisputeStage::open_slices: return open_both(move);
      case DisputeStage::choose_unit:
      case DisputeStage::choose_slice:
      case DisputeStage::show_part:
      case DisputeStage::show_slice:
      case DisputeStage::verdict: break;
    }
    return not_now();
  }

  Result<void> operator()(const codec::ChooseMove& move) const {
    DisputeEntry& entry = dispute.entry;
    if (move.index >= entry.entries.size()) {
      return fail(Code::refused, base::format("entry {} of {}", move.index, entry.entries.size()));
    }
    if (entry.stage == DisputeStage::choose_unit && !move.digest) {
      entry.unit = part_of(work.job.spec, entry)[move.index];
      entry.node = entry.entries[move.index];
      entry.entries.clear();
      dispute.begin(DisputeStage::open_unit);
      return {};
    }
    if (entry.stage != DisputeStage::choose_slice || !move.digest) return not_now();
    entry.slice = move.index;
    entry.said = entry.entries[move.index];
    entry.said_other = *move.digest;
    to_verdict();
    return {};
  }

  Result<void> operator()(const codec::ShowMove& move) const {
    DisputeEntry& entry = dispute.entry;
    const codec::JobSpec& spec = work.job.spec;
    if (entry.stage == DisputeStage::show_part) {
      TRY_VOID(check_root(codec::merkle_root(move.entries), entry.node));
      TRY_VOID(codec::verify_merkle_many(entry.root, spec.units, part_of(spec, entry), move.entries,
                                         move.siblings));
      dispute.end_shown();
      return {};
    }
    if (entry.stage != DisputeStage::show_slice) return not_now();
    TRY_VOID(check_count(move.entries.size(), spec.slices));
    const std::vector<Hash> unit{codec::merkle_root(move.entries)};
    TRY_VOID(codec::verify_merkle_many(entry.root, spec.units, std::vector{entry.unit}, unit,
                                       move.siblings));
    entry.said = move.entries[entry.slice];
    to_verdict();
    return {};
  }

 private:
  Result<void> not_now() const {
    return fail(Code::refused, base::format("not the move of stage {}",
                                            static_cast<unsigned>(dispute.entry.stage)));
  }

  Result<void> open_for_choice(const codec::OpenMove& move, DisputeStage next) const {
    TRY_VOID(check_root(codec::merkle_root(move.entries), dispute.entry.node));
    dispute.entry.entries = move.entries;
    dispute.begin(next);
    return {};
  }

  void to_verdict() const {
    dispute.entry.entries.clear();
    if (dispute.entry.said == dispute.entry.said_other) {
      dispute.end_equal();
    } else {
      dispute.begin(DisputeStage::verdict);
    }
  }

  /// Of the side's own node.
  Result<void> check_opening(const std::vector<Hash>& entries) const {
    const DisputeEntry& entry = dispute.entry;
    const codec::JobSpec& spec = work.job.spec;
    const Hash& node = side == Side::worker ? entry.node : entry.node_other;
    if (entry.stage == DisputeStage::open_nodes) {
      TRY_VOID(check_count(entries.size(), codec::dispute_nodes));
      return check_root(codec::merkle_root_of_top(spec.units, codec::merkle_node_over(entries)),
                        node);
    }
    if (entry.stage == DisputeStage::open_units && has_many_units(spec)) {
      TRY_VOID(check_count(entries.size(), spec.units / codec::dispute_nodes));
      return check_root(codec::merkle_nodes(entries, 1).front(), node);
    }
    const bool is_slices = entry.stage == DisputeStage::open_slices;
    TRY_VOID(check_count(entries.size(), is_slices ? spec.slices : spec.units));
    return check_root(codec::merkle_root(entries), node);
  }

  Result<void> open_both(const codec::OpenMove& move) const {
    TRY_VOID(check_opening(move.entries));
    DisputeEntry& entry = dispute.entry;
    if (entry.opened == 0) {
      entry.opened = static_cast<std::uint8_t>(side);
      entry.entries = move.entries;
      dispute.put();
      return {};
    }
    const bool is_worker = side == Side::worker;
    const std::vector<Hash> theirs = std::exchange(entry.entries, {});
    descend(is_worker ? move.entries : theirs, is_worker ? theirs : move.entries);
    return {};
  }

  void descend(const std::vector<Hash>& mine, const std::vector<Hash>& theirs) const {
    DisputeEntry& entry = dispute.entry;
    const auto at = first_difference(mine, theirs);
    if (!at) return dispute.end_void();  // two preimages of one hash
    entry.opened = 0;
    entry.node = mine[*at];
    entry.node_other = theirs[*at];
    const auto index = static_cast<std::uint16_t>(*at);
    if (entry.stage == DisputeStage::open_nodes) {
      entry.unit = static_cast<std::uint16_t>(index * (work.job.spec.units / codec::dispute_nodes));
      dispute.begin(DisputeStage::open_units);
    } else if (entry.stage == DisputeStage::open_units) {
      entry.unit = static_cast<std::uint16_t>(entry.unit + index);
      dispute.begin(DisputeStage::open_slices);
    } else {
      entry.slice = index;
      entry.said = entry.node;
      entry.said_other = entry.node_other;
      dispute.begin(DisputeStage::verdict);
    }
  }
};

/// A result that matures, as its record names it.
struct Matured {
  codec::Record record;
  SlotId slot;
  codec::MaturingTask* task = nullptr;
};
Result<Matured> matured(JobWork& work, ByteView bytes) {
  Matured found;
  found.record = TRY(codec::decode_record(bytes));
  found.slot = found.record.slot;
  if (work.has_slot(found.slot)) {
    const Hash hash = codec::record_hash(found.record);
    for (codec::MaturingTask& task : work.slot(found.slot).maturing) {
      if (task.record == hash) found.task = &task;
    }
  }
  if (found.task != nullptr) return found;
  return fail(Code::refused, base::format("no result of task {} matures under that record",
                                          found.record.task.value));
}

DisputeEntry about(JobWork& work, DisputeKind kind, const Matured& result) {
  const SlotHead& head = work.slot(result.slot).head;
  DisputeEntry entry;
  entry.kind = kind;
  entry.job = work.id;
  entry.task = result.record.task;
  entry.pass = result.record.pass;
  entry.worker = {result.slot, head.worker, head.owner, head.since};
  entry.root = result.record.root;
  entry.record = result.task->record;
  return entry;
}

Result<void> check_place(const codec::JobSpec& spec, std::uint64_t unit, std::uint64_t slice) {
  if (unit < spec.units && slice < spec.slices) return {};
  return fail(Code::refused, base::format("slice {} of unit {}", slice, unit));
}

/// The checker of a part asks to be shown it, and pays for that.
Result<void> file_unshown(JobWork& work, const codec::FileDispute& order, const ChainKey& signer,
                          const Matured& result) {
  std::vector<codec::CheckedPart>& parts = result.task->parts;
  if (order.unit >= parts.size() || parts[order.unit].is_asked) {
    return fail(Code::refused, base::format("part {} cannot be asked for now", order.unit));
  }
  codec::CheckedPart& part = parts[order.unit];
  const auto checker = work.head_of(part.checker);
  if (!checker || checker->worker != signer) {
    return fail(Code::permission, base::format("part {} not asked for by its checker", order.unit));
  }
  DisputeEntry entry = about(work, order.kind, result);
  entry.part = static_cast<std::uint8_t>(order.unit);
  entry.other = {part.checker, signer, checker->owner, checker->since};
  entry.node = part.got;
  entry.checked = result.task->checked;
  entry.seed = result.task->seed;
  entry.stage = DisputeStage::show_part;
  entry.held = work.job.spec.bond / show_share;
  TRY_VOID(hold_bond(work.rules.params, work.entries, checker->owner, entry.held));
  part.is_asked = true;
  ++result.task->disputes;
  Dispute::open(work, std::move(entry));
  return {};
}

/// Whoever has computed a slice otherwise says so, and a bond stands for it.
Result<void> file_doubt(JobWork& work, const codec::FileDispute& order, const ChainKey& signer,
                        const Matured& result) {
  TRY_VOID(check_place(work.job.spec, order.unit, order.slice));
  const auto filer = find_worker(work.entries, signer);
  const SlotHead& head = work.slot(result.slot).head;
  if (!filer || filer->account == head.owner) {
    return fail(Code::permission, "doubt that is not signed by another account's worker");
  }
  if (head.disputes > 0) {
    return fail(Code::refused, base::format("slot {} is in a dispute already", result.slot.value));
  }
  DisputeEntry entry = about(work, order.kind, result);
  entry.other = {codec::no_slot, signer, filer->account, {}};
  entry.unit = order.unit;
  entry.slice = order.slice;
  entry.said_other = order.digest;
  entry.stage = DisputeStage::show_slice;
  entry.held = work.job.spec.bond;
  TRY_VOID(hold_bond(work.rules.params, work.entries, filer->account, entry.held));
  ++result.task->disputes;
  Dispute::open(work, std::move(entry));
  return {};
}

}  // namespace

bool binds(DisputeKind kind, Side side) {
  switch (kind) {
    case DisputeKind::check:
    case DisputeKind::passes: return true;
    case DisputeKind::doubt: return side == Side::worker;
    case DisputeKind::unshown:
    case DisputeKind::find: return false;
  }
  UNREACHABLE();
}

bool is_turn(DisputeStage stage, std::uint8_t opened, Side side) {
  switch (stage) {
    case DisputeStage::open_part:
    case DisputeStage::open_unit:
    case DisputeStage::show_part:
    case DisputeStage::show_slice: return side == Side::worker;
    case DisputeStage::choose_unit:
    case DisputeStage::choose_slice: return side == Side::other;
    case DisputeStage::open_nodes:
    case DisputeStage::open_units:
    case DisputeStage::open_slices: return opened != static_cast<std::uint8_t>(side);
    case DisputeStage::verdict: return false;
  }
  UNREACHABLE();
}

void Dispute::open(JobWork& work, DisputeEntry entry) {
  codec::JobsEntry jobs = jobs_of(work.entries);
  const std::uint64_t number = jobs.next_dispute++;
  put_jobs(work.entries, jobs);
  if (binds(entry.kind, Side::worker)) ++work.slot(entry.worker.slot).head.disputes;
  if (binds(entry.kind, Side::other)) ++work.slot(entry.other.slot).head.disputes;
  if (entry.kind != DisputeKind::find) entry.overdue = work.begin_overdue(entry.worker.owner);
  if (binds(entry.kind, Side::other)) entry.overdue_other = work.begin_overdue(entry.other.owner);
  entry.until = {work.height.value + work.rules.params.answer_blocks};
  link(work.entries, number, entry);
  Dispute dispute(work, number, std::move(entry));
  dispute.worker_owes_ = dispute.other_owes_ = false;
  dispute.put();
  work.note({JobEvent::Kind::disputed, work.id, entry.worker.slot, entry.task, entry.pass, number});
}

void Dispute::begin(DisputeStage stage) {
  entry.stage = stage;
  entry.until = {work_.height.value + work_.rules.params.answer_blocks};
  unlink_dispute(work_.entries, entry);
  link(work_.entries, number_, entry);
  put();
}

void Dispute::put() {
  put_dispute(work_.entries, number_, entry);
  count_owed(owes(Side::worker), owes(Side::other));
}

bool Dispute::owes(Side side) const {
  return binds(entry.kind, side) && is_turn(entry.stage, entry.opened, side);
}

void Dispute::count_owed(bool worker, bool other) {
  const auto count = [this](const SlotSide& side, bool before, bool now) {
    if (before == now || !is_there(work_, side)) return;
    std::uint8_t& owed = work_.slot(side.slot).head.owed_moves;
    owed = static_cast<std::uint8_t>(now ? owed + 1 : owed - 1);
  };
  count(entry.worker, std::exchange(worker_owes_, worker), worker);
  count(entry.other, std::exchange(other_owes_, other), other);
}

void unlink_dispute(Entries& entries, const DisputeEntry& entry) {
  codec::JobsEntry jobs = jobs_of(entries);
  if (entry.before == 0) {
    jobs.first_dispute = entry.after;
  } else {
    change(entries, entry.before, [&](DisputeEntry& one) { one.after = entry.after; });
  }
  if (entry.after == 0) {
    jobs.last_dispute = entry.before;
  } else {
    change(entries, entry.after, [&](DisputeEntry& one) { one.before = entry.before; });
  }
  put_jobs(entries, jobs);
}

void open_dispute(JobWork& work, DisputeKind kind, SlotId slot, const PendingTask& task,
                  const SlotSide& other) {
  if (other.slot == slot || !is_there(work, other)) return;
  const SlotHead& head = work.slot(slot).head;
  DisputeEntry entry;
  entry.kind = kind;
  entry.job = work.id;
  entry.task = task.task;
  entry.pass = task.pass;
  entry.worker = {slot, head.worker, head.owner, head.since};
  entry.other = other;
  entry.root = task.root;
  entry.checked = task.checked;
  entry.seed = task.seed;
  if (kind == DisputeKind::check) {
    entry.part = task.differing;
    entry.node = task.got[task.differing];
  } else {
    entry.node = task.root;
    entry.node_other = task.first_root;
    entry.stage =
        has_many_units(work.job.spec) ? DisputeStage::open_nodes : DisputeStage::open_units;
  }
  Dispute::open(work, std::move(entry));
}

Result<Amount> DisputeOrders::move(const codec::DisputeMove& order) const {
  auto found = find_dispute(entries, order.dispute);
  if (!found) return fail(Code::not_found, base::format("no dispute {}", order.dispute));
  const bool is_worker = signer != nullptr && *signer == found->worker.worker;
  const bool is_other = signer != nullptr && *signer == found->other.worker;
  const Side side = is_worker ? Side::worker : Side::other;
  if ((!is_worker && !is_other) || !is_turn(found->stage, found->opened, side)) {
    return fail(Code::permission,
                base::format("it is not the signer's turn in dispute {}", order.dispute));
  }
  auto work = open_job(rules, height, entries, found->job, log);
  if (!work) return fail(Code::not_found, base::format("job {} is over", found->job.value));
  Dispute dispute(*work, order.dispute, *std::move(found));
  TRY_VOID(std::visit(Obey{*work, dispute, side}, order.move));
  work->flush();
  return work->burnt;
}

Result<Amount> DisputeOrders::file(const codec::FileDispute& order) const {
  if (signer == nullptr) return fail(Code::permission, "dispute that nobody signs");
  auto work = open_job(rules, height, entries, order.job, log);
  if (!work) return fail(Code::not_found, base::format("no job {}", order.job.value));
  const Matured result = TRY(matured(*work, order.record));
  if (order.kind == DisputeKind::unshown) {
    TRY_VOID(file_unshown(*work, order, *signer, result));
  } else {
    TRY_VOID(file_doubt(*work, order, *signer, result));
  }
  work->flush();
  return work->burnt;
}

Result<Amount> DisputeOrders::claim(const codec::ClaimFind& order) const {
  auto work = open_job(rules, height, entries, order.job, log);
  if (!work) return fail(Code::not_found, base::format("no job {}", order.job.value));
  const Matured result = TRY(matured(*work, order.record));
  if (signer == nullptr || *signer != work->slot(result.slot).head.worker) {
    return fail(Code::permission, "find that its worker does not sign");
  }
  TRY_VOID(check_place(work->job.spec, order.unit, 0));
  DisputeEntry entry = about(*work, DisputeKind::find, result);
  entry.said = codec::find_digest(entry.task, order);
  if (result.task->disputes > 0 ||
      entries.contains(EntryKind::find, job_key(work->id, entry.said))) {
    return fail(Code::refused, "find that is known, or of a result in dispute");
  }
  entry.unit = static_cast<std::uint16_t>(order.unit);
  entry.number = order.number;
  entry.what = order.what;
  entry.stage = DisputeStage::verdict;
  entry.other.slot = codec::no_slot;
  ++result.task->disputes;
  Dispute::open(*work, std::move(entry));
  work->flush();
  return work->burnt;
}

}  // namespace kith::ledger
