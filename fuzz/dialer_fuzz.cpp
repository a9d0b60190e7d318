// The dialler under arbitrary jobs, answers and times, from a world that answers what it likes,
// twice or never, and for links that are none. Each job ends once and in time; links are within
// their limit and, but for the winner, closed; and a name that others told leads to no address
// that is not global.
#include <cstdint>
#include <string>

#include "host/dialer.h"
#include "host/test_connections.h"
#include "input.h"

namespace {

using namespace kith;
using namespace kith::host;

using fuzz::Input;

constexpr std::uint16_t told_port = 6666;  // where names lead that others told

codec::Multiaddr at(const std::string& text) { return *codec::Multiaddr::parse(text); }

const PeerId& peer_at(std::size_t index) {
  static const PeerId peers[] = {test_peer(1), test_peer(2), test_peer(3)};
  return peers[index % 3];
}

/// Over UDP: ours, and one that nothing here dials.
codec::Multiaddr packets_at(std::uint8_t number, const std::string& port) {
  return at("/ip4/203.0.113.1/udp/" + port + ((number & 16) != 0 ? "/quic-v1" : "/kith"));
}
/// WebSockets of all kinds, and sessions over them and TCP.
codec::Multiaddr web_at(std::uint8_t number, const std::string& who, const std::string& port) {
  static const char* const ends[] = {"/ws", "/tls/ws", "/ws/kith", "/kith"};
  const std::string host = (number & 64) != 0 ? "/dns4/" + who + ".example" : "/ip4/203.0.113.2";
  return at(host + "/tcp/" + port + ends[number / 16 & 3]);
}

/// An address of any kind; what `is_told` differs in its name only.
codec::Multiaddr address_at(std::uint8_t number, bool is_told) {
  const std::string who = is_told ? "told" : "ours";
  const std::string port = std::to_string(1 + number / 16);
  codec::Multiaddr address;
  switch (number & 7) {
    case 0: address = at("/ip4/203.0.113.1/tcp/" + port); break;
    case 1: address = at("/ip6/2001:db8::1/tcp/" + port); break;
    case 2: address = at("/ip4/192.168.0.1/tcp/" + port); break;
    case 3: address = at("/ip4/127.0.0.1/tcp/" + port); break;
    case 4: address = at("/dns4/" + who + ".example/tcp/" + port); break;
    case 5: address = at("/dnsaddr/" + who + ".example"); break;
    case 6: address = packets_at(number, port); break;
    case 7: address = web_at(number, who, port); break;
  }
  return (number & 8) != 0 ? address.with_peer(peer_at(number / 16)) : address;
}

/// What a name leads to; of one that others told all has told_port, or is again such a name.
codec::Multiaddr resolved_at(std::uint8_t number, bool is_told) {
  if (!is_told || (number & 7) == 5) return address_at(number, is_told);
  static const char* const ips[] = {"203.0.113.9", "192.168.0.9", "127.0.0.9", "0.0.0.0"};
  return at("/ip4/" + std::string(ips[number & 3]) + "/tcp/" + std::to_string(told_port));
}

bool is_told(const codec::Multiaddr& address) {
  return address.to_string().find("told") != std::string::npos;
}

class World {
 public:
  explicit World(bool has_sessions) : config(small(has_sessions)) {}

  void play(Input input) {
    while (!input.rest.empty()) {
      turn(input);
      drain();
      ASSERT(dialer_.jobs() == jobs_.size() && dialer_.jobs() <= config.jobs_max);
    }
    wait(config.job_timeout);
    ASSERT(jobs_.empty() && links_.empty() && dialer_.jobs() == 0);
    ASSERT(!dialer_.next_deadline().has_value());
  }

 private:
  static DialerConfig small(bool has_sessions) {
    DialerConfig config;
    config.has_sessions = has_sessions;
    config.jobs_max = 4;
    config.attempts_max = 5;
    config.addresses_max = 8;
    return config;
  }

