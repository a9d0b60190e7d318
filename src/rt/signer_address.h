// Where a node's remote signer listens: a Unix-domain socket of this machine, or a TCP port with
// the signer's identity at its end. The text is that of the configuration's chain.signer.
#pragma once

#include <string>

#include "codec/multiaddr.h"

namespace kith::rt {

/// One of the two.
struct SignerAddress {
  std::string path;
  codec::Multiaddr tcp;  // /ip4|ip6/.../tcp/N/p2p/ID
};

}  // namespace kith::rt
