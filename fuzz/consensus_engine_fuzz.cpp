// One engine of four validators; the other three, the network, the disk, the application and the
// clock do whatever the input likes: votes, certificates and proposals of any kind, true signatures
// or false ones, checks answered late and both ways, crashes at any moment. Three of four may lie,
// so forks happen; the laws are the engine's own: it never contradicts itself (E1 to E4), says only
// what is durable, finalizes one chain in order of height, never goes back, is silent once halted,
// keeps its timers ahead of the clock, and never falls over.
//
// Grammar: one byte says what, then what it takes. A signature is true when its first byte is 1.
#include <cstdint>
#include <deque>
#include <optional>
#include <set>

#include "consensus/engine.h"
#include "input.h"

namespace {

using namespace kith;
using namespace kith::consensus;
using codec::Block;
using codec::BlockHeader;
using codec::Certificate;
using codec::ConsensusMessage;
using codec::Justification;
using codec::ProposalMessage;
using codec::Statement;
using codec::Vote;

constexpr std::size_t validators = 4;
constexpr ValidatorIndex me = 0;
constexpr Height last_height{4};
const Hash genesis = codec::tagged_hash("kith/fuzz-genesis", {});
constexpr WallTime genesis_time{1'700'000'000'000};

codec::ValidatorSet four() {
  std::vector<codec::Validator> all;
  for (std::uint8_t i = 0; i < validators; ++i) all.push_back({{i}, 1});
  return *codec::ValidatorSet::make(std::move(all));
}

PeerId peer(std::uint8_t number) {
  const std::array<std::uint8_t, 2> bytes{1, number};
  return *PeerId::from_multihash(bytes);
}

class Play {
 public:
  explicit Play(fuzz::Input input) : input_(input), set_(four()), leaders_(set_, genesis, {0}) {
    begin();
  }

  void run() {
    while (!input_.rest.empty() && !engine_->is_halted()) step();
    const std::size_t said = words_;
    if (!engine_->is_halted()) return;
    run_for(1h);
    ASSERT(words_ == said);
  }

 private:
  void begin() {
    engine_.emplace(EngineConfig{.block_interval = 0s, .log_bytes_max = 2000},
                    EpochContext{genesis, {0}, set_, floor(), last_height, {}}, me, stored_, rng_,
                    base::null_log(), flags_ / 16 % 2 != 0);
    ASSERT(engine_->recover(log_));
    engine_->on_input(now_, WallClockRead{genesis_time});
    engine_->start(now_);
    final_ = stored_;
    drain();
  }
  static FinalBlock floor() { return {{}, {}, genesis, genesis_time, nullptr}; }

  void step() {
    switch (input_.byte() % 18) {
      case 0:
      case 1: hear(Vote{statement(), input_.byte(), signature()}); break;
      case 2:
      case 3: hear(certificate(statement())); break;
      case 4:
      case 5: propose(); break;
      case 6: make_block(); break;
      case 7: hear(codec::BlockAnswer{block()}); break;
      case 8: hear(codec::BlockRequest{block()->digest()}); break;
      case 9: run_for(Duration(100ms) * input_.byte()); break;
      case 10: answer_check(); break;
      case 11: answer_persist(); break;
      case 12: crash(); break;
      case 13: store(); break;
      case 14: flags_ = input_.byte(); break;
      case 15: input(WallClockRead{{genesis_time.unix_ms + 1000 * input_.byte()}}); break;
      case 16: {
        const std::uint64_t final_view = input_.byte() % 12U;
        hear(codec::MemoryRequest{
            {0}, static_cast<ValidatorIndex>(input_.byte() % 6), 1, {final_view}});
        break;
      }
      case 17: remember(); break;
    }
  }

  // --- what others may say -----------------------------------------------------------------------

