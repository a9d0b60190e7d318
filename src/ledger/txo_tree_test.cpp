#include "ledger/txo_tree.h"

#include <rapidcheck.h>

#include <bit>

#include "codec/test_hashes.h"

namespace kith::ledger {
namespace {

using codec::number_hash;
using codec::txo_chunk_leaves;

Hash tagged(std::string_view tag, const Hash& left, const Hash& right) {
  Bytes bytes = base::to_bytes(tag);
  bytes.push_back(0);
  base::append(bytes, left);
  base::append(bytes, right);
  return crypto::sha256(bytes);
}

Hash naive_top(std::string_view tag, std::vector<Hash> level) {
  while (level.size() > 1) {
    std::vector<Hash> above;
    for (std::size_t i = 0; i < level.size(); i += 2) {
      above.push_back(tagged(tag, level[i], level[i + 1]));
    }
    level = std::move(above);
  }
  return level.front();
}

/// Everything in the open, and every root from nothing.
struct Model {
  std::vector<Hash> leaves;
  std::vector<bool> unspent;

  Hash chunk_node(std::size_t chunk) const {
    std::vector<Hash> padded(txo_chunk_leaves);
    Hash bitmap{};
    for (std::size_t i = 0; i < txo_chunk_leaves; ++i) {
      const std::size_t index = chunk * txo_chunk_leaves + i;
      if (index >= leaves.size()) break;
      padded[i] = leaves[index];
      if (unspent[index]) bitmap[i / 8] |= static_cast<std::uint8_t>(1u << (i % 8));
    }
    return tagged("kith/txo-chunk/1", naive_top("kith/txo-leaf/1", padded), bitmap);
  }
  Hash root() const {
    const std::size_t used = (leaves.size() + txo_chunk_leaves - 1) / txo_chunk_leaves;
    std::vector<Hash> chunks;
    for (std::size_t i = 0; i < std::bit_ceil(std::max<std::size_t>(1, used)); ++i) {
      chunks.push_back(chunk_node(i));
    }
    const Hash top = naive_top("kith/txo-upper/1", chunks);
    Bytes bytes = base::to_bytes("kith/txo-root/1");
    bytes.push_back(0);
    codec::Writer(bytes).u64(leaves.size());
    base::append(bytes, top);
    return crypto::sha256(bytes);
  }
  std::span<const Hash> chunk_leaves(std::uint64_t index) const {
    const std::size_t first = index / txo_chunk_leaves * txo_chunk_leaves;
    return std::span(leaves).subspan(first, std::min(txo_chunk_leaves, leaves.size() - first));
  }
};

template <class View>
void expect_same(const View& view, const Model& model) {
  RC_ASSERT(view.size() == model.leaves.size());
  for (std::size_t i = 0; i < model.unspent.size(); ++i) {
    RC_ASSERT(view.is_unspent(i) == model.unspent[i]);
  }
  RC_ASSERT(!view.is_unspent(model.unspent.size()));
}

void expect_proofs(const TxoTree& tree, const Model& model, std::uint64_t index) {
  const auto proof = tree.prove(index, model.chunk_leaves(index));
  RC_ASSERT(proof.has_value());
  const auto unspent = codec::verify_txo_proof(tree.root(), index, model.leaves[index], *proof);
  RC_ASSERT(unspent.has_value());
  RC_ASSERT(*unspent == model.unspent[index]);
}

/// An unfinalized block.
struct Block {
  std::shared_ptr<TxoView> view;
  std::size_t parent;  // a place in `blocks`; `finalized` when it stands on the tree
  Model model;
};
constexpr std::size_t finalized = SIZE_MAX;

/// Grows a random tree of blocks over a TxoTree, finalizes some of them, and compares.
struct Chain {
  TxoTree tree;
  Model model;
  std::vector<Block> blocks;
  std::uint64_t numbers = 0;

  void begin(std::uint64_t size) {
    TxoView view(tree);
    for (; numbers < size; ++numbers) {
      view.append(number_hash(numbers));
      model.leaves.push_back(number_hash(numbers));
      model.unspent.push_back(true);
    }
    tree.apply(view.delta());
  }

