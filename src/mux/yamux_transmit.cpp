// Frames to the peer. Nothing is framed before it is sent: control is kept as what is owed (one
// number a stream), data as whole Buffers, and both become frames in the caller's bytes. A frame
// costs O(1), however many streams there are.
#include "base/assert.h"
#include "mux/yamux.h"
#include "mux/yamux_frame.h"

namespace kith::mux {
namespace {

// A data frame at the end of the caller's room is not worth its header and its seal below this;
// the next room is empty and takes the whole.
constexpr std::size_t sliver_bytes_max = 1024;

}  // namespace

class Yamux::FrameWriter {
 public:
  explicit FrameWriter(ByteSpan out) : out_(out) {}

  std::size_t written() const { return written_; }
  std::size_t room() const { return out_.size() - written_; }
  bool has_room() const { return room() >= yamux_header_bytes; }
  /// The bytes after the header, `payload` of them, for the caller to fill. REQUIRES: has room.
  ByteSpan write(const FrameHeader& header, std::size_t payload = 0) {
    ASSERT(room() >= yamux_header_bytes + payload);
    encode_frame_header(header, out_.subspan(written_));
    const ByteSpan body = out_.subspan(written_ + yamux_header_bytes, payload);
    written_ += yamux_header_bytes + payload;
    return body;
  }

 private:
  ByteSpan out_;
  std::size_t written_ = 0;
};

std::size_t Yamux::poll_transmit(Instant now, ByteSpan out) {
  advance(now);
  FrameWriter writer(out);
  write_session_control(now, writer);
  write_stream_control(writer);
  write_streams(writer);
  // Last, because rust and js end the session when they read it.
  if (go_away_queued_ && ready_.empty() && writer.has_room()) {
    writer.write(
        {.type = FrameType::go_away, .length = static_cast<std::uint32_t>(*go_away_queued_)});
    go_away_queued_.reset();
  }
  return writer.written();
}

bool Yamux::has_transmit() const {
  return control_frames() > 0 || !ready_.empty() || go_away_queued_.has_value();
}

bool Yamux::wants_bytes() const {
  return !has_ended_ && control_frames() < config_.control_frames_max;
}

std::size_t Yamux::control_frames() const {
  return control_.size() + resets_.size() + pongs_.size() +
         (ping_.phase == Ping::Phase::queued ? 1 : 0);
}

void Yamux::write_session_control(Instant now, FrameWriter& writer) {
  if (ping_.phase == Ping::Phase::queued && writer.has_room()) {
    writer.write({.type = FrameType::ping, .flags = flag_syn, .length = ping_.opaque});
    ping_.phase = Ping::Phase::sent;
    ping_.sent_at = now;
  }
  const auto write_each = [&](std::vector<std::uint32_t>& queued, const auto& header_of) {
    std::size_t count = 0;
    while (count < queued.size() && writer.has_room()) writer.write(header_of(queued[count++]));
    queued.erase(queued.begin(), queued.begin() + static_cast<std::ptrdiff_t>(count));
    if (queued.empty()) queued.shrink_to_fit();  // rare, and sessions idle for long
  };
  write_each(pongs_, [](std::uint32_t opaque) {
    return FrameHeader{.type = FrameType::ping, .flags = flag_ack, .length = opaque};
  });
  write_each(resets_, [](YamuxStreamId id) {
    return FrameHeader{.type = FrameType::window_update, .flags = flag_rst, .stream = id};
  });
}

void Yamux::write_stream_control(FrameWriter& writer) {
  while (Stream* stream = control_.front()) {
    // SYN and ACK alone ride on the data or FIN that is about to go, if there is some.
    const bool grants = stream->grant_wanted;
    const bool owes_flags = stream->flags_owed != 0 && !stream->ready.is_in;
    if (grants || owes_flags) {
      if (!writer.has_room()) return;
      const std::uint32_t delta = grants ? stream->grantable() : 0;
      writer.write({.type = FrameType::window_update,
                    .flags = take_flags(*stream),
                    .stream = stream->id,
                    .length = delta});
      stream->credit += delta;
      stream->grant_wanted = false;
    }
    control_.remove(*stream);
  }
}

void Yamux::write_streams(FrameWriter& writer) {
  while (Stream* stream = ready_.front()) {
    if (!writer.has_room()) return;
    if (!stream->queue.empty() && !write_data(writer, *stream)) return;
    ready_.remove(*stream);
    if (!stream->is_sendable()) continue;
    if (stream->queue.empty() && writer.has_room()) {
      write_finish(writer, *stream);
    } else {
      ready_.push_back(*stream);  // to the end: one frame a turn
    }
  }
}

/// One frame of what is queued; false when the room is not worth one.
bool Yamux::write_data(FrameWriter& writer, Stream& stream) {
  const std::size_t wanted =
      std::min({stream.queue.bytes(), static_cast<std::size_t>(stream.send_window),
                config_.frame_payload_bytes_max});
  const std::size_t size = std::min(wanted, writer.room() - yamux_header_bytes);
  if (size == 0) return false;
  if (size < wanted && size < sliver_bytes_max && writer.written() > 0) return false;
  stream.queue.take(writer.write({.type = FrameType::data,
                                  .flags = take_flags(stream),
                                  .stream = stream.id,
                                  .length = static_cast<std::uint32_t>(size)},
                                 size));
  stream.send_window -= size;
  const std::size_t half = config_.send_queue_bytes_max / 2;
  if (stream.room_told < half && stream.queue.bytes() <= half) {
    stream.room_told = config_.send_queue_bytes_max - stream.queue.bytes();
    outputs_.push(StreamWritable{stream.id, stream.room_told});
  }
  return true;
}

/// FIN has a frame of its own: go and js see the flags of a frame before its payload, and would
/// end the stream before its last bytes.
void Yamux::write_finish(FrameWriter& writer, Stream& stream) {
  writer.write({.type = FrameType::window_update,
                .flags = static_cast<std::uint16_t>(flag_fin | take_flags(stream)),
                .stream = stream.id});
  stream.finish_sent = true;
  if (stream.peer_finished) end_stream(stream, std::nullopt);
}

std::uint16_t Yamux::take_flags(Stream& stream) {
  if ((stream.flags_owed & flag_ack) != 0) --inbound_unacknowledged_;
  if (!stream.grant_wanted) control_.remove(stream);
  return std::exchange(stream.flags_owed, 0);
}

}  // namespace kith::mux
