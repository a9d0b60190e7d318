#include "codec/chain_merkle_many.h"

#include <algorithm>
#include <bit>

#include "base/format.h"

namespace kith::codec {
namespace {

struct Known {
  std::uint16_t index = 0;
  Hash node{};
};

bool is_list(std::size_t count) {
  return std::has_single_bit(count) && count <= merkle_many_count_max;
}

std::vector<Hash> leaves_of(std::span<const Hash> entries) {
  std::vector<Hash> leaves(entries.size());
  std::ranges::transform(entries, leaves.begin(), merkle_leaf);
  return leaves;
}

void rise(std::vector<Hash>& level) {
  for (std::size_t i = 0; 2 * i < level.size(); ++i) {
    level[i] = merkle_node(level[2 * i], level[2 * i + 1]);
  }
  level.resize(level.size() / 2);
}

/// One level up; `beside` gives the node of an index that is not known.
template <class Beside>
std::vector<Known> risen(const std::vector<Known>& level, const Beside& beside) {
  std::vector<Known> above;
  for (std::size_t i = 0; i < level.size(); ++i) {
    const auto [index, node] = level[i];
    const bool has_next = i + 1 < level.size() && level[i + 1].index == (index ^ 1);
    const Hash other = has_next ? level[i + 1].node : beside(static_cast<std::uint16_t>(index ^ 1));
    const Hash over = index % 2 == 0 ? merkle_node(node, other) : merkle_node(other, node);
    above.push_back({static_cast<std::uint16_t>(index / 2), over});
    if (has_next) ++i;
  }
  return above;
}

}  // namespace

std::vector<Hash> prove_merkle_many(std::span<const Hash> entries,
                                    std::span<const std::uint16_t> indices) {
  ASSERT(is_list(entries.size()) && std::ranges::is_sorted(indices));
  std::vector<Hash> all = leaves_of(entries);
  std::vector<Known> known;
  for (const std::uint16_t index : indices) known.push_back({index, all.at(index)});
  std::vector<Hash> siblings;
  while (all.size() > 1) {
    known = risen(known, [&](std::uint16_t index) {
      siblings.push_back(all.at(index));
      return all.at(index);
    });
    rise(all);
  }
  return siblings;
}

Result<void> verify_merkle_many(const Hash& root, std::size_t count,
                                std::span<const std::uint16_t> indices,
                                std::span<const Hash> entries, std::span<const Hash> siblings) {
  const bool is_ascending =
      std::ranges::adjacent_find(indices, std::ranges::greater_equal()) == indices.end();
  if (!is_list(count) || indices.empty() || indices.size() != entries.size() || !is_ascending ||
      indices.back() >= count) {
    return fail(Code::malformed, base::format("{} entries at {} places of a list of {}",
                                              entries.size(), indices.size(), count));
  }
  std::vector<Known> level;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    level.push_back({indices[i], merkle_leaf(entries[i])});
  }
  std::size_t used = 0;
  for (std::size_t size = count; size > 1; size /= 2) {
    level = risen(level, [&](std::uint16_t) {
      return used < siblings.size() ? siblings[used++] : (++used, Hash{});
    });
  }
  if (used != siblings.size()) {
    return fail(Code::malformed, base::format("{} siblings, not {}", siblings.size(), used));
  }
  if (merkle_root_of_top(count, level.front().node) == root) return {};
  return fail(Code::refused, "entries that are not under the root");
}

std::vector<Hash> merkle_nodes(std::span<const Hash> entries, std::size_t parts) {
  ASSERT(is_list(entries.size()) && std::has_single_bit(parts) && parts <= entries.size());
  std::vector<Hash> level = leaves_of(entries);
  while (level.size() > parts) rise(level);
  return level;
}

Hash merkle_node_over(std::span<const Hash> nodes) {
  ASSERT(std::has_single_bit(nodes.size()));
  std::vector<Hash> level(nodes.begin(), nodes.end());
  while (level.size() > 1) rise(level);
  return level.front();
}

}  // namespace kith::codec
