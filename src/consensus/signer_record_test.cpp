#include "consensus/signer_record.h"

#include <rapidcheck.h>

#include <map>
#include <numeric>

#include "codec/golden_test_util.h"
#include "codec/test_votes.h"

namespace kith::consensus {
namespace {

std::map<std::string, SignerRecord> records() {
  codec::Hash digest;
  std::iota(digest.begin(), digest.end(), std::uint8_t{0});
  crypto::Signature signature;
  std::iota(signature.begin(), signature.end(), std::uint8_t{0});
  return {
      {"begun", LogBegun{}},
      {"lost", LogLost{}},
      {"signs_for", SignsFor{digest}},
      {"silent", SilentThrough{{0x102}}},
      {"final", FinalKnown{{9}, {11}}},
      {"said_notarize", codec::SaidVote{codec::notarize({9}, 12, 10, digest), signature}},
      {"said_nullify", codec::SaidVote{codec::nullify({9}, 12), signature}},
      {"said_finalize", codec::SaidVote{codec::finalize({9}, 12, 10, digest), signature}},
      {"verdict", VerdictGiven{80, digest}},
  };
}

TEST(SignerRecord, GoldenVectors) {
  const auto known = records();
  std::size_t seen = 0;
  for (const codec::GoldenLine& line : codec::golden_lines("signer_record.txt")) {
    SCOPED_TRACE(line[0]);
    ++seen;
    EXPECT_EQ(base::to_hex(encode(known.at(line[0]))), line[1]);
    EXPECT_EQ(decode_signer_record(codec::unhex(line[1])).value(), known.at(line[0]));
  }
  EXPECT_EQ(seen, known.size());
}

TEST(SignerRecord, RefusesWhatIsNone) {
  for (const auto& [name, record] : records()) {
    SCOPED_TRACE(name);
    Bytes bytes = encode(record);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_signer_record(ByteView(bytes).first(size)));
    }
    bytes.push_back(0);
    EXPECT_FALSE(decode_signer_record(bytes));
  }
  EXPECT_EQ(decode_signer_record(Bytes{8}).error().code, Code::malformed);
}

TEST(SignerRecord, BytesDecodeToWhatEncodesToThem) {
  rc::check("known records with bytes changed", [] {
    std::vector<Bytes> known;
    for (const auto& [name, record] : records()) known.push_back(encode(record));
    Bytes bytes = known[*rc::gen::inRange<std::size_t>(0, known.size())];
    const auto changes = *rc::gen::inRange<std::size_t>(0, 4);
    for (std::size_t i = 0; i < changes; ++i) {
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<std::uint8_t>();
    }
    if (const auto record = decode_signer_record(bytes)) RC_ASSERT(encode(*record) == bytes);
  });
}

}  // namespace
}  // namespace kith::consensus
