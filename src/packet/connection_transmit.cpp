// What a connection sends: a batch of equal packets, each laid down, filled and sealed where it
// leaves from.
#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/endian.h"
#include "packet/connection.h"

namespace kith::packet {
namespace {

/// What the kernel takes at once (UDP_MAX_SEGMENTS was 64 before 6.9), and in bytes.
constexpr std::size_t segments_max = 64;
constexpr std::size_t batch_bytes_max = 65'507;
/// Every so many acknowledgements one asks to be acknowledged, so that old ranges need not be told
/// for ever.
constexpr std::uint8_t quiet_acks_max = 16;
constexpr Duration fin_wait = 250ms;
/// Header and tag.
constexpr std::size_t sealed_overhead = header_bytes + tag_bytes;
/// A packet of a PING or PONG alone.
constexpr std::size_t ping_bytes = sealed_overhead + 1 + sizeof(PingData);

}  // namespace

// --- what there is to say ------------------------------------------------------------------------

bool Connection::may_seal() const { return state_ != State::closed && send_epoch_.has_value(); }

bool Connection::is_fin_due(Instant now) const { return fin_at_ && *fin_at_ <= now; }

bool Connection::may_probe_mtu() const {
  return carrier_ == Carrier::datagrams && state_ == State::established &&
         recovery_.rtt().has_sample();
}

bool Connection::is_mtu_probe_due(Instant now) const {
  return may_probe_mtu() && mtu_.probe_due(now).has_value();
}

bool Connection::has_own_frames() const {
  return session_.has_pending() || !announcing_.empty() || !retiring_.empty();
}

bool Connection::has_data() const { return has_own_frames() || services_.has_pending(); }

bool Connection::has_transmit(Instant now) {
  if (error_unsent_) return true;
  if (handshake_ != nullptr && (handshake_->unsent > 0 || handshake_->hint_unsent)) return true;
  if (!may_seal()) return false;
  if (fin_ack_owed_ || is_fin_due(now)) return true;
  if (paths_.has_answer() || paths_.has_question(now)) return true;
  if (keep_alive_due_ || probes_owed_ > 0) return true;
  if (carrier_ == Carrier::ordered) return has_data();
  if (received_.is_ack_due(now) || is_mtu_probe_due(now)) return true;
  if (!has_data()) return false;
  const Recovery::Allowance may_leave = allowance(now);
  pace_at_ = may_leave.again_at;
  return may_leave.bytes > 0;
}

/// However slow the path is thought to be: with nothing in flight a packet leaves each probe
/// timeout, so that there is something to measure.
Recovery::Allowance Connection::allowance(Instant now) const {
  Recovery::Allowance may_leave = recovery_.allowance(now);
  const bool is_stuck =
      may_leave.bytes == 0 && may_leave.again_at && recovery_.packets_in_flight() == 0;
  if (!is_stuck) return may_leave;
  const Instant at = last_sent_at_ + probe_timeout();
  if (at <= now) return {.bytes = packet_bytes(), .again_at = {}};
  may_leave.again_at = std::min(*may_leave.again_at, at);
  return may_leave;
}

std::size_t Connection::packet_bytes() const {
  if (carrier_ == Carrier::datagrams) return mtu_.bytes();
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(peer_.packet_bytes_max, packet_bytes_max));
}

bool Connection::is_ect() const { return carrier_ == Carrier::datagrams && recovery_.uses_ecn(); }

base::DatagramsOut Connection::poll_packets(Instant now, ByteSpan room) {
  if (error_unsent_) {
    error_unsent_ = false;
    std::ranges::copy(ending_->packet, room.begin());
    return single(now, paths_.current(), ending_->packet.size());
  }
  if (handshake_ != nullptr && handshake_->hint_unsent) {
    return single(now, paths_.current(), write_hint(room));
  }
  if (handshake_ != nullptr && handshake_->unsent > 0) {
    if (const auto out = poll_handshake(room); out.bytes > 0) {
      if (handshake_->unsent == 0 && direction_ == Direction::outbound &&
          carrier_ == Carrier::datagrams) {
        handshake_->again_at = now + handshake_->wait;
      }
      return out;
    }
  }
  if (!may_seal()) return {};
  if (sending_keys() == nullptr) {
    step(State::closed);
    end(Error{Code::limit, "the key has sealed as many packets as one may"});
    return {};
  }
  if (const auto out = poll_control(now, room); out.bytes > 0) return out;
  const auto out = poll_batch(now, room);
  // What is written there counts as acknowledged.
  if (carrier_ == Carrier::ordered) look_after_close(now);
  return out;
}

