// The chain: consensus and ledger made into one, below the node's services. It answers consensus'
// questions (build a block, check one) with the ledger, has what is final stored, and begins each
// epoch with the validators that the state before it names.
//
// What is heavy leaves as jobs. Jobs that read the ledger's state run one at a time, and a block
// becomes final in memory between two of them, once it is durable (ledger/state.h). A machine.
//
// Limits: those of consensus (consensus/engine.h) and the mempool; `evidence_max` pieces of
// evidence that wait for a block.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/queue.h"
#include "base/rng.h"
#include "codec/chain_params.h"
#include "consensus/consensus.h"
#include "crypto/key.h"
#include "host/world_chain.h"
#include "ledger/mempool.h"
#include "ledger/state_tree.h"
#include "node/chain_io.h"
#include "node/chain_jobs.h"
#include "node/chain_prune.h"
#include "node/chain_store.h"
#include "node/snapshot_make.h"

namespace kith::node {

class Chain {
 public:
  using Input = ChainInput;
  using Output = ChainOutput;
  static constexpr std::size_t evidence_max = 256;
  /// Transactions whose signatures are being verified, or that wait for a job to end.
  static constexpr std::size_t submitted_max = 16384;
  static constexpr std::size_t submitted_bytes_max = 64 * 1024 * 1024;
  /// Jobs that verify transactions at once; what comes meanwhile is verified together.
  static constexpr std::size_t verify_jobs_max = 4;
  /// Of those, transactions that waited when the program ended.
  static constexpr std::size_t restoring_max = 256;
  /// The token of transactions that nobody asked about.
  static constexpr Token nobody{0};

  /// Reads where the store stands. `malformed` when what is there does not fit together. All parts
  /// outlive it, and so do `rng` and `log`.
  static Result<std::unique_ptr<Chain>> open(const ChainConfig& config, ChainParts parts, Rng& rng,
                                             Log& log);
  ~Chain();

  /// For validators that lie (sim/scenario_liar.h): what they say to each in place of `message`,
  /// which is for one or for all.
  using Tongue = std::function<std::vector<consensus::SendTo>(
      const Buffer& message, std::optional<codec::ValidatorIndex> to)>;
  void set_tongue(Tongue tongue) { tongue_ = std::move(tongue); }
  /// REQUIRES: a WallClockRead came before.
  void start(Instant now);
  void on_input(Instant now, ChainInput input);
  void on_deadline(Instant now);
  std::optional<ChainOutput> poll_output(Instant now);
  /// Of blocks that are built from now on, below the chain's own limit.
  void limit_bodies(std::size_t bytes) { body_bytes_max_ = bytes; }
  /// Nothing new is begun from now on: the store gets another state (node/snapshot_service.h).
  void suspend() { is_suspended_ = true; }
  bool is_suspended() const { return is_suspended_; }
  /// Nothing that was asked of the world is unanswered.
  bool is_quiet() const { return outstanding_ == 0 && outputs_.empty(); }
  /// The chain as the store has it now. REQUIRES: suspended and quiet; this one is of no use then.
  Result<std::unique_ptr<Chain>> reopen(Instant now);
  std::optional<Instant> next_deadline() const { return consensus_.next_deadline(); }

