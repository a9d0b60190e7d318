// The consensus engine: Simplex with weights, certificates, self-contained proposals and standstill
// (docs/protocol/consensus.md, rules R1 to R11, A1 to A5; Chan and Pass, eprint 2023/463, in the
// rule set of TON's Catchain 2.0). One engine is one epoch of one node; generic: blocks are bytes
// to it, and what they mean is the application's, asked by Build and Check.
//
// In a view its leader proposes a block; validators notarize it, or after a while nullify the view;
// a quorum of either ends the view. Who notarized a block and did not nullify its view finalizes it
// once it sees the notarization; a quorum of that makes it and all before it final: three network
// delays after the proposal, and the next view begins after two.
//
// Every vote is asked of the guard (consensus/guard.h), signed, made durable (Persist), and only
// then sent and counted. Nothing unverified displaces anything verified.
//
// Not here: carrying messages, epochs that follow each other, sync over many blocks, evidence's
// punishment. A machine (base/machine.h). Limits: `pending_max` messages that wait for their
// signatures' check, `pending_per_peer_max` of one peer (`pending_fair` when half of all is taken)
// and so many bytes; votes of views up to the current one and one more; `bodies_max` bytes of
// blocks that are not final; blocks given to a peer at `given_rate`.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/machine.h"
#include "base/queue.h"
#include "base/rng.h"
#include "base/token_bucket.h"
#include "consensus/block_pool.h"
#include "consensus/config.h"
#include "consensus/engine_io.h"
#include "consensus/engine_stats.h"
#include "consensus/guard.h"
#include "consensus/leaders.h"
#include "consensus/log_record.h"
#include "consensus/silence.h"

namespace kith::consensus {

struct EngineReport;

class Engine {
 public:
  using Input = EngineInput;
  using Output = EngineOutput;

  static constexpr std::size_t pending_max = 16384;
  static constexpr std::size_t pending_per_peer_max = 1024;
  static constexpr std::size_t pending_fair = 16;
  /// Of one peer, of all; what takes less than `small_bytes` is counted by number alone.
  static constexpr std::size_t pending_bytes_per_peer_max = 64 * 1024 * 1024;
  static constexpr std::size_t pending_bytes_max = 512 * 1024 * 1024;
  static constexpr std::size_t small_bytes = 16 * 1024;
  static constexpr std::size_t bodies_max = 256 * 1024 * 1024;
  /// Views before the last final one whose votes are kept, for evidence and for who lags.
  static constexpr std::uint64_t views_kept = 16;
  /// Up to so many validators, what lets one enter a view is sent to all (R1).
  static constexpr std::size_t everybody_max = 32;
  /// Blocks in a row that are fetched one by one; more is for sync.
  static constexpr std::size_t fetched_depth_max = 32;
  /// So many views in a row are given up at once when they are seen to be lost; after that each
  /// takes its time, lest a passing trouble use up all the views that a justification can hold.
  static constexpr std::uint64_t hasty_views_max = 16;
  /// What waits to be logged until there is something to say is written when it is so much.
  static constexpr std::size_t unlogged_max = 16 * 1024 * 1024;
  /// Bytes of blocks to one peer.
  static constexpr base::TokenRate given_rate{16 * 1024 * 1024, 64 * 1024 * 1024};

  /// `me`: empty for a node that only follows. `last_final`: what the store says, of this epoch;
  /// its floor when there is none. `is_silent`: the process has just started, and what the log has
  /// may be older than what was said (consensus/silence.h). `rng` and `log` outlive it.
  Engine(const EngineConfig& config, EpochContext context, std::optional<ValidatorIndex> me,
         FinalBlock last_final, Rng& rng, Log& log, bool is_silent = false);

  /// What the log holds; once, before start(). `malformed` for a record that is none of ours: the
  /// log is damaged, and the node must not vote in this epoch.
  Result<void> recover(const std::vector<Bytes>& records);
  /// It votes only once SignerReady says so: before start().
  void wait_for_signer() { silence_.hold(); }
  void start(Instant now);

  void on_input(Instant now, EngineInput input);
  void on_deadline(Instant now);
  std::optional<EngineOutput> poll_output(Instant now);
  std::optional<Instant> next_deadline() const;

  /// The last block of the epoch is final: the next engine's turn.
  bool is_over() const { return is_last(last_final_.height); }

