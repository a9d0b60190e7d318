// Who validates in the scenario "ledger": liars, keys that two nodes have, stakes that change.
#include <algorithm>

#include "base/format.h"
#include "sim/scenario_ledger_run.h"

namespace kith::sim {
namespace {

constexpr codec::Amount coin = codec::units_per_coin;
constexpr codec::Amount stake_usual = 1'000 * coin;
/// Two chains of an epoch are to come together in it.
constexpr Duration cut_lasts = 15s;

}  // namespace

std::uint32_t LedgerScenario::nodes_count() const {
  return options_.nodes + static_cast<std::uint32_t>(settings_.twins);
}

bool LedgerScenario::is_liar(std::uint32_t index) const {
  const std::uint64_t count = std::max(settings_.liars, settings_.twins);
  return is_twin(index) || (index < settings_.validators && index >= settings_.validators - count);
}

std::uint32_t LedgerScenario::validator_of(std::uint32_t index) const {
  if (!is_twin(index)) return index;
  return static_cast<std::uint32_t>(settings_.validators - settings_.twins) +
         (index - options_.nodes);
}

codec::ValidatorKey LedgerScenario::key_of(std::uint32_t index) const {
  codec::ValidatorKey key{};
  std::ranges::copy(keys_[validator_of(index)].public_key().data, key.begin());
  return key;
}

/// At the edge all liars together weigh one less than would be a third; a whole coin weighs 1.
codec::Amount LedgerScenario::stake_of(std::uint32_t index) const {
  if (!settings_.is_edge || !is_liar(index)) return stake_usual;
  const std::uint64_t honest = (settings_.validators - settings_.liars) * (stake_usual / coin);
  return ((honest - 1) / 2 / settings_.liars) * coin;
}

// --- liars ---------------------------------------------------------------------------------------

void LedgerScenario::make_liar(std::uint32_t index, std::uint32_t incarnation, node::Chain& chain) {
  if (settings_.liars == 0) return;  // twins are honest, each by itself
  auto& tongue = tongues_[index];
  tongue = std::make_unique<LyingValidator>(settings_.lie, keys_[index],
                                            options_.seed * 1'000 + index * 100 + incarnation);
  chain.set_tongue([&chain, lying = tongue.get()](const Buffer& message, const auto& to) {
    return lying->speak(chain, message, to);
  });
  world_.after(Duration{0}, [this, index] { set_liars_clock(index); });
}

void LedgerScenario::set_liars_clock(std::uint32_t index) {
  if (settings_.liars == 0 || settings_.lie != ValidatorLie::ahead) return;
  world_.set_wall_offset(index, between(1s, 1h));
}

std::optional<std::string> LedgerScenario::find_slander(const node::Chain& of) const {
  const bool is_anybody_guilty = settings_.liars > 0 || settings_.twins > 0;
  if (!is_anybody_guilty && of.consensus().stats().evidence > 0) {
    return "it accuses somebody, and all are honest";
  }
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    const ledger::ValidatorEntry* const entry = of.states().tip()->registry().find(key_of(i));
    if (entry == nullptr || is_liar(i)) continue;
    if (entry->status == ledger::ValidatorStatus::tombstoned) {
      return base::format("validator {} was convicted, and is honest", i);
    }
  }
  return std::nullopt;
}

void LedgerScenario::note_conviction(const node::Chain& of, std::uint64_t height) {
  if (settings_.liars == 0 || convicted_at_) return;
  for (std::uint32_t i = 0; i < settings_.validators; ++i) {
    const ledger::ValidatorEntry* const entry = of.states().tip()->registry().find(key_of(i));
    if (entry != nullptr && entry->status == ledger::ValidatorStatus::tombstoned) {
      convicted_at_ = height;
    }
  }
}

// --- one key, two nodes --------------------------------------------------------------------------

/// On each side some of the honest, and whoever has two nodes: where these are enough to be a
/// quorum with either, there are two chains.
void LedgerScenario::cut_in_two() {
  const auto first_liar = static_cast<std::uint32_t>(settings_.validators - settings_.twins);
  std::vector<std::uint32_t> side;
  for (std::uint32_t i = 0; i < first_liar; i += 2) side.push_back(i);
  for (std::uint32_t i = options_.nodes; i < nodes_count(); ++i) side.push_back(i);
  world_.topology().isolate(side, Cut::both_ways);
  world_.after(cut_lasts, [this] { world_.topology().heal_all(); });
}

/// Who saw both chains kept the proof, which blames enough of those who lied and nobody else.
void LedgerScenario::check_blame() {
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    if (is_liar(i)) continue;
    for (const auto& [name, bytes] : world_.chain_disk(i).proofs()) {
      ++proofs_;
      const auto record = codec::decode_fork_record(bytes);
      if (!record || !codec::verify(*record)) {
        checker_.report("forks are proven", base::format("{} of node {} does not hold", name, i));
        continue;
      }
      check_fork(i, *record);
    }
  }
  if (!forked_.empty() && proofs_ == 0) {
    checker_.report("forks are proven", "nobody keeps a proof of the fork");
  }
}

