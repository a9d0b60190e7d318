#include "cli/wire.h"

#include <nlohmann/json.hpp>

#include "base/format.h"
#include "base/machine.h"
#include "cli/args.h"
#include "codec/multibase.h"
#include "codec/utf8.h"

namespace kith::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string to_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Code code_of(std::string_view name) {
#define X(code, number, meaning) \
  if (name == #code) return Code::code;
  KITH_ERROR_CODES(X)
#undef X
  return Code::internal;
}

Result<Json> parse(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return fail(Code::protocol, base::format("the node answered with what is no JSON object: {}",
                                             text.substr(0, 100)));
  }
  return json;
}

std::uint64_t count(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string text(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string make_request(std::string_view method, const Params& params) {
  Json object = Json::object();
  for (const auto& [name, value] : params) {
    std::visit(Overload{[&](const std::string& word) { object[name] = word; },
                        [&](std::uint64_t number) { object[name] = number; }},
               value);
  }
  return to_line(Json{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", object}});
}

Params topic_params(const std::string& topic, const TopicOptionArgs& options) {
  Params params = {{"topic", topic}};
  if (!options.max_age.empty()) params.emplace_back("max_age", options.max_age);
  if (!options.compression.empty()) params.emplace_back("compression", options.compression);
  if (!options.priority.empty()) params.emplace_back("priority", options.priority);
  return params;
}

Params publish_params(const std::string& topic, const TopicOptionArgs& options,
                      const std::string& data) {
  Params params = topic_params(topic, options);
  const ByteView bytes = base::as_bytes(data);
  if (codec::is_utf8(bytes)) {
    params.emplace_back("data", data);
  } else {
    params.emplace_back("data_multibase",
                        codec::encode_multibase(codec::Multibase::base64url, bytes));
  }
  return params;
}

Result<std::string> read_response(std::string_view line) {
  const Json json = TRY(parse(line));
  if (const auto result = json.find("result"); result != json.end()) return to_line(*result);
  const auto error = json.find("error");
  if (error == json.end() || !error->is_object()) {
    return fail(Code::protocol, "the node's answer has neither result nor error");
  }
  return fail(code_of(text(*error, "code")), text(*error, "message"));
}

std::string error_json(const Error& error) {
  return to_line(Json{{"error", Json{{"code", name_of(error.code)}, {"message", error.message}}}});
}

int exit_code_of(const Error& error) {
  if (error.code == Code::usage) return exit_usage;
  if (error.code == Code::permission) return exit_permission;
  return exit_failed;
}

Result<NodeStatus> read_status(std::string_view result) {
  const Json json = TRY(parse(result));
  NodeStatus status{text(json, "peer_id"), {}, count(json, "peers"), count(json, "peers_known")};
  if (const auto addresses = json.find("addresses"); addresses != json.end()) {
    for (const Json& address : *addresses) {
      if (address.is_string()) status.addresses.push_back(address.get<std::string>());
    }
  }
  return status;
}

Result<ChainStatus> read_chain_status(std::string_view result) {
  const Json json = TRY(parse(result));
  ChainStatus status;
  status.height = count(json, "height");
  status.epoch = count(json, "epoch");
  status.view = count(json, "view");
  status.validators_connected = count(json, "validators_connected");
  status.transactions_final = count(json, "transactions_final");
  if (const auto pool = json.find("mempool"); pool != json.end()) {
    status.mempool = count(*pool, "transactions");
  }
  const auto finality = json.find("finality_ms");
  if (finality != json.end() && finality->is_object()) {
    status.finality_p50_ms = finality->value("p50", 0.0);
    status.finality_p99_ms = finality->value("p99", 0.0);
  }
  return status;
}

Result<PeersBrief> read_peers_brief(std::string_view result) {
  const Json json = TRY(parse(result));
  PeersBrief brief;
  const auto peers = json.find("peers");
  if (peers == json.end() || !peers->is_array()) return brief;
  for (const Json& peer : *peers) {
    if (!peer.is_object()) continue;
    const int reputation = peer.value("reputation", 0);
    brief.reputation_min =
        brief.count == 0 ? reputation : std::min(brief.reputation_min, reputation);
    ++brief.count;
    if (text(peer, "health") == "healthy") ++brief.healthy;
  }
  return brief;
}

Result<std::string> read_block_digest(std::string_view result) {
  const Json json = TRY(parse(result));
  return text(json, "digest");
}

Result<NodeStats> read_stats(std::string_view result) {
  const Json json = TRY(parse(result));
  NodeStats stats;
  if (const auto ping = json.find("ping"); ping != json.end()) {
    stats.pings_answered = count(*ping, "answered");
    stats.pings_failed = count(*ping, "failed");
  }
  if (const auto gossip = json.find("gossip"); gossip != json.end()) {
    stats.gossip_peers = count(*gossip, "peers");
  }
  return stats;
}

Result<TopicTraffic> read_topic_traffic(std::string_view result, std::string_view topic) {
  const Json json = TRY(parse(result));
  const auto topics = json.find("topics");
  if (topics == json.end() || !topics->is_array()) {
    return fail(Code::protocol, "the node's answer holds no topics");
  }
  for (const Json& each : *topics) {
    if (text(each, "topic") == topic)
      return TopicTraffic{count(each, "published"), count(each, "delivered")};
  }
  return TopicTraffic{};
}

Result<double> read_rtt_ms(std::string_view result) {
  const Json json = TRY(parse(result));
  const auto rtt = json.find("rtt_ms");
  if (rtt == json.end() || !rtt->is_number()) {
    return fail(Code::protocol, "the node's answer holds no rtt_ms");
  }
  return rtt->get<double>();
}

}  // namespace kith::cli
