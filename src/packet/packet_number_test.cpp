#include "packet/packet_number.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <vector>

namespace kith::packet {
namespace {

// RFC 9000 appendix A.3 has this example with 16 bits: 0xa82f30ea and 0x9b32 make 0xa82f9b32.
TEST(PacketNumber, NearestToWhatIsExpected) {
  EXPECT_EQ(number_from_wire(0x1'0000'0005 & 0xffff'ffff, 0, 0x1'0000'0001), 0x1'0000'0005u);
  EXPECT_EQ(number_from_wire(0xffff'fffe, 0, 0x1'0000'0001), 0xffff'fffeu);
  EXPECT_EQ(number_from_wire(3, 0, 0xffff'fffe), 0x1'0000'0003u);
  EXPECT_EQ(number_from_wire(0xffff'ffff, 0, 0), std::nullopt);  // would be -1
  EXPECT_EQ(number_from_wire(0, 0, packet_number_end), std::nullopt);
}

TEST(PacketNumber, AnyOffsetAnyDistance) {
  ASSERT_TRUE(rc::check([](std::uint32_t offset, std::int32_t ahead) {
    const PacketNumber expected = *rc::gen::inRange<PacketNumber>(0, packet_number_end);
    const auto number = static_cast<std::int64_t>(expected) + ahead;
    RC_PRE(number >= 0 && number < static_cast<std::int64_t>(packet_number_end));
    const auto sent = static_cast<PacketNumber>(number);
    RC_ASSERT(number_from_wire(wire_number(sent, offset), offset, expected) == sent);
  }));
}

TEST(PacketNumber, CreditOnlyGrows) {
  const std::uint64_t mib = 1 << 20;
  EXPECT_EQ(credit_from_wire(wire_window(3 * mib), 2 * mib), 3 * mib);
  EXPECT_EQ(credit_from_wire(wire_window(2 * mib), 3 * mib), 3 * mib);  // came late
  EXPECT_EQ(credit_from_wire(wire_window(3 * mib), 3 * mib), 3 * mib);  // came twice
  // The units wrap after 256 MiB.
  EXPECT_EQ(credit_from_wire(wire_window(257 * mib), 255 * mib), 257 * mib);
  EXPECT_EQ(credit_from_wire(wire_window(255 * mib), 257 * mib), 257 * mib);
  // 128 MiB at once is what no honest peer says.
  EXPECT_EQ(credit_from_wire(wire_window(129 * mib), mib), mib);
  EXPECT_EQ(credit_from_wire(wire_window(129 * mib - window_unit_bytes), mib),
            129 * mib - window_unit_bytes);
}

TEST(PacketNumber, CreditBackwards) {
  ASSERT_TRUE(rc::check([](std::uint32_t start, const std::vector<std::uint16_t>& steps) {
    const std::uint64_t first = start * window_unit_bytes;
    std::uint64_t limit = first;
    std::vector<std::uint16_t> said;
    for (const std::uint16_t step : steps) {
      if (limit - first > 60 * (1 << 20)) break;  // no more is under way at once
      limit += (step % 1024) * window_unit_bytes;
      said.push_back(wire_window(limit));
    }
    std::uint64_t known = first;
    for (std::size_t i = said.size(); i-- > 0;) known = credit_from_wire(said[i], known);
    RC_ASSERT(known == limit);
  }));
}

TEST(PacketNumber, Messages) {
  EXPECT_EQ(message_from_wire(0xffff, 0), std::nullopt);
  EXPECT_EQ(message_from_wire(0xffff, 0x1'0001), 0xffffu);
  EXPECT_EQ(message_from_wire(2, 0xffff), 0x1'0002u);
  EXPECT_EQ(message_from_wire(0, 0), 0u);
}

}  // namespace
}  // namespace kith::packet