  void turn(Input& input) {
    const std::uint8_t what = input.byte();
    const std::size_t pick = what / 8U;
    switch (what & 7) {
      case 0: start(input, pick); break;
      case 1: say(ExtendDial{Token{1 + pick % (next_token_ + 1)}, addresses(input, false)}); break;
      case 2: say(AttemptOpened{link_at(pick)}); break;
      case 3: {
        const LinkId link = link_at(pick);
        links_.erase(link);
        say(AttemptFailed{link, {Code::unreachable, "no"}});
        break;
      }
      case 4: {
        const LinkId link = link_at(pick);
        const auto expected = dialer_.expected_of(link);
        say(AttemptWon{link, expected.value_or(peer_at(pick))});
        break;
      }
      case 5: resolve(input, pick); break;
      case 6: say(CancelDial{Token{1 + pick % (next_token_ + 1)}}); break;
      case 7: wait(Duration(50ms) * input.byte()); break;
    }
  }
  void start(Input& input, std::size_t pick) {
    StartDial start{Token{++next_token_}, {}, addresses(input, false), addresses(input, true)};
    if (pick % 4 != 0) start.expected = peer_at(pick);
    if (jobs_.size() < config.jobs_max) {
      jobs_.emplace(start.token, now_ + config.job_timeout);
    } else {
      refused_ = start.token;
    }
    say(std::move(start));
    ASSERT(!refused_);
  }
  std::vector<codec::Multiaddr> addresses(Input& input, bool are_told) {
    std::vector<codec::Multiaddr> all;
    for (std::uint8_t i = input.byte() % 12; i > 0; --i) {
      all.push_back(address_at(input.byte(), are_told));
    }
    return all;
  }
  void resolve(Input& input, std::size_t pick) {
    if (resolves_.empty() || pick == 31) return say(Resolved{Token{pick}, fail(Code::io, "no")});
    const auto found =
        std::next(resolves_.begin(), static_cast<std::ptrdiff_t>(pick % resolves_.size()));
    const auto [token, was_told] = *found;
    if ((input.byte() & 7) != 0) resolves_.erase(found);  // else it will answer again
    const std::uint8_t count = input.byte();
    if (count == 0) return say(Resolved{token, fail(Code::not_found, "no such name")});
    std::vector<codec::Multiaddr> all;
    for (std::uint8_t i = count % 12; i > 0; --i) {
      all.push_back(resolved_at(input.byte(), was_told));
    }
    say(Resolved{token, std::move(all)});
  }
  /// One under way, or one that is none.
  LinkId link_at(std::size_t pick) const {
    if (links_.empty() || pick == 31) return LinkId{2 * pick};
    return *std::next(links_.begin(), static_cast<std::ptrdiff_t>(pick % links_.size()));
  }

  void say(Dialer::Input input) {
    dialer_.on_input(now_, std::move(input));
    drain();
  }
  void wait(Duration span) {
    const Instant end = now_ + span;
    for (auto next = dialer_.next_deadline(); next && *next <= end;
         next = dialer_.next_deadline()) {
      ASSERT(*next > now_ || ++idle_ < 10'000);  // a deadline that stays in the past never ends
      now_ = std::max(now_, *next);
      dialer_.on_deadline(now_);
      drain();
    }
    now_ = end;
  }
  void drain() {
    while (auto output = dialer_.poll_output(now_)) {
      std::visit(
          Overload{[&](DialLink& dial) { on_dial(dial); },
                   [&](CloseLink& close) { ASSERT(links_.erase(close.link) == 1); },
                   [&](Resolve& resolve) {
                     ASSERT(resolves_.emplace(resolve.token, is_told(resolve.address)).second);
                   },
                   [&](DialSucceeded& done) {
                     ASSERT(links_.erase(done.link) == 1);
                     on_end(done.token);
                   },
                   [&](DialFailed& failed) {
                     if (failed.token == refused_) {
                       refused_.reset();
                     } else {
                       on_end(failed.token);
                     }
                   }},
          *output);
    }
    for (const auto& [job, deadline] : jobs_) ASSERT(now_ <= deadline);
  }
  void on_dial(const DialLink& dial) {
    ASSERT(dial.link.value % 2 == 0 && links_.insert(dial.link).second);
    ASSERT(links_.size() <= config.attempts_max);
    ASSERT(dial.timeout > Duration::zero() && dial.timeout <= config.job_timeout);
    const auto parts = codec::as_transport(dial.address);
    ASSERT(parts.has_value() && parts->name.empty() && !dial.address.peer());
    ASSERT(config.has_sessions || !dial.address.has(codec::AddrProtocol::kith));
    if (parts->port == told_port) ASSERT(codec::scope_of(dial.address) == codec::AddrScope::global);
  }
  void on_end(Token token) { ASSERT(jobs_.erase(token) == 1); }

  const DialerConfig config;
  Instant now_{};
  Dialer dialer_{config};
  std::map<Token, Instant> jobs_;   // and by when they have ended
  std::optional<Token> refused_;    // one too many: ends at once
  std::set<LinkId> links_;          // under way
  std::map<Token, bool> resolves_;  // unanswered; whether others told the name
  std::uint64_t next_token_ = 0;
  int idle_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input{{data, std::min<size_t>(size, 2048)}};
  const bool has_sessions = (input.byte() & 1) != 0;
  World(has_sessions).play(input);
  return 0;
}
