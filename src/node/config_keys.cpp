// The table of configuration keys: the only place that knows them. A new key is a line here; the
// test wants to see that it changes something.
#include "node/config.h"

#include <algorithm>
#include <array>

namespace kith::node {
namespace {

using Type = ConfigType;

/// The trim goes a fifth below the limit, so that it does not run for each new connection.
constexpr std::size_t trim_fraction = 5;

constexpr auto keys = std::to_array<ConfigKey>({
    {"listen", Type::addresses,
     "/ip4/0.0.0.0/tcp/4770,/ip6/::/tcp/4770,/ip4/0.0.0.0/tcp/4772/ws", "", "multiaddr",
     "Where to accept connections: TCP, or WebSockets when /ws stands behind (/tls/ws with a "
     "certificate: websocket.tls_certificate). Port 0 takes a free one. An empty list only dials. "
     "A machine without IPv6 gets a warning for the second default.",
     false, [](Settings& s, ConfigValue v) { s.node.host.listen = std::move(v.addresses); }},
    {"announce", Type::addresses, "", "", "multiaddr",
     "External addresses told to peers beside those listened on, for a node behind a forwarded "
     "port.",
     false, [](Settings& s, ConfigValue v) { s.node.host.announce = std::move(v.addresses); }},
    {"bootstrap", Type::addresses, "", "", "multiaddr",
     "Peers to begin with, dialled while the node has none. Should end in /p2p/ID, so that nobody "
     "else can answer in their place.",
     false, [](Settings& s, ConfigValue v) { s.node.host.bootstrap = std::move(v.addresses); }},
    {"max_peers", Type::count, "100", "1..10000", "peers",
     "Above this many the least valuable peers are disconnected.", false,
     [](Settings& s, ConfigValue v) {
       s.node.host.peers_high = v.count;
       s.node.host.peers_low = v.count - v.count / trim_fraction;
     }},
    {"min_peers", Type::count, "8", "0..10000", "peers",
     "Below this many, known peers are dialled. 0 never dials by itself.", false,
     [](Settings& s, ConfigValue v) { s.node.host.peers_min = v.count; }},
    {"min_outbound_peers", Type::count, "8", "0..10000", "peers",
     "Of the peers that this node dialled itself so many are kept, whoever else comes; half of "
     "max_peers at most. While there are fewer, known peers are dialled also above min_peers, "
     "unless that is 0; up to a fifth of max_peers.",
     false, [](Settings& s, ConfigValue v) { s.node.host.outbound_min = v.count; }},
    {"peer_timeout", Type::duration, "30s", "2s..1h", "duration",
     "A peer from which nothing came for so long is given up: asked for a sign of life after half "
     "of it.",
     false,
     [](Settings& s, ConfigValue v) {
       s.node.host.connection.yamux.keepalive_interval = v.duration / 2;
       s.node.host.connection.yamux.keepalive_timeout = v.duration - v.duration / 2;
     }},
    {"connect_timeout", Type::duration, "10s", "100ms..10m", "duration",
     "From the first attempt to dial a peer, or from the acceptance of a connection, to its "
     "authentication.",
     false,
     [](Settings& s, ConfigValue v) {
       s.node.host.dialer.job_timeout = v.duration;
       s.node.host.connection.upgrade_timeout = v.duration;
     }},
    {"dial.backoff_min", Type::duration, "5s", "100ms..1h", "duration",
     "How long a peer is not dialled again after the first failure; doubles with each further one.",
     false, [](Settings& s, ConfigValue v) { s.node.host.book.backoff_min = v.duration; }},
    {"dial.backoff_max", Type::duration, "10m", "100ms..24h", "duration",
     "The longest that doubling leads to.", false,
     [](Settings& s, ConfigValue v) { s.node.host.book.backoff_max = v.duration; }},
    {"dial.bootstrap_backoff_min", Type::duration, "2s", "100ms..1h", "duration",
     "How long the bootstrap peers are not dialled again after all of them failed; doubles with "
     "each further round.",
     false, [](Settings& s, ConfigValue v) { s.node.host.bootstrap_backoff_min = v.duration; }},
    {"dial.bootstrap_backoff_max", Type::duration, "1m", "100ms..24h", "duration",
     "The longest that doubling leads to.", false,
     [](Settings& s, ConfigValue v) { s.node.host.bootstrap_backoff_max = v.duration; }},
    {"dial.feeler_interval", Type::duration, "2m", "0..24h", "duration",
     "With peers enough, how often another known one is reached for, so that a network that was "
     "cut "
     "in two grows together again; 0 never.",
     false, [](Settings& s, ConfigValue v) { s.node.host.feeler_interval = v.duration; }},
    {"dial.failures_max", Type::count, "20", "0..100000", "dials",
     "A peer that could not be reached so often in a row, while others could, is forgotten; 0 "
     "never "
     "forgets.",
     false,
     [](Settings& s, ConfigValue v) {
       s.node.host.book.failures_max = static_cast<std::uint32_t>(v.count);
     }},
    {"peer_book.peers_max", Type::count, "10000", "1..1000000", "peers",
     "Peers remembered; those never reached make room first, then the longest untouched.", false,
     [](Settings& s, ConfigValue v) { s.node.host.book.peers_max = v.count; }},
    {"connections_max", Type::count, "256", "1..100000", "connections",
     "Connections in all, both directions; at least max_peers. Of those that peers opened, peers "
     "that have not yet done any work have half at most.",
     false,
     [](Settings& s, ConfigValue v) { s.node.host.limits.connections_max = v.count; }},
    {"connections_per_address", Type::count, "8", "1..100000", "connections",
     "Accepted connections from one IPv4 address or one IPv6 /56. Loopback is exempt.", false,
     [](Settings& s, ConfigValue v) { s.node.host.limits.per_address_max = v.count; }},
    {"connections_per_peer", Type::count, "8", "1..1000", "connections", "Connections of one peer.",
     false, [](Settings& s, ConfigValue v) { s.node.host.limits.per_peer_max = v.count; }},
    {"connections_reserve", Type::count, "32", "0..100000", "connections",
     "Of connections_max, those kept for peers that this node dials; at most half.", false,
     [](Settings& s, ConfigValue v) { s.node.host.limits.outbound_reserve = v.count; }},
    {"connections_burst", Type::count, "16", "1..100000", "connections",
     "New connections accepted from one address at once…", false,
     [](Settings& s, ConfigValue v) {
       s.node.host.limits.rate_burst = static_cast<std::uint32_t>(v.count);
     }},
    {"connections_interval", Type::duration, "5s", "1ms..1h", "duration",
     "…and then one in so long.", false,
     [](Settings& s, ConfigValue v) { s.node.host.limits.rate_interval = v.duration; }},
    {"streams_per_connection", Type::count, "1024", "16..65536", "streams",
     "Streams that one connection may have open, in each direction.", false,
     [](Settings& s, ConfigValue v) {
       s.node.host.connection.yamux.streams_inbound_max = v.count;
       s.node.host.connection.yamux.streams_outbound_max = v.count;
     }},
    {"stream_window_max", Type::size, "16MiB", "256KiB..1GiB", "size",
     "What one stream may have under way or unread; grows to it from 256 KiB as it is used.", false,
     [](Settings& s, ConfigValue v) {
       s.node.host.connection.yamux.receive_window_max = static_cast<std::uint32_t>(v.count);
     }},
    {"handshakes_pending_max", Type::count, "64", "1..100000", "connections",
     "Accepted connections that have not yet proved who they are.", false,
     [](Settings& s, ConfigValue v) { s.node.host.limits.inbound_pending_max = v.count; }},
    {"ping.interval", Type::duration, "15s", "0..1h", "duration",
     "Between two round-trip measurements of each peer; 0 measures only on request.", false,
     [](Settings& s, ConfigValue v) { s.node.ping.interval = v.duration; }},
    {"peer_exchange.interval", Type::duration, "30s", "0..24h", "duration",
     "Between two questions for further peers, put to peers drawn by quality; 0 never asks.", false,
     [](Settings& s, ConfigValue v) {
       s.node.peer_exchange.interval = v.duration;
       s.node.peer_exchange.interval_eager =
           std::min(s.node.peer_exchange.interval_eager, v.duration);
     }},
    {"quality.warn_at", Type::count, "100", "1..1000", "points",
     "Demerit from which a peer is out of gossip meshes and has half the quotas.", false,
     [](Settings& s, ConfigValue v) {
       peer::LedgerConfig& ledger = s.node.quality.ledger;
       ledger.warn_at = static_cast<peer::Points>(v.count) * peer::point;
       ledger.warn_until = ledger.warn_at / 2;
     }},
    {"quality.ban_at", Type::count, "500", "1..1000", "points",
     "Faults for which a peer is banned, until they have decayed to a fifth.", false,
     [](Settings& s, ConfigValue v) {
       peer::LedgerConfig& ledger = s.node.quality.ledger;
       ledger.ban_at = static_cast<peer::Points>(v.count) * peer::point;
       ledger.ban_until = ledger.ban_at / 5;
     }},
    {"quality.decay", Type::count, "10", "0..1000", "points",
     "What credit and demerit lose in each decay interval.", false,
     [](Settings& s, ConfigValue v) {
       s.node.quality.ledger.decay = static_cast<peer::Points>(v.count) * peer::point;
     }},
    {"quality.decay_interval", Type::duration, "10m", "1s..24h", "duration",
     "The decay interval.", false,
     [](Settings& s, ConfigValue v) { s.node.quality.ledger.decay_interval = v.duration; }},
    {"quality.probe_interval", Type::duration, "30s", "0..1h", "duration",
     "Between two pings that tell a peer's health; 0 never.", false,
     [](Settings& s, ConfigValue v) { s.node.quality.health.probe_interval = v.duration; }},
    {"quality.probe_timeout", Type::duration, "5s", "100ms..1m", "duration",
     "Unanswered for so long, a probe has failed.", false,
     [](Settings& s, ConfigValue v) { s.node.quality.health.probe_timeout = v.duration; }},
    {"quality.failures_max", Type::count, "3", "1..100", "probes",
     "So many failed probes in a row make a peer unhealthy.", false,
     [](Settings& s, ConfigValue v) {
       s.node.quality.health.failures_max = static_cast<std::uint32_t>(v.count);
     }},
    {"quality.stale_after", Type::duration, "5m", "10s..24h", "duration",
     "A peer from which nothing came for so long is disconnected.", false,
     [](Settings& s, ConfigValue v) { s.node.quality.health.stale_after = v.duration; }},
    {"quality.request_timeout_min", Type::duration, "1s", "10ms..1m", "duration",
     "For an answer to a request is waited as long as the peer's round trips suggest, but at least "
     "so long…",
     false, [](Settings& s, ConfigValue v) { s.node.quality.rtt.timeout_min = v.duration; }},
    {"quality.request_timeout_max", Type::duration, "10s", "10ms..10m", "duration",
     "…and at most so long, which doubling after each failure leads to.", false,
     [](Settings& s, ConfigValue v) { s.node.quality.rtt.timeout_max = v.duration; }},
    {"quality.recommend_interval", Type::duration, "10m", "0..24h", "duration",
     "Between two recommendations of the best peers to each peer, when they have changed; at least "
     "2m, or peers would take offence; 0 sends none.",
     false, [](Settings& s, ConfigValue v) { s.node.recommend.interval = v.duration; }},
    {"breaker.failures_max", Type::count, "5", "1..1000", "requests",
     "After so many requests in a row that a peer did not answer, it is not asked for a while by "
     "that protocol; after ten times as many of all peers nobody is.",
     false,
     [](Settings& s, ConfigValue v) {
       s.node.breakers.peer.failures_max = static_cast<std::uint32_t>(v.count);
       s.node.breakers.service.failures_max = static_cast<std::uint32_t>(10 * v.count);
     }},
    {"breaker.open_for", Type::duration, "5s", "100ms..10m", "duration",
     "How long that is at first; doubles with each further failure, up to 10 minutes.", false,
     [](Settings& s, ConfigValue v) {
       s.node.breakers.peer.open_for = s.node.breakers.service.open_for = v.duration;
     }},
    {"limits.peer_messages", Type::count, "100", "1..1000000", "messages/s",
     "What a peer may send, gossip above all; a peer in full standing four times as much. What is "
     "beyond waits, and the peer with it.",
     false, [](Settings& s, ConfigValue v) { s.node.limits.per_peer.per_second = v.count; }},
    {"limits.peer_burst", Type::count, "200", "1..1000000", "messages",
     "So much of it is saved up while a peer is silent.", false,
     [](Settings& s, ConfigValue v) { s.node.limits.per_peer.burst = v.count; }},
    {"limits.messages", Type::count, "20000", "1..100000000", "messages/s",
     "What all peers together may send; twice as much is saved up.", false,
     [](Settings& s, ConfigValue v) { s.node.limits.overall = {v.count, 2 * v.count}; }},
    {"limits.upload", Type::size, "0", "0..8000000000", "bytes/s",
     "What all connections together may send; 0 is as much as goes.", false,
     [](Settings& s, ConfigValue v) { s.node.host.shaping.upload = v.count; }},
    {"limits.download", Type::size, "0", "0..8000000000", "bytes/s",
     "What they may receive; the rest waits at the peers. Over UDP datagrams, the first window of "
     "a session and its first large message count and are not held back.",
     false,
     [](Settings& s, ConfigValue v) { s.node.host.shaping.download = v.count; }},
    {"gossip.enabled", Type::flag, "true", "", "",
     "Speak pubsub (gossipsub 1.0 to 1.3, floodsub) with peers that do.", false,
     [](Settings& s, ConfigValue v) { s.node.speaks_gossip = v.flag; }},
    {"gossip.topics", Type::texts, "", "", "",
     "Topics that the node takes part in from its start, so that their messages pass through it "
     "whether or not a program here listens.",
     false, [](Settings& s, ConfigValue v) { s.node.topics = std::move(v.texts); }},
    {"gossip.sign", Type::flag, "true", "", "",
     "Messages carry their author and its signature, and so must those of others (StrictSign). "
     "Without, none may (StrictNoSign), and a message is told from another by topic and content.",
     false,
     [](Settings& s, ConfigValue v) {
       s.node.gossip.policy = v.flag ? codec::SignaturePolicy::strict_sign
                                     : codec::SignaturePolicy::strict_no_sign;
     }},
    {"gossip.px_private_addresses", Type::flag, "false", "", "",
     "Also dial private and loopback addresses of peers that a gossip peer recommends when it "
     "leaves us (PX); for networks that are not the Internet.",
     false,
     [](Settings& s, ConfigValue v) { s.node.gossip.px_takes_private_addresses = v.flag; }},
    {"gossip.fanout", Type::count, "0", "0..16", "peers",
     "Peers of a topic that get each message at once (gossipsub's D); between five sixths and "
     "twice as many are kept. 0: six, and up to twelve in a network of over 15,000 peers "
     "(docs/protocol/gossip.md).",
     false,
     [](Settings& s, ConfigValue v) {
       gossip::Config& gossip = s.node.gossip;
       if (v.count == 0) return;
       gossip.mesh = gossip::degrees_of(v.count);
       gossip.fanout.hops_max = 0;
       gossip.d_lazy = v.count;
     }},
    {"gossip.heartbeat", Type::duration, "1s", "100ms..1m", "duration",
     "Between two looks at meshes, scores and what to announce.", false,
     [](Settings& s, ConfigValue v) { s.node.gossip.heartbeat_interval = v.duration; }},
    {"gossip.dedup_entries", Type::count, "10000", "100..10000000", "messages",
     "Messages remembered so that none is delivered twice, 70 bytes each.", false,
     [](Settings& s, ConfigValue v) { s.node.gossip.seen.entries_max = v.count; }},
    {"gossip.dedup_age", Type::duration, "5m", "10s..24h", "duration",
     "How long each is remembered.", false,
     [](Settings& s, ConfigValue v) {
       s.node.gossip.seen.ttl = v.duration;
       s.node.gossip.seen.young_max = std::min<Duration>(s.node.gossip.seen.young_max, v.duration);
     }},
    {"perf.serve", Type::flag, "false", "", "",
     "Answer /perf/1.0.0, which sends and receives as much as the other side likes.", false,
     [](Settings& s, ConfigValue v) { s.node.serves_perf = v.flag; }},
    {"tcp.congestion", Type::text, "", "", "",
     "TCP congestion control of connections, such as bbr; empty leaves the system's. Passed over "
     "with a log line where the system does not have it.",
     false, [](Settings& s, ConfigValue v) { s.tcp_congestion = std::move(v.text); }},
    {"network.name", Type::text, "kith", "", "", "What `kith status` calls the network.", false,
     [](Settings& s, ConfigValue v) { s.network_name = std::move(v.text); }},
    {"chain.genesis", Type::text, "", "", "path",
     "The genesis file of the chain that this node keeps (`kith devnet` writes one). Empty takes "
     "HOME/genesis.kith when that exists; else the node keeps no chain.",
     false, [](Settings& s, ConfigValue v) { s.genesis_file = std::move(v.text); }},
    {"chain.retain_blocks", Type::count, "0", "0..1000000000000", "blocks",
     "How many blocks are kept, with their certificates, their transactions' places and who spent "
     "what in them; at least 64. 0: all. The last header of each epoch stays with its certificate.",
     false, [](Settings& s, ConfigValue v) { s.node.chain.keeping.retain_blocks = v.count; }},
    {"chain.snapshot_interval", Type::count, "1", "0..1000000", "epochs",
     "A snapshot of the state is made after every so many epochs, and the last two are kept and "
     "given to peers. 0: none.",
     false, [](Settings& s, ConfigValue v) { s.node.chain.keeping.snapshot_interval = v.count; }},
    {"chain.snapshot_behind", Type::count, "10000", "0..1000000000000", "blocks",
     "A node that is so far behind takes a peer's snapshot instead of the blocks, when somebody "
     "has one. 0: only when nobody has the blocks any more.",
     false, [](Settings& s, ConfigValue v) { s.node.chain.keeping.snapshot_behind = v.count; }},
    {"chain.serve_rate", Type::size, "64MiB", "0..8000000000", "bytes/s",
     "Bytes of blocks, and as many of snapshots, that all peers together are given a second; 0 is "
     "as much as goes. Whoever asks for more waits.",
     false, [](Settings& s, ConfigValue v) { s.node.chain.keeping.serve_rate = v.count; }},
    {"chain.index", Type::flag, "true", "", "",
     "Keep an index of addresses, for wallets that ask this node for balances and histories. Costs "
     "about as much disk and time again as the coins themselves. Once switched off it can only be "
     "had again by a new sync; behind a snapshot it has what is unspent, and histories from there "
     "on.",
     false, [](Settings& s, ConfigValue v) { s.indexes_addresses = v.flag; }},
    {"mempool.size", Type::size, "24MiB", "1KiB..4GiB", "size",
     "Bytes of transactions that wait for a block. When it is full, those that pay the least per "
     "byte make room for better ones.",
     false, [](Settings& s, ConfigValue v) { s.node.chain.mempool.bytes_max = v.count; }},
    {"mempool.transactions", Type::count, "65536", "1..10000000", "transactions",
     "How many of them.", false,
     [](Settings& s, ConfigValue v) { s.node.chain.mempool.count_max = v.count; }},
    {"mempool.peer_size", Type::size, "8MiB", "1KiB..4GiB", "size",
     "Bytes of them that one peer may have sent.", false,
     [](Settings& s, ConfigValue v) { s.node.chain.mempool.peer_bytes_max = v.count; }},
    {"mempool.expiry", Type::duration, "72h", "100ms..8760h", "duration",
     "How long a transaction waits before it is dropped, when the next block is final.", false,
     [](Settings& s, ConfigValue v) {
       s.node.chain.mempool.age_ms_max = base::to_ms(v.duration);
     }},
    {"chain.halt_height", Type::count, "0", "0..9007199254740992", "blocks",
     "The last block that this node takes: once it is final the node votes no more, says so, and "
     "stays up (for an upgrade at an agreed height). A restart without it goes on; 0 goes on.",
     false, [](Settings& s, ConfigValue v) { s.node.chain.halt_height = {v.count}; }},
    {"chain.mesh_token", Type::text, "", "", "path",
     "A secret file that the validators of a private mesh share, of at least 32 bytes: who does "
     "not prove to know it is not listened to in consensus. Followers get blocks all the same.",
     false, [](Settings& s, ConfigValue v) { s.mesh_token_file = std::move(v.text); }},
    {"chain.signer", Type::text, "", "", "",
     "The remote signer that holds the validator's key (`kith signer run`): its socket's path, or "
     " /ip4/…/tcp/…/p2p/ID. This node then has no key of its own; it votes while the signer "
     "serves it, and else follows. Empty: the key is HOME/validator, or this node only follows.",
     false, [](Settings& s, ConfigValue v) { s.signer = std::move(v.text); }},
    {"chain.signer_key", Type::text, "", "", "hex",
     "The public key of the validator that chain.signer signs for; with another one it is not "
     "used. `kith signer init` prints it.",
     false, [](Settings& s, ConfigValue v) { s.signer_key = std::move(v.text); }},
    {"compute.enabled", Type::flag, "false", "", "",
     "Work for the chain's computing jobs (docs/compute.md). The worker's key has to be one of an "
     "account with a bond; somebody has to pay the fees of what it says: see compute.carrier_key.",
     false, [](Settings& s, ConfigValue v) { s.compute.is_enabled = v.flag; }},
    {"compute.jobs", Type::texts, "", "", "numbers",
     "The jobs to work for, by number; an empty list works for all whose kind of work this node "
     "knows.",
     false, [](Settings& s, ConfigValue v) { s.compute.jobs = std::move(v.texts); }},
    {"compute.slots", Type::count, "1", "0..256", "slots",
     "Places in each job, each bonded: about one a core, for a device that does up to a task a "
     "round. 0 leaves the jobs, in order and without loss.",
     false,
     [](Settings& s, ConfigValue v) { s.compute.slots = static_cast<std::uint16_t>(v.count); }},
    {"compute.threads", Type::count, "0", "0..4096", "threads",
     "Threads that compute, at idle priority. 0: one a processor.", false,
     [](Settings& s, ConfigValue v) { s.compute.threads = static_cast<unsigned>(v.count); }},
    {"compute.device", Type::text, "cpu", "", "",
     "What computes Collatz units: cpu, which takes the fastest kernel; a kernel's name; cuda or "
     "opencl, all GPUs of that interface; hybrid, GPUs and the processor; auto, GPUs when they are "
     "faster. A lost GPU is replaced by the processor (docs/compute.md).",
     false, [](Settings& s, ConfigValue v) { s.compute.device = std::move(v.text); }},
    {"compute.programs", Type::texts, "", "", "paths",
     "Programs that may be run for jobs which name them by their hash "
     "(docs/protocol/external-workload.md). None is ever fetched.",
     false, [](Settings& s, ConfigValue v) { s.compute.programs = std::move(v.texts); }},
    {"compute.cpu_percent", Type::count, "100", "1..100", "percent",
     "Of each thread's time; in turns of 50 ms or a slice.", false,
     [](Settings& s, ConfigValue v) {
       s.compute.rules.cpu_percent = static_cast<unsigned>(v.count);
     }},
    {"compute.hours", Type::text, "", "", "",
     "Local time within which it works, such as 22:00-06:30. Empty: all day.", false,
     [](Settings& s, ConfigValue v) {
       s.compute.rules.hours.reset();
       const auto hours = compute::parse_work_hours(v.text);
       if (hours) s.compute.rules.hours = *hours;
       s.compute.hours = std::move(v.text);
     }},
    {"compute.only_on_ac", Type::flag, "false", "", "", "Rest while on battery.", false,
     [](Settings& s, ConfigValue v) { s.compute.rules.only_on_ac = v.flag; }},
    {"compute.celsius_max", Type::count, "0", "0..150", "degrees",
     "Rest while a thermal zone is hotter, until it is 5 less. 0: never.", false,
     [](Settings& s, ConfigValue v) {
       s.compute.rules.celsius_max.reset();
       if (v.count > 0) s.compute.rules.celsius_max = static_cast<int>(v.count);
     }},
    {"compute.others_percent_max", Type::count, "0", "0..100", "percent",
     "Rest while other programs use more of the machine, until it is 10 less. 0: never.", false,
     [](Settings& s, ConfigValue v) {
       s.compute.rules.others_percent_max.reset();
       if (v.count > 0) s.compute.rules.others_percent_max = static_cast<unsigned>(v.count);
     }},
    {"compute.worker_key", Type::text, "", "", "path",
     "The worker's key, a file as docs/protocol/key-files.md has it. Empty takes "
     "HOME/worker/identity.key, and makes it when it is not there.",
     false, [](Settings& s, ConfigValue v) { s.compute.worker_key_file = std::move(v.text); }},
    {"compute.carrier_key", Type::text, "", "", "path",
     "A key whose coins pay the fees of statements, of the worker's orders and of verdicts, "
     "these also while compute.enabled is off. Empty takes HOME/carrier/identity.key when it is "
     "there; else peers are asked to carry. It needs chain.index.",
     false, [](Settings& s, ConfigValue v) { s.compute.carrier_key_file = std::move(v.text); }},
    {"compute.carry_for_others", Type::flag, "false", "", "",
     "Also pay for statements that peers hand in, a few of each, as long as they have an effect.",
     false, [](Settings& s, ConfigValue v) { s.compute.carries_for_others = v.flag; }},
    {"packet.enabled", Type::flag, "true", "", "",
     "Speak Kith's own sessions where the peer does, too: packets over UDP, and the same over TCP "
     "and WebSockets. Else libp2p's Noise and yamux alone.",
     false,
     [](Settings& s, ConfigValue v) { s.packet.is_enabled = v.flag; }},
    {"packet.listen", Type::addresses, "/ip4/0.0.0.0/udp/4771/kith", "", "multiaddr",
     "Where packets are received. Port 0 takes a free one. An empty list only dials. The default "
     "holds where `listen` is left at its default, too.",
     false,
     [](Settings& s, ConfigValue v) { s.packet.listen = std::move(v.addresses); }},
    {"packet.mtu", Type::count, "1400", "1200..8952", "bytes",
     "Of UDP payload in a packet, once the handshake has found that the path takes as much.", false,
     [](Settings& s, ConfigValue v) { s.packet.mtu = v.count; }},
    {"packet.mtu_max", Type::count, "1472", "1200..8952", "bytes",
     "The largest that packet.mtu_discovery tries.", false,
     [](Settings& s, ConfigValue v) { s.packet.mtu_max = v.count; }},
    {"packet.mtu_discovery", Type::flag, "true", "", "",
     "Try whether a path takes larger packets than packet.mtu.", false,
     [](Settings& s, ConfigValue v) { s.packet.discovers_mtu = v.flag; }},
    {"packet.congestion", Type::choice, "bbr", "bbr|cubic|aimd", "",
     "What decides how fast packets leave. bbr keeps its rate on links that lose some.", false,
     [](Settings& s, ConfigValue v) { s.packet.congestion = std::move(v.text); }},
    {"packet.spin_us", Type::count, "50", "0..1000", "microseconds",
     "How long a busy node looks for the next packet before it sleeps; never on battery. 0: not at "
     "all.",
     false,
     [](Settings& s, ConfigValue v) {
       s.packet.spin = std::chrono::microseconds(static_cast<std::int64_t>(v.count));
     }},
    {"packet.idle_timeout", Type::duration, "1m", "5s..1h", "duration",
     "A connection on which nothing came for so long is over.", false,
     [](Settings& s, ConfigValue v) { s.packet.idle_timeout = v.duration; }},
    {"packet.keep_alive", Type::duration, "15s", "1s..30m", "duration",
     "After so long without anything to say a sign of life is sent; at most half of "
     "packet.idle_timeout.",
     false, [](Settings& s, ConfigValue v) { s.packet.keep_alive = v.duration; }},
    {"session.rotate_bytes", Type::size, "100MB", "1MB..10GB", "size",
     "A session's keys are replaced by fresh ones after a side has sent so many bytes…", false,
     [](Settings& s, ConfigValue v) { s.session.rotate_bytes = v.count; }},
    {"session.rotate_interval", Type::duration, "1h", "10s..24h", "duration",
     "…after so long…", false,
     [](Settings& s, ConfigValue v) { s.session.rotate_interval = v.duration; }},
    {"session.rotate_messages", Type::count, "1048576", "1000..1000000000", "messages",
     "…or after so many messages, whichever is first.", false,
     [](Settings& s, ConfigValue v) { s.session.rotate_messages = v.count; }},
    {"session.ciphers", Type::texts, "", "", "",
     "aes-256-gcm and chacha20-poly1305, the most wanted first; one that is left out is not "
     "spoken. Empty: both, as the processor does them.",
     false, [](Settings& s, ConfigValue v) { s.session.ciphers = std::move(v.texts); }},
    {"session.compress", Type::flag, "false", "", "",
     "Compress messages from 512 bytes on, where that saves a packet.", false,
     [](Settings& s, ConfigValue v) { s.session.compresses = v.flag; }},
    {"websocket.tls_certificate", Type::text, "", "", "path",
     "A PEM file: the certificate for /tls/ws addresses, and those between it and its authority.",
     false,
     [](Settings& s, ConfigValue v) { s.web_socket.tls_certificate_file = std::move(v.text); }},
    {"websocket.tls_key", Type::text, "", "", "path", "A PEM file: the certificate's key.", false,
     [](Settings& s, ConfigValue v) { s.web_socket.tls_key_file = std::move(v.text); }},
    {"websocket.tls_authorities", Type::text, "", "", "path",
     "A PEM file of the authorities that are believed when /tls/ws is dialled. Empty: the "
     "system's.",
     false,
     [](Settings& s, ConfigValue v) { s.web_socket.tls_authorities_file = std::move(v.text); }},
    {"websocket.upgrades_max", Type::count, "64", "1..10000", "connections",
     "Accepted connections that are not yet WebSockets.", false,
     [](Settings& s, ConfigValue v) { s.web_socket.upgrades_max = v.count; }},
    {"websocket.upgrade_timeout", Type::duration, "10s", "100ms..1m", "duration",
     "How long that may take.", false,
     [](Settings& s, ConfigValue v) { s.web_socket.upgrade_timeout = v.duration; }},
    {"network.key_file", Type::text, "", "", "path",
     "A swarm.key file: only peers with the same key can connect. Empty takes HOME/swarm.key when "
     "that exists.",
     false, [](Settings& s, ConfigValue v) { s.network_key_file = std::move(v.text); }},
    {"identity.passphrase_file", Type::text, "", "", "path",
     "A file whose first line opens a sealed identity.key.", false,
     [](Settings& s, ConfigValue v) { s.passphrase_file = std::move(v.text); }},
    {"api.socket", Type::text, "api.sock", "", "path",
     "The Unix-domain socket over which `kith status` and the like reach the running node.", false,
     [](Settings& s, ConfigValue v) { s.api_socket = std::move(v.text); }},
    {"api.http", Type::addresses, "/ip4/127.0.0.1/tcp/4775", "", "multiaddr",
     "Where the HTTP API listens. Port 0 takes a free one, an empty list none. When all are "
     "loopback, reads are open to this machine; else all requests need the token of api.token. A "
     "default that somebody else has taken is a warning, one that was asked for an error.",
     false, [](Settings& s, ConfigValue v) { s.http.addresses = std::move(v.addresses); }},
    {"api.allowed_hosts", Type::texts, "", "", "",
     "Names by which the API may be asked beside loopback's and its own address: what a Host "
     "header may say, without a port.",
     false, [](Settings& s, ConfigValue v) { s.http.allowed_hosts = std::move(v.texts); }},
    {"api.allowed_origins", Type::texts, "", "", "",
     "Origins of web pages that may ask the API beside its own, such as https://dash.example.",
     false, [](Settings& s, ConfigValue v) { s.http.allowed_origins = std::move(v.texts); }},
    {"api.connections_max", Type::count, "64", "1..10000", "connections",
     "HTTP connections and WebSockets; one more gets status 503.", false,
     [](Settings& s, ConfigValue v) { s.http.connections_max = v.count; }},
    {"api.header_bytes_max", Type::size, "16KiB", "1KiB..1MiB", "size",
     "Of one request; more is answered by status 431.", false,
     [](Settings& s, ConfigValue v) { s.http.header_bytes_max = v.count; }},
    {"api.body_bytes_max", Type::size, "1MiB", "1KiB..1MiB", "size",
     "Of one request, or one message of a WebSocket's client; more is answered by status 413.",
     false, [](Settings& s, ConfigValue v) { s.http.body_bytes_max = v.count; }},
    {"api.request_timeout", Type::duration, "10s", "100ms..10m", "duration",
     "From the first byte of a request to its last; slower ones are answered by status 408.", false,
     [](Settings& s, ConfigValue v) { s.http.request_timeout = v.duration; }},
    {"api.idle_timeout", Type::duration, "1m", "100ms..1h", "duration",
     "A connection without a request for so long is closed, and a WebSocket without any sign of "
     "life.",
     false, [](Settings& s, ConfigValue v) { s.http.idle_timeout = v.duration; }},
    {"api.rate", Type::count, "100", "1..1000000", "requests",
     "Requests of one client in a second; more get status 429.", false,
     [](Settings& s, ConfigValue v) { s.http.rate = v.count; }},
    {"api.rate_burst", Type::count, "200", "1..1000000", "requests",
     "How many it may ask at once.", false,
     [](Settings& s, ConfigValue v) { s.http.rate_burst = v.count; }},
    {"api.unread_events_max", Type::count, "1024", "1..100000", "events",
     "Events that wait for the client of a WebSocket; beyond it the socket is closed.", false,
     [](Settings& s, ConfigValue v) { s.http.unread_events_max = v.count; }},
    {"log.level", Type::text, "info", "", "",
     "trace, debug, info, warn, error or off, and others by subsystem: info,host=debug. "
     "`kith log level` changes it.",
     true, [](Settings& s, ConfigValue v) { s.log_level = std::move(v.text); }},
    {"log.format", Type::choice, "text", "text|json", "", "One line of text, or one JSON object.",
     false, [](Settings& s, ConfigValue v) { s.log_json = v.text == "json"; }},
    {"log.file", Type::text, "", "", "path",
     "Where log lines go; rotates at 16 MiB, five old ones stay. Empty: standard error.", false,
     [](Settings& s, ConfigValue v) { s.log_file = std::move(v.text); }},
});

}  // namespace

std::span<const ConfigKey> config_keys() { return keys; }

const ConfigKey* find_config_key(std::string_view name) {
  const auto found = std::ranges::find(keys, name, &ConfigKey::name);
  return found == keys.end() ? nullptr : &*found;
}

}  // namespace kith::node
