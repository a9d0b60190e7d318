#include "ledger/jobs_move.h"

#include <algorithm>

#include "codec/chain_merkle_many.h"

namespace kith::ledger {
namespace {

using codec::ChooseMove;
using codec::ConcedeDispute;
using codec::DisputeMove;
using codec::JobOrder;
using codec::OpenMove;
using codec::ShowMove;

class Mover {
 public:
  Mover(const OwedMove& owed, const OwnResults& own) : owed_(owed), own_(own) {}

  JobOrder move() const {
    switch (owed_.stage) {
      case codec::DisputeStage::open_part: return open(roots_of(owed_.part));
      case codec::DisputeStage::choose_unit: return choose_unit();
      case codec::DisputeStage::open_unit:
      case codec::DisputeStage::open_slices: return open(own_.slices_of(owed_.unit));
      case codec::DisputeStage::choose_slice: return choose_slice();
      case codec::DisputeStage::show_part: return show(roots_of(owed_.part), owed_.part);
      case codec::DisputeStage::show_slice:
        return show(own_.slices_of(owed_.unit), std::vector{owed_.unit});
      case codec::DisputeStage::open_nodes: return open_nodes();
      case codec::DisputeStage::open_units: return open_units();
      case codec::DisputeStage::verdict: break;
    }
    return concede();
  }

 private:
  JobOrder concede() const { return ConcedeDispute{owed_.dispute}; }

  JobOrder open_as(std::vector<Hash> entries, const Hash& node) const {
    if (node != owed_.node) return concede();
    return DisputeMove{owed_.dispute, OpenMove{std::move(entries)}};
  }
  JobOrder open(std::vector<Hash> entries) const {
    const Hash node = codec::merkle_root(entries);
    return open_as(std::move(entries), node);
  }

  std::vector<Hash> roots_of(const std::vector<std::uint16_t>& units) const {
    std::vector<Hash> roots;
    for (const std::uint16_t unit : units) roots.push_back(own_.root_of(unit));
    return roots;
  }
  std::vector<Hash> roots_from(std::uint16_t first, std::uint16_t count) const {
    std::vector<Hash> roots;
    for (std::uint16_t i = 0; i < count; ++i) {
      roots.push_back(own_.root_of(static_cast<std::uint16_t>(first + i)));
    }
    return roots;
  }

  JobOrder open_nodes() const {
    std::vector<Hash> nodes = codec::merkle_nodes(roots_from(0, owed_.units), codec::dispute_nodes);
    const Hash node = codec::merkle_root_of_top(owed_.units, codec::merkle_node_over(nodes));
    return open_as(std::move(nodes), node);
  }

  JobOrder open_units() const {
    if (owed_.units <= codec::dispute_entries_max) return open(roots_from(0, owed_.units));
    std::vector<Hash> roots =
        roots_from(owed_.unit, static_cast<std::uint16_t>(owed_.units / codec::dispute_nodes));
    const Hash node = codec::merkle_nodes(roots, 1).front();
    return open_as(std::move(roots), node);
  }

  std::optional<std::uint8_t> first_difference(const std::vector<Hash>& mine) const {
    const auto differs = std::ranges::mismatch(owed_.entries, mine).in1;
    if (differs == owed_.entries.end()) return std::nullopt;
    return static_cast<std::uint8_t>(differs - owed_.entries.begin());
  }

  JobOrder choose_unit() const {
    const auto index = first_difference(roots_of(owed_.part));
    if (!index) return concede();
    return DisputeMove{owed_.dispute, ChooseMove{*index, std::nullopt}};
  }

  JobOrder choose_slice() const {
    const std::vector<Hash> mine = own_.slices_of(owed_.unit);
    const auto index = first_difference(mine);
    if (!index || *index >= mine.size()) return concede();
    return DisputeMove{owed_.dispute, ChooseMove{*index, mine[*index]}};
  }

  /// `entries` are the units' roots, or the slices of the one unit.
  JobOrder show(std::vector<Hash> entries, const std::vector<std::uint16_t>& units) const {
    const std::vector<Hash> all = roots_from(0, owed_.units);
    const bool is_part = owed_.stage == codec::DisputeStage::show_part;
    const std::vector<Hash> roots = is_part ? entries : std::vector{codec::merkle_root(entries)};
    std::vector<Hash> siblings = codec::prove_merkle_many(all, units);
    const bool is_under =
        codec::verify_merkle_many(owed_.root, owed_.units, units, roots, siblings).has_value();
    if (!is_under || (is_part && codec::merkle_root(entries) != owed_.node)) return concede();
    return DisputeMove{owed_.dispute, ShowMove{std::move(entries), std::move(siblings)}};
  }

  const OwedMove& owed_;
  const OwnResults& own_;
};

}  // namespace

JobOrder honest_move(const OwedMove& owed, const OwnResults& own) {
  return Mover(owed, own).move();
}

}  // namespace kith::ledger
