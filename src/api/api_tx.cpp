// Methods about transactions and the mempool.
#include <algorithm>

#include "api/call.h"
#include "api/query.h"
#include "base/format.h"
#include "codec/chain_address.h"

namespace kith::api {

using codec::Hash;
using codec::OutPoint;
using codec::TxPtr;

namespace {

Result<TxPtr> parse_tx(const std::string& text) {
  if (text.size() > 2 * codec::tx_bytes_max) {
    return fail(Code::too_large,
                base::format("{} digits of hex; a transaction has {} bytes at most", text.size(),
                             codec::tx_bytes_max));
  }
  const auto bytes = base::from_hex(text);
  if (!bytes) return fail(Code::usage, "\"tx\" is a transaction's bytes as hex");
  return codec::seal(TRY(codec::decode_transaction(*bytes)));
}

/// What an output was, wherever it stands now.
struct Output {
  codec::TxOutput output;
  std::string_view state = "unknown";
  std::optional<Hash> spender;
};

Result<std::optional<Output>> find_output(const ledger::Store& store, const OutPoint& outpoint) {
  if (const auto utxo = TRY(ledger::find_utxo(store, outpoint))) {
    return Output{utxo->output, "unspent", {}};
  }
  if (const auto spend = TRY(ledger::find_spend(store, outpoint))) {
    return Output{spend->output, "spent", spend->txid};
  }
  return std::nullopt;
}

/// What is to be known of a transaction before it is told of.
struct Lookup {
  TxPtr tx;
  std::string_view status = "final";
  std::optional<node::TxPlace> place;
  std::int64_t time_ms = 0;
  std::vector<TxPtr> parents;  // in the mempool
  std::vector<std::optional<Output>> inputs;
  std::vector<std::optional<Output>> outputs;
};

Result<void> find_final(const ledger::Store& store, const Hash& txid, Lookup& lookup) {
  lookup.place = TRY(node::read_tx_place(store, txid));
  if (!lookup.place) {
    return fail(Code::not_found,
                base::format("no transaction {} waits or is final", base::to_hex(txid)));
  }
  const auto stored = TRY(node::read_block(store, lookup.place->height));
  if (!stored) {
    return fail(Code::not_found, base::format("block {}, which holds {}, is kept no more",
                                              lookup.place->height.value, base::to_hex(txid)));
  }
  lookup.time_ms = stored->block->header().time.unix_ms;
  const codec::BlockBody body =
      TRY(codec::decode_body(stored->block->body().view(), stored->block->body().size()));
  if (lookup.place->index >= body.transactions.size()) {
    return fail(Code::io, base::format("the store's place of {} is wrong", base::to_hex(txid)));
  }
  lookup.tx = body.transactions[lookup.place->index];
  return {};
}

Result<void> look_up(const ledger::Store& store, const Hash& txid, Lookup& lookup) {
  if (lookup.tx == nullptr) TRY_VOID(find_final(store, txid, lookup));
  for (const codec::TxInput& input : lookup.tx->tx.inputs) {
    const auto parent = std::ranges::find(lookup.parents, input.from.txid, &codec::SealedTx::txid);
    if (parent != lookup.parents.end() && input.from.index < (*parent)->tx.outputs.size()) {
      lookup.inputs.push_back(Output{(*parent)->tx.outputs[input.from.index], "pending", {}});
    } else {
      lookup.inputs.push_back(TRY(find_output(store, input.from)));
    }
  }
  for (std::uint32_t i = 0; lookup.place && i < lookup.tx->tx.outputs.size(); ++i) {
    lookup.outputs.push_back(TRY(find_output(store, {txid, i})));
  }
  return {};
}

Json input_view(const codec::TxInput& input, const std::optional<Output>& from,
                const std::string& hrp) {
  Json view{{"outpoint", codec::to_text(input.from)}};
  view["value"] = from ? to_json(from->output.value) : Json(nullptr);
  view["address"] = from ? Json(codec::encode_address(hrp, from->output.lock)) : Json(nullptr);
  return view;
}

Json tx_view(const Lookup& lookup, const node::Chain& chain) {
  const codec::SealedTx& tx = *lookup.tx;
  const std::string& hrp = chain.genesis().params.address_hrp;
  Json view{{"txid", base::to_hex(tx.txid)}, {"wtxid", base::to_hex(tx.wtxid)},
            {"status", lookup.status},       {"bytes", tx.bytes},
            {"fee", to_json(tx.tx.fee)},     {"expiry", to_json(tx.tx.expiry)}};
  const bool is_final = lookup.place.has_value();
  view["height"] = is_final ? to_json(lookup.place->height.value) : Json(nullptr);
  view["index"] = is_final ? Json(lookup.place->index) : Json(nullptr);
  view["confirmations"] =
      is_final ? to_json(chain.height().value - lookup.place->height.value + 1) : Json(0);
  view["time_ms"] = is_final ? Json(lookup.time_ms) : Json(nullptr);
  view["inputs"] = Json::array();
  for (std::size_t i = 0; i < tx.tx.inputs.size(); ++i) {
    view["inputs"].push_back(input_view(tx.tx.inputs[i], lookup.inputs[i], hrp));
  }
  view["outputs"] = Json::array();
  for (std::uint32_t i = 0; i < tx.tx.outputs.size(); ++i) {
    const codec::TxOutput& output = tx.tx.outputs[i];
    const auto locked_by = chain.mempool().spender_of({tx.txid, i});
    const std::optional<Output> known =
        i < lookup.outputs.size() ? lookup.outputs[i] : std::nullopt;
    std::string_view state = known ? known->state : "pending";
    if (locked_by && state != "spent") state = "locked";
    const std::optional<Hash> spender = known && known->spender ? known->spender : locked_by;
    view["outputs"].push_back(Json{{"value", to_json(output.value)},
                                   {"address", codec::encode_address(hrp, output.lock)},
                                   {"state", state},
                                   {"spender", spender ? Json(base::to_hex(*spender)) : Json()}});
  }
  view["actions"] = tx.tx.actions.size();
  view["tx"] = base::to_hex(codec::encode_transaction(tx.tx));
  return view;
}

}  // namespace

void Api::tx_submit(Instant now, Call call) {
  if (!may_ask(call)) return;
  const std::string wait = call.text("wait");
  if (!wait.empty() && wait != "none" && wait != "final") {
    return call.fail({Code::usage, base::format("\"wait\" is none or final, not \"{}\"", wait)});
  }
  auto tx = parse_tx(call.text("tx"));
  if (!tx) return call.fail(tx.error());
  const Token token{next_token_++};
  pending_.emplace(token, Pending{std::move(call)});
  node_.on_command(now, node::SubmitTransaction{token, *std::move(tx)});
}

void Api::on_tx_answered(Instant now, const node::TransactionAnswered& answered) {
  auto pending = take(answered.token);
  if (!pending) return;
  Call& call = pending->call;
  if (pending->is_question) {
    if (answered.is_known)
      return call.fail({Code::exists, base::to_hex(answered.txid) + " is here"});
    if (!answered.accepted) return call.fail(answered.accepted.error());
    return call.done(Json{{"txid", base::to_hex(answered.txid)}, {"would", "accept"}});
  }
  if (answered.accepted) {
    if (call.text("wait") == "final") return wait_final(now, std::move(call), answered.txid);
    return call.done(Json{{"txid", base::to_hex(answered.txid)},
                          {"status", answered.is_known ? "known" : "accepted"}});
  }
  // What was refused because it has spent its inputs already is as good as accepted.
  auto place = std::make_shared<std::optional<node::TxPlace>>();
  const std::uint64_t number = call.number;
  ask_store(
      now, number,
      [place, txid = answered.txid](const ledger::Store& store) -> Result<void> {
        *place = TRY(node::read_tx_place(store, txid));
        return {};
      },
      [place, txid = answered.txid, call = std::move(call), refused = answered.accepted.error()](
          const Result<void>&, codec::Height) {
        if (!*place) return call.fail(refused);
        call.done(final_view(txid, (*place)->height));
      });
}

void Api::tx_check(Instant now, Call call) {
  if (!may_ask(call)) return;
  const auto tx = parse_tx(call.text("tx"));
  if (!tx) return call.fail(tx.error());
  const Token token{next_token_++};
  pending_.emplace(token, Pending{std::move(call), nullptr, true});
  node_.on_command(now, node::SubmitTransaction{token, *tx, true});
}

void Api::tx_get(Instant now, Call call) {
  if (!may_ask(call)) return;
  const auto txid = parse_hex<Hash>("txid", call.text("txid"));
  if (!txid) return call.fail(txid.error());
  const node::Chain& chain = *node_.chain();
  auto lookup = std::make_shared<Lookup>();
  lookup->tx = chain.mempool().find(*txid);
  if (lookup->tx != nullptr) {
    lookup->status = chain.is_pending(*txid) ? "pending" : "mempool";
    for (const codec::TxInput& input : lookup->tx->tx.inputs) {
      if (TxPtr parent = chain.mempool().find(input.from.txid)) lookup->parents.push_back(parent);
    }
  }
  const std::uint64_t number = call.number;
  ask_store(
      now, number,
      [lookup, txid = *txid](const ledger::Store& store) { return look_up(store, txid, *lookup); },
      [this, lookup, call = std::move(call)](const Result<void>& found, codec::Height) {
        if (!found) return call.fail(found.error());
        call.done(tx_view(*lookup, *node_.chain()));
      });
}

void Api::tx_wait(Instant now, Call call) {
  if (!may_ask(call)) return;
  const auto txid = parse_hex<Hash>("txid", call.text("txid"));
  if (!txid) return call.fail(txid.error());
  wait_final(now, std::move(call), *txid);
}

void Api::mempool_status(Instant, Call call) {
  if (!may_ask(call)) return;
  const node::Chain& chain = *node_.chain();
  const ledger::Mempool& pool = chain.mempool();
  const ledger::MempoolCounters& counters = pool.counters();
  Json refused = Json::object();
  for (std::size_t i = 0; i < ledger::refusals; ++i) {
    refused[ledger::name_of(static_cast<ledger::Refusal>(i))] = to_json(counters.refused[i]);
  }
  call.done(Json{{"transactions", pool.size()},
                 {"bytes", pool.bytes()},
                 {"bytes_max", ledger::MempoolConfig{}.bytes_max},
                 {"orphans", pool.orphans().size()},
                 {"min_fee_rate", to_json(chain.genesis().params.min_fee_rate)},
                 {"accepted", to_json(counters.accepted)},
                 {"included", to_json(counters.included)},
                 {"replaced", to_json(counters.replaced)},
                 {"evicted", to_json(counters.evicted)},
                 {"expired", to_json(counters.expired)},
                 {"refused", std::move(refused)}});
}

void Api::mempool_list(Instant, Call call) {
  if (!may_ask(call)) return;
  const ledger::Mempool& pool = node_.chain()->mempool();
  std::optional<Hash> after;
  if (!call.text("after").empty()) {
    const auto txid = parse_hex<Hash>("after", call.text("after"));
    if (!txid) return call.fail(txid.error());
    if (pool.find(*txid) == nullptr) {
      return call.fail({Code::not_found, base::format("{} waits no more", call.text("after"))});
    }
    after = *txid;
  }
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  Json list = Json::array();
  const auto waiting = pool.list(after, *limit);
  for (const auto& [tx, since] : waiting) {
    list.push_back(Json{{"txid", base::to_hex(tx->txid)},
                        {"bytes", tx->bytes},
                        {"fee", to_json(tx->tx.fee)},
                        {"since_ms", since.unix_ms},
                        {"outputs", tx->tx.outputs.size()}});
  }
  Json next = waiting.size() == *limit ? Json(base::to_hex(waiting.back().tx->txid)) : Json();
  call.done(Json{{"transactions", std::move(list)}, {"next", std::move(next)}});
}

}  // namespace kith::api
