// For tests: a few WorldMachines on a network with one fixed latency, in virtual time. Far smaller
// than sim/, which stands above this floor. Links are perfect; what crosses them may be watched or
// replaced by on_wire. So are datagrams, but that on_datagram_batch may lose them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/test_work.h"
#include "host/world.h"

namespace kith::host {

class TestWorld {
 public:
  Duration latency = 10ms;
  /// Sees every chunk on the wire and may change it: (from node, to node, bytes).
  std::function<void(std::size_t, std::size_t, Bytes&)> on_wire;
  /// Sees every batch of datagrams and may change it, or lose it by saying false.
  std::function<bool(std::size_t, std::size_t, Bytes&)> on_datagram_batch;
  /// Called after each turn of a node, to collect what it says beside WorldOutputs.
  std::function<void(std::size_t)> after_turn;
  /// What LoadQuality finds, for every node, and where their StoreSeqnos goes.
  QualityLoaded stored;
  std::map<std::size_t, TestWork> work;  // by node: its log of votes, its chain

  /// Node i listens at /ip4/127.0.0.1/tcp/1000+i once it asks for any TCP address, and has a socket
  /// at /ip4/127.0.0.1/udp/1000+i/kith once it asks for any of datagrams.
  void add(WorldMachine& machine) { nodes_.push_back(Node{.machine = &machine}); }

  Instant now() const { return now_; }

  void input(std::size_t node, WorldInput input) {
    nodes_[node].machine->on_input(now_, std::move(input));
    turn(node);
  }
  /// After the caller mutated the node itself.
  void turn(std::size_t node);

  /// A link from outside any node: bytes go to `node` as a stranger's. Returns its id there.
  LinkId connect_stranger(std::size_t node, const std::string& ip4 = "198.51.100.7");
  void stranger_sends(std::size_t node, LinkId link, Bytes bytes) {
    deliver(node, link, std::move(bytes));
  }
  /// What the node sent to the stranger so far, and whether it closed the link.
  const Bytes& stranger_received(LinkId link) { return strangers_[link].received; }
  bool stranger_closed(LinkId link) { return strangers_[link].closed; }
  void stranger_closes(std::size_t node, LinkId link) {
    if (!std::exchange(nodes_[node].links[link].is_open, false)) return;
    input(node, LinkClosed{link, {Code::closed, "the stranger closed"}});
  }
  /// The stranger reads no more: nothing that the node has for it is taken, until drain_stranger
  /// takes all there is and says how many bytes.
  void stalls_stranger(LinkId link) { strangers_[link].is_stalled = true; }
  std::size_t drain_stranger(std::size_t node, LinkId link) {
    Stranger& stranger = strangers_[link];
    const std::size_t before = stranger.received.size();
    stranger.is_stalled = false;
    transmit(node, link);
    turn(node);
    return stranger.received.size() - before;
  }

  /// Breaks the `index`-th open link between nodes, at both ends. False when there are fewer.
  bool break_link(std::size_t index);
  /// Sees every dial: (node, address).
  std::function<void(std::size_t, const codec::Multiaddr&)> on_dial;

  void run_for(Duration span);
  bool run_until(const std::function<bool()>& done, Duration limit = 60s);

 private:
  struct End {
    std::size_t peer = 0;
    LinkId peer_link;
    Bytes unread;
    bool is_stranger = false;
    bool is_open = true;
    bool is_held_back = false;  // wants_bytes said no
  };
  struct Node {
    WorldMachine* machine;
    std::map<LinkId, End> links = {};
    std::vector<LinkId> ready = {};
    bool is_listening = false;
    bool has_socket = false;
    bool datagrams_ready = false;
  };
  struct Stranger {
    Bytes received;
    bool closed = false, is_stalled = false;
  };

  void schedule(Duration delay, std::function<void()> action) {
    events_.emplace(std::pair(now_ + delay, order_++), std::move(action));
  }
  /// Null when it is not open.
  End* find(std::size_t node, LinkId link) {
    const auto found = nodes_[node].links.find(link);
    return found == nodes_[node].links.end() || !found->second.is_open ? nullptr : &found->second;
  }
  static codec::Multiaddr loopback(std::size_t port) {
    const std::uint8_t ip[] = {127, 0, 0, 1};
    return codec::Multiaddr::tcp(ip, static_cast<std::uint16_t>(port));
  }
  void perform(std::size_t node, WorldOutput output);
  bool drain(std::size_t node);
  void open_socket(std::size_t node, const codec::Multiaddr& asked);
  void transmit_datagrams(std::size_t node);
  void deliver_datagrams(std::size_t node, base::DatagramsIn in);
  void dial(std::size_t node, const DialLink& dial);
  void transmit(std::size_t node, LinkId link);
  void deliver(std::size_t node, LinkId link, Bytes bytes);
  void read(std::size_t node, LinkId link);
  void close(std::size_t node, LinkId link);
  bool step(Instant limit);

  Instant now_{};
  std::uint64_t order_ = 0, next_accepted_ = 1;
  std::vector<Node> nodes_;
  std::map<LinkId, Stranger> strangers_;
  std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> events_;
};

}  // namespace kith::host
