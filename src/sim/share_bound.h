// How sure a share is that was counted.
#pragma once

#include <cstdint>

namespace kith::sim {

/// What the share of a kind is at most, with 95 % confidence, when `found` of `of` that do not
/// depend on each other were of that kind (Clopper and Pearson, one-sided). 1 of none.
double upper_share(std::uint64_t found, std::uint64_t of);

}  // namespace kith::sim
