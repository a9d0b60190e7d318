// For tests: a few WorldMachines on a network with one fixed latency, in virtual time. Far smaller
// than sim/, which stands above this floor. Links are perfect; what crosses them may be watched or
// replaced by on_wire.
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
  /// Called after each turn of a node, to collect what it says beside WorldOutputs.
  std::function<void(std::size_t)> after_turn;
  /// What LoadQuality finds, for every node, and where their StoreSeqnos goes.
  QualityLoaded stored;
  std::map<std::size_t, TestWork> work;  // by node: its log of votes, its chain

  /// Node i listens at /ip4/127.0.0.1/tcp/1000+i once it asks for any TCP address.
  void add(WorldMachine& machine) { nodes_.push_back(Node{&machine, {}, {}, false}); }

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
    std::map<LinkId, End> links;
    std::vector<LinkId> ready;
    bool is_listening = false;
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

inline void TestWorld::turn(std::size_t node) {
  Node& self = nodes_[node];
  for (bool is_busy = true; is_busy;) {
    is_busy = false;
    while (auto output = self.machine->poll_output(now_)) {
      is_busy = true;
      perform(node, std::move(*output));
    }
    for (const LinkId link : std::exchange(self.ready, {})) {
      is_busy = true;
      transmit(node, link);
    }
  }
  if (after_turn) after_turn(node);
}

inline void TestWorld::perform(std::size_t node, WorldOutput output) {
  const auto done = work[node].perform(output);
  if (done) return schedule(0ms, [this, node, done] { input(node, *done); });
  std::visit(Overload{[&](Listen& l) {
                        nodes_[node].is_listening = true;
                        const auto bound = loopback(1000 + node);
                        schedule(0ms, [this, node, l, bound] {
                          input(node, Listening{l.address, bound});
                        });
                      },
                      [&](DialLink& d) { dial(node, d); },
                      [&](CloseLink& c) {
                        if (c.flush) transmit(node, c.link);
                        close(node, c.link);
                      },
                      [&](TransmitReady& t) { nodes_[node].ready.push_back(t.link); },
                      [&](Resolve& r) {
                        schedule(1ms, [this, node, token = r.token] {
                          input(node, Resolved{token, fail(Code::not_found, "no DNS here")});
                        });
                      },
                      [&](LoadQuality&) { schedule(0ms, [this, node] { input(node, stored); }); },
                      [&](StoreSeqnos& s) {
                        stored.seqnos.insert(stored.seqnos.end(), s.seqnos.begin(), s.seqnos.end());
                      },
                      [](auto&) {}},  // there are no stores of peers here
             output);
}

inline void TestWorld::dial(std::size_t node, const DialLink& dial) {
  if (on_dial) on_dial(node, dial.address);
  const auto tcp = codec::as_tcp(dial.address);
  const std::size_t target = tcp ? tcp->port - 1000U : nodes_.size();
  if (target >= nodes_.size() || !nodes_[target].is_listening) {
    schedule(2 * latency, [this, node, link = dial.link] {
      input(node, LinkFailed{link, {Code::unreachable, "connection refused"}});
    });
    return;
  }
  schedule(2 * latency, [this, node, target, dial] {
    const LinkId accepted{next_accepted_};
    next_accepted_ += 2;
    nodes_[node].links[dial.link] = End{target, accepted, {}, false, true};
    nodes_[target].links[accepted] = End{node, dial.link, {}, false, true};
    const auto local = loopback(40000 + node);
    input(target, LinkOpened{accepted, Direction::inbound, dial.address, local});
    input(node, LinkOpened{dial.link, Direction::outbound, local, dial.address});
  });
}

