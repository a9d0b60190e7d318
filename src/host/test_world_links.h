// What TestWorld does with a node's outputs and with links; test_world.h includes it.
#pragma once

#include "host/test_world.h"

namespace kith::host {

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
  std::visit(
      Overload{
          [&](Listen& l) {
            nodes_[node].is_listening = true;
            const std::uint8_t ip[] = {127, 0, 0, 1};
            const auto bound = codec::Multiaddr::tcp(ip, static_cast<std::uint16_t>(1000 + node));
            schedule(0ms, [this, node, l, bound] { input(node, Listening{l.address, bound}); });
          },
          [](StopListening&) {}, [&](DialLink& d) { dial(node, d); },
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
          [](LoadPeers&) {}, [](StorePeer&) {}, [](ForgetPeer&) {},
          [&](LoadQuality&) { schedule(0ms, [this, node] { input(node, stored); }); },
          [](StoreQuality&) {}, [](ForgetQuality&) {},
          [&](StoreSeqnos& s) {
            stored.seqnos.insert(stored.seqnos.end(), s.seqnos.begin(), s.seqnos.end());
          },
          [&](VerifySignatures& work) {
            schedule(0ms, [this, node, done = verify_signatures(work)] { input(node, done); });
          }},
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
    const std::uint8_t ip[] = {127, 0, 0, 1};
    const auto local = codec::Multiaddr::tcp(ip, static_cast<std::uint16_t>(40000 + node));
    input(target, LinkOpened{accepted, Direction::inbound, dial.address, local});
    input(node, LinkOpened{dial.link, Direction::outbound, local, dial.address});
  });
}

inline void TestWorld::transmit(std::size_t node, LinkId link) {
  const auto stranger = strangers_.find(link);
  if (stranger != strangers_.end() && stranger->second.is_stalled) return;
  Bytes room(2 * link_transmit_bytes_min);
  while (true) {
    const std::size_t size = nodes_[node].machine->poll_transmit(now_, link, room);
    if (size == 0) break;
    const End* end = find(node, link);
    if (end == nullptr) continue;
    Bytes bytes(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
    if (end->is_stranger) {
      base::append(strangers_[link].received, bytes);
      continue;
    }
    if (on_wire) on_wire(node, end->peer, bytes);
    schedule(latency, [this, to = end->peer, peer_link = end->peer_link, bytes = std::move(bytes)] {
      deliver(to, peer_link, bytes);
    });
  }
  const End* end = find(node, link);  // back-pressure ends with a transmit
  if (end == nullptr || !end->is_held_back) return;
  schedule(0ms, [this, node, link] { read(node, link); });
}

inline void TestWorld::deliver(std::size_t node, LinkId link, Bytes bytes) {
  End* end = find(node, link);
  if (end == nullptr) return;
  base::append(end->unread, bytes);
  read(node, link);
}

inline void TestWorld::read(std::size_t node, LinkId link) {
  End* end = find(node, link);
  if (end == nullptr) return;
  end->is_held_back = !nodes_[node].machine->wants_bytes(link);
  if (end->is_held_back) return;
  Bytes all = std::move(end->unread);
  const std::size_t taken = nodes_[node].machine->on_bytes(now_, link, all);
  ASSERT(all.size() - taken < link_tail_bytes_max);
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(taken));
  nodes_[node].links[link].unread = std::move(all);
  turn(node);
}

inline void TestWorld::close(std::size_t node, LinkId link) {
  schedule(0ms, [this, node, link] { input(node, LinkClosed{link, {Code::closed, "closed"}}); });
  End* found = find(node, link);
  if (found == nullptr) return;
  found->is_open = false;
  const End end = *found;
  if (end.is_stranger) {
    strangers_[link].closed = true;
    return;
  }
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
      End& other = nodes_[end.peer].links[end.peer_link];
      const End other_end{node, link, {}, false, false};
      const End this_end{end.peer, end.peer_link, {}, false, false};
      end.is_open = other.is_open = false;
      input(other_end.peer, LinkClosed{other_end.peer_link, {Code::io, "the link broke"}});
      input(this_end.peer, LinkClosed{this_end.peer_link, {Code::io, "the link broke"}});
      return true;
    }
  }
  return false;
}

}  // namespace kith::host
