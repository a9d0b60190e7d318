// What the peer says. Everything here is the peer's choice: it is checked before anything is
// counted, made or kept, and what breaks a rule ends the connection (`protocol`).
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/endian.h"
#include "base/format.h"
#include "packet/services_impl.h"

namespace kith::packet {

Result<void> Services::on_frame(Instant now, const Frame& frame) {
  Impl& services = impl();
  services.begin(now);
  if (services.is_shut) return {};
  if (services.fault) return fail(*services.fault);
  return services.on_frame(frame);
}

Result<void> Services::on_fragment(Instant now, const Header& header, ByteView payload) {
  Impl& services = impl();
  services.begin(now);
  if (services.is_shut) return {};
  if (services.fault) return fail(*services.fault);
  return services.on_fragment(header, payload);
}

void Services::on_window(std::uint16_t wire) {
  if (impl_ == nullptr) {
    peer_window_ = credit_from_wire(wire, peer_window_);
    return;
  }
  const std::uint64_t limit = credit_from_wire(wire, impl_->sent_limit);
  if (limit == impl_->sent_limit) return;
  impl_->sent_limit = limit;
  impl_->schedule.on_credit();
}

void Services::on_parameters(std::uint64_t window, std::uint64_t stream_window,
                             std::uint64_t streams, std::uint64_t messages,
                             std::size_t datagram_bytes_max, bool compresses) {
  peer_window_ = std::max(peer_window_, std::min(window, frame_number_end - 1));
  peer_stream_window_ = std::min(stream_window, frame_number_end - 1);
  peer_streams_ = static_cast<std::uint32_t>(std::min(streams, streams_in_all_max));
  peer_messages_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(messages, 0xffff'ffff));
  peer_datagram_bytes_ =
      static_cast<std::uint32_t>(std::min<std::size_t>(datagram_bytes_max, payload_bytes_max));
  peer_compresses_ = compresses;
  if (impl_ == nullptr) return;
  impl_->begin();
  impl_->compresses = config_->compresses && compresses;
  impl_->sent_limit = std::max(impl_->sent_limit, peer_window_);
  impl_->stream_window = peer_stream_window_;
  impl_->own_limit = std::max<std::uint64_t>(impl_->own_limit, peer_streams_);
  impl_->messages_limit = std::max<std::uint64_t>(impl_->messages_limit, peer_messages_);
  impl_->datagram_bytes_max = peer_datagram_bytes_;
  impl_->streams.for_each([&](Stream& stream) {
    stream.send_limit = std::max(stream.send_limit, peer_stream_window_);
    impl_->reschedule(stream);
  });
  impl_->schedule.on_credit();
}

Result<void> Services::Impl::on_frame(const Frame& frame) {
  if (const auto* stream = std::get_if<StreamFrame>(&frame)) return on_stream(*stream);
  using R = Result<void>;
  return std::visit(
      Overload{
          [this](const StreamFrame& f) { return on_stream(f); },
          [this](const MessageFrame& f) {
            return on_part({f.number, f.total, f.offset, f.data, f.is_compressed});
          },
          [this](const DatagramFrame& f) -> R {
            arriving.on_progress(now);
            outputs.push_back(
                {.kind = Item::Kind::datagram, .at = f.data.data(), .size = f.data.size()});
            return {};
          },
          [this](const ResetStreamFrame& f) { return on_reset(f); },
          [this](const StopSendingFrame& f) { return on_stop(f); },
          [this](const MessageGoneFrame& f) { return on_gone(f); },
          [this](const CreditFrame& f) { return on_credit(f); },
          [this](const BlockedFrame& f) { return on_blocked(f); },
          [](const PaddingFrame&) -> R { return {}; }, [](const AckFrame&) -> R { return {}; },
          [](const SessionFrame&) -> R { return {}; }, [](const NewIdFrame&) -> R { return {}; },
          [](const RetireIdFrame&) -> R { return {}; }, [](const PingFrame&) -> R { return {}; },
          [](const FinFrame&) -> R { return {}; }, [](const CloseFrame&) -> R { return {}; }},
      frame);
}

// --- streams -------------------------------------------------------------------------------------

Result<Stream*> Services::Impl::find_for_frame(StreamNumber number) {
  if (Stream* stream = streams.find(number)) return stream;
  const std::uint64_t index = index_of(number);
  if (is_own(number)) {
    if (index < own_opened) return nullptr;
    return fail(Code::protocol,
                base::format("a frame for stream {}, which was never opened", number));
  }
  if (index < peer_opened) return nullptr;
  if (index >= peer_limit) {
    return fail(Code::protocol,
                base::format("stream {} is opened, credit is for {} streams", number, peer_limit));
  }
  // Who opens one has opened those below, whose frames may come later.
  Stream* stream = nullptr;
  for (; peer_opened <= index; ++peer_opened) {
    const auto opened = static_cast<StreamNumber>(2 * peer_opened + (is_initiator ? 2 : 1));
    stream = &streams.insert(opened, importance_default, config);
    stream->send_limit = stream_window;
    stream->room_told = config.stream_queue_bytes_max;
    stream->is_announced = true;
    stream->receive.window.raised_at = now;
    push_stream(Item::Kind::accepted, opened, stream->room_told);
  }
  return stream;
}

Result<void> Services::Impl::count_bytes(std::uint64_t bytes) {
  if (bytes > window.limit - received) {
    return fail(Code::protocol, base::format("{} bytes beyond {}, the connection's credit is {}",
                                             bytes, received, window.limit));
  }
  received += bytes;
  return {};
}

/// A range of a stream counts by how far it goes beyond all others.
Result<void> Services::Impl::count_range(Stream& stream, std::uint64_t offset, std::uint64_t bytes,
                                         bool with_end) {
  StreamReceive& receive = stream.receive;
  TRY_VOID(receive.check(stream.number, offset, bytes, with_end));
  const std::uint64_t growth = receive.growth(offset + bytes);
  TRY_VOID(count_bytes(growth));
  receive.count(offset + bytes, with_end);
  if (receive.is_discarding()) discard(stream);
  return {};
}

Result<void> Services::Impl::on_stream(const StreamFrame& frame) {
  Stream* stream = TRY(find_for_frame(frame.stream));
  if (stream == nullptr) return {};  // late: all of it was had
  arriving.on_progress(now);
  TRY_VOID(count_range(*stream, frame.offset, frame.data.size(), frame.is_end));
  StreamReceive& receive = stream->receive;
  if (!receive.is_discarding()) {
    TRY_VOID(receive.take(frame.stream, frame.offset, frame.data, pool,
                          [&](ByteView view) { push_bytes(frame.stream, view); }));
    if (receive.is_all_delivered() && !std::exchange(stream->is_finished_told, true)) {
      push_stream(Item::Kind::finished, frame.stream);
    }
  }
  if (receive.has_end()) settle(*stream);
  return {};
}

Result<void> Services::Impl::on_reset(const ResetStreamFrame& frame) {
  Stream* stream = TRY(find_for_frame(frame.stream));
  if (stream == nullptr) return {};
  const bool was_over = stream->receive.is_over();
  const bool was_discarding = stream->receive.is_discarding();
  TRY_VOID(count_range(*stream, frame.final_size, 0, true));
  if (was_over) return {};
  discard(*stream);
  if (!was_discarding) {
    close_told(*stream, Error{Code::reset, base::format("the peer reset stream {} with code {}",
                                                        frame.stream, frame.code)});
    if (!stream->send.is_over() && !stream->send.is_finished()) reset_sending(*stream, frame.code);
  }
  settle(*stream);
  return {};
}

Result<void> Services::Impl::on_stop(const StopSendingFrame& frame) {
  Stream* stream = TRY(find_for_frame(frame.stream));
  if (stream == nullptr || stream->send.is_over() || stream->send.is_reset()) return {};
  reset_sending(*stream, frame.code);
  if (!stream->is_closed_told) push_stream(Item::Kind::stopped, frame.stream, 0, frame.code);
  return {};
}

// --- credit --------------------------------------------------------------------------------------

Result<void> Services::Impl::on_credit(const CreditFrame& frame) {
  switch (frame.kind) {
    case CreditKind::stream: {
      Stream* stream = TRY(find_for_frame(frame.stream));
      if (stream == nullptr || frame.limit <= stream->send_limit) return {};
      stream->send_limit = frame.limit;
      reschedule(*stream);
      return {};
    }
    case CreditKind::streams: own_limit = std::max(own_limit, frame.limit); return {};
    case CreditKind::messages: messages_limit = std::max(messages_limit, frame.limit); return {};
  }
  UNREACHABLE();
}

/// Credit that the peer has not heard of is said again.
Result<void> Services::Impl::on_blocked(const BlockedFrame& frame) {
  switch (frame.kind) {
    case BlockedKind::stream: {
      Stream* stream = TRY(find_for_frame(frame.stream));
      if (stream == nullptr || stream->receive.has_end() || stream->receive.is_discarding()) {
        return {};
      }
      if (frame.limit < stream->receive.window.limit) owe(*stream, &Stream::owes_credit);
      return {};
    }
    case BlockedKind::streams:
      if (frame.limit < peer_limit) owes_streams = true;
      return {};
    case BlockedKind::messages:
      if (frame.limit < arriving.limit()) owes_messages = true;
      return {};
    case BlockedKind::connection:
      window.want(frame.limit - std::min(frame.limit, held_credit), claim_max());
      raise_window();
      if (frame.limit <= window.limit) owes_window = true;
      return {};
  }
  UNREACHABLE();
}

// --- messages ------------------------------------------------------------------------------------

Result<void> Services::Impl::on_part(const MessagesIn::Part& part) {
  if (part.is_compressed && !config.compresses) {
    return fail(Code::protocol,
                base::format("message {} is compressed, which we did not agree to", part.number));
  }
  TRY_VOID(arriving.check(part.number, part.total));
  if (arriving.is_new(part.number)) TRY_VOID(count_bytes(part.total));
  const std::size_t first_piece = pieces.size();
  const MessagesIn::Taken taken = TRY(arriving.take(part, pool, pieces));
  if (taken != MessagesIn::Taken::old) arriving.on_progress(now);
  if (taken != MessagesIn::Taken::complete) return {};
  arriving.hold(part.number, part.total);
  outputs.push_back({.kind = Item::Kind::message,
                     .flag = part.is_compressed,
                     .id = static_cast<std::uint32_t>(pieces.size() - first_piece),
                     .size = first_piece,
                     .number = part.number});
  return {};
}

Result<void> Services::Impl::on_gone(const MessageGoneFrame& frame) {
  TRY_VOID(arriving.check(frame.number, frame.total));
  if (arriving.is_done(frame.number)) return {};
  const bool was_new = arriving.is_new(frame.number);
  const bool was_assembling = arriving.is_assembling(frame.number);
  if (was_new) TRY_VOID(count_bytes(frame.total));
  TRY_VOID(arriving.give_up(frame, pool));
  if (was_new || was_assembling) {
    return_credit(frame.total);
  }
  if (arriving.raise()) owes_messages = true;
  return {};
}

/// Where a fragment stands follows from the header and the message's length: there is one way to
/// cut a message of that length into so many.
Result<void> Services::Impl::on_fragment(const Header& header, ByteView payload) {
  constexpr std::size_t length_bytes = 4;
  if (payload.size() <= length_bytes) {
    return fail(Code::protocol, base::format("a fragment of {} bytes", payload.size()));
  }
  const std::uint64_t total = base::load_big_endian<std::uint32_t>(payload, 0);
  const std::uint64_t count = header.fragment_total;
  const ByteView data = payload.subspan(length_bytes);
  const std::uint64_t each = count < 2 ? 0 : (total + count - 1) / count;
  if (each == 0 || header.fragment_index >= count || (total + each - 1) / each != count) {
    return fail(Code::protocol, base::format("fragment {} of {} of a message of {} bytes",
                                             header.fragment_index, count, total));
  }
  const std::uint64_t offset = header.fragment_index * each;
  if (data.size() != std::min(each, total - offset)) {
    return fail(Code::protocol, base::format("fragment {} of {} of a message of {} bytes has {}",
                                             header.fragment_index, count, total, data.size()));
  }
  const auto number = message_from_wire(header.fragment_id, arriving.expected());
  if (!number) {
    return fail(Code::protocol, base::format("a fragment of message {}, expected is {}",
                                             header.fragment_id, arriving.expected()));
  }
  return on_part({.number = *number,
                  .total = total,
                  .offset = offset,
                  .data = data,
                  .is_compressed = header.has(flag_compressed),
                  .fragments = header.fragment_total});
}

}  // namespace kith::packet