void LedgerScenario::check_fork(std::uint32_t index, const codec::ForkRecord& record) {
  if (!record.first) return;
  codec::Weight blamed = 0;
  for (codec::ValidatorIndex at = 0; at < record.validators.size(); ++at) {
    if (!record.first->signers[at] || !record.second.signers[at]) continue;
    blamed += record.validators.at(at).weight;
    for (std::uint32_t i = 0; i < settings_.validators; ++i) {
      if (key_of(i) == record.validators.at(at).key && !is_liar(i)) {
        checker_.report("forks blame liars",
                        base::format("node {} has a proof against validator {}", index, i));
      }
    }
  }
  const codec::Weight least = 2 * record.validators.quorum() - record.validators.total();
  if (blamed < least) {
    checker_.report("forks blame liars", base::format("the proof of node {} blames {} of {} at "
                                                      "least",
                                                      index, blamed, least));
  }
}

// --- churn ---------------------------------------------------------------------------------------

/// One goes and comes back, and one has another stake from the next epoch on.
void LedgerScenario::churn() {
  const auto node = static_cast<std::uint32_t>(world_.rng().below(options_.nodes));
  if (world_.is_up(node) && !is_gusting_) {
    world_.crash(node, CrashKind::power);
    off_.push_back(node);
    world_.after(between(100ms, 5s), [this, node] {
      if (std::erase(off_, node) > 0) world_.start(node);
    });
  }
  order_stake(static_cast<std::uint32_t>(world_.rng().below(options_.nodes)));
}

void LedgerScenario::order_stake(std::uint32_t index) {
  const auto by = static_cast<std::uint32_t>(world_.rng().below(options_.nodes));
  if (is_liar(index) || !world_.is_up(by)) return;
  const ledger::ValidatorEntry* const entry =
      chain(by)->states().tip()->registry().find(key_of(index));
  const codec::Amount more = coin * (100 + world_.rng().below(400));
  codec::ValidatorOrder order;
  if (entry == nullptr) {
    order = codec::Bond{key_of(index), codec::lock_of(key_of(index)), stake_usual + more, {}};
  } else if (entry->status != ledger::ValidatorStatus::active) {
    return;
  } else if (const codec::Amount free = entry->stake - genesis_.params.min_stake; free > more) {
    order = codec::Unbond{key_of(index), world_.rng().below(4) == 0 && index >= settings_.validators
                                             ? entry->stake
                                             : more};
  } else {
    order = codec::AddStake{key_of(index), more};
  }
  codec::TxPtr tx = load_.order(world_.now(), world_.rng(), order, keys_[index]);
  if (tx == nullptr) return;
  ++orders_;
  world_.mutate(by, [&](host::WorldMachine& machine, Instant now) {
    static_cast<SimulatedNode&>(machine).node().on_command(
        now, node::SubmitTransaction{Token{1}, std::move(tx)});
  });
}

}  // namespace kith::sim
