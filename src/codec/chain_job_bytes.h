// Reading what the values of computing share (chain_job.h, chain_record.h, chain_job_state.h):
// arrays of a fixed size, amounts, small numbers with a limit. For those sources alone.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "base/format.h"
#include "codec/chain.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {

template <std::size_t size>
Result<std::array<std::uint8_t, size>> read_array_of(Reader& reader) {
  const ByteView bytes = TRY(reader.bytes(size));
  std::array<std::uint8_t, size> array;
  std::ranges::copy(bytes, array.begin());
  return array;
}

inline Result<Hash> read_hash(Reader& reader) { return read_array_of<32>(reader); }

/// A number; `malformed` unless least <= value <= most.
template <class T>
Result<T> read_within(Reader& reader, std::string_view what, T least, T most) {
  T value = 0;
  if constexpr (sizeof(T) == 1) {
    value = TRY(reader.u8());
  } else if constexpr (sizeof(T) == 2) {
    value = TRY(reader.u16());
  } else if constexpr (sizeof(T) == 4) {
    value = TRY(reader.u32());
  } else {
    value = TRY(reader.u64());
  }
  if (value >= least && value <= most) return value;
  return fail(Code::malformed, base::format("{} is {}, not {} to {}", what, value, least, most));
}

/// Zero is an amount here: a price or a sum may be nothing.
inline Result<Amount> read_amount_or_none(Reader& reader) {
  return read_within<Amount>(reader, "amount", 0, amount_max);
}

/// A yes or no in one byte.
inline Result<bool> read_flag(Reader& reader) {
  const std::uint8_t flag = TRY(read_within<std::uint8_t>(reader, "flag", 0, 1));
  return flag == 1;
}

/// A count in one byte, of at most `most`.
inline Result<std::size_t> read_count(Reader& reader, std::string_view what, std::size_t most) {
  const std::size_t count = TRY(reader.u8());
  if (count <= most) return count;
  return fail(Code::too_large, base::format("{} {}, limit {}", count, what, most));
}

}  // namespace kith::codec