  /// In whose name it votes; empty: it follows.
  const std::optional<codec::ValidatorKey>& validator_key() const { return key_; }
  bool has_remote_key() const { return parts_.remote_key.has_value(); }
  const codec::Genesis& genesis() const { return parts_.genesis; }
  const Hash& genesis_hash() const { return rules_->genesis; }
  /// Of the last block that is final and stored; 0 at genesis.
  Height height() const { return tip_.height; }
  const consensus::FinalBlock& tip() const { return tip_; }
  /// The lowest block that is stored; above the height when there is none.
  Height floor() const { return floor_; }
  const ledger::StateTree& states() const { return *states_; }
  const consensus::Consensus& consensus() const { return consensus_; }
  consensus::Consensus& consensus() { return consensus_; }
  std::shared_ptr<const codec::ValidatorSet> validators() const { return validators_; }
  codec::Epoch epoch() const { return epoch_; }
  bool is_validator() const;
  /// What this epoch's leaders are ordered by (consensus/leaders.h).
  const Hash& leaders_seed() const { return leaders_seed_; }
  /// Empty: it may. Else why this node does not vote, for people.
  std::optional<std::string_view> why_no_vote() const;
  const ledger::Mempool& mempool() const { return mempool_; }
  /// What is in it, and what is on its way there but for what is being verified right now: for the
  /// next start.
  std::vector<ledger::Mempool::Waiting> waiting(Instant now) const;
  const ledger::Rules& rules() const { return *rules_; }
  /// Whether the store knows of addresses.
  bool is_indexed() const { return history_from_.has_value(); }
  /// From which block on it knows what addresses did: later than genesis behind a snapshot.
  Height history_from() const { return history_from_.value_or(Height{0}); }
  /// Whether a block that is not final yet holds the transaction, which has outputs.
  bool is_pending(const Hash& txid) const;
  std::uint64_t txs_final() const { return txs_final_; }
  /// Of final blocks: results of jobs that the ledger has accepted.
  std::uint64_t tasks_accepted() const { return tasks_accepted_; }
  /// Of blocks that were checked: transactions whose signatures had been verified before.
  std::uint64_t txs_known() const { return txs_known_; }
  /// Blocks of this validator that had to wait for their proof (docs/adr/0023).
  std::uint64_t builds_unproven() const { return builds_unproven_; }
  /// Of reading outputs, as of the last final block: the cache itself is a job's while one runs.
  const ledger::HotCache::Counters& hot_counters() const { return hot_; }
  /// It takes no further block: of an error, or at its halt height.
  bool is_halted() const { return is_halted_ || is_at_halt_height(); }
  bool is_at_halt_height() const { return is_beyond_halt({tip_.height.value + 1}); }
  Height halt_height() const { return config_.halt_height; }
  /// Why it is halted; empty while it is not.
  const std::string& halt_reason() const { return halt_reason_; }
  const ChainConfig& config() const { return config_; }

 private:
  struct Check {
    BlockPtr block;
    Instant asked;
  };
  using Task = std::variant<consensus::Build, Check>;
  /// A block on its way to being final, the oldest first.
  struct Finishing {
    StoredBlock stored;
    bool is_last_of_commit = false;
  };
  /// Of a block that is not final yet.
  struct Pending {
    codec::Mmr history = {};  // with the block itself, once it is kept
    std::vector<codec::TxPtr> txs;
    ledger::JobLog jobs;
    Instant seen;
  };

  Chain(const ChainConfig& config, ChainParts parts, Rng& rng, Log& log);
  Result<void> read_tip();
  Result<void> read_sets();

  void begin_epoch(Instant now);
  void pump(Instant now);
  void perform(Instant now, consensus::EngineOutput output);
  void commit(consensus::Commit commit);
  void next_task(Instant now);
  void build(Instant now, consensus::Build build);
  void check(Instant now, const BlockPtr& block, Instant began);
  std::optional<BlockGround> ground_of(const codec::BlockHeader& header,
                                       const codec::Justification& justification);
  void on_job(Instant now, const std::shared_ptr<host::Job>& job);
  static bool is_our_failure(const Error& error);
  void on_checked(Instant now, CheckJob& checked);
  void on_built(Instant now, BuildJob& built);
  void keep(const BlockPtr& block, std::shared_ptr<ledger::BlockState> state, Pending pending);
  void write_next();
  void on_written(Instant now);
  void finish(Instant now);
  void restore_waiting();
  void submit(SubmitTx submitted);
  void verify_submitted();
  void on_txs_verified(VerifyTxsJob& job);
  void take_submitted(Instant now);
  WallTime wall_now(Instant now) const;
  void lie(const Buffer& message, std::optional<codec::ValidatorIndex> to);
  void note_evidence(const codec::Evidence& evidence);
  void halt(Error error);
  bool is_beyond_halt(Height height) const {
    return config_.halt_height.value > 0 && height > config_.halt_height;
  }
  void note_halt_height();
  void dump(BlockPtr block);
  // chain_proving.cpp
  Hash seed_on(const Hash& floor) const;
  void ask_proofs();
  void ask_proof(Height height);
  void wait_for_proof(consensus::Build work);
  void on_proven(Instant now, const HeightProven& proven);
  void drop_proofs();
  // chain_history.cpp
  void halt_for(const consensus::Forked& forked);
  void prune();
  void on_pruned(PruneJob& job);
  void add_pruned(ledger::WriteBatch& batch);
  std::optional<codec::Mmr> history_of(const Hash& digest) const;
  Token new_token() { return {++last_token_}; }
  void say(ChainOutput output);
  bool is_stopped() const { return is_halted_ || is_suspended_; }
  void make_snapshot(const StoredBlock& last, codec::Mmr history);
  void on_snapshot(const std::shared_ptr<host::Job>& job, const MakeSnapshotJob& made);

