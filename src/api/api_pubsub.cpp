// Publishing, and subscriptions that last as long as their client.
#include <algorithm>

#include "api/call.h"
#include "api/views.h"
#include "base/format.h"
#include "codec/multibase.h"
#include "codec/peer_id.h"
#include "codec/utf8.h"
#include "node/config_text.h"

namespace kith::api {
namespace {

Error no_gossip() {
  return {Code::unsupported, "this node does not speak gossip (gossip.enabled)"};
}

Json message_view(const gossip::Message& message) {
  const ByteView data = message.data.view();
  const auto peer = [](const std::optional<PeerId>& id) {
    return id ? Json(codec::to_text(*id)) : Json(nullptr);
  };
  return Json{{"topic", message.topic},
              {"from", peer(message.author)},
              {"received_from", peer(message.received_from)},
              {"seqno", message.seqno ? to_json(*message.seqno) : Json(nullptr)},
              {"id", base::to_hex(message.id.view())},
              {"data", codec::is_utf8(data) ? Json(base::as_text(data)) : Json(nullptr)},
              {"data_multibase", codec::encode_multibase(codec::Multibase::base64url, data)}};
}

/// What the call says of its topic. A topic that is subscribed to has its options already: the call
/// may leave them out, but not say others.
Result<gossip::TopicOptions> topic_options(const gossip::Router& router, const Call& call) {
  gossip::TopicOptions options;
  if (const auto* there = router.options_of(call.text("topic"))) options = *there;
  const gossip::TopicOptions before = options;
  if (const std::string age = call.text("max_age"); !age.empty()) {
    auto parsed = node::parse_duration(age);
    if (!parsed) return fail(Code::usage, parsed.error().message);
    if (*parsed < 1ms)
      return fail(Code::usage, base::format("max_age is {}, not 1ms or more", age));
    options.max_age = *parsed;
  }
  if (const std::string way = call.text("compression"); !way.empty()) {
    if (way != "zstd" && way != "none") {
      return fail(Code::usage, base::format("compression is \"{}\", not zstd or none", way));
    }
    options.is_compressed = way == "zstd";
  }
  if (const std::string name = call.text("priority"); !name.empty()) {
    const auto priority = base::priority_of(name);
    if (!priority) return fail(Code::usage, base::format("no priority \"{}\"", name));
    options.priority = *priority;
  }
  const bool is_same = options.max_age == before.max_age &&
                       options.is_compressed == before.is_compressed &&
                       options.priority == before.priority;
  if (router.options_of(call.text("topic")) != nullptr && !is_same) {
    return fail(Code::exists, base::format("topic \"{}\" is subscribed to with other options",
                                           call.text("topic")));
  }
  return options;
}

}  // namespace

void Api::pubsub_pub(Instant now, Call call) {
  if (node_.router() == nullptr) return call.fail(no_gossip());
  if (pending_.size() >= pending_max) {
    return call.fail({Code::limit, "too many requests wait already"});
  }
  const bool is_text = call.params.contains("data");
  if (is_text == call.params.contains("data_multibase")) {
    return call.fail({Code::usage, "pubsub.pub needs \"data\" or \"data_multibase\", not both"});
  }
  Bytes data = base::to_bytes(call.text("data"));
  if (!is_text) {
    auto decoded = codec::decode_multibase(call.text("data_multibase"), json_bytes_max);
    if (!decoded) return call.fail(decoded.error());
    data = std::move(*decoded);
  }
  auto options = topic_options(*node_.router(), call);
  if (!options) return call.fail(options.error());
  const Token token{next_token_++};
  std::string topic = call.text("topic");
  pending_.emplace(token, Pending{std::move(call), nullptr});
  node_.on_command(
      now, gossip::Publish{token, std::move(topic), Buffer(std::move(data)), *std::move(options)});
}

void Api::pubsub_sub(Instant now, Call call) {
  if (node_.router() == nullptr) return call.fail(no_gossip());
  if (subscriptions_.size() >= subscriptions_max) {
    return call.fail({Code::limit, "too many subscriptions are open"});
  }
  const std::string topic = call.text("topic");
  const std::size_t bytes_max = node_.config().gossip.limits.topic_bytes_max;
  if (topic.size() > bytes_max) {
    return call.fail({Code::too_large, base::format("a topic of {} bytes, the limit is {}",
                                                    topic.size(), bytes_max)});
  }
  auto options = topic_options(*node_.router(), call);
  if (!options) return call.fail(options.error());
  node_.on_command(now, gossip::Subscribe{topic, *std::move(options)});
  const auto subscribed = node_.router()->subscribed();
  if (std::ranges::find(subscribed, topic) == subscribed.end()) {
    return call.fail({Code::limit, base::format("this node has {} topics already, the limit",
                                                node_.router()->topic_count())});
  }
  const std::uint64_t number = call.number;
  subscriptions_.emplace(number, std::move(call));
}

bool Api::end_subscription(Instant now, std::uint64_t request) {
  const auto ended = subscriptions_.extract(request);
  if (ended.empty()) return false;
  std::string topic = ended.mapped().text("topic");
  const bool is_wanted = std::ranges::any_of(
      subscriptions_, [&](const auto& other) { return other.second.text("topic") == topic; });
  if (!is_wanted) node_.on_command(now, gossip::Unsubscribe{std::move(topic)});
  return true;
}

void Api::on_message(const gossip::Message& message) {
  std::optional<Json> view;  // the same for all
  for (const auto& [request, call] : subscriptions_) {
    if (call.text("topic") != message.topic) continue;
    if (!view) view = message_view(message);
    call.item(*view);
  }
}

void Api::pubsub_topics(Instant, Call call) {
  if (node_.router() == nullptr) return call.fail(no_gossip());
  Json topics = Json::array();
  for (const auto& topic : node_.router()->subscribed()) {
    const gossip::Router::TopicCounts counts = node_.router()->counts_of(topic);
    topics.push_back(Json{{"topic", topic},
                          {"peers", node_.router()->peers_of(topic).size()},
                          {"mesh", node_.router()->mesh_of(topic).size()},
                          {"published", to_json(counts.published)},
                          {"delivered", to_json(counts.delivered)}});
  }
  call.done(Json{{"topics", std::move(topics)}});
}

void Api::pubsub_peers(Instant now, Call call) {
  const gossip::Router* router = node_.router();
  if (router == nullptr) return call.fail(no_gossip());
  const std::string topic = call.text("topic");
  const auto mesh = router->mesh_of(topic);
  Json peers = Json::array();
  for (const PeerId& peer : router->peers_of(topic)) {
    const auto score = router->score_of(now, peer);
    peers.push_back(Json{{"peer_id", codec::to_text(peer)},
                         {"is_in_mesh", std::ranges::find(mesh, peer) != mesh.end()},
                         {"score", score ? Json(*score) : Json(nullptr)}});
  }
  call.done(Json{{"topic", topic}, {"peers", std::move(peers)}});
}

}  // namespace kith::api
