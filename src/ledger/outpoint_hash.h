// How hash tables place outpoints. Whoever makes transactions chooses their ids, within what
// hashing can be ground to, so a seed that nobody else knows goes in: without it, outpoints that
// all fall into one bucket make a block that takes minutes. Only look-up depends on it, never a
// result.
#pragma once

#include <cstring>

#include "codec/chain_tx.h"

namespace kith::ledger {

struct OutPointHash {
  std::uint64_t seed = 0;

  std::size_t operator()(const codec::OutPoint& outpoint) const {
    std::uint64_t words[4];
    std::memcpy(words, outpoint.txid.data(), sizeof words);
    std::uint64_t state = seed;
    for (const std::uint64_t word : words) state = mix(state ^ word);
    return static_cast<std::size_t>(mix(state + outpoint.index));
  }
  std::size_t operator()(const codec::Hash& hash) const {
    return (*this)(codec::OutPoint{hash, 0});
  }

 private:
  // splitmix64's finalizer.
  static std::uint64_t mix(std::uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  }
};

}  // namespace kith::ledger
