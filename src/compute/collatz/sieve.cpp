#include "compute/collatz/sieve.h"

#include <algorithm>

namespace kith::compute::collatz {
namespace {

/// One step of a class, whose next bit has been added to d already. Without a branch: nothing
/// predicts it.
template <class Signed>
void step_class(const Map& map, Signed& d, std::uint8_t& c) {
  const Signed is_odd = d & 1;
  d = (d >> 1) + ((d + static_cast<Signed>((map.increment + 1) / 2)) & -is_odd);
  c = static_cast<std::uint8_t>(c + is_odd);
}

/// By k: from so many odd steps on 3^c is above 2^k, and nothing is certain to descend.
constexpr auto growing_from = [] {
  std::array<std::uint8_t, Unit::sieve_bits_max + 1> least{};
  for (unsigned k = 0; k < least.size(); ++k) {
    while (powers_of_3[least[k]] < (U128{1} << k)) ++least[k];
  }
  return least;
}();

/// From so many bits on, a class descends as soon as 3^c < 2^k. For d - b is at most q * 1.5^c: it
/// is b * (3^c / 2^k - 1) and what the odd steps have added, at most q * 2^(k - c) * 3^c of 2^k.
constexpr unsigned certain_from = 24;
constexpr bool is_certain = [] {
  for (unsigned k = certain_from; k <= Unit::sieve_bits_max; ++k) {
    for (unsigned c = 0; c < growing_from[k]; ++c) {
      const U128 shrunk = (U128{1} << k) - powers_of_3[c];
      if (increment_max * powers_of_3[c] >= shrunk << c) return false;
    }
  }
  return true;
}();
static_assert(is_certain);

template <class Signed>
bool descends(std::uint64_t b, Signed d, unsigned k, unsigned c) {
  if (c >= growing_from[k]) return false;
  const I128 shrunk = static_cast<I128>(U128{1} << k) - static_cast<I128>(powers_of_3[c]);
  return static_cast<I128>(d) - static_cast<I128>(b) < shrunk;
}

/// The class with one bit more; false when it dies.
bool extend(const Map& map, const SieveNode& node, unsigned bit, SieveNode& child) {
  child = node;
  if (bit != 0) {
    child.b |= std::uint64_t{1} << node.k;
    child.d += static_cast<std::int64_t>(powers_of_3[node.c]);
    child.neighbour_d += static_cast<std::int64_t>(powers_of_3[node.neighbour_c]);
  }
  ++child.k;
  step_class(map, child.d, child.c);
  step_class(map, child.neighbour_d, child.neighbour_c);
  if (descends(child.b, child.d, child.k, child.c)) return false;
  return child.d != child.neighbour_d || child.c != child.neighbour_c;
}

/// Whether a class descends within the bits that the unit fixes, from certain_from bits on. Only
/// the parities count, and those of so few steps are in the low 64 bits of T^k(b).
bool descends_within(const Unit& unit, std::uint64_t value, unsigned k, unsigned c) {
  while (k < unit.sieve_bits) {
    const std::uint64_t is_odd = value & 1;
    value = (value >> 1) + ((value + (unit.map.increment + 1) / 2) & (0 - is_odd));
    c += static_cast<unsigned>(is_odd);
    if (c < growing_from[++k]) return true;
  }
  return false;
}

/// The remaining bits of b, which the unit fixes; false when it dies. Classes that have merged stay
/// merged, so that is looked at once, in the end.
bool extend_fixed(const Unit& unit, const SieveNode& node, Leaf& leaf) {
  if (node.k >= certain_from) {
    const auto value = static_cast<std::uint64_t>(node.d) +
                       unit.fixed * static_cast<std::uint64_t>(powers_of_3[node.c]);
    if (descends_within(unit, value, node.k, node.c)) return false;
  }
  std::uint64_t b = node.b;
  I128 d = node.d;
  I128 neighbour_d = node.neighbour_d;
  std::uint8_t c = node.c;
  std::uint8_t neighbour_c = node.neighbour_c;
  std::uint64_t bits = unit.fixed;
  for (unsigned k = node.k; k < unit.sieve_bits; bits >>= 1) {
    if ((bits & 1) != 0) {
      b |= std::uint64_t{1} << k;
      d += static_cast<I128>(powers_of_3[c]);
      neighbour_d += static_cast<I128>(powers_of_3[neighbour_c]);
    }
    ++k;
    step_class(unit.map, d, c);
    step_class(unit.map, neighbour_d, neighbour_c);
    if (k < certain_from ? descends(b, d, k, c) : c < growing_from[k]) return false;
  }
  leaf = {b, c, static_cast<U128>(d)};
  return d != neighbour_d || c != neighbour_c;
}

}  // namespace

Plan::Plan(const Unit& unit)
    : unit_(unit),
      threshold_(unit.threshold()),
      patterns_(nine_patterns(unit)),
      first_mod_9_(static_cast<std::uint64_t>(unit.start() % 9)) {
  const unsigned depth = std::min(unit.free_bits, prefix_bits);
  std::vector<SieveNode> stack{SieveNode{}};
  while (!stack.empty()) {
    const SieveNode node = stack.back();
    stack.pop_back();
    if (node.k == depth) {
      prefixes_.push_back(node);
      continue;
    }
    SieveNode child;
    for (const unsigned bit : {1u, 0u}) {
      if (extend(unit_.map, node, bit, child)) stack.push_back(child);
    }
  }
  // Within a slice by b, so that the order is the same everywhere.
  std::ranges::sort(prefixes_, {}, [this](const SieveNode& node) {
    return std::pair(unit_.slice_of(node.b), node.b);
  });
  slice_begin_.assign(unit.slices() + 1, 0);
  for (const SieveNode& node : prefixes_) ++slice_begin_[unit_.slice_of(node.b) + 1];
  for (std::size_t i = 1; i < slice_begin_.size(); ++i) slice_begin_[i] += slice_begin_[i - 1];
}

std::span<const SieveNode> Plan::prefixes(std::uint32_t slice) const {
  ASSERT(slice < unit_.slices());
  return std::span(prefixes_).subspan(slice_begin_[slice],
                                      slice_begin_[slice + 1] - slice_begin_[slice]);
}

LeafWalk::LeafWalk(const Plan& plan, std::uint32_t slice)
    : plan_(plan), prefixes_(plan.prefixes(slice)) {
  stack_.reserve(2 * Unit::free_bits_max);
}

std::span<const Leaf> LeafWalk::next() {
  count_ = 0;
  const Unit& unit = plan_.unit();
  while (count_ < batch) {
    if (stack_.empty()) {
      if (prefixes_.empty()) break;
      stack_.push_back(prefixes_.front());
      prefixes_ = prefixes_.subspan(1);
    }
    const SieveNode node = stack_.back();
    stack_.pop_back();
    if (node.k == unit.free_bits) {
      add(node);
      continue;
    }
    SieveNode child;
    for (const unsigned bit : {1u, 0u}) {
      if (extend(unit.map, node, bit, child)) stack_.push_back(child);
    }
  }
  return std::span(leaves_).first(count_);
}

void LeafWalk::add(const SieveNode& node) {
  if (extend_fixed(plan_.unit(), node, leaves_[count_])) ++count_;
}

bool is_live(const Map& map, std::uint64_t b, unsigned bits) {
  // In integers: T^k(a * 2^k + b_k) for a = 1 and 2 gives the function of a.
  const auto iterate = [&map](I128 n, unsigned k) {
    for (unsigned i = 0; i < k; ++i) {
      n = (n & 1) != 0 ? (3 * n + static_cast<I128>(map.increment)) / 2 : n / 2;
    }
    return n;
  };
  for (unsigned k = 1; k <= bits; ++k) {
    const I128 modulus = I128{1} << k;
    const I128 n1 = modulus + static_cast<I128>(b & static_cast<std::uint64_t>(modulus - 1));
    const I128 at1 = iterate(n1, k);
    const I128 at2 = iterate(n1 + modulus, k);
    const bool is_shrinking = at2 - at1 < modulus;
    if (is_shrinking && at1 < n1) return false;
    if (at1 == iterate(n1 - 1, k) && at2 == iterate(n1 + modulus - 1, k)) return false;
  }
  return true;
}

}  // namespace kith::compute::collatz
