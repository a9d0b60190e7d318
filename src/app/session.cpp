#include "app/session.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "api/config_json.h"
#include "base/format.h"
#include "crypto/keystore.h"
#include "rt/compute_sensors.h"
#include "rt/files.h"
#include "rt/home.h"
#include "rt/local_client.h"

namespace kith::app {
namespace {

Result<crypto::KeyPair> read_identity_key(const std::string& path) {
  Bytes file = TRY(rt::read_secret_file(path, crypto::identity_key_file_bytes_max));
  auto key = crypto::decode_identity_key(file, std::nullopt);
  crypto::wipe(file);
  if (!key) return fail(key.error().code, base::format("{}: {}", path, key.error().message));
  return key;
}

/// A swarm.key is some 100 bytes, a passphrase a line.
constexpr std::size_t small_file_bytes_max = 4096;
constexpr Duration send_timeout = 5s;
constexpr Duration stream_look_interval = 1h;  // any: there is nothing else to wait for

std::vector<std::pair<std::string, std::string>> environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view entry = *at;
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return variables;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // read at the start, before there are threads
  return value == nullptr ? "" : value;
}

class RunningNode final : public Caller {
 public:
  explicit RunningNode(rt::LocalClient client) : client_(std::move(client)) {}

  Result<std::string> call(std::string_view method, const cli::Params& params,
                           Duration timeout) override {
    TRY_VOID(client_.send_line(cli::make_request(method, params), send_timeout));
    const auto line = TRY(client_.read_line(timeout));
    if (!line) return fail(Code::protocol, "the node answered with nothing");
    const auto end = TRY(client_.read_line(timeout));
    if (end) return fail(Code::protocol, "the node answered with more than one line");
    return cli::read_response(*line);
  }

  Result<void> stream(std::string_view method, const cli::Params& params,
                      const std::function<bool(std::string_view)>& on_result) override {
    TRY_VOID(client_.send_line(cli::make_request(method, params), send_timeout));
    while (true) {
      const auto line = client_.read_line(stream_look_interval);
      if (!line && line.error().code == Code::timeout) continue;
      if (!line) return fail(line.error());
      if (!*line) return {};
      if (!on_result(TRY(cli::read_response(**line)))) return {};
    }
  }

 private:
  rt::LocalClient client_;
};

}  // namespace

Result<void> Caller::stream(std::string_view method, const cli::Params&,
                            const std::function<bool(std::string_view)>&) {
  return fail(Code::unsupported, base::format("{} needs a node that runs", method));
}

std::string Session::in_home(const std::string& path) const {
  if (path.empty() || path.front() == '/') return path;
  return home + "/" + path;
}

Result<std::string> home_of(const cli::Globals& globals) {
  const std::string home = globals.home.empty() ? TRY(rt::default_home()) : globals.home;
  std::error_code error;
  const auto absolute = std::filesystem::absolute(home, error);
  if (error) return fail(Code::io, base::format("{}: {}", home, error.message()));
  return absolute.lexically_normal().string();
}

Result<std::vector<node::Setting>> read_config_file(const std::string& path) {
  const Bytes bytes = TRY(rt::read_file(path, node::config_file_bytes_max));
  const std::string_view text = base::as_text(bytes);
  return path.ends_with(".json") ? api::parse_config_json(text, path)
                                 : node::parse_toml(text, path);
}

Result<Session> open_session(const cli::Globals& globals, std::vector<node::Setting> flags) {
  Session session{globals, TRY(home_of(globals)), globals.config, {}};
  if (session.config_file.empty()) session.config_file = variable("KITH_CONFIG");
  if (session.config_file.empty() && rt::file_exists(session.home + "/config.toml")) {
    session.config_file = session.home + "/config.toml";
  }
  std::vector<node::Setting> sources;
  if (!session.config_file.empty()) sources = TRY(read_config_file(session.config_file));
  const auto add = [&](std::vector<node::Setting> more) {
    for (auto& setting : more) sources.push_back(std::move(setting));
  };
  add(TRY(node::read_environment(environment())));
  for (const auto& text : globals.sets) {
    sources.push_back(TRY(node::parse_assignment(text, "--set")));
  }
  if (!globals.log_level.empty()) {
    sources.push_back({"log.level", {globals.log_level}, node::Origin::flag, "--log-level"});
  }
  add(std::move(flags));
  session.settings = TRY(node::load_settings(std::move(sources)));
  const auto levels = rt::parse_log_levels(session.settings.log_level);
  if (!levels) {
    return fail(globals.log_level.empty() ? Code::config : Code::usage,
                "log.level: " + levels.error().message);
  }
  return session;
}

