// What the node knows, as JSON. Internal to api. Keys of parts that do not exist yet are null.
#pragma once

#include "api/api.h"
#include "api/json.h"

namespace kith::api {

Json status_view(const node::Node& node, const Surroundings& surroundings, Instant now);
Json stats_view(const node::Node& node, const Surroundings& surroundings);
/// Totals since the last reset, rates, and timings: every metric as a row.
Json figures_view(const node::StatsHistory& history, const std::vector<node::Figure>& figures,
                  Instant now);
/// One entry of `peers list`.
Json peer_view(const node::Node& node, const host::PeerInfo& peer, Instant now);
/// The same and more: connections, addresses known, when.
Json peer_details_view(const node::Node& node, const host::PeerInfo& peer, Instant now);
/// What is known of a peer's conduct; null for one never heard of.
Json quality_view(const node::Node& node, const PeerId& peer, Instant now);
Json ban_view(const PeerId& peer, const peer::Ban& ban, Instant now);
Json block_view(const node::StoredBlock& stored);
Json perf_view(const host::PerfResult& result);
Json config_view(const std::vector<node::EffectiveSetting>& settings);
Json methods_view();
std::string_view name_of(Direction direction);
/// Milliseconds with three decimals.
Json ms_view(Duration duration);
Json strings(const std::vector<codec::Multiaddr>& addresses);

}  // namespace kith::api
