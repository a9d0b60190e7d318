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

/// The class with one bit more.
SieveNode extended(const Map& map, const SieveNode& node, unsigned bit) {
  SieveNode child = node;
  if (bit != 0) {
    child.b |= std::uint64_t{1} << node.k;
    child.d += static_cast<std::int64_t>(powers_of_3[node.c]);
    child.neighbour_d += static_cast<std::int64_t>(powers_of_3[node.neighbour_c]);
  }
  ++child.k;
  step_class(map, child.d, child.c);
  step_class(map, child.neighbour_d, child.neighbour_c);
  return child;
}

template <class Class>
bool has_merged(const Class& node) {
  return node.d == node.neighbour_d && node.c == node.neighbour_c;
}

/// One bit more behind the prefix; false when the class dies. Its 3^c is a multiple of 3^8, so the
/// bit itself does not change the residue; with fewer odd steps it falls below itself at once.
bool extend(const Map& map, const WaysBack& ways, const SieveNode& node, unsigned bit,
            SieveNode& child) {
  child = extended(map, node, bit);
  child.residue = static_cast<std::uint16_t>(step_residue(node.residue, child.c != node.c ? 1 : 0));
  return !ways.has_slower(child.k, child.c, child.residue) && !has_merged(child);
}

/// Whether a class dies within the bits that the unit fixes, but for merging. Only the parities
/// count, and those of so few steps are in the low 64 bits of T^k(b).
bool dies_within(const Unit& unit, const WaysBack& ways, const SieveNode& node,
                 std::uint64_t bits) {
  std::uint64_t value =
      static_cast<std::uint64_t>(node.d) + bits * static_cast<std::uint64_t>(powers_of_3[node.c]);
  const std::uint64_t addend = (unit.map.increment + 1) / 2;
  std::uint32_t residue = node.residue;
  unsigned c = node.c;
  for (unsigned k = node.k; k < unit.sieve_bits;) {
    const std::uint64_t is_odd = value & 1;
    value = (value >> 1) + ((value + addend) & (0 - is_odd));
    c += static_cast<unsigned>(is_odd);
    residue = step_residue(residue, static_cast<std::uint32_t>(is_odd));
    if (ways.has_slower(++k, c, residue)) return true;
  }
  return false;
}

/// The remaining bits of b, which the unit fixes; false when it dies. Classes that have merged stay
/// merged, so that is looked at once, in the end.
bool extend_fixed(const Unit& unit, const WaysBack& ways, const SieveNode& node, std::uint64_t bits,
                  Leaf& leaf) {
  if (dies_within(unit, ways, node, bits)) return false;
  std::uint64_t b = node.b;
  I128 d = node.d;
  I128 neighbour_d = node.neighbour_d;
  std::uint8_t c = node.c;
  std::uint8_t neighbour_c = node.neighbour_c;
  for (unsigned k = node.k; k < unit.sieve_bits; ++k, bits >>= 1) {
    if ((bits & 1) != 0) {
      b |= std::uint64_t{1} << k;
      d += static_cast<I128>(powers_of_3[c]);
      neighbour_d += static_cast<I128>(powers_of_3[neighbour_c]);
    }
    step_class(unit.map, d, c);
    step_class(unit.map, neighbour_d, neighbour_c);
  }
  leaf = {b, c, static_cast<U128>(d)};
  return d != neighbour_d || c != neighbour_c;
}

}  // namespace

Prefixes::Prefixes(const Unit& of, Ways which)
    : depth(std::min(of.sieve_bits, prefix_bits)), unit(of), ways(which) {
  const WaysBack& tables = ways_back(ways);
  const std::uint64_t scale = back_scale(unit.map);
  std::vector<SieveNode> stack{SieveNode{}};
  while (!stack.empty()) {
    const SieveNode node = stack.back();
    stack.pop_back();
    if (node.k == depth) {
      nodes.push_back(node);
      continue;
    }
    for (const unsigned bit : {1u, 0u}) {
      if (node.k >= unit.free_bits && bit != (unit.fixed >> (node.k - unit.free_bits) & 1))
        continue;
      SieveNode child = extended(unit.map, node, bit);
      if (has_merged(child)) continue;
      child.residue = static_cast<std::uint16_t>(static_cast<std::uint64_t>(child.d) %
                                                 back_modulus * scale % back_modulus);
      // Where the table knows the ways of a class, it says at once that none is slower.
      const bool is_known = child.c >= back_steps_max || ways == Ways::down;
      if (is_known && !tables.has_slower(child.k, child.c, child.residue)) {
        stack.push_back(child);
      } else if (!has_smaller(unit.map, ways, child.b, child.d, child.k, child.c)) {
        stack.push_back(child);
      }
    }
  }
  // Within a slice by b, so that the order is the same everywhere.
  std::ranges::sort(nodes, {}, [this](const SieveNode& node) {
    return std::pair(unit.slice_of(node.b), node.b);
  });
  slice_begin.assign(unit.slices() + 1, 0);
  for (const SieveNode& node : nodes) ++slice_begin[unit.slice_of(node.b) + 1];
  for (std::size_t i = 1; i < slice_begin.size(); ++i) slice_begin[i] += slice_begin[i - 1];
}

