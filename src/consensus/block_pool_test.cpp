#include "consensus/block_pool.h"

#include <rapidcheck.h>

#include <set>

#include "codec/test_votes.h"

namespace kith::consensus {
namespace {

BlockPtr block_on(const Hash& parent, std::uint64_t height, std::size_t bytes = 1,
                  std::uint8_t fill = 0) {
  codec::BlockHeader header;
  header.height = {height};
  header.parent = parent;
  return codec::make_block(header, Bytes(bytes, fill), {});
}

TEST(BlockPool, HoldsEachBlockOnce) {
  BlockPool pool;
  const BlockPtr block = block_on({}, 1, 10);
  EXPECT_EQ(pool.find(block->digest()), nullptr);
  pool.add(block).state = BlockPool::State::good;
  EXPECT_EQ(pool.add(block_on({}, 1, 10)).state, BlockPool::State::good) << "the same block";
  EXPECT_EQ(pool.all().size(), 1u);
  EXPECT_EQ(pool.bytes(), 10u);
  EXPECT_TRUE(pool.is_good(block->digest()));
  EXPECT_FALSE(pool.is_good(codec::number_hash(1)));
}

TEST(BlockPool, FindsWhatWaitsForAParent) {
  BlockPool pool;
  const BlockPtr parent = block_on({}, 1);
  const BlockPtr one = block_on(parent->digest(), 2, 1, 1);
  const BlockPtr two = block_on(parent->digest(), 2, 1, 2);
  pool.add(one);
  pool.add(two).state = BlockPool::State::checking;
  EXPECT_EQ(pool.waiting_for(parent->digest()), std::vector{one});
  EXPECT_TRUE(pool.waiting_for(one->digest()).empty());
}

TEST(BlockPool, LetsGoWhatIsBelowAHeight) {
  BlockPool pool;
  const BlockPtr one = block_on({}, 1, 5);
  const BlockPtr two = block_on(one->digest(), 2, 6);
  const BlockPtr three = block_on(two->digest(), 3, 7);
  for (const BlockPtr& block : {one, two, three}) pool.add(block);
  pool.prune({2}, one->digest());
  EXPECT_NE(pool.find(one->digest()), nullptr) << "kept";
  EXPECT_EQ(pool.find(two->digest()), nullptr);
  EXPECT_NE(pool.find(three->digest()), nullptr);
  EXPECT_EQ(pool.bytes(), 12u);
}

TEST(BlockPool, LetsGoBranchesBesideAFinalBlock) {
  BlockPool pool;
  const BlockPtr root = block_on({}, 1);
  const BlockPtr final = block_on(root->digest(), 2, 1, 1);
  const BlockPtr beside = block_on(root->digest(), 2, 1, 2);
  const BlockPtr beside_child = block_on(beside->digest(), 3);
  const BlockPtr beside_grandchild = block_on(beside_child->digest(), 4);
  const BlockPtr child = block_on(final->digest(), 3);
  const BlockPtr stranger = block_on(codec::number_hash(1), 3);  // its parent could only be beside
  const BlockPtr unknown = block_on(codec::number_hash(2), 4);   // its parent may be on the chain
  for (const BlockPtr& block :
       {root, final, beside, beside_child, beside_grandchild, child, stranger, unknown}) {
    pool.add(block);
  }
  pool.drop_branches_beside(final->digest(), {2});
  std::set<Hash> left;
  for (const auto& [digest, entry] : pool.all()) left.insert(digest);
  EXPECT_EQ(left, (std::set<Hash>{root->digest(), final->digest(), beside->digest(),
                                  child->digest(), unknown->digest()}));
  EXPECT_EQ(pool.bytes(), 5u);
}

/// A random tree: what is left above a final block is what stands on it.
TEST(BlockPool, OnlyDescendantsAreLeft) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint8_t>& parents, std::uint8_t chosen) {
    BlockPool pool;
    std::vector<BlockPtr> blocks{block_on({}, 1)};
    std::vector<std::size_t> parent_of{0};
    pool.add(blocks[0]);
    for (std::size_t i = 0; i < parents.size(); ++i) {
      const std::size_t parent = parents[i] % blocks.size();
      blocks.push_back(
          block_on(blocks[parent]->digest(), blocks[parent]->header().height.value + 1, i + 1));
      parent_of.push_back(parent);
      pool.add(blocks.back());
    }
    const std::size_t final = chosen % blocks.size();
    const Height height = blocks[final]->header().height;
    pool.drop_branches_beside(blocks[final]->digest(), height);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      std::size_t above = i;
      while (blocks[above]->header().height > height) above = parent_of[above];
      const bool is_old = blocks[i]->header().height <= height;
      RC_ASSERT((pool.find(blocks[i]->digest()) != nullptr) == (is_old || above == final));
    }
  }));
}

}  // namespace
}  // namespace kith::consensus
