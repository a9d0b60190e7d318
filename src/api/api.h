// The node's methods for programs and for the command line: JSON-RPC requests in, replies out.
//
//   {"jsonrpc":"2.0","id":1,"method":"ping","params":{"target":"12D3Koo..."}}
//   {"jsonrpc":"2.0","id":1,"result":{...}}
//   {"jsonrpc":"2.0","id":1,"error":{"code":"timeout","message":"..."}}
//
// Deviation from JSON-RPC 2.0: an error's code is the name from the registry in kith/error.h, not a
// number; and there are no batches. (Over HTTP both are as the specification has them: rpc.h.)
// Limits: requests of 1 MiB, nested 32 deep, 256 members an object; `pending_max` requests waiting
// for an answer of the network.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/config.h"
#include "node/node.h"
#include "node/node_metrics.h"
#include "node/stats_history.h"

namespace kith::api {

struct Call;  // call.h

enum class ParamType : std::uint8_t { text, count, size };
struct Param {
  std::string_view name;
  ParamType type;
  bool is_required;
  std::string_view help;
};

/// What the methods need to know and do beyond the node.
struct Surroundings {
  std::string node_id;  // hex
  std::vector<node::EffectiveSetting> settings;
  std::string network_name;
  Instant started;
  /// Sets one subsystem's level ("" for all), or with an empty level only asks; answers with all
  /// levels as text.
  std::function<Result<std::string>(std::string_view subsystem, std::string_view level)> log_level;
  /// Begins a clean end, after the reply.
  std::function<void()> stop;
  /// Counters of the shell, by name.
  std::function<std::vector<std::pair<std::string, std::uint64_t>>()> shell_stats;
  /// What the shell alone knows, for metrics.
  std::function<node::ShellFigures()> figures;
  /// Whether the node does its work: every listener is up. Empty: it does.
  std::function<bool()> is_ready;
  /// Forgets the averages and largest values of the shell's own timings.
  std::function<void()> reset_timings;
};

class Api {
 public:
  /// Gets a line of JSON, perhaps before request() returns; after the last one nothing comes. Only
  /// subscriptions have more than one.
  using Reply = std::function<void(std::string line, bool is_last)>;
  static constexpr std::size_t pending_max = 1024;
  static constexpr std::size_t subscriptions_max = 64;
  /// How long tx.wait waits unless it is told, and at most; to the second.
  static constexpr Duration wait_default = 60s;
  static constexpr Duration wait_max = 10min;

  struct Method {
    std::string_view name;
    std::string_view help;
    bool changes_state;     // over HTTP it needs the token
    std::string_view verb;  // of HTTP
    std::string_view path;  // the same, "/v1/peers/{peer}"; empty: only over sockets
    std::vector<Param> params;
    std::string_view example;  // params, as JSON
    void (Api::*call)(Instant now, Call call);
  };
  static std::span<const Method> methods();
  static const Method* find(std::string_view name);

  /// `node` outlives it.
  Api(node::Node& node, Surroundings surroundings);
  ~Api();
  /// The node has stopped: what still waits is told `closed`; subscriptions just end.
  void close();

  /// Returns a number for abandon().
  std::uint64_t request(Instant now, std::string_view text, Reply reply);
  /// The same for the other faces of this folder: checks the call's parameters and carries it out.
  std::uint64_t start(Instant now, const Method& method, Call call);
  /// A number that no request has, for an answer that needs none.
  std::uint64_t next_number() { return next_request_++; }
  /// Whoever asked has gone: what is under way for it alone ends. Harmless when it was answered.
  void abandon(Instant now, std::uint64_t request);
  /// Every report of the node.
  void on_report(Instant now, const node::Report& report);
  std::size_t pending() const { return pending_.size() + asked_.size() + waiting_.size(); }
  std::size_t subscriptions() const { return subscriptions_.size(); }
  /// Whether a request still waits for its answer, or is a subscription.
  bool is_open(std::uint64_t request) const;
  /// The time of what was told last.
  Instant now() const { return now_; }
  /// Once a second or so: rates are taken between these.
  void tick(Instant now);
  /// GET /metrics.
  std::string metrics_text(Instant now) const;
  const node::Node& node() const { return node_; }
  const Surroundings& surroundings() const { return surroundings_; }

 private:
  struct Pending;
  struct Asked;
  struct Waiting;
  struct Look;

