// Headers, justifications and blocks: what decodes encodes to the same bytes, and a block is what
// its header commits to. As random bytes never fit the two hashes of a header, a header is also
// made to fit the bytes.
#include <cstdint>

#include "codec/chain_block.h"
#include "codec/reader.h"
#include "codec/writer.h"
#include "input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  using namespace kith::codec;
  const ByteView bytes{data, size};
  if (const auto header = decode_header(bytes)) ASSERT(base::equal(encode(*header), bytes));
  if (const auto justification = decode_justification(bytes)) {
    ASSERT(justification->nullified.size() <= nullified_max);
    ASSERT(base::equal(encode(*justification), bytes));
    (void)check_form(*justification, {1}, {5}, {2}, Hash{});
  }
  fuzz::Input input{bytes};
  BlockHeader header;
  header.height = {input.byte()};
  header.view = {input.byte()};
  const ByteView body = input.bytes(input.byte());
  header.body_hash = body_hash(body);
  header.justification_root = tagged_hash("kith/justification/1", {input.rest});
  Bytes whole = encode(header);
  Writer writer(whole);
  writer.sized(body);
  writer.sized(input.rest);
  Reader reader(whole);
  const auto block = decode_block(reader);
  ASSERT(block.has_value() == decode_justification(input.rest).has_value());
  if (block) {
    Bytes again;
    Writer to(again);
    encode(to, **block);
    ASSERT(reader.at_end() && again == whole);
    ASSERT((*block)->digest() == digest_of(header));
  }
  Reader plain(bytes);
  if (const auto any = decode_block(plain)) {
    Bytes again;
    Writer to(again);
    encode(to, **any);
    ASSERT(base::equal(again, bytes.first(plain.offset())));
  }
  return 0;
}
