// Verdicts: what a node does about contested disputes of computing jobs (docs/protocol/compute.md,
// "Verdicts"). A validator computes the disputed slice again, on another thread, has its key sign
// what came out, and says it by gossip, not before the next final block, so that all know what it
// is about, and again from time to time while the dispute waits. Every node hands on what is signed
// by a validator about a dispute that waits, once it has been verified, and gathers it: whose turn
// it is to pay makes an order of what two thirds of the weight say.
//
// The turn goes round the validators by their place, `turn_blocks` each, from the block on at which
// the verdict was asked for: so that not all pay, and none who is silent holds it up. In the second
// half of the time whoever has coins pays; of two in the mempool a block takes one.
//
// A machine: no clock, the time is blocks. One slice at a time is computed. Of a validator and
// dispute the first verdict that was heard counts. Limits: `disputes_max`, those first that are due
// first; a verdict of each validator; `verifying_max` messages being verified, an eighth a peer's;
// the same verdict is handed on again after `again_blocks`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "base/queue.h"
#include "codec/signer_message.h"
#include "codec/verdict_message.h"
#include "gossip/router_io.h"
#include "host/world_chain.h"
#include "ledger/jobs_verdict.h"
#include "ledger/jobs_view.h"

namespace kith::node {

/// Computes what is asked, for another thread.
class AnswerVerdictJob final : public host::Job {
 public:
  explicit AnswerVerdictJob(ledger::AskedVerdict asked) : asked_(std::move(asked)) {}
  void run() override;

  std::uint64_t dispute() const { return asked_.dispute; }
  /// What is to be said; an error when this node has no verdict.
  const Result<codec::Hash>& answer() const { return answer_; }

 private:
  const ledger::AskedVerdict asked_;
  Result<codec::Hash> answer_;
};

/// Whether who is named has signed it.
class VerifyVerdictJob final : public host::Job {
 public:
  VerifyVerdictJob(Token token, const codec::Hash& genesis, const codec::SaidVerdict& said)
      : token_(token), genesis_(genesis), said_(said) {}
  void run() override;

  Token token() const { return token_; }
  const Result<void>& verdict() const { return verdict_; }

 private:
  const Token token_;
  const codec::Hash genesis_;
  const codec::SaidVerdict said_;
  Result<void> verdict_;
};

struct VerdictConfig {
  codec::Hash genesis{};
  std::uint32_t answer_blocks = 0;  // of the chain: so long a verdict is waited for
};

struct VerdictStats {
  std::uint64_t answered = 0;    // slices and finds that were computed here
  std::uint64_t unanswered = 0;  // of those asked, that this node has no verdict on
  std::uint64_t said = 0;        // ours; not counting what was said again
  std::uint64_t heard = 0;       // others', verified
  std::uint64_t differing = 0;   // of who had said something else of the same dispute
  std::uint64_t given = 0;       // orders for whoever pays
};

class Verdicts {
 public:
  static constexpr std::size_t disputes_max = 256;
  static constexpr std::size_t verifying_max = 256;
  static constexpr std::uint64_t repeat_blocks = 8;
  static constexpr std::uint64_t again_blocks = 4;
  static constexpr std::uint64_t turn_blocks = 4;

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
  /// To be put into a transaction, by whoever pays for it.
  struct Give {
    codec::GiveVerdict order;
  };
  using Output = std::variant<Judged, Say, Ask, Give, host::RunJob>;

  /// `key`: of this node when it validates.
  Verdicts(const VerdictConfig& config, std::optional<codec::ChainKey> key);

  const std::string& topic() const { return topic_; }

  struct View {
    codec::Height height;
    const ledger::Registry& registry;
    bool can_sign = false;  // the key's signer serves this node, or the key is here
    bool can_pay = false;
  };
  /// Each final state, or at least some of them.
  void on_final(const View& view);
  /// `from`: whoever brought it.
  void on_message(Token token, const PeerId& from, ByteView bytes);
  /// A RunJob of ours has run. False: it is none of ours.
  bool on_job(const host::Job& job);
  /// Without a signature it is asked for again.
  void on_signed(const codec::SignVerdict& asked, const Result<crypto::Signature>& signature);
  std::optional<Output> poll_output();

  /// Disputes that wait for a verdict, as far as they are looked at.
  std::size_t asked() const { return questions_.size(); }
  const VerdictStats& stats() const { return stats_; }

 private:
  struct Heard {
    codec::Hash digest{};
    crypto::Signature signature{};
    codec::Height at;  // said here, or handed on, last
  };
  struct Question {
    ledger::AskedVerdict asked;
    codec::Height since;  // the first state in which it is asked here
    std::map<codec::ChainKey, Heard> heard;
    std::optional<codec::Hash> answer;  // ours
    bool is_beyond_us = false;          // this node has no verdict
    std::optional<codec::Height> signing_since;
    std::optional<codec::Height> given_at;
  };
  struct Verifying {
    Token gossip;
    PeerId from;
    codec::SaidVerdict said;
  };

  void on_answered(const AnswerVerdictJob& job);
  void on_verified(const VerifyVerdictJob& job);
  void take_questions(const ledger::Registry& registry);
  void begin_answer();
  void speak();
  void say(const Question& question, const Heard& own);
  void give(Question& question);
  bool is_turn(const Question& question) const;
  std::optional<codec::GiveVerdict> order_of(const Question& question) const;
  std::optional<std::size_t> place_of(const codec::ChainKey& key) const;
  bool is_juror() const { return me_ && place_of(*me_); }
  bool has_room(const PeerId& from, const codec::SaidVerdict& said) const;
  gossip::Verdict judge_again(const codec::SaidVerdict& said, Heard& known) const;

  const VerdictConfig config_;
  const std::optional<codec::ChainKey> me_;
  std::string topic_;
  codec::Height height_;
  bool can_sign_ = false;
  bool can_pay_ = false;
  ledger::Jury jury_;  // while something is asked
  std::map<std::uint64_t, Question> questions_;
  std::optional<std::uint64_t> answering_;  // a dispute
  std::map<Token, Verifying> verifying_;
  base::Queue<Output> outputs_;
  std::uint64_t last_token_ = 0;
  VerdictStats stats_;
};

}  // namespace kith::node
