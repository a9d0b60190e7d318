#include "api/api.h"

#include <algorithm>
#include <optional>

#include "api/call.h"
#include "api/query.h"
#include "api/views.h"
#include "base/format.h"
#include "base/version.h"
#include "codec/peer_id.h"
#include "codec/prometheus.h"
#include "node/config_text.h"

namespace kith::api {

namespace {

/// An agreement on what a person or program may name as a target.
Result<node::Connect> to_connect(Token token, const std::string& target) {
  node::Connect connect{token, std::nullopt, {}};
  if (target.starts_with('/')) {
    auto address = TRY(codec::Multiaddr::parse(target));
    connect.peer = address.peer();
    // "/p2p/ID" alone is the id: whatever the peer book knows is dialled.
    if (!address.without_peer().empty()) connect.addresses.push_back(std::move(address));
  } else {
    connect.peer = TRY(codec::peer_id_from_text(target));
  }
  return connect;
}

std::optional<Error> check_param(const Param& param, const Json& value) {
  bool is_right = false;
  switch (param.type) {
    case ParamType::text: is_right = value.is_string(); break;
    case ParamType::count:
    case ParamType::size: is_right = value.is_number_unsigned(); break;
  }
  if (is_right) return std::nullopt;
  return Error{Code::usage,
               base::format("\"{}\" must be {}, not {}", param.name,
                            param.type == ParamType::text ? "a string" : "a whole number from 0",
                            to_line(value).substr(0, 100))};
}

std::optional<Error> check_params(const Api::Method& method, const Json& params) {
  if (!params.is_object()) return Error{Code::usage, "\"params\" must be an object"};
  for (const auto& [name, value] : params.items()) {
    std::vector<std::string_view> names;
    for (const Param& param : method.params) names.push_back(param.name);
    const auto at = std::ranges::find(names, name);
    if (at == names.end()) {
      const auto near = node::nearest(name, names);
      return Error{
          Code::usage,
          base::format("{} has no parameter \"{}\"{}", method.name, name.substr(0, 100),
                       near ? base::format("; did you mean \"{}\"?", *near) : std::string())};
    }
    if (auto error =
            check_param(method.params[static_cast<std::size_t>(at - names.begin())], value)) {
      return error;
    }
  }
  for (const Param& param : method.params) {
    if (param.is_required && !params.contains(param.name)) {
      return Error{Code::usage,
                   base::format("{} needs \"{}\": {}", method.name, param.name, param.help)};
    }
  }
  return std::nullopt;
}

std::string response_line(const Json& id, const Result<Json>& result) {
  Json line{{"jsonrpc", "2.0"}, {"id", id}};
  if (result) {
    line["result"] = *result;
  } else {
    line["error"] =
        Json{{"code", name_of(result.error().code)}, {"message", result.error().message}};
  }
  return to_line(line);
}

}  // namespace

const Api::Method* Api::find(std::string_view name) {
  const auto found = std::ranges::find(methods(), name, &Method::name);
  return found == methods().end() ? nullptr : &*found;
}

Error unknown_method(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Api::Method& method : Api::methods()) names.push_back(method.name);
  const auto near = node::nearest(name, names);
  return {Code::unsupported,
          base::format("unknown method \"{}\"{}", name.substr(0, 100),
                       near ? base::format("; did you mean \"{}\"?", *near) : std::string())};
}

Api::Api(node::Node& node, Surroundings surroundings)
    : node_(node), surroundings_(std::move(surroundings)), history_(surroundings_.started) {}

Api::~Api() = default;

void Api::close() {
  const Error stopped{Code::closed, "the node stopped before it had an answer"};
  for (const auto& [token, pending] : std::exchange(pending_, {})) pending.call.fail(stopped);
  for (const auto& [token, asked] : std::exchange(asked_, {})) asked.then(fail(stopped), {});
  for (const auto& [txid, waiting] : std::exchange(waiting_, {})) waiting.call.fail(stopped);
}

