// What compute/collatz/ reads from others: the bytes of a unit, which are refused or are the one
// encoding of a unit that can be planned; and a number as people write it, which is refused or is
// itself again when its digits are read.
#include "compute/collatz/kernel.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  using namespace compute::collatz;
  const ByteView bytes{data, size};
  if (const auto unit = decode_unit(bytes)) {
    ASSERT(check_unit(*unit));
    ASSERT(base::equal(encode_unit(*unit), bytes));
    ASSERT(unit->start() > 0 && unit->threshold() <= unit->start());
    ASSERT(bit_width(unit->start() + unit->numbers()) <= 128);
    const Plan plan(*unit);
    const auto slice = static_cast<std::uint32_t>(unit->a_count % unit->slices());
    LeafWalk walk(plan, slice);
    // Of more bits, a slice without a live class takes minutes.
    for (const Leaf& leaf :
         unit->free_bits <= prefix_bits ? walk.next() : std::span<const Leaf>()) {
      ASSERT(leaf.odd_steps <= unit->sieve_bits);
      ASSERT(unit->slice_of(leaf.b) == slice);
      ASSERT(leaf.b >> unit->free_bits == unit->fixed);
    }
  }

  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto number = parse_number(text)) {
    ASSERT(*number > 0 && bit_width(*number) <= number_bits_max);
    const auto again = parse_number(to_decimal(*number));
    ASSERT(again && *again == *number);
  }
  if (const auto kind = kernel_from_name(text)) ASSERT(name_of(*kind) == text);
  return 0;
}
