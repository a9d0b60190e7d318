#include <rapidcheck.h>

#include "codec/golden_test_util.h"
#include "crypto/hash.h"
#include "wallet/hd_key.h"
#include "wallet/mnemonic.h"
#include "wallet/words_english.h"

namespace kith::wallet {
namespace {

std::string spaced(std::string words) {
  std::ranges::replace(words, ',', ' ');
  return words;
}

TEST(Words, TheListIsBip39s) {
  std::string text;
  for (const std::string_view word : words_english()) text += std::string(word) + "\n";
  // SHA-256 of bip-0039/english.txt.
  EXPECT_EQ(base::to_hex(crypto::sha256(base::as_bytes(text))),
            "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda");
  EXPECT_EQ(word_index("abandon"), 0);
  EXPECT_EQ(word_index("zoo"), 2047);
  EXPECT_EQ(word_index("kith"), std::nullopt);
  EXPECT_EQ(word_index(""), std::nullopt);
}

TEST(Words, GoldenVectors) {
  for (const auto& line : codec::golden_lines("bip39.txt")) {
    SCOPED_TRACE(line[0]);
    const Bytes entropy = codec::unhex(line[0]);
    const std::string words = spaced(line[1]);
    EXPECT_EQ(words_of(entropy), words);
    const auto read = entropy_of(words);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_TRUE(base::equal(read->view(), entropy));
    EXPECT_EQ(base::to_hex(seed_of(entropy, "TREZOR").view()), line[2]);
    EXPECT_NE(base::to_hex(seed_of(entropy, "").view()), line[2]);
  }
}

TEST(Words, EverySizeGoesThereAndBack) {
  rc::check([](std::uint64_t seed) {
    SeededRng rng(seed);
    const std::size_t count = 12 + 3 * rng.below(5);
    const auto entropy = make_entropy(count, rng);
    const std::string words = words_of(entropy.view());
    RC_ASSERT(static_cast<std::size_t>(std::ranges::count(words, ' ')) == count - 1);
    const auto read = entropy_of(words);
    RC_ASSERT(read.has_value());
    RC_ASSERT(base::equal(read->view(), entropy.view()));
  });
}

TEST(Words, OtherTextNeverCrashes) {
  rc::check([](const std::string& text) { (void)entropy_of(text); });
}

TEST(Words, AreReadInAnyCaseAndSpacing) {
  const auto read = entropy_of(
      "  ABANDON abandon\nabandon\tAbandon abandon abandon abandon abandon abandon abandon abandon "
      "about\r\n");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_TRUE(base::equal(read->view(), Bytes(16, 0)));
}

TEST(Words, MistakesAreNamed) {
  const auto says = [](std::string_view words, std::string_view part) {
    const auto read = entropy_of(words);
    ASSERT_FALSE(read.has_value()) << words;
    EXPECT_EQ(read.error().code, Code::malformed);
    EXPECT_NE(read.error().message.find(part), std::string::npos) << read.error().message;
  };
  std::string eleven;
  for (int i = 0; i < 11; ++i) eleven += "abandon ";
  says("", "0 words");
  says(eleven, "11 words");
  says(eleven + "abandon", "checksum");
  says(eleven + "abuot", "word 12, \"abuot\"");
  says(eleven + "abuot", "did you mean \"abuse\"?");
  says(eleven + "qqq", "word 12, \"qqq\", is not in the list of BIP-39");
  says(eleven + eleven + "abandon abandon abandon", "more than 24 words");
}

TEST(Words, ThePassphraseIsAscii) {
  EXPECT_TRUE(check_word_passphrase("").has_value());
  EXPECT_TRUE(check_word_passphrase("a b~").has_value());
  EXPECT_EQ(check_word_passphrase("stra\xc3\x9f"
                                  "e")
                .error()
                .code,
            Code::unsupported);
  EXPECT_EQ(check_word_passphrase("a\tb").error().code, Code::unsupported);
  EXPECT_EQ(check_word_passphrase(std::string(129, 'a')).error().code, Code::too_large);
}

TEST(HdKey, Slip0010Vectors) {
  for (const auto& line : codec::golden_lines("slip0010.txt")) {
    SCOPED_TRACE(line[0] + " " + line[1]);
    HdKey key = HdKey::master(codec::unhex(line[0]));
    if (line[1] != "-") {
      std::istringstream steps(line[1]);
      for (std::string step; std::getline(steps, step, ',');) {
        key = key.child(static_cast<std::uint32_t>(std::stoul(step)));
      }
    }
    EXPECT_EQ(base::to_hex(key.chain_code()), line[2]);
    EXPECT_EQ(base::to_hex(key.secret()), line[3]);
    EXPECT_EQ(base::to_hex(key.key_pair().public_key().data), line[4]);
  }
}

TEST(HdKey, KeysOfAnAccountAreWhereTheHeaderSays) {
  const Bytes seed(64, 7);
  const HdKey account = account_key(seed, 3);
  const HdKey step =
      HdKey::master(seed).child(44).child(0x4b697468).child(3).child(1).child(hd_index_max);
  EXPECT_EQ(chain_key_of(key_at(account, {KeyChain::change, hd_index_max})),
            chain_key_of(step.key_pair()));
  EXPECT_NE(chain_key_of(key_at(account, {KeyChain::receive, 0})),
            chain_key_of(key_at(account, {KeyChain::change, 0})));
}

}  // namespace
}  // namespace kith::wallet
