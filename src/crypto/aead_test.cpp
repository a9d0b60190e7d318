#include "crypto/aead.h"

#include <sodium.h>

#include <rapidcheck.h>

#include "base/rng.h"

namespace kith::crypto {
namespace {

Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

template <std::size_t N>
std::array<std::uint8_t, N> fixed(std::string_view text) {
  std::array<std::uint8_t, N> out{};
  const Bytes bytes = hex(text);
  EXPECT_EQ(bytes.size(), N);
  std::ranges::copy(bytes, out.begin());
  return out;
}

struct Vector {
  const char* key;
  const char* nonce;
  const char* associated;
  std::string text;
  const char* sealed;
};

// RFC 8439 section 2.8.2.
const Vector sunscreen{
    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "070000004041424344454647",
    "50515253c0c1c2c3c4c5c6c7",
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    "sunscreen would be it.",
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da9272"
    "8b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831"
    "d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"};

// RFC 8439 appendix A.5.
const Vector drafts{
    "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0", "000000000102030405060708",
    "f33388860000000000004e91",
    "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
    "replaced, or obsoleted by other documents at any time. It is inappropriate to use "
    "Internet-Drafts as reference material or to cite them other than as /\xe2\x80\x9cwork in "
    "progress./\xe2\x80\x9d",
    "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26"
    "b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37"
    "c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cd"
    "e7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273"
    "f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0"
    "ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38"};

Bytes with_room_for_tag(std::string_view text) {
  Bytes buffer = base::to_bytes(text);
  buffer.resize(buffer.size() + aead_tag_bytes);
  return buffer;
}

TEST(ChaChaPoly, SealsAndOpensTheVectorsOfRfc8439) {
  for (const Vector& vector : {sunscreen, drafts}) {
    ChaChaPoly aead(fixed<32>(vector.key));
    const auto nonce = fixed<12>(vector.nonce);
    Bytes buffer = with_room_for_tag(vector.text);
    aead.seal_in_place(nonce, hex(vector.associated), buffer);
    EXPECT_EQ(base::to_hex(buffer), vector.sealed);
    const auto opened = aead.open_in_place(nonce, hex(vector.associated), buffer);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->data(), buffer.data());
    EXPECT_EQ(base::as_text(*opened), vector.text);
  }
}

TEST(ChaChaPoly, ManyMessagesOfAnySizeUnderOneKey) {
  // One object seals and another opens, as over a connection: nothing of a message may leak into
  // the next one's state, whatever their sizes and order.
  ASSERT_TRUE(rc::check([](std::uint64_t seed, const std::vector<std::uint16_t>& sizes) {
    SeededRng rng(seed);
    AeadKey key;
    rng.fill(key);
    ChaChaPoly sealer(key);
    ChaChaPoly moved_from(key);
    ChaChaPoly opener(std::move(moved_from));
    AeadNonce nonce{};
    for (const std::uint16_t size : sizes) {
      ++nonce[4];
      Bytes text(size % 2000);
      rng.fill(text);
      Bytes associated(rng.below(40));
      rng.fill(associated);
      Bytes buffer = with_room_for_tag(base::as_text(text));
      sealer.seal_in_place(nonce, associated, buffer);

      Bytes alone = with_room_for_tag(base::as_text(text));
      ChaChaPoly(key).seal_in_place(nonce, associated, alone);
      RC_ASSERT(buffer == alone);

      Bytes forged = buffer;
      forged[rng.below(forged.size())] ^= static_cast<std::uint8_t>(1 << rng.below(8));
      RC_ASSERT(!opener.open_in_place(nonce, associated, forged));

      const auto opened = opener.open_in_place(nonce, associated, buffer);
      RC_ASSERT(opened.has_value());
      RC_ASSERT(base::equal(*opened, text));
    }
  }));
}

TEST(ChaChaPoly, RefusesAnyFlippedBit) {
  ChaChaPoly aead(fixed<32>(sunscreen.key));
  const auto nonce = fixed<12>(sunscreen.nonce);
  const Bytes associated = hex(sunscreen.associated);
  const Bytes sealed = hex(sunscreen.sealed);
  for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    Bytes forged = sealed;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    const auto opened = aead.open_in_place(nonce, associated, forged);
    ASSERT_FALSE(opened) << bit;
    EXPECT_EQ(opened.error().code, Code::bad_signature);
  }
  Bytes buffer = sealed;
  EXPECT_FALSE(aead.open_in_place(nonce, {}, buffer));
  buffer = sealed;
  auto other_nonce = nonce;
  other_nonce[11] ^= 1;
  EXPECT_FALSE(aead.open_in_place(other_nonce, associated, buffer));
  buffer = sealed;
  EXPECT_TRUE(aead.open_in_place(nonce, associated, buffer));
}

TEST(ChaChaPoly, RefusesWhatIsShorterThanATag) {
  ChaChaPoly aead(AeadKey{});
  for (std::size_t size = 0; size < aead_tag_bytes; ++size) {
    Bytes buffer(size);
    const auto opened = aead.open_in_place({}, {}, buffer);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::bad_signature);
  }
}

TEST(ChaChaPoly, AnEmptyTextIsOnlyATag) {
  ChaChaPoly aead(AeadKey{7});
  Bytes buffer(aead_tag_bytes);
  aead.seal_in_place({}, base::as_bytes("header"), buffer);
  Bytes forged = buffer;
  EXPECT_FALSE(aead.open_in_place({}, base::as_bytes("headex"), forged));
  const auto opened = aead.open_in_place({}, base::as_bytes("header"), buffer);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->empty());
}

// Small and large messages go different ways: what one library seals the other opens, on both sides
// of the boundary.
TEST(ChaChaPoly, BothLibrariesAgree) {
  const AeadKey key{1, 2, 3};
  const AeadNonce nonce{4, 5};
  const ByteView associated = base::as_bytes("header");
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, aead_small_bytes_max - 1, aead_small_bytes_max,
        aead_small_bytes_max + 1, std::size_t{65'519}}) {
    Bytes text(size);
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<std::uint8_t>(i * 7);
    Bytes sealed = text;
    sealed.resize(size + aead_tag_bytes);
    ChaChaPoly(key).seal_in_place(nonce, associated, sealed);

    Bytes by_libsodium(size + aead_tag_bytes);
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(
        by_libsodium.data(), by_libsodium.data() + size, nullptr, text.data(), size,
        associated.data(), associated.size(), nullptr, nonce.data(), key.data());
    EXPECT_EQ(sealed, by_libsodium) << size;
    const auto opened = ChaChaPoly(key).open_in_place(nonce, associated, by_libsodium);
    ASSERT_TRUE(opened.has_value()) << size;
    EXPECT_TRUE(base::equal(*opened, text)) << size;
    sealed.back() ^= 1;
    EXPECT_FALSE(ChaChaPoly(key).open_in_place(nonce, associated, sealed).has_value()) << size;
  }
}

TEST(ChaChaPoly, HoldsItsKeyAndOnePointer) {
  EXPECT_EQ(sizeof(ChaChaPoly), sizeof(AeadKey) + sizeof(void*));
}

}  // namespace
}  // namespace kith::crypto
