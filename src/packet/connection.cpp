#include "packet/connection.h"

#include <algorithm>

#include "base/assert.h"
#include "base/endian.h"
#include "base/format.h"
#include "codec/printable.h"
#include "crypto/hash.h"

namespace kith::packet {
namespace {

/// Old keys stay this long at least after new ones came, for packets that were under way.
constexpr Duration old_keys_least = 1s;
constexpr Duration time_wait_least = 1s;
constexpr Duration time_wait_most = 10s;
/// A session hears of what was sealed in such portions.
constexpr std::uint64_t traffic_bytes = 32 * 1024;
constexpr std::uint64_t traffic_packets = 64;
constexpr std::size_t spare_ids_given = 2;
/// Its frame's front, and room for a short acknowledgement.
constexpr std::size_t datagram_overhead = 18;

}  // namespace

Connection::Connection(const PacketConfig& config, Carrier carrier, Direction direction,
                       const Path& path, ConnectionId own, Rng& rng, Instant now,
                       ConnectionIds* ids, ConnectionSlot slot, ConnectionId peer)
    : config_(config),
      rng_(rng),
      ids_(ids),
      slot_(slot),
      carrier_(carrier),
      direction_(direction),
      paths_(path, carrier == Carrier::ordered),
      peer_id_(peer),
      handshake_(std::make_unique<Handshake>()),
      recovery_(config.recovery, config.mtu.bytes_min, rng),
      services_(config.services, direction),
      mtu_(config.mtu, config.mtu.bytes_max),
      last_received_at_(now),
      last_sent_at_(now),
      entropy_(rng.next() | 1) {
  own_ids_.push_back({.sequence = 0, .id = own, .offset = 0});
  handshake_->expires_at = now + config.handshake_timeout;
  step(*after(state_, direction == Direction::outbound ? Event::dial : Event::accept));
}

std::uint32_t Connection::offset_of(const crypto::SecretBytes& key, ConnectionId id) {
  std::array<std::uint8_t, 4> bytes;
  base::store_big_endian(ByteSpan(bytes), 0, id.value);
  const crypto::Hash256 mac = crypto::hmac_sha256(key.view(), {ByteView(bytes)});
  return base::load_big_endian<std::uint32_t>(mac, 0);
}

Connection::~Connection() {
  if (ids_ == nullptr) return;
  for (const OwnId& own : own_ids_) ids_->give_back(own.id);
}

void Connection::on_input(Instant now, Input input) {
  if (state_ == State::closed) return;
  std::visit(Overload{
                 [&](HandshakeBytes& said) { say_handshake(now, std::move(said)); },
                 [&](HintBytes& hint) {
                   const bool is_early = direction_ == Direction::inbound &&
                                         handshake_ != nullptr && handshake_->bytes.empty();
                   if (is_early) handshake_->hint_unsent = hint.code;
                 },
                 [&](HandshakeDone&) {
                   if (direction_ == Direction::outbound) handshake_.reset();
                 },
                 [&](SessionBytes& said) { session_.write(said.bytes); },
                 [&](SealKeys& keys) { take_keys(now, std::move(keys)); },
                 [&](PeerParameters& parameters) { take_parameters(now, parameters); },
                 [&](CloseConnection&) { close(now); },
                 [&](AbortConnection& abortion) {
                   abort(now, abortion.code, std::move(abortion.reason), std::nullopt);
                 },
                 [&](MoveTo& to) { move(now, to.path); },
             },
             input);
  look_after_close(now);
}

void Connection::say_handshake(Instant now, HandshakeBytes said) {
  if (handshake_ == nullptr) return;
  if (said.bytes.empty() || said.bytes.size() > handshake_sent_bytes_max) {
    return fault(now, {Code::too_large, base::format("handshake message of {} bytes, limit {}",
                                                     said.bytes.size(), handshake_sent_bytes_max)});
  }
  handshake_->message = said.message;
  handshake_->bytes = std::move(said.bytes);
  handshake_->wait = config_.handshake_retry;
  handshake_->unsent = 1;
  handshake_->again_at.reset();
}

void Connection::take_keys(Instant now, SealKeys keys) {
  if (keys.receive_offset_key && keys.send_offset_key) {
    receive_offset_key_ = *std::move(keys.receive_offset_key);
    send_offset_key_ = *std::move(keys.send_offset_key);
    for (OwnId& own : own_ids_) own.offset = offset_of(receive_offset_key_, own.id);
    send_offset_ = offset_of(send_offset_key_, peer_id_);
  }
  auto known = std::ranges::find(keys_, keys.epoch, &EpochKeys::epoch);
  if (known == keys_.end()) {
    // Epochs come one after the other; a third one makes the first useless.
    if (keys_.size() == 3) keys_.erase(keys_.begin());
    keys_.emplace_back().epoch = keys.epoch;
    known = std::prev(keys_.end());
  }
  if (keys.receive) known->receive = std::move(keys.receive);
  if (keys.send) {
    known->send = std::move(keys.send);
    send_epoch_ = std::max(send_epoch_.value_or(0), keys.epoch);
    if (keys.epoch > 0) drop_keys_at_ = now + std::max(3 * probe_timeout(), old_keys_least);
  }
  const auto next = after(state_, Event::keys);
  if (!next || !known->send) return;
  step(*next);
  paths_.prove();
  last_received_at_ = now;
  if (ids_ == nullptr) return;
  announcing_.push_back(own_ids_.front());  // the token of the first one is not known yet
  for (std::size_t i = 0; i < spare_ids_given; ++i) {
    const auto id = ids_->take_id(slot_);
    if (!id) break;
    own_ids_.push_back({next_id_sequence_++, *id, offset_of(receive_offset_key_, *id)});
    announcing_.push_back(own_ids_.back());
  }
}

void Connection::take_parameters(Instant now, const PeerParameters& parameters) {
  auto decoded = decode_parameters(parameters.bytes);
  if (!decoded) return fault(now, decoded.error());
  peer_ = *decoded;
  mtu_ = MtuSearch(config_.mtu, static_cast<std::size_t>(peer_.packet_bytes_max));
  const std::size_t packet = carrier_ == Carrier::ordered ? packet_bytes() : config_.mtu.bytes_min;
  services_.on_parameters(peer_.window, peer_.stream_window, peer_.streams, peer_.messages,
                          packet - header_bytes - tag_bytes - datagram_overhead, peer_.compresses);
}

Bytes Connection::parameters() const {
  const ServicesConfig& services = config_.services;
  return encode(Parameters{.window = services.window_initial,
                           .stream_window = services.stream_window_initial,
                           .streams = services.streams_max,
                           .messages = services.messages_sent_max,
                           .packet_bytes_max = config_.packet_bytes_max,
                           .idle_timeout = config_.idle_timeout,
                           .ack_delay_max = packet::ack_delay_max,
                           .compresses = services.compresses});
}

void Connection::move(Instant now, const Path& path) {
  if (carrier_ == Carrier::ordered || path == paths_.current()) return;
  if (!spare_ids_.empty()) {
    retiring_.push_back(peer_id_sequence_);
    const RemoteId fresh = spare_ids_.front();
    spare_ids_.erase(spare_ids_.begin());
    peer_id_ = fresh.id;
    peer_id_sequence_ = fresh.sequence;
    peer_token_ = fresh.token;
    has_peer_token_ = true;
    send_offset_ = offset_of(send_offset_key_, peer_id_);
  }
  paths_.move_to(now, path, rng_);
}

// --- the end -------------------------------------------------------------------------------------

void Connection::close(Instant now) {
  if (is_closing_ && linger_at_) return;
  is_closing_ = true;
  begin_lingering(now);
  if (state_ == State::syn_sent || state_ == State::syn_received) {
    step(*after(state_, Event::close));
    end(std::nullopt);
  }
}

void Connection::begin_lingering(Instant now) {
  linger_at_ = now + config_.linger;
  lingers_until_ = now + config_.linger_max;
}

/// FIN goes out when all that was said is acknowledged.
void Connection::look_after_close(Instant now) {
  if (!is_closing_ || !may_send(state_)) return;
  if (services_.has_pending() || session_.has_pending()) return;
  if (!services_.is_all_acknowledged() || !session_.is_all_acknowledged()) return;
  step(*after(state_, Event::close));
  fin_at_ = now;
}

void Connection::abort(Instant now, Code code, std::string reason, std::optional<Error> error) {
  if (state_ == State::closed) return;
  if (may_seal()) {
    if (reason.size() > close_reason_bytes_max) reason.resize(close_reason_bytes_max);
    ending_ = std::make_unique<Ending>();
    ending_->packet.resize(header_bytes + 32 + close_reason_bytes_max + tag_bytes);
    const std::size_t size = write_control(
        now, ending_->packet, PacketType::error,
        CloseFrame{static_cast<std::uint16_t>(code), base::as_bytes(reason)}, 0, false);
    ending_->packet.resize(size);
    error_unsent_ = size > 0;
  }
  step(State::closed);
  end(std::move(error));
}

void Connection::expire(Instant now, std::string why) {
  Error error{Code::timeout, std::move(why)};
  if (handshake_ != nullptr && handshake_->hint && state_ == State::syn_sent) {
    error.message += base::format("; somebody answered \"{}\"", base::name_of(*handshake_->hint));
  }
  if (may_seal()) return abort(now, Code::timeout, error.message, error);
  step(State::closed);
  end(std::move(error));
}

void Connection::step(State next) { state_ = next; }

/// TIME_WAIT: what the peer says twice is answered, and the parent hears that it is over.
void Connection::wait_after_close(Instant now) {
  linger_at_.reset();
  fin_at_.reset();
  gone_at_ = now + std::clamp(3 * probe_timeout(), time_wait_least, time_wait_most);
  end(std::nullopt);
  // An ordered carrier loses nothing: there is nothing to wait for but our last answer.
  if (carrier_ == Carrier::ordered) gone_at_ = now;
}

/// Another port is the same host behind a NAT that forgot: what is known of the way holds.
void Connection::on_path_changed(Instant now, const Path& before) {
  ++counts_.path_changes;
  outputs_.push_back(PathChanged{paths_.current()});
  const Path& after = paths_.current();
  const bool is_same_host =
      after.remote.is_v6 == before.remote.is_v6 && after.remote.ip == before.remote.ip;
  if (is_same_host && after.socket == before.socket) return;
  mtu_.reset();
  mtu_probe_.reset();
  watched_.reset();
  large_lost_ = 0;
  recovery_.on_path_changed(now, mtu_.bytes());
}

void Connection::end(std::optional<Error> error) {
  if (has_ended_) return;
  has_ended_ = true;
  end_unsaid_ = true;
  services_.shut_down(error ? *error : Error{Code::closed, "the connection has ended"});
  if (!ending_) ending_ = std::make_unique<Ending>();
  ending_->error = std::move(error);
  handshake_.reset();
}

// --- outputs -------------------------------------------------------------------------------------

std::optional<Connection::Output> Connection::poll_output(Instant) {
  if (!outputs_.empty()) return outputs_.pop_front();
  if (auto output = services_.poll_output()) return std::move(*output);
  if (traffic_.bytes >= traffic_bytes || traffic_.packets >= traffic_packets) {
    return std::exchange(traffic_, Traffic{});
  }
  if (end_unsaid_) {
    end_unsaid_ = false;
    return ConnectionEnded{ending_->error ? &*ending_->error : nullptr};
  }
  return std::nullopt;
}

std::vector<ConnectionId> Connection::own_ids() const {
  std::vector<ConnectionId> ids;
  for (const OwnId& own : own_ids_) ids.push_back(own.id);
  return ids;
}

ConnectionStats Connection::stats() const {
  ConnectionStats stats;
  static_cast<ConnectionCounts&>(stats) = counts_;
  stats.state = state_;
  stats.rtt = recovery_.rtt().smoothed();
  stats.rtt_least = recovery_.rtt().least();
  stats.recovery = recovery_.stats();
  stats.epoch = send_epoch_.value_or(0);
  stats.mtu_bytes = packet_bytes();
  return stats;
}

// --- time ----------------------------------------------------------------------------------------

Duration Connection::idle_timeout() const {
  return std::min(config_.idle_timeout, peer_.idle_timeout);
}

Duration Connection::probe_timeout() const {
  return recovery_.rtt().probe_timeout(peer_.ack_delay_max, 0);
}

std::optional<Instant> Connection::next_deadline() const {
  if (state_ == State::closed) return std::nullopt;
  std::optional<Instant> next = base::soonest(pace_at_, linger_at_);
  next = base::soonest(next, base::soonest(fin_at_, gone_at_));
  next = base::soonest(next, base::soonest(release_at_, drop_keys_at_));
  if (handshake_ != nullptr) {
    next = base::soonest(next, base::soonest(handshake_->again_at, handshake_->expires_at));
  }
  if (!may_seal()) return next;
  next = base::soonest(next, last_received_at_ + idle_timeout());
  if (direction_ == Direction::outbound && !keep_alive_due_) {
    next = base::soonest(next, last_sent_at_ + config_.keep_alive);
  }
  next = base::soonest(next, services_.next_deadline());
  if (carrier_ == Carrier::ordered) return next;
  next = base::soonest(next, recovery_.next_deadline());
  next = base::soonest(next, received_.next_deadline());
  next = base::soonest(next, paths_.next_deadline());
  // In other states nobody would ask it, and a deadline that passed would come again and again.
  if (!may_probe_mtu()) return next;
  return base::soonest(next, mtu_.next_deadline());
}

void Connection::on_deadline(Instant now) {
  if (state_ == State::closed) return;
  const auto is_due = [&](const std::optional<Instant>& at) { return at && *at <= now; };
  if (handshake_ != nullptr) on_time_of_handshake(now);
  if (is_due(gone_at_)) {
    step(State::closed);
    return;
  }
  if (is_due(linger_at_)) {
    // Both have said all and had it acknowledged; only that our FIN arrived is not known.
    if (state_ == State::closing || state_ == State::last_ack) {
      step(State::closed);
      return end(std::nullopt);
    }
    return abort(now, Code::timeout, "not all was acknowledged before the close",
                 Error{Code::timeout, "the peer did not acknowledge all before the close"});
  }
  if (is_due(pace_at_)) pace_at_.reset();
  if (is_due(release_at_)) release(now);
  if (is_due(drop_keys_at_)) {
    drop_keys_at_.reset();
    std::erase_if(keys_, [&](const EpochKeys& keys) { return keys.epoch < send_epoch_; });
  }
  if (!may_seal()) return;
  if (now - last_received_at_ >= idle_timeout()) {
    return expire(
        now, base::format("nothing came from the peer for {} ms", base::to_ms(idle_timeout())));
  }
  if (direction_ == Direction::outbound && now - last_sent_at_ >= config_.keep_alive) {
    keep_alive_due_ = true;
  }
  services_.on_deadline(now);
  if (carrier_ == Carrier::datagrams && is_due(recovery_.next_deadline())) {
    on_news(now, recovery_.on_deadline(now));
  }
  look_after_close(now);
}

void Connection::on_time_of_handshake(Instant now) {
  if (handshake_->expires_at <= now) {
    const bool is_shaking = state_ == State::syn_sent || state_ == State::syn_received;
    if (is_shaking) return expire(now, "the handshake was not done in time");
    handshake_.reset();  // only kept to answer what is said twice
    return;
  }
  if (!handshake_->again_at || *handshake_->again_at > now) return;
  handshake_->again_at.reset();
  handshake_->unsent = 1;
  handshake_->wait = std::min(2 * handshake_->wait, config_.handshake_retry_max);
}

void Connection::on_news(Instant now, const RecoveryNews& news) {
  if (news.is_connection_lost) {
    return expire(now, base::format("no answer to {} probes", config_.recovery.probes_max));
  }
  // A slow path is no reason to give up what goes on arriving.
  if (linger_at_ && !news.acked.empty()) {
    linger_at_ = std::min(now + config_.linger, lingers_until_);
  }
  services_.on_acked(now, news.acked);
  services_.on_lost(now, news.lost);
  for (const FrameNote& note : news.acked) {
    if (note.kind == FrameNote::Kind::session) session_.on_acked(note);
    if (note.kind == FrameNote::Kind::ack) received_.on_ack_of_ack(note.offset);
  }
  for (const FrameNote& note : news.lost) {
    if (note.kind == FrameNote::Kind::session) session_.on_lost(note);
    if (note.kind == FrameNote::Kind::retire_id) retiring_.push_back(note.offset);
    if (note.kind != FrameNote::Kind::new_id) continue;
    const auto own = std::ranges::find(own_ids_, note.offset, &OwnId::sequence);
    if (own != own_ids_.end()) announcing_.push_back(*own);
  }
  if (news.is_probe_due) {
    probes_owed_ = 2;
    if (++probes_in_a_row_ == 3 && mtu_.bytes() > config_.mtu.bytes_min) shrink(now);
  }
  if (news.largest_newly_acked) {
    probes_in_a_row_ = 0;
    services_.set_round_trip(recovery_.rtt().smoothed());
  }
  if (mtu_probe_ && news.mtu_probe_acked == mtu_probe_) {
    mtu_.on_probe_acked(now);
    mtu_probe_.reset();
    recovery_.on_packet_bytes(mtu_.bytes());
  } else if (mtu_probe_ && news.mtu_probe_lost == mtu_probe_) {
    mtu_.on_probe_lost(now);
    mtu_probe_.reset();
  }
}

/// Large packets do not arrive: back to those that every path carries.
void Connection::shrink(Instant now) {
  mtu_.on_black_hole(now);
  mtu_probe_.reset();
  watched_.reset();
  large_lost_ = 0;
  recovery_.on_packet_bytes(mtu_.bytes());
}

/// Nothing has happened for a while: rings and bits go.
void Connection::release(Instant now) {
  release_at_.reset();
  // What came stays known for as long as the peer may ask whether it did.
  const Duration quiet = std::max(config_.release_after, 3 * probe_timeout());
  const Instant at = std::max(last_received_at_, last_sent_at_) + quiet;
  if (now < at) {
    release_at_ = at;
    return;
  }
  if (recovery_.stats().bytes_in_flight > 0 || received_.has_news()) return;
  recovery_.release();
  received_.release();
  session_.release();
  notes_ = {};
  if (announcing_.empty()) announcing_ = {};
  if (retiring_.empty()) retiring_ = {};
  services_.release();
  if (outputs_.empty()) outputs_.release();
}

}  // namespace kith::packet
