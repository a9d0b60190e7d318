// Machines for the simulator's own tests and benchmarks, smaller than a node: PuppetMachine does
// what a test tells it and remembers what it saw; ChatterMachine keeps a ball going on each link.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <vector>

#include "host/world.h"
#include "sim/world.h"

namespace kith::sim {

inline constexpr std::uint16_t test_port = 4770;
inline codec::Multiaddr test_address(std::uint32_t node, std::uint16_t port = test_port) {
  return codec::Multiaddr::tcp(ip_of(node), port);
}

class PuppetMachine : public host::WorldMachine {
 public:
  struct LinkEnd {
    LinkId link;
    Code code;
    Instant at;
  };
  struct Answer {
    char what;  // job, log, chain
    Token token;
    Instant at;
    friend bool operator==(const Answer&, const Answer&) = default;
  };
  struct Arrived {
    LinkId link;
    std::size_t bytes;
    Instant at;
  };

  struct Packet {
    base::IpPort from;
    Bytes bytes;
    base::Ecn ecn;
    Instant at;
    friend bool operator==(const Packet&, const Packet&) = default;
  };
  struct Batch {
    base::DatagramsOut out;
    Bytes bytes;
  };

  // What the test sets.
  std::deque<host::WorldOutput> outputs;
  std::map<LinkId, Bytes> outbox;
  std::optional<Instant> deadline;
  std::deque<Batch> batches_out;
  bool echoes_packets = false;
  std::size_t takes_packets = SIZE_MAX;  // at once
  bool wants = true;
  bool echoes = false;
  bool keeps_bytes = true;        // of what it receives
  std::size_t take_multiple = 1;  // takes bytes in whole units of this, as frames would

  // What the test reads.
  std::vector<host::LinkOpened> opened;
  std::vector<LinkEnd> failed;
  std::vector<LinkEnd> closed;
  std::vector<host::Listening> listening;
  std::vector<host::ListenFailed> listen_failed;
  std::vector<host::SocketOpened> sockets;
  std::vector<host::SocketClosed> sockets_closed;
  std::vector<Packet> packets;
  std::vector<std::size_t> batches;  // packets of each on_datagrams
  std::vector<host::Resolved> resolved;
  std::vector<host::StoredPeer> loaded;
  std::vector<Answer> answers;
  std::vector<WallTime> wall;
  std::vector<Arrived> arrived;
  std::vector<Instant> deadlines;
  std::map<LinkId, Bytes> received;
  std::size_t bytes_sent = 0;

  void listen(const codec::Multiaddr& address) { outputs.push_back(host::Listen{address}); }
  void dial(LinkId link, const codec::Multiaddr& address, Duration timeout = 10s) {
    outputs.push_back(host::DialLink{link, address, timeout});
  }
  void send(LinkId link, ByteView bytes) {
    Bytes& box = outbox[link];
    if (box.empty()) outputs.push_back(host::TransmitReady{link});
    base::append(box, bytes);
  }
  /// From the first socket there is.
  void send_packets(const base::IpPort& to, ByteView bytes, std::size_t segment_bytes,
                    base::Ecn ecn = base::Ecn::none) {
    if (batches_out.empty()) outputs.push_back(host::DatagramsReady{});
    const base::SocketId socket = sockets.empty() ? base::SocketId{1} : sockets.back().socket;
    batches_out.push_back({{socket, to, bytes.size(), segment_bytes, ecn}, base::to_bytes(bytes)});
  }
  void close(LinkId link, bool flush) { outputs.push_back(host::CloseLink{link, flush}); }

  void on_input(Instant now, host::WorldInput input) override {
    std::visit(Overload{
                   [&](host::LinkOpened& in) { opened.push_back(std::move(in)); },
                   [&](host::LinkFailed& in) { failed.push_back({in.link, in.error.code, now}); },
                   [&](host::LinkClosed& in) {
                     closed.push_back({in.link, in.error.code, now});
                     outbox.erase(in.link);
                   },
                   [&](host::Listening& in) { listening.push_back(std::move(in)); },
                   [&](host::ListenFailed& in) { listen_failed.push_back(std::move(in)); },
                   [&](host::Resolved& in) { resolved.push_back(std::move(in)); },
                   [&](host::PeersLoaded& in) { loaded = std::move(in.peers); },
                   [](host::QualityLoaded&) {},
                   [](host::SignaturesVerified&) {},
                   [](host::SignerUp&) {},
                   [](host::SignerDown&) {},
                   [](host::SignerSaid&) {},
                   [&](host::JobDone& in) { answers.push_back({'j', in.token, now}); },
                   [&](host::LogAppended& in) { answers.push_back({'l', in.token, now}); },
                   [&](host::ChainWritten& in) { answers.push_back({'c', in.token, now}); },
                   [&](host::ProofSaved& in) { answers.push_back({'p', in.token, now}); },
                   [&](host::WallClock& in) { wall.push_back(in.now); },
                   [&](host::SocketOpened& in) { sockets.push_back(std::move(in)); },
                   [&](host::SocketClosed& in) { sockets_closed.push_back(std::move(in)); },
               },
               input);
  }
  void on_deadline(Instant now) override {
    if (!deadline || *deadline > now) return;
    deadline.reset();
    deadlines.push_back(now);
  }
  std::optional<host::WorldOutput> poll_output(Instant) override {
    if (outputs.empty()) return std::nullopt;
    host::WorldOutput output = std::move(outputs.front());
    outputs.pop_front();
    return output;
  }
  std::optional<Instant> next_deadline() override { return deadline; }

