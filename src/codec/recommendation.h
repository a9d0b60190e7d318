// A peer's signed word for others: "these have served me well", with a weight each. It rides in a
// libp2p envelope (codec/envelope.h) under a domain of its own and is only good from the mouth of
// whoever signed it. What it is worth is the reader's business (peer/trust.h): weights divide a
// budget that the recommender has earned with the reader, so they are shares and not amounts.
//
// There is no negative recommendation. Grammar and an example: docs/protocol/recommendation.md.
// Payload, big-endian, one encoding a value: 01, sequence u64, issued u64 (Unix ms), count u8, then
// for each peer, in the order of their bytes and none twice: length u8, peer id, weight u16 > 0.
// Limits: 64 endorsements, checked before allocating.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "crypto/key.h"

namespace kith::codec {

inline constexpr std::size_t endorsements_max = 64;

struct Endorsement {
  PeerId peer;
  std::uint16_t weight = 0;  // above 0; relative to the others of the recommendation
  friend bool operator==(const Endorsement&, const Endorsement&) = default;
};

struct Recommendation {
  PeerId recommender;          // the signer; not in the payload
  std::uint64_t sequence = 0;  // of two of one recommender the higher holds
  WallTime issued;
  std::vector<Endorsement> endorsements;  // by peer, ascending; none of the recommender itself
  friend bool operator==(const Recommendation&, const Recommendation&) = default;
};

/// Puts them into the order of the encoding.
void sort_endorsements(std::vector<Endorsement>& endorsements);

inline constexpr std::string_view recommendation_domain = "kith-recommendation";
inline constexpr std::string_view recommendation_payload_type = "/kith/recommendation/1";
/// Envelope, RSA key and signature, and 64 endorsements of the longest ids.
inline constexpr std::size_t recommendation_bytes_max = 6 * 1024;

/// `recommender` is the id of `key`, and the endorsements are as stated above: ASSERTed.
Bytes seal_recommendation(const crypto::KeyPair& key, const Recommendation& recommendation);
/// Decodes and verifies; the recommender is whoever signed.
Result<Recommendation> open_recommendation(ByteView envelope);
/// The same without verifying the signature: who claims it, and whether it is news and worth that
/// cost. Not to be believed.
Result<Recommendation> peek_recommendation(ByteView envelope);

/// The payload alone, for tests and the two above.
Bytes encode_recommendation_payload(const Recommendation& recommendation);
Result<Recommendation> decode_recommendation_payload(ByteView payload);

}  // namespace kith::codec
