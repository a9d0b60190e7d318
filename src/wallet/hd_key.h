// Keys derived from a seed (SLIP-0010, Ed25519): every step is hardened, so that no public key says
// anything about another, and only whoever has the seed can make more of them.
//
// A wallet's keys are at m/44'/COIN'/account'/chain'/index' (BIP-44's levels, all hardened). The
// coin is 1265202280, the ASCII bytes of "Kith" (0x4b697468): it is not registered in SLIP-0044,
// and was free there when it was chosen. Chain 0 has the addresses that are given away, chain 1
// those for change.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "codec/chain_key.h"
#include "crypto/key.h"
#include "crypto/secret.h"

namespace kith::wallet {

inline constexpr std::uint32_t coin_type = 0x4b697468;
/// Indexes are below it: the top bit says "hardened".
inline constexpr std::uint32_t hd_index_max = 0x7fff'ffff;

/// A node of the tree. Wiped when it ends.
class HdKey {
 public:
  static HdKey master(ByteView seed);
  /// The hardened child. REQUIRES: index <= hd_index_max.
  HdKey child(std::uint32_t index) const;
  HdKey descendant(std::initializer_list<std::uint32_t> path) const;
  crypto::KeyPair key_pair() const;

  ByteView secret() const { return secret_.view().first(32); }
  ByteView chain_code() const { return secret_.view().subspan(32); }

 private:
  explicit HdKey(crypto::SecretBytes secret) : secret_(std::move(secret)) {}
  crypto::SecretBytes secret_;  // the private key, then the chain code
};

enum class KeyChain : std::uint8_t { receive = 0, change = 1 };
inline constexpr std::size_t key_chains = 2;

/// Where a key of an account is.
struct KeyPath {
  KeyChain chain = KeyChain::receive;
  std::uint32_t index = 0;
  friend auto operator<=>(const KeyPath&, const KeyPath&) = default;
};

/// m/44'/COIN'/account'.
HdKey account_key(ByteView seed, std::uint32_t account);
crypto::KeyPair key_at(const HdKey& account, const KeyPath& path);
using codec::chain_key_of;

}  // namespace kith::wallet
