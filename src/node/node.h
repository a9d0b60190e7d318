// The node: the host and the services, composed into the one machine that both shells drive.
// It routes stream events to the service that owns the stream and services' commands back, lets
// the services feed each other (pings measure round trips, peer exchange fills the peer book), and
// turns commands from a person or program into replies.
//
// A service is added here, in Node::Node, with one line; that is all the wiring a protocol needs.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <variant>

#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/token_bucket.h"
#include "codec/tx_bundle.h"
#include "host/host.h"
#include "host/peer_exchange.h"
#include "host/perf.h"
#include "host/ping.h"
#include "host/service.h"
#include "host/world.h"
#include "node/carrier.h"
#include "node/chain.h"
#include "node/chain_proofs.h"
#include "node/compute_service.h"
#include "node/consensus_gossip.h"
#include "node/consensus_service.h"
#include "node/gossip_service.h"
#include "node/heartbeat_service.h"
#include "node/node_io.h"
#include "node/recommend_service.h"
#include "node/request_guard.h"
#include "node/signing.h"
#include "node/snapshot_service.h"
#include "node/sync_service.h"
#include "node/verdict_service.h"
#include "node/worker.h"
#include "node/worker_peers.h"
#include "peer/limits.h"
#include "peer/quality.h"

namespace kith::node {

/// Of a node that keeps a chain (Chain, ConsensusService, SnapshotService).
struct ChainOptions {
  Height halt_height = {};
  std::optional<codec::Hash> mesh_token = {};  // a secret that validators share
  ChainKeeping keeping = {};                   // of its past
  ledger::MempoolConfig mempool = {};
};

struct NodeConfig {
  host::HostConfig host;
  host::PingConfig ping;
  host::PeerExchangeConfig peer_exchange;
  bool serves_perf = false;
  bool speaks_gossip = true;
  std::vector<std::string> topics;  // subscribed to all the time, whoever else comes and goes
  gossip::Config gossip;
  peer::QualityConfig quality;
  peer::BreakersConfig breakers;
  RecommendConfig recommend;
  peer::LimitsConfig limits = {.kinds = {{"gossip", {}, {}}}};  // by the Kind of gossip_service.h
  ChainOptions chain;
};

class Node final : public host::WorldMachine {
 public:
  /// `key`, `rng` and `log` outlive it.
  Node(const NodeConfig& config, const crypto::KeyPair& key, Rng& rng, Log& log);
  ~Node() override;

  /// Adds a protocol of the embedding program. Its inbound streams, and those it opens, are its
  /// own; protocol names must be new.
  host::Service& add_service(Instant now, std::unique_ptr<host::Service> service);
  /// Sends inbound streams of one more protocol to a service that was added before.
  void add_protocol(Instant now, const host::Service& service, const std::string& protocol);
  /// For a service that was mutated from outside a turn: routes what it has to say.
  void touch(Instant now) { pump(now); }

  /// Gives the node a chain to follow, and to validate when the chain has a key: before start().
  /// `validator_key`: that key, when it is here and not with a signer. Outlives it.
  void keep_chain(std::unique_ptr<Chain> chain, const crypto::KeyPair* validator_key);
  /// Has it work for the chain's computing jobs, and pay for what workers say; either may be null.
  /// Behind keep_chain() and before start(). What it asks for comes out of poll_work().
  void begin_work(std::unique_ptr<Worker> worker, std::unique_ptr<Carrier> carrier);
  std::optional<WorkAsk> poll_work();
  void on_computed(Instant now, Token token, Result<compute::SliceResult> result);
  void on_kept(Instant now, Token token);
  void on_named(Instant now, Token token, const Result<std::vector<compute::Find>>& finds);
  /// REQUIRES: a worker.
  void pause_work(Instant now, bool is_paused);
  /// Begins to listen and dial. REQUIRES: a WallClock input came before.
  void start(Instant now);
  void on_command(Instant now, Command command);
  std::optional<Report> poll_report();

  void on_input(Instant now, host::WorldInput input) override;
  void on_deadline(Instant now) override;
  std::optional<host::WorldOutput> poll_output(Instant now) override;
  std::optional<Instant> next_deadline() override;
  std::size_t on_bytes(Instant now, LinkId link, ByteSpan bytes) override;
  std::size_t poll_transmit(Instant now, LinkId link, ByteSpan room) override;
  bool wants_bytes(LinkId link) const override { return host_.wants_bytes(link); }
  std::size_t on_datagrams(Instant now, const base::DatagramsIn& in) override;
  base::DatagramsOut poll_datagrams(Instant now, ByteSpan room) override;

