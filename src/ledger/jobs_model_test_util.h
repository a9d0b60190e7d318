// For tests of jobs: the rules a second time, written from docs/protocol/compute.md alone and as
// plainly as can be. Whole lives of tasks in maps, every statement ever heard, everything counted
// anew whenever it is asked for: no cursors but one, no pages, no links, no bitmaps, no sums.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "codec/chain_mmr.h"
#include "ledger/jobs_test_util.h"

namespace kith::ledger::test {

struct ModelTask {
  std::uint64_t task = 0;
  std::uint8_t pass = 1;
  std::uint64_t until = 0;  // of a lease
  Hash commit{};
  std::uint64_t round = 0;
  std::optional<std::uint64_t> due;
  std::uint16_t checked = 0;
  Hash seed{};
  int silent = 0;
  std::optional<std::uint64_t> overdue;  // the job's round
  bool is_again = false;
  std::vector<std::optional<SlotId>> checkers;
  std::map<std::size_t, std::pair<Hash, ChainKey>> said;  // by part
  std::optional<codec::Outcome> told;
  Hash root{};
  std::vector<Hash> got;
  std::size_t differing = 0;
  codec::SlotSide first{};
  std::uint32_t mark = 0;     // of one that matures
  std::uint64_t settled = 0;  // round
  Hash record{};
};

struct ModelDuty {
  SlotId target;
  std::uint8_t part = 0;
  std::uint64_t due = 0;  // height
};

struct ModelSlot {
  ChainKey worker{};
  AccountId owner{};
  std::uint8_t device_class = 0;
  std::uint64_t since = 0;
  bool is_leaving = false;
  bool has_lapsed = false;
  std::uint64_t idle_until = 0;
  std::uint32_t passed = 0;
  std::uint32_t faults_heard = 0;
  std::uint64_t passed_again = 0;  // the round in which what matures was last checked again
  std::uint32_t count_again = 0;
  std::vector<ModelTask> queue, pending, maturing;
  std::vector<ModelDuty> duties;  // all there ever were
};

struct ModelDispute {
  codec::DisputeKind kind{};
  codec::SlotSide worker, other;
  std::uint64_t overdue = 0;
  std::uint64_t until = 0;
  std::uint64_t turned = 0;  // a count of all turns that ever began: which of two is older
  int turn = 0;              // moves that have been made, of both that open one
  std::vector<Hash> opened;  // by whoever moved last
  bool has_worker_opened = false;
  bool has_other_opened = false;
  Hash said{}, said_other{};
  Hash record{};
};

class JobModel {
 public:
  JobModel(const JobRules& given, const codec::JobSpec& job_spec, Height begun, Amount funds)
      : rules(given),
        spec(job_spec),
        start(begun.value),
        mature(*codec::passes_to_mature(job_spec, given.params.cheats)),
        escrow(funds) {}

  JobRules rules;
  codec::JobSpec spec;
  std::uint64_t start;
  std::uint32_t mature;
  Amount escrow;

  std::map<std::uint32_t, ModelSlot> slots;
  std::map<ChainKey, std::uint16_t> cohort_of_key;
  std::map<ChainKey, std::set<std::uint64_t>> said_rounds;
  std::map<AccountId, std::uint32_t> passed, faults;
  std::map<AccountId, Amount> earned, lost;
  Amount burnt = 0;
  std::map<std::uint64_t, ModelDispute> disputes;
  std::uint64_t next_dispute = 1;
  std::vector<std::pair<std::uint64_t, std::uint8_t>> redo;
  std::uint64_t next = 0;
  std::uint64_t leases = 0;
  std::deque<std::uint64_t> seconds;  // tasks that may be leased again, in order
  std::map<std::pair<std::uint64_t, std::uint8_t>, std::vector<Hash>> lists;  // by region and pass
  std::set<std::uint64_t> complete;                          // regions, of the first pass
  std::map<std::uint16_t, std::vector<std::uint32_t>> free;  // numbers, by cohort; last first
  std::map<std::uint16_t, std::uint32_t> used;
  std::uint32_t drawable = 0;

