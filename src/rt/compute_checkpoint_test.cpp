#include "rt/compute_checkpoint.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "crypto/hash.h"
#include "rt/compute_verify.h"
#include "rt/files.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

using namespace compute::collatz;

constexpr std::size_t tag_bytes = 24;
constexpr std::size_t hash_bytes = 32;

ComputeCheckpoint half_done() {
  ComputeCheckpoint checkpoint{1, U128{3} << 24, false, {true, false, true, false}, {}};
  RangeResult& result = checkpoint.result;
  result.count = 123;
  result.checksum = 456;
  result.exact = {123, Big(9232), 27, 111, 27, 456, {}};
  return checkpoint;
}

void expect_equal(const ComputeCheckpoint& got, const ComputeCheckpoint& expected) {
  EXPECT_EQ(to_decimal(got.from), to_decimal(expected.from));
  EXPECT_EQ(to_decimal(got.to), to_decimal(expected.to));
  EXPECT_EQ(got.is_fast, expected.is_fast);
  EXPECT_EQ(got.done, expected.done);
  EXPECT_EQ(encode_checkpoint(got), encode_checkpoint(expected));
}

/// The hash at the end made to fit what is before it.
Bytes rehashed(Bytes bytes) {
  bytes.resize(bytes.size() - hash_bytes);
  const auto hash = crypto::sha256(bytes);
  base::append(bytes, hash);
  return bytes;
}

Code code_of(ByteView bytes) {
  const auto decoded = decode_checkpoint(bytes);
  EXPECT_FALSE(decoded);
  return decoded ? Code::internal : decoded.error().code;
}

// Made by another program from the order of the fields: old files must stay readable.
TEST(ComputeCheckpoint, TheBytesAreWhatTheyWere) {
  const Bytes bytes = encode_checkpoint(half_done());
  EXPECT_EQ(bytes.size(), 317u + hash_bytes);
  EXPECT_EQ(base::to_hex(ByteView(bytes).last(hash_bytes)),
            "80f7e276dfab5f405cff71b65d08bbc11afec79bbb29bb75f99023caebd8d226");
  expect_equal(decode_checkpoint(bytes).value(), half_done());
}

RC_GTEST_PROP(ComputeCheckpoint, AnyRoundTrips, ()) {
  const auto wide = [] {
    const U128 high = *rc::gen::arbitrary<std::uint64_t>();
    return (high << 64) | *rc::gen::arbitrary<std::uint64_t>();
  };
  const auto maybe = [&] {
    const U128 value = wide();
    return *rc::gen::arbitrary<bool>() && value > 0 ? std::optional<U128>(value) : std::nullopt;
  };
  ComputeCheckpoint checkpoint{wide(), wide(), *rc::gen::arbitrary<bool>(), {}, {}};
  for (const std::uint8_t byte : *rc::gen::arbitrary<Bytes>()) {
    checkpoint.done.push_back(byte % 2 == 0);
  }
  RangeResult& result = checkpoint.result;
  result.count = wide();
  result.checksum = *rc::gen::arbitrary<std::uint64_t>();
  result.counterexample = maybe();
  const Big peak = *big_mul_add(wide(), wide(), wide());
  result.exact = {wide(), peak, wide(), *rc::gen::arbitrary<std::uint64_t>(), wide(), 7, maybe()};
  const Bytes bytes = encode_checkpoint(checkpoint);
  const auto decoded = decode_checkpoint(bytes);
  RC_ASSERT(decoded.has_value());
  expect_equal(*decoded, checkpoint);
  RC_ASSERT(decoded->result.counterexample == result.counterexample);
  RC_ASSERT(decoded->result.exact.peak == peak);
  RC_ASSERT(decoded->result.exact.suspect == result.exact.suspect);
  RC_ASSERT(!testing::Test::HasFailure());
}

TEST(ComputeCheckpoint, EveryBitAndEveryLengthCounts) {
  const Bytes bytes = encode_checkpoint(half_done());
  for (std::size_t i = 0; i < 8 * bytes.size(); ++i) {
    Bytes damaged = bytes;
    damaged[i / 8] ^= static_cast<std::uint8_t>(1u << (i % 8));
    EXPECT_FALSE(decode_checkpoint(damaged)) << "bit " << i;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_checkpoint(ByteView(bytes).first(size))) << size << " bytes";
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(code_of(longer), Code::malformed);
}

