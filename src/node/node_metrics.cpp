#include "node/node_metrics.h"

#include <algorithm>

#include "base/format.h"
#include "base/version.h"
#include "ledger/jobs.h"
#include "peer/peer_metrics.h"

namespace kith::node {
namespace {

using codec::MetricSink;
using codec::MetricType;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

void write_process(MetricSink& sink, const MetricsSource& source) {
  const ProcessFigures& process = source.shell.process;
  sink.begin("kith_build_info", "Always 1; the label is the program's version.", MetricType::gauge);
  sink.sample(1, {{"version", base::version()}});
  sink.gauge("kith_process_uptime_seconds", "Since the node was started.",
             seconds(source.now - source.started));
  sink.gauge("kith_process_resident_memory_bytes", "Memory in use.",
             static_cast<double>(process.resident_bytes));
  sink.begin("kith_process_cpu_seconds_total", "Processor time, user and system.",
             MetricType::counter);
  sink.sample(seconds(process.processor));
  sink.gauge("kith_process_open_files", "File descriptors in use.",
             static_cast<double>(process.open_files));
  sink.gauge("kith_process_threads", "Threads.", static_cast<double>(process.threads));
}

void write_connections(MetricSink& sink, const host::Host& host) {
  std::uint64_t open[2] = {};
  std::uint64_t streams = 0;
  for (const host::PeerInfo& peer : host.peers()) {
    for (const auto& connection : peer.connections) {
      ++open[connection.direction == Direction::inbound ? 0 : 1];
      streams += connection.streams;
    }
  }
  sink.begin("kith_host_connections", "Authenticated connections that are open, by who dialled.",
             MetricType::gauge);
  sink.sample(open[0], {{"direction", "inbound"}});
  sink.sample(open[1], {{"direction", "outbound"}});
  sink.gauge("kith_host_links", "Raw links that are open, those without a known peer too.",
             static_cast<double>(host.link_count()));
  sink.gauge("kith_host_peers", "Connected peers.", static_cast<double>(host.peer_count()));
  sink.gauge("kith_host_peers_remembered", "Peers in the peer book.",
             static_cast<double>(host.book().size()));
  sink.gauge("kith_host_streams", "Streams that are open on all connections.",
             static_cast<double>(streams));
}

void write_host(MetricSink& sink, const MetricsSource& source) {
  const host::Host& host = source.node.host();
  const host::HostStats& s = host.stats();
  write_connections(sink, host);
  sink.begin("kith_host_links_opened_total", "Raw links, by who dialled; dials that failed too.",
             MetricType::counter);
  sink.sample(s.links_accepted, {{"direction", "inbound"}});
  sink.sample(s.links_dialed, {{"direction", "outbound"}});
  sink.counter("kith_host_connections_closed_total", "Authenticated connections that have ended.",
               s.links_closed);
  sink.counter("kith_host_links_refused_total", "Accepted links closed at once by a limit.",
               s.links_refused);
  sink.counter("kith_host_links_failed_total", "Links that ended before a peer had proved itself.",
               s.links_failed);
  sink.begin("kith_host_handshakes_total", "Connections, by whether the peer proved who it is.",
             MetricType::counter);
  sink.sample(s.handshakes, {{"result", "done"}});
  sink.sample(s.handshakes_failed, {{"result", "failed"}});
  sink.counter("kith_host_received_bytes_total", "Bytes taken from links.", s.bytes_received);
  sink.counter("kith_host_sent_bytes_total", "Bytes given to links.", s.bytes_sent);
  sink.counter("kith_host_faults_total", "Authenticated connections that ended in an error.",
               s.faults);
  sink.counter("kith_host_protocol_faults_total", "Of them, those where the peer broke a rule.",
               s.protocol_faults);
  sink.counter("kith_host_trimmed_total", "Connections closed for being one too many.", s.trimmed);
  sink.begin("kith_host_shaping_waits_total", "Times that a link waited for bandwidth.",
             MetricType::counter);
  sink.sample(host.upload().waits(), {{"direction", "upload"}});
  sink.sample(host.download().waits(), {{"direction", "download"}});
  sink.timing("kith_host_dial_seconds", "From the wish to reach a peer to its authentication.",
              host.timings().dials.snapshot());
  sink.timing("kith_host_handshake_seconds", "From an open link to an authenticated peer.",
              host.timings().handshakes.snapshot());
  sink.begin("kith_ping_pings_total", "Pings of peers, those that tell their health aside.",
             MetricType::counter);
  sink.sample(source.node.pings_answered(), {{"result", "answered"}});
  sink.sample(source.node.pings_failed(), {{"result", "failed"}});
  sink.timing("kith_ping_rtt_seconds", "Round trips of all pings that were answered.",
              source.node.ping_times().snapshot());
}

void write_gossip_messages(MetricSink& sink, const gossip::RouterStats& s) {
  sink.counter("kith_gossip_rpcs_received_total", "RPCs of peers, whatever became of them.",
               s.rpcs_received);
  sink.counter("kith_gossip_rpcs_ignored_total", "Of them, those of graylisted or banned peers.",
               s.rpcs_ignored);
  sink.counter("kith_gossip_rpcs_malformed_total", "Of them, those that could not be read.",
               s.rpcs_malformed);
  sink.counter("kith_gossip_messages_received_total", "Messages of peers, all copies.",
               s.messages_received);
  sink.counter("kith_gossip_messages_duplicate_total", "Copies of messages seen before.",
               s.duplicates);
  sink.counter("kith_gossip_messages_delivered_total", "Messages of others that were accepted.",
               s.delivered);
  sink.counter("kith_gossip_messages_published_total", "Messages of this node.", s.published);
  sink.begin("kith_gossip_messages_refused_total", "Messages that were not accepted, by reason.",
             MetricType::counter);
  sink.sample(s.rejected, {{"reason", "invalid"}});
  sink.sample(s.ignored, {{"reason", "ignored"}});
  sink.sample(s.replayed, {{"reason", "replayed"}});
  sink.sample(s.expired, {{"reason", "expired"}});
  sink.sample(s.refused_full, {{"reason", "full"}});
  sink.sample(s.refused_unfair, {{"reason", "unfair"}});
  sink.counter("kith_gossip_messages_unguarded_total",
               "Accepted messages of authors for whom the replay guard had no room.", s.unguarded);
  sink.counter("kith_gossip_messages_sent_total", "Copies queued for peers.", s.messages_sent);
  sink.counter("kith_gossip_frames_sent_total", "Messages and control handed to streams.",
               s.frames_sent);
  sink.counter("kith_gossip_frames_dropped_total", "Frames dropped from full send queues.",
               s.frames_dropped());
  sink.begin("kith_gossip_messages_dropped_total",
             "Of them, messages, by the priority of their topics.", MetricType::counter);
  for (std::size_t i = 0; i < base::priorities; ++i) {
    sink.sample(s.dropped.messages[i], {{"priority", name_of(static_cast<Priority>(i))}});
  }
}

void write_gossip(MetricSink& sink, const gossip::Router* router) {
  static const gossip::RouterStats none;
  const gossip::RouterStats& s = router == nullptr ? none : router->stats();
  write_gossip_messages(sink, s);
  sink.begin("kith_gossip_control_sent_total", "Control entries sent, by kind.",
             MetricType::counter);
  sink.sample(s.ihave_ids_sent, {{"kind", "ihave"}});
  sink.sample(s.iwant_ids_sent, {{"kind", "iwant"}});
  sink.sample(s.idontwant_sent, {{"kind", "idontwant"}});
  sink.sample(s.chokes_sent, {{"kind", "choke"}});
  sink.counter("kith_gossip_promises_broken_total", "Messages announced by peers and not given.",
               s.broken_promises);
  sink.counter("kith_gossip_grafts_total", "Mesh links made.", s.grafts);
  sink.counter("kith_gossip_prunes_total", "Mesh links ended.", s.prunes);
  sink.counter("kith_gossip_choke_fallbacks_total",
               "Times that a topic went back to plain push for a while.", s.choke_fallbacks);
  sink.counter("kith_gossip_over_limits_total", "Times that a peer went over a limit.",
               s.over_limits);
  const auto count = [&](std::size_t number) { return static_cast<double>(number); };
  sink.gauge("kith_gossip_peers", "Peers that speak pubsub.",
             router == nullptr ? 0 : count(router->peer_count()));
  sink.gauge("kith_gossip_topics", "Topics that this node is subscribed to, or publishes to.",
             router == nullptr ? 0 : count(router->topic_count()));
  sink.gauge("kith_gossip_messages_seen", "Messages remembered so that none is taken twice.",
             router == nullptr ? 0 : count(router->seen_count()));
}

void write_reactor(MetricSink& sink, const ReactorFigures& r) {
  sink.counter("kith_reactor_turns_total", "Turns of the one thread that serves the network.",
               r.turns);
  sink.counter("kith_reactor_reads_total", "Reads from sockets.", r.reads);
  sink.counter("kith_reactor_read_bytes_total", "Bytes read from sockets.", r.bytes_read);
  sink.counter("kith_reactor_sends_total", "Writes to sockets.", r.sends);
  sink.counter("kith_reactor_sent_bytes_total", "Bytes that sockets took.", r.bytes_sent);
  sink.counter("kith_reactor_read_pauses_total", "Links not read for a while: back-pressure.",
               r.read_pauses);
  sink.counter("kith_reactor_write_stalls_total", "Links closed because they took no byte.",
               r.write_stalls);
  sink.counter("kith_reactor_accepts_refused_total", "Connections over the limit of links.",
               r.accepts_refused);
  sink.counter("kith_reactor_resolves_total", "Names looked up.", r.resolves);
  sink.gauge("kith_reactor_links", "Links of both directions, dials under way too.",
             static_cast<double>(r.links_open));
  sink.gauge("kith_reactor_kept_bytes", "Incomplete frames, and what sockets did not take yet.",
             static_cast<double>(r.bytes_kept));
}

void write_api(MetricSink& sink, const ApiFigures& api) {
  static constexpr std::string_view classes[] = {"", "1xx", "2xx", "3xx", "4xx", "5xx"};
  sink.begin("kith_api_responses_total", "Answers to HTTP requests, by status.",
             MetricType::counter);
  for (std::size_t i = 1; i < std::size(classes); ++i) {
    sink.sample(api.responses[i], {{"status", classes[i]}});
  }
  sink.counter("kith_api_rate_limited_total", "Requests over a client's rate (429).",
               api.rate_limited);
  sink.counter("kith_api_forbidden_total", "Requests without a right (401, 403).", api.forbidden);
  sink.counter("kith_api_timed_out_total", "Requests that did not arrive in time (408).",
               api.timed_out);
  sink.timing("kith_api_request_seconds", "From a whole request to its answer.", api.times);
  sink.gauge("kith_api_requests_waiting", "Requests that wait for an answer of the network.",
             static_cast<double>(api.requests_waiting));
  sink.gauge("kith_api_connections", "Open HTTP connections, WebSockets too.",
             static_cast<double>(api.connections));
  sink.counter("kith_api_connections_refused_total", "Connections over the limit (503).",
               api.connections_refused);
  sink.gauge("kith_api_websockets", "Open WebSockets.", static_cast<double>(api.sockets));
  sink.counter("kith_api_websockets_opened_total", "WebSockets that were opened.",
               api.sockets_opened);
  sink.counter("kith_api_websockets_dropped_total",
               "WebSockets closed because their client did not read.", api.sockets_dropped);
  sink.counter("kith_api_events_sent_total", "Events said over WebSockets.", api.events_sent);
}

constexpr std::string_view docs_head =
    R"(# Metrics

Generated by `kith config docs --page metrics` from what the program itself says
(`src/node/node_metrics.cpp`, `src/peer/peer_metrics.cpp`); a test compares the two.

