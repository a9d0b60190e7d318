#include "crypto/xsalsa20.h"

#include <rapidcheck.h>

#include "base/rng.h"
#include "crypto/hash.h"

namespace kith::crypto {
namespace {

template <std::size_t N>
std::array<std::uint8_t, N> fixed(std::string_view text) {
  std::array<std::uint8_t, N> out{};
  const Bytes bytes = base::from_hex(text).value();
  EXPECT_EQ(bytes.size(), N);
  std::ranges::copy(bytes, out.begin());
  return out;
}

// "Cryptography in NaCl" (Bernstein, 2009), section 10: the stream's first key and nonce.
const auto nacl_key = fixed<32>("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
const auto nacl_nonce = fixed<24>("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");

TEST(XSalsa20, GivesNaClsStream) {
  // tests/stream.c and tests/stream3.c of NaCl: the first 32 bytes, and SHA-256 of 4 MiB.
  Bytes stream(4'194'304);
  XSalsa20(nacl_key, nacl_nonce).apply(stream);
  EXPECT_EQ(base::to_hex(ByteView(stream).first(32)),
            "eea6a7251c1e72916d11c2cb214d3c252539121d8e234e652d651fa4c8cff880");
  EXPECT_EQ(base::to_hex(sha256(stream)),
            "662b9d0e3463029156069b12f918691a98f7dfb2ca0393c96bbfc6b1fbd630a2");
}

TEST(XSalsa20, AnyChunkingGivesTheSame) {
  ASSERT_TRUE(rc::check([](std::uint64_t seed, const std::vector<std::uint8_t>& cuts) {
    SeededRng rng(seed);
    Bytes text(3000);
    rng.fill(text);
    Bytes whole = text;
    XSalsa20(nacl_key, nacl_nonce).apply(whole);

    XSalsa20 stream(nacl_key, nacl_nonce);
    ByteSpan rest = text;
    for (const std::uint8_t cut : cuts) {
      const std::size_t count = std::min<std::size_t>(cut, rest.size());
      stream.apply(rest.first(count));
      rest = rest.subspan(count);
    }
    stream.apply(rest);
    RC_ASSERT(text == whole);
  }));
}

TEST(XSalsa20, EveryPairOfCutsAroundABlockGivesTheSame) {
  Bytes whole(200, 0x5a);
  XSalsa20(nacl_key, nacl_nonce).apply(whole);
  for (std::size_t first = 0; first <= 130; ++first) {
    for (std::size_t second = first; second <= 200; second += 3) {
      Bytes text(200, 0x5a);
      XSalsa20 stream(nacl_key, nacl_nonce);
      stream.apply(ByteSpan(text).first(first));
      stream.apply(ByteSpan(text).subspan(first, second - first));
      stream.apply(ByteSpan(text).subspan(second));
      ASSERT_EQ(text, whole) << first << " " << second;
    }
  }
}

TEST(XSalsa20, TwiceIsNothingAndNoncesDiffer) {
  Bytes text(777, 0x21);
  XSalsa20(nacl_key, nacl_nonce).apply(text);
  XSalsa20(nacl_key, nacl_nonce).apply(text);
  EXPECT_EQ(text, Bytes(777, 0x21));
  // The first 16 bytes of the nonce enter by HSalsa20, the last 8 by Salsa20: both count.
  for (const std::size_t byte : {0U, 15U, 16U, 23U}) {
    auto nonce = nacl_nonce;
    nonce[byte] ^= 1;
    Bytes one(64), other(64);
    XSalsa20(nacl_key, nacl_nonce).apply(one);
    XSalsa20(nacl_key, nonce).apply(other);
    EXPECT_NE(one, other) << byte;
  }
}

}  // namespace
}  // namespace kith::crypto