TEST(ComputeCheckpoint, AFittingHashDoesNotMakeItOne) {
  const Bytes bytes = encode_checkpoint(half_done());
  const std::size_t is_fast_at = tag_bytes + 1 + 2 + 32;
  Bytes changed = bytes;
  changed[is_fast_at] = 2;  // neither mode
  EXPECT_EQ(code_of(rehashed(changed)), Code::malformed);
  changed = bytes;
  changed[is_fast_at + 9] |= 0x10;  // a fifth piece of four
  EXPECT_EQ(code_of(rehashed(changed)), Code::malformed);
  changed = bytes;
  changed[is_fast_at + 1] = 0x80;  // 2^63 pieces
  EXPECT_EQ(code_of(rehashed(changed)), Code::too_large);
  changed = bytes;
  changed[is_fast_at + 8] = 200;  // more than the file holds
  EXPECT_FALSE(decode_checkpoint(rehashed(changed)));
}

TEST(ComputeCheckpoint, AnotherFormatIsNamed) {
  Bytes bytes = encode_checkpoint(half_done());
  bytes[tag_bytes] = '3';
  EXPECT_EQ(code_of(rehashed(bytes)), Code::unsupported);
  bytes[0] = 'K';
  EXPECT_EQ(code_of(rehashed(bytes)), Code::malformed);
}

/// As format 1 had it, which did not say of which results it was.
Bytes old_form(const ComputeCheckpoint& checkpoint) {
  Bytes bytes = encode_checkpoint(checkpoint);
  bytes[tag_bytes] = '1';
  bytes.erase(bytes.begin() + tag_bytes + 1, bytes.begin() + tag_bytes + 3);
  return rehashed(bytes);
}

TEST(ComputeCheckpoint, OnesOfOtherResultsAreRefusedAndLeftAsTheyAre) {
  // The bytes of a file of format 1, by the same other program.
  EXPECT_EQ(base::to_hex(ByteView(old_form(half_done())).last(hash_bytes)),
            "0340b371b42987078f5da71e646f3d0e1bb1d3c4dfae6876497ac573c23ca032");
  Bytes of_other_results = encode_checkpoint(half_done());
  --of_other_results[tag_bytes + 2];
  TempDir dir;
  for (const Bytes& bytes : {old_form(half_done()), rehashed(of_other_results)}) {
    ASSERT_TRUE(write_file_atomic(dir / "progress", bytes, public_file_mode));
    const auto refused =
        verify_range({1, U128{3} << 24, false, "scalar", 1, dir / "progress", [] { return false; }},
                     [](const VerifyProgress&) {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unsupported);
    EXPECT_NE(refused.error().message.find("progress: a checkpoint of"), std::string::npos);
    EXPECT_NE(refused.error().message.find("begin anew with another file"), std::string::npos);
    EXPECT_EQ(read_file(dir / "progress", 1000).value(), bytes);
  }
}

TEST(ComputeCheckpoint, FilesComeBackAndAreRefusedWhenTheyAreForeign) {
  TempDir dir;
  const std::string path = dir / "progress";
  EXPECT_EQ(load_checkpoint(path).error().code, Code::not_found);
  ASSERT_TRUE(save_checkpoint(path, half_done()));
  expect_equal(load_checkpoint(path).value(), half_done());

  const auto verify = [&](U128 from, U128 to, bool is_fast) {
    return verify_range({from, to, is_fast, "scalar", 1, path, [] { return false; }},
                        [](const VerifyProgress&) {});
  };
  EXPECT_EQ(verify(1, 1000, false).error().code, Code::usage);          // another range
  EXPECT_EQ(verify(1, U128{3} << 24, true).error().code, Code::usage);  // another mode
  const Bytes bytes = read_file(path, 1000).value();
  ASSERT_TRUE(write_file_atomic(path, ByteView(bytes).first(100), public_file_mode));
  EXPECT_FALSE(verify(1, 1000, false));
  EXPECT_EQ(read_file(path, 1000)->size(), 100u);  // and left as it was
  // Its own is gone on from, and ends as a run without one does.
  ASSERT_TRUE(
      write_file_atomic(path, encode_checkpoint({1, 1000, false, {false}, {}}), public_file_mode));
  const auto done = verify(1, 1000, false);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(done->is_complete);
  EXPECT_EQ(to_decimal(done->result.exact.peak), "250504");
  EXPECT_EQ(load_checkpoint(path)->done, std::vector<bool>{true});
}

}  // namespace
}  // namespace kith::rt