Result<crypto::SecretBytes> read_passphrase(const std::string& path) {
  Bytes bytes = TRY(rt::read_secret_file(path, small_file_bytes_max));
  const auto end = std::ranges::find(bytes, static_cast<std::uint8_t>('\n'));
  auto passphrase = crypto::SecretBytes::copy_of({bytes.begin(), end});
  crypto::wipe(bytes);
  if (passphrase.empty()) {
    return fail(Code::config, base::format("{}: its first line holds no passphrase", path));
  }
  return passphrase;
}

Result<HomeIdentity> load_identity(const Session& session, bool may_create) {
  crypto::SecretBytes secret;
  std::optional<std::string_view> passphrase;
  if (!session.settings.passphrase_file.empty()) {
    secret = TRY(read_passphrase(session.in_home(session.settings.passphrase_file)));
    passphrase = base::as_text(secret.view());
  }
  if (!may_create && !rt::file_exists(rt::identity_path(session.home))) {
    return fail(Code::not_found,
                base::format("there is no identity in {}; `kith init` makes one", session.home));
  }
  rt::SystemRng rng;
  auto identity = TRY(rt::load_or_create_identity(session.home, passphrase, rng));
  return HomeIdentity{std::move(identity.key), identity.created};
}

Result<std::optional<NetworkKeyFile>> read_network_key(const Session& session,
                                                       const std::string& psk_file) {
  std::string path = psk_file;
  if (path.empty()) path = session.in_home(session.settings.network_key_file);
  if (path.empty()) {
    path = session.home + "/swarm.key";
    if (!rt::file_exists(path)) return std::nullopt;
  }
  Bytes bytes = TRY(rt::read_file(path, small_file_bytes_max));
  if (bytes.empty()) return fail(Code::malformed, base::format("{}: the file is empty", path));
  NetworkKeyFile file{std::move(path), crypto::SecretBytes::copy_of(bytes)};
  crypto::wipe(bytes);
  return file;
}

Result<std::optional<secure::PresharedKey>> load_network_key(const Session& session,
                                                             const std::string& psk_file) {
  const auto file = TRY(read_network_key(session, psk_file));
  if (!file) return std::nullopt;
  auto key = secure::parse_swarm_key(base::as_text(file->text.view()));
  if (!key) return fail(key.error().code, base::format("{}: {}", file->path, key.error().message));
  return *key;
}

Result<std::optional<codec::Genesis>> load_genesis(const Session& session) {
  std::string path = session.in_home(session.settings.genesis_file);
  if (path.empty()) {
    path = session.home + "/genesis.kith";
    if (!rt::file_exists(path)) return std::nullopt;
  }
  const Bytes bytes = TRY(rt::read_file(path, codec::genesis_bytes_max));
  auto genesis = codec::decode_genesis(bytes);
  if (!genesis) {
    return fail(genesis.error().code, base::format("{}: {}", path, genesis.error().message));
  }
  return *std::move(genesis);
}

Result<std::optional<codec::Hash>> load_mesh_token(const Session& session) {
  constexpr std::size_t token_bytes_min = 32;
  const std::string path = session.in_home(session.settings.mesh_token_file);
  if (path.empty()) return std::nullopt;
  Bytes bytes = TRY(rt::read_secret_file(path, small_file_bytes_max));
  while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r')) bytes.pop_back();
  const bool is_long = bytes.size() >= token_bytes_min;
  const codec::Hash token = codec::tagged_hash("kith/mesh-token/1", {bytes});
  crypto::wipe(bytes);
  if (!is_long) {
    return fail(Code::config,
                base::format("{}: a mesh token has {} bytes at least", path, token_bytes_min));
  }
  return token;
}

Result<std::optional<crypto::KeyPair>> load_validator_key(const std::string& home) {
  const std::string folder = home + "/validator";
  if (!rt::file_exists(rt::identity_path(folder))) return std::nullopt;
  rt::SystemRng rng;
  auto identity = TRY(rt::load_or_create_identity(folder, std::nullopt, rng));
  return std::move(identity.key);
}

