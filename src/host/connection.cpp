#include "host/connection.h"

#include <cstring>

#include "base/format.h"

namespace kith::host {
namespace {

constexpr std::size_t sealed_bytes_min = secure::noise_overhead_bytes + mux::yamux_header_bytes;
constexpr std::size_t sealed_room_bytes_min = 1024;

}  // namespace

Connection::Connection(const Context& context, LinkId link, Direction direction,
                       std::optional<PeerId> expected, Instant now)
    : context_(context),
      link_(link),
      direction_(direction),
      noise_(direction, context.config.noise, expected, context.rng),
      upgrade_deadline_(now + context.config.upgrade_timeout) {
  if (context.config.network_key) pnet_.emplace(*context.config.network_key, context.rng);
  negotiator_ = std::make_unique<Negotiator>(direction == Direction::outbound
                                                 ? Negotiator::dialer({std::string(noise_protocol)})
                                                 : Negotiator::listener());
  if (direction == Direction::outbound) plain_output_ = negotiator_->take_output();
}

// --- bytes in ------------------------------------------------------------------------------------

std::size_t Connection::on_bytes(Instant now, ByteSpan bytes) {
  if (!pnet_) return take(now, bytes);
  std::size_t nonce = 0;
  if (!pnet_->has_peer_nonce()) {
    nonce = pnet_->take_nonce(bytes);
    bytes = bytes.subspan(nonce);
    if (!pnet_->has_peer_nonce()) return nonce;
  }
  pnet_->open(bytes.subspan(pnet_opened_));
  const std::size_t taken = take(now, bytes);
  pnet_opened_ = bytes.size() - taken;
  return nonce + taken;
}

std::size_t Connection::take(Instant now, ByteSpan bytes) {
  std::size_t taken = 0;
  if (phase_ == Phase::security) taken = take_security(bytes);
  if (phase_ == Phase::dead) return bytes.size();
  if (phase_ == Phase::security) return taken;
  taken += take_noise(now, bytes.subspan(taken));
  return phase_ == Phase::dead ? bytes.size() : taken;
}

std::size_t Connection::take_security(ByteSpan bytes) {
  const auto progress = negotiator_->on_bytes(
      bytes, [](std::string_view protocol) { return protocol == noise_protocol; });
  if (!progress) {
    fault(progress.error());
    return 0;
  }
  base::append(plain_output_, negotiator_->take_output());
  if (progress->agreed) {
    negotiator_.reset();
    phase_ = Phase::handshake;
  }
  return progress->taken;
}

std::size_t Connection::take_noise(Instant now, ByteSpan bytes) {
  const std::size_t taken = noise_.on_bytes(now, bytes);
  while (auto output = noise_.poll_output(now)) {
    if (phase_ == Phase::dead) continue;
    std::visit(Overload{[&](secure::Established& e) { on_established(now, std::move(e)); },
                        [&](secure::Plaintext& p) { on_plaintext(now, p.data); },
                        [&](secure::PeerFault& f) { fault(std::move(f.error)); }},
               *output);
  }
  return taken;
}

void Connection::on_established(Instant now, secure::Established established) {
  peer_ = established.peer;
  handshake_ = established.handshake;
  up_ = ConnectionUp{established.peer, std::move(established.key), established.handshake};
  if (established.muxer == yamux_protocol) return start_streams(now);
  if (direction_ == Direction::inbound) {
    negotiator_ = std::make_unique<Negotiator>(Negotiator::listener());
    phase_ = Phase::muxer;
    return;
  }
  // Only one muxer to propose: streams may begin behind the proposal, the answer comes first.
  negotiator_ = std::make_unique<Negotiator>(Negotiator::dialer({std::string(yamux_protocol)}));
  base::append(plain_output_, negotiator_->take_output());
  start_streams(now);
}

void Connection::start_streams(Instant now) {
  phase_ = Phase::streams;
  mux_.emplace(context_.config.yamux, direction_, now);
  context_.outbox.push_back(std::move(*up_));
  up_.reset();
}

void Connection::on_plaintext(Instant now, ByteView data) {
  if (negotiator_) {
    const auto progress = negotiator_->on_bytes(
        data, [](std::string_view protocol) { return protocol == yamux_protocol; });
    if (!progress) return fault(progress.error());
    base::append(plain_output_, negotiator_->take_output());
    data = data.subspan(progress->taken);
    if (!progress->agreed) return;
    negotiator_.reset();
    if (phase_ == Phase::muxer) start_streams(now);
  }
  if (data.empty()) return;
  mux_->on_bytes(now, data);
  drain_mux(now);
}

// --- bytes out -----------------------------------------------------------------------------------

std::size_t Connection::poll_transmit(Instant now, ByteSpan room) {
  if (phase_ == Phase::dead && !has_transmit()) return 0;
  std::size_t used = 0;
  if (pnet_ && !pnet_nonce_sent_) {
    const ByteView nonce = pnet_->own_nonce();
    if (room.size() < nonce.size()) return 0;
    std::memcpy(room.data(), nonce.data(), nonce.size());
    pnet_nonce_sent_ = true;
    used = nonce.size();
  }
  const ByteSpan rest = room.subspan(used);
  std::size_t written = 0;
  if (!noise_.is_established()) written = transmit_plain(now, rest);
  if (noise_.is_established()) written += transmit_sealed(now, rest.subspan(written));
  if (pnet_) pnet_->seal(rest.first(written));
  if (mux_) drain_mux(now);  // what went out made room, and may have ended streams
  return used + written;
}

std::size_t Connection::transmit_plain(Instant now, ByteSpan room) {
  std::size_t used = 0;
  // From the muxer's negotiation on, what waits in plain_output_ must be sealed.
  if (phase_ == Phase::security || phase_ == Phase::handshake) {
    if (plain_output_.size() > room.size()) return 0;
    used = take_plain_output(room);
  }
  return used + noise_.poll_transmit(now, room.subspan(used));
}

std::size_t Connection::take_plain_output(ByteSpan room) {
  const std::size_t size = plain_output_.size();
  if (size > 0) std::memcpy(room.data(), plain_output_.data(), size);
  plain_output_ = {};
  return size;
}

std::size_t Connection::transmit_sealed(Instant now, ByteSpan room) {
  // The last handshake message goes out after the machine is established.
  std::size_t used = noise_.poll_transmit(now, room);
  // The tail of a room is not worth a frame of its own; the next room is empty and takes the whole.
  while (room.size() - used > (used == 0 ? sealed_bytes_min : sealed_room_bytes_min)) {
    const ByteSpan frame = room.subspan(used);
    const std::size_t plain_max =
        std::min(frame.size() - secure::noise_overhead_bytes, secure::noise_plaintext_bytes_max);
    const std::size_t size =
        transmit_inner(now, frame.subspan(secure::noise_frame_header_bytes, plain_max));
    if (size == 0) break;
    used += noise_.seal_frame(frame, size);
  }
  return used;
}

std::size_t Connection::transmit_inner(Instant now, ByteSpan room) {
  std::size_t used = 0;
  if (!plain_output_.empty()) {
    if (plain_output_.size() > room.size()) return 0;
    used = take_plain_output(room);
  }
  return mux_ ? used + mux_->poll_transmit(now, room.subspan(used)) : used;
}

bool Connection::has_transmit() const {
  // After a fault only the session's goodbye goes out; what was left of a handshake does not, and
  // must not be promised: the parent would ask for it for ever.
  if (phase_ == Phase::dead) {
    return noise_.is_established() && mux_ && mux_->has_transmit();
  }
  return (pnet_ && !pnet_nonce_sent_) || !plain_output_.empty() || noise_.has_transmit() ||
         // After a fault of its own Noise seals nothing more, whatever yamux has left.
         (mux_ && noise_.is_established() && mux_->has_transmit());
}

bool Connection::wants_bytes() const { return !mux_ || mux_->wants_bytes(); }

// --- streams -------------------------------------------------------------------------------------

void Connection::on_input(Instant now, Input input) {
  if (auto* open = std::get_if<OpenFor>(&input)) return open_stream(now, std::move(*open));
  if (!mux_ || phase_ == Phase::dead) return;
  const auto local = [](StreamId id) { return static_cast<mux::YamuxStreamId>(id.value); };
  std::visit(
      Overload{
          [](OpenFor&) {},
          [&](Write& write) {
            const auto found = streams_.find(local(write.stream));
            if (found == streams_.end()) return;  // it ended before the owner heard
            ASSERT(write.data.size() <= found->second.room);
            found->second.room -= write.data.size();
            mux_->on_input(now, mux::WriteStream{found->first, std::move(write.data)});
          },
          [&](Finish& finish) { mux_->on_input(now, mux::FinishStream{local(finish.stream)}); },
          [&](Reset& reset) { mux_->on_input(now, mux::ResetStream{local(reset.stream)}); },
          [&](Consume& consume) {
            mux_->on_input(now, mux::ConsumeStream{local(consume.stream), consume.bytes});
          },
          [&](CloseGracefully&) { mux_->on_input(now, mux::GoAway{mux::GoAwayCode::normal}); }},
      input);
  drain_mux(now);
}

void Connection::open_stream(Instant now, OpenFor request) {
  if (!is_up()) {
    return say(request.owner, StreamOpenFailed{request.open.token,
                                               request.open.peer,
                                               {Code::closed, "the connection is not up"}});
  }
  ASSERT(!request.open.protocols.empty());
  const std::uint64_t number = next_opening_++;
  opening_.emplace(number, std::move(request));
  mux_->on_input(now, mux::OpenStream{number});
  drain_mux(now);
}

void Connection::drain_mux(Instant now) {
  while (auto output = mux_->poll_output(now)) {
    std::visit(
        Overload{
            [&](mux::Opened& o) { on_stream_opened(now, o); },
            [&](mux::OpenFailed& o) {
              const auto node = opening_.extract(o.token);
              say(node.mapped().owner, StreamOpenFailed{node.mapped().open.token, peer_, o.error});
            },
            [&](mux::Accepted& a) { on_stream_accepted(now, a); },
            [&](mux::StreamBytes& b) { on_stream_bytes(now, b.stream, b.data); },
            [&](mux::StreamWritable& w) {
              const auto found = streams_.find(w.stream);
              if (found == streams_.end()) return;
              found->second.room = w.room;
              if (found->second.is_up) {
                say(found->second.owner, StreamRoom{global(w.stream), w.room});
              }
            },
            [&](mux::StreamFinished& f) {
              const auto found = streams_.find(f.stream);
              if (found == streams_.end()) return;
              if (found->second.negotiator) {
                if (found->second.direction == Direction::inbound) {
                  return refuse_stream(now, f.stream, found->second);
                }
                return fail_negotiation(
                    now, f.stream, {Code::closed, "the stream ended while its protocol was open"});
              }
              say(found->second.owner, StreamEnd{global(f.stream)});
            },
            [&](mux::StreamClosed& c) { on_stream_closed(c.stream, std::move(c.error)); },
            [&](mux::RoundTrip& r) { context_.outbox.push_back(RoundTripMeasured{r.rtt}); },
            [&](mux::PeerGoneAway&) { peer_gone_away_ = true; },
            [&](mux::SessionFault& f) { fault(std::move(f.error)); }},
        *output);
  }
}

void Connection::on_stream_opened(Instant now, const mux::Opened& opened) {
  OpenFor request = std::move(opening_.extract(opened.token).mapped());
  Stream& stream = streams_[opened.stream];
  stream.direction = Direction::outbound;
  stream.owner = request.owner;
  stream.token = request.open.token;
  stream.room = opened.room;
  const bool is_lazy = request.open.protocols.size() == 1;
  std::string only = request.open.protocols.front();
  stream.negotiator =
      std::make_unique<Negotiator>(Negotiator::dialer(std::move(request.open.protocols)));
  negotiating_.push_back({now + context_.config.negotiate_timeout, opened.stream});
  ++negotiating_count_;
  flush_negotiator(now, opened.stream, stream);
  if (is_lazy) tell_up(opened.stream, stream, std::move(only));
}

void Connection::on_stream_accepted(Instant now, const mux::Accepted& accepted) {
  if (negotiating_count_ >= context_.config.streams_negotiating_max) {
    mux_->on_input(now, mux::ResetStream{accepted.stream});
    return;
  }
  Stream& stream = streams_[accepted.stream];
  stream.room = accepted.room;
  stream.negotiator = std::make_unique<Negotiator>(Negotiator::listener());
  negotiating_.push_back({now + context_.config.negotiate_timeout, accepted.stream});
  ++negotiating_count_;
}

void Connection::on_stream_bytes(Instant now, mux::YamuxStreamId id, ByteView data) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return;
  if (found->second.negotiator) {
    const auto rest = negotiate(now, id, data);
    if (!rest) return;
    data = *rest;
    found = streams_.find(id);
  }
  if (!data.empty()) say(found->second.owner, StreamData{global(id), data});
}

