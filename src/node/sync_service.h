// Catching up (/kith/sync/1.0.0): asks peers for the blocks that follow our last final one, and
// answers them from the store. A request is a stream: one frame with a height, u64; the answer is a
// frame for each block from there on, in order, with the certificate that it stands by, then the
// end. Nothing when there is no such block. Grammar: docs/protocol/ledger.md, "Sync".
//
// A node asks one peer at a time, another each time, when it has made no progress for `idle_after`,
// at once when consensus says that it is behind, and again at once after an answer that led on. An
// answer ends with its epoch: the validators of the next are a matter of its state.
// Limits: `blocks_max` and `bytes_max` an answer; `per_peer` requests a second of one peer; of
// answers under way `answers_per_peer_max` a peer, `answers_bytes_max` in all, each `answer_time`
// long.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline_heap.h"
#include "base/queue.h"
#include "base/rng.h"
#include "base/token_bucket.h"
#include "codec/frame.h"
#include "consensus/engine_io.h"
#include "host/service.h"
#include "host/world_chain.h"
#include "node/chain_store.h"

namespace kith::node {

inline constexpr std::string_view sync_protocol = "/kith/sync/1.0.0";

struct SyncConfig {
  Duration idle_after = 2s;
  Duration timeout = 10s;
  std::size_t blocks_max = 128;
  std::size_t bytes_max = 4 * 1024 * 1024;
  base::TokenRate per_peer{20, 40};
  std::size_t answers_per_peer_max = 4;
  std::size_t answers_bytes_max = 64 * 1024 * 1024;
  Duration answer_time = 60s;
  std::size_t frame_bytes_max = codec::header_bytes + codec::block_body_bytes_max +
                                codec::justification_bytes_max + codec::certificate_bytes_max;
};

/// Reads an answer; for another thread.
class ReadBlocksJob final : public host::Job {
 public:
  ReadBlocksJob(const ledger::Store& store, StreamId stream, Height from, const SyncConfig& config,
                std::uint64_t epoch_blocks)
      : store_(store), stream_(stream), from_(from), config_(config), epoch_blocks_(epoch_blocks) {}
  void run() override;

  StreamId stream() const { return stream_; }
  /// Framed.
  std::vector<Buffer> take_frames() { return std::move(frames_); }

 private:
  const ledger::Store& store_;
  const StreamId stream_;
  const Height from_;
  const SyncConfig config_;
  const std::uint64_t epoch_blocks_;
  std::vector<Buffer> frames_;
};

class SyncService final : public host::Service {
 public:
  SyncService(const SyncConfig& config, const ledger::Store& store, std::uint64_t epoch_blocks,
              Rng& rng)
      : config_(config), store_(store), epoch_blocks_(epoch_blocks), rng_(rng) {}

  std::vector<std::string> protocols() const override { return {std::string(sync_protocol)}; }
  void on_input(Instant now, host::ServiceEvent event) override;
  void on_deadline(Instant now) override;
  std::optional<Instant> next_deadline() const override {
    return base::soonest(ask_at_, answers_end_.soonest());
  }

  /// Begins to look after the chain.
  void start(Instant now, Height height);
  /// The chain has come so far.
  void on_height(Instant now, Height height);
  /// Consensus knows of blocks that it cannot reach.
  void on_behind(Instant now);
  void on_job(ReadBlocksJob& job);

  std::optional<host::RunJob> poll_job();
  std::optional<consensus::BlocksHeard> poll_blocks();
  /// The last answer held more than one block: others are ahead.
  bool is_catching_up() const { return is_catching_up_; }
  std::uint64_t blocks_received() const { return blocks_received_; }
  std::uint64_t blocks_served() const { return blocks_served_; }

 private:
  struct Answering {
    PeerId peer;
    std::size_t room = 0;
    bool is_asked = false;
    bool is_read = false;
    codec::FrameReader reader{codec::FramePrefix::varint, 8};
    std::vector<Buffer> frames;  // to be written, the next one first
    std::size_t next = 0;
    std::size_t bytes = 0;  // of frames
  };
  struct Asking {
    PeerId peer;
    std::optional<StreamId> stream;
    codec::FrameReader reader;
    std::vector<BlockPtr> blocks;
    std::vector<codec::Certificate> certificates;
    std::size_t bytes = 0;
  };

  void on_stream_up(Instant now, const host::StreamUp& up);
  void on_data(Instant now, const host::StreamData& data);
  void on_request(Instant now, StreamId stream, Answering& answering, ByteView frame);
  Result<void> on_block(ByteView frame);
  void ask(Instant now);
  void end_ask(Instant now, bool is_good);
  void write(StreamId stream, Answering& answering);
  void forget_answer(StreamId stream);
  void refuse(StreamId stream);

  const SyncConfig config_;
  const ledger::Store& store_;
  const std::uint64_t epoch_blocks_;
  Rng& rng_;
  std::map<PeerId, bool> speaks_;
  std::map<PeerId, base::TokenBucket> buckets_;
  std::map<StreamId, Answering> answering_;
  mutable base::DeadlineHeap<StreamId> answers_end_;
  std::size_t answers_bytes_ = 0;
  std::optional<Asking> asking_;
  Height height_;
  std::optional<Height> taking_up_to_;  // the last block of an answer, until it is final
  std::optional<Instant> ask_at_;
  base::Queue<host::RunJob> jobs_;
  base::Queue<consensus::BlocksHeard> heard_;
  std::uint64_t blocks_received_ = 0;
  std::uint64_t blocks_served_ = 0;
  bool is_started_ = false;
  bool is_catching_up_ = false;
};

}  // namespace kith::node
