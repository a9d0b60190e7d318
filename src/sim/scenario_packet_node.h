// One node of the scenario "packet": an endpoint, and a session beside each of its connections, as
// a host joins them, without the host. Bytes come and go by its parent, time too.
//
// A connection's tag is the parent's: of one that was dialled the number it was dialled with, of an
// accepted one `no_tag` until set_tag().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/deadline_heap.h"
#include "crypto/key.h"
#include "packet/endpoint.h"
#include "secure/session.h"
#include "secure/session_ticket.h"

namespace kith::sim {

struct PacketNodeConfig {
  packet::EndpointConfig endpoint;
  std::uint64_t rotate_bytes = 100'000'000;
  Duration rotate_interval = 1h;
  std::uint32_t tickets_given = 2;
};

class PacketNode;

/// Told of what happens at nodes. What it does with services() is noticed by the node.
class PacketApp {
 public:
  virtual ~PacketApp() = default;
  virtual void on_up(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t tag,
                     Direction direction, const secure::SessionEstablished& session) = 0;
  virtual void on_service(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t tag,
                          packet::ServicesOutput& output) = 0;
  virtual void on_end(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t tag,
                      const std::optional<Error>& error) = 0;
};

class PacketNode {
 public:
  static constexpr std::uint32_t no_tag = ~0U;

  PacketNode(const PacketNodeConfig& config, std::uint32_t index, std::uint64_t seed, Instant now,
             PacketApp& app);

  std::uint32_t index() const { return index_; }
  const PeerId& peer() const { return peer_; }
  /// The process begins anew: connections, sessions and tickets are gone, the identity is not.
  void restart(Instant now);

  // --- what the parent asks for ---
  void dial(Instant now, std::uint32_t tag, const packet::Path& path,
            std::optional<PeerId> expected);
  void say(Instant now, packet::ConnectionSlot slot, packet::Connection::Input input);
  void rotate(Instant now, packet::ConnectionSlot slot);
  void set_tag(packet::ConnectionSlot slot, std::uint32_t tag);
  /// Null when the connection is over.
  packet::Services* services(packet::ConnectionSlot slot);
  const packet::Connection* connection(packet::ConnectionSlot slot) const {
    return endpoint_->look_at(slot);
  }
  std::uint64_t rotations(packet::ConnectionSlot slot) const;

  // --- time and bytes; outputs are given to the app meanwhile ---
  void receive(Instant now, base::DatagramsIn in);
  void on_time(Instant now);
  base::DatagramsOut poll(Instant now, ByteSpan room);
  void drain(Instant now);
  std::optional<Instant> next_deadline();

  packet::Endpoint& endpoint() { return *endpoint_; }
  std::size_t session_count() const { return session_count_; }

 private:
  struct Entry {
    packet::ConnectionSlot slot;
    std::unique_ptr<secure::Session> session;
    Direction direction = Direction::inbound;
    std::uint32_t tag = no_tag;
    std::optional<Instant> deadline;
    std::optional<Error> own_error;  // what this side has ended it with
  };
  struct Up {
    packet::ConnectionSlot slot;
    secure::SessionEstablished session;
  };
  static std::uint32_t place_of(packet::ConnectionSlot slot) { return slot.value & 0xfffff; }

  Entry* find(packet::ConnectionSlot slot);
  const Entry* find(packet::ConnectionSlot slot) const;
  void begin(Instant now, packet::ConnectionSlot slot, Direction direction, std::uint32_t tag);
  void end(packet::ConnectionSlot slot, const std::optional<Error>& error);
  bool has_ticket(Instant now, ByteView hello) const;
  void on_output(Instant now, packet::ConnectionSlot slot, packet::Connection::Output& output);
  void tell(Instant now, packet::ConnectionSlot slot, secure::Session::Input input);
  void drain_session(Instant now, packet::ConnectionSlot slot);
  void on_session(Instant now, packet::ConnectionSlot slot, secure::Session::Output& output);
  void give_keys(Instant now, packet::ConnectionSlot slot, const secure::KeysReady& ready);

  std::uint32_t index_;
  PacketApp& app_;
  SeededRng rng_;
  PeerId peer_;
  packet::EndpointConfig endpoint_config_;
  secure::SessionConfig session_config_;
  crypto::KeyScheduleCache schedules_;
  std::unique_ptr<secure::Tickets> tickets_;
  std::vector<Entry> sessions_;  // by the place in their slot
  std::size_t session_count_ = 0;
  base::DeadlineHeap<std::uint32_t> deadlines_;
  std::vector<Up> up_;
  std::optional<PeerId> expected_;
  std::unique_ptr<packet::Endpoint> endpoint_;
};

}  // namespace kith::sim
