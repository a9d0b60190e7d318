#include "packet/services.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/format.h"
#include "packet/services_impl.h"

namespace kith::packet {

Services::Services(const ServicesConfig& config, Direction direction)
    : config_(&config), direction_(direction) {}
Services::~Services() = default;

Services::Impl& Services::impl() {
  if (impl_ == nullptr) {
    impl_ = std::make_unique<Impl>(*config_, direction_);
    impl_->sent_limit = peer_window_;
    impl_->stream_window = peer_stream_window_;
    impl_->own_limit = peer_streams_;
    impl_->messages_limit = peer_messages_;
    impl_->datagram_bytes_max = peer_datagram_bytes_;
    impl_->compresses = config_->compresses && peer_compresses_;
  }
  return *impl_;
}

Services::Impl::Impl(const ServicesConfig& with, Direction direction)
    : config(with),
      is_initiator(direction == Direction::outbound),
      peer_limit(with.streams_max),
      arriving(with) {
  window.size = with.window_initial;
  window.size_max = with.window_max;
  window.unit = window_unit_bytes;
  window.limit =
      (with.window_initial + window_unit_bytes - 1) / window_unit_bytes * window_unit_bytes;
}

void Services::Impl::begin(Instant at) { now = std::max(now, at); }

void Services::forget_views() {
  if (impl_ == nullptr || !impl_->outputs.empty()) return;
  impl_->pool.reclaim();
  impl_->pieces.clear();
  impl_->unpacked = Bytes();
}

void Services::release() {
  forget_views();
  if (impl_ != nullptr && impl_->messages.count() == 0) impl_->messages.clear();
}

std::optional<ServicesOutput> Services::Impl::poll_output() {
  if (outputs.empty()) return std::nullopt;
  const Item item = outputs.pop_front();
  const auto size = static_cast<std::size_t>(item.size);
  switch (item.kind) {
    case Item::Kind::bytes: return StreamBytes{item.id, ByteView(item.at, size)};
    case Item::Kind::accepted: return StreamAccepted{item.id, size};
    case Item::Kind::writable: return StreamWritable{item.id, size};
    case Item::Kind::finished: return StreamFinished{item.id};
    case Item::Kind::stopped: return StreamStopped{item.id, item.code};
    case Item::Kind::closed:
      told_error = errors.pop_front();
      return StreamClosed{item.id, told_error ? &*told_error : nullptr};
    case Item::Kind::message: {
      const auto views = std::span<const ByteView>(pieces).subspan(size, item.id);
      if (!item.flag) return MessageArrived{item.number, views};
      if (const auto message = unpack(item.number, views)) return *message;
      return poll_output();
    }
    case Item::Kind::done: return MessageDone{item.number, item.flag};
    case Item::Kind::datagram: return DatagramArrived{ByteView(item.at, size)};
  }
  UNREACHABLE();
}

std::optional<MessageArrived> Services::Impl::unpack(MessageNumber number,
                                                     std::span<const ByteView> packed) {
  Bytes joined;
  ByteView all = packed[0];
  if (packed.size() > 1) {
    for (const ByteView piece : packed) base::append(joined, piece);
    all = joined;
  }
  unpacked = Bytes();  // before the next one takes its room
  if (packer == nullptr) packer = std::make_unique<codec::Packer>();
  auto content = packer->unpack(all, {.content_bytes_max = config.message_bytes_max});
  if (!content) {
    fault = Error{Code::protocol, base::format("message {}: {}", number, content.error().message)};
    return std::nullopt;
  }
  unpacked = std::move(*content);
  unpacked_view = unpacked;
  return MessageArrived{number, std::span(&unpacked_view, 1)};
}

// --- streams -------------------------------------------------------------------------------------

Result<StreamNumber> Services::Impl::open_stream(Importance importance) {
  if (is_shut) return fail(Code::closed, "the connection has ended");
  if (own_open >= config.streams_max) {
    return fail(Code::limit,
                base::format("{} streams are open, limit {}", own_open, config.streams_max));
  }
  if (own_opened >= own_limit) {
    owes_streams_blocked = streams_blocked_told != own_limit + 1;
    return fail(Code::limit, base::format("the peer lets us open {} streams in all", own_limit));
  }
  const auto number = static_cast<StreamNumber>(2 * own_opened + (is_initiator ? 1 : 2));
  ++own_opened;
  ++own_open;
  Stream& stream = streams.insert(number, importance, config);
  stream.send_limit = stream_window;
  stream.room_told = config.stream_queue_bytes_max;
  stream.receive.window.raised_at = now;
  schedule.add(stream);
  return number;
}

std::size_t Services::Impl::room_of(const Stream& stream) const {
  if (stream.is_closed_told || stream.send.is_finished() || stream.send.is_reset()) return 0;
  return config.stream_queue_bytes_max -
         std::min<std::size_t>(static_cast<std::size_t>(stream.send.unsent()),
                               config.stream_queue_bytes_max);
}

void Services::Impl::write(StreamNumber number, Buffer data) {
  Stream* stream = streams.find(number);
  if (stream == nullptr || stream->is_closed_told || stream->send.is_reset()) return;
  ASSERT(data.size() <= stream->room_told);
  stream->room_told -= data.size();
  stream->send.write(std::move(data));
  reschedule(*stream);
}

/// Into the schedule when it has something to send, at the place where it stands.
void Services::Impl::reschedule(Stream& stream) {
  if (stream.wants_to_send(holes_max())) {
    if (stream.place == Scheduled::Place::nowhere) schedule.add(stream);
  } else {
    schedule.remove(stream);
  }
  const bool is_blocked = stream.send.unsent() > 0 && stream.send.sent() == stream.send_limit;
  if (is_blocked && stream.blocked_told != stream.send_limit + 1) {
    owe(stream, &Stream::owes_blocked);
  }
}

void Services::Impl::reset(Stream& stream, std::uint16_t code) {
  if (stream.is_closed_told) return;
  if (!stream.send.is_over()) reset_sending(stream, code);
  if (!stream.receive.is_over()) {
    stream.stop_code = code;
    discard(stream);
    if (!stream.receive.is_over()) owe(stream, &Stream::owes_stop);
  }
  close_told(stream, Error{Code::canceled, "reset by this side"});
  settle(stream);
}

void Services::Impl::reset_sending(Stream& stream, std::uint16_t code) {
  if (stream.send.is_reset()) return;
  stream.send.reset();
  stream.reset_code = code;
  stream.owes_blocked = false;
  schedule.remove(stream);
  owe(stream, &Stream::owes_reset);
}

void Services::Impl::discard(Stream& stream) {
  stream.owes_credit = false;
  return_credit(stream.receive.discard(pool));
}

void Services::Impl::close_told(Stream& stream, std::optional<Error> error) {
  if (std::exchange(stream.is_closed_told, true)) return;
  errors.push_back(std::move(error));
  push_stream(Item::Kind::closed, stream.number);
}

void Services::Impl::settle(Stream& stream) {
  if (!stream.is_over()) return;
  close_told(stream, std::nullopt);
  discard(stream);  // what the application has not consumed
  schedule.remove(stream);
  if (stream.is_in_control) std::erase(control, stream.number);
  const bool was_own = is_own(stream.number);
  streams.erase(stream.number);
  if (was_own) {
    --own_open;
  } else {
    ++peer_closed;
    raise_streams();
  }
  if (streams.empty()) pool.release();
}

void Services::Impl::owe(Stream& stream, bool Stream::* what) {
  stream.*what = true;
  if (std::exchange(stream.is_in_control, true)) return;
  control.push_back(stream.number);
}

void Services::Impl::raise_window() {
  if (window.raise(now, round_trip)) owes_window = true;
}

void Services::Impl::return_credit(std::uint64_t bytes) {
  if (config.holds_credit) {
    held_credit += bytes;
    return;
  }
  window.returned += bytes;
  raise_window();
}

/// What the window may grow to for a message that waits for all of its credit.
std::uint64_t Services::Impl::claim_max() const {
  const std::uint64_t least = config.message_bytes_max;
  return config.holds_credit ? least : std::max(window.size_max, least);
}

void Services::Impl::raise_streams() {
  const std::uint64_t limit =
      std::min<std::uint64_t>(peer_closed + config.streams_max, streams_in_all_max);
  if (limit < peer_limit + std::max<std::uint64_t>(config.streams_max / 2, 1)) return;
  peer_limit = limit;
  owes_streams = true;
}

// --- messages and datagrams ----------------------------------------------------------------------

Result<MessageNumber> Services::Impl::send_message(Buffer data, const MessageOptions& options) {
  if (is_shut) return fail(Code::closed, "the connection has ended");
  if (data.empty()) return fail(Code::usage, "a message of 0 bytes");
  if (data.size() > config.message_bytes_max) {
    return fail(Code::too_large, base::format("message of {} bytes, limit {}", data.size(),
                                              config.message_bytes_max));
  }
  if (messages.count() >= config.messages_sent_max || messages.is_span_full()) {
    return fail(Code::limit, base::format("{} messages are unacknowledged, limit {}",
                                          messages.count(), config.messages_sent_max));
  }
  if (messages.next() >= messages_limit) {
    owes_messages_blocked = messages_blocked_told != messages_limit + 1;
    return fail(Code::limit,
                base::format("the peer lets us send {} messages by now", messages_limit));
  }
  OutMessage& message = messages.add();
  message.importance = std::min<Importance>(options.importance, importance_max);
  message.deadline = options.deadline;
  message.attempts_max = options.attempts ? std::clamp(*options.attempts, 1U, 0xffU) : 0;
  constexpr std::size_t compressed_bytes_min = 512;
  if (compresses && data.size() >= compressed_bytes_min) {
    if (packer == nullptr) packer = std::make_unique<codec::Packer>();
    // Kept if it saves a packet; of the packets' size nothing is known but that it is usual.
    constexpr std::size_t packet_bytes = 1300;
    const auto packets = [](std::size_t bytes) {
      return (bytes + packet_bytes - 1) / packet_bytes;
    };
    auto packed = packer->pack(data.view());
    if (packed && packets(packed->size()) < packets(data.size())) {
      data = Buffer(std::move(*packed));
      message.is_compressed = true;
    }
  }
  message.total = data.size();
  message.data = std::move(data);
  if (message.deadline) deadlines.set(message.number, message.deadline);
  schedule.add(message);
  return message.number;
}

void Services::Impl::give_up(OutMessage& message) {
  if (message.is_gone) return;
  push_done(message, false);
  if (message.deadline) deadlines.set(message.number, std::nullopt);
  message.is_gone = message.owes_gone = true;
  message.data = Buffer();
  message.ranges.clear();
  schedule.add(message);
  if (claim != &message) return;
  claim = nullptr;
  owes_claim = false;
  schedule.on_credit();
}

void Services::Impl::done(OutMessage& message, bool was_delivered) {
  push_done(message, was_delivered);
  if (message.deadline) deadlines.set(message.number, std::nullopt);
  erase(message);
}

void Services::Impl::erase(OutMessage& message) {
  const bool was_in_pieces = message.is_in_pieces;
  schedule.remove(message);
  messages.erase(message);
  if (was_in_pieces) schedule.on_credit();  // another may begin
}

Result<void> Services::Impl::send_datagram(Buffer data) {
  if (is_shut) return fail(Code::closed, "the connection has ended");
  if (data.size() > datagram_bytes_max) {
    return fail(Code::too_large,
                base::format("datagram of {} bytes, limit {}", data.size(), datagram_bytes_max));
  }
  datagrams_bytes += data.size();
  datagrams.push_back(std::move(data));
  // A queue of empty ones must end too: each counts as 64 bytes at least.
  constexpr std::size_t datagram_bytes_least = 64;
  const std::size_t count_max = config.datagram_queue_bytes_max / datagram_bytes_least;
  while (datagrams.size() > 1 &&
         (datagrams_bytes > config.datagram_queue_bytes_max || datagrams.size() > count_max)) {
    datagrams_bytes -= datagrams.pop_front().size();
  }
  if (datagrams_turn.place == Scheduled::Place::nowhere) schedule.add(datagrams_turn);
  return {};
}

void Services::Impl::on_deadline() {
  if (is_shut) return;
  if (const std::uint64_t bytes = arriving.expire(now, pool)) return_credit(bytes);
  while (const auto number = deadlines.pop_due(now)) {
    if (OutMessage* message = messages.find(*number)) give_up(*message);
  }
}

bool Services::Impl::is_all_acknowledged() {
  if (messages.count() > 0 || !datagrams.empty()) return false;
  bool is_settled = true;
  streams.for_each([&](Stream& stream) {
    is_settled = is_settled && stream.send.is_settled() && !stream.owes_stop &&
                 (stream.is_announced || !is_own(stream.number));
  });
  return is_settled;
}

void Services::Impl::shut_down(const Error& error) {
  if (std::exchange(is_shut, true)) return;
  streams.for_each([&](Stream& stream) {
    schedule.remove(stream);
    close_told(stream, error);
  });
  messages.for_each([&](OutMessage& message) {
    schedule.remove(message);
    if (!message.is_gone) push_done(message, false);
    if (message.deadline) deadlines.set(message.number, std::nullopt);
  });
  schedule.remove(datagrams_turn);
  streams.clear();
  messages.clear();
  arriving.clear(pool);
  datagrams = base::Queue<Buffer>();
  datagrams_bytes = 0;
  control = std::vector<StreamNumber>();
  claim = nullptr;
  owes_window = owes_streams = owes_messages = owes_claim = false;
  owes_streams_blocked = owes_messages_blocked = false;
}

// --- the face ------------------------------------------------------------------------------------

Result<StreamNumber> Services::open_stream(Importance importance) {
  impl().begin();
  return impl().open_stream(std::min(importance, importance_max));
}

std::size_t Services::room(StreamNumber number) const {
  const Stream* stream = impl_ == nullptr ? nullptr : impl_->streams.find(number);
  return stream == nullptr ? 0 : std::min(stream->room_told, impl_->room_of(*stream));
}

void Services::write(StreamNumber stream, Buffer data) {
  if (impl_ == nullptr) return;
  impl_->begin();
  impl_->write(stream, std::move(data));
}

void Services::finish(StreamNumber number) {
  if (impl_ == nullptr) return;
  impl_->begin();
  Stream* stream = impl_->streams.find(number);
  if (stream == nullptr || stream->is_closed_told || stream->send.is_reset()) return;
  stream->send.finish();
  impl_->reschedule(*stream);
}

void Services::reset(StreamNumber number, std::uint16_t code) {
  if (impl_ == nullptr) return;
  impl_->begin();
  if (Stream* stream = impl_->streams.find(number)) impl_->reset(*stream, code);
}

void Services::stop_sending(StreamNumber number, std::uint16_t code) {
  if (impl_ == nullptr) return;
  impl_->begin();
  Stream* stream = impl_->streams.find(number);
  if (stream == nullptr || stream->is_closed_told || stream->receive.is_discarding()) return;
  if (stream->receive.is_over()) return;
  stream->stop_code = code;
  impl_->discard(*stream);
  if (!stream->receive.is_over()) impl_->owe(*stream, &Stream::owes_stop);
  impl_->settle(*stream);
}

void Services::consume(Instant now, StreamNumber number, std::size_t bytes) {
  if (impl_ == nullptr) return;
  impl_->begin(now);
  Stream* stream = impl_->streams.find(number);
  if (stream == nullptr || stream->receive.is_discarding()) return;
  StreamReceive& receive = stream->receive;
  ASSERT(bytes <= receive.delivered() - receive.window.returned);
  receive.window.returned += bytes;
  impl_->return_credit(bytes);
  if (!receive.has_end() && receive.window.raise(impl_->now, impl_->round_trip)) {
    impl_->owe(*stream, &Stream::owes_credit);
  }
}

void Services::set_importance(StreamNumber number, Importance importance) {
  if (impl_ == nullptr) return;
  impl_->begin();
  Stream* stream = impl_->streams.find(number);
  if (stream == nullptr || stream->importance == importance) return;
  impl_->schedule.remove(*stream);
  stream->importance = std::min(importance, importance_max);
  impl_->reschedule(*stream);
}

Result<MessageNumber> Services::send_message(Instant now, Buffer data,
                                             const MessageOptions& options) {
  impl().begin(now);
  return impl().send_message(std::move(data), options);
}

void Services::consume_message(MessageNumber number) {
  if (impl_ == nullptr) return;
  impl_->begin();
  impl_->return_credit(impl_->arriving.consume(number));
  if (impl_->arriving.raise()) impl_->owes_messages = true;
}

Result<void> Services::send_datagram(Buffer data) {
  impl().begin();
  return impl().send_datagram(std::move(data));
}

std::optional<ServicesOutput> Services::poll_output() {
  return impl_ == nullptr ? std::nullopt : impl_->poll_output();
}

bool Services::is_all_acknowledged() const {
  return impl_ == nullptr || impl_->is_all_acknowledged();
}

std::uint16_t Services::window() const {
  return wire_window(impl_ == nullptr ? config_->window_initial : impl_->window.limit);
}

std::uint64_t Services::held_credit() const { return impl_ == nullptr ? 0 : impl_->held_credit; }

void Services::give_credit(Instant now, std::uint64_t bytes) {
  if (impl_ == nullptr || impl_->is_shut) return;
  impl_->begin(now);
  const bool is_all = bytes >= impl_->held_credit;
  bytes = std::min(bytes, impl_->held_credit);
  impl_->held_credit -= bytes;
  impl_->window.returned += bytes;
  // Nothing is held back: as without. Else little by little, and the window does not grow.
  if (is_all) return impl_->raise_window();
  if (impl_->window.raise_all(now)) impl_->owes_window = true;
}

void Services::set_round_trip(Duration round_trip) {
  if (impl_ != nullptr) impl_->round_trip = round_trip;
}

void Services::on_deadline(Instant now) {
  if (impl_ == nullptr) return;
  impl_->begin(now);
  impl_->on_deadline();
}

std::optional<Instant> Services::next_deadline() const {
  if (impl_ == nullptr) return std::nullopt;
  return base::soonest(impl_->deadlines.soonest(), impl_->arriving.next_deadline());
}

void Services::shut_down(const Error& error) {
  if (impl_ == nullptr) return;
  impl_->begin();
  impl_->shut_down(error);
}

Services::Held Services::held() const {
  if (impl_ == nullptr) return {};
  return {.streams = impl_->streams.size(),
          .messages_out = impl_->messages.count(),
          .messages_assembled = impl_->arriving.assembled(),
          .messages_unconsumed = impl_->arriving.held(),
          .sent = impl_->sent,
          .sent_limit = impl_->sent_limit,
          .received = impl_->received,
          .returned = impl_->window.returned,
          .received_limit = impl_->window.limit};
}

}  // namespace kith::packet
