// Of the engine: proposals made (R2) and judged (A1 to A4, R3), blocks checked and fetched.
#include <algorithm>

#include "base/format.h"
#include "consensus/engine.h"

namespace kith::consensus {

using codec::BlockHeader;
using codec::Certificate;
using codec::ProposalMessage;
using codec::Statement;

std::optional<Engine::Known> Engine::known(const Hash& digest) const {
  if (digest == last_final_.digest) {
    return Known{last_final_.height, last_final_.time, BlockPool::State::good};
  }
  const BlockPool::Entry* const entry = blocks_.find(digest);
  if (entry == nullptr) return std::nullopt;
  return Known{entry->block->header().height, entry->block->header().time, entry->state};
}

// --- proposing -----------------------------------------------------------------------------------

void Engine::try_propose(Instant now) {
  const bool is_mine = may_speak() && leaders_.leader(view_) == *me_;
  if (!is_mine || proposed_ == view_ || building_ || guard_.nullified(view_)) return;
  const std::optional<View> parent = parent_view();
  if (!parent) return;
  const Instant due = propose_time(now, known(digest_at(*parent))->time);
  if (now < due) {
    propose_at_ = due;
    return;
  }
  propose_at_.reset();
  propose(now, *parent);
}

/// The highest view whose block is at hand and certified, every view after it being nullified.
std::optional<View> Engine::parent_view() const {
  for (View view{view_.value - 1}; view > last_final_.view; view = {view.value - 1}) {
    const ViewState* const state = find(view);
    if (state == nullptr) return std::nullopt;
    const bool is_certified = state->notarization != nullptr || state->finalization != nullptr;
    if (is_certified && blocks_.is_good(digest_at(view))) return view;
    if (state->nullification == nullptr) return std::nullopt;
  }
  return last_final_.view;
}

/// Of the certified block of a view that parent_view() may give.
Hash Engine::digest_at(View view) const {
  if (view == last_final_.view) return last_final_.digest;
  const ViewState& state = *find(view);
  const CertificatePtr& by =
      state.finalization != nullptr ? state.finalization : state.notarization;
  return by->statement.subject.digest;
}

codec::Justification Engine::justification_of(View parent) const {
  codec::Justification justification;
  if (parent == last_final_.view) {
    if (last_final_.finalization != nullptr) justification.parent = *last_final_.finalization;
  } else {
    const ViewState& state = *find(parent);
    const CertificatePtr& held =
        state.finalization != nullptr ? state.finalization : state.notarization;
    // Votes that came after the quorum are in it too: who is slow has voted all the same.
    const CertificatePtr all =
        state.votes.certificate_of(held->statement, context_.validators.size());
    const bool is_more = all->signatures.size() > held->signatures.size() &&
                         weight_of(*all, context_.validators) >= context_.validators.quorum();
    justification.parent = is_more ? *all : *held;
  }
  for (View view = next(parent); view < view_; view = next(view)) {
    justification.nullified.push_back(*find(view)->nullification);
  }
  return justification;
}

/// A block an interval, by the parent's date so that delays do not add up, and yet by our own
/// stopwatch, so that a wrong clock cannot move it by more than a little.
Instant Engine::propose_time(Instant now, WallTime parent_time) const {
  const Duration interval = config_.block_interval;
  if (interval <= Duration{0}) return now;
  const Instant latest = parent_seen_ + interval;
  const Instant earliest = latest - std::min<Duration>(interval / 4, 1s);
  const auto ahead = std::chrono::milliseconds(parent_time.unix_ms - wall_now(now).unix_ms);
  return std::clamp(now + ahead + interval, earliest, latest);
}

void Engine::propose(Instant now, View parent) {
  const Hash digest = digest_at(parent);
  const Known before = *known(digest);
  codec::Justification justification = justification_of(parent);
  if (justification.nullified.size() > codec::nullified_max ||
      codec::encode(justification).size() > codec::justification_bytes_max) {
    log_.error("consensus", "{} views without a block: more than a proposal can justify",
               justification.nullified.size());
    nullify(view_);
    return;
  }
  proposed_ = view_;
  leader_timeout_.reset();
  if (is_last(before.height)) {
    // Nothing is built on the last block of an epoch: it is proposed again until it is final.
    const Statement statement{context_.epoch, VoteKind::notarize, {view_, parent, digest}};
    unsigned_proposal_ = {
        {statement, *me_, {}}, blocks_.find(digest)->block, std::move(justification)};
    ++stats_.proposals;
    vote(statement);
    return;
  }
  BlockHeader header;
  header.height = next(before.height);
  header.epoch = context_.epoch;
  header.view = view_;
  header.parent = digest;
  header.time = {std::max(before.time.unix_ms + 1, wall_now(now).unix_ms)};
  header.justification_root = codec::root_of(justification);
  header.validators_root = context_.validators.root();
  header.params_hash = context_.params_hash;
  building_ = new_token();
  say(Build{*building_, header, std::move(justification)});
}

void Engine::on_built(Built built) {
  if (building_ != built.token) return;
  building_.reset();
  if (!built.block) {
    log_.error("consensus", "no block for view {}: {}", view_.value, built.block.error().message);
    give_up();
    return;
  }
  const BlockPtr& block = *built.block;
  const BlockHeader& header = block->header();
  ASSERT(header.view == view_ && header.epoch == context_.epoch);
  blocks_.add(block).state = BlockPool::State::good;
  const std::optional<Certificate>& parent = block->justification().parent;
  const View parent_view = parent ? parent->statement.view() : View{0};
  const Statement statement{
      context_.epoch, VoteKind::notarize, {view_, parent_view, block->digest()}};
  unsigned_proposal_ = {{statement, *me_, {}}, block, std::nullopt};
  ++stats_.proposals;
  if (!vote(statement)) unsigned_proposal_.reset();
}

// --- judging -------------------------------------------------------------------------------------

void Engine::judge_proposal(Instant now) {
  ViewState* const state = find(view_);
  if (!may_speak() || state == nullptr) return;
  if (!state->proposal && !state->is_proposal_wrong) return;
  if (guard_.notarized(view_) || guard_.nullified(view_)) return;
  const Judgement judgement =
      state->is_proposal_wrong ? Judgement::wrong : judge(now, *state->proposal);
  switch (judgement) {
    case Judgement::good:
      leader_timeout_.reset();
      vote(state->proposal->vote.statement);
      break;
    case Judgement::wrong:
      state->is_proposal_wrong = true;
      give_up();
      break;
    case Judgement::wait: leader_timeout_.reset(); break;
  }
}

Engine::Judgement Engine::judge(Instant now, const ProposalMessage& message) {
  const codec::Proposal& subject = message.vote.statement.subject;
  const BlockHeader& header = message.block->header();
  const Hash& parent_digest = message.anew ? message.block->digest() : header.parent;
  if (subject.parent < last_final_.view) return Judgement::wrong;
  if (subject.parent == last_final_.view && parent_digest != last_final_.digest) {
    return Judgement::wrong;
  }
  const std::optional<Known> parent = known(parent_digest);
  if (!parent) {
    const std::optional<Certificate>& by = message.justification().parent;
    if (by) fetch(now, parent_digest, *by);
    return Judgement::wait;
  }
  if (parent->state == BlockPool::State::bad) return Judgement::wrong;
  if (parent->state != BlockPool::State::good) return Judgement::wait;
  if (message.anew) return is_last(parent->height) ? Judgement::good : Judgement::wrong;
  if (header.view != view_) return Judgement::wrong;

  const WallTime latest{wall_now(now).unix_ms + base::to_ms(config_.drift_max)};
  if (header.time > latest) {
    // Dates go far beyond what a Duration holds.
    constexpr std::int64_t patience_ms = 3'600'000;
    const std::int64_t early_ms = std::min(header.time.unix_ms - latest.unix_ms, patience_ms);
    judge_at_ = now + std::chrono::milliseconds(early_ms);
    return Judgement::wait;
  }
  blocks_.add(message.block);  // finality may have let it go: its height is what its leader says
  check_when_possible(now, message.block);
  switch (blocks_.find(message.block->digest())->state) {
    case BlockPool::State::good: return Judgement::good;
    case BlockPool::State::bad: return Judgement::wrong;
    case BlockPool::State::unchecked:
    case BlockPool::State::checking: break;
  }
  return Judgement::wait;
}

/// What of A4 needs no application.
Result<void> Engine::check_header(const BlockHeader& header, const Known& parent) const {
  const auto wrong = [&](const char* what) {
    return fail(Code::malformed, base::format("block {} of view {}: {}", header.height.value,
                                              header.view.value, what));
  };
  if (header.epoch != context_.epoch) return wrong("another epoch");
  if (is_last(parent.height)) return wrong("it follows the last of the epoch");
  if (header.height != next(parent.height)) return wrong("its height does not follow its parent's");
  if (header.time <= parent.time) return wrong("not later than its parent");
  if (header.validators_root != context_.validators.root()) return wrong("other validators");
  if (header.params_hash != context_.params_hash) return wrong("other parameters");
  if (is_last(header.height) == (header.next_validators_root == Hash{})) {
    return wrong("the next validators stand in the last block of an epoch alone");
  }
  return {};
}

/// As soon as the parent is known to be good.
void Engine::check_when_possible(Instant now, const BlockPtr& block) {
  BlockPool::Entry* const entry = blocks_.find(block->digest());
  if (entry == nullptr || entry->state != BlockPool::State::unchecked) return;
  const BlockHeader& header = block->header();
  const std::optional<Known> parent = known(header.parent);
  if (!parent) {
    if (header.height > next(last_final_.height) && block->justification().parent) {
      fetch(now, header.parent, *block->justification().parent);
    }
    return;
  }
  // Beside the final chain; what is on it is good already.
  if (header.parent != last_final_.digest && parent->height <= last_final_.height) return;
  if (parent->state == BlockPool::State::bad) {
    settle_block(now, block->digest(), fail(Code::malformed, "its parent is wrong"));
  } else if (parent->state == BlockPool::State::good) {
    if (auto right = check_header(header, *parent); !right) {
      settle_block(now, block->digest(), std::move(right));
    } else {
      entry->state = BlockPool::State::checking;
      say(Check{block});
    }
  }
}

void Engine::settle_block(Instant now, const Hash& digest, Result<void> verdict) {
  BlockPool::Entry* const entry = blocks_.find(digest);
  if (entry == nullptr || entry->state == BlockPool::State::good) return;
  entry->state = verdict ? BlockPool::State::good : BlockPool::State::bad;
  if (!verdict) {
    log_.warn("consensus", "block {} of view {} is wrong: {}", entry->block->header().height.value,
              entry->block->header().view.value, verdict.error().message);
    diverge_if_certified(digest, verdict.error());
  }
  for (const BlockPtr& child : blocks_.waiting_for(digest)) check_when_possible(now, child);
}

void Engine::diverge_if_certified(const Hash& digest, const Error& error) {
  const auto is_of = [&](const CertificatePtr& certificate) {
    return certificate != nullptr && certificate->statement.subject.digest == digest;
  };
  const bool is_certified = std::ranges::any_of(views_, [&](const auto& each) {
    return is_of(each.second.notarization) || is_of(each.second.finalization);
  });
  if (!is_certified || is_halted_) return;
  say(Diverged{blocks_.find(digest)->block, error});
  halt();
}

// --- fetching ------------------------------------------------------------------------------------

/// Mostly the block is under way already: it is asked for only after a while.
void Engine::fetch(Instant now, const Hash& digest, const Certificate& certificate) {
  constexpr std::size_t fetches_max = 64;
  if (blocks_.find(digest) != nullptr || fetches_.contains(digest) ||
      fetches_.size() >= fetches_max) {
    return;
  }
  fetches_.emplace(digest, Fetch{certificate.signers, now + config_.delta / 4, now});
}

/// Of what is certified, and of what that stands on.
void Engine::fetch_missing(Instant now) {
  for (auto at = views_.upper_bound(last_final_.view); at != views_.end(); ++at) {
    for (const auto& held : {at->second.notarization, at->second.finalization}) {
      if (held != nullptr) fetch(now, held->statement.subject.digest, *held);
    }
  }
  std::vector<BlockPtr> unchecked;
  for (const auto& [digest, entry] : blocks_.all()) {
    if (entry.state == BlockPool::State::unchecked) unchecked.push_back(entry.block);
  }
  for (const BlockPtr& block : unchecked) check_when_possible(now, block);
}

/// R4, R11. A block that is final at its signers they let go after a while, and only sync gives it.
void Engine::ask_again(Instant now) {
  const bool is_in_vain = std::ranges::any_of(
      fetches_, [&](const auto& each) { return now - each.second.since >= 2 * config_.delta; });
  for (auto at = views_.rbegin(); is_in_vain && at != views_.rend(); ++at) {
    if (at->first <= last_final_.view) break;
    if (at->second.finalization != nullptr) say_behind(at->second.finalization);
  }
  for (auto& [digest, fetch] : fetches_) {
    if (now < fetch.again) continue;
    fetch.again = now + config_.delta / 2;
    std::vector<ValidatorIndex> from;
    for (std::size_t i = 0; i < fetch.signers.size(); ++i) {
      const auto index = static_cast<ValidatorIndex>(i);
      if (fetch.signers[i] && index != me_) from.push_back(index);
    }
    if (from.empty()) continue;
    say(SendTo{from[rng_.below(from.size())],
               Buffer(codec::encode(codec::ConsensusMessage(codec::BlockRequest{digest})))});
    if (now - fetch.since < config_.missing_after) continue;
    for (auto at = views_.upper_bound(last_final_.view); at != views_.end(); ++at) {
      const CertificatePtr& notarization = at->second.notarization;
      const bool is_it =
          notarization != nullptr && notarization->statement.subject.digest == digest;
      if (is_it && at->second.nullification == nullptr) nullify(at->first);
    }
  }
}

}  // namespace kith::consensus
