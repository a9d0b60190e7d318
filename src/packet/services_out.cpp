// What is said to the peer, in order of importance, and what became of it. Lost things are said
// again by what they mean now: the newest credit, and of a stream that was reset nothing.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "packet/services_impl.h"

namespace kith::packet {
namespace {

/// A frame's head for fewer bytes than these is waste where the packet has something already.
constexpr std::size_t room_bytes_min = 32;
constexpr std::size_t note_bytes_max = 0xffff;

/// Of a MESSAGE with all of it.
std::size_t whole_bytes(const OutMessage& message) {
  return 1 + frame_number_size(message.number) + frame_number_size(message.total) +
         static_cast<std::size_t>(message.total);
}

FrameNote credit_note(CreditNote kind, std::uint32_t id, std::uint64_t said) {
  return {.kind = FrameNote::Kind::credit,
          .flags = static_cast<std::uint8_t>(kind),
          .bytes = 0,
          .id = id,
          .offset = said};
}

}  // namespace

bool Services::has_pending() const {
  return impl_ != nullptr && (impl_->owes_control() || !impl_->schedule.empty());
}

std::optional<FragmentOut> Services::next_fragment(Instant now, std::size_t room,
                                                   std::size_t room_max) {
  if (impl_ == nullptr || impl_->schedule.empty()) return std::nullopt;
  impl_->begin(now);
  impl_->room_max = room_max;
  return impl_->next_fragment(room);
}

bool Services::fill(Instant now, FrameWriter& writer, std::size_t room_max,
                    std::vector<FrameNote>& notes) {
  if (impl_ == nullptr) return false;
  impl_->begin(now);
  impl_->room_max = room_max;
  impl_->is_said_again = false;
  impl_->fill(writer, notes);
  return impl_->is_said_again;
}

void Services::on_acked(Instant now, std::span<const FrameNote> notes) {
  if (impl_ == nullptr) return;
  impl_->begin(now);
  if (impl_->is_shut) return;
  for (const FrameNote& note : notes) impl_->on_acked(note);
}

void Services::on_lost(Instant now, std::span<const FrameNote> notes) {
  if (impl_ == nullptr) return;
  impl_->begin(now);
  if (impl_->is_shut) return;
  for (const FrameNote& note : notes) impl_->on_lost(note);
}

// --- control -------------------------------------------------------------------------------------

bool Services::Impl::owes_control() const {
  return !control.empty() || owes_window || owes_streams || owes_messages || owes_claim ||
         owes_streams_blocked || owes_messages_blocked;
}

/// As much as fits; the rest is owed on.
void Services::Impl::write_control(FrameWriter& writer, std::vector<FrameNote>& notes) {
  const CreditFrame messages_credit{CreditKind::messages, 0, arriving.limit()};
  if (owes_messages) {
    if (!write_credit(messages_credit, CreditNote::messages, arriving.limit(), writer, notes)) {
      return;
    }
    owes_messages = false;
  }
  // The limit itself is in the header. The frame only makes the packet one that must be heard.
  if (owes_window) {
    if (!write_credit(messages_credit, CreditNote::window, window.limit, writer, notes)) return;
    owes_window = false;
  }
  if (owes_streams) {
    const CreditFrame streams_credit{CreditKind::streams, 0, peer_limit};
    if (!write_credit(streams_credit, CreditNote::streams, peer_limit, writer, notes)) return;
    owes_streams = false;
  }
  if (owes_claim) {
    const std::uint64_t wanted = sent + claim->total;
    if (!writer.write(BlockedFrame{BlockedKind::connection, 0, wanted})) return;
    notes.push_back(credit_note(CreditNote::blocked, 0, wanted));
    owes_claim = false;
  }
  if (owes_streams_blocked) {
    if (!writer.write(BlockedFrame{BlockedKind::streams, 0, own_limit})) return;
    streams_blocked_told = own_limit + 1;
    owes_streams_blocked = false;
  }
  if (owes_messages_blocked) {
    if (!writer.write(BlockedFrame{BlockedKind::messages, 0, messages_limit})) return;
    messages_blocked_told = messages_limit + 1;
    owes_messages_blocked = false;
  }
  while (!control.empty()) {
    Stream& stream = *streams.find(control.back());
    if (!write_stream_control(stream, writer, notes)) return;
    stream.is_in_control = false;
    control.pop_back();
  }
}

bool Services::Impl::write_credit(const CreditFrame& frame, CreditNote kind, std::uint64_t said,
                                  FrameWriter& writer, std::vector<FrameNote>& notes) {
  if (!writer.write(frame)) return false;
  notes.push_back(credit_note(kind, frame.stream, said));
  return true;
}

bool Services::Impl::write_stream_control(Stream& stream, FrameWriter& writer,
                                          std::vector<FrameNote>& notes) {
  const StreamNumber number = stream.number;
  if (stream.owes_reset) {
    const ResetStreamFrame frame{number, stream.reset_code, stream.send.sent()};
    if (!writer.write(frame)) return false;
    notes.push_back({FrameNote::Kind::stream_reset, 0, 0, number, frame.final_size});
    stream.owes_reset = false;
    stream.is_announced = true;
  }
  if (stream.owes_stop) {
    if (!writer.write(StopSendingFrame{number, stream.stop_code})) return false;
    notes.push_back({FrameNote::Kind::stop_sending, 0, 0, number, 0});
    stream.owes_stop = false;
  }
  if (stream.owes_credit) {
    const CreditFrame frame{CreditKind::stream, number, stream.receive.window.limit};
    if (!write_credit(frame, CreditNote::stream, frame.limit, writer, notes)) return false;
    stream.owes_credit = false;
  }
  if (stream.owes_blocked) {
    if (!writer.write(BlockedFrame{BlockedKind::stream, number, stream.send_limit})) return false;
    stream.blocked_told = stream.send_limit + 1;
    stream.owes_blocked = false;
  }
  return true;
}

// --- data ----------------------------------------------------------------------------------------

void Services::Impl::fill(FrameWriter& writer, std::vector<FrameNote>& notes) {
  if (owes_control()) write_control(writer, notes);
  if (schedule.empty()) return;
  const std::size_t level = schedule.level_of_packet();
  bool has_written = false;
  while (writer.size() == 0 || writer.room() >= room_bytes_min) {
    Scheduled* item = schedule.front(level);
    if (item == nullptr) item = schedule.front(0);
    if (item == nullptr) break;
    if (!wants_to_send(*item)) {
      schedule.remove(*item);
      continue;
    }
    const std::size_t before = writer.size();
    const Step step = write_item(*item, writer, notes);
    if (step == Step::full) break;
    if (step == Step::waits) continue;
    has_written = true;
    if (wants_to_send(*item)) {
      schedule.on_sent(*item, writer.size() - before, room_max);
    } else {
      schedule.remove(*item);
    }
  }
  if (has_written) schedule.count_packet();
}

bool Services::Impl::wants_to_send(Scheduled& item) {
  switch (item.kind) {
    case Scheduled::Kind::stream: return static_cast<Stream&>(item).wants_to_send(holes_max());
    case Scheduled::Kind::message: return static_cast<OutMessage&>(item).wants_to_send(holes_max());
    case Scheduled::Kind::datagrams: return !datagrams.empty();
  }
  UNREACHABLE();
}

Services::Impl::Step Services::Impl::write_item(Scheduled& item, FrameWriter& writer,
                                                std::vector<FrameNote>& notes) {
  switch (item.kind) {
    case Scheduled::Kind::stream: return write_stream(static_cast<Stream&>(item), writer, notes);
    case Scheduled::Kind::message:
      return write_message(static_cast<OutMessage&>(item), writer, notes);
    case Scheduled::Kind::datagrams: return write_datagram(writer);
  }
  UNREACHABLE();
}

/// Bytes that `item` may take of the connection's credit.
std::uint64_t Services::Impl::credit_for(const Scheduled& item) const {
  if (claim != nullptr && claim != &item && item.importance <= claim->importance) return 0;
  return sent_limit - sent;
}

Services::Impl::Step Services::Impl::write_stream(Stream& stream, FrameWriter& writer,
                                                  std::vector<FrameNote>& notes) {
  if (const auto lost = stream.send.next_lost()) {
    const Step step = write_bytes(stream, lost->first, lost->count(), writer, notes);
    is_said_again = is_said_again || step == Step::wrote;
    return step;
  }
  const std::uint64_t from = stream.send.sent();
  if (stream.send.unsent() > 0) {
    const std::uint64_t bytes =
        std::min({stream.send.unsent(), stream.send_limit - from, credit_for(stream)});
    if (bytes == 0) {
      schedule.wait(stream);
      return Step::waits;
    }
    const Step step = write_bytes(stream, from, bytes, writer, notes);
    if (step == Step::full) return step;
    sent += stream.send.sent() - from;
    if (stream.send.sent() == stream.send_limit) reschedule(stream);
    tell_room(stream);
    return step;
  }
  const bool with_end = stream.send.owes_end();
  if (!writer.write(StreamFrame{stream.number, from, {}, with_end})) return Step::full;
  stream.send.on_sent(from, 0, with_end);
  stream.is_announced = true;
  notes.push_back({FrameNote::Kind::stream, with_end, 0, stream.number, from});
  return Step::wrote;
}

Services::Impl::Step Services::Impl::write_bytes(Stream& stream, std::uint64_t offset,
                                                 std::uint64_t bytes, FrameWriter& writer,
                                                 std::vector<FrameNote>& notes) {
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, note_bytes_max));
  const bool is_end = stream.send.is_end(offset + most);
  const ByteSpan to = writer.begin_stream(stream.number, offset, most, is_end);
  if (to.empty()) return Step::full;
  const bool with_end = is_end && to.size() == most;
  stream.send.copy(offset, to);
  stream.send.on_sent(offset, to.size(), with_end);
  stream.is_announced = true;
  notes.push_back({FrameNote::Kind::stream, with_end, static_cast<std::uint16_t>(to.size()),
                   stream.number, offset});
  return Step::wrote;
}

