#include "packet/handshake_part.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/endian.h"
#include "base/rng.h"

namespace kith::packet {
namespace {

Bytes part_bytes(std::size_t size) {
  SeededRng rng(size + 1);
  Bytes bytes(size);
  rng.fill(bytes);
  return bytes;
}

struct Written {
  std::vector<Bytes> packets;
  explicit Written(const HandshakeOut& out, std::size_t packet_bytes = syn_bytes) {
    for (std::size_t i = 0; i < out.packets(packet_bytes); ++i) {
      Bytes packet(packet_bytes);
      packet.resize(out.write(i, packet_bytes, packet));
      packets.push_back(std::move(packet));
    }
  }
};

std::optional<HandshakePart> part_of(Bytes& packet, Header& header) {
  EXPECT_EQ(decode_header(packet, header), HeaderFault::none);
  return decode_handshake(ByteSpan(packet).subspan(header_bytes));
}

TEST(HandshakePart, ASynIsPaddedAndASynAckIsNot) {
  const Bytes said = part_bytes(100);
  const Bytes cookie = part_bytes(cookie_bytes);
  Written syn({.type = PacketType::syn, .own = {5}, .cookie = cookie, .bytes = said});
  ASSERT_EQ(syn.packets.size(), 1U);
  EXPECT_EQ(syn.packets[0].size(), syn_bytes);
  Header header;
  const auto part = part_of(syn.packets[0], header);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->message, 0);
  EXPECT_EQ(part->sender, ConnectionId{5});
  EXPECT_TRUE(base::equal(part->cookie, cookie));
  EXPECT_TRUE(base::equal(part->bytes, said));
  Written answer({.type = PacketType::syn_ack, .to = {5}, .own = {6}, .message = 1, .bytes = said});
  EXPECT_EQ(answer.packets[0].size(), header_bytes + handshake_front_bytes + 100);
}

TEST(HandshakePart, AMessageOfFourPacketsComesTogetherInAnyOrder) {
  const Bytes said = part_bytes(handshake_sent_bytes_max);
  const Bytes cookie = part_bytes(cookie_bytes);
  const HandshakeOut out{.type = PacketType::syn, .own = {5}, .cookie = cookie, .bytes = said};
  Written written(out);
  ASSERT_EQ(written.packets.size(), 4U);
  std::array<std::size_t, 4> order = {0, 1, 2, 3};
  do {
    HandshakeAssembly assembly;
    std::size_t whole = 0;
    for (const std::size_t i : order) {
      Header header;
      const auto part = part_of(written.packets[i], header);
      ASSERT_TRUE(part);
      // Each one twice: the second time it says nothing new.
      for (int time = 0; time < 2; ++time) {
        const auto taken = assembly.take(header, *part);
        if (!taken) continue;
        ++whole;
        EXPECT_TRUE(base::equal(*taken, said));
      }
    }
    EXPECT_EQ(whole, 1U);
  } while (std::ranges::next_permutation(order).found);
  EXPECT_EQ(out.packets(syn_bytes), handshake_fragments_max);
  const Bytes too_long = part_bytes(handshake_sent_bytes_max + 1);
  const HandshakeOut beyond{
      .type = PacketType::syn, .own = {5}, .cookie = cookie, .bytes = too_long};
  EXPECT_GT(beyond.packets(syn_bytes), handshake_fragments_max);
}

TEST(HandshakePart, PiecesOfAnotherCountOrMessageBeginAnew) {
  const Bytes two = part_bytes(1'500), three = part_bytes(3'000);
  Written first({.type = PacketType::syn_ack, .message = 1, .bytes = two});
  Written second({.type = PacketType::syn_ack, .message = 1, .bytes = three});
  ASSERT_EQ(first.packets.size(), 2U);
  ASSERT_EQ(second.packets.size(), 3U);
  HandshakeAssembly assembly;
  Header header;
  EXPECT_FALSE(assembly.take(header, *part_of(first.packets[0], header)));
  for (std::size_t i = 0; i < 3; ++i) {
    const auto part = part_of(second.packets[i], header);
    const auto whole = assembly.take(header, *part);
    EXPECT_EQ(whole.has_value(), i == 2);
    if (whole) EXPECT_TRUE(base::equal(*whole, three));
  }
  // What a forger had put in front does not keep the right ones away for ever.
  const auto again = part_of(first.packets[1], header);
  EXPECT_FALSE(assembly.take(header, *again));
  const auto other = part_of(first.packets[0], header);
  EXPECT_TRUE(assembly.take(header, *other));
}

TEST(HandshakePart, AWholeThatIsTooLongIsNone) {
  HandshakeAssembly assembly;
  Bytes piece = part_bytes(2'500);
  for (std::uint16_t i = 0; i < 2; ++i) {
    const Header header{.flags = flag_fragmented,
                        .id = {},
                        .fragment_id = 1,
                        .fragment_index = i,
                        .fragment_total = 2};
    HandshakePart part{.message = 1, .sender = {}, .cookie = {}, .bytes = piece};
    EXPECT_FALSE(assembly.take(header, part));
  }
}

TEST(HandshakePart, EveryMalformedPayloadIsNothing) {
  Bytes right(handshake_front_bytes + cookie_bytes + 10 + 5);
  right[0] = 2;
  right[5] = cookie_bytes;
  right[6 + cookie_bytes + 1] = 10;
  ASSERT_TRUE(decode_handshake(right));
  for (std::size_t size = 0; size < handshake_front_bytes + cookie_bytes + 10; ++size) {
    EXPECT_FALSE(decode_handshake(ByteSpan(right).first(size))) << size;
  }
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes wrong = right;
    wrong[at] = value;
    return decode_handshake(wrong).has_value();
  };
  EXPECT_FALSE(with(0, 4));
  EXPECT_FALSE(with(0, 254));
  EXPECT_TRUE(with(0, 255));
  EXPECT_FALSE(with(5, 19));
  EXPECT_FALSE(with(5, 21));
  EXPECT_FALSE(with(6 + cookie_bytes, 1));     // longer than the payload
  EXPECT_FALSE(with(right.size() - 1, 1));     // padding that is none
  EXPECT_TRUE(with(6 + cookie_bytes + 2, 1));  // the message's own first byte
  Bytes most(handshake_front_bytes + handshake_message_bytes_max + 1);
  base::store_big_endian(ByteSpan(most), 6,
                         static_cast<std::uint16_t>(handshake_message_bytes_max));
  EXPECT_TRUE(decode_handshake(most));
  base::store_big_endian(ByteSpan(most), 6,
                         static_cast<std::uint16_t>(handshake_message_bytes_max + 1));
  EXPECT_FALSE(decode_handshake(most));
}

}  // namespace
}  // namespace kith::packet
