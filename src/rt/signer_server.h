// The shell of a remote signer (consensus/signer.h): a Unix-domain socket of mode 0600 and, when it
// is asked for, a TCP port under Noise for the nodes on a list; its log on disk; one thread, which
// waits for nothing but sockets and the disk. An append is one fdatasync for all that came
// together.
//
// Limits: `connections_max` connections, those that have not said who they are included, which
// have `greeting_max` for it and are `strangers_max` over TCP; a node is not silent for longer than
// `silence_max`.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "codec/multiaddr.h"
#include "consensus/signer.h"
#include "rt/os.h"
#include "rt/rng_system.h"
#include "rt/signer_pipe.h"
#include "rt/wal.h"

namespace kith::rt {

struct SignerServerConfig {
  std::string socket_path;  // empty: none
  std::optional<codec::Multiaddr> listen = {};
  std::vector<PeerId> allowed = {};           // over TCP
  const crypto::KeyPair* identity = nullptr;  // for Noise; with `listen`
};

class SignerServer {
 public:
  static constexpr std::size_t connections_max = 32;
  static constexpr Duration greeting_max = 10s;
  static constexpr Duration silence_max = 60s;     // of a node that was heard
  static constexpr std::size_t strangers_max = 8;  // over TCP, of whom nothing was heard yet

  /// All outlive it. Errors: `locked` when somebody serves the socket; the system's.
  static Result<std::unique_ptr<SignerServer>> open(SignerServerConfig config,
                                                    consensus::Signer& signer, Wal& wal, Log& log);
  ~SignerServer();
  SignerServer(const SignerServer&) = delete;
  SignerServer& operator=(const SignerServer&) = delete;

  /// Serves until stop(). An error of the disk ends it: what might be forgotten must not be said.
  Result<void> run();
  /// Any thread, and signal handlers.
  void stop();
  /// Where it listens, with the real port.
  const std::optional<codec::Multiaddr>& listening() const { return listening_; }

 private:
  struct Client;
  SignerServer(SignerServerConfig config, consensus::Signer& signer, Wal& wal, Log& log);
  Result<void> listen();
  void accept(int listener, bool is_local);
  void read(consensus::ClientId id);
  Result<void> pump();
  void close(consensus::ClientId id, std::string_view why);
  void close_silent();

  const SignerServerConfig config_;
  consensus::Signer& signer_;
  Wal& wal_;
  Log& log_;
  SystemRng rng_;
  secure::NoiseIdentity identity_;
  Fd stop_, local_, tcp_;
  std::optional<codec::Multiaddr> listening_;
  std::map<consensus::ClientId, std::unique_ptr<Client>> clients_;
  std::uint64_t last_client_ = 0;
};

}  // namespace kith::rt
