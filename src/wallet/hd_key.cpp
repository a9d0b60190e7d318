#include "wallet/hd_key.h"

#include <algorithm>

#include "crypto/hmac_sha512.h"

namespace kith::wallet {
namespace {

constexpr std::string_view master_key = "ed25519 seed";
constexpr std::uint32_t hardened = 0x8000'0000;
constexpr std::uint32_t purpose = 44;

crypto::SecretBytes taken(crypto::Hash512& bytes) {
  auto secret = crypto::SecretBytes::copy_of(bytes);
  crypto::wipe(bytes);
  return secret;
}

}  // namespace

HdKey HdKey::master(ByteView seed) {
  crypto::Hash512 digest = crypto::hmac_sha512(base::as_bytes(master_key), {seed});
  return HdKey(taken(digest));
}

HdKey HdKey::child(std::uint32_t index) const {
  ASSERT(index <= hd_index_max);
  const std::uint32_t number = index | hardened;
  const std::array<std::uint8_t, 1> zero{};
  const std::array<std::uint8_t, 4> text = {
      static_cast<std::uint8_t>(number >> 24), static_cast<std::uint8_t>(number >> 16),
      static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
  crypto::Hash512 digest = crypto::hmac_sha512(chain_code(), {zero, secret(), text});
  return HdKey(taken(digest));
}

HdKey HdKey::descendant(std::initializer_list<std::uint32_t> path) const {
  HdKey key(crypto::SecretBytes::copy_of(secret_.view()));
  for (const std::uint32_t index : path) key = key.child(index);
  return key;
}

crypto::KeyPair HdKey::key_pair() const { return crypto::KeyPair::from_seed(secret().first<32>()); }

HdKey account_key(ByteView seed, std::uint32_t account) {
  return HdKey::master(seed).descendant({purpose, coin_type, account});
}

crypto::KeyPair key_at(const HdKey& account, const KeyPath& path) {
  return account.descendant({static_cast<std::uint32_t>(path.chain), path.index}).key_pair();
}

}  // namespace kith::wallet
