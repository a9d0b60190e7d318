// For tests with a TestPair: bytes that go through a stream as its room allows.
#pragma once

#include <gtest/gtest.h>

#include "packet/test_pair.h"

namespace kith::packet {

/// Writes `bytes` to a fresh stream of `end` and finishes it.
inline StreamNumber test_send(TestEnd& end, const Bytes& bytes) {
  const auto opened = end.services().open_stream(importance_default);
  if (!opened) {
    ADD_FAILURE() << to_string(opened.error());
    return 0;
  }
  const StreamNumber stream = *opened;
  auto left = std::make_shared<Buffer>(ByteView(bytes));
  const auto write = [left, stream](TestEnd& to, std::size_t room) {
    const std::size_t size = std::min(room, left->size());
    if (size == 0) return;
    to.services().write(stream, left->slice(0, size));
    left->drop_front(size);
    if (left->empty()) to.services().finish(stream);
  };
  end.on_writable = [=](Instant, TestEnd& to, StreamNumber number, std::size_t room) {
    if (number == stream) write(to, room);
  };
  write(end, end.services().room(stream));
  return stream;
}

}  // namespace kith::packet