Result<std::optional<RemoteSigner>> load_signer(const Session& session) {
  const std::string& where = session.settings.signer;
  const std::string& key = session.settings.signer_key;
  if (where.empty() && key.empty()) return std::nullopt;
  if (where.empty() || key.empty()) {
    return fail(Code::config, base::format("{} is set without {}: a remote signer needs both",
                                           where.empty() ? "chain.signer_key" : "chain.signer",
                                           where.empty() ? "chain.signer" : "chain.signer_key"));
  }
  RemoteSigner signer;
  const auto bytes = base::from_hex(key);
  if (!bytes || bytes->size() != signer.key.size()) {
    return fail(Code::config, base::format("chain.signer_key \"{}\": 64 hexadecimal digits", key));
  }
  std::ranges::copy(*bytes, signer.key.begin());
  const auto address = codec::Multiaddr::parse(where);
  if (!address || !address->has(codec::AddrProtocol::tcp)) {
    signer.address.path = session.in_home(where);
    return signer;
  }
  if (!codec::as_tcp(*address) || !address->peer()) {
    return fail(Code::config,
                base::format("chain.signer \"{}\": an address is /ip4/…/tcp/…/p2p/ID, with the "
                             "signer's peer id at its end",
                             where));
  }
  signer.address.tcp = *address;
  return signer;
}

Result<std::optional<crypto::KeyPair>> load_carrier_key(const Session& session) {
  const std::string named = session.in_home(session.settings.compute.carrier_key_file);
  if (!named.empty()) return TRY(read_identity_key(named));
  const std::string usual = rt::identity_path(session.home + "/carrier");
  if (!rt::file_exists(usual)) return std::nullopt;
  return TRY(read_identity_key(usual));
}

Result<std::optional<ComputeConfig>> load_compute(const Session& session) {
  if (!session.settings.compute.is_enabled) return std::nullopt;
  rt::SystemRng rng;
  const auto worker_key = [&]() -> Result<crypto::KeyPair> {
    const std::string path = session.in_home(session.settings.compute.worker_key_file);
    if (!path.empty()) return read_identity_key(path);
    const std::string folder = session.home + "/worker";
    TRY_VOID(rt::make_dirs(folder, rt::private_dir_mode));
    auto identity = TRY(rt::load_or_create_identity(folder, std::nullopt, rng));
    return std::move(identity.key);
  };
  ComputeConfig config{session.settings.compute, session.home + "/compute", TRY(worker_key()),
                       TRY(load_carrier_key(session))};
  for (std::string& program : config.settings.programs) program = session.in_home(program);
  return config;
}

rt::WebSocketConfig web_socket_config(const Session& session) {
  const node::WebSocketSettings& settings = session.settings.web_socket;
  return {.tls_certificate = session.in_home(settings.tls_certificate_file),
          .tls_key = session.in_home(settings.tls_key_file),
          .tls_authorities = session.in_home(settings.tls_authorities_file),
          .upgrades_max = settings.upgrades_max,
          .upgrade_max = settings.upgrade_timeout};
}

std::uint32_t spin_us(const node::PacketSettings& packet) {
  if (rt::ComputeSensors().is_on_ac() == false) return 0;
  return static_cast<std::uint32_t>(packet.spin / 1us);
}

Result<std::unique_ptr<rt::LogSink>> open_log(const Session& session) {
  rt::LogSinkConfig config;
  config.levels = TRY(rt::parse_log_levels(session.settings.log_level));
  config.format = session.settings.log_json ? rt::LogFormat::json : rt::LogFormat::text;
  config.file = session.in_home(session.settings.log_file);
  if (!config.file.empty()) {
    const auto folder = std::filesystem::path(config.file).parent_path();
    TRY_VOID(rt::make_dirs(folder.string(), rt::private_dir_mode));
  }
  return rt::LogSink::open(std::move(config));
}

Result<std::unique_ptr<Caller>> reach_running(const std::string& socket_path,
                                              const std::string& home) {
  auto client = rt::LocalClient::connect(socket_path);
  if (client) return std::make_unique<RunningNode>(*std::move(client));
  if (client.error().code != Code::unreachable) return fail(std::move(client).error());
  return fail(Code::unreachable,
              base::format("no node runs on the home {}; `kith start` runs one", home));
}

}  // namespace kith::app
