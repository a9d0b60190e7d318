#include "api/job_views.h"

#include "codec/chain_find_text.h"
#include "ledger/accounts.h"

namespace kith::api {
namespace {

std::string_view name_of(codec::JobState state) {
  switch (state) {
    case codec::JobState::waiting: return "waiting";
    case codec::JobState::working: return "working";
    case codec::JobState::ending: return "ending";
  }
  UNREACHABLE();
}

std::string_view name_of(codec::Outcome outcome) {
  switch (outcome) {
    case codec::Outcome::hidden: return "hidden";
    case codec::Outcome::fits: return "fits";
    case codec::Outcome::part_differs: return "part_differs";
    case codec::Outcome::first_differs: return "first_differs";
  }
  UNREACHABLE();
}

std::string_view name_of(codec::DisputeKind kind) {
  switch (kind) {
    case codec::DisputeKind::check: return "check";
    case codec::DisputeKind::unshown: return "unshown";
    case codec::DisputeKind::doubt: return "doubt";
    case codec::DisputeKind::passes: return "passes";
    case codec::DisputeKind::find: return "find";
  }
  UNREACHABLE();
}

/// What is waited for.
std::string_view name_of(codec::DisputeStage stage) {
  switch (stage) {
    case codec::DisputeStage::open_part: return "open_part";
    case codec::DisputeStage::choose_unit: return "choose_unit";
    case codec::DisputeStage::open_unit: return "open_unit";
    case codec::DisputeStage::choose_slice: return "choose_slice";
    case codec::DisputeStage::show_part: return "show_part";
    case codec::DisputeStage::show_slice: return "show_slice";
    case codec::DisputeStage::open_nodes: return "open_nodes";
    case codec::DisputeStage::open_units: return "open_units";
    case codec::DisputeStage::open_slices: return "open_slices";
    case codec::DisputeStage::verdict: return "verdict";
  }
  UNREACHABLE();
}

Json spec_view(const codec::JobSpec& spec) {
  return Json{{"workload", spec.workload},
              {"params", base::to_hex(spec.params)},
              {"tasks", to_json(spec.tasks)},
              {"units", spec.units},
              {"slices", spec.slices},
              {"region_tasks", spec.region_tasks},
              {"round_blocks", spec.round_blocks},
              {"lease_rounds", spec.lease_rounds},
              {"checked_min", spec.checked_min},
              {"eps_ppm", spec.eps_ppm},
              {"passes", spec.passes},
              {"second_every", spec.second_every},
              {"price", to_json(spec.price)},
              {"price2", to_json(spec.price2)},
              {"bond", to_json(spec.bond)}};
}

Json pending_view(const codec::PendingTask& task) {
  Json parts = Json::array();
  for (const codec::TaskPart& part : task.parts) {
    parts.push_back(Json{{"checker", part.checker ? Json(part.checker->value) : Json(nullptr)},
                         {"has_said", part.said.has_value()}});
  }
  return Json{{"task", to_json(task.task.value)},
              {"pass", task.pass},
              {"round", to_json(task.round)},
              {"due", task.due == 0 ? Json(nullptr) : to_json(task.due)},
              {"checked", task.checked},
              {"silent", task.silent},
              {"is_overdue", task.overdue != 0},
              {"is_again", task.is_again},
              {"outcome", name_of(task.outcome)},
              {"parts", std::move(parts)}};
}

Json side_view(const codec::SlotSide& side) {
  return Json{{"slot", side.slot.value},
              {"worker", base::to_hex(side.worker)},
              {"account", base::to_hex(side.owner)},
              {"since", to_json(side.since.value)}};
}

/// Null for who has no slot: whoever doubts, and the other side of a find.
Json other_view(const codec::SlotSide& side) {
  if (side.slot != codec::no_slot) return side_view(side);
  if (side.owner == codec::AccountId{}) return nullptr;
  Json view = side_view(side);
  view["slot"] = nullptr;
  return view;
}

Json height_or_null(codec::Height height) {
  return height.value == 0 ? Json(nullptr) : to_json(height.value);
}

}  // namespace

Json name_or_null(const ledger::Entries& entries, const codec::AccountId& account) {
  const auto entry = ledger::find_account(entries, account);
  return entry && !entry->name.empty() ? Json(entry->name) : Json(nullptr);
}

Json job_view(codec::JobId id, const codec::JobEntry& job, const ledger::Entries& entries,
              codec::Height height) {
  const bool is_waiting = job.state == codec::JobState::waiting;
  const auto round =
      is_waiting ? std::nullopt : ledger::statement_round(job, 0, codec::next(height));
  return Json{{"job", to_json(id.value)},
              {"state", name_of(job.state)},
              {"account", base::to_hex(job.account)},
              {"name", name_or_null(entries, job.account)},
              {"spec", spec_view(job.spec)},
              {"start", is_waiting ? Json(nullptr) : to_json(job.start.value)},
              {"round", round ? to_json(*round) : Json(nullptr)},
              {"mature", job.mature},
              {"escrow", to_json(job.escrow)},
              {"reserved", to_json(job.reserved)},
              {"leased", to_json(job.next)},
              {"leased_second", to_json(job.next_second)},
              {"redo", to_json(job.redo)},
              {"accepted", to_json(job.accepted)},
              {"accepted_second", to_json(job.accepted_second)},
              {"leases", to_json(job.leases)},
              {"slots", job.slots},
              {"regions", to_json((job.spec.tasks - 1) / job.spec.region_tasks + 1)}};
}

Json slot_view(codec::SlotId number, const codec::SlotEntry& slot, std::uint16_t round_blocks) {
  const codec::SlotHead& head = slot.head;
  if (head.is_free) return nullptr;
  Json queue = Json::array();
  for (const codec::QueuedTask& task : slot.queue) {
    queue.push_back(Json{
        {"task", to_json(task.task.value)}, {"pass", task.pass}, {"until", to_json(task.until)}});
  }
  Json pending = Json::array();
  for (const codec::PendingTask& task : slot.pending) pending.push_back(pending_view(task));
  Json maturing = Json::array();
  for (const codec::MaturingTask& task : slot.maturing) {
    maturing.push_back(Json{{"task", to_json(task.task.value)},
                            {"pass", task.pass},
                            {"record", base::to_hex(task.record)},
                            {"mark", task.mark}});
  }
  return Json{{"slot", number.value},
              {"cohort", number.value % round_blocks},
              {"worker", base::to_hex(head.worker)},
              {"account", base::to_hex(head.owner)},
              {"device_class", head.device_class},
              {"since", to_json(head.since.value)},
              {"is_leaving", head.is_leaving},
              {"passed", head.passed},
              {"faults", head.faults},
              {"idle_until", to_json(head.idle_until)},
              {"has_lapsed", head.has_lapsed},
              {"disputes", head.disputes},
              {"duties", head.duties.size()},
              {"queue", std::move(queue)},
              {"pending", std::move(pending)},
              {"maturing", std::move(maturing)}};
}

Json region_view(std::uint32_t number, const codec::RegionEntry& region) {
  const auto root_of = [](const codec::Mmr& list) {
    return list.count() == 0 ? Json(nullptr) : Json(base::to_hex(list.root()));
  };
  return Json{{"region", number},
              {"accepted", to_json(region.first.count())},
              {"root", root_of(region.first)},
              {"height", height_or_null(region.first_height)},
              {"accepted_second", to_json(region.second.count())},
              {"root_second", root_of(region.second)},
              {"height_second", height_or_null(region.second_height)}};
}

Json find_view(const codec::Hash& name, const codec::FindEntry& find,
               const ledger::Entries& entries) {
  return Json{{"find", base::to_hex(name)},
              {"number", codec::find_number_text(find.number)},
              {"what", codec::find_name(find.what)},
              {"account", base::to_hex(find.account)},
              {"name", name_or_null(entries, find.account)},
              {"worker", base::to_hex(find.worker)},
              {"task", to_json(find.task.value)},
              {"unit", find.unit},
              {"height", to_json(find.height.value)}};
}

Json member_view(const codec::AccountId& account, const codec::MemberEntry& member,
                 const ledger::Entries& entries) {
  std::uint64_t overdue = 0;
  for (const codec::OverdueRound& round : member.overdue) overdue += round.count;
  return Json{{"account", base::to_hex(account)},
              {"name", name_or_null(entries, account)},
              {"tasks", to_json(member.tasks)},
              {"units", to_json(member.units)},
              {"checks", to_json(member.checks)},
              {"passed", member.passed},
              {"faults", member.faults},
              {"slots", member.slots},
              {"overdue", overdue}};
}

Json dispute_view(std::uint64_t number, const codec::DisputeEntry& dispute) {
  return Json{{"dispute", to_json(number)},
              {"kind", name_of(dispute.kind)},
              {"job", to_json(dispute.job.value)},
              {"task", to_json(dispute.task.value)},
              {"pass", dispute.pass},
              {"part", dispute.part},
              {"until", to_json(dispute.until.value)},
              {"worker", side_view(dispute.worker)},
              {"other", other_view(dispute.other)},
              {"stage", name_of(dispute.stage)},
              {"unit", dispute.unit},
              {"slice", dispute.slice}};
}

}  // namespace kith::api
