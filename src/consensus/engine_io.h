// What the consensus engine hears and says (consensus/engine.h). Whoever drives it carries
// messages, checks signatures, keeps the log, holds the key, and knows what a block means.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "codec/chain_block.h"
#include "codec/chain_evidence.h"
#include "codec/chain_message.h"
#include "codec/chain_validators.h"
#include "codec/signer_message.h"
#include "consensus/view_votes.h"

namespace kith::consensus {

using codec::BlockPtr;
using codec::Epoch;
using codec::Hash;
using codec::Height;
using codec::ValidatorIndex;
using codec::View;

/// The last block that is final, as far as one node knows.
struct FinalBlock {
  View view;  // in which it was finalized; 0: the floor of the epoch
  Height height;
  Hash digest{};
  WallTime time;
  CertificatePtr finalization;  // null at the floor
};

/// What an epoch is.
struct EpochContext {
  Hash genesis{};
  Epoch epoch;
  codec::ValidatorSet validators;
  FinalBlock floor;  // the last block of the epoch before, or genesis
  Height last_height;
  Hash params_hash{};
  /// What leaders are ordered by; empty: the floor's digest.
  std::optional<Hash> leaders_seed = {};
};

// --- to the engine -------------------------------------------------------------------------------

/// From a peer, decoded and unverified.
struct Heard {
  PeerId from;
  codec::ConsensusMessage message;
  std::optional<codec::ValidatorKey> proven = {};  // the key that the peer has shown to hold
};
/// What a peer gave when it was asked for what follows our last final block: blocks in order, each
/// on the one before, and what makes the last of them final. Unverified. All of one epoch.
struct BlocksHeard {
  PeerId from;
  std::vector<BlockPtr> blocks;
  codec::Certificate finalization;
};
/// A validator can be reached again.
struct ValidatorUp {
  ValidatorIndex validator;
};
/// Answers Verify: one verdict each.
struct Verified {
  Token token;
  std::vector<bool> valid;
};
/// Answers Build. The header is the one asked for, with the application's fields filled in.
struct Built {
  Token token;
  Result<BlockPtr> block;
};
/// Answers Check: an error says that no honest node could have built it.
struct Checked {
  Hash digest{};
  Result<void> verdict;
};
/// Answers Sign.
struct Signed {
  codec::Statement statement;
  Result<crypto::Signature> signature;
};
/// Answers Persist and Compact: all of it is on the disk.
struct Persisted {
  Token token;
};
/// Blocks up to this height are stored and executed for good: the log may forget them.
struct Committed {
  Height height;
};
/// Sync brought the node here, in this epoch. The block itself is committed already.
struct Synced {
  FinalBlock to;
};
/// Of a validator whose key a signer elsewhere holds: this node is the one that votes. `said`: all
/// that was signed in the epoch above the final view, by whichever node it was asked.
/// `needs_others`: the signer has just started, and what it knows may be older than what it said.
struct SignerReady {
  Epoch epoch;
  View final_view;  // nothing is signed up to it
  std::vector<codec::SaidVote> said;
  bool needs_others = false;
  /// It lost its log: when others have told that this epoch is the present one, it is stale in it.
  bool is_lost = false;
};
/// It is no more, or nobody knows: another node votes, or the signer cannot be reached.
struct SignerGone {
  std::string why;  // for people
};
struct WallClockRead {
  WallTime now;
};

struct EngineInput
    : std::variant<Heard, BlocksHeard, ValidatorUp, Verified, Built, Checked, Signed, Persisted,
                   Committed, Synced, SignerReady, SignerGone, WallClockRead> {
  using variant::variant;
  EngineInput(const EngineInput&);
  EngineInput& operator=(const EngineInput&);
  EngineInput(EngineInput&&) noexcept;
  EngineInput& operator=(EngineInput&&) noexcept;
  ~EngineInput();
};

// --- from the engine -----------------------------------------------------------------------------

/// To every validator.
struct Broadcast {
  Buffer message;
};
struct SendTo {
  ValidatorIndex validator;
  Buffer message;
};
/// To whoever asked, validator or not.
struct ReplyTo {
  PeerId peer;
  Buffer message;
};
struct VerifyJob {
  codec::ValidatorKey key{};
  std::shared_ptr<const Bytes> message;
  crypto::Signature signature{};
};
struct Verify {
  Token token;
  std::vector<VerifyJob> jobs;
};
/// Build a block on `header.parent`, whose state is known (it was built, or checked and found
/// good). To be filled in: body_hash and the application's roots, next_validators_root in the last
/// block of an epoch.
struct Build {
  Token token;
  codec::BlockHeader header;
  codec::Justification justification;
};
/// Execute it on its parent's state, which is known, and compare all the application's fields.
struct Check {
  BlockPtr block;
};
struct Sign {
  codec::Statement statement;
  bool holds_notarization = false;  // of the subject: a signer's own guard asks (G3)
};
/// Append to the log, all of it durable before the answer.
struct Persist {
  Token token;
  std::vector<Bytes> records;
};
/// Begin the log anew with these records; whatever it held before may go once they are durable.
struct Compact {
  Token token;
  std::vector<Bytes> records;
};
/// These blocks are final, in order of height; the certificate is for the last.
struct Commit {
  std::vector<BlockPtr> blocks;
  CertificatePtr finalization;
};
struct FoundEvidence {
  codec::Evidence evidence;
};
/// A block is final that is too far ahead to be fetched one by one: sync.
struct Behind {
  CertificatePtr finalization;
};
struct PeerFault {
  PeerId peer;
  Error error;
};
/// A quorum certified a block that the application here calls wrong: this node's state or code is
/// not theirs. It stops.
struct Diverged {
  BlockPtr block;
  Error error;
};
/// Two certificates that cannot both be: a third of the weight lied. The node stops. `first` is
/// null when what the second contradicts is the floor.
struct Forked {
  CertificatePtr first;
  CertificatePtr second;
};

struct EngineOutput
    : std::variant<Broadcast, SendTo, ReplyTo, Verify, Build, Check, Sign, Persist, Compact, Commit,
                   FoundEvidence, Behind, PeerFault, Diverged, Forked> {
  using variant::variant;
  EngineOutput(const EngineOutput&);
  EngineOutput& operator=(const EngineOutput&);
  EngineOutput(EngineOutput&&) noexcept;
  EngineOutput& operator=(EngineOutput&&) noexcept;
  ~EngineOutput();
};

}  // namespace kith::consensus
