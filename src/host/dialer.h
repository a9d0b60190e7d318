// Dialling by happy eyeballs (RFC 8305, adapted): one job reaches one peer over whichever of its
// addresses answers first. Names are resolved first; addresses are tried best scope first, packets
// and streams in turn and packets before, with the IP families in turn within both, the next one
// `attempt_delay` after the last or at once when one fails. A
// link that is up gets `authenticate_delay` before the next is tried: it will most likely win, but
// whatever answers at a wrong address must not use up the job. The first attempt that is
// authenticated wins and the others are closed.
//
// A name that somebody else told may resolve to anything: what it resolves to is dialled only when
// it is a global address. Names from this node's own user or configuration may lead anywhere.
//
// Limits: `jobs_max` jobs, `attempts_max` links under way in all, `addresses_max` addresses a job
// with what names resolve to, `job_timeout` from the job's start to authentication.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/deadline_heap.h"
#include "base/ids.h"
#include "base/queue.h"
#include "codec/multiaddr.h"
#include "host/world.h"

namespace kith::host {

struct DialerConfig {
  Duration attempt_delay = 250ms;
  Duration authenticate_delay = 2s;
  Duration job_timeout = 10s;
  /// Where nobody takes packets nothing says so: when every other way has failed, so long after the
  /// start of the job it has.
  Duration packet_patience = 1500ms;
  std::size_t jobs_max = 1024;
  std::size_t attempts_max = 64;
  std::size_t addresses_max = 32;
  bool has_sessions = true;  // addresses of Kith's own transports may be dialled
};

// Inputs.
struct StartDial {
  Token token;                                 // the job's name; unused so far
  std::optional<PeerId> expected;              // empty: whoever answers
  std::vector<codec::Multiaddr> addresses;     // from this node's user or configuration
  std::vector<codec::Multiaddr> hearsay = {};  // told by others; tried behind
};
/// More addresses for a running job, to be tried first.
struct ExtendDial {
  Token token;
  std::vector<codec::Multiaddr> addresses;
};
struct AttemptOpened {  // TCP is up, authentication begins
  LinkId link;
};
struct AttemptFailed {
  LinkId link;
  Error error;
};
struct AttemptWon {
  LinkId link;
  PeerId peer;
};
struct CancelDial {
  Token token;
};

// Outputs.
struct DialSucceeded {
  Token token;
  PeerId peer;
  LinkId link;
};
struct DialFailed {
  Token token;
  std::optional<PeerId> expected;
  Error error;
};

class Dialer {
 public:
  using Input = std::variant<StartDial, ExtendDial, AttemptOpened, AttemptFailed, AttemptWon,
                             Resolved, CancelDial>;
  using Output = std::variant<DialLink, CloseLink, Resolve, DialSucceeded, DialFailed>;

  explicit Dialer(const DialerConfig& config) : config_(config) {}

  void on_input(Instant now, Input input);
  void on_deadline(Instant now);
  std::optional<Output> poll_output(Instant now);
  std::optional<Instant> next_deadline() { return deadlines_.soonest(); }

  /// A number for a connection that is no link of the shell's, and of no attempt: even too, so that
  /// neither names the same.
  LinkId take_link_id();
  /// Whom a link was dialled for: what its Noise handshake must find.
  std::optional<PeerId> expected_of(LinkId link) const;
  std::size_t jobs() const { return jobs_.size(); }

 private:
  struct Job {
    std::optional<PeerId> expected;
    std::deque<codec::Multiaddr> waiting;  // to be tried, in order
    std::vector<LinkId> attempts;          // under way
    std::size_t resolving = 0;
    std::size_t addresses = 0;  // taken so far
    Instant began, deadline;
    Instant next_attempt;
    std::optional<Error> last_error;
  };
  using Jobs = std::map<Token, Job>;

  void start(Instant now, StartDial request);
  void extend(Instant now, const ExtendDial& more);
  struct Resolution {
    Token job;
    std::size_t depth;  // dnsaddr may lead to dnsaddr
    bool is_hearsay;
  };
  /// `came`: for which job, and by how many resolutions.
  void add_addresses(const Resolution& came, Job& job,
                     const std::vector<codec::Multiaddr>& addresses);
  void on_opened(Instant now, LinkId link);
  void on_resolved(Instant now, Resolved resolved);
  void on_failed(Instant now, const AttemptFailed& failed);
  void on_won(const AttemptWon& won);
  void advance(Instant now, Token token, Job& job);
  void feed_starved(Instant now);
  void attempt(Instant now, Token token, Job& job);
  void give_up(Token token, Error error);
  void close_attempts(const Job& job, std::optional<LinkId> except);
  void finish(Token token);

  const DialerConfig config_;
  Jobs jobs_;
  struct Attempt {
    Token job;
    std::optional<PeerId> expected;  // the job's, or whom the address names
    bool is_of_packets = false;
  };
  std::map<LinkId, Attempt> links_;
  std::map<Token, Resolution> resolving_;
  std::uint64_t next_link_ = 2;  // even: dialled (base/ids.h)
  std::uint64_t next_resolution_ = 1;
  std::set<Token> starved_;  // wait for a free attempt
  base::DeadlineHeap<Token> deadlines_;
  base::Queue<Output> outputs_;
};

/// Best first: by scope (global, then private, then loopback when nothing else is there); packets
/// and streams in turn beginning with packets; families in turn beginning with IPv6 (RFC 8305
/// section 4); TCP before WebSocket; otherwise in the given order.
std::vector<codec::Multiaddr> order_for_dialing(std::vector<codec::Multiaddr> addresses);

}  // namespace kith::host
