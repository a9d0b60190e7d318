// Of sync: peers, streams and answers.
#include "node/sync_service.h"

#include <algorithm>

#include "base/format.h"
#include "codec/writer.h"

namespace kith::node {
namespace {

constexpr std::size_t tips_when_behind = 8;
/// So many failures in a row, and what a peer claims counts no more until it says it again.
constexpr unsigned failures_believed = 3;

}  // namespace

void SyncService::start(Instant now, Height height, Height floor) {
  is_started_ = true;
  height_ = given_ = planned_ = height;
  progress_at_ = now;
  answers_.set_tip(height, floor);
  look_at_ = now + config_.idle_after / 4;
  is_behind_ = true;  // who was away does not know what it missed
}

void SyncService::on_height(Instant now, Height height, Height floor) {
  answers_.set_tip(height, floor);
  if (height <= height_) return;
  height_ = height;
  progress_at_ = given_at_ = now;
  idle_wait_ = config_.idle_after;
  while (!given_waiting_.empty() && given_waiting_.front().height <= height_) {
    given_bytes_ -= given_waiting_.front().bytes;
    given_waiting_.pop_front();
  }
  if (!is_fetching_) look_at_ = now + idle_wait_;
  plan(now);
}

void SyncService::on_epoch(Instant now, codec::Epoch epoch,
                           std::shared_ptr<const codec::ValidatorSet> validators) {
  epoch_ = epoch;
  validators_ = std::move(validators);
  plan(now);
}

void SyncService::on_behind(Instant now) {
  if (!is_started_) return;
  is_behind_ = true;
  if (is_fetching_) return;
  is_fetching_ = target() > height_;
  ask_tips(now, tips_when_behind);
  plan(now);
}

void SyncService::pause(Instant now, bool is_paused) {
  is_paused_ = is_paused;
  if (is_paused) restart_from_height();
  plan(now);
}

Height SyncService::target() const {
  Height best = height_;
  for (const auto& [id, peer] : peers_) {
    if (peer.tip && !peer.is_stranger) best = std::max(best, peer.tip->height);
  }
  return best;
}

std::optional<Height> SyncService::floor_of_peers() const {
  std::optional<Height> floor;
  for (const auto& [id, peer] : peers_) {
    if (!peer.tip || peer.is_stranger || peer.tip->height <= height_) continue;
    floor = floor ? std::min(*floor, peer.tip->floor) : peer.tip->floor;
  }
  return floor;
}

std::size_t SyncService::runs_under_way() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      askings_, [](const auto& each) { return each.second.run.has_value(); }));
}

// --- events --------------------------------------------------------------------------------------

void SyncService::on_input(Instant now, host::ServiceEvent event) {
  std::visit(Overload{[](const host::PeerUp&) {},
                      [&](const host::PeerDown& down) { on_peer_down(down.peer), plan(now); },
                      [&](const host::PeerIdentified& identified) {
                        const auto& protocols = identified.message->protocols;
                        if (std::ranges::count(protocols, sync_protocol) == 0) return;
                        const auto [at, is_new] = peers_.try_emplace(identified.peer);
                        if (is_new && is_started_) ask_tip(now, identified.peer);
                      },
                      [&](const host::StreamUp& up) { on_stream_up(now, up); },
                      [&](const host::StreamOpenFailed& failed) {
                        const auto at = askings_.find(failed.token);
                        if (at == askings_.end()) return;
                        // The host, or the peer's circuit breaker, has counted it.
                        const PeerId peer = at->second.peer;
                        drop_asking(at);
                        charge(now, peer, {});
                        plan(now);
                      },
                      [&](const host::StreamData& data) { on_data(now, data); },
                      [&](const host::StreamRoom& told) { answers_.streams().on_room(now, told); },
                      [&](const host::StreamEnd& told) {
                        if (const auto at = asking_of(told.stream); at != askings_.end())
                          end(now, at);
                      },
                      [&](const host::StreamDown& down) {
                        answers_.streams().on_down(down.stream);
                        const auto at = asking_of(down.stream);
                        if (at == askings_.end()) return;
                        fail_asking(now, at, {});
                        plan(now);
                      },
                      host::WithoutMessages{}},
             event);
}