base::DatagramsOut Connection::single(Instant now, const Path& path, std::size_t bytes) {
  if (bytes == 0) return {};
  last_sent_at_ = now;
  paths_.on_sent(path, bytes);
  return along(path, bytes, bytes);
}

/// Far shorter than the HELLO that it is about.
std::size_t Connection::write_hint(ByteSpan room) {
  const auto code = static_cast<std::uint16_t>(*std::exchange(handshake_->hint_unsent, {}));
  const std::size_t size = header_bytes + hint_payload_bytes;
  room[header_bytes] = bare_hint;
  base::store_big_endian<std::uint16_t>(room, header_bytes + 1, code);
  encode_header({.type = PacketType::error, .id = peer_id_, .payload_bytes = hint_payload_bytes},
                room.first(size));
  return size;
}

/// One packet of our handshake's last message.
base::DatagramsOut Connection::poll_handshake(ByteSpan room) {
  const HandshakeOut out{
      .type = direction_ == Direction::outbound ? PacketType::syn : PacketType::syn_ack,
      .to = peer_id_,
      .own = own_ids_.front().id,
      .message = handshake_->message,
      .cookie = handshake_->message == 0 ? ByteView(handshake_->cookie) : ByteView(),
      .bytes = handshake_->bytes};
  const std::size_t size = carrier_ == Carrier::ordered
                               ? header_bytes + handshake_front_bytes + handshake_->bytes.size()
                               : std::min(syn_bytes, room.size());
  const std::size_t packets = out.packets(size);
  if (packets > handshake_fragments_max || handshake_->bytes.empty()) {
    handshake_->unsent = 0;
    return {};
  }
  const std::size_t index = handshake_->unsent - 1;
  if (paths_.allowance(paths_.current()) < size) {
    // Until more has come from there: SYNs are long, and what the peer repeats lets us repeat.
    if (direction_ == Direction::inbound) {
      handshake_->unsent = 0;
      return {};
    }
  }
  const std::size_t bytes = out.write(index, size, room);
  handshake_->unsent = index + 1 < packets ? handshake_->unsent + 1 : 0;
  const Path& path = paths_.current();
  paths_.on_sent(path, bytes);
  ++counts_.packets_sent;
  counts_.bytes_sent += bytes;
  return along(path, bytes, bytes);
}

// --- packets with one frame ----------------------------------------------------------------------

base::DatagramsOut Connection::poll_control(Instant now, ByteSpan room) {
  const std::size_t least = config_.mtu.bytes_min;
  const ByteSpan small = room.first(std::min(room.size(), least));
  while (const auto answer = paths_.take_answer()) {
    if (paths_.allowance(answer->path) < ping_bytes) continue;
    const std::size_t size =
        write_control(now, small, PacketType::pong, PingFrame{answer->data, true}, 0);
    return single(now, answer->path, size);
  }
  if (const auto question = paths_.take_question(now, probe_timeout())) {
    if (paths_.allowance(question->path) >= ping_bytes) {
      const std::size_t size =
          write_control(now, small, PacketType::ping, PingFrame{question->data, false}, 0);
      return single(now, question->path, size);
    }
  }
  const Path& path = paths_.current();
  if (fin_ack_owed_) {
    fin_ack_owed_ = false;
    return single(now, path, write_control(now, small, PacketType::fin_ack, FinFrame{}, 0));
  }
  if (is_fin_due(now)) {
    // Not rarer than that, so that the other side's TIME_WAIT sees some of them.
    const Duration wait = probe_timeout();
    fin_at_ = now + std::min(wait * (1 << std::min(fin_tries_++, 10U)), std::max(wait, fin_wait));
    return single(now, path, write_control(now, small, PacketType::fin, FinFrame{}, 0));
  }
  if (keep_alive_due_ && carrier_ == Carrier::ordered) {
    keep_alive_due_ = false;
    PingData data;
    rng_.fill(data);
    return single(now, path,
                  write_control(now, small, PacketType::ping, PingFrame{data, false}, 0));
  }
  if (is_mtu_probe_due(now)) {
    const std::size_t size = *mtu_.probe_due(now);
    if (size > room.size()) return {};
    mtu_.on_probe_sent();
    mtu_probe_ = sealed_end_;  // set right below: numbers may be skipped
    PingData data;
    rng_.fill(data);
    return single(
        now, path,
        write_control(now, room.first(size), PacketType::ping, PingFrame{data, false}, size, true));
  }
  return {};
}

