#include "codec/multibase.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"

namespace kith::codec {
namespace {

constexpr Multibase bases[] = {Multibase::base16, Multibase::base32, Multibase::base36,
                               Multibase::base58btc, Multibase::base64url};

// multiformats/multibase, tests/basic.csv, leading_zero.csv and two_leading_zeros.csv.
TEST(Multibase, PublishedVectors) {
  using namespace std::string_literals;
  const std::pair<std::string, std::vector<std::string>> vectors[] = {
      {"yes mani !",
       {"f796573206d616e692021", "bpfsxgidnmfxgsibb", "k2lcpzo5yikidynfl", "z7paNL19xttacUY",
        "ueWVzIG1hbmkgIQ"}},
      {"\0yes mani !"s,
       {"f00796573206d616e692021", "bab4wk4zanvqw42jaee", "k02lcpzo5yikidynfl", "z17paNL19xttacUY",
        "uAHllcyBtYW5pICE"}},
      {"\0\0yes mani !"s,
       {"f0000796573206d616e692021", "baaahszltebwwc3tjeaqq", "k002lcpzo5yikidynfl",
        "z117paNL19xttacUY", "uAAB5ZXMgbWFuaSAh"}},
  };
  for (const auto& [text, encodings] : vectors) {
    for (const std::string& encoding : encodings) {
      EXPECT_EQ(encode_multibase(static_cast<Multibase>(encoding[0]), base::as_bytes(text)),
                encoding);
      EXPECT_EQ(decode_multibase(encoding, 100), base::to_bytes(text)) << encoding;
    }
  }
}

// Bitcoin Core, src/test/data/base58_encode_decode.json.
TEST(Multibase, Base58) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},
      {"61", "2g"},
      {"626262", "a3gV"},
      {"73696d706c792061206c6f6e6720737472696e67", "2cFupjhnEsSn59qHXstmK2ffpLv2"},
      {"00eb15231dfceb60925886b67d065299925915aeb172c06647", "1NS17iag9jJgTHD1VXjvLCEnZuQ3rJDE9L"},
      {"516b6fcd0f", "ABnLTmg"},
      {"bf4f89001e670274dd", "3SEo3LWLoPntC"},
      {"572e4794", "3EFU7m"},
      {"10c8511e", "Rt5zm"},
      {"00000000000000000000", "1111111111"},
  };
  for (const auto& [hex, text] : vectors) {
    EXPECT_EQ(encode_base(Multibase::base58btc, unhex(hex)), text);
    EXPECT_EQ(decode_base(Multibase::base58btc, text, 100), unhex(hex)) << text;
  }
}

TEST(Multibase, Refuses) {
  // Characters outside the alphabet, upper case, padding, bits left over, digits left over.
  for (const char* text :
       {"z0",   "zO", "zI",        "zl", "z2g ", "f0",  "f0g",   "fFF", "b1",  "bAA", "bab",
        "baaa", "ba", "baa======", "u_", "uA",   "uAB", "uAA==", "u+A", "u/A", "kA",  "k-"}) {
    const auto bytes = decode_multibase(text, 100);
    ASSERT_FALSE(bytes) << text;
    EXPECT_EQ(bytes.error().code, Code::malformed) << text;
  }
  EXPECT_EQ(decode_multibase("", 100).error().code, Code::malformed);
  EXPECT_EQ(decode_multibase("meWVz", 100).error().code, Code::unsupported);
  EXPECT_EQ(decode_multibase("\xff\x01", 100).error().code, Code::unsupported);
}

TEST(Multibase, CapComesBeforeTheWork) {
  for (const Multibase base : bases) {
    const std::string huge(4'000'000, base == Multibase::base58btc ? 'z' : 'a');
    EXPECT_EQ(decode_base(base, huge, 100).error().code, Code::too_large);
    // A huge run of zero digits is as many bytes.
    const std::string zeros(4'000'000, encode_base(base, Bytes{0})[0]);
    EXPECT_EQ(decode_base(base, zeros, 100).error().code, Code::too_large);
    const Bytes full(100, 0xff);
    EXPECT_EQ(decode_base(base, encode_base(base, full), 100), full);
    EXPECT_EQ(decode_base(base, encode_base(base, full), 99).error().code, Code::too_large);
    EXPECT_EQ(decode_base(base, "", 0), Bytes());
  }
}

TEST(Multibase, RoundTrip) {
  ASSERT_TRUE(rc::check([](const Bytes& bytes) {
    for (const Multibase base : bases) {
      const std::string text = encode_multibase(base, bytes);
      RC_ASSERT(decode_multibase(text, bytes.size()).value() == bytes);
    }
  }));
}

TEST(Multibase, OneTextAValue) {
  ASSERT_TRUE(rc::check([] {
    const auto base =
        *rc::gen::elementOf(std::vector<Multibase>(std::begin(bases), std::end(bases)));
    const auto text =
        *rc::gen::container<std::string>(rc::gen::elementOf(std::string("abcdefgzAZ012789-_")));
    const auto bytes = decode_base(base, text, 1000);
    if (bytes) RC_ASSERT(encode_base(base, *bytes) == text);
  }));
}

}  // namespace
}  // namespace kith::codec
