// Frames from the peer. Everything here is the peer's choice: lengths are checked before anything
// is made or counted, and what breaks a rule ends in fault(). Rows A41 to A47 are the attacks that
// yamux implementations have fallen to; docs/protocol/yamux.md lists them.
#include <limits>

#include "base/assert.h"
#include "base/format.h"
#include "mux/yamux.h"
#include "mux/yamux_frame.h"

namespace kith::mux {
namespace {

// Answering pings: a token every interval, so many at once (A45).
constexpr Duration pong_interval = 100ms;
constexpr std::size_t pong_burst_max = 32;

constexpr Duration resets_period = 10s;  // YamuxConfig::resets_max

}  // namespace

std::size_t Yamux::on_bytes(Instant now, ByteView plaintext) {
  advance(now);
  received_at_ = now;
  ByteView rest = plaintext;
  // A session that has ended swallows the rest: after a broken rule nothing can be believed.
  while (!rest.empty() && !has_ended_) {
    if (payload_left_ > 0) {
      take_payload(rest);
      continue;
    }
    if (!take_header(rest)) break;
    const Result<FrameHeader> header = decode_frame_header(header_);
    if (!header) {
      fault(header.error().code, header.error().message);
      break;
    }
    switch (header->type) {
      case FrameType::data:
      case FrameType::window_update: on_stream_frame(now, *header); break;
      case FrameType::ping: on_ping(now, *header); break;
      case FrameType::go_away: on_go_away(*header); break;
    }
  }
  return plaintext.size();
}

/// True once header_ is whole.
bool Yamux::take_header(ByteView& rest) {
  const std::size_t count = std::min(yamux_header_bytes - header_used_, rest.size());
  std::memcpy(header_.data() + header_used_, rest.data(), count);
  rest = rest.subspan(count);
  header_used_ = static_cast<std::uint8_t>(header_used_ + count);
  if (header_used_ < yamux_header_bytes) return false;
  header_used_ = 0;
  return true;
}

void Yamux::take_payload(ByteView& rest) {
  const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(payload_left_, rest.size()));
  const ByteView data = rest.first(count);
  rest = rest.subspan(count);
  payload_left_ -= count;
  if (payload_stream_ == nullptr) return;
  Stream& stream = *payload_stream_;
  if (unconsumed_total_ + count > config_.receive_window_session_max) {
    reset_stream(stream, {Code::limit, base::format("over {} received bytes wait unconsumed",
                                                    config_.receive_window_session_max)});
    return;
  }
  stream.unconsumed += count;
  unconsumed_total_ += count;
  outputs_.push(StreamBytes{stream.id, data});
  if (payload_left_ > 0) return;
  payload_stream_ = nullptr;
  if (payload_finishes_) on_peer_finished(stream);
}

// --- streams -------------------------------------------------------------------------------------

void Yamux::on_stream_frame(Instant now, const FrameHeader& header) {
  if (header.stream == 0) return fault(Code::protocol, "a stream frame for yamux stream 0");
  Stream* stream = streams_.find(header.stream);
  if (header.has(flag_syn)) {
    if (stream != nullptr) {
      return fault(Code::protocol, base::format("a second SYN for yamux stream {}", header.stream));
    }
    stream = accept(now, header);
    if (has_ended_) return;
  } else if (stream == nullptr && is_own(header.stream) && header.stream >= next_own_id_) {
    return fault(Code::protocol, base::format("a frame for yamux stream {}, which was never opened",
                                              header.stream));
  }
  if (stream == nullptr) return discard(header);
  if (header.has(flag_rst)) return on_peer_reset(now, *stream, header);
  if (!stream->is_inbound && !stream->is_acknowledged) {
    // Any frame shows that the peer took the stream, whether it carries ACK or not.
    stream->is_acknowledged = true;
    --outbound_unacknowledged_;
  }
  if (header.type == FrameType::data) return on_data(*stream, header);
  on_window_update(*stream, header);
}

/// Null when the stream was refused or the session has faulted.
Yamux::Stream* Yamux::accept(Instant now, const FrameHeader& header) {
  const YamuxStreamId id = header.stream;
  if (is_own(id)) {
    fault(Code::protocol, base::format("the peer opened yamux stream {}, a number of ours", id));
    return nullptr;
  }
  if (header.type == FrameType::data && header.length > yamux_window_initial) {  // A41
    fault(Code::protocol, base::format("yamux stream {} begins with {} bytes, its window is {}", id,
                                       header.length, yamux_window_initial));
    return nullptr;
  }
  if (header.has(flag_rst)) {
    count_reset(now);
    return nullptr;
  }
  switch (seen_ids_.insert(id)) {
    case SeenIds::Verdict::fresh: break;
    case SeenIds::Verdict::repeated:
      fault(Code::protocol, base::format("the peer opened yamux stream {} a second time", id));
      return nullptr;
    case SeenIds::Verdict::too_old: refuse(now, id); return nullptr;
  }
  if (gone_away_ || inbound_count_ >= config_.streams_inbound_max ||
      inbound_unacknowledged_ >= config_.backlog_max) {
    refuse(now, id);
    return nullptr;
  }
  Stream& stream = add_stream(id, /*is_inbound=*/true);
  outputs_.push(Accepted{id, stream.room_told});
  return &stream;
}

