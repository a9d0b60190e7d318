// Of the engine: the silence after a start (consensus/silence.h). What others hold of a validator
// is asked, told, and compared with what its guard remembers.
#include <algorithm>

#include "base/format.h"
#include "consensus/engine.h"

namespace kith::consensus {

using codec::Certificate;
using codec::Memory;
using codec::MemoryRequest;
using codec::Statement;
using codec::Vote;

namespace {

/// Of one who signed it.
crypto::Signature signature_of(const Certificate& certificate, ValidatorIndex signer) {
  const auto before =
      std::count(certificate.signers.begin(), certificate.signers.begin() + signer, true);
  return certificate.signatures[static_cast<std::size_t>(before)];
}

std::string of_vote(const Statement& missing) {
  return base::format("nothing in it of its {} of view {}", codec::name_of(missing.kind),
                      missing.view().value);
}

}  // namespace

void Engine::begin_silence(Instant now) {
  if (!me_ || !silence_.is_on() || silence_.is_held()) return;
  silence_.begin(rng_.next());
  memories_heard_.clear();
  // Where nobody else is needed for a quorum nobody is waited for.
  if (silence_.ends(now, *me_, context_.validators, Duration{0})) return;
  ask_memory(now);
}

void Engine::end_silence(Instant now) {
  if (!me_ || !silence_.ends(now, *me_, context_.validators, config_.delta)) return;
  speak(now);
}

/// A quorum says that this is the present epoch: who lost what was said in it leaves it alone.
void Engine::speak(Instant now) {
  if (std::exchange(is_signer_lost_, false)) {
    return become_stale("the signer has lost what it said");
  }
  set_timers(now);  // its time in this view begins
  ask_signer_again();
  progress(now);
}

/// It said with the key what the signer does not know: the signer's log is older than that.
bool Engine::is_own_vote_missing(const SignerReady& ready) {
  const View above = std::max(ready.final_view, last_final_.view);
  for (const Vote& vote : own_votes_) {
    const Statement& statement = vote.statement;
    const bool is_known =
        statement.view() <= above ||
        std::ranges::find(ready.said, statement, &codec::SaidVote::statement) != ready.said.end();
    if (is_known) continue;
    become_stale(of_vote(statement));
    return true;
  }
  return false;
}

/// This node is the one that votes from now on: with all that others said in its name.
void Engine::on_signer(Instant now, const SignerReady& ready) {
  if (!me_ || ready.epoch != context_.epoch || is_own_vote_missing(ready)) return;
  guard_.advance(ready.final_view);
  for (const codec::SaidVote& said : ready.said) {
    const Vote vote{said.statement, *me_, said.signature};
    const View view = vote.statement.view();
    guard_.restore(vote.statement);
    if (view <= last_final_.view || std::ranges::count(own_votes_, vote) > 0) continue;
    own_votes_.push_back(vote);
    if (vote.statement.kind == codec::VoteKind::notarize && leaders_.leader(view) == *me_) {
      proposed_ = std::max(proposed_, view);
    }
    if (!views_[view].votes.wants(vote)) continue;
    // Perhaps nobody heard it: its node may have ended before it was sent.
    broadcast(vote);
    record(now, vote);
  }
  is_signer_lost_ = ready.is_lost;
  silence_.release(ready.needs_others || ready.is_lost);
  begin_silence(now);
  if (!silence_.is_on()) speak(now);  // else when others have told
}

/// Soon again at first: peers that connect just now do not hear each other yet.
void Engine::ask_memory(Instant now) {
  broadcast(memory_request());
  silence_.asked(now, config_.delta / 4, config_.standstill_max);
}

codec::ConsensusMessage Engine::memory_request() const {
  return MemoryRequest{context_.epoch, *me_, *silence_.nonce(), last_final_.view};
}

/// Who only follows counts for nothing, and need not answer.
void Engine::hear_memory_request(Instant now, const PeerId& from, const MemoryRequest& request) {
  constexpr Duration pause = 200ms;
  constexpr std::size_t told_max = 4096;
  if (!me_ || request.epoch != context_.epoch || request.validator >= context_.validators.size()) {
    ++stats_.dropped;
    return;
  }
  if (told_.size() >= told_max) told_.clear();
  const auto [at, is_new] = told_.try_emplace(from, now);
  if (!is_new && now - at->second < pause) return;
  at->second = now;
  Memory memory{context_.epoch, request.nonce, {}, {}};
  const View above = std::max(last_final_.view, request.final_view);
  if (last_final_.view > request.final_view) memory.final = *last_final_.finalization;
  memory.votes = votes_of(request.validator, above);
  say(ReplyTo{from, Buffer(codec::encode(codec::ConsensusMessage(std::move(memory))))});
}

/// Those of the latest views, whether they came alone or in a certificate.
std::vector<Vote> Engine::votes_of(ValidatorIndex signer, View above) const {
  constexpr std::size_t in_view_max = 8;  // five of a signer, and one in each certificate
  std::map<Statement, Vote> votes;
  for (auto at = views_.rbegin(); at != views_.rend() && at->first > above; ++at) {
    if (votes.size() + in_view_max > codec::memory_votes_max) break;
    const ViewState& state = at->second;
    for (const Vote& vote : state.votes.all()) {
      if (vote.signer == signer) votes.try_emplace(vote.statement, vote);
    }
    for (const auto& held : {state.notarization, state.nullification, state.finalization}) {
      if (held == nullptr || !held->signers[signer]) continue;
      const Statement& statement = held->statement;
      votes.try_emplace(statement, Vote{statement, signer, signature_of(*held, signer)});
    }
  }
  std::vector<Vote> sorted;
  for (const auto& [statement, vote] : votes) sorted.push_back(vote);
  return sorted;
}

/// Late answers count too: what they show is no less true.
void Engine::hear_memory(Instant now, const PeerId& from,
                         const std::optional<codec::ValidatorKey>& proven, Memory memory) {
  const auto by = proven ? context_.validators.index_of(*proven) : std::nullopt;
  // Two nodes of one validator, the second of which stands by, need not remember the same.
  constexpr std::size_t answers_max = 4;
  const bool is_asked = me_ && memory.epoch == context_.epoch && silence_.nonce() == memory.nonce;
  if (!is_asked || !by || by == me_ || memories_heard_[*by]++ >= answers_max) {
    ++stats_.useless;
    return;
  }
  if (!memory.votes.empty() && memory.votes.front().signer != *me_) {
    say(PeerFault{from,
                  {Code::protocol, base::format("votes of validator {} where those of {} were "
                                                "asked for",
                                                memory.votes.front().signer, *me_)}});
    return;
  }
  std::vector<VerifyJob> jobs;
  if (memory.final) {
    if (auto formed = check_form(*memory.final, context_.validators); !formed) {
      say(PeerFault{from, std::move(formed).error()});
      return;
    }
    if (memory.final->statement.view() <= last_final_.view) {
      memory.final.reset();
    } else if (!holds(memory.final->statement)) {
      add_jobs(jobs, *memory.final);
    }
  }
  std::erase_if(memory.votes, [&](const Vote& vote) { return guard_.remembers(vote.statement); });
  for (const Vote& vote : memory.votes) add_job(jobs, vote);
  verify(now, {from, MemoryHeard{*by, std::move(memory)}, 0}, std::move(jobs));
}

/// What the answerer has forgotten stands below its last final view: this validator says nothing
/// there either. A certificate shows that view, for one liar's number would silence for ever.
void Engine::accept(Instant now, MemoryHeard heard) {
  if (!me_) return;
  for (const Vote& vote : heard.memory.votes) {
    if (!guard_.remembers(vote.statement)) return become_stale(of_vote(vote.statement));
  }
  if (heard.memory.final) {
    const Statement statement = heard.memory.final->statement;
    guard_.advance(statement.view());
    if (statement.view() > last_final_.view && !holds(statement)) {
      hold(now, std::make_shared<const Certificate>(*std::move(heard.memory.final)));
    }
  }
  silence_.answered(heard.by);
  progress(now);
  end_silence(now);
}

/// It said what its log does not know, and perhaps more: as with a log that is lost. The record
/// keeps it from asking again, of others who have forgotten, after the next start.
void Engine::become_stale(std::string_view why) {
  log_.error("consensus",
             "the log of votes is older than what this validator said: {}; it follows "
             "until epoch {}",
             why, context_.epoch.value + 1);
  ++stats_.stale;
  log_record(StaleLog{context_.epoch});
  unlogged_bytes_ = 0;
  say(Persist{new_token(), std::exchange(unlogged_, {})});
  is_stale_ = true;
  me_.reset();
  silence_.stay();
  leader_timeout_ = view_timeout_ = propose_at_ = std::nullopt;
  building_.reset();
  unsigned_proposal_.reset();
  undurable_.clear();
  refused_.clear();
}

}  // namespace kith::consensus
