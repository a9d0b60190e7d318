// One session of the scenario "packet" that lasts for days: a message every few seconds from one
// side or the other, a datagram, now and then a stream, keys that change all ten minutes, on a path
// that loses one packet in a hundred. Once an hour nothing is said for a while, and then the heap
// is looked at: once it has settled it must not grow. A long run settles in two days: keys of
// tickets are kept for 36 hours.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/scenario_packet_field.h"

namespace kith::sim {

struct PacketLongConfig {
  std::uint64_t seed = 1;
  Duration duration = 24h;
  Duration pause = 4s;  // between two things that are said
  Duration stream_pause = 15min;
  std::size_t stream_bytes = 60'000;  // up to what one may queue
  /// Growth that allocators and containers (the simulator's, too) may show by chance. A byte lost
  /// with each stream of 14 days, or 20 with each change of keys, is more.
  std::size_t growth_max = std::size_t{48} << 10;
};

struct PacketLongFigures {
  std::uint64_t messages = 0, datagrams = 0, datagrams_sent = 0, streams = 0, bytes = 0;
  std::uint64_t rotations = 0, packets_sent = 0, packets_lost = 0, packets_resent = 0;
  std::uint64_t heap_first = 0, heap_most = 0, heap_last = 0;  // after the first hours; 0: unknown
  std::uint64_t looks = 0;
};

class PacketLong final : private PacketApp {
 public:
  explicit PacketLong(const PacketLongConfig& config);
  ~PacketLong() override;

  void run();
  const PacketLongFigures& figures() const { return figures_; }
  const std::vector<PacketViolation>& violations() const { return violations_; }
  const PacketNet& net() const { return *net_; }

 private:
  struct Side {
    packet::ConnectionSlot slot;
    bool is_up = false;
    std::uint64_t sent = 0, arrived = 0, done = 0;  // messages of this side's
    std::map<std::uint64_t, bool> open;             // of them, not done: whether it has arrived
    std::uint32_t datagrams = 0;
    std::map<packet::StreamNumber, std::uint64_t> written, read;
  };

  void on_up(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t tag, Direction direction,
             const secure::SessionEstablished& session) override;
  void on_service(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t tag,
                  packet::ServicesOutput& output) override;
  void on_end(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t tag,
              const std::optional<Error>& error) override;
  void on_action();
  void talk();
  void open_stream(std::uint32_t side);
  void on_message(std::uint32_t side, const packet::MessageArrived& message);
  void on_done(std::uint32_t side, const packet::MessageDone& done);
  void look_at_heap();
  void check_end();
  packet::Services* services(std::uint32_t side) {
    return net_->node(side).services(sides_[side].slot);
  }
  std::uint64_t start_of(std::uint32_t side, std::uint64_t number) const;
  void complain(const char* invariant, std::string what);

  PacketLongConfig config_;
  PacketNetConfig net_config_;
  PacketPattern pattern_;
  SeededRng rng_;
  std::unique_ptr<PacketNet> net_;
  std::array<Side, 2> sides_;
  Instant began_, ends_, rotates_at_, looks_at_, opens_at_;
  bool is_over_ = false;
  PacketLongFigures figures_;
  std::vector<PacketViolation> violations_;
};

}  // namespace kith::sim