  View view() const { return view_; }
  ValidatorIndex leader() { return leaders_.leader(view_); }
  const FinalBlock& last_final() const { return last_final_; }
  const EpochContext& context() const { return context_; }
  const EngineStats& stats() const { return stats_; }
  std::optional<ValidatorIndex> me() const { return me_; }
  /// It must not speak yet. Stays so over epochs in which it may not speak at all.
  bool is_silent() const { return silence_.is_on(); }
  /// Its signer serves another node, or is not there.
  bool is_held() const { return silence_.is_held(); }
  /// The log was found to be older than what was said: me() is empty for this epoch.
  bool is_stale() const { return is_stale_; }
  /// It found what must not be, and says nothing any more.
  bool is_halted() const { return is_halted_; }
  EngineSizes sizes() const;
  /// For people: one line a view that is not final; all of it (consensus/describe.h).
  std::string dump(Instant now);
  EngineReport report(Instant now);

 private:
  struct ViewState {
    ViewVotes votes;
    std::optional<codec::ProposalMessage> proposal;  // the leader's first; none if not justified
    bool is_proposal_wrong = false;
    CertificatePtr notarization, nullification, finalization;
  };
  struct Pending {
    PeerId from;
    std::variant<codec::Vote, CertificatePtr, codec::ProposalMessage, BlocksHeard, MemoryHeard>
        what;
    std::size_t jobs = 0;
  };
  /// What of a peer waits for its signatures' check.
  struct Load {
    std::size_t count = 0, bytes = 0;
  };
  struct Fetch {
    std::vector<bool> signers;  // who should have it
    Instant again;
    Instant since;
  };
  using Durable = std::variant<codec::Vote, codec::ProposalMessage>;

  // engine_hear.cpp: what comes from peers, up to verified.
  void hear(Instant now, Heard heard);
  void hear_vote(Instant now, const PeerId& from, const codec::Vote& vote);
  void hear_certificate(Instant now, const PeerId& from, codec::Certificate certificate);
  void hear_proposal(Instant now, const PeerId& from, codec::ProposalMessage message);
  void hear_request(Instant now, const PeerId& from, const Hash& digest);
  void hear_block(Instant now, const BlockPtr& block);
  void hear_blocks(Instant now, BlocksHeard heard);
  void accept(Instant now, const BlocksHeard& heard);
  void help_lagging(Instant now, const PeerId& from, View view);
  bool charge(const PeerId& from, std::size_t bytes);
  void discharge(const PeerId& from, std::size_t bytes);
  void add_job(std::vector<VerifyJob>& jobs, const codec::Vote& vote) const;
  void add_jobs(std::vector<VerifyJob>& jobs, const codec::Certificate& certificate) const;
  bool holds(const codec::Statement& statement) const;
  void verify(Instant now, Pending pending, std::vector<VerifyJob> jobs);
  void verify_certificate(Instant now, const PeerId& from, CertificatePtr certificate);
  void on_verified(Instant now, const Verified& verified);
  void verified(Instant now, Pending& pending);
  Result<void> check_justification(const codec::ProposalMessage& message) const;
  void accept(Instant now, codec::ProposalMessage message);

  // engine_rules.cpp: votes, certificates, views.
  void record(Instant now, const codec::Vote& vote);
  void hold(Instant now, const CertificatePtr& certificate);
  CertificatePtr& place_of(const codec::Certificate& certificate);
  CertificatePtr conflicting(const codec::Statement& statement) const;
  void progress(Instant now);
  bool advance_view(Instant now);
  void enter(Instant now, View view, const CertificatePtr& by);
  void set_timers(Instant now);
  void vote_finalize();
  void nullify(View view);
  void give_up();
  void ask_signer_again();
  void on_signer(Instant now, const SignerReady& ready);
  bool is_own_vote_missing(const SignerReady& ready);
  bool vote(const codec::Statement& statement);
  void on_signed(const Signed& given);
  void on_standstill(Instant now);
  void arm_standstill(Instant now);
  std::vector<Buffer> all_said() const;
  Duration delta() const;
  bool is_leader_silent(Instant now);

  // engine_blocks.cpp: proposals made and judged, blocks checked and fetched.
  struct Known {
    Height height;
    WallTime time;
    BlockPool::State state;
  };
  std::optional<Known> known(const Hash& digest) const;
  void try_propose(Instant now);
  std::optional<View> parent_view() const;
  Hash digest_at(View view) const;
  void propose(Instant now, View parent);
  codec::Justification justification_of(View parent) const;
  Instant propose_time(Instant now, WallTime parent_time) const;
  void on_built(Built built);
  void judge_proposal(Instant now);
  enum class Judgement : std::uint8_t { good, wrong, wait };
  Judgement judge(Instant now, const codec::ProposalMessage& message);
  void check_when_possible(Instant now, const BlockPtr& block);
  Result<void> check_header(const codec::BlockHeader& header, const Known& parent) const;
  void settle_block(Instant now, const Hash& digest, Result<void> verdict);
  void diverge_if_certified(const Hash& digest, const Error& error);
  void fetch(Instant now, const Hash& digest, const codec::Certificate& certificate);
  void ask_again(Instant now);

