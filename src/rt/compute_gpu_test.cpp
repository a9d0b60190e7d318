// The GPU kernels: the same slices as all others, on any unit, and nothing lost with a device that
// is. By a card where there is one, else by OpenCL on the processor (pocl). The same text by CUDA's
// compiler, which needs no card. Whoever lacks these libraries skips, and is told so.
#include "rt/compute_gpu.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>

#include "compute/collatz/gpu_kernel.h"
#include "compute/collatz/gpu_source.h"
#include "compute/collatz/records_test_util.h"
#include "compute/collatz/units_test_util.h"
#include "rt/compute_kernels.h"
#include "rt/compute_nvrtc.h"
#include "rt/compute_tune.h"
#include "rt/compute_verify.h"
#include "rt/files.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

using namespace compute::collatz;

/// A card by CUDA, where there is one; else the first OpenCL device.
std::optional<GpuInfo> test_gpu() {
  for (const GpuApi api : {GpuApi::cuda, GpuApi::opencl}) {
    if (const auto gpus = list_gpus(api); gpus) return gpus->front();
  }
  return std::nullopt;
}

/// Small batches, so that there are many.
GpuShape test_shape(const GpuInfo& info) {
  return info.is_processor ? GpuShape{64, 1, 0, 16, 1, 910, 16}
                           : GpuShape{256, 8, 1, 32, 4, 455, 16};
}

/// With the kernels compiled once for all tests; null without a device.
Kernel* gpu_kernel() {
  static const std::unique_ptr<Kernel> kernel = []() -> std::unique_ptr<Kernel> {
    const auto info = test_gpu();
    if (!info) return nullptr;
    auto made = open_gpu_kernel(*info, test_shape(*info), open_gpu);
    EXPECT_TRUE(made) << made.error().message;
    return made ? *std::move(made) : nullptr;
  }();
  return kernel.get();
}

#define NEEDS_GPU()                                                                         \
  if (!test_gpu()) {                                                                        \
    GTEST_SKIP() << "OpenCL is not here (pocl-opencl-icd): the GPU kernels are not tested"; \
  }
#define NEEDS_OPENCL()                                                                  \
  if (!list_gpus(GpuApi::opencl)) {                                                     \
    GTEST_SKIP() << "OpenCL is not here (pocl-opencl-icd): hybrid runs are not tested"; \
  }

std::vector<SliceResult> run_all(Kernel& kernel, const Plan& plan) {
  std::vector<SliceResult> slices(plan.unit().slices());
  const auto done = kernel.run(plan, 0, slices);
  EXPECT_TRUE(done.has_value());
  return slices;
}

SliceResult expect_agreed(const Unit& unit, KernelKind with = KernelKind::reference) {
  const auto checked = check_unit(unit);
  EXPECT_TRUE(checked) << checked.error().message;
  const Plan plan(unit);
  const auto expected = run_all(*make_kernel(with), plan);
  const auto got = run_all(*gpu_kernel(), plan);
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i], expected[i])
        << "slice " << i << " of the unit of " << to_decimal(unit.start()) << " K "
        << unit.sieve_bits << " F " << unit.free_bits << " q " << unit.map.increment << ": "
        << got[i].candidates << " " << got[i].stop_sum << " " << got[i].escapes << " "
        << got[i].suspects << " " << to_decimal(got[i].peak) << ", expected "
        << expected[i].candidates << " " << expected[i].stop_sum << " " << expected[i].escapes
        << " " << expected[i].suspects << " " << to_decimal(expected[i].peak);
  }
  return total_of(expected);
}

TEST(GpuKernel, AgreesOnAnything) {
  NEEDS_GPU();
  rc::check([] {
    expect_agreed(any_unit());
    RC_ASSERT(!testing::Test::HasFailure());
  });
}

TEST(GpuKernel, AgreesAtEveryEdge) {
  NEEDS_GPU();
  for (const unsigned edge : {20u, 41u, 53u, 57u, 64u, 65u, 71u, 84u, 85u, 87u, 88u, 92u, 126u}) {
    for (const unsigned sieve : {8u, 17u}) {
      const U128 at = U128{1} << (edge - sieve);
      for (const U128& first : {at, at - std::min<U128>(at - 1, 70), at + 12345}) {
        expect_agreed({sieve, std::min(sieve, 10u), 3, 0, first, 145, {}});
      }
    }
  }
}

