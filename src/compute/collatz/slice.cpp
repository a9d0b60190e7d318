#include "compute/collatz/slice.h"

#include "codec/writer.h"
#include "crypto/hash.h"

namespace kith::compute::collatz {
namespace {

constexpr std::string_view slice_tag = "kith/collatz/slice/1";

}  // namespace

codec::Hash slice_digest(const Unit& unit, std::uint32_t slice, const SliceResult& result) {
  Bytes out;
  codec::Writer writer(out);
  writer.bytes(base::as_bytes(slice_tag));
  writer.bytes(encode_unit(unit));
  writer.u32(slice);
  writer.u64(result.candidates);
  writer.u64(result.stop_sum);
  writer.u64(result.escapes);
  writer.u64(result.suspects);
  // The peak's bytes from the highest that is not 0, behind their number.
  Bytes peak;
  Big rest = result.peak;
  while (!rest.is_zero()) {
    peak.insert(peak.begin(), static_cast<std::uint8_t>(rest.low()));
    rest.shift_right(8);
  }
  writer.sized(peak);
  return codec::Hash(crypto::sha256(out));
}

codec::Hash unit_root(const Unit& unit, std::span<const SliceResult> slices) {
  ASSERT(slices.size() == unit.slices());
  std::vector<codec::Hash> entries;
  entries.reserve(slices.size());
  for (std::uint32_t i = 0; i < unit.slices(); ++i) {
    entries.push_back(slice_digest(unit, i, slices[i]));
  }
  return codec::merkle_root(entries);
}

SliceResult total_of(std::span<const SliceResult> slices) {
  SliceResult total;
  for (const SliceResult& slice : slices) {
    total.candidates += slice.candidates;
    total.stop_sum += slice.stop_sum;
    total.escapes += slice.escapes;
    total.suspects += slice.suspects;
    if (slice.peak > total.peak) total.peak = slice.peak;
  }
  return total;
}

}  // namespace kith::compute::collatz
