// Minutes of arithmetic that prove the engine against others' results, by time of one core: two
// whole units of Barina's, his sums and offsets (four minutes each); 2^40 numbers, which all
// kernels but the reference agree on (one); all path, delay and glide records of the first
// thousand million numbers, and that there are no others (half a one).
#include <gtest/gtest.h>

#include "compute/collatz/barina.h"
#include "compute/collatz/find_records_test_util.h"
#include "compute/collatz/kernel.h"

namespace kith::compute::collatz {
namespace {

void expect_barina(std::uint64_t id, std::uint64_t checksum, std::uint64_t offset) {
  const BarinaUnit unit(id);
  BarinaResult all;
  for (std::uint32_t slice = 0; slice < 1024; ++slice) BarinaUnit::add_to(all, unit.run(slice));
  EXPECT_EQ(all.live, 124486440u);
  EXPECT_FALSE(all.has_overflowed);
  EXPECT_EQ(all.checksum, checksum);
  EXPECT_EQ(all.peak_offset, offset);
}

TEST(CollatzLong, BarinasUnit98999215) { expect_barina(98999215, 142609242936, 225865785455); }
TEST(CollatzLong, FirstUnitAbove2To71) { expect_barina(2147483648, 142609660120, 200777139839); }

TEST(CollatzLong, ConsecutiveUnitOnEveryKernelButTheReference) {
  const Plan plan(consecutive_unit(2147483648));
  std::optional<codec::Hash> root;
  for (const KernelKind kind : supported_kernels()) {
    if (kind == KernelKind::reference) continue;
    std::vector<SliceResult> slices(plan.unit().slices());
    ASSERT_TRUE(make_kernel(kind)->run(plan, 0, slices));
    EXPECT_EQ(total_of(slices).suspects, 0u);
    const auto got = unit_root(plan.unit(), slices);
    if (!root) root = got;
    EXPECT_EQ(got, *root) << name_of(kind);
  }
}

TEST(CollatzLong, RecordsBelow2To30) {
  const ExactWalker walker;
  EXPECT_EQ(find_records(walker, "path", U128{1} << 30), 44u);
  EXPECT_EQ(find_records(walker, "delay", U128{1} << 30), 65u);
  EXPECT_EQ(find_glides(1 << 30), 19u);
}

}  // namespace
}  // namespace kith::compute::collatz
