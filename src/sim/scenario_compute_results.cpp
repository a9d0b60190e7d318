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

bool is_false(const ComputeFalse* lie, std::uint16_t unit) {
  return lie != nullptr && std::ranges::binary_search(lie->units, unit);
}

}  // namespace

ComputeResults::ComputeResults(std::uint16_t units, std::uint16_t slices) {
  for (std::uint16_t slice = 0; slice < slices; ++slice) {
    true_slices_.push_back(numbered("sim/slice", {slice}));
  }
  true_unit_ = codec::merkle_root(true_slices_);
  true_nodes_.push_back(codec::merkle_leaf(true_unit_));
  for (std::uint16_t size = 1; size < units; size = static_cast<std::uint16_t>(2 * size)) {
    true_nodes_.push_back(codec::merkle_node(true_nodes_.back(), true_nodes_.back()));
  }
}

std::vector<Hash> ComputeResults::slices(std::uint64_t task, std::uint16_t unit,
                                         const ComputeFalse* lie) const {
  std::vector<Hash> slices = true_slices_;
  if (is_false(lie, unit)) {
    slices[unit % slices.size()] = numbered("sim/false", {lie->tag, task, unit});
  }
  return slices;
}

Hash ComputeResults::unit(std::uint64_t task, std::uint16_t unit, const ComputeFalse* lie) const {
  return is_false(lie, unit) ? codec::merkle_root(slices(task, unit, lie)) : true_unit_;
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
                          const ComputeFalse* lie) {
  const bool is_true = lie == nullptr || std::ranges::none_of(lie->units, [&](std::uint16_t unit) {
                         return std::ranges::binary_search(units, unit);
                       });
  if (is_true) {
    const auto known = true_parts_.find(units.size());
    if (known != true_parts_.end()) return known->second;
  }
  std::vector<Hash> roots;
  for (const std::uint16_t one : units) roots.push_back(unit(task, one, lie));
  const Hash root = codec::merkle_root(roots);
  if (is_true) true_parts_[units.size()] = root;
  return root;
}

}  // namespace kith::sim
