// Methods about the chain.
#include <algorithm>

#include "api/call.h"
#include "api/query.h"
#include "api/views.h"
#include "base/format.h"

namespace kith::api {
namespace {

Json finality_view(const std::deque<Duration>& times) {
  if (times.empty()) return nullptr;
  std::vector<Duration> sorted(times.begin(), times.end());
  std::ranges::sort(sorted);
  const auto at = [&](std::size_t percent) {
    return ms_view(sorted[std::min(sorted.size() - 1, sorted.size() * percent / 100)]);
  };
  return Json{{"p50", at(50)}, {"p99", at(99)}};
}

Json header_view(const codec::BlockHeader& header) {
  return Json{{"height", to_json(header.height.value)},
              {"digest", base::to_hex(codec::digest_of(header))},
              {"time_ms", header.time.unix_ms},
              {"epoch", to_json(header.epoch.value)},
              {"view", to_json(header.view.value)}};
}

/// Null: the chain does not compute.
Json compute_view(const std::optional<codec::ComputeParams>& compute) {
  if (!compute) return nullptr;
  return Json{{"cheats", compute->cheats},
              {"draw_gap", compute->draw_gap},
              {"min_bond", to_json(compute->min_bond)},
              {"account_bond", to_json(compute->account_bond)},
              {"bond_epochs", compute->bond_epochs},
              {"answer_blocks", compute->answer_blocks}};
}

Json params_view(const codec::ChainParams& params) {
  Json tiers = Json::array();
  for (const codec::StakeTier& tier : params.tiers) {
    tiers.push_back(Json{{"stake", to_json(tier.stake)}, {"weight", to_json(tier.weight)}});
  }
  return Json{{"block_bytes_max", params.block_bytes_max},
              {"tx_bytes_max", params.tx_bytes_max},
              {"min_fee_rate", to_json(params.min_fee_rate)},
              {"dust", to_json(params.dust)},
              {"block_reward", to_json(params.block_reward)},
              {"halving_blocks", to_json(params.halving_blocks)},
              {"proposer_share", params.proposer_share},
              {"treasury_share", params.treasury_share},
              {"treasury_lock", base::to_hex(params.treasury_lock)},
              {"epoch_blocks", params.epoch_blocks},
              {"block_interval_ms", params.block_interval_ms},
              {"max_drift_ms", params.max_drift_ms},
              {"min_stake", to_json(params.min_stake)},
              {"tiers", std::move(tiers)},
              {"validators_max", params.validators_max},
              {"unbonding_epochs", params.unbonding_epochs},
              {"jail_window", params.jail_window},
              {"jail_threshold", params.jail_threshold},
              {"jail_epochs", params.jail_epochs},
              {"slash_equivocation", params.slash_equivocation},
              {"slash_absence", params.slash_absence},
              {"heartbeat_ms", params.heartbeat_ms},
              {"address_hrp", params.address_hrp},
              {"computing", compute_view(params.compute)}};
}

const Error no_chain{Code::unsupported, "this node keeps no chain"};

}  // namespace

Json block_view(const node::StoredBlock& stored) {
  const codec::BlockHeader& header = stored.block->header();
  const codec::Certificate& by = *stored.certificate;
  Json view{{"height", to_json(header.height.value)},
            {"digest", base::to_hex(stored.block->digest())},
            {"parent", base::to_hex(header.parent)},
            {"time_ms", header.time.unix_ms},
            {"epoch", to_json(header.epoch.value)},
            {"view", to_json(header.view.value)},
            {"body_bytes", stored.block->body().size()},
            {"utxo_root", base::to_hex(header.utxo_root)},
            {"registry_root", base::to_hex(header.registry_root)},
            {"signers", std::ranges::count(by.signers, true)}};
  Json txids = Json::array();
  const auto body = codec::decode_body(stored.block->body().view(), stored.block->body().size());
  if (body) {
    for (const codec::TxPtr& tx : body->transactions) txids.push_back(base::to_hex(tx->txid));
  }
  view["transactions"] = std::move(txids);
  return view;
}

void Api::chain_status(Instant, Call call) {
  const node::Chain* const chain = node_.chain();
  if (chain == nullptr) return call.fail(no_chain);
  const consensus::Engine* const engine = chain->consensus().engine();
  const consensus::EngineStats stats = chain->consensus().stats();
  Json view{
      {"network", chain->genesis().network},
      {"genesis", base::to_hex(chain->genesis_hash())},
      {"height", to_json(chain->height().value)},
      {"digest", base::to_hex(chain->tip().digest)},
      {"time_ms", chain->tip().time.unix_ms},
      {"validators", chain->validators()->size()},
      {"validators_connected", node_.consensus_service()->validators_connected()},
      {"is_validator", chain->is_validator()},
      {"may_vote", !chain->why_no_vote()},
      {"is_halted", chain->is_halted()},
      {"halt_reason", chain->halt_reason().empty() ? Json(nullptr) : Json(chain->halt_reason())},
      {"halt_height",
       chain->halt_height().value == 0 ? Json(nullptr) : to_json(chain->halt_height().value)},
      {"syncing", !chain->is_halted() && node_.sync_service()->is_catching_up()},
      {"target_height", to_json(node_.sync_service()->target().value)},
      {"floor", to_json(chain->floor().value)},
      {"mempool",
       Json{{"transactions", chain->mempool().size()}, {"bytes", chain->mempool().bytes()}}},
      {"transactions_final", to_json(chain->txs_final())},
      {"finality_ms", finality_view(node_.finality_times())},
      {"views_nullified", to_json(stats.views_nullified)},
      {"evidence", to_json(stats.evidence)}};
  const auto why_no_vote = chain->why_no_vote();
  view["why_no_vote"] = why_no_vote ? Json(std::string(*why_no_vote)) : Json(nullptr);
  view["epoch"] = engine == nullptr ? Json(nullptr) : to_json(engine->context().epoch.value);
  view["view"] = engine == nullptr ? Json(nullptr) : to_json(engine->view().value);
  call.done(std::move(view));
}

void Api::chain_block(Instant now, Call call) {
  if (!may_ask(call)) return;
  const node::Height height{call.count("height")};
  give_block(
      now, std::move(call),
      [height](const ledger::Store&) -> Result<std::optional<node::Height>> { return height; });
}

void Api::chain_block_by_digest(Instant now, Call call) {
  if (!may_ask(call)) return;
  const auto digest = parse_hex<codec::Hash>("digest", call.text("digest"));
  if (!digest) return call.fail(digest.error());
  give_block(now, std::move(call), [digest = *digest](const ledger::Store& store) {
    return node::read_height(store, digest);
  });
}

void Api::give_block(
    Instant now, Call call,
    std::function<Result<std::optional<node::Height>>(const ledger::Store&)> find) {
  auto view = std::make_shared<Json>();
  const std::uint64_t number = call.number;
  ask_store(
      now, number,
      [view, find = std::move(find),
       last = node_.chain()->height()](const ledger::Store& store) -> Result<void> {
        const auto height = TRY(find(store));
        if (!height) return fail(Code::not_found, "no final block of this digest is kept");
        const auto stored = TRY(node::read_block(store, *height));
        if (!stored) {
          return fail(Code::not_found,
                      base::format("no final block {}; the last is {}", height->value, last.value));
        }
        *view = block_view(*stored);
        return {};
      },
      [view, call = std::move(call)](const Result<void>& found, codec::Height) {
        if (!found) return call.fail(found.error());
        call.done(std::move(*view));
      });
}

void Api::chain_blocks(Instant now, Call call) {
  if (!may_ask(call)) return;
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  const std::uint64_t last = node_.chain()->height().value;
  const std::uint64_t before = call.params.contains("before") ? call.count("before") : last + 1;
  auto list = std::make_shared<Json>(Json::array());
  const std::uint64_t number = call.number;
  ask_store(
      now, number,
      [list, from = std::min(before, last + 1),
       limit = *limit](const ledger::Store& store) -> Result<void> {
        for (std::uint64_t h = from; h > 1 && list->size() < limit;) {
          const auto summary = TRY(node::read_summary(store, {--h}));
          if (!summary) return {};  // older ones are kept no more
          list->push_back(header_view(summary->header));
          list->back()["transactions"] = summary->transactions;
          list->back()["body_bytes"] = summary->body_bytes;
        }
        return {};
      },
      [list, limit = *limit, call = std::move(call)](const Result<void>& found, codec::Height) {
        if (!found) return call.fail(found.error());
        const bool is_full = list->size() == limit && list->back()["height"] != 1;
        Json next = is_full ? list->back()["height"] : Json();
        call.done(Json{{"blocks", std::move(*list)}, {"next", std::move(next)}});
      });
}

void Api::chain_genesis(Instant, Call call) {
  if (!may_ask(call)) return;
  call.done(Json{{"hash", base::to_hex(node_.chain()->genesis_hash())},
                 {"genesis", base::to_hex(codec::encode_genesis(node_.chain()->genesis()))}});
}

void Api::chain_supply(Instant, Call call) {
  if (!may_ask(call)) return;
  const ledger::BlockState& state = *node_.chain()->states().tip();
  const ledger::Supply& supply = state.supply();
  call.done(Json{{"height", to_json(state.height().value)},
                 {"outputs", to_json(supply.outputs)},
                 {"bonded", to_json(supply.bonded)},
                 {"owed", to_json(supply.owed)},
                 {"treasury", to_json(supply.treasury)},
                 {"minted", to_json(supply.minted)},
                 {"burnt", to_json(supply.burnt)},
                 {"escrow", to_json(supply.escrow)},
                 {"outputs_ever", to_json(state.txos().size())}});
}

void Api::chain_params(Instant, Call call) {
  if (!may_ask(call)) return;
  const node::Chain& chain = *node_.chain();
  Json view{{"network", chain.genesis().network},
            {"genesis", base::to_hex(chain.genesis_hash())},
            {"genesis_time_ms", to_json(chain.genesis().time_ms)},
            {"is_indexed", chain.is_indexed()}};
  view["history_from"] = chain.is_indexed() ? to_json(chain.history_from().value) : Json(nullptr);
  view.update(params_view(chain.genesis().params));
  call.done(std::move(view));
}

void Api::chain_validators(Instant, Call call) {
  const node::Chain* const chain = node_.chain();
  if (chain == nullptr) return call.fail(no_chain);
  const codec::ValidatorSet& set = *chain->validators();
  Json list = Json::array();
  for (const codec::Validator& validator : set.all()) {
    list.push_back(
        Json{{"key", base::to_hex(validator.key)}, {"weight", to_json(validator.weight)}});
  }
  call.done(Json{{"validators", std::move(list)},
                 {"weight", to_json(set.total())},
                 {"quorum", to_json(set.quorum())},
                 {"tolerates", to_json(set.fault_bound())},
                 {"root", base::to_hex(set.root())}});
}

}  // namespace kith::api