  const host::Host& host() const { return host_; }
  const NodeConfig& config() const { return config_; }
  /// Null when the node does not speak gossip, or has not started.
  const gossip::Router* router() const;
  std::uint64_t gossip_pauses() const { return gossip_ == nullptr ? 0 : gossip_->paused(); }
  const Chain* chain() const { return chain_.get(); }  // null when the node keeps none
  Chain* chain() { return chain_.get(); }
  const ConsensusService* consensus_service() const { return consensus_; }
  const SyncService* sync_service() const { return sync_; }
  const SnapshotService* snapshot_service() const { return snapshots_; }
  const Heartbeats* heartbeats() const { return heartbeats_.get(); }
  /// Null without a chain, and in a private mesh.
  const ConsensusGossip* consensus_gossip() const { return talk_.get(); }
  const Signing* signing() const { return signing_.get(); }
  const Worker* worker() const { return worker_.get(); }  // null when the node does not work
  Worker* worker() { return worker_.get(); }
  const ComputeService* compute_service() const { return compute_; }       // null without a chain
  const WorkerPeers* worker_peers() const { return worker_peers_.get(); }  // likewise
  const Carrier* carrier() const { return carrier_.get(); }     // null when it pays for nobody
  const Verdicts* verdicts() const { return verdicts_.get(); }  // null without computing jobs
  static constexpr std::size_t finality_max = 1000;  // blocks; from first sight to finality
  const std::deque<Duration>& finality_times() const { return finality_; }
  const peer::Quality& quality() const { return quality_; }
  const peer::Limits& limits() const { return limits_; }
  const peer::Breakers& breakers() const { return guard_.breakers(); }
  const RecommendService& recommendations() const { return *recommend_; }
  /// The last measured pings: attempts and answers, for reports.
  std::uint64_t pings_answered() const { return pings_answered_; }
  std::uint64_t pings_failed() const { return pings_failed_; }
  const base::Timing& ping_times() const { return ping_times_; }
  /// Forgets the averages and largest values of all timings.
  void reset_timings();

 private:
  template <class S, class... Args>
  S& own(Args&&... args);

  void pump(Instant now);
  bool pump_host(Instant now);
  bool pump_services(Instant now);
  void on_command_of(Instant now, host::OwnerId owner, host::ServiceCommand command);
  host::Service& service_of(host::OwnerId owner) { return *services_[owner - 1U]; }
  bool pump_results(Instant now);
  void route(Instant now, host::HostOutput output);
  void broadcast(Instant now, const host::ServiceEvent& event);
  bool pump_gossip(Instant now);
  bool pump_recommendations(Instant now);
  void to_router(Instant now, gossip::Router::Input input);
  bool pump_quality(Instant now);
  void on_standing(Instant now, const PeerStanding& standing);
  void to_host(Instant now, const PeerStanding& standing);
  // node_chain.cpp
  void start_chain(Instant now);
  bool pump_chain(Instant now);
  void on_chain(Instant now, ChainOutput output);
  bool pump_snapshots(Instant now);
  void reopen_chain(Instant now);
  void answer_waiting(Instant now);
  void on_tx_message(Instant now, const gossip::Validate& validate);
  void owe_for_signatures(Instant now, const std::optional<PeerId>& peer,
                          const std::vector<codec::TxPtr>& txs);
  bool on_topic_message(Instant now, const gossip::Validate& validate);
  bool is_chain_topic(std::string_view topic) const;
  bool pump_heartbeats(Instant now);
  bool pump_talk(Instant now);  // these four: node_talk.cpp
  void talk(Instant now, const Buffer& message);
  void reply(const consensus::ReplyTo& said);
  void on_fault(Instant now, const consensus::PeerFault& fault);
  bool pump_signing(Instant now);
  void on_signed(Instant now, Signing::Answered answered);
  void note_final(Instant now);
  void on_tx_answered(Instant now, const TxAnswered& answered);
  void on_bundled_answer(Instant now, Token bundle, const TxAnswered& answered);
  void announce(Instant now, const codec::TxPtr& tx);
  void send_announced(Instant now);
  void submit(Instant now, SubmitTransaction submitted);
  void on_job(Instant now, host::JobDone done);
  void make_proof(MakeProof work);
  void ask_store(AskStore ask);

