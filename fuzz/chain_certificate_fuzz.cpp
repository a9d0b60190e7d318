// Certificates: arbitrary bytes are refused, or read and encode to the very same bytes. Names of
// entries as text likewise.
#include <cstdint>

#include "codec/chain_certificate.h"
#include "codec/chain_entry_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  if (const auto certificate = codec::decode_account_certificate(bytes)) {
    ASSERT(codec::encode_account_certificate(*certificate) == base::to_bytes(bytes));
    (void)codec::account_certificate_message(*certificate);
  }
  if (const auto name = codec::parse_entry_name(base::as_text(bytes))) {
    const auto again = codec::parse_entry_name(codec::to_text(*name));
    ASSERT(again.has_value() && *again == *name);
  }
  return 0;
}
