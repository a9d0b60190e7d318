#include "host/dialer.h"

#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"

namespace kith::host {
namespace {

constexpr std::size_t resolve_depth_max = 3;

bool needs_resolving(const codec::Multiaddr& address) {
  return address.has(codec::AddrProtocol::dnsaddr) || codec::as_dns_tcp(address).has_value();
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
    if (needs_resolving(address)) {
      const Token resolution{next_resolution_++};
      resolving_.emplace(resolution, Resolution{came.job, came.depth + 1, came.is_hearsay});
      ++job.resolving;
      outputs_.push_back(Resolve{resolution, address});
    } else if (codec::as_tcp(address)) {
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
  Instant deadline = job.deadline;
  if (!job.waiting.empty() && !starved_.contains(token)) {
    deadline = std::min(deadline, job.next_attempt);
  }
  deadlines_.set(token, deadline);
}

void Dialer::attempt(Instant now, Token token, Job& job) {
  const LinkId link{next_link_};
  next_link_ += 2;
  codec::Multiaddr address = std::move(job.waiting.front());
  job.waiting.pop_front();
  job.attempts.push_back(link);
  job.next_attempt = now + config_.attempt_delay;
  links_.emplace(link, Attempt{token, job.expected ? job.expected : address.peer()});
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
      std::string why = base::format("no answer within {} ms", base::to_ms(config_.job_timeout));
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

std::vector<codec::Multiaddr> order_for_dialing(std::vector<codec::Multiaddr> addresses) {
  const auto is_ip6 = [](const codec::Multiaddr& a) { return a.has(codec::AddrProtocol::ip6); };
  std::map<codec::AddrScope, std::vector<codec::Multiaddr>> scopes;  // grows from near to far
  for (auto& address : addresses) scopes[codec::scope_of(address)].push_back(std::move(address));
  std::vector<codec::Multiaddr> ordered;
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    // Families in turn: the k-th IPv6 address before the k-th other one.
    std::vector<codec::Multiaddr> six, rest;
    for (auto& address : scope->second) (is_ip6(address) ? six : rest).push_back(address);
    for (std::size_t i = 0; i < std::max(six.size(), rest.size()); ++i) {
      if (i < six.size()) ordered.push_back(std::move(six[i]));
      if (i < rest.size()) ordered.push_back(std::move(rest[i]));
    }
  }
  return ordered;
}

}  // namespace kith::host