// Numbers whose next 18 steps are all odd, just below the escape: a block of them leaves 96 bits.
TEST(GpuKernel, TheSteepestClimbsAreNotCut) {
  NEEDS_GPU();
  for (const unsigned bits : {81u, 82u, 83u, 84u, 85u, 86u, 87u}) {
    const U128 n = (U128{7} << (bits - 3)) | ((U128{1} << 40) - 1);
    EXPECT_GT(expect_agreed({4, 4, 0, 0, (n >> 4) - 30, 60, {}}).escapes, 0u);
  }
}

TEST(GpuKernel, EscapesAndPeaksOfPathRecords) {
  NEEDS_GPU();
  int found = 0;
  for (const TestRecord& record : read_records("path")) {
    if (bit_width(record.number) < 50 || record.peak.size() < 32) continue;
    const auto b = static_cast<std::uint64_t>(record.number) & ((1u << 30) - 1);
    const U128 a = record.number >> 30;
    const Unit unit{30, 8, 2, b >> 8, a > 30 ? a - 30 : 1, 80, {}};
    EXPECT_EQ(to_decimal(expect_agreed(unit).peak), record.peak) << to_decimal(record.number);
    ++found;
  }
  EXPECT_EQ(found, 22);
}

TEST(GpuKernel, PlantedCyclesAreSuspects) {
  NEEDS_GPU();
  EXPECT_GT(expect_agreed({8, 8, 1, 0, 8, 8, {29}}).suspects, 0u);
  EXPECT_GT(expect_agreed({4, 4, 0, 0, 2, 4000, {79}}, KernelKind::scalar).suspects, 500u);
}

