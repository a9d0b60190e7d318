// Frames: cut into pieces anyhow, a stream gives the same frames and the same end as read at once.
// The first two bytes choose prefix, limit and pieces.
#include "codec/frame.h"

#include <algorithm>
#include <vector>

using namespace kith;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto prefix = (data[0] & 1) != 0 ? codec::FramePrefix::be32 : codec::FramePrefix::varint;
  const std::size_t body_bytes_max = data[0];
  const std::size_t piece_bytes = std::size_t{1} + data[1] % 32;
  const ByteView stream(data + 2, size - 2);

  std::vector<Bytes> at_once;
  bool at_once_failed = false;
  for (ByteView rest = stream;;) {
    const auto frame = codec::peek_frame(rest, prefix, body_bytes_max);
    at_once_failed = !frame;
    if (!frame || !*frame) break;
    at_once.push_back(base::to_bytes((*frame)->body));
    rest = rest.subspan((*frame)->size);
  }

  codec::FrameReader reader(prefix, body_bytes_max);
  std::size_t count = 0;
  for (ByteView rest = stream; !rest.empty();) {
    const Bytes piece = base::to_bytes(rest.first(std::min(piece_bytes, rest.size())));
    rest = rest.subspan(piece.size());
    ByteView input(piece);
    for (;;) {
      const auto body = reader.next(input);
      ASSERT(reader.buffered() <= body_bytes_max + codec::frame_prefix_bytes_max);
      if (!body) {
        ASSERT(at_once_failed && count == at_once.size());
        return 0;
      }
      if (!*body) break;
      ASSERT(count < at_once.size() && base::equal(**body, at_once[count]));
      ++count;
    }
    ASSERT(input.empty());
  }
  ASSERT(!at_once_failed && count == at_once.size());
  return 0;
}
