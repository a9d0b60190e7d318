// What befalls the paths of the sessions of the scenario "packet".
#include <algorithm>

#include "sim/scenario_packet_field.h"

namespace kith::sim {
namespace {

// A side that only listens hears of its new port by the keep-alive, which comes each 15 s.
constexpr Duration weather_rebind_gap = 40s;
constexpr Duration weather_move_gap = 3s;
constexpr Duration weather_mtu_gap = 10s;

double weather_share(Rng& rng, double most) { return rng.unit() * most; }
Duration weather_ms(Rng& rng, std::uint64_t most) {
  return std::chrono::milliseconds(rng.below(most + 1));
}

}  // namespace

PacketField::Weather PacketField::draw_weather(Rng& rng) {
  Weather weather;
  const std::uint64_t kind = rng.below(10);  // half of them are fair, two harsh
  weather.is_harsh = kind >= 8;
  const bool is_fair = kind < 5;
  const Duration latency = 1ms + weather_ms(rng, rng.below(4) == 0 ? 120 : 30);
  for (LinkModel& model : weather.model) {
    model.latency = latency;
    model.loss = weather_share(rng, is_fair ? 0.01 : weather.is_harsh ? 0.3 : 0.08);
    if (rng.below(2) == 0) model.jitter = weather_ms(rng, is_fair ? 2 : 15);
    if (rng.below(3) == 0) model.bandwidth_bytes_per_s = 200'000 + rng.below(8'000'000);
    if (is_fair) continue;
    if (rng.below(2) == 0) model.duplicate = weather_share(rng, 0.03);
    if (rng.below(2) == 0) model.reorder = weather_share(rng, 0.05);
    if (rng.below(2) == 0) model.corrupt = weather_share(rng, 0.01);
  }
  if (is_fair) return weather;
  weather.has_bursts = rng.below(3) == 0;
  weather.changes_mtu = rng.below(3) == 0;
  weather.has_rebinds = rng.below(3) == 0;
  weather.has_moves = rng.below(4) == 0;
  weather.mover_is_initiator = rng.below(3) != 0;
  weather.has_cuts = weather.is_harsh && rng.below(2) == 0;
  weather.heals = rng.below(6) != 0;
  return weather;
}

void PacketField::set_paths(Session& session) {
  const Weather& weather = session.weather;
  for (std::uint32_t side : {0U, 1U}) {
    LinkModel model = weather.model[side];
    if (weather.is_bursting) model.loss = 0.9;
    net_->topology().set_path(session.nodes[side], session.nodes[1 - side], model);
  }
}

void PacketField::set_mtus(Session& session) {
  const auto [a, b] = session.nodes;
  const auto draw = [&] {
    return session.weather.changes_mtu ? 1200 + session.rng.below(300) : 1472;
  };
  net_->datagrams().set_mtu(a, b, draw());
  net_->datagrams().set_mtu(b, a, draw());
}

void PacketField::blow(Session& session) {
  Weather& weather = session.weather;
  Rng& rng = session.rng;
  const Instant now = net_->now();
  if (weather.is_bursting && now >= weather.until) {
    weather.is_bursting = false;
    set_paths(session);
  }
  if (weather.cut && now >= weather.until && weather.heals) {
    net_->topology().heal(*weather.cut);
    weather.cut.reset();
  }
  const bool is_calm = !weather.is_bursting && !weather.cut;
  if (weather.has_bursts && is_calm && rng.below(10) == 0) {
    ++figures_.bursts;
    weather.is_bursting = true;
    weather.until = now + 20ms + weather_ms(rng, 300);
    set_paths(session);
  }
  if (weather.has_cuts && is_calm && rng.below(40) == 0) cut(session);
  if (weather.changes_mtu && now >= weather.mtu_after && rng.below(20) == 0) {
    weather.mtu_after = now + weather_mtu_gap;
    set_mtus(session);
  }
  if (session.was_up[0] && session.was_up[1] && !session.is_closing) change_path(session);
}

void PacketField::cut(Session& session) {
  Weather& weather = session.weather;
  Rng& rng = session.rng;
  ++figures_.cuts;
  session.was_cut = true;
  const auto from = static_cast<std::uint32_t>(rng.below(2));
  const std::array<std::uint32_t, 1> a{session.nodes[from]}, b{session.nodes[1 - from]};
  weather.cut = net_->topology().partition(a, b, rng.below(3) == 0 ? Cut::a_to_b : Cut::both_ways);
  weather.until = net_->now() + weather_ms(rng, 20'000);
}

void PacketField::change_path(Session& session) {
  Weather& weather = session.weather;
  Rng& rng = session.rng;
  const auto [a, b] = session.nodes;
  if (weather.has_rebinds && net_->now() >= weather.rebinds_after && rng.below(12) == 0) {
    ++figures_.rebinds;
    session.has_moved = true;
    weather.rebinds_after = net_->now() + weather_rebind_gap;
    net_->rebind(a, b);
  }
  if (!weather.has_moves || net_->now() < weather.moves_after || rng.below(12) != 0) return;
  ++figures_.moves;
  session.has_moved = true;
  weather.moves_after = net_->now() + weather_move_gap;
  const std::uint32_t side = weather.mover_is_initiator ? 0 : 1;
  const std::uint32_t mover = session.nodes[side], peer = session.nodes[1 - side];
  const base::SocketId socket = net_->move(mover, peer, rng.below(2) == 0);
  const packet::Connection* connection = net_->node(mover).connection(session.slots[side]);
  if (connection == nullptr) return;
  say(session, side, packet::MoveTo{packet::Path{socket, connection->path().remote}});
}

}  // namespace kith::sim
