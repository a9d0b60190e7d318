// Addresses: the lock of an output as text, "kith1q…" (bech32m, BIP-350, as BIP-173 lays it out:
// the network's prefix, a version, the 32 bytes of the lock). Version 0 is lock kind 0; a wallet
// refuses others, so that coins are never sent to a lock that nobody can open yet. 64 characters
// with a prefix of four.
#pragma once

#include <string>
#include <string_view>

#include "codec/chain_tx.h"

namespace kith::codec {

/// `hrp` is the chain's (ChainParams::address_hrp).
std::string encode_address(std::string_view hrp, const Hash& lock);
/// `malformed` when mistyped or another network's; `unsupported` for another version.
Result<Hash> decode_address(std::string_view hrp, std::string_view text);

}  // namespace kith::codec