  // One a method; api.cpp
  void status(Instant now, Call call);
  void stats(Instant now, Call call);
  void stats_reset(Instant now, Call call);
  void id(Instant now, Call call);
  void version(Instant now, Call call);
  void peers_list(Instant now, Call call);
  void chain_status(Instant now, Call call);
  void chain_block(Instant now, Call call);
  void chain_block_by_digest(Instant now, Call call);
  void chain_validators(Instant now, Call call);
  void validator_get(Instant now, Call call);  // these two: api_validator.cpp
  void validator_list(Instant now, Call call);
  void account_get(Instant now, Call call);  // these two: api_account.cpp
  void account_list(Instant now, Call call);
  void job_list(Instant now, Call call);  // these eight: api_job.cpp
  void job_get(Instant now, Call call);
  void job_slots(Instant now, Call call);
  void job_regions(Instant now, Call call);
  void job_finds(Instant now, Call call);
  void job_members(Instant now, Call call);
  void job_disputes(Instant now, Call call);
  void job_dispute(Instant now, Call call);
  void compute_leaderboard(Instant now, Call call);
  void job_enrolments(Instant now, Call call);  // these two: api_job_work.cpp
  void job_work(Instant now, Call call);
  void compute_status(Instant now, Call call);  // these three: api_work.cpp
  void compute_pause(Instant now, Call call);
  void compute_resume(Instant now, Call call);
  void chain_blocks(Instant now, Call call);
  void chain_params(Instant now, Call call);
  void chain_genesis(Instant now, Call call);
  void chain_supply(Instant now, Call call);
  void tx_submit(Instant now, Call call);  // these six: api_tx.cpp
  void tx_check(Instant now, Call call);
  void tx_get(Instant now, Call call);
  void tx_wait(Instant now, Call call);
  void mempool_status(Instant now, Call call);
  void mempool_list(Instant now, Call call);
  void address_balance(Instant now, Call call);  // these four: api_address.cpp
  void address_utxos(Instant now, Call call);
  void address_history(Instant now, Call call);
  void address_validate(Instant now, Call call);
  void chain_proof(Instant now, Call call);  // these three: api_proof.cpp
  void chain_header(Instant now, Call call);
  void chain_commit(Instant now, Call call);
  void on_proof(const node::ProofAnswered& answered);
  void chain_consensus(Instant now, Call call);       // api_consensus.cpp
  void validator_heartbeats(Instant now, Call call);  // api_heartbeat.cpp
  void peers_info(Instant now, Call call);
  void peers_connect(Instant now, Call call);
  void peers_disconnect(Instant now, Call call);
  void ping(Instant now, Call call);
  void perf(Instant now, Call call);
  void peers_ban(Instant now, Call call);
  void peers_unban(Instant now, Call call);
  void peers_bans(Instant now, Call call);
  void pubsub_pub(Instant now, Call call);  // these four: api_pubsub.cpp
  void pubsub_sub(Instant now, Call call);
  void pubsub_topics(Instant now, Call call);
  void pubsub_peers(Instant now, Call call);
  void log_level(Instant now, Call call);
  void config_show(Instant now, Call call);
  void describe(Instant now, Call call);
  void stop(Instant now, Call call);

  /// Reaches the call's `target`, then goes on with `next`.
  void connect(Instant now, Call call, void (Api::*next)(Instant, Pending, const PeerId&));
  void connected(Instant now, Pending pending, const PeerId& peer);
  void send_ping(Instant now, Pending pending, const PeerId& peer);
  void send_perf(Instant now, Pending pending, const PeerId& peer);
  std::vector<node::Figure> figures(Instant now) const;
  std::optional<Pending> take(Token token);
  void on_message(const gossip::Message& message);
  // api_query.cpp
  /// Answers the call itself when it says no.
  bool may_ask(const Call& call) const;
  /// REQUIRES: may_ask(). `then` answers the call of this number.
  void ask_store(Instant now, std::uint64_t number,
                 std::function<Result<void>(const ledger::Store&)> ask,
                 std::function<void(const Result<void>& found, codec::Height height)> then);
  void on_store_answered(const node::StoreAnswered& answered);
  void answer_early();
  /// Answers the call with what `look` makes of the entries of the last final state, on another
  /// thread: they are a value, and nobody has to wait for them.
  void ask_entries(Instant now, Call call, Look look);
  void give_block(Instant now, Call call,
                  std::function<Result<std::optional<node::Height>>(const ledger::Store&)> find);
  void wait_final(Instant now, Call call, const codec::Hash& txid);
  void on_block_final(const node::BlockFinalized& done);
  void expire_waiting(Instant now);
  void give_up_dropped();
  bool is_here(const codec::Hash& txid) const;
  void on_tx_answered(Instant now, const node::TransactionAnswered& answered);
  static Result<std::size_t> page_limit(const Call& call);
  std::optional<codec::Hash> owner_of(const Call& call) const;

  bool end_subscription(Instant now, std::uint64_t request);

  static const std::vector<Method> table_;

  node::Node& node_;
  const Surroundings surroundings_;
  std::map<Token, Pending> pending_;
  std::map<Token, Asked> asked_;                 // of the store
  std::vector<node::StoreAnswered> early_;       // of blocks that are not told of yet
  std::multimap<codec::Hash, Waiting> waiting_;  // for this transaction to be final
  std::map<std::uint64_t, Call> subscriptions_;  // by request
  std::uint64_t next_token_ = 1;
  std::uint64_t next_request_ = 1;
  Instant now_{};
  node::StatsHistory history_;
};

/// "did you mean": the error for a name that is no method's.
Error unknown_method(std::string_view name);

/// docs/api.md.
std::string api_docs();

}  // namespace kith::api
