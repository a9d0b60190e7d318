#include "crypto/x25519.h"

#include <rapidcheck.h>

namespace kith::crypto {
namespace {

std::array<std::uint8_t, 32> hex32(std::string_view text) {
  std::array<std::uint8_t, 32> out{};
  const Bytes bytes = base::from_hex(text).value();
  EXPECT_EQ(bytes.size(), out.size());
  std::ranges::copy(bytes, out.begin());
  return out;
}

std::string agreed(std::string_view secret, std::string_view point) {
  return base::to_hex(X25519KeyPair::from_secret(hex32(secret)).agree(hex32(point)).value());
}

// RFC 7748 section 5.2.
TEST(X25519, MultipliesAsInRfc7748) {
  EXPECT_EQ(agreed("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                   "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  EXPECT_EQ(agreed("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                   "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"),
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

// RFC 7748 section 5.2, the iterated test after 1 and 1,000 rounds.
TEST(X25519, IteratesAsInRfc7748) {
  std::array<std::uint8_t, 32> k{9}, u{9};
  for (int round = 1; round <= 1000; ++round) {
    const auto next = X25519KeyPair::from_secret(k).agree(u).value();
    u = k;
    k = next;
    if (round == 1) {
      EXPECT_EQ(base::to_hex(k),
                "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
  }
  EXPECT_EQ(base::to_hex(k), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

// RFC 7748 section 6.1.
TEST(X25519, AgreesAsInRfc7748) {
  const auto alice = X25519KeyPair::from_secret(
      hex32("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
  const auto bob = X25519KeyPair::from_secret(
      hex32("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  EXPECT_EQ(base::to_hex(alice.public_key()),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(base::to_hex(bob.public_key()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const auto shared = alice.agree(bob.public_key()).value();
  EXPECT_EQ(base::to_hex(shared),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  EXPECT_EQ(shared, bob.agree(alice.public_key()).value());
}

TEST(X25519, BothSidesAgree) {
  ASSERT_TRUE(rc::check([](std::uint64_t seed) {
    SeededRng rng(seed);
    auto a = X25519KeyPair::generate(rng);
    const auto b = X25519KeyPair::generate(rng);
    const auto moved = std::move(a);
    RC_ASSERT(moved.public_key() != b.public_key());
    RC_ASSERT(moved.agree(b.public_key()).value() == b.agree(moved.public_key()).value());
  }));
}

TEST(X25519, RefusesLowOrderPoints) {
  // The list of curve25519's low-order points (Bernstein, "Curve25519: new Diffie-Hellman speed
  // records", and their representations above 2^255 - 19).
  constexpr const char* low_order[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "0000000000000000000000000000000000000000000000000000000000000080",
      "0100000000000000000000000000000000000000000000000000000000000080",
  };
  SeededRng rng(5);
  const auto pair = X25519KeyPair::generate(rng);
  for (const char* point : low_order) {
    const auto shared = pair.agree(hex32(point));
    ASSERT_FALSE(shared) << point;
    EXPECT_EQ(shared.error().code, Code::bad_key);
    EXPECT_NE(shared.error().message.find(point), std::string::npos);
  }
  // A refusal leaves nothing behind that the next call would trip over.
  EXPECT_TRUE(pair.agree(X25519KeyPair::generate(rng).public_key()));
}

}  // namespace
}  // namespace kith::crypto