    curl http://127.0.0.1:4775/metrics

Prometheus' text format 0.0.4. Units are seconds and bytes; counters count since the start of the
process and never go back. `kith stats` shows the same figures for people, with rates per second (a
moving average over ten seconds) and the average, quantiles and maximum of times; `stats.reset`
(`POST /v1/stats/reset`) begins its totals anew and leaves these alone.

| metric | type | labels | what |
|---|---|---|---|
)";

std::string_view name_of(MetricType type) {
  switch (type) {
    case MetricType::counter: return "counter";
    case MetricType::gauge: return "gauge";
    case MetricType::histogram: return "histogram";
  }
  return "unknown";
}

/// `kind="a",how="x"` of one figure and `kind="b",how="x"` of the next are "kind: a, b; how: x".
std::string labels_cell(const FigureList& list, const std::string& name) {
  std::vector<std::pair<std::string, std::vector<std::string>>> labels;
  for (const Figure& figure : list.figures()) {
    if (figure.name != name) continue;
    std::string_view rest = figure.labels;
    for (std::size_t equals; (equals = rest.find("=\"")) != std::string_view::npos;) {
      const std::size_t end = rest.find('"', equals + 2);
      const std::string label(rest.substr(0, equals));
      const std::string value(rest.substr(equals + 2, end - equals - 2));
      if (label == "version") return label;  // its value would make each release change the page
      auto known = std::ranges::find(labels, label, [](const auto& each) { return each.first; });
      if (known == labels.end()) known = labels.insert(known, {label, {}});
      if (std::ranges::find(known->second, value) == known->second.end()) {
        known->second.push_back(value);
      }
      rest.remove_prefix(std::min(rest.size(), end + 2));  // and a comma
    }
  }
  std::string cell;
  for (const auto& [label, values] : labels) {
    cell += base::format("{}{}: ", cell.empty() ? "" : "; ", label);
    for (const auto& value : values) cell += &value == &values.front() ? value : ", " + value;
  }
  return cell;
}

void write_mempool(MetricSink& sink, const ledger::Mempool* pool) {
  static const ledger::MempoolCounters none;
  const ledger::MempoolCounters& c = pool == nullptr ? none : pool->counters();
  sink.gauge("kith_mempool_transactions", "Transactions that wait for a block.",
             pool == nullptr ? 0 : static_cast<double>(pool->size()));
  sink.gauge("kith_mempool_bytes", "What they take.",
             pool == nullptr ? 0 : static_cast<double>(pool->bytes()));
  sink.counter("kith_mempool_accepted_total", "Transactions that were let in.", c.accepted);
  sink.begin("kith_mempool_refused_total", "Transactions that were not, by reason.",
             MetricType::counter);
  for (std::size_t i = 0; i < ledger::refusals; ++i) {
    sink.sample(c.refused[i], {{"reason", name_of(static_cast<ledger::Refusal>(i))}});
  }
  sink.begin("kith_mempool_removed_total", "Transactions that left it, by why.",
             MetricType::counter);
  sink.sample(c.included, {{"why", "included"}});
  sink.sample(c.replaced, {{"why", "replaced"}});
  sink.sample(c.evicted, {{"why", "evicted"}});
  sink.sample(c.expired, {{"why", "expired"}});
  sink.sample(c.overtaken, {{"why", "overtaken"}});
}

void write_sync(MetricSink& sink, const Node& node) {
  const Chain* const chain = node.chain();
  const auto of_chain = [&](auto value) -> std::uint64_t { return chain == nullptr ? 0 : value(); };
  const auto gauge = [&](const char* name, const char* help, auto value) {
    sink.gauge(name, help, static_cast<double>(of_chain(value)));
  };
  gauge("kith_chain_floor", "The lowest block that is kept.", [&] { return chain->floor().value; });
  gauge("kith_chain_disk_bytes", "State, blocks and snapshots on the disk, about.",
        [&] { return chain->states().store().disk_bytes(); });
  gauge("kith_chain_sync_target", "The highest block that a peer says it has.",
        [&] { return node.sync_service()->target().value; });
  gauge("kith_chain_sync_bytes", "Blocks that were fetched and wait for those before them.",
        [&] { return node.sync_service()->bytes_held(); });
  sink.counter("kith_chain_blocks_synced_total", "Blocks that peers gave when asked.",
               of_chain([&] { return node.sync_service()->blocks_received(); }));
  sink.counter("kith_chain_blocks_served_total", "Blocks given to peers that asked.",
               of_chain([&] { return node.sync_service()->blocks_served(); }));
  sink.counter("kith_chain_sync_failed_total", "Requests for blocks that came to nothing.",
               of_chain([&] { return node.sync_service()->runs_failed(); }));
  sink.counter("kith_chain_snapshot_parts_total", "Parts of snapshots that peers gave.",
               of_chain([&] { return node.snapshot_service()->parts_received(); }));
  sink.counter("kith_chain_snapshot_failed_total", "Requests for snapshots that came to nothing.",
               of_chain([&] { return node.snapshot_service()->failures(); }));
}

void write_jobs(MetricSink& sink, const Chain* chain) {
  std::uint64_t jobs = 0;
  std::uint64_t slots = 0;
  std::uint64_t disputes = 0;
  if (chain != nullptr) {
    const ledger::Entries& entries = chain->states().tip()->registry().by_kind();
    const codec::JobsEntry all = ledger::jobs_of(entries);
    jobs = all.jobs.size();
    // Those behind them wait, and have none.
    const std::size_t working = std::min(all.jobs.size(), codec::jobs_at_work_max);
    for (std::size_t i = 0; i < working; ++i) {
      slots += ledger::find_job(entries, all.jobs[i])->slots;
    }
    entries.visit(codec::EntryKind::dispute, {}, [&](ByteView, const auto&) {
      ++disputes;
      return true;
    });
  }
  sink.gauge("kith_compute_jobs", "Jobs that are not over, as of the last final block.",
             static_cast<double>(jobs));
  sink.gauge("kith_compute_slots", "Slots of workers in them.", static_cast<double>(slots));
  sink.gauge("kith_compute_disputes", "Disputes that are open.", static_cast<double>(disputes));
  sink.gauge("kith_compute_escrow_units",
             "What jobs and accounts have in escrow, in the smallest units.",
             chain == nullptr ? 0 : static_cast<double>(chain->states().tip()->supply().escrow));
  sink.counter("kith_compute_tasks_accepted_total",
               "Results of tasks accepted in final blocks since the start.",
               chain == nullptr ? 0 : chain->tasks_accepted());
}

void write_verdicts(MetricSink& sink, const Verdicts* verdicts) {
  static const Verdicts none({}, std::nullopt);
  const Verdicts& v = verdicts == nullptr ? none : *verdicts;
  sink.gauge("kith_compute_verdicts_asked", "Disputes that wait for a verdict of the validators.",
             static_cast<double>(v.asked()));
  sink.begin("kith_compute_verdicts_total", "Verdicts, by what this node did with them.",
             MetricType::counter);
  sink.sample(v.stats().answered, {{"what", "computed"}});
  sink.sample(v.stats().unanswered, {{"what", "beyond"}});
  sink.sample(v.stats().said, {{"what", "said"}});
  sink.sample(v.stats().heard, {{"what", "heard"}});
  sink.sample(v.stats().differing, {{"what", "differing"}});
  sink.sample(v.stats().given, {{"what", "given"}});
}

void write_chain(MetricSink& sink, const Node& node) {
  const Chain* const chain = node.chain();
  const consensus::EngineStats stats =
      chain == nullptr ? consensus::EngineStats() : chain->consensus().stats();
  const auto of_chain = [&](auto value) { return chain == nullptr ? 0 : value(); };
  sink.gauge("kith_chain_height", "The last block that is final and stored; 0 without a chain.",
             of_chain([&] { return static_cast<double>(chain->height().value); }));
  sink.gauge("kith_chain_halted", "1 when it found what must not be, and stopped.",
             of_chain([&] { return chain->is_halted() ? 1.0 : 0.0; }));
  sink.gauge("kith_chain_validators_connected", "Validators of this epoch that proved themselves.",
             of_chain([&] {
               return static_cast<double>(node.consensus_service()->validators_connected());
             }));
  const ConsensusGossip* const talk = node.consensus_gossip();
  sink.counter("kith_consensus_gossip_said_total",
               "Messages of consensus published by gossip, since some validator has no stream.",
               talk == nullptr ? 0 : talk->said());
  sink.counter("kith_consensus_gossip_heard_total", "Those of others, verified and handed on.",
               talk == nullptr ? 0 : talk->heard());
  sink.counter("kith_chain_transactions_final_total",
               "Transactions of final blocks since the start.",
               chain == nullptr ? 0 : chain->txs_final());
  sink.counter(
      "kith_chain_transactions_known_total",
      "Of blocks that were checked, transactions whose signatures had been verified before.",
      chain == nullptr ? 0 : chain->txs_known());
  sink.counter("kith_chain_blocks_unproven_total",
               "Blocks of this validator that waited for the proof by its key.",
               chain == nullptr ? 0 : chain->builds_unproven());
  sink.counter("kith_chain_blocks_final_total", "Blocks that became final since the start.",
               stats.blocks_final);
  sink.begin("kith_chain_votes_total", "Votes of this node, by kind.", MetricType::counter);
  sink.sample(stats.notarize_votes, {{"kind", "notarize"}});
  sink.sample(stats.nullify_votes, {{"kind", "nullify"}});
  sink.sample(stats.finalize_votes, {{"kind", "finalize"}});
  sink.counter("kith_chain_proposals_total", "Blocks that this node proposed.", stats.proposals);
  sink.counter("kith_chain_views_nullified_total", "Views that ended without a block.",
               stats.views_nullified);
  sink.counter("kith_chain_evidence_total", "Contradictions of validators that were seen.",
               stats.evidence);
  sink.counter("kith_chain_messages_dropped_total", "Consensus messages out of range, or too many.",
               stats.dropped);
  sink.counter("kith_chain_signatures_checked_total", "Signatures of votes and certificates.",
               stats.signatures_checked);
  const ledger::HotCache::Counters hot =
      chain == nullptr ? ledger::HotCache::Counters() : chain->hot_counters();
  sink.begin("kith_chain_outputs_read_total", "Outputs looked up, by where they were found.",
             MetricType::counter);
  sink.sample(hot.hits, {{"from", "memory"}});
  sink.sample(hot.misses, {{"from", "store"}});
  write_mempool(sink, chain == nullptr ? nullptr : &chain->mempool());
  write_jobs(sink, chain);
  write_verdicts(sink, node.verdicts());
}

void write_signer(MetricSink& sink, const Signing* signing) {
  static const Signing none({}, nullptr);
  const Signing& s = signing == nullptr ? none : *signing;
  sink.gauge("kith_signer_connected", "1 when the remote signer of the validator's key is there.",
             s.is_remote() && s.is_connected() ? 1.0 : 0.0);
  sink.gauge("kith_signer_lease",
             "1 when the remote signer serves this node: it is the one that "
             "votes.",
             s.is_remote() && s.leads() ? 1.0 : 0.0);
  sink.counter("kith_signer_leases_total", "Times that this node became the one that votes.",
               s.stats().leases);
  sink.begin("kith_signer_signed_total", "Signatures of the validator's key, here or elsewhere.",
             MetricType::counter);
  sink.sample(s.stats().signed_votes, {{"kind", "vote"}});
  sink.sample(s.stats().signed_others, {{"kind", "other"}});
  sink.counter("kith_signer_refused_total",
               "Signatures that the remote signer refused, or did not get to.", s.stats().refused);
  sink.timing("kith_signer_sign_seconds", "From the question to the remote signer's answer.",
              s.times().snapshot());
}

}  // namespace

