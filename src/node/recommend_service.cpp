#include "node/recommend_service.h"

#include <algorithm>

namespace kith::node {
namespace {

/// After identify: a crowd that meets at once makes one look.
constexpr Duration settle = 1s;
/// What the encoding takes; beyond it a clock says nothing.
constexpr std::int64_t date_max = std::int64_t{1} << 53;

}  // namespace

void RecommendService::on_input(Instant now, host::ServiceEvent event) {
  std::visit(
      Overload{[&](host::PeerUp& up) {
                 if (!first_at_) first_at_ = now + config_.first_after;
                 peers_[up.peer];
               },
               [&](host::PeerDown& down) { peers_.erase(down.peer); },
               [&](host::PeerIdentified& identified) { on_identified(now, identified); },
               [&](host::StreamUp& up) { on_stream_up(now, up); },
               [&](host::StreamOpenFailed& failed) { on_open_failed(now, failed); },
               [&](host::StreamData& data) { on_data(data); }, [](host::StreamRoom&) {},
               [&](host::StreamEnd& end) { on_end(end.stream); },
               [&](host::StreamDown& down) { on_stream_down(now, down); }, host::WithoutMessages{}},
      event);
}

void RecommendService::on_identified(Instant now, const host::PeerIdentified& identified) {
  const auto found = peers_.find(identified.peer);
  if (found == peers_.end()) return;
  const auto& spoken = identified.message->protocols;
  found->second.speaks = std::ranges::find(spoken, recommend_protocol) != spoken.end();
  if (found->second.speaks) look_at(now + settle);
}

// --- ours ----------------------------------------------------------------------------------------

void RecommendService::look_at(Instant at) {
  if (config_.interval == Duration::zero()) return;
  at = std::max(at, *first_at_);
  if (look_at_ && *look_at_ <= at) return;
  look_at_ = at;
  deadlines_.set(next_look, at);
}

void RecommendService::look(Instant now) {
  look_at_.reset();
  refresh(now);
  std::erase_if(told_, [&](const auto& entry) {
    return entry.second.next_at <= now && !peers_.contains(entry.first);
  });
  bool is_anybody_there = false;
  for (auto& [id, peer] : peers_) {
    if (!peer.speaks) continue;
    is_anybody_there = true;
    if (peer.is_sending || !is_due(now, id)) continue;
    peer.is_sending = true;
    say(host::Open{Token{1}, id, {std::string(recommend_protocol)}});
  }
  if (is_anybody_there) look_at(now + std::min(config_.interval, config_.look_interval));
}

bool RecommendService::is_due(Instant now, const PeerId& id) const {
  const auto told = told_.find(id);
  // Nothing to say is only said to whoever was told something else.
  if (told == told_.end()) return !endorsements_.empty() && told_.size() < config_.told_max;
  return told->second.version != version_ && told->second.next_at <= now;
}

// Makes a new one when there is something new to say.
void RecommendService::refresh(Instant now) {
  if (refreshed_at_ && now - *refreshed_at_ < config_.look_interval) return;
  refreshed_at_ = now;
  auto best = quality_.endorsements(now, codec::endorsements_max);
  if (best == endorsements_) return;
  endorsements_ = std::move(best);
  const std::int64_t date = std::clamp<std::int64_t>(host_.wall(now).unix_ms, 0, date_max);
  // A clock that jumped back must not make the new one older than the last.
  sequence_ = std::max(sequence_ + 1, static_cast<std::uint64_t>(date));
  ++version_;
  envelope_ = Buffer(
      codec::seal_recommendation(key_, {host_.self(), sequence_, WallTime{date}, endorsements_}));
}

void RecommendService::on_open_failed(Instant now, const host::StreamOpenFailed& failed) {
  const auto found = peers_.find(failed.peer);
  if (found == peers_.end()) return;
  found->second.is_sending = false;
  if (failed.error.code == Code::unsupported) found->second.speaks = false;
  told_[failed.peer].next_at = now + config_.interval;
}

void RecommendService::on_stream_up(Instant now, const host::StreamUp& up) {
  const auto found = peers_.find(up.peer);
  if (found == peers_.end()) return say(host::Reset{up.stream});
  if (up.direction == Direction::inbound) return on_inbound(now, up, found->second);
  told_[up.peer] = {version_, now + config_.interval};
  if (up.room < envelope_.size()) {
    found->second.is_sending = false;
    return say(host::Reset{up.stream});
  }
  ++sent_;
  sending_.emplace(up.stream, Sending{up.peer, now});
  deadlines_.set(up.stream, now + quality_.request_timeout(up.peer));
  say(host::Write{up.stream, envelope_});
  say(host::Finish{up.stream});
}

// --- theirs --------------------------------------------------------------------------------------

void RecommendService::on_inbound(Instant now, const host::StreamUp& up, Peer& peer) {
  const bool is_too_soon = peer.read_at && now - *peer.read_at < config_.accept_interval;
  if (peer.is_reading || is_too_soon) return say(host::Reset{up.stream});
  peer.is_reading = true;
  peer.read_at = now;
  reading_.emplace(up.stream, Reading{up.peer, {}});
  deadlines_.set(up.stream, now + receive_max);
}

void RecommendService::on_data(const host::StreamData& data) {
  say(host::Consume{data.stream, data.data.size()});
  const auto found = reading_.find(data.stream);
  if (found == reading_.end()) return;  // an answer, which there is none of: ignored
  Reading& reading = found->second;
  if (reading.bytes.size() + data.data.size() > codec::recommendation_bytes_max) {
    results_.push_back(
        PeerEvent{reading.peer, PeerEventKind::rejected, "peer", "recommendation too large"});
    say(host::Reset{data.stream});
    return stop_reading(data.stream);
  }
  base::append(reading.bytes, data.data);
}

void RecommendService::on_end(StreamId stream) {
  const auto found = reading_.find(stream);
  if (found == reading_.end()) return;
  ++received_;
  results_.push_back(
      peer::RecommendationReceived{found->second.peer, std::move(found->second.bytes)});
  stop_reading(stream);
  say(host::Finish{stream});
}

// --- streams -------------------------------------------------------------------------------------

void RecommendService::on_stream_down(Instant now, const host::StreamDown& down) {
  stop_reading(down.stream);
  const auto sent = stop_sending(down.stream);
  if (sent && !down.error)
    say(host::RequestDone{sent->peer, recommend_protocol, now - sent->since});
}

std::optional<RecommendService::Sending> RecommendService::stop_sending(StreamId stream) {
  const auto node = sending_.extract(stream);
  if (node.empty()) return std::nullopt;
  const auto peer = peers_.find(node.mapped().peer);
  if (peer != peers_.end()) peer->second.is_sending = false;
  deadlines_.set(stream, std::nullopt);
  return std::move(node.mapped());
}

void RecommendService::stop_reading(StreamId stream) {
  const auto node = reading_.extract(stream);
  if (node.empty()) return;
  const auto peer = peers_.find(node.mapped().peer);
  if (peer != peers_.end()) peer->second.is_reading = false;
  deadlines_.set(stream, std::nullopt);
}

void RecommendService::on_deadline(Instant now) {
  while (const auto due = deadlines_.pop_due(now)) {
    if (*due == next_look) {
      look(now);
      continue;
    }
    if (const auto sent = stop_sending(*due)) {
      say(host::RequestDone{sent->peer, recommend_protocol,
                            fail(Code::timeout, "a recommendation was not taken in time")});
    }
    stop_reading(*due);
    say(host::Reset{*due});
  }
}

std::optional<RecommendService::Result> RecommendService::poll_result() {
  if (results_.empty()) return std::nullopt;
  return results_.pop_front();
}

}  // namespace kith::node
