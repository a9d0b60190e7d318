// Signed envelopes of any bytes, and peer records of any payload under a good signature, which
// random bytes would never have.
#include <cstdint>

#include "codec/envelope.h"
#include "codec/peer_id.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  static const crypto::KeyPair key =
      crypto::KeyPair::from_seed(std::array<std::uint8_t, 32>{1, 2, 3});
  const ByteView bytes(data, size);

  if (const auto envelope = codec::decode_envelope(bytes)) {
    ASSERT(size <= codec::envelope_bytes_max && !envelope->signature.empty());
  }
  (void)codec::open_peer_record(bytes);

  const Bytes sealed =
      codec::seal_envelope(key, codec::peer_record_domain, codec::peer_record_payload_type, bytes);
  const auto record = codec::open_peer_record(sealed);
  if (!record) return 0;
  ASSERT(record->peer == codec::peer_id_of(key.public_key()));
  ASSERT(record->addresses.size() <= codec::peer_record_addresses_max);
  const auto again = codec::open_peer_record(codec::seal_peer_record(key, *record));
  ASSERT(again && *again == *record);
  return 0;
}
