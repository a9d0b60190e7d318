// What a node and a remote signer say to each other: the frames of docs/protocol/signer.md. The
// signer holds a validator's key and its guard; a node asks for signatures, one of several holds
// the lease for votes. Big-endian, one encoding a value.
//
// What may be signed is one of six kinds, each under a tag of its own, and what may be proven
// (crypto/vrf.h) is a height of the chain: a signer never takes bytes that a node chose.
//
// Limits: frames of 16 KiB; 64 votes a page; names of 64 bytes and reasons of 256, all printable
// ASCII, so that either may stand in a log as it is.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "codec/chain_vote.h"
#include "crypto/vrf.h"

namespace kith::codec {

inline constexpr std::uint8_t signer_version = 1;
inline constexpr std::size_t signer_frame_bytes_max = 16 * 1024;
inline constexpr std::size_t signer_votes_max = 64;
inline constexpr std::size_t signer_name_bytes_max = 64;
inline constexpr std::size_t signer_why_bytes_max = 256;

// --- what may be signed --------------------------------------------------------------------------

struct SignVote {
  Statement statement;
  bool holds_notarization = false;  // the node has one of the subject (rule G3)
  friend bool operator==(const SignVote&, const SignVote&) = default;
};
/// That the holder of the key is at the end of a channel.
struct SignHello {
  Hash channel{};  // the Noise handshake's
  PeerId sender;
  friend bool operator==(const SignHello&, const SignHello&) = default;
};
struct SignHeartbeat {
  std::uint64_t slot = 0;
  Height height;
  Hash digest{};
  friend bool operator==(const SignHeartbeat&, const SignHeartbeat&) = default;
};
struct SignAttestation {
  Hash heartbeat{};  // its hash
  friend bool operator==(const SignAttestation&, const SignAttestation&) = default;
};
/// That a message of consensus, said by gossip, is the key's.
struct SignSaid {
  Hash message{};  // its hash
  friend bool operator==(const SignSaid&, const SignSaid&) = default;
};
/// What validators say in a dispute about computed results (chain_job.h); of a dispute one and the
/// same for ever.
struct SignVerdict {
  std::uint64_t dispute = 0;
  Hash digest{};
  friend bool operator==(const SignVerdict&, const SignVerdict&) = default;
};
using SignAsk =
    std::variant<SignVote, SignHello, SignHeartbeat, SignAttestation, SignSaid, SignVerdict>;

/// The proof that goes into the body of the key's block of this height (codec/chain_body.h). It can
/// contradict nothing: there is one of a height.
struct ProveHeight {
  Height height;
  friend bool operator==(const ProveHeight&, const ProveHeight&) = default;
};

/// What `key` puts its signature under.
Bytes signed_bytes(const Hash& genesis, const ValidatorKey& key, const SignAsk& ask);
/// "notarize of view 7", "a heartbeat": for people.
std::string describe(const SignAsk& ask);

// --- to the signer -------------------------------------------------------------------------------

/// The first frame. `name`: what the signer calls the node when it speaks to others.
struct SignerHello {
  Hash genesis{};
  std::string name;
  friend bool operator==(const SignerHello&, const SignerHello&) = default;
};
/// For the lease, or to keep it.
struct LeaseAsk {
  friend bool operator==(const LeaseAsk&, const LeaseAsk&) = default;
};
struct LeaseLeave {
  friend bool operator==(const LeaseLeave&, const LeaseLeave&) = default;
};
/// For what was said in this epoch, from behind a statement on.
struct SaidAsk {
  Epoch epoch;
  std::optional<Statement> after;
  friend bool operator==(const SaidAsk&, const SaidAsk&) = default;
};
/// Everything up to this view is final.
struct FinalTold {
  Epoch epoch;
  View view;
  friend bool operator==(const FinalTold&, const FinalTold&) = default;
};
/// Nobody knows all that was said in this epoch: others hold votes that the signer does not know,
/// or its log was lost.
struct StaleTold {
  Epoch epoch;
  friend bool operator==(const StaleTold&, const StaleTold&) = default;
};
/// `number`: chosen by the node, ties the answer to it.
struct SignerRequest {
  std::uint64_t number = 0;
  std::variant<SignerHello, LeaseAsk, LeaseLeave, SaidAsk, FinalTold, StaleTold, SignAsk,
               ProveHeight>
      what;
  friend bool operator==(const SignerRequest&, const SignerRequest&) = default;
};

// --- from the signer -----------------------------------------------------------------------------

struct SignerWelcome {
  ValidatorKey key{};
  friend bool operator==(const SignerWelcome&, const SignerWelcome&) = default;
};
struct LeaseHeld {
  Epoch epoch;              // the highest it voted in
  View final_view;          // of that epoch; nothing is signed up to it
  std::uint64_t lease = 0;  // another number: somebody else may have had it in between
  /// Its process has just started: what others hold of the validator must be asked first.
  bool needs_others = false;
  /// It does not know what was said, nor in which epochs: it gives no vote until it was told that
  /// its log is stale in one of which a quorum has told that it is the present one.
  bool is_lost = false;
  std::optional<Epoch> silent_through;  // no vote up to this epoch
  friend bool operator==(const LeaseHeld&, const LeaseHeld&) = default;
};
struct LeaseTaken {
  std::string holder;
  friend bool operator==(const LeaseTaken&, const LeaseTaken&) = default;
};
struct SaidVote {
  Statement statement;
  crypto::Signature signature{};
  friend bool operator==(const SaidVote&, const SaidVote&) = default;
};
/// By strictly ascending statement.
struct SaidVotes {
  bool has_more = false;
  std::vector<SaidVote> votes;
  friend bool operator==(const SaidVotes&, const SaidVotes&) = default;
};
struct SignatureGiven {
  crypto::Signature signature{};
  friend bool operator==(const SignatureGiven&, const SignatureGiven&) = default;
};
struct ProofGiven {
  crypto::VrfProof proof{};
  friend bool operator==(const ProofGiven&, const ProofGiven&) = default;
};
enum class RefusalKind : std::uint8_t {
  guard = 1,   // the vote, or verdict, would break a rule
  locked = 2,  // another node has the lease, or nobody
  silent = 3,  // it gives no vote in this epoch, and no verdict
  chain = 4,   // it signs for another chain, or speaks another version
};
struct SignerRefusal {
  RefusalKind kind = RefusalKind::guard;
  std::string why;
  friend bool operator==(const SignerRefusal&, const SignerRefusal&) = default;
};
struct SignerAnswer {
  std::uint64_t number = 0;
  std::variant<SignerWelcome, LeaseHeld, LeaseTaken, SaidVotes, SignatureGiven, SignerRefusal,
               ProofGiven>
      what;
  friend bool operator==(const SignerAnswer&, const SignerAnswer&) = default;
};

/// Printable ASCII of at most `bytes_max`: what else is in it becomes "?".
std::string signer_text(std::string_view text, std::size_t bytes_max);

/// REQUIRES: names and reasons as signer_text() makes them.
Bytes encode(const SignerRequest& request);
Bytes encode(const SignerAnswer& answer);
/// `unsupported` for another version.
Result<SignerRequest> decode_signer_request(ByteView bytes);
Result<SignerAnswer> decode_signer_answer(ByteView bytes);

}  // namespace kith::codec
