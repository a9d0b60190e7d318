#include "compute/workload.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "compute/collatz/known_slices.h"
#include "compute/collatz/orbit.h"
#include "compute/collatz/units_test_util.h"
#include "compute/workload_collatz.h"
#include "crypto/hash.h"

namespace kith::compute {
namespace {

using collatz::KernelKind;
using collatz::U128;

class Always final : public Progress {
 public:
  bool go_on(std::uint64_t, std::uint64_t) override { return goes_on; }
  bool goes_on = true;
};

/// Three regions of 2^3 units each, four units a task.
CollatzParams small_params() { return {{11, 8, 2, 0, 9, 40, {}}, 4, 6}; }

std::vector<SliceResult> run_unit(const Workload& workload, ByteView unit, std::uint32_t slices) {
  Always progress;
  std::vector<SliceResult> results;
  for (std::uint32_t i = 0; i < slices; ++i) {
    results.push_back(workload.run(unit, i, progress).value());
  }
  return results;
}

TEST(CollatzWorkload, SplitsAsTheDesignSays) {
  const CollatzWorkload workload(KernelKind::scalar);
  const CollatzParams params = small_params();
  const Bytes bytes = encode_params(params);
  EXPECT_EQ(bytes.size(), CollatzParams::bytes);
  EXPECT_EQ(decode_collatz_params(bytes).value(), params);
  EXPECT_EQ(workload.shape(bytes).value(), (TaskShape{6, 4, 4}));
  Bytes of_other_results = bytes;
  ++of_other_results[1];
  EXPECT_EQ(workload.shape(of_other_results).error().code, Code::unsupported);
  std::vector<std::pair<U128, std::uint64_t>> seen;
  for (std::uint64_t task = 0; task < 6; ++task) {
    for (std::uint32_t unit = 0; unit < 4; ++unit) {
      const auto made = collatz::decode_unit(workload.unit_of(bytes, {task}, unit).value());
      ASSERT_TRUE(made);
      seen.emplace_back(made->a_first, made->fixed);
    }
  }
  // Region after region, in each all fixed bits: no number is left out or in two units.
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_TRUE(seen[i].first == 9 + 40 * (i / 8)) << i;
    EXPECT_EQ(seen[i].second, i % 8) << i;
  }
  EXPECT_EQ(workload.unit_of(bytes, {6}, 0).error().code, Code::usage);
  EXPECT_EQ(workload.unit_of(bytes, {0}, 4).error().code, Code::usage);
  EXPECT_NE(workload.describe(bytes, {5}).find("task 5 of 6"), std::string::npos);
  EXPECT_NE(workload.describe(bytes, {6}).find("no task 6"), std::string::npos);
}

// Results that are known, and the version that they are of: who changes these raises that, so that
// nobody's files go on with both (rt/compute_journal.h).
TEST(CollatzWorkload, ResultsAreThoseOfTheirVersion) {
  Bytes all;
  for (const collatz::KnownSlice& known : collatz::known_slices()) {
    base::append(all, collatz::slice_digest(known.unit, known.slice, known.result));
  }
  EXPECT_EQ(collatz::results_version, 2);
  EXPECT_EQ(base::to_hex(crypto::sha256(all)),
            "f4883ef6b1e8730d7d2d3efcb458e9afd433cc7fb0bd063ba088f67d8ba56c60");
  EXPECT_EQ(CollatzWorkload(KernelKind::scalar).results_version(), collatz::results_version);
}

TEST(CollatzWorkload, RootIsTheEnginesOwn) {
  const Bytes params = encode_params(small_params());
  for (const KernelKind kind : collatz::supported_kernels()) {
    const CollatzWorkload workload(kind);
    for (std::uint32_t number = 0; number < 4; ++number) {
      const Bytes bytes = workload.unit_of(params, {3}, number).value();
      const collatz::Unit unit = collatz::decode_unit(bytes).value();
      std::vector<collatz::SliceResult> slices(unit.slices());
      ASSERT_TRUE(collatz::make_kernel(KernelKind::reference)->run(collatz::Plan(unit), 0, slices));
      const auto results = run_unit(workload, bytes, unit.slices());
      std::vector<Hash> digests;
      for (std::uint32_t i = 0; i < unit.slices(); ++i) {
        EXPECT_EQ(decode_collatz_result(results[i]).value(), slices[i]);
        digests.push_back(workload.digest(bytes, i, results[i]));
        EXPECT_TRUE(verify(workload, bytes, i, digests.back()));
      }
      EXPECT_EQ(unit_root(digests), collatz::unit_root(unit, slices));
      EXPECT_EQ(decode_collatz_result(workload.statistics(results)).value(),
                collatz::total_of(slices));
      digests[0][5] ^= 1;
      EXPECT_EQ(verify(workload, bytes, 0, digests[0]).error().code, Code::refused);
    }
  }
}

TEST(CollatzWorkload, BadParametersAreRefused) {
  const CollatzWorkload workload(KernelKind::scalar);
  const auto refused = [&](auto change) {
    CollatzParams params = small_params();
    change(params);
    const auto shape = workload.shape(encode_params(params));
    return !shape.has_value();
  };
  EXPECT_FALSE(refused([](CollatzParams&) {}));
  EXPECT_TRUE(refused([](CollatzParams& p) { p.units = 0; }));
  EXPECT_TRUE(refused([](CollatzParams& p) { p.units = units_max + 1; }));
  EXPECT_TRUE(refused([](CollatzParams& p) { p.tasks = 0; }));
  EXPECT_TRUE(refused([](CollatzParams& p) { p.tasks = tasks_max + 1; }));
  EXPECT_TRUE(refused([](CollatzParams& p) { p.first.sieve_bits = 61; }));
  EXPECT_TRUE(refused([](CollatzParams& p) { p.first.a_first = 0; }));
  EXPECT_TRUE(refused([](CollatzParams& p) { p.first.map.increment = 3; }));
  // The last unit would go beyond 2^127.
  EXPECT_TRUE(refused([](CollatzParams& p) { p.first.a_first = (U128{1} << 116) - 41; }));
  const Bytes good = encode_params(small_params());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(workload.shape(ByteView(good).first(size)));
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(workload.shape(longer));
}

TEST(CollatzWorkload, RangesAreWholeUnits) {
  const auto params = collatz_params_of_range(U128{1} << 40, (U128{1} << 40) + (U128{3} << 30) - 1);
  ASSERT_TRUE(params);
  EXPECT_TRUE(params->first.numbers() == U128{1} << 30);
  EXPECT_TRUE(params->first.start() == U128{1} << 40);
  EXPECT_EQ(params->tasks, 3u);
  EXPECT_EQ(collatz_params_of_range(256, 255 + (1 << 20))->tasks, 1u);
  for (const auto& [from, to] : {std::pair<U128, U128>{0, 1},
                                 {5, 4},
                                 {256, 1 << 20},
                                 {255, 254 + (1 << 20)},
                                 {1, 1 << 20},
                                 {1, collatz::u128_max}}) {
    EXPECT_EQ(collatz_params_of_range(from, to).error().code, Code::usage);
  }
}

// Under 3n + 29 the cycle from 2531 on is a counterexample (collatz/kernel_test.cpp).
TEST(CollatzWorkload, PlantedCounterexampleIsAFindThatOthersConfirm) {
  const CollatzWorkload workload(KernelKind::scalar);
  const Bytes params = encode_params(CollatzParams{{8, 8, 1, 0, 8, 8, {29}}, 1, 1});
  const Bytes unit = workload.unit_of(params, {0}, 0).value();
  const auto finds = workload.finds(unit, run_unit(workload, unit, 2)).value();
  const Find wanted{Find::Kind::counterexample, "2531", ""};
  EXPECT_NE(std::ranges::find(finds, wanted), finds.end());
  EXPECT_TRUE(workload.check_find(params, wanted).value());
  EXPECT_FALSE(workload.check_find(params, {Find::Kind::counterexample, "2530", ""}).value());
  EXPECT_FALSE(workload.check_find(params, {Find::Kind::counterexample, "9999999", ""}).value());
  EXPECT_FALSE(workload.check_find(params, {Find::Kind::counterexample, "x", ""}));
}

TEST(CollatzWorkload, PathRecordIsAFind) {
  // The 97th: a part of the region of 30 bits around it.
  const U128 number = collatz::parse_number("1765856170146672440559").value();
  const auto fixed = static_cast<std::uint64_t>(number) & ((1u << 30) - 1);
  const collatz::Unit unit{30, 8, 2, fixed >> 8, (number >> 30) - 30, 80, {}};
  const Bytes bytes = collatz::encode_unit(unit);
  const CollatzWorkload workload(KernelKind::scalar, collatz::Big(1));
  const auto results = run_unit(workload, bytes, 4);
  const auto finds = workload.finds(bytes, results).value();
  ASSERT_EQ(finds.size(), 1u);
  EXPECT_EQ(finds[0], (Find{Find::Kind::record, "1765856170146672440559",
                            "788340337342148717335104033908060039028328"}));
  // It is none when it is known.
  EXPECT_TRUE(CollatzWorkload(KernelKind::scalar).finds(bytes, results)->empty());
  const Bytes params =
      encode_params(CollatzParams{{30, 8, 2, 0, unit.a_first, 80, {}}, 1, std::uint64_t{1} << 22});
  EXPECT_TRUE(workload.check_find(params, finds[0]).value());
  Find false_find = finds[0];
  false_find.value.back() = '9';
  EXPECT_FALSE(workload.check_find(params, false_find).value());
}

TEST(CollatzWorkload, CalledOffIsSaid) {
  const CollatzWorkload workload(KernelKind::scalar);
  const Bytes unit = workload.unit_of(encode_params(small_params()), {0}, 0).value();
  Always progress;
  progress.goes_on = false;
  EXPECT_EQ(workload.run(unit, 0, progress).error().code, Code::canceled);
  EXPECT_EQ(workload.run(unit, 4, progress).error().code, Code::usage);
  EXPECT_FALSE(workload.run(ByteView(unit).first(9), 0, progress));
}

RC_GTEST_PROP(CollatzWorkload, ResultsHaveOneEncoding, ()) {
  collatz::SliceResult result{*rc::gen::arbitrary<std::uint64_t>(),
                              *rc::gen::arbitrary<std::uint64_t>(),
                              *rc::gen::arbitrary<std::uint64_t>(),
                              *rc::gen::arbitrary<std::uint64_t>(),
                              {}};
  for (int limbs = *rc::gen::inRange(0, 33); limbs > 0; --limbs) {
    if (!result.peak.mul_add(std::uint64_t{1} << 32, *rc::gen::arbitrary<std::uint32_t>())) break;
  }
  const Bytes bytes = encode_result(result);
  RC_ASSERT(bytes.size() <= result_bytes_max);
  RC_ASSERT(decode_collatz_result(bytes).value() == result);
  const auto cut = *rc::gen::inRange<std::size_t>(0, bytes.size());
  RC_ASSERT(!decode_collatz_result(ByteView(bytes).first(cut)));
}

RC_GTEST_PROP(CollatzWorkload, StatisticsJoinInAnyOrder, ()) {
  const CollatzWorkload workload(KernelKind::scalar);
  std::vector<SliceResult> results;
  for (int i = *rc::gen::inRange(0, 6); i > 0; --i) {
    results.push_back(encode_result(collatz::SliceResult{
        *rc::gen::arbitrary<std::uint64_t>(), *rc::gen::arbitrary<std::uint64_t>(), 1, 0,
        collatz::Big(*rc::gen::arbitrary<std::uint64_t>())}));
  }
  const auto cut =
      static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(0, results.size() + 1));
  const std::vector<SliceResult> left(results.begin(), results.begin() + cut);
  const std::vector<SliceResult> right(results.begin() + cut, results.end());
  const Bytes all = workload.statistics(results);
  RC_ASSERT(workload.join(workload.statistics(right), workload.statistics(left)).value() == all);
  RC_ASSERT(workload.figures(all).has_value());
}

}  // namespace
}  // namespace kith::compute