std::uint64_t Api::request(Instant now, std::string_view text, Reply reply) {
  auto json = parse_json(text);
  Json id;
  if (json && json->is_object() && json->contains("id")) id = (*json)["id"];
  Call call([id, reply = std::move(reply)](const Result<Json>& result, bool is_last) {
    reply(response_line(id, result), is_last);
  });
  const auto refuse = [&](const Error& error) {
    call.fail(error);
    return next_number();
  };
  if (!json) return refuse(json.error());
  if (!json->is_object()) {
    return refuse({Code::malformed, "a request is one JSON object; batches are not taken"});
  }
  if (!json->contains("method") || !(*json)["method"].is_string()) {
    return refuse({Code::malformed, "the request names no \"method\""});
  }
  const auto name = (*json)["method"].get<std::string>();
  const Method* method = find(name);
  if (method == nullptr) return refuse(unknown_method(name));
  if (json->contains("params")) call.params = std::move((*json)["params"]);
  return start(now, *method, std::move(call));
}

std::uint64_t Api::start(Instant now, const Method& method, Call call) {
  now_ = now;
  const std::uint64_t number = call.number = next_number();
  if (const auto error = check_params(method, call.params)) {
    call.fail(*error);
  } else {
    (this->*method.call)(now, std::move(call));
  }
  return number;
}

void Api::abandon(Instant now, std::uint64_t request) {
  if (end_subscription(now, request)) return;
  const auto found = std::ranges::find_if(
      pending_, [&](const auto& entry) { return entry.second.call.number == request; });
  if (found == pending_.end()) {
    std::erase_if(asked_, [&](const auto& asked) { return asked.second.number == request; });
    std::erase_if(waiting_, [&](const auto& each) { return each.second.call.number == request; });
    return;
  }
  const Token token = found->first;
  pending_.erase(found);
  node_.on_command(now, node::CancelPerf{token});
}

// --- answered at once ----------------------------------------------------------------------------

void Api::status(Instant now, Call call) { call.done(status_view(node_, surroundings_, now)); }

void Api::stats(Instant now, Call call) {
  Json view = stats_view(node_, surroundings_);
  view.update(figures_view(history_, figures(now), now));
  call.done(std::move(view));
}

/// Answers with what it takes away, so that nothing is lost in between.
void Api::stats_reset(Instant now, Call call) {
  const auto before = figures(now);
  call.done(figures_view(history_, before, now));
  history_.reset(now, before);
  node_.reset_timings();
  if (surroundings_.reset_timings) surroundings_.reset_timings();
}

void Api::id(Instant, Call call) {
  const host::Host& host = node_.host();
  call.done(Json{{"peer_id", codec::to_text(host.self())},
                 {"node_id", surroundings_.node_id},
                 {"agent", node_.config().host.agent_version},
                 {"protocol_version", node_.config().host.protocol_version},
                 {"addresses", strings(host.addresses())}});
}

void Api::version(Instant, Call call) { call.done(Json{{"version", base::version()}}); }

void Api::peers_list(Instant now, Call call) {
  Json peers = Json::array();
  for (const auto& peer : node_.host().peers()) peers.push_back(peer_view(node_, peer, now));
  call.done(Json{{"peers", std::move(peers)}});
}

void Api::peers_info(Instant now, Call call) {
  const auto id = codec::peer_id_from_text(call.text("peer"));
  if (!id) return call.fail(id.error());
  if (const auto peer = node_.host().peer(*id)) {
    return call.done(peer_details_view(node_, *peer, now));
  }
  Json quality = quality_view(node_, *id, now);
  if (quality.is_null()) {
    return call.fail({Code::not_found, base::format("nothing is known of {}", call.text("peer"))});
  }
  call.done(Json{{"peer_id", codec::to_text(*id)},
                 {"connections", Json::array()},
                 {"quality", std::move(quality)}});
}

