#include "node/compute_service.h"

#include <algorithm>

#include "base/format.h"

namespace kith::node {

void ComputeService::on_input(Instant now, host::ServiceEvent event) {
  std::visit(
      Overload{[](host::PeerUp&) {}, [&](host::PeerDown& down) { speakers_.erase(down.peer); },
               [&](host::PeerIdentified& identified) {
                 const auto& spoken = identified.message->protocols;
                 if (std::ranges::find(spoken, compute_protocol) == spoken.end()) {
                   speakers_.erase(identified.peer);
                 } else {
                   speakers_.insert(identified.peer);
                 }
               },
               [&](host::StreamUp& up) { on_stream_up(now, up); },
               [&](host::StreamOpenFailed& failed) {
                 if (asking_.erase(failed.token) == 0) return;
                 finish(failed.token, failed.peer, fail(std::move(failed.error)));
               },
               [&](host::StreamData& data) { on_data(data); },
               [&](host::StreamRoom& room) {
                 const auto at = inbound_.find(room.stream);
                 if (at != inbound_.end()) at->second.room = room.room;
               },
               [&](host::StreamEnd& end) { on_end(end.stream); },
               [&](host::StreamDown& down) {
                 stop(down.stream,
                      down.error.value_or(Error{Code::closed, "ended without an answer"}));
               },
               host::WithoutMessages{}},
      event);
}

bool ComputeService::ask(Token token, const PeerId& peer, const codec::ComputeRequest& request) {
  if (asking_.size() + outbound_.size() >= asking_max) return false;
  asking_.emplace(token, Asking{peer, codec::encode(request)});
  say(host::Open{token, peer, {std::string(compute_protocol)}});
  return true;
}

void ComputeService::on_stream_up(Instant now, const host::StreamUp& up) {
  if (up.direction == Direction::outbound) return on_asking(now, up);
  std::size_t& streams = streams_[up.peer];
  if (streams >= streams_max) return say(host::Reset{up.stream});
  ++streams;
  inbound_.emplace(up.stream, Inbound{up.peer, {}, up.room, false});
  deadlines_.set(up.stream, now + exchange_max);
}

void ComputeService::on_asking(Instant now, const host::StreamUp& up) {
  auto asking = asking_.extract(up.token.value_or(Token{}));
  if (asking.empty()) return say(host::Reset{up.stream});
  Bytes& request = asking.mapped().request;
  if (up.room < request.size()) {
    say(host::Reset{up.stream});
    return finish(asking.key(), up.peer, fail(Code::limit, "no room for the question"));
  }
  outbound_.emplace(up.stream, Outbound{asking.key(), up.peer, {}});
  deadlines_.set(up.stream, now + exchange_max);
  say(host::Write{up.stream, Buffer(std::move(request))});
  say(host::Finish{up.stream});
}

void ComputeService::on_data(const host::StreamData& data) {
  say(host::Consume{data.stream, data.data.size()});
  const auto inbound = inbound_.find(data.stream);
  const auto outbound = outbound_.find(data.stream);
  if (inbound == inbound_.end() && outbound == outbound_.end()) return;
  Bytes& bytes = inbound != inbound_.end() ? inbound->second.bytes : outbound->second.bytes;
  if (bytes.size() + data.data.size() <= codec::compute_message_bytes_max) {
    return base::append(bytes, data.data);
  }
  const PeerId peer = inbound != inbound_.end() ? inbound->second.peer : outbound->second.peer;
  const Error error{Code::too_large, "a message of /kith/compute/1.0.0 over its limit"};
  say(host::Reset{data.stream});
  stop(data.stream, error);
  say(host::Fault{peer, error});
}

void ComputeService::on_end(StreamId stream) {
  const auto inbound = inbound_.find(stream);
  if (inbound != inbound_.end()) return on_asked(stream, inbound->second);
  if (outbound_.contains(stream)) on_answered(stream);
}

void ComputeService::on_asked(StreamId stream, Inbound& inbound) {
  auto request = codec::decode_compute_request(inbound.bytes);
  if (!request) {
    const PeerId peer = inbound.peer;
    say(host::Reset{stream});
    stop(stream, request.error());
    return say(host::Fault{peer, std::move(request).error()});
  }
  inbound.bytes = {};
  inbound.is_asked = true;
  ++stats_.asked;
  outcomes_.push_back(PeerAsks{stream, inbound.peer, *std::move(request)});
}

void ComputeService::answer(StreamId stream, const codec::ComputeAnswer& answer) {
  const auto at = inbound_.find(stream);
  if (at == inbound_.end() || !at->second.is_asked) return;
  Bytes bytes = codec::encode(answer);
  if (at->second.room < bytes.size()) {
    say(host::Reset{stream});
  } else {
    say(host::Write{stream, Buffer(std::move(bytes))});
    say(host::Finish{stream});
  }
  stop(stream, {Code::closed, "answered"});
}

void ComputeService::on_answered(StreamId stream) {
  auto outbound = outbound_.extract(stream);
  deadlines_.set(stream, std::nullopt);
  auto answer = codec::decode_compute_answer(outbound.mapped().bytes);
  if (!answer) say(host::Fault{outbound.mapped().peer, answer.error()});
  finish(outbound.mapped().token, outbound.mapped().peer, std::move(answer));
}

/// Forgets the stream, whoever opened it.
void ComputeService::stop(StreamId stream, const Error& error) {
  deadlines_.set(stream, std::nullopt);
  const auto inbound = inbound_.extract(stream);
  if (!inbound.empty()) {
    const auto streams = streams_.find(inbound.mapped().peer);
    if (--streams->second == 0) streams_.erase(streams);
  }
  const auto outbound = outbound_.extract(stream);
  if (!outbound.empty()) finish(outbound.mapped().token, outbound.mapped().peer, fail(error));
}

void ComputeService::finish(Token token, const PeerId& peer, Result<codec::ComputeAnswer> answer) {
  ++(answer ? stats_.answered : stats_.failed);
  outcomes_.push_back(PeerAnswered{token, peer, std::move(answer)});
}

void ComputeService::on_deadline(Instant now) {
  while (const auto due = deadlines_.pop_due(now)) {
    say(host::Reset{*due});
    stop(*due, {Code::timeout, "no answer in time"});
  }
}

std::optional<ComputeService::Outcome> ComputeService::poll_outcome() {
  if (outcomes_.empty()) return std::nullopt;
  return outcomes_.pop_front();
}

}  // namespace kith::node
