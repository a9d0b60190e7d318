#include "node/sync_service.h"

#include <algorithm>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::node {
namespace {

constexpr Token ask_token{1};

}  // namespace

void ReadBlocksJob::run() {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < config_.blocks_max && bytes < config_.bytes_max; ++i) {
    const Height height{from_.value + i};
    const auto stored = read_block(store_, height);
    if (!stored || !*stored) return;  // the end; or our disk's failure, which is not the peer's
    Bytes frame;
    codec::Writer writer(frame);
    codec::encode(writer, *(*stored)->block);
    codec::encode(writer, *(*stored)->certificate);
    Bytes framed;
    codec::append_frame(framed, codec::FramePrefix::varint, frame);
    bytes += framed.size();
    frames_.push_back(Buffer(std::move(framed)));
    if (height.value % epoch_blocks_ == 0) return;
  }
}

void SyncService::start(Instant now, Height height) {
  is_started_ = true;
  height_ = height;
  ask_at_ = now + config_.idle_after / 4;
}

void SyncService::on_height(Instant now, Height height) {
  height_ = height;
  if (asking_) return;
  const bool is_taken = taking_up_to_ && height >= *taking_up_to_;
  if (taking_up_to_ && !is_taken) return;
  // There may be more behind what was given.
  ask_at_ = is_taken ? now : now + config_.idle_after;
  taking_up_to_.reset();
}

void SyncService::on_behind(Instant now) {
  if (!asking_ && is_started_) ask_at_ = now;
}

void SyncService::on_input(Instant now, host::ServiceEvent event) {
  std::visit(Overload{[](const host::PeerUp&) {},
                      [&](const host::PeerDown& down) {
                        speaks_.erase(down.peer);
                        buckets_.erase(down.peer);
                      },
                      [&](const host::PeerIdentified& identified) {
                        const auto& protocols = identified.message->protocols;
                        if (std::ranges::count(protocols, sync_protocol) == 0) return;
                        const bool is_first = speaks_.empty();
                        speaks_[identified.peer] = true;
                        if (is_first && is_started_ && !asking_) ask_at_ = now;
                      },
                      [&](const host::StreamUp& up) { on_stream_up(now, up); },
                      [&](const host::StreamOpenFailed&) { end_ask(now, false); },
                      [&](const host::StreamData& data) { on_data(now, data); },
                      [&](const host::StreamRoom& told) {
                        const auto at = answering_.find(told.stream);
                        if (at == answering_.end()) return;
                        at->second.room = told.room;
                        write(told.stream, at->second);
                      },
                      [&](const host::StreamEnd& end) {
                        if (asking_ && asking_->stream == end.stream) {
                          say(host::Finish{end.stream});
                          end_ask(now, true);
                        }
                      },
                      [&](const host::StreamDown& down) {
                        forget_answer(down.stream);
                        if (asking_ && asking_->stream == down.stream) end_ask(now, false);
                      }},
             event);
}

void SyncService::on_stream_up(Instant now, const host::StreamUp& up) {
  if (up.direction == Direction::inbound) {
    const auto of_peer = std::ranges::count_if(
        answering_, [&](const auto& each) { return each.second.peer == up.peer; });
    if (static_cast<std::size_t>(of_peer) >= config_.answers_per_peer_max) {
      return say(host::Reset{up.stream});
    }
    answers_end_.set(up.stream, now + config_.answer_time);
    Answering answering;
    answering.peer = up.peer;
    answering.room = up.room;
    answering_.emplace(up.stream, std::move(answering));
    return;
  }
  if (!asking_ || asking_->peer != up.peer) return say(host::Reset{up.stream});
  asking_->stream = up.stream;
  Bytes request;
  codec::Writer(request).u64(height_.value + 1);
  Bytes framed;
  codec::append_frame(framed, codec::FramePrefix::varint, request);
  say(host::Write{up.stream, Buffer(std::move(framed))});
  ask_at_ = now + config_.timeout;
}

void SyncService::on_data(Instant now, const host::StreamData& data) {
  say(host::Consume{data.stream, data.data.size()});
  ByteView bytes = data.data;
  if (const auto at = answering_.find(data.stream); at != answering_.end()) {
    const auto frame = at->second.reader.next(bytes);
    if (!frame || (*frame && at->second.is_asked)) {
      refuse(data.stream);
    } else if (*frame) {
      on_request(now, data.stream, at->second, **frame);
    }
    return;
  }
  while (asking_ && asking_->stream == data.stream) {
    const auto frame = asking_->reader.next(bytes);
    if (frame && !*frame) return;
    const Result<void> taken = frame ? on_block(**frame) : Result<void>(fail(frame.error()));
    if (taken) continue;
    say(host::Fault{asking_->peer, taken.error()});
    say(host::Reset{data.stream});
    end_ask(now, false);
  }
}

