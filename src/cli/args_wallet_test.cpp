#include "cli/args_wallet.h"

#include <gtest/gtest.h>

#include "cli/args.h"

namespace kith::cli {
namespace {

std::variant<Parsed, ParseEnd> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "kith");
  return parse_args(static_cast<int>(words.size()), words.data());
}

template <class Args>
Args parsed(const std::vector<const char*>& words) {
  const auto result = parse(words);
  if (const auto* end = std::get_if<ParseEnd>(&result)) {
    ADD_FAILURE() << end->err;
    return {};
  }
  const auto* args = std::get_if<Args>(&std::get<Parsed>(result).command);
  if (args != nullptr) return *args;
  ADD_FAILURE() << "another verb";
  return {};
}

std::string refusal(const std::vector<const char*>& words) {
  const auto result = parse(words);
  const auto* end = std::get_if<ParseEnd>(&result);
  if (end == nullptr) return "";
  EXPECT_EQ(end->exit_code, exit_usage);
  return end->err + end->out;
}

TEST(WalletArgs, EveryVerbBecomesItsStruct) {
  const auto create = parsed<WalletCreateArgs>({"wallet", "create", "--words", "12", "--label", "x",
                                                "--wallet", "w", "--passphrase-file", "p"});
  EXPECT_EQ(create.words, 12U);
  EXPECT_EQ(create.label + create.options.wallet + create.options.passphrase_file, "xwp");
  EXPECT_EQ(parsed<WalletCreateArgs>({"wallet", "create"}).words, 24U);
  EXPECT_TRUE(parsed<WalletRestoreArgs>({"wallet", "restore", "--no-passphrase"}).no_passphrase);
  EXPECT_EQ(parsed<WalletWordsArgs>({"wallet", "words"}).options.wallet, "default");
  EXPECT_EQ(parsed<WalletAddressArgs>({"wallet", "address", "--new", "--label", "a"}).label, "a");
  EXPECT_TRUE(parsed<WalletAddressArgs>({"wallet", "address", "--list"}).list);
  parsed<WalletBalanceArgs>({"wallet", "balance"});
  parsed<WalletUtxosArgs>({"wallet", "utxos"});
  EXPECT_EQ(parsed<WalletHistoryArgs>({"wallet", "history", "--limit", "7"}).limit, 7U);
  const auto send =
      parsed<WalletSendArgs>({"wallet", "send", "--to", "a", "--amount", "1.5", "--fee-rate", "2",
                              "--max-fee", "3", "--subtract-fee", "--wait"});
  EXPECT_EQ(send.to + send.amount + send.payment.fee_rate + send.payment.max_fee, "a1.523");
  EXPECT_TRUE(send.subtract_fee && send.payment.wait && !send.all);
  EXPECT_TRUE(parsed<WalletSendArgs>({"wallet", "send", "--to", "a", "--all"}).all);
  EXPECT_EQ(parsed<WalletMergeArgs>({"wallet", "merge", "--unsigned", "f"}).payment.unsigned_file,
            "f");
  const auto sign = parsed<WalletSignArgs>({"wallet", "sign", "f", "--out", "o", "-y"});
  EXPECT_EQ(sign.file + sign.out, "fo");
  EXPECT_TRUE(sign.yes);
  EXPECT_TRUE(parsed<WalletBroadcastArgs>({"wallet", "broadcast", "f", "--wait"}).wait);
}

TEST(ValidatorArgs, EveryVerbBecomesItsStruct) {
  const auto bond = parsed<ValidatorBondArgs>(
      {"validator", "bond", "--amount", "1000", "--owner", "o", "--dry-run"});
  EXPECT_EQ(bond.amount + bond.owner, "1000o");
  EXPECT_TRUE(bond.payment.is_dry_run);
  EXPECT_TRUE(parsed<ValidatorUnbondArgs>({"validator", "unbond", "--all"}).all);
  parsed<ValidatorUnjailArgs>({"validator", "unjail"});
  EXPECT_EQ(parsed<ValidatorStatusArgs>({"validator", "status", "ab"}).key, "ab");
  const auto list =
      parsed<ValidatorListArgs>({"validator", "list", "--limit", "3", "--after", "k"});
  EXPECT_EQ(list.limit, 3U);
  EXPECT_EQ(list.after, "k");
}

TEST(WalletArgs, WhatDoesNotFitIsRefused) {
  for (const std::vector<const char*>& words : std::vector<std::vector<const char*>>{
           {"wallet"},
           {"wallet", "create", "--words", "13"},
           {"wallet", "restore", "abandon", "abandon"},  // words are no arguments
           {"wallet", "address", "--label", "a"},
           {"wallet", "address", "--new", "--list"},
           {"wallet", "send", "--to", "a"},
           {"wallet", "send", "--amount", "1"},
           {"wallet", "send", "--to", "a", "--amount", "1", "--all"},
           {"wallet", "send", "--to", "a", "--all", "--subtract-fee"},
           {"wallet", "send", "--to", "a", "--all", "--wait", "--dry-run"},
           {"wallet", "history", "--limit", "0"},
           {"wallet", "sign"},
           {"wallet", "broadcast"},
           {"validator", "bond"},
           {"validator", "unbond"},
           {"validator", "unbond", "--amount", "1", "--all"},
       }) {
    EXPECT_NE(refusal(words), "") << words.back();
  }
}

}  // namespace
}  // namespace kith::cli