void SyncService::on_peer_down(const PeerId& peer) {
  answers_.streams().on_peer_down(peer);
  for (auto at = askings_.begin(); at != askings_.end();) {
    const auto next = std::next(at);
    if (at->second.peer == peer) drop_asking(at);
    at = next;
  }
  peers_.erase(peer);
}

SyncService::Askings::iterator SyncService::asking_of(StreamId stream) {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? askings_.end() : askings_.find(found->second);
}

Token SyncService::open(Instant now, const PeerId& peer, std::optional<codec::BlocksRequest> run) {
  const Token token{++last_token_};
  askings_.emplace(token, Asking{peer,
                                 run,
                                 {},
                                 {codec::FramePrefix::varint, config_.frame_bytes_max},
                                 {},
                                 0,
                                 {},
                                 {},
                                 now,
                                 now});
  if (run) ++peers_[peer].runs;
  say(host::Open{token, peer, {std::string(sync_protocol)}});
  return token;
}

void SyncService::on_stream_up(Instant now, const host::StreamUp& up) {
  if (up.direction == Direction::inbound) return answers_.streams().on_stream(now, up);
  const auto at = up.token ? askings_.find(*up.token) : askings_.end();
  if (at == askings_.end()) return say(host::Reset{up.stream});
  at->second.stream = up.stream;
  at->second.heard = now;
  streams_.emplace(up.stream, at->first);
  const codec::SyncRequest request =
      at->second.run ? codec::SyncRequest(*at->second.run) : codec::TipRequest{};
  say(host::Write{up.stream, answer_frame(codec::encode(request))});
}

void SyncService::on_data(Instant now, const host::StreamData& data) {
  say(host::Consume{data.stream, data.data.size()});
  if (answers_.streams().on_data(now, data)) return;
  ByteView bytes = data.data;
  for (auto at = asking_of(data.stream); at != askings_.end();) {
    Asking& asking = at->second;
    asking.heard = now;
    const auto frame = asking.reader.next(bytes);
    if (frame && !*frame) return;
    const Result<void> taken =
        frame ? on_frame(asking, **frame) : Result<void>(fail(frame.error()));
    if (taken) continue;
    ++runs_failed_;
    const PeerId liar = asking.peer;
    asking.blocks.clear();
    if (asking.stream) say(host::Reset{*asking.stream});
    drop_asking(at);
    charge(now, liar, {});
    say(host::Fault{liar, taken.error()});
    return plan(now);
  }
}

Result<void> SyncService::on_frame(Asking& asking, ByteView frame) {
  codec::SyncAnswer answer = TRY(codec::decode_sync_answer(frame));
  if (!asking.run) {
    const auto* const tip = std::get_if<codec::SyncTip>(&answer);
    if (tip == nullptr || asking.tip) {
      return fail(Code::protocol, "no tip, though it was asked for, or two");
    }
    asking.tip = *tip;
    return {};
  }
  if (const auto* const pruned = std::get_if<codec::PrunedBlocks>(&answer)) {
    if (!asking.blocks.empty() || asking.pruned || pruned->floor <= asking.run->from) {
      return fail(Code::protocol, base::format("block {} is called pruned by a floor of {}",
                                               asking.run->from.value, pruned->floor.value));
    }
    asking.pruned = pruned->floor;
    return {};
  }
  auto* const given = std::get_if<codec::GivenBlock>(&answer);
  if (given == nullptr || asking.pruned) {
    return fail(Code::protocol, "an answer that was not asked for");
  }
  if (asking.blocks.size() >= asking.run->count) {
    return fail(Code::protocol, "more blocks than were asked for");
  }
  // An answer ends with the block that fills it, so that one frame at most is beyond.
  if (asking.bytes >= config_.bytes_max) {
    return fail(Code::protocol, base::format("an answer of more than {} bytes", config_.bytes_max));
  }
  TRY_VOID(check_block(asking, *given));
  asking.bytes += frame.size();
  asking.blocks.push_back(std::move(*given));
  return {};
}

