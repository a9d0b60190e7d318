// The state of Services, internal to services*.cpp: services.cpp has the application's side and the
// life of streams, services_in.cpp what the peer says, services_out.cpp what is said to it and what
// became of that.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/deadline_heap.h"
#include "base/machine.h"
#include "base/queue.h"
#include "codec/packed.h"
#include "packet/message_receive.h"
#include "packet/message_send.h"
#include "packet/packet_number.h"
#include "packet/schedule.h"
#include "packet/services.h"
#include "packet/stream_table.h"

namespace kith::packet {

/// FrameNote::flags of a credit: what it was credit for.
enum class CreditNote : std::uint8_t { stream, streams, messages, window, blocked };

struct Services::Impl {
  Impl(const ServicesConfig& with, Direction direction);

  // --- services.cpp ---
  /// Of every mutation: views that nobody may look at any more go.
  void begin(Instant at);
  void begin() { begin(now); }
  std::optional<ServicesOutput> poll_output();
  std::optional<MessageArrived> unpack(MessageNumber number, std::span<const ByteView> packed);
  /// Known holes of a stream or message with which nothing new of it goes: long before the peer
  /// finds that they are too many.
  std::size_t holes_max() const { return config.gaps_max / 4; }
  Result<StreamNumber> open_stream(Importance importance);
  void write(StreamNumber number, Buffer data);
  void reset(Stream& stream, std::uint16_t code);
  /// RESET_STREAM of our direction.
  void reset_sending(Stream& stream, std::uint16_t code);
  /// Nobody reads the peer's direction any more.
  void discard(Stream& stream);
  void close_told(Stream& stream, std::optional<Error> error);
  /// Erases it when both directions are over.
  void settle(Stream& stream);
  void owe(Stream& stream, bool Stream::* what);
  void reschedule(Stream& stream);
  void raise_window();
  void return_credit(std::uint64_t bytes);
  std::uint64_t claim_max() const;
  void raise_streams();
  std::size_t room_of(const Stream& stream) const;
  Result<MessageNumber> send_message(Buffer data, const MessageOptions& options);
  Result<void> send_datagram(Buffer data);
  void give_up(OutMessage& message);
  void done(OutMessage& message, bool was_delivered);
  void erase(OutMessage& message);
  void on_deadline();
  bool is_all_acknowledged();
  void shut_down(const Error& error);

  bool is_own(StreamNumber number) const { return ((number & 1U) != 0) == is_initiator; }
  /// The how manieth of its side, from 0.
  static std::uint64_t index_of(StreamNumber number) { return (number - 1) / 2; }

  // --- services_in.cpp ---
  Result<void> on_frame(const Frame& frame);
  Result<void> on_stream(const StreamFrame& frame);
  Result<void> on_reset(const ResetStreamFrame& frame);
  Result<void> on_stop(const StopSendingFrame& frame);
  Result<void> on_credit(const CreditFrame& frame);
  Result<void> on_blocked(const BlockedFrame& frame);
  Result<void> on_part(const MessagesIn::Part& part);
  Result<void> on_gone(const MessageGoneFrame& frame);
  Result<void> on_fragment(const Header& header, ByteView payload);
  /// The stream, opened if the peer may; null: it is gone.
  Result<Stream*> find_for_frame(StreamNumber number);
  Result<void> count_bytes(std::uint64_t bytes);
  Result<void> count_range(Stream& stream, std::uint64_t offset, std::uint64_t bytes,
                           bool with_end);

  // --- services_out.cpp ---
  enum class Step : std::uint8_t { wrote, full, waits };
  bool owes_control() const;
  void write_control(FrameWriter& writer, std::vector<FrameNote>& notes);
  bool write_stream_control(Stream& stream, FrameWriter& writer, std::vector<FrameNote>& notes);
  bool write_credit(const CreditFrame& frame, CreditNote kind, std::uint64_t said,
                    FrameWriter& writer, std::vector<FrameNote>& notes);
  void fill(FrameWriter& writer, std::vector<FrameNote>& notes);
  bool wants_to_send(Scheduled& item);
  Step write_item(Scheduled& item, FrameWriter& writer, std::vector<FrameNote>& notes);
  Step write_stream(Stream& stream, FrameWriter& writer, std::vector<FrameNote>& notes);
  Step write_bytes(Stream& stream, std::uint64_t offset, std::uint64_t bytes, FrameWriter& writer,
                   std::vector<FrameNote>& notes);
  Step write_message(OutMessage& message, FrameWriter& writer, std::vector<FrameNote>& notes);
  Step write_part(OutMessage& message, std::uint64_t offset, std::uint64_t bytes,
                  FrameWriter& writer, std::vector<FrameNote>& notes);
  Step write_datagram(FrameWriter& writer);
  std::optional<FragmentOut> next_fragment(std::size_t room);
  bool begin_fragments(OutMessage& message, std::size_t room) const;
  FragmentOut take_fragment(OutMessage& message);
  std::uint64_t credit_for(const Scheduled& item) const;
  bool take_credit(OutMessage& message);
  bool take_place(OutMessage& message);
  void tell_room(Stream& stream);
  void on_acked(const FrameNote& note);
  void on_lost(const FrameNote& note);
  void on_lost_credit(const FrameNote& note);
  void on_message_acked(const FrameNote& note);
  void on_message_lost(const FrameNote& note);

