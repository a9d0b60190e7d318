// What /kith/file/1.0.0 says: arbitrary bytes are refused, wait for more or are read, and what is
// read is within its limits and encodes to the very bytes it was read from. The first byte says
// which of the three it is.
#include <cstdint>

#include "codec/file_offer.h"
#include "input.h"

namespace {

using namespace kith;

template <class T, class Encode>
void check_part(const Result<std::optional<codec::FilePart<T>>>& peeked, ByteView bytes,
                Encode encode) {
  if (!peeked || !*peeked) return;
  const auto& [value, size] = **peeked;
  ASSERT(size <= bytes.size());
  ASSERT(base::equal(encode(value), bytes.first(size)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input{{data, size}};
  const std::uint8_t what = input.byte() % 3;
  const ByteView bytes = input.rest;
  if (what == 0) {
    const auto offer = codec::peek_file_offer(bytes);
    if (offer && *offer) {
      ASSERT((*offer)->value.size <= codec::file_size_max);
      ASSERT(codec::check_file_name((*offer)->value.name).has_value());
    }
    check_part(offer, bytes, codec::encode_file_offer);
    // What waits for more is never longer than an offer may be.
    if (offer && !*offer) ASSERT(bytes.size() < codec::file_offer_bytes_max + 9);
  } else if (what == 1) {
    check_part(codec::peek_file_answer(bytes), bytes, codec::encode_file_answer);
  } else {
    check_part(codec::peek_file_verdict(bytes), bytes, codec::encode_file_verdict);
  }
  return 0;
}
