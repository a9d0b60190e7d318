// The key of an account on its way to another machine: a small text file, every line ended by "\n",
// which says whose it is and ends with the key as crypto/keystore.h writes it, open or sealed.
// docs/protocol/wallet.md, "Account files".
//
// What it says of the account is for people and to find it by; whether the key is the account's is
// for the chain to say. Limits: those of names, and of a key's file.
#pragma once

#include <optional>
#include <string>

#include "codec/chain_account.h"
#include "crypto/keystore.h"

namespace kith::wallet {

struct AccountFile {
  codec::Hash genesis{};
  codec::AccountId account{};
  std::string name;  // empty: none
  Bytes key;         // a file of crypto/keystore.h
  friend bool operator==(const AccountFile&, const AccountFile&) = default;
};
inline constexpr std::size_t account_file_bytes_max = 512 + crypto::identity_key_file_bytes_max;

/// Holds the secret when the key is open: wipe() the bytes once written.
Bytes encode_account_file(const AccountFile& file);
/// `bad_key` for what is none, or damaged.
Result<AccountFile> decode_account_file(ByteView bytes);

}  // namespace kith::wallet