/// All that needs no validators.
Result<void> SyncService::check_block(const Asking& asking, const codec::GivenBlock& given) const {
  const Height height{asking.run->from.value + asking.blocks.size()};
  const codec::BlockHeader& header = given.block->header();
  const codec::Statement& statement = given.certificate.statement;
  const auto wrong = [&](const char* what) {
    return fail(Code::protocol, base::format("block {}: {}", height.value, what));
  };
  if (header.height != height) return wrong("another was given in its place");
  if (header.epoch != epoch_of(height)) return wrong("it is of another epoch");
  if (statement.epoch != header.epoch || statement.kind == codec::VoteKind::nullify ||
      statement.subject.digest != given.block->digest()) {
    return wrong("its certificate is another's");
  }
  if (!asking.blocks.empty() && header.parent != asking.blocks.back().block->digest()) {
    return wrong("it does not stand on the one before");
  }
  return {};
}

// --- tips ----------------------------------------------------------------------------------------

void SyncService::ask_tip(Instant now, const PeerId& id) {
  Peer& peer = peers_[id];
  if (peer.is_asked_tip || peer.is_stranger || now < peer.rests_until) return;
  peer.is_asked_tip = true;
  open(now, id, std::nullopt);
}

/// Of some peers, each as likely as another.
void SyncService::ask_tips(Instant now, std::size_t count) {
  std::vector<PeerId> ids;
  for (const auto& [id, peer] : peers_) {
    if (!peer.is_stranger && !peer.is_asked_tip) ids.push_back(id);
  }
  for (; count > 0 && !ids.empty(); --count) {
    const std::size_t i = rng_.below(ids.size());
    ask_tip(now, ids[i]);
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void SyncService::on_tip(Instant now, const PeerId& id, const codec::SyncTip& tip) {
  Peer& peer = peers_[id];
  if (tip.genesis != genesis_) {
    peer.is_stranger = true;  // it keeps another chain, and is nobody's enemy
    return;
  }
  peer.tip = tip;
  if (tip.height <= height_) return;
  const bool is_idle = now - progress_at_ >= config_.idle_after;
  const std::uint64_t lead = tip.height.value - height_.value;
  if (is_behind_ || is_idle || lead >= config_.lead_min) is_fetching_ = true;
}

// --- the end of an answer ------------------------------------------------------------------------

void SyncService::end(Instant now, Askings::iterator at) {
  Asking& asking = at->second;
  const PeerId id = asking.peer;
  say(host::Finish{*asking.stream});
  const bool is_answered = asking.run ? asking.pruned || !asking.blocks.empty() : !!asking.tip;
  if (!is_answered) {
    if (asking.run) {  // it claimed to have them
      Peer& peer = peers_[id];
      if (peer.tip) peer.tip->height = {asking.run->from.value - 1};
    }
    fail_asking(now, at, {Code::protocol, "an empty answer"});
    return plan(now);
  }
  say(host::RequestDone{id, sync_protocol, now - asking.since});
  if (asking.tip) {
    const codec::SyncTip tip = *asking.tip;
    drop_asking(at);
    on_tip(now, id, tip);
    const bool is_waiting = std::ranges::any_of(
        askings_, [](const auto& each) { return !each.second.run.has_value(); });
    if (!is_waiting && target() <= height_) is_behind_ = false;
    return plan(now);
  }
  const codec::BlocksRequest run = *asking.run;
  if (asking.pruned) {
    if (peers_[id].tip) peers_[id].tip->floor = *asking.pruned;
    drop_asking(at);
    return plan(now);
  }
  std::vector<codec::GivenBlock> blocks = std::move(asking.blocks);
  const std::size_t bytes = asking.bytes;
  --peers_[id].runs;
  streams_.erase(*asking.stream);
  askings_.erase(at);
  take_run(now, id, run, std::move(blocks), bytes);
  plan(now);
}

/// The peer broke off, or broke its word: what came whole is kept all the same, so that slow links
/// come forward too. `error` without a code: the host has counted it.
void SyncService::fail_asking(Instant now, Askings::iterator at, const Error& error) {
  const PeerId id = at->second.peer;
  const auto run = at->second.run;
  std::vector<codec::GivenBlock> blocks = std::move(at->second.blocks);
  const std::size_t bytes = at->second.bytes;
  if (run) ++runs_failed_;
  if (run && !blocks.empty()) {
    if (at->second.stream) streams_.erase(*at->second.stream);
    --peers_[id].runs;
    askings_.erase(at);
    take_run(now, id, *run, std::move(blocks), bytes);
  } else {
    drop_asking(at);
  }
  charge(now, id, error);
}

void SyncService::charge(Instant now, const PeerId& id, const Error& error) {
  const auto at = peers_.find(id);
  if (at == peers_.end()) return;
  Peer& peer = at->second;
  const Duration rest = config_.rest * (1U << std::min(peer.failures, 10U));
  peer.rests_until = now + std::min<Duration>(rest, config_.rest_max);
  if (++peer.failures >= failures_believed) peer.tip.reset();
  if (!error.message.empty()) {
    say(host::RequestDone{id, sync_protocol, Result<Duration>(fail(error))});
  }
}

/// Nobody waits for it any more; its run is wanted again unless another is asked for it too.
void SyncService::drop_asking(Askings::iterator at) {
  const Asking asking = std::move(at->second);
  if (asking.stream) streams_.erase(*asking.stream);
  askings_.erase(at);
  const auto peer = peers_.find(asking.peer);
  if (!asking.run) {
    if (peer != peers_.end()) peer->second.is_asked_tip = false;
    return;
  }
  if (peer != peers_.end()) --peer->second.runs;
  const auto run = runs_.find(asking.run->from);
  if (run == runs_.end() || run->second.state != RunState::asked) return;
  const bool is_still_asked = std::ranges::any_of(askings_, [&](const auto& each) {
    return each.second.run && each.second.run->from == asking.run->from;
  });
  if (!is_still_asked) run->second.state = RunState::wanted;
  run->second.is_hedged = is_still_asked && run->second.is_hedged;
}

// --- time ----------------------------------------------------------------------------------------

std::optional<Instant> SyncService::next_deadline() const {
  std::optional<Instant> next = base::soonest(look_at_, answers_.streams().next_deadline());
  next = base::soonest(next, plan_at_);
  for (const auto& [token, asking] : askings_) {
    next = base::soonest(
        next, std::min(asking.heard + config_.stall_after, asking.since + config_.timeout));
  }
  if (!given_waiting_.empty()) next = base::soonest(next, given_at_ + config_.given_timeout);
  return next;
}

void SyncService::on_deadline(Instant now) {
  answers_.streams().on_deadline(now);
  std::vector<Token> late;
  for (const auto& [token, asking] : askings_) {
    if (now >= asking.since + config_.timeout || now >= asking.heard + config_.stall_after) {
      late.push_back(token);
    }
  }
  for (const Token token : late) {
    const auto at = askings_.find(token);
    if (at == askings_.end()) continue;  // the other of two that were asked gave some of it
    if (at->second.stream) say(host::Reset{*at->second.stream});
    fail_asking(now, at, {Code::timeout, "no answer in time"});
  }
  if (!given_waiting_.empty() && now >= given_at_ + config_.given_timeout) restart_from_height();
  if (look_at_ && now >= *look_at_) {
    look_at_.reset();
    if (!is_fetching_ && !is_paused_) {
      ask_tips(now, config_.tips_at_once);
      look_at_ = now + idle_wait_;
      idle_wait_ = std::min(2 * idle_wait_, std::max(config_.idle_after, config_.idle_after_max));
    }
  }
  plan(now);
}

std::optional<host::RunJob> SyncService::poll_job() {
  if (auto job = answers_.poll_job()) return job;
  if (jobs_.empty()) return std::nullopt;
  return jobs_.pop_front();
}

bool SyncService::on_job(Instant now, host::Job& job) {
  if (auto* const read = dynamic_cast<ReadBlocksJob*>(&job)) {
    answers_.on_job(now, *read);
    return true;
  }
  auto* const verified = dynamic_cast<VerifyRunJob*>(&job);
  if (verified == nullptr) return false;
  on_verified(now, *verified);
  return true;
}

std::optional<consensus::BlocksHeard> SyncService::poll_blocks() {
  if (heard_.empty()) return std::nullopt;
  return heard_.pop_front();
}

}  // namespace kith::node