void Api::peers_disconnect(Instant now, Call call) {
  const auto id = codec::peer_id_from_text(call.text("peer"));
  if (!id) return call.fail(id.error());
  if (!node_.host().peer(*id)) {
    return call.fail({Code::not_found, base::format("not connected to {}", call.text("peer"))});
  }
  node_.on_command(now, node::Disconnect{*id});
  call.done(Json{{"peer_id", codec::to_text(*id)}, {"disconnected", true}});
}

void Api::peers_ban(Instant now, Call call) {
  const auto id = codec::peer_id_from_text(call.text("peer"));
  if (!id) return call.fail(id.error());
  if (*id == node_.host().self()) return call.fail({Code::usage, "that is this node itself"});
  std::optional<Duration> span;
  if (!call.text("for").empty()) {
    const auto parsed = node::parse_duration(call.text("for"));
    if (!parsed) return call.fail({Code::usage, parsed.error().message});
    span = *parsed;
  }
  node_.on_command(now, peer::BanPeer{*id, span, call.text("reason")});
  call.done(Json{{"peer_id", codec::to_text(*id)}, {"banned", true}});
}

void Api::peers_unban(Instant now, Call call) {
  const auto id = codec::peer_id_from_text(call.text("peer"));
  if (!id) return call.fail(id.error());
  if (!node_.quality().standing(now, *id).is_banned) {
    return call.fail({Code::not_found, base::format("{} is not banned", call.text("peer"))});
  }
  node_.on_command(now, peer::UnbanPeer{*id});
  call.done(Json{{"peer_id", codec::to_text(*id)}, {"banned", false}});
}

void Api::peers_bans(Instant now, Call call) {
  Json bans = Json::array();
  for (const auto& [peer, ban] : node_.quality().bans(now)) {
    bans.push_back(ban_view(peer, ban, now));
  }
  Json groups = Json::array();
  for (const auto& [group, until] : node_.quality().group_bans(now)) {
    groups.push_back(Json{{"group", peer::to_text(group)}, {"left_ms", ms_view(until - now)}});
  }
  call.done(Json{{"bans", std::move(bans)}, {"groups", std::move(groups)}});
}

void Api::log_level(Instant, Call call) {
  const auto levels = surroundings_.log_level
                          ? surroundings_.log_level(call.text("subsystem"), call.text("level"))
                          : Result<std::string>(fail(Code::unsupported, "no log is kept here"));
  if (!levels) return call.fail(levels.error());
  call.done(Json{{"levels", *levels}});
}

void Api::config_show(Instant, Call call) { call.done(config_view(surroundings_.settings)); }

void Api::describe(Instant, Call call) { call.done(methods_view()); }

void Api::stop(Instant, Call call) {
  if (!surroundings_.stop) return call.fail({Code::unsupported, "this node is not stopped so"});
  call.done(Json{{"stopping", true}});
  surroundings_.stop();
}

// --- answered by the network ---------------------------------------------------------------------

void Api::peers_connect(Instant now, Call call) { connect(now, std::move(call), &Api::connected); }

void Api::ping(Instant now, Call call) { connect(now, std::move(call), &Api::send_ping); }

void Api::perf(Instant now, Call call) { connect(now, std::move(call), &Api::send_perf); }

void Api::connect(Instant now, Call call, void (Api::*next)(Instant, Pending, const PeerId&)) {
  if (pending_.size() >= pending_max) {
    return call.fail({Code::limit, base::format("{} requests wait already", pending_.size())});
  }
  const Token token{next_token_++};
  auto command = to_connect(token, call.text("target"));
  if (!command) return call.fail(command.error());
  if (command->peer && *command->peer == node_.host().self()) {
    return call.fail({Code::usage, base::format("{} is this node", call.text("target"))});
  }
  pending_.emplace(token, Pending{std::move(call), next});
  node_.on_command(now, std::move(*command));
}

