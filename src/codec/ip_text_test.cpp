#include "codec/ip_text.h"

#include <arpa/inet.h>
#include <rapidcheck.h>

#include "codec/golden_test_util.h"

namespace kith::codec {
namespace {

// RFC 5952, sections 4 and 5, and RFC 4291, section 2.2.
TEST(IpText, Rfc5952) {
  const std::pair<const char*, const char*> vectors[] = {
      {"2001:0db8::0001", "2001:db8::1"},
      {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:DB8:AAAA::", "2001:db8:aaaa::"},
      {"FF01:0:0:0:0:0:0:101", "ff01::101"},
      {"0:0:0:0:0:0:0:1", "::1"},
      {"0:0:0:0:0:0:0:0", "::"},
      {"1:0:0:0:0:0:0:0", "1::"},
      {"0:0:0:0:0:FFFF:129.144.52.38", "::ffff:129.144.52.38"},
      {"::ffff:8190:3426", "::ffff:129.144.52.38"},
      {"0:0:0:0:0:0:13.1.68.3", "::d01:4403"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
      {"1::2:3:4:5:6:7", "1:0:2:3:4:5:6:7"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
  };
  for (const auto& [text, canonical] : vectors) {
    const auto ip = ip6_from_text(text);
    ASSERT_TRUE(ip) << text;
    EXPECT_EQ(ip_to_text(*ip), canonical);
  }
}

/// The C library reads the same texts, and as the same addresses.
TEST(IpText, AgreesWithTheCLibrary) {
  int accepted = 0;
  ASSERT_TRUE(rc::check([&accepted] {
    static const std::vector<std::string> parts = {
        ":",       ":",        ":",         ":", "::", "0",  "1",  "ff",   "aB1", "1234",  "12345",
        "1.2.3.4", "01.2.3.4", "256.1.1.1", ".", "g",  ":1", ":2", ":0:0", "1:",  "2:3:4:"};
    std::string text;
    const int count = *rc::gen::inRange(1, 12);
    for (int i = 0; i < count; ++i) text += *rc::gen::elementOf(parts);
    std::array<std::uint8_t, ip6_bytes> ip6{};
    std::array<std::uint8_t, ip4_bytes> ip4{};
    const bool is6 = inet_pton(AF_INET6, text.c_str(), ip6.data()) == 1;
    const bool is4 = inet_pton(AF_INET, text.c_str(), ip4.data()) == 1;
    const auto ours6 = ip6_from_text(text);
    const auto ours4 = ip4_from_text(text);
    RC_ASSERT(ours6.has_value() == is6);
    RC_ASSERT(ours4.has_value() == is4);
    if (is6) RC_ASSERT(*ours6 == ip6);
    if (is4) RC_ASSERT(*ours4 == ip4);
    accepted += is6 || is4 ? 1 : 0;
  }));
  EXPECT_GT(accepted, 0);
}

TEST(IpText, RoundTrip) {
  ASSERT_TRUE(rc::check([](std::array<std::uint8_t, 16> ip, std::uint16_t zeros) {
    for (std::size_t i = 0; i < 16; ++i) {
      if ((zeros >> i & 1) != 0) ip[i] = 0;
    }
    const std::string text = ip_to_text(ip);
    RC_ASSERT(ip6_from_text(text).value() == ip);
    std::array<std::uint8_t, 16> theirs{};
    RC_ASSERT(inet_pton(AF_INET6, text.c_str(), theirs.data()) == 1);
    RC_ASSERT(theirs == ip);
    const std::string text4 = ip_to_text(ByteView(ip).first(4));
    RC_ASSERT(base::equal(ip4_from_text(text4).value(), ByteView(ip).first(4)));
  }));
}

}  // namespace
}  // namespace kith::codec
