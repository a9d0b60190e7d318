// The rules and a second, plain writing of them agree after every block, whatever workers do.
#include "base/rng.h"
#include "ledger/jobs_audit_test_util.h"
#include "ledger/jobs_model_test_util.h"

namespace kith::ledger::test {
namespace {

/// Both, block by block, with workers who do anything.
class Twins {
 public:
  Twins(std::uint64_t seed, codec::JobSpec spec)
      : rng_(seed),
        spec_(spec),
        world_(spec, 1'000'000'000),
        model_(world_.rules, spec, world_.height, 1'000'000'000) {
    world_.rules.fresh_slots = 64;
    for (std::uint32_t owner = 10; owner < 18; ++owner) {
      world_.add_account(owner, 100'000'000);
      for (std::uint32_t i = 0; i < 1 + owner % 2; ++i) add(owner, owner * 10 + i);
    }
  }

  void block() {
    shuffle();
    codec::CarryStatements carry;
    for (auto& [key, worker] : world_.workers) {
      if (auto said = world_.statement_of(worker)) carry.statements.push_back(*std::move(said));
    }
    if (!carry.statements.empty()) {
      ASSERT_TRUE(world_.order(carry, 0).has_value());
      for (const auto& said : carry.statements) model_.hear(world_.height.value, said);
    }
    dispute();
    const std::uint64_t height = world_.height.value;
    const Hash beacon = codec::tagged_hash("test/beacon", {numbers({height})});
    world_.end_block();
    model_.end_block(height, beacon);
    compare();
  }

  std::uint64_t accepted() const { return world_.count(JobEvent::Kind::accepted); }
  std::uint64_t faults() const { return world_.count(JobEvent::Kind::fault); }
  std::uint64_t verdicts() const { return world_.count(JobEvent::Kind::verdict); }
  std::uint64_t shown() const { return world_.count(JobEvent::Kind::shown); }

 private:
  void add(std::uint32_t owner, std::uint32_t key) {
    world_.add_worker(owner, key, static_cast<std::uint8_t>(key % 3));
    enrol(key);
  }
  void enrol(std::uint32_t key) {
    const Worker& worker = world_.workers.at(key);
    if (!world_.enrol(key, 1)) return;
    model_.enrol(world_.height.value, identity(key).key, JobWorld::account(worker.account),
                 worker.device_class);
  }

  /// Somebody changes its ways.
  void shuffle() {
    if (rng_.below(8) != 0) return;
    auto at = world_.workers.begin();
    std::advance(at, static_cast<long>(rng_.below(world_.workers.size())));
    Worker& worker = at->second;
    const auto enrolled = find_enrolment(world_.entries, world_.job, identity(worker.key).key);
    switch (rng_.below(9)) {
      case 8:
        worker.tells = [is_lie = rng_.below(2) == 0](TaskIndex) -> std::optional<FalseUnits> {
          return is_lie ? std::optional(FalseUnits{}) : std::nullopt;
        };
        break;
      case 0: worker.is_away = !worker.is_away; break;
      case 1: worker.is_silent_checker = !worker.is_silent_checker; break;
      case 2: worker.is_mute_at_reveal = !worker.is_mute_at_reveal; break;
      case 3: worker.makes_checks_up = rng_.below(4) == 0; break;
      case 4: lie(worker); break;
      case 5:
        if (!enrolled || enrolled->slots.size() < 3) enrol(worker.key);
        break;
      case 6: leave(worker); break;
      default: worker.is_away = worker.is_silent_checker = worker.is_mute_at_reveal = false; break;
    }
  }
  void lie(Worker& worker) {
    const std::uint64_t salt = rng_.below(3);
    worker.lies = [salt](TaskIndex task, std::uint8_t pass) {
      if (salt == 0 || (task.value + pass) % 3 != salt) return FalseUnits{};
      return FalseUnits{static_cast<std::uint16_t>(task.value % 16), 7};
    };
  }
  void leave(const Worker& worker) {
    if (!world_.order(codec::LeaveJob{world_.job, identity(worker.key).key, 1}, worker.key)) return;
    for (auto slot = model_.slots.rbegin(); slot != model_.slots.rend(); ++slot) {
      if (slot->second.worker != identity(worker.key).key || slot->second.is_leaving) continue;
      slot->second.is_leaving = true;
      return;
    }
  }
  /// Whoever may file does, sometimes; whose turn it is moves, concedes or says nothing.
  void dispute() {
    if (rng_.below(6) == 0) file();
    for (const auto& [key, worker] : world_.workers) {
      for (const OwedMove& owed : moves_of(world_.entries, identity(key).key)) {
        const std::uint64_t whim = rng_.below(12);
        if (whim == 0) concede(owed.dispute, key);
        if (whim > 0 && whim < 5) move(owed, worker);
      }
    }
    for (const AskedVerdict& asked : verdicts_asked(world_.entries)) {
      if (rng_.below(8) != 0) continue;
      const Hash digest = rng_.below(6) == 0
                              ? hash_of(0xdd)
                              : slice_digest(asked.task, asked.unit, asked.slice, false);
      ASSERT_TRUE(world_.judge(asked.dispute, digest).has_value());
      model_.judge(asked.dispute, digest);
    }
  }
  void concede(std::uint64_t number, std::uint32_t key) {
    ASSERT_TRUE(world_.order(codec::ConcedeDispute{number}, key).has_value());
    model_.concede(number, identity(key).key);
  }
  void move(const OwedMove& owed, const Worker& worker) {
    codec::JobOrder order = honest_move(owed, JobWorld::results_of(worker, owed));
    const bool is_choice = owed.stage == codec::DisputeStage::choose_unit ||
                           owed.stage == codec::DisputeStage::choose_slice;
    if (is_choice && std::holds_alternative<codec::ConcedeDispute>(order)) {
      // It made its check up, and goes on.
      codec::ChooseMove any{static_cast<std::uint8_t>(rng_.below(owed.entries.size())), {}};
      if (owed.stage == codec::DisputeStage::choose_slice) {
        any.digest = rng_.below(2) == 0 ? owed.entries[any.index] : hash_of(0xcc);
      }
      order = codec::DisputeMove{owed.dispute, any};
    }
    ASSERT_TRUE(world_.order(order, worker.key).has_value());
    if (const auto* const moved = std::get_if<codec::DisputeMove>(&order)) {
      model_.move(owed.dispute, identity(worker.key).key, *moved, world_.height.value);
    } else {
      model_.concede(owed.dispute, identity(worker.key).key);
    }
  }
  void file() {
    std::vector<std::uint32_t> numbers;
    for (const auto& [number, slot] : model_.slots) {
      if (!slot.maturing.empty()) numbers.push_back(number);
    }
    if (numbers.empty()) return;
    const ModelSlot& slot = model_.slots.at(numbers[rng_.below(numbers.size())]);
    const ModelTask task = slot.maturing[rng_.below(slot.maturing.size())];
    codec::FileDispute order;
    order.job = world_.job;
    order.record = codec::encode_record(world_.record_by(task.record));
    auto filer = world_.workers.begin();
    std::advance(filer, static_cast<long>(rng_.below(world_.workers.size())));
    if (rng_.below(3) == 0) {
      order.kind = codec::DisputeKind::doubt;
      order.unit = static_cast<std::uint16_t>(rng_.below(spec_.units));
      order.slice = static_cast<std::uint16_t>(rng_.below(spec_.slices));
      order.digest = rng_.below(2) == 0 ? hash_of(0xaa)
                                        : slice_digest({task.task}, order.unit, order.slice, false);
    } else {
      order.kind = codec::DisputeKind::unshown;
      order.unit = static_cast<std::uint16_t>(rng_.below(task.checkers.size()));
      const auto checker = model_.slots.find(task.checkers[order.unit]->value);
      if (checker == model_.slots.end()) return;
      filer = std::ranges::find_if(world_.workers, [&](const auto& entry) {
        return identity(entry.first).key == checker->second.worker;
      });
    }
    if (!world_.order(order, filer->first)) return;
    model_.file(order, identity(filer->first).key, JobWorld::account(filer->second.account),
                world_.height.value);
  }

  void compare() {
    const auto job = find_job(world_.entries, world_.job);
    if (!job || job->state == codec::JobState::ending) return;  // all is accepted
    ASSERT_TRUE(job->escrow == model_.escrow);
    ASSERT_TRUE(job->reserved == model_.reserved());
    ASSERT_TRUE(job->next == model_.next);
    ASSERT_TRUE(job->redo == model_.redo.size());
    ASSERT_TRUE(job->slots == model_.slots.size());
    ASSERT_TRUE(job->drawable == model_.drawable);
    for (const auto& [number, slot] : model_.slots) compare(number, slot);
    for (const auto& [place, list] : model_.lists) {
      const auto region =
          find_region(world_.entries, world_.job, static_cast<std::uint32_t>(place.first));
      ASSERT_TRUE(region.has_value());
      ASSERT_TRUE((place.second == 1 ? region->first : region->second).root() ==
                  codec::merkle_root(list));
    }
    for (const auto& [account, amount] : model_.earned) {
      const auto entry = codec::decode_account(*world_.entries.find(EntryKind::account, account));
      ASSERT_TRUE(entry->earned == amount);
    }
    for (const auto& [account, amount] : model_.lost) {
      const auto entry = codec::decode_account(*world_.entries.find(EntryKind::account, account));
      ASSERT_TRUE(entry->bond == 100'000'000 - amount);
    }
    ASSERT_TRUE(world_.burnt == model_.burnt);
    compare_disputes();
  }

  void compare_disputes() {
    std::size_t open = 0;
    for (std::uint64_t number = 1; number < jobs_of(world_.entries).next_dispute; ++number) {
      const auto dispute = find_dispute(world_.entries, number);
      ASSERT_TRUE(dispute.has_value() == model_.disputes.contains(number));
      if (!dispute) continue;
      ++open;
      const ModelDispute& other = model_.disputes.at(number);
      ASSERT_TRUE(dispute->kind == other.kind && dispute->until.value == other.until);
    }
    ASSERT_TRUE(open == model_.disputes.size());
  }

  void compare(std::uint32_t number, const ModelSlot& model) {
    const auto found = find_slot(world_.entries, world_.job, {number});
    ASSERT_TRUE(found.has_value());
    const codec::SlotEntry& slot = *found;
    const auto member = find_member(world_.entries, world_.job, model.owner).value();
    ASSERT_TRUE(member.passed == model_.passed[model.owner]);
    std::map<std::uint64_t, std::uint32_t> overdue;
    for (const auto& round : member.overdue) overdue[round.round - 1] = round.count;
    ASSERT_TRUE(overdue == model_.overdue(model.owner));
    ASSERT_TRUE(passed_in_order(member) == model_.passed_in_order(model.owner));
    ASSERT_TRUE(slot.head.worker == model.worker);
    ASSERT_TRUE(slot.head.passed == model.passed);
    ASSERT_TRUE(slot.head.disputes == model_.disputes_of(number));
    ASSERT_TRUE(slot.head.owed_moves == model_.owed_moves(number));
    ASSERT_TRUE(slot.head.idle_until == model.idle_until);
    ASSERT_TRUE(slot.queue.size() == model.queue.size());
    for (std::size_t i = 0; i < model.queue.size(); ++i) {
      ASSERT_TRUE(slot.queue[i].task.value == model.queue[i].task);
      ASSERT_TRUE(slot.queue[i].until == model.queue[i].until);
    }
    ASSERT_TRUE(slot.pending.size() == model.pending.size());
    for (std::size_t i = 0; i < model.pending.size(); ++i) {
      const codec::PendingTask& task = slot.pending[i];
      const ModelTask& other = model.pending[i];
      ASSERT_TRUE(task.task.value == other.task && task.due == other.due.value_or(0));
      ASSERT_TRUE(task.parts.size() == other.checkers.size());
      for (std::size_t part = 0; part < task.parts.size(); ++part) {
        ASSERT_TRUE(task.parts[part].checker == other.checkers[part]);
        ASSERT_TRUE(task.parts[part].said.has_value() == other.said.contains(part));
      }
      ASSERT_TRUE(task.outcome == other.told.value_or(codec::Outcome::hidden));
    }
    ASSERT_TRUE(slot.maturing.size() == model.maturing.size());
    for (std::size_t i = 0; i < model.maturing.size(); ++i) {
      ASSERT_TRUE(slot.maturing[i].record == model.maturing[i].record);
      ASSERT_TRUE(slot.maturing[i].mark == model.maturing[i].mark);
      ASSERT_TRUE((slot.maturing[i].disputes > 0) == model_.has_dispute(model.maturing[i].record));
    }
  }

  SeededRng rng_;
  codec::JobSpec spec_;
  JobWorld world_;
  JobModel model_;
};

TEST(JobsModel, AgreesAfterEveryBlock) {
  std::uint64_t accepted = 0;
  std::uint64_t faults = 0;
  std::uint64_t verdicts = 0;
  std::uint64_t shown = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    codec::JobSpec spec = small_spec();
    spec.tasks = 100'000;
    spec.region_tasks = 4;
    spec.units = 16;
    spec.passes = seed % 2 == 0 ? 2 : 1;
    spec.second_every = seed % 4 == 0 ? 3 : 0;
    if (spec.passes == 2 && spec.second_every == 0) spec.tasks = 60;
    Twins twins(seed, spec);
    for (int i = 0; i < 400 && !testing::Test::HasFatalFailure(); ++i) twins.block();
    accepted += twins.accepted();
    faults += twins.faults();
    verdicts += twins.verdicts();
    shown += twins.shown();
  }
  // All of that has to happen for the agreement to mean anything.
  EXPECT_GT(accepted, 100u);
  EXPECT_GT(faults, 20u);
  EXPECT_GT(verdicts, 20u);
  EXPECT_GT(shown, 10u);
}

}  // namespace
}  // namespace kith::ledger::test
