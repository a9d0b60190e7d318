// All connections of a node's datagram sockets: ids to connections without a hash table, cookies
// before state, stateless resets, one ready list, one deadline. Batches in, batches out.
//
// Nobody who has not brought back a cookie (or a ticket, which the parent checks) costs memory, and
// nothing that did not open is answered, but by what is shorter than the question and at most
// `hints_per_second` times a second.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/queue.h"
#include "base/token_bucket.h"
#include "crypto/hash.h"
#include "packet/connection.h"
#include "packet/cookie.h"

namespace kith::packet {

struct EndpointConfig {
  PacketConfig packet;
  std::size_t connections_max = 16'384, handshakes_max = 64;
  std::size_t closed_max = 4096;  // ended with an ERROR and remembered, to say it again
  Duration closed_for = 10s;
  std::uint32_t hints_per_second = 100;
  crypto::Hash256 reset_key{};  // HKDF of the identity: the same after a restart
};

// Inputs.
struct DialPath {
  Token token;
  Path path;
};
/// Answers Incoming.
struct Decide {
  enum class Verdict : std::uint8_t { admit, ask_for_cookie, drop };
  Token token;
  Verdict verdict;
};
struct ToConnection {
  ConnectionSlot slot;
  Connection::Input input;
};

// Outputs.
struct Dialled {
  Token token;
  ConnectionSlot slot;
};
struct NotDialled {
  Token token;
  Error error;
};
/// A SYN with a HELLO, to be decided at once: others are dropped meanwhile. One with a cookie, or
/// one that says it has a ticket, which the parent looks at. Without either it never gets here.
struct Incoming {
  Token token;
  Path path;
  ByteView hello;
  bool has_cookie;
};
struct Admitted {
  Token token;
  ConnectionSlot slot;
};
struct FromConnection {
  ConnectionSlot slot;
  Connection::Output output;
};

struct EndpointStats {
  std::uint64_t packets_received = 0, faults[header_faults] = {};
  std::uint64_t unknown_ids = 0, cookies_sent = 0, cookies_bad = 0, cookies_used = 0;
  std::uint64_t hints_sent = 0, resets_sent = 0, resets_taken = 0, errors_repeated = 0;
  std::uint64_t answers_dropped = 0, refused = 0;
};

class Endpoint final : private ConnectionIds {
 public:
  using Input = std::variant<DialPath, Decide, ToConnection>;
  using Output = std::variant<Dialled, NotDialled, Incoming, Admitted, FromConnection>;

  /// Of a HELLO's bytes the second says its pattern; this one has a ticket (secure/session.h).
  static constexpr std::uint8_t ticket_pattern = 3;
  static constexpr std::size_t answers_max = 256;
  static constexpr std::size_t used_cookies_max = 1024;

  Endpoint(const EndpointConfig& config, Rng& rng, Instant now);
  ~Endpoint() override;

  void on_input(Instant now, Input input);
  void on_deadline(Instant now);
  std::optional<Output> poll_output(Instant now);
  std::optional<Instant> next_deadline();

  /// Takes packets from the front and says how many bytes; the rest is offered again after the
  /// outputs were drained. Views in outputs are into `in`.
  std::size_t on_datagrams(Instant now, const base::DatagramsIn& in);
  /// The next batch that may leave; 0 bytes: none.
  base::DatagramsOut poll_datagrams(Instant now, ByteSpan room);
  /// Whether poll_datagrams() may have something, as far as is known since the last poll_output().
  bool has_transmit() const { return !ready_.empty() || !answers_.empty() || !repeats_.empty(); }

  /// For services(): what is done with it counts as a mutation, so poll_output() is drained after.
  Connection* find(ConnectionSlot slot);
  const Connection* look_at(ConnectionSlot slot) const;
  std::size_t connection_count() const { return connection_count_; }
  const EndpointStats& stats() const { return stats_; }

