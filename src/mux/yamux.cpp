#include "mux/yamux.h"

#include "base/assert.h"
#include "base/format.h"
#include "mux/yamux_frame.h"

namespace kith::mux {
namespace {

// How often the round trip is measured again while windows are being granted.
constexpr Duration round_trip_age_max = 10s;

// The last number before 32 bits run out; a session that comes so far has opened 2^31 streams.
constexpr YamuxStreamId own_id_max = 0xffff'fffd;

}  // namespace

Yamux::Yamux(const YamuxConfig& config, Direction direction, Instant now)
    : config_(config),
      first_own_id_(direction == Direction::outbound ? 1 : 2),
      next_own_id_(first_own_id_),
      now_(now),
      pongs_spent_until_(now),
      resets_counted_since_(now),
      received_at_(now),
      keepalive_at_(now + config.keepalive_interval) {}

Yamux::~Yamux() = default;
Yamux::Yamux(Yamux&&) noexcept = default;

void Yamux::on_input(Instant now, Input input) {
  advance(now);
  std::visit(
      Overload{[&](const OpenStream& in) { open(in.token); }, [&](WriteStream& in) { write(in); },
               [&](const FinishStream& in) { finish(in.stream); },
               [&](const ResetStream& in) { reset(now, in.stream); },
               [&](const ConsumeStream& in) { consume(now, in); },
               [&](const GoAway& in) {
                 if (has_ended_ || gone_away_) return;
                 gone_away_ = true;
                 go_away_queued_ = in.code;
               },
               [&](const PingPeer&) { start_ping(now); }},
      input);
}

void Yamux::on_deadline(Instant now) {
  advance(now);
  if (has_ended_ || now < keepalive_at_) return;
  // Bytes only note when they came; the deadline catches up here, so that it does not move with
  // every packet. Any byte proves life: behind a full pipe an answer may be long in coming.
  if (ping_.phase == Ping::Phase::none) {
    keepalive_at_ = received_at_ + config_.keepalive_interval;
    if (now >= keepalive_at_) start_ping(now);
    return;
  }
  keepalive_at_ = std::max(ping_.asked_at, received_at_) + config_.keepalive_timeout;
  if (now < keepalive_at_) return;
  fault(Code::timeout, base::format("no answer to a yamux ping and no byte for {} ms",
                                    base::to_ms(config_.keepalive_timeout)));
}

std::optional<Yamux::Output> Yamux::poll_output(Instant) {
  while (auto output = outputs_.pop()) {
    auto* writable = std::get_if<StreamWritable>(&*output);
    if (writable == nullptr) return output;
    // The application may have written since this was queued, or the stream may be gone.
    Stream* stream = streams_.find(writable->stream);
    if (stream == nullptr) continue;
    stream->room_told = config_.send_queue_bytes_max - stream->queue.bytes();
    writable->room = stream->room_told;
    return output;
  }
  return std::nullopt;
}

std::optional<Instant> Yamux::next_deadline() const {
  return has_ended_ ? std::nullopt : std::optional(keepalive_at_);
}

void Yamux::shut_down(Instant now, Error error) {
  advance(now);
  end_session(error);
}

void Yamux::advance(Instant now) {
  ASSERT(now >= now_);
  now_ = now;
}

// --- commands ------------------------------------------------------------------------------------

void Yamux::open(std::uint64_t token) {
  const auto refuse_with = [&](Code code, std::string sentence) {
    outputs_.push(OpenFailed{token, {code, std::move(sentence)}});
  };
  if (has_ended_) return refuse_with(Code::closed, "the yamux session has ended");
  if (peer_gone_away_) return refuse_with(Code::closed, "the peer accepts no more streams");
  if (gone_away_) return refuse_with(Code::closed, "this side has said that it goes away");
  if (next_own_id_ > own_id_max) return refuse_with(Code::limit, "yamux stream numbers ran out");
  if (streams_.size() - inbound_count_ >= config_.streams_outbound_max) {
    return refuse_with(Code::limit, base::format("{} streams to this peer are open already",
                                                 config_.streams_outbound_max));
  }
  if (outbound_unacknowledged_ >= config_.backlog_max) {
    return refuse_with(Code::limit, base::format("{} streams wait for the peer to accept them",
                                                 config_.backlog_max));
  }
  Stream& stream = add_stream(next_own_id_, /*is_inbound=*/false);
  next_own_id_ += 2;
  outputs_.push(Opened{token, stream.id, stream.room_told});
}

void Yamux::write(WriteStream& write) {
  Stream* stream = streams_.find(write.stream);
  if (stream == nullptr) return;
  ASSERT(!stream->finish_wanted);
  ASSERT(write.data.size() <= stream->room_told);
  stream->room_told -= write.data.size();
  stream->queue.push(std::move(write.data));
  if (stream->is_sendable()) ready_.push_back(*stream);
}

void Yamux::finish(YamuxStreamId id) {
  Stream* stream = streams_.find(id);
  if (stream == nullptr) return;
  stream->finish_wanted = true;
  if (stream->is_sendable()) ready_.push_back(*stream);
}

void Yamux::reset(Instant now, YamuxStreamId id) {
  Stream* stream = streams_.find(id);
  if (stream == nullptr) return;
  const bool is_refusal = (stream->flags_owed & flag_ack) != 0;
  reset_stream(*stream, {Code::canceled, "reset by this side"});
  if (is_refusal) count_reset(now);
}

void Yamux::consume(Instant now, const ConsumeStream& consumed) {
  Stream* stream = streams_.find(consumed.stream);
  if (stream == nullptr) return;
  ASSERT(consumed.bytes <= stream->unconsumed);
  stream->unconsumed -= static_cast<std::uint32_t>(consumed.bytes);
  unconsumed_total_ -= consumed.bytes;
  if (stream->peer_finished || stream->grant_wanted) return;
  if (stream->grantable() < stream->window / 2) return;
  grow_window(now, *stream);
  stream->grant_wanted = true;
  stream->granted_at = now;
  control_.push_back(*stream);
  // Only a stream that moves bytes comes here, so an idle session never measures.
  if (!round_trip_ || now - round_trip_at_ >= round_trip_age_max) start_ping(now);
}

// A window is too small when its half is used up within two round trips of the last grant: the
// peer must then have waited for us. A peer that delays its answers to look distant gains no more
// than the limits allow.
void Yamux::grow_window(Instant now, Stream& stream) {
  if (!round_trip_ || now - stream.granted_at >= 2 * *round_trip_) return;
  if (stream.window >= config_.receive_window_max) return;
  if (windows_total_ >= config_.receive_window_session_max) return;
  const std::uint64_t growth =
      std::min<std::uint64_t>({stream.window, config_.receive_window_max - stream.window,
                               config_.receive_window_session_max - windows_total_});
  stream.window += static_cast<std::uint32_t>(growth);
  windows_total_ += growth;
}

void Yamux::start_ping(Instant now) {
  if (has_ended_ || ping_.phase != Ping::Phase::none) return;
  ping_ = {Ping::Phase::queued, ping_.opaque + 1, now, now};
  keepalive_at_ = now + config_.keepalive_timeout;
}

// --- the life of a stream ------------------------------------------------------------------------

Yamux::Stream& Yamux::add_stream(YamuxStreamId id, bool is_inbound) {
  Stream& stream = streams_.insert(id);
  stream.is_inbound = is_inbound;
  stream.flags_owed = is_inbound ? flag_ack : flag_syn;
  stream.send_window = yamux_window_initial;
  stream.room_told = config_.send_queue_bytes_max;
  stream.window = yamux_window_initial;
  stream.credit = yamux_window_initial;
  stream.granted_at = now_;
  windows_total_ += stream.window;
  if (is_inbound) {
    ++inbound_count_;
    ++inbound_unacknowledged_;
  } else {
    ++outbound_unacknowledged_;
  }
  control_.push_back(stream);
  return stream;
}

void Yamux::reset_stream(Stream& stream, Error error) {
  // The peer may have sent as much before it hears of this.
  discard_allowance_ += static_cast<std::uint64_t>(std::max<std::int64_t>(0, stream.credit));
  const bool peer_knows_it = (stream.flags_owed & flag_syn) == 0;
  if (peer_knows_it) resets_.push_back(stream.id);
  end_stream(stream, std::move(error));
}

void Yamux::end_stream(Stream& stream, std::optional<Error> error) {
  const YamuxStreamId id = stream.id;
  ready_.remove(stream);
  control_.remove(stream);
  if (payload_stream_ == &stream) payload_stream_ = nullptr;
  windows_total_ -= stream.window;
  unconsumed_total_ -= stream.unconsumed;
  if (stream.is_inbound) {
    --inbound_count_;
    if ((stream.flags_owed & flag_ack) != 0) --inbound_unacknowledged_;
  } else if (!stream.is_acknowledged) {
    --outbound_unacknowledged_;
  }
  streams_.erase(id);
  outputs_.push(StreamClosed{id, std::move(error)});
}

// --- the end of the session ----------------------------------------------------------------------

void Yamux::end_session(const Error& stream_error) {
  has_ended_ = true;
  while (!streams_.empty()) end_stream(streams_.first(), stream_error);
  resets_ = {};
  pongs_ = {};
  ping_ = {};
  go_away_queued_.reset();
}

void Yamux::fault(Code code, std::string sentence) {
  if (has_ended_) return;
  Error error{Code::closed, "the yamux session ended: " + sentence};
  outputs_.push(SessionFault{{code, std::move(sentence)}});
  end_session(error);
  go_away_queued_ = GoAwayCode::protocol_error;
}

Yamux::Input::Input(const Input&) = default;
Yamux::Input& Yamux::Input::operator=(const Input&) = default;
Yamux::Input::Input(Input&&) noexcept = default;
Yamux::Input& Yamux::Input::operator=(Input&&) noexcept = default;
Yamux::Input::~Input() = default;

Yamux::Output::Output(const Output&) = default;
Yamux::Output& Yamux::Output::operator=(const Output&) = default;
Yamux::Output::Output(Output&&) noexcept = default;
Yamux::Output& Yamux::Output::operator=(Output&&) noexcept = default;
Yamux::Output::~Output() = default;

}  // namespace kith::mux
