#include "sim/scenario_ledger.h"

#include <algorithm>
#include <deque>
#include <set>

#include "base/format.h"
#include "codec/peer_id.h"
#include "node/chain_store.h"
#include "node/config_text.h"
#include "sim/payment_load.h"
#include "sim/scenario_node.h"

namespace kith::sim {
namespace {

constexpr Duration first_gust_at = 20s;
constexpr Duration gust_min = 5s;
constexpr Duration gust_max = 45s;
constexpr Duration one_again_within = 1min;
constexpr Duration good_weather = 90s;
constexpr std::uint32_t accounts = 50;
constexpr std::uint32_t coins_each = 8;
constexpr std::size_t validators_most = 100;

enum class Gust : std::uint8_t {
  power,
  pauses,
  minority,
  halves,
  clocks,
  links,
  disks,
  backup,
  everything
};
constexpr std::string_view gust_names[] = {"power", "pauses", "minority", "halves",    "clocks",
                                           "links", "disks",  "backup",   "everything"};
constexpr std::size_t gusts_count = std::size(gust_names);

struct Settings {
  std::uint64_t validators = 4;
  Duration interval = 1s;
  std::uint64_t epoch = 32;
  std::uint64_t rate = 2;
  std::optional<Gust> only;
};

Result<void> take(Settings& settings, const std::string& name, const std::string& value) {
  if (name == "validators") {
    settings.validators = TRY(node::parse_count(value));
  } else if (name == "interval") {
    settings.interval = TRY(node::parse_duration(value));
  } else if (name == "epoch") {
    settings.epoch = TRY(node::parse_count(value));
  } else if (name == "rate") {
    settings.rate = TRY(node::parse_count(value));
  } else if (name == "gusts") {
    if (value == "all") return {};
    const auto at = std::ranges::find(gust_names, value);
    if (at == std::end(gust_names)) {
      return fail(Code::usage, base::format("no gust \"{}\"; there is: all, {}", value,
                                            fmt::join(gust_names, ", ")));
    }
    settings.only = static_cast<Gust>(at - std::begin(gust_names));
  } else {
    return fail(Code::usage,
                base::format(
                    "no setting \"{}\"; there is: validators, interval, epoch, rate, gusts", name));
  }
  return {};
}

Result<Settings> settings_of(const ScenarioOptions& options) {
  Settings settings;
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
  return settings;
}

class LedgerScenario {
 public:
  LedgerScenario(const ScenarioOptions& options, const Settings& settings);
  ScenarioResult run();

 private:
  static WorldConfig world_config(const ScenarioOptions& options);
  codec::Genesis make_genesis() const;
  void add_node(std::uint32_t index);
  std::unique_ptr<host::WorldMachine> make_node(NodeContext& context);
  node::NodeConfig node_config(std::uint32_t index) const;
  const node::Chain* chain(std::uint32_t index);
  void pay();

  void on_report(std::uint32_t index, const node::Report& report);
  void on_final(std::uint32_t index, const node::BlockFinalized& done);
  std::optional<std::string> find_problem();
  void check_balances();

  void begin_gust();
  void blow(Gust gust);
  void end_gust();
  void await_one(Instant healed_at, std::uint64_t height);
  void power_off(std::uint32_t index);
  void put_back(std::uint32_t index);
  std::vector<std::uint32_t> some(std::size_t most);
  Duration between(Duration low, Duration high);

  const ScenarioOptions options_;
  const Settings settings_;
  std::deque<crypto::KeyPair> keys_;  // outlive the world's nodes; of validators too
  PaymentLoad load_;
  codec::Genesis genesis_;
  World world_;
  Checker checker_;

