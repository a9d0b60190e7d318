// What a connection does with a packet: opened, checked against the table, frames taken.
#include <algorithm>
#include <span>

#include "base/assert.h"
#include "base/endian.h"
#include "base/format.h"
#include "codec/printable.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "packet/connection.h"

namespace kith::packet {
namespace {

/// At most so many of the peer's ids are live.
constexpr std::size_t live_ids_max = 4;
/// So many large packets, of which each was looked for after the one before, mean a black hole: by
/// chance it takes a path that loses a third, and some ten thousand round trips.
constexpr std::uint8_t large_lost_max = 8;
constexpr std::uint32_t cookies_max = 16;
/// RFC 9001, 6.6: with so many that did not open, a key is no good any more.
constexpr std::uint64_t unopened_max_chacha = std::uint64_t{1} << 36;
constexpr std::uint64_t unopened_max_gcm = std::uint64_t{1} << 52;

std::uint64_t unopened_max(crypto::CipherId cipher) {
  switch (cipher) {
    case crypto::CipherId::aes_256_gcm: return unopened_max_gcm;
    case crypto::CipherId::chacha20_poly1305: return unopened_max_chacha;
  }
  UNREACHABLE();
}

Code code_of(std::uint16_t wire) {
  const auto code = static_cast<Code>(wire);
  return base::name_of(code) == base::name_of(Code{}) ? Code::reset : code;
}

/// Whether a peer may still say it after its FIN. All that it said of its own streams and messages
/// was acknowledged before: of that only what was sent twice can come, and is not looked at.
bool is_about_ours(const Frame& frame) {
  return std::holds_alternative<CreditFrame>(frame) ||
         std::holds_alternative<StopSendingFrame>(frame);
}

}  // namespace

bool Connection::on_packet(Instant now, const Path& path, const Header& header, ByteSpan packet,
                           base::Ecn ecn) {
  if (state_ == State::closed) return true;
  ++counts_.packets_received;
  counts_.bytes_received += packet.size();
  paths_.on_received(path, packet.size());
  if (!header.has(flag_sealed)) return on_unsealed(now, header, packet);
  return on_sealed(now, path, header, packet, ecn);
}

void Connection::on_batch_end(Instant now) {
  received_.on_batch_end(now, recovery_.rtt().smoothed());
  if (!release_at_) release_at_ = now + config_.release_after;
  look_after_close(now);
}

// --- handshake -----------------------------------------------------------------------------------

/// SYN and SYN_ACK. Of a message that our session has answered already the answer is said again.
bool Connection::on_unsealed(Instant now, const Header& header, ByteSpan packet) {
  const Step step = step_of(state_, header.type, false);
  if (step.action == Action::hint) {
    return on_hint(now, packet.subspan(header_bytes)) || drop_unsealed(now);
  }
  const auto part = decode_handshake(packet.subspan(header_bytes));
  const bool is_ours = header.type == PacketType::syn ? direction_ == Direction::inbound
                                                      : direction_ == Direction::outbound;
  if (step.action != Action::handshake || handshake_ == nullptr || !part || !is_ours) {
    return drop_unsealed(now);
  }
  if (part->message == cookie_message) {
    on_cookie(part->cookie);
    return true;
  }
  const bool is_even = part->message % 2 == 0;
  if (is_even != (direction_ == Direction::inbound)) return drop_unsealed(now);
  const bool has_said = !handshake_->bytes.empty();
  if (has_said && handshake_->message > part->message) {
    const bool is_last = handshake_->message == part->message + 1;
    // Another HELLO (without a ticket that nobody answered) is the session's to look at.
    const bool is_news =
        is_last && part->message == 0 && !base::equal(part->bytes, handshake_->hello);
    if (!is_news) {
      if (is_last && direction_ == Direction::inbound) handshake_->unsent = 1;
      return true;
    }
  }
  // The first one that names itself: later ones cannot change whom we speak to but by a message
  // that the session takes, which holds what was said before.
  if (part->message == 1 && state_ == State::syn_sent) peer_id_ = part->sender;
  if (const auto whole = handshake_->assembly.take(header, *part)) {
    if (part->message == 0) handshake_->hello = base::to_bytes(*whole);
    outputs_.push_back(HandshakeArrived{part->message, *whole});
    return false;
  }
  return true;
}

/// Anybody can say such a packet, but on an ordered carrier.
bool Connection::drop_unsealed(Instant now) {
  ++counts_.packets_dropped;
  if (carrier_ == Carrier::ordered) {
    fault(now, {Code::protocol, "an unsealed packet that does not belong here"});
  }
  return true;
}

void Connection::on_cookie(ByteView cookie) {
  const bool is_wanted = state_ == State::syn_sent && handshake_ != nullptr &&
                         handshake_->message == 0 && cookie.size() == cookie_bytes;
  // Each is answered at once by a long packet, and anybody can say them.
  if (!is_wanted || ++handshake_->cookies > cookies_max) return;
  handshake_->cookie = base::to_bytes(cookie);
  handshake_->unsent = 1;
  handshake_->wait = config_.handshake_retry;
}

bool Connection::on_hint(Instant now, ByteView payload) {
  if (payload.size() != hint_payload_bytes || payload[0] != bare_hint) return false;
  if (state_ != State::syn_sent || handshake_ == nullptr) return false;
  if (handshake_->hint) return true;
  const auto code = static_cast<Code>(base::load_big_endian<std::uint16_t>(payload, 1));
  // Of the rest nothing follows, so it was no peer who said it.
  if (code != Code::refused && code != Code::unsupported) return false;
  handshake_->hint = code;
  // A ticket costs nothing to leave out, and what is said without it may yet be answered.
  if (code != Code::refused) {
    handshake_->expires_at = std::min(handshake_->expires_at, now + hint_wait_after);
  }
  outputs_.push_back(HintArrived{code});
  return true;
}

bool Connection::is_reset_token(ByteView token) const {
  return has_peer_token_ && crypto::equal_in_constant_time(token, peer_token_);
}

void Connection::on_stateless_reset() {
  if (state_ == State::closed) return;
  // Both had said all, and the peer's TIME_WAIT is over.
  const bool is_done =
      state_ == State::closing || state_ == State::last_ack || state_ == State::time_wait;
  step(State::closed);
  if (is_done) return end(std::nullopt);
  end(Error{Code::reset, "the peer does not know this connection any more"});
}

// --- sealed packets ------------------------------------------------------------------------------

Connection::EpochKeys* Connection::keys_for(std::uint8_t wire_epoch) {
  for (EpochKeys& keys : keys_) {
    if (static_cast<std::uint8_t>(keys.epoch) == wire_epoch && keys.receive) return &keys;
  }
  return nullptr;
}

const Connection::OwnId* Connection::own_id(ConnectionId id) const {
  for (const OwnId& own : own_ids_) {
    if (own.id == id) return &own;
  }
  return nullptr;
}

std::optional<PacketNumber> Connection::number_of(const Header& header) const {
  const OwnId* own = own_id(header.id);
  if (own == nullptr) return std::nullopt;
  if (carrier_ == Carrier::ordered) {
    const bool is_next = header.number == wire_number(ordered_expected_, own->offset);
    return is_next ? std::optional(ordered_expected_) : std::nullopt;
  }
  return number_from_wire(header.number, own->offset, received_.expected());
}

bool Connection::opens(Instant now, EpochKeys& keys, PacketNumber number, ByteSpan packet) {
  if (keys.receive->open(number, packet.first(header_bytes), packet.subspan(header_bytes))) {
    return true;
  }
  ++counts_.packets_dropped;
  if (++keys.unopened >= unopened_max(keys.receive->id())) {
    fault(now, {Code::limit, "too many packets that do not open under one key"});
  } else if (carrier_ == Carrier::ordered) {
    fault(now, {Code::bad_signature, base::format("packet {} does not open", number)});
  }
  return false;
}

bool Connection::on_sealed(Instant now, const Path& path, const Header& header, ByteSpan packet,
                           base::Ecn ecn) {
  EpochKeys* keys = keys_for(header.epoch);
  const auto number = number_of(header);
  const bool is_fresh = number && (carrier_ == Carrier::ordered || received_.may_take(*number));
  if (keys == nullptr || !is_fresh) {
    ++counts_.packets_dropped;
    if (carrier_ == Carrier::ordered) {
      fault(now, {Code::protocol, "a packet out of its order, or of unknown keys"});
    }
    return true;
  }
  if (!opens(now, *keys, *number, packet)) return true;
  last_received_at_ = now;
  if (!keys->was_opened) {
    keys->was_opened = true;
    outputs_.push_back(EpochOpened{keys->epoch});
  }
  if (carrier_ == Carrier::ordered) {
    ++ordered_expected_;
  } else {
    const bool is_newest = *number >= received_.expected();
    received_.on_packet(now, *number, header, ecn);
    on_path(now, path, packet.size(), is_newest);
  }
  services_.on_window(header.window);

  const Step step = step_of(state_, header.type, true);
  if (step.action == Action::drop) {
    ++counts_.packets_dropped;
    return true;
  }
  // In TIME_WAIT only the answer to a FIN that was said twice matters.
  const bool has_services = may_seal() && state_ != State::time_wait;
  const ByteView payload = packet.subspan(header_bytes, packet.size() - header_bytes - tag_bytes);
  bool goes_on = true;
  if (has_services) {
    const bool may_be_new = step.action != Action::acknowledge;
    auto taken = take_payload(now, path, header, payload, may_be_new);
    if (!taken) {
      fault(now, taken.error());
      return true;
    }
    goes_on = *taken;
  }
  if (state_ != State::closed) on_step(now, step);
  return goes_on;
}

/// What the table says beside the frames.
void Connection::on_step(Instant now, const Step& step) {
  switch (step.action) {
    case Action::take_fin:
      fin_ack_owed_ = true;
      is_closing_ = true;
      if (!linger_at_) begin_lingering(now);
      break;
    case Action::fin_done: fin_at_.reset(); break;
    case Action::end:  // without a CLOSE, or in TIME_WAIT, where that is not read
      state_ = step.next;
      return end(Error{Code::reset, "the peer ended the connection"});
    case Action::drop:
    case Action::cookie:
    case Action::handshake:
    case Action::take:
    case Action::acknowledge:
    case Action::hint: break;
  }
  if (step.next == state_) return;
  state_ = step.next;
  if (state_ == State::time_wait) wait_after_close(now);
  if (state_ == State::closed) end(std::nullopt);
}

void Connection::on_path(Instant now, const Path& path, std::size_t bytes, bool is_newest) {
  if (!is_newest) return;
  paths_.on_newest_from(now, path, bytes, rng_);
}

// --- frames --------------------------------------------------------------------------------------

Result<bool> Connection::take_payload(Instant now, const Path& path, const Header& header,
                                      ByteView payload, bool may_be_new) {
  if (header.type == PacketType::fragment) {
    if (!may_be_new) return true;  // an old one that came twice
    TRY_VOID(services_.on_fragment(now, header, payload));
    return true;
  }
  PacketNumber acked = 0;
  if (header.has(flag_ack)) {
    // The ack is hidden by the same offset as the packet's own number.
    const auto number = number_from_wire(header.ack, own_id(header.id)->offset, sealed_end_);
    if (!number) return fail(Code::protocol, "an acknowledgement of a number that cannot be");
    acked = *number;
  }
  bool has_ack_frame = false;
  FrameCursor cursor(header, acked, payload);
  while (true) {
    auto frame = cursor.next();
    if (!frame) return fail(std::move(frame).error());
    if (*frame == nullptr) break;
    has_ack_frame = has_ack_frame || std::holds_alternative<AckFrame>(**frame);
    TRY_VOID(take_frame_of(now, path, **frame, may_be_new));
    if (state_ == State::closed) return true;
  }
  if (header.has(flag_ack) && !has_ack_frame) {
    AckFrame alone;
    alone.ranges[0] = {acked, acked};
    alone.count = 1;
    TRY_VOID(on_ack(now, alone));
  }
  // Of all frames together: the next one might move what was there.
  if (state_ == State::closed || !session_.has_arrived()) return true;
  outputs_.push_back(SessionArrived{session_.take_arrived()});
  return false;
}

Result<void> Connection::take_frame_of(Instant now, const Path& path, const Frame& frame,
                                       bool may_be_new) {
  if (const auto* ack = std::get_if<AckFrame>(&frame)) {
    return on_ack(now, *ack);
  }
  if (const auto* said = std::get_if<SessionFrame>(&frame)) {
    return session_.on_frame(*said);
  }
  if (const auto* ping = std::get_if<PingFrame>(&frame)) {
    const Path before = paths_.current();
    if (!ping->is_answer) {
      // Whoever asks from elsewhere is answered there even when a slower path let newer packets by.
      paths_.on_newest_from(now, path, header_bytes + 9 + tag_bytes, rng_);
      paths_.on_ping(path, ping->data);
    } else if (paths_.on_pong(path, ping->data)) {
      on_path_changed(now, before);
    }
    return {};
  }
  if (const auto* id = std::get_if<NewIdFrame>(&frame)) {
    return on_new_id(*id);
  }
  if (const auto* id = std::get_if<RetireIdFrame>(&frame)) {
    return on_retire_id(*id);
  }
  if (const auto* said = std::get_if<CloseFrame>(&frame)) {
    step(State::closed);
    end(Error{code_of(said->code),
              base::format("the peer ended the connection: {}",
                           codec::printable(base::as_text(said->reason), close_reason_bytes_max))});
    return {};
  }
  if (std::holds_alternative<PaddingFrame>(frame) || std::holds_alternative<FinFrame>(frame)) {
    return {};
  }
  if (!may_be_new && !is_about_ours(frame)) return {};
  return services_.on_frame(now, frame);
}

Result<void> Connection::on_ack(Instant now, const AckFrame& ack) {
  if (carrier_ == Carrier::ordered) return {};
  auto news = recovery_.on_ack(now, ack, peer_.ack_delay_max);
  if (!news) return fail(std::move(news).error());
  on_news(now, *news);
  watch_large(now, ack);
  return {};
}

/// Small packets arrive and large ones do not: no probe timeout would tell.
void Connection::watch_large(Instant now, const AckFrame& ack) {
  if (!watched_ || ack.ranges[0].last < *watched_) return;
  const auto ranges = std::span(ack.ranges).first(ack.count);
  const bool has_arrived = std::ranges::any_of(ranges, [&](const NumberRange& range) {
    return range.first <= *watched_ && *watched_ <= range.last;
  });
  if (!has_arrived && ack.ranges[0].last - *watched_ < recovery_.reorder_packets()) return;
  watched_.reset();
  large_lost_ = has_arrived ? std::uint8_t{0} : static_cast<std::uint8_t>(large_lost_ + 1);
  if (large_lost_ >= large_lost_max) shrink(now);
}

Result<void> Connection::on_new_id(const NewIdFrame& frame) {
  if (frame.sequence == peer_id_sequence_) {
    if (frame.id != peer_id_) {
      return fail(Code::protocol, base::format("connection id {} has two values", frame.sequence));
    }
    peer_token_ = frame.token;
    has_peer_token_ = true;
    return {};
  }
  // Of one that was used up already: said twice.
  if (frame.sequence < peer_id_sequence_) return {};
  const auto known = std::ranges::find(spare_ids_, frame.sequence, &RemoteId::sequence);
  if (known != spare_ids_.end()) {
    if (known->id == frame.id) return {};
    return fail(Code::protocol, base::format("connection id {} has two values", frame.sequence));
  }
  if (spare_ids_.size() + 1 >= live_ids_max) {
    return fail(Code::protocol, base::format("over {} connection ids", live_ids_max));
  }
  spare_ids_.push_back({frame.sequence, frame.id, frame.token});
  std::ranges::sort(spare_ids_, {}, &RemoteId::sequence);
  return {};
}

Result<void> Connection::on_retire_id(const RetireIdFrame& frame) {
  if (frame.sequence >= next_id_sequence_) {
    return fail(Code::protocol,
                base::format("connection id {} given back and never given", frame.sequence));
  }
  const auto own = std::ranges::find(own_ids_, frame.sequence, &OwnId::sequence);
  if (own == own_ids_.end() || own_ids_.size() == 1 || ids_ == nullptr) return {};
  ids_->give_back(own->id);
  std::erase_if(announcing_, [&](const OwnId& id) { return id.sequence == frame.sequence; });
  own_ids_.erase(own);
  if (const auto id = ids_->take_id(slot_)) {
    own_ids_.push_back({next_id_sequence_++, *id, offset_of(receive_offset_key_, *id)});
    announcing_.push_back(own_ids_.back());
  }
  return {};
}

}  // namespace kith::packet
