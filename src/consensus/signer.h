// The remote signer: holds a validator's key and its guard, and signs for one of several nodes
// (docs/protocol/signer.md, ADR 0018). What was said is durable in a log of its own before a
// signature leaves it; the same statement again gets the same bytes; it never goes back behind the
// highest epoch it voted in, nor behind the last final view it was told of. So two nodes that both
// believe to be the one that votes are harmless: the guard and the log are one.
//
// Of the nodes that are connected one holds the lease, and the votes of the others are refused; it
// keeps them from wasting views, no more. Whoever lost the log, or began with a key that was used
// elsewhere, gives no vote until a node has heard from a quorum which epoch it is, and none in that
// one.
//
// Of a dispute about computed results it gives one verdict, for ever: that is durable likewise, so
// that no node can have it say two things by starting it anew.
//
// A machine (base/machine.h). Limits: `clients_max` connected nodes; views without a final one as
// of the guard; `verdicts_max` verdicts, those of the highest disputes, and none below them then.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/queue.h"
#include "base/time.h"
#include "consensus/guard.h"
#include "consensus/signer_record.h"
#include "crypto/key.h"

namespace kith::consensus {

/// One connection of a node.
using ClientId = base::Id<struct SignerClientTag>;

struct SignerConfig {
  Duration lease = 3s;
  /// The log is begun anew when so much was appended.
  std::size_t log_bytes_max = 8 * 1024 * 1024;
};

struct ClientSaid {
  ClientId client;
  Bytes frame;
};
struct ClientLeft {
  ClientId client;
};
/// Answers SignerAppend.
struct SignerLogged {
  Token token;
};
struct SayToClient {
  ClientId client;
  Bytes frame;
};
/// It broke the protocol, or is of another chain: what was said to it before goes out first.
struct DropClient {
  ClientId client;
  Error why;
};
/// Append, all of it durable before the answer; as host::AppendLog.
struct SignerAppend {
  Token token;
  std::uint64_t segment = 0;
  std::vector<Bytes> records;
  bool begins_anew = false;
};

struct SignerStats {
  std::uint64_t votes = 0, others = 0;  // signed
  std::uint64_t refused = 0;            // by guard or silence
  std::uint64_t locked = 0;             // asked without the lease
  std::uint64_t leases = 0;             // given to another node than before
};

class Signer {
 public:
  using Input = std::variant<ClientSaid, ClientLeft, SignerLogged>;
  using Output = std::variant<SayToClient, DropClient, SignerAppend>;
  static constexpr std::size_t clients_max = 64;
  /// More than disputes are open at once, unless thousands of cheats contest.
  static constexpr std::size_t verdicts_max = 1024;

  /// `key` and `log` outlive it.
  Signer(const SignerConfig& config, const crypto::KeyPair& key, Log& log);

  /// What the log holds, in order; once, before the first input. `malformed` for a record that is
  /// none, or a log that does not begin: then begin_lost().
  Result<void> recover(const std::vector<Bytes>& records);
  /// Nobody knows what was said with this key.
  void begin_lost();

  void on_input(Instant now, Input input);
  std::optional<Output> poll_output(Instant now);
  std::optional<Instant> next_deadline() const { return std::nullopt; }
  void on_deadline(Instant) {}

  const codec::ValidatorKey& key() const { return public_key_; }
  const SignerStats& stats() const { return stats_; }
  /// The name of the node that holds the lease.
  std::optional<std::string> holder(Instant now) const;
  /// It gives no vote in the epoch it knows of.
  bool is_silent() const { return is_lost_ || (silent_through_ && epoch_ <= *silent_through_); }
  Epoch epoch() const { return epoch_; }

 private:
  struct Client {
    std::string name;
  };
  void on_said(Instant now, const ClientSaid& said);
  void on_request(Instant now, ClientId client, const codec::SignerRequest& request);
  Result<void> on_hello(ClientId client, std::uint64_t number, const codec::SignerHello& hello);
  void on_lease(Instant now, ClientId client, std::uint64_t number);
  void on_leave(ClientId client);
  void on_said_ask(ClientId client, std::uint64_t number, const codec::SaidAsk& ask);
  void on_final(const codec::FinalTold& told);
  void on_stale(Epoch epoch);
  void on_ask(Instant now, ClientId client, std::uint64_t number, const codec::SignAsk& ask);
  void on_prove(Instant now, ClientId client, std::uint64_t number,
                const codec::ProveHeight& prove);
  void refuse_locked(Instant now, ClientId client, std::uint64_t number);
  void sign_vote(ClientId client, std::uint64_t number, const codec::SignVote& vote);
  void sign_verdict(ClientId client, std::uint64_t number, const codec::SignVerdict& verdict);
  Result<void> may_give(const codec::SignVerdict& verdict) const;
  void note_verdict(std::uint64_t dispute, const codec::Hash& digest);
  bool holds_lease(Instant now, ClientId client) const;
  void refuse(ClientId client, std::uint64_t number, codec::RefusalKind kind, std::string why);
  void begin_epoch(Epoch epoch);
  void silence_through(Epoch epoch);
  void restore(const SignerRecord& record);
  void log_record(const SignerRecord& record, bool is_urgent);
  std::vector<Bytes> state_records() const;
  void answer(ClientId client, codec::SignerAnswer answer);
  void flush_log();

  const SignerConfig config_;
  const crypto::KeyPair& key_;
  Log& log_;
  codec::ValidatorKey public_key_{};

  // What the log knows.
  std::optional<codec::Hash> genesis_;
  bool is_lost_ = false;
  std::optional<Epoch> silent_through_;
  Epoch epoch_;  // the guard's
  std::optional<SafetyGuard> guard_;
  std::map<Statement, crypto::Signature> said_;    // of epoch_, above the final view
  std::map<std::uint64_t, codec::Hash> verdicts_;  // by dispute

  bool is_fresh_ = true;  // nothing was signed since the process started
  std::map<ClientId, Client> clients_;
  std::optional<ClientId> holder_;
  std::string last_holder_;
  Instant lease_until_;
  std::uint64_t lease_ = 0;  // counts those given, of this process

  std::vector<Bytes> unlogged_;
  bool is_final_last_ = false;  // the last of them only says what is final
  bool must_log_ = false;       // an answer waits for it
  bool begins_anew_ = false;    // with all that is known
  std::size_t log_bytes_ = 0;
  std::vector<SayToClient> undurable_;  // what may be said once it is
  std::map<Token, std::vector<SayToClient>> logging_;
  base::Queue<Output> outputs_;
  std::uint64_t last_token_ = 0;
  SignerStats stats_;
};

}  // namespace kith::consensus
