#include "wallet/wallet.h"

#include <rapidcheck.h>

#include <functional>

#include "codec/golden_test_util.h"
#include "crypto/hash.h"
#include "wallet/mnemonic.h"

namespace kith::wallet {
namespace {

WordSecret secret_of(std::size_t bytes, std::string_view passphrase = "") {
  Bytes entropy(bytes);
  for (std::size_t i = 0; i < bytes; ++i) entropy[i] = static_cast<std::uint8_t>(i);
  return {crypto::SecretBytes::copy_of(entropy),
          crypto::SecretBytes::copy_of(base::as_bytes(passphrase))};
}

WalletTerms terms() {
  WalletTerms terms;
  terms.genesis.fill(0x11);
  terms.network = "devnet";
  terms.hrp = "kith";
  return terms;
}

Wallet a_wallet(std::optional<std::string_view> passphrase = std::nullopt) {
  SeededRng rng(1);
  auto wallet = Wallet::create(terms(), secret_of(16), passphrase, rng, crypto::kdf_cost_min);
  EXPECT_TRUE(wallet.has_value());
  return *std::move(wallet);
}

Wallet reread(const Wallet& wallet) {
  auto file = decode_wallet(encode_wallet(wallet.file()));
  EXPECT_TRUE(file.has_value());
  return Wallet(*std::move(file));
}

TEST(WalletFile, GoldenVectors) {
  for (const auto& line : codec::golden_lines("wallet_file.txt")) {
    SCOPED_TRACE(line[4]);
    const Bytes bytes = codec::unhex(line[0]);
    auto file = decode_wallet(bytes);
    ASSERT_TRUE(file.has_value()) << file.error().message;
    EXPECT_EQ(encode_wallet(*file), bytes);
    Wallet wallet(*std::move(file));
    EXPECT_EQ(wallet.needs_passphrase(), line[1] != "-");
    EXPECT_EQ(wallet.address({KeyChain::receive, 0}), line[4]);
    const auto words = wallet.open_words(line[1]);
    ASSERT_TRUE(words.has_value()) << words.error().message;
    EXPECT_EQ(base::to_hex(words->entropy.view()), line[2]);
    EXPECT_EQ(base::as_text(words->passphrase.view()), line[3] == "-" ? "" : line[3]);
    EXPECT_TRUE(wallet.unlock(line[1]).has_value());
    EXPECT_GE(wallet.file().chains[0].keys.size(), window_keys);
  }
}

TEST(WalletFile, EveryDamageIsFound) {
  const Bytes good = encode_wallet(a_wallet().file());
  rc::check([&](std::uint64_t seed) {
    SeededRng rng(seed);
    Bytes bad = good;
    bad[rng.below(bad.size())] ^= static_cast<std::uint8_t>(1 << rng.below(8));
    RC_ASSERT(!decode_wallet(bad).has_value());
    RC_ASSERT(!decode_wallet(ByteView(good).first(rng.below(good.size()))).has_value());
  });
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(decode_wallet(longer).error().code, Code::bad_key);
  Bytes newer = good;
  newer[11] = 2;
  EXPECT_EQ(decode_wallet(newer).error().code, Code::unsupported);
  EXPECT_EQ(decode_wallet(Bytes(wallet_file_bytes_max + 1)).error().code, Code::too_large);
}

/// Changes bytes and makes the checksum right again: what an attacker, not a bad disk, would do.
Bytes forged(const WalletFile& file, const std::function<void(Bytes&)>& change) {
  Bytes bytes = encode_wallet(file);
  bytes.resize(bytes.size() - 32);
  change(bytes);
  base::append(bytes, crypto::sha256(bytes));
  return bytes;
}

TEST(WalletFile, OtherBytesAreReadTheSameOrRefused) {
  const Wallet wallet = a_wallet("p");
  const WalletFile& file = wallet.file();
  rc::check([&](std::uint64_t seed) {
    SeededRng rng(seed);
    const Bytes bytes = forged(file, [&](Bytes& body) {
      for (std::size_t i = 0; i < 4; ++i) {
        body[11 + rng.below(240)] = static_cast<std::uint8_t>(rng.next());
      }
    });
    const auto read = decode_wallet(bytes);
    if (read) RC_ASSERT(encode_wallet(*read) == bytes);
  });
}

TEST(WalletFile, AGreedyCostIsRefusedBeforeItIsPaid) {
  const Bytes bytes = forged(a_wallet("p").file(), [](Bytes& body) {
    const std::size_t ops = 12 + 32 + 7 + 5 + 4 + 1;
    body[ops + 3] = 11;
  });
  EXPECT_EQ(decode_wallet(bytes).error().code, Code::too_large);
}

TEST(Wallet, ASealedOneOpensWithItsPassphraseAlone) {
  Wallet wallet = reread(a_wallet("swordfish"));
  EXPECT_TRUE(wallet.needs_passphrase());
  EXPECT_EQ(wallet.unlock(std::nullopt).error().code, Code::passphrase);
  EXPECT_EQ(wallet.unlock("swordfist").error().code, Code::passphrase);
  EXPECT_EQ(wallet.unlock("").error().code, Code::passphrase);
  EXPECT_TRUE(wallet.unlock("swordfish").has_value());
  EXPECT_TRUE(
      base::equal(wallet.open_words("swordfish")->entropy.view(), secret_of(16).entropy.view()));
}

TEST(Wallet, TheSecretIsNotInASealedFile) {
  const Bytes sealed = encode_wallet(a_wallet("swordfish").file());
  const Bytes open = encode_wallet(a_wallet().file());
  const auto secret = secret_of(16);
  const auto holds = [&](const Bytes& bytes) {
    return !std::ranges::search(bytes, secret.entropy.view()).empty();
  };
  EXPECT_TRUE(holds(open));
  EXPECT_FALSE(holds(sealed));
}

TEST(Wallet, AnAddressPutInByAnotherIsFound) {
  const Wallet wallet = a_wallet("p");
  const WalletFile& file = wallet.file();
  WalletFile changed = *decode_wallet(encode_wallet(file));
  changed.chains[0].keys[2].fill(9);
  Wallet bad(std::move(changed));
  const auto unlocked = bad.unlock("p");
  ASSERT_FALSE(unlocked.has_value());
  EXPECT_EQ(unlocked.error().code, Code::bad_key);
  // Chain and account are under the seal itself.
  WalletFile moved = *decode_wallet(encode_wallet(file));
  moved.genesis.fill(0x22);
  EXPECT_EQ(Wallet(std::move(moved)).unlock("p").error().code, Code::passphrase);
}

TEST(Wallet, AddressesAreGivenUpToTheGap) {
  Wallet wallet = a_wallet("p");
  EXPECT_EQ(wallet.file().chains[0].next, 1U);
  for (std::uint32_t i = 1; i < gap_limit; ++i) {
    const auto path = wallet.new_address(i == 5 ? "five" : "");
    ASSERT_TRUE(path.has_value());
    EXPECT_EQ(path->index, i);
    EXPECT_EQ(wallet.find(wallet.lock(*path)), *path);
  }
  EXPECT_EQ(wallet.new_address("").error().code, Code::limit);
  EXPECT_EQ(wallet.label({KeyChain::receive, 5}), "five");
  EXPECT_EQ(wallet.label({KeyChain::receive, 6}), "");
  wallet.mark_used({KeyChain::receive, 3});
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(wallet.new_address("").has_value());
  EXPECT_EQ(wallet.new_address("").error().code, Code::limit);
  const Wallet again = reread(wallet);
  EXPECT_EQ(again.label({KeyChain::receive, 5}), "five");
  EXPECT_EQ(again.file().chains, wallet.file().chains);
  EXPECT_EQ(wallet.new_address(std::string(65, 'x')).error().code, Code::usage);
}

TEST(Wallet, ALockedOneRunsOutOfKeysAndAnUnlockedOneDoesNot) {
  Wallet wallet = a_wallet("p");
  Result<KeyPath> path = KeyPath{};
  std::uint32_t given = 1;
  while ((path = wallet.new_address(""))) {
    wallet.mark_used(*path);
    ++given;
  }
  EXPECT_EQ(path.error().code, Code::passphrase);
  EXPECT_EQ(given, window_keys);
  EXPECT_TRUE(wallet.unlock("p").has_value());
  EXPECT_TRUE(wallet.new_address("").has_value());
  EXPECT_EQ(wallet.file().chains[0].keys.size(), 2 * window_keys);
}

TEST(Wallet, ChangeGoesOnFromPaymentToPayment) {
  Wallet wallet = a_wallet();
  EXPECT_EQ(wallet.next_change()->index, 0U);
  EXPECT_EQ(wallet.next_change()->index, 0U);
  for (std::uint32_t i = 0; i < 50; ++i) {
    const auto path = wallet.next_change();
    EXPECT_EQ(path->index, std::min(i, gap_limit - 1));
    wallet.take_change(*path);
  }
  wallet.mark_used({KeyChain::change, 19});
  EXPECT_EQ(wallet.next_change()->index, 20U);
  EXPECT_EQ(wallet.scan_end(KeyChain::change), 40U);
}

TEST(Wallet, AccountsAndPassphrasesOfWordsAreApart) {
  SeededRng rng(1);
  auto other = terms();
  other.account = 1;
  const auto first = [&](const WalletTerms& with, const WordSecret& secret) {
    return Wallet::create(with, secret, std::nullopt, rng)->address({});
  };
  const std::string plain = first(terms(), secret_of(16));
  EXPECT_NE(first(other, secret_of(16)), plain);
  EXPECT_NE(first(terms(), secret_of(16, "x")), plain);
  EXPECT_NE(first(terms(), secret_of(32)), plain);
  EXPECT_EQ(first(terms(), secret_of(16)), plain);
}

}  // namespace
}  // namespace kith::wallet