  crypto::Signature signature() { return {static_cast<std::uint8_t>(input_.byte() % 8 != 0)}; }
  const BlockPtr& block() {
    if (blocks_.empty()) make_block();
    return blocks_[input_.byte() % blocks_.size()];
  }
  Statement statement() {
    const std::uint8_t what = input_.byte();
    Statement made{{what >= 250 ? 1U : 0U}, static_cast<codec::VoteKind>(1 + what % 3), {}};
    made.subject.view = {1U + input_.byte() % 12U};
    if (made.kind == codec::VoteKind::nullify) return made;
    const BlockPtr& of = block();
    if (what % 8 != 0) made.subject.view = {std::max<std::uint64_t>(of->header().view.value, 1)};
    const auto& parent = of->justification().parent;
    made.subject.parent = parent ? parent->statement.view() : View{};
    if (made.subject.parent >= made.subject.view) made.subject.parent = {};
    made.subject.digest = of->digest();
    return made;
  }
  Certificate certificate(const Statement& of, bool is_true = false) {
    const std::uint8_t who = is_true ? 0x0e : input_.byte();
    Certificate made{of, std::vector<bool>(validators), {}};
    for (std::size_t i = 0; i < validators; ++i) {
      made.signers[i] = (who >> i & 1U) != 0;
      if (made.signers[i]) made.signatures.push_back({static_cast<std::uint8_t>(who < 0xf0)});
    }
    return made;
  }
  Justification justification(View from, View view, const std::optional<Statement>& parent) {
    Justification made;
    if (parent) made.parent = certificate(*parent, true);
    for (View between = codec::next(from); between < view; between = codec::next(between)) {
      made.nullified.push_back(
          certificate({{0}, codec::VoteKind::nullify, {between, {}, {}}}, true));
    }
    return made;
  }
  void make_block() {
    constexpr std::size_t blocks_max = 24;
    if (blocks_.size() >= blocks_max) return;
    const std::uint8_t what = input_.byte();
    BlockHeader header;
    View from;
    std::optional<Statement> parent;
    header.parent = genesis;
    header.height = {1};
    header.time = {genesis_time.unix_ms + 1 + what % 4};
    if (!blocks_.empty() && what % 4 != 0) {
      const BlockPtr on = blocks_[input_.byte() % blocks_.size()];
      from = on->header().view;
      const auto& above = on->justification().parent;
      parent = Statement{{0},
                         codec::VoteKind::notarize,
                         {from, above ? above->statement.view() : View{}, on->digest()}};
      header.parent = on->digest();
      header.height = codec::next(on->header().height);
      header.time.unix_ms = on->header().time.unix_ms + 1;
    }
    header.view = {from.value + 1 + input_.byte() % 3U};
    header.validators_root = set_.root();
    if (header.height == last_height) header.next_validators_root = genesis;
    if (what >= 240) header.height = {what - 240U};
    if (what >= 230 && what < 240) header.time = {std::int64_t{1} << (what - 187)};
    Justification made = justification(from, header.view, parent);
    if (what == 229) made.parent.reset();
    const std::array<std::uint8_t, 1> body{what};
    header.body_hash = codec::body_hash(body);
    header.justification_root = codec::root_of(made);
    blocks_.push_back(std::make_shared<const Block>(header, Buffer(body), std::move(made)));
  }
  void propose() {
    const BlockPtr of = block();
    const std::uint8_t what = input_.byte();
    const auto& above = of->justification().parent;
    const View parent = above ? above->statement.view() : View{};
    View view = of->header().view;
    if (view.value == 0 || view.value > 100 || parent >= view) return;
    ProposalMessage message;
    message.block = of;
    Statement said{{0}, codec::VoteKind::notarize, {view, parent, of->digest()}};
    if (what % 4 == 0) {  // anew
      said.subject = {{view.value + 1 + what % 3U}, view, of->digest()};
      Statement by{{0}, codec::VoteKind::notarize, {view, parent, of->digest()}};
      message.anew = justification(view, said.view(), by);
    }
    message.vote = {said, leaders_.leader(said.view()), signature()};
    if (what % 32 == 5) message.vote.signer = static_cast<ValidatorIndex>(what % validators);
    // Nobody else has this node's key.
    if (message.vote.signer != me) hear(std::move(message));
  }
  void hear(ConsensusMessage message) {
    if (const auto* const vote = std::get_if<Vote>(&message); vote && vote->signer == me) return;
    input(Heard{peer(input_.byte() % 8), std::move(message)});
  }

