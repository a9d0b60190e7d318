// The node in the real world: key, peer store, reactor and node, wired and on one thread. What the
// daemon and the embeddable kith::Host have in common.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/compute_engine.h"
#include "base/log.h"
#include "node/node.h"
#include "rt/chain_disk.h"
#include "rt/peer_store.h"
#include "rt/quality_store.h"
#include "rt/reactor.h"
#include "rt/rng_system.h"
#include "rt/store_chain.h"
#include "rt/wal.h"
#include "rt/web_socket.h"

namespace kith::app {

struct EngineConfig {
  node::NodeConfig node;
  rt::ReactorConfig reactor;
  rt::WebSocketConfig web_sockets = {};
  std::string peers_db;    // path; empty: peers are forgotten at the end
  std::string quality_db;  // path; empty: so is what they did
  /// A folder, made if need be: state/ and leaves.dat (rt/store_chain.h), votes/ (rt/wal.h). Empty:
  /// this node keeps no chain.
  std::string chain_dir = {};
  rt::ChainStoreConfig chain = {};
  /// Whose chain it is: with both the node follows it, and validates when it has the key.
  std::optional<codec::Genesis> genesis = {};
  bool indexes_addresses = true;
  std::optional<crypto::KeyPair> validator_key = {};
  /// In place of that key: the one that the signer of `reactor` has.
  std::optional<codec::ValidatorKey> remote_key = {};
  /// With a genesis: works for the chain's computing jobs.
  std::optional<ComputeConfig> compute = {};
  /// Without it: whose coins pay for verdicts (node/verdict_service.h).
  std::optional<crypto::KeyPair> carrier_key = {};
};

class Engine {
 public:
  /// `log` outlives it. Errors: a store cannot be opened, or is another process's (`locked`). A
  /// damaged log of votes is none: see votes_damage().
  static Result<std::unique_ptr<Engine>> make(EngineConfig config, crypto::KeyPair key, Log& log);
  ~Engine();

  node::Node& node() { return *node_; }
  rt::Reactor& reactor() { return *reactor_; }
  Rng& rng() { return rng_; }
  const ComputeEngine* compute() const { return compute_.get(); }  // null: it does not work

  // With a chain_dir:
  /// Null without one.
  const rt::ChainStore* chain_store() const { return chain_store_.get(); }
  /// What the log of votes held at the start: segment -> records. Not for voting when it is damaged
  /// or was empty though the state is not.
  const rt::Wal::Segments& votes() const { return votes_; }
  const std::optional<Error>& votes_damage() const { return votes_damage_; }
  bool votes_were_empty() const { return wal_ == nullptr || wal_->was_empty(); }

  /// Gets every report of the node, on the reactor's thread, between turns' outputs.
  void set_on_report(std::function<void(node::Report)> on_report);
  /// Starts the node and serves until stop() is done.
  void run();
  /// Any thread: says goodbye to the peers, then ends run().
  void stop();

 private:
  Engine(EngineConfig config, crypto::KeyPair key, std::unique_ptr<rt::PeerStore> peers,
         std::unique_ptr<rt::QualityStore> quality, Log& log);
  Result<void> open_chain();
  Result<void> keep_chain();
  std::string mempool_path() const { return config_.chain_dir + "/mempool.dat"; }
  std::vector<ledger::Mempool::Waiting> read_mempool() const;
  void save_mempool() const;
  Result<void> start();
  void after_turn();
  void keep_dump(const node::StateDumped& dumped);

  EngineConfig config_;
  const crypto::KeyPair key_;
  rt::SystemRng rng_;
  rt::SystemRng votes_rng_;  // of the thread that writes them
  std::unique_ptr<rt::PeerStore> peers_;
  std::unique_ptr<rt::QualityStore> quality_;
  Log& log_;
  std::unique_ptr<rt::Wal> wal_;
  std::unique_ptr<rt::ChainStore> chain_store_;
  rt::Wal::Segments votes_;
  std::optional<Error> votes_damage_;
  std::unique_ptr<rt::ChainDisk> chain_disk_;  // its threads use the two above
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<rt::Reactor> reactor_;
  std::unique_ptr<ComputeEngine> compute_;  // its threads use the two above
  std::function<void(node::Report)> on_report_;
};

}  // namespace kith::app
