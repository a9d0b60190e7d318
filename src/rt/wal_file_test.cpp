#include "rt/wal_file.h"

#include <gtest/gtest.h>

namespace kith::rt {
namespace {

// Made by another program from the description in wal_file.h: files of older versions must stay
// readable, and the same records give the same bytes.
constexpr std::string_view golden =
    "6b69746877616c3100000001000000000000000300000000000000010000000000000063545198e5"
    "0000000c6ad075db00000000000000036c57011400000004766f74650000000000000025d86f1470"
    "00000000000000037876190300000021636572746966696361746563657274696669636174656365"
    "727469666963617465000000001097308b000000000000000368dc9e13";

TEST(WalFile, TheBytesAreWhatIsWritten) {
  const WalHeader header{.begins_anew = true, .segment = 3, .sequence = 1, .salt = 99};
  const std::vector<std::vector<Bytes>> frames = {
      {base::to_bytes("vote"), {}}, {base::to_bytes("certificatecertificatecertificate")}, {}};
  Bytes bytes = encode(header);
  std::vector<Bytes> all;
  for (const auto& frame : frames) {
    base::append(bytes, encode_wal_frame(header, bytes.size(), frame).value());
    all.insert(all.end(), frame.begin(), frame.end());
  }
  EXPECT_EQ(base::to_hex(bytes), golden);
  const WalFile file = read_wal_file(base::from_hex(golden).value(), false).value();
  EXPECT_EQ(file.header, header);
  EXPECT_EQ(file.records, all);
  EXPECT_EQ(file.end, bytes.size());
  EXPECT_FALSE(file.is_torn);
}

// A frame holds only where it was written: neither another file's nor a moved one counts.
TEST(WalFile, AFrameIsBoundToItsFileAndPlace) {
  const WalHeader header{.begins_anew = true, .segment = 3, .sequence = 1, .salt = 99};
  WalHeader other = header;
  other.salt = 98;
  const std::vector<Bytes> first = {Bytes{1}};
  const std::vector<Bytes> second = {Bytes{2}};
  Bytes bytes = encode(header);
  base::append(bytes, encode_wal_frame(header, bytes.size(), first).value());
  const std::size_t end = bytes.size();
  for (const Bytes& foreign : {encode_wal_frame(other, end, second).value(),
                               encode_wal_frame(header, end + 1, second).value()}) {
    Bytes joined = bytes;
    base::append(joined, foreign);
    const WalFile file = read_wal_file(joined, true).value();
    EXPECT_EQ(file.records, first);
    EXPECT_TRUE(file.is_torn);
    EXPECT_FALSE(read_wal_file(joined, false));
  }
}

}  // namespace
}  // namespace kith::rt