  /// What another may tell of this node: what it said and no more, for nobody else has its key; or
  /// what is no signature at all.
  void remember() {
    const std::uint8_t what = input_.byte();
    codec::Memory memory{{0}, nonce_, {}, {}};
    if (what % 4 == 1) memory.final = certificate(statement());
    if (what % 16 == 2) ++memory.nonce;
    for (const Statement& each : own_) {
      if (what % 2 == 0 && memory.votes.size() < codec::memory_votes_max) {
        memory.votes.push_back({each, me, crypto::Signature{1}});
      }
    }
    if (what % 32 == 3) memory.votes.push_back({statement(), me, crypto::Signature{0}});
    const auto by = static_cast<ValidatorIndex>(input_.byte() % validators);
    input(Heard{peer(static_cast<std::uint8_t>(by)), std::move(memory), set_.at(by).key});
    // Its log has all that it said.
    ASSERT(!engine_->is_stale());
  }

  // --- the world ---------------------------------------------------------------------------------

  void input(EngineInput input) {
    engine_->on_input(now_, std::move(input));
    drain();
  }
  void run_for(Duration duration) {
    const Instant end = now_ + duration;
    for (int turns = 0;; ++turns) {
      ASSERT(turns < 100'000);
      const auto deadline = engine_->next_deadline();
      if (!deadline || *deadline > end) break;
      now_ = std::max(now_, *deadline);
      engine_->on_deadline(now_);
      drain();
    }
    now_ = end;
  }
  void answer_check() {
    if (checks_.empty()) return;
    const Hash digest = checks_.front();
    checks_.pop_front();
    Result<void> verdict;
    // What the application says of a block it always says.
    if (digest[0] % 8 == 0) verdict = fail(Code::malformed, "wrong");
    input(Checked{digest, verdict});
  }
  void answer_persist() {
    if (writes_.empty()) return;
    Write write = std::move(writes_.front());
    writes_.pop_front();
    if (write.is_anew) log_.clear();
    for (Bytes& record : write.records) {
      const LogRecord decoded = *decode_log_record(record);
      if (const auto* const own = std::get_if<OwnVote>(&decoded)) {
        durable_.insert(own->vote.statement);
      } else if (const auto* const proposal = std::get_if<OwnProposal>(&decoded)) {
        durable_.insert(proposal->message.vote.statement);
      }
      log_.push_back(std::move(record));
    }
    input(Persisted{write.token});
  }
  void crash() {
    checks_.clear();
    writes_.clear();
    storing_.clear();
    begin();
  }
  void store() {
    if (storing_.empty()) return;
    stored_ = storing_.front();
    storing_.pop_front();
    input(Committed{stored_.height});
  }

  // --- what the engine says ----------------------------------------------------------------------

  void drain() {
    while (true) {
      while (auto output = engine_->poll_output(now_)) take(std::move(*output));
      if (answers_.empty()) break;
      EngineInput answer = std::move(answers_.front());
      answers_.pop_front();
      engine_->on_input(now_, std::move(answer));
    }
    ASSERT(engine_->last_final().height >= final_.height || engine_->is_halted());
  }
  void take(EngineOutput output) {
    std::visit(
        Overload{
            [&](Broadcast& word) { said(word.message); }, [&](SendTo& word) { said(word.message); },
            [&](ReplyTo& word) { said(word.message); },
            [&](Verify& work) {
              std::vector<bool> valid;
              for (const VerifyJob& job : work.jobs) {
                valid.push_back(job.signature[0] == 1);
              }
              answers_.push_back(Verified{work.token, std::move(valid)});
            },
            [&](Build& work) { build(work); },
            [&](Check& work) { checks_.push_back(work.block->digest()); },
            [&](Sign& work) {
              if (flags_ % 4 == 1) {
                answers_.push_back(Signed{work.statement, fail(Code::io, "no")});
              } else {
                answers_.push_back(Signed{work.statement, crypto::Signature{1}});
              }
            },
            [&](Persist& work) { write(work.token, std::move(work.records), false); },
            [&](Compact& work) { write(work.token, std::move(work.records), true); },
            [&](Commit& work) { commit(work); },
            [&](FoundEvidence& found) { ASSERT(found.evidence.key != set_.at(me).key); },
            [&](Behind&) {}, [&](PeerFault&) {}, [&](Diverged&) { ASSERT(engine_->is_halted()); },
            [&](Forked&) { ASSERT(engine_->is_halted()); }},
        output);
  }
  void said(const Buffer& bytes) {
    ++words_;
    const auto message = codec::decode_consensus_message(bytes.view());
    ASSERT(message.has_value());
    if (const auto* const asked = std::get_if<codec::MemoryRequest>(&*message)) {
      nonce_ = asked->nonce;
    }
    const auto* const proposal = std::get_if<ProposalMessage>(&*message);
    const Vote* const vote = proposal ? &proposal->vote : std::get_if<Vote>(&*message);
    if (vote == nullptr || vote->signer != me) return;
    ASSERT(durable_.contains(vote->statement));
    for (const Statement& before : own_) ASSERT(!codec::offence_of(before, vote->statement));
    own_.insert(vote->statement);
  }
  void build(Build& work) {
    if (flags_ % 4 == 2) {
      answers_.push_back(Built{work.token, fail(Code::io, "no")});
      return;
    }
    const std::array<std::uint8_t, 1> body{++built_};
    work.header.body_hash = codec::body_hash(body);
    if (work.header.height == last_height) work.header.next_validators_root = genesis;
    auto made =
        std::make_shared<const Block>(work.header, Buffer(body), std::move(work.justification));
    blocks_.push_back(made);
    answers_.push_back(Built{work.token, BlockPtr(made)});
  }
  struct Write {
    Token token;
    std::vector<Bytes> records;
    bool is_anew = false;
  };
  void write(Token token, std::vector<Bytes> records, bool is_anew) {
    writes_.push_back({token, std::move(records), is_anew});
    if (flags_ % 2 == 0 && !is_anew) answers_.push_back(Committed{{0}});  // nothing new
  }
  void commit(const Commit& work) {
    for (const BlockPtr& each : work.blocks) {
      ASSERT(each->header().height == codec::next(final_.height));
      ASSERT(each->header().parent == final_.digest);
      ASSERT(each->digest()[0] % 8 != 0 || each->header().validators_root == set_.root());
      final_ = {work.finalization->statement.view(), each->header().height, each->digest(),
                each->header().time, work.finalization};
    }
    ASSERT(codec::check_form(*work.finalization, set_));
    ASSERT(work.finalization->statement.subject.digest == final_.digest);
    storing_.push_back(final_);
  }

  fuzz::Input input_;
  const codec::ValidatorSet set_;
  LeaderSchedule leaders_;
  SeededRng rng_{1};
  Instant now_ = Instant{} + 1h;
  std::optional<Engine> engine_;
  std::vector<BlockPtr> blocks_;
  std::deque<EngineInput> answers_;
  std::deque<Hash> checks_;
  std::deque<Write> writes_;
  std::vector<Bytes> log_;
  FinalBlock stored_ = floor();
  FinalBlock final_ = floor();
  std::deque<FinalBlock> storing_;
  std::set<Statement> durable_, own_;
  std::size_t words_ = 0;
  std::uint8_t flags_ = 0;
  std::uint64_t nonce_ = 0;
  std::uint8_t built_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Play({{data, std::min<size_t>(size, 1024)}}).run();
  return 0;
}
