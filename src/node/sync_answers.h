// Of sync, the half that answers: this node's tip at once, blocks from the store by a job.
// Protocol: docs/protocol/sync.md. Limits: node/answer_streams.h, node/sync_config.h.
#pragma once

#include <memory>
#include <vector>

#include "base/queue.h"
#include "host/world_chain.h"
#include "node/answer_streams.h"
#include "node/chain_store.h"
#include "node/sync_config.h"

namespace kith::node {

/// Reads an answer; for another thread. A run ends where it is asked to, with what fills the
/// answer, and with its epoch.
class ReadBlocksJob final : public host::Job {
 public:
  ReadBlocksJob(const ledger::Store& store, StreamId stream, const codec::BlocksRequest& asked,
                std::size_t bytes_max, std::uint64_t epoch_blocks)
      : store_(store),
        stream_(stream),
        asked_(asked),
        bytes_max_(bytes_max),
        epoch_blocks_(epoch_blocks) {}
  void run() override;

  StreamId stream() const { return stream_; }
  /// Framed.
  std::vector<Buffer> take_frames() { return std::move(frames_); }

 private:
  const ledger::Store& store_;
  const StreamId stream_;
  const codec::BlocksRequest asked_;
  const std::size_t bytes_max_;
  const std::uint64_t epoch_blocks_;
  std::vector<Buffer> frames_;
};

class SyncAnswers {
 public:
  SyncAnswers(const SyncConfig& config, const ledger::Store& store, std::uint64_t epoch_blocks,
              const Hash& genesis, AnswerStreams::Say say);

  AnswerStreams& streams() { return streams_; }
  const AnswerStreams& streams() const { return streams_; }
  /// What it says of itself.
  void set_tip(Height height, Height floor) {
    height_ = height;
    floor_ = floor;
  }
  void on_job(Instant now, ReadBlocksJob& job);
  std::optional<host::RunJob> poll_job();
  std::uint64_t blocks_served() const { return blocks_served_; }

 private:
  void on_request(Instant now, StreamId stream, ByteView frame);

  const SyncConfig config_;
  const ledger::Store& store_;
  const std::uint64_t epoch_blocks_;
  const Hash genesis_;
  AnswerStreams streams_;
  Height height_;
  Height floor_{1};
  base::Queue<host::RunJob> jobs_;
  std::uint64_t blocks_served_ = 0;
};

}  // namespace kith::node
