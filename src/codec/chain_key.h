// The public half of a key pair as the ledger has it: 32 raw bytes (docs/protocol/ledger.md).
#pragma once

#include <algorithm>

#include "codec/chain_tx.h"
#include "crypto/key.h"

namespace kith::codec {

inline ChainKey chain_key_of(const crypto::KeyPair& pair) {
  ChainKey key{};
  std::ranges::copy(pair.public_key().data, key.begin());
  return key;
}

}  // namespace kith::codec
