// Heartbeats of registered validators that are not in the active set, by gossip on one topic
// (/kith/heartbeat/1/<first 8 bytes of the genesis hash>): each sends one a slot, a few witnesses
// drawn from the active set attest it, and every node keeps a table of who was heard last and by
// how many it is attested. Grammar and rules: docs/protocol/consensus.md, "Heartbeats".
//
// Who may be heard is bounded by the registry: of each key one heartbeat a slot, of slots that are
// now, in ascending order, and one attestation of each witness that its hash draws. What else comes
// is passed over before any signature is looked at; a false signature is the fault of who brought
// it. The table is a node's own and in no state: nobody is paid or punished by it.
//
// A machine. Limits: an entry a registered validator; `pending_max` messages whose signatures are
// being checked.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/queue.h"
#include "codec/chain_heartbeat.h"
#include "codec/signer_message.h"
#include "gossip/router_io.h"
#include "host/world_chain.h"
#include "ledger/registry.h"

namespace kith::node {

struct HeartbeatConfig {
  codec::Hash genesis{};
  Duration interval = 5s;  // a slot
  std::size_t witnesses_drawn = 5;
  std::size_t witnesses_needed = 3;  // or all, when the set has fewer
  std::uint64_t missed_max = 3;      // so many missed slots, and it counts as offline
};

/// What a node knows of one of them.
struct HeartbeatRow {
  codec::ValidatorKey key{};
  std::optional<codec::Heartbeat> last;
  std::optional<Instant> heard;
  std::size_t witnesses = 0;  // of the last, besides itself
  /// The last slot that was attested by enough; none since this node runs.
  std::optional<std::uint64_t> attested_slot;
  std::uint64_t missed = 0;  // whole slots since, or since this node watches
  bool is_online = false;
};

/// The signatures of one message, by the rule of consensus.
class VerifyHeartbeatJob final : public host::Job {
 public:
  VerifyHeartbeatJob(Token token, const codec::Hash& genesis, codec::HeartbeatMessage message,
                     bool is_known)
      : token_(token), genesis_(genesis), message_(std::move(message)), is_known_(is_known) {}
  void run() override;

  Token token() const { return token_; }
  const codec::HeartbeatMessage& message() const { return message_; }
  const Result<void>& verdict() const { return verdict_; }

 private:
  const Token token_;
  const codec::Hash genesis_;
  const codec::HeartbeatMessage message_;
  const bool is_known_;  // the heartbeat in an attestation was verified before
  Result<void> verdict_;
};

class Heartbeats {
 public:
  static constexpr std::size_t pending_max = 256;

  /// Answers a gossip::Validate.
  struct Judged {
    Token token;
    gossip::Verdict verdict = gossip::Verdict::ignore;
  };
  struct Say {
    Bytes message;
  };
  /// To be signed; answered by on_signed().
  struct Ask {
    codec::SignAsk what;
  };
  using Output = std::variant<Judged, Say, Ask, host::RunJob>;

  /// `key`: of this node when it validates.
  Heartbeats(const HeartbeatConfig& config, std::optional<codec::ValidatorKey> key);

  const std::string& topic() const { return topic_; }

  void on_wall_clock(Instant now, WallTime wall);
  /// The last final block, who is registered in its state, and the active set.
  void on_final(Instant now, codec::Height height, const codec::Hash& digest,
                const ledger::Registry& registry,
                std::shared_ptr<const codec::ValidatorSet> active);
  void on_message(Instant now, Token token, ByteView bytes);
  void on_verified(Instant now, const VerifyHeartbeatJob& job);
  /// Without a signature nothing is said.
  void on_signed(Instant now, const codec::SignAsk& asked,
                 const Result<crypto::Signature>& signature);
  void on_deadline(Instant now);
  std::optional<Instant> next_deadline() const { return next_slot_at_; }
  std::optional<Output> poll_output();

  /// Of all registered validators outside the active set, by key.
  std::vector<HeartbeatRow> rows(Instant now) const;
  std::uint64_t slot(Instant now) const;
  const HeartbeatConfig& config() const { return config_; }
  /// As many witnesses as make a heartbeat count.
  std::size_t needed() const;

 private:
  struct Entry {
    std::uint64_t watched_from = 0;  // slot
    std::optional<codec::Heartbeat> last;
    codec::Hash hash{};  // of it
    Instant heard;
    std::set<codec::ValidatorKey> drawn;      // who may attest it
    std::set<codec::ValidatorKey> witnesses;  // who has
    std::optional<std::uint64_t> attested_slot;
  };
  bool is_new(Instant now, const codec::Heartbeat& heartbeat) const;
  bool is_wanted(Instant now, const codec::Attestation& attestation) const;
  void take(Instant now, const codec::Heartbeat& heartbeat);
  void take(const codec::Attestation& attestation);
  void beat(Instant now);
  void arm(Instant now);
  bool is_outside(const codec::ValidatorKey& key) const { return entries_.contains(key); }
  bool is_now(Instant now, std::uint64_t slot) const;

  const HeartbeatConfig config_;
  const std::optional<codec::ValidatorKey> me_;
  std::string topic_;
  std::optional<WallTime> wall_;
  Instant wall_read_;
  std::optional<Instant> next_slot_at_;
  codec::Height height_;
  codec::Hash digest_{};
  std::shared_ptr<const codec::ValidatorSet> active_;
  std::map<codec::ValidatorKey, Entry> entries_;  // registered and not in the active set
  struct Pending {
    Token gossip;
    codec::Hash hash{};  // of the heartbeat
    std::optional<codec::ValidatorKey> witness;
  };
  std::map<Token, Pending> pending_;
  std::uint64_t last_token_ = 0;
  base::Queue<Output> outputs_;
};

}  // namespace kith::node
