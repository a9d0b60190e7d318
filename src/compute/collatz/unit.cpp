#include "compute/collatz/unit.h"

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::compute::collatz {
namespace {

constexpr unsigned exact_threshold_bits = 64;
constexpr unsigned threshold_low_bits = 56;
constexpr std::uint8_t format_version = 1;

constexpr std::uint32_t region_free_bits = 28;
/// Numbers of a class that are 64 apart fill rows of the vector kernels, and those 512 apart nines.
/// Of more, the last are much further from the threshold; of fewer, each class costs more.
constexpr std::uint64_t region_a_count = 9 << 13;
constexpr std::uint32_t consecutive_sieve_bits = 28;
constexpr std::uint32_t consecutive_bits = 40;

constexpr bool is_removed_by_nine(std::uint64_t residue, std::uint64_t increment) {
  for (const std::uint64_t r : {2u, 4u, 5u, 8u}) {
    if (residue == r * increment % 9) return true;
  }
  return false;
}

}  // namespace

U128 Unit::threshold() const {
  if (bit_width(start()) <= exact_threshold_bits) return start();
  return start() >> threshold_low_bits << threshold_low_bits;
}

std::uint32_t Unit::slice_of(std::uint64_t b) const {
  if (slice_bits == 0) return 0;
  const unsigned bits = free_bits < prefix_bits ? free_bits : prefix_bits;
  const std::uint64_t prefix = b & ((std::uint64_t{1} << bits) - 1);
  // Fibonacci hashing: live residues are no random ones, so their own bits would share unevenly.
  return static_cast<std::uint32_t>((prefix * 0x9E3779B97F4A7C15u) >> (64 - slice_bits));
}

Result<void> check_unit(const Unit& u) {
  const auto bad = [](std::string_view what, const auto& value, std::string_view limit) {
    return fail(Code::usage, base::format("a unit with {} {}, {}", what, value, limit));
  };
  if (u.sieve_bits < 1 || u.sieve_bits > Unit::sieve_bits_max) {
    return bad("sieve bits", u.sieve_bits, "1 to 60");
  }
  if (u.free_bits < 1 || u.free_bits > u.sieve_bits || u.free_bits > Unit::free_bits_max) {
    return bad("free bits", u.free_bits, "from 1 to the sieve's and 36");
  }
  if (u.slice_bits > Unit::slice_bits_max || u.slice_bits > u.free_bits) {
    return bad("slice bits", u.slice_bits, "at most the free ones and 10");
  }
  if ((u.fixed >> (u.sieve_bits - u.free_bits)) != 0) {
    return bad("fixed bits", u.fixed, "more than its sieve has");
  }
  if (u.a_count < 1 || u.a_count > Unit::a_count_max) {
    return bad("count", u.a_count, "1 to 2^24");
  }
  const std::uint64_t q = u.map.increment;
  if (q % 2 == 0 || q % 3 == 0 || q > increment_max) {
    return bad("increment", q, "odd, no multiple of 3, at most 79");
  }
  const auto end = checked_add(u.a_first, u.a_count);
  if (u.a_first < 1 || !end || bit_width(*end) + u.sieve_bits > number_bits_max) {
    return bad("first a", to_decimal(u.a_first), "which must be positive and end below 2^127");
  }
  return {};
}

Unit consecutive_unit(std::uint64_t id) {
  constexpr std::uint32_t a_bits = consecutive_bits - consecutive_sieve_bits;
  return {consecutive_sieve_bits,
          consecutive_sieve_bits,
          Unit::slice_bits_max,
          0,
          U128{id} << a_bits,
          std::uint64_t{1} << a_bits,
          {}};
}

Unit region_unit(std::uint32_t sieve_bits, U128 a_first, std::uint64_t fixed) {
  return {sieve_bits, region_free_bits, Unit::slice_bits_max, fixed, a_first, region_a_count, {}};
}

Bytes encode_unit(const Unit& unit) {
  Bytes out;
  codec::Writer writer(out);
  writer.u8(format_version);
  writer.u8(static_cast<std::uint8_t>(unit.sieve_bits));
  writer.u8(static_cast<std::uint8_t>(unit.free_bits));
  writer.u8(static_cast<std::uint8_t>(unit.slice_bits));
  writer.u64(unit.fixed);
  writer.u64(static_cast<std::uint64_t>(unit.a_first >> 64));
  writer.u64(static_cast<std::uint64_t>(unit.a_first));
  writer.u64(unit.a_count);
  writer.u64(unit.map.increment);
  return out;
}

Result<Unit> decode_unit(ByteView bytes) {
  codec::Reader reader(bytes);
  if (const auto version = TRY(reader.u8()); version != format_version) {
    return fail(Code::unsupported, base::format("a unit of format {}", version));
  }
  Unit unit;
  unit.sieve_bits = TRY(reader.u8());
  unit.free_bits = TRY(reader.u8());
  unit.slice_bits = TRY(reader.u8());
  unit.fixed = TRY(reader.u64());
  unit.a_first = U128{TRY(reader.u64())} << 64;
  unit.a_first |= TRY(reader.u64());
  unit.a_count = TRY(reader.u64());
  unit.map.increment = TRY(reader.u64());
  TRY_VOID(reader.finish());
  if (const auto checked = check_unit(unit); !checked) {
    return fail(Code::malformed, checked.error().message);
  }
  return unit;
}

NinePatterns nine_patterns(const Unit& unit) {
  const auto step_of_a = static_cast<std::uint64_t>((U128{1} << unit.sieve_bits) % 9);
  NinePatterns patterns;
  for (std::uint64_t first = 0; first < 9; ++first) {
    std::size_t kept = 0;
    for (std::uint64_t a = 0; a < 9; ++a) {
      if (is_removed_by_nine((first + a * step_of_a) % 9, unit.map.increment)) continue;
      patterns[first].offsets[kept++] = static_cast<std::uint8_t>(a);
    }
    ASSERT(kept == 5);
  }
  return patterns;
}

}  // namespace kith::compute::collatz
