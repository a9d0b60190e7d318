// The rules of jobs against whatever anybody may order and state: nothing stops, coins are
// conserved, and what is reserved is there. Input: pairs of a byte that says what comes next and
// what it needs; statements are made of bytes, by keys that have slots.
#include <algorithm>
#include <cstdint>
#include <map>

#include "codec/chain_account.h"
#include "ledger/jobs_carry.h"
#include "ledger/jobs_view.h"

namespace {

using namespace kith;

constexpr std::uint32_t owners = 4;

ledger::AccountId name_of(std::uint32_t n) {
  ledger::AccountId name{};
  name[0] = static_cast<std::uint8_t>(n + 1);
  return name;
}

struct World {
  World() {
    rules.jury = &jury;
    rules.params.draw_gap = 1;
    rules.params.answer_blocks = 8;
    rules.params.min_bond = 16;
    rules.params.account_bond = 1;
    for (std::uint32_t n = 0; n <= owners; ++n) {
      codec::AccountEntry account;
      account.key = name_of(n);
      account.bond = 100'000;
      entries.put(ledger::EntryKind::account, name_of(n), codec::encode_account(account));
      codec::WorkerEntry worker;
      worker.account = name_of(n);
      worker.device_class = static_cast<std::uint8_t>(n % 2);
      entries.put(ledger::EntryKind::worker, name_of(n), codec::encode_worker(worker));
      money += account.bond;
    }
    codec::JobSpec spec;
    spec.workload = 1;
    spec.tasks = 40;
    spec.units = 16;
    spec.slices = 1;
    spec.region_tasks = 4;
    spec.round_blocks = 2;
    spec.lease_rounds = 2;
    spec.checked_min = 2;
    spec.eps_ppm = 100'000;
    spec.passes = 2;
    spec.second_every = 3;
    spec.price = 160;
    spec.price2 = 80;
    spec.bond = 160;
    obey(codec::SubmitJob{name_of(0), spec, 1'000'000}, name_of(0));
    for (std::uint32_t n = 1; n <= owners; ++n) {
      obey(codec::EnrolSlots{{1}, name_of(n), 2}, name_of(n));
    }
  }

  void obey(const codec::JobOrder& order, const ledger::ChainKey& signer) {
    const ledger::Entries before = entries;
    const auto effect = ledger::apply_job(rules, height, entries, order, &signer, nullptr);
    if (effect) money += effect->taken - effect->burnt;
    const auto* const carry = std::get_if<codec::CarryStatements>(&order);
    if (carry == nullptr) return;
    // What the mempool does not take would have done nothing.
    std::size_t looks = 1'000;
    const bool is_taken = ledger::check_carried(before, height, *carry, looks).has_value();
    ASSERT(is_taken || entries.changed_since(before).empty());
  }

  void end_block() {
    const ledger::Hash beacon = codec::tagged_hash("fuzz", {name_of(7), entropy()});
    money -= ledger::end_block_jobs(rules, height, beacon, entries, &log);
    for (const auto& event : log) {
      if (event.kind != ledger::JobEvent::Kind::settled) continue;
      records[codec::record_hash(event.record)] = codec::encode_record(event.record);
    }
    log.clear();
    height = codec::next(height);
    check();
  }

  Bytes entropy() const {
    return {static_cast<std::uint8_t>(height.value), static_cast<std::uint8_t>(height.value >> 8)};
  }

  void check() const {
    ledger::Amount have = 0;
    for (std::uint32_t n = 0; n <= owners; ++n) {
      have += codec::decode_account(*entries.find(ledger::EntryKind::account, name_of(n)))->owned();
    }
    for (const auto job : ledger::jobs_of(entries).jobs) {
      const auto entry = ledger::find_job(entries, job);
      ASSERT(entry && entry->reserved <= entry->escrow);
      have += entry->escrow;
    }
    ASSERT(have == money);
  }

  /// What slot `slot` of the key would say; `twist` makes it a lie.
  void speak(std::uint32_t n, std::uint8_t which, std::uint8_t twist) {
    const auto enrolment = ledger::find_enrolment(entries, {1}, name_of(n));
    const auto job = ledger::find_job(entries, {1});
    if (!enrolment || !job || enrolment->slots.empty()) return;
    const auto round = ledger::statement_round(*job, enrolment->cohort, height);
    if (!round) return;
    const auto slot = enrolment->slots[which % enrolment->slots.size()];
    const auto entry = ledger::find_slot(entries, {1}, slot);
    if (!entry) return;
    codec::JobStatement said{{1}, *round, name_of(n), {}, {}};
    codec::StatementLine line;
    line.slot = slot;
    if (!entry->queue.empty()) {
      const auto& task = entry->queue.front();
      line.commit = codec::task_commitment({rules.genesis, {1}, task.task, task.pass}, slot,
                                           name_of(n), root_of(task.task, twist));
    }
    for (const auto& duty : entry->head.duties) {
      const auto target = ledger::find_slot(entries, {1}, duty.target);
      if (!target || target->pending.empty()) continue;
      const auto& task = target->pending[twist % target->pending.size()];
      line.checks.push_back(
          {duty.target, duty.part,
           codec::check_commitment({rules.genesis, {1}, task.task, task.pass}, duty.part,
                                   name_of(n), root_of(task.task, twist & 1))});
    }
    for (const auto& task : entry->pending) {
      codec::StatementLine told;
      told.slot = slot;
      told.reveal = codec::RevealLine{root_of(task.task, twist), {}};
      told.reveal->parts.assign(std::max<std::size_t>(1, task.parts.size()),
                                root_of(task.task, twist & 1));
      said.lines.push_back(told);
    }
    if (line.commit || !line.checks.empty()) said.lines.push_back(line);
    obey(codec::CarryStatements{{said}}, name_of(n));
  }