bool Prefixes::are_of(const Unit& other, Ways which) const {
  const auto free = [](const Unit& u) { return std::min(u.free_bits, prefix_bits); };
  const bool are_free = free(unit) == depth;
  return ways == which && unit.map == other.map && unit.slice_bits == other.slice_bits &&
         depth == std::min(other.sieve_bits, prefix_bits) && free(unit) == free(other) &&
         (are_free || unit.fixed == other.fixed);
}

Plan::Plan(const Unit& unit, std::shared_ptr<const Prefixes> prefixes)
    : unit_(unit),
      threshold_(unit.threshold()),
      patterns_(nine_patterns(unit)),
      first_mod_9_(static_cast<std::uint64_t>(unit.start() % 9)),
      prefixes_(std::move(prefixes)) {}

Plan::Plan(const Unit& unit, Ways ways) : Plan(unit, std::make_shared<Prefixes>(unit, ways)) {}

Plan::Plan(const Unit& unit, const Plan& earlier)
    : Plan(unit, earlier.prefixes_->are_of(unit, earlier.prefixes_->ways)
                     ? earlier.prefixes_
                     : std::make_shared<Prefixes>(unit, earlier.prefixes_->ways)) {}

std::uint64_t Plan::fixed_left() const {
  return unit_.fixed >> (depth() - std::min(unit_.free_bits, depth()));
}

std::span<const SieveNode> Plan::prefixes(std::uint32_t slice) const {
  ASSERT(slice < unit_.slices());
  const auto& begin = prefixes_->slice_begin;
  return std::span(prefixes_->nodes).subspan(begin[slice], begin[slice + 1] - begin[slice]);
}

LeafWalk::LeafWalk(const Plan& plan, std::uint32_t slice)
    : plan_(plan), ways_(plan.ways()), prefixes_(plan.prefixes(slice)) {
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
    if (node.k >= unit.free_bits) {
      add(node);
      continue;
    }
    SieveNode child;
    for (const unsigned bit : {1u, 0u}) {
      if (extend(unit.map, ways_, node, bit, child)) stack_.push_back(child);
    }
  }
  return std::span(leaves_).first(count_);
}

void LeafWalk::add(const SieveNode& node) {
  // What is left of the fixed bits behind the prefix, or all of them behind the free ones.
  const std::uint64_t bits = plan_.fixed_left();
  if (extend_fixed(plan_.unit(), ways_, node, bits, leaves_[count_])) ++count_;
}

namespace {

/// T^k(n) for a = 1 and for a = 2, which gives the function of a.
struct Pair {
  I128 at1 = 0;
  I128 at2 = 0;
  I128 growth() const { return at2 - at1; }
};

bool is_smaller(const Pair& p, const Pair& n) {
  return p.at1 > 0 && p.at1 < n.at1 && p.growth() < n.growth();
}

/// Whether a way of at most `left` odd steps back from x comes to what is smaller than n.
bool leads_back(I128 q, const Pair& n, const Pair& x, unsigned left) {
  if (is_smaller(x, n)) return true;
  // Each odd step back leaves two thirds or more.
  I128 least = x.growth();
  for (unsigned i = 0; i < left; ++i) least = least * 2 / 3;
  if (left == 0 || x.at1 <= 0 || least >= n.growth()) return false;
  const Pair odd{2 * x.at1 - q, 2 * x.at2 - q};
  const bool is_odd_step = odd.at1 % 3 == 0 && odd.at2 % 3 == 0;
  return leads_back(q, n, {2 * x.at1, 2 * x.at2}, left) ||
         (is_odd_step && leads_back(q, n, {odd.at1 / 3, odd.at2 / 3}, left - 1));
}

}  // namespace

bool is_live(const Map& map, std::uint64_t b, unsigned bits, Ways ways) {
  const auto q = static_cast<I128>(map.increment);
  const auto iterate = [q](Pair n, unsigned k, unsigned& odd_steps) {
    for (unsigned i = 0; i < k; ++i) {
      const bool is_odd = (n.at1 & 1) != 0;
      odd_steps += is_odd ? 1 : 0;
      n = is_odd ? Pair{(3 * n.at1 + q) / 2, (3 * n.at2 + q) / 2} : Pair{n.at1 / 2, n.at2 / 2};
    }
    return n;
  };
  for (unsigned k = 1; k <= bits; ++k) {
    const I128 modulus = I128{1} << k;
    const I128 n1 = modulus + static_cast<I128>(b & static_cast<std::uint64_t>(modulus - 1));
    const Pair n{n1, n1 + modulus};
    unsigned odd_steps = 0;
    const Pair x = iterate(n, k, odd_steps);
    const unsigned left = ways == Ways::back ? std::min(odd_steps, back_steps_max) : 0;
    if (leads_back(q, n, x, left)) return false;
    unsigned unused = 0;
    const Pair neighbour = iterate({n1 - 1, n1 - 1 + modulus}, k, unused);
    if (x.at1 == neighbour.at1 && x.at2 == neighbour.at2) return false;
  }
  return true;
}

}  // namespace kith::compute::collatz
