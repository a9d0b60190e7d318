// For tests only: one engine, driven by hand. What it asks for (checks of signatures and blocks,
// signatures, writes, blocks) is answered at once and truly, unless a test holds it back; what it
// says is kept. Others speak with real keys (test_world.h).
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "consensus/test_world.h"
#include "crypto/ed25519_zip215.h"

namespace kith::consensus::test {

class Bench : public World {
 public:
  explicit Bench(Scene given = {}) : World(std::move(given)) { restart(); }

  // What is held back, until the test answers by input().
  bool holds_verify = false, holds_sign = false, holds_persist = false, holds_check = false,
       holds_build = false;
  std::deque<Verify> verifies;
  std::deque<Sign> signs;
  std::deque<Persist> persists;
  std::deque<Check> checks;  // all of them, held or not
  std::deque<Build> builds;  // likewise
  bool fails_build = false, fails_sign = false;
  std::set<Hash> wrong;  // blocks that a check finds wrong

  // What it said.
  std::vector<ConsensusMessage> said;
  std::vector<std::pair<ValidatorIndex, ConsensusMessage>> sent;
  std::vector<std::pair<PeerId, ConsensusMessage>> replies;
  std::vector<Commit> commits;
  std::vector<codec::Evidence> evidence;
  std::vector<Behind> behind;
  std::vector<PeerFault> faults;
  std::vector<Diverged> diverged;
  std::vector<Forked> forked;
  std::vector<Compact> compacts;
  std::vector<Bytes> log;  // durable

  std::unique_ptr<Engine> engine;
  Instant now = Instant{} + 1h;

  /// Begins anew with what is durable.
  void restart(std::optional<FinalBlock> last_final = {}) {
    persists.clear();
    signs.clear();
    verifies.clear();
    const FinalBlock floor{{}, scene.floor_height, codec::test_genesis, genesis_time, {}};
    EpochContext context{codec::test_genesis, scene.epoch, validators.set, floor,
                         scene.last_height,   {}};
    std::optional<ValidatorIndex> index;
    if (!scene.follows) index = me;
    engine = std::make_unique<Engine>(scene.config, context, index, last_final.value_or(floor),
                                      rng_, base::null_log(), scene.is_silent);
    EXPECT_TRUE(engine->recover(log));
    if (scene.has_signer) engine->wait_for_signer();
    engine->on_input(now, WallClockRead{wall_now()});
    engine->start(now);
    drain();
  }
  void forget_said() {
    said.clear();
    sent.clear();
    replies.clear();
    commits.clear();
  }

  WallTime wall_now() const { return {genesis_time.unix_ms + base::to_ms(now - Instant{} - 1h)}; }
  static PeerId peer(std::size_t number) {
    const std::array<std::uint8_t, 3> bytes{1, static_cast<std::uint8_t>(number >> 8),
                                            static_cast<std::uint8_t>(number)};
    return *PeerId::from_multihash(bytes);
  }

  void input(EngineInput input) {
    engine->on_input(now, std::move(input));
    drain();
  }
  void run_for(Duration duration) {
    const Instant end = now + duration;
    while (true) {
      const auto deadline = engine->next_deadline();
      if (!deadline || *deadline > end) break;
      now = std::max(now, *deadline);
      engine->on_deadline(now);
      drain();
    }
    now = end;
    engine->on_deadline(now);
    drain();
  }

  // --- others speak ------------------------------------------------------------------------------

  void hear(std::size_t from, ConsensusMessage message) {
    input(Heard{peer(from), std::move(message)});
  }
  /// On a channel on which it has shown its key.
  void hear_proven(ValidatorIndex from, ConsensusMessage message) {
    input(Heard{peer(from), std::move(message), validators.set.at(from).key});
  }
  void vote(ValidatorIndex from, const codec::Statement& statement) {
    hear(from, validators.vote(from, statement));
  }
  void votes(const std::vector<ValidatorIndex>& from, const codec::Statement& statement) {
    for (const ValidatorIndex each : from) vote(each, statement);
  }
  void certify(const codec::Statement& statement) { hear(others[0], certificate(statement)); }

  /// Its leader proposes it to us.
  void propose(const BlockPtr& block, const Tip& on) {
    hear(leader(block->header().view.value), proposal(block, on));
  }
  // --- what it said ------------------------------------------------------------------------------

