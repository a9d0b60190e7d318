// Of the engine: finality (R6), the log, and waking up from it.
#include <algorithm>

#include "base/format.h"
#include "consensus/engine.h"

namespace kith::consensus {

using codec::ProposalMessage;
using codec::Vote;

// --- finality ------------------------------------------------------------------------------------

bool Engine::try_commit(Instant now) {
  for (auto at = views_.rbegin(); at != views_.rend() && at->first > last_final_.view; ++at) {
    if (at->second.finalization == nullptr) continue;
    const CertificatePtr finalization = at->second.finalization;
    if (commit_chain(now, finalization)) return true;
  }
  return false;
}

/// The certified block and all before it that are not final yet, if they are at hand and good.
bool Engine::commit_chain(Instant now, const CertificatePtr& finalization) {
  std::vector<BlockPtr> chain;
  Hash digest = finalization->statement.subject.digest;
  const auto is_behind = [&](std::size_t depth) {
    if (depth >= fetched_depth_max) say_behind(finalization);
  };
  while (digest != last_final_.digest) {
    const BlockPool::Entry* const entry = blocks_.find(digest);
    if (entry == nullptr) {
      if (chain.empty()) {
        fetch(now, digest, *finalization);
        is_behind(finalization->statement.view().value - last_final_.view.value);
      } else {
        const codec::BlockHeader& above = chain.back()->header();
        if (chain.back()->justification().parent) {
          fetch(now, digest, *chain.back()->justification().parent);
        }
        is_behind(above.height.value - last_final_.height.value);
      }
      return false;
    }
    if (entry->block->header().height <= last_final_.height) {
      say(Forked{last_final_.finalization, finalization});
      halt();
      return false;
    }
    chain.push_back(entry->block);
    digest = entry->block->header().parent;
  }
  if (!chain.empty() && !blocks_.is_good(chain.front()->digest())) return false;
  const codec::BlockHeader* const last = chain.empty() ? nullptr : &chain.front()->header();
  const FinalBlock to{finalization->statement.view(), last ? last->height : last_final_.height,
                      finalization->statement.subject.digest, last ? last->time : last_final_.time,
                      finalization};
  std::ranges::reverse(chain);
  stats_.blocks_final += chain.size();
  if (!chain.empty()) say(Commit{std::move(chain), finalization});
  committing_.push_back({to.height, to.view});
  finalize_up_to(now, to);
  return true;
}

void Engine::say_behind(const CertificatePtr& finalization) {
  if (behind_said_ >= finalization->statement.view()) return;
  behind_said_ = finalization->statement.view();
  say(Behind{finalization});
}

void Engine::finalize_up_to(Instant now, const FinalBlock& to) {
  last_final_ = to;
  guard_.advance(to.view);
  // What is kept of older views serves evidence and those who lag.
  const View oldest{to.view.value > views_kept ? to.view.value - views_kept : 0};
  views_.erase(views_.begin(), views_.lower_bound(oldest));
  const Height kept{to.height.value > 4 ? to.height.value - 4 : 0};
  blocks_.prune(std::min(kept, committed_.height), to.digest);
  blocks_.drop_branches_beside(to.digest, to.height);
  if (own_proposal_ && own_proposal_->vote.statement.view() <= to.view) own_proposal_.reset();
  const std::map<Hash, Fetch> before = std::exchange(fetches_, {});
  arm_standstill(now);
  if (is_over()) {
    leader_timeout_ = view_timeout_ = propose_at_ = judge_at_ = standstill_at_ = std::nullopt;
  } else if (view_ <= to.view) {
    enter(now, next(to.view), to.finalization);
  }
  fetch_missing(now);
  for (auto& [digest, fetch] : fetches_) {
    if (const auto at = before.find(digest); at != before.end()) fetch = at->second;
  }
}

void Engine::on_synced(Instant now, const Synced& synced) {
  if (synced.to.height <= last_final_.height || is_halted_) return;
  committed_ = {synced.to.height, synced.to.view};
  committing_ = {};
  finalize_up_to(now, synced.to);
  progress(now);
}

// --- the log -------------------------------------------------------------------------------------

/// Who does not vote promises nothing, and need not remember.
void Engine::log_record(const LogRecord& record) {
  if (!me_) return;
  unlogged_.push_back(encode(record));
  log_bytes_ += unlogged_.back().size();
  unlogged_bytes_ += unlogged_.back().size();
}

/// One write a turn, and only when there is something to say afterwards: what others certified may
/// wait for the next vote, if that comes before there is too much of it.
void Engine::flush_log() {
  if (undurable_.empty() && unlogged_bytes_ < unlogged_max) return;
  unlogged_bytes_ = 0;
  const Token token = new_token();
  logging_.emplace(token, std::exchange(undurable_, {}));
  say(Persist{token, std::exchange(unlogged_, {})});
}

void Engine::on_persisted(Instant now, Token token) {
  const auto at = logging_.find(token);
  if (at == logging_.end()) return;
  const std::vector<Durable> durable = std::move(at->second);
  logging_.erase(at);
  if (!me_) return;  // it may not speak any more
  for (const Durable& each : durable) {
    const auto* const proposal = std::get_if<ProposalMessage>(&each);
    const Vote& vote = proposal != nullptr ? proposal->vote : std::get<Vote>(each);
    if (vote.statement.view() <= last_final_.view) continue;
    own_votes_.push_back(vote);
    if (proposal != nullptr) {
      own_proposal_ = *proposal;
      ViewState& state = views_[vote.statement.view()];
      if (!state.proposal) state.proposal = *proposal;
      broadcast(*proposal);
    } else {
      broadcast(vote);
    }
    record(now, vote);
  }
  progress(now);
}

/// The store is behind what is final here: until it has a view's block, what was said in that view
/// must survive a crash.
void Engine::on_committed(Height height) {
  while (!committing_.empty() && committing_.front().height <= height) {
    committed_ = committing_.pop_front();
  }
  std::erase_if(own_votes_,
                [&](const Vote& vote) { return vote.statement.view() <= committed_.view; });
  compact();
}

void Engine::compact() {
  // As long as half of it still matters, beginning anew saves nothing.
  if (!me_ || log_bytes_ < std::max(config_.log_bytes_max, 2 * log_bytes_lived_)) return;
  std::vector<Bytes> records;
  for (auto& [digest, entry] : blocks_.all()) {
    if (entry.is_logged && entry.block->header().height > committed_.height) {
      records.push_back(encode(HeldBlock{entry.block}));
    }
  }
  for (auto at = views_.upper_bound(committed_.view); at != views_.end(); ++at) {
    const ViewState& state = at->second;
    for (const auto& held : {state.notarization, state.nullification, state.finalization}) {
      if (held != nullptr) records.push_back(encode(HeldCertificate{*held}));
    }
  }
  if (own_proposal_) records.push_back(encode(OwnProposal{*own_proposal_}));
  for (const Vote& vote : own_votes_) records.push_back(encode(OwnVote{vote}));
  // Votes on their way to the log must not fall between the old one and the new.
  for (const auto& [token, durable] : logging_) {
    for (const Durable& each : durable) {
      const auto* const proposal = std::get_if<ProposalMessage>(&each);
      records.push_back(proposal != nullptr ? encode(OwnProposal{*proposal})
                                            : encode(OwnVote{std::get<Vote>(each)}));
    }
  }
  log_bytes_ = 0;
  for (const Bytes& record : records) log_bytes_ += record.size();
  log_bytes_lived_ = log_bytes_;
  say(Compact{new_token(), std::move(records)});
}

Result<void> Engine::recover(const std::vector<Bytes>& records) {
  ASSERT(!is_started_);
  for (const Bytes& bytes : records) {
    restore(TRY(decode_log_record(bytes)));
    log_bytes_ += bytes.size();
  }
  if (is_stale_) me_.reset();
  return {};
}

void Engine::restore(LogRecord record) {
  const auto own_vote = [&](const Vote& vote) {
    const codec::Statement& statement = vote.statement;
    guard_.restore(statement);
    const bool is_past = statement.epoch != context_.epoch || statement.view() <= last_final_.view;
    if (is_past || std::ranges::count(own_votes_, vote) > 0) return;
    own_votes_.push_back(vote);
    ViewState& state = views_[statement.view()];
    if (!state.votes.wants(vote)) return;
    // Where one's own vote is a quorum, the crash came between it and its certificate.
    const CertificatePtr certificate = state.votes.add(vote, context_.validators).certificate;
    if (certificate != nullptr && !holds(certificate->statement))
      place_of(*certificate) = certificate;
  };
  const auto block = [&](const BlockPtr& held) {
    if (held->header().epoch != context_.epoch || held->header().height <= last_final_.height) {
      return;
    }
    blocks_.add(held).is_logged = true;
  };
  std::visit(
      Overload{
          [&](const OwnVote& own) { own_vote(own.vote); },
          [&](const HeldCertificate& held) {
            const codec::Statement& statement = held.certificate.statement;
            if (statement.epoch != context_.epoch || statement.view() <= last_final_.view ||
                holds(statement)) {
              return;
            }
            place_of(held.certificate) =
                std::make_shared<const codec::Certificate>(held.certificate);
          },
          [&](const HeldBlock& held) { block(held.block); },
          [&](OwnProposal& own) {
            block(own.message.block);
            own_vote(own.message.vote);
            const View view = own.message.vote.statement.view();
            if (own.message.vote.statement.epoch != context_.epoch || view <= last_final_.view) {
              return;
            }
            proposed_ = std::max(proposed_, view);
            ViewState& state = views_[view];
            if (!state.proposal) state.proposal = own.message;
            own_proposal_ = std::move(own.message);
          },
          [&](const StaleLog& stale) { is_stale_ = is_stale_ || stale.epoch == context_.epoch; }},
      record);
}

}  // namespace kith::consensus
