// Of the engine: votes are counted, certificates held, views entered and left (R1, R4 to R10).
#include <algorithm>

#include "base/format.h"
#include "consensus/engine.h"

namespace kith::consensus {

using codec::Statement;
using codec::Vote;

void Engine::record(Instant now, const Vote& vote) {
  if (vote.statement.view().value + views_kept <= last_final_.view.value) return;
  ViewState& state = views_[vote.statement.view()];
  if (!state.votes.wants(vote)) return;
  last_heard_[vote.signer] = now;
  ViewVotes::Added added = state.votes.add(vote, context_.validators);
  if (added.evidence) {
    ++stats_.evidence;
    say(FoundEvidence{*added.evidence});
  }
  if (added.certificate != nullptr) hold(now, added.certificate);
}

CertificatePtr& Engine::place_of(const codec::Certificate& certificate) {
  ViewState& state = views_[certificate.statement.view()];
  switch (certificate.statement.kind) {
    case VoteKind::notarize: return state.notarization;
    case VoteKind::nullify: return state.nullification;
    case VoteKind::finalize: break;
  }
  return state.finalization;
}

/// REQUIRES: verified.
void Engine::hold(Instant now, const CertificatePtr& certificate) {
  const Statement& statement = certificate->statement;
  if (is_halted_ || holds(statement)) return;
  if (statement.view().value + views_kept <= last_final_.view.value) return;
  if (const CertificatePtr other = conflicting(statement); other != nullptr) {
    say(Forked{other, certificate});
    halt();
    return;
  }
  place_of(*certificate) = certificate;
  if (statement.view() <= last_final_.view) return;
  log_record(HeldCertificate{*certificate});
  if (statement.kind == VoteKind::nullify) return;
  const BlockPool::Entry* const entry = blocks_.find(statement.subject.digest);
  if (entry == nullptr) {
    fetch(now, statement.subject.digest, *certificate);
  } else if (entry->state == BlockPool::State::bad) {
    diverge_if_certified(statement.subject.digest, {Code::malformed, "it was found wrong before"});
  }
}

/// A certificate that cannot stand beside one that says this, unless a third of the weight lies.
CertificatePtr Engine::conflicting(const Statement& statement) const {
  if (statement.view() == last_final_.view && last_final_.finalization != nullptr &&
      statement.kind == VoteKind::finalize &&
      last_final_.finalization->statement.subject != statement.subject) {
    return last_final_.finalization;
  }
  const ViewState* const state = find(statement.view());
  if (state == nullptr) return nullptr;
  const auto differs = [&](const CertificatePtr& other) {
    return other != nullptr && other->statement.subject != statement.subject;
  };
  switch (statement.kind) {
    case VoteKind::notarize:
      if (differs(state->notarization)) return state->notarization;
      if (differs(state->finalization)) return state->finalization;
      break;
    case VoteKind::nullify: return state->finalization;
    case VoteKind::finalize:
      if (state->nullification != nullptr) return state->nullification;
      if (differs(state->notarization)) return state->notarization;
      if (differs(state->finalization)) return state->finalization;
      break;
  }
  return nullptr;
}

void Engine::progress(Instant now) {
  const auto is_done = [&] { return !is_started_ || is_halted_ || is_over(); };
  while (!is_done() && (try_commit(now) || advance_view(now))) {
  }
  if (is_done()) return;
  vote_finalize();
  const ViewState* const state = find(view_);
  if (state != nullptr && state->votes.has(leaders_.leader(view_), VoteKind::nullify)) give_up();
  judge_proposal(now);
  try_propose(now);
}

/// R4, R5: the highest view that is known to be over ends all before it.
bool Engine::advance_view(Instant now) {
  for (auto at = views_.rbegin(); at != views_.rend() && at->first >= view_; ++at) {
    const ViewState& state = at->second;
    const bool is_notarized = state.notarization != nullptr &&
                              blocks_.is_good(state.notarization->statement.subject.digest);
    if (!is_notarized && state.nullification == nullptr) continue;
    enter(now, next(at->first), is_notarized ? state.notarization : state.nullification);
    return true;
  }
  return false;
}

/// R1. `by`: what let us enter; null when the node wakes up.
void Engine::enter(Instant now, View view, const CertificatePtr& by) {
  view_ = view;
  entered_ = now;
  ++stats_.views_entered;
  propose_at_.reset();
  judge_at_.reset();
  building_.reset();
  unsigned_proposal_.reset();
  if (by != nullptr) {
    if (by->statement.kind == VoteKind::nullify) {
      ++stats_.views_nullified;
    } else {
      parent_seen_ = now;
    }
    const codec::ConsensusMessage message(*by);
    if (context_.validators.size() <= everybody_max) {
      broadcast(message);
    } else {
      const Buffer bytes(codec::encode(message));
      for (const View led : {view, next(view)}) {
        const ValidatorIndex leader = leaders_.leader(led);
        if (leader != me_) say(SendTo{leader, bytes});
      }
    }
  }
  set_timers(now);
}

void Engine::set_timers(Instant now) {
  const Duration pace = std::max(Duration{0}, parent_seen_ + config_.block_interval - now);
  leader_timeout_ = now + pace + 2 * delta();
  view_timeout_ = now + pace + 3 * delta();
  if (is_leader_silent(now)) leader_timeout_ = view_timeout_ = now;
  if (!me_) leader_timeout_ = view_timeout_ = std::nullopt;
}

bool Engine::is_leader_silent(Instant now) {
  const ValidatorIndex leader = leaders_.leader(view_);
  if (leader == me_) return false;
  const Duration silence = config_.skip_after + 2 * config_.block_interval;
  if (now - last_heard_[leader] < silence) return false;
  codec::Weight heard = 0;
  for (std::size_t i = 0; i < last_heard_.size(); ++i) {
    const auto index = static_cast<ValidatorIndex>(i);
    if (index == me_ || now - last_heard_[i] < silence) {
      heard += context_.validators.at(index).weight;
    }
  }
  return heard >= context_.validators.quorum();
}

/// R10.
Duration Engine::delta() const {
  Duration delta = config_.delta;
  const std::uint64_t unfinished = view_.value - last_final_.view.value;
  for (std::uint64_t i = 1; i < unfinished && delta < config_.delta_max; ++i) {
    delta = std::chrono::duration_cast<Duration>(delta * config_.delta_growth);
  }
  return std::min(delta, std::max(config_.delta_max, config_.delta));
}

/// Whatever view it is of: a notarization may come late.
void Engine::vote_finalize() {
  if (!may_speak()) return;
  for (auto at = views_.upper_bound(last_final_.view); at != views_.end(); ++at) {
    const CertificatePtr& notarization = at->second.notarization;
    if (notarization == nullptr || guard_.finalized(at->first)) continue;
    Statement statement = notarization->statement;
    statement.kind = VoteKind::finalize;
    if (guard_.would_approve(statement, true)) vote(statement);
  }
}

void Engine::nullify(View view) {
  if (view == view_) leader_timeout_ = view_timeout_ = std::nullopt;
  if (!may_speak() || guard_.nullified(view)) return;
  vote({context_.epoch, VoteKind::nullify, {view, {}, {}}});
}

/// The current view is lost, and its timers need not tell: unless that happens again and again.
void Engine::give_up() {
  if (view_.value - last_final_.view.value <= hasty_views_max) nullify(view_);
}

bool Engine::vote(const Statement& statement) {
  if (!may_speak() || is_halted_) return false;
  const ViewState* const state = find(statement.view());
  const bool holds_notarization = state != nullptr && state->notarization != nullptr &&
                                  state->notarization->statement.subject == statement.subject;
  if (auto approved = guard_.approve(statement, holds_notarization); !approved) {
    log_.debug("consensus", "{}", approved.error().message);
    return false;
  }
  switch (statement.kind) {
    case VoteKind::notarize: ++stats_.notarize_votes; break;
    case VoteKind::nullify: ++stats_.nullify_votes; break;
    case VoteKind::finalize: ++stats_.finalize_votes; break;
  }
  say(Sign{statement, holds_notarization});
  return true;
}

void Engine::on_signed(const Signed& given) {
  if (given.statement.epoch != context_.epoch) return;  // asked for before this epoch began
  if (!me_) return;                                     // it may not speak any more
  if (!given.signature) {
    log_.error("consensus", "the signer refuses {} of view {}: {}",
               codec::name_of(given.statement.kind), given.statement.view().value,
               given.signature.error().message);
    refused_.push_back(given.statement);
    return;
  }
  const Vote vote{given.statement, *me_, *given.signature};
  if (unsigned_proposal_ && unsigned_proposal_->vote.statement == given.statement) {
    codec::ProposalMessage message = *std::exchange(unsigned_proposal_, std::nullopt);
    message.vote = vote;
    if (BlockPool::Entry* const entry = blocks_.find(message.block->digest())) {
      entry->is_logged = true;
    }
    log_record(OwnProposal{message});
    undurable_.push_back(std::move(message));
    return;
  }
  if (vote.statement.kind == VoteKind::notarize) {
    BlockPool::Entry* const entry = blocks_.find(vote.statement.subject.digest);
    if (entry != nullptr && !entry->is_logged) {
      entry->is_logged = true;
      log_record(HeldBlock{entry->block});
    }
  }
  log_record(OwnVote{vote});
  undurable_.push_back(vote);
}

void Engine::arm_standstill(Instant now) {
  standstill_wait_ = config_.standstill;
  standstill_at_ = now + config_.block_interval + standstill_wait_;
}

/// R8. Less and less often, so that a network in trouble is not drowned in words.
void Engine::on_standstill(Instant now) {
  ++stats_.standstills;
  standstill_wait_ = std::min(standstill_wait_ * 2, config_.standstill_max);
  standstill_at_ = now + standstill_wait_;
  ask_signer_again();
  for (Buffer& message : all_said()) say(Broadcast{std::move(message)});
}

/// The guard holds these to be said: without them a quorum may be waiting for ever.
void Engine::ask_signer_again() {
  if (!may_speak()) return;
  for (const Statement& statement : std::exchange(refused_, {})) {
    if (statement.view() <= last_final_.view) continue;
    say(Sign{statement, statement.kind == VoteKind::finalize});  // that was asked with one
  }
}

/// What a peer that knows nothing of the views above the last final one needs.
std::vector<Buffer> Engine::all_said() const {
  constexpr std::size_t views_told_max = 32;  // the latest; each alone carries a peer to its view
  std::vector<Buffer> messages;
  const auto add = [&](const codec::ConsensusMessage& message) {
    messages.emplace_back(codec::encode(message));
  };
  if (last_final_.finalization != nullptr) add(*last_final_.finalization);
  std::size_t told = 0;
  for (auto at = views_.rbegin(); at != views_.rend() && at->first > last_final_.view; ++at) {
    if (++told > views_told_max) break;
    const ViewState& state = at->second;
    for (const auto& held : {state.finalization, state.notarization, state.nullification}) {
      if (held != nullptr) add(*held);
    }
  }
  if (own_proposal_ && own_proposal_->vote.statement.view() == view_) add(*own_proposal_);
  const std::size_t votes = std::min<std::size_t>(own_votes_.size(), 3 * views_told_max);
  for (std::size_t i = own_votes_.size() - votes; i < own_votes_.size(); ++i) {
    if (own_votes_[i].statement.view() > last_final_.view) add(own_votes_[i]);
  }
  return messages;
}

}  // namespace kith::consensus