void Yamux::refuse(Instant now, YamuxStreamId id) {
  resets_.push_back(id);
  discard_allowance_ += yamux_window_initial;
  count_reset(now);
}

// Opening and resetting in a loop costs the peer nothing and us a stream each time (A44).
void Yamux::count_reset(Instant now) {
  if (now - resets_counted_since_ >= resets_period) {
    resets_counted_since_ = now;
    resets_counted_ = 0;
  }
  if (++resets_counted_ <= config_.resets_max) return;
  fault(Code::limit, base::format("over {} yamux streams reset within {} ms", config_.resets_max,
                                  base::to_ms(resets_period)));
}

/// A frame for a stream that is gone: the peer could not know yet. Only so many bytes of that kind
/// can be under way honestly.
void Yamux::discard(const FrameHeader& header) {
  if (header.type != FrameType::data) return;
  if (header.length > discard_allowance_) {
    return fault(Code::protocol, base::format("{} bytes for yamux stream {}, which is not open",
                                              header.length, header.stream));
  }
  discard_allowance_ -= header.length;
  payload_left_ = header.length;
  payload_stream_ = nullptr;
}

void Yamux::on_peer_reset(Instant now, Stream& stream, const FrameHeader& header) {
  const bool is_inbound = stream.is_inbound;
  // go-libp2p sends the reason as the length of a window update.
  const std::uint32_t reason = header.type == FrameType::window_update ? header.length : 0;
  end_stream(stream, Error{Code::reset, base::format("reset by the peer, reason {}", reason)});
  if (is_inbound) count_reset(now);
  if (!has_ended_) discard(header);
}

void Yamux::on_data(Stream& stream, const FrameHeader& header) {
  if (header.length > stream.credit + std::int64_t{config_.window_overrun_max}) {
    return fault(Code::protocol, base::format("{} bytes for yamux stream {}, its window has {}",
                                              header.length, stream.id, stream.credit));
  }
  stream.credit -= header.length;
  payload_left_ = header.length;
  payload_stream_ = &stream;
  payload_finishes_ = header.has(flag_fin);
  if (header.length > 0) {
    if (!stream.peer_finished) return;
    return reset_stream(stream, {Code::protocol, "the peer sent data after it had finished"});
  }
  payload_stream_ = nullptr;
  if (payload_finishes_) on_peer_finished(stream);
}

void Yamux::on_window_update(Stream& stream, const FrameHeader& header) {
  stream.send_window += header.length;  // 64 bits: the sum of two 32-bit numbers fits
  if (stream.send_window > std::numeric_limits<std::uint32_t>::max()) {  // A42
    return fault(Code::protocol, base::format("a window update of {} takes yamux stream {} to {}",
                                              header.length, stream.id, stream.send_window));
  }
  if (stream.is_sendable()) ready_.push_back(stream);
  if (header.has(flag_fin)) on_peer_finished(stream);
}

void Yamux::on_peer_finished(Stream& stream) {
  if (stream.peer_finished) return;
  stream.peer_finished = true;
  stream.grant_wanted = false;  // it sends no more
  if (stream.flags_owed == 0) control_.remove(stream);
  outputs_.push(StreamFinished{stream.id});
  if (stream.finish_sent) end_stream(stream, std::nullopt);
}

// --- the session ---------------------------------------------------------------------------------

void Yamux::on_ping(Instant now, const FrameHeader& header) {
  if (header.has(flag_syn)) {
    // More than one in pong_interval goes unanswered, bursts aside. The budget is kept as the time
    // at which it is whole again.
    const Instant spent_until = std::max(pongs_spent_until_, now);
    if (spent_until - now > (pong_burst_max - 1) * pong_interval) return;
    if (pongs_.size() >= pong_burst_max) return;
    pongs_spent_until_ = spent_until + pong_interval;
    pongs_.push_back(header.length);
    return;
  }
  if (!header.has(flag_ack) || ping_.phase != Ping::Phase::sent || header.length != ping_.opaque) {
    return;
  }
  ping_.phase = Ping::Phase::none;
  round_trip_ = now - ping_.sent_at;
  round_trip_at_ = now;
  outputs_.push(RoundTrip{*round_trip_});
}

void Yamux::on_go_away(const FrameHeader& header) {
  if (peer_gone_away_) return;
  peer_gone_away_ = true;
  // A code that the specification does not know is some trouble of the peer's own.
  const auto last = static_cast<std::uint32_t>(GoAwayCode::internal_error);
  outputs_.push(PeerGoneAway{static_cast<GoAwayCode>(std::min(header.length, last))});
}

}  // namespace kith::mux
