#include "sim/scenario_gossip_net.h"

#include <algorithm>

#include "codec/peer_id.h"

namespace kith::sim {
namespace {

constexpr Duration mesh_forms_in = 10s;
constexpr std::size_t number_bytes = 8;

Bytes body_of(std::size_t number, std::size_t size) {
  Bytes body(std::max(size, number_bytes));
  for (std::size_t i = 0; i < number_bytes; ++i) {
    body[i] = static_cast<std::uint8_t>(std::uint64_t{number} >> (8 * i));
  }
  return body;
}

std::optional<std::size_t> number_of(ByteView body) {
  if (body.size() < number_bytes) return std::nullopt;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < number_bytes; ++i) number |= std::uint64_t{body[i]} << (8 * i);
  return static_cast<std::size_t>(number);
}

Duration draw_below(Rng& rng, Duration span) {
  if (span <= Duration{0}) return Duration{0};
  return Duration(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(span.count()))));
}

}  // namespace

GossipNetConfig usual_gossip_net(std::uint32_t nodes, std::uint64_t seed) {
  GossipNetConfig config;
  config.nodes = nodes;
  config.world.seed = seed;
  config.world.link = {.latency = 40ms, .jitter = 2ms};
  config.node.host.agent_version = "kith-simulated";
  config.node.host.book.peers_max = 64;
  config.node.gossip.mesh = {.d = 8, .d_lo = 6, .d_hi = 12, .d_score = 6, .d_out = 3};
  // The peers of a quiet network are the ones that were dialled.
  config.node.host.peers_min = 1;
  config.node.host.feeler_interval = Duration{0};
  config.node.peer_exchange.interval = Duration{0};
  config.node.ping.interval = 60s;
  config.node.quality.health.probe_interval = 60s;
  return config;
}

double GossipTally::latency_ms(double quantile) {
  if (took_us.empty()) return 0;
  std::sort(took_us.begin(), took_us.end());
  const auto last = static_cast<double>(took_us.size() - 1);
  return took_us[static_cast<std::size_t>(quantile * last)] / 1000.0;
}

GossipNet::GossipNet(GossipNetConfig config)
    : config_(std::move(config)),
      world_(config_.world),
      started_at_(config_.nodes, Instant::max()) {
  SeededRng key_rng(config_.world.seed ^ 0x6b657973);
  for (std::uint32_t i = 0; i < config_.nodes; ++i) {
    keys_.push_back(crypto::KeyPair::generate(key_rng));
    index_of_.emplace(codec::peer_id_of(keys_.back().public_key()), i);
  }
  for (std::uint32_t i = 0; i < config_.nodes; ++i) add_node(i);
  world_.set_after_turn([this](std::uint32_t index, host::WorldMachine& machine, Instant now) {
    take_reports(index, static_cast<SimulatedNode&>(machine).node(), now);
  });
}

Instant GossipNet::ready_at() const {
  return Instant{} + config_.liars_head_start + config_.starts_in + config_.joins_in +
         mesh_forms_in;
}

void GossipNet::add_node(std::uint32_t index) {
  Rng& rng = world_.rng();
  NodeOptions options;
  options.region = static_cast<Region>(rng.below(regions_count));
  options.uplink_bytes_per_s =
      rng.unit() < config_.fast_share ? config_.fast_uplink : config_.slow_uplink;
  options.start = false;
  world_.add_node(
      [this](NodeContext& context) -> std::unique_ptr<host::WorldMachine> {
        gossip::Subscribe wanted{config_.topic, {}};
        wanted.options.has_validator = !is_honest(context.index);
        return std::make_unique<SimulatedNode>(
            node_config(context.index), keys_[context.index], context,
            [wanted](node::Node& node, Instant now) { node.on_command(now, wanted); });
      },
      options);
  const Duration late = is_honest(index) ? config_.liars_head_start : Duration{0};
  const Duration start_after = late + draw_below(rng, config_.starts_in);
  const Duration dial_after = late + config_.starts_in + draw_below(rng, config_.joins_in);
  world_.after(start_after, [this, index] {
    world_.start(index);
    started_at_[index] = world_.now();
  });
  world_.after(dial_after, [this, index] { dial_some(index); });
}

