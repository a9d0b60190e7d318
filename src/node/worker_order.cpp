// Orders that the worker's key signs: to enrol and to leave. Those of disputes: worker_dispute.cpp,
// worker_show.cpp.
#include <algorithm>

#include "base/format.h"
#include "ledger/accounts.h"
#include "node/worker_job.h"

namespace kith::node {
namespace {

/// Of one order: what a job lets in at once is not much more.
constexpr std::size_t enrolled_at_once_max = 16;

}  // namespace

void Worker::give(codec::JobOrder order) {
  ++stats_.orders;
  outputs_.push_back(GiveOrder{std::move(order)});
}

void Worker::enrol_or_leave(JobId id, Job& job) {
  job.trouble.clear();
  note_device(job);
  const auto staying = static_cast<std::size_t>(std::ranges::count_if(
      job.slots, [](const auto& slot) { return !slot.second.head.is_leaving; }));
  // Nothing more is leased by a job that ends: who has slots there is done in its own time.
  if (job.entry.state != codec::JobState::working || staying == config_.slots) return;
  if (job.ordered && height_.value < job.ordered->value + order_wait) return;
  if (staying > config_.slots) {
    job.ordered = height_;
    return give(codec::LeaveJob{id, self_, static_cast<std::uint16_t>(staying - config_.slots)});
  }
  const std::size_t room =
      codec::enrolment_slots_max - std::min(job.slots.size(), codec::enrolment_slots_max);
  const auto wanted =
      static_cast<std::uint16_t>(std::min({config_.slots - staying, room, enrolled_at_once_max}));
  const std::uint16_t slots = affordable(job, wanted, job.trouble);
  if (slots == 0) return;
  job.ordered = height_;
  give(codec::EnrolSlots{id, self_, slots});
}

/// Checkers are drawn of other classes first: a machine that computes with something else than its
/// account has said would check its like.
void Worker::note_device(Job& job) const {
  const auto worker = ledger::find_worker(entries_, self_);
  if (!worker || config_.device_class == 0 || worker->device_class == config_.device_class) return;
  job.trouble = base::format(
      "the account has named this key's device class {}, and it computes with class {} (0 other, 1 "
      "cpu, 2 nvidia, 3 gpu): kith account drop-worker, then add-worker --device",
      worker->device_class, config_.device_class);
}

std::optional<codec::WorkerPeer> Worker::say_peer(const PeerId& peer) const {
  if (!ledger::find_worker(entries_, self_)) return std::nullopt;
  codec::WorkerPeer said{self_, height_, peer, {}};
  said.signature = pair_.sign(codec::worker_peer_message(config_.genesis, said));
  return said;
}

/// Of the worker's account.
codec::Amount Worker::free_bond() const {
  const auto worker = ledger::find_worker(entries_, self_);
  const auto account = worker ? ledger::find_account(entries_, worker->account) : std::nullopt;
  return account ? ledger::free_bond(config_.params, *account) : 0;
}

/// How many of the slots the account's bond is enough for.
std::uint16_t Worker::affordable(const Job& job, std::uint16_t slots, std::string& trouble) const {
  const auto worker = ledger::find_worker(entries_, self_);
  if (!worker) {
    trouble = "the worker's key is no account's";
    return 0;
  }
  if (worker->account == job.entry.account) {
    trouble = "an account does not work for its own job";
    return 0;
  }
  const codec::Amount bond = job.entry.spec.bond;
  const codec::Amount free = free_bond();
  const auto count = bond == 0 ? slots : std::min<codec::Amount>(slots, free / bond);
  if (count < slots) {
    trouble = base::format("{} of the account's bond are free, {} more slots need {}", free, slots,
                           slots * bond);
  }
  return static_cast<std::uint16_t>(count);
}

}  // namespace kith::node
