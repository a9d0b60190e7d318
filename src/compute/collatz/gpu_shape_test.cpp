#include "compute/collatz/gpu_shape.h"

#include <gtest/gtest.h>

namespace kith::compute::collatz {
namespace {

const GpuShapes two = {{"cuda NVIDIA H100 80GB HBM3, driver 13000", {}},
                       {"opencl pocl, driver 3.1", {64, 1, 0, 16, 1, 910, 16}}};

TEST(GpuShape, IsReadAsItWasWritten) {
  const std::string text = encode_shapes(two);
  EXPECT_EQ(text,
            "kith collatz shapes 1\n"
            "cuda NVIDIA H100 80GB HBM3, driver 13000\t512 16 1 32 8 910 22\n"
            "opencl pocl, driver 3.1\t64 1 0 16 1 910 16\n");
  EXPECT_EQ(parse_shapes(text).value(), two);
  EXPECT_TRUE(parse_shapes(encode_shapes({})).value().empty());
}

TEST(GpuShape, AnythingElseIsRefused) {
  const std::string good = encode_shapes(two);
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    const auto read = parse_shapes(std::string_view(good).substr(0, cut));
    // What ends with a line is whole.
    EXPECT_EQ(read.has_value(), cut > 0 && good[cut - 1] == '\n') << cut;
  }
  const std::string head = "kith collatz shapes 1\n";
  for (const char* line : {
           "\t512 16 1 32 4 910 22\n",       // no key
           "key 512 16 1 32 4 910 22\n",     // no tab
           "key\t512 16 1 32 4 910\n",       // a field less
           "key\t512 16 1 32 4 910 22 1\n",  // a field more
           "key\t512 16 1 32 4 910 22 \n",   // an empty one
           "key\t0512 16 1 32 4 910 22\n",   // written otherwise
           "key\t512 16 1 32 4 910 -22\n",   // negative
           "key\t512 16 1 32 4 910 4294967296\n",
           "key\t500 16 1 32 4 910 22\n",   // no power of two
           "key\t2048 16 1 32 4 910 22\n",  // too many threads
           "key\t512 64 1 32 4 910 22\n",   // tables
           "key\t512 16 2 32 4 910 22\n",
           "key\t512 16 1 0 4 910 22\n",
           "key\t512 16 1 32 4 8 22\n",
           "key\t512 16 1 32 4 910 30\n",  // gigabytes of memory
           "k\x01y\t512 16 1 32 4 910 22\n",
       }) {
    const auto read = parse_shapes(head + line);
    ASSERT_FALSE(read) << line;
    EXPECT_EQ(read.error().code, Code::malformed);
  }
  EXPECT_FALSE(parse_shapes("kith collatz shapes 2\n"));
  EXPECT_FALSE(parse_shapes(std::string(shapes_bytes_max + 1, '\n')));
}

TEST(GpuShape, AFileHasAnEnd) {
  GpuShapes many(shapes_max, {"key", {}});
  EXPECT_TRUE(parse_shapes(encode_shapes(many)));
  many.emplace_back("one more", GpuShape{});
  EXPECT_FALSE(parse_shapes(encode_shapes(many)));
}

TEST(GpuShape, AKeyHoldsWhatADeviceIsCalledAndNoControlCharacters) {
  EXPECT_EQ(shape_key("a\tb\nc d\xff"), "abc d");
  EXPECT_EQ(shape_key(std::string(1000, 'x')).size(), shape_key_bytes_max);
}

}  // namespace
}  // namespace kith::compute::collatz
