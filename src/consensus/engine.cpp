#include "consensus/engine.h"

#include <algorithm>

#include "base/format.h"

namespace kith::consensus {

Engine::Engine(const EngineConfig& config, EpochContext context, std::optional<ValidatorIndex> me,
               FinalBlock last_final, Rng& rng, Log& log, bool is_silent)
    : config_(config),
      context_(std::move(context)),
      me_(me),
      rng_(rng),
      log_(log),
      leaders_(context_.validators, context_.leaders_seed.value_or(context_.floor.digest),
               context_.epoch),
      guard_(context_.epoch, last_final.view),
      silence_(is_silent),
      view_(next(last_final.view)),
      last_final_(std::move(last_final)),
      committed_{last_final_.height, last_final_.view},
      last_token_(context_.epoch.value << 32) {
  ASSERT(!me_ || *me_ < context_.validators.size());
  ASSERT(last_final_.view.value == 0 || last_final_.finalization != nullptr);
  ASSERT(context_.last_height > context_.floor.height);
}

void Engine::start(Instant now) {
  ASSERT(!is_started_ && wall_);
  is_started_ = true;
  last_heard_.assign(context_.validators.size(), now);
  arm_standstill(now);
  if (is_over()) return;
  for (const auto& [view, state] : views_) {
    const bool is_certified = state.notarization != nullptr || state.nullification != nullptr ||
                              state.finalization != nullptr;
    if (is_certified && view >= view_) view_ = next(view);
    if (me_ && guard_.notarized(view) && view > proposed_ && leaders_.leader(view) == *me_) {
      proposed_ = view;
    }
  }
  // How long ago the parent came is not known; its date tells, if clocks do.
  const Duration interval = config_.block_interval;
  const auto since = std::chrono::milliseconds(wall_now(now).unix_ms - last_final_.time.unix_ms);
  parent_seen_ = now - std::clamp<Duration>(since, Duration{0}, interval);
  fetch_missing(now);
  enter(now, view_, nullptr);
  for (Buffer& message : all_said()) say(Broadcast{std::move(message)});
  begin_silence(now);
  progress(now);
}

void Engine::on_input(Instant now, EngineInput input) {
  if (auto* const wall = std::get_if<WallClockRead>(&input)) {
    wall_ = wall->now;
    wall_read_ = now;
    return;
  }
  ASSERT(is_started_);
  if (is_halted_) return;
  std::visit(
      Overload{[&](Heard& heard) { hear(now, std::move(heard)); },
               [&](BlocksHeard& heard) { hear_blocks(now, std::move(heard)); },
               [&](const ValidatorUp& up) {
                 last_heard_[up.validator] = now;
                 for (Buffer& message : all_said()) {
                   say(SendTo{up.validator, std::move(message)});
                 }
                 if (silence_.ask_at()) {
                   say(SendTo{up.validator, Buffer(codec::encode(memory_request()))});
                 }
               },
               [&](const Verified& verified) { on_verified(now, verified); },
               [&](Built& built) {
                 on_built(std::move(built));
                 progress(now);
               },
               [&](Checked& checked) {
                 settle_block(now, checked.digest, std::move(checked.verdict));
                 progress(now);
               },
               [&](const Signed& given) { on_signed(given); },
               [&](const SignerReady& ready) { on_signer(now, ready); },
               [&](const SignerGone&) { silence_.hold(); },
               [&](const Persisted& persisted) { on_persisted(now, persisted.token); },
               [&](const Committed& committed) { on_committed(committed.height); },
               [&](const Synced& synced) { on_synced(now, synced); }, [&](const WallClockRead&) {}},
      input);
}

void Engine::on_deadline(Instant now) {
  if (!is_started_ || is_halted_ || is_over()) return;
  const auto is_due = [&](std::optional<Instant>& deadline) {
    if (!deadline || now < *deadline) return false;
    deadline.reset();
    return true;
  };
  const bool is_leader_late = is_due(leader_timeout_);
  const bool is_view_late = is_due(view_timeout_);
  if (is_leader_late || is_view_late) nullify(view_);  // R7
  if (is_due(standstill_at_)) on_standstill(now);
  if (silence_.ask_at() && now >= *silence_.ask_at()) ask_memory(now);
  end_silence(now);
  const bool is_time_to_propose = is_due(propose_at_);
  const bool is_time_to_judge = is_due(judge_at_);
  ask_again(now);
  if (is_time_to_propose || is_time_to_judge) progress(now);
}

std::optional<EngineOutput> Engine::poll_output(Instant) {
  if (outputs_.empty()) flush_log();
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

std::optional<Instant> Engine::next_deadline() const {
  if (!is_started_ || is_halted_ || is_over()) return std::nullopt;
  std::optional<Instant> at = base::soonest(standstill_at_, silence_.next_deadline());
  for (const auto& deadline : {leader_timeout_, view_timeout_, propose_at_, judge_at_}) {
    at = base::soonest(at, deadline);
  }
  for (const auto& [digest, fetch] : fetches_) at = base::soonest(at, fetch.again);
  return at;
}

Engine::ViewState* Engine::find(View view) {
  const auto at = views_.find(view);
  return at == views_.end() ? nullptr : &at->second;
}

const Engine::ViewState* Engine::find(View view) const {
  const auto at = views_.find(view);
  return at == views_.end() ? nullptr : &at->second;
}

void Engine::broadcast(const codec::ConsensusMessage& message) {
  say(Broadcast{Buffer(codec::encode(message))});
}

WallTime Engine::wall_now(Instant now) const {
  return {wall_->unix_ms + base::to_ms(now - wall_read_)};
}

EngineSizes Engine::sizes() const {
  EngineSizes sizes{
      views_.size(),    0, pending_.size(), blocks_.all().size(), blocks_.bytes(), fetches_.size(),
      own_votes_.size()};
  for (const auto& [view, state] : views_) sizes.votes += state.votes.all().size();
  return sizes;
}

std::string Engine::dump(Instant now) {
  std::string text = base::format(
      "epoch {}, view {} led by {}{}, entered {} ms ago, last final: view {}, height {}\n",
      context_.epoch.value, view_.value, leaders_.leader(view_), is_halted_ ? ", HALTED" : "",
      base::to_ms(now - entered_), last_final_.view.value, last_final_.height.value);
  for (auto at = views_.upper_bound(last_final_.view); at != views_.end(); ++at) {
    const ViewState& state = at->second;
    std::array<std::size_t, 4> votes{};
    for (const codec::Vote& vote : state.votes.all()) {
      ++votes[static_cast<std::size_t>(vote.statement.kind)];
    }
    text += base::format(
        "view {}: {}, votes {} notarize {} nullify {} finalize, certificates:{}{}{}\n",
        at->first.value, state.proposal ? "proposed" : "no proposal", votes[1], votes[2], votes[3],
        state.notarization ? " notarized" : "", state.nullification ? " nullified" : "",
        state.finalization ? " finalized" : "");
  }
  return text;
}

}  // namespace kith::consensus