// --- answering -----------------------------------------------------------------------------------

void SyncService::on_request(Instant now, StreamId stream, Answering& answering, ByteView frame) {
  codec::Reader reader(frame);
  const auto from = reader.u64();
  const auto bucket = buckets_.try_emplace(answering.peer, config_.per_peer, now).first;
  if (!from || !reader.finish() || !bucket->second.take(config_.per_peer, now)) {
    return refuse(stream);
  }
  answering.is_asked = true;
  jobs_.push_back({Token{}, std::make_shared<ReadBlocksJob>(store_, stream, Height{*from}, config_,
                                                            epoch_blocks_)});
}

void SyncService::on_job(ReadBlocksJob& job) {
  const auto at = answering_.find(job.stream());
  if (at == answering_.end()) return;
  at->second.frames = job.take_frames();
  for (const Buffer& frame : at->second.frames) at->second.bytes += frame.size();
  answers_bytes_ += at->second.bytes;
  if (answers_bytes_ > config_.answers_bytes_max) return refuse(job.stream());
  at->second.is_read = true;
  blocks_served_ += at->second.frames.size();
  write(job.stream(), at->second);
}

void SyncService::write(StreamId stream, Answering& answering) {
  while (answering.next < answering.frames.size() && answering.room > 0) {
    Buffer& frame = answering.frames[answering.next];
    const std::size_t size = std::min(frame.size(), answering.room);
    say(host::Write{stream, frame.slice(0, size)});
    answering.room -= size;
    frame = frame.slice(size, frame.size() - size);
    if (frame.empty()) ++answering.next;
  }
  if (!answering.is_read || answering.next < answering.frames.size()) return;
  say(host::Finish{stream});
  forget_answer(stream);
}

void SyncService::forget_answer(StreamId stream) {
  const auto found = answering_.extract(stream);
  if (found.empty()) return;
  answers_bytes_ -= found.mapped().bytes;
  answers_end_.set(stream, std::nullopt);
}

void SyncService::refuse(StreamId stream) {
  forget_answer(stream);
  say(host::Reset{stream});
}

// --- asking --------------------------------------------------------------------------------------

void SyncService::on_deadline(Instant now) {
  while (const auto stream = answers_end_.pop_due(now)) refuse(*stream);
  if (!ask_at_ || now < *ask_at_) return;
  if (asking_) {
    if (asking_->stream) say(host::Reset{*asking_->stream});
    return end_ask(now, false);
  }
  ask(now);
}

void SyncService::ask(Instant now) {
  ask_at_ = now + config_.idle_after;
  taking_up_to_.reset();
  if (speaks_.empty()) return;
  auto at = speaks_.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(rng_.below(speaks_.size())));
  asking_.emplace(
      Asking{at->first, {}, {codec::FramePrefix::varint, config_.frame_bytes_max}, {}, {}});
  ask_at_ = now + config_.timeout;
  say(host::Open{ask_token, at->first, {std::string(sync_protocol)}});
}

Result<void> SyncService::on_block(ByteView frame) {
  if (asking_->blocks.size() >= config_.blocks_max) {
    return fail(Code::protocol, "more blocks than an answer holds");
  }
  // An answer ends with the block that fills it, so that one frame at most is beyond.
  if (asking_->bytes >= config_.bytes_max) {
    return fail(Code::protocol, base::format("an answer of more than {} bytes", config_.bytes_max));
  }
  asking_->bytes += frame.size();
  codec::Reader reader(frame);
  asking_->blocks.push_back(TRY(codec::decode_block(reader)));
  asking_->certificates.push_back(TRY(codec::decode_certificate(reader)));
  return reader.finish();
}

/// The last block that a finalization names ends what is taken: those behind it stand by less.
void SyncService::end_ask(Instant now, bool is_good) {
  if (!asking_) return;
  Asking asked = *std::exchange(asking_, std::nullopt);
  ask_at_ = now + config_.idle_after;
  if (!is_good) return;
  while (!asked.blocks.empty() &&
         asked.certificates.back().statement.kind != codec::VoteKind::finalize) {
    asked.blocks.pop_back();
    asked.certificates.pop_back();
  }
  is_catching_up_ = asked.blocks.size() > 1;
  if (asked.blocks.empty()) return;
  blocks_received_ += asked.blocks.size();
  taking_up_to_ = asked.blocks.back()->header().height;
  heard_.push_back({asked.peer, std::move(asked.blocks), std::move(asked.certificates.back())});
}

std::optional<host::RunJob> SyncService::poll_job() {
  if (jobs_.empty()) return std::nullopt;
  return jobs_.pop_front();
}

std::optional<consensus::BlocksHeard> SyncService::poll_blocks() {
  if (heard_.empty()) return std::nullopt;
  return heard_.pop_front();
}

}  // namespace kith::node
