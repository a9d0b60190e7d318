#include "sim/scenario_packet_play.h"

#include <algorithm>
#include <cstring>

#include "base/endian.h"
#include "base/format.h"
#include "sim/trace_hash.h"

namespace kith::sim {
namespace {

constexpr std::uint32_t play_message_bytes_max = 40'000;
constexpr std::size_t play_datagram_bytes_least = 4, play_datagram_bytes_most = 1100;
constexpr std::uint16_t play_given_up_code = 7;

std::uint32_t other_side(std::uint32_t side) { return 1 - side; }

}  // namespace

PacketPattern::PacketPattern(std::uint64_t seed) {
  SeededRng rng(mix_words(seed, 3));
  Bytes bytes(period + part_max);
  rng.fill(ByteSpan(bytes).first(period));
  std::copy_n(bytes.begin(), part_max, bytes.begin() + static_cast<std::ptrdiff_t>(period));
  whole_ = Buffer(std::move(bytes));
}

bool PacketPattern::fits(std::uint64_t at, ByteView bytes) const {
  while (!bytes.empty()) {
    const std::size_t size = std::min(part_max, bytes.size());
    const auto from = static_cast<std::size_t>(at % period);
    if (std::memcmp(whole_.view().data() + from, bytes.data(), size) != 0) return false;
    at += size;
    bytes = bytes.subspan(size);
  }
  return true;
}

PacketPlay::PacketPlay(const PacketPattern& pattern, const PacketPlan& plan, std::uint64_t seed,
                       PacketTotals& totals, const Complain& complain)
    : pattern_(pattern),
      plan_(plan),
      rng_(seed),
      seed_(seed),
      totals_(totals),
      complain_(complain) {
  std::uint64_t left = plan.bytes;
  for (std::uint32_t i = 0; i < plan.messages; ++i) {
    const std::uint32_t most = rng_.below(4) == 0 ? play_message_bytes_max : 3000;
    const Message message{.start = rng_.below(PacketPattern::period),
                          .size = static_cast<std::uint32_t>(rng_.below(most)) + 1,
                          .may_fail = rng_.below(3) == 0};
    sides_[rng_.below(sides)].messages.push_back(message);
    if (!message.may_fail) left -= std::min<std::uint64_t>(left, message.size);
  }
  for (std::uint32_t i = 0; i < plan.streams; ++i) {
    // The last one has the rest; what is given up on the way does not count.
    const bool is_reset = plan.resets && i == 0 && plan.streams > 1;
    std::uint64_t whole = i + 1 == plan.streams ? left : rng_.below(left + 1);
    if (is_reset) whole = 50'000;
    Stream stream;
    stream.size[0] = rng_.below(2) == 0 ? rng_.below(whole + 1) : whole * rng_.below(2);
    stream.size[1] = whole - stream.size[0];
    for (std::uint64_t& start : stream.start) start = rng_.below(PacketPattern::period);
    stream.importance = static_cast<packet::Importance>(rng_.below(11) * 100);
    if (is_reset) stream.reset_after = rng_.below(40'000);
    sides_[rng_.below(sides)].streams.push_back(stream);
    if (!is_reset) left -= whole;
  }
  for (Side& side : sides_) {
    side.datagrams = static_cast<std::uint32_t>(rng_.below(plan.datagrams + 1));
    side.datagrams_got.resize(side.datagrams);
  }
}

void PacketPlay::complain(const char* invariant, std::string what) const {
  complain_(invariant, std::move(what));
}

packet::Services* PacketPlay::services(std::uint32_t side) {
  Side& own = sides_[side];
  return own.node == nullptr ? nullptr : own.node->services(own.slot);
}

// --- what is said --------------------------------------------------------------------------------

void PacketPlay::on_up(std::uint32_t side, PacketNode& node, packet::ConnectionSlot slot) {
  sides_[side].node = &node;
  sides_[side].slot = slot;
  if (is_stopped_) return;
  open_next(side);
  if (rng_.below(2) == 0) open_next(side);
}

void PacketPlay::open_next(std::uint32_t side) {
  Side& own = sides_[side];
  packet::Services* to = services(side);
  if (to == nullptr || own.opened == own.streams.size() || is_stopped_) return;
  Stream& stream = own.streams[own.opened];
  const auto number = to->open_stream(stream.importance);
  if (!number) {
    complain("streams can be opened", to_string(number.error()));
    return;
  }
  const auto expected = static_cast<packet::StreamNumber>(2 * own.opened + (side == 0 ? 1 : 2));
  if (*number != expected) {
    complain("streams are numbered", base::format("{}, not {}", *number, expected));
  }
  ++own.opened;
  ++totals_.streams;
  stream.number = *number;
  write(side, stream, to->room(*number));
}

void PacketPlay::write(std::uint32_t side, Stream& stream, std::size_t room) {
  packet::Services* to = services(side);
  if (to == nullptr || stream.has_finished[side] || is_stopped_ || stream.is_closed[side]) return;
  std::uint64_t& written = stream.written[side];
  const std::uint64_t size = stream.size[side];
  while (room > 0 && written < size) {
    const std::uint64_t most = std::min<std::uint64_t>(room, PacketPattern::part_max);
    const auto part = static_cast<std::size_t>(std::min(most, size - written));
    Buffer bytes = pattern_.part(stream.start[side] + written, part);
    if (plan_.is_canary) {
      Bytes wrong = base::to_bytes(bytes.view());
      wrong[part / 2] ^= 1;
      bytes = Buffer(std::move(wrong));
      plan_.is_canary = false;
    }
    to->write(stream.number, std::move(bytes));
    written += part;
    room -= part;
  }
  if (written == size) {
    stream.has_finished[side] = true;
    to->finish(stream.number);
  }
}

void PacketPlay::send_message(Instant now, std::uint32_t side) {
  Side& own = sides_[side];
  packet::Services* to = services(side);
  if (to == nullptr || own.sent_messages == own.messages.size()) return;
  const Message& message = own.messages[own.sent_messages];
  packet::MessageOptions options;
  options.importance = static_cast<packet::Importance>(rng_.below(1001));
  if (message.may_fail && rng_.below(2) == 0) {
    options.deadline = now + std::chrono::milliseconds(5 + rng_.below(400));
  } else if (message.may_fail) {
    options.attempts = static_cast<std::uint32_t>(1 + rng_.below(3));
  }
  const auto number = to->send_message(now, pattern_.part(message.start, message.size), options);
  if (!number) {
    if (number.error().code != Code::limit && number.error().code != Code::closed) {
      complain("messages can be sent", to_string(number.error()));
    }
    return;
  }
  if (*number != own.sent_messages) {
    complain("messages are numbered", base::format("{}, not {}", *number, own.sent_messages));
  }
  ++own.sent_messages;
}

std::uint64_t PacketPlay::datagram_start(std::uint32_t side, std::uint32_t index) const {
  return mix_words(seed_ + side, index) % PacketPattern::period;
}

std::size_t PacketPlay::datagram_size(std::uint32_t side, std::uint32_t index) const {
  return mix_words(index, seed_ + side) % (play_datagram_bytes_most - play_datagram_bytes_least);
}

void PacketPlay::send_datagram(std::uint32_t side) {
  Side& own = sides_[side];
  packet::Services* to = services(side);
  if (to == nullptr || own.sent_datagrams == own.datagrams) return;
  const std::uint32_t index = own.sent_datagrams;
  const Buffer text = pattern_.part(datagram_start(side, index), datagram_size(side, index));
  Bytes bytes(play_datagram_bytes_least + text.size());
  base::store_big_endian(ByteSpan(bytes), 0, index);
  std::ranges::copy(text.view(), bytes.begin() + play_datagram_bytes_least);
  const auto sent = to->send_datagram(Buffer(std::move(bytes)));
  if (!sent && sent.error().code != Code::closed) {
    complain("datagrams can be sent", to_string(sent.error()));
  }
  if (!sent) return;
  ++own.sent_datagrams;
  ++totals_.datagrams_sent;
}

void PacketPlay::on_chore(Instant now) {
  for (std::uint32_t side = 0; side < sides; ++side) {
    packet::Services* to = services(side);
    if (to == nullptr) continue;
    if (plan_.reads_slowly) {
      for (Side& opener : sides_) {
        for (std::size_t i = 0; i < opener.streams.size(); ++i) {
          Stream& stream = opener.streams[i];
          if (stream.unconsumed[side] == 0) continue;
          to->consume(now, stream.number,
                      static_cast<std::size_t>(std::exchange(stream.unconsumed[side], 0)));
        }
      }
    }
    if (is_stopped_) continue;
    for (std::uint64_t i = rng_.below(4); i > 0; --i) send_message(now, side);
    for (std::uint64_t i = rng_.below(4); i > 0; --i) send_datagram(side);
    if (rng_.below(2) == 0) open_next(side);
  }
}

// --- what arrives --------------------------------------------------------------------------------

PacketPlay::Stream* PacketPlay::find(std::uint32_t side, packet::StreamNumber number) {
  const std::uint32_t opener = number % 2 == 1 ? 0 : 1;
  const std::size_t place = (number - 1) / 2;
  Side& owner = sides_[opener];
  if (number == 0 || place >= owner.opened) {
    complain("nothing is invented", base::format("stream {} at side {}", number, side));
    return nullptr;
  }
  return &owner.streams[place];
}

void PacketPlay::on_service(Instant now, std::uint32_t side, packet::ServicesOutput& output) {
  std::visit(Overload{
                 [&](packet::StreamAccepted& accepted) {
                   Stream* stream = find(side, accepted.stream);
                   if (stream == nullptr) return;
                   write(side, *stream, accepted.room);
                 },
                 [&](packet::StreamBytes& bytes) { on_bytes(now, side, bytes); },
                 [&](packet::StreamWritable& writable) {
                   Stream* stream = find(side, writable.stream);
                   if (stream != nullptr) write(side, *stream, writable.room);
                 },
                 [&](packet::StreamFinished& finished) { on_finished(side, finished.stream); },
                 [&](packet::StreamStopped& stopped) {
                   Stream* stream = find(side, stopped.stream);
                   if (stream != nullptr && !stream->is_given_up) {
                     complain("streams end as they should",
                              base::format("stream {} was stopped", stopped.stream));
                   }
                 },
                 [&](packet::StreamClosed& closed) { on_closed(side, closed); },
                 [&](packet::MessageArrived& message) { on_message(side, message); },
                 [&](packet::MessageDone& done) { on_message_done(side, done); },
                 [&](packet::DatagramArrived& datagram) { on_datagram(side, datagram.data); },
             },
             output);
}

void PacketPlay::on_bytes(Instant now, std::uint32_t side, const packet::StreamBytes& bytes) {
  Stream* stream = find(side, bytes.stream);
  if (stream == nullptr) return;
  const std::uint32_t writer = other_side(side);
  std::uint64_t& read = stream->read[side];
  if (!pattern_.fits(stream->start[writer] + read, bytes.data)) {
    complain("streams arrive as written",
             base::format("stream {}, {} bytes at {}", bytes.stream, bytes.data.size(), read));
  }
  read += bytes.data.size();
  totals_.bytes += bytes.data.size();
  if (read > stream->written[writer]) {
    complain("streams arrive as written",
             base::format("stream {}: {} bytes read, {} written", bytes.stream, read,
                          stream->written[writer]));
  }
  const std::size_t size = bytes.data.size();
  const packet::StreamNumber number = bytes.stream;
  packet::Services* from = services(side);
  if (from == nullptr) return;
  if (plan_.reads_slowly) {
    stream->unconsumed[side] += size;
  } else {
    from->consume(now, number, size);
  }
  if (read >= stream->reset_after && !stream->is_given_up) {
    stream->is_given_up = true;
    if (rng_.below(2) == 0) {
      from->reset(number, play_given_up_code);
    } else {
      from->stop_sending(number, play_given_up_code);
      from->finish(number);
      stream->has_finished[side] = true;
    }
  }
}

void PacketPlay::on_finished(std::uint32_t side, packet::StreamNumber number) {
  Stream* stream = find(side, number);
  if (stream == nullptr) return;
  const std::uint32_t writer = other_side(side);
  const bool is_whole = stream->has_finished[writer] && stream->read[side] == stream->size[writer];
  if (!is_whole && !stream->is_given_up) {
    complain("streams end as they should",
             base::format("stream {} ends after {} of {} bytes", number, stream->read[side],
                          stream->size[writer]));
  }
  if (stream->has_ended[side]) {
    complain("streams end as they should", base::format("stream {} ends twice", number));
  }
  stream->has_ended[side] = true;
}

void PacketPlay::on_closed(std::uint32_t side, const packet::StreamClosed& closed) {
  Stream* stream = find(side, closed.stream);
  if (stream == nullptr) return;
  stream->is_closed[side] = true;
  if (closed.error != nullptr || stream->is_given_up) return;
  const std::uint32_t peer = other_side(side);
  const bool is_heard = stream->has_ended[side] && stream->has_ended[peer] &&
                        stream->read[peer] == stream->size[side] &&
                        stream->read[side] == stream->size[peer];
  if (!is_heard) {
    complain("what was acknowledged has arrived",
             base::format("stream {} is closed at side {}: {} of {} and {} of {} bytes",
                          closed.stream, side, stream->read[peer], stream->size[side],
                          stream->read[side], stream->size[peer]));
  }
}

void PacketPlay::on_message(std::uint32_t side, const packet::MessageArrived& message) {
  Side& sender = sides_[other_side(side)];
  const packet::MessageNumber number = message.number;
  if (number >= sender.sent_messages) {
    complain("nothing is invented", base::format("message {} at side {}", number, side));
    return;
  }
  Message& said = sender.messages[static_cast<std::size_t>(number)];
  std::uint64_t size = 0;
  bool fits = true;
  for (const ByteView piece : message.pieces) {
    fits = fits && pattern_.fits(said.start + size, piece);
    size += piece.size();
  }
  if (!fits || size != said.size) {
    complain("messages arrive as said",
             base::format("message {} of {} bytes: {} came", number, said.size, size));
  }
  if (said.has_arrived) {
    complain("messages arrive once", base::format("message {} twice", number));
  }
  said.has_arrived = true;
  totals_.bytes += size;
  ++totals_.messages;
  if (packet::Services* from = services(side)) from->consume_message(number);
}

void PacketPlay::on_message_done(std::uint32_t side, const packet::MessageDone& done) {
  Side& own = sides_[side];
  if (done.number >= own.sent_messages) {
    complain("nothing is invented", base::format("message {} is done", done.number));
    return;
  }
  Message& said = own.messages[static_cast<std::size_t>(done.number)];
  if (said.is_done) complain("messages are done once", base::format("message {}", done.number));
  said.is_done = true;
  if (done.was_delivered && !said.has_arrived) {
    complain("what was acknowledged has arrived", base::format("message {}", done.number));
  }
  if (!done.was_delivered) ++totals_.messages_given_up;
}

void PacketPlay::on_datagram(std::uint32_t side, ByteView data) {
  Side& sender = sides_[other_side(side)];
  const std::uint32_t index =
      data.size() < play_datagram_bytes_least ? ~0U : base::load_big_endian<std::uint32_t>(data, 0);
  if (index >= sender.sent_datagrams) {
    complain("nothing is invented", base::format("a datagram of {} bytes", data.size()));
    return;
  }
  const ByteView text = data.subspan(play_datagram_bytes_least);
  const bool fits = text.size() == datagram_size(other_side(side), index) &&
                    pattern_.fits(datagram_start(other_side(side), index), text);
  if (!fits) complain("datagrams arrive as said", base::format("datagram {}", index));
  if (sender.datagrams_got[index]) {
    complain("datagrams arrive once", base::format("datagram {} twice", index));
  }
  sender.datagrams_got[index] = true;
  totals_.bytes += data.size();
  ++totals_.datagrams;
}

// --- the end -------------------------------------------------------------------------------------

bool PacketPlay::is_complete() const {
  for (const Side& side : sides_) {
    if (side.opened < side.streams.size() || side.sent_messages < side.messages.size()) {
      return false;
    }
    if (side.sent_datagrams < side.datagrams) return false;
    for (const Stream& stream : side.streams) {
      if (!stream.is_closed[0] || !stream.is_closed[1]) return false;
    }
    for (const Message& message : side.messages) {
      if (!message.is_done) return false;
    }
  }
  return true;
}

/// A connection that ends without an error has brought over all that was written to it.
void PacketPlay::check_written(std::uint32_t writer) const {
  const std::uint32_t reader = other_side(writer);
  for (const Side& opener : sides_) {
    for (std::size_t i = 0; i < opener.opened; ++i) {
      const Stream& stream = opener.streams[i];
      if (stream.is_given_up || stream.read[reader] == stream.written[writer]) continue;
      complain("a clean end loses nothing",
               base::format("stream {}: {} of {} bytes", stream.number, stream.read[reader],
                            stream.written[writer]));
    }
  }
  const Side& own = sides_[writer];
  for (std::size_t i = 0; i < own.sent_messages; ++i) {
    const Message& message = own.messages[i];
    if (message.may_fail || message.has_arrived) continue;
    complain("a clean end loses nothing", base::format("message {}", i));
  }
}

void PacketPlay::on_end(std::uint32_t side, const std::optional<Error>& error) {
  if (!error) check_written(side);
  sides_[side].node = nullptr;
}

}  // namespace kith::sim