node::NodeConfig GossipNet::node_config(std::uint32_t index) const {
  node::NodeConfig config = config_.node;
  config.host.listen = {scenario_address(index)};
  if (!is_honest(index) && config_.lie == Lie::announces_only) {
    config.gossip.relay.lazy_above = config.gossip.relay.eager_below = -1;
    config.gossip.relay.samples_min = 0;
    config.gossip.message_cache.retransmissions_max = 0;
  }
  return config;
}

std::vector<std::uint32_t> GossipNet::draw_targets(std::uint32_t index) {
  const bool of_liars = is_honest(index) && config_.honest_dial_liars;
  const std::uint32_t among = of_liars ? config_.nodes : honest();
  const std::size_t wanted = is_honest(index) ? config_.dials : config_.liar_dials;
  const std::size_t others = among - (index < among ? 1 : 0);
  std::vector<std::uint32_t> targets;
  if (!is_honest(index) && config_.prey) targets.push_back(*config_.prey);
  while (targets.size() < std::min(wanted, others)) {
    const auto target = static_cast<std::uint32_t>(world_.rng().below(among));
    if (target == index || std::ranges::find(targets, target) != targets.end()) continue;
    targets.push_back(target);
  }
  return targets;
}

void GossipNet::dial_some(std::uint32_t index) {
  if (!world_.is_up(index)) return;
  for (const std::uint32_t target : draw_targets(index)) {
    const PeerId peer = codec::peer_id_of(keys_[target].public_key());
    world_.mutate(index, [&](host::WorldMachine& machine, Instant now) {
      auto& node = static_cast<SimulatedNode&>(machine).node();
      node.on_command(now, node::Connect{Token{1}, peer, {scenario_address(target)}});
    });
  }
}

const node::Node* GossipNet::node(std::uint32_t index) {
  host::WorldMachine* machine = world_.machine(index);
  return machine == nullptr ? nullptr : &static_cast<SimulatedNode*>(machine)->node();
}

void GossipNet::crash(std::uint32_t index, CrashKind kind) {
  if (!world_.is_up(index)) return;
  add_stats(gone_, index);
  world_.crash(index, kind);
  started_at_[index] = Instant::max();
}

void GossipNet::start(std::uint32_t index) {
  world_.start(index);
  started_at_[index] = world_.now();
  world_.after(1s, [this, index] { dial_some(index); });
}

void GossipNet::churn(double share_a_minute, Duration down_for, Instant from, Instant until) {
  const double a_minute = share_a_minute * honest();
  const Duration period(static_cast<std::int64_t>(6e10 / std::max(a_minute, 1e-3)));
  for (Instant at = from; at < until; at += period) {
    world_.at(at, [this, down_for] {
      const auto node = static_cast<std::uint32_t>(world_.rng().below(honest()));
      if (!world_.is_up(node)) return;
      crash(node, CrashKind::process);
      world_.after(down_for, [this, node] { start(node); });
    });
  }
}

// --- messages ------------------------------------------------------------------------------------

bool GossipNet::is_settled(std::uint32_t index, Instant at) const {
  return started_at_[index] != Instant::max() && started_at_[index] + config_.settled <= at;
}

void GossipNet::publish(std::uint32_t from, bool counts) {
  const std::size_t number = sent_.size();
  sent_.push_back({world_.now(), from, counts, std::vector<std::uint32_t>(config_.nodes, never)});
  const Buffer body(body_of(number, config_.message_bytes));
  world_.mutate(from, [&](host::WorldMachine& machine, Instant now) {
    auto& node = static_cast<SimulatedNode&>(machine).node();
    node.on_command(now, gossip::Publish{Token{number}, config_.topic, body, {}});
  });
  world_.after(config_.grace, [this, number] { judge(number); });
}

void GossipNet::publish_somewhere(bool counts) {
  constexpr int tries = 1000;
  for (int i = 0; i < tries; ++i) {
    const auto from = static_cast<std::uint32_t>(world_.rng().below(honest()));
    if (is_settled(from, world_.now())) return publish(from, counts);
  }
}

void GossipNet::publish_every(Duration period, Instant from, Instant until, bool counts) {
  for (Instant at = from; at < until; at += period) {
    world_.at(at, [this, counts] { publish_somewhere(counts); });
  }
}