  void grow() {
    const std::size_t parent = *rc::gen::inRange<std::size_t>(0, blocks.size() + 1);
    Block block;
    if (parent == blocks.size()) {
      block = {std::make_shared<TxoView>(tree), finalized, model};
    } else {
      block = {std::make_shared<TxoView>(blocks[parent].view), parent, blocks[parent].model};
    }
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) change(block);
    RC_ASSERT(block.view->root() == block.model.root());
    blocks.push_back(std::move(block));
  }

  void change(Block& block) {
    auto& [leaves, unspent] = block.model;
    // Most blocks append nothing, so that the last chunk often stays as it was.
    const int appends = *rc::gen::weightedElement<int>(
        {{8, 0}, {1, 1}, {1, 3}, {1, 254}, {1, 255}, {1, 256}, {1, 257}, {1, 700}});
    for (int i = 0; i < appends; ++i) {
      const Hash added = number_hash(numbers++);
      RC_ASSERT(block.view->append(added) == leaves.size());
      leaves.push_back(added);
      unspent.push_back(true);
    }
    for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
      const auto index = *rc::gen::inRange<std::uint64_t>(0, leaves.size() + 2);
      const bool may = index < leaves.size() && unspent[index];
      const auto result = block.view->spend(index);
      RC_ASSERT(result.has_value() == may);
      if (may) {
        unspent[index] = false;
      } else {
        RC_ASSERT(result.error().code == (index < leaves.size() ? Code::refused : Code::not_found));
      }
    }
    // Roots between changes of one block are right as well.
    if (*rc::gen::inRange(0, 3) == 0) RC_ASSERT(block.view->root() == block.model.root());
  }

  bool stands_on(std::size_t block, std::size_t below) const {
    while (block != finalized && block != below) block = blocks[block].parent;
    return block == below;
  }

  void finalize() {
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (blocks[i].parent == finalized) candidates.push_back(i);
    }
    if (candidates.empty()) return;
    const std::size_t chosen = *rc::gen::elementOf(candidates);
    model = blocks[chosen].model;
    tree.apply(blocks[chosen].view->delta());
    const bool at_once = *rc::gen::arbitrary<bool>();
    std::vector<Block> kept;
    std::vector<std::size_t> place(blocks.size(), finalized);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (i == chosen || !stands_on(i, chosen)) continue;
      if (!at_once) expect_same(*blocks[i].view, blocks[i].model);
      if (blocks[i].parent == chosen) blocks[i].view->rebase();
      place[i] = kept.size();
      kept.push_back(blocks[i]);
      kept.back().parent = place[blocks[i].parent];
    }
    blocks = std::move(kept);
  }

  void check() const {
    expect_same(tree, model);
    RC_ASSERT(tree.root() == model.root());
    for (const Block& block : blocks) expect_same(*block.view, block.model);
    if (model.leaves.empty()) return;
    expect_proofs(tree, model, 0);
    expect_proofs(tree, model, model.leaves.size() - 1);
    expect_proofs(tree, model, *rc::gen::inRange<std::uint64_t>(0, model.leaves.size()));
  }
};

TEST(TxoTree, IsTheModelThroughForksAndFinality) {
  EXPECT_TRUE(rc::check([] {
    Chain chain;
    chain.begin(*rc::gen::elementOf(std::vector<std::uint64_t>{0, 0, 255, 256, 600, 1300, 2500}));
    for (int step = *rc::gen::inRange(1, 25); step > 0; --step) {
      if (*rc::gen::inRange(0, 3) == 0) {
        chain.finalize();
      } else {
        chain.grow();
      }
    }
    while (!chain.blocks.empty()) {
      chain.finalize();
      chain.check();
    }
    const Bytes bytes = chain.tree.encode();
    const auto again = TxoTree::decode(bytes);
    RC_ASSERT(again.has_value());
    RC_ASSERT(again->root() == chain.tree.root());
    RC_ASSERT(again->encode() == bytes);
    // It goes on from the frontier.
    TxoView view(*again);
    view.append(number_hash(77));
    chain.model.leaves.push_back(number_hash(77));
    chain.model.unspent.push_back(true);
    RC_ASSERT(view.root() == chain.model.root());
  }));
}

TxoTree of_size(std::uint64_t size) {
  TxoTree tree;
  TxoView view(tree);
  for (std::uint64_t i = 0; i < size; ++i) view.append(number_hash(i));
  for (std::uint64_t i = 0; i < size; i += 3) EXPECT_TRUE(view.spend(i));
  tree.apply(view.delta());
  return tree;
}