void write_metrics(MetricSink& sink, const MetricsSource& source) {
  write_process(sink, source);
  write_host(sink, source);
  write_gossip(sink, source.node.router());
  sink.counter("kith_gossip_pauses_total", "Times that a peer's messages waited for its limit.",
               source.node.gossip_pauses());
  peer::write_metrics(sink, source.now, source.node.quality());
  peer::write_metrics(sink, source.node.limits());
  peer::write_metrics(sink, source.now, source.node.breakers());
  sink.counter("kith_peer_recommendations_sent_total", "Signed recommendations sent to peers.",
               source.node.recommendations().sent());
  sink.counter("kith_peer_recommendations_received_total",
               "Recommendations that came, whatever they are worth.",
               source.node.recommendations().received());
  write_chain(sink, source.node);
  write_sync(sink, source.node);
  write_signer(sink, source.node.signing());
  write_reactor(sink, source.shell.reactor);
  write_api(sink, source.shell.api);
}

std::string metrics_docs() {
  // Any node says what all say.
  SeededRng rng(1);
  const crypto::KeyPair key = crypto::KeyPair::generate(rng);
  const Node node({}, key, rng, base::null_log());
  const ShellFigures shell;
  FigureList list;
  write_metrics(list, {Instant{}, Instant{}, node, shell});
  std::string page(docs_head);
  for (const auto& family : list.families()) {
    page += base::format("| `{}` | {} | {} | {} |\n", family.name, name_of(family.type),
                         labels_cell(list, family.name), family.help);
  }
  return page;
}

}  // namespace kith::node
