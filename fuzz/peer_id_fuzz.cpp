// Peer ids from text and from bytes: every accepted one is written and read again.
#include "codec/peer_id.h"

using namespace kith;

static void check(const PeerId& id) {
  const auto from_text = codec::peer_id_from_text(codec::to_text(id));
  ASSERT(from_text.has_value() && *from_text == id);
  const auto key = codec::key_inside(id);
  if (key) ASSERT(codec::peer_id_of(*key) == id);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const auto from_bytes = codec::peer_id_from_bytes(bytes);
  if (from_bytes) {
    ASSERT(base::equal(from_bytes->bytes(), bytes));
    check(*from_bytes);
  }
  const auto from_text = codec::peer_id_from_text(base::as_text(bytes));
  if (from_text) check(*from_text);
  return 0;
}
