#include "codec/recommendation.h"

#include <rapidcheck.h>

#include "codec/envelope.h"
#include "codec/golden_test_util.h"
#include "codec/peer_id.h"

namespace kith::codec {
namespace {

crypto::KeyPair key(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(number);
  return crypto::KeyPair::from_seed(seed);
}
PeerId peer(std::uint8_t number) { return peer_id_of(key(number).public_key()); }

Recommendation of(std::vector<Endorsement> endorsements) {
  sort_endorsements(endorsements);
  return {peer(1), 7, WallTime{1'700'000'000'000}, std::move(endorsements)};
}

TEST(Recommendation, GoldenVectors) {
  const std::vector<Recommendation> wanted = {
      of({}),
      of({{peer(2), 1}}),
      of({{peer(2), 65535}, {peer(3), 2}}),
      {peer(1), UINT64_MAX, WallTime{0}, {}},
      of({{peer(4), 3}}),
      of({{peer(2), 1}, {peer(3), 1}, {peer(4), 1}, {peer(5), 1}})};
  const auto lines = golden_lines("recommendation.txt");
  ASSERT_EQ(lines.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(base::to_hex(encode_recommendation_payload(wanted[i])), lines[i][0]);
    EXPECT_EQ(base::to_hex(seal_recommendation(key(1), wanted[i])), lines[i][1]);
    EXPECT_EQ(open_recommendation(unhex(lines[i][1])).value(), wanted[i]);
  }
}

TEST(Recommendation, ALieIsNotBelieved) {
  const Bytes good = seal_recommendation(key(1), of({{peer(2), 5}}));
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 1;
    EXPECT_FALSE(open_recommendation(bad)) << i;
  }
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_FALSE(open_recommendation(ByteView(good).first(cut))) << cut;
  }
  // Signed by the peer, but for another purpose.
  const Bytes record = seal_peer_record(key(1), {peer(1), 1, {}});
  EXPECT_EQ(open_recommendation(record).error().code, Code::unsupported);
  EXPECT_FALSE(peek_recommendation(record));
  const Bytes other_domain =
      seal_envelope(key(1), "other", base::as_bytes(recommendation_payload_type),
                    encode_recommendation_payload(of({})));
  EXPECT_EQ(open_recommendation(other_domain).error().code, Code::bad_signature);
  EXPECT_TRUE(peek_recommendation(other_domain));
}

TEST(Recommendation, NobodyEndorsesItself) {
  Recommendation own = of({{peer(1), 5}});
  own.recommender = peer(2);  // so that encoding does not mind
  const Bytes sealed =
      seal_envelope(key(1), recommendation_domain, base::as_bytes(recommendation_payload_type),
                    encode_recommendation_payload(own));
  EXPECT_EQ(open_recommendation(sealed).error().code, Code::malformed);
}

TEST(Recommendation, HasOneEncodingAndLimits) {
  Bytes payload = encode_recommendation_payload(of({{peer(2), 1}, {peer(3), 2}}));
  EXPECT_TRUE(decode_recommendation_payload(payload));
  const std::size_t entry = 1 + peer(2).bytes().size() + 2;
  Bytes swapped(payload.begin(), payload.begin() + 18);
  swapped.insert(swapped.end(), payload.begin() + 18 + static_cast<std::ptrdiff_t>(entry),
                 payload.end());
  swapped.insert(swapped.end(), payload.begin() + 18,
                 payload.begin() + 18 + static_cast<std::ptrdiff_t>(entry));
  EXPECT_EQ(decode_recommendation_payload(swapped).error().code, Code::malformed);
  Bytes twice(payload.begin(), payload.begin() + 18 + static_cast<std::ptrdiff_t>(entry));
  twice.insert(twice.end(), payload.begin() + 18,
               payload.begin() + 18 + static_cast<std::ptrdiff_t>(entry));
  EXPECT_EQ(decode_recommendation_payload(twice).error().code, Code::malformed);
  Bytes weightless = payload;
  weightless[weightless.size() - 1] = 0;
  EXPECT_EQ(decode_recommendation_payload(weightless).error().code, Code::malformed);
  Bytes longer = payload;
  longer.push_back(0);
  EXPECT_FALSE(decode_recommendation_payload(longer));
  Bytes many = payload;
  many[17] = endorsements_max + 1;
  EXPECT_EQ(decode_recommendation_payload(many).error().code, Code::too_large);
  Bytes later = payload;
  later[0] = 2;
  EXPECT_EQ(decode_recommendation_payload(later).error().code, Code::unsupported);
  Bytes never = payload;
  never[9] = 0x7f;  // the year 292 million
  EXPECT_EQ(decode_recommendation_payload(never).error().code, Code::malformed);
  EXPECT_EQ(open_recommendation(Bytes(recommendation_bytes_max + 1)).error().code, Code::too_large);
}

TEST(Recommendation, TheLargestFits) {
  std::vector<Endorsement> all;
  for (std::size_t i = 0; i < endorsements_max; ++i) {
    all.push_back({peer(static_cast<std::uint8_t>(2 + i)), 65535});
  }
  const Bytes sealed = seal_recommendation(key(1), of(all));
  EXPECT_LE(sealed.size(), recommendation_bytes_max);
  EXPECT_EQ(open_recommendation(sealed).value(), of(all));
}

TEST(Recommendation, AnyBytesDecodeToThemselvesOrNotAtAll) {
  EXPECT_TRUE(
      rc::check([](const std::vector<std::uint8_t>& noise, std::uint8_t at, std::uint8_t flip) {
        (void)open_recommendation(noise);
        Bytes payload = encode_recommendation_payload(of({{peer(2), 1}, {peer(3), 2}}));
        payload[at % payload.size()] ^= flip;
        const auto decoded = decode_recommendation_payload(payload);
        if (decoded) RC_ASSERT(encode_recommendation_payload(*decoded) == payload);
      }));
}

}  // namespace
}  // namespace kith::codec
