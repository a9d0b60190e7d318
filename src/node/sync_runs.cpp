// Of sync: which runs of heights are wanted, of whom they are asked, and what becomes of them.
#include <algorithm>

#include "base/format.h"
#include "node/sync_service.h"

namespace kith::node {
namespace {

constexpr Duration plan_again = 250ms;

bool is_final(const codec::GivenBlock& given) {
  return given.certificate.statement.kind == codec::VoteKind::finalize;
}

}  // namespace

/// The last finalization vouches for all before it, since each block names its parent; what is
/// behind stands, so far, by the last notarization.
void VerifyRunJob::run() {
  for (const codec::Certificate& certificate : certificates_) {
    verdict_ = codec::verify(certificate, genesis_, *validators_);
    if (!verdict_) return;
  }
}

/// After anything that changed.
void SyncService::plan(Instant now) {
  if (!is_started_) return;
  plan_at_.reset();
  trim();
  if (is_fetching_ && target() <= height_) {
    is_fetching_ = false;
    restart_from_height();
    is_behind_ = true;  // and while we were at it?
    look_at_ = now;
  }
  if (is_fetching_ && !is_paused_) {
    extend();
    assign(now);
    hedge(now);
  }
  check_runs();
  hand_over(now);
}

/// Blocks come by consensus too.
void SyncService::trim() {
  given_ = std::max(given_, height_);
  planned_ = std::max(planned_, given_);
  while (!runs_.empty() && runs_.begin()->second.to <= given_) {
    const Height from = runs_.begin()->first;
    bytes_held_ -= runs_.begin()->second.bytes;
    runs_.erase(runs_.begin());
    for (auto at = askings_.begin(); at != askings_.end();) {
      const auto next = std::next(at);
      if (at->second.run && at->second.run->from == from) {
        if (at->second.stream) say(host::Reset{*at->second.stream});
        drop_asking(at);
      }
      at = next;
    }
  }
  if (runs_.empty() || runs_.begin()->first > given_) return;
  const auto first = runs_.begin();
  if (first->second.state != RunState::wanted) return;
  Run rest = std::move(first->second);
  runs_.erase(first);
  runs_.emplace(codec::next(given_), std::move(rest));
}

void SyncService::extend() {
  const Height end = std::min(target(), Height{height_.value + config_.window_blocks});
  while (planned_ < end) {
    const Height from = codec::next(planned_);
    const Height to{std::min({from.value + config_.run_blocks - 1, epoch_end(from), end.value})};
    runs_.emplace(from, Run{to});
    planned_ = to;
  }
}

/// The lowest first. One is asked for whatever is held: it may be what all the others wait for.
void SyncService::assign(Instant now) {
  std::size_t under_way = runs_under_way();
  for (auto at = runs_.begin(); at != runs_.end(); ++at) {
    auto& [from, run] = *at;
    if (run.state != RunState::wanted) continue;
    const std::size_t reserved = bytes_held_ + given_bytes_ + (under_way + 1) * config_.bytes_max;
    if (reserved > config_.window_bytes && under_way > 0) return;
    const auto peer = peer_for(now, from, std::nullopt);
    if (!peer) {
      plan_at_ = now + plan_again;
      return;
    }
    const Height end = peers_[*peer].tip->height;
    if (end < run.to) {
      runs_.emplace(codec::next(end), Run{run.to});
      run.to = end;
    }
    run.state = RunState::asked;
    run.is_hedged = false;
    const auto count = static_cast<std::uint16_t>(run.to.value - from.value + 1);
    open(now, *peer, codec::BlocksRequest{from, count});
    ++under_way;
  }
}

/// The run that all others wait for is asked of a second peer when the first takes its time.
void SyncService::hedge(Instant now) {
  if (runs_.empty()) return;
  auto& [from, run] = *runs_.begin();
  if (run.state != RunState::asked || run.is_hedged) return;
  for (const auto& [token, asking] : askings_) {
    if (!asking.run || asking.run->from != from) continue;
    if (now < asking.since + config_.hedge_after) {
      plan_at_ = base::soonest(plan_at_, asking.since + config_.hedge_after);
      return;
    }
    const PeerId first = asking.peer;
    const codec::BlocksRequest wanted = *asking.run;
    const auto peer = peer_for(now, run.to, first);
    if (!peer || peers_[*peer].tip->floor > from) {
      plan_at_ = base::soonest(plan_at_, now + plan_again);
      return;
    }
    run.is_hedged = true;
    open(now, *peer, wanted);
    return;
  }
}

/// Who has the block, is not resting, and has the least to do; of several any.
std::optional<PeerId> SyncService::peer_for(Instant now, Height from,
                                            const std::optional<PeerId>& not_this) {
  std::vector<PeerId> best;
  std::size_t least = config_.runs_per_peer;
  for (const auto& [id, peer] : peers_) {
    if (id == not_this || peer.is_stranger || !peer.tip || now < peer.rests_until) continue;
    if (peer.tip->height < from || peer.tip->floor > from || peer.runs >= config_.runs_per_peer) {
      continue;
    }
    if (peer.runs < least) best.clear();
    if (peer.runs > least) continue;
    least = peer.runs;
    best.push_back(id);
  }
  if (best.empty()) return std::nullopt;
  return best[rng_.below(best.size())];
}

void SyncService::take_run(Instant, const PeerId& from, const codec::BlocksRequest& asked,
                           std::vector<codec::GivenBlock> blocks, std::size_t bytes) {
  const auto at = runs_.find(asked.from);
  if (at == runs_.end() || at->second.state != RunState::asked) return;
  Run& run = at->second;
  const Height last = blocks.back().block->header().height;
  if (last > run.to) return;
  blocks_received_ += blocks.size();
  if (last < run.to) runs_.emplace(codec::next(last), Run{run.to});
  run.to = last;
  run.state = RunState::here;
  run.from = from;
  run.blocks = std::move(blocks);
  run.bytes = bytes;
  bytes_held_ += bytes;
  // Whoever else was asked for it is late.
  for (auto other = askings_.begin(); other != askings_.end();) {
    const auto next = std::next(other);
    if (other->second.run && other->second.run->from == asked.from) {
      if (other->second.stream) say(host::Reset{*other->second.stream});
      drop_asking(other);
    }
    other = next;
  }
}

void SyncService::check_runs() {
  if (validators_ == nullptr) return;
  for (auto& [from, run] : runs_) {
    if (run.state != RunState::here) continue;
    if (epoch_of(from) != epoch_) return;  // its validators are not known yet
    run.state = RunState::checking;
    std::vector<codec::Certificate> certificates;
    const auto last = std::ranges::find_if(run.blocks.rbegin(), run.blocks.rend(), is_final);
    if (last != run.blocks.rend()) certificates.push_back(last->certificate);
    if (last != run.blocks.rbegin()) certificates.push_back(run.blocks.back().certificate);
    jobs_.push_back(
        {Token{}, std::make_shared<VerifyRunJob>(from, run.blocks.back().block->digest(),
                                                 std::move(certificates), genesis_, validators_)});
  }
}

void SyncService::on_verified(Instant now, const VerifyRunJob& job) {
  const auto at = runs_.find(job.from());
  if (at == runs_.end() || at->second.state != RunState::checking ||
      at->second.blocks.back().block->digest() != job.last()) {
    return;
  }
  const auto peer = at->second.from ? peers_.find(*at->second.from) : peers_.end();
  if (job.verdict()) {
    at->second.state = RunState::proven;
    if (peer != peers_.end()) peer->second.failures = 0;
  } else {
    ++runs_failed_;
    if (at->second.from) say(host::Fault{*at->second.from, job.verdict().error()});
    if (peer != peers_.end()) charge(now, *at->second.from, {});
    want_again(at);
  }
  plan(now);
}

void SyncService::want_again(Runs::iterator at) {
  bytes_held_ -= at->second.bytes;
  at->second = Run{at->second.to};
}

/// What is proven, in order, up to the last block that is final by itself; as much as the chain may
/// have on its hands.
void SyncService::hand_over(Instant now) {
  while (given_waiting_.size() < config_.given_blocks_max &&
         given_bytes_ < config_.given_bytes_max) {
    consensus::BlocksHeard heard;
    std::vector<Runs::iterator> used;
    std::size_t final_count = 0;  // of heard.blocks
    Hash last{};
    for (auto at = runs_.begin(); at != runs_.end(); ++at) {
      Run& run = at->second;
      if (run.state != RunState::proven || epoch_of(at->first) != epoch_) break;
      if (!used.empty() && run.blocks.front().block->header().parent != last) {
        if (final_count == heard.blocks.size()) break;  // the chain will see what this one is
        // The tail before is a fork that did not become final, or this is: both are asked anew.
        want_again(used.back());
        want_again(at);
        return plan(now);
      }
      used.push_back(at);
      for (const codec::GivenBlock& given : run.blocks) {
        heard.blocks.push_back(given.block);
        if (!is_final(given)) continue;
        final_count = heard.blocks.size();
        heard.finalization = given.certificate;
        heard.from = *run.from;
      }
      last = run.blocks.back().block->digest();
      if (final_count > 0 && heard.blocks.size() >= config_.given_blocks_max / 2) break;
    }
    if (final_count == 0) return;
    heard.blocks.resize(final_count);
    const Height final_height = heard.blocks.back()->header().height;
    for (const Runs::iterator at : used) {
      Run& run = at->second;
      const std::size_t bytes_a_block = run.bytes / run.blocks.size();
      const auto beyond = std::ranges::find_if(run.blocks, [&](const codec::GivenBlock& given) {
        return given.block->header().height > final_height;
      });
      for (auto given = run.blocks.begin(); given != beyond; ++given) {
        const Height height = given->block->header().height;
        if (height <= given_) continue;
        given_waiting_.push_back({height, bytes_a_block});
        given_bytes_ += bytes_a_block;
      }
      bytes_held_ -= run.bytes;
      if (beyond != run.blocks.end()) {
        Run tail{run.to, RunState::proven, run.from, {beyond, run.blocks.end()}, 0, false};
        tail.bytes = bytes_a_block * tail.blocks.size();
        bytes_held_ += tail.bytes;
        runs_.erase(at);
        runs_.emplace(codec::next(final_height), std::move(tail));
        break;
      }
      runs_.erase(at);
    }
    if (final_height <= given_) continue;
    given_ = final_height;
    given_at_ = now;
    heard_.push_back(std::move(heard));
  }
}

/// The chain did not take what it was given, or what is under way is of no use any more.
void SyncService::restart_from_height() {
  for (auto at = askings_.begin(); at != askings_.end();) {
    const auto next = std::next(at);
    if (at->second.run) {
      if (at->second.stream) say(host::Reset{*at->second.stream});
      drop_asking(at);
    }
    at = next;
  }
  runs_.clear();
  bytes_held_ = given_bytes_ = 0;
  given_waiting_.clear();
  given_ = planned_ = height_;
}

}  // namespace kith::node