  struct Seen {
    codec::Hash digest{};
    ledger::Supply supply;
  };
  std::map<std::uint64_t, Seen> final_;    // by height
  std::vector<std::uint64_t> reached_;     // by node: the last height that it said is final
  std::vector<std::uint64_t> lost_below_;  // by node: what a restart must not fall behind
  std::vector<std::uint32_t> off_;
  std::vector<Gust> to_come_;
  bool is_gusting_ = false;
  std::uint64_t gusts_ = 0, power_losses_ = 0, put_back_ = 0;
  Duration longest_heal_{0};
  std::vector<double> finality_ms_;
};

WorldConfig LedgerScenario::world_config(const ScenarioOptions& options) {
  WorldConfig config;
  config.seed = options.seed;
  config.link = {
      .latency = 40ms, .jitter = 10ms, .bandwidth_bytes_per_s = 12'500'000, .loss = 0.01};
  return config;
}

LedgerScenario::LedgerScenario(const ScenarioOptions& options, const Settings& settings)
    : options_(options),
      settings_(settings),
      load_(accounts, coins_each, 100 * codec::units_per_coin),
      world_(world_config(options)),
      checker_(world_),
      reached_(options.nodes),
      lost_below_(options.nodes) {
  SeededRng key_rng(options_.seed ^ 0x6b657973);
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    keys_.push_back(crypto::KeyPair::generate(key_rng));
  }
  genesis_ = make_genesis();
  load_.begin(codec::genesis_hash(genesis_));
  for (std::uint32_t i = 0; i < options_.nodes; ++i) add_node(i);
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
  genesis.outputs = load_.outputs();
  for (std::uint32_t i = 0; i < settings_.validators; ++i) {
    codec::GenesisValidator validator;
    std::ranges::copy(keys_[i].public_key().data, validator.key.begin());
    validator.owner = codec::lock_of(validator.key);
    validator.stake = 1'000 * codec::units_per_coin;
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
  const bool validates = index < settings_.validators;
  const ChainDisk& disk = context.chain;
  node::ChainParts parts{genesis_, &disk.store(), validates ? &keys_[index] : nullptr, disk.log()};
  auto chain = node::Chain::open({}, std::move(parts), context.rng, context.log);
  ASSERT(chain.has_value());
  if ((*chain)->height().value < lost_below_[index]) {
    checker_.report("what is final stays",
                    base::format("node {} came back at height {}, and had said {}", index,
                                 (*chain)->height().value, lost_below_[index]));
  }
  reached_[index] = (*chain)->height().value;
  machine->node().keep_chain(*std::move(chain), validates ? &keys_[index] : nullptr);
  return machine;
}

node::NodeConfig LedgerScenario::node_config(std::uint32_t index) const {
  node::NodeConfig config;
  config.host.agent_version = "kith-simulated";
  config.host.listen = {scenario_address(index)};
  config.host.peers_min = 8;
  config.host.book.backoff_max = 10s;
  // All know the first few, and these each other.
  for (std::uint32_t i = 0; i < std::min<std::uint32_t>(options_.nodes, 8); ++i) {
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
  world_.after(first_gust_at, [this] { begin_gust(); });
  world_.run_for(options_.duration);
  checker_.check();
  check_balances();
  std::ranges::sort(finality_ms_);
  const auto at = [&](double share) {
    if (finality_ms_.empty()) return 0.0;
    const auto place = static_cast<std::size_t>(share * static_cast<double>(finality_ms_.size()));
    return finality_ms_[std::min(place, finality_ms_.size() - 1)];
  };
  ScenarioResult result;
  result.events = world_.events();
  result.trace_hash = world_.trace_hash();
  result.violations = checker_.violations();
  result.figures = {
      {"height", final_.empty() ? 0.0 : static_cast<double>(final_.rbegin()->first)},
      {"payments_made", static_cast<double>(load_.payments_made())},
      {"payments_final", static_cast<double>(load_.payments_final())},
      {"finality_ms_p50", at(0.5)},
      {"finality_ms_p99", at(0.99)},
      {"gusts", static_cast<double>(gusts_)},
      {"power_losses", static_cast<double>(power_losses_)},
      {"backups_put_back", static_cast<double>(put_back_)},
      {"one_again_after_s_max", std::chrono::duration<double>(longest_heal_).count()},
  };
  return result;
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
  if (const auto* done = std::get_if<node::BlockFinalized>(&report)) on_final(index, *done);
  if (const auto* halted = std::get_if<node::ChainHalted>(&report)) {
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
  }
  if (at->second.digest != seen.digest) {
    checker_.report("agreement", base::format("two blocks are final at height {}", height));
  }
  if (!(at->second.supply == seen.supply) || !seen.supply.is_conserved()) {
    checker_.report("supply", base::format("node {} at height {}", index, height));
  }
}

std::optional<std::string> LedgerScenario::find_problem() {
  if (load_.problem()) return load_.problem();
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    const node::Chain* of = chain(i);
    if (of == nullptr) continue;
    if (of->consensus().stats().evidence > 0) {
      return base::format("node {} accuses somebody, and all are honest", i);
    }
    if (of->mempool().bytes() > ledger::MempoolConfig{}.bytes_max) {
      return base::format("the mempool of node {} has {} bytes", i, of->mempool().bytes());
    }
  }
  return std::nullopt;
}

/// At the end: who stands at the last height has the very outputs of the model.
void LedgerScenario::check_balances() {
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    const node::Chain* of = chain(i);
    if (of == nullptr || final_.empty() || of->height().value != final_.rbegin()->first) continue;
    for (const auto& [outpoint, coin] : load_.coins()) {
      const auto utxo = of->states().tip()->find(outpoint);
      if (utxo && *utxo && (*utxo)->output.value == coin.value) continue;
      return checker_.report("balances", base::format("node {} does not have {} of {}", i,
                                                      codec::to_text(outpoint), coin.value));
    }
  }
}

// --- weather -------------------------------------------------------------------------------------

void LedgerScenario::begin_gust() {
  if (to_come_.empty()) {
    for (std::size_t i = 0; i < gusts_count; ++i) to_come_.push_back(static_cast<Gust>(i));
  }
  const auto drawn =
      to_come_.begin() + static_cast<std::ptrdiff_t>(world_.rng().below(to_come_.size()));
  const Gust gust = settings_.only.value_or(*drawn);
  to_come_.erase(drawn);
  ++gusts_;
  is_gusting_ = true;
  blow(gust);
  world_.after(between(gust_min, gust_max), [this] { end_gust(); });
}

void LedgerScenario::blow(Gust gust) {
  const std::size_t bound = (settings_.validators - 1) / 3;
  switch (gust) {
    case Gust::power:
      for (const std::uint32_t node : some(options_.nodes)) power_off(node);
      return;
    case Gust::pauses:
      for (const std::uint32_t node : some(options_.nodes)) world_.pause(node);
      return;
    case Gust::minority:
      world_.topology().isolate(some(std::max<std::size_t>(bound, 1)), Cut::both_ways);
      return;
    case Gust::halves: world_.topology().isolate(some(options_.nodes), Cut::both_ways); return;
    case Gust::clocks:
      for (const std::uint32_t node : some(options_.nodes)) {
        world_.set_wall_offset(node, between(-10s, 10s));
      }
      return;
    case Gust::links: {
      LinkModel model = world_config(options_).link;
      model.loss = 0.05 + 0.15 * world_.rng().unit();
      model.jitter = between(50ms, 500ms);
      return world_.topology().set_default(model);
    }
    case Gust::disks:
      for (const std::uint32_t node : some(options_.nodes)) {
        world_.chain_disk(node).set_model({.slow_chance = 0.3});
      }
      return;
    case Gust::backup: {
      // A third of the weight might forget what it said otherwise.
      if (bound == 0) return;
      const auto index = static_cast<std::uint32_t>(world_.rng().below(settings_.validators));
      return put_back(index);
    }
    case Gust::everything:
      for (const Gust each :
           {Gust::power, Gust::pauses, Gust::minority, Gust::clocks, Gust::links, Gust::disks}) {
        blow(each);
      }
      return;
  }
}

void LedgerScenario::end_gust() {
  is_gusting_ = false;
  world_.topology().heal_all();
  world_.topology().set_default(world_config(options_).link);
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    world_.resume(i);
    world_.set_wall_offset(i, Duration{0});
    world_.chain_disk(i).set_model({});
  }
  for (const std::uint32_t node : std::exchange(off_, {})) world_.start(node);
  await_one(world_.now(), final_.empty() ? 0 : final_.rbegin()->first);
  world_.after(good_weather, [this] { begin_gust(); });
}

