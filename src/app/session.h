// What every verb begins with: which home, which configuration, which keys; and how it reaches a
// node, the one that runs on this home or one made for the occasion.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/engine.h"
#include "cli/args.h"
#include "cli/wire.h"
#include "codec/chain_params.h"
#include "node/config.h"
#include "rt/log_sink.h"
#include "rt/signer_address.h"

namespace kith::app {

struct Session {
  cli::Globals globals;
  std::string home;         // absolute
  std::string config_file;  // empty: there is none
  node::Settings settings;

  /// A path of the configuration: relative ones are the home's.
  std::string in_home(const std::string& path) const;
};

/// --home, else $KITH_HOME, else the XDG data folder; absolute.
Result<std::string> home_of(const cli::Globals& globals);
/// TOML, or JSON by extension.
Result<std::vector<node::Setting>> read_config_file(const std::string& path);
/// Reads the configuration; `flags` are the verb's own. `config` says what does not hold.
Result<Session> open_session(const cli::Globals& globals, std::vector<node::Setting> flags = {});

/// The home's identity, made when it has none and `may_create`; else `not_found`.
struct HomeIdentity {
  crypto::KeyPair key;
  bool created;
};
/// The first line of a file that only its owner can read.
Result<crypto::SecretBytes> read_passphrase(const std::string& path);
Result<HomeIdentity> load_identity(const Session& session, bool may_create);
/// A swarm.key as it is on the disk; never empty.
struct NetworkKeyFile {
  std::string path;
  crypto::SecretBytes text;
};
/// `psk_file`, else network.key_file, else HOME/swarm.key when that exists.
Result<std::optional<NetworkKeyFile>> read_network_key(const Session& session,
                                                       const std::string& psk_file);
/// The same, and what it says.
Result<std::optional<secure::PresharedKey>> load_network_key(const Session& session,
                                                             const std::string& psk_file);
/// chain.genesis, else HOME/genesis.kith when that exists; what is read has passed check().
Result<std::optional<codec::Genesis>> load_genesis(const Session& session);
/// The secret of chain.mesh_token, hashed; nothing without the key.
Result<std::optional<codec::Hash>> load_mesh_token(const Session& session);
/// HOME/validator/identity.key, when it exists: this node validates.
Result<std::optional<crypto::KeyPair>> load_validator_key(const std::string& home);
/// chain.signer and chain.signer_key; nothing without them. `config` when one does not hold.
struct RemoteSigner {
  rt::SignerAddress address;
  codec::ValidatorKey key{};
};
Result<std::optional<RemoteSigner>> load_signer(const Session& session);
/// Whose coins pay fees for workers and verdicts; nothing when there is no such key.
Result<std::optional<crypto::KeyPair>> load_carrier_key(const Session& session);
/// What compute.* says, with the keys; nothing while it is off.
Result<std::optional<ComputeConfig>> load_compute(const Session& session);
/// websocket.*, with paths of the home.
rt::WebSocketConfig web_socket_config(const Session& session);
/// packet.spin_us; 0 on battery.
std::uint32_t spin_us(const node::PacketSettings& packet);
Result<std::unique_ptr<rt::LogSink>> open_log(const Session& session);

/// Somebody who answers the methods of docs/api.md.
class Caller {
 public:
  virtual ~Caller() = default;
  /// The result as JSON. `timeout` when no answer comes in time.
  virtual Result<std::string> call(std::string_view method, const cli::Params& params,
                                   Duration timeout) = 0;
  /// A method that goes on answering: `on_result` gets each result until it says false. Waits as
  /// long as it takes.
  virtual Result<void> stream(std::string_view method, const cli::Params& params,
                              const std::function<bool(std::string_view)>& on_result);
};

/// The node that runs on this home; `unreachable` when none does.
Result<std::unique_ptr<Caller>> reach_running(const std::string& socket_path,
                                              const std::string& home);
/// A node inside this process that only dials, with the home's identity or a fresh one.
Result<std::unique_ptr<Caller>> make_ephemeral(const Session& session, const std::string& psk_file);

}  // namespace kith::app