inline void TestWorld::transmit(std::size_t node, LinkId link) {
  if (strangers_.contains(link) && strangers_[link].is_stalled) return;
  Bytes room(2 * link_transmit_bytes_min);
  while (true) {
    const std::size_t size = nodes_[node].machine->poll_transmit(now_, link, room);
    if (size == 0) break;
    const End* end = find(node, link);
    if (end == nullptr) continue;
    Bytes bytes(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
    if (end->is_stranger) base::append(strangers_[link].received, bytes);
    if (end->is_stranger) continue;
    if (on_wire) on_wire(node, end->peer, bytes);
    schedule(latency, [this, to = end->peer, peer_link = end->peer_link, bytes = std::move(bytes)] {
      deliver(to, peer_link, bytes);
    });
  }
  const End* end = find(node, link);
  if (end == nullptr || !end->is_held_back) return;  // back-pressure ends with a transmit
  schedule(0ms, [this, node, link] { read(node, link); });
}

inline void TestWorld::deliver(std::size_t node, LinkId link, Bytes bytes) {
  if (End* end = find(node, link)) base::append(end->unread, bytes);
  read(node, link);
}

inline void TestWorld::read(std::size_t node, LinkId link) {
  End* end = find(node, link);
  if (end == nullptr) return;
  if ((end->is_held_back = !nodes_[node].machine->wants_bytes(link))) return;
  Bytes all = std::move(end->unread);
  const std::size_t taken = nodes_[node].machine->on_bytes(now_, link, all);
  ASSERT(all.size() - taken < link_tail_bytes_max);
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(taken));
  nodes_[node].links[link].unread = std::move(all);
  turn(node);
}

inline void TestWorld::close(std::size_t node, LinkId link) {
  schedule(0ms, [this, node, link] { input(node, LinkClosed{link, {Code::closed, "closed"}}); });
  if (find(node, link) == nullptr) return;
  const End end = *find(node, link);
  find(node, link)->is_open = false;
  if (end.is_stranger) return void(strangers_[link].closed = true);
  schedule(latency, [this, end] {
    End& other = nodes_[end.peer].links[end.peer_link];
    if (!std::exchange(other.is_open, false)) return;
    input(end.peer, LinkClosed{end.peer_link, {Code::closed, "the peer closed"}});
  });
}

inline LinkId TestWorld::connect_stranger(std::size_t node, const std::string& ip4) {
  const LinkId link{next_accepted_};
  next_accepted_ += 2;
  nodes_[node].links[link] = End{0, {}, {}, true, true};
  const auto end = [&](const char* port) {
    return *codec::Multiaddr::parse("/ip4/" + ip4 + "/tcp/" + port);
  };
  input(node, LinkOpened{link, Direction::inbound, end("1000"), end("50000")});
  return link;
}

inline bool TestWorld::break_link(std::size_t index) {
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    for (auto& [link, end] : nodes_[node].links) {
      if (!end.is_open || end.is_stranger || index-- > 0) continue;
      const End there = end;
      end.is_open = nodes_[end.peer].links[end.peer_link].is_open = false;
      input(node, LinkClosed{link, {Code::io, "the link broke"}});
      input(there.peer, LinkClosed{there.peer_link, {Code::io, "the link broke"}});
      return true;
    }
  }
  return false;
}

inline bool TestWorld::step(Instant limit) {
  std::optional<Instant> next;
  std::size_t due = nodes_.size();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const auto deadline = nodes_[i].machine->next_deadline();
    if (deadline && (!next || *deadline < *next)) {
      next = deadline;
      due = i;
    }
  }
  const bool is_event = !events_.empty() && (!next || events_.begin()->first.first <= *next);
  const std::optional<Instant> at = is_event ? std::optional(events_.begin()->first.first) : next;
  if (!at || *at > limit) return false;
  now_ = std::max(now_, *at);
  if (is_event) {
    const auto action = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    action();
  } else {
    nodes_[due].machine->on_deadline(now_);
    turn(due);
  }
  return true;
}

inline void TestWorld::run_for(Duration span) {
  const Instant end = now_ + span;
  while (step(end)) {
  }
  now_ = end;
}

inline bool TestWorld::run_until(const std::function<bool()>& done, Duration limit) {
  const Instant end = now_ + limit;
  while (!done() && step(end)) {
  }
  return done();
}

}  // namespace kith::host
