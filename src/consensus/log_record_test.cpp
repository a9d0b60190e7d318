#include "consensus/log_record.h"

#include <rapidcheck.h>

#include "codec/test_votes.h"

namespace kith::consensus {
namespace {

/// The log's payloads are the messages of tests/golden/chain_message.txt, behind a kind of its own.
TEST(LogRecord, GoldenVectors) {
  std::size_t count = 0;
  for (const codec::GoldenLine& line : codec::golden_lines("chain_message.txt")) {
    const Bytes message = codec::unhex(line[1]);
    const bool is_proposal = line[0] == "proposal" || line[0] == "anew";
    Bytes bytes;
    if (is_proposal) {
      bytes.push_back(4);
      base::append(bytes, message);
    } else if (line[0] == "vote" || line[0] == "certificate" || line[0] == "block") {
      bytes = message;
      bytes[0] = line[0] == "vote" ? 1 : line[0] == "certificate" ? 2 : 3;
    } else {
      continue;
    }
    SCOPED_TRACE(line[0]);
    const LogRecord record = decode_log_record(bytes).value();
    EXPECT_EQ(record.index(), bytes[0] - 1u);
    EXPECT_EQ(encode(record), bytes);
    ++count;
  }
  EXPECT_EQ(count, 10u);
}

TEST(LogRecord, AStaleLogIsARecordOfItsEpoch) {
  const Bytes bytes = codec::unhex("050000000000000102");
  const LogRecord record = decode_log_record(bytes).value();
  EXPECT_EQ(std::get<StaleLog>(record).epoch.value, 0x102u);
  EXPECT_EQ(encode(record), bytes);
}

TEST(LogRecord, RefusesWhatIsNoRecord) {
  EXPECT_EQ(decode_log_record({}).error().code, Code::truncated);
  EXPECT_EQ(decode_log_record(Bytes{0, 1, 2}).error().code, Code::malformed);
  EXPECT_EQ(decode_log_record(Bytes{6, 1, 2}).error().code, Code::malformed);
  EXPECT_EQ(decode_log_record(Bytes{5, 1, 2}).error().code, Code::truncated);
  const codec::TestValidators four(4);
  const codec::Vote vote = four.vote(1, codec::nullify({0}, 1));
  const Bytes good = encode(LogRecord(OwnVote{vote}));
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(decode_log_record(ByteView(good).first(cut)).error().code, Code::truncated) << cut;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(decode_log_record(longer).error().code, Code::malformed);
  // A proposal that is another message.
  Bytes other{4};
  base::append(other, codec::encode(codec::ConsensusMessage(vote)));
  EXPECT_EQ(decode_log_record(other).error().code, Code::malformed);
}

TEST(LogRecord, AnyBytesDecodeToThemselvesOrNotAtAll) {
  const codec::TestValidators four(4);
  const Bytes good =
      encode(LogRecord(HeldCertificate{four.certificate(codec::nullify({0}, 1), {0, 1, 2})}));
  EXPECT_TRUE(
      rc::check([&](std::uint16_t at, std::uint8_t flip, const std::vector<std::uint8_t>& noise) {
        Bytes bytes = good;
        bytes[at % bytes.size()] ^= flip;
        if (const auto record = decode_log_record(bytes)) RC_ASSERT(encode(*record) == bytes);
        if (const auto record = decode_log_record(noise)) RC_ASSERT(encode(*record) == noise);
      }));
}

}  // namespace
}  // namespace kith::consensus