  bool said_vote(const codec::Statement& statement) const { return count_said(statement) > 0; }
  std::size_t count_said(const codec::Statement& statement) const {
    return static_cast<std::size_t>(std::ranges::count_if(said, [&](const auto& message) {
      const auto* const proposal = std::get_if<ProposalMessage>(&message);
      const auto* const vote = proposal ? &proposal->vote : std::get_if<Vote>(&message);
      return vote != nullptr && vote->statement == statement;
    }));
  }
  bool said_nullify(std::uint64_t view) const { return said_vote(nullify(epoch(), view)); }
  bool said_certificate(const codec::Statement& statement) const {
    return std::ranges::any_of(said, [&](const auto& message) {
      const auto* const certificate = std::get_if<Certificate>(&message);
      return certificate != nullptr && certificate->statement == statement;
    });
  }
  const ProposalMessage* said_proposal() const {
    for (const auto& message : said) {
      if (const auto* const found = std::get_if<ProposalMessage>(&message)) return found;
    }
    return nullptr;
  }
  std::size_t requests_for(const Hash& digest) const {
    return static_cast<std::size_t>(std::ranges::count_if(sent, [&](const auto& each) {
      const auto* const request = std::get_if<codec::BlockRequest>(&each.second);
      return request != nullptr && request->digest == digest;
    }));
  }
  bool checked(const BlockPtr& block) const {
    return std::ranges::any_of(checks, [&](const Check& each) { return each.block == block; });
  }
  std::uint64_t view() const { return engine->view().value; }

  // --- answers -----------------------------------------------------------------------------------

  void answer(const Verify& work) {
    std::vector<bool> valid;
    for (const VerifyJob& job : work.jobs) {
      valid.push_back(crypto::verify_zip215(job.key, *job.message, job.signature).has_value());
    }
    answers_.push_back(Verified{work.token, std::move(valid)});
  }
  void answer(const Sign& work) {
    if (fails_sign) {
      answers_.push_back(Signed{work.statement, fail(Code::io, "no signer")});
    } else {
      answers_.push_back(Signed{work.statement, validators.vote(me, work.statement).signature});
    }
  }
  void answer(const Persist& work) {
    log.insert(log.end(), work.records.begin(), work.records.end());
    answers_.push_back(Persisted{work.token});
  }
  void answer(const Check& work) {
    Result<void> verdict;
    if (wrong.contains(work.block->digest())) verdict = fail(Code::malformed, "wrong");
    answers_.push_back(Checked{work.block->digest(), verdict});
  }
  void answer(const Build& work) {
    if (fails_build) {
      answers_.push_back(Built{work.token, fail(Code::io, "nothing to build")});
      return;
    }
    BlockHeader header = work.header;
    if (header.height == scene.last_height) header.next_validators_root = codec::number_hash(1);
    answers_.push_back(
        Built{work.token, codec::make_block(header, base::as_bytes("own"), work.justification)});
  }
  void drain() {
    while (true) {
      if (auto output = engine->poll_output(now)) {
        take(std::move(*output));
      } else if (!answers_.empty()) {
        EngineInput answer = std::move(answers_.front());
        answers_.pop_front();
        engine->on_input(now, std::move(answer));
      } else {
        return;
      }
    }
  }

 private:
  static ConsensusMessage decoded(const Buffer& bytes) {
    auto message = codec::decode_consensus_message(bytes.view());
    EXPECT_TRUE(message) << message.error().message;
    return *std::move(message);
  }
  template <class Work>
  void ask(std::deque<Work>& held, bool holds, Work work) {
    if (holds) {
      held.push_back(std::move(work));
    } else {
      answer(work);
    }
  }
  void take(EngineOutput output) {
    std::visit(
        Overload{[&](Broadcast& word) { said.push_back(decoded(word.message)); },
                 [&](SendTo& word) { sent.emplace_back(word.validator, decoded(word.message)); },
                 [&](ReplyTo& word) { replies.emplace_back(word.peer, decoded(word.message)); },
                 [&](Verify& work) { ask(verifies, holds_verify, std::move(work)); },
                 [&](Sign& work) { ask(signs, holds_sign, std::move(work)); },
                 [&](Persist& work) { ask(persists, holds_persist, std::move(work)); },
                 [&](Check& work) {
                   checks.push_back(work);
                   if (!holds_check) answer(work);
                 },
                 [&](Build& work) {
                   builds.push_back(work);
                   if (!holds_build) answer(work);
                 },
                 [&](Compact& work) {
                   log = work.records;
                   compacts.push_back(std::move(work));
                 },
                 [&](Commit& commit) { commits.push_back(std::move(commit)); },
                 [&](FoundEvidence& found) { evidence.push_back(found.evidence); },
                 [&](Behind& word) { behind.push_back(std::move(word)); },
                 [&](PeerFault& fault) { faults.push_back(std::move(fault)); },
                 [&](Diverged& word) { diverged.push_back(std::move(word)); },
                 [&](Forked& word) { forked.push_back(std::move(word)); }},
        output);
  }

  SeededRng rng_{1};
  std::deque<EngineInput> answers_;
};

inline const Tip genesis_tip;

/// Notarized by the others, and by the engine, which is in view 2 then.
struct OneBlock : Bench {
  BlockPtr first;
  Tip on_first;

  explicit OneBlock(Scene given = {}) : Bench(std::move(given)) {
    first = block(genesis_tip, 1);
    on_first = tip(first, genesis_tip);
    propose(first, genesis_tip);
    certify(notarization(first, genesis_tip));
  }
};

}  // namespace kith::consensus::test
