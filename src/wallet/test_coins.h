// For tests of the wallet: coins by number, of the keys of one account.
#pragma once

#include <map>

#include "wallet/coin_selection.h"

namespace kith::wallet::test {

inline const HdKey& account() {
  static const HdKey key = account_key(Bytes(64, 1), 0);
  return key;
}

/// Coin `number` of the key at `index`.
inline Coin coin(std::uint32_t number, Amount value, std::uint32_t index = 0) {
  static std::map<std::uint32_t, codec::ChainKey> keys;
  auto [found, is_new] = keys.try_emplace(index);
  if (is_new) found->second = chain_key_of(key_at(account(), {KeyChain::receive, index}));
  Coin coin;
  for (std::size_t i = 0; i < 4; ++i) {
    coin.from.txid[i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  coin.from.index = number % 7;
  coin.value = value;
  coin.path = {KeyChain::receive, index};
  coin.key = found->second;
  return coin;
}

}  // namespace kith::wallet::test