  // engine_memory.cpp: the silence after a start.
  void begin_silence(Instant now);
  void end_silence(Instant now);
  void ask_memory(Instant now);
  codec::ConsensusMessage memory_request() const;
  void hear_memory_request(Instant now, const PeerId& from, const codec::MemoryRequest& request);
  std::vector<codec::Vote> votes_of(ValidatorIndex signer, View above) const;
  void hear_memory(Instant now, const PeerId& from,
                   const std::optional<codec::ValidatorKey>& proven, codec::Memory memory);
  void accept(Instant now, MemoryHeard heard);
  void speak(Instant now);
  void become_stale(std::string_view why);
  bool may_speak() const { return me_ && !silence_.is_on(); }

  // engine_final.cpp: finality, the log, and waking up from it.
  bool try_commit(Instant now);
  bool commit_chain(Instant now, const CertificatePtr& finalization);
  void say_behind(const CertificatePtr& finalization);
  void finalize_up_to(Instant now, const FinalBlock& to);
  void fetch_missing(Instant now);
  void on_committed(Height height);
  void on_synced(Instant now, const Synced& synced);
  void halt() { is_halted_ = true; }
  void log_record(const LogRecord& record);
  void flush_log();
  void on_persisted(Instant now, Token token);
  void compact();
  void restore(LogRecord record);

  ViewState* find(View view);
  const ViewState* find(View view) const;
  void say(EngineOutput output) { outputs_.push_back(std::move(output)); }
  void broadcast(const codec::ConsensusMessage& message);
  std::string waits_for();
  WallTime wall_now(Instant now) const;
  Token new_token() { return {++last_token_}; }
  bool is_last(Height height) const { return height == context_.last_height; }

  const EngineConfig config_;
  const EpochContext context_;
  std::optional<ValidatorIndex> me_;
  Rng& rng_;
  Log& log_;
  LeaderSchedule leaders_;
  SafetyGuard guard_;
  BlockPool blocks_;
  Silence silence_;

  View view_{1};
  FinalBlock last_final_;
  std::map<View, ViewState> views_;  // from views_kept before the last final one
  Instant entered_;                  // the current view
  Instant parent_seen_;              // when this node could have begun on the next block
  std::optional<Instant> leader_timeout_, view_timeout_, propose_at_, judge_at_, standstill_at_;
  Duration standstill_wait_{0};
  std::vector<Instant> last_heard_;  // of each validator

  std::map<Token, Pending> pending_;
  std::map<PeerId, Load> pending_of_;
  Load pending_load_;  // of all
  std::map<codec::Statement, std::vector<std::pair<PeerId, CertificatePtr>>> certificates_waiting_;
  std::map<ValidatorIndex, std::size_t> memories_heard_;  // of this start
  std::map<PeerId, Instant> helped_, told_;               // and when
  std::map<PeerId, base::TokenBucket> given_;             // blocks
  std::map<Hash, Fetch> fetches_;

  std::optional<Token> building_;
  View proposed_;  // the last view this node proposed in
  std::optional<codec::ProposalMessage> unsigned_proposal_;
  std::vector<codec::Statement> refused_;  // by the signer; it is asked again

  std::vector<Bytes> unlogged_;  // records of this turn
  std::size_t unlogged_bytes_ = 0;
  std::vector<Durable> undurable_;  // what may be said once they are durable
  std::map<Token, std::vector<Durable>> logging_;
  struct FinalPlace {
    Height height;
    View view;
  };
  FinalPlace committed_;                                // up to here the store has it
  base::Queue<FinalPlace> committing_;                  // said to be final, and not stored yet
  std::vector<codec::Vote> own_votes_;                  // above committed_.view
  std::optional<codec::ProposalMessage> own_proposal_;  // the latest
  std::size_t log_bytes_ = 0;
  std::size_t log_bytes_lived_ = 0;  // of them, when it was last begun anew
  View behind_said_;                 // of the finalization that was said to be far ahead

  base::Queue<EngineOutput> outputs_;
  std::optional<WallTime> wall_;
  Instant wall_read_;
  std::uint64_t last_token_;  // those of two epochs differ: answers come late
  EngineStats stats_;
  bool is_started_ = false, is_halted_ = false;
  bool is_stale_ = false, is_signer_lost_ = false;
};

}  // namespace kith::consensus