  const ChainConfig config_;
  const ChainParts parts_;
  const std::optional<codec::ValidatorKey> key_;
  std::string why_signer_gone_ = "its signer has not been reached yet";
  Rng& rng_;
  Log& log_;
  std::shared_ptr<ledger::Rules> rules_;
  consensus::Consensus consensus_;
  std::unique_ptr<ledger::StateTree> states_;
  consensus::FinalBlock tip_;
  Height floor_{1};
  std::optional<PruneJob::Pruned> pruned_;  // goes with the next batch
  Height floor_written_{1};                 // as of the batch on its way
  Height reclaimed_{1};
  bool is_pruning_ = false;
  codec::Mmr history_;  // with the tip
  codec::Epoch epoch_;
  std::shared_ptr<const codec::ValidatorSet> validators_;  // of epoch_
  /// Of the epochs whose evidence is good, for jobs to read.
  using Sets = std::map<codec::Epoch, std::shared_ptr<const codec::ValidatorSet>>;
  std::shared_ptr<const Sets> sets_;
  std::optional<consensus::LeaderSchedule> leaders_;

  std::deque<Task> tasks_;
  bool is_state_busy_ = false;  // a job reads states
  HeightProofs proofs_;
  codec::View proofs_asked_in_;
  std::optional<consensus::Build> unproven_;  // waits for its proof
  std::map<Hash, Pending> pending_;
  std::deque<Finishing> finishing_;
  bool is_writing_ = false;
  bool is_written_ = false;         // the first of finishing_ is, and waits for the job to end
  std::map<Token, Token> logging_;  // ours to consensus'
  std::map<Hash, Bytes> evidence_;  // by id
  ledger::Mempool mempool_;
  std::size_t body_bytes_max_ = codec::block_body_bytes_max;
  std::size_t submitted_ = 0;  // in unverified_, verified_ or with a job
  std::size_t submitted_bytes_ = 0;
  std::deque<SubmitTx> unverified_;
  std::size_t verify_jobs_ = 0;
  std::deque<ledger::Mempool::Waiting> restoring_;
  std::deque<SubmitTx> verified_;  // wait until no job reads the states
  std::optional<WallTime> wall_;
  Instant wall_read_;

  base::Queue<ChainOutput> outputs_;
  std::uint64_t last_token_ = 0;
  std::uint64_t txs_final_ = 0;
  std::uint64_t tasks_accepted_ = 0;
  std::uint64_t txs_known_ = 0;
  std::uint64_t builds_unproven_ = 0;
  ledger::HotCache::Counters hot_;
  bool is_pumping_ = false;
  bool is_halted_ = false;
  bool is_suspended_ = false;
  bool is_making_snapshot_ = false;
  std::size_t outstanding_ = 0;  // asked of the world, and not answered
  Token proof_saving_;
  Hash floor_digest_{};  // what this epoch begins on
  Hash leaders_seed_{};
  std::optional<Height> history_from_;
  std::string halt_reason_;
  Tongue tongue_;      // none: the truth
  BlockPtr undumped_;  // waits until no job reads the states
};

}  // namespace kith::node
