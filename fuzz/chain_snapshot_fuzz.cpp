// Pieces of snapshots: what decodes encodes to the same bytes, and no part is taken for what a root
// that has nothing to do with it commits to.
#include <cstdint>

#include "codec/chain_snapshot.h"
#include "input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  using namespace kith::codec;
  fuzz::Input input{ByteView{data, size}};
  const std::uint8_t kind = input.byte();
  const std::uint64_t outputs = std::uint64_t{input.byte()} * input.byte() * 4;
  const ByteView bytes = input.rest;
  if (kind % 5 == 0) {
    if (const auto part = decode_part(bytes, outputs)) {
      ASSERT(base::equal(encode(*part), bytes));
      ASSERT(!check(*part, outputs, Hash{}));
    }
  } else if (kind % 5 == 1) {
    if (const auto manifest = decode_manifest(bytes)) {
      ASSERT(base::equal(encode(*manifest), bytes));
      (void)check(*manifest);
    }
  } else if (kind % 5 == 2) {
    if (const auto end = decode_epoch_end(bytes)) ASSERT(base::equal(encode(*end), bytes));
  } else if (kind % 5 == 3) {
    if (const auto request = decode_snapshot_request(bytes)) {
      ASSERT(base::equal(encode(*request), bytes));
    }
  } else if (const auto heights = decode_snapshots(bytes)) {
    ASSERT(base::equal(encode_snapshots(*heights), bytes));
  }
  return 0;
}
