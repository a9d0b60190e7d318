// The output tree under blocks: the bytes are appends, spends, forks and finality, which a list of
// bits follows for each block; and every root is that of a tree which was made at once.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "input.h"
#include "ledger/txo_tree.h"

namespace {

using namespace kith;
using ledger::TxoTree;
using ledger::TxoView;
using Bits = std::vector<bool>;  // unspent

constexpr std::size_t outputs_max = 3000;
constexpr std::size_t blocks_max = 8;

codec::Hash leaf(std::uint64_t index) {
  codec::Hash hash{};
  for (int i = 0; i < 8; ++i) hash[static_cast<std::size_t>(i)] = (index >> (8 * i)) & 0xff;
  return hash;
}

struct Block {
  std::shared_ptr<TxoView> view;
  std::shared_ptr<TxoView> parent;  // none: stands on the tree
  Bits bits;
};

void change(Block& block, fuzz::Input& input) {
  const std::size_t appends = input.byte();
  for (std::size_t i = 0; i < appends && block.bits.size() < outputs_max; ++i) {
    ASSERT(block.view->append(leaf(block.bits.size())) == block.bits.size());
    block.bits.push_back(true);
  }
  for (std::size_t spends = input.byte() % 16; spends > 0; --spends) {
    const std::size_t index = std::size_t{input.byte()} << 8 | input.byte();
    const bool may = index < block.bits.size() && block.bits[index];
    ASSERT(block.view->is_unspent(index) == may);
    ASSERT(block.view->spend(index).has_value() == may);
    if (may) block.bits[index] = false;
  }
}

void check(const codec::Hash& root, const Bits& bits) {
  const TxoTree nothing;
  TxoView view(nothing);
  for (std::size_t i = 0; i < bits.size(); ++i) view.append(leaf(i));
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (!bits[i]) ASSERT(view.spend(i));
  }
  ASSERT(view.root() == root);
}

/// The block becomes final, if it stands on the tree; what does not descend from it is dropped.
void finalize(TxoTree& tree, std::vector<Block>& blocks, std::size_t chosen) {
  if (blocks[chosen].parent) return;
  const std::shared_ptr<TxoView> final = blocks[chosen].view;
  tree.apply(final->delta());
  check(tree.root(), blocks[chosen].bits);
  std::vector<Block> kept;
  for (Block& block : blocks) {
    const auto is_kept = [&](const Block& other) { return other.view == block.parent; };
    if (block.parent != final && std::ranges::none_of(kept, is_kept)) continue;
    if (block.parent == final) {
      block.view->rebase();
      block.parent.reset();
    }
    kept.push_back(block);
  }
  blocks = std::move(kept);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input{{data, size}};
  TxoTree tree;
  Bits final_bits;
  std::vector<Block> blocks;
  while (!input.rest.empty()) {
    const std::size_t choice = input.byte();
    if (choice % 3 == 0 && !blocks.empty()) {
      const std::size_t chosen = choice / 3 % blocks.size();
      if (!blocks[chosen].parent) final_bits = blocks[chosen].bits;
      finalize(tree, blocks, chosen);
      continue;
    }
    if (blocks.size() == blocks_max) continue;
    const std::size_t parent = choice / 3 % (blocks.size() + 1);
    Block block;
    if (parent == blocks.size()) {
      block = {std::make_shared<TxoView>(tree), nullptr, final_bits};
    } else {
      block = {std::make_shared<TxoView>(blocks[parent].view), blocks[parent].view,
               blocks[parent].bits};
    }
    change(block, input);
    check(block.view->root(), block.bits);
    blocks.push_back(std::move(block));
  }
  for (const Block& block : blocks) {
    for (std::size_t i = 0; i < block.bits.size(); ++i) {
      ASSERT(block.view->is_unspent(i) == block.bits[i]);
    }
  }
  return 0;
}