/// Half of the queue is free and the application believes in less.
void Services::Impl::tell_room(Stream& stream) {
  const std::size_t half = config.stream_queue_bytes_max / 2;
  if (stream.room_told >= half || stream.is_closed_told || stream.send.is_finished()) return;
  const std::size_t room = room_of(stream);
  if (room < half) return;
  stream.room_told = room;
  push_stream(Item::Kind::writable, stream.number, room);
}

// --- messages and datagrams ----------------------------------------------------------------------

/// Credit for all of it at once, or it waits and claims what comes.
bool Services::Impl::take_credit(OutMessage& message) {
  if (message.has_credit) return true;
  if (credit_for(message) < message.total) {
    if (claim == nullptr || claim->importance < message.importance) {
      claim = &message;
      owes_claim = true;
    }
    schedule.wait(message);
    return false;
  }
  message.has_credit = true;
  sent += message.total;
  if (claim == &message) {
    claim = nullptr;
    owes_claim = false;
    schedule.on_credit();
  }
  return true;
}

/// Among those of several packets.
bool Services::Impl::take_place(OutMessage& message) {
  if (message.is_in_pieces) return true;
  if (messages.in_pieces >= config.messages_assembled_max) {
    schedule.wait(message);
    return false;
  }
  if (!take_credit(message)) return false;
  message.is_in_pieces = true;
  ++messages.in_pieces;
  return true;
}