void Api::connected(Instant, Pending pending, const PeerId& peer) {
  pending.call.done(Json{{"peer_id", codec::to_text(peer)}, {"connected", true}});
}

void Api::send_ping(Instant now, Pending pending, const PeerId& peer) {
  const Token token{next_token_++};
  pending.next = nullptr;
  pending_.emplace(token, std::move(pending));
  node_.on_command(now, node::PingPeer{token, peer});
}

void Api::send_perf(Instant now, Pending pending, const PeerId& peer) {
  const Token token{next_token_++};
  const std::uint64_t upload = pending.call.count("upload_bytes");
  const std::uint64_t download = pending.call.count("download_bytes");
  pending.next = nullptr;
  pending_.emplace(token, std::move(pending));
  node_.on_command(now, node::PerfPeer{token, peer, upload, download});
}

bool Api::is_open(std::uint64_t request) const {
  const auto is_its = [&](const auto& entry) { return entry.second.call.number == request; };
  return subscriptions_.contains(request) || std::ranges::any_of(pending_, is_its) ||
         std::ranges::any_of(waiting_, is_its) ||
         std::ranges::any_of(asked_,
                             [&](const auto& entry) { return entry.second.number == request; });
}

void Api::tick(Instant now) {
  history_.tick(now, figures(now));
  answer_early();  // a snapshot's height comes without its blocks
  expire_waiting(now);
}

std::vector<node::Figure> Api::figures(Instant now) const {
  const node::ShellFigures shell =
      surroundings_.figures ? surroundings_.figures() : node::ShellFigures();
  node::FigureList list;
  node::write_metrics(list, {now, surroundings_.started, node_, shell});
  return list.take();
}

std::string Api::metrics_text(Instant now) const {
  const node::ShellFigures shell =
      surroundings_.figures ? surroundings_.figures() : node::ShellFigures();
  codec::PrometheusText text;
  node::write_metrics(text, {now, surroundings_.started, node_, shell});
  return text.text();
}

std::optional<Api::Pending> Api::take(Token token) {
  auto found = pending_.extract(token);
  if (found.empty()) return std::nullopt;
  return std::move(found.mapped());
}

void Api::on_report(Instant now, const node::Report& report) {
  now_ = now;
  std::visit(
      Overload{[&](const node::Connected& connected) {
                 auto pending = take(connected.token);
                 if (!pending) return;
                 if (!connected.peer) return pending->call.fail(connected.peer.error());
                 const auto next = pending->next;
                 (this->*next)(now, std::move(*pending), *connected.peer);
               },
               [&](const node::Pinged& pinged) {
                 const auto pending = take(pinged.token);
                 if (!pending) return;
                 if (!pinged.rtt) return pending->call.fail(pinged.rtt.error());
                 pending->call.done(Json{{"peer_id", codec::to_text(pinged.peer)},
                                         {"rtt_ms", ms_view(*pinged.rtt)}});
               },
               [&](const host::PerfResult& result) {
                 const auto pending = take(result.token);
                 if (!pending) return;
                 if (result.error) return pending->call.fail(*result.error);
                 pending->call.done(perf_view(result));
               },
               [&](const gossip::Deliver& deliver) { on_message(deliver.message); },
               [](const gossip::Validate&) {},
               [&](const gossip::Published& published) {
                 const auto pending = take(published.token);
                 if (!pending) return;
                 if (!published.recipients) {
                   return pending->call.fail(published.recipients.error());
                 }
                 pending->call.done(Json{{"recipients", *published.recipients}});
               },
               [&](const node::TransactionAnswered& tx) { on_tx_answered(now, tx); },
               [&](const node::ProofAnswered& answered) { on_proof(answered); },
               [&](const node::StoreAnswered& answered) { on_store_answered(answered); },
               [&](const node::BlockFinalized& done) { on_block_final(done); }, [](const auto&) {}},
      report);
}

}  // namespace kith::api