void GossipNet::take_reports(std::uint32_t index, node::Node& node, Instant) {
  std::vector<gossip::Validated> verdicts;
  while (auto report = node.poll_report()) {
    if (const auto* deliver = std::get_if<gossip::Deliver>(&*report)) {
      on_deliver(index, deliver->message);
    } else if (const auto* validate = std::get_if<gossip::Validate>(&*report)) {
      verdicts.push_back({validate->token, verdict_of_liar(validate->message)});
    }
  }
  if (verdicts.empty()) return;
  world_.mutate(index, [&](host::WorldMachine& machine, Instant now) {
    auto& liar = static_cast<SimulatedNode&>(machine).node();
    for (const auto& verdict : verdicts) liar.on_command(now, verdict);
  });
}

void GossipNet::on_deliver(std::uint32_t index, const gossip::Message& message) {
  const auto number = number_of(message.data.view());
  ASSERT(number && *number < sent_.size());
  Sent& sent = sent_[*number];
  if (index == sent.from || !is_honest(index)) return;
  ++deliveries_;
  if (sent.took_us.empty()) return;
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(world_.now() - sent.at).count();
  sent.took_us[index] = static_cast<std::uint32_t>(took);
}

gossip::Verdict GossipNet::verdict_of_liar(const gossip::Message& message) const {
  switch (config_.lie) {
    case Lie::forwards_nothing: return gossip::Verdict::ignore;
    case Lie::forwards_at_first:
      return have_liars_turned_ ? gossip::Verdict::ignore : gossip::Verdict::accept;
    case Lie::censors_a_victim: {
      const auto number = number_of(message.data.view());
      const bool is_victims = number && *number < sent_.size() && sent_[*number].from == 0;
      return is_victims ? gossip::Verdict::ignore : gossip::Verdict::accept;
    }
    case Lie::announces_only: return gossip::Verdict::accept;
  }
  UNREACHABLE();
}

// When its time is over: who of those that were there all the time has it?
void GossipNet::judge(std::size_t number) {
  Sent& sent = sent_[number];
  const std::vector<std::uint32_t> took = std::exchange(sent.took_us, {});
  if (!sent.counts) return;
  ++tally_.messages;
  for (std::uint32_t i = 0; i < honest(); ++i) {
    if (i == sent.from || !is_settled(i, sent.at)) continue;
    ++tally_.expected;
    if (took[i] == never) continue;
    ++tally_.delivered;
    tally_.took_us.push_back(took[i]);
  }
}

// --- figures -------------------------------------------------------------------------------------

void GossipNet::add_stats(Sums& sums, std::uint32_t index) {
  const node::Node* of = node(index);
  if (of == nullptr || of->router() == nullptr || !is_honest(index)) return;
  const gossip::RouterStats& stats = of->router()->stats();
  sums.received += stats.messages_received;
  sums.duplicates += stats.duplicates;
  sums.ihave_ids += stats.ihave_ids_sent;
  sums.iwant_ids += stats.iwant_ids_sent;
  sums.idontwant += stats.idontwant_sent;
  sums.chokes += stats.chokes_sent;
  sums.fallbacks += stats.choke_fallbacks;
  sums.broken_promises += stats.broken_promises;
  sums.dropped += stats.frames_dropped();
  sums.message_bytes += stats.message_bytes_sent;
  sums.control_bytes += stats.control_bytes_sent;
}

GossipNet::Sums GossipNet::sum_up() {
  Sums sums = gone_;
  for (std::uint32_t i = 0; i < honest(); ++i) add_stats(sums, i);
  sums.wire_bytes = world_.network().stats().bytes_sent;
  sums.deliveries = deliveries_;
  return sums;
}

void GossipNet::begin_counting() { before_ = sum_up(); }

void GossipNet::end_counting() {
  const Sums now = sum_up();
  counted_ = now;
  counted_.received -= before_.received;
  counted_.duplicates -= before_.duplicates;
  counted_.ihave_ids -= before_.ihave_ids;
  counted_.iwant_ids -= before_.iwant_ids;
  counted_.idontwant -= before_.idontwant;
  counted_.chokes -= before_.chokes;
  counted_.fallbacks -= before_.fallbacks;
  counted_.broken_promises -= before_.broken_promises;
  counted_.dropped -= before_.dropped;
  counted_.message_bytes -= before_.message_bytes;
  counted_.control_bytes -= before_.control_bytes;
  counted_.wire_bytes -= before_.wire_bytes;
  counted_.deliveries -= before_.deliveries;
}

