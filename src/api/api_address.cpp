// Methods about addresses: what an address has, and what came and went.
#include <map>

#include "api/call.h"
#include "api/query.h"
#include "base/format.h"
#include "codec/chain_address.h"
#include "node/chain_index.h"
#include "node/config_text.h"

namespace kith::api {

using codec::Hash;
using codec::OutPoint;

namespace {

/// Outputs that one balance adds up; whoever has more asks for them page by page.
constexpr std::size_t balance_outputs_max = 100'000;
constexpr std::size_t scan_page = 1000;

struct Owned {
  OutPoint outpoint;
  codec::Utxo utxo;
};

/// Gives what to go on behind, if there is more.
Result<std::optional<OutPoint>> read_page(const ledger::Store& store, const Hash& lock,
                                          const std::optional<OutPoint>& after, std::size_t limit,
                                          std::vector<Owned>& found) {
  const std::vector<OutPoint> page = TRY(node::read_owned(store, lock, after, limit));
  for (const OutPoint& outpoint : page) {
    // One that was spent between the two reads is left out.
    if (const auto utxo = TRY(ledger::find_utxo(store, outpoint))) {
      found.push_back({outpoint, *utxo});
    }
  }
  return page.size() < limit ? std::nullopt : std::optional(page.back());
}

Result<void> read_all_owned(const ledger::Store& store, const Hash& lock,
                            std::vector<Owned>& found) {
  std::optional<OutPoint> after;
  while (true) {
    after = TRY(read_page(store, lock, after, scan_page, found));
    if (!after) return {};
    if (found.size() > balance_outputs_max) {
      return fail(Code::limit,
                  base::format("more than {} outputs; address.utxos gives them page by "
                               "page",
                               balance_outputs_max));
    }
  }
}

Json owned_view(const Owned& owned, const ledger::Mempool& pool) {
  const auto spender = pool.spender_of(owned.outpoint);
  Json view{{"outpoint", codec::to_text(owned.outpoint)},
            {"value", to_json(owned.utxo.output.value)},
            {"height", to_json(owned.utxo.height.value)},
            {"position", to_json(owned.utxo.position)},
            {"state", spender ? "locked" : "unspent"}};
  view["spender"] = spender ? Json(base::to_hex(*spender)) : Json();
  return view;
}

/// Outputs of transactions that wait.
void add_pending(Json& list, const Hash& lock, const ledger::Mempool& pool) {
  for (const OutPoint& outpoint : pool.outputs_of(lock)) {
    const codec::TxPtr tx = pool.find(outpoint.txid);
    const auto spender = pool.spender_of(outpoint);
    list.push_back(Json{{"outpoint", codec::to_text(outpoint)},
                        {"value", to_json(tx->tx.outputs[outpoint.index].value)},
                        {"height", nullptr},
                        {"position", nullptr},
                        {"state", spender ? "locked" : "pending"},
                        {"spender", spender ? Json(base::to_hex(*spender)) : Json()}});
  }
}

std::string to_text(const node::HistoryPlace& place) {
  return base::format("{}:{}", place.height.value, place.place);
}

Result<std::optional<node::HistoryPlace>> parse_cursor(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const std::size_t colon = text.find(':');
  const auto height = node::parse_count(text.substr(0, colon));
  const auto place = node::parse_count(colon == std::string::npos ? "" : text.substr(colon + 1));
  if (!height || !place || *place > UINT32_MAX) {
    return fail(Code::usage,
                base::format("\"before\" is a \"next\" of an answer before, not \"{}\"",
                             text.substr(0, 100)));
  }
  return node::HistoryPlace{{*height}, static_cast<std::uint32_t>(*place)};
}

/// Those that wait and pay to the lock, or spend what is its own; the newest first.
Json waiting_history(const Hash& lock, const std::vector<Owned>& owned,
                     const ledger::Mempool& pool) {
  struct Sums {
    codec::Amount received = 0;
    codec::Amount spent = 0;
  };
  std::map<Hash, Sums> sums;
  for (const OutPoint& outpoint : pool.outputs_of(lock)) {
    const codec::Amount value = pool.find(outpoint.txid)->tx.outputs[outpoint.index].value;
    sums[outpoint.txid].received += value;
    if (const auto spender = pool.spender_of(outpoint)) sums[*spender].spent += value;
  }
  for (const Owned& each : owned) {
    if (const auto spender = pool.spender_of(each.outpoint)) {
      sums[*spender].spent += each.utxo.output.value;
    }
  }
  Json list = Json::array();
  for (const auto& [txid, sum] : sums) {
    list.push_back(Json{{"txid", base::to_hex(txid)},
                        {"height", nullptr},
                        {"time_ms", nullptr},
                        {"received", to_json(sum.received)},
                        {"spent", to_json(sum.spent)},
                        {"status", "mempool"}});
  }
  return list;
}

}  // namespace

Result<std::size_t> Api::page_limit(const Call& call) {
  constexpr std::uint64_t usual = 100;
  constexpr std::uint64_t most = 1000;
  const std::uint64_t limit = call.params.contains("limit") ? call.count("limit") : usual;
  if (limit >= 1 && limit <= most) return static_cast<std::size_t>(limit);
  return fail(Code::usage, base::format("\"limit\" is 1 to {}, not {}", most, limit));
}

/// Answers the call when it cannot go on.
std::optional<Hash> Api::owner_of(const Call& call) const {
  if (!may_ask(call)) return std::nullopt;
  const node::Chain& chain = *node_.chain();
  const auto lock = codec::decode_address(chain.genesis().params.address_hrp, call.text("address"));
  if (!lock) {
    call.fail(lock.error());
    return std::nullopt;
  }
  if (!chain.is_indexed()) {
    call.fail({Code::unsupported,
               "this node has no index of addresses: chain.index is off, or was; with it on, and "
               "HOME/chain removed, it makes one while it syncs anew"});
    return std::nullopt;
  }
  return *lock;
}

void Api::address_balance(Instant now, Call call) {
  const auto lock = owner_of(call);
  if (!lock) return;
  auto owned = std::make_shared<std::vector<Owned>>();
  const std::uint64_t number = call.number;
  ask_store(
      now, number,
      [owned, lock = *lock](const ledger::Store& store) {
        return read_all_owned(store, lock, *owned);
      },
      [this, owned, lock = *lock, call = std::move(call)](const Result<void>& found,
                                                          codec::Height height) {
        if (!found) return call.fail(found.error());
        const node::Chain& chain = *node_.chain();
        codec::Amount final_sum = 0;
        codec::Amount locked = 0;
        codec::Amount pending = 0;
        for (const Owned& each : *owned) {
          final_sum += each.utxo.output.value;
          if (chain.mempool().spender_of(each.outpoint)) locked += each.utxo.output.value;
        }
        for (const OutPoint& outpoint : chain.mempool().outputs_of(lock)) {
          if (chain.mempool().spender_of(outpoint)) continue;
          pending += chain.mempool().find(outpoint.txid)->tx.outputs[outpoint.index].value;
        }
        call.done(Json{{"address", call.text("address")},
                       {"height", to_json(height.value)},
                       {"final", to_json(final_sum)},
                       {"locked", to_json(locked)},
                       {"pending", to_json(pending)},
                       {"outputs", owned->size()}});
      });
}

void Api::address_utxos(Instant now, Call call) {
  const auto lock = owner_of(call);
  if (!lock) return;
  std::optional<OutPoint> after;
  if (!call.text("after").empty()) {
    const auto outpoint = parse_outpoint("after", call.text("after"));
    if (!outpoint) return call.fail(outpoint.error());
    after = *outpoint;
  }
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  struct Page {
    std::vector<Owned> owned;
    std::optional<OutPoint> next;
  };
  auto page = std::make_shared<Page>();
  const std::uint64_t number = call.number;
  ask_store(
      now, number,
      [page, lock = *lock, after, limit = *limit](const ledger::Store& store) -> Result<void> {
        page->next = TRY(read_page(store, lock, after, limit, page->owned));
        return {};
      },
      [this, page, lock = *lock, call = std::move(call)](const Result<void>& found,
                                                         codec::Height height) {
        if (!found) return call.fail(found.error());
        const node::Chain& chain = *node_.chain();
        Json list = Json::array();
        for (const Owned& each : page->owned) list.push_back(owned_view(each, chain.mempool()));
        Json next = page->next ? Json(codec::to_text(*page->next)) : Json();
        if (!page->next) add_pending(list, lock, chain.mempool());
        call.done(Json{{"address", call.text("address")},
                       {"height", to_json(height.value)},
                       {"utxos", std::move(list)},
                       {"next", std::move(next)}});
      });
}

void Api::address_history(Instant now, Call call) {
  const auto lock = owner_of(call);
  if (!lock) return;
  const auto before = parse_cursor(call.text("before"));
  if (!before) return call.fail(before.error());
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  struct Found {
    std::vector<node::OwnerEntry> entries;
    std::vector<Json> times_ms;  // null where the block is pruned
    std::vector<Owned> owned;    // for the first page
  };
  auto all = std::make_shared<Found>();
  const bool is_first = !*before;
  const std::uint64_t number = call.number;
  const std::int64_t genesis_ms = static_cast<std::int64_t>(node_.chain()->genesis().time_ms);
  ask_store(
      now, number,
      [all, lock = *lock, before = *before, limit = *limit, is_first,
       genesis_ms](const ledger::Store& store) -> Result<void> {
        all->entries = TRY(node::read_owner_history(store, lock, before, limit));
        for (const node::OwnerEntry& entry : all->entries) {
          const auto header = TRY(node::read_header(store, entry.height));
          all->times_ms.push_back(header ? Json(header->time.unix_ms) : Json());
          if (entry.height.value == 0) all->times_ms.back() = genesis_ms;
        }
        if (is_first) TRY_VOID(read_all_owned(store, lock, all->owned));
        return {};
      },
      [this, all, lock = *lock, limit = *limit, is_first, call = std::move(call)](
          const Result<void>& found, codec::Height height) {
        if (!found) return call.fail(found.error());
        const node::Chain& chain = *node_.chain();
        Json list = Json::array();
        if (is_first) list = waiting_history(lock, all->owned, chain.mempool());
        for (std::size_t i = 0; i < all->entries.size(); ++i) {
          const node::OwnerEntry& entry = all->entries[i];
          list.push_back(Json{{"txid", base::to_hex(entry.txid)},
                              {"height", to_json(entry.height.value)},
                              {"time_ms", all->times_ms[i]},
                              {"received", to_json(entry.received)},
                              {"spent", to_json(entry.spent)},
                              {"status", "final"}});
        }
        Json next;
        if (all->entries.size() == limit) {
          next = to_text({all->entries.back().height, all->entries.back().place});
        }
        call.done(Json{{"address", call.text("address")},
                       {"height", to_json(height.value)},
                       {"history_from", to_json(chain.history_from().value)},
                       {"entries", std::move(list)},
                       {"next", std::move(next)}});
      });
}

void Api::address_validate(Instant, Call call) {
  if (!may_ask(call)) return;
  const std::string& hrp = node_.chain()->genesis().params.address_hrp;
  const auto lock = codec::decode_address(hrp, call.text("address"));
  Json view{{"address", call.text("address")}, {"is_valid", lock.has_value()}};
  view["reason"] = lock ? Json() : Json(lock.error().message);
  view["lock"] = lock ? Json(base::to_hex(*lock)) : Json();
  call.done(std::move(view));
}

}  // namespace kith::api
