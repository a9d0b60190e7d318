#include "host/identify.h"

#include <algorithm>

#include "base/format.h"
#include "codec/envelope.h"
#include "codec/peer_id.h"
#include "codec/varint.h"

namespace kith::host {
namespace {

// Tokens of Open: what the stream is for. One service, so two values are enough.
constexpr Token ask_token{1};
constexpr Token push_token{2};

bool takes_push(const codec::IdentifyMessage& message) {
  return std::ranges::find(message.protocols, identify_push_protocol) != message.protocols.end();
}

/// What `message` leaves out stays as it was.
void fill_gaps(codec::IdentifyMessage& message, const codec::IdentifyMessage& known) {
  if (message.protocol_version.empty()) message.protocol_version = known.protocol_version;
  if (message.agent_version.empty()) message.agent_version = known.agent_version;
  if (!message.public_key) message.public_key = known.public_key;
  if (message.listen_addresses.empty()) message.listen_addresses = known.listen_addresses;
  if (!message.observed_address) message.observed_address = known.observed_address;
  if (message.protocols.empty()) message.protocols = known.protocols;
  if (message.signed_peer_record.empty()) message.signed_peer_record = known.signed_peer_record;
}

}  // namespace

std::vector<std::string> Identify::protocols() const {
  return {std::string(identify_protocol), std::string(identify_push_protocol)};
}

void Identify::on_input(Instant now, ServiceEvent event) {
  std::visit(Overload{[&](PeerUp& up) {
                        peers_[up.peer].refilled = now;
                        say(Open{ask_token, up.peer, {std::string(identify_protocol)}});
                      },
                      [&](PeerDown& down) {
                        peers_.erase(down.peer);
                        to_push_.erase(down.peer);
                      },
                      [](PeerIdentified&) {}, [&](StreamUp& up) { on_stream_up(now, up); },
                      [&](StreamOpenFailed& failed) {
                        if (failed.token == push_token) --pushes_opening_;
                        push_next();
                      },
                      [&](StreamData& data) { on_data(data); }, [](StreamRoom&) {},
                      [&](StreamEnd& end) { on_end(end.stream); },
                      [&](StreamDown& down) {
                        stop_reading(down.stream);
                        if (pushing_.erase(down.stream) == 0) return;
                        deadlines_.set(down.stream, std::nullopt);
                        push_next();
                      },
                      WithoutMessages{}},
             event);
}

void Identify::on_stream_up(Instant now, const StreamUp& up) {
  if (up.direction == Direction::outbound) {
    if (up.token == push_token) {
      --pushes_opening_;
      pushing_.insert(up.stream);
      deadlines_.set(up.stream, now + timeout);
      answer(up.stream, false);
    } else {
      say(Finish{up.stream});
      read(now, up, false);
    }
  } else if (up.protocol == identify_protocol) {
    answer(up.stream, true);
  } else {
    const auto peer = peers_.find(up.peer);
    if (peer == peers_.end() || !admit_push(now, peer->second)) return say(Reset{up.stream});
    read(now, up, true);
  }
}

void Identify::read(Instant now, const StreamUp& up, bool is_push) {
  reading_.emplace(up.stream, Reading{up.peer, is_push, {}});
  deadlines_.set(up.stream, now + timeout);
}

std::optional<Identify::Reading> Identify::stop_reading(StreamId stream) {
  const auto node = reading_.extract(stream);
  if (node.empty()) return std::nullopt;
  deadlines_.set(stream, std::nullopt);
  return std::move(node.mapped());
}

void Identify::answer(StreamId stream, bool with_observed) {
  codec::IdentifyMessage message;
  message.protocol_version = self_.protocol_version;
  message.agent_version = self_.agent_version;
  message.public_key = self_.key;
  message.listen_addresses = self_.listen_addresses;
  message.protocols = self_.protocols;
  message.signed_peer_record = self_.signed_record;
  if (with_observed && !observed_.empty()) message.observed_address = observed_;
  const Bytes body = codec::encode_identify(message);
  Bytes framed;
  codec::append_varint(framed, body.size());
  base::append(framed, body);
  say(Write{stream, Buffer(std::move(framed))});
  say(Finish{stream});
}

void Identify::on_data(const StreamData& data) {
  say(Consume{data.stream, data.data.size()});
  const auto found = reading_.find(data.stream);
  if (found == reading_.end()) return;
  Bytes& bytes = found->second.bytes;
  // Length prefixes come on top of the body; a few bytes each.
  const std::size_t bytes_max = codec::identify_bytes_max + messages_max * codec::varint_bytes_max;
  if (bytes.size() + data.data.size() > bytes_max) {
    return refuse(data.stream, {Code::too_large, base::format("identify message over {} bytes",
                                                              codec::identify_bytes_max)});
  }
  base::append(bytes, data.data);
}

void Identify::on_end(StreamId stream) {
  const auto reading = stop_reading(stream);
  if (!reading) return;
  if (reading->is_push) say(Finish{stream});
  auto decoded = decode(*reading);
  if (decoded) {
    accept(*reading, std::move(*decoded));
  } else {
    say(Fault{reading->peer, decoded.error()});
  }
}

Result<Identify::Decoded> Identify::decode(const Reading& reading) const {
  Bytes body;
  ByteView rest = reading.bytes;
  for (std::size_t parts = 0; !rest.empty(); ++parts) {
    if (parts == messages_max) {
      return fail(Code::limit, base::format("identify in more than {} parts", messages_max));
    }
    const auto length = TRY(codec::read_varint(rest));
    rest = rest.subspan(length.size);
    if (length.value > rest.size()) {
      return fail(Code::truncated,
                  base::format("identify message of {} bytes, {} came", length.value, rest.size()));
    }
    base::append(body, rest.first(static_cast<std::size_t>(length.value)));
    rest = rest.subspan(static_cast<std::size_t>(length.value));
  }
  Decoded decoded{TRY(codec::decode_identify(body)), std::nullopt};
  const codec::IdentifyMessage& message = decoded.message;
  if (message.public_key && codec::peer_id_of(*message.public_key) != reading.peer) {
    return fail(Code::wrong_peer, base::format("identify of {} carries another peer's key",
                                               codec::to_text(reading.peer)));
  }
  if (!message.signed_peer_record.empty()) {
    // Its author is at the other end, so the signature matters only to those who will get the
    // record from us: the peer book verifies it before that.
    auto record = codec::peek_peer_record(decoded.message.signed_peer_record);
    if (!record) {
      decoded.message.signed_peer_record.clear();  // the rest stands without it
    } else if (record->peer != reading.peer) {
      return fail(Code::wrong_peer,
                  base::format("{} sent the record of {}", codec::to_text(reading.peer),
                               codec::to_text(record->peer)));
    } else {
      decoded.record = std::move(*record);
    }
  }
  return decoded;
}

void Identify::accept(const Reading& reading, Decoded decoded) {
  const auto peer = peers_.find(reading.peer);
  if (peer == peers_.end()) return;
  std::shared_ptr<const codec::IdentifyMessage>& known = peer->second.known;
  // A push may carry only what has changed (specs/identify).
  if (reading.is_push && known) fill_gaps(decoded.message, *known);
  auto shared = std::make_shared<const codec::IdentifyMessage>(std::move(decoded.message));
  known = shared;
  identified_.push_back(
      Identified{reading.peer, std::move(shared), reading.is_push, std::move(decoded.record)});
}

void Identify::refuse(StreamId stream, Error error) {
  const auto reading = stop_reading(stream);
  say(Reset{stream});
  say(Fault{reading->peer, std::move(error)});
}

bool Identify::admit_push(Instant now, Peer& peer) {
  const auto gained = (now - peer.refilled) / push_interval;
  peer.refilled += gained * push_interval;
  peer.push_tokens =
      static_cast<std::uint32_t>(std::min<std::int64_t>(push_burst, peer.push_tokens + gained));
  if (peer.push_tokens == 0) return false;
  --peer.push_tokens;
  return true;
}

void Identify::set_self(IdentifySelf self) {
  self_ = std::move(self);
  for (const auto& [id, peer] : peers_) {
    if (peer.known && takes_push(*peer.known)) to_push_.insert(id);
  }
  push_next();
}

void Identify::push_next() {
  while (!to_push_.empty() && pushing_.size() + pushes_opening_ < push_concurrent_max) {
    const PeerId peer = *to_push_.begin();
    to_push_.erase(to_push_.begin());
    ++pushes_opening_;
    say(Open{push_token, peer, {std::string(identify_push_protocol)}});
  }
}

void Identify::on_deadline(Instant now) {
  while (const auto stream = deadlines_.pop_due(now)) {
    stop_reading(*stream);
    say(Reset{*stream});
    if (pushing_.erase(*stream) > 0) push_next();
  }
}

std::optional<Instant> Identify::next_deadline() const { return deadlines_.soonest(); }

std::optional<Identified> Identify::poll_identified() {
  if (identified_.empty()) return std::nullopt;
  return identified_.pop_front();
}

}  // namespace kith::host
