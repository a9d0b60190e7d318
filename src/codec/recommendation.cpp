#include "codec/recommendation.h"

#include <algorithm>

#include "base/format.h"
#include "codec/envelope.h"
#include "codec/peer_id.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t payload_version = 1;
/// Dates beyond are nonsense, and would not survive arithmetic (A103).
constexpr std::uint64_t issued_ms_max = 1ull << 53;

bool is_before(const Endorsement& a, const Endorsement& b) {
  return std::ranges::lexicographical_compare(a.peer.bytes(), b.peer.bytes());
}

bool is_canonical(const Recommendation& recommendation) {
  const auto& list = recommendation.endorsements;
  const auto out_of_order = std::ranges::adjacent_find(
      list, [](const Endorsement& a, const Endorsement& b) { return !is_before(a, b); });
  return out_of_order == list.end() && list.size() <= endorsements_max &&
         std::ranges::all_of(list, [&](const Endorsement& endorsement) {
           return endorsement.weight > 0 && !endorsement.peer.empty() &&
                  endorsement.peer != recommendation.recommender;
         });
}

Result<Recommendation> recommendation_of(const Envelope& envelope) {
  Recommendation recommendation = TRY(decode_recommendation_payload(envelope.payload));
  recommendation.recommender = peer_id_of(envelope.key);
  for (const Endorsement& endorsement : recommendation.endorsements) {
    if (endorsement.peer == recommendation.recommender) {
      return fail(Code::malformed, base::format("recommendation in which {} endorses itself",
                                                to_text(endorsement.peer)));
    }
  }
  return recommendation;
}

Result<void> check_size(ByteView envelope) {
  if (envelope.size() <= recommendation_bytes_max) return {};
  return fail(Code::too_large, base::format("recommendation of {} bytes, limit {}", envelope.size(),
                                            recommendation_bytes_max));
}

}  // namespace

void sort_endorsements(std::vector<Endorsement>& endorsements) {
  std::ranges::sort(endorsements, is_before);
}

Bytes encode_recommendation_payload(const Recommendation& recommendation) {
  ASSERT(is_canonical(recommendation));
  ASSERT(recommendation.issued.unix_ms >= 0);
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(payload_version);
  writer.u64(recommendation.sequence);
  writer.u64(static_cast<std::uint64_t>(recommendation.issued.unix_ms));
  writer.u8(static_cast<std::uint8_t>(recommendation.endorsements.size()));
  for (const auto& [peer, weight] : recommendation.endorsements) {
    writer.u8(static_cast<std::uint8_t>(peer.bytes().size()));
    writer.bytes(peer.bytes());
    writer.u16(weight);
  }
  return bytes;
}

Result<Recommendation> decode_recommendation_payload(ByteView payload) {
  Reader reader(payload);
  const std::uint8_t version = TRY(reader.u8());
  if (version != payload_version) {
    return fail(Code::unsupported, base::format("recommendation of version {}", version));
  }
  Recommendation recommendation;
  recommendation.sequence = TRY(reader.u64());
  const std::uint64_t issued = TRY(reader.u64());
  if (issued > issued_ms_max) {
    return fail(Code::malformed, base::format("recommendation issued at {} ms", issued));
  }
  recommendation.issued.unix_ms = static_cast<std::int64_t>(issued);
  const std::size_t count = TRY(reader.u8());
  if (count > endorsements_max) {
    return fail(Code::too_large,
                base::format("recommendation of {} peers, limit {}", count, endorsements_max));
  }
  recommendation.endorsements.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size = TRY(reader.u8());
    const ByteView id = TRY(reader.bytes(size));
    const PeerId peer = TRY(peer_id_from_bytes(id));
    recommendation.endorsements.push_back({peer, TRY(reader.u16())});
  }
  TRY_VOID(reader.finish());
  if (!is_canonical(recommendation)) {
    return fail(Code::malformed, "recommendation out of order, of one peer twice, or of weight 0");
  }
  return recommendation;
}

Bytes seal_recommendation(const crypto::KeyPair& key, const Recommendation& recommendation) {
  ASSERT(recommendation.recommender == peer_id_of(key.public_key()));
  return seal_envelope(key, recommendation_domain, base::as_bytes(recommendation_payload_type),
                       encode_recommendation_payload(recommendation));
}

Result<Recommendation> open_recommendation(ByteView envelope) {
  TRY_VOID(check_size(envelope));
  const Envelope opened = TRY(
      open_envelope(recommendation_domain, base::as_bytes(recommendation_payload_type), envelope));
  return recommendation_of(opened);
}

Result<Recommendation> peek_recommendation(ByteView envelope) {
  TRY_VOID(check_size(envelope));
  const Envelope decoded = TRY(decode_envelope(envelope));
  if (!base::equal(decoded.payload_type, base::as_bytes(recommendation_payload_type))) {
    return fail(Code::unsupported, "envelope of another payload type than a recommendation's");
  }
  return recommendation_of(decoded);
}

}  // namespace kith::codec