std::optional<ByteView> Connection::negotiate(Instant now, mux::YamuxStreamId id, ByteView data) {
  Stream& stream = streams_.at(id);
  if (stream.is_refused) {
    mux_->on_input(now, mux::ConsumeStream{id, data.size()});
    return std::nullopt;
  }
  const auto progress = stream.negotiator->on_bytes(data, [&](std::string_view protocol) {
    return context_.protocols.find(protocol) != context_.protocols.end();
  });
  if (!progress) {
    if (stream.direction == Direction::inbound && stream.negotiator->has_refused()) {
      refuse_stream(now, id, stream);
    } else {
      fail_negotiation(now, id, progress.error());
    }
    return std::nullopt;
  }
  flush_negotiator(now, id, stream);
  mux_->on_input(now, mux::ConsumeStream{id, progress->taken});
  if (progress->agreed) on_agreed(id, stream, *progress->agreed);
  return data.subspan(progress->taken);
}

void Connection::on_agreed(mux::YamuxStreamId id, Stream& stream, std::string protocol) {
  stream.negotiator.reset();
  --negotiating_count_;
  forget_negotiated();
  if (stream.is_up) return;  // it was told when it was opened
  if (stream.direction == Direction::inbound) {
    stream.owner = context_.protocols.find(protocol)->second;
  }
  tell_up(id, stream, std::move(protocol));
}

