#include "host/connection.h"

#include <cstring>

#include "base/format.h"

namespace kith::host {
namespace {

constexpr std::size_t sealed_bytes_min = secure::noise_overhead_bytes + mux::yamux_header_bytes;
constexpr std::size_t sealed_room_bytes_min = 1024;

/// Yamux, as a stream set sees it. Its answers to everything but open() are drained by whoever
/// made the call.
class YamuxPort final : public StreamMuxer {
 public:
  explicit YamuxPort(mux::Yamux& mux) : mux_(mux) {}

  Result<Opened> open(Instant now) override {
    mux_.on_input(now, mux::OpenStream{0});
    // Nothing else waits: yamux is drained after each mutation, and answers this one at once.
    auto answer = mux_.poll_output(now);
    ASSERT(answer);
    if (auto* failed = std::get_if<mux::OpenFailed>(&*answer))
      return fail(std::move(failed->error));
    const auto& opened = std::get<mux::Opened>(*answer);
    return Opened{opened.stream, opened.room};
  }
  void write(Instant now, LocalStream stream, Buffer data) override {
    mux_.on_input(now, mux::WriteStream{stream, std::move(data)});
  }
  void finish(Instant now, LocalStream stream) override {
    mux_.on_input(now, mux::FinishStream{stream});
  }
  void reset(Instant now, LocalStream stream) override {
    mux_.on_input(now, mux::ResetStream{stream});
  }
  void consume(Instant now, LocalStream stream, std::size_t bytes) override {
    mux_.on_input(now, mux::ConsumeStream{stream, bytes});
  }

 private:
  mux::Yamux& mux_;
};

}  // namespace

Connection::Connection(const Context& context, LinkId link, Direction direction,
                       std::optional<PeerId> expected, Instant now)
    : context_(context),
      direction_(direction),
      noise_(direction, context.config.noise, expected, context.rng),
      streams_(context, link),
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
  streams_.set_peer(established.peer, established.handshake);
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
  if (auto* open = std::get_if<OpenFor>(&input)) {
    if (!is_up()) {
      return streams_.refuse_open(*open, {Code::closed, "the connection is not up"});
    }
    YamuxPort port(*mux_);
    streams_.open(now, port, std::move(*open));
    return drain_mux(now);
  }
  if (!mux_ || phase_ == Phase::dead) return;
  YamuxPort port(*mux_);
  const auto local = [](StreamId id) { return StreamSet::local(id); };
  std::visit(
      Overload{[](OpenFor&) {},
               [&](Write& write) {
                 if (!streams_.take_room(local(write.stream), write.data.size())) return;
                 port.write(now, local(write.stream), std::move(write.data));
               },
               [&](Finish& finish) { port.finish(now, local(finish.stream)); },
               [&](Reset& reset) { port.reset(now, local(reset.stream)); },
               [&](Consume& c) { port.consume(now, local(c.stream), c.bytes); },
               [](Prioritize&) {},  // yamux has none
               [&](CloseGracefully&) { mux_->on_input(now, mux::GoAway{mux::GoAwayCode::normal}); },
               // The host sends them to sessions.
               [](SendMessageFor&) { ASSERT(false); }, [](SendDatagram&) { ASSERT(false); }},
      input);
  drain_mux(now);
}

void Connection::drain_mux(Instant now) {
  YamuxPort port(*mux_);
  while (auto output = mux_->poll_output(now)) {
    std::visit(
        Overload{[](mux::Opened&) { ASSERT(false); },  // YamuxPort::open() has taken it
                 [](mux::OpenFailed&) { ASSERT(false); },
                 [&](mux::Accepted& a) { streams_.on_accepted(now, port, a.stream, a.room); },
                 [&](mux::StreamBytes& b) { streams_.on_bytes(now, port, b.stream, b.data); },
                 [&](mux::StreamWritable& w) { streams_.on_writable(w.stream, w.room); },
                 [&](mux::StreamFinished& f) { streams_.on_finished(now, port, f.stream); },
                 [&](mux::StreamClosed& c) { streams_.on_closed(c.stream, std::move(c.error)); },
                 [&](mux::RoundTrip& r) { context_.outbox.push_back(RoundTripMeasured{r.rtt}); },
                 [&](mux::PeerGoneAway&) { peer_gone_away_ = true; },
                 [&](mux::SessionFault& f) { fault(std::move(f.error)); }},
        *output);
  }
}

// --- time and the end ----------------------------------------------------------------------------

void Connection::on_deadline(Instant now) {
  if (phase_ == Phase::dead) return;
  if ((!is_up() || negotiator_) && now >= upgrade_deadline_) {
    return fault({Code::timeout, "the connection was not authenticated in time"});
  }
  if (mux_) {
    YamuxPort port(*mux_);
    streams_.on_deadline(now, port);
    mux_->on_deadline(now);
    drain_mux(now);
  }
}

std::optional<Instant> Connection::next_deadline() const {
  if (phase_ == Phase::dead) return std::nullopt;
  std::optional<Instant> deadline;
  if (!is_up() || negotiator_) deadline = upgrade_deadline_;
  deadline = base::soonest(deadline, streams_.next_deadline());
  if (mux_) deadline = base::soonest(deadline, mux_->next_deadline());
  return deadline;
}

void Connection::fault(Error error) {
  if (phase_ == Phase::dead) return;
  phase_ = Phase::dead;
  plain_output_ = {};  // the peer hears no more than the close, and what yamux still has to say
  streams_.end_all(error);
  context_.outbox.push_back(ConnectionFault{std::move(error)});
}

void Connection::shut_down(Instant, const Error& error) { fault(error); }

std::optional<Connection::Output> Connection::poll_output(Instant) {
  if (context_.outbox.empty()) return std::nullopt;
  return context_.outbox.pop_front();
}

}  // namespace kith::host
