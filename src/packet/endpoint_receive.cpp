// What an endpoint does with a batch: to each packet its connection, and to those without one a
// cookie, a reset, or nothing.
#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/endian.h"
#include "packet/endpoint.h"

namespace kith::packet {
namespace {

/// First byte of an unsealed ERROR's payload.
constexpr std::uint8_t bare_reset = 2;     // 16 bytes of token
constexpr std::uint8_t bare_versions = 3;  // u8 n, n versions
/// Shorter packets get no stateless reset: what is answered is longer than the answer.
constexpr std::size_t reset_question_min = 64;
constexpr std::size_t type_at = 3;

/// A part of its MAC: as good as all of it for what was ours.
std::uint64_t mark_of(ByteView cookie) {
  return base::load_big_endian<std::uint64_t>(cookie, sizeof(std::uint32_t));
}

}  // namespace

std::size_t Endpoint::on_datagrams(Instant now, const base::DatagramsIn& in) {
  ended_.clear();
  const Path path{in.socket, in.from, in.to_ip};
  const std::size_t segment = in.segment_bytes == 0 ? in.bytes.size() : in.segment_bytes;
  std::size_t taken = 0;
  while (taken < in.bytes.size()) {
    const std::size_t size = std::min(segment, in.bytes.size() - taken);
    const bool goes_on = on_packet(now, path, in.bytes.subspan(taken, size), in.ecn);
    taken += size;
    if (!goes_on) break;
  }
  for (const ConnectionSlot slot : batch_) {
    if (look_at(slot) != nullptr) {
      entry_of(slot).connection->on_batch_end(now);
    }
  }
  batch_.clear();
  settle(now);
  return taken;
}

bool Endpoint::on_packet(Instant now, const Path& path, ByteSpan packet, base::Ecn ecn) {
  ++stats_.packets_received;
  Header header;
  const HeaderFault fault = decode_header(packet, header);
  if (fault != HeaderFault::none) {
    ++stats_.faults[static_cast<std::size_t>(fault)];
    if (fault == HeaderFault::version) on_other_version(now, path, packet);
    return true;
  }
  if (header.type == PacketType::error && !header.has(flag_sealed)) {
    on_bare_error(now, path, header, packet.subspan(header_bytes));
    return true;
  }
  if (header.type == PacketType::syn && header.id == ConnectionId{}) {
    return on_stranger(now, path, header, packet);
  }
  ConnectionSlot slot;
  Connection* connection = connection_of(header.id, slot);
  if (connection == nullptr) {
    on_unknown_id(now, path, header, packet.size());
    return true;
  }
  touch(slot);
  if (batch_.empty() || batch_.back() != slot) {
    if (std::ranges::find(batch_, slot) == batch_.end()) connection->on_batch_begin();
    batch_.push_back(slot);
  }
  return connection->on_packet(now, path, header, packet, ecn);
}

// --- strangers -----------------------------------------------------------------------------------

bool Endpoint::on_stranger(Instant now, const Path& path, const Header& header, ByteSpan packet) {
  const auto part = decode_handshake(packet.subspan(header_bytes));
  const bool is_hello = part && part->message == 0 && packet.size() >= syn_bytes &&
                        !header.has(flag_fragmented) && part->sender != ConnectionId{};
  if (!is_hello) {
    ++stats_.faults[static_cast<std::size_t>(HeaderFault::unused)];
    return true;
  }
  const bool has_cookie = cookies_.is_ours(now, part->cookie, path.remote, part->sender);
  if (!part->cookie.empty() && !has_cookie) ++stats_.cookies_bad;
  if (on_repeated_hello(now, path, header, packet, part->sender)) return true;
  // It was let in before, and knows its keys by now or has gone: this one came late, or is a copy.
  if (has_cookie && is_used(part->cookie)) {
    ++stats_.cookies_used;
    return true;
  }
  const bool has_ticket = part->bytes.size() > 1 && part->bytes[1] == ticket_pattern;
  if (!has_cookie && !(has_ticket && has_room_without_cookie())) {
    say_cookie(now, path, part->sender);
    return true;
  }
  const bool has_room = !pending_ && handshaking_.size() < config_.handshakes_max &&
                        connection_count_ < config_.connections_max;
  if (!has_room) {
    ++stats_.refused;
    return true;
  }
  pending_ = Pending{Token{next_token_++}, path, base::to_bytes(packet), has_cookie};
  const auto kept = decode_handshake(ByteSpan(pending_->packet).subspan(header_bytes));
  outputs_.push_back(Incoming{pending_->token, path, kept->bytes, has_cookie});
  return false;
}

/// A ticket may come from anywhere, as often as somebody likes: such handshakes take a quarter of
/// the room, so that whoever shows a cookie still finds some.
bool Endpoint::has_room_without_cookie() const {
  const auto count = std::ranges::count_if(
      handshaking_, [&](ConnectionSlot slot) { return !entries_[index_of(slot)].has_cookie; });
  return static_cast<std::size_t>(count) * 4 < config_.handshakes_max;
}

bool Endpoint::is_used(ByteView cookie) const {
  return std::ranges::find(used_cookies_, mark_of(cookie)) != used_cookies_.end();
}

void Endpoint::use(ByteView cookie) {
  if (used_cookies_.size() < used_cookies_max) {
    used_cookies_.push_back(mark_of(cookie));
    return;
  }
  used_cookies_[next_used_++ % used_cookies_max] = mark_of(cookie);
}

/// The answer to a HELLO was lost: its connection, found by whom it came from, says it again.
bool Endpoint::on_repeated_hello(Instant now, const Path& path, const Header& header,
                                 ByteSpan packet, ConnectionId sender) {
  for (const ConnectionSlot slot : handshaking_) {
    Connection* connection = entry_of(slot).connection.get();
    if (connection == nullptr || connection->peer_id() != sender) continue;
    if (!(connection->path() == path)) continue;
    touch(slot);
    connection->on_packet(now, path, header, packet, base::Ecn::none);
    return true;
  }
  return false;
}

void Endpoint::decide(Instant now, const Decide& decision) {
  if (!pending_ || pending_->token != decision.token) return;
  Pending pending = *std::move(pending_);
  pending_.reset();
  Header header;
  decode_header(pending.packet, header);
  const auto part = decode_handshake(ByteSpan(pending.packet).subspan(header_bytes));
  switch (decision.verdict) {
    case Decide::Verdict::drop: ++stats_.refused; return;
    case Decide::Verdict::ask_for_cookie:
      if (!pending.has_cookie) say_cookie(now, pending.path, part->sender);
      return;
    case Decide::Verdict::admit: break;
  }
  const auto slot = create(now, Direction::inbound, pending.path, part->sender);
  if (!slot) {
    ++stats_.refused;
    return;
  }
  Entry& entry = entry_of(*slot);
  entry.is_handshaking = true;
  entry.has_cookie = pending.has_cookie;
  handshaking_.push_back(*slot);
  if (pending.has_cookie) {
    entry.connection->prove_path();
    use(part->cookie);
  }
  outputs_.push_back(Admitted{decision.token, *slot});
  admitted_ = std::move(pending.packet);  // what the first output looks at
  entry.connection->on_packet(now, pending.path, header, admitted_, base::Ecn::none);
}

void Endpoint::say_cookie(Instant now, const Path& path, ConnectionId to) {
  const Cookie cookie = cookies_.make(now, path.remote, to);
  std::array<std::uint8_t, 64> bytes;
  const HandshakeOut out{.type = PacketType::syn_ack,
                         .to = to,
                         .own = {},
                         .message = cookie_message,
                         .cookie = cookie,
                         .bytes = {}};
  const std::size_t size = out.write(0, bytes.size(), bytes);
  if (answers_.size() >= answers_max) {
    ++stats_.answers_dropped;
    return;
  }
  ++stats_.cookies_sent;
  answers_.push_back({path, bytes, size});
}

// --- packets of nobody ---------------------------------------------------------------------------

void Endpoint::on_unknown_id(Instant now, const Path& path, const Header& header,
                             std::size_t size) {
  ++stats_.unknown_ids;
  if (!header.has(flag_sealed)) return;
  if (const IdEntry* entry = id_entry(header.id); entry != nullptr && entry->use == IdUse::closed) {
    Closed& closed = closed_.at(entry->target - closed_popped_);
    // Twice as many packets each time, so that two such ends fall silent.
    if (++closed.heard < closed.answer_at || repeats_.size() >= answers_max) return;
    if (closed.packet.size() > Paths::amplification * size) return;  // the address may be forged
    closed.answer_at *= 2;
    ++stats_.errors_repeated;
    repeats_.push_back({path, closed.packet});
    return;
  }
  if (size <= reset_question_min || !may_hint(now)) return;
  std::array<std::uint8_t, 1 + sizeof(ResetToken)> payload;
  payload[0] = bare_reset;
  const ResetToken token = token_of(header.id, path.remote);
  std::memcpy(payload.data() + 1, token.data(), token.size());
  ++stats_.resets_sent;
  answer(path, {.type = PacketType::error, .id = header.id}, payload);
}

/// A hint for a connection that shakes hands, or the reset of one whose peer has forgotten it.
void Endpoint::on_bare_error(Instant now, const Path& path, const Header& header,
                             ByteView payload) {
  if (payload.empty()) return;
  if (payload[0] == bare_hint) {
    ConnectionSlot slot;
    Connection* connection = connection_of(header.id, slot);
    if (connection == nullptr || !(connection->path() == path)) return;
    if (connection->on_hint(now, payload)) touch(slot);
    return;
  }
  if (payload[0] != bare_reset || payload.size() != 1 + sizeof(ResetToken)) return;
  // The id is the peer's, by which nothing is found here: a walk, and so not often.
  const base::TokenRate rate{config_.hints_per_second, config_.hints_per_second};
  if (!reset_looks_.take(rate, now)) return;
  for (std::uint32_t index = 0; index < entries_.size(); ++index) {
    Connection* connection = entries_[index].connection.get();
    if (connection == nullptr || connection->peer_id() != header.id) continue;
    if (!(connection->path() == path) || !connection->is_reset_token(payload.subspan(1))) continue;
    ++stats_.resets_taken;
    connection->on_stateless_reset();
    touch(slot_at(index));
    return;
  }
}

void Endpoint::on_other_version(Instant now, const Path& path, ByteView packet) {
  const bool is_syn =
      packet.size() >= syn_bytes && packet[type_at] == static_cast<std::uint8_t>(PacketType::syn);
  if (!is_syn || !may_hint(now)) return;
  const std::array<std::uint8_t, 3> payload{bare_versions, 1, packet_version};
  answer(path, {.type = PacketType::error, .id = peek_connection_id(packet)}, payload);
}

bool Endpoint::may_hint(Instant now) {
  if (answers_.size() >= answers_max) return false;
  if (!hints_.take({config_.hints_per_second, config_.hints_per_second}, now)) return false;
  ++stats_.hints_sent;
  return true;
}

void Endpoint::answer(const Path& path, Header header, ByteView payload) {
  Answer said{.path = path, .bytes = {}, .size = header_bytes + payload.size()};
  ASSERT(said.size <= said.bytes.size());
  std::ranges::copy(payload, said.bytes.begin() + header_bytes);
  header.payload_bytes = static_cast<std::uint16_t>(payload.size());
  encode_header(header, ByteSpan(said.bytes).first(said.size));
  answers_.push_back(said);
}

}  // namespace kith::packet
