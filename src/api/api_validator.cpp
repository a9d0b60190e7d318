// Methods about validators: what the state of the last final block holds of them.
#include <algorithm>

#include "api/call.h"
#include "base/format.h"
#include "codec/chain_address.h"

namespace kith::api {
namespace {

Json entry_view(const codec::ValidatorEntry& entry, const std::string& hrp) {
  Json unbonding = Json::array();
  for (const codec::Unbonding& part : entry.unbondings) {
    unbonding.push_back(Json{{"epoch", to_json(part.epoch)}, {"amount", to_json(part.amount)}});
  }
  return Json{{"key", base::to_hex(entry.key)},
              {"owner", codec::encode_address(hrp, entry.owner)},
              {"status", codec::name_of(entry.status)},
              {"stake", to_json(entry.stake)},
              {"weight", to_json(entry.weight)},
              {"weight_before", to_json(entry.weight_before)},
              {"joined", to_json(entry.joined)},
              {"jailed_until", to_json(entry.jailed_until)},
              {"uptime", entry.uptime},
              {"votes", entry.voted},
              {"missed", entry.missed},
              {"votes_ever", to_json(entry.voted_ever)},
              {"missed_ever", to_json(entry.missed_ever)},
              {"rewards", to_json(entry.rewards)},
              {"unbonding", std::move(unbonding)}};
}

Result<codec::ChainKey> key_of(const std::string& hex) {
  const auto bytes = base::from_hex(hex);
  codec::ChainKey key;
  if (!bytes || bytes->size() != key.size()) {
    return fail(Code::usage, base::format("\"{}\" is no validator's key of 64 hexadecimal digits",
                                          hex.substr(0, 100)));
  }
  std::ranges::copy(*bytes, key.begin());
  return key;
}

const Error no_chain{Code::unsupported, "this node keeps no chain"};

}  // namespace

void Api::validator_get(Instant, Call call) {
  const node::Chain* const chain = node_.chain();
  if (chain == nullptr) return call.fail(no_chain);
  const auto key = key_of(call.text("key"));
  if (!key) return call.fail(key.error());
  const codec::ValidatorEntry* const entry = chain->states().tip()->registry().find(*key);
  if (entry == nullptr) {
    return call.fail({Code::not_found, base::format("no validator {} is registered at height {}",
                                                    base::to_hex(*key), chain->height().value)});
  }
  Json view = entry_view(*entry, chain->genesis().params.address_hrp);
  view["height"] = to_json(chain->height().value);
  call.done(std::move(view));
}

void Api::validator_list(Instant, Call call) {
  const node::Chain* const chain = node_.chain();
  if (chain == nullptr) return call.fail(no_chain);
  const auto limit = page_limit(call);
  if (!limit) return call.fail(limit.error());
  const auto& entries = chain->states().tip()->registry().entries();
  auto at = entries.begin();
  if (call.params.contains("after")) {
    const auto after = key_of(call.text("after"));
    if (!after) return call.fail(after.error());
    at = entries.upper_bound(*after);
  }
  Json list = Json::array();
  Json next = nullptr;
  for (; at != entries.end(); ++at) {
    if (list.size() == *limit) {
      next = list.back()["key"];
      break;
    }
    list.push_back(entry_view(*at->second, chain->genesis().params.address_hrp));
  }
  call.done(Json{{"height", to_json(chain->height().value)},
                 {"total", entries.size()},
                 {"validators", std::move(list)},
                 {"next", std::move(next)}});
}

}  // namespace kith::api
