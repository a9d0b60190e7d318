#include "packet/session_stream.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"

namespace kith::packet {
namespace {

Bytes session_bytes(std::size_t size) {
  SeededRng rng(size);
  Bytes bytes(size);
  rng.fill(bytes);
  return bytes;
}

/// The frames of one packet, as bytes with their offsets.
struct SessionPacket {
  std::vector<FrameNote> notes;
  std::vector<std::pair<std::uint64_t, Bytes>> frames;
};
SessionPacket packet_of(SessionStream& stream, std::size_t room) {
  SessionPacket packet;
  Bytes payload(room);
  FrameWriter writer(payload);
  stream.fill(writer, packet.notes);
  const Header header{.type = PacketType::data, .flags = flag_sealed, .id = {}};
  FrameCursor cursor(header, 0, ByteView(payload).first(writer.size()));
  while (true) {
    const auto frame = cursor.next();
    EXPECT_TRUE(frame);
    if (!frame || *frame == nullptr) break;
    const auto& said = std::get<SessionFrame>(**frame);
    packet.frames.emplace_back(said.offset, base::to_bytes(said.data));
  }
  return packet;
}
void hear(SessionStream& stream, const SessionPacket& packet, Bytes& heard) {
  for (const auto& [offset, bytes] : packet.frames) {
    ASSERT_TRUE(stream.on_frame({offset, bytes}));
    base::append(heard, stream.take_arrived());
  }
}

TEST(SessionStream, TakesAsMuchAs64KiBAndHasRoomAgainWhenItIsAcknowledged) {
  SessionStream out;
  EXPECT_EQ(out.room(), SessionStream::bytes_max);
  out.write(session_bytes(SessionStream::bytes_max));
  EXPECT_EQ(out.room(), 0U);
  EXPECT_TRUE(out.has_pending());
  const SessionPacket packet = packet_of(out, 1'000);
  ASSERT_EQ(packet.notes.size(), 1U);
  out.on_acked(packet.notes[0]);
  EXPECT_EQ(out.room(), packet.notes[0].bytes);
}

TEST(SessionStream, BytesBeyond64KiBAreAFaultAndUpToThereAreNot) {
  SessionStream in;
  const Bytes one(1);
  EXPECT_TRUE(in.on_frame({SessionStream::bytes_max - 1, one}));
  EXPECT_FALSE(in.has_arrived());
  const auto beyond = in.on_frame({SessionStream::bytes_max, one});
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, Code::protocol);
}

TEST(SessionStream, WhatWasTakenMakesRoomForMore) {
  SessionStream in;
  const Bytes block = session_bytes(32 * 1024);
  for (std::uint64_t at = 0; at < 1'000'000; at += block.size()) {
    ASSERT_TRUE(in.on_frame({at, block}));
    ASSERT_TRUE(in.has_arrived());
    EXPECT_TRUE(base::equal(in.take_arrived(), block));
  }
}

TEST(SessionStream, MoreGapsThan64AreAFault) {
  SessionStream in;
  const Bytes one(1);
  bool has_failed = false;
  std::size_t taken = 0;
  for (std::uint64_t at = 1; at < 400 && !has_failed; at += 2) {
    has_failed = !in.on_frame({at, one});
    taken += has_failed ? 0 : 1;
  }
  EXPECT_TRUE(has_failed);
  EXPECT_EQ(taken, SessionStream::gaps_max);
}

TEST(SessionStream, BytesTwiceAndInPartsArriveOnce) {
  SessionStream in;
  const Bytes bytes = session_bytes(300);
  Bytes heard;
  const auto say = [&](std::size_t from, std::size_t to) {
    ASSERT_TRUE(in.on_frame({from, ByteView(bytes).subspan(from, to - from)}));
    base::append(heard, in.take_arrived());
  };
  say(100, 200);
  say(0, 50);
  say(0, 50);
  say(25, 150);
  say(0, 300);
  say(250, 300);
  EXPECT_TRUE(base::equal(heard, bytes));
}

TEST(SessionStream, WhateverIsLostRepeatedAndReorderedAllArrivesInOrder) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRng rng(seed);
    SessionStream out, in;
    Bytes said, heard;
    std::vector<SessionPacket> flying;
    for (int turn = 0; turn < 3'000; ++turn) {
      const std::uint64_t what = rng.below(10);
      if (what < 2 && said.size() < 300'000) {
        const Bytes more = session_bytes(
            static_cast<std::size_t>(rng.below(std::min<std::uint64_t>(out.room(), 4'000) + 1)));
        out.write(more);
        base::append(said, more);
      } else if (what < 5) {
        if (out.has_pending()) flying.push_back(packet_of(out, 20 + rng.below(1'400)));
      } else if (!flying.empty()) {
        const std::size_t index = static_cast<std::size_t>(rng.below(flying.size()));
        const SessionPacket packet = flying[index];
        flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(index));
        const bool is_lost = rng.below(4) == 0;
        if (!is_lost) hear(in, packet, heard);
        for (const FrameNote& note : packet.notes) {
          if (is_lost) {
            out.on_lost(note);
          } else {
            out.on_acked(note);
          }
        }
      }
      ASSERT_LE(heard.size(), said.size());
    }
    for (int turn = 0; turn < 2'000 && (!flying.empty() || out.has_pending()); ++turn) {
      if (out.has_pending()) flying.push_back(packet_of(out, 1'000));
      if (flying.empty()) continue;
      hear(in, flying.front(), heard);
      for (const FrameNote& note : flying.front().notes) out.on_acked(note);
      flying.erase(flying.begin());
    }
    EXPECT_TRUE(base::equal(heard, said)) << seed;
    EXPECT_TRUE(out.is_all_acknowledged()) << seed;
    EXPECT_EQ(out.room(), SessionStream::bytes_max) << seed;
  }
}

TEST(SessionStream, NoFrameIsWrittenWhereNoneFits) {
  SessionStream out;
  out.write(session_bytes(10));
  for (std::size_t room = 0; room <= 13; ++room) {
    EXPECT_TRUE(packet_of(out, room).frames.empty()) << room;
  }
  EXPECT_EQ(packet_of(out, 14).frames.size(), 1U);
}

}  // namespace
}  // namespace kith::packet