// Near 2^87 most numbers escape, and their list is full again and again: with many classes a batch
// is halved; with one that is too much by itself, the processor does the slice.
TEST(GpuKernel, FullListsLoseNothing) {
  NEEDS_GPU();
  const Unit few{5, 5, 1, 0, (U128{1} << 82) - 1000, 300'000, {}};
  EXPECT_GT(expect_agreed(few, KernelKind::scalar).escapes, 65536u);
  const Unit unit{16, 16, 4, 0, (U128{1} << 71) - 5000, 400, {}};
  EXPECT_GT(expect_agreed(unit, KernelKind::scalar).escapes, 65536u);
}

TEST(GpuKernel, AgreesOnAPartOfARegionAt2To71) {
  NEEDS_GPU();
  const Unit unit{51, 16, 3, 12345, U128{1} << 20, 1 << 14, {}};
  EXPECT_GT(expect_agreed(unit, KernelKind::scalar).candidates, 500'000u);
}

/// A device that stops answering: the first `calls` are those of the real one.
class LostDevice : public GpuDevice {
 public:
  LostDevice(std::unique_ptr<GpuDevice> inner, int calls)
      : inner_(std::move(inner)), calls_(calls) {}

  std::string_view name() const override { return inner_->name(); }
  Result<void> build(const GpuShape& shape,
                     const std::array<std::size_t, gpu_buffers>& bytes) override {
    return inner_->build(shape, bytes);
  }
  Result<void> write(GpuBuffer buffer, ByteView bytes) override {
    TRY_VOID(answer());
    return inner_->write(buffer, bytes);
  }
  Result<void> clear(GpuBuffer buffer, std::size_t bytes) override {
    TRY_VOID(answer());
    return inner_->clear(buffer, bytes);
  }
  Result<void> launch(GpuEntry entry) override {
    TRY_VOID(answer());
    return inner_->launch(entry);
  }
  Result<void> read(GpuBuffer buffer, ByteSpan to) override {
    TRY_VOID(answer());
    return inner_->read(buffer, to);
  }

 private:
  Result<void> answer() {
    if (calls_-- > 0) return {};
    return fail(Code::io, "the device has fallen off the bus");
  }

  std::unique_ptr<GpuDevice> inner_;
  int calls_;
};

TEST(GpuKernel, ADeviceLostAtAnyCallLosesNoSlice) {
  NEEDS_GPU();
  const GpuInfo info = *test_gpu();
  const GpuShape shape = test_shape(info);
  // A run is 12 calls; each kernel runs twice.
  const Unit unit{40, 20, 4, 77, U128{1} << 31, 60, {}};
  const Plan plan(unit);
  const auto expected = run_all(*make_kernel(KernelKind::scalar), plan);
  for (const int calls : {0, 5, 11, 14, 1000}) {
    std::vector<std::string> losses;
    auto lost = std::make_unique<LostDevice>(open_gpu(info).value(), calls);
    auto kernel = make_fallback_kernel(
        make_gpu_kernel(std::move(lost), shape).value(), make_kernel(KernelKind::scalar),
        [&](const Error& error) { losses.push_back(error.message); });
    EXPECT_EQ(run_all(*kernel, plan), expected) << calls;
    EXPECT_EQ(run_all(*kernel, plan), expected) << calls;
    EXPECT_EQ(losses.size(), calls < 1000 ? 1u : 0u) << calls;
    if (!losses.empty()) EXPECT_EQ(losses[0], "the device has fallen off the bus");
    EXPECT_EQ(kernel->name() == "scalar", calls < 1000);
  }
}

VerifyOptions small_range(std::string device) {
  VerifyOptions options;
  options.from = U128{1} << 40;
  options.to = options.from + (U128{1} << 29) + 12345;
  options.is_fast = true;
  options.device = std::move(device);
  options.threads = 1;
  return options;
}

VerifyOutcome verified(const VerifyOptions& options) {
  const auto outcome = verify_range(options, [](const VerifyProgress&) {});
  if (!outcome) {
    ADD_FAILURE() << outcome.error().message;
    return {};
  }
  EXPECT_TRUE(outcome->is_complete);
  return *outcome;
}

TEST(ComputeVerify, IsTheSameByOpenClAndWhenItIsLost) {
  NEEDS_OPENCL();
  const std::uint64_t expected = verified(small_range("scalar")).result.checksum;
  const VerifyOutcome whole = verified(small_range("opencl"));
  EXPECT_EQ(whole.result.checksum, expected);
  EXPECT_TRUE(whole.device.starts_with("opencl:0 ")) << whole.device;
  EXPECT_TRUE(whole.notes.empty());
  // The self-test passes, which takes 74 calls; then one unit's numbers are lost half-way.
  VerifyOptions options = small_range("opencl");
  options.open_gpu = [](const GpuInfo& info) -> Result<std::unique_ptr<GpuDevice>> {
    return std::make_unique<LostDevice>(TRY(open_gpu(info)), 80);
  };
  const VerifyOutcome lost = verified(options);
  EXPECT_EQ(lost.result.checksum, expected);
  ASSERT_FALSE(lost.notes.empty());
  EXPECT_NE(lost.notes[0].find("fallen off the bus"), std::string::npos) << lost.notes[0];
}

// Pieces of all sizes from 2^20 to 2^28, taken by whoever is free; the processor's may be taken
// from it in the end.
TEST(ComputeVerify, HybridDoesEveryPieceOnce) {
  NEEDS_OPENCL();
  VerifyOptions options = small_range("scalar");
  options.from += (U128{1} << 20) - 5;
  options.to = options.from + (U128{1} << 29);
  const VerifyOutcome expected = verified(options);
  options.device = "hybrid";
  options.threads = 2;
  options.counts_processors = true;
  const VerifyOutcome hybrid = verified(options);
  EXPECT_EQ(hybrid.result.checksum, expected.result.checksum);
  EXPECT_EQ(hybrid.result.count, expected.result.count);
  EXPECT_NE(hybrid.device.find(" + cpu/"), std::string::npos) << hybrid.device;
}

TEST(ComputeVerify, WhatIsMissingIsNamed) {
  TeamOptions options;
  options.device = "cuda";
  const auto cuda = choose_team(options);
  if (!list_gpus(GpuApi::cuda)) {
    ASSERT_FALSE(cuda);
    EXPECT_EQ(cuda.error().code, Code::unsupported);
    EXPECT_NE(cuda.error().message.find("CUDA"), std::string::npos) << cuda.error().message;
  }
  options.device = "abacus";
  EXPECT_EQ(choose_team(options).error().code, Code::usage);
  VerifyOptions exact = small_range("opencl");
  exact.is_fast = false;
  EXPECT_EQ(verify_range(exact, [](const VerifyProgress&) {}).error().code, Code::usage);
}

// A kernel that computes wrongly is not let work, whoever it runs on.
TEST(GpuKernel, ADeviceWithAWrongCompilerIsRefused) {
  NEEDS_OPENCL();
  class WrongDevice : public LostDevice {
   public:
    explicit WrongDevice(std::unique_ptr<GpuDevice> inner)
        : LostDevice(std::move(inner), 1 << 30) {}
    Result<void> read(GpuBuffer buffer, ByteSpan to) override {
      TRY_VOID(LostDevice::read(buffer, to));
      // A carry that is lost, in the sum of slice 0.
      if (buffer == GpuBuffer::state) to[4 * (16 + 1)] ^= 1;
      return {};
    }
  };
  VerifyOptions options = small_range("opencl");
  options.open_gpu = [](const GpuInfo& info) -> Result<std::unique_ptr<GpuDevice>> {
    return std::make_unique<WrongDevice>(TRY(open_gpu(info)));
  };
  const auto refused = verify_range(options, [](const VerifyProgress&) {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  EXPECT_NE(refused.error().message.find("wrongly"), std::string::npos) << refused.error().message;
}

TEST(GpuShape, IsKeptByHardwareAndForgotten) {
  TempDir dir;
  const std::string path = dir / "shapes";
  GpuInfo info;
  info.key = "cuda Some Card, driver 1";
  const GpuShape shape{256, 8, 1, 16, 2, 455, 20};
  ASSERT_TRUE(write_file_atomic(
      path, base::as_bytes(encode_shapes({{"other", {}}, {info.key, shape}})), public_file_mode));
  int opened = 0;
  const GpuOpener counting = [&](const GpuInfo&) -> Result<std::unique_ptr<GpuDevice>> {
    ++opened;
    return fail(Code::io, "no such card");
  };
  EXPECT_EQ(tuned_shape(info, path, counting).value(), shape);
  EXPECT_EQ(opened, 0);
  forget_shape(info, path);
  // Now it is measured, which asks for the card; and so it is with a damaged file.
  EXPECT_EQ(tuned_shape(info, path, counting).error().message, "no such card");
  EXPECT_GT(opened, 5);
  const auto kept = read_file(path, shapes_bytes_max);
  EXPECT_EQ(base::as_text(*kept), encode_shapes({{"other", {}}}));
  ASSERT_TRUE(write_file_atomic(path, base::as_bytes("kith collatz shapes 9"), public_file_mode));
  EXPECT_FALSE(tuned_shape(info, path, counting));
}

TEST(Nvrtc, TheKernelsCompileForEveryArchitectureOfItsTime) {
  if (const auto here = compile_cuda("", "sm_90"); !here && here.error().code == Code::not_found) {
    GTEST_SKIP() << here.error().message << ": the CUDA kernels are not compiled ($KITH_NVRTC)";
  }
  for (const std::uint32_t halves : {0u, 1u}) {
    for (const char* architecture : {"sm_80", "sm_90", "sm_120"}) {
      GpuShape shape;
      shape.halves = halves;
      shape.unroll = 2;
      const auto cubin = compile_cuda(gpu_program(shape, GpuLanguage::cuda), architecture);
      ASSERT_TRUE(cubin) << architecture << ": " << cubin.error().message;
      EXPECT_EQ(base::as_text(ByteView(*cubin).first(4)),
                "\x7f"
                "ELF");
      for (const std::string_view name : gpu_entry_names) {
        EXPECT_NE(base::as_text(*cubin).find(name), std::string_view::npos) << name;
      }
    }
  }
  const auto wrong = compile_cuda("this is no program", "sm_90");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("error"), std::string::npos) << wrong.error().message;
}

}  // namespace
}  // namespace kith::rt