std::size_t Connection::write_control(Instant now, ByteSpan room, PacketType type,
                                      const Frame& frame, std::size_t padded_to,
                                      bool is_mtu_probe) {
  if (room.size() <= sealed_overhead || sending_keys() == nullptr) return 0;
  notes_.clear();
  Header header{.type = type, .id = peer_id_};
  FrameWriter writer(room.subspan(header_bytes, room.size() - sealed_overhead));
  if (type == PacketType::fin_ack && received_.has_news()) write_ack(now, writer, header);
  if (!writer.write(frame)) return 0;
  if (is_mtu_probe) header.flags |= flag_reliable | flag_ack_now;
  std::size_t plain = writer.size();
  if (padded_to > sealed_overhead + plain) {
    const std::size_t padded = padded_to - sealed_overhead;
    std::ranges::fill(room.subspan(header_bytes + plain, padded - plain), std::uint8_t{0});
    plain = padded;
  }
  return seal(now, room, header, plain, is_mtu_probe);
}

// --- batches -------------------------------------------------------------------------------------

base::DatagramsOut Connection::poll_batch(Instant now, ByteSpan room) {
  const Path& path = paths_.current();
  std::uint64_t allowed = std::numeric_limits<std::uint64_t>::max();
  std::optional<Instant> again_at;
  if (carrier_ == Carrier::datagrams) {
    const Recovery::Allowance may_leave = allowance(now);
    allowed = std::min(may_leave.bytes, paths_.allowance(path));
    again_at = may_leave.again_at;
  }
  const std::size_t batch_max =
      carrier_ == Carrier::ordered ? 1 : std::min(segments_max, batch_bytes_max / packet_bytes());
  const std::size_t longest = std::min(packet_bytes(), room.size());
  std::size_t used = 0, segment = 0;
  for (std::size_t packets = 0; packets < batch_max; ++packets) {
    const std::size_t size_max = segment == 0 ? longest : segment;
    if (room.size() - used < size_max) break;
    const std::size_t size = write_packet(now, room.subspan(used, size_max), longest, allowed);
    if (size == 0) break;
    used += size;
    if (segment == 0) segment = size;
    allowed -= std::min<std::uint64_t>(allowed, size);
    if (size < segment || room.size() - used < segment) break;
    // Packets of the size of a short one would cut into pieces what fits a long one. Fragments have
    // their size by themselves.
    const bool is_short = segment * 4 < packet_bytes() * 3;
    if (is_short && (!is_fragment_ || is_last_fragment_)) break;
  }
  pace_at_.reset();
  if (carrier_ == Carrier::datagrams && has_data()) {
    if (allowed == 0) pace_at_ = again_at ? again_at : allowance(now).again_at;
  } else if (allowed > 0 && used > 0) {
    recovery_.on_application_limited();
  }
  if (used == 0) return {};
  last_sent_at_ = now;
  paths_.on_sent(path, used);
  if (!release_at_) release_at_ = now + config_.release_after;
  base::DatagramsOut out = along(path, used, segment);
  if (is_ect()) out.ecn = base::Ecn::ect0;
  return out;
}

