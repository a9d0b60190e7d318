// The overlay half of ledger/txo_tree.h.
#include <algorithm>

#include "base/format.h"
#include "ledger/txo_tree.h"

namespace kith::ledger {

using codec::txo_chunk_leaves;

TxoView::TxoView(const TxoTree& base) : base_(&base) {
  delta_.root_before = delta_.root_after = base.root_;
  delta_.first_index = base.size_;
  delta_.frontier = base.frontier_;
}

TxoView::TxoView(std::shared_ptr<const TxoView> parent)
    : base_(parent->base_), parent_(std::move(parent)) {
  ASSERT(parent_->settled_);
  delta_.root_before = delta_.root_after = parent_->delta_.root_after;
  delta_.first_index = parent_->size();
  delta_.frontier = parent_->delta_.frontier;
}

const TxoChunk* TxoView::find_chunk(std::uint64_t chunk) const {
  for (const TxoView* view = this; view != nullptr; view = view->parent_.get()) {
    const auto slot = view->slots_.find(chunk);
    if (slot != view->slots_.end()) return &view->delta_.chunks[slot->second].value;
  }
  return chunk < base_->chunks_.size() ? &base_->chunks_[chunk] : nullptr;
}

const Hash& TxoView::find_node(std::size_t level, std::uint64_t index) const {
  for (const TxoView* view = this; view != nullptr; view = view->parent_.get()) {
    if (level >= view->delta_.nodes.size()) continue;
    const auto& nodes = view->delta_.nodes[level];
    const auto found = std::ranges::lower_bound(nodes, index, {}, &TxoDelta::At<Hash>::index);
    if (found != nodes.end() && found->index == index) return found->value;
  }
  return base_->levels_[level][index];
}

TxoChunk& TxoView::draft(std::uint64_t chunk) {
  settled_ = false;
  const auto slot = slots_.find(chunk);
  if (slot != slots_.end()) return delta_.chunks[slot->second].value;
  const TxoChunk* old = find_chunk(chunk);
  slots_.emplace(chunk, delta_.chunks.size());
  return delta_.chunks.emplace_back(chunk, old != nullptr ? *old : TxoChunk{}).value;
}

std::uint64_t TxoView::append(const Hash& leaf) {
  const std::uint64_t index = size();
  ASSERT(index < codec::txo_size_max);
  TxoChunk& chunk = draft(index / txo_chunk_leaves);
  codec::set_bit(chunk.bitmap, index % txo_chunk_leaves, true);
  delta_.leaves.push_back(leaf);
  delta_.frontier.push(leaf);
  if (delta_.frontier.count() == txo_chunk_leaves) {
    chunk.leaf_root = delta_.frontier.root();
    delta_.frontier = {};
  }
  return index;
}

bool TxoView::is_unspent(std::uint64_t index) const {
  if (index >= size()) return false;
  const TxoChunk* chunk = find_chunk(index / txo_chunk_leaves);
  return codec::is_set(chunk->bitmap, index % txo_chunk_leaves);
}

Result<void> TxoView::spend(std::uint64_t index) {
  if (index >= size()) {
    return fail(Code::not_found, base::format("output {} of {} is spent", index, size()));
  }
  if (!is_unspent(index)) {
    return fail(Code::refused, base::format("output {} is spent a second time", index));
  }
  codec::set_bit(draft(index / txo_chunk_leaves).bitmap, index % txo_chunk_leaves, false);
  delta_.spent.push_back(index);
  return {};
}

void TxoView::settle_chunks() {
  auto& chunks = delta_.chunks;
  if (delta_.frontier.count() != 0 && !delta_.leaves.empty()) {
    draft((size() - 1) / txo_chunk_leaves).leaf_root = delta_.frontier.root();
  }
  std::ranges::sort(chunks, {}, &TxoDelta::At<TxoChunk>::index);
  for (std::size_t slot = 0; slot < chunks.size(); ++slot) slots_[chunks[slot].index] = slot;
  std::ranges::sort(delta_.spent);

  auto& nodes = delta_.nodes.emplace_back();
  nodes.reserve(chunks.size());
  for (const auto& [index, chunk] : chunks) {
    nodes.push_back({index, codec::txo_chunk_node(chunk.leaf_root, chunk.bitmap)});
  }
}

/// Adds the parents of the level that was settled last, which has `count_below` nodes in the tree.
/// A sibling that this view did not change is older, or an empty subtree on the right of all.
void TxoView::settle_level(std::size_t level, std::uint64_t count_below) {
  std::vector<TxoDelta::At<Hash>> parents;
  const auto& changed = delta_.nodes[level - 1];
  parents.reserve(changed.size());
  for (auto node = changed.begin(); node != changed.end(); ++node) {
    const std::uint64_t parent = node->index / 2;
    if (node->index % 2 != 0) {
      parents.push_back(
          {parent, codec::txo_upper_node(find_node(level - 1, node->index - 1), node->value)});
      continue;
    }
    const std::uint64_t right = node->index + 1;
    const auto following = node + 1;
    if (following != changed.end() && following->index == right) {
      parents.push_back({parent, codec::txo_upper_node(node->value, following->value)});
      node = following;
    } else {
      const Hash& sibling =
          right < count_below ? find_node(level - 1, right) : codec::txo_empty_chunks(level - 1);
      parents.push_back({parent, codec::txo_upper_node(node->value, sibling)});
    }
  }
  delta_.nodes.push_back(std::move(parents));
}

const Hash& TxoView::root() {
  if (settled_) return delta_.root_after;
  delta_.nodes.clear();
  settle_chunks();
  std::uint64_t count = codec::txo_chunk_count(size());
  const std::size_t levels = codec::txo_upper_levels(size());
  for (std::size_t level = 1; level <= levels; ++level) {
    settle_level(level, count);
    count = (count + 1) / 2;
  }
  delta_.root_after = codec::txo_root(size(), delta_.nodes.back().front().value);
  settled_ = true;
  return delta_.root_after;
}

const TxoDelta& TxoView::delta() {
  root();
  return delta_;
}

void TxoView::rebase() {
  if (!parent_) return;
  ASSERT(base_->root_ == delta_.root_before);
  parent_.reset();
}

std::size_t TxoView::memory_bytes() const {
  // A hash table's entry is a node with a link, and a place in the table.
  const std::size_t entry = sizeof(decltype(slots_)::value_type) + 2 * sizeof(void*);
  return sizeof(*this) + delta_.memory_bytes() + slots_.size() * entry;
}

}  // namespace kith::ledger