void Connection::tell_up(mux::YamuxStreamId id, Stream& stream, std::string protocol) {
  stream.is_up = true;
  say(stream.owner, StreamUp{global(id), peer_, stream.direction, std::move(protocol), stream.room,
                             stream.token, handshake_});
}

void Connection::flush_negotiator(Instant now, mux::YamuxStreamId id, Stream& stream) {
  Bytes output = stream.negotiator->take_output();
  if (output.empty()) return;
  ASSERT(output.size() <= stream.room);  // a few messages, and nobody else writes yet
  stream.room -= output.size();
  mux_->on_input(now, mux::WriteStream{id, Buffer(std::move(output))});
}

// A lazy dialler sends what it has, and may half-close, before it knows that we refused. A reset
// would overtake the refusal, so this end closes in order and ignores the rest; the negotiation's
// deadline still holds.
void Connection::refuse_stream(Instant now, mux::YamuxStreamId id, Stream& stream) {
  stream.is_refused = true;
  flush_negotiator(now, id, stream);
  mux_->on_input(now, mux::FinishStream{id});
}

void Connection::fail_negotiation(Instant now, mux::YamuxStreamId id, Error error) {
  mux_->on_input(now, mux::ResetStream{id});
  on_stream_closed(id, std::move(error));
}

void Connection::on_stream_closed(mux::YamuxStreamId id, std::optional<Error> error) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream stream = std::move(found->second);
  streams_.erase(found);
  if (stream.negotiator) {
    --negotiating_count_;
    forget_negotiated();
    if (!error) error = Error{Code::closed, "the stream ended while its protocol was open"};
  }
  if (stream.is_up) {
    say(stream.owner, StreamDown{global(id), std::move(error)});
  } else if (stream.token) {
    say(stream.owner, StreamOpenFailed{*stream.token, peer_, std::move(*error)});
  }
}

