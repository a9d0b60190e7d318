// The turns of test_world_nodes.h and what follows from them.
#pragma once

#include <utility>

#include "host/test_world_nodes.h"

namespace kith::host {

inline bool TestWorld::drain(std::size_t node) {
  bool was_busy = false;
  while (auto output = nodes_[node].machine->poll_output(now_)) {
    was_busy = true;
    perform(node, std::move(*output));
  }
  return was_busy;
}

inline void TestWorld::turn(std::size_t node) {
  Node& self = nodes_[node];
  for (bool is_busy = true; is_busy;) {
    is_busy = drain(node);
    for (const LinkId link : std::exchange(self.ready, {})) {
      is_busy = true;
      transmit(node, link);
    }
    if (self.datagrams_ready) {
      is_busy = true;
      transmit_datagrams(node);
    }
  }
  if (after_turn) after_turn(node);
}

inline void TestWorld::open_socket(std::size_t node, const codec::Multiaddr& asked) {
  nodes_[node].has_socket = true;
  base::IpPort local{{127, 0, 0, 1}, static_cast<std::uint16_t>(1000 + node), false};
  schedule(0ms, [this, node, asked, bound = datagram_address(local)] {
    input(node, SocketOpened{asked, bound, base::SocketId{1}});
  });
}

inline void TestWorld::transmit_datagrams(std::size_t node) {
  Bytes room(datagrams_room_bytes);
  for (;;) {
    const base::DatagramsOut out = nodes_[node].machine->poll_datagrams(now_, room);
    if (out.bytes == 0) break;
    Bytes bytes(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(out.bytes));
    const std::size_t to = out.to.port - 1000U;
    if (to >= nodes_.size() || !nodes_[node].has_socket) continue;
    if (on_datagram_batch && !on_datagram_batch(node, to, bytes)) continue;
    const base::IpPort from{{127, 0, 0, 1}, static_cast<std::uint16_t>(1000 + node), false};
    schedule(latency, [this, to, from, out, bytes = std::move(bytes)]() mutable {
      deliver_datagrams(to, {base::SocketId{1}, from, bytes, out.segment_bytes, out.ecn});
    });
  }
  nodes_[node].datagrams_ready = false;
}

inline void TestWorld::deliver_datagrams(std::size_t node, base::DatagramsIn in) {
  if (!nodes_[node].has_socket) return;
  while (!in.bytes.empty()) {
    const std::size_t taken = nodes_[node].machine->on_datagrams(now_, in);
    ASSERT(taken > 0 && taken <= in.bytes.size());
    in.bytes = in.bytes.subspan(taken);
    drain(node);
  }
  turn(node);
}

inline void TestWorld::perform(std::size_t node, WorldOutput output) {
  const auto done = work[node].perform(output);
  if (done) return schedule(0ms, [this, node, done] { input(node, *done); });
  std::visit(Overload{[&](Listen& l) {
                        if (as_datagram_address(l.address)) return open_socket(node, l.address);
                        nodes_[node].is_listening = true;
                        const auto bound = loopback(1000 + node);
                        schedule(0ms, [this, node, l, bound] {
                          input(node, Listening{l.address, bound});
                        });
                      },
                      [&](StopListening& s) {
                        if (!as_datagram_address(s.bound)) return;
                        nodes_[node].has_socket = false;
                        schedule(0ms, [this, node] {
                          input(node, SocketClosed{base::SocketId{1}, {Code::closed, "stopped"}});
                        });
                      },
                      [&](DatagramsReady&) { nodes_[node].datagrams_ready = true; },
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
  const auto parts = codec::as_transport(dial.address);
  const std::size_t target = parts ? parts->port - 1000U : nodes_.size();
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