/// One packet of at most `room`; 0: nothing may be said now. What only those of `longest` bytes
/// hold waits for one: behind a shorter packet of a batch there is room for such alone.
std::size_t Connection::write_packet(Instant now, ByteSpan room, std::size_t longest,
                                     std::uint64_t allowed) {
  EpochKeys* keys = sending_keys();
  if (keys == nullptr || room.size() <= sealed_overhead + 16) return 0;
  const bool is_ack_due = carrier_ == Carrier::datagrams && received_.is_ack_due(now);
  const bool may_be_reliable = allowed > 0 || probes_owed_ > 0;
  if (!is_ack_due) {
    if (!may_be_reliable && !keep_alive_due_) return 0;
    if (!has_data() && probes_owed_ == 0 && !keep_alive_due_) return 0;
    if (!has_own_frames() && allowed > 0) {
      if (const auto fragment = services_.next_fragment(now, room.size() - sealed_overhead,
                                                        longest - sealed_overhead)) {
        return write_fragment(now, room, *fragment);
      }
    }
  }
  return write_frames(now, room, longest, may_be_reliable ? allowed : 0);
}

std::size_t Connection::write_fragment(Instant now, ByteSpan room, const FragmentOut& fragment) {
  notes_.clear();
  notes_.push_back(fragment.note);
  is_fragment_ = true;
  is_last_fragment_ = fragment.index + 1 == fragment.total;
  Header header{.type = PacketType::fragment,
                .flags = flag_reliable | flag_fragmented,
                .id = peer_id_,
                .fragment_id = static_cast<std::uint16_t>(fragment.message),
                .fragment_index = fragment.index,
                .fragment_total = fragment.total};
  if (fragment.is_compressed) header.flags |= flag_compressed;
  if (fragment.index + 1 == fragment.total) {
    header.flags |= flag_last_fragment;
    if (!has_data()) header.flags |= flag_ack_now;
  }
  const ByteSpan payload = room.subspan(header_bytes);
  ASSERT(4 + fragment.data.size() + tag_bytes <= payload.size());
  base::store_big_endian(payload, 0, fragment.message_bytes);
  std::ranges::copy(fragment.data, payload.begin() + 4);
  ++traffic_.messages;
  return seal(now, room, header, 4 + fragment.data.size());
}

std::size_t Connection::write_frames(Instant now, ByteSpan room, std::size_t longest,
                                     std::uint64_t allowed) {
  notes_.clear();
  is_fragment_ = false;
  Header header{.type = PacketType::data, .id = peer_id_};
  FrameWriter writer(room.subspan(header_bytes, room.size() - sealed_overhead));
  if (carrier_ == Carrier::datagrams && received_.has_news()) write_ack(now, writer, header);
  const std::size_t ack_bytes = writer.size();
  const bool may_be_reliable = allowed > 0 || probes_owed_ > 0;
  bool is_said_again = false;
  if (may_be_reliable) {
    fill_own(writer);
    is_said_again = services_.fill(now, writer, longest - sealed_overhead, notes_);
  }
  // A keep-alive is so small that no window keeps it back.
  const bool asks_anyway =
      keep_alive_due_ || (may_be_reliable && (probes_owed_ > 0 || quiet_acks_ >= quiet_acks_max));
  if (writer.size() == ack_bytes && asks_anyway) {
    PingData data;
    rng_.fill(data);
    if (!writer.write(PingFrame{data, false})) return 0;
  }
  if (writer.size() == 0) return 0;
  const bool is_reliable = writer.size() > ack_bytes;
  if (is_said_again) ++counts_.packets_resent;
  header.type = is_said_again ? PacketType::retransmit : type_of(writer, is_reliable);
  if (is_reliable) {
    header.flags |= flag_reliable;
    const bool is_last = !has_data() || allowed <= room.size();
    if (is_last || probes_owed_ > 0) header.flags |= flag_ack_now;
    if (probes_owed_ > 0) --probes_owed_;
    keep_alive_due_ = false;
    quiet_acks_ = 0;
  } else {
    ++quiet_acks_;
  }
  for (const FrameNote& note : notes_) {
    if (note.kind == FrameNote::Kind::message) ++traffic_.messages;
  }
  return seal(now, room, header, writer.size());
}

