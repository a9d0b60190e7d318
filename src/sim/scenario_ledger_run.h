// What the scenario "ledger" is made of (sim/scenario_ledger.h); for scenario_ledger*.cpp alone.
// scenario_ledger.cpp builds the world and checks it, scenario_ledger_weather.cpp is what befalls
// nodes, scenario_ledger_validators.cpp who validates: liars, keys in two places, churn.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>

#include "codec/chain_fork.h"
#include "ledger/supply.h"
#include "sim/checker.h"
#include "sim/payment_load.h"
#include "sim/scenario_ledger.h"
#include "sim/scenario_liar.h"
#include "sim/scenario_node.h"

namespace kith::sim {

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
inline constexpr std::string_view gust_names[] = {
    "power", "pauses", "minority", "halves", "clocks", "links", "disks", "backup", "everything"};
inline constexpr std::size_t gusts_count = std::size(gust_names);

struct LedgerSettings {
  std::uint64_t validators = 4;
  Duration interval = 1s;
  std::uint64_t epoch = 32;
  std::uint64_t rate = 2;
  std::optional<Gust> only;
  bool is_calm = false;
  std::uint64_t liars = 0;
  ValidatorLie lie = ValidatorLie::equivocator;
  bool is_edge = false;
  bool computes = false;
  Duration churn{0};
  std::uint64_t twins = 0;
};

class LedgerScenario {
 public:
  LedgerScenario(const ScenarioOptions& options, const LedgerSettings& settings);
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
  std::vector<std::pair<std::string, double>> figures();

  // scenario_ledger_weather.cpp
  void begin_gust();
  void blow(Gust gust);
  void end_gust();
  void await_one(Instant healed_at, std::uint64_t height);
  void power_off(std::uint32_t index);
  void put_back(std::uint32_t index);
  std::vector<std::uint32_t> some(std::size_t most);
  Duration between(Duration low, Duration high);

  // scenario_ledger_validators.cpp
  bool is_liar(std::uint32_t index) const;
  bool is_twin(std::uint32_t index) const { return index >= options_.nodes; }
  /// Whose key the node validates with; itself but for twins.
  std::uint32_t validator_of(std::uint32_t index) const;
  std::uint32_t nodes_count() const;
  codec::ValidatorKey key_of(std::uint32_t index) const;
  codec::Amount stake_of(std::uint32_t index) const;
  void make_liar(std::uint32_t index, std::uint32_t incarnation, node::Chain& chain);
  void set_liars_clock(std::uint32_t index);
  /// That nobody honest was found guilty.
  std::optional<std::string> find_slander(const node::Chain& of) const;
  void note_conviction(const node::Chain& of, std::uint64_t height);
  void cut_in_two();
  void check_blame();
  void check_fork(std::uint32_t index, const codec::ForkRecord& record);
  void churn();
  void order_stake(std::uint32_t index);

  const ScenarioOptions options_;
  const LedgerSettings settings_;
  std::deque<crypto::KeyPair> keys_;  // outlive the world's nodes; of validators too
  PaymentLoad load_;
  codec::Genesis genesis_;
  std::map<std::uint32_t, std::unique_ptr<LyingValidator>> tongues_;  // outlive them too
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
  std::optional<std::uint64_t> convicted_at_;  // height at which the first liar was
  std::set<std::uint64_t> forked_;             // heights
  std::set<std::uint32_t> halted_;             // nodes
  std::map<std::uint64_t, codec::Hash> sets_;  // roots by epoch
  std::uint64_t newest_set_ = 0;
  std::uint64_t proofs_ = 0, orders_ = 0, sets_changed_ = 0;
};

}  // namespace kith::sim
