// What a peer may not say, each bound from both sides: what is just allowed, and one more.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/endian.h"
#include "codec/packed.h"
#include "packet/services_pair_test_util.h"
#include "packet/stream_receive.h"

namespace kith::packet {
namespace {

constexpr Instant told_at{};

/// One side, an acceptor, and what it is told.
class Told {
 public:
  explicit Told(const ServicesConfig& with = {}) : config_(with) {
    services.on_parameters(1 << 20, 1 << 18, 100, 100, 1000);
  }
  /// "" or the fault's sentence.
  std::string tell(const Frame& frame) { return sentence(services.on_frame(told_at, frame)); }
  std::string stream(StreamNumber number, std::uint64_t offset, std::size_t size,
                     bool is_end = false) {
    bytes_.push_back(Bytes(size, 1));
    return tell(StreamFrame{number, offset, bytes_.back(), is_end});
  }
  std::string part(MessageNumber number, std::uint64_t total, std::uint64_t offset,
                   std::size_t size) {
    bytes_.push_back(Bytes(size, 1));
    return tell(MessageFrame{number, total, offset, bytes_.back(), false});
  }
  std::string fragment(std::uint16_t number, std::uint16_t index, std::uint16_t count,
                       std::uint32_t total, std::size_t size) {
    Header header;
    header.type = PacketType::fragment;
    header.flags = flag_sealed | flag_fragmented;
    header.fragment_id = number;
    header.fragment_index = index;
    header.fragment_total = count;
    bytes_.push_back(Bytes(4 + size, 1));
    base::store_big_endian<std::uint32_t>(bytes_.back(), 0, total);
    return sentence(services.on_fragment(told_at, header, bytes_.back()));
  }
  std::vector<ServicesOutput> drain() {
    std::vector<ServicesOutput> all;
    while (auto output = services.poll_output()) all.push_back(std::move(*output));
    return all;
  }

 private:
  static std::string sentence(const Result<void>& result) {
    if (result) return "";
    EXPECT_EQ(result.error().code, Code::protocol);
    return result.error().message;
  }
  const ServicesConfig config_;
  std::vector<Bytes> bytes_;

