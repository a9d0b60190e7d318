#include "compute/collatz/barina.h"

#include <algorithm>

#include "base/assert.h"

namespace kith::compute::collatz {
namespace {

constexpr unsigned jump_bits = 10;
/// 2 * 1.5^10 < 2^7
constexpr unsigned jump_peak_bits = 7;
constexpr unsigned widest_bits = 126;
constexpr std::uint64_t neighbours = 48;

}  // namespace

BarinaUnit::BarinaUnit(std::uint64_t id, unsigned bits)
    : plan_(Unit{bits,
                 bits,
                 std::min(slice_bits, bits),
                 0,
                 U128{id} << (unit_bits - bits),
                 std::uint64_t{1} << std::min(unit_bits - bits, 24u),
                 {}},
            Ways::down) {
  ASSERT(id >= 1 && id < (std::uint64_t{1} << 47) && bits >= 16 && bits <= sieve_bits);
  const auto table = make_step_table<jump_bits>({});
  for (std::uint64_t b = 0; b < table.entries.size(); ++b) {
    Jump jump{table.entries[b].factor, table.entries[b].addend, 0, 0};
    std::uint64_t value = b;
    std::uint64_t power = 1;
    for (unsigned i = 1; i <= jump_bits; ++i) {
      if ((value & 1) != 0) {
        power *= 3;
        ++jump.odd_steps;
      }
      value = static_cast<std::uint64_t>(step({}, value));
      // n * power / 2^i is a lower bound; so many halvings are below it.
      while ((power << jump.drop) < (std::uint64_t{1} << i)) ++jump.drop;
    }
    jumps_.push_back(jump);
  }
}

bool BarinaUnit::is_live(const Leaf& leaf) const {
  const unsigned bits = plan_.unit().sieve_bits;
  for (std::uint64_t nearer = 2; nearer <= neighbours && nearer <= leaf.b; nearer += 2) {
    U128 d = leaf.b - nearer;
    std::uint32_t odd = 0;
    unsigned left = bits;
    for (; left >= jump_bits; left -= jump_bits) {
      const Jump& jump = jumps_[static_cast<std::uint64_t>(d) & (jumps_.size() - 1)];
      d = (d >> jump_bits) * jump.factor + jump.addend;
      odd += jump.odd_steps;
    }
    for (; left > 0; --left) {
      odd += static_cast<std::uint32_t>(d & 1);
      d = step({}, d);
    }
    if (d == leaf.d && odd == leaf.odd_steps) return false;
  }
  return true;
}

BarinaResult BarinaUnit::run(std::uint32_t slice) const {
  BarinaResult result;
  const Unit& unit = plan_.unit();
  LeafWalk walk(plan_, slice);
  for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
    for (const Leaf& leaf : leaves) {
      if (!is_live(leaf)) continue;
      ++result.live;
      const auto& kept = plan_.patterns()[plan_.pattern_of(leaf.b)].offsets;
      const U128 factor = power3(leaf.odd_steps);
      for (std::uint64_t nine = 0; nine < unit.a_count; nine += 9) {
        for (const std::uint64_t kept_at : kept) {
          const std::uint64_t i = nine + kept_at;
          if (i >= unit.a_count) break;
          const U128 a = unit.a_first + i;
          ++result.candidates;
          result.checksum += leaf.odd_steps;
          run_number((a << unit.sieve_bits) + leaf.b, a * factor + leaf.d,
                     (i << unit.sieve_bits) + leaf.b, result);
        }
      }
    }
  }
  return result;
}

void BarinaUnit::run_number(U128 n0, U128 n, std::uint64_t offset, BarinaResult& result) const {
  while (true) {
    const Jump& jump = jumps_[static_cast<std::uint64_t>(n) & (jumps_.size() - 1)];
    if ((n >> jump.drop) > n0 && n < (result.peak >> jump_peak_bits)) {
      n = (n >> jump_bits) * jump.factor + jump.addend;
      result.checksum += jump.odd_steps;
      continue;
    }
    // Near its end. Only the last look is one that no processor predicts.
    for (unsigned i = 0; i < jump_bits; ++i) {
      const auto is_odd = static_cast<std::uint32_t>(n & 1);
      if (is_odd != 0 && n >> (widest_bits - 1) != 0) [[unlikely]] {
        result.has_overflowed = true;
        return;
      }
      n = (n >> 1) + ((n + 1) & (U128{0} - is_odd));
      if (n < n0) return;
      result.checksum += is_odd;
      if (n < result.peak || is_odd == 0) [[likely]]
        continue;
      if (n > result.peak || offset < result.peak_offset) {
        result.peak = n;
        result.peak_offset = offset;
      }
    }
  }
}

void BarinaUnit::add_to(BarinaResult& all, const BarinaResult& part) {
  all.live += part.live;
  all.candidates += part.candidates;
  all.checksum += part.checksum;
  all.has_overflowed = all.has_overflowed || part.has_overflowed;
  if (part.peak > all.peak || (part.peak == all.peak && part.peak_offset < all.peak_offset)) {
    all.peak = part.peak;
    all.peak_offset = part.peak_offset;
  }
}

}  // namespace kith::compute::collatz
