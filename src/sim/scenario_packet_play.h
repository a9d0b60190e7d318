// What one session of the scenario "packet" carries, and whether it arrives as it was said: streams
// from both sides, messages, datagrams. All bytes are of one long pattern, each thing from a place
// of its own, so that both what is sent and what must arrive is known without keeping it.
//
// Checked as things happen: bytes of a stream follow each other exactly; a message arrives whole,
// at most once, and has arrived when it is said to be delivered; a datagram is one that was sent,
// once. When a stream is closed on one side without an error, both directions have arrived; when a
// connection ends without one, all that was written to it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/scenario_packet_node.h"

namespace kith::sim {

/// Random bytes that begin anew after `period`.
class PacketPattern {
 public:
  static constexpr std::uint64_t period = std::uint64_t{1} << 20;
  static constexpr std::size_t part_max = std::size_t{64} << 10;

  explicit PacketPattern(std::uint64_t seed);
  /// At most part_max of them.
  Buffer part(std::uint64_t at, std::size_t size) const {
    return whole_.slice(static_cast<std::size_t>(at % period), size);
  }
  bool fits(std::uint64_t at, ByteView bytes) const;

 private:
  Buffer whole_;
};

struct PacketTotals {
  std::uint64_t bytes = 0;  // of services, that arrived
  std::uint64_t streams = 0, messages = 0, messages_given_up = 0;
  std::uint64_t datagrams = 0, datagrams_sent = 0;
};

struct PacketPlan {
  std::uint64_t bytes = 1 << 20;
  std::uint32_t streams = 3, messages = 20, datagrams = 20;
  bool resets = false;  // one stream is given up on the way
  bool reads_slowly = false;
  /// A lie that must be noticed: a byte of a stream is written wrong.
  bool is_canary = false;
};

class PacketPlay {
 public:
  using Complain = std::function<void(const char* invariant, std::string what)>;

  /// All outlive it.
  PacketPlay(const PacketPattern& pattern, const PacketPlan& plan, std::uint64_t seed,
             PacketTotals& totals, const Complain& complain);

  static constexpr std::uint32_t sides = 2;  // 0 dialled

  void on_up(std::uint32_t side, PacketNode& node, packet::ConnectionSlot slot);
  void on_service(Instant now, std::uint32_t side, packet::ServicesOutput& output);
  void on_end(std::uint32_t side, const std::optional<Error>& error);
  /// Its process is gone, and with it what it has not said.
  void on_crash(std::uint32_t side) { sides_[side].node = nullptr; }
  /// Now and then: something more is said, what was read slowly is consumed.
  void on_chore(Instant now);

  bool is_up(std::uint32_t side) const { return sides_[side].node != nullptr; }
  /// All that the plan has was said and has arrived.
  bool is_complete() const;
  /// From now on nothing new is written.
  void stop() { is_stopped_ = true; }

 private:
  struct Stream {
    std::array<std::uint64_t, sides> start{}, size{};  // of what that side writes
    std::array<std::uint64_t, sides> written{}, read{}, unconsumed{};
    std::array<bool, sides> has_finished{}, has_ended{}, is_closed{};
    packet::StreamNumber number = 0;
    packet::Importance importance = packet::importance_default;
    std::uint64_t reset_after = ~std::uint64_t{0};
    bool is_given_up = false;
  };
  struct Message {
    std::uint64_t start;
    std::uint32_t size;
    bool may_fail;
    bool has_arrived = false, is_done = false;
  };
  struct Side {
    PacketNode* node = nullptr;
    packet::ConnectionSlot slot;
    std::vector<Stream> streams;  // that it opens
    std::size_t opened = 0;
    std::vector<Message> messages;
    std::size_t sent_messages = 0;
    std::uint32_t datagrams = 0, sent_datagrams = 0;
    std::vector<bool> datagrams_got;  // by the other side
  };

  void complain(const char* invariant, std::string what) const;
  packet::Services* services(std::uint32_t side);
  Stream* find(std::uint32_t side, packet::StreamNumber number);
  void open_next(std::uint32_t side);
  void write(std::uint32_t side, Stream& stream, std::size_t room);
  void send_message(Instant now, std::uint32_t side);
  void send_datagram(std::uint32_t side);
  std::uint64_t datagram_start(std::uint32_t side, std::uint32_t index) const;
  std::size_t datagram_size(std::uint32_t side, std::uint32_t index) const;
  void on_bytes(Instant now, std::uint32_t side, const packet::StreamBytes& bytes);
  void on_finished(std::uint32_t side, packet::StreamNumber number);
  void on_closed(std::uint32_t side, const packet::StreamClosed& closed);
  void on_message(std::uint32_t side, const packet::MessageArrived& message);
  void on_message_done(std::uint32_t side, const packet::MessageDone& done);
  void on_datagram(std::uint32_t side, ByteView data);
  void check_written(std::uint32_t writer) const;

  const PacketPattern& pattern_;
  PacketPlan plan_;
  SeededRng rng_;
  std::uint64_t seed_;
  PacketTotals& totals_;
  const Complain& complain_;
  std::array<Side, sides> sides_;
  bool is_stopped_ = false;
};

}  // namespace kith::sim
