#include "crypto/keystore.h"

#include <rapidcheck.h>

#include <fstream>
#include <sstream>

#include "crypto/hash.h"

namespace kith::crypto {
namespace {

KeyPair a_key() {
  std::array<std::uint8_t, 32> seed;
  for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<std::uint8_t>(i);
  return KeyPair::from_seed(seed);
}

Bytes encoded(std::optional<std::string_view> passphrase = std::nullopt) {
  SeededRng rng(4);
  return encode_identity_key(a_key(), passphrase, rng, kdf_cost_min);
}

Error error_of(ByteView file, std::optional<std::string_view> passphrase = std::nullopt) {
  const auto decoded = decode_identity_key(file, passphrase);
  if (decoded) {
    ADD_FAILURE() << "decoded: " << base::as_text(file);
    return {};
  }
  return decoded.error();
}

bool says(const Error& error, std::string_view part) {
  return error.message.find(part) != std::string::npos;
}

/// Swaps text and makes the checksum right again: what an attacker, not a bad disk, would do.
Bytes altered(Bytes file, std::string_view from, std::string_view to) {
  std::string text(base::as_text(file));
  const auto at = text.find(from);
  EXPECT_NE(at, text.npos);
  text.replace(at, from.size(), to);
  text.erase(text.rfind("sha256: "));
  text += "sha256: " + base::to_hex(sha256(base::as_bytes(text))) + "\n";
  return base::to_bytes(std::string_view(text));
}

std::string golden_file(const std::string& name) {
  std::ifstream file(KITH_SOURCE_DIR "/tests/golden/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The format is a promise: these files must be readable for ever.
TEST(Keystore, ReadsTheGoldenFiles) {
  const auto seed_of = [](const std::string& name, std::optional<std::string_view> passphrase) {
    const auto key = decode_identity_key(base::as_bytes(golden_file(name)), passphrase);
    return key ? base::to_hex(key->seed()) : base::to_string(key.error());
  };
  const std::string counting = base::to_hex(a_key().seed());
  EXPECT_EQ(seed_of("identity_open.key", std::nullopt), counting);
  EXPECT_EQ(seed_of("identity_sealed.key", "correct horse"), counting);
  std::string all_fe;
  for (int i = 0; i < 32; ++i) all_fe += "fe";
  EXPECT_EQ(seed_of("identity_sealed_utf8.key", "Z\xc3\xbcrich \xe2\x82\xac 1"), all_fe);
}

TEST(Keystore, WritesTheGoldenFiles) {
  EXPECT_EQ(base::as_text(encoded()), golden_file("identity_open.key"));
  EXPECT_EQ(base::as_text(encoded("correct horse")), golden_file("identity_sealed.key"));
}

TEST(Keystore, RoundTripsAndIsSmall) {
  ASSERT_TRUE(rc::check([](std::uint64_t seed, const std::string& passphrase) {
    SeededRng rng(seed);
    const KeyPair key = KeyPair::generate(rng);
    const Bytes plain = encode_identity_key(key, std::nullopt, rng);
    RC_ASSERT(base::equal(decode_identity_key(plain, std::nullopt).value().seed(), key.seed()));
    const Bytes sealed = encode_identity_key(key, passphrase, rng, kdf_cost_min);
    RC_ASSERT(base::equal(decode_identity_key(sealed, passphrase).value().seed(), key.seed()));
    RC_ASSERT(sealed.size() <= 360U);
    RC_ASSERT(base::as_text(sealed).find(base::to_hex(key.seed())) == std::string_view::npos);
  }));
}

TEST(Keystore, UsesItsDefaultCost) {
  SeededRng rng(1);
  const Bytes file = encode_identity_key(a_key(), "p", rng);
  EXPECT_NE(base::as_text(file).find("kdf: argon2id ops=3 mem_kib=65536\n"),
            std::string_view::npos);
  EXPECT_TRUE(decode_identity_key(file, "p"));
}

TEST(Keystore, AsksForAPassphraseOnlyWhenNeeded) {
  EXPECT_FALSE(needs_passphrase(encoded()));
  EXPECT_TRUE(needs_passphrase(encoded("x")));
  EXPECT_FALSE(needs_passphrase({}));
  EXPECT_TRUE(decode_identity_key(encoded(), "not needed"));
}

TEST(Keystore, TellsAMissingFromAWrongPassphrase) {
  const Bytes file = encoded("correct horse");
  const Error missing = error_of(file);
  EXPECT_EQ(missing.code, Code::passphrase);
  EXPECT_TRUE(says(missing, "none was given")) << missing.message;
  for (const std::string_view wrong : {"", "correct hors", "correct horse "}) {
    const Error error = error_of(file, wrong);
    EXPECT_EQ(error.code, Code::passphrase);
    EXPECT_TRUE(says(error, "wrong passphrase")) << error.message;
  }
}

TEST(Keystore, EveryTruncationIsABadKey) {
  for (const Bytes& file : {encoded(), encoded("p")}) {
    for (std::size_t size = 0; size < file.size(); ++size) {
      const Error error = error_of(ByteView(file).first(size), "p");
      EXPECT_EQ(error.code, Code::bad_key) << size;
      EXPECT_TRUE(says(error, "damaged")) << error.message;
    }
    Bytes longer = file;
    longer.push_back('\n');
    EXPECT_EQ(error_of(longer, "p").code, Code::bad_key);
    longer.resize(2000, ' ');
    EXPECT_TRUE(says(error_of(longer, "p"), "2000 bytes"));
  }
}

TEST(Keystore, EveryFlippedBitIsABadKey) {
  for (const Bytes& file : {encoded(), encoded("p")}) {
    for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
      Bytes damaged = file;
      damaged[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
      ASSERT_EQ(error_of(damaged, "p").code, Code::bad_key) << bit;
    }
  }
}

TEST(Keystore, NamesTheDamage) {
  EXPECT_TRUE(says(error_of({}), "empty"));
  EXPECT_TRUE(says(error_of(base::as_bytes("-----BEGIN KEY-----\n")), "KITH IDENTITY KEY"));
  Bytes damaged = encoded();
  damaged[50] ^= 1;
  EXPECT_TRUE(says(error_of(damaged), "checksum does not match"));
  EXPECT_TRUE(says(error_of(altered(encoded(), "KEY 1", "KEY 2")), "version \"2\""));
  EXPECT_TRUE(says(error_of(altered(encoded(), "ed25519", "falcon")), "kind \"falcon\""));
  EXPECT_TRUE(says(error_of(altered(encoded(), "seed: 00", "seed: 0")), "64 hexadecimal"));
  EXPECT_TRUE(says(error_of(altered(encoded(), "0a0b", "0A0b")), "64 hexadecimal"));
  EXPECT_TRUE(says(error_of(altered(encoded(), "kind: ed25519\n", "")), "\"kind: \""));
  EXPECT_TRUE(says(error_of(altered(encoded(), "1e1f\n", "1e1f\nmore: 1\n")), "more after"));
  // The errors about a seed must not repeat it.
  EXPECT_FALSE(says(error_of(altered(encoded(), "seed: 00", "seed: 0")), "010203"));
}

TEST(Keystore, CapsTheCostBeforePayingIt) {
  const Bytes file = encoded("p");
  for (const char* cost : {"ops=11 mem_kib=8", "ops=1 mem_kib=1048577", "ops=4294967295 mem_kib=8",
                           "ops=1 mem_kib=4294967295"}) {
    const Error error = error_of(altered(file, "ops=1 mem_kib=8", cost), "p");
    EXPECT_EQ(error.code, Code::too_large) << cost;
  }
  for (const char* cost :
       {"ops=0 mem_kib=8", "ops=1 mem_kib=7", "ops=1 mem_kib=0", "ops= mem_kib=8",
        "ops=01 mem_kib=8", "ops=-1 mem_kib=8", "ops=1 mem_kib=4294967296", "ops=1 mem_kib=8 ",
        "ops=1", "ops=1  mem_kib=8", ""}) {
    EXPECT_EQ(error_of(altered(file, "ops=1 mem_kib=8", cost), "p").code, Code::bad_key) << cost;
  }
  const auto over = decode_identity_key(file, "p", KdfCost{1, 7});
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Code::too_large);
}

TEST(Keystore, BindsTheHeaderToTheSealedSeed) {
  // Other parameters that pass every check still do not open: they are associated data.
  const Bytes file = encoded("p");
  EXPECT_EQ(error_of(altered(file, "ops=1 mem_kib=8", "ops=2 mem_kib=8"), "p").code,
            Code::passphrase);
}

}  // namespace
}  // namespace kith::crypto
