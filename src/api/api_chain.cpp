// Methods about the chain.
#include <algorithm>

#include "api/call.h"
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
      {"is_halted", chain->is_halted()},
      {"halt_reason", chain->halt_reason().empty() ? Json(nullptr) : Json(chain->halt_reason())},
      {"halt_height",
       chain->halt_height().value == 0 ? Json(nullptr) : to_json(chain->halt_height().value)},
      {"syncing", node_.sync_service()->is_catching_up()},
      {"mempool",
       Json{{"transactions", chain->mempool().size()}, {"bytes", chain->mempool().bytes()}}},
      {"transactions_final", to_json(chain->txs_final())},
      {"finality_ms", finality_view(node_.finality_times())},
      {"views_nullified", to_json(stats.views_nullified)},
      {"evidence", to_json(stats.evidence)}};
  view["epoch"] = engine == nullptr ? Json(nullptr) : to_json(engine->context().epoch.value);
  view["view"] = engine == nullptr ? Json(nullptr) : to_json(engine->view().value);
  call.done(std::move(view));
}

void Api::chain_block(Instant, Call call) {
  const node::Chain* const chain = node_.chain();
  if (chain == nullptr) return call.fail(no_chain);
  const std::uint64_t height = call.count("height");
  const auto stored = node::read_block(chain->states().store(), node::Height{height});
  if (!stored) return call.fail(stored.error());
  if (!*stored) {
    return call.fail({Code::not_found, base::format("no final block {}; the last is {}", height,
                                                    chain->height().value)});
  }
  call.done(block_view(**stored));
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