  /// An output in 32 bytes, without destructor: what ServicesOutput would cost on the way of each
  /// packet's bytes is more than all else that is done for them.
  struct Item {
    enum class Kind : std::uint8_t {
      accepted,
      bytes,
      writable,
      finished,
      stopped,
      closed,
      message,
      done,
      datagram
    };
    Kind kind;
    bool flag = false;       // done: was delivered; message: is compressed
    std::uint16_t code = 0;  // stopped
    std::uint32_t id = 0;    // stream, or how many pieces a message has
    const std::uint8_t* at = nullptr;
    std::uint64_t size = 0;    // bytes, or room, or a message's first piece
    std::uint64_t number = 0;  // of a message
  };
  void push_bytes(StreamNumber stream, ByteView data) {
    outputs.push_back(
        {.kind = Item::Kind::bytes, .id = stream, .at = data.data(), .size = data.size()});
  }
  void push_done(const OutMessage& message, bool was_delivered) {
    outputs.push_back({.kind = Item::Kind::done, .flag = was_delivered, .number = message.number});
  }
  void push_stream(Item::Kind kind, StreamNumber stream, std::uint64_t size = 0,
                   std::uint16_t code = 0) {
    outputs.push_back({.kind = kind, .code = code, .id = stream, .size = size});
  }

  const ServicesConfig& config;
  const bool is_initiator;
  bool is_shut = false;
  Instant now{};
  Duration round_trip = 333ms;

  base::Queue<Item> outputs;
  base::Queue<std::optional<Error>> errors;  // of the closed among them
  std::optional<Error> told_error;           // of the last one that was told
  std::vector<ByteView> pieces;              // of messages among the outputs
  Bytes unpacked;                            // the compressed one that was given last
  ByteView unpacked_view;
  std::optional<Error> fault;  // of one that did not unpack
  bool is_said_again = false;  // of the packet that is filled: some of it
  std::size_t room_max = 0;    // of the longest packets that now leave; that one may be shorter
  BlockPool pool;
  std::unique_ptr<codec::Packer> packer;
  bool compresses = false;  // both sides

  StreamTable streams;
  std::vector<StreamNumber> control;           // Stream::is_in_control
  std::uint64_t own_opened = 0, own_open = 0;  // in all; now
  std::uint64_t own_limit = 0;                 // how many the peer lets us open
  std::uint64_t peer_opened = 0, peer_closed = 0;
  std::uint64_t peer_limit;  // how many it may open
  std::uint64_t stream_window = 0;

  Schedule schedule;
  std::uint64_t sent = 0, sent_limit = 0;  // of the connection's credit
  OutMessage* claim = nullptr;  // waits for credit, which nobody less important takes before it
  ReceiveWindow window;
  std::uint64_t held_credit = 0;  // beside what `window` has returned
  std::uint64_t received = 0;

  MessagesOut messages;
  std::uint64_t messages_limit = 0;
  mutable base::DeadlineHeap<MessageNumber> deadlines;
  MessagesIn arriving;

  base::Queue<Buffer> datagrams;
  std::size_t datagrams_bytes = 0, datagram_bytes_max = 0;
  Scheduled datagrams_turn{Scheduled::Kind::datagrams, importance_default};

  bool owes_window = false, owes_streams = false, owes_messages = false;
  bool owes_claim = false;
  // The limits at which the peer heard that we are blocked, and one.
  std::uint64_t streams_blocked_told = 0, messages_blocked_told = 0;
  bool owes_streams_blocked = false, owes_messages_blocked = false;
};

}  // namespace kith::packet
