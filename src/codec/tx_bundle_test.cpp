#include "codec/tx_bundle.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"
#include "codec/test_chain.h"

namespace kith::codec {
namespace {

TxPtr payment_of(std::uint32_t n) {
  return seal(test::payment({{{test::hash_of(9), n}, 1}}, {{2, 5'000}}, 100, test::hash_of(0x11)));
}

std::vector<TxPtr> payments(std::uint32_t count) {
  std::vector<TxPtr> txs;
  for (std::uint32_t i = 0; i < count; ++i) txs.push_back(payment_of(i));
  return txs;
}

std::vector<Hash> names(const std::vector<TxPtr>& txs) {
  std::vector<Hash> all;
  for (const TxPtr& tx : txs) all.push_back(tx->wtxid);
  return all;
}

TEST(TxBundle, GoldenVectors) {
  std::size_t seen = 0;
  for (const GoldenLine& line : golden_lines("tx_bundle.txt")) {
    SCOPED_TRACE(line[0] + " " + line[1]);
    ++seen;
    const Bytes bytes = unhex(line[1]);
    const auto txs = decode_tx_bundle(bytes);
    ASSERT_EQ(txs.has_value(), line[0] == "bundle");
    if (txs) EXPECT_EQ(encode_tx_bundle(*txs), bytes);
  }
  EXPECT_GE(seen, 6u);
}

TEST(TxBundle, HoldsItsTransactionsInTheirOrder) {
  const auto txs = payments(bundle_txs_max);
  const auto read = decode_tx_bundle(encode_tx_bundle(txs));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(names(*read), names(txs));
}

TEST(TxBundle, NamesWhatIsWrong) {
  Bytes bytes = encode_tx_bundle(payments(2));
  const auto message = [](ByteView wrong) { return decode_tx_bundle(wrong).error().message; };
  Bytes other = bytes;
  other[0] = 2;
  EXPECT_EQ(message(other), "a bundle of version 2");
  other = bytes;
  other[2] = 0;
  EXPECT_EQ(message(other), "a bundle of 0 transactions; it has 1 to 256");
  other[1] = 1;
  other[2] = 1;
  EXPECT_EQ(message(other), "a bundle of 257 transactions; it has 1 to 256");
  other = bytes;
  other.push_back(0);
  EXPECT_EQ(decode_tx_bundle(other).error().code, Code::malformed);
  const TxPtr one = payment_of(7);
  EXPECT_EQ(message(encode_tx_bundle({one, one})),
            "transaction " + base::to_hex(one->txid) + " is in a bundle twice");
  EXPECT_EQ(message(Bytes(bundle_bytes_max + 1)), "a bundle of 131073 bytes; it may have 131072");
}

TEST(TxBundle, NoPrefixOfItIsOne) {
  const Bytes bytes = encode_tx_bundle(payments(3));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_tx_bundle(ByteView(bytes).first(size))) << size;
  }
}

TEST(TxBundle, HasOneEncoding) {
  const Bytes good = encode_tx_bundle(payments(2));
  rc::check("what is read encodes to the same bytes", [&] {
    Bytes bytes = good;
    const auto changes = *rc::gen::inRange(0, 4);
    for (int i = 0; i < changes; ++i) {
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<std::uint8_t>();
    }
    if (const auto txs = decode_tx_bundle(bytes)) RC_ASSERT(encode_tx_bundle(*txs) == bytes);
  });
}

}  // namespace
}  // namespace kith::codec
