// CIDs from bytes and from text, and through them multibase and multihash.
#include "codec/cid.h"

#include "codec/multibase.h"

using namespace kith;

static void check(const codec::Cid& cid) {
  const auto decoded = codec::Cid::decode(cid.bytes());
  ASSERT(decoded.has_value() && *decoded == cid);
  const auto parsed = codec::Cid::parse(cid.to_string());
  ASSERT(parsed.has_value() && *parsed == cid);
  ASSERT(codec::decode_multihash(cid.multihash()).has_value());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const std::string_view text = base::as_text(bytes);
  const auto decoded = codec::Cid::decode(bytes);
  if (decoded) {
    ASSERT(base::equal(decoded->bytes(), bytes));
    check(*decoded);
  }
  const auto parsed = codec::Cid::parse(text);
  if (parsed) check(*parsed);
  const auto raw = codec::decode_multibase(text, 64);
  if (raw) {
    ASSERT(raw->size() <= 64);
    ASSERT(codec::encode_multibase(static_cast<codec::Multibase>(text[0]), *raw) == text);
  }
  return 0;
}
