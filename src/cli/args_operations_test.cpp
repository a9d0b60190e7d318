#include "cli/args_operations.h"

#include <gtest/gtest.h>

#include "cli/args.h"

namespace kith::cli {
namespace {

template <class Args>
Args parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "kith");
  const auto result = parse_args(static_cast<int>(words.size()), words.data());
  if (const auto* end = std::get_if<ParseEnd>(&result)) {
    ADD_FAILURE() << end->err;
    return {};
  }
  const auto* const command = std::get_if<OperationArgs>(&std::get<Parsed>(result).command);
  if (command != nullptr) {
    if (const auto* const args = std::get_if<Args>(command)) return *args;
  }
  ADD_FAILURE() << "another verb than " << words[1];
  return {};
}

TEST(ArgsOperations, AVerbWithVerbsBelowItIsMeantWhenNoneOfThemIs) {
  EXPECT_FALSE(parsed<InspectArgs>({"inspect"}).is_deep);
  EXPECT_TRUE(parsed<InspectArgs>({"inspect", "--deep", "--json"}).is_deep);
  parsed<InspectWalArgs>({"inspect", "wal"});
  EXPECT_EQ(parsed<InspectBlockArgs>({"inspect", "block", "7"}).height, 7u);
  EXPECT_EQ(parsed<InspectReplayArgs>({"inspect", "replay", "--until", "9"}).until, 9u);
}

TEST(ArgsOperations, GenesisTakesListsOneByOne) {
  const auto made = parsed<GenesisNewArgs>({"genesis", "new", "g.kith", "--param", "a=1", "--param",
                                            "b=2", "--output", "c=3", "--network", "n"});
  EXPECT_EQ(made.file, "g.kith");
  EXPECT_EQ(made.options.params, (std::vector<std::string>{"a=1", "b=2"}));
  EXPECT_EQ(made.options.outputs, std::vector<std::string>{"c=3"});
  EXPECT_EQ(made.options.network, "n");
  const auto testnet = parsed<GenesisTestnetArgs>(
      {"genesis", "testnet", "--dir", "d", "--validators", "2", "--host", "h1", "--host", "h2"});
  EXPECT_EQ(testnet.validators, 2u);
  EXPECT_EQ(testnet.hosts, (std::vector<std::string>{"h1", "h2"}));
  EXPECT_EQ(parsed<GenesisAddArgs>({"genesis", "add-validator", "--key", "ab"}).key, "ab");
  EXPECT_EQ(parsed<GenesisShowArgs>({"genesis", "show"}).file, "");
}

TEST(ArgsOperations, SignersAreMadeAndRun) {
  EXPECT_FALSE(parsed<SignerInitArgs>({"signer", "init"}).is_never_used);
  EXPECT_TRUE(parsed<SignerInitArgs>({"signer", "init", "--never-used"}).is_never_used);
  const auto plain = parsed<SignerRunArgs>({"signer", "run"});
  EXPECT_EQ(plain.socket, "signer.sock");
  EXPECT_EQ(plain.listen, "");
  const auto run = parsed<SignerRunArgs>(
      {"signer", "run", "--socket", "s", "--listen", "l", "--allow", "a", "--allow", "b"});
  EXPECT_EQ(run.socket, "s");
  EXPECT_EQ(run.listen, "l");
  EXPECT_EQ(run.allowed, (std::vector<std::string>{"a", "b"}));
}

TEST(ArgsOperations, GroupsAreSharedWithOtherVerbs) {
  parsed<ChainConsensusArgs>({"chain", "consensus"});
  EXPECT_EQ(parsed<ValidatorHeartbeatsArgs>({"validator", "heartbeats", "--key", "cd"}).key, "cd");
}

}  // namespace
}  // namespace kith::cli
