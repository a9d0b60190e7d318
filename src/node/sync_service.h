// Catching up (/kith/sync/1.1.0, docs/protocol/sync.md): what peers have, blocks of many of them at
// once, handed to the chain in order. The half that answers is node/sync_answers.h.
//
// Peers tell how far they have come when they are met, and again when no block has come for a
// while. Somebody ahead: the heights in between are cut into runs that end with their epoch, and
// each run is asked of some peer that has it. A run that does not come, comes too slowly or is not
// what it should be goes to another peer; who promised it is charged and rests, who lied is cut
// off. Runs of the present epoch are proven, each by the finalization in it, before the chain sees
// them; those of the next wait for its validators. What the last finalization of a run does not
// cover waits for the run behind it.
//
// A claim to be ahead that is not made good is dropped with the first answer that is missing.
// Limits (node/sync_config.h): `window_blocks` and `window_bytes` ahead of the chain, of which the
// chain is given `given_blocks_max` at once; `runs_per_peer`.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "codec/chain_validators.h"
#include "consensus/engine_io.h"
#include "node/sync_answers.h"

namespace kith::node {

/// Whether a run of blocks stands by its certificates; for another thread.
class VerifyRunJob final : public host::Job {
 public:
  VerifyRunJob(Height from, Hash last, std::vector<codec::Certificate> certificates, Hash genesis,
               std::shared_ptr<const codec::ValidatorSet> validators)
      : from_(from),
        last_(last),
        certificates_(std::move(certificates)),
        genesis_(genesis),
        validators_(std::move(validators)) {}
  void run() override;
  Height from() const { return from_; }
  /// The digest of the run's last block: which run of that height it was.
  const Hash& last() const { return last_; }
  const Result<void>& verdict() const { return verdict_; }

 private:
  const Height from_;
  const Hash last_;
  const std::vector<codec::Certificate> certificates_;
  const Hash genesis_;
  const std::shared_ptr<const codec::ValidatorSet> validators_;
  Result<void> verdict_;
};

class SyncService final : public host::Service {
 public:
  SyncService(const SyncConfig& config, const ledger::Store& store, std::uint64_t epoch_blocks,
              const Hash& genesis, Rng& rng)
      : config_(config),
        epoch_blocks_(epoch_blocks),
        genesis_(genesis),
        rng_(rng),
        answers_(config, store, epoch_blocks, genesis,
                 [this](host::ServiceCommand command) { say(std::move(command)); }),
        idle_wait_(config.idle_after) {}

  std::vector<std::string> protocols() const override { return {std::string(sync_protocol)}; }
  void on_input(Instant now, host::ServiceEvent event) override;
  void on_deadline(Instant now) override;
  std::optional<Instant> next_deadline() const override;

  /// Begins to look after the chain. `floor`: the lowest block that is here.
  void start(Instant now, Height height, Height floor);
  /// The chain has come so far.
  void on_height(Instant now, Height height, Height floor);
  void on_epoch(Instant now, codec::Epoch epoch,
                std::shared_ptr<const codec::ValidatorSet> validators);
  /// Consensus knows of blocks that it cannot reach.
  void on_behind(Instant now);
  /// Something else brings the chain forward: nothing is asked for meanwhile.
  void pause(Instant now, bool is_paused);
  bool is_paused() const { return is_paused_; }
  /// False: not one of ours.
  bool on_job(Instant now, host::Job& job);

  std::optional<host::RunJob> poll_job();
  std::optional<consensus::BlocksHeard> poll_blocks();

  /// Blocks are being fetched, or a peer is known to be ahead by more than what is under way.
  bool is_catching_up() const { return is_fetching_ && target() > height_; }
  /// The highest that a peer says it has and was not found wanting; at least our own.
  Height target() const;
  /// The lowest height from which on somebody has all blocks up to its tip; nothing: nobody told.
  std::optional<Height> floor_of_peers() const;
  std::size_t peers() const { return peers_.size(); }
  std::size_t runs_under_way() const;
  std::size_t bytes_held() const { return bytes_held_; }
  std::uint64_t blocks_received() const { return blocks_received_; }
  std::uint64_t blocks_served() const { return answers_.blocks_served(); }
  std::uint64_t runs_failed() const { return runs_failed_; }

