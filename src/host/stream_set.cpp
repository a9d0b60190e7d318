#include "host/stream_set.h"

#include "host/connection.h"

namespace kith::host {

void StreamSet::set_peer(const PeerId& peer, const crypto::Hash256& handshake) {
  ASSERT(streams_.empty());
  peer_ = peer;
  handshake_ = handshake;
}

// --- the application -----------------------------------------------------------------------------

void StreamSet::open(Instant now, StreamMuxer& mux, OpenFor request) {
  ASSERT(!request.open.protocols.empty());
  const auto opened = mux.open(now);
  if (!opened)
    return say(request.owner, StreamOpenFailed{request.open.token, peer_, opened.error()});
  Stream& stream = streams_[opened->stream];
  stream.direction = Direction::outbound;
  stream.owner = request.owner;
  stream.token = request.open.token;
  stream.room = opened->room;
  const bool is_lazy = request.open.protocols.size() == 1;
  std::string only = request.open.protocols.front();
  begin_negotiation(now, opened->stream, stream,
                    Negotiator::dialer(std::move(request.open.protocols)));
  flush_negotiator(now, mux, opened->stream, stream);
  if (is_lazy) tell_up(opened->stream, stream, std::move(only));
}

void StreamSet::refuse_open(const OpenFor& request, Error error) {
  say(request.owner, StreamOpenFailed{request.open.token, request.open.peer, std::move(error)});
}

bool StreamSet::take_room(LocalStream id, std::size_t bytes) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return false;  // it ended before the owner heard
  ASSERT(bytes <= found->second.room);
  found->second.room -= bytes;
  return true;
}

// --- the muxer's events --------------------------------------------------------------------------

void StreamSet::on_accepted(Instant now, StreamMuxer& mux, LocalStream id, std::size_t room) {
  if (negotiating_count_ >= context_.config.streams_negotiating_max) return mux.reset(now, id);
  Stream& stream = streams_[id];
  stream.room = room;
  begin_negotiation(now, id, stream, Negotiator::listener());
}

void StreamSet::begin_negotiation(Instant now, LocalStream id, Stream& stream,
                                  Negotiator negotiator) {
  stream.negotiator = std::make_unique<Negotiator>(std::move(negotiator));
  negotiating_.push_back({now + context_.config.negotiate_timeout, id});
  ++negotiating_count_;
}

void StreamSet::on_bytes(Instant now, StreamMuxer& mux, LocalStream id, ByteView data) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return;
  if (found->second.negotiator) {
    const auto rest = negotiate(now, mux, id, data);
    if (!rest) return;
    data = *rest;
    found = streams_.find(id);
  }
  if (!data.empty()) say(found->second.owner, StreamData{global(id), data});
}

void StreamSet::on_writable(LocalStream id, std::size_t room) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  found->second.room = room;
  if (found->second.is_up) say(found->second.owner, StreamRoom{global(id), room});
}

void StreamSet::on_finished(Instant now, StreamMuxer& mux, LocalStream id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  if (found->second.negotiator) {
    if (found->second.direction == Direction::inbound) {
      return refuse_stream(now, mux, id, found->second);
    }
    return fail_negotiation(now, mux, id,
                            {Code::closed, "the stream ended while its protocol was open"});
  }
  say(found->second.owner, StreamEnd{global(id)});
}

void StreamSet::on_closed(LocalStream id, std::optional<Error> error) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const Stream stream = std::move(found->second);
  streams_.erase(found);
  if (stream.negotiator) {
    --negotiating_count_;
    forget_negotiated();
    if (!error) error = Error{Code::closed, "the stream ended while its protocol was open"};
  }
  tell_end(id, stream, std::move(error));
}

// --- negotiation ---------------------------------------------------------------------------------

std::optional<ByteView> StreamSet::negotiate(Instant now, StreamMuxer& mux, LocalStream id,
                                             ByteView data) {
  Stream& stream = streams_.at(id);
  if (stream.is_refused) {
    mux.consume(now, id, data.size());
    return std::nullopt;
  }
  const auto progress = stream.negotiator->on_bytes(data, [&](std::string_view protocol) {
    return context_.protocols.find(protocol) != context_.protocols.end();
  });
  if (!progress) {
    if (stream.direction == Direction::inbound && stream.negotiator->has_refused()) {
      refuse_stream(now, mux, id, stream);
    } else {
      fail_negotiation(now, mux, id, progress.error());
    }
    return std::nullopt;
  }
  flush_negotiator(now, mux, id, stream);
  mux.consume(now, id, progress->taken);
  if (progress->agreed) on_agreed(id, stream, *progress->agreed);
  return data.subspan(progress->taken);
}

void StreamSet::on_agreed(LocalStream id, Stream& stream, std::string protocol) {
  stream.negotiator.reset();
  --negotiating_count_;
  forget_negotiated();
  if (stream.is_up) return;  // it was told when it was opened
  if (stream.direction == Direction::inbound) {
    stream.owner = context_.protocols.find(protocol)->second;
  }
  tell_up(id, stream, std::move(protocol));
}

void StreamSet::tell_up(LocalStream id, Stream& stream, std::string protocol) {
  stream.is_up = true;
  say(stream.owner, StreamUp{global(id), peer_, stream.direction, std::move(protocol), stream.room,
                             stream.token, handshake_});
}

void StreamSet::tell_end(LocalStream id, const Stream& stream, std::optional<Error> error) {
  if (stream.is_up) {
    say(stream.owner, StreamDown{global(id), std::move(error)});
  } else if (stream.token) {
    say(stream.owner, StreamOpenFailed{*stream.token, peer_, std::move(*error)});
  }
}

void StreamSet::flush_negotiator(Instant now, StreamMuxer& mux, LocalStream id, Stream& stream) {
  Bytes output = stream.negotiator->take_output();
  if (output.empty()) return;
  ASSERT(output.size() <= stream.room);  // a few messages, and nobody else writes yet
  stream.room -= output.size();
  mux.write(now, id, Buffer(std::move(output)));
}

// A lazy dialler sends what it has, and may half-close, before it knows that we refused. A reset
// would overtake the refusal, so this end closes in order and ignores the rest; the negotiation's
// deadline still holds.
void StreamSet::refuse_stream(Instant now, StreamMuxer& mux, LocalStream id, Stream& stream) {
  stream.is_refused = true;
  flush_negotiator(now, mux, id, stream);
  mux.finish(now, id);
}

void StreamSet::fail_negotiation(Instant now, StreamMuxer& mux, LocalStream id, Error error) {
  mux.reset(now, id);
  on_closed(id, std::move(error));
}

// --- time and the end ----------------------------------------------------------------------------

bool StreamSet::is_negotiating(LocalStream id) const {
  const auto found = streams_.find(id);
  return found != streams_.end() && found->second.negotiator;
}

void StreamSet::forget_negotiated() {
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

void StreamSet::on_deadline(Instant now, StreamMuxer& mux) {
  forget_negotiated();
  while (!negotiating_.empty() && negotiating_.front().first <= now) {
    const LocalStream id = negotiating_.pop_front().second;
    fail_negotiation(now, mux, id, {Code::timeout, "the stream's protocol was not agreed in time"});
    forget_negotiated();
  }
}

std::optional<Instant> StreamSet::next_deadline() const {
  if (negotiating_.empty()) return std::nullopt;
  return negotiating_.front().first;
}

void StreamSet::end_all(const Error& error) {
  negotiating_count_ = 0;
  negotiating_ = {};
  for (const auto& [id, stream] : std::exchange(streams_, {})) tell_end(id, stream, error);
}

}  // namespace kith::host