PacketType Connection::type_of(const FrameWriter& writer, bool is_reliable) const {
  if (!is_reliable) return PacketType::ack;
  if (writer.fits(PacketType::flow_control)) return PacketType::flow_control;
  if (writer.fits(PacketType::ping)) return PacketType::ping;
  return PacketType::data;
}

void Connection::write_ack(Instant now, FrameWriter& writer, Header& header) {
  const AckFrame ack = received_.take_ack(now);
  if (ack.count == 0 || !writer.write(ack)) return;
  header.flags |= flag_ack;
  header.ack = wire_number(ack.ranges[0].last, send_offset_);
  // Once this is heard, what was told need not be told again: all of it, or with more ranges than a
  // frame holds what is above those that were left out.
  const bool is_all = ack.count < ack_ranges_max;
  notes_.push_back({FrameNote::Kind::ack, 0, 0, 0,
                    is_all ? ack.ranges[0].last : ack.ranges[ack.count - 1].first});
}

/// Session bytes, ids: before anything of the services.
void Connection::fill_own(FrameWriter& writer) {
  session_.fill(writer, notes_);
  while (!announcing_.empty()) {
    const OwnId& own = announcing_.back();
    const ResetToken token = ids_->token_of(own.id, paths_.current().remote);
    if (!writer.write(NewIdFrame{own.sequence, own.id, token})) return;
    notes_.push_back({FrameNote::Kind::new_id, 0, 0, 0, own.sequence});
    announcing_.pop_back();
  }
  while (!retiring_.empty()) {
    if (!writer.write(RetireIdFrame{retiring_.back()})) return;
    notes_.push_back({FrameNote::Kind::retire_id, 0, 0, 0, retiring_.back()});
    retiring_.pop_back();
  }
}

Connection::EpochKeys* Connection::sending_keys() {
  for (EpochKeys& keys : keys_) {
    if (keys.epoch != send_epoch_ || !keys.send) continue;
    return keys.sealed < crypto::PacketCipher::sealed_max ? &keys : nullptr;
  }
  return nullptr;
}

/// Header, number, tag: `plain_bytes` of frames stand behind the header already.
std::size_t Connection::seal(Instant now, ByteSpan room, Header header, std::size_t plain_bytes,
                             bool is_mtu_probe) {
  EpochKeys& keys = *sending_keys();
  const std::size_t size = sealed_overhead + plain_bytes;
  const ByteSpan packet = room.first(size);
  const bool is_reliable = header.has(flag_reliable);
  PacketNumber number = sealed_end_;
  if (carrier_ == Carrier::datagrams) {
    entropy_ ^= entropy_ << 13;
    entropy_ ^= entropy_ >> 7;
    entropy_ ^= entropy_ << 17;
    number = recovery_.next_number(entropy_);
  }
  sealed_end_ = number + 1;
  if (is_mtu_probe) mtu_probe_ = number;
  const bool is_large = is_reliable && !is_mtu_probe && size > config_.mtu.bytes_min;
  if (is_large && !watched_) watched_ = number;
  header.flags |= flag_sealed;
  header.epoch = static_cast<std::uint8_t>(keys.epoch);
  header.window = services_.window();
  header.id = peer_id_;
  header.number = wire_number(number, send_offset_);
  header.payload_bytes = static_cast<std::uint16_t>(size - header_bytes);
  encode_header(header, packet);
  keys.send->seal(number, packet.first(header_bytes), packet.subspan(header_bytes));
  ++keys.sealed;
  ++traffic_.packets;
  traffic_.bytes += size;
  ++counts_.packets_sent;
  counts_.bytes_sent += size;
  if (carrier_ == Carrier::ordered) {
    services_.on_acked(now, notes_);
    for (const FrameNote& note : notes_) {
      if (note.kind == FrameNote::Kind::session) session_.on_acked(note);
    }
    return size;
  }
  recovery_.on_sent(now,
                    {.number = number,
                     .bytes = static_cast<std::uint16_t>(size),
                     .is_reliable = is_reliable,
                     .is_mtu_probe = is_mtu_probe,
                     .is_ect = is_reliable && !is_mtu_probe && is_ect()},
                    notes_);
  return size;
}

}  // namespace kith::packet