  /// Any key of a dispute moves: what fits what it has said, or hashes of `twist`.
  void contest(std::uint32_t n, std::uint8_t twist) {
    for (const auto& owed : ledger::moves_of(entries, name_of(n))) {
      const ledger::Hash any = root_of(owed.task, twist & 1);
      codec::DisputeMove order{owed.dispute, codec::OpenMove{{any}}};
      if (owed.stage == codec::DisputeStage::choose_unit) {
        order.move = codec::ChooseMove{static_cast<std::uint8_t>(twist % 4), {}};
      } else if (owed.stage == codec::DisputeStage::choose_slice) {
        order.move = codec::ChooseMove{0, any};
      } else if ((twist & 2) != 0) {
        order.move = codec::ShowMove{{any}, {any}};
      }
      obey(order, name_of(n));
    }
    for (const auto& asked : ledger::verdicts_asked(entries)) {
      obey(codec::GiveVerdict{asked.dispute, root_of(asked.task, twist), {{0, {}}}}, name_of(n));
    }
  }

  /// Files a dispute, or claims a find, of the first result that matures in a slot of the key `of`.
  void file(std::uint32_t n, std::uint8_t twist) {
    const auto of = name_of(1 + twist % owners);
    const auto enrolment = ledger::find_enrolment(entries, {1}, of);
    if (!enrolment || enrolment->slots.empty()) return;
    const auto slot = ledger::find_slot(entries, {1}, enrolment->slots[0]);
    if (!slot || slot->maturing.empty()) return;
    const auto record = records.find(slot->maturing[0].record);
    if (record == records.end()) return;
    const auto kind = (twist & 0x40) != 0 ? codec::DisputeKind::unshown : codec::DisputeKind::doubt;
    const bool is_doubt = kind == codec::DisputeKind::doubt;
    const std::uint16_t unit = is_doubt ? twist % 16 : 0;
    obey(
        codec::FileDispute{
            {1}, record->second, kind, unit, 0, is_doubt ? root_of({0}, twist) : ledger::Hash{}},
        name_of(n));
    if ((twist & 0x80) != 0) obey(codec::ClaimFind{{1}, record->second, 1, {}, 1}, of);
  }

  static ledger::Hash root_of(ledger::TaskIndex task, std::uint8_t twist) {
    ledger::Hash hash{};
    hash[0] = static_cast<std::uint8_t>(task.value);
    hash[1] = twist;
    return hash;
  }

  ledger::Entries entries;
  ledger::Jury jury{{{}, 1}};
  ledger::JobLog log;
  std::map<ledger::Hash, Bytes> records;  // by their hash
  ledger::JobRules rules;
  ledger::Height height{1};
  ledger::Amount money = 0;
};

/// No order takes more coins than there are.
bool is_affordable(const codec::JobOrder& order) {
  constexpr ledger::Amount most = ledger::Amount{1} << 40;
  if (const auto* fund = std::get_if<codec::FundJob>(&order)) return fund->amount < most;
  if (const auto* submit = std::get_if<codec::SubmitJob>(&order)) return submit->amount < most;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World world;
  for (std::size_t at = 0; at + 2 < size && at < 3'000; at += 3) {
    const std::uint32_t n = 1 + data[at + 1] % owners;
    switch (data[at] % 10) {
      case 8: world.contest(n, data[at + 2]); break;
      case 9: world.file(n, data[at + 2]); break;
      case 0: world.obey(codec::EnrolSlots{{1}, name_of(n), 1}, name_of(n)); break;
      case 1: world.obey(codec::LeaveJob{{1}, name_of(n), 1}, name_of(n)); break;
      case 2: world.obey(codec::ConcedeDispute{data[at + 2] % 8u + 1u}, name_of(n)); break;
      case 3:
        if (const auto order = codec::decode_job_order({data + at + 1, size - at - 1})) {
          if (is_affordable(*order)) world.obey(*order, name_of(n));
        }
        break;
      case 4:
      case 5:
      case 6: world.speak(n, data[at + 2] >> 4, data[at + 2] & 3); break;
      default: world.end_block(); break;
    }
  }
  world.end_block();
  return 0;
}
