// The faucet of a devnet: coins in its genesis for a wallet that needs no passphrase.
#pragma once

#include <string>

#include "base/rng.h"
#include "codec/chain_params.h"

namespace kith::app {

/// Gives the genesis the faucet's coins, and writes DIR/faucet.words and DIR/node1's wallet
/// "default" of these words (both mode 0600). REQUIRES: all else of the genesis is filled in.
Result<void> add_faucet(codec::Genesis& genesis, const std::string& dir, Rng& rng);

}  // namespace kith::app
