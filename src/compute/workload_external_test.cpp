#include "compute/workload_external.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "compute/external_line.h"

namespace kith::compute {
namespace {

class Always final : public Progress {
 public:
  bool go_on(std::uint64_t, std::uint64_t) override { return true; }
};

TEST(ExternalLine, EachHasOneForm) {
  const std::vector<std::pair<std::string, ExternalLine>> lines = {
      {"kith-work 1", ExternalHello{1}},
      {"run 00ff 12 3 4", ExternalRun{{0x00, 0xff}, {12}, 3, 4}},
      {"run - 0 0 0", ExternalRun{}},
      {"progress 5 10", ExternalProgress{5, 10}},
      {"result 0a", ExternalResult{{0x0a}}},
      {"result -", ExternalResult{}},
      {"error out of luck, twice ", ExternalError{"out of luck, twice "}}};
  for (const auto& [text, line] : lines) {
    EXPECT_EQ(encode(line), text);
    const auto decoded = decode_external_line(text);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, line);
  }
}

TEST(ExternalLine, GarbageIsNamed) {
  for (const std::string line : {"",
                                 " ",
                                 "kith-work",
                                 "kith-work 01",
                                 "kith-work 1 ",
                                 "kith-work 99999999999",
                                 "Result 0a",
                                 "result",
                                 "result 0A",
                                 "result 0",
                                 "result 0a 0b",
                                 "result  0a",
                                 "progress 3 2",
                                 "progress 1",
                                 "progress -1 2",
                                 "run 00 1 2",
                                 "run 00 1 2 3 4",
                                 "run 00 1 4096 3",
                                 "run zz 1 2 3",
                                 "error",
                                 "error ",
                                 "hello",
                                 "result 0a\r",
                                 "result \t",
                                 "\x7f"}) {
    const auto decoded = decode_external_line(line);
    ASSERT_FALSE(decoded) << line;
    EXPECT_NE(decoded.error().message.find("no line of its protocol"), std::string::npos);
  }
  const std::string longest = "result " + std::string(2 * result_bytes_max, 'a');
  EXPECT_TRUE(decode_external_line(longest));
  EXPECT_EQ(decode_external_line(longest + "aa").error().code, Code::too_large);
  EXPECT_EQ(decode_external_line("error " + std::string(501, 'x')).error().code, Code::too_large);
  EXPECT_EQ(decode_external_line(std::string(16385, 'x')).error().code, Code::too_large);
  // What is shown of it does no harm to a terminal.
  const std::string message =
      decode_external_line("\x1b[2J" + std::string(99, 'x')).error().message;
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

TEST(ExternalWorkload, NamesItsProgram) {
  Hash program{};
  program[3] = 7;
  int runs = 0;
  const ExternalWorkload workload(
      program, [&](ByteView, TaskIndex task, std::uint32_t unit, std::uint32_t slice, Progress&) {
        ++runs;
        return Result<SliceResult>(Bytes{static_cast<std::uint8_t>(task.value),
                                         static_cast<std::uint8_t>(10 * unit + slice)});
      });
  ExternalParams params{program, 3, 2, 4, {1, 2}};
  const Bytes bytes = encode_params(params);
  EXPECT_EQ(decode_external_params(bytes).value(), params);
  EXPECT_EQ(workload.shape(bytes).value(), (TaskShape{3, 2, 4}));
  const Bytes unit = workload.unit_of(bytes, {2}, 1).value();
  EXPECT_LE(unit.size(), unit_bytes_max);
  Always progress;
  const SliceResult result = workload.run(unit, 3, progress).value();
  EXPECT_EQ(result, (Bytes{2, 13}));
  EXPECT_TRUE(verify(workload, unit, 3, workload.digest(unit, 3, result)));
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(workload.run(unit, 4, progress).error().code, Code::usage);
  EXPECT_NE(workload.digest(unit, 3, result), workload.digest(unit, 2, result));
  // Made by a second implementation, in Python.
  EXPECT_EQ(base::to_hex(workload.digest(unit, 3, result)),
            "9cbdb011f4dafceb6be6869c91cbd5b1e7e4dc0a84c1e2989a80ef16003a18e0");
  params.program[3] = 8;
  EXPECT_EQ(workload.shape(encode_params(params)).error().code, Code::refused);
  EXPECT_EQ(runs, 2);
}

TEST(ExternalWorkload, TooMuchIsRefused) {
  const ExternalWorkload workload(Hash{},
                                  [](ByteView, TaskIndex, std::uint32_t, std::uint32_t, Progress&) {
                                    return Result<SliceResult>(Bytes(result_bytes_max + 1));
                                  });
  const Bytes bytes = encode_params(ExternalParams{});
  Always progress;
  const auto result = workload.run(workload.unit_of(bytes, {0}, 0).value(), 0, progress);
  EXPECT_EQ(result.error().code, Code::too_large);
  const auto refused = [&](auto change) {
    ExternalParams params;
    change(params);
    return !workload.shape(encode_params(params)).has_value();
  };
  EXPECT_TRUE(refused([](ExternalParams& p) { p.tasks = 0; }));
  EXPECT_TRUE(refused([](ExternalParams& p) { p.tasks = tasks_max + 1; }));
  EXPECT_TRUE(refused([](ExternalParams& p) { p.units = 0; }));
  EXPECT_TRUE(refused([](ExternalParams& p) { p.slices = slices_max + 1; }));
  EXPECT_TRUE(refused([](ExternalParams& p) { p.argument.resize(129); }));
  EXPECT_FALSE(workload.shape(ByteView(bytes).first(47)));
  EXPECT_EQ(external_params_of_range({}, 5, 4, 1).error().code, Code::usage);
  EXPECT_EQ(external_params_of_range({}, 1, 9, 0).error().code, Code::usage);
  EXPECT_EQ(external_params_of_range({}, 0, UINT64_MAX, 1).error().code, Code::limit);
  EXPECT_EQ(external_params_of_range({}, 1, 10, 4)->tasks, 3u);
}

RC_GTEST_PROP(ExternalWorkload, StatisticsJoin, ()) {
  const ExternalWorkload workload(Hash{}, {});
  std::vector<SliceResult> results;
  for (int i = *rc::gen::inRange(0, 9); i > 0; --i) {
    results.emplace_back(*rc::gen::inRange<std::size_t>(0, 20));
  }
  const std::size_t cut = *rc::gen::inRange<std::size_t>(0, results.size() + 1);
  const auto all = std::span<const SliceResult>(results);
  RC_ASSERT(
      workload.join(workload.statistics(all.first(cut)), workload.statistics(all.subspan(cut)))
          .value() == workload.statistics(results));
}

}  // namespace
}  // namespace kith::compute
