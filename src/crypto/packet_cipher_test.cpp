#include "crypto/packet_cipher.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <new>
#include <optional>
#include <vector>

#include "base/rng.h"

namespace kith::crypto {
namespace {

constexpr CipherId packet_ids[] = {CipherId::aes_256_gcm, CipherId::chacha20_poly1305};
constexpr std::uint64_t packet_number_last = ~std::uint64_t{0};

std::vector<CipherBackEnd> back_ends() {
  std::vector<CipherBackEnd> all;
  for (const CipherBackEnd one : {CipherBackEnd::ipsec_mb, CipherBackEnd::openssl}) {
    if (has_back_end(one)) all.push_back(one);
  }
  return all;
}

AeadKey packet_key(std::uint8_t first) {
  AeadKey key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(first + 7 * i);
  return key;
}
constexpr AeadNonce packet_iv{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

Bytes random_packet(Rng& rng, std::size_t text) {
  Bytes bytes(text + aead_tag_bytes);
  rng.fill(bytes);
  return bytes;
}

Bytes sealed_by(CipherBackEnd back_end, CipherId id, std::uint64_t number, ByteView associated,
                Bytes packet) {
  KeyScheduleCache cache(back_end);
  PacketCipher(id, packet_key(1), packet_iv, cache).seal(number, associated, packet);
  return packet;
}

// Test case 16 of "The Galois/Counter Mode of Operation" (McGrew and Viega): AES-256, 60 bytes of
// text, 20 of associated data. The number takes part by the nonce: iv XOR number is theirs.
TEST(PacketCipher, SealsThePublishedExampleOfGcm) {
  AeadKey key;
  const Bytes half = base::from_hex("feffe9928665731c6d6a8f9467308308").value();
  std::copy(half.begin(), half.end(), key.begin());
  std::copy(half.begin(), half.end(), key.begin() + 16);
  const std::uint64_t number = 0x1122334455667788;
  // cafebabe facedbaddecaf888, of which the last eight bytes are changed by the number.
  AeadNonce iv;
  const Bytes nonce = base::from_hex("cafebabefacedbaddecaf888").value();
  std::copy(nonce.begin(), nonce.end(), iv.begin());
  for (std::size_t i = 0; i < 8; ++i)
    iv[4 + i] ^= static_cast<std::uint8_t>(number >> (56 - 8 * i));
  const Bytes text = base::from_hex(
                         "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c959"
                         "56809532fcf0e2449a6"
                         "b525b16aedf5aa0de657ba637b39")
                         .value();
  const Bytes associated = base::from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2").value();
  for (const CipherBackEnd back_end : back_ends()) {
    KeyScheduleCache cache(back_end);
    PacketCipher cipher(CipherId::aes_256_gcm, key, iv, cache);
    Bytes packet = text;
    packet.resize(text.size() + aead_tag_bytes);
    cipher.seal(number, associated, packet);
    EXPECT_EQ(
        base::to_hex(packet),
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056"
        "828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
    ASSERT_TRUE(cipher.open(number, associated, packet));
    packet.resize(text.size());
    EXPECT_EQ(packet, text);
  }
}

TEST(PacketCipher, EachBackEndOpensWhatTheOthersSealAtAllSizes) {
  SeededRng rng(1);
  const Bytes associated = random_packet(rng, 16);  // 32 bytes, as a header
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < 300; ++i) sizes.push_back(i);
  for (const std::size_t more : {1023u, 1024u, 1025u, 1352u, 1472u, 8952u, 65'503u}) {
    sizes.push_back(more);
  }
  for (const CipherId id : packet_ids) {
    for (const std::size_t size : sizes) {
      const Bytes text = random_packet(rng, size);
      const std::uint64_t number = rng.next();
      const Bytes first = sealed_by(back_ends().front(), id, number, associated, text);
      for (const CipherBackEnd back_end : back_ends()) {
        Bytes packet = sealed_by(back_end, id, number, associated, text);
        ASSERT_EQ(packet, first) << size;
        KeyScheduleCache cache(back_end);
        PacketCipher opener(id, packet_key(1), packet_iv, cache);
        ASSERT_TRUE(opener.open(number, associated, packet)) << size;
        ASSERT_TRUE(base::equal(ByteView(packet).first(size), ByteView(text).first(size))) << size;
      }
    }
  }
}

TEST(PacketCipher, SealsAsTheAeadOfHandshakesDoes) {
  SeededRng rng(2);
  KeyScheduleCache cache;
  for (const std::size_t size : {0u, 1u, 1024u, 1025u, 4000u}) {
    Bytes ours = random_packet(rng, size);
    Bytes theirs = ours;
    PacketCipher(CipherId::chacha20_poly1305, packet_key(3), packet_iv, cache)
        .seal(0x0102, {}, ours);
    AeadNonce nonce = packet_iv;
    nonce[10] ^= 1;
    nonce[11] ^= 2;
    ChaChaPoly(packet_key(3)).seal_in_place(nonce, {}, theirs);
    EXPECT_EQ(ours, theirs) << size;
  }
}

TEST(PacketCipher, NothingThatWasChangedOpens) {
  SeededRng rng(3);
  for (const CipherBackEnd back_end : back_ends()) {
    KeyScheduleCache cache(back_end);
    for (const CipherId id : packet_ids) {
      PacketCipher cipher(id, packet_key(1), packet_iv, cache);
      for (const std::size_t size : {0u, 40u, 1100u}) {
        Bytes associated = random_packet(rng, 16);
        Bytes packet = random_packet(rng, size);
        cipher.seal(9, associated, packet);
        for (std::size_t bit = 0; bit < packet.size() * 8; bit += size < 100 ? 1 : 97) {
          Bytes bent = packet;
          bent[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
          EXPECT_FALSE(cipher.open(9, associated, bent)) << bit;
        }
        for (std::size_t bit = 0; bit < associated.size() * 8; ++bit) {
          Bytes bent = packet;
          associated[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
          EXPECT_FALSE(cipher.open(9, associated, bent)) << bit;
          associated[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
        }
        for (const std::uint64_t number :
             {std::uint64_t{8}, std::uint64_t{10}, std::uint64_t{9} << 32, packet_number_last}) {
          Bytes same = packet;
          EXPECT_FALSE(cipher.open(number, associated, same)) << number;
        }
        Bytes shorter(packet.begin(), packet.end() - (size == 0 ? 0 : 1));
        if (size != 0) EXPECT_FALSE(cipher.open(9, associated, shorter));
        EXPECT_TRUE(cipher.open(9, associated, packet));  // and the cipher is as it was
      }
    }
  }
}

TEST(PacketCipher, TheEdgesOfNumbersOpen) {
  for (const CipherBackEnd back_end : back_ends()) {
    KeyScheduleCache cache(back_end);
    PacketCipher cipher(CipherId::aes_256_gcm, packet_key(1), packet_iv, cache);
    Bytes seen;
    for (const std::uint64_t number :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32, packet_number_last}) {
      Bytes packet(64 + aead_tag_bytes);
      cipher.seal(number, {}, packet);
      EXPECT_NE(packet, seen);
      seen = packet;
      EXPECT_TRUE(cipher.open(number, {}, packet));
      EXPECT_TRUE(std::all_of(packet.begin(), packet.begin() + 64, [](auto b) { return b == 0; }));
    }
  }
}

TEST(PacketCipher, MoreKeysThanTheCacheHoldsStillSealRight) {
  for (const CipherBackEnd back_end : back_ends()) {
    for (const CipherId id : packet_ids) {
      KeyScheduleCache cache(back_end);
      std::vector<PacketCipher> sealers;
      std::vector<PacketCipher> openers;
      const std::size_t count = KeyScheduleCache::schedules_max + 3;
      for (std::size_t i = 0; i < count; ++i) {
        AeadKey key = packet_key(0);
        key[0] = static_cast<std::uint8_t>(i);
        key[1] = static_cast<std::uint8_t>(i >> 8);
        sealers.emplace_back(id, key, packet_iv, cache);
        openers.emplace_back(id, key, packet_iv, cache);
      }
      SeededRng rng(4);
      for (std::size_t turn = 0; turn < 3000; ++turn) {
        const std::size_t at = rng.below(count);
        Bytes packet(1100 + aead_tag_bytes, 5);
        sealers[at].seal(turn, {}, packet);
        ASSERT_LE(cache.schedules(), KeyScheduleCache::schedules_max);
        Bytes other = packet;
        ASSERT_FALSE(openers[(at + 1) % count].open(turn, {}, other));
        ASSERT_TRUE(openers[at].open(turn, {}, packet));
      }
      EXPECT_EQ(cache.schedules(), KeyScheduleCache::schedules_max);
    }
  }
}

TEST(PacketCipher, TheLeastRecentlyUsedScheduleGoesFirst) {
  KeyScheduleCache cache;
  std::vector<PacketCipher> ciphers;
  Bytes packet(1100 + aead_tag_bytes);
  for (std::size_t i = 0; i <= KeyScheduleCache::schedules_max; ++i) {
    ciphers.emplace_back(CipherId::aes_256_gcm, packet_key(static_cast<std::uint8_t>(i)), packet_iv,
                         cache);
  }
  for (std::size_t i = 0; i < KeyScheduleCache::schedules_max; ++i) ciphers[i].seal(1, {}, packet);
  ciphers[0].seal(2, {}, packet);  // now the second is the oldest
  ciphers.back().seal(1, {}, packet);
  EXPECT_EQ(cache.schedules(), KeyScheduleCache::schedules_max);
  ciphers.erase(ciphers.begin() + 1);  // had no schedule any more
  EXPECT_EQ(cache.schedules(), KeyScheduleCache::schedules_max);
  ciphers.erase(ciphers.begin());  // had one
  EXPECT_EQ(cache.schedules(), KeyScheduleCache::schedules_max - 1);
}

TEST(PacketCipher, MovedOnesTakeTheirScheduleAlong) {
  for (const CipherBackEnd back_end : back_ends()) {
    KeyScheduleCache cache(back_end);
    Bytes packet(1100 + aead_tag_bytes);
    std::optional<PacketCipher> first(std::in_place, CipherId::aes_256_gcm, packet_key(1),
                                      packet_iv, cache);
    first->seal(1, {}, packet);
    PacketCipher second = std::move(*first);
    first.reset();
    EXPECT_EQ(cache.schedules(), 1u);
    EXPECT_TRUE(second.open(1, {}, packet));
    PacketCipher third(CipherId::chacha20_poly1305, packet_key(2), packet_iv, cache);
    third.seal(1, {}, packet);
    EXPECT_EQ(cache.schedules(), 2u);
    third = std::move(second);
    EXPECT_EQ(cache.schedules(), 1u);
    EXPECT_EQ(third.id(), CipherId::aes_256_gcm);
    third.seal(1, {}, packet);
    EXPECT_TRUE(third.open(1, {}, packet));
  }
}

TEST(PacketCipher, IsWipedWhenItEndsOrIsMovedFrom) {
  KeyScheduleCache cache;
  alignas(PacketCipher) std::uint8_t place[sizeof(PacketCipher)];
  const AeadKey key = packet_key(1);
  const auto holds_key = [&] {
    std::uint8_t bytes[sizeof place];
    std::memcpy(bytes, place, sizeof bytes);  // hides what the compiler knows of dead objects
    return std::search(bytes, bytes + sizeof bytes, key.begin(), key.end()) != bytes + sizeof bytes;
  };
  auto* cipher = new (place) PacketCipher(CipherId::aes_256_gcm, key, packet_iv, cache);
  Bytes packet(1100 + aead_tag_bytes);
  cipher->seal(1, {}, packet);
  EXPECT_TRUE(holds_key());
  EXPECT_EQ(cache.schedules(), 1u);
  {
    const PacketCipher other = std::move(*cipher);
    EXPECT_FALSE(holds_key());
  }
  cipher->~PacketCipher();
  cipher = new (place) PacketCipher(CipherId::aes_256_gcm, key, packet_iv, cache);
  EXPECT_TRUE(holds_key());
  cipher->~PacketCipher();
  EXPECT_FALSE(holds_key());
  EXPECT_EQ(cache.schedules(), 0u);
}

TEST(PacketCipher, TheBestBackEndIsThere) {
  EXPECT_TRUE(has_back_end(best_back_end()));
  EXPECT_TRUE(has_back_end(CipherBackEnd::openssl));
  EXPECT_EQ(KeyScheduleCache().back_end(), best_back_end());
  EXPECT_NE(preferred_ciphers()[0], preferred_ciphers()[1]);
}

TEST(PacketCipher, FewerBytesThanATagAreOurFault) {
  KeyScheduleCache cache;
  PacketCipher cipher(CipherId::aes_256_gcm, packet_key(1), packet_iv, cache);
  Bytes packet(aead_tag_bytes - 1);
  EXPECT_DEATH(cipher.seal(1, {}, packet), "aead_tag_bytes");
  EXPECT_DEATH((void)cipher.open(1, {}, packet), "aead_tag_bytes");
}

}  // namespace
}  // namespace kith::crypto
