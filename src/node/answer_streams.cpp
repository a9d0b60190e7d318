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

void AnswerStreams::give(StreamId stream, std::vector<Buffer> frames) {
  const auto at = answers_.find(stream);
  if (at == answers_.end()) return;
  Answer& answer = at->second;
  answer.frames = std::move(frames);
  for (const Buffer& frame : answer.frames) answer.bytes += frame.size();
  bytes_ += answer.bytes;
  if (bytes_ > limits_.bytes_max) return refuse(stream);
  answer.is_read = true;
  write(stream, answer);
}

void AnswerStreams::on_room(const host::StreamRoom& told) {
  const auto at = answers_.find(told.stream);
  if (at == answers_.end()) return;
  at->second.room = told.room;
  write(told.stream, at->second);
}

void AnswerStreams::write(StreamId stream, Answer& answer) {
  while (answer.next < answer.frames.size() && answer.room > 0) {
    Buffer& frame = answer.frames[answer.next];
    const std::size_t size = std::min(frame.size(), answer.room);
    say_(host::Write{stream, frame.slice(0, size)});
    answer.room -= size;
    frame = frame.slice(size, frame.size() - size);
    if (frame.empty()) ++answer.next;
  }
  if (!answer.is_read || answer.next < answer.frames.size()) return;
  say_(host::Finish{stream});
  forget(stream);
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
