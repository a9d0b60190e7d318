// decode_identify on any bytes: within its limits, and what it reads can be written and read again.
#include <cstdint>

#include "codec/identify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const auto message = codec::decode_identify({data, size});
  if (!message) return 0;
  ASSERT(message->protocols.size() <= codec::identify_protocols_max);
  ASSERT(message->listen_addresses.size() <= codec::identify_addresses_max);
  const Bytes written = codec::encode_identify(*message);
  // Writing never takes more than reading, or what a peer sent could not be handed on.
  ASSERT(written.size() <= size);
  const auto again = codec::decode_identify(written);
  ASSERT(again && *again == *message);
  return 0;
}
