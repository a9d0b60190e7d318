#include "sim/scenario_ledger.h"

#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"
#include "node/chain_store.h"
#include "node/config_text.h"
#include "sim/scenario_ledger_run.h"

namespace kith::sim {
namespace {

constexpr Duration first_gust_at = 20s;
constexpr std::uint32_t accounts = 50;
constexpr std::uint32_t coins_each = 8;
constexpr std::size_t validators_most = 100;
/// Of what an engine keeps of others' words, far above what weather alone leads to.
constexpr std::size_t held_max = 20'000;

Result<ValidatorLie> lie_named(const std::string& value) {
  std::vector<std::string_view> names;
  for (std::uint8_t i = 0; i < validator_lies_count; ++i) {
    names.push_back(name_of(static_cast<ValidatorLie>(i)));
    if (names.back() == value) return static_cast<ValidatorLie>(i);
  }
  return fail(Code::usage,
              base::format("nobody lies as \"{}\"; there is: {}", value, fmt::join(names, ", ")));
}

Result<void> take(LedgerSettings& settings, const std::string& name, const std::string& value) {
  if (name == "validators") {
    settings.validators = TRY(node::parse_count(value));
  } else if (name == "interval") {
    settings.interval = TRY(node::parse_duration(value));
  } else if (name == "epoch") {
    settings.epoch = TRY(node::parse_count(value));
  } else if (name == "rate") {
    settings.rate = TRY(node::parse_count(value));
  } else if (name == "liars") {
    settings.liars = TRY(node::parse_count(value));
  } else if (name == "lie") {
    settings.lie = TRY(lie_named(value));
  } else if (name == "weights") {
    if (value != "even" && value != "edge") {
      return fail(Code::usage, base::format("weights are even or edge, not \"{}\"", value));
    }
    settings.is_edge = value == "edge";
  } else if (name == "computing") {
    if (value != "on" && value != "off") {
      return fail(Code::usage, base::format("computing is on or off, not \"{}\"", value));
    }
    settings.computes = value == "on";
  } else if (name == "churn") {
    settings.churn = TRY(node::parse_duration(value));
  } else if (name == "twins") {
    settings.twins = TRY(node::parse_count(value));
  } else if (name == "gusts") {
    if (value == "all") return {};
    settings.is_calm = value == "none";
    if (settings.is_calm) return {};
    const auto at = std::ranges::find(gust_names, value);
    if (at == std::end(gust_names)) {
      return fail(Code::usage, base::format("no gust \"{}\"; there is: all, none, {}", value,
                                            fmt::join(gust_names, ", ")));
    }
    settings.only = static_cast<Gust>(at - std::begin(gust_names));
  } else {
    return fail(Code::usage, base::format("no setting \"{}\"; there is: validators, interval, "
                                          "epoch, rate, gusts, liars, lie, weights, churn, twins, "
                                          "computing",
                                          name));
  }
  return {};
}

Result<LedgerSettings> settings_of(const ScenarioOptions& options) {
  LedgerSettings settings;
  settings.validators = std::min<std::uint64_t>(settings.validators, options.nodes);
  for (const auto& [name, value] : options.settings) TRY_VOID(take(settings, name, value));
  if (settings.validators < 1 ||
      settings.validators > std::min<std::size_t>(validators_most, options.nodes)) {
    return fail(Code::usage, base::format("{} validators of {} nodes; 1 to {}", settings.validators,
                                          options.nodes, validators_most));
  }
  if (settings.epoch < 2 || settings.epoch > 1'000'000) {
    return fail(Code::usage, base::format("an epoch of {} blocks: 2 to 1000000", settings.epoch));
  }
  if (settings.interval < 10ms || settings.interval > 10min || settings.rate > 1000) {
    return fail(Code::usage, "an interval of 10ms to 10m and a rate of 1000 at most, please");
  }
  if (settings.liars > settings.validators || settings.twins > settings.validators ||
      (settings.twins > 0 && (settings.liars > 0 || settings.churn > Duration{0}))) {
    return fail(Code::usage, "liars, or else twins, are some of the validators");
  }
  if (settings.churn > Duration{0} && settings.churn < 1s) {
    return fail(Code::usage, "a churn of 1s or longer, please");
  }
  if (settings.twins > 0) {  // two chains: nobody pays, and it is they that cut the network
    settings.rate = 0;
    settings.is_calm = true;
  }
  return settings;
}

}  // namespace

WorldConfig LedgerScenario::world_config(const ScenarioOptions& options) {
  WorldConfig config;
  config.seed = options.seed;
  config.link = {
      .latency = 40ms, .jitter = 10ms, .bandwidth_bytes_per_s = 12'500'000, .loss = 0.01};
  return config;
}

LedgerScenario::LedgerScenario(const ScenarioOptions& options, const LedgerSettings& settings)
    : options_(options),
      settings_(settings),
      load_(accounts, coins_each,
            (settings.churn > Duration{0} ? 10'000 : 100) * codec::units_per_coin),
      world_(world_config(options)),
      checker_(world_),
      reached_(nodes_count()),
      lost_below_(nodes_count()) {
  SeededRng key_rng(options_.seed ^ 0x6b657973);
  for (std::uint32_t i = 0; i < nodes_count(); ++i) {
    keys_.push_back(crypto::KeyPair::generate(key_rng));
  }
  genesis_ = make_genesis();
  load_.begin(codec::genesis_hash(genesis_));
  for (std::uint32_t i = 0; i < nodes_count(); ++i) {
    add_node(i);
    if (is_liar(i)) reached_[i] = UINT64_MAX;  // nobody waits for it
  }
  world_.set_after_turn([this](std::uint32_t index, host::WorldMachine& machine, Instant) {
    auto& node = static_cast<SimulatedNode&>(machine).node();
    while (const auto report = node.poll_report()) on_report(index, *report);
  });
  checker_.add({"the ledger holds", [this](World&) { return find_problem(); }});
}

codec::Genesis LedgerScenario::make_genesis() const {
  codec::Genesis genesis;
  genesis.network = "simulated";
  genesis.time_ms = 1'700'000'000'000;
  genesis.params.block_interval_ms = static_cast<std::uint32_t>(base::to_ms(settings_.interval));
  genesis.params.epoch_blocks = static_cast<std::uint32_t>(settings_.epoch);
  // Who was off for long is not to be missed for ever: nobody here sends an unjail order.
  genesis.params.jail_threshold = 0;
  if (settings_.computes) genesis.params.compute.emplace();
  genesis.outputs = load_.outputs();
  if (settings_.churn > Duration{0}) {
    genesis.params.min_stake = 500 * codec::units_per_coin;
    genesis.params.unbonding_epochs = 2;
  }
  for (std::uint32_t i = 0; i < settings_.validators; ++i) {
    codec::GenesisValidator validator;
    std::ranges::copy(keys_[i].public_key().data, validator.key.begin());
    validator.owner = codec::lock_of(validator.key);
    validator.stake = stake_of(i);
    genesis.validators.push_back(validator);
  }
  std::ranges::sort(genesis.validators, {}, &codec::GenesisValidator::key);
  ASSERT(codec::check(genesis).has_value());
  return genesis;
}

void LedgerScenario::add_node(std::uint32_t index) {
  NodeOptions options;
  options.region = static_cast<Region>(index % regions_count);
  options.start = false;
  options.job_takes = 2ms;
  world_.add_node([this](NodeContext& context) { return make_node(context); }, options);
  // A new chain is on its disk before it starts.
  ChainDisk& disk = world_.chain_disk(index);
  const auto batch = std::make_shared<const ledger::WriteBatch>(node::make_genesis_batch(genesis_));
  disk.settle(disk.write(world_.now(), {Token{0}, batch}, world_.rng()));
  world_.after(between(1ms, 2s), [this, index] { world_.start(index); });
}

std::unique_ptr<host::WorldMachine> LedgerScenario::make_node(NodeContext& context) {
  const std::uint32_t index = context.index;
  auto machine = std::make_unique<SimulatedNode>(node_config(index), keys_[index], context);
  const std::uint32_t validator = validator_of(index);
  // Followers may be bonded later.
  const bool validates = validator < settings_.validators || settings_.churn > Duration{0};
  const crypto::KeyPair* const key = validates ? &keys_[validator] : nullptr;
  const ChainDisk& disk = context.chain;
  node::ChainParts parts{genesis_, &disk.store(), key, disk.log()};
  auto chain = node::Chain::open({}, std::move(parts), context.rng, context.log);
  ASSERT(chain.has_value());
  if (!is_liar(index) && (*chain)->height().value < lost_below_[index]) {
    checker_.report("what is final stays",
                    base::format("node {} came back at height {}, and had said {}", index,
                                 (*chain)->height().value, lost_below_[index]));
  }
  if (!is_liar(index)) reached_[index] = (*chain)->height().value;
  if (is_liar(index)) make_liar(index, context.incarnation, **chain);
  machine->node().keep_chain(*std::move(chain), key);
  return machine;
}

node::NodeConfig LedgerScenario::node_config(std::uint32_t index) const {
  node::NodeConfig config;
  config.host.agent_version = "kith-simulated";
  config.host.listen = {scenario_address(index)};
  config.host.peers_min = 8;
  config.host.book.backoff_max = 10s;
  // All know the first few, and these each other.
  for (std::uint32_t i = 0; i < std::min<std::uint32_t>(nodes_count(), 8); ++i) {
    if (i == index) continue;
    config.host.bootstrap.push_back(
        scenario_address(i).with_peer(codec::peer_id_of(keys_[i].public_key())));
  }
  return config;
}

const node::Chain* LedgerScenario::chain(std::uint32_t index) {
  host::WorldMachine* machine = world_.machine(index);
  return machine == nullptr ? nullptr : static_cast<SimulatedNode*>(machine)->node().chain();
}

ScenarioResult LedgerScenario::run() {
  checker_.check_every(5s);
  if (settings_.rate > 0) {
    world_.every(Duration(1s) / static_cast<std::int64_t>(settings_.rate), [this] { pay(); });
  }
  if (!settings_.is_calm) world_.after(first_gust_at, [this] { begin_gust(); });
  if (settings_.churn > Duration{0}) world_.every(settings_.churn, [this] { churn(); });
  if (settings_.twins > 0) cut_in_two();
  world_.run_for(options_.duration);
  checker_.check();
  check_balances();
  if (settings_.twins > 0) check_blame();
  ScenarioResult result;
  result.events = world_.events();
  result.trace_hash = world_.trace_hash();
  result.violations = checker_.violations();
  result.figures = figures();
  return result;
}

std::vector<std::pair<std::string, double>> LedgerScenario::figures() {
  std::ranges::sort(finality_ms_);
  const auto at = [&](double share) {
    if (finality_ms_.empty()) return 0.0;
    const auto place = static_cast<std::size_t>(share * static_cast<double>(finality_ms_.size()));
    return finality_ms_[std::min(place, finality_ms_.size() - 1)];
  };
  return {
      {"height", final_.empty() ? 0.0 : static_cast<double>(final_.rbegin()->first)},
      {"payments_made", static_cast<double>(load_.payments_made())},
      {"payments_final", static_cast<double>(load_.payments_final())},
      {"finality_ms_p50", at(0.5)},
      {"finality_ms_p99", at(0.99)},
      {"gusts", static_cast<double>(gusts_)},
      {"power_losses", static_cast<double>(power_losses_)},
      {"backups_put_back", static_cast<double>(put_back_)},
      {"one_again_after_s_max", std::chrono::duration<double>(longest_heal_).count()},
      {"liar_convicted_at_height", static_cast<double>(convicted_at_.value_or(0))},
      {"heights_forked", static_cast<double>(forked_.size())},
      {"halted", static_cast<double>(halted_.size())},
      {"fork_proofs", static_cast<double>(proofs_)},
      {"stake_orders", static_cast<double>(orders_)},
      {"sets_changed", static_cast<double>(sets_changed_)},
  };
}

// --- what is done and what must hold -------------------------------------------------------------

void LedgerScenario::pay() {
  const auto index = static_cast<std::uint32_t>(world_.rng().below(options_.nodes));
  if (!world_.is_up(index)) return;
  codec::TxPtr tx = load_.next(world_.now(), world_.rng());
  if (tx == nullptr) return;
  world_.mutate(index, [&](host::WorldMachine& machine, Instant now) {
    static_cast<SimulatedNode&>(machine).node().on_command(
        now, node::SubmitTransaction{Token{1}, std::move(tx)});
  });
}

void LedgerScenario::on_report(std::uint32_t index, const node::Report& report) {
  if (is_liar(index)) return;
  if (const auto* done = std::get_if<node::BlockFinalized>(&report)) on_final(index, *done);
  if (const auto* began = std::get_if<node::EpochBegan>(&report)) {
    sets_.emplace(began->epoch.value, began->validators->root());
    const auto before = sets_.find(began->epoch.value - 1);
    const bool is_new = began->epoch.value > 0 && newest_set_ < began->epoch.value;
    if (is_new && before != sets_.end() && before->second != began->validators->root()) {
      ++sets_changed_;
    }
    newest_set_ = std::max(newest_set_, began->epoch.value);
  }
  if (const auto* halted = std::get_if<node::ChainHalted>(&report)) {
    halted_.insert(index);
    if (settings_.twins > 0) return;
    checker_.report("nobody halts", base::format("node {}: {}", index, halted->error.message));
  }
}

void LedgerScenario::on_final(std::uint32_t index, const node::BlockFinalized& done) {
  const std::uint64_t height = done.block->header().height.value;
  if (height != reached_[index] + 1) {
    checker_.report("heights come in order",
                    base::format("node {} says {} after {}", index, height, reached_[index]));
  }
  reached_[index] = height;
  lost_below_[index] = height;
  const Seen seen{done.block->digest(), chain(index)->states().tip()->supply()};
  const auto [at, is_first] = final_.try_emplace(height, seen);
  if (is_first) {
    load_.on_final(world_.now(), done.txs);
    finality_ms_.push_back(std::chrono::duration<double, std::milli>(done.took).count());
    note_conviction(*chain(index), height);
  }
  if (at->second.digest != seen.digest) {
    forked_.insert(height);
    if (settings_.twins > 0) return;
    checker_.report("agreement", base::format("two blocks are final at height {}", height));
  }
  if (!(at->second.supply == seen.supply) || !seen.supply.is_conserved()) {
    checker_.report("supply", base::format("node {} at height {}", index, height));
  }
}

std::optional<std::string> LedgerScenario::find_problem() {
  if (load_.problem()) return load_.problem();
  for (std::uint32_t i = 0; i < nodes_count(); ++i) {
    const node::Chain* of = chain(i);
    if (of == nullptr || is_liar(i)) continue;
    if (auto slander = find_slander(*of)) return base::format("node {}: {}", i, *slander);
    if (of->mempool().bytes() > ledger::MempoolConfig{}.bytes_max) {
      return base::format("the mempool of node {} has {} bytes", i, of->mempool().bytes());
    }
    const consensus::Engine* const engine = of->consensus().engine();
    if (engine == nullptr) continue;
    const consensus::EngineSizes sizes = engine->sizes();
    if (sizes.views > held_max || sizes.pending > held_max || sizes.fetches > held_max) {
      return base::format("node {} holds {} views, {} messages that wait and {} fetches", i,
                          sizes.views, sizes.pending, sizes.fetches);
    }
  }
  return std::nullopt;
}

/// At the end: who stands at the last height has the very outputs of the model.
void LedgerScenario::check_balances() {
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    const node::Chain* of = chain(i);
    if (is_liar(i) || of == nullptr || final_.empty() ||
        of->height().value != final_.rbegin()->first)
      continue;
    for (const auto& [outpoint, coin] : load_.coins()) {
      const auto utxo = of->states().tip()->find(outpoint);
      if (utxo && *utxo && (*utxo)->output.value == coin.value) continue;
      return checker_.report("balances", base::format("node {} does not have {} of {}", i,
                                                      codec::to_text(outpoint), coin.value));
    }
  }
}

Result<ScenarioResult> run_ledger(const ScenarioOptions& options) {
  const LedgerSettings settings = TRY(settings_of(options));
  return LedgerScenario(options, settings).run();
}

}  // namespace kith::sim
