#include "rt/compute_verify.h"

#include <gtest/gtest.h>

#include "base/sanitizer_test_util.h"
#include "rt/compute_checkpoint.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

using compute::WorkPause;
using compute::WorkRules;

VerifyOptions a_little() {
  VerifyOptions options;
  options.from = 1;
  options.to = test::less_if_sanitized(3 << 24, 3 << 20);
  options.device = "scalar";
  options.threads = 2;
  return options;
}

TEST(ComputeVerifyRules, RestsWhileItsOwnerSaysSoAndComesToTheSame) {
  const auto expected = verify_range(a_little(), [](const VerifyProgress&) {});
  ASSERT_TRUE(expected && expected->is_complete);
  VerifyOptions options = a_little();
  int looks = 0;
  options.rules = [&] {
    WorkRules rules;
    rules.is_paused = ++looks <= 2;
    return rules;
  };
  std::vector<VerifyProgress> seen;
  const auto done =
      verify_range(options, [&](const VerifyProgress& progress) { seen.push_back(progress); });
  ASSERT_TRUE(done && done->is_complete);
  EXPECT_EQ(done->result.checksum, expected->result.checksum);
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen[0].pause, WorkPause::paused);
  EXPECT_TRUE(seen[0].done == 0);
}

TEST(ComputeVerifyRules, TooMuchMemoryEndsItWithWhatIsDoneKept) {
  TempDir dir;
  VerifyOptions options = a_little();
  options.checkpoint = dir / "progress";
  options.rules = [] {
    WorkRules rules;
    rules.memory_bytes_max = 1;
    return rules;
  };
  const auto done = verify_range(options, [](const VerifyProgress&) {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::limit);
  const auto kept = load_checkpoint(options.checkpoint);
  ASSERT_TRUE(kept.has_value());
  EXPECT_TRUE(kept->to == options.to);
}

}  // namespace
}  // namespace kith::rt
