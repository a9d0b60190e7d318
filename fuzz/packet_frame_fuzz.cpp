// Payloads of sealed packets: whatever they are, they are frames within their rules, which written
// again are the same bytes, or a fault.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/assert.h"
#include "input.h"
#include "packet/frame.h"

namespace {

using namespace kith;
using namespace kith::packet;

void check(const Frame& frame, PacketNumber acked) {
  if (const auto* ack = std::get_if<AckFrame>(&frame)) {
    ASSERT(ack->count >= 1 && ack->count <= ack_ranges_max && ack->ranges[0].last == acked);
    for (std::size_t i = 0; i < ack->count; ++i) {
      ASSERT(ack->ranges[i].first <= ack->ranges[i].last);
      ASSERT(i == 0 || ack->ranges[i].last + 2 <= ack->ranges[i - 1].first);
    }
  } else if (const auto* stream = std::get_if<StreamFrame>(&frame)) {
    ASSERT(stream->stream != 0 && stream->offset + stream->data.size() < frame_number_end);
  } else if (const auto* message = std::get_if<MessageFrame>(&frame)) {
    ASSERT(message->total <= message_total_max && !message->data.empty());
    ASSERT(message->offset + message->data.size() <= message->total);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input{{data, size}};
  Header header;
  header.type = static_cast<PacketType>(1 + input.byte() % packet_types);
  header.flags = flag_sealed | input.byte();
  const PacketNumber acked = PacketNumber{input.byte()} << (input.byte() % 54);
  const ByteView payload = input.rest;
  Bytes again(payload.size());
  FrameWriter writer(again);
  FrameCursor cursor(header, acked, payload);
  while (true) {
    const ByteView before = cursor.rest();
    const auto frame = cursor.next();
    if (!frame) {
      ASSERT(frame.error().code == Code::protocol && cursor.rest().empty());
      return 0;
    }
    if (*frame == nullptr) break;
    ASSERT(cursor.rest().size() < before.size());
    check(**frame, acked);
    const auto* stream = std::get_if<StreamFrame>(*frame);
    if (stream != nullptr && (before[0] & 2) == 0) {
      // To the end of the payload; without bytes the writer would say the length.
      if (stream->data.empty()) return 0;
      const ByteSpan to =
          writer.begin_stream(stream->stream, stream->offset, stream->data.size(), stream->is_end);
      ASSERT(to.size() == stream->data.size());
      std::memcpy(to.data(), stream->data.data(), to.size());
    } else {
      ASSERT(writer.write(**frame));
    }
    ASSERT(writer.fits(header.type));
  }
  ASSERT(writer.size() == payload.size() && base::equal(again, payload));
  return 0;
}
