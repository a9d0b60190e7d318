#include "node/sync_answers.h"

namespace kith::node {
namespace {

AnswerLimits limits_of(const SyncConfig& config) {
  return {config.per_peer,    config.answers_per_peer_max,   config.answers_bytes_max,
          config.answer_time, codec::sync_request_bytes_max, config.serve_rate};
}

}  // namespace

void ReadBlocksJob::run() {
  std::size_t bytes = 0;
  for (std::uint64_t i = 0; i < asked_.count && bytes < bytes_max_; ++i) {
    const Height height{asked_.from.value + i};
    const auto stored = read_block(store_, height);
    if (!stored || !*stored) return;  // the end; or our disk's failure, which is not the peer's
    frames_.push_back(
        answer_frame(codec::encode_given(*(*stored)->block, *(*stored)->certificate)));
    bytes += frames_.back().size();
    if (height.value % epoch_blocks_ == 0) return;
  }
}

SyncAnswers::SyncAnswers(const SyncConfig& config, const ledger::Store& store,
                         std::uint64_t epoch_blocks, const Hash& genesis, AnswerStreams::Say say)
    : config_(config),
      store_(store),
      epoch_blocks_(epoch_blocks),
      genesis_(genesis),
      streams_(limits_of(config), std::move(say),
               [this](Instant now, StreamId stream, ByteView frame) {
                 on_request(now, stream, frame);
               }) {}

void SyncAnswers::on_request(Instant now, StreamId stream, ByteView frame) {
  const auto request = codec::decode_sync_request(frame);
  if (!request) return streams_.refuse(stream);
  const auto* const blocks = std::get_if<codec::BlocksRequest>(&*request);
  if (blocks == nullptr) {
    streams_.give(now, stream,
                  {answer_frame(codec::encode(codec::SyncTip{genesis_, height_, floor_}))});
  } else if (blocks->from < floor_) {
    streams_.give(now, stream, {answer_frame(codec::encode(codec::PrunedBlocks{floor_}))});
  } else if (blocks->from > height_) {
    streams_.give(now, stream, {});
  } else {
    jobs_.push_back({Token{}, std::make_shared<ReadBlocksJob>(store_, stream, *blocks,
                                                              config_.bytes_max, epoch_blocks_)});
  }
}

void SyncAnswers::on_job(Instant now, ReadBlocksJob& job) {
  std::vector<Buffer> frames = job.take_frames();
  blocks_served_ += frames.size();
  streams_.give(now, job.stream(), std::move(frames));
}

std::optional<host::RunJob> SyncAnswers::poll_job() {
  if (jobs_.empty()) return std::nullopt;
  return jobs_.pop_front();
}

}  // namespace kith::node
