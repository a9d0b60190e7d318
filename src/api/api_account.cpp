// Methods about accounts: what the state of the last final block holds of them.
#include <algorithm>

#include "api/call.h"
#include "base/format.h"
#include "codec/account_name.h"
#include "codec/chain_address.h"
#include "ledger/accounts.h"

namespace kith::api {
namespace {

const Error no_chain{Code::unsupported, "this node keeps no chain"};

Json account_view(const codec::AccountId& id, const codec::AccountEntry& entry,
                  const std::string& hrp) {
  const auto hex_or_null = [](const codec::Hash& hash) -> Json {
    return hash == codec::Hash{} ? Json(nullptr) : Json(base::to_hex(hash));
  };
  Json unbonding = Json::array();
  for (const codec::Unbonding& part : entry.unbondings) {
    unbonding.push_back(Json{{"epoch", to_json(part.epoch)}, {"amount", to_json(part.amount)}});
  }
  Json workers = Json::array();
  for (const codec::ChainKey& key : entry.workers) workers.push_back(base::to_hex(key));
  return Json{{"account", base::to_hex(id)},
              {"name", entry.name.empty() ? Json(nullptr) : Json(entry.name)},
              {"key", base::to_hex(entry.key)},
              {"address", codec::encode_address(hrp, entry.lock)},
              {"is_closed", entry.is_closed()},
              {"bond", to_json(entry.bond)},
              {"held", to_json(entry.held)},
              {"earned", to_json(entry.earned)},
              {"unbonding", std::move(unbonding)},
              {"is_team", entry.is_team},
              {"team", hex_or_null(entry.team)},
              {"seal", hex_or_null(entry.seal)},
              {"sealed", entry.seal == codec::Hash{} ? Json(nullptr) : to_json(entry.sealed.value)},
              {"workers", std::move(workers)}};
}

std::optional<codec::AccountId> id_of(const std::string& hex) {
  const auto bytes = base::from_hex(hex);
  codec::AccountId id;
  if (!bytes || bytes->size() != id.size()) return std::nullopt;
  std::ranges::copy(*bytes, id.begin());
  return id;
}

/// By id, or by a name that looks like the account's.
Result<codec::AccountId> account_named(const ledger::Entries& entries, const std::string& text) {
  if (const auto id = id_of(text)) return *id;
  const std::string name = codec::fold_name(text.substr(0, 100));
  if (const auto checked = codec::check_name(name); !checked) {
    return fail(Code::usage, checked.error().message);
  }
  const auto entry = ledger::find_name(entries, name);
  if (entry && entry->free_from.value == 0) return entry->account;
  return fail(Code::not_found, base::format("no account has the name {}", name));
}

}  // namespace

void Api::account_get(Instant, Call call) {
  const node::Chain* const chain = node_.chain();
  if (chain == nullptr) return call.fail(no_chain);
  const ledger::Entries& entries = chain->states().tip()->registry().by_kind();
  const auto id = account_named(entries, call.text("account"));
  if (!id) return call.fail(id.error());
  const auto entry = ledger::find_account(entries, *id);
  if (!entry) {
    return call.fail({Code::not_found, base::format("no account {} at height {}", base::to_hex(*id),
                                                    chain->height().value)});
  }
  Json view = account_view(*id, *entry, chain->genesis().params.address_hrp);
  view["height"] = to_json(chain->height().value);
  call.done(std::move(view));
}

void Api::account_list(Instant, Call call) {
  const node::Chain* const chain = node_.chain();
  if (chain == nullptr) return call.fail(no_chain);
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  std::optional<codec::AccountId> after;
  if (call.params.contains("after")) {
    after = id_of(call.text("after"));
    if (!after) {
      return call.fail({Code::usage, "after: an account's id of 64 hexadecimal digits"});
    }
  }
  Json list = Json::array();
  Json next = nullptr;
  const auto see = [&](ByteView id, const std::shared_ptr<const Bytes>& bytes) {
    if (after && !std::ranges::lexicographical_compare(*after, id)) return true;
    if (list.size() == *limit) {
      next = list.back()["account"];
      return false;
    }
    const auto entry = codec::decode_account(*bytes);
    ASSERT(entry);
    codec::AccountId account;
    std::ranges::copy(id, account.begin());
    list.push_back(account_view(account, *entry, chain->genesis().params.address_hrp));
    return true;
  };
  chain->states().tip()->registry().by_kind().visit(codec::EntryKind::account, {}, see);
  call.done(Json{{"height", to_json(chain->height().value)},
                 {"accounts", std::move(list)},
                 {"next", std::move(next)}});
}

}  // namespace kith::api
