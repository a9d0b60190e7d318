// Kith's TLV: one typed value as bytes, with exactly one encoding per value, so that it may be
// hashed and signed. Grammar and a worked example: docs/protocol/tlv.md.
//
// Integers carry their width; floats are IEEE 754. NaN is refused both ways and -0 is written as
// +0, because either would give one value two encodings. Strings and map keys are UTF-8, keys
// sorted by their bytes and unique. decode(encode(v)) == v, and encode(decode(b)) == b.
//
// Limits (TlvLimits): lists and maps at most 16 deep, 1 MiB in all, 65536 values; checked before
// allocating, and when encoding too.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::codec {

/// Signed and hashed: never renumber.
enum class TlvTag : std::uint8_t {
  null = 0x00,
  no = 0x01,
  yes = 0x02,
  u8 = 0x10,
  u16 = 0x11,
  u32 = 0x12,
  u64 = 0x13,
  i8 = 0x18,
  i16 = 0x19,
  i32 = 0x1a,
  i64 = 0x1b,
  f32 = 0x20,
  f64 = 0x21,
  bytes = 0x30,
  string = 0x31,
  list = 0x40,
  map = 0x41,
};

/// A value, for example TlvValue{std::uint16_t{80}} or TlvValue{TlvValue::Map{…}}.
struct TlvValue {
  using List = std::vector<TlvValue>;
  /// std::string compares as unsigned bytes: the order of the encoding.
  using Map = std::map<std::string, TlvValue>;
  using Variant = std::variant<std::monostate, bool, std::uint8_t, std::uint16_t, std::uint32_t,
                               std::uint64_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t,
                               float, double, Bytes, std::string, List, Map>;

  Variant value;

  friend bool operator==(const TlvValue& a, const TlvValue& b) { return a.value == b.value; }
};

struct TlvLimits {
  std::size_t depth_max = 16;           // keeps the recursion of decoder and destructor shallow
  std::size_t bytes_max = 1024 * 1024;  // more belongs in a blob beside it
  std::size_t items_max = 65536;        // values in all; a null of one byte costs 56 in memory
};

/// `malformed` for NaN or a string that is not UTF-8, `too_large` over a limit.
Result<Bytes> encode_tlv(const TlvValue& value, const TlvLimits& limits = {});
/// Reads one value that takes all of `bytes`.
Result<TlvValue> decode_tlv(ByteView bytes, const TlvLimits& limits = {});

}  // namespace kith::codec
