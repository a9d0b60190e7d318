#include "node/answer_streams.h"

#include <algorithm>

namespace kith::node {

Buffer answer_frame(ByteView body) {
  Bytes framed;
  codec::append_frame(framed, codec::FramePrefix::varint, body);
  return Buffer(std::move(framed));
}

void AnswerStreams::on_stream(Instant now, const host::StreamUp& up) {
  const auto of_peer = std::ranges::count_if(
      answers_, [&](const auto& each) { return each.second.peer == up.peer; });
  if (static_cast<std::size_t>(of_peer) >= limits_.per_peer_max) return refuse(up.stream);
  ends_.set(up.stream, now + limits_.time);
  answers_.emplace(up.stream, Answer{up.peer,
                                     up.room,
                                     false,
                                     false,
                                     {codec::FramePrefix::varint, limits_.request_bytes_max},
                                     {},
                                     0,
                                     0});
}

bool AnswerStreams::on_data(Instant now, const host::StreamData& data) {
  ByteView bytes = data.data;
  for (bool is_ours = false;; is_ours = true) {
    const auto at = answers_.find(data.stream);
    if (at == answers_.end()) return is_ours;
    const auto frame = at->second.reader.next(bytes);
    if (frame && !*frame) return true;
    const auto bucket = buckets_.try_emplace(at->second.peer, limits_.per_peer, now).first;
    if (!frame || at->second.is_asked || !bucket->second.take(limits_.per_peer, now)) {
      refuse(data.stream);
      return true;
    }
    at->second.is_asked = true;
    on_request_(now, data.stream, **frame);
  }
}

void AnswerStreams::give(Instant now, StreamId stream, std::vector<Buffer> frames) {
  const auto at = answers_.find(stream);
  if (at == answers_.end()) return;
  Answer& answer = at->second;
  answer.frames = std::move(frames);
  for (const Buffer& frame : answer.frames) answer.bytes += frame.size();
  bytes_ += answer.bytes;
  if (bytes_ > limits_.bytes_max) return refuse(stream);
  answer.is_read = true;
  write(now, stream, answer);
}

void AnswerStreams::on_room(Instant now, const host::StreamRoom& told) {
  const auto at = answers_.find(told.stream);
  if (at == answers_.end()) return;
  at->second.room = told.room;
  write(now, told.stream, at->second);
}

void AnswerStreams::on_deadline(Instant now) {
  while (const auto stream = ends_.pop_due(now)) refuse(*stream);
  if (resume_at_ && now >= *resume_at_) resume(now);
}

void AnswerStreams::write(Instant now, StreamId stream, Answer& answer) {
  while (answer.next < answer.frames.size() && answer.room > 0) {
    Buffer& frame = answer.frames[answer.next];
    const std::size_t size = allowed(now, stream, std::min(frame.size(), answer.room));
    if (size == 0) return;
    say_(host::Write{stream, frame.slice(0, size)});
    answer.room -= size;
    frame = frame.slice(size, frame.size() - size);
    if (frame.empty()) ++answer.next;
  }
  if (!answer.is_read || answer.next < answer.frames.size()) return;
  say_(host::Finish{stream});
  forget(stream);
}

std::size_t AnswerStreams::allowed(Instant now, StreamId stream, std::size_t size) {
  if (!rate_) return size;
  if (!bucket_) bucket_.emplace(*rate_, now);
  size = std::min<std::size_t>(size, turn_bytes);
  // Whoever reads a little at a time does not go before those who wait.
  const bool is_its_turn = is_resuming_ || waiting_.empty();
  if (is_its_turn && bucket_->take(*rate_, now, size)) return size;
  if (std::ranges::find(waiting_, stream) == waiting_.end()) waiting_.push_back(stream);
  if (!resume_at_) resume_at_ = bucket_->ready_at(*rate_, now, size);
  return 0;
}

/// In turn, until the rate is used up again or nobody waits.
void AnswerStreams::resume(Instant now) {
  resume_at_.reset();
  is_resuming_ = true;
  for (std::size_t left = waiting_.size(); left > 0 && !resume_at_; --left) {
    const StreamId stream = waiting_.front();
    waiting_.pop_front();
    const auto at = answers_.find(stream);
    if (at != answers_.end()) write(now, stream, at->second);
  }
  is_resuming_ = false;
}

void AnswerStreams::forget(StreamId stream) {
  const auto found = answers_.extract(stream);
  if (found.empty()) return;
  bytes_ -= found.mapped().bytes;
  ends_.set(stream, std::nullopt);
}

void AnswerStreams::refuse(StreamId stream) {
  ++refused_;
  forget(stream);
  say_(host::Reset{stream});
}

}  // namespace kith::node
