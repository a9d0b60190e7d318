#include "secure/session_keys.h"

#include <gtest/gtest.h>

#include <cstring>
#include <new>
#include <set>

namespace kith::secure {
namespace {

SessionSecret keys_secret(std::uint8_t fill) {
  return SessionSecret::copy_of(Bytes(session_secret_bytes, fill));
}

template <class T>
std::string hex_of(const T& bytes) {
  return base::to_hex(ByteView(bytes));
}

// Values: tests/golden/session.txt, by session_golden_test.cpp. Here: that none is another.
TEST(SessionKeys, EveryPurposeHasASecretOfItsOwn) {
  const SessionSecret secret = keys_secret(1);
  const crypto::Hash256 handshake{2};
  std::set<std::string> all;
  for (const std::uint8_t cipher : {std::uint8_t{1}, std::uint8_t{2}}) {
    const DirectionKeys keys = direction_keys(secret, cipher);
    all.insert(hex_of(keys.key));
    all.insert(hex_of(keys.offset_key));  // the same for both: numbers do not depend on it
  }
  all.insert(base::to_hex(next_secret(secret, Bytes{1}, handshake).view()));
  all.insert(base::to_hex(next_secret(secret, Bytes{2}, handshake).view()));
  all.insert(base::to_hex(next_secret(keys_secret(2), Bytes{1}, handshake).view()));
  all.insert(base::to_hex(next_secret(secret, Bytes{1}, crypto::Hash256{3}).view()));
  all.insert(base::to_hex(seed_psk(secret.view()).view()));
  all.insert(base::to_hex(ticket_psk(secret, Bytes{1}).view()));
  all.insert(base::to_hex(ticket_psk(secret, Bytes{2}).view()));
  const SessionExtras extras = session_extras(secret.view());
  all.insert(base::to_hex(extras.exporter.view()));
  all.insert(base::to_hex(extras.confirm_initiator.view()));
  all.insert(base::to_hex(extras.confirm_responder.view()));
  all.insert(hex_of(confirmation(extras.confirm_responder, handshake)));
  EXPECT_EQ(all.size(), 3u + 4 + 1 + 2 + 3 + 1);
}

TEST(SessionKeys, ExportsOfAllSizesBeginAlikeAndLabelsDoNotMix) {
  const SessionSecret exporter = keys_secret(1);
  Bytes most(export_bytes_max);
  export_key(exporter, "a", Bytes{1}, most);
  Bytes few(5);
  export_key(exporter, "a", Bytes{1}, few);
  EXPECT_TRUE(base::equal(few, ByteView(most).first(5)));
  Bytes other(5);
  export_key(exporter, "a\x01", {}, other);
  EXPECT_NE(few, other);
  Bytes none;
  export_key(exporter, "a", {}, none);
  Bytes over(export_bytes_max + 1);
  EXPECT_DEATH(export_key(exporter, "a", {}, over), "export_bytes_max");
}

TEST(SessionKeys, KeysOfADirectionAreWiped) {
  alignas(DirectionKeys) std::uint8_t place[sizeof(DirectionKeys)];
  auto* const keys = new (place) DirectionKeys(direction_keys(keys_secret(1), 1));
  const DirectionKeys copy = *keys;
  keys->~DirectionKeys();
  std::uint8_t bytes[sizeof place];
  std::memcpy(bytes, place, sizeof bytes);
  for (const ByteView secret : {ByteView(copy.key), ByteView(copy.iv), ByteView(copy.offset_key)}) {
    EXPECT_EQ(std::search(bytes, bytes + sizeof bytes, secret.begin(), secret.end()),
              bytes + sizeof bytes);
  }
}

}  // namespace
}  // namespace kith::secure
