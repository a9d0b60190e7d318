#include "sim/scenario_packet_field.h"

#include <algorithm>

#include "base/format.h"
#include "sim/trace_hash.h"

namespace kith::sim {
namespace {

constexpr std::uint32_t field_tick_action = ~0U;
constexpr Duration field_tick_period = 100ms;
constexpr std::uint32_t field_attack_packets = 20;
/// Whatever happens, an end knows by then.
constexpr Duration field_session_ends_by = 15min;
constexpr Duration field_crash_noticed_by = 2min;
/// A handshake that nobody goes on with is over by then.
constexpr Duration field_stranger_stays = 45s;
constexpr std::uint64_t field_rotate_bytes = 300'000;
/// Unimportant messages may wait for more important things that long on a slow path.
constexpr Duration field_assembly_timeout = 15min;

}  // namespace

PacketField::PacketField(const PacketFieldConfig& config)
    : config_(config),
      complain_([this](const char* invariant, std::string what) {
        complain(invariant, std::move(what));
      }),
      pattern_(config.seed),
      rng_(mix_words(config.seed, 4)) {
  net_config_ = {.nodes = config.nodes, .seed = config.seed, .node = {}, .is_tapped = true};
  net_config_.node.rotate_bytes = field_rotate_bytes;
  net_config_.node.endpoint.packet.services.stream_queue_bytes_max = 256 * 1024;
  net_config_.node.endpoint.packet.services.assembly_timeout = field_assembly_timeout;
  net_ = std::make_unique<PacketNet>(net_config_, static_cast<PacketApp&>(*this));
  attacker_ = std::make_unique<PacketAttacker>(*net_);
  // Pairs are used one at a time.
  const std::uint32_t most = config.nodes * (config.nodes - 1) / 4;
  sessions_.resize(std::max<std::uint32_t>(1, std::min(config.at_once, most)));
  pairs_.resize(std::size_t{config.nodes} * config.nodes);
  net_->on_restless = [this](std::uint32_t node) {
    current_ = ~0U;
    complain("what is due is done", base::format("node {} has a deadline that stays", node));
  };
  net_->on_action = [this](std::uint32_t payload, std::uint32_t link) {
    if (payload == field_tick_action) return on_tick();
    if (sessions_[payload].play != nullptr && sessions_[payload].generation == link) {
      on_chore(payload);
    }
  };
}

PacketField::~PacketField() = default;

void PacketField::complain(const char* invariant, std::string what) {
  ++figures_.violations;
  if (violations_.size() >= violations_max) return;
  if (current_ < sessions_.size()) {
    const Session& session = sessions_[current_];
    what += base::format(" (session {} of nodes {} and {})", current_, session.nodes[0],
                         session.nodes[1]);
  }
  violations_.push_back({invariant, std::move(what), net_->now()});
}

void PacketField::run() {
  began_ = net_->now();
  net_->at(net_->now(), field_tick_action, 0);
  net_->run(Instant::max(), [&] { return !has_sessions_left() && active_ == 0; });
  is_over_ = true;
  net_->run(net_->now() + 2min, [] { return false; });
  current_ = ~0U;
  check_left_over();
}

void PacketField::on_tick() {
  if (is_over_) return;
  current_ = ~0U;
  for (std::uint32_t place = 0; place < sessions_.size() && has_sessions_left(); ++place) {
    if (sessions_[place].play == nullptr) begin(place);
  }
  if (config_.has_attacks) attacker_->attack(field_attack_packets);
  const auto pause = static_cast<std::uint64_t>(config_.restart_pause / field_tick_period);
  if (pause > 0 && has_sessions_left() && rng_.below(pause) == 0) {
    restart(static_cast<std::uint32_t>(rng_.below(config_.nodes)));
  }
  check_bounds();
  net_->at(net_->now() + field_tick_period, field_tick_action, 0);
}

// --- nodes say -----------------------------------------------------------------------------------

void PacketField::on_up(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t tag,
                        Direction direction, const secure::SessionEstablished& established) {
  const bool is_initiator = direction == Direction::outbound;
  std::uint32_t place = tag / 2;
  if (!is_initiator) {
    const auto known = ids_.find(established.id);
    if (known == ids_.end()) {
      complain("both ends have the same session",
               base::format("node {} has one that no initiator has", node.index()));
      return;
    }
    place = known->second;
    node.set_tag(slot, tag_of(place, 1));
  }
  current_ = place;
  Session& session = sessions_[place];
  const std::uint32_t side = is_initiator ? 0 : 1;
  if (session.nodes[side] != node.index() || session.was_up[side]) {
    complain("both ends have the same session",
             base::format("side {} at node {}, up for the second time: {}", side, node.index(),
                          session.was_up[side]));
    return;
  }
  if (side == 1 && session.crashed_at && !session.is_over[0]) {
    // It restarted before it had heard a HELLO to the end, and then it did: it goes on.
    session.crashed_at.reset();
    session.is_excused = true;
  }
  session.was_up[side] = true;
  session.slots[side] = slot;
  session.id[side] = established.id;
  if (is_initiator) ids_[established.id] = place;
  if (!(established.peer == net_->node(session.nodes[1 - side]).peer()) ||
      session.ending == Ending::impostor) {
    complain("nobody is taken for another", base::format("side {}", side));
  }
  if (is_initiator && established.is_resumed) ++figures_.resumed;
  session.play->on_up(side, node, slot);
}

void PacketField::on_service(PacketNode&, packet::ConnectionSlot, std::uint32_t tag,
                             packet::ServicesOutput& output) {
  if (tag == PacketNode::no_tag) return;
  current_ = tag / 2;
  sessions_[current_].play->on_service(net_->now(), tag % 2, output);
}

void PacketField::on_end(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t tag,
                         const std::optional<Error>& error) {
  count(node, slot);
  if (tag == PacketNode::no_tag) {
    ++figures_.strangers;
    return;
  }
  current_ = tag / 2;
  Session& session = sessions_[current_];
  const std::uint32_t side = tag % 2;
  figures_.rotations += side == 0 ? node.rotations(slot) : 0;
  session.is_over[side] = true;
  if (side == 0) {
    session.slots[0] = slot;
    session.initiator_over_at = net_->now();
  }
  session.play->on_end(side, error);
  judge_end(session, side, error);
}

void PacketField::count(const PacketNode& node, packet::ConnectionSlot slot) {
  const packet::Connection* connection = node.connection(slot);
  if (connection == nullptr) return;
  const packet::ConnectionStats stats = connection->stats();
  figures_.packets_sent += stats.packets_sent;
  figures_.packets_lost += stats.recovery.packets_lost;
  figures_.packets_spurious += stats.recovery.packets_spurious;
  figures_.packets_resent += stats.packets_resent;
  figures_.packets_dropped += stats.packets_dropped;
  figures_.path_changes += stats.path_changes;
}

void PacketField::judge_end(Session& session, std::uint32_t side,
                            const std::optional<Error>& error) {
  if (!error) return;
  session.has_failed[side] = true;
  if (error->message.find("does not know this connection") != std::string::npos) {
    ++figures_.resets;
  }
  if (session.ending == Ending::impostor) {
    ++figures_.wrong_identities;
    return;
  }
  const bool is_fault = error->code != Code::timeout && error->code != Code::reset &&
                        error->code != Code::canceled && error->code != Code::closed;
  const bool is_excused = session.is_excused || session.was_cut || session.weather.is_harsh ||
                          session.crashed_at.has_value();
  const bool is_forgiven = config_.forgives_moves && error->code == Code::timeout &&
                           (session.has_moved || (session.is_resumption && !session.was_up[1]));
  if (is_fault) {
    complain("peers speak as they should", to_string(*error));
  } else if (!is_excused && is_forgiven) {
    ++figures_.forgiven;
  } else if (!is_excused) {
    complain("sessions fail for a cause",
             base::format("side {}{}: {}; {}", side, session.is_closing ? ", closing" : "",
                          to_string(*error), describe(session)));
  }
}

std::string PacketField::describe(const Session& session) const {
  const Weather& weather = session.weather;
  return base::format(
      "{} s old{}{}; loss {:.3f} {:.3f}, {} ms, jitter {} {}, {} {} B/s{}{}{}{}{}",
      base::to_ms(net_->now() - session.began) / 1000,
      session.is_resumption ? ", a resumption" : "",
      session.was_up[1] ? "" : ", never up at side 1", weather.model[0].loss, weather.model[1].loss,
      base::to_ms(weather.model[0].latency), base::to_ms(weather.model[0].jitter),
      base::to_ms(weather.model[1].jitter), weather.model[0].bandwidth_bytes_per_s,
      weather.model[1].bandwidth_bytes_per_s, weather.has_bursts ? ", bursts" : "",
      weather.has_rebinds ? ", rebinds" : "", weather.has_moves ? ", moves" : "",
      weather.changes_mtu ? ", mtu" : "", weather.mover_is_initiator ? "" : " of side 1");
}

// --- sessions ------------------------------------------------------------------------------------

void PacketField::begin(std::uint32_t place) {
  for (int tries = 0; tries < 100; ++tries) {
    const auto a = static_cast<std::uint32_t>(rng_.below(config_.nodes));
    const auto b = static_cast<std::uint32_t>(rng_.below(config_.nodes));
    if (a == b || pairs_[std::size_t{std::min(a, b)} * config_.nodes + std::max(a, b)]) continue;
    return begin_between(place, a, b, false);
  }
}

void PacketField::begin_between(std::uint32_t place, std::uint32_t a, std::uint32_t b,
                                bool is_resumption) {
  Session& session = sessions_[place];
  const std::uint32_t generation = session.generation + 1;
  session = {};
  session.generation = generation;
  session.nodes = {a, b};
  session.began = net_->now();
  session.is_resumption = is_resumption;
  session.rng = SeededRng(mix_words(config_.seed, mix_words(5, figures_.begun)));
  pairs_[std::size_t{std::min(a, b)} * config_.nodes + std::max(a, b)] = true;
  ++figures_.begun;
  ++active_;
  current_ = place;
  draw(session);
  set_paths(session);
  set_mtus(session);
  std::optional<PeerId> expected;
  if (session.ending == Ending::impostor) {
    expected = net_->node((b + 1) % config_.nodes).peer();
    if (*expected == net_->node(a).peer()) expected = net_->node((b + 2) % config_.nodes).peer();
  } else if (is_resumption || session.rng.below(4) == 0) {
    expected = net_->node(b).peer();
  }
  if (is_resumption) {
    ++figures_.resumptions_asked;
    net_->move(a, b, session.rng.below(2) == 0);
  }
  net_->node(a).dial(net_->now(), tag_of(place, 0), net_->path(a, b), std::move(expected));
  net_->turn(a);
  net_->at(net_->now() + 20ms, place, generation);
}

/// What it is to carry, how it is to end, what befalls its path.
void PacketField::draw(Session& session) {
  Rng& rng = session.rng;
  PacketPlan plan{.bytes = config_.bytes + rng.below(config_.bytes / 8 + 1),
                  .streams = static_cast<std::uint32_t>(1 + rng.below(6)),
                  .messages = static_cast<std::uint32_t>(rng.below(40)),
                  .datagrams = static_cast<std::uint32_t>(rng.below(40)),
                  .resets = rng.below(4) == 0,
                  .reads_slowly = rng.below(6) == 0,
                  .is_canary = config_.is_canary && figures_.begun == 1};
  session.play =
      std::make_unique<PacketPlay>(pattern_, plan, rng.next(), figures_.totals, complain_);
  session.weather = draw_weather(rng);
  session.closer = static_cast<std::uint32_t>(rng.below(2));
  session.wants_resumption = rng.below(8) == 0;
  const std::uint64_t ending = config_.is_canary ? 50 : rng.below(100);
  if (ending < 2) session.ending = Ending::abort;
  if (ending >= 2 && ending < 5) session.ending = Ending::early;
  if (ending >= 5 && ending < 6 && !session.is_resumption) session.ending = Ending::impostor;
  if (ending >= 60) session.ending = Ending::both_close;
}

bool PacketField::is_finished(const Session& session) const {
  if (!session.is_over[0]) return false;
  if (session.is_over[1]) return true;
  // The other side may have never heard of it, or not have its keys yet.
  return !session.was_up[1] && session.initiator_over_at &&
         net_->now() - *session.initiator_over_at > field_stranger_stays;
}

void PacketField::finish(std::uint32_t place) {
  Session& session = sessions_[place];
  const bool has_failed = session.has_failed[0] || session.has_failed[1];
  const bool is_whole = session.play->is_complete() && session.is_closing;
  if (is_whole) ++figures_.whole;
  if (!session.was_up[0]) ++figures_.never_up;
  if (session.ending == Ending::abort) ++figures_.aborted;
  if (session.ending == Ending::early) ++figures_.closed_early;
  if (has_failed && !is_whole && session.ending != Ending::abort) ++figures_.failed;
  if (session.id[0] && session.id[1] && *session.id[0] != *session.id[1]) {
    complain("both ends have the same session", "their ids differ");
  }
  for (const auto& id : session.id) {
    if (id) ids_.erase(*id);
  }
  if (session.weather.cut) net_->topology().heal(*session.weather.cut);
  session.play.reset();
  --active_;
  const auto [a, b] = session.nodes;
  pairs_[std::size_t{std::min(a, b)} * config_.nodes + std::max(a, b)] = false;
  if (session.wants_resumption && is_whole && !has_failed && has_sessions_left()) {
    begin_between(place, a, b, true);
  }
}

void PacketField::on_chore(std::uint32_t place) {
  Session& session = sessions_[place];
  current_ = place;
  if (is_finished(session)) return finish(place);
  const Instant now = net_->now();
  const bool is_late = now - session.began > field_session_ends_by ||
                       (session.crashed_at && now - *session.crashed_at > field_crash_noticed_by);
  if (is_late) {
    complain("all sessions end",
             base::format("up {} {}, over {} {}, closing {}, crashed {}", session.was_up[0],
                          session.was_up[1], session.is_over[0], session.is_over[1],
                          session.is_closing, session.crashed_at.has_value()));
    session.is_excused = true;
    session.crashed_at.reset();
    session.began = now;
    for (std::uint32_t side : {0U, 1U}) {
      say(session, side, packet::AbortConnection{Code::canceled, "too late"});
    }
  }
  blow(session);
  session.play->on_chore(now);
  act(session);
  for (const std::uint32_t node : session.nodes) net_->turn(node);
  net_->at(now + std::chrono::milliseconds(20 + session.rng.below(180)), place, session.generation);
}

void PacketField::say(Session& session, std::uint32_t side, packet::Connection::Input input) {
  if (!session.was_up[side] || session.is_over[side]) return;
  net_->node(session.nodes[side]).say(net_->now(), session.slots[side], std::move(input));
}

/// What the two processes do beside talking.
void PacketField::act(Session& session) {
  Rng& rng = session.rng;
  const auto side = static_cast<std::uint32_t>(rng.below(2));
  if (rng.below(12) == 0 && session.was_up[side] && !session.is_over[side]) {
    net_->node(session.nodes[side]).rotate(net_->now(), session.slots[side]);
  }
  const bool is_up = session.was_up[0] && session.was_up[1];
  if (!is_up || session.is_closing) return;
  const bool ends_early = session.ending == Ending::early || session.ending == Ending::abort;
  if (session.play->is_complete() || (ends_early && rng.below(8) == 0)) end_session(session);
}

void PacketField::end_session(Session& session) {
  session.is_closing = true;
  if (session.ending == Ending::abort) {
    session.is_excused = true;
    session.play->stop();
    return say(session, session.closer, packet::AbortConnection{Code::canceled, "enough of it"});
  }
  if (session.ending == Ending::early) {
    session.is_excused = true;  // what is not acknowledged in time
    session.play->stop();
  }
  say(session, session.closer, packet::CloseConnection{});
  if (session.ending == Ending::both_close) {
    say(session, 1 - session.closer, packet::CloseConnection{});
  }
}

// --- the field -----------------------------------------------------------------------------------

void PacketField::restart(std::uint32_t node) {
  ++figures_.restarts;
  for (Session& session : sessions_) {
    if (session.play == nullptr) continue;
    for (std::uint32_t side : {0U, 1U}) {
      if (session.nodes[side] != node) continue;
      if (session.is_over[side]) {
        session.is_excused = true;  // TIME_WAIT is forgotten too
        continue;
      }
      session.crashed_at = net_->now();
      session.play->on_crash(side);
      const bool is_known = session.was_up[side] || side == 0;
      if (is_known) session.is_over[side] = true;
      if (side == 0) session.initiator_over_at = net_->now();
    }
  }
  net_->restart(node);
}

void PacketField::check_bounds() {
  const packet::EndpointConfig& limits = net_config_.node.endpoint;
  for (std::uint32_t index = 0; index < config_.nodes; ++index) {
    PacketNode& node = net_->node(index);
    const std::size_t count = node.endpoint().connection_count();
    figures_.connections_max = std::max<std::uint64_t>(figures_.connections_max, count);
    if (count > limits.connections_max || node.session_count() > count) {
      complain("limits hold", base::format("node {}: {} connections, {} sessions", index, count,
                                           node.session_count()));
    }
  }
  const packet::ServicesConfig& services = limits.packet.services;
  for (std::uint32_t place = 0; place < sessions_.size(); ++place) {
    Session& session = sessions_[place];
    for (std::uint32_t side : {0U, 1U}) {
      if (!session.was_up[side] || session.is_over[side] || session.play == nullptr) continue;
      packet::Services* own = net_->node(session.nodes[side]).services(session.slots[side]);
      if (own == nullptr) continue;
      const packet::Services::Held held = own->held();
      const bool holds = held.streams <= 2 * services.streams_max &&
                         held.messages_assembled <= services.messages_assembled_max &&
                         held.messages_out <= services.messages_sent_max &&
                         held.sent <= held.sent_limit && held.received <= held.received_limit &&
                         held.returned <= held.received &&
                         held.received - held.returned <= services.window_max;
      current_ = place;
      if (!holds) complain("limits hold", base::format("of services at side {}", side));
    }
  }
  current_ = ~0U;
}

void PacketField::check_left_over() {
  for (std::uint32_t index = 0; index < config_.nodes; ++index) {
    PacketNode& node = net_->node(index);
    const std::size_t count = node.endpoint().connection_count();
    if (count == 0 && node.session_count() == 0) continue;
    complain("nothing is left", base::format("node {}: {} connections, {} sessions", index, count,
                                             node.session_count()));
  }
  net_->release_delivered();
  if (net_->datagrams().buffer_bytes() > 0) {
    complain("nothing is left",
             base::format("{} bytes under way", net_->datagrams().buffer_bytes()));
  }
}

}  // namespace kith::sim
