#include "codec/chain_sync.h"

#include <rapidcheck.h>

#include "base/machine.h"
#include "codec/test_votes.h"

namespace kith::codec {
namespace {

Bytes given_block() {
  static const TestValidators four(4);
  BlockHeader header;
  header.height = {7};
  header.view = {1};
  header.parent = test_genesis;
  const BlockPtr block = make_block(header, Bytes{1, 2, 3}, {});
  return encode_given(*block, four.certificate(finalize({0}, 1, 0, block->digest()), {0, 1, 2}));
}

Bytes encoded_answer(const SyncAnswer& answer) {
  return std::visit(Overload{[](const GivenBlock& given) {
                               return encode_given(*given.block, given.certificate);
                             },
                             [](const auto& other) { return encode(other); }},
                    answer);
}

TEST(ChainSync, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("chain_sync.txt")) {
    SCOPED_TRACE(line[0] + " " + line[1]);
    const Bytes bytes = unhex(line[1]);
    if (line[0] == "ask") {
      EXPECT_EQ(encode(decode_sync_request(bytes).value()), bytes);
    } else if (line[0] == "no-ask") {
      EXPECT_FALSE(decode_sync_request(bytes));
    } else if (line[0] == "no-answer") {
      EXPECT_FALSE(decode_sync_answer(bytes));
    } else {
      EXPECT_EQ(encoded_answer(decode_sync_answer(bytes).value()), bytes);
    }
  }
  EXPECT_EQ(base::to_hex(encode(SyncRequest(BlocksRequest{{5}, 128}))), "0200000000000000050080");
  EXPECT_EQ(base::to_hex(encode(PrunedBlocks{{9}})), "030000000000000009");
}

TEST(ChainSync, ABlockComesWithItsCertificateAndNothingElse) {
  Bytes bytes = given_block();
  const auto answer = decode_sync_answer(bytes).value();
  EXPECT_EQ(std::get<GivenBlock>(answer).block->header().height, Height{7});
  EXPECT_EQ(encoded_answer(answer), bytes);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_sync_answer(ByteView(bytes).first(cut))) << cut;
  }
  bytes.push_back(0);
  EXPECT_EQ(decode_sync_answer(bytes).error().code, Code::malformed);
}

TEST(ChainSync, AnyBytesDecodeToThemselvesOrNotAtAll) {
  const std::vector<Bytes> all = {
      encode(SyncRequest(TipRequest{})), encode(SyncRequest(BlocksRequest{{5}, 128})),
      encode(SyncTip{test_genesis, {9}, {3}}), encode(PrunedBlocks{{9}}), given_block()};
  EXPECT_TRUE(rc::check([&](std::uint8_t which, std::uint16_t at, std::uint8_t flip,
                            const std::vector<std::uint8_t>& noise) {
    Bytes bytes = which % 6 == 5 ? noise : all[which % 6];
    if (!bytes.empty()) bytes[at % bytes.size()] ^= flip;
    if (const auto request = decode_sync_request(bytes)) RC_ASSERT(encode(*request) == bytes);
    if (const auto answer = decode_sync_answer(bytes)) RC_ASSERT(encoded_answer(*answer) == bytes);
  }));
}

}  // namespace
}  // namespace kith::codec
