#include "node/snapshot_service.h"

#include <algorithm>

#include "base/format.h"
#include "codec/writer.h"

namespace kith::node {
namespace {

constexpr Duration again = 500ms;
constexpr Duration offers_wait = 3s;
constexpr std::size_t frame_bytes_max = std::max(
    codec::manifest_bytes_max, std::max(codec::part_bytes_max, codec::epoch_end_bytes_max));
constexpr std::size_t writes_max = 4;

}  // namespace

SnapshotService::SnapshotService(const SnapshotConfig& config, const Store& store,
                                 std::uint64_t epoch_blocks, const Hash& genesis, Rng& rng)
    : config_(config),
      store_(store),
      epoch_blocks_(epoch_blocks),
      genesis_(genesis),
      rng_(rng),
      answers_(
          config.answers, [this](host::ServiceCommand command) { say(std::move(command)); },
          [this](Instant, StreamId stream, ByteView frame) {
            const auto request = codec::decode_snapshot_request(frame);
            if (!request) return answers_.refuse(stream);
            jobs_.push_back({Token{}, std::make_shared<ReadSnapshotJob>(store_, stream, *request)});
          }) {}

// --- what the node says --------------------------------------------------------------------------

void SnapshotService::on_view(Instant now, const View& view) {
  view_ = view;
  if (state_ != State::off || (retry_at_ && now < *retry_at_) || peers_.empty()) return;
  if (is_worth_it()) begin(now);
}

bool SnapshotService::is_worth_it() const {
  if (view_.validators == nullptr || view_.target <= view_.height) return false;
  const bool is_pruned = view_.floor && *view_.floor > codec::next(view_.height);
  const Height limit = config_.height_max.value == 0 ? view_.target : config_.height_max;
  if (limit <= view_.height) return false;
  const std::uint64_t lead = std::min(view_.target, limit).value - view_.height.value;
  return is_pruned || (config_.behind > 0 && lead >= config_.behind);
}

void SnapshotService::begin(Instant now) {
  retry_at_.reset();
  failures_ = 0;
  ends_.clear();
  first_ = view_.epoch;
  validators_ = view_.validators;
  if (!has_looked_) {
    has_looked_ = true;
    state_ = State::resuming;
    jobs_.push_back({Token{}, std::make_shared<ResumeImportJob>(store_, config_.is_indexed)});
    return;
  }
  state_ = State::epochs;
  go_on(now);
}

void SnapshotService::adopt() {
  state_ = State::adopting;
  WriteBatch batch;
  batch.target = ledger::BatchTarget::adopt;
  write(std::move(batch));
}

void SnapshotService::write(WriteBatch batch) {
  const Token token{++last_token_};
  writing_.insert(token);
  writes_.push_back({token, std::make_shared<const WriteBatch>(std::move(batch))});
}

bool SnapshotService::on_written(Instant now, Token token) {
  if (token.value < first_token) return false;
  if (writing_.erase(token) == 0) return true;
  if (state_ == State::adopting) {
    state_ = State::off;
    is_adopted_ = true;
    manifest_.reset();
  } else if (state_ == State::parts) {
    if (is_ended_ && writing_.empty()) {
      state_ = State::whole;
    } else {
      go_on(now);
    }
  }
  return true;
}

// --- jobs ----------------------------------------------------------------------------------------

bool SnapshotService::on_job(Instant now, host::Job& job) {
  if (auto* const read = dynamic_cast<ReadSnapshotJob*>(&job)) {
    answers_.give(now, read->stream(), read->take_frames());
    return true;
  }
  if (auto* const resumed = dynamic_cast<ResumeImportJob*>(&job)) {
    auto& found = resumed->found();
    state_ = State::epochs;
    if (found && found->manifest.header.height > view_.height) {
      height_ = found->manifest.header.height;
      manifest_ = std::make_shared<const codec::SnapshotManifest>(std::move(found->manifest));
      parts_ = codec::snapshot_parts(manifest_->outputs);
      next_write_ = found->next;
      state_ = State::offers;
    }
    go_on(now);
    return true;
  }
  if (auto* const verified = dynamic_cast<VerifyEpochsJob*>(&job)) {
    is_verifying_ = false;
    if (state_ != State::epochs) return true;
    if (!verified->verdict()) {
      lie(now, verified->from(), verified->verdict().error());
    } else if (verified->first().value == first_.value + ends_.size()) {
      failures_ = 0;
      for (auto& end : verified->ends()) ends_.push_back(std::move(end));
    }
    go_on(now);
    return true;
  }
  if (auto* const begun = dynamic_cast<BeginImportJob*>(&job)) {
    is_verifying_ = false;
    if (state_ != State::manifest) return true;
    if (!begun->manifest()) {
      lie(now, begun->from(), begun->manifest().error());
    } else {
      failures_ = 0;
      manifest_ = std::make_shared<const codec::SnapshotManifest>(*std::move(begun->manifest()));
      parts_ = codec::snapshot_parts(manifest_->outputs);
      next_write_ = 0;
      state_ = State::parts;
      write(std::move(*begun->batch()));
    }
    go_on(now);
    return true;
  }
  auto* const checked = dynamic_cast<CheckPartJob*>(&job);
  if (checked == nullptr) return false;
  const auto part = under_way_.find(checked->index());
  if (state_ != State::parts || checked->height() != height_ || part == under_way_.end()) {
    return true;
  }
  if (checked->verdict()) {
    failures_ = 0;
    ++parts_received_;
    part->second.batch = checked->batch();
  } else {
    part->second.is_asked = false;
    lie(now, checked->from(), checked->verdict().error());
  }
  go_on(now);
  return true;
}

std::optional<host::RunJob> SnapshotService::poll_job() {
  if (jobs_.empty()) return std::nullopt;
  return jobs_.pop_front();
}

std::optional<host::WriteChain> SnapshotService::poll_write() {
  if (writes_.empty()) return std::nullopt;
  return writes_.pop_front();
}

// --- steps ---------------------------------------------------------------------------------------

void SnapshotService::go_on(Instant now) {
  go_at_.reset();
  switch (state_) {
    case State::off:
    case State::resuming:
    case State::whole:
    case State::adopting: return;
    case State::epochs: return ask_epochs(now);
    case State::offers:
      if (askings_.empty()) ask_offers(now);
      return;
    case State::manifest: return choose(now);
    case State::parts: write_parts(); return ask_parts(now);
  }
}

std::optional<PeerId> SnapshotService::any_peer(Instant now, const std::optional<Height>& with) {
  std::vector<PeerId> best;
  std::size_t least = config_.per_peer;
  for (const auto& [id, peer] : peers_) {
    if (now < peer.rests_until || (with && !peer.offers.contains(*with))) continue;
    if (peer.asked >= config_.per_peer || peer.asked > least) continue;
    if (peer.asked < least) best.clear();
    least = peer.asked;
    best.push_back(id);
  }
  if (best.empty()) return std::nullopt;
  return best[rng_.below(best.size())];
}

void SnapshotService::ask_epochs(Instant now) {
  if (is_verifying_ || !askings_.empty()) return;
  const auto peer = any_peer(now, std::nullopt);
  if (!peer) {
    go_at_ = now + again;
    return;
  }
  ask(now, *peer, codec::EpochsRequest{{first_.value + ends_.size()}});
}

void SnapshotService::on_epochs(Instant now, const PeerId& from, const std::vector<Bytes>& frames) {
  std::vector<codec::EpochEnd> ends;
  for (const Bytes& frame : frames) {
    auto end = codec::decode_epoch_end(frame);
    if (!end) return lie(now, from, end.error());
    ends.push_back(*std::move(end));
  }
  if (ends.empty() || ends_.size() + ends.size() > config_.epochs_max) {
    state_ = State::offers;
    return;
  }
  is_verifying_ = true;
  const codec::ValidatorSet validators = ends_.empty() ? *validators_ : ends_.back().next;
  jobs_.push_back({Token{}, std::make_shared<VerifyEpochsJob>(
                                from, std::move(ends), genesis_, epoch_blocks_,
                                codec::Epoch{first_.value + ends_.size()}, validators)});
}

/// Of everybody at once: the latest that several have is the best.
void SnapshotService::ask_offers(Instant now) {
  offers_until_ = now + offers_wait;
  for (auto& [id, peer] : peers_) {
    peer.offers.clear();
    if (now >= peer.rests_until) ask(now, id, codec::SnapshotsRequest{});
  }
}

void SnapshotService::on_offers(Instant now, const PeerId& from, const std::vector<Bytes>& frames) {
  const auto heights =
      frames.size() == 1
          ? codec::decode_snapshots(frames[0])
          : Result<std::vector<Height>>(fail(Code::protocol, "no list of snapshots"));
  if (!heights) return lie(now, from, heights.error());
  peers_[from].offers = {heights->begin(), heights->end()};
}

/// The highest that stands on what is known to be final; what is being imported already goes first.
void SnapshotService::choose(Instant now) {
  if (is_verifying_ || !askings_.empty()) return;
  const auto is_offered = [&](Height height) {
    return std::ranges::any_of(
        peers_, [&](const auto& each) { return each.second.offers.contains(height); });
  };
  if (manifest_ != nullptr && is_offered(height_)) {
    state_ = State::parts;
    return go_on(now);
  }
  if (std::exchange(manifest_, nullptr) != nullptr) {
    state_ = State::epochs;  // nobody has what an earlier run began with
    return go_on(now);
  }
  const std::uint64_t known = (first_.value + ends_.size()) * epoch_blocks_;
  std::optional<Height> best;
  for (const auto& [id, peer] : peers_) {
    for (const Height height : peer.offers) {
      const bool is_known = height.value % epoch_blocks_ == 0 && height.value <= known &&
                            height.value > first_.value * epoch_blocks_;
      const bool is_wanted = config_.height_max.value == 0 || height <= config_.height_max;
      if (is_known && is_wanted && height > view_.height && (!best || height > *best)) {
        best = height;
      }
    }
  }
  if (!best) {
    // Who offers more than is known should know the epochs in between.
    for (const auto& [id, peer] : peers_) {
      const bool is_ahead = !peer.offers.empty() && peer.offers.rbegin()->value > known;
      if (!is_ahead || now < peer.rests_until || ++failures_ >= config_.failures_max) continue;
      state_ = State::epochs;
      return ask(now, id, codec::EpochsRequest{{first_.value + ends_.size()}});
    }
    return give_up(now);
  }
  height_ = *best;
  const auto peer = any_peer(now, height_);
  if (!peer) {
    go_at_ = now + again;
    return;
  }
  ask(now, *peer, codec::ManifestRequest{height_});
}

void SnapshotService::ask_parts(Instant now) {
  for (std::uint64_t index = next_write_; index < parts_; ++index) {
    if (index >= next_write_ + config_.parts_at_once) return;
    Part& part = under_way_[index];
    if (part.is_asked) continue;
    const auto peer = any_peer(now, height_);
    if (!peer) {
      go_at_ = now + again;
      return;
    }
    part.is_asked = true;
    ask(now, *peer, codec::PartRequest{height_, index});
  }
}

void SnapshotService::write_parts() {
  while (writing_.size() < writes_max) {
    if (next_write_ == parts_ && !is_ended_) {
      is_ended_ = true;
      write(end_import(*manifest_, genesis_));
      return;
    }
    const auto part = under_way_.find(next_write_);
    if (part == under_way_.end() || part->second.batch == nullptr) return;
    write(std::move(*part->second.batch));
    under_way_.erase(part);
    ++next_write_;
  }
}

void SnapshotService::fail_peer(Instant now, const PeerId& peer, const Error& error) {
  ++failures_total_;
  const auto at = peers_.find(peer);
  if (at != peers_.end()) at->second.rests_until = now + config_.rest;
  if (!error.message.empty()) {
    say(host::RequestDone{peer, snapshot_protocol, Result<Duration>(fail(error))});
  }
  if (++failures_ >= config_.failures_max) give_up(now);
}

void SnapshotService::lie(Instant now, const PeerId& peer, const Error& error) {
  if (const auto at = peers_.find(peer); at != peers_.end()) at->second.offers.clear();
  say(host::Fault{peer, error});
  fail_peer(now, peer, {});
}

/// Blocks, then; what was imported is kept for the next try.
void SnapshotService::give_up(Instant now) {
  if (state_ == State::whole || state_ == State::adopting) return;
  stop_asking();
  state_ = State::off;
  retry_at_ = now + config_.retry;
  go_at_.reset();
  has_looked_ = !writing_.empty();  // else what was written is found again
  manifest_.reset();
  ends_.clear();
  under_way_.clear();
  is_ended_ = false;
}

void SnapshotService::stop_asking() {
  for (const auto& [token, asking] : askings_) {
    if (asking.stream) say(host::Reset{*asking.stream});
  }
  askings_.clear();
  streams_.clear();
  for (auto& [id, peer] : peers_) peer.asked = 0;
}

// --- streams -------------------------------------------------------------------------------------

void SnapshotService::ask(Instant now, const PeerId& peer, codec::SnapshotRequest request) {
  const Token token{++last_token_};
  askings_.emplace(
      token,
      Asking{peer, request, {}, {codec::FramePrefix::varint, frame_bytes_max}, {}, 0, now, now});
  ++peers_[peer].asked;
  say(host::Open{token, peer, {std::string(snapshot_protocol)}});
}

void SnapshotService::on_input(Instant now, host::ServiceEvent event) {
  std::visit(Overload{[](const host::PeerUp&) {},
                      [&](const host::PeerDown& down) {
                        answers_.on_peer_down(down.peer);
                        peers_.erase(down.peer);
                      },
                      [&](const host::PeerIdentified& identified) {
                        const auto& protocols = identified.message->protocols;
                        if (std::ranges::count(protocols, snapshot_protocol) == 0) return;
                        peers_.try_emplace(identified.peer);
                      },
                      [&](const host::StreamUp& up) { on_stream_up(now, up); },
                      [&](const host::StreamOpenFailed& failed) {
                        const auto at = askings_.find(failed.token);
                        if (at == askings_.end()) return;
                        const PeerId peer = at->second.peer;
                        drop(at);
                        fail_peer(now, peer, {});
                        go_on(now);
                      },
                      [&](const host::StreamData& data) { on_data(now, data); },
                      [&](const host::StreamRoom& told) { answers_.on_room(now, told); },
                      [&](const host::StreamEnd& told) {
                        if (const auto at = asking_of(told.stream); at != askings_.end())
                          end(now, at);
                      },
                      [&](const host::StreamDown& down) {
                        answers_.on_down(down.stream);
                        const auto at = asking_of(down.stream);
                        if (at == askings_.end()) return;
                        const PeerId peer = at->second.peer;
                        drop(at);
                        fail_peer(now, peer, {});
                        go_on(now);
                      },
                      host::WithoutMessages{}},
             event);
}

void SnapshotService::on_stream_up(Instant now, const host::StreamUp& up) {
  if (up.direction == Direction::inbound) return answers_.on_stream(now, up);
  const auto at = up.token ? askings_.find(*up.token) : askings_.end();
  if (at == askings_.end()) return say(host::Reset{up.stream});
  at->second.stream = up.stream;
  at->second.heard = now;
  streams_.emplace(up.stream, at->first);
  say(host::Write{up.stream, answer_frame(codec::encode(at->second.request))});
}

SnapshotService::Askings::iterator SnapshotService::asking_of(StreamId stream) {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? askings_.end() : askings_.find(found->second);
}

void SnapshotService::on_data(Instant now, const host::StreamData& data) {
  say(host::Consume{data.stream, data.data.size()});
  if (answers_.on_data(now, data)) return;
  const auto at = asking_of(data.stream);
  if (at == askings_.end()) return;
  Asking& asking = at->second;
  asking.heard = now;
  const bool is_epochs = std::holds_alternative<codec::EpochsRequest>(asking.request);
  const std::size_t frames_max = is_epochs ? epochs_an_answer : 1;
  ByteView bytes = data.data;
  while (true) {
    const auto frame = asking.reader.next(bytes);
    if (frame && !*frame) return;
    if (frame) {
      asking.bytes += (*frame)->size();
      asking.frames.push_back(base::to_bytes(**frame));
    }
    const bool is_too_much =
        asking.frames.size() > frames_max || asking.bytes > frame_bytes_max + epochs_bytes_max;
    if (frame && !is_too_much) continue;
    const PeerId peer = asking.peer;
    say(host::Reset{data.stream});
    drop(at);
    lie(now, peer, frame ? Error{Code::protocol, "more than was asked for"} : frame.error());
    return go_on(now);
  }
}

/// What was asked is open again.
void SnapshotService::drop(Askings::iterator at) {
  const Asking asking = std::move(at->second);
  if (asking.stream) streams_.erase(*asking.stream);
  askings_.erase(at);
  if (const auto peer = peers_.find(asking.peer); peer != peers_.end() && peer->second.asked > 0) {
    --peer->second.asked;
  }
  if (const auto* const part = std::get_if<codec::PartRequest>(&asking.request)) {
    const auto found = under_way_.find(part->index);
    if (found != under_way_.end() && found->second.batch == nullptr) {
      found->second.is_asked = false;
    }
  }
}

void SnapshotService::end(Instant now, Askings::iterator at) {
  const PeerId from = at->second.peer;
  const codec::SnapshotRequest request = at->second.request;
  std::vector<Bytes> frames = std::move(at->second.frames);
  const Instant since = at->second.since;
  say(host::Finish{*at->second.stream});
  drop(at);
  const bool is_empty = frames.empty() && !std::holds_alternative<codec::EpochsRequest>(request);
  if (is_empty) {
    // A snapshot that it has dropped meanwhile, say.
    if (const auto peer = peers_.find(from); peer != peers_.end()) peer->second.offers.clear();
    fail_peer(now, from, {Code::not_found, "an empty answer"});
  } else {
    say(host::RequestDone{from, snapshot_protocol, now - since});
    std::visit(
        Overload{
            [&](const codec::EpochsRequest&) { on_epochs(now, from, frames); },
            [&](const codec::SnapshotsRequest&) { on_offers(now, from, frames); },
            [&](const codec::ManifestRequest&) {
              is_verifying_ = true;
              auto ends = std::make_shared<const std::vector<codec::EpochEnd>>(ends_);
              jobs_.push_back(
                  {Token{}, std::make_shared<BeginImportJob>(from, std::move(frames[0]), store_,
                                                             ends, config_.is_indexed)});
            },
            [&](const codec::PartRequest& part) {
              if (const auto found = under_way_.find(part.index); found != under_way_.end()) {
                found->second.is_asked = true;  // until it is checked
              }
              jobs_.push_back({Token{}, std::make_shared<CheckPartJob>(
                                            from, part.height, part.index, std::move(frames[0]),
                                            manifest_, config_.is_indexed)});
            }},
        request);
  }
  if (state_ == State::offers && offers_until_ && askings_.empty()) {
    offers_until_.reset();
    state_ = State::manifest;
  }
  go_on(now);
}

// --- time ----------------------------------------------------------------------------------------

std::optional<Instant> SnapshotService::next_deadline() const {
  std::optional<Instant> next = base::soonest(answers_.next_deadline(), go_at_);
  next = base::soonest(next, offers_until_);
  if (state_ == State::off && is_worth_it()) next = base::soonest(next, retry_at_);
  for (const auto& [token, asking] : askings_) {
    next = base::soonest(
        next, std::min(asking.heard + config_.stall_after, asking.since + config_.timeout));
  }
  return next;
}

void SnapshotService::on_deadline(Instant now) {
  answers_.on_deadline(now);
  std::vector<Token> late;
  for (const auto& [token, asking] : askings_) {
    if (now >= asking.heard + config_.stall_after || now >= asking.since + config_.timeout) {
      late.push_back(token);
    }
  }
  for (const Token token : late) {
    const auto at = askings_.find(token);
    if (at == askings_.end()) continue;
    const PeerId peer = at->second.peer;
    if (at->second.stream) say(host::Reset{*at->second.stream});
    drop(at);
    fail_peer(now, peer, {Code::timeout, "no answer in time"});
  }
  if (offers_until_ && now >= *offers_until_) {
    offers_until_.reset();
    if (state_ == State::offers) {
      stop_asking();
      state_ = State::manifest;
    }
  }
  if (retry_at_ && now >= *retry_at_) {
    retry_at_.reset();
    on_view(now, view_);
  }
  // Whoever offered what is being fetched may have gone: others are asked what they have.
  const bool is_stuck =
      state_ == State::parts && askings_.empty() && writing_.empty() && !any_peer(now, height_);
  if (is_stuck && ++failures_ >= config_.failures_max) return give_up(now);
  if (is_stuck) ask_offers(now);
  go_on(now);
}

}  // namespace kith::node
