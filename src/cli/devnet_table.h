// The live table of `kith devnet`: a line a node, drawn over itself on a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kith::cli {

struct DevnetRow {
  std::string peer_id;
  std::uint64_t peers = 0;
  std::uint64_t peers_healthy = 0;
  int reputation_min = 0;  // of its peers; told when it has any
  bool has_chain = false;  // else the four below are dashes
  std::uint64_t height = 0;
  double finality_p50_ms = 0;
  double tx_per_s = 0;
  std::uint64_t mempool = 0;
  std::uint64_t heard = 0;  // gossip messages
};

/// Each line ends with a newline, the head first.
std::vector<std::string> devnet_table(const std::vector<DevnetRow>& rows, double seconds);

}  // namespace kith::cli
