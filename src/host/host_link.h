// What the host keeps of each link and each peer. Private to the host_*.cpp files.
#pragma once

#include "host/host.h"

namespace kith::host {

struct Host::Link {
  Direction direction = Direction::outbound;
  codec::Multiaddr remote;               // of a dialled link: what was dialled
  std::optional<Connection> connection;  // from LinkOpened on
  std::optional<PeerId> peer;            // from ConnectionUp on
  Instant opened_at;
  bool is_closing = false;     // CloseLink was said
  bool transmit_told = false;  // TransmitReady was said, and poll_transmit has not given 0 since
};

struct Host::Peer {
  std::vector<LinkId> links;  // authenticated, the oldest first
  std::optional<Duration> rtt;
  std::shared_ptr<const codec::IdentifyMessage> identity;
};

}  // namespace kith::host
