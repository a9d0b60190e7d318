#include "codec/chain_fork.h"

#include <rapidcheck.h>

#include "codec/test_votes.h"

namespace kith::codec {
namespace {

ForkRecord fork(bool has_first) {
  const TestValidators four(4);
  std::optional<Certificate> first;
  if (has_first) first = four.certificate(finalize({2}, 5, 4, number_hash(1)), {0, 1, 2});
  return {test_genesis,   {41},
          four.set,       first,
          number_hash(9), four.certificate(finalize({2}, 5, 4, number_hash(2)), {1, 2, 3})};
}

TEST(ChainFork, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("chain_fork.txt")) {
    SCOPED_TRACE(line[0] + line[1]);
    if (line[0] == "bad") {
      EXPECT_FALSE(decode_fork_record(unhex(line[1])));
      continue;
    }
    const Bytes bytes = unhex(line[3]);
    const ForkRecord proof = decode_fork_record(bytes).value();
    EXPECT_EQ(encode(proof), bytes);
    EXPECT_EQ(proof.height.value, std::stoull(line[1]));
    EXPECT_EQ(proof.first.has_value(), line[2] == "1");
    EXPECT_FALSE(verify(proof));
  }
}

TEST(ChainFork, BothCertificatesAreInItAndHold) {
  for (const bool has_first : {false, true}) {
    const ForkRecord proof = fork(has_first);
    const Bytes bytes = encode(proof);
    const ForkRecord again = decode_fork_record(bytes).value();
    EXPECT_EQ(encode(again), bytes);
    EXPECT_TRUE(verify(again));
    EXPECT_EQ(again.height, Height{41});
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_FALSE(decode_fork_record(ByteView(bytes).first(cut))) << cut;
    }
  }
  EXPECT_EQ(fork_file_name({41}), "fork-41.proof");
}

TEST(ChainFork, WhatProvesNothingIsNotBelieved) {
  ForkRecord bad = fork(true);
  bad.genesis = Hash{};
  EXPECT_FALSE(verify(bad));
  bad = fork(true);
  bad.first->signatures[0] = bad.first->signatures[1];
  EXPECT_FALSE(verify(bad));
  bad = fork(true);
  bad.second = *bad.first;
  EXPECT_FALSE(verify(bad));
}

TEST(ChainFork, AnyBytesDecodeToThemselvesOrNotAtAll) {
  const Bytes good = encode(fork(true));
  EXPECT_TRUE(rc::check([&](std::uint16_t at, std::uint8_t flip, std::uint16_t size) {
    Bytes bytes = good;
    bytes[at % bytes.size()] ^= flip;
    if (size % 4 == 0) bytes.resize(size % bytes.size());
    if (const auto proof = decode_fork_record(bytes)) RC_ASSERT(encode(*proof) == bytes);
  }));
}

}  // namespace
}  // namespace kith::codec
