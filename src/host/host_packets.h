// What a host has of sessions: made when the first one begins, or the first datagram socket opens,
// so that a node without any pays nothing. Private to the host_*.cpp files.
#pragma once

#include <map>
#include <optional>
#include <utility>

#include "base/queue.h"
#include "host/host_link.h"
#include "packet/endpoint.h"

namespace kith::host {

struct Host::Packets {
  /// The endpoint's place among the links that wait for bandwidth: no link has this number.
  static constexpr LinkId lane{0};

  struct Socket {
    codec::Multiaddr asked, bound;
    base::IpPort local;
    std::vector<codec::Multiaddr> reachable;  // never empty
    bool is_own = false;                      // opened to dial from; nobody is told of it
  };

  Packets(const SessionConnectionConfig& config) : shared(config) {}

  Link* link_of(packet::ConnectionSlot slot) {
    if (slot == last_slot && last_link != nullptr) return last_link;
    const auto found = links.find(slot);
    if (found == links.end()) return nullptr;
    last_slot = slot;
    last_id = found->second.first;
    return last_link = found->second.second;
  }
  /// The socket from which to reach `remote`; nothing when none could.
  std::optional<base::SocketId> socket_for(const base::IpPort& remote) const;

  SessionShared shared;
  packet::EndpointConfig endpoint_config;
  std::optional<packet::Endpoint> endpoint;  // from the first socket on
  std::map<base::SocketId, Socket> sockets;
  std::map<LinkId, base::IpPort> waiting;  // dials without a socket, until there is one
  bool has_asked_v4 = false, has_asked_v6 = false;
  bool is_told = false;      // the shell knows that the endpoint may have datagrams to send
  bool is_stopping = false;  // all links are over, and their last packets have not gone yet
  std::map<Token, codec::Multiaddr> deciding;  // incoming, let in and not there yet
  std::map<packet::ConnectionSlot, std::pair<LinkId, Link*>> links;
  base::Queue<std::pair<LinkId, bool>> closing;  // to be closed; whether in order
  base::Queue<std::pair<LinkId, Error>> ended;   // datagram connections that are over
  // Packets come in runs of one connection.
  packet::ConnectionSlot last_slot{};
  LinkId last_id{};
  Link* last_link = nullptr;
};

}  // namespace kith::host
