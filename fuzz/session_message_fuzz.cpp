// The fields of a session's handshake messages from any bytes: within their limits, no more read
// than they have, and written again as they were. The first byte chooses which.
#include <algorithm>
#include <cstdint>
#include <iterator>

#include "codec/peer_id.h"
#include "codec/public_key.h"
#include "input.h"
#include "secure/session_message.h"

namespace {

using namespace kith;
using namespace kith::secure;

/// What was read from the front of `bytes`.
ByteView taken(ByteView bytes, const codec::Reader& from) { return bytes.first(from.offset()); }

void hello_start(ByteView bytes) {
  const auto start = decode_hello_start(bytes);
  if (!start) return;
  ASSERT(start->bytes <= bytes.size());
  const std::size_t ticket = start->pattern == NoisePattern::nn_psk0 ? ticket_bytes : 0;
  ASSERT(start->ticket.size() == ticket && start->bytes == 2 + ticket);
  const Bytes again = encode_hello_start(start->pattern, start->ticket);
  ASSERT(base::equal(again, bytes.first(start->bytes)));
}

void ciphers(ByteView bytes) {
  codec::Reader from(bytes);
  const auto list = decode_ciphers(from);
  if (!list) {
    ASSERT(bytes.empty() || bytes[0] == 0 || bytes[0] > session_ciphers_max ||
           bytes.size() < 1U + bytes[0]);
    return;
  }
  const ByteView read = taken(bytes, from);
  ASSERT(read.size() >= 2 && read.size() == 1U + read[0] && read[0] <= session_ciphers_max);
  ASSERT(list->size() < read.size());
  if (list->empty()) return;
  Bytes again;
  codec::Writer to(again);
  encode_ciphers(to, *list);
  // Unknown ones are passed over, and nothing else is.
  Bytes known(1, static_cast<std::uint8_t>(list->size()));
  std::ranges::copy_if(read.subspan(1), std::back_inserter(known),
                       [](std::uint8_t cipher) { return cipher == 1 || cipher == 2; });
  ASSERT(again == known);
}

void parameters(ByteView bytes) {
  codec::Reader from(bytes);
  const auto read = decode_parameters(from);
  if (!read) return;
  ASSERT(read->size() <= session_parameters_bytes_max);
  Bytes again;
  codec::Writer to(again);
  encode_parameters(to, *read);
  ASSERT(base::equal(again, taken(bytes, from)));
}

void identity(ByteView bytes) {
  codec::Reader from(bytes);
  const auto read = decode_identity(from);
  if (!read) return;
  ASSERT(read->key.data.size() <= crypto::public_key_bytes_max);
  ASSERT(read->signature.size() <= crypto::signature_bytes_max);
  ASSERT(read->peer == codec::peer_id_of(read->key));
  ASSERT(base::equal(encode_identity(read->key, read->signature), taken(bytes, from)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input{{data, size}};
  switch (input.byte() % 6) {
    case 0: hello_start(input.rest); break;
    case 1: ciphers(input.rest); break;
    case 2: parameters(input.rest); break;
    case 3: identity(input.rest); break;
    case 4: {  // a key and a signature that have their sizes
      const std::size_t of_key = input.byte();
      const crypto::PublicKey key{static_cast<crypto::KeyType>(input.byte() % 4),
                                  base::to_bytes(input.bytes(of_key))};
      identity(encode_identity(key, input.rest));
      break;
    }
    default:  // of every length that it may have, and of a few more
      Bytes sized;
      codec::Writer to(sized);
      to.u16(static_cast<std::uint16_t>(input.byte() * 256U + input.byte()));
      to.bytes(Bytes(input.byte() * 5U, input.byte()));
      parameters(sized);
  }
  return 0;
}
