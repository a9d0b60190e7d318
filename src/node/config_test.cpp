#include "node/config.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "node/config_text.h"

namespace kith::node {
namespace {

Setting flag(const std::string& key, const std::string& value) {
  return {key, {value}, Origin::flag, "--set"};
}

Settings load(std::vector<Setting> sources) {
  auto settings = load_settings(std::move(sources));
  EXPECT_TRUE(settings.has_value()) << settings.error().message;
  return settings ? *std::move(settings) : Settings{};
}

std::string fault(std::vector<Setting> sources) {
  auto settings = load_settings(std::move(sources));
  EXPECT_FALSE(settings.has_value());
  if (settings) return "";
  EXPECT_TRUE(settings.error().code == Code::config || settings.error().code == Code::usage);
  return settings.error().message;
}

const EffectiveSetting& effective(const Settings& settings, std::string_view key) {
  for (const auto& setting : settings.effective) {
    if (setting.key == key) return setting;
  }
  ADD_FAILURE() << key;
  return settings.effective.front();
}

// What the node would run with, key by key: a value other than the default, and where it must show.
struct Effect {
  const char* key;
  const char* value;
  std::function<std::string(const Settings&)> shows;
};

std::string addresses(const std::vector<codec::Multiaddr>& list) {
  std::string text;
  for (const auto& address : list) text += address.to_string() + " ";
  return text;
}
/// Where it listens, but for packets.
std::string stream_addresses(const Settings& settings) {
  std::vector<codec::Multiaddr> list = settings.node.host.listen;
  std::erase_if(list, [](const auto& address) { return address.has(codec::AddrProtocol::udp); });
  return addresses(list);
}
std::string number(std::uint64_t value) { return std::to_string(value); }
std::string number(Duration value) { return format_duration(value); }

const std::vector<Effect> all_effects = {
    {"listen", "/ip4/127.0.0.1/tcp/1", [](auto& s) { return stream_addresses(s); }},
    {"announce", "/ip4/127.0.0.1/tcp/2", [](auto& s) { return addresses(s.node.host.announce); }},
    {"bootstrap", "/dns4/a.example/tcp/3",
     [](auto& s) { return addresses(s.node.host.bootstrap); }},
    {"max_peers", "50",
     [](auto& s) { return number(s.node.host.peers_high) + number(s.node.host.peers_low); }},
    {"min_outbound_peers", "3", [](auto& s) { return number(s.node.host.outbound_min); }},
    {"min_peers", "3", [](auto& s) { return number(s.node.host.peers_min); }},
    {"peer_timeout", "9s",
     [](auto& s) {
       return number(s.node.host.connection.yamux.keepalive_interval +
                     s.node.host.connection.yamux.keepalive_timeout);
     }},
    {"connect_timeout", "3s",
     [](auto& s) {
       return number(s.node.host.dialer.job_timeout) +
              number(s.node.host.connection.upgrade_timeout);
     }},
    {"dial.backoff_min", "1s", [](auto& s) { return number(s.node.host.book.backoff_min); }},
    {"dial.backoff_max", "20m", [](auto& s) { return number(s.node.host.book.backoff_max); }},
    {"dial.bootstrap_backoff_min", "3s",
     [](auto& s) { return number(s.node.host.bootstrap_backoff_min); }},
    {"dial.bootstrap_backoff_max", "2m",
     [](auto& s) { return number(s.node.host.bootstrap_backoff_max); }},
    {"dial.feeler_interval", "9s", [](auto& s) { return number(s.node.host.feeler_interval); }},
    {"dial.failures_max", "3", [](auto& s) { return number(s.node.host.book.failures_max); }},
    {"peer_book.peers_max", "77", [](auto& s) { return number(s.node.host.book.peers_max); }},
    {"connections_reserve", "3",
     [](auto& s) { return number(s.node.host.limits.outbound_reserve); }},
    {"connections_burst", "3", [](auto& s) { return number(s.node.host.limits.rate_burst); }},
    {"connections_interval", "1s",
     [](auto& s) { return number(s.node.host.limits.rate_interval); }},
    {"streams_per_connection", "20",
     [](auto& s) {
       return number(s.node.host.connection.yamux.streams_inbound_max) +
              number(s.node.host.connection.yamux.streams_outbound_max);
     }},
    {"stream_window_max", "1MiB",
     [](auto& s) { return number(s.node.host.connection.yamux.receive_window_max); }},
    {"connections_max", "300", [](auto& s) { return number(s.node.host.limits.connections_max); }},
    {"connections_per_address", "2",
     [](auto& s) { return number(s.node.host.limits.per_address_max); }},
    {"connections_per_peer", "2", [](auto& s) { return number(s.node.host.limits.per_peer_max); }},
    {"handshakes_pending_max", "5",
     [](auto& s) { return number(s.node.host.limits.inbound_pending_max); }},
    {"ping.interval", "1s", [](auto& s) { return number(s.node.ping.interval); }},
    {"peer_exchange.interval", "1s",
     [](auto& s) {
       return number(s.node.peer_exchange.interval) + number(s.node.peer_exchange.interval_eager);
     }},
    {"quality.request_timeout_min", "2s",
     [](auto& s) { return number(s.node.quality.rtt.timeout_min); }},
    {"quality.request_timeout_max", "20s",
     [](auto& s) { return number(s.node.quality.rtt.timeout_max); }},
    {"quality.recommend_interval", "20m",
     [](auto& s) { return number(s.node.recommend.interval); }},
    {"breaker.failures_max", "7",
     [](auto& s) { return number(s.node.breakers.peer.failures_max); }},
    {"breaker.open_for", "9s", [](auto& s) { return number(s.node.breakers.peer.open_for); }},
    {"limits.peer_messages", "7",
     [](auto& s) { return number(s.node.limits.per_peer.per_second); }},
    {"limits.peer_burst", "9", [](auto& s) { return number(s.node.limits.per_peer.burst); }},
    {"limits.messages", "8", [](auto& s) { return number(s.node.limits.overall.burst); }},
    {"quality.warn_at", "90",
     [](auto& s) {
       return number(static_cast<std::uint64_t>(s.node.quality.ledger.warn_at)) +
              number(static_cast<std::uint64_t>(s.node.quality.ledger.warn_until));
     }},
    {"quality.ban_at", "400",
     [](auto& s) {
       return number(static_cast<std::uint64_t>(s.node.quality.ledger.ban_at)) +
              number(static_cast<std::uint64_t>(s.node.quality.ledger.ban_until));
     }},
    {"quality.decay", "20",
     [](auto& s) { return number(static_cast<std::uint64_t>(s.node.quality.ledger.decay)); }},
    {"quality.decay_interval", "5m",
     [](auto& s) { return number(s.node.quality.ledger.decay_interval); }},
    {"quality.probe_interval", "9s",
     [](auto& s) { return number(s.node.quality.health.probe_interval); }},
    {"quality.probe_timeout", "9s",
     [](auto& s) { return number(s.node.quality.health.probe_timeout); }},
    {"quality.failures_max", "9",
     [](auto& s) { return number(s.node.quality.health.failures_max); }},
    {"quality.stale_after", "9m",
     [](auto& s) { return number(s.node.quality.health.stale_after); }},
    {"gossip.topics", "a,b",
     [](auto& s) {
       return number(s.node.topics.size()) + (s.node.topics.empty() ? "" : s.node.topics.back());
     }},
    {"gossip.enabled", "false", [](auto& s) { return number(s.node.speaks_gossip ? 1 : 0); }},
    {"gossip.sign", "false",
     [](auto& s) { return number(static_cast<std::uint64_t>(s.node.gossip.policy)); }},
    {"gossip.px_private_addresses", "true",
     [](auto& s) { return number(s.node.gossip.px_takes_private_addresses ? 1 : 0); }},
    {"gossip.fanout", "12",
     [](auto& s) {
       const auto& m = s.node.gossip.mesh;
       return number(m.d) + " " + number(m.d_lo) + " " + number(m.d_hi) + " " + number(m.d_score) +
              " " + number(m.d_out);
     }},
    {"gossip.heartbeat", "2s", [](auto& s) { return number(s.node.gossip.heartbeat_interval); }},
    {"gossip.dedup_entries", "500", [](auto& s) { return number(s.node.gossip.seen.entries_max); }},
    {"gossip.dedup_age", "1m",
     [](auto& s) { return number(s.node.gossip.seen.ttl) + number(s.node.gossip.seen.young_max); }},
    {"perf.serve", "true", [](auto& s) { return number(s.node.serves_perf ? 1 : 0); }},
    {"tcp.congestion", "bbr", [](auto& s) { return s.tcp_congestion; }},
    {"network.name", "testnet", [](auto& s) { return s.network_name; }},
    {"chain.index", "false", [](auto& s) { return number(s.indexes_addresses ? 1 : 0); }},
    {"chain.genesis", "g.kith", [](auto& s) { return s.genesis_file; }},
    {"chain.retain_blocks", "100",
     [](auto& s) { return number(s.node.chain.keeping.retain_blocks); }},
    {"chain.snapshot_interval", "3",
     [](auto& s) { return number(s.node.chain.keeping.snapshot_interval); }},
    {"chain.snapshot_behind", "50",
     [](auto& s) { return number(s.node.chain.keeping.snapshot_behind); }},
    {"mempool.size", "1MiB", [](auto& s) { return number(s.node.chain.mempool.bytes_max); }},
    {"mempool.transactions", "7", [](auto& s) { return number(s.node.chain.mempool.count_max); }},
    {"mempool.peer_size", "2MiB",
     [](auto& s) { return number(s.node.chain.mempool.peer_bytes_max); }},
    {"mempool.expiry", "1h",
     [](auto& s) { return number(static_cast<std::uint64_t>(s.node.chain.mempool.age_ms_max)); }},
    {"chain.serve_rate", "1MiB", [](auto& s) { return number(s.node.chain.keeping.serve_rate); }},
    {"chain.halt_height", "7", [](auto& s) { return number(s.node.chain.halt_height.value); }},
    {"chain.mesh_token", "mesh", [](auto& s) { return s.mesh_token_file; }},
    {"chain.signer", "signer.sock", [](auto& s) { return s.signer; }},
    {"chain.signer_key", "ab", [](auto& s) { return s.signer_key; }},
    {"compute.enabled", "true", [](auto& s) { return number(s.compute.is_enabled ? 1 : 0); }},
    {"compute.jobs", "7", [](auto& s) { return number(s.compute.jobs.size()); }},
    {"compute.slots", "7", [](auto& s) { return number(s.compute.slots); }},
    {"compute.threads", "7", [](auto& s) { return number(s.compute.threads); }},
    {"compute.device", "scalar", [](auto& s) { return s.compute.device; }},
    {"compute.programs", "a.py", [](auto& s) { return number(s.compute.programs.size()); }},
    {"compute.cpu_percent", "7", [](auto& s) { return number(s.compute.rules.cpu_percent); }},
    {"compute.hours", "22:00-06:30",
     [](auto& s) { return number(s.compute.rules.hours ? s.compute.rules.hours->from : 0u); }},
    {"compute.only_on_ac", "true",
     [](auto& s) { return number(s.compute.rules.only_on_ac ? 1 : 0); }},
    {"compute.celsius_max", "77",
     [](auto& s) {
       return number(static_cast<unsigned>(s.compute.rules.celsius_max.value_or(0)));
     }},
    {"compute.others_percent_max", "77",
     [](auto& s) { return number(s.compute.rules.others_percent_max.value_or(0)); }},
    {"compute.worker_key", "w.key", [](auto& s) { return s.compute.worker_key_file; }},
    {"compute.carrier_key", "c.key", [](auto& s) { return s.compute.carrier_key_file; }},
    {"compute.carry_for_others", "true",
     [](auto& s) { return number(s.compute.carries_for_others ? 1 : 0); }},
    {"packet.enabled", "false", [](auto& s) { return number(s.node.host.has_sessions ? 1 : 0); }},
    {"packet.listen", "/ip6/::1/udp/9/kith", [](auto& s) { return addresses(s.packet.listen); }},
    {"packet.mtu", "1300", [](auto& s) { return number(s.node.host.session.packet.mtu.bytes); }},
    {"packet.mtu_max", "8952",
     [](auto& s) { return number(s.node.host.session.packet.mtu.bytes_max); }},
    {"packet.mtu_discovery", "false",
     [](auto& s) { return number(s.node.host.session.packet.mtu.discovers ? 1 : 0); }},
    {"packet.congestion", "cubic",
     [](auto& s) {
       return number(static_cast<unsigned>(s.node.host.session.packet.recovery.congestion));
     }},
    {"packet.spin_us", "7", [](auto& s) { return number(s.packet.spin); }},
    {"packet.idle_timeout", "40s",
     [](auto& s) { return number(s.node.host.session.packet.idle_timeout); }},
    {"packet.keep_alive", "9s",
     [](auto& s) { return number(s.node.host.session.packet.keep_alive); }},
    {"session.rotate_bytes", "7MB",
     [](auto& s) { return number(s.node.host.session.session.rotate_bytes); }},
    {"session.rotate_interval", "9m",
     [](auto& s) { return number(s.node.host.session.session.rotate_interval); }},
    {"session.rotate_messages", "7000",
     [](auto& s) { return number(s.node.host.session.session.rotate_messages); }},
    {"session.ciphers", "chacha20-poly1305",
     [](auto& s) {
       std::string text;
       for (const auto cipher : s.node.host.session.session.ciphers) {
         text += number(static_cast<unsigned>(cipher)) + " ";
       }
       return text;
     }},
    {"session.compress", "true",
     [](auto& s) { return number(s.node.host.session.packet.services.compresses ? 1 : 0); }},
    {"websocket.tls_certificate", "c.pem",
     [](auto& s) { return s.web_socket.tls_certificate_file; }},
    {"websocket.tls_key", "c.key", [](auto& s) { return s.web_socket.tls_key_file; }},
    {"websocket.tls_authorities", "ca.pem",
     [](auto& s) { return s.web_socket.tls_authorities_file; }},
    {"websocket.upgrades_max", "7", [](auto& s) { return number(s.web_socket.upgrades_max); }},
    {"websocket.upgrade_timeout", "3s",
     [](auto& s) { return number(s.web_socket.upgrade_timeout); }},
    {"network.key_file", "psk", [](auto& s) { return s.network_key_file; }},
    {"identity.passphrase_file", "words", [](auto& s) { return s.passphrase_file; }},
    {"limits.upload", "1MB", [](auto& s) { return number(s.node.host.shaping.upload); }},
    {"limits.download", "1MB", [](auto& s) { return number(s.node.host.shaping.download); }},
    {"api.socket", "other.sock", [](auto& s) { return s.api_socket; }},
    {"api.http", "/ip4/127.0.0.1/tcp/9", [](auto& s) { return addresses(s.http.addresses); }},
    {"api.allowed_hosts", "a.example,b.example",
     [](auto& s) {
       return number(s.http.allowed_hosts.size()) +
              (s.http.allowed_hosts.empty() ? "" : s.http.allowed_hosts.back());
     }},
    {"api.allowed_origins", "https://a.example",
     [](auto& s) { return number(s.http.allowed_origins.size()); }},
    {"api.connections_max", "3", [](auto& s) { return number(s.http.connections_max); }},
    {"api.header_bytes_max", "2KiB", [](auto& s) { return number(s.http.header_bytes_max); }},
    {"api.body_bytes_max", "2KiB", [](auto& s) { return number(s.http.body_bytes_max); }},
    {"api.request_timeout", "3s", [](auto& s) { return number(s.http.request_timeout); }},
    {"api.idle_timeout", "3s", [](auto& s) { return number(s.http.idle_timeout); }},
    {"api.rate", "3", [](auto& s) { return number(s.http.rate); }},
    {"api.rate_burst", "3", [](auto& s) { return number(s.http.rate_burst); }},
    {"api.unread_events_max", "3", [](auto& s) { return number(s.http.unread_events_max); }},
    {"log.level", "debug", [](auto& s) { return s.log_level; }},
    {"log.format", "json", [](auto& s) { return number(s.log_json ? 1 : 0); }},
    {"log.file", "node.log", [](auto& s) { return s.log_file; }},
};

const std::vector<Effect>& effects() { return all_effects; }

TEST(Config, RequestTimeoutsMustBeInOrder) {
  EXPECT_NE(fault({flag("quality.request_timeout_min", "20s")})
                .find("quality.request_timeout_min 20s is above "
                      "quality.request_timeout_max 10s"),
            std::string::npos);
}

TEST(Config, HoursAndJobsOfWorkAreWhatTheySay) {
  EXPECT_NE(fault({flag("compute.hours", "late")})
                .find("compute.hours \"late\" is no span such as 22:00-06:30"),
            std::string::npos);
  EXPECT_NE(fault({flag("compute.jobs", "x")}).find("compute.jobs: \"x\" is no number"),
            std::string::npos);
}

TEST(Config, PacketsAreOfSizesAndTimesThatFit) {
  const auto has = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(fault({flag("packet.mtu", "1473")}), "packet.mtu 1473 is above packet.mtu_max"));
  EXPECT_EQ(load({flag("packet.mtu", "1472")}).packet.mtu, 1472u);
  EXPECT_TRUE(has(fault({flag("packet.mtu", "1199")}), "1200"));
  EXPECT_TRUE(has(fault({flag("packet.mtu_max", "8953")}), "8952"));
  EXPECT_TRUE(has(fault({flag("packet.keep_alive", "31s")}),
                  "packet.keep_alive 31s is above half of packet.idle_timeout 1m"));
  EXPECT_EQ(load({flag("packet.keep_alive", "30s")}).packet.keep_alive, Duration(30s));
  EXPECT_EQ(load({flag("packet.spin_us", "0")}).packet.spin, Duration::zero());
  EXPECT_TRUE(has(fault({flag("packet.spin_us", "1001")}), "1000"));
  EXPECT_TRUE(has(fault({flag("packet.congestion", "reno")}), "bbr|cubic|aimd"));
  for (const char* bad : {"/ip4/0.0.0.0/tcp/4771", "/ip4/0.0.0.0/udp/4771", "/dns/a/udp/1/kith"}) {
    EXPECT_TRUE(has(fault({flag("packet.listen", bad)}), bad));
  }
  EXPECT_TRUE(load({flag("packet.listen", "")}).packet.listen.empty());
}

// Whoever says where to listen has said all of it.
TEST(Config, PacketsAreReceivedWhereListenIsItsDefaultOrTheySayWhere) {
  const auto has = [](std::vector<Setting> sources, std::string_view address) {
    const Settings settings = load(std::move(sources));
    const auto& list = settings.node.host.listen;
    return std::ranges::count(list, *codec::Multiaddr::parse(address)) == 1;
  };
  const std::string_view usual = "/ip4/0.0.0.0/udp/4771/kith", own = "/ip6/::1/udp/9/kith";
  const Setting listen = flag("listen", "/ip4/127.0.0.1/tcp/1");
  const Setting packets = flag("packet.listen", std::string(own));
  EXPECT_TRUE(has({}, usual));
  EXPECT_FALSE(has({listen}, usual));
  EXPECT_TRUE(has({packets}, own));
  EXPECT_FALSE(has({packets}, usual));
  EXPECT_TRUE(has({listen, packets}, own));
  EXPECT_TRUE(has({listen, flag("packet.listen", std::string(usual))}, usual)) << "if it says so";
  EXPECT_FALSE(has({flag("packet.enabled", "false")}, usual));
  EXPECT_FALSE(has({flag("packet.enabled", "false"), packets}, own));
}

TEST(Config, SessionsHaveCiphersThatAreThere) {
  EXPECT_EQ(load({flag("session.ciphers", "chacha20-poly1305,aes-256-gcm")}).session.ciphers,
            (std::vector<std::string>{"chacha20-poly1305", "aes-256-gcm"}));
  EXPECT_NE(fault({flag("session.ciphers", "rot13")}).find("session.ciphers: \"rot13\""),
            std::string::npos);
  EXPECT_NE(fault({flag("session.ciphers", "aes-256-gcm,aes-256-gcm")}).find("twice"),
            std::string::npos);
}

TEST(Config, TlsIsListenedOnWithACertificateOnly) {
  for (const char* address : {"/ip4/0.0.0.0/tcp/443/tls/ws", "/ip4/0.0.0.0/tcp/443/wss"}) {
    EXPECT_NE(fault({flag("listen", address)}).find("needs websocket.tls_certificate"),
              std::string::npos);
    load({flag("listen", address), flag("websocket.tls_certificate", "c.pem")});
  }
  load({flag("listen", "/ip4/0.0.0.0/tcp/4772/ws")});
}

TEST(Config, RecommendationsMayNotComeTooOften) {
  EXPECT_NE(fault({flag("quality.recommend_interval", "1m")})
                .find("quality.recommend_interval 1m is neither 0 nor at least 2m"),
            std::string::npos);
  load({flag("quality.recommend_interval", "0")});
}

TEST(Config, EachKeyChangesWhatTheNodeRunsWithAndNothingElse) {
  const Settings defaults = load({});
  std::set<std::string_view> seen;
  for (const Effect& effect : effects()) {
    seen.insert(effect.key);
    const Settings changed = load({flag(effect.key, effect.value)});
    for (const Effect& other : effects()) {
      if (&other == &effect) {
        EXPECT_NE(other.shows(changed), other.shows(defaults)) << effect.key;
      } else {
        EXPECT_EQ(other.shows(changed), other.shows(defaults)) << effect.key << " " << other.key;
      }
    }
  }
  for (const ConfigKey& key : config_keys()) EXPECT_TRUE(seen.contains(key.name)) << key.name;
}

TEST(Config, TheApiListensOnAddressesOnly) {
  for (const char* bad : {"/dns4/a.example/tcp/1", "/ip4/127.0.0.1/udp/1", "/ip4/127.0.0.1"}) {
    const auto refused = load_settings({flag("api.http", bad)});
    ASSERT_FALSE(refused) << bad;
    EXPECT_NE(refused.error().message.find("api.http"), std::string::npos);
  }
  EXPECT_TRUE(load({flag("api.http", "")}).http.addresses.empty());
}

TEST(Config, DefaultsAreThoseOfTheContract) {
  const Settings s = load({});
  EXPECT_EQ(addresses(s.http.addresses), "/ip4/127.0.0.1/tcp/4775 ");
  EXPECT_EQ(addresses(s.node.host.listen),
            "/ip4/0.0.0.0/tcp/4770 /ip6/::/tcp/4770 /ip4/0.0.0.0/tcp/4772/ws "
            "/ip4/0.0.0.0/udp/4771/kith ");
  EXPECT_EQ(s.node.host.peers_high, 100U);
  EXPECT_EQ(s.node.host.peers_min, 8U);
  EXPECT_EQ(s.node.host.connection.yamux.keepalive_interval +
                s.node.host.connection.yamux.keepalive_timeout,
            30s);
  EXPECT_EQ(s.node.host.dialer.job_timeout, 10s);
  EXPECT_FALSE(s.node.serves_perf);
}

TEST(Config, NamesAreUniqueInEverySource) {
  std::set<std::string> names;
  std::set<std::string> variables;
  for (const ConfigKey& key : config_keys()) {
    EXPECT_TRUE(names.insert(std::string(key.name)).second) << key.name;
    EXPECT_TRUE(variables.insert(environment_name(key.name)).second) << key.name;
    EXPECT_FALSE(key.help.empty()) << key.name;
  }
}

TEST(Config, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  const Setting file{"max_peers", {"10"}, Origin::file, "config.toml:1"};
  const Setting environment{"max_peers", {"20"}, Origin::environment, "KITH_MAX_PEERS"};
  const Setting last = flag("max_peers", "30");
  EXPECT_EQ(load({file}).node.host.peers_high, 10U);
  EXPECT_EQ(load({environment, file}).node.host.peers_high, 20U);
  const Settings all = load({last, environment, file});
  EXPECT_EQ(all.node.host.peers_high, 30U);
  EXPECT_EQ(effective(all, "max_peers").origin, Origin::flag);
  EXPECT_EQ(effective(all, "min_peers").origin, Origin::defaults);
  EXPECT_EQ(load({flag("max_peers", "30"), flag("max_peers", "40")}).node.host.peers_high, 40U);
}

TEST(Config, UnknownKeyNamesTheNearest) {
  const std::string text = fault({{"max_peer", {"1"}, Origin::file, "config.toml:3"}});
  EXPECT_NE(text.find("config.toml:3: unknown key \"max_peer\"; did you mean max_peers?"),
            std::string::npos)
      << text;
  EXPECT_EQ(fault({flag("colour_of_the_sky", "blue")}).find("did you mean"), std::string::npos);
}

TEST(Config, EveryFaultIsNamedAtOnce) {
  const std::string text =
      fault({flag("max_peers", "0"), flag("ping.interval", "soon"), flag("listen", "/ip4/1.2.3")});
  EXPECT_NE(text.find("max_peers: 0 is not within 1 to 10000"), std::string::npos) << text;
  EXPECT_NE(text.find("ping.interval: \"soon\" is no duration"), std::string::npos) << text;
  EXPECT_NE(text.find("listen: "), std::string::npos) << text;
}

TEST(Config, ValuesOutsideTheirRangeAreRefused) {
  for (const ConfigKey& key : config_keys()) {
    if (key.type == ConfigType::count) {
      EXPECT_NE(fault({flag(std::string(key.name), "18446744073709551615")}), "") << key.name;
      EXPECT_NE(fault({flag(std::string(key.name), "-1")}), "") << key.name;
    }
    if (key.type == ConfigType::duration) {
      EXPECT_NE(fault({flag(std::string(key.name), "9999d")}), "") << key.name;
      EXPECT_NE(fault({flag(std::string(key.name), "10")}), "") << key.name;
    }
    if (key.type == ConfigType::choice || key.type == ConfigType::flag) {
      EXPECT_NE(fault({flag(std::string(key.name), "perhaps")}), "") << key.name;
    }
  }
}

TEST(Config, KeysMustFitEachOther) {
  EXPECT_NE(fault({flag("min_peers", "9"), flag("max_peers", "8")}).find("above max_peers"),
            std::string::npos);
  EXPECT_NE(fault({flag("connections_max", "99")}).find("below max_peers"), std::string::npos);
  EXPECT_NE(fault({flag("dial.backoff_min", "30m")}).find("above dial.backoff_max"),
            std::string::npos);
  EXPECT_NE(fault({flag("dial.bootstrap_backoff_max", "1s")}).find("above dial.bootstrap_backoff_"),
            std::string::npos);
}

TEST(Config, AListMayBeEmptyAndHasALimit) {
  EXPECT_TRUE(load({flag("listen", "")}).node.host.listen.empty());
  EXPECT_EQ(
      load({flag("listen", "/ip4/1.2.3.4/tcp/1, /ip4/1.2.3.4/tcp/2")}).node.host.listen.size(), 2U);
  const Setting many{"bootstrap", std::vector<std::string>(65, "/ip4/1.2.3.4/tcp/1"), Origin::file,
                     "config.toml:1"};
  EXPECT_NE(fault({many}).find("the limit is 64"), std::string::npos);
  EXPECT_NE(fault({{"max_peers", {"1", "2"}, Origin::file, "x"}}), "");
}

TEST(ConfigToml, ReadsTablesListsAndLines) {
  const auto settings = parse_toml(
      "max_peers = 50\nlisten = [\"/ip4/1.2.3.4/tcp/1\", \"/ip4/1.2.3.4/tcp/2\"]\n"
      "[log]\nlevel = \"debug\"\n[perf]\nserve = true\n",
      "config.toml");
  ASSERT_TRUE(settings.has_value()) << settings.error().message;
  std::map<std::string, Setting> by_key;
  for (const auto& setting : *settings) by_key.emplace(setting.key, setting);
  EXPECT_EQ(by_key.at("max_peers").values, std::vector<std::string>{"50"});
  EXPECT_EQ(by_key.at("listen").values.size(), 2U);
  EXPECT_EQ(by_key.at("log.level").where, "config.toml:4");
  EXPECT_EQ(by_key.at("perf.serve").values, std::vector<std::string>{"true"});
  EXPECT_TRUE(load(*settings).node.serves_perf);
}

// A wrong flag is a wrong command; a wrong file, or what does not go together, is not.
TEST(Config, FaultsOfFlagsAloneAreUsage) {
  const Setting in_file{"max_peers", {"0"}, Origin::file, "config.toml:3"};
  const auto code_of = [](std::vector<Setting> sources) {
    return load_settings(std::move(sources)).error().code;
  };
  EXPECT_EQ(code_of({flag("listen", "nonsense")}), Code::usage);
  EXPECT_EQ(code_of({flag("colour_of_the_sky", "blue")}), Code::usage);
  EXPECT_EQ(code_of({in_file}), Code::config);
  EXPECT_EQ(code_of({in_file, flag("listen", "nonsense")}), Code::config);
  EXPECT_EQ(code_of({flag("min_peers", "9"), flag("max_peers", "8")}), Code::config);
}

TEST(ConfigToml, FaultsNameTheLine) {
  const auto broken = parse_toml("max_peers = 50\nmin_peers = = 3\n", "config.toml");
  ASSERT_FALSE(broken.has_value());
  EXPECT_EQ(broken.error().code, Code::config);
  EXPECT_TRUE(broken.error().message.starts_with("config.toml:2: ")) << broken.error().message;
  const auto twice = parse_toml("max_peers = 50\nmax_peers = 51\n", "config.toml");
  EXPECT_FALSE(twice.has_value());
  for (const char* odd : {"[{\n", "\xa8S\xc7\xbf", "a = \xc3\xa9", "\xc3\xa9 = 1", "[\xc7\xbf]"}) {
    EXPECT_FALSE(parse_toml(odd, "config.toml").has_value()) << odd;
  }
  EXPECT_FALSE(parse_toml("max_peers = 2026-01-01\n", "config.toml").has_value());
  EXPECT_FALSE(parse_toml("listen = [[\"/ip4/1.2.3.4/tcp/1\"]]\n", "config.toml").has_value());
  EXPECT_FALSE(parse_toml(std::string(config_file_bytes_max + 1, '#'), "config.toml").has_value());
}

TEST(ConfigToml, AnyTextIsAnswered) {
  ASSERT_TRUE(rc::check("parse_toml neither crashes nor throws",
                        [](const std::string& text) { (void)parse_toml(text, "config.toml"); }));
}

TEST(ConfigToml, DeepNestingIsRefusedBeforeTheStackEnds) {
  for (const char* piece : {"a.", "[", "{a="}) {
    std::string deep;
    while (deep.size() < config_file_bytes_max - 100) deep += piece;
    EXPECT_FALSE(parse_toml(deep + "a = 1\n", "config.toml").has_value()) << piece;
    EXPECT_FALSE(parse_toml("b = " + deep + "\n", "config.toml").has_value()) << piece;
    EXPECT_FALSE(parse_toml("[" + deep + "b]\nc = 1\n", "config.toml").has_value()) << piece;
  }
}

TEST(ConfigEnvironment, CapitalsAndUnderscores) {
  EXPECT_EQ(environment_name("dial.backoff_min"), "KITH_DIAL_BACKOFF_MIN");
  const std::vector<std::pair<std::string, std::string>> variables = {
      {"KITH_LOG_LEVEL", "debug"},
      {"PATH", "/bin"},
      {"KITH_HOME", "/tmp"},
      {"KITH_PORT", "tcp://..."},
      {"KITH_BIN", "kith"},
      {"KITH_WALLET_PASSPHRASE", "secret"},
      {"KITH_SERVICE_HOST", "10.0.0.1"},
      {"KITHX", "no"},
      {"KITH_LISTEN", "/ip4/1.2.3.4/tcp/1,/ip4/1.2.3.4/tcp/2"}};
  const auto settings = read_environment(variables);
  ASSERT_TRUE(settings.has_value()) << settings.error().message;
  const Settings loaded = load(*settings);
  EXPECT_EQ(settings->size(), 2U);
  EXPECT_EQ(loaded.log_level, "debug");
  EXPECT_EQ(loaded.node.host.listen.size(), 2U);
  EXPECT_EQ(effective(loaded, "log.level").where, "KITH_LOG_LEVEL");
}

TEST(ConfigEnvironment, UnknownVariableNamesTheNearest) {
  const std::vector<std::pair<std::string, std::string>> variables = {{"KITH_MAX_PEER", "1"}};
  const auto settings = read_environment(variables);
  ASSERT_FALSE(settings.has_value());
  EXPECT_EQ(settings.error().message,
            "unknown environment variable KITH_MAX_PEER; did you mean KITH_MAX_PEERS?");
}

TEST(ConfigAssignment, NeedsAnEqualsSign) {
  EXPECT_EQ(parse_assignment("log.level=info,host=debug", "--set")->values.front(),
            "info,host=debug");
  EXPECT_FALSE(parse_assignment("log.level", "--set").has_value());
  EXPECT_FALSE(parse_assignment("=x", "--set").has_value());
}

TEST(ConfigDocs, ThePageIsWhatTheTableGenerates) {
  std::ifstream file(KITH_SOURCE_DIR "/docs/config.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), config_docs()) << "write it again: kith config docs > docs/config.md";
}

TEST(ConfigDocs, TheTemplateHoldsAllDefaults) {
  const std::string text = config_template("testnet");
  const auto named = parse_toml(text, "config.toml");
  ASSERT_TRUE(named.has_value()) << named.error().message;
  EXPECT_EQ(load(*named).network_name, "testnet");
  EXPECT_EQ(named->size(), 1U);
  // Every key uncommented is the defaults again.
  std::string open;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    open += (line.starts_with("#") && !line.starts_with("# ") ? line.substr(1) : line) + "\n";
  }
  const auto all = parse_toml(open, "config.toml");
  ASSERT_TRUE(all.has_value()) << all.error().message << "\n" << open;
  EXPECT_EQ(all->size(), config_keys().size());
  const Settings defaults = load({});
  const Settings loaded = load(*all);
  for (const Effect& effect : effects()) {
    if (std::string_view(effect.key) == "network.name") continue;
    EXPECT_EQ(effect.shows(loaded), effect.shows(defaults)) << effect.key;
  }
}

}  // namespace
}  // namespace kith::node