TEST(TxoTree, GoldenVectors) {
  for (const codec::GoldenLine& line : codec::golden_lines("txo_proof.txt")) {
    SCOPED_TRACE(line[0]);
    const std::uint64_t size = std::stoull(line[0]);
    const TxoTree tree = of_size(size);
    EXPECT_EQ(base::to_hex(tree.root()), line[1]);
    if (size == 0) continue;
    Model model;
    for (std::uint64_t i = 0; i < size; ++i) model.leaves.push_back(number_hash(i));
    const std::uint64_t index = std::stoull(line[2]);
    const auto proof = tree.prove(index, model.chunk_leaves(index));
    ASSERT_TRUE(proof);
    EXPECT_EQ(base::to_hex(codec::encode_txo_proof(*proof)), line[3]);
  }
}

TEST(TxoTree, ADeltaSaysWhatIsToBeWritten) {
  TxoTree tree = of_size(300);
  TxoView view(tree);
  EXPECT_EQ(view.append(number_hash(300)), 300u);
  ASSERT_TRUE(view.spend(299));
  ASSERT_TRUE(view.spend(1));
  ASSERT_TRUE(view.spend(300));  // made and spent in one block
  const TxoDelta& delta = view.delta();
  EXPECT_EQ(delta.root_before, tree.root());
  EXPECT_EQ(delta.first_index, 300u);
  EXPECT_EQ(delta.leaves, std::vector{number_hash(300)});
  EXPECT_EQ(delta.spent, (std::vector<std::uint64_t>{1, 299, 300}));
  EXPECT_EQ(delta.chunks.size(), 2u);
  EXPECT_EQ(delta.size(), 301u);
  EXPECT_TRUE(tree.is_unspent(299));
  tree.apply(delta);
  EXPECT_FALSE(tree.is_unspent(299));
  EXPECT_EQ(tree.root(), view.root());
}

TEST(TxoTree, DamagedLeavesAreNotProven) {
  const TxoTree tree = of_size(300);
  std::vector<Hash> leaves;
  for (std::uint64_t i = 256; i < 300; ++i) leaves.push_back(number_hash(i));
  EXPECT_TRUE(tree.prove(299, leaves));
  EXPECT_EQ(tree.prove(300, leaves).error().code, Code::not_found);
  EXPECT_EQ(tree.prove(3, leaves).error().code, Code::malformed);
  leaves[5][0] ^= 1;
  EXPECT_EQ(tree.prove(299, leaves).error().code, Code::malformed);
}

TEST(TxoTree, DamagedBytesAreRefusedOrAnotherState) {
  const TxoTree tree = of_size(300);
  const Bytes good = tree.encode();
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 4;
    const auto decoded = TxoTree::decode(bad);
    if (decoded) {
      EXPECT_NE(decoded->root(), tree.root()) << i;
    }
    EXPECT_FALSE(TxoTree::decode(ByteView(good).first(i))) << i;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(TxoTree::decode(longer).error().code, Code::malformed);
  Bytes ghost = good;
  ghost.back() = 0x80;  // output 511 of 300
  EXPECT_EQ(TxoTree::decode(ghost).error().code, Code::malformed);
  EXPECT_EQ(TxoTree::decode(TxoTree().encode()).value().root(), TxoTree().root());
}

TEST(TxoTree, KeepsHalfAByteAnOutput) {
  constexpr std::uint64_t size = 1 << 16;
  const TxoTree tree = TxoTree::decode(of_size(size).encode()).value();
  EXPECT_LT(tree.memory_bytes(), size / 2 + 4096);
}

TEST(TxoTreeDeathTest, DeltasAreAppliedInOrder) {
  TxoTree tree = of_size(3);
  TxoView view(tree);
  view.append(number_hash(3));
  tree.apply(view.delta());
  EXPECT_DEATH(tree.apply(view.delta()), "root_before");
  auto unsettled = std::make_shared<TxoView>(tree);
  unsettled->append(number_hash(4));
  EXPECT_DEATH(TxoView{unsettled}, "settled");
}

}  // namespace
}  // namespace kith::ledger
