#include "packet/frame.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/format.h"
#include "base/machine.h"

namespace kith::packet {
namespace {

constexpr PacketType frame_types[packet_types] = {
    PacketType::data,     PacketType::ack,        PacketType::syn,          PacketType::syn_ack,
    PacketType::fin,      PacketType::fin_ack,    PacketType::ping,         PacketType::pong,
    PacketType::fragment, PacketType::retransmit, PacketType::flow_control, PacketType::error};

Header frame_header(PacketType type, bool has_ack = true) {
  Header header;
  header.type = type;
  header.flags = has_ack ? flag_sealed | flag_ack : flag_sealed;
  return header;
}

std::string frame_lower(std::string_view text) {
  std::string all;
  for (const char c : text) all += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return all;
}

std::string frame_hex(ByteView bytes) { return bytes.empty() ? "-" : base::to_hex(bytes); }

std::string frame_text(const AckFrame& f) {
  std::string ranges;
  for (std::size_t i = 0; i < f.count; ++i) {
    ranges += base::format("{}{}-{}", i == 0 ? "" : ",", f.ranges[i].first, f.ranges[i].last);
  }
  std::string text = base::format("ack:{}:{}", f.delay / 1us, ranges);
  if (f.has_ecn) text += base::format(":{}:{}:{}", f.ect0, f.ect1, f.congested);
  return text;
}

std::string frame_text(const CreditFrame& f) {
  switch (f.kind) {
    case CreditKind::stream: return base::format("stream_credit:{}:{}", f.stream, f.limit);
    case CreditKind::streams: return base::format("streams_credit:{}", f.limit);
    case CreditKind::messages: return base::format("messages_credit:{}", f.limit);
  }
  UNREACHABLE();
}

/// As tests/golden/packet_frames.txt has it.
std::string frame_text(const Frame& frame) {
  using base::format;
  return std::visit(
      Overload{
          [](const PaddingFrame&) -> std::string { return "padding"; },
          [](const AckFrame& f) { return frame_text(f); },
          [](const StreamFrame& f) {
            return format("stream:{}:{}:{}:{}", f.stream, f.offset, f.is_end ? "end" : "more",
                          frame_hex(f.data));
          },
          [](const ResetStreamFrame& f) {
            return format("reset_stream:{}:{}:{}", f.stream, f.code, f.final_size);
          },
          [](const StopSendingFrame& f) { return format("stop_sending:{}:{}", f.stream, f.code); },
          [](const MessageFrame& f) {
            return format("message:{}:{}:{}:{}:{}", f.number, f.total, f.offset,
                          f.is_compressed ? "zstd" : "plain", frame_hex(f.data));
          },
          [](const MessageGoneFrame& f) { return format("message_gone:{}:{}", f.number, f.total); },
          [](const DatagramFrame& f) { return format("datagram:{}", frame_hex(f.data)); },
          [](const CreditFrame& f) { return frame_text(f); },
          [](const BlockedFrame& f) {
            return format("blocked:{}:{}:{}", static_cast<int>(f.kind), f.stream, f.limit);
          },
          [](const SessionFrame& f) {
            return format("session:{}:{}", f.offset, frame_hex(f.data));
          },
          [](const NewIdFrame& f) {
            return format("new_id:{}:{}:{}", f.sequence, f.id.value, frame_hex(f.token));
          },
          [](const RetireIdFrame& f) { return format("retire_id:{}", f.sequence); },
          [](const PingFrame& f) {
            return format("{}:{}", f.is_answer ? "pong" : "ping", frame_hex(f.data));
          },
          [](const FinFrame&) -> std::string { return "fin"; },
          [](const CloseFrame& f) { return format("close:{}:{}", f.code, frame_hex(f.reason)); }},
      frame);
}

/// All frames as text, "protocol", or "-" for none; and `again`: what FrameWriter makes of them. (A
/// STREAM of no bytes it writes with its length, the only frame that it writes in one of two ways.)
std::string decode_frames(const Header& header, PacketNumber acked, ByteView payload,
                          Bytes& again) {
  FrameCursor cursor(header, acked, payload);
  again.assign(payload.size(), 0xee);
  FrameWriter writer(again);
  std::string all;
  while (true) {
    const std::size_t at = payload.size() - cursor.rest().size();
    const auto frame = cursor.next();
    if (!frame) {
      EXPECT_EQ(frame.error().code, Code::protocol);
      EXPECT_FALSE(frame.error().message.empty());
      EXPECT_TRUE(cursor.rest().empty());
      return "protocol";
    }
    if (*frame == nullptr) break;
    all += (all.empty() ? "" : "|") + frame_text(**frame);
    const auto* stream = std::get_if<StreamFrame>(*frame);
    if (stream != nullptr && stream->data.empty() && (payload[at] & 2) == 0) {
      again = base::to_bytes(payload);
      return all;
    }
    if (stream != nullptr && (payload[at] & 2) == 0) {  // without its length
      const ByteSpan to =
          writer.begin_stream(stream->stream, stream->offset, stream->data.size(), stream->is_end);
      EXPECT_EQ(to.size(), stream->data.size());
      std::ranges::copy(stream->data, to.begin());
    } else {
      EXPECT_TRUE(writer.write(**frame));
    }
    EXPECT_TRUE(writer.fits(header.type));
  }
  EXPECT_EQ(writer.size(), payload.size());
  return all.empty() ? "-" : all;
}

struct FrameGolden {
  std::string name, frames;
  PacketType type = PacketType::data;
  std::optional<PacketNumber> ack;
  Bytes payload;
};

// name, packet type, ack, frames, payload
std::vector<FrameGolden> frame_golden() {
  std::ifstream in(std::string(KITH_SOURCE_DIR) + "/tests/golden/packet_frames.txt");
  EXPECT_TRUE(in.good());
  std::vector<FrameGolden> all;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    FrameGolden one;
    std::string type, ack, payload;
    words >> one.name >> type >> ack >> one.frames >> payload;
    for (const PacketType known : frame_types) {
      if (frame_lower(name_of(known)) == type) one.type = known;
    }
    if (ack != "-") one.ack = std::stoull(ack);
    one.payload = base::from_hex(payload).value();
    all.push_back(one);
  }
  return all;
}

TEST(PacketFrame, GoldenVectors) {
  std::size_t good = 0, bad = 0;
  for (const FrameGolden& one : frame_golden()) {
    SCOPED_TRACE(one.name);
    Bytes again;
    const Header header = frame_header(one.type, one.ack.has_value());
    EXPECT_EQ(decode_frames(header, one.ack.value_or(0), one.payload, again), one.frames);
    if (one.frames == "protocol") {
      ++bad;
    } else {
      ++good;
      EXPECT_EQ(base::to_hex(again), base::to_hex(one.payload));
    }
  }
  EXPECT_GE(good, 30U);
  EXPECT_GE(bad, 30U);
}

TEST(PacketFrame, ACutFrameIsAFaultOrEndsTheStreamsBytesEarlier) {
  for (const FrameGolden& one : frame_golden()) {
    if (one.frames == "protocol" || one.frames.find('|') != std::string::npos) continue;
    SCOPED_TRACE(one.name);
    const bool is_open = one.name.ends_with("to_the_end") || one.name == "padding";
    for (std::size_t size = 1; size < one.payload.size(); ++size) {
      Bytes again;
      const std::string got = decode_frames(frame_header(one.type), one.ack.value_or(0),
                                            ByteView(one.payload).first(size), again);
      if (!is_open) EXPECT_EQ(got, "protocol") << size;
    }
  }
}

TEST(PacketFrame, EachTypeHasItsFramesAndNoOther) {
  // By hand: columns are data, ack, syn, syn_ack, fin, fin_ack, ping, pong, fragment, retransmit,
  // flow_control, error.
  const std::pair<Frame, std::string> rows[] = {
      {PaddingFrame{}, "11..1111.111"},
      {AckFrame{.ranges = {{{1, 5}}}, .count = 1}, "11..1111.111"},
      {StreamFrame{1, 0, {}, true}, "1........1.."},
      {ResetStreamFrame{1, 2, 3}, "1........1.."},
      {StopSendingFrame{1, 2}, "1........1.."},
      {MessageGoneFrame{1, 2}, "1........1.."},
      {DatagramFrame{}, "1........1.."},
      {CreditFrame{CreditKind::stream, 1, 2}, "11.......11."},
      {CreditFrame{CreditKind::streams, 0, 2}, "11.......11."},
      {CreditFrame{CreditKind::messages, 0, 2}, "11.......11."},
      {BlockedFrame{BlockedKind::streams, 0, 2}, "11.......11."},
      {NewIdFrame{1, {2}, {}}, "1........1.."},
      {RetireIdFrame{1}, "1........1.."},
      {PingFrame{{}, false}, "1.....1..1.."},
      {PingFrame{{}, true}, "1.....11.1.."},
      {FinFrame{}, "....11......"},
      {CloseFrame{1, {}}, "...........1"}};
  for (const auto& [frame, columns] : rows) {
    SCOPED_TRACE(frame_text(frame));
    Bytes room(100);
    FrameWriter writer(room);
    ASSERT_TRUE(writer.write(frame));
    for (std::size_t i = 0; i < packet_types; ++i) {
      Bytes again;
      const std::string got = decode_frames(frame_header(frame_types[i]), 5,
                                            ByteView(room).first(writer.size()), again);
      EXPECT_EQ(got != "protocol", columns[i] == '1') << name_of(frame_types[i]);
      EXPECT_EQ(writer.fits(frame_types[i]), columns[i] == '1') << name_of(frame_types[i]);
    }
  }
}

TEST(PacketFrame, TheCursorLeavesTheRest) {
  Bytes room(100);
  FrameWriter writer(room);
  ASSERT_TRUE(writer.write(StopSendingFrame{7, 9}));
  ASSERT_TRUE(writer.write(RetireIdFrame{3}));
  FrameCursor cursor(frame_header(PacketType::data), 0, ByteView(room).first(writer.size()));
  const auto first = cursor.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(frame_text(**first), "stop_sending:7:9");
  EXPECT_FALSE(cursor.rest().empty());
  const auto second = cursor.next();
  ASSERT_TRUE(second);
  EXPECT_EQ(frame_text(**second), "retire_id:3");
  EXPECT_TRUE(cursor.rest().empty());
}

TEST(PacketFrame, AFrameThatDoesNotFitIsNotWrittenInPart) {
  for (const FrameGolden& one : frame_golden()) {
    if (one.frames == "protocol") continue;
    SCOPED_TRACE(one.name);
    FrameCursor cursor(frame_header(one.type, one.ack.has_value()), one.ack.value_or(0),
                       one.payload);
    const Frame frame = **cursor.next();
    if (std::holds_alternative<PaddingFrame>(frame)) continue;  // any room will do
    Bytes room(600, 0xee);
    FrameWriter whole(room);
    ASSERT_TRUE(whole.write(frame));
    const std::size_t size = whole.size();
    for (std::size_t less = 0; less < size; ++less) {
      Bytes small(600, 0xee);
      FrameWriter writer(ByteSpan(small).first(less));
      const auto* message = std::get_if<MessageFrame>(&frame);
      EXPECT_FALSE(writer.write(frame));
      EXPECT_EQ(writer.size(), 0U);
      EXPECT_TRUE(writer.fits(PacketType::error));
      // A part of a message was tried for, in the room that is the writer's.
      if (message == nullptr) EXPECT_EQ(small, Bytes(600, 0xee));
      EXPECT_EQ(ByteView(small).subspan(less).front(), 0xee);
    }
    FrameWriter exact(ByteSpan(room).first(size));
    EXPECT_TRUE(exact.write(frame));
  }
}

TEST(PacketFrame, BytesOfAStreamFillTheRoomAndSayWhereTheyEnd) {
  rc::check([] {
    const auto stream = *rc::gen::inRange<StreamNumber>(1, 1U << 20);
    const auto offset = *rc::gen::inRange<std::uint64_t>(0, frame_number_end / 2);
    const auto wanted = *rc::gen::inRange<std::size_t>(1, 400);
    const auto room_bytes = *rc::gen::inRange<std::size_t>(0, 300);
    Bytes room(room_bytes, 0);
    FrameWriter writer(room);
    const ByteSpan to = writer.begin_stream(stream, offset, wanted, true);
    RC_ASSERT(to.size() <= wanted);
    if (to.empty()) {
      RC_ASSERT(writer.size() == 0U);
      RC_ASSERT(room_bytes < 20U);
      return;
    }
    std::ranges::fill(to, 0x5a);
    const ByteView payload = ByteView(room).first(writer.size());
    FrameCursor cursor(frame_header(PacketType::data), 0, payload);
    const auto frame = cursor.next();
    RC_ASSERT(frame.has_value());
    const auto& read = std::get<StreamFrame>(**frame);
    RC_ASSERT(read.stream == stream && read.offset == offset);
    RC_ASSERT(base::equal(read.data, to));
    RC_ASSERT(read.is_end == (to.size() == wanted));
    RC_ASSERT(cursor.rest().empty());
    // What was not taken did not fit: at most two bytes are left, for want of a longer length.
    if (to.size() < wanted) RC_ASSERT(writer.room() <= 2U);
  });
}

TEST(PacketFrame, AMessageIsWholeWhereItFitsAndElseAPart) {
  rc::check([] {
    const auto total = *rc::gen::inRange<std::uint64_t>(1, 300);
    const auto offset = *rc::gen::inRange<std::uint64_t>(0, total);
    const auto room_bytes = *rc::gen::inRange<std::size_t>(0, 300);
    Bytes room(room_bytes, 0);
    FrameWriter writer(room);
    const ByteSpan to =
        writer.begin_message(77, total, offset, static_cast<std::size_t>(total - offset), true);
    if (to.empty()) {
      RC_ASSERT(writer.size() == 0U && room_bytes < 10U);
      return;
    }
    FrameCursor cursor(frame_header(PacketType::data), 0, ByteView(room).first(writer.size()));
    const auto frame = cursor.next();
    RC_ASSERT(frame.has_value());
    const auto& read = std::get<MessageFrame>(**frame);
    RC_ASSERT(read.number == 77U && read.total == total && read.offset == offset);
    RC_ASSERT(read.is_compressed && read.data.size() == to.size());
    RC_ASSERT((room[0] == 0x11) == (to.size() == total));
  });
}

TEST(PacketFrame, AnyBytesAreFramesThatWriteTheSameBytesOrAFault) {
  std::set<std::string> seen;
  rc::check([&seen] {
    const auto payload = *rc::gen::container<Bytes>(rc::gen::oneOf(
        rc::gen::inRange<std::uint8_t>(0, 0x40), rc::gen::arbitrary<std::uint8_t>()));
    const PacketType type = *rc::gen::elementOf(
        std::vector<PacketType>(std::begin(frame_types), std::end(frame_types)));
    Bytes again;
    const std::string got = decode_frames(frame_header(type), 1000, payload, again);
    seen.insert(got.substr(0, 3));
    if (got != "protocol" && got != "-") RC_ASSERT(again == payload);
  });
  EXPECT_GT(seen.size(), 2U);
}

}  // namespace
}  // namespace kith::packet
