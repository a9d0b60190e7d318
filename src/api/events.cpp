#include "api/events.h"

#include <algorithm>

#include "api/call.h"
#include "api/views.h"
#include "base/format.h"
#include "base/version.h"
#include "codec/peer_id.h"
#include "ledger/jobs_view.h"

namespace kith::api {
namespace {

std::uint32_t bit_of(EventKind kind) { return 1U << static_cast<unsigned>(kind); }

Json event(std::string_view name, const node::Node& node, Instant now) {
  return Json{{"event", name}, {"at_ms", node.host().wall(now).unix_ms}};
}

std::optional<std::pair<EventKind, Json>> chain_event(const node::Report& report) {
  if (const auto* const done = std::get_if<node::BlockFinalized>(&report)) {
    const codec::BlockHeader& header = done->block->header();
    return std::pair(EventKind::block_final, Json{{"height", to_json(header.height.value)},
                                                  {"digest", base::to_hex(done->block->digest())},
                                                  {"time_ms", header.time.unix_ms},
                                                  {"transactions", done->txs.size()},
                                                  {"took_ms", ms_view(done->took)}});
  }
  if (const auto* const halted = std::get_if<node::ChainHalted>(&report)) {
    return std::pair(EventKind::chain_halted, Json{{"code", base::name_of(halted->error.code)},
                                                   {"reason", halted->error.message}});
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(EventKind kind) {
  switch (kind) {
    case EventKind::peer_up: return "peer_up";
    case EventKind::peer_down: return "peer_down";
    case EventKind::peer_identified: return "peer_identified";
    case EventKind::addresses_changed: return "addresses_changed";
    case EventKind::peer_standing: return "peer_standing";
    case EventKind::peer_banned: return "peer_banned";
    case EventKind::peer_ban_ended: return "peer_ban_ended";
    case EventKind::peer_unreachable: return "peer_unreachable";
    case EventKind::block_final: return "block_final";
    case EventKind::chain_halted: return "chain_halted";
    case EventKind::job: return "job";
  }
  return "unknown";
}

Result<std::uint32_t> parse_event_kinds(const codec::HttpTarget& target) {
  constexpr std::uint32_t all = (1U << event_kinds) - 1;
  std::uint32_t kinds = 0;
  bool is_given = false;
  for (const auto& [name, value] : target.query) {
    if (name != "kinds") {
      return fail(Code::usage,
                  base::format("events have no parameter \"{}\"", name.substr(0, 100)));
    }
    is_given = true;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view word = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      std::uint32_t found = 0;
      for (std::size_t i = 0; i < event_kinds; ++i) {
        if (name_of(static_cast<EventKind>(i)) == word) found = 1U << i;
      }
      if (found == 0) {
        return fail(Code::usage, base::format("there are no events \"{}\"", word.substr(0, 100)));
      }
      kinds |= found;
    }
  }
  return is_given ? kinds : all;
}

std::uint64_t Events::open(Instant now, const codec::HttpRequest& handshake, Send send) {
  ++stats_.opened;
  Client client;
  client.remote = handshake.remote;
  const auto target = codec::parse_http_target(handshake.target);
  client.kinds = target ? parse_event_kinds(*target).value_or(0) : 0;
  client.may_change_state = http_.access().credential(handshake) == Access::Credential::right;
  client.send = std::move(send);
  const std::uint64_t number = next_client_++;
  wanted_ |= client.kinds;
  clients_.emplace(number, std::move(client));
  Json hello = event("hello", api_.node(), now);
  hello["peer_id"] = codec::to_text(api_.node().host().self());
  hello["version"] = base::version();
  say(number, to_line(hello));
  return number;
}

void Events::on_text(Instant now, std::uint64_t number, std::string_view text) {
  const auto found = clients_.find(number);
  if (found == clients_.end()) return;
  Client& client = found->second;
  ++stats_.requests;
  if (!http_.access().may_ask_now(now, client.remote)) {
    return client.send(Rpc::refusal(text, too_many_requests()));
  }
  RpcCaller caller{client.may_change_state};
  caller.may_ask_now = [this, now, remote = client.remote] {
    return http_.access().may_ask_now(now, remote);
  };
  caller.on_item = [this, number](Json item) {
    Json line = event("message", api_.node(), api_.now());
    line.update(item);
    say(number, to_line(line));
  };
  const auto asked = rpc_.handle(now, text, caller, [this, number](const RpcReply& reply) {
    const auto at = clients_.find(number);
    if (at != clients_.end() && !reply.text.empty()) at->second.send(reply.text);
  });
  // The client may have been closed by what was sent.
  const auto still = clients_.find(number);
  if (still == clients_.end()) {
    for (const std::uint64_t request : asked) api_.abandon(now, request);
    return;
  }
  auto& requests = still->second.requests;
  std::ranges::copy_if(asked, std::back_inserter(requests),
                       [&](std::uint64_t request) { return api_.is_open(request); });
  if (requests.size() > requests_max) {
    std::erase_if(requests, [&](std::uint64_t request) { return !api_.is_open(request); });
  }
}

void Events::close(Instant now, std::uint64_t number) {
  const auto closed = clients_.extract(number);
  if (closed.empty()) return;
  wanted_ = 0;
  for (const auto& [other, client] : clients_) wanted_ |= client.kinds;
  for (const std::uint64_t request : closed.mapped().requests) api_.abandon(now, request);
}

void Events::say(std::uint64_t number, std::string text) {
  const auto found = clients_.find(number);
  if (found == clients_.end()) return;
  ++stats_.sent;
  found->second.send(std::move(text));
}

void Events::tell(EventKind kind, const std::string& text) {
  std::vector<std::uint64_t> wanting;  // sending may close one
  for (const auto& [number, client] : clients_) {
    if ((client.kinds & bit_of(kind)) != 0) wanting.push_back(number);
  }
  for (const std::uint64_t number : wanting) say(number, text);
}

void Events::tell_jobs(Instant now, const node::BlockFinalized& done) {
  if ((wanted_ & bit_of(EventKind::job)) == 0 || done.jobs.empty()) return;
  Json line = event(name_of(EventKind::job), api_.node(), now);
  line["height"] = to_json(done.block->header().height.value);
  const std::size_t told = std::min(done.jobs.size(), job_events_told_max);
  for (std::size_t i = 0; i < told; ++i) {
    const ledger::JobEvent& happened = done.jobs[i];
    Json one = line;
    one.update(Json{{"kind", ledger::name_of(happened.kind)},
                    {"job", to_json(happened.job.value)},
                    {"slot", happened.slot.value},
                    {"task", to_json(happened.task.value)},
                    {"pass", happened.pass},
                    {"number", to_json(happened.number)}});
    tell(EventKind::job, to_line(one));
  }
  if (told == done.jobs.size()) return;
  line.update(Json{{"kind", "more"}, {"count", done.jobs.size() - told}});
  tell(EventKind::job, to_line(line));
}

void Events::on_report(Instant now, const node::Report& report) {
  if (wanted_ == 0) return;
  const node::Node& node = api_.node();
  // A view is made only when somebody wants it.
  const auto tell_of = [&](EventKind kind, const auto& view) {
    if ((wanted_ & bit_of(kind)) == 0) return;
    Json line = event(name_of(kind), node, now);
    line.update(view());
    tell(kind, to_line(line));
  };
  if (auto chain = chain_event(report)) {
    tell_of(chain->first, [&] { return std::move(chain->second); });
    if (const auto* const done = std::get_if<node::BlockFinalized>(&report)) tell_jobs(now, *done);
    return;
  }
  std::visit(Overload{[&](const host::PeerUp& up) {
                        tell_of(EventKind::peer_up, [&] {
                          return Json{{"peer_id", codec::to_text(up.peer)},
                                      {"direction", name_of(up.direction)},
                                      {"address", up.remote.to_string()}};
                        });
                      },
                      [&](const host::PeerDown& down) {
                        tell_of(EventKind::peer_down, [&] {
                          return Json{{"peer_id", codec::to_text(down.peer)},
                                      {"code", base::name_of(down.reason.code)},
                                      {"reason", down.reason.message}};
                        });
                      },
                      [&](const host::PeerIdentified& told) {
                        tell_of(EventKind::peer_identified, [&] {
                          return Json{{"peer_id", codec::to_text(told.peer)},
                                      {"agent", told.message->agent_version},
                                      {"protocols", told.message->protocols}};
                        });
                      },
                      [&](const host::AddressesChanged& changed) {
                        tell_of(EventKind::addresses_changed,
                                [&] { return Json{{"addresses", strings(changed.addresses)}}; });
                      },
                      [&](const peer::StandingChanged& changed) {
                        const PeerStanding& standing = changed.standing;
                        tell_of(EventKind::peer_standing, [&] {
                          return Json{{"peer_id", codec::to_text(standing.peer)},
                                      {"health", base::name_of(standing.health)},
                                      {"reputation", standing.reputation},
                                      {"trust", standing.trust},
                                      {"is_banned", standing.is_banned}};
                        });
                      },
                      [&](const peer::PeerBanned& banned) {
                        tell_of(EventKind::peer_banned, [&] {
                          return Json{{"peer_id", codec::to_text(banned.peer)},
                                      {"reason", banned.ban.reason}};
                        });
                      },
                      [&](const peer::BanEnded& ended) {
                        tell_of(EventKind::peer_ban_ended,
                                [&] { return Json{{"peer_id", codec::to_text(ended.peer)}}; });
                      },
                      [&](const host::PeerUnreachable& failed) {
                        tell_of(EventKind::peer_unreachable, [&] {
                          return Json{{"peer_id", codec::to_text(failed.peer)},
                                      {"code", base::name_of(failed.error.code)},
                                      {"reason", failed.error.message}};
                        });
                      },
                      [](const auto&) {}},  // replies to somebody, and what the shell sees to
             report);
}

}  // namespace kith::api
