#include "host/dialer.h"

#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"

namespace kith::host {
namespace {

constexpr std::size_t resolve_depth_max = 3;

bool needs_resolving(const codec::Multiaddr& address) {
  if (address.has(codec::AddrProtocol::dnsaddr)) return true;
  const auto parts = codec::as_transport(address);
  return parts && !parts->name.empty();
}

/// Whether some transport here leads there, once names are resolved.
bool is_dialable(const codec::Multiaddr& address, bool has_sessions) {
  switch (codec::transport_of(address)) {
    case codec::Transport::tcp:
    case codec::Transport::ws:
    case codec::Transport::wss: return true;
    case codec::Transport::tcp_kith:
    case codec::Transport::ws_kith:
    case codec::Transport::wss_kith:
    case codec::Transport::udp_kith: return has_sessions;
    case codec::Transport::other: return false;
  }
  return false;
}

using AddressList = std::vector<codec::Multiaddr>;

/// The k-th of `first` before the k-th of `second`.
AddressList in_turn(AddressList first, AddressList second) {
  AddressList all;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) all.push_back(std::move(first[i]));
    if (i < second.size()) all.push_back(std::move(second[i]));
  }
  return all;
}

AddressList families_in_turn(AddressList addresses) {
  AddressList six, rest;
  for (auto& address : addresses) {
    (address.has(codec::AddrProtocol::ip6) ? six : rest).push_back(std::move(address));
  }
  return in_turn(std::move(six), std::move(rest));
}

}  // namespace

void Dialer::on_input(Instant now, Input input) {
  std::visit(
      Overload{[&](StartDial& s) { start(now, std::move(s)); },
               [&](ExtendDial& more) { extend(now, more); },
               [&](AttemptOpened& o) { on_opened(now, o.link); },
               [&](AttemptFailed& f) { on_failed(now, f); }, [&](AttemptWon& w) { on_won(w); },
               [&](Resolved& r) { on_resolved(now, std::move(r)); },
               [&](CancelDial& c) {
                 if (jobs_.contains(c.token)) {
                   give_up(c.token, {Code::canceled, "the dial was called off"});
                 }
               }},
      input);
  feed_starved(now);
}

void Dialer::start(Instant now, StartDial request) {
  ASSERT(!jobs_.contains(request.token));
  if (jobs_.size() >= config_.jobs_max) {
    outputs_.push_back(
        DialFailed{request.token,
                   request.expected,
                   {Code::limit, base::format("{} dials wait already", jobs_.size())}});
    return;
  }
  Job& job = jobs_[request.token];
  job.expected = request.expected;
  job.began = now;
  job.deadline = now + config_.job_timeout;
  job.next_attempt = now;
  add_addresses({request.token, 0, false}, job, request.addresses);
  add_addresses({request.token, 0, true}, job, request.hearsay);
  advance(now, request.token, job);
}

void Dialer::extend(Instant now, const ExtendDial& more) {
  const auto found = jobs_.find(more.token);
  if (found == jobs_.end()) return;
  Job& job = found->second;
  std::deque<codec::Multiaddr> before = std::exchange(job.waiting, {});
  add_addresses({more.token, 0, false}, job, more.addresses);
  for (auto& address : before) {
    if (std::ranges::find(job.waiting, address) == job.waiting.end()) {
      job.waiting.push_back(std::move(address));
    }
  }
  advance(now, more.token, job);
}

void Dialer::add_addresses(const Resolution& came, Job& job,
                           const std::vector<codec::Multiaddr>& addresses) {
  for (const auto& address : order_for_dialing(addresses)) {
    const auto named = address.peer();
    if (named && job.expected && *named != *job.expected) {
      job.last_error =
          Error{Code::wrong_peer, base::format("{} names another peer than {}", address.to_string(),
                                               codec::to_text(*job.expected))};
      continue;
    }
    if (came.is_hearsay && came.depth > 0 && codec::scope_of(address) != codec::AddrScope::global) {
      job.last_error =
          Error{Code::unreachable, base::format("a name that others told leads to {}, which is not "
                                                "a global address",
                                                address.to_string())};
      continue;
    }
    if (job.addresses >= config_.addresses_max) {
      job.last_error =
          Error{Code::limit, base::format("more than {} addresses to dial", config_.addresses_max)};
      break;
    }
    ++job.addresses;
    if (needs_resolving(address) &&
        (address.has(codec::AddrProtocol::dnsaddr) || is_dialable(address, config_.has_sessions))) {
      const Token resolution{next_resolution_++};
      resolving_.emplace(resolution, Resolution{came.job, came.depth + 1, came.is_hearsay});
      ++job.resolving;
      outputs_.push_back(Resolve{resolution, address});
    } else if (is_dialable(address, config_.has_sessions)) {
      job.waiting.push_back(address);
    } else {
      job.last_error =
          Error{Code::unsupported, base::format("no transport for {}", address.to_string())};
    }
  }
}

void Dialer::on_resolved(Instant now, Resolved resolved) {
  const auto found = resolving_.find(resolved.token);
  if (found == resolving_.end()) return;
  const Resolution came = found->second;
  const Token token = came.job;
  resolving_.erase(found);
  const auto at = jobs_.find(token);
  if (at == jobs_.end()) return;
  Job& job = at->second;
  --job.resolving;
  if (!resolved.addresses) {
    job.last_error = resolved.addresses.error();
  } else if (came.depth > resolve_depth_max) {
    job.last_error = Error{Code::limit, "dnsaddr leads on and on"};
  } else {
    add_addresses(came, job, *resolved.addresses);
  }
  advance(now, token, job);
}