  // node_work.cpp
  void work_on(Instant now, const BlockFinalized& done);
  void look_at_work();
  bool pump_work(Instant now);
  void on_work(WorkerOutput output);
  void carry(codec::JobStatement statement);
  bool is_long_behind() const;
  void look_at_verdicts();  // these two: node_verdict.cpp
  bool pump_verdicts(Instant now);
  bool on_coins(host::Job& job);
  bool pump_compute(Instant now);
  codec::ComputeAnswer answer_to(Instant now, const ComputeService::PeerAsks& asks);
  codec::ComputeAnswer carry_for(Instant now, const PeerId& peer, const codec::CarryThese& carry);
  void ask_some(const codec::ComputeRequest& request, WorkAsked why);
  void ask_show(const AskShow& ask);
  bool pump_worker_peers(Instant now);
  void on_answer(const ComputeService::PeerAnswered& answered);

  void ping(Instant now, const PingPeer& request);
  void on_request_done(Instant now, const PeerId& peer, std::string_view protocol,
                       const Result<Duration>& took);
  void on_pinged(Instant now, host::PingResult& result);

  const NodeConfig config_;
  Log& log_;
  host::Host host_;
  peer::Quality quality_;
  peer::Limits limits_;
  RequestGuard guard_;
  std::vector<std::unique_ptr<host::Service>> services_;  // owner id − 1 is the index
  host::Ping* ping_ = nullptr;
  host::Perf* perf_ = nullptr;
  host::PeerExchange* peer_exchange_ = nullptr;
  RecommendService* recommend_ = nullptr;
  GossipService* gossip_ = nullptr;  // null: not spoken
  std::unique_ptr<Chain> chain_;     // null: none, and so the three below
  std::unique_ptr<ChainProofs> proofs_;
  ConsensusService* consensus_ = nullptr;
  SyncService* sync_ = nullptr;
  SnapshotService* snapshots_ = nullptr;
  std::unique_ptr<Heartbeats> heartbeats_;
  std::unique_ptr<ConsensusGossip> talk_;
  std::unique_ptr<Signing> signing_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Carrier> carrier_;
  std::unique_ptr<Verdicts> verdicts_;
  std::shared_ptr<host::Job> coins_asked_;  // while the store is asked for the carrier's coins
  base::Queue<WorkAsk> work_asks_;
  ComputeService* compute_ = nullptr;
  std::map<Token, WorkAsked> compute_asked_;
  std::unique_ptr<WorkerPeers> worker_peers_;
  std::set<PeerId> to_dial_;  // peers that answer for workers, until the turn ends
  std::uint64_t last_asked_ = 0;
  std::map<PeerId, base::TokenBucket> carried_for_;  // connected peers that handed us statements
  Rng& rng_;
  std::string tx_topic_;
  /// Whom the chain's answer to a transaction is for: a command's token or a bundle's.
  struct Submitted {
    Token token;
    bool is_gossip = false;
    bool is_question = false;
    bool is_carrier = false;
  };
  /// Transactions that came in one message, while they are judged.
  struct Bundle {
    std::size_t waiting = 0;
    bool has_old = false;
    bool has_wrong = false;
    std::vector<codec::TxPtr> news;
  };
  std::map<Token, Bundle> bundles_;      // by the router's token
  std::vector<codec::TxPtr> announced_;  // to be sent when the turn ends
  std::set<Hash> announced_ids_;
  std::size_t announced_bytes_ = codec::bundle_head_bytes;
  Instant final_at_;  // when the last block became final here
  Instant said_at_;   // by gossip, something of consensus
  std::map<Token, Submitted> submitted_;
  std::uint64_t last_submitted_ = 0;
  std::map<const host::Job*, Token> asked_;  // jobs of AskStore under way
  std::vector<AskStore> held_;               // while a snapshot is taken over
  std::deque<Duration> finality_;            // of the last blocks
  base::Queue<host::WorldOutput> outputs_;
  base::Queue<Report> reports_;
  bool is_pumping_ = false;
  bool is_starting_ = false;  // until it is known who was banned
  std::uint64_t pings_answered_ = 0;
  std::uint64_t pings_failed_ = 0;
  base::Timing ping_times_;  // of all that were answered
};

}  // namespace kith::node
