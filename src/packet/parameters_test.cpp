#include "packet/parameters.h"

#include <gtest/gtest.h>

#include "codec/writer.h"

namespace kith::packet {
namespace {

Bytes list(std::initializer_list<std::uint64_t> numbers) {
  Bytes bytes;
  codec::Writer writer(bytes);
  for (const std::uint64_t number : numbers) writer.varint(number);
  return bytes;
}

Code code_of_list(std::initializer_list<std::uint64_t> numbers) {
  const auto decoded = decode_parameters(list(numbers));
  return decoded ? Code::closed : decoded.error().code;
}

TEST(Parameters, WhatIsSaidIsRead) {
  const Parameters said{.window = 1 << 20,
                        .stream_window = 1 << 18,
                        .streams = 1024,
                        .messages = 1000,
                        .packet_bytes_max = 65'507,
                        .idle_timeout = 61s,
                        .ack_delay_max = 17ms,
                        .compresses = true};
  const auto read = decode_parameters(encode(said));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, said);
  EXPECT_LT(encode(said).size(), 64U);
}

TEST(Parameters, WhatIsNotSaidHasItsDefault) {
  const auto read = decode_parameters({});
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, Parameters{});
}

TEST(Parameters, EachBoundHoldsFromBothSides) {
  struct Bound {
    std::uint64_t key, least, most;
  };
  for (const auto [key, least, most] :
       {Bound{1, 0, 1ULL << 40}, Bound{2, 0, 1ULL << 40}, Bound{3, 0, 1 << 20},
        Bound{4, 0, 1 << 20}, Bound{5, 1200, 65'535}, Bound{6, 1, 86'400'000},
        Bound{7, 0, 1'000'000}, Bound{8, 0, 1}}) {
    EXPECT_TRUE(decode_parameters(list({key, least}))) << key;
    EXPECT_TRUE(decode_parameters(list({key, most}))) << key;
    EXPECT_EQ(code_of_list({key, most + 1}), Code::protocol) << key;
    if (least > 0) EXPECT_EQ(code_of_list({key, least - 1}), Code::protocol) << key;
  }
}

TEST(Parameters, UnknownKeysAreSkippedAndTheirValuesAreAnything) {
  const auto read = decode_parameters(list({5, 1400, 9, 7, 1'000'000, 1ULL << 60}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->packet_bytes_max, 1400U);
}

TEST(Parameters, KeysAscendAndComeOnce) {
  EXPECT_EQ(code_of_list({5, 1400, 5, 1400}), Code::malformed);
  EXPECT_EQ(code_of_list({5, 1400, 4, 1}), Code::malformed);
  EXPECT_EQ(code_of_list({0, 1}), Code::malformed);
}

TEST(Parameters, WhatIsCutIsRefused) {
  const Bytes whole = encode(Parameters{.window = 1 << 30});
  std::size_t right = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    right += decode_parameters(ByteView(whole).first(size)) ? 1 : 0;
  }
  EXPECT_EQ(right, 8U) << "cut between two parameters only";
}

TEST(Parameters, TheLengthIsCheckedFirst) {
  // Of unknown keys, so that all else is right.
  Bytes bytes;
  codec::Writer writer(bytes);
  for (std::uint64_t key = 128; bytes.size() < parameters_bytes_max - 3; ++key) {
    writer.varint(key);
    writer.varint(1);
  }
  ASSERT_TRUE(decode_parameters(bytes));
  while (bytes.size() <= parameters_bytes_max) bytes.push_back(0);
  const auto read = decode_parameters(bytes);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::too_large);
}

}  // namespace
}  // namespace kith::packet
