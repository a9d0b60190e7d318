#include "api/chain_files.h"

#include <algorithm>

#include "api/json.h"
#include "api/views.h"
#include "base/format.h"
#include "codec/chain_address.h"
#include "codec/chain_params_text.h"
#include "ledger/validators.h"

namespace kith::api {
namespace {

Json supply_view(const ledger::Supply& supply) {
  const auto coins = [](codec::Amount amount) { return codec::format_amount(amount); };
  return Json{{"outputs", coins(supply.outputs)}, {"bonded", coins(supply.bonded)},
              {"owed", coins(supply.owed)},       {"treasury", coins(supply.treasury)},
              {"minted", coins(supply.minted)},   {"burnt", coins(supply.burnt)},
              {"escrow", coins(supply.escrow)},   {"is_conserved", supply.is_conserved()}};
}

}  // namespace

std::string genesis_json(const std::string& path, const codec::Genesis& genesis) {
  const std::string& hrp = genesis.params.address_hrp;
  Json params = Json::object();
  for (const std::string_view name : codec::param_names()) {
    params[std::string(name)] = codec::param_text(genesis.params, name);
  }
  Json outputs = Json::array();
  codec::Amount coins = 0, stake = 0;
  for (const codec::TxOutput& output : genesis.outputs) {
    coins += output.value;
    outputs.push_back(Json{{"address", codec::encode_address(hrp, output.lock)},
                           {"amount", codec::format_amount(output.value)}});
  }
  Json validators = Json::array();
  codec::Weight total = 0;
  for (const codec::GenesisValidator& validator : genesis.validators) {
    const codec::Weight weight = ledger::weight_of(genesis.params, validator.stake);
    total += weight;
    stake += validator.stake;
    validators.push_back(Json{{"key", base::to_hex(validator.key)},
                              {"owner", codec::encode_address(hrp, validator.owner)},
                              {"stake", codec::format_amount(validator.stake)},
                              {"weight", to_json(weight)}});
  }
  const bool is_complete = !genesis.validators.empty();
  Json view{{"file", path},
            {"network", genesis.network},
            {"genesis", base::to_hex(codec::genesis_hash(genesis))},
            {"params_hash", base::to_hex(codec::params_hash(genesis.params))},
            {"time_ms", to_json(genesis.time_ms)},
            {"shard", genesis.shard},
            {"params", std::move(params)},
            {"outputs", std::move(outputs)},
            {"validators", std::move(validators)},
            {"coins", codec::format_amount(coins)},
            {"stake", codec::format_amount(stake)},
            {"weight", to_json(total)}};
  view["tolerates"] = is_complete ? to_json((total - 1) / 3) : Json(nullptr);
  view["is_complete"] = is_complete;
  return to_line(view);
}

std::string inspection_json(const std::string& home, const codec::Genesis& genesis,
                            const node::Inspection& inspection) {
  Json validators = Json::array();
  for (const ledger::ValidatorEntry& entry : inspection.validators) {
    validators.push_back(
        Json{{"key", base::to_hex(entry.key)},
             {"owner", codec::encode_address(genesis.params.address_hrp, entry.owner)},
             {"status", codec::name_of(entry.status)},
             {"stake", codec::format_amount(entry.stake)},
             {"weight", to_json(entry.weight)},
             {"uptime", entry.uptime / 10'000.0},
             {"rewards", codec::format_amount(entry.rewards)}});
  }
  Json tables = Json::array();
  for (const node::TableSize& table : inspection.tables) {
    tables.push_back(Json{{"table", table.name},
                          {"records", to_json(table.records)},
                          {"bytes", to_json(table.bytes)}});
  }
  return to_line(Json{{"home", home},
                      {"network", genesis.network},
                      {"genesis", base::to_hex(inspection.genesis)},
                      {"height", to_json(inspection.height.value)},
                      {"digest", base::to_hex(inspection.digest)},
                      {"time_ms", inspection.time.unix_ms},
                      {"epoch", to_json(inspection.epoch.value)},
                      {"view", to_json(inspection.view.value)},
                      {"utxo_root", base::to_hex(inspection.utxo_root)},
                      {"registry_root", base::to_hex(inspection.registry_root)},
                      {"outputs_ever", to_json(inspection.outputs_ever)},
                      {"supply", supply_view(inspection.supply)},
                      {"validators", std::move(validators)},
                      {"tables", std::move(tables)},
                      {"checks", inspection.checks},
                      {"problems", inspection.problems}});
}

std::string stored_block_json(const node::StoredBlock& stored) {
  return to_line(block_view(stored));
}

std::string dump_json(const std::string& text) { return to_line(Json{{"dump", text}}); }

std::string wal_json(const std::vector<WalFileView>& files) {
  Json list = Json::array();
  bool is_well = true;
  for (const WalFileView& file : files) {
    is_well = is_well && file.damage.empty();
    list.push_back(Json{{"file", file.name},
                        {"epoch", to_json(file.epoch)},
                        {"bytes", to_json(file.bytes)},
                        {"begins_anew", file.begins_anew},
                        {"is_torn", file.is_torn},
                        {"damage", file.damage.empty() ? Json(nullptr) : Json(file.damage)},
                        {"records", file.records}});
  }
  return to_line(Json{{"files", std::move(list)}, {"is_well", is_well}});
}

}  // namespace kith::api
