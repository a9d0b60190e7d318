#include "host/peer_exchange.h"

#include <algorithm>

#include "base/format.h"
#include "codec/envelope.h"
#include "codec/varint.h"
#include "peer/choice.h"

namespace kith::host {

std::vector<std::string> PeerExchange::protocols() const {
  return {std::string(peer_exchange_protocol)};
}

void PeerExchange::on_input(Instant now, ServiceEvent event) {
  std::visit(Overload{[&](PeerUp& up) { peers_[up.peer].refilled = now; },
                      [&](PeerDown& down) { peers_.erase(down.peer); },
                      [&](PeerIdentified& identified) {
                        const auto found = peers_.find(identified.peer);
                        if (found == peers_.end() || found->second.speaks) return;
                        const auto& spoken = identified.message->protocols;
                        if (std::ranges::find(spoken, peer_exchange_protocol) == spoken.end())
                          return;
                        found->second.speaks = true;
                        if (config_.interval == Duration::zero()) return;
                        ask(found->first, found->second);
                        schedule(now);
                      },
                      [&](StreamUp& up) { on_stream_up(now, up); },
                      [&](StreamOpenFailed& failed) {
                        const auto found = peers_.find(failed.peer);
                        if (found != peers_.end()) found->second.is_asking = false;
                      },
                      [&](StreamData& data) { on_data(data); }, [](StreamRoom&) {},
                      [&](StreamEnd& end) { on_end(now, end.stream); },
                      [&](StreamDown& down) { forget(down.stream); }, WithoutMessages{}},
             event);
}

void PeerExchange::on_stream_up(Instant now, const StreamUp& up) {
  const auto peer = peers_.find(up.peer);
  if (peer == peers_.end()) return say(Reset{up.stream});
  if (up.direction == Direction::outbound) {
    say(Finish{up.stream});
    asking_.emplace(up.stream, Asking{up.peer, now, {}});
    deadlines_.set(up.stream, now + quality_.request_timeout(up.peer));
  } else if (admit(now, peer->second)) {
    answer(up);
  } else {
    say(Reset{up.stream});
  }
}

void PeerExchange::answer(const StreamUp& up) {
  Bytes reply;
  for (const Bytes& record : source_.sample_records(up.peer, records_max)) {
    const std::size_t size = reply.size() + record.size() + codec::varint_bytes_max;
    if (size > std::min(bytes_max, up.room)) break;
    codec::append_varint(reply, record.size());
    base::append(reply, record);
  }
  if (!reply.empty()) say(Write{up.stream, Buffer(std::move(reply))});
  say(Finish{up.stream});
}

void PeerExchange::on_data(const StreamData& data) {
  say(Consume{data.stream, data.data.size()});
  const auto found = asking_.find(data.stream);
  if (found == asking_.end()) return;  // a question has no body: ignored
  Asking& asking = found->second;
  if (asking.bytes.size() + data.data.size() > bytes_max) {
    say(Fault{asking.peer,
              {Code::too_large, base::format("peer exchange answer over {} bytes", bytes_max)}});
    say(Reset{data.stream});
    return forget(data.stream);
  }
  base::append(asking.bytes, data.data);
}

void PeerExchange::on_end(Instant now, StreamId stream) {
  const auto found = asking_.find(stream);
  if (found == asking_.end()) return;
  const Asking asking = std::move(found->second);
  forget(stream);
  ByteView rest = asking.bytes;
  for (std::size_t count = 0; !rest.empty(); ++count) {
    const auto length = codec::read_varint(rest);
    if (!length || count == records_max || length->value > codec::envelope_bytes_max ||
        length->value > rest.size() - length->size) {
      return say(Fault{asking.peer, {Code::malformed, "a peer exchange answer out of form"}});
    }
    const auto size = static_cast<std::size_t>(length->value);
    learned_.push_back({asking.peer, base::to_bytes(rest.subspan(length->size, size))});
    rest = rest.subspan(length->size + size);
  }
  say(RequestDone{asking.peer, peer_exchange_protocol, now - asking.since});
}

void PeerExchange::forget(StreamId stream) {
  const auto found = asking_.find(stream);
  if (found == asking_.end()) return;
  const auto peer = peers_.find(found->second.peer);
  if (peer != peers_.end()) peer->second.is_asking = false;
  deadlines_.set(stream, std::nullopt);
  asking_.erase(found);
}

void PeerExchange::ask(const PeerId& id, Peer& peer) {
  if (peer.is_asking) return;
  peer.is_asking = true;
  say(Open{Token{1}, id, {std::string(peer_exchange_protocol)}});
}

void PeerExchange::ask_one(Instant now) {
  std::vector<PeerId> speakers;
  std::vector<std::uint64_t> weights;
  for (const auto& [id, peer] : peers_) {
    if (!peer.speaks || peer.is_asking) continue;
    speakers.push_back(id);
    weights.push_back(peer::weight_of(quality_.standing(now, id), quality_.rtt(id)));
  }
  if (const auto chosen = peer::choose(rng_, weights)) {
    ask(speakers[*chosen], peers_.at(speakers[*chosen]));
  }
  schedule(now);
}

void PeerExchange::set_eager(Instant now, bool is_eager) {
  if (is_eager_ == is_eager) return;
  is_eager_ = is_eager;
  schedule(now);
}

void PeerExchange::schedule(Instant now) {
  const Duration interval = is_eager_ ? config_.interval_eager : config_.interval;
  if (interval == Duration::zero() || peers_.empty()) return;
  if (question_at_ && *question_at_ <= now + interval) return;
  question_at_ = now + interval;
  deadlines_.set(next_question, question_at_);
}

bool PeerExchange::admit(Instant now, Peer& peer) const {
  const auto gained = (now - peer.refilled) / request_interval;
  peer.refilled += gained * request_interval;
  peer.tokens =
      static_cast<std::uint32_t>(std::min<std::int64_t>(requests_burst, peer.tokens + gained));
  if (peer.tokens == 0) return false;
  --peer.tokens;
  return true;
}

void PeerExchange::on_deadline(Instant now) {
  while (const auto due = deadlines_.pop_due(now)) {
    if (*due == next_question) {
      question_at_.reset();
      ask_one(now);
    } else {
      const auto found = asking_.find(*due);
      say(RequestDone{found->second.peer, peer_exchange_protocol,
                      fail(Code::timeout, "no answer to a question for peers")});
      say(Reset{*due});
      forget(*due);
    }
  }
}

std::optional<PeerExchange::Learned> PeerExchange::poll_learned() {
  if (learned_.empty()) return std::nullopt;
  return learned_.pop_front();
}

}  // namespace kith::host