std::vector<std::pair<std::string, double>> GossipNet::figures() {
  const auto per = [](std::uint64_t count, std::uint64_t of) {
    return of == 0 ? 0.0 : static_cast<double>(count) / static_cast<double>(of);
  };
  double mean = 0;
  for (const std::uint32_t took : tally_.took_us) mean += took / 1000.0;
  if (!tally_.took_us.empty()) mean /= static_cast<double>(tally_.took_us.size());
  std::size_t peers = 0, mesh = 0, unchoked = 0, handshakes = 0;
  for (std::uint32_t i = 0; i < honest(); ++i) {
    const node::Node* of = node(i);
    if (of == nullptr || of->router() == nullptr) continue;
    peers += of->host().peer_count();
    handshakes += of->host().stats().handshakes;
    mesh += of->router()->mesh_of(config_.topic).size();
    unchoked +=
        of->router()->mesh_of(config_.topic).size() - of->router()->choked_of(config_.topic).size();
  }
  const std::uint64_t deliveries = counted_.deliveries;
  const std::uint64_t node_messages = std::uint64_t{config_.nodes} * tally_.messages;
  return {
      {"liars", static_cast<double>(config_.liars)},
      {"message_bytes", static_cast<double>(config_.message_bytes)},
      {"messages", static_cast<double>(tally_.messages)},
      {"delivered_share", tally_.share()},
      {"copies_per_node", per(counted_.received, deliveries)},
      {"latency_ms_mean", mean},
      {"latency_ms_p50", tally_.latency_ms(0.5)},
      {"latency_ms_p99", tally_.latency_ms(0.99)},
      {"latency_ms_max", tally_.latency_ms(1)},
      {"wire_bytes_per_node_message", per(counted_.wire_bytes, node_messages)},
      {"message_bytes_per_delivery", per(counted_.message_bytes, deliveries)},
      {"control_bytes_per_delivery", per(counted_.control_bytes, deliveries)},
      {"ihave_ids_per_delivery", per(counted_.ihave_ids, deliveries)},
      {"iwant_ids_per_delivery", per(counted_.iwant_ids, deliveries)},
      {"idontwant_per_delivery", per(counted_.idontwant, deliveries)},
      {"broken_promises", static_cast<double>(counted_.broken_promises)},
      {"choke_fallbacks", static_cast<double>(counted_.fallbacks)},
      {"chokes_sent", static_cast<double>(counted_.chokes)},
      {"frames_dropped", static_cast<double>(counted_.dropped)},
      {"peers_per_node_mean", per(peers, honest())},
      {"mesh_mean", per(mesh, honest())},
      {"unchoked_mean", per(unchoked, honest())},
      {"handshakes", static_cast<double>(handshakes)},
      {"honest_banned", static_cast<double>(honest_banned())},
      {"honest_warned", static_cast<double>(honest_warned())},
  };
}

std::size_t GossipNet::remembered() {
  std::size_t count = world_.network().buffer_bytes() + world_.network().links_alive();
  for (std::uint32_t i = 0; i < config_.nodes; ++i) {
    const node::Node* of = node(i);
    if (of == nullptr || of->router() == nullptr) continue;
    count += of->router()->seen_count() + of->host().book().size() + of->host().link_count() +
             of->quality().size();
  }
  return count;
}

std::size_t GossipNet::honest_banned() {
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < honest(); ++i) {
    const node::Node* of = node(i);
    if (of == nullptr) continue;
    for (const auto& [peer, ban] : of->quality().bans(world_.local_now(i))) {
      count += is_honest(index_of_.at(peer)) ? 1 : 0;
    }
  }
  return count;
}

std::size_t GossipNet::honest_warned() {
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < honest(); ++i) {
    const node::Node* of = node(i);
    if (of == nullptr) continue;
    for (const auto& report : of->quality().reports(world_.local_now(i))) {
      const auto known = index_of_.find(report.standing.peer);
      if (known == index_of_.end() || !is_honest(known->second)) continue;
      count += report.standing.is_warned ? 1 : 0;
    }
  }
  return count;
}

}  // namespace kith::sim
