// The node in the real world: key, peer store, reactor and node, wired and on one thread. What the
// daemon and the embeddable kith::Host have in common.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "node/node.h"
#include "rt/peer_store.h"
#include "rt/quality_store.h"
#include "rt/reactor.h"
#include "rt/rng_system.h"

namespace kith::app {

struct EngineConfig {
  node::NodeConfig node;
  rt::ReactorConfig reactor;
  std::string peers_db;    // path; empty: peers are forgotten at the end
  std::string quality_db;  // path; empty: so is what they did
};

class Engine {
 public:
  /// `log` outlives it. Errors: the peer store cannot be opened.
  static Result<std::unique_ptr<Engine>> make(EngineConfig config, crypto::KeyPair key, Log& log);
  ~Engine();

  node::Node& node() { return *node_; }
  rt::Reactor& reactor() { return *reactor_; }
  Rng& rng() { return rng_; }
  /// Gets every report of the node, on the reactor's thread, between turns' outputs.
  void set_on_report(std::function<void(node::Report)> on_report);
  /// Starts the node and serves until stop() is done.
  void run();
  /// Any thread: says goodbye to the peers, then ends run().
  void stop();

 private:
  Engine(EngineConfig config, crypto::KeyPair key, std::unique_ptr<rt::PeerStore> peers,
         std::unique_ptr<rt::QualityStore> quality, Log& log);
  void after_turn();

  const EngineConfig config_;
  const crypto::KeyPair key_;
  rt::SystemRng rng_;
  std::unique_ptr<rt::PeerStore> peers_;
  std::unique_ptr<rt::QualityStore> quality_;
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<rt::Reactor> reactor_;
  std::function<void(node::Report)> on_report_;
};

}  // namespace kith::app