Services::Impl::Step Services::Impl::write_message(OutMessage& message, FrameWriter& writer,
                                                   std::vector<FrameNote>& notes) {
  if (message.is_gone) {
    const std::uint64_t total = message.has_credit ? message.total : 0;
    if (!writer.write(MessageGoneFrame{message.number, total})) return Step::full;
    notes.push_back({FrameNote::Kind::message_gone, 0, 0,
                     static_cast<std::uint32_t>(message.number), message.number});
    message.owes_gone = false;
    return Step::wrote;
  }
  if (const auto lost = message.ranges.next_lost()) {
    // One that went whole goes whole again, or becomes one of those in parts.
    if (!message.is_in_pieces && whole_bytes(message) > writer.room()) {
      if (whole_bytes(message) <= room_max) return Step::full;
      if (!take_place(message)) return Step::waits;
    }
    return write_part(message, lost->first, lost->count(), writer, notes);
  }
  if (message.sent == 0 && whole_bytes(message) <= room_max) {
    if (whole_bytes(message) > writer.room()) return Step::full;
    if (!take_credit(message)) return Step::waits;
    return write_part(message, 0, message.total, writer, notes);
  }
  // Fragments are packets of their own, unless the path shrank below their size.
  const bool is_shrunk =
      message.fragment_bytes != 0 && message.fragment_bytes + sizeof(std::uint32_t) > room_max;
  const bool is_in_parts = message.sent > 0 && (message.fragment_bytes == 0 ||
                                                message.sent % message.fragment_bytes != 0);
  const bool has_room = is_in_parts ? writer.size() == 0 : writer.room() == room_max;
  if (!has_room && !is_shrunk) return Step::full;
  if (!take_place(message)) return Step::waits;
  return write_part(message, message.sent, message.total - message.sent, writer, notes);
}