// Starts what may start now, gives up when nothing is left, and arms the job's deadline.
void Dialer::advance(Instant now, Token token, Job& job) {
  starved_.erase(token);
  if (now < job.deadline && !job.waiting.empty() &&
      (job.attempts.empty() || now >= job.next_attempt)) {
    if (links_.size() < config_.attempts_max) {
      attempt(now, token, job);
    } else {
      starved_.insert(token);
    }
  }
  if (job.attempts.empty() && job.waiting.empty() && job.resolving == 0) {
    return give_up(token, job.last_error.value_or(
                              Error{Code::unreachable, "the peer has no address to dial"}));
  }
  const bool has_packets_alone =
      std::ranges::all_of(job.attempts, [&](LinkId link) { return links_.at(link).is_of_packets; });
  if (has_packets_alone && job.waiting.empty() && job.resolving == 0 && job.last_error) {
    job.deadline = std::min(job.deadline, std::max(now, job.began + config_.packet_patience));
  }
  Instant deadline = job.deadline;
  if (!job.waiting.empty() && !starved_.contains(token)) {
    deadline = std::min(deadline, job.next_attempt);
  }
  deadlines_.set(token, deadline);
}

void Dialer::attempt(Instant now, Token token, Job& job) {
  const LinkId link = take_link_id();
  codec::Multiaddr address = std::move(job.waiting.front());
  job.waiting.pop_front();
  job.attempts.push_back(link);
  job.next_attempt = now + config_.attempt_delay;
  const bool is_of_packets = codec::transport_of(address) == codec::Transport::udp_kith;
  links_.emplace(link, Attempt{token, job.expected ? job.expected : address.peer(), is_of_packets});
  outputs_.push_back(DialLink{link, address.without_peer(), job.deadline - now});
}

void Dialer::on_opened(Instant now, LinkId link) {
  const auto found = links_.find(link);
  if (found == links_.end()) return;
  const Token token = found->second.job;
  Job& job = jobs_.at(token);
  job.next_attempt = std::max(job.next_attempt, now + config_.authenticate_delay);
  advance(now, token, job);
}

void Dialer::on_failed(Instant now, const AttemptFailed& failed) {
  const auto found = links_.find(failed.link);
  if (found == links_.end()) return;
  const Attempt attempt = found->second;
  links_.erase(found);
  Job& job = jobs_.at(attempt.job);
  std::erase(job.attempts, failed.link);
  job.last_error = failed.error;
  job.next_attempt = now;
  advance(now, attempt.job, job);
}

void Dialer::feed_starved(Instant now) {
  while (!starved_.empty() && links_.size() < config_.attempts_max) {
    const Token token = *starved_.begin();
    advance(now, token, jobs_.at(token));
  }
}

void Dialer::on_won(const AttemptWon& won) {
  const auto found = links_.find(won.link);
  if (found == links_.end()) return;
  const Token token = found->second.job;
  close_attempts(jobs_.at(token), won.link);
  outputs_.push_back(DialSucceeded{token, won.peer, won.link});
  finish(token);
}

void Dialer::on_deadline(Instant now) {
  while (const auto token = deadlines_.pop_due(now)) {
    Job& job = jobs_.at(*token);
    if (now >= job.deadline) {
      std::string why =
          base::format("no answer within {} ms", base::to_ms(job.deadline - job.began));
      if (job.last_error) why += base::format(" (before that: {})", job.last_error->message);
      give_up(*token, {Code::timeout, std::move(why)});
    } else {
      advance(now, *token, job);
    }
  }
  feed_starved(now);
}

void Dialer::give_up(Token token, Error error) {
  Job& job = jobs_.at(token);
  close_attempts(job, std::nullopt);
  outputs_.push_back(DialFailed{token, job.expected, std::move(error)});
  finish(token);
}

void Dialer::close_attempts(const Job& job, std::optional<LinkId> except) {
  for (const LinkId link : job.attempts) {
    links_.erase(link);
    if (link != except) outputs_.push_back(CloseLink{link, false});
  }
}

void Dialer::finish(Token token) {
  deadlines_.set(token, std::nullopt);
  starved_.erase(token);
  jobs_.erase(token);
}

std::optional<Dialer::Output> Dialer::poll_output(Instant) {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

std::optional<PeerId> Dialer::expected_of(LinkId link) const {
  const auto found = links_.find(link);
  return found == links_.end() ? std::nullopt : found->second.expected;
}

LinkId Dialer::take_link_id() {
  const LinkId link{next_link_};
  next_link_ += 2;
  return link;
}

std::vector<codec::Multiaddr> order_for_dialing(std::vector<codec::Multiaddr> addresses) {
  struct Scope {
    AddressList packets, streams, web;
  };
  std::map<codec::AddrScope, Scope> scopes;  // grows from near to far
  for (auto& address : addresses) {
    Scope& scope = scopes[codec::scope_of(address)];
    const codec::Transport transport = codec::transport_of(address);
    AddressList& list = transport == codec::Transport::udp_kith ? scope.packets
                        : codec::is_web(transport)              ? scope.web
                                                                : scope.streams;
    list.push_back(std::move(address));
  }
  AddressList ordered;
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    AddressList streams = families_in_turn(std::move(scope->second.streams));
    for (auto& address : families_in_turn(std::move(scope->second.web))) {
      streams.push_back(std::move(address));
    }
    for (auto& address :
         in_turn(families_in_turn(std::move(scope->second.packets)), std::move(streams))) {
      ordered.push_back(std::move(address));
    }
  }
  return ordered;
}

}  // namespace kith::host
