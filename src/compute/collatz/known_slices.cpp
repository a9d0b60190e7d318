#include "compute/collatz/known_slices.h"

#include "base/assert.h"

namespace kith::compute::collatz {
namespace {

Big big(std::string_view digits) {
  Big value;
  for (const char digit : digits) {
    const bool fits = value.mul_add(10, static_cast<std::uint64_t>(digit - '0'));
    ASSERT(fits);
  }
  return value;
}

}  // namespace

std::vector<KnownSlice> known_slices() {
  return {
      // The smallest threshold, a short row.
      {{10, 10, 2, 0, 5, 73, {1}}, 1, {406, 595674u, 0, 0, {}}},
      // A threshold that no half is aligned with.
      {{17, 10, 2, 64, 1099511627783, 217, {1}}, 2, {724, 3482159688407721637u, 0, 0, {}}},
      // Around the path record of 2358909599867980429759.
      {{30, 8, 0, 905017, 2196905761804, 80, {1}},
       0,
       {89, 368841655951263865u, 1, 0, big("988229361387264324637139131613488937796184")}},
      // A region at 2^71.
      {{51, 12, 0, 12345, 1048576, 144, {1}}, 0, {400, 1773454511445182012u, 0, 0, {}}},
      // Consecutive numbers at 2^71.
      {{28, 12, 2, 4321, 8796093022209, 145, {1}}, 3, {885, 3676975558350338602u, 0, 0, {}}},
      // Beyond what kernels hold: at 2^92.
      {{40, 8, 0, 99, 4503599627370499, 40, {1}},
       0,
       {23, 66868888710745376u, 10, 0, big("1270300388077088784427041050740")}},
      // 3n + 13: numbers that never stop.
      {{6, 6, 0, 0, 2, 8, {13}}, 0, {31, 625u, 0, 16, {}}},
  };
}

}  // namespace kith::compute::collatz