Services::Impl::Step Services::Impl::write_part(OutMessage& message, std::uint64_t offset,
                                                std::uint64_t bytes, FrameWriter& writer,
                                                std::vector<FrameNote>& notes) {
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, note_bytes_max));
  const ByteSpan to =
      writer.begin_message(message.number, message.total, offset, most, message.is_compressed);
  if (to.empty()) return Step::full;
  std::memcpy(to.data(), message.data.view().data() + offset, to.size());
  if (offset == message.sent) {
    message.sent += to.size();
  } else {
    message.ranges.on_resent(offset + to.size());
    is_said_again = true;
  }
  notes.push_back({FrameNote::Kind::message, message.attempt, static_cast<std::uint16_t>(to.size()),
                   static_cast<std::uint32_t>(message.number), offset});
  return Step::wrote;
}

std::optional<FragmentOut> Services::Impl::next_fragment(std::size_t room) {
  if (owes_control()) return std::nullopt;
  while (true) {
    Scheduled* item = schedule.front(schedule.level_of_packet());
    if (item == nullptr || item->kind != Scheduled::Kind::message) return std::nullopt;
    auto& message = static_cast<OutMessage&>(*item);
    if (message.is_gone || message.sent == message.total || message.ranges.next_lost() ||
        !message.wants_to_send(holes_max()) || !begin_fragments(message, room)) {
      return std::nullopt;
    }
    if (!take_place(message)) {
      if (owes_control()) return std::nullopt;
      continue;  // waits: the next one
    }
    FragmentOut fragment = take_fragment(message);
    schedule.count_packet();
    if (message.wants_to_send(holes_max())) {
      schedule.on_sent(message, fragment.data.size(), room);
    } else {
      schedule.remove(message);
    }
    return fragment;
  }
}

/// Into how many: decided with the first, and kept to while they fit the path.
bool Services::Impl::begin_fragments(OutMessage& message, std::size_t room) const {
  constexpr std::size_t length_bytes = sizeof(std::uint32_t);
  if (room <= length_bytes) return false;
  if (message.sent == 0) {
    const auto parts_in = [&](std::size_t payload) {
      const std::uint64_t most = payload - length_bytes;
      return (message.total + most - 1) / most;
    };
    const std::uint64_t least = parts_in(room);
    if (whole_bytes(message) <= room_max || least < 2 || least > 0xffff) return false;
    if (least > parts_in(room_max)) return false;  // in longer packets it has fewer
    // Equal ones of that size are perhaps fewer; then that is their number.
    const std::uint64_t each = (message.total + least - 1) / least;
    message.fragment_bytes = static_cast<std::uint32_t>(each);
    message.fragments = static_cast<std::uint16_t>((message.total + each - 1) / each);
    return true;
  }
  return message.fragment_bytes != 0 && message.fragment_bytes + length_bytes <= room &&
         message.sent % message.fragment_bytes == 0;
}

FragmentOut Services::Impl::take_fragment(OutMessage& message) {
  const std::uint64_t offset = message.sent;
  const auto bytes = static_cast<std::size_t>(
      std::min<std::uint64_t>(message.fragment_bytes, message.total - offset));
  message.sent += bytes;
  return {.message = message.number,
          .index = static_cast<std::uint16_t>(offset / message.fragment_bytes),
          .total = message.fragments,
          .is_compressed = message.is_compressed,
          .message_bytes = static_cast<std::uint32_t>(message.total),
          .data = message.data.view().subspan(static_cast<std::size_t>(offset), bytes),
          .note = {FrameNote::Kind::message, message.attempt, static_cast<std::uint16_t>(bytes),
                   static_cast<std::uint32_t>(message.number), offset}};
}

Services::Impl::Step Services::Impl::write_datagram(FrameWriter& writer) {
  const Buffer& front = datagrams.front();
  const std::size_t bytes = 1 + frame_number_size(front.size()) + front.size();
  if (bytes <= room_max && !writer.write(DatagramFrame{front.view()})) return Step::full;
  // One that no packet of this path takes any more is lost.
  datagrams_bytes -= front.size();
  datagrams.pop_front();
  return Step::wrote;
}

// --- what became of it ---------------------------------------------------------------------------

