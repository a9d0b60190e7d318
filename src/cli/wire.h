// What the command line says to a running node and reads from it (docs/api.md), as text: JSON stays
// behind this header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "cli/args.h"

namespace kith::cli {

using ParamValue = std::variant<std::string, std::uint64_t>;
using Params = std::vector<std::pair<std::string, ParamValue>>;

/// One line.
std::string make_request(std::string_view method, const Params& params);
/// The parameters of pubsub.sub.
Params topic_params(const std::string& topic, const TopicOptionArgs& options);
/// The parameters of pubsub.pub: text as it is, other bytes as multibase.
Params publish_params(const std::string& topic, const TopicOptionArgs& options,
                      const std::string& data);
/// The response's result as JSON text, or the error it carries. `protocol` when it is neither.
Result<std::string> read_response(std::string_view line);
/// {"error":{"code":"...","message":"..."}}
std::string error_json(const Error& error);
int exit_code_of(const Error& error);

// Single figures out of results.
struct NodeStatus {
  std::string peer_id;
  std::vector<std::string> addresses;
  std::uint64_t peers = 0;
  std::uint64_t peers_known = 0;
};
Result<NodeStatus> read_status(std::string_view result);
struct NodeStats {
  std::uint64_t pings_answered = 0;
  std::uint64_t pings_failed = 0;
  std::uint64_t gossip_peers = 0;
};
Result<NodeStats> read_stats(std::string_view result);
struct TopicTraffic {
  std::uint64_t published = 0;
  std::uint64_t delivered = 0;  // of others
};
/// Of pubsub.topics' result; nothing of a topic that is not there.
Result<TopicTraffic> read_topic_traffic(std::string_view result, std::string_view topic);
struct ChainStatus {
  std::uint64_t height = 0;
  std::uint64_t epoch = 0;
  std::uint64_t view = 0;
  std::uint64_t validators_connected = 0;
  std::uint64_t mempool = 0;  // transactions
  std::uint64_t transactions_final = 0;
  double finality_p50_ms = 0;
  double finality_p99_ms = 0;
};
Result<ChainStatus> read_chain_status(std::string_view result);
/// Of peers.list's result.
struct PeersBrief {
  std::uint64_t count = 0;
  std::uint64_t healthy = 0;
  int reputation_min = 0;
};
Result<PeersBrief> read_peers_brief(std::string_view result);
/// "digest" of chain.block's result.
Result<std::string> read_block_digest(std::string_view result);
/// "rtt_ms" of a ping's result.
Result<double> read_rtt_ms(std::string_view result);

}  // namespace kith::cli