  void enrol(std::uint64_t height, const ChainKey& worker, const AccountId& owner,
             std::uint8_t device_class) {
    if (count_of(worker) == 0) {
      cohort_of_key[worker] = emptiest();
      said_rounds[worker] = {
          height > start + cohort_of_key[worker] ? round_at(cohort_of_key[worker], height) : 0};
    }
    const std::uint16_t cohort = cohort_of_key[worker];
    std::uint32_t number = 0;
    if (free[cohort].empty()) {
      number = cohort + used[cohort]++ * spec.round_blocks;
    } else {
      number = free[cohort].back();
      free[cohort].pop_back();
    }
    ModelSlot slot;
    slot.worker = worker;
    slot.owner = owner;
    slot.device_class = device_class;
    slot.since = height;
    slot.faults_heard = faults[owner];
    slots[number] = slot;
  }

  void hear(std::uint64_t height, const codec::JobStatement& said);
  // Orders that the rules have obeyed. Whether they may is not judged here.
  void concede(std::uint64_t number, const ChainKey& loser);
  void move(std::uint64_t number, const ChainKey& who, const codec::DisputeMove& order,
            std::uint64_t height);
  void file(const codec::FileDispute& order, const ChainKey& who, const AccountId& account,
            std::uint64_t height);
  void judge(std::uint64_t number, const Hash& digest);
  void end_block(std::uint64_t height, const Hash& beacon);

  Amount reserved() const {
    Amount sum = 0;
    for (const auto& [number, slot] : slots) {
      for (const auto& task : slot.queue) sum += price(task.pass) + spec.price;
      for (const auto& task : slot.pending) {
        sum += (task.is_again ? 0 : price(task.pass)) + check_price(task);
      }
      for (const auto& task : slot.maturing) sum += price(task.pass);
    }
    return sum;
  }
  /// Of an owner, by round: how much of what became overdue then is so still.
  std::map<std::uint64_t, std::uint32_t> overdue(const AccountId& owner) const {
    std::map<std::uint64_t, std::uint32_t> counts;
    for (const auto& [number, slot] : slots) {
      for (const auto& task : slot.pending) {
        if (slot.owner == owner && task.overdue) ++counts[*task.overdue];
      }
    }
    for (const auto& [id, dispute] : disputes) {
      if (dispute.worker.owner == owner) ++counts[dispute.overdue];
      if (dispute.other.owner == owner && has_two_slots(dispute)) ++counts[dispute.overdue];
    }
    return counts;
  }
  /// What it had passed when the first thing of a round became overdue.
  std::map<std::pair<AccountId, std::uint64_t>, std::uint32_t> passed_then;
  std::uint32_t passed_in_order(const AccountId& owner) {
    std::uint32_t least = passed[owner];
    for (const auto& [round, count] : overdue(owner)) {
      least = std::min(least, passed_then.at({owner, round}));
    }
    return least;
  }
  bool has_dispute(const Hash& record) const {
    return std::ranges::any_of(disputes,
                               [&](const auto& entry) { return entry.second.record == record; });
  }
  /// How many disputes wait for the slot.
  std::uint32_t owed_moves(std::uint32_t number) const;
  std::uint32_t disputes_of(std::uint32_t number) const {
    std::uint32_t count = 0;
    for (const auto& [id, dispute] : disputes) {
      const bool is_asked_only = dispute.kind == codec::DisputeKind::unshown;
      count += is_side(dispute.worker, number) && !is_asked_only ? 1 : 0;
      count += is_side(dispute.other, number) && has_two_slots(dispute) ? 1 : 0;
    }
    return count;
  }