 public:
  Services services{config_, Direction::inbound};
};

ServicesConfig tight_config() {
  ServicesConfig config;
  config.stream_window_initial = 8192;
  config.window_initial = 16'384;
  config.streams_max = 4;
  config.messages_sent_max = 8;
  config.messages_assembled_max = 2;
  config.message_bytes_max = 10'000;
  config.gaps_max = 3;
  return config;
}

TEST(ServicesHostile, CreditOfAStream) {
  Told told(tight_config());
  EXPECT_EQ(told.stream(1, 0, 8192), "");
  EXPECT_EQ(told.stream(1, 8192, 1), "bytes to 8193 of stream 1, whose credit is 8192");
}

TEST(ServicesHostile, CreditOfTheConnectionByHighestOffsets) {
  Told told(tight_config());
  EXPECT_EQ(told.stream(1, 8191, 1), "");
  EXPECT_EQ(told.stream(3, 0, 8192), "");
  EXPECT_EQ(told.stream(1, 0, 8191), "");  // fills the gap, and counts nothing
  EXPECT_EQ(told.stream(5, 0, 1), "1 bytes beyond 16384, the connection's credit is 16384");
}

TEST(ServicesHostile, MessagesCountWithTheirFirstPart) {
  Told told(tight_config());
  EXPECT_EQ(told.part(0, 10'000, 5, 1), "");
  EXPECT_EQ(told.part(1, 6384, 5, 1), "");
  EXPECT_EQ(told.part(0, 10'000, 6, 1), "");
  EXPECT_EQ(told.part(2, 1, 0, 1), "1 bytes beyond 16384, the connection's credit is 16384");
  Told gone(tight_config());
  EXPECT_EQ(gone.part(0, 10'000, 5, 1), "");
  EXPECT_EQ(gone.tell(MessageGoneFrame{1, 6384}), "");
  EXPECT_EQ(gone.tell(MessageGoneFrame{0, 10'000}), "");
  EXPECT_EQ(gone.services.held().received, 16'384U);
  EXPECT_EQ(gone.services.held().returned, 16'384U);
}

TEST(ServicesHostile, TheEndStaysWhereItWasSaid) {
  for (const int what : {0, 1, 2, 3, 4, 5}) {
    Told told(tight_config());
    EXPECT_EQ(told.stream(1, 10, 10, true), "");
    switch (what) {
      case 0: EXPECT_EQ(told.stream(1, 19, 1, true), ""); break;
      case 1: EXPECT_EQ(told.stream(1, 20, 1), "bytes to 21 of stream 1, which ends at 20"); break;
      case 2: EXPECT_NE(told.stream(1, 18, 1, true), ""); break;
      case 3: EXPECT_NE(told.stream(1, 20, 1, true), ""); break;
      case 4: EXPECT_EQ(told.tell(ResetStreamFrame{1, 5, 20}), ""); break;
      case 5: EXPECT_NE(told.tell(ResetStreamFrame{1, 5, 21}), ""); break;
      default: FAIL();
    }
  }
  Told below(tight_config());
  EXPECT_EQ(below.stream(1, 10, 10), "");
  EXPECT_EQ(below.stream(1, 0, 19, true), "stream 1 ends at 19, below 20 that it has said");
}

TEST(ServicesHostile, NumbersOfStreams) {
  Told told(tight_config());
  EXPECT_EQ(told.stream(7, 0, 1), "");  // opens 1, 3 and 5
  EXPECT_EQ(told.services.held().streams, 4U);
  EXPECT_EQ(told.stream(9, 0, 1), "stream 9 is opened, credit is for 4 streams");
  for (const Frame& frame :
       {Frame(StreamFrame{2, 0, {}, true}), Frame(ResetStreamFrame{2, 0, 0}),
        Frame(StopSendingFrame{2, 0}), Frame(CreditFrame{CreditKind::stream, 2, 1}),
        Frame(BlockedFrame{BlockedKind::stream, 2, 1})}) {
    Told other(tight_config());
    EXPECT_EQ(other.tell(frame), "a frame for stream 2, which was never opened");
    ASSERT_TRUE(other.services.open_stream(1));
    EXPECT_EQ(other.tell(frame), "");
  }
}

TEST(ServicesHostile, GapsOfAStreamAndOfAMessage) {
  Told told(tight_config());
  for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(told.stream(1, 2 * i, 1), "");
  EXPECT_EQ(told.stream(1, 3, 1), "");  // joins two
  EXPECT_EQ(told.stream(1, 20, 1), "");
  EXPECT_EQ(told.stream(1, 30, 1), "stream 1 has a gap too many below 30, limit 3");
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(told.part(0, 100, 2 * i, 1), "");
  EXPECT_EQ(told.part(0, 100, 10, 1), "message 0 has a gap too many, limit 3");
}

TEST(ServicesHostile, GapsOfOneByteCostNoMoreThanTheWindow) {
  StreamReceive receive(64 * 1024, 64 * 1024, 100'000);
  BlockPool pool;
  const Bytes one(1);
  for (std::uint64_t offset = 1; offset < 64 * 1024; offset += 2) {
    ASSERT_TRUE(receive.take(1, offset, one, pool, [](ByteView) {}));
  }
  EXPECT_EQ(receive.blocks(), 16U);
}

TEST(ServicesHostile, MessagesNumbersSizesAndAssemblies) {
  Told told(tight_config());
  EXPECT_EQ(told.part(7, 2, 0, 1), "");
  EXPECT_EQ(told.part(8, 2, 0, 1), "message 8, credit is for those below 8");
  EXPECT_EQ(told.part(0, 10'000, 0, 1), "");
  EXPECT_EQ(told.part(1, 10'001, 0, 1), "message 1 of 10001 bytes, limit 10000");
  EXPECT_EQ(told.part(1, 3, 0, 3), "");  // whole: no assembly
  EXPECT_EQ(told.part(2, 3, 0, 2), "message 2 is one too many in parts, limit 2");
  EXPECT_NE(told.part(0, 9999, 0, 1), "");
  EXPECT_NE(told.tell(MessageGoneFrame{0, 9999}), "");
}

TEST(ServicesHostile, FragmentsHaveOnePlaceAndSize) {
  Told told;
  EXPECT_EQ(told.fragment(0, 0, 3, 10, 4), "");
  EXPECT_EQ(told.fragment(0, 2, 3, 10, 2), "");
  EXPECT_EQ(told.fragment(1, 2, 3, 10, 3), "fragment 2 of 3 of a message of 10 bytes has 3");
  EXPECT_NE(told.fragment(1, 0, 3, 10, 3), "");
  EXPECT_NE(told.fragment(1, 3, 3, 10, 4), "");  // no such index
  EXPECT_NE(told.fragment(1, 0, 6, 10, 2), "");  // five of 2 are enough
  EXPECT_EQ(told.fragment(1, 0, 5, 10, 2), "");
  EXPECT_NE(told.fragment(1, 0, 1, 10, 10), "");  // one is no fragment
  EXPECT_NE(told.fragment(1, 0, 2, 0, 0), "");
  EXPECT_NE(told.fragment(1, 0, 2, 1, 1), "");
  EXPECT_NE(told.fragment(0, 0, 2, 10, 5), "");       // another count than before
  EXPECT_NE(told.fragment(0, 1, 3, 11, 4), "");       // another length
  EXPECT_NE(told.fragment(65'535, 0, 2, 10, 5), "");  // number -1
  EXPECT_NE(told.fragment(2, 0, 2, (16 << 20) + 2, (8 << 20) + 1), "");
  EXPECT_TRUE(told.drain().empty());
  EXPECT_EQ(told.fragment(0, 1, 3, 10, 4), "");
  EXPECT_EQ(told.drain().size(), 1U);
}

TEST(ServicesHostile, ADroppedMessageIsMissedAloud) {
  Told told(tight_config());
  EXPECT_EQ(told.part(0, 100, 0, 50), "");
  EXPECT_EQ(told.services.next_deadline(), told_at + 90s);
  told.services.on_deadline(told_at + 90s - 1ns);
  EXPECT_EQ(told.services.held().messages_assembled, 1U);
  told.services.on_deadline(told_at + 90s);
  EXPECT_EQ(told.services.held().messages_assembled, 0U);
  EXPECT_EQ(told.services.held().returned, 100U);
  EXPECT_EQ(told.part(0, 100, 50, 50),
            "a part of message 0, dropped after 90000 ms without a byte");
  EXPECT_NE(told.part(0, 100, 0, 100), "");  // not all of it either: it was counted
  EXPECT_EQ(told.tell(MessageGoneFrame{0, 100}), "");
  EXPECT_EQ(told.services.held().received, 100U);
  EXPECT_EQ(told.services.held().returned, 100U);
  EXPECT_EQ(told.part(0, 100, 50, 50), "");  // old news
}

/// Neither dense nor so empty that nobody would unpack it.
Bytes zstd_content() {
  Bytes content(5000);
  for (std::size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<std::uint8_t>('a' + i * i % 61 % 16);
  }
  return content;
}

TEST(ServicesHostile, WhatClaimsToBeZstd) {
  const Bytes content = zstd_content();
  const Bytes packed = codec::Packer().pack(content).value();
  ServicesConfig config;
  config.compresses = true;
  // What is given, or the fault at the next frame.
  const auto tell = [&](ByteView bytes) {
    Told told(config);
    EXPECT_EQ(told.tell(MessageFrame{0, bytes.size(), 0, bytes, true}), "");
    const auto arrived = told.services.poll_output();
    if (!arrived) return told.tell(DatagramFrame{});
    EXPECT_FALSE(told.services.poll_output());
    EXPECT_EQ(told.tell(DatagramFrame{}), "");
    const auto& message = std::get<MessageArrived>(*arrived);
    EXPECT_EQ(message.pieces.size(), 1U);
    return std::string(base::as_text(message.pieces[0]));
  };
  EXPECT_EQ(tell(packed), base::as_text(content));
  EXPECT_TRUE(tell(content).starts_with("message 0: "));
  EXPECT_TRUE(tell(ByteView(packed).first(packed.size() - 1)).starts_with("message 0: "));
  config.message_bytes_max = content.size() - 1;
  EXPECT_TRUE(tell(packed).starts_with("message 0: "));
}

TEST(ServicesHostile, WhatNobodyAgreedToCompressIsAFault) {
  Told told;
  const Bytes packed = codec::Packer().pack(zstd_content()).value();
  EXPECT_EQ(told.tell(MessageFrame{0, packed.size(), 0, packed, true}),
            "message 0 is compressed, which we did not agree to");
}

TEST(ServicesHostile, WantedCreditIsBounded) {
  Told told(tight_config());
  EXPECT_EQ(told.tell(BlockedFrame{BlockedKind::connection, 0, frame_number_end - 1}), "");
  const ServicesConfig config = tight_config();
  EXPECT_LE(told.services.held().received_limit, config.window_max + 4096);
}

}  // namespace
}  // namespace kith::packet
