#include "peer/peer_metrics.h"

namespace kith::peer {

using codec::MetricType;

void write_metrics(codec::MetricSink& sink, Instant now, const Quality& quality) {
  const QualityStats& stats = quality.stats();
  sink.begin("kith_peer_events_total", "What services said of peers, by kind.",
             MetricType::counter);
  for (std::size_t i = 0; i < stats.events.size(); ++i) {
    sink.sample(stats.events[i], {{"kind", base::name_of(static_cast<PeerEventKind>(i))}});
  }
  sink.counter("kith_peer_warnings_total", "Warnings that began.", stats.warnings);
  sink.counter("kith_peer_bans_total", "Bans that began.", stats.bans);
  sink.counter("kith_peer_group_bans_total", "Networks that were banned.", stats.group_bans);
  sink.counter("kith_peer_probes_total", "Probes sent to connected peers.", stats.probes);
  sink.counter("kith_peer_stale_total", "Peers given up for want of any traffic.", stats.stale);
  sink.counter("kith_peer_refused_total", "Connections refused to banned peers and networks.",
               stats.refused);
  sink.counter("kith_peer_forgotten_total", "Peers forgotten to make room for others.",
               stats.forgotten);
  sink.gauge("kith_peer_known", "Peers with a record.", static_cast<double>(quality.size()));
  sink.gauge("kith_peer_banned", "Peers that are banned now.",
             static_cast<double>(quality.bans(now).size()));
}

void write_metrics(codec::MetricSink& sink, const Limits& limits) {
  static constexpr std::pair<LimitVerdict, std::string_view> verdicts[] = {
      {LimitVerdict::allowed, "allowed"},
      {LimitVerdict::over_peer, "over_peer"},
      {LimitVerdict::over_kind, "over_kind"},
      {LimitVerdict::over_kind_overall, "over_kind_overall"},
      {LimitVerdict::over_all, "over_all"}};
  static_assert(std::size(verdicts) == limit_verdicts);
  sink.begin("kith_peer_limit_checks_total",
             "Messages that rate limits let pass or refused, by kind and verdict.",
             MetricType::counter);
  for (std::size_t kind = 0; kind < limits.config().kinds.size(); ++kind) {
    for (const auto& [verdict, name] : verdicts) {
      sink.sample(limits.counted(verdict)[kind],
                  {{"kind", limits.config().kinds[kind].name}, {"verdict", name}});
    }
  }
}

void write_metrics(codec::MetricSink& sink, Instant now, const Breakers& breakers) {
  const BreakerStats& stats = breakers.stats();
  sink.counter("kith_breaker_failures_total", "Requests to peers that were not answered.",
               stats.failures);
  sink.counter("kith_breaker_openings_total", "Circuit breakers that opened, each time.",
               stats.openings);
  sink.counter("kith_breaker_refused_total", "Requests not made because a breaker was open.",
               stats.refused);
  sink.begin("kith_breaker_open", "Breakers that are not closed, of a peer's service or of all.",
             MetricType::gauge);
  sink.sample(breakers.open_peers(now), {{"of", "peer"}});
  sink.sample(breakers.open_services(now), {{"of", "service"}});
}

}  // namespace kith::peer
