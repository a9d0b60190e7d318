// Configuration: one table of keys (config_keys.cpp), which parses, checks, documents and applies
// them all. docs/config.md is generated from it.
//
// Sources, weakest first: the table's defaults, the file (TOML; JSON is read by api/), KITH_*
// variables, flags. This folder touches no file and no environment: the program reads them and
// hands over Setting values. Limits: a file of 1 MiB, lists of 64.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "compute/work_rules.h"
#include "node/node.h"

namespace kith::node {

inline constexpr std::size_t config_file_bytes_max = 1024 * 1024;
inline constexpr std::size_t config_list_max = 64;

/// Weakest first.
enum class Origin : std::uint8_t { defaults, file, environment, flag };
std::string_view name_of(Origin origin);

/// One key as a source gave it, not yet checked.
struct Setting {
  std::string key;
  std::vector<std::string> values;  // one, or a list's
  Origin origin = Origin::file;
  std::string where;  // "config.toml:12", "KITH_LISTEN", "--listen"
};

enum class ConfigType : std::uint8_t {
  text,
  choice,
  count,
  size,
  duration,
  flag,
  addresses,
  texts
};
/// Whether a key of the type holds a list.
constexpr bool is_list(ConfigType type) {
  return type == ConfigType::addresses || type == ConfigType::texts;
}
std::string_view name_of(ConfigType type);

/// One key after all sources.
struct EffectiveSetting {
  std::string key;
  std::vector<std::string> values;
  ConfigType type = ConfigType::text;
  Origin origin = Origin::defaults;
  std::string where;
};

/// The HTTP API.
struct HttpSettings {
  std::vector<codec::Multiaddr> addresses;  // empty: there is none
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> allowed_origins;
  std::size_t connections_max = 0;
  std::size_t header_bytes_max = 0;
  std::size_t body_bytes_max = 0;
  std::size_t unread_events_max = 0;
  Duration request_timeout{};
  Duration idle_timeout{};
  std::uint64_t rate = 0;
  std::uint64_t rate_burst = 0;
};

/// Working for the chain's computing jobs (node/worker.h).
struct ComputeSettings {
  bool is_enabled = false;
  std::vector<std::string> jobs;  // numbers; empty: all
  std::uint16_t slots = 1;
  unsigned threads = 0;  // 0: one a processor
  compute::WorkRules rules;
  std::string hours;                  // as written
  std::string device;                 // as choose_kernel() has it
  std::vector<std::string> programs;  // of external jobs: paths
  std::string worker_key_file;        // empty: HOME/worker/identity.key, made when it is not there
  std::string carrier_key_file;       // empty: HOME/carrier/identity.key, when it is there
  bool carries_for_others = false;
};

/// Packets over UDP (docs/design/packet.md).
struct PacketSettings {
  bool is_enabled = false;
  std::vector<codec::Multiaddr> listen;  // /udp/…/kith
  std::size_t mtu = 0, mtu_max = 0;      // bytes of UDP payload
  bool discovers_mtu = false;
  std::string congestion;  // "bbr", "cubic" or "aimd"
  Duration spin{};         // zero: never
  Duration idle_timeout{}, keep_alive{};
};

/// Sessions over packets, TCP and WebSockets.
struct SessionSettings {
  std::uint64_t rotate_bytes = 0, rotate_messages = 0;
  Duration rotate_interval{};
  std::vector<std::string> ciphers;  // most wanted first; empty: by the processor
  bool compresses = false;
};

/// WebSockets that carry links: what rt::WebSocketConfig is made of.
struct WebSocketSettings {
  std::string tls_certificate_file, tls_key_file;  // empty: no TLS is served
  std::string tls_authorities_file;                // empty: the system's
  std::size_t upgrades_max = 0;
  Duration upgrade_timeout{};
};

/// What the program runs with. Paths are as written; relative ones mean the home folder.
struct Settings {
  NodeConfig node;
  std::string log_level;  // "info,host=debug": rt/log_sink.h reads it
  bool log_json = false;
  std::string log_file;  // empty: standard error
  std::string network_name;
  std::string network_key_file;
  std::string genesis_file;
  bool indexes_addresses = false;
  std::string mesh_token_file;  // empty: there is no private mesh
  std::string signer;           // a socket's path, or a multiaddr; empty: none
  std::string signer_key;       // hex
  std::string passphrase_file;
  ComputeSettings compute;
  std::string api_socket;
  HttpSettings http;
  PacketSettings packet;
  SessionSettings session;
  WebSocketSettings web_socket;
  std::string tcp_congestion;               // empty: the system's
  std::vector<EffectiveSetting> effective;  // every key, in the table's order
};

/// A value that was parsed by its key's type.
struct ConfigValue {
  std::string text;
  std::uint64_t count = 0;
  Duration duration{};
  bool flag = false;
  std::vector<codec::Multiaddr> addresses;
  std::vector<std::string> texts;
};

/// One line of the table.
struct ConfigKey {
  std::string_view name;
  ConfigType type;
  std::string_view default_text;  // a list's are separated by commas
  std::string_view allowed;       // "1..1000", "1s..1h", "text|json"; empty: anything of the type
  std::string_view unit;
  std::string_view help;
  bool changes_at_run_time;
  void (*apply)(Settings&, ConfigValue);
};
std::span<const ConfigKey> config_keys();
const ConfigKey* find_config_key(std::string_view name);

/// Applies the sources by precedence and checks every value. The error (`config`, or `usage` when
/// all of it is of flags) names every fault, one a line: the place, the key, the value, and what is
/// allowed or the nearest known key.
Result<Settings> load_settings(std::vector<Setting> sources);

/// Reads TOML; `name` is what errors call the file. Keys of tables are joined by dots.
Result<std::vector<Setting>> parse_toml(std::string_view text, std::string_view name);
/// KITH_MAX_PEERS for max_peers. Variables of other meaning (KITH_HOME, what container platforms
/// set for a service of that name) are passed over, other unknown ones are errors.
Result<std::vector<Setting>> read_environment(
    std::span<const std::pair<std::string, std::string>> variables);
std::string environment_name(std::string_view key);
/// "key=value", as `--set` takes it; a list's values are separated by commas.
Result<Setting> parse_assignment(std::string_view text, std::string_view flag);

/// docs/config.md.
std::string config_docs();
/// A config.toml with every key commented out at its default: what `kith init` writes.
std::string config_template(std::string_view network_name);

}  // namespace kith::node
