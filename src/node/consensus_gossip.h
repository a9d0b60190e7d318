// Consensus by gossip: for validators that no stream joins (node/consensus_service.h is the rule).
// Votes, certificates and proposals are published on a topic of the chain's and handed on by all
// who keep it, each verified first. Said there only while it is needed: while streams reach no
// quorum, while some validator without a stream to this one is heard that way, or while the chain
// stands still (node_talk.cpp). Grammar and rules: docs/protocol/consensus.md, "By gossip".
//
// What validators ask each other after a start, and answer, is said there too, signed as a whole.
// Blocks that are asked for need a stream. Limits: a message of `message_bytes_max`; what is
// verified at once, in number and bytes; views up to `views_ahead` beyond this node's; the same
// message again only after `again`; of one signer, view and kind two different ones, which is
// evidence, and no third; questions and answers of one signer at their rates; of what is verified
// an eighth for one peer, so that none keeps out what others bring.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/queue.h"
#include "base/token_bucket.h"
#include "codec/chain_message.h"
#include "codec/signer_message.h"
#include "consensus/engine_io.h"
#include "consensus/leaders.h"
#include "gossip/router_io.h"
#include "host/world_chain.h"

namespace kith::node {

struct ConsensusGossipConfig {
  codec::Hash genesis{};
  std::size_t message_bytes_max = 960 * 1024;  // a message of gossip has 1 MiB
  std::uint64_t views_ahead = 64;
  Duration again = 2s;
  Duration heard_for = 60s;
  std::size_t verifying_max = 256;
  std::size_t verifying_bytes_max = 16 * 1024 * 1024;
  std::size_t seen_max = 65'536;
  base::TokenRate memory_rate{4, 32};  // answers of one signer…
  base::TokenRate request_rate{1, 8};  // …and its questions
  std::size_t memories_max = 64;       // of one signer, remembered
  std::size_t unsigned_max = 64;       // what this node says
};

/// Of a message that is signed as a whole: by whom.
struct SaidBy {
  codec::ValidatorIndex signer = 0;
  crypto::Signature signature{};
  Bytes signed_bytes;
};

/// Whether who is named has signed it; for another thread.
class VerifySaidJob final : public host::Job {
 public:
  VerifySaidJob(Token token, const codec::Hash& genesis,
                std::shared_ptr<const codec::ValidatorSet> validators,
                codec::ConsensusMessage message, const std::optional<SaidBy>& by)
      : token_(token),
        genesis_(genesis),
        validators_(std::move(validators)),
        message_(std::move(message)),
        by_(by) {}
  void run() override;

  Token token() const { return token_; }
  const Result<void>& verdict() const { return verdict_; }
  codec::ConsensusMessage take_message() { return std::move(message_); }
  const codec::ConsensusMessage& message() const { return message_; }
  const std::optional<SaidBy>& by() const { return by_; }

 private:
  Result<void> verify_all() const;

  const Token token_;
  const codec::Hash genesis_;
  const std::shared_ptr<const codec::ValidatorSet> validators_;
  codec::ConsensusMessage message_;
  const std::optional<SaidBy> by_;
  Result<void> verdict_;
};

class ConsensusGossip {
 public:
  struct Judged {
    Token token;
    gossip::Verdict verdict;
  };
  struct Say {
    Bytes message;
  };
  /// For a signature that makes what waits for it a Say.
  struct Ask {
    codec::SignAsk what;
  };
  using Output = std::variant<Judged, Say, Ask, consensus::Heard, host::RunJob>;

  /// `key`: in whose name this node speaks; nothing when it does not validate.
  ConsensusGossip(const ConsensusGossipConfig& config,
                  const std::optional<codec::ValidatorKey>& key);

  /// Stands for whoever is heard by gossip: no peer has such an id.
  static PeerId name_of(const codec::ValidatorKey& key);
  static std::optional<codec::ValidatorKey> named(const PeerId& peer);

  const std::string& topic() const { return topic_; }
  void begin_epoch(codec::Epoch epoch, std::shared_ptr<const codec::ValidatorSet> validators,
                   const codec::Hash& leaders_seed);
  /// The engine's last final view and the one it is in.
  void on_views(codec::View final, codec::View now);

  /// Whether what this validator says is to be said here too. `connected`: one a validator, itself
  /// among them.
  bool is_needed(Instant now, const std::vector<bool>& connected) const;
  /// As it goes by streams; what is too large, or of a kind that needs one, stays.
  void say(ByteView message);
  /// Answers Ask.
  void on_signed(const codec::SignSaid& asked, const Result<crypto::Signature>& signature);

  /// `from`: whoever brought it.
  void on_message(Instant now, Token token, const PeerId& from, ByteView bytes);
  void on_verified(Instant now, VerifySaidJob& job);
  std::optional<Output> poll_output();

  std::uint64_t said() const { return said_; }
  std::uint64_t heard() const { return heard_; }

 private:
  /// What may be said once: who says what kind of thing of which view.
  struct Subject {
    std::uint64_t view = 0;
    std::uint8_t kind = 0;  // of the vote; certificates and proposals have their own
    codec::ValidatorIndex signer = 0;
    friend auto operator<=>(const Subject&, const Subject&) = default;
  };
  struct Saying {
    Subject subject;
    codec::Hash digest{};
    friend auto operator<=>(const Saying&, const Saying&) = default;
  };
  struct Verifying {
    Token gossip;
    PeerId from;
    Saying saying;
    std::size_t bytes = 0;
  };
  struct Load {
    std::size_t count = 0, bytes = 0;
  };

  struct Said {
    codec::ConsensusMessage message;
    std::optional<SaidBy> by;
    codec::Hash digest{};  // of the message, however often it is said
  };
  Result<Said> read(ByteView bytes) const;
  std::optional<Saying> saying_of(const codec::ConsensusMessage& message,
                                  const std::optional<SaidBy>& by, const codec::Hash& digest) const;
  bool is_wanted(Instant now, const Saying& saying);
  bool has_room(const PeerId& from, std::size_t bytes) const;
  base::TokenBucket& bucket_of(Instant now, const Subject& subject);
  const base::TokenRate& rate_of(const Subject& subject) const;
  void remember(Instant now, const Saying& saying);
  codec::Hash hash_of(ByteView message) const;
  void say(ByteView message, const std::optional<SaidBy>& by);

  const ConsensusGossipConfig config_;
  const std::optional<codec::ValidatorKey> key_;
  std::string topic_;
  codec::Epoch epoch_;
  std::shared_ptr<const codec::ValidatorSet> validators_;
  std::optional<consensus::LeaderSchedule> leaders_;
  codec::View final_, view_;
  std::map<Subject, std::map<codec::Hash, Instant>> seen_;
  std::map<codec::ValidatorIndex, Instant> heard_at_;
  std::map<Subject, base::TokenBucket> memory_buckets_;
  std::map<Token, Verifying> verifying_;
  std::size_t verifying_bytes_ = 0;
  std::map<PeerId, Load> verifying_of_;
  std::map<codec::Hash, Bytes> unsigned_;  // what waits for its signature, by its hash
  base::Queue<Output> outputs_;
  std::uint64_t last_token_ = 0;
  std::uint32_t repeat_ = 0;
  std::uint64_t said_ = 0;
  std::uint64_t heard_ = 0;
};

}  // namespace kith::node
