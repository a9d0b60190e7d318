// Who holds the validator's key, behind one face: a key of this process, which signs at once, or a
// remote signer (docs/protocol/signer.md), which is asked. Votes, proofs on channels and heartbeats
// all come here as what is to be signed (codec/signer_message.h), and come back with a signature or
// with why not; so do the proofs of heights (node/height_proofs.h), which a key that is here makes
// on another thread.
//
// Of a remote signer it is the node's side: it says hello, asks for the lease each `lease_every`
// and keeps it so, takes over what the signer said in this epoch, and tells consensus when this
// node is the one that votes. While the signer cannot be reached, or serves another node, this one
// follows the chain.
//
// A machine. Limits: `pending_max` requests that wait for the signer, and as many heights.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "codec/signer_message.h"
#include "consensus/engine_io.h"
#include "crypto/key.h"
#include "host/world_chain.h"
#include "node/height_proofs.h"

namespace kith::node {

/// Of a node whose key is elsewhere.
struct SigningConfig {
  codec::Hash genesis{};
  codec::ValidatorKey key{};  // what the signer must have
  std::string name;           // what it calls this node
};

struct SigningStats {
  std::uint64_t signed_votes = 0, signed_others = 0;
  std::uint64_t refused = 0;  // by the signer, or it ended before it answered
  std::uint64_t leases = 0;   // times that this node became the one that votes
};

class Signing {
 public:
  struct Answered {
    codec::SignAsk what;
    Result<crypto::Signature> signature;
  };
  /// Proofs on channels can be had from now on.
  struct KeyUsable {};
  using Input = std::variant<host::SignerUp, host::SignerDown, host::SignerSaid>;
  struct Output
      : std::variant<Answered, KeyUsable, HeightProven, consensus::SignerReady,
                     consensus::SignerGone, host::TellSigner, host::LeaveSigner, host::RunJob> {
    using variant::variant;
    Output(Output&&) noexcept;
    Output& operator=(Output&&) noexcept;
    ~Output();
  };

  static constexpr Duration lease_every = 1s;
  /// Without an answer for so long the connection is given up.
  static constexpr Duration answer_max = 3s;
  static constexpr std::size_t pending_max = 1024;

  /// The key is here, and outlives it; null: there is none, and nothing is asked for.
  Signing(const codec::Hash& genesis, const crypto::KeyPair* key);
  /// `log` outlives it.
  Signing(SigningConfig config, Log& log);

  /// The key in whose name it signs.
  const std::optional<codec::ValidatorKey>& key() const { return public_key_; }
  bool is_remote() const { return log_ != nullptr; }

  void ask(Instant now, codec::SignAsk what);
  /// Answered by HeightProven.
  void prove(Instant now, codec::ProveHeight what);
  /// A RunJob of prove() has run.
  void on_proved(const ProveHeightJob& job);
  /// An engine of this epoch begins, and waits to be told that it may vote.
  void on_epoch(Instant now, codec::Epoch epoch);
  /// Where consensus stands. `is_stale`: others hold votes that the signer does not know.
  void on_view(codec::View final_view, bool is_stale);
  /// Its chain goes no further: another node may have the lease, while this one keeps its
  /// connection.
  void stand_down(bool stands_down);
  void on_input(Instant now, Input input);
  void on_deadline(Instant now);
  std::optional<Instant> next_deadline() const;
  std::optional<Output> poll_output();

  bool is_connected() const { return state_ > State::greeting; }
  /// This node is the one that votes.
  bool leads() const { return !is_remote() || state_ == State::leads; }
  const SigningStats& stats() const { return stats_; }
  /// From question to answer.
  const base::Timing& times() const { return times_; }

 private:
  enum class State : std::uint8_t { away, greeting, follows, takes_over, leads };
  struct Pending {
    codec::SignAsk what;
    Instant asked;
  };
  struct Proving {
    codec::Height height;
    Instant asked;
  };
  void on_answer(Instant now, codec::SignerAnswer answer);
  void on_welcome(Instant now, const codec::SignerWelcome& welcome);
  void on_held(const codec::LeaseHeld& held);
  void on_votes(codec::SaidVotes votes);
  void on_refusal(Instant now, std::uint64_t number, const codec::SignerRefusal& refusal);
  void ask_lease(Instant now);
  void give_up(std::string why);
  void follow(std::string why);
  void fail_all(const Error& error);
  void on_signature(Instant now, std::uint64_t number, const codec::SignatureGiven& given);
  void finish(Instant now, std::uint64_t number, Result<crypto::Signature> signature);
  void finish(Instant now, std::uint64_t number, Result<crypto::VrfProof> proof);
  Result<void> may_ask(bool needs_lease, std::size_t waiting);
  std::uint64_t tell(decltype(codec::SignerRequest::what) what);

  const codec::Hash genesis_;
  const crypto::KeyPair* const key_ = nullptr;
  const SigningConfig config_;
  Log* const log_ = nullptr;  // null: the key is here
  std::optional<codec::ValidatorKey> public_key_;

  State state_ = State::away;
  std::string why_;  // this node does not vote
  std::optional<codec::Epoch> epoch_;
  codec::View final_told_;
  bool is_stale_told_ = false;
  bool stands_down_ = false;
  codec::LeaseHeld held_;
  std::vector<codec::SaidVote> said_;  // of the pages that came so far
  std::optional<Instant> ask_lease_at_, answered_until_;
  std::map<std::uint64_t, Pending> pending_;  // by number
  std::map<std::uint64_t, Proving> proving_;
  std::uint64_t last_number_ = 0;
  base::Queue<Output> outputs_;
  SigningStats stats_;
  base::Timing times_;
};

}  // namespace kith::node
