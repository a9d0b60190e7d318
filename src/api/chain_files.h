// What chain files and a stopped node's store hold, as JSON: for verbs that need no running node.
#pragma once

#include <string>
#include <vector>

#include "codec/chain_params.h"
#include "node/inspect.h"

namespace kith::api {

/// Each one line.
std::string genesis_json(const std::string& path, const codec::Genesis& genesis);
std::string inspection_json(const std::string& home, const codec::Genesis& genesis,
                            const node::Inspection& inspection);
std::string stored_block_json(const node::StoredBlock& stored);

/// A text of node/state_dump.h.
std::string dump_json(const std::string& text);

/// A file of the log of votes.
struct WalFileView {
  std::string name;
  std::uint64_t epoch = 0;
  std::uint64_t bytes = 0;
  bool begins_anew = false;
  bool is_torn = false;
  std::string damage;                // empty: none
  std::vector<std::string> records;  // in words
};
std::string wal_json(const std::vector<WalFileView>& files);

}  // namespace kith::api