 private:
  struct Entry {
    std::unique_ptr<Connection> connection;
    std::uint32_t generation = 0;
    bool is_touched = false, is_ready = false, is_handshaking = false, has_cookie = false;
    std::optional<Instant> armed_at;
  };
  struct Due {
    Instant at;
    std::uint32_t index;
  };
  enum class IdUse : std::uint8_t { free, live, closed };
  struct IdEntry {
    IdUse use = IdUse::free;
    std::uint16_t generation = 0;
    std::uint32_t target = 0;  // index of the connection, or number of the closed one
  };
  /// A SYN that waits for the parent's word.
  struct Pending {
    Token token;
    Path path;
    Bytes packet;
    bool has_cookie = false;
  };
  struct Closed {
    Instant until;
    Bytes packet;
    std::vector<ConnectionId> ids;
    std::uint32_t heard = 0, answer_at = 1;  // packets
  };
  struct Answer {
    Path path;
    std::array<std::uint8_t, 64> bytes;
    std::size_t size;
  };

  static constexpr std::uint32_t slot_index_bits = 20;
  static std::uint32_t index_of(ConnectionSlot slot) {
    return slot.value & ((1U << slot_index_bits) - 1);
  }
  Entry& entry_of(ConnectionSlot slot) { return entries_[index_of(slot)]; }

  std::optional<ConnectionId> take_id(ConnectionSlot slot) override;
  void give_back(ConnectionId id) override;
  ResetToken token_of(ConnectionId id, const base::IpPort& peer) const override;

  bool on_packet(Instant now, const Path& path, ByteSpan packet, base::Ecn ecn);
  bool on_stranger(Instant now, const Path& path, const Header& header, ByteSpan packet);
  bool has_room_without_cookie() const;
  bool is_used(ByteView cookie) const;
  void use(ByteView cookie);
  bool on_repeated_hello(Instant now, const Path& path, const Header& header, ByteSpan packet,
                         ConnectionId sender);
  void on_unknown_id(Instant now, const Path& path, const Header& header, std::size_t size);
  void on_bare_error(Instant now, const Path& path, const Header& header, ByteView payload);
  void on_other_version(Instant now, const Path& path, ByteView packet);
  void decide(Instant now, const Decide& decision);
  void say_cookie(Instant now, const Path& path, ConnectionId to);
  void answer(const Path& path, Header header, ByteView payload);
  bool may_hint(Instant now);

  std::optional<ConnectionSlot> create(Instant now, Direction direction, const Path& path,
                                       ConnectionId peer);
  const IdEntry* id_entry(ConnectionId id) const;
  Connection* connection_of(ConnectionId id, ConnectionSlot& slot);
  void touch(ConnectionSlot slot);
  void arm(std::uint32_t index, Instant at);
  void forget_stale();
  void settle(Instant now);
  void update(Instant now, ConnectionSlot slot);
  void reap(Instant now, ConnectionSlot slot);
  void forget_closed(Instant now);
  ConnectionSlot slot_at(std::uint32_t index) const;

  const EndpointConfig config_;
  Rng& rng_;
  CookieMaker cookies_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_entries_;
  std::vector<std::unique_ptr<Connection>> ended_;  // that views may still look into
  std::size_t connection_count_ = 0;
  std::vector<IdEntry> ids_;
  base::Queue<std::uint32_t> free_ids_;      // the one that was given back first is taken first
  std::vector<ConnectionSlot> handshaking_;  // accepted, without keys yet
  std::optional<Pending> pending_;
  std::uint64_t next_token_ = 1;
  std::vector<std::uint64_t> used_cookies_;  // of the last that were let in
  std::size_t next_used_ = 0;                // the oldest of them, when there are all
  std::deque<Closed> closed_;                // the oldest first
  std::uint32_t closed_popped_ = 0;          // number of the first of them

  base::Queue<ConnectionSlot> ready_;    // have packets to send
  base::Queue<ConnectionSlot> talking_;  // have outputs
  std::vector<ConnectionSlot> touched_;
  std::vector<ConnectionSlot> batch_;  // whose packets were in the batch
  std::vector<Due> due_;  // a heap, the soonest first; Entry::armed_at says which still hold
  base::Queue<Answer> answers_;
  base::Queue<std::pair<Path, Bytes>> repeats_;  // ERRORs that are said again
  Bytes admitted_;                               // the SYN that an output looks at
  base::TokenBucket hints_, reset_looks_;
  base::Queue<Output> outputs_;
  EndpointStats stats_;
};

}  // namespace kith::packet
