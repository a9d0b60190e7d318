// What the store of a node that does not run holds, for people: where its chain stands, and, when
// asked, whether all of it fits together: every root computed anew from what is stored, every block
// and certificate looked at, every block executed again from genesis. Reads, and never writes.
//
// Limits: a deep look keeps the hashes of all outputs in memory, 100 bytes each; a replay keeps the
// whole state there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "codec/chain_params.h"
#include "ledger/supply.h"
#include "node/chain_store.h"

namespace kith::node {

struct TableSize {
  std::string name;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // of keys and values, before the store's own packing
};

struct Inspection {
  Hash genesis{};
  Height height;
  Hash digest{};
  WallTime time;
  codec::Epoch epoch;
  codec::View view;  // in which the last block became final
  ledger::Supply supply;
  std::uint64_t outputs_ever = 0;
  Hash utxo_root{};
  Hash registry_root{};
  std::vector<ledger::ValidatorEntry> validators;  // all registered
  ledger::Entries entries;                         // by kind
  std::vector<TableSize> tables;
  /// What was checked, a sentence each, and what does not hold.
  std::vector<std::string> checks;
  std::vector<std::string> problems;
};

/// Leaf hashes first … first + count − 1, out of their file.
using ReadLeaves = std::function<Result<std::vector<Hash>>(std::uint64_t first, std::size_t count)>;

/// Where the chain stands. An error: the store is not readable so far.
Result<Inspection> inspect(const Store& store, const codec::Genesis& genesis);
/// Adds what a deep look finds. An error is the disk's; what does not hold is in `problems`.
Result<void> inspect_deep(const Store& store, const codec::Genesis& genesis,
                          const ReadLeaves& leaves, Inspection& inspection);

/// Executes all stored blocks from genesis on, up to `until` (0: the last), in memory. What the
/// last of them led to, as text (node/state_dump.h). An error names the block that does not hold,
/// or is not there any more.
Result<std::string> replay(const Store& store, const codec::Genesis& genesis, Height until);

}  // namespace kith::node
