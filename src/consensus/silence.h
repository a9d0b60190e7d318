// What keeps a validator silent after its process has started, until others have told what they
// hold of it: its log and its store may be whole and yet older than what it has said, when somebody
// put back a backup. Nothing in them tells; the others' memory does (docs/protocol/consensus.md,
// "After a start"). Asked of by the engine (consensus/engine_memory.cpp), which also judges the
// answers; this counts them and knows when to ask again.
//
// Limits: one answer of each validator counts; the pauses between questions double up to the
// engine's standstill_max.
#pragma once

#include <optional>
#include <set>

#include "base/time.h"
#include "codec/chain_message.h"
#include "codec/chain_validators.h"

namespace kith::consensus {

/// An answer, and whose: its signatures are being verified.
struct MemoryHeard {
  codec::ValidatorIndex by = 0;
  codec::Memory memory;
};

class Silence {
 public:
  explicit Silence(bool is_on) : is_on_(is_on) {}

  bool is_on() const { return is_on_; }
  /// Until a signer elsewhere says that this node is the one that votes.
  bool is_held() const { return is_held_; }
  void hold();
  /// It says so. `needs_others`: begins to count answers anew, else the silence is over.
  void release(bool needs_others);
  /// The others know of more than the log: nobody knows of what else.
  void stay();

  /// The first question has to come with a nonce that was never used.
  void begin(std::uint64_t nonce) { nonce_ = nonce; }
  std::optional<std::uint64_t> nonce() const { return nonce_; }
  void asked(Instant now, Duration first, Duration longest);
  std::optional<Instant> ask_at() const { return ask_at_; }

  void answered(codec::ValidatorIndex by) { answered_.insert(by); }
  /// True once: when those who answered are a quorum together with `me`, and all others have
  /// answered too, or had `grace` more. What only one of them has heard should not be missed
  /// because it is the slowest.
  bool ends(Instant now, codec::ValidatorIndex me, const codec::ValidatorSet& validators,
            Duration grace);
  /// When there is something to do.
  std::optional<Instant> next_deadline() const { return base::soonest(ask_at_, ends_at_); }

 private:
  bool is_on_;
  bool is_held_ = false;
  std::optional<std::uint64_t> nonce_;  // none: it never asked
  std::set<codec::ValidatorIndex> answered_;
  std::optional<Instant> ask_at_, ends_at_;
  Duration wait_{0};
};

}  // namespace kith::consensus