 private:
  struct Peer {
    std::optional<codec::SyncTip> tip;
    bool is_stranger = false;  // of another chain
    bool is_asked_tip = false;
    std::size_t runs = 0;  // asked of it
    unsigned failures = 0;
    Instant rests_until;
  };
  enum class RunState : std::uint8_t { wanted, asked, here, checking, proven };
  struct Run {
    Height to;
    RunState state = RunState::wanted;
    std::optional<PeerId> from = {};  // who gave it
    std::vector<codec::GivenBlock> blocks = {};
    std::size_t bytes = 0;
    bool is_hedged = false;
  };
  struct Asking {
    PeerId peer;
    std::optional<codec::BlocksRequest> run;  // empty: its tip
    std::optional<StreamId> stream;
    codec::FrameReader reader;
    std::vector<codec::GivenBlock> blocks;
    std::size_t bytes = 0;
    std::optional<codec::SyncTip> tip;
    std::optional<Height> pruned;
    Instant since, heard;
  };
  using Askings = std::map<Token, Asking>;
  using Runs = std::map<Height, Run>;  // by the first height

  // sync_service.cpp: peers, streams and answers.
  void on_stream_up(Instant now, const host::StreamUp& up);
  void on_data(Instant now, const host::StreamData& data);
  Result<void> on_frame(Asking& asking, ByteView frame);
  Result<void> check_block(const Asking& asking, const codec::GivenBlock& given) const;
  void on_peer_down(const PeerId& peer);
  Askings::iterator asking_of(StreamId stream);
  void ask_tips(Instant now, std::size_t count);
  void ask_tip(Instant now, const PeerId& id);
  Token open(Instant now, const PeerId& peer, std::optional<codec::BlocksRequest> run);
  void end(Instant now, Askings::iterator at);
  void on_tip(Instant now, const PeerId& id, const codec::SyncTip& tip);
  void fail_asking(Instant now, Askings::iterator at, const Error& error);
  void charge(Instant now, const PeerId& id, const Error& error);
  void drop_asking(Askings::iterator at);

  // sync_runs.cpp: what is wanted, of whom, and what becomes of it.
  void plan(Instant now);
  void trim();
  void extend();
  void assign(Instant now);
  void hedge(Instant now);
  std::optional<PeerId> peer_for(Instant now, Height from, const std::optional<PeerId>& not_this);
  void take_run(Instant now, const PeerId& from, const codec::BlocksRequest& asked,
                std::vector<codec::GivenBlock> blocks, std::size_t bytes);
  void check_runs();
  void on_verified(Instant now, const VerifyRunJob& job);
  void hand_over(Instant now);
  void want_again(Runs::iterator at);
  void restart_from_height();
  std::uint64_t epoch_end(Height height) const {
    return (height.value + epoch_blocks_ - 1) / epoch_blocks_ * epoch_blocks_;
  }
  codec::Epoch epoch_of(Height height) const { return {(height.value - 1) / epoch_blocks_}; }

  const SyncConfig config_;
  const std::uint64_t epoch_blocks_;
  const Hash genesis_;
  Rng& rng_;
  SyncAnswers answers_;
  std::map<PeerId, Peer> peers_;
  Askings askings_;
  std::map<StreamId, Token> streams_;
  Runs runs_;  // without a gap, from given_ + 1 on
  std::size_t bytes_held_ = 0;

  Height height_;
  Height given_;    // up to here the chain has been given blocks
  Height planned_;  // up to here there are runs
  struct Given {
    Height height;
    std::size_t bytes = 0;
  };
  std::deque<Given> given_waiting_;  // the chain has them, and they are not final yet
  std::size_t given_bytes_ = 0;
  Instant given_at_;
  codec::Epoch epoch_;
  std::shared_ptr<const codec::ValidatorSet> validators_;

  std::optional<Instant> look_at_;  // when to ask for tips
  Duration idle_wait_;
  Instant progress_at_;
  std::optional<Instant> plan_at_;  // somebody rests, or the chain is busy
  base::Queue<host::RunJob> jobs_;
  base::Queue<consensus::BlocksHeard> heard_;
  std::uint64_t last_token_ = 0;
  std::uint64_t blocks_received_ = 0;
  std::uint64_t runs_failed_ = 0;
  bool is_started_ = false;
  bool is_paused_ = false;
  bool is_fetching_ = false;
  bool is_behind_ = false;  // any lead counts
};

}  // namespace kith::node