  std::size_t on_bytes(Instant now, LinkId link, ByteSpan bytes) override {
    const std::size_t taken = bytes.size() / take_multiple * take_multiple;
    arrived.push_back({link, taken, now});
    if (keeps_bytes) base::append(received[link], bytes.first(taken));
    if (echoes && taken > 0) send(link, bytes.first(taken));
    std::fill_n(bytes.begin(), taken, std::uint8_t{0xee});  // spoilt, as opening in place does
    return taken;
  }
  std::size_t poll_transmit(Instant, LinkId link, ByteSpan room) override {
    ASSERT(room.size() >= host::link_transmit_bytes_min);
    Bytes& box = outbox[link];
    const std::size_t count = std::min(room.size(), box.size());
    std::copy_n(box.begin(), count, room.begin());
    box.erase(box.begin(), box.begin() + static_cast<std::ptrdiff_t>(count));
    bytes_sent += count;
    return count;
  }
  bool wants_bytes(LinkId) const override { return wants; }

  std::size_t on_datagrams(Instant now, const base::DatagramsIn& in) override {
    std::size_t taken = 0, count = 0;
    while (taken < in.bytes.size() && count < takes_packets) {
      const ByteSpan packet =
          in.bytes.subspan(taken, std::min(in.segment_bytes, in.bytes.size() - taken));
      packets.push_back({in.from, base::to_bytes(packet), in.ecn, now});
      if (echoes_packets) send_packets(in.from, packet, packet.size(), in.ecn);
      std::ranges::fill(packet, std::uint8_t{0xee});  // spoilt, as opening in place does
      taken += packet.size();
      ++count;
    }
    batches.push_back(count);
    return taken;
  }
  base::DatagramsOut poll_datagrams(Instant, ByteSpan room) override {
    ASSERT(room.size() == host::datagrams_room_bytes);
    if (batches_out.empty()) return {};
    const Batch batch = std::move(batches_out.front());
    batches_out.pop_front();
    std::ranges::copy(batch.bytes, room.begin());
    return batch.out;
  }
};

/// Listens, dials the nodes it is told, and answers each message on a link with one as long.
/// Allocates nothing once its links are up.
class ChatterMachine : public host::WorldMachine {
 public:
  ChatterMachine(const NodeContext& context, std::vector<std::uint32_t> dials, std::size_t bytes)
      : dials_(std::move(dials)), message_bytes_(bytes), byte_(context.rng.next() & 0xff) {
    outputs_.push_back(host::Listen{test_address(context.index)});
    LinkId link{0};
    for (const std::uint32_t peer : dials_) {
      outputs_.push_back(host::DialLink{link, test_address(peer), 10s});
      link.value += 2;
    }
  }
  std::uint64_t messages() const { return messages_; }

  void on_input(Instant, host::WorldInput input) override {
    const auto* opened = std::get_if<host::LinkOpened>(&input);
    if (opened != nullptr && opened->direction == Direction::outbound) owe(opened->link);
  }
  void on_deadline(Instant) override {}
  std::optional<host::WorldOutput> poll_output(Instant) override {
    if (next_output_ == outputs_.size()) {
      outputs_.clear();
      next_output_ = 0;
      return std::nullopt;
    }
    return std::move(outputs_[next_output_++]);
  }
  std::optional<Instant> next_deadline() override { return std::nullopt; }
  std::size_t on_bytes(Instant, LinkId link, ByteSpan bytes) override {
    ++messages_;
    owe(link);
    return bytes.size();
  }
  std::size_t poll_transmit(Instant, LinkId link, ByteSpan room) override {
    if (owed_ != link) return 0;
    owed_.reset();
    std::memset(room.data(), static_cast<int>(byte_), message_bytes_);
    return message_bytes_;
  }
  bool wants_bytes(LinkId) const override { return true; }

 private:
  void owe(LinkId link) {
    owed_ = link;
    outputs_.push_back(host::TransmitReady{link});
  }

  std::vector<std::uint32_t> dials_;
  std::size_t message_bytes_;
  std::uint64_t byte_;
  std::vector<host::WorldOutput> outputs_;
  std::size_t next_output_ = 0;
  std::optional<LinkId> owed_;
  std::uint64_t messages_ = 0;
};

/// `nodes` chatterers; each dials the `degree` next ones.
inline void add_chatter(World& world, std::uint32_t nodes, std::uint32_t degree,
                        std::size_t message_bytes) {
  for (std::uint32_t i = 0; i < nodes; ++i) {
    world.add_node([=](NodeContext& context) {
      std::vector<std::uint32_t> dials;
      for (std::uint32_t k = 1; k <= degree; ++k) dials.push_back((context.index + k) % nodes);
      return std::make_unique<ChatterMachine>(context, std::move(dials), message_bytes);
    });
  }
}

}  // namespace kith::sim
