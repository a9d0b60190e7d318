#include "sim/scenario_compute_results.h"

#include <algorithm>
#include <bit>

#include "codec/writer.h"

namespace kith::sim {
namespace {

using codec::Hash;

Hash numbered(std::string_view tag, std::initializer_list<std::uint64_t> numbers) {
  Bytes bytes;
  codec::Writer writer(bytes);
  for (const std::uint64_t number : numbers) writer.u64(number);
  return codec::tagged_hash(tag, {bytes});
}

Hash false_slice(std::uint64_t task, std::uint16_t unit, const ComputeFalse& lie) {
  return numbered("sim/false", {lie.tag, task, unit});
}

/// Of a list of so many equal entries: its nodes, from the leaves up.
std::vector<Hash> levels_of(const Hash& entry, std::size_t count) {
  std::vector<Hash> levels{codec::merkle_leaf(entry)};
  for (std::size_t size = 1; size < count; size *= 2) {
    levels.push_back(codec::merkle_node(levels.back(), levels.back()));
  }
  return levels;
}

bool is_false(const ComputeFalse* lie, std::uint16_t unit) {
  return lie != nullptr && std::ranges::binary_search(lie->units, unit);
}

}  // namespace

ComputeResults::ComputeResults(std::uint16_t units, std::uint16_t slices)
    : true_slice_(numbered("sim/slice", {})), slices_(slices) {
  true_slice_nodes_ = levels_of(true_slice_, slices);
  true_unit_ = codec::merkle_root_of_top(slices, true_slice_nodes_.back());
  true_nodes_ = levels_of(true_unit_, units);
}

std::vector<Hash> ComputeResults::slices(std::uint64_t task, std::uint16_t unit,
                                         const ComputeFalse* lie) const {
  std::vector<Hash> slices(slices_, true_slice_);
  if (is_false(lie, unit)) slices[unit % slices_] = false_slice(task, unit, *lie);
  return slices;
}

Hash ComputeResults::unit(std::uint64_t task, std::uint16_t unit, const ComputeFalse* lie) const {
  if (!is_false(lie, unit)) return true_unit_;
  Hash node = codec::merkle_leaf(false_slice(task, unit, *lie));
  std::size_t index = unit % slices_;
  for (std::size_t level = 0; level + 1 < true_slice_nodes_.size(); ++level, index /= 2) {
    const Hash& other = true_slice_nodes_[level];
    node = index % 2 == 0 ? codec::merkle_node(node, other) : codec::merkle_node(other, node);
  }
  return codec::merkle_root_of_top(slices_, node);
}

Hash ComputeResults::root(std::uint64_t task, const ComputeFalse* lie) const {
  std::map<std::size_t, Hash> others;  // nodes that are not the true ones
  if (lie != nullptr) {
    for (const std::uint16_t false_unit : lie->units) {
      others[false_unit] = codec::merkle_leaf(unit(task, false_unit, lie));
    }
  }
  for (std::size_t level = 0; level + 1 < true_nodes_.size(); ++level) {
    std::map<std::size_t, Hash> above;
    for (const auto& [index, node] : others) {
      if (above.contains(index / 2)) continue;
      const auto beside = others.find(index ^ 1);
      const Hash& other = beside == others.end() ? true_nodes_[level] : beside->second;
      above[index / 2] =
          index % 2 == 0 ? codec::merkle_node(node, other) : codec::merkle_node(other, node);
    }
    others = std::move(above);
  }
  const std::uint64_t units = std::uint64_t{1} << (true_nodes_.size() - 1);
  return codec::merkle_root_of_top(units, others.empty() ? true_nodes_.back() : others.at(0));
}

Hash ComputeResults::part(std::uint64_t task, const std::vector<std::uint16_t>& units,
                          const ComputeFalse& lie) {
  const bool is_true = std::ranges::none_of(
      lie.units, [&](std::uint16_t unit) { return std::ranges::binary_search(units, unit); });
  if (is_true) return true_part(units.size());
  std::vector<Hash> roots;
  for (const std::uint16_t one : units) roots.push_back(unit(task, one, &lie));
  return codec::merkle_root(roots);
}

Hash ComputeResults::true_part(std::size_t units) {
  const auto known = true_parts_.find(units);
  if (known != true_parts_.end()) return known->second;
  return true_parts_[units] = codec::merkle_root(std::vector<Hash>(units, true_unit_));
}

}  // namespace kith::sim
