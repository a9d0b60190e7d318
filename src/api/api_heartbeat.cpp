// Signs of life of validators outside the active set: validator.heartbeats.
#include <algorithm>

#include "api/call.h"
#include "api/views.h"
#include "base/format.h"

namespace kith::api {

void Api::validator_heartbeats(Instant now, Call call) {
  const node::Heartbeats* const heartbeats = node_.heartbeats();
  if (heartbeats == nullptr) {
    return call.fail({Code::unsupported, "this node keeps no chain"});
  }
  const std::string wanted = call.text("key");
  Json list = Json::array();
  for (const node::HeartbeatRow& row : heartbeats->rows(now)) {
    const std::string key = base::to_hex(row.key);
    if (!wanted.empty() && wanted != key) continue;
    Json view{{"key", key},
              {"is_online", row.is_online},
              {"missed", to_json(row.missed)},
              {"witnesses", row.witnesses}};
    view["attested_slot"] = row.attested_slot ? to_json(*row.attested_slot) : Json(nullptr);
    view["slot"] = row.last ? to_json(row.last->slot) : Json(nullptr);
    view["height"] = row.last ? to_json(row.last->height.value) : Json(nullptr);
    view["digest"] = row.last ? Json(base::to_hex(row.last->digest)) : Json(nullptr);
    view["heard_ms_ago"] = row.heard ? ms_view(now - *row.heard) : Json(nullptr);
    list.push_back(std::move(view));
  }
  if (!wanted.empty() && list.empty()) {
    return call.fail({Code::not_found,
                      base::format("no registered validator outside the active set has the key {}; "
                                   "those in it give signs of life by voting",
                                   wanted.substr(0, 2 * sizeof(codec::ValidatorKey)))});
  }
  call.done(Json{{"slot", to_json(heartbeats->slot(now))},
                 {"interval_ms", ms_view(heartbeats->config().interval)},
                 {"witnesses_needed", heartbeats->needed()},
                 {"validators", std::move(list)}});
}

}  // namespace kith::api
