#include "cli/devnet_table.h"

#include "base/format.h"

namespace kith::cli {
namespace {

/// Enough to tell nodes apart; the first characters are the same of all Ed25519 keys.
std::string short_id(const std::string& peer_id) {
  constexpr std::size_t shown = 10;
  return peer_id.size() <= shown ? peer_id : "…" + peer_id.substr(peer_id.size() - shown);
}

std::string dash_or(bool is_there, std::string text) { return is_there ? std::move(text) : "-"; }

}  // namespace

std::vector<std::string> devnet_table(const std::vector<DevnetRow>& rows, double seconds) {
  std::vector<std::string> lines;
  lines.push_back(base::format(
      "{:<4} {:<11} {:>7} {:>8} {:>10} {:>9} {:>9} {:>9} {:>7} {:>7}  {:.1f} s\n", "NODE", "PEER",
      "PEERS", "HEALTHY", "REPUTATION", "HEIGHT", "FINAL ms", "TX/s", "WAITING", "HEARD", seconds));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const DevnetRow& row = rows[i];
    lines.push_back(
        base::format("{:<4} {:<11} {:>7} {:>8} {:>10} {:>9} {:>9} {:>9} {:>7} {:>7}\n", i + 1,
                     short_id(row.peer_id), row.peers, row.peers_healthy,
                     dash_or(row.peers > 0, base::format("{}", row.reputation_min)),
                     dash_or(row.has_chain, base::format("{}", row.height)),
                     dash_or(row.has_chain, base::format("{:.1f}", row.finality_p50_ms)),
                     dash_or(row.has_chain, base::format("{:.1f}", row.tx_per_s)),
                     dash_or(row.has_chain, base::format("{}", row.mempool)), row.heard));
  }
  return lines;
}

}  // namespace kith::cli
