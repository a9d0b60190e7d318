#include "app/engine.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace kith::app {
namespace {

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    std::string name = (std::filesystem::temp_directory_path() / "kith-app-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~EngineTest() override { std::filesystem::remove_all(folder_); }

  std::string chain_dir() const { return folder_ + "/chain"; }
  Result<std::unique_ptr<Engine>> make(std::string chain_dir) {
    EngineConfig config;
    config.chain_dir = std::move(chain_dir);
    return Engine::make(std::move(config), crypto::KeyPair::generate(rng_), base::null_log());
  }

  rt::SystemRng rng_;
  std::string folder_;
};

TEST_F(EngineTest, KeepsNoChainUnlessTold) {
  const auto engine = make("").value();
  EXPECT_EQ(engine->chain_store(), nullptr);
  EXPECT_TRUE(engine->votes().empty());
  EXPECT_TRUE(engine->votes_were_empty());
}

TEST_F(EngineTest, OpensTheChainAndGivesBackTheLog) {
  {
    auto store = rt::ChainStore::open(chain_dir()).value();
    ledger::WriteBatch batch;
    batch.height = {3};
    ASSERT_TRUE(store->write(batch));
    auto votes = rt::Wal::open(chain_dir() + "/votes", rng_).value();
    const std::vector<Bytes> records = {Bytes{1, 2}};
    ASSERT_TRUE(votes->append(2, records));
  }
  {
    const auto engine = make(chain_dir()).value();
    EXPECT_EQ(engine->chain_store()->height(), ledger::Height{3});
    EXPECT_EQ(engine->votes(), (rt::Wal::Segments{{2, {{1, 2}}}}));
    EXPECT_FALSE(engine->votes_damage());
    EXPECT_FALSE(engine->votes_were_empty());
    const auto second = make(chain_dir());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::locked);
  }
  for (const auto& entry : std::filesystem::directory_iterator(chain_dir() + "/votes")) {
    if (entry.path().extension() == ".wal") std::ofstream(entry.path()) << "rotten";
  }
  const auto engine = make(chain_dir()).value();
  ASSERT_TRUE(engine->votes_damage());
  EXPECT_EQ(engine->votes_damage()->code, Code::malformed);
  EXPECT_TRUE(engine->votes().empty());
}

/// Whatever is in it: who put it there wanted the node to stand still.
TEST_F(EngineTest, AProofOfAForkKeepsItFromStarting) {
  ASSERT_TRUE(make(chain_dir()));
  std::ofstream(chain_dir() + "/fork-12.proof") << "torn";
  const auto refused = make(chain_dir());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_NE(refused.error().message.find(chain_dir() + "/fork-12.proof"), std::string::npos);
  EXPECT_NE(refused.error().message.find("cannot be verified"), std::string::npos);
  std::filesystem::remove(chain_dir() + "/fork-12.proof");
  EXPECT_TRUE(make(chain_dir()));
}

}  // namespace
}  // namespace kith::app