// --- time and the end ----------------------------------------------------------------------------

bool Connection::is_negotiating(mux::YamuxStreamId id) const {
  const auto found = streams_.find(id);
  return found != streams_.end() && found->second.negotiator;
}

void Connection::forget_negotiated() {
  while (!negotiating_.empty() && !is_negotiating(negotiating_.front().second)) {
    negotiating_.pop_front();
  }
  // Behind a stream that stalls, those that came and went leave entries; none stays for ever.
  if (negotiating_.size() > 64 + 2 * negotiating_count_) {
    for (std::size_t left = negotiating_.size(); left > 0; --left) {
      auto entry = negotiating_.pop_front();
      if (is_negotiating(entry.second)) negotiating_.push_back(entry);
    }
  }
  if (negotiating_.empty()) negotiating_.release();
}

void Connection::on_deadline(Instant now) {
  if (phase_ == Phase::dead) return;
  if ((!is_up() || negotiator_) && now >= upgrade_deadline_) {
    return fault({Code::timeout, "the connection was not authenticated in time"});
  }
  forget_negotiated();
  while (!negotiating_.empty() && negotiating_.front().first <= now) {
    const auto id = negotiating_.pop_front().second;
    fail_negotiation(now, id, {Code::timeout, "the stream's protocol was not agreed in time"});
    forget_negotiated();
  }
  if (mux_) {
    mux_->on_deadline(now);
    drain_mux(now);
  }
}

std::optional<Instant> Connection::next_deadline() const {
  if (phase_ == Phase::dead) return std::nullopt;
  std::optional<Instant> deadline;
  if (!is_up() || negotiator_) deadline = upgrade_deadline_;
  if (!negotiating_.empty()) deadline = base::soonest(deadline, negotiating_.front().first);
  if (mux_) deadline = base::soonest(deadline, mux_->next_deadline());
  return deadline;
}

void Connection::fault(Error error) {
  if (phase_ == Phase::dead) return;
  phase_ = Phase::dead;
  plain_output_ = {};  // the peer hears no more than the close, and what yamux still has to say
  for (auto& [id, stream] : std::exchange(streams_, {})) {
    if (stream.is_up) {
      say(stream.owner, StreamDown{global(id), error});
    } else if (stream.token) {
      say(stream.owner, StreamOpenFailed{*stream.token, peer_, error});
    }
  }
  context_.outbox.push_back(ConnectionFault{std::move(error)});
}

void Connection::shut_down(Instant, const Error& error) { fault(error); }

std::optional<Connection::Output> Connection::poll_output(Instant) {
  if (context_.outbox.empty()) return std::nullopt;
  return context_.outbox.pop_front();
}

}  // namespace kith::host
