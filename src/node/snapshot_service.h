// Snapshots between peers (/kith/snapshot/1.0.0, docs/protocol/sync.md): gives those that this node
// has made, and brings a node that is far behind forward by one.
//
// Joining: the ends of epochs are asked for and verified one after the other, from the validators
// that this node knows, so that the headers of snapshots are known to be final; then peers say
// which snapshots they have, the latest one is taken, its manifest is checked against its header,
// and its parts are fetched from all who have it, each checked by itself and written to the store's
// import in order. A part that is wrong cuts its giver off and is asked of another. When all is
// there the node lets the import take the state's place. What a crash leaves is gone on with.
// Whatever fails, blocks are fetched again: `retry` later there may be another try.
//
// Limits: `parts_at_once` parts under way or waiting to be written, `per_peer` of one peer;
// `epochs_max` epochs held; those of node/answer_streams.h.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/queue.h"
#include "base/rng.h"
#include "codec/frame.h"
#include "node/answer_streams.h"
#include "node/chain_prune.h"
#include "node/snapshot_jobs.h"

namespace kith::node {

inline constexpr std::string_view snapshot_protocol = "/kith/snapshot/1.0.0";

struct SnapshotConfig {
  std::uint64_t behind = 10'000;  // chain.snapshot_behind
  bool is_indexed = true;         // chain.index
  Height height_max = {};         // chain.halt_height: none beyond it is taken; 0: any
  std::size_t parts_at_once = 12;
  std::size_t per_peer = 4;
  Duration stall_after = 5s;
  Duration timeout = 30s;
  Duration rest = 5s;
  Duration retry = 60s;
  std::size_t failures_max = 20;  // in a row, then it is given up
  std::size_t epochs_max = 65'536;
  AnswerLimits answers{{50, 100}, 8, 64 * 1024 * 1024, 60s, codec::snapshot_request_bytes_max};
};

class SnapshotService final : public host::Service {
 public:
  SnapshotService(const SnapshotConfig& config, const Store& store, std::uint64_t epoch_blocks,
                  const Hash& genesis, Rng& rng);

  /// Its tokens are never a chain's.
  static constexpr std::uint64_t first_token = std::uint64_t{1} << 63;

  std::vector<std::string> protocols() const override { return {std::string(snapshot_protocol)}; }
  void on_input(Instant now, host::ServiceEvent event) override;
  void on_deadline(Instant now) override;
  std::optional<Instant> next_deadline() const override;

  /// Where the chain stands, and what sync knows of others.
  struct View {
    Height height;
    Height target;
    std::optional<Height> floor;  // of those who are ahead
    codec::Epoch epoch;
    std::shared_ptr<const codec::ValidatorSet> validators;
  };
  void on_view(Instant now, const View& view);
  /// False: not one of ours.
  bool on_job(Instant now, host::Job& job);
  bool on_written(Instant now, Token token);

  std::optional<host::RunJob> poll_job();
  std::optional<host::WriteChain> poll_write();
  /// The import is whole: the chain is to stand still, then adopt().
  bool wants_adoption() const { return state_ == State::whole; }
  void adopt();
  /// Once, when the store has the new state.
  bool take_adopted() { return std::exchange(is_adopted_, false); }
  /// Under way: blocks need not be fetched meanwhile.
  bool is_importing() const { return state_ != State::off; }
  std::uint64_t parts_received() const { return parts_received_; }
  std::uint64_t parts_of_snapshot() const { return parts_; }
  std::uint64_t failures() const { return failures_total_; }

 private:
  enum class State : std::uint8_t {
    off,
    resuming,
    epochs,
    offers,
    manifest,
    parts,
    whole,
    adopting
  };
  struct Asking {
    PeerId peer;
    codec::SnapshotRequest request;
    std::optional<StreamId> stream;
    codec::FrameReader reader;
    std::vector<Bytes> frames;
    std::size_t bytes = 0;
    Instant since, heard;
  };
  struct Peer {
    Instant rests_until;
    std::set<Height> offers;
    std::size_t asked = 0;
  };
  struct Part {
    bool is_asked = false;
    std::shared_ptr<WriteBatch> batch;
  };
  using Askings = std::map<Token, Asking>;

  bool is_worth_it() const;
  void begin(Instant now);
  void ask(Instant now, const PeerId& peer, codec::SnapshotRequest request);
  std::optional<PeerId> any_peer(Instant now, const std::optional<Height>& with);
  void go_on(Instant now);
  void ask_epochs(Instant now);
  void ask_offers(Instant now);
  void choose(Instant now);
  void ask_parts(Instant now);
  void write_parts();
  void fail_peer(Instant now, const PeerId& peer, const Error& error);
  void lie(Instant now, const PeerId& peer, const Error& error);
  void give_up(Instant now);
  void stop_asking();
  void on_stream_up(Instant now, const host::StreamUp& up);
  void on_data(Instant now, const host::StreamData& data);
  void drop(Askings::iterator at);
  Askings::iterator asking_of(StreamId stream);
  void end(Instant now, Askings::iterator at);
  void on_epochs(Instant now, const PeerId& from, const std::vector<Bytes>& frames);
  void on_offers(Instant now, const PeerId& from, const std::vector<Bytes>& frames);
  void write(WriteBatch batch);

  const SnapshotConfig config_;
  const Store& store_;
  const std::uint64_t epoch_blocks_;
  const Hash genesis_;
  Rng& rng_;
  AnswerStreams answers_;
  std::map<PeerId, Peer> peers_;
  Askings askings_;
  std::map<StreamId, Token> streams_;

  State state_ = State::off;
  View view_;
  bool has_looked_ = false;  // for what an earlier run left
  std::optional<Instant> retry_at_, go_at_, offers_until_;
  std::size_t failures_ = 0;
  std::uint64_t failures_total_ = 0;
  std::vector<codec::EpochEnd> ends_;
  codec::Epoch first_;                                     // of ends_
  std::shared_ptr<const codec::ValidatorSet> validators_;  // of first_
  bool is_verifying_ = false;
  Height height_;  // of the snapshot
  std::shared_ptr<const codec::SnapshotManifest> manifest_;
  std::uint64_t parts_ = 0;
  std::uint64_t next_write_ = 0;  // the part that is written next
  std::map<std::uint64_t, Part> under_way_;
  std::set<Token> writing_;
  bool is_ended_ = false;  // the last batch is on its way
  bool is_adopted_ = false;
  std::uint64_t parts_received_ = 0;
  base::Queue<host::RunJob> jobs_;
  base::Queue<host::WriteChain> writes_;
  std::uint64_t last_token_ = first_token;
};

}  // namespace kith::node
