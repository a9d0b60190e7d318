#include "packet/cookie.h"

#include <gtest/gtest.h>

namespace kith::packet {
namespace {

base::IpPort cookie_address(std::uint8_t host, std::uint16_t port) {
  base::IpPort at;
  at.ip = {10, 0, 0, host};
  at.port = port;
  return at;
}

struct CookieWorld {
  SeededRng rng{1};
  Instant start = Instant{} + 5h;
  CookieMaker maker{rng, start};
};

TEST(Cookie, HoldsFor30SAndNoLonger) {
  CookieWorld world;
  const auto from = cookie_address(1, 5);
  const Cookie cookie = world.maker.make(world.start, from, {7});
  EXPECT_TRUE(world.maker.is_ours(world.start, cookie, from, {7}));
  EXPECT_TRUE(world.maker.is_ours(world.start + 30s, cookie, from, {7}));
  EXPECT_FALSE(world.maker.is_ours(world.start + 31s, cookie, from, {7}));
}

TEST(Cookie, HoldsForItsAskerAlone) {
  CookieWorld world;
  const auto from = cookie_address(1, 5);
  const Cookie cookie = world.maker.make(world.start, from, {7});
  EXPECT_FALSE(world.maker.is_ours(world.start, cookie, cookie_address(2, 5), {7}));
  EXPECT_FALSE(world.maker.is_ours(world.start, cookie, cookie_address(1, 6), {7}));
  EXPECT_FALSE(world.maker.is_ours(world.start, cookie, from, {8}));
  base::IpPort v6 = from;
  v6.is_v6 = true;
  EXPECT_FALSE(world.maker.is_ours(world.start, cookie, v6, {7}));
}

TEST(Cookie, EveryBitAndTheLengthCount) {
  CookieWorld world;
  const auto from = cookie_address(1, 5);
  const Cookie cookie = world.maker.make(world.start + 100s, from, {7});
  for (std::size_t bit = 0; bit < cookie_bytes * 8; ++bit) {
    Cookie turned = cookie;
    turned[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(world.maker.is_ours(world.start + 100s, turned, from, {7})) << bit;
  }
  EXPECT_FALSE(world.maker.is_ours(world.start + 100s, {}, from, {7}));
  EXPECT_FALSE(world.maker.is_ours(world.start + 100s, ByteView(cookie).first(19), from, {7}));
}

TEST(Cookie, OneOfTheSecretBeforeHoldsAndOneOfThatBeforeDoesNot) {
  CookieWorld world;
  const auto from = cookie_address(1, 5);
  const Cookie cookie = world.maker.make(world.start + 59s, from, {7});
  EXPECT_TRUE(world.maker.is_ours(world.start + 60s, cookie, from, {7}));  // a new secret
  EXPECT_TRUE(world.maker.is_ours(world.start + 89s, cookie, from, {7}));
  CookieWorld other;
  const Cookie old = other.maker.make(other.start, from, {7});
  other.maker.make(other.start + 60s, from, {7});
  other.maker.make(other.start + 120s, from, {7});
  EXPECT_FALSE(other.maker.is_ours(other.start + 120s, old, from, {7}));
}

TEST(Cookie, AfterALongSilenceNoOldSecretHolds) {
  CookieWorld world;
  const auto from = cookie_address(1, 5);
  const Cookie cookie = world.maker.make(world.start, from, {7});
  EXPECT_FALSE(world.maker.is_ours(world.start + 24h, cookie, from, {7}));
  const Cookie fresh = world.maker.make(world.start + 24h, from, {7});
  EXPECT_TRUE(world.maker.is_ours(world.start + 24h, fresh, from, {7}));
}

TEST(Cookie, OneOfTheFutureOrOfAnotherMakerIsNotOurs) {
  CookieWorld world;
  const auto from = cookie_address(1, 5);
  const Cookie later = world.maker.make(world.start + 10s, from, {7});
  EXPECT_FALSE(world.maker.is_ours(world.start + 9s, later, from, {7}));
  SeededRng rng(2);
  CookieMaker other(rng, world.start);
  EXPECT_FALSE(other.is_ours(world.start + 10s, later, from, {7}));
}

}  // namespace
}  // namespace kith::packet