void Services::Impl::on_acked(const FrameNote& note) {
  switch (note.kind) {
    case FrameNote::Kind::stream: {
      Stream* stream = streams.find(note.id);
      if (stream == nullptr) return;
      stream->send.on_acked(note.offset, note.bytes, (note.flags & 1U) != 0);
      if (stream->send.is_over()) return settle(*stream);
      if (stream->place == Scheduled::Place::level || stream->send.unsent() > 0) {
        reschedule(*stream);
      }
      return;
    }
    case FrameNote::Kind::stream_reset:
      if (Stream* stream = streams.find(note.id)) {
        stream->send.on_reset_acked();
        settle(*stream);
      }
      return;
    case FrameNote::Kind::message: return on_message_acked(note);
    case FrameNote::Kind::message_gone:
      if (OutMessage* message = messages.find_low(note.id)) erase(*message);
      return;
    case FrameNote::Kind::stop_sending:
    case FrameNote::Kind::credit:
    case FrameNote::Kind::session:
    case FrameNote::Kind::new_id:
    case FrameNote::Kind::retire_id:
    case FrameNote::Kind::ack: return;
  }
  UNREACHABLE();
}

void Services::Impl::on_lost(const FrameNote& note) {
  switch (note.kind) {
    case FrameNote::Kind::stream: {
      Stream* stream = streams.find(note.id);
      if (stream == nullptr || stream->send.is_reset()) return;
      // Nothing else may be said of it, and then the peer never heard of it.
      if (note.bytes == 0 && note.flags == 0 && stream->send.sent() == 0) {
        stream->is_announced = false;
      }
      stream->send.on_lost(note.offset, note.bytes, (note.flags & 1U) != 0);
      // What was lost needs no credit: out of those that wait for it.
      if (stream->place == Scheduled::Place::waiting) schedule.remove(*stream);
      return reschedule(*stream);
    }
    case FrameNote::Kind::stream_reset: {
      Stream* stream = streams.find(note.id);
      if (stream != nullptr && !stream->send.is_over()) owe(*stream, &Stream::owes_reset);
      return;
    }
    case FrameNote::Kind::stop_sending: {
      Stream* stream = streams.find(note.id);
      if (stream != nullptr && !stream->receive.is_over()) owe(*stream, &Stream::owes_stop);
      return;
    }
    case FrameNote::Kind::message: return on_message_lost(note);
    case FrameNote::Kind::message_gone: {
      OutMessage* message = messages.find_low(note.id);
      if (message == nullptr) return;
      message->owes_gone = true;
      return schedule.add(*message);
    }
    case FrameNote::Kind::credit: return on_lost_credit(note);
    case FrameNote::Kind::session:
    case FrameNote::Kind::new_id:
    case FrameNote::Kind::retire_id:
    case FrameNote::Kind::ack: return;
  }
  UNREACHABLE();
}

/// Said again when nothing newer was said since.
void Services::Impl::on_lost_credit(const FrameNote& note) {
  switch (static_cast<CreditNote>(note.flags)) {
    case CreditNote::stream: {
      Stream* stream = streams.find(note.id);
      if (stream == nullptr || stream->receive.has_end() || stream->receive.is_discarding()) {
        return;
      }
      if (note.offset == stream->receive.window.limit) owe(*stream, &Stream::owes_credit);
      return;
    }
    case CreditNote::streams: owes_streams = owes_streams || note.offset == peer_limit; return;
    case CreditNote::messages:
      owes_messages = owes_messages || note.offset == arriving.limit();
      return;
    case CreditNote::window: owes_window = owes_window || note.offset == window.limit; return;
    case CreditNote::blocked: owes_claim = claim != nullptr; return;
  }
  UNREACHABLE();
}

void Services::Impl::on_message_acked(const FrameNote& note) {
  OutMessage* message = messages.find_low(note.id);
  if (message == nullptr || message->is_gone) return;
  message->ranges.on_acked(note.offset, note.bytes);
  if (message->ranges.acked_end() == message->total) return done(*message, true);
  // Perhaps it had holes too many.
  if (message->place == Scheduled::Place::nowhere && message->wants_to_send(holes_max())) {
    schedule.add(*message);
  }
}

void Services::Impl::on_message_lost(const FrameNote& note) {
  OutMessage* message = messages.find_low(note.id);
  if (message == nullptr || message->is_gone) return;
  message->ranges.on_lost(note.offset, note.bytes);
  if (!message->ranges.next_lost()) return;  // came another way
  if (message->attempts_max != 0 && note.flags >= message->attempts_max) return give_up(*message);
  const unsigned next = std::min(note.flags + 1U, 0xffU);
  message->attempt = std::max(message->attempt, static_cast<std::uint8_t>(next));
  if (message->place != Scheduled::Place::level) schedule.add(*message);
}

}  // namespace kith::packet
