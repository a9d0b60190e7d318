#include "node/inspect.h"

#include <gtest/gtest.h>

#include "node/chain_net_test_util.h"

namespace kith::node {
namespace {

class InspectTest : public testing::Test {
 protected:
  InspectTest() : net_(4) {
    net_.run_for(200ms);
    const Hash genesis = net_.node(0).chain->genesis_hash();
    const auto tx = codec::seal(
        codec::test::payment({{{genesis, 0}, 1}}, {{4, 900'000'000}}, 99'100'000'000, genesis));
    for (std::size_t i = 0; i < 4; ++i) net_.turn(net_.node(i), SubmitTx{{i}, tx, {}});
    net_.run_for(2s);
    for (std::size_t i = 0; i < 4; ++i) net_.stop(net_.node(i));
  }
  TestStore& store() { return net_.node(0).store; }
  Inspection look() {
    Inspection inspection = *inspect(store(), net_.genesis());
    const auto leaves = [&](std::uint64_t first, std::size_t count) -> Result<std::vector<Hash>> {
      const auto at = store().memory.leaves().begin() + static_cast<std::ptrdiff_t>(first);
      return std::vector<Hash>(at, at + static_cast<std::ptrdiff_t>(count));
    };
    const auto deep = inspect_deep(store(), net_.genesis(), leaves, inspection);
    EXPECT_TRUE(deep.has_value());
    return inspection;
  }
  void write(Table table, Bytes key, std::optional<Bytes> value) {
    WriteBatch batch;
    batch.records.push_back({table, std::move(key), std::move(value)});
    batch.first_leaf = store().memory.leaves().size();
    store().write(batch);
  }
  std::pair<Bytes, Bytes> last_of(Table table) {
    std::pair<Bytes, Bytes> last;
    (void)store().scan(table, [&](ByteView key, ByteView value) {
      last = {base::to_bytes(key), base::to_bytes(value)};
    });
    return last;
  }

  ChainNet net_;
};

TEST_F(InspectTest, AWholeStoreHasNoProblems) {
  const Inspection inspection = look();
  EXPECT_GT(inspection.height.value, 20u);
  EXPECT_EQ(inspection.validators.size(), 4u);
  EXPECT_EQ(inspection.checks.size(), 3u);
  EXPECT_TRUE(inspection.supply.is_conserved());
  EXPECT_TRUE(inspection.problems.empty()) << inspection.problems.front();
  // As many as there are heights.
  for (const TableSize& table : inspection.tables) {
    if (table.name == "blocks") EXPECT_EQ(table.records, inspection.height.value);
  }
}

TEST_F(InspectTest, EachKindOfDamageIsFound) {
  const auto problem_with = [&](Table table, std::optional<Bytes> value) {
    const auto [key, before] = last_of(table);
    write(table, key, std::move(value));
    const Inspection inspection = look();
    write(table, key, before);
    return inspection.problems.empty() ? std::string("none") : inspection.problems.front();
  };
  auto utxo = *codec::decode_utxo(last_of(Table::utxo).second);
  utxo.output.value += 1;
  const auto bytes = codec::encode(utxo);
  EXPECT_NE(problem_with(Table::utxo, Bytes(bytes.begin(), bytes.end())).find("is not the leaf"),
            std::string::npos);
  EXPECT_NE(problem_with(Table::utxo, std::nullopt).find("the root of outputs"), std::string::npos);
  auto entry = *codec::decode_validator(last_of(Table::validator).second);
  entry.missed_ever += 1;
  EXPECT_NE(
      problem_with(Table::validator, codec::encode_validator(entry)).find("the root of validators"),
      std::string::npos);
  Bytes certificate = last_of(certificate_table).second;
  certificate.back() ^= 1;
  EXPECT_NE(problem_with(certificate_table, certificate).find("the certificate of block"),
            std::string::npos);
  EXPECT_NE(problem_with(digest_table, std::nullopt).find("is not found by its digest"),
            std::string::npos);
  EXPECT_TRUE(look().problems.empty());
}

TEST_F(InspectTest, AReplayLeadsToWhatTheLastBlockSays) {
  const auto text = replay(store(), net_.genesis(), {});
  ASSERT_TRUE(text.has_value()) << text.error().message;
  EXPECT_NE(text->find("\nverdict good\n"), std::string::npos) << *text;
  EXPECT_EQ(text->find("DIFFERS"), std::string::npos);
  // Another node's is the same to the letter.
  EXPECT_EQ(replay(net_.node(1).store, net_.genesis(), {7}).value(),
            replay(store(), net_.genesis(), {7}).value());
  const auto [key, before] = last_of(block_table);
  write(block_table, key, std::nullopt);
  EXPECT_FALSE(replay(store(), net_.genesis(), {}));
}

TEST_F(InspectTest, AnotherChainsStoreIsRefused) {
  codec::Genesis other = net_.genesis();
  other.network = "other";
  EXPECT_EQ(inspect(store(), other).error().code, Code::wrong_peer);
}

}  // namespace
}  // namespace kith::node