/// Looks each second whether all are where a new block is final.
void LedgerScenario::await_one(Instant healed_at, std::uint64_t height) {
  const bool is_one = std::ranges::all_of(reached_, [&](auto each) { return each > height; });
  const Duration took = world_.now() - healed_at;
  if (is_one) {
    longest_heal_ = std::max(longest_heal_, took);
    return;
  }
  // A block may be an interval away already.
  if (took > one_again_within + settings_.interval) {
    checker_.report("one again within a minute",
                    base::format("height {} {} s after the weather cleared; it was {}",
                                 std::ranges::min(reached_), base::to_ms(took) / 1000, height));
    return;
  }
  world_.after(1s, [this, healed_at, height] { await_one(healed_at, height); });
}

void LedgerScenario::power_off(std::uint32_t index) {
  if (!world_.is_up(index)) return;
  ++power_losses_;
  world_.crash(index, CrashKind::power);
  off_.push_back(index);
  world_.after(between(10ms, 30s), [this, index] {
    if (std::erase(off_, index) > 0) world_.start(index);
  });
}

/// Somebody copies a validator's disk, and seconds later, when it has said more, puts the copy
/// back.
void LedgerScenario::put_back(std::uint32_t index) {
  if (!world_.is_up(index)) return;
  ChainDisk& disk = world_.chain_disk(index);
  disk.settle(world_.now());
  const auto copy = std::make_shared<const std::pair<ledger::MemoryStore, ChainDisk::Segments>>(
      disk.store(), disk.log());
  world_.after(between(10ms, 4s), [this, index, copy] {
    if (!world_.is_up(index)) return;
    ++put_back_;
    world_.crash(index, CrashKind::power);
    world_.chain_disk(index).put_back(copy->first, copy->second);
    lost_below_[index] = 0;
    off_.push_back(index);
    world_.after(between(500ms, 2s), [this, index] {
      if (std::erase(off_, index) > 0) world_.start(index);
    });
  });
}

/// 1 to `most` of the nodes.
std::vector<std::uint32_t> LedgerScenario::some(std::size_t most) {
  const std::size_t count = 1 + world_.rng().below(std::min<std::size_t>(most, options_.nodes));
  std::set<std::uint32_t> drawn;
  while (drawn.size() < count) {
    drawn.insert(static_cast<std::uint32_t>(world_.rng().below(options_.nodes)));
  }
  return {drawn.begin(), drawn.end()};
}

Duration LedgerScenario::between(Duration low, Duration high) {
  return low + Duration(static_cast<std::int64_t>(
                   world_.rng().below(static_cast<std::uint64_t>((high - low).count()))));
}

}  // namespace

Result<ScenarioResult> run_ledger(const ScenarioOptions& options) {
  const Settings settings = TRY(settings_of(options));
  return LedgerScenario(options, settings).run();
}

}  // namespace kith::sim
