#include "compute/workload_goldbach.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace kith::compute {
namespace {

class Count final : public Progress {
 public:
  bool go_on(std::uint64_t done, std::uint64_t of) override {
    EXPECT_LT(done, of);
    return asked++ < most;
  }
  int asked = 0;
  int most = 1'000'000;
};

std::vector<SliceResult> run_all(const Workload& workload, ByteView params) {
  Count progress;
  std::vector<SliceResult> results;
  const TaskShape shape = workload.shape(params).value();
  for (std::uint64_t task = 0; task < shape.tasks; ++task) {
    for (std::uint32_t number = 0; number < shape.units; ++number) {
      const Bytes unit = workload.unit_of(params, {task}, number).value();
      for (std::uint32_t slice = 0; slice < shape.slices; ++slice) {
        results.push_back(workload.run(unit, slice, progress).value());
      }
    }
  }
  return results;
}

// However it is cut, a range comes to the same.
RC_GTEST_PROP(GoldbachWorkload, CutsDoNotMatter, ()) {
  const GoldbachWorkload workload;
  GoldbachParams params;
  params.first = 2 * *rc::gen::inRange<std::uint64_t>(2, 1'000'000);
  params.limit = *rc::gen::element<std::uint32_t>(50, 65536);
  params.slices = *rc::gen::inRange(1u, 20u);
  params.unit_numbers = *rc::gen::inRange(1u, 300u);
  params.units = *rc::gen::inRange(1u, 4u);
  // Whole tasks, whose last unit need not be full.
  const std::uint64_t units = params.units * *rc::gen::inRange<std::uint64_t>(1, 4);
  params.numbers = units * params.unit_numbers - *rc::gen::inRange(0u, params.unit_numbers);
  const Bytes bytes = encode_params(params);
  RC_ASSERT(bytes.size() == GoldbachParams::bytes);
  RC_ASSERT(decode_goldbach_params(bytes).value() == params);
  goldbach::Partitioner whole;
  const auto expected = whole.run(params.first, params.numbers, params.limit);
  const auto results = run_all(workload, bytes);
  RC_ASSERT(decode_goldbach_result(workload.statistics(results)).value() == expected);
}

TEST(GoldbachWorkload, DigestsAndRootsAreWhatTheyWere) {
  const GoldbachWorkload workload;
  GoldbachParams params{1000, 64, 32, 2, 2, 65536};
  const Bytes bytes = encode_params(params);
  EXPECT_EQ(workload.shape(bytes).value(), (TaskShape{1, 2, 2}));
  const Bytes unit = workload.unit_of(bytes, {0}, 1).value();
  Count progress;
  std::vector<Hash> digests;
  for (std::uint32_t slice = 0; slice < 2; ++slice) {
    const auto result = workload.run(unit, slice, progress).value();
    digests.push_back(workload.digest(unit, slice, result));
    EXPECT_TRUE(verify(workload, unit, slice, digests.back()));
    EXPECT_EQ(verify(workload, unit, 1 - slice, digests.back()).error().code, Code::refused);
  }
  // Made by a second implementation, in Python.
  EXPECT_EQ(base::to_hex(digests[0]),
            "b2836b498677b3717cd9807f5d82404877d67baa69545bd6776c721d18b038ed");
  EXPECT_EQ(base::to_hex(digests[1]),
            "65d6f0da84ef55ea42876ef43066884f5babd3e88e70e1a2e9c541c007ed5c72");
  EXPECT_NE(unit_root(digests), digests[0]);
  EXPECT_NE(workload.describe(bytes, {0}).find("from 1000 on"), std::string::npos);
}

// Primes above 500 are hidden by the parameters: 503222 needs 523.
TEST(GoldbachWorkload, PlantedCounterexampleIsFoundAndConfirmed) {
  const GoldbachWorkload workload;
  GoldbachParams params{503'000, 200, 100, 1, 4, 500};
  const Bytes bytes = encode_params(params);
  const auto results = run_all(workload, bytes);
  std::vector<Find> finds;
  for (std::uint64_t task = 0; task < 2; ++task) {
    const auto of_unit = std::span(results).subspan(task * 4, 4);
    const Bytes unit = workload.unit_of(bytes, {task}, 0).value();
    for (const Find& find : workload.finds(unit, of_unit).value()) finds.push_back(find);
  }
  const Find wanted{Find::Kind::counterexample, "503222", ""};
  EXPECT_EQ(finds, std::vector<Find>{wanted});
  EXPECT_TRUE(workload.check_find(bytes, wanted).value());
  // With all primes it is none.
  params.limit = 65536;
  EXPECT_FALSE(workload.check_find(encode_params(params), wanted).value());
  EXPECT_FALSE(workload.check_find(bytes, {Find::Kind::counterexample, "503224", ""}).value());
  EXPECT_FALSE(workload.check_find(bytes, {Find::Kind::counterexample, "504222", ""}).value());
  EXPECT_TRUE(
      workload.check_find(encode_params(params), {Find::Kind::record, "503222", "523"}).value());
  EXPECT_FALSE(workload.check_find(bytes, {Find::Kind::counterexample, "-4", ""}));
}

TEST(GoldbachWorkload, BadParametersAreRefused) {
  const GoldbachWorkload workload;
  const auto refusal = [&](auto change) {
    GoldbachParams params{1000, 64, 32, 2, 2, 65536};
    change(params);
    const auto shape = workload.shape(encode_params(params));
    return shape ? std::optional<Code>() : shape.error().code;
  };
  EXPECT_FALSE(refusal([](GoldbachParams&) {}));
  EXPECT_EQ(refusal([](GoldbachParams& p) { p.first = 1001; }), Code::malformed);
  EXPECT_EQ(refusal([](GoldbachParams& p) { p.first = 2; }), Code::malformed);
  EXPECT_EQ(refusal([](GoldbachParams& p) { p.numbers = 0; }), Code::limit);
  EXPECT_EQ(refusal([](GoldbachParams& p) { p.numbers = UINT64_MAX; }), Code::limit);
  EXPECT_EQ(refusal([](GoldbachParams& p) { p.numbers = 65; }), Code::limit);  // three units
  EXPECT_EQ(refusal([](GoldbachParams& p) { p.unit_numbers = 0; }), Code::limit);
  EXPECT_EQ(refusal([](GoldbachParams& p) { p.units = 0; }), Code::limit);
  EXPECT_EQ(refusal([](GoldbachParams& p) { p.slices = 0; }), Code::malformed);
  EXPECT_EQ(refusal([](GoldbachParams& p) { p.slices = 1025; }), Code::malformed);
  EXPECT_EQ(refusal([](GoldbachParams& p) { p.limit = 2; }), Code::malformed);
  EXPECT_EQ(refusal([](GoldbachParams& p) { p.limit = 65537; }), Code::malformed);
  EXPECT_EQ(goldbach_params_of_range(5, 4).error().code, Code::usage);
  EXPECT_EQ(goldbach_params_of_range(0, 3).error().code, Code::usage);
  EXPECT_EQ(goldbach_params_of_range(7, 7).error().code, Code::usage);
  EXPECT_EQ(goldbach_params_of_range(4, UINT64_MAX).error().code, Code::usage);
  EXPECT_EQ(goldbach_params_of_range(0, 7)->numbers, 2u);
  EXPECT_EQ(goldbach_params_of_range(7, 12)->first, 8u);
}

TEST(GoldbachWorkload, CalledOffIsSaid) {
  const GoldbachWorkload workload;
  const GoldbachParams params{4, 1 << 21, 1 << 21, 1, 1, 65536};
  const Bytes unit = workload.unit_of(encode_params(params), {0}, 0).value();
  Count progress;
  progress.most = 2;
  EXPECT_EQ(workload.run(unit, 0, progress).error().code, Code::canceled);
  EXPECT_EQ(progress.asked, 3);
  EXPECT_EQ(workload.run(unit, 1, progress).error().code, Code::usage);
  EXPECT_FALSE(workload.run(ByteView(unit).first(24), 0, progress));
}

}  // namespace
}  // namespace kith::compute
