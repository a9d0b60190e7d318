// identity.key: a node's Ed25519 key as a small text file, encoded and decoded here and read and
// written by rt/. Version 1, every line ended by "\n", hexadecimal in lower case:
//
//   KITH IDENTITY KEY 1          KITH IDENTITY KEY 1
//   kind: ed25519                kind: ed25519
//   seed: <64 digits>            kdf: argon2id ops=3 mem_kib=65536
//   sha256: <64 digits>          salt: <32 digits>
//                                nonce: <48 digits>
//   without a passphrase         sealed: <96 digits>
//   on the left, with            sha256: <64 digits>
//
// `sha256` is over all lines before it and finds damage, so that a wrong passphrase is told apart
// from a broken disk. `sealed` is the seed under XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03)
// with the key that Argon2id (RFC 9106) makes of passphrase and salt; the lines before it are its
// associated data. Limits on reading: 1 GiB and 10 passes, so that a planted file cannot stop us.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/rng.h"
#include "crypto/key.h"
#include "crypto/passphrase_seal.h"

namespace kith::crypto {

/// A valid file has at most 360 bytes; more is not one.
inline constexpr std::size_t identity_key_file_bytes_max = 1024;

/// The file's bytes. Those made without a passphrase hold the secret: wipe() them once written.
/// REQUIRES: `cost` within kdf_cost_min and kdf_cost_max, and memory for it. An empty passphrase
/// is one like any other; whoever asks a person for it should refuse that.
Bytes encode_identity_key(const KeyPair& key, std::optional<std::string_view> passphrase, Rng& rng,
                          KdfCost cost = {});

/// `bad_key` for a damaged file or one of another version, `passphrase` when it is missing or
/// wrong, `too_large` for a cost over `cost_max`. A passphrase that the file does not need is
/// ignored. Takes as long as the file's cost says.
Result<KeyPair> decode_identity_key(ByteView file, std::optional<std::string_view> passphrase,
                                    KdfCost cost_max = kdf_cost_max);

/// Whether decoding will ask for a passphrase; false for a damaged file too.
bool needs_passphrase(ByteView file);

}  // namespace kith::crypto
