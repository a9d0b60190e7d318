// Content identifiers (multiformats/cid), versions 0 and 1. A Cid in hand is well-formed and held
// as its canonical bytes: the bare sha2-256 multihash (version 0), or varint 1, varint codec,
// multihash (version 1).
//
// Text: version 0 is bare base58btc ("Qm…", 46 characters), version 1 any base of
// codec/multibase.h; to_text writes base32. Hashes: those of codec/multihash.h.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "codec/multihash.h"

namespace kith::codec {

/// Version, codec of at most 9 bytes, multihash.
inline constexpr std::size_t cid_bytes_max = 1 + 9 + multihash_bytes_max;

/// Multicodec numbers of the content kinds met so far; any other number is carried as it is.
inline constexpr std::uint64_t codec_raw = 0x55;
inline constexpr std::uint64_t codec_dag_pb = 0x70;
inline constexpr std::uint64_t codec_dag_cbor = 0x71;
inline constexpr std::uint64_t codec_libp2p_key = 0x72;

class Cid {
 public:
  /// Version 1 of a well-formed multihash.
  static Result<Cid> make(std::uint64_t codec, ByteView multihash);
  /// Reads a CID that takes all of `bytes`.
  static Result<Cid> decode(ByteView bytes);
  static Result<Cid> parse(std::string_view text);

  unsigned version() const { return version_; }
  std::uint64_t codec() const { return codec_; }  // dag-pb for version 0
  ByteView multihash() const { return ByteView(bytes_).subspan(multihash_offset_); }
  ByteView bytes() const { return bytes_; }
  std::string to_string() const;

  /// By bytes: the versions 0 and 1 of one content are not equal.
  friend bool operator==(const Cid& a, const Cid& b) { return a.bytes_ == b.bytes_; }
  friend auto operator<=>(const Cid& a, const Cid& b) { return a.bytes_ <=> b.bytes_; }

 private:
  Cid() = default;

  Bytes bytes_;
  std::uint64_t codec_ = 0;
  std::uint8_t version_ = 0;
  std::uint8_t multihash_offset_ = 0;
};

}  // namespace kith::codec