 private:
  static bool has_two_slots(const ModelDispute& dispute) {
    return dispute.kind == codec::DisputeKind::check || dispute.kind == codec::DisputeKind::passes;
  }
  void begin_turn(ModelDispute& dispute, std::uint64_t height) {
    dispute.turned = ++turns;
    dispute.until = height + rules.params.answer_blocks;
    dispute.has_worker_opened = dispute.has_other_opened = false;
  }
  std::uint64_t turns = 0;
  void fine(const codec::SlotSide& side);
  void lose(ModelDispute& dispute, bool is_worker, const AccountId* winner);
  void lose_key(const ChainKey& worker, const AccountId& owner, const AccountId* winner);
  void compare_openings(ModelDispute& dispute, const codec::OpenMove& move, bool is_worker,
                        std::uint64_t height);
  void end_equal(std::uint64_t number);
  void end_silent(std::uint64_t number);
  std::uint64_t begins(std::uint64_t cohort, std::uint64_t round) const {
    return start + cohort + round * spec.round_blocks;
  }
  std::uint64_t round_at(std::uint16_t cohort, std::uint64_t height) const {
    return (height - 1 - start - cohort) / spec.round_blocks;
  }
  std::size_t count_of(const ChainKey& worker) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        slots, [&](const auto& entry) { return entry.second.worker == worker; }));
  }
  std::uint16_t emptiest() const {
    std::vector<std::size_t> live(spec.round_blocks);
    for (const auto& [number, slot] : slots) ++live[number % spec.round_blocks];
    return static_cast<std::uint16_t>(std::ranges::min_element(live) - live.begin());
  }
  Amount price(std::uint8_t pass) const { return pass == 1 ? spec.price : spec.price2; }
  Amount part_price(const ModelTask& task) const {
    return spec.price * (task.checked / task.checkers.size()) / spec.units;
  }
  Amount check_price(const ModelTask& task) const {
    return task.checked == 0 ? spec.price : part_price(task) * task.checkers.size();
  }
  bool is_side(const codec::SlotSide& side, std::uint32_t number) const {
    const auto slot = slots.find(number);
    return side.slot.value == number && slot != slots.end() && slot->second.worker == side.worker &&
           slot->second.since == side.since.value;
  }
  /// Present as of the end of block `height`.
  bool is_present(const ChainKey& worker, std::uint64_t height) const {
    const std::uint16_t cohort = cohort_of_key.at(worker);
    if (height + 1 <= start + cohort) return false;
    const std::uint64_t running = round_at(cohort, height + 1);
    for (std::uint64_t back = 1; back <= 2 && back <= running; ++back) {
      if (said_rounds.at(worker).contains(running - back)) return true;
    }
    return false;
  }
  codec::TaskName name_of(const ModelTask& task) const {
    return {rules.genesis, {1}, {task.task}, task.pass};
  }

  void note_overdue(const AccountId& owner, std::uint64_t height) {
    const std::uint64_t round = (height - start) / spec.round_blocks;
    if (!overdue(owner).contains(round)) passed_then[{owner, round}] = passed[owner];
  }
  void forget_passed(const AccountId& owner) {
    passed[owner] = 0;
    ++faults[owner];
    for (auto& [then, count] : passed_then) {
      if (then.first == owner) count = 0;
    }
  }
  void close(std::uint32_t number, bool is_fault);
  void open_dispute(std::uint32_t number, const ModelTask& task, const codec::SlotSide& other,
                    std::uint64_t height);
  void mark_overdue(const ModelSlot& slot, ModelTask& task, std::uint64_t height);
  bool end_checks(std::uint32_t number, ModelTask& task, std::uint64_t height);
  void settle(std::uint32_t number, std::uint64_t round, std::uint64_t height);
  void settle_task(std::uint32_t number, ModelTask task, std::uint64_t round, std::uint64_t height);
  void accept(std::uint32_t number, std::uint64_t round);
  void check_again(ModelSlot& slot, std::uint64_t round);
  bool matures(const ModelSlot& slot, const ModelTask& task) const {
    return std::ranges::any_of(slot.maturing, [&](const ModelTask& one) {
      return one.task == task.task && one.pass == task.pass;
    });
  }
  std::optional<std::pair<std::uint64_t, std::uint8_t>> next_task();
  void lease(std::uint16_t cohort, std::uint64_t round, std::uint64_t height, const Hash& beacon);
  void draw(std::uint16_t cohort, std::uint64_t round, std::uint64_t height, const Hash& beacon);
  std::optional<SlotId> checker_for(std::uint32_t number, const ModelTask& task, std::uint8_t part,
                                    std::uint64_t due, std::uint64_t height, const Hash& beacon);
  void reveal(ModelSlot& slot, const codec::StatementLine& line, std::uint64_t round);
  void ask_for_another(ModelSlot& slot, const codec::FirstPass& first, std::uint64_t round);
  std::optional<codec::Record> proven(std::uint64_t task, const codec::FirstPass& first);
  void hear_of_faults(ModelSlot& slot);
};

}  // namespace kith::ledger::test
