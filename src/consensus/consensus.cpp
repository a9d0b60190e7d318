#include "consensus/consensus.h"

namespace kith::consensus {
namespace {

/// The epoch that a message is of; none: of whichever. A block is for who asked for it, now.
std::optional<Epoch> epoch_of(const codec::ConsensusMessage& message) {
  using Of = std::optional<Epoch>;
  return std::visit(
      Overload{[](const codec::Vote& vote) -> Of { return vote.statement.epoch; },
               [](const codec::Certificate& held) -> Of { return held.statement.epoch; },
               [](const codec::ProposalMessage& said) -> Of { return said.vote.statement.epoch; },
               [](const codec::BlockRequest&) -> Of { return std::nullopt; },
               [](const codec::BlockAnswer&) -> Of { return std::nullopt; },
               [](const codec::MemoryRequest& request) -> Of { return request.epoch; },
               [](const codec::Memory& memory) -> Of { return memory.epoch; }},
      message);
}

/// About what it takes in memory.
std::size_t bytes_of(const codec::ConsensusMessage& message) {
  const auto* const proposal = std::get_if<codec::ProposalMessage>(&message);
  const auto* const certificate = std::get_if<codec::Certificate>(&message);
  if (certificate != nullptr) return 256 + certificate->signatures.size() * 64;
  if (proposal == nullptr) return 256;
  std::size_t certificates = 1;
  for (const auto* const justification :
       {&proposal->block->justification(), &proposal->justification()}) {
    certificates += justification->nullified.size() + 1;
  }
  return 1024 + proposal->block->body().size() + certificates * 64 * 64;
}

}  // namespace

Result<void> Consensus::begin(Instant now, EpochContext context, const FinalBlock& last_final,
                              const std::vector<Bytes>& records, bool may_vote) {
  ASSERT(wall_ && (!engine_ || engine_->context().epoch < context.epoch));
  // After a restart, or sync, only the store knows it.
  last_ended_ = context.floor.finalization;
  if (engine_) {
    past_ = stats();
    const bool is_next = next(engine_->context().epoch) == context.epoch;
    if (is_next && engine_->is_over()) last_ended_ = engine_->last_final().finalization;
  }
  // Until it has heard in some epoch what the others hold of it, it stays silent in the next one.
  const bool is_silent = !engine_ || engine_->is_silent();
  std::optional<ValidatorIndex> me;
  if (key_ && may_vote) me = context.validators.index_of(*key_);
  engine_.emplace(config_, context, me, last_final, rng_, log_, is_silent);
  Result<void> recovered = engine_->recover(records);
  if (!recovered)
    engine_.emplace(config_, std::move(context), std::nullopt, last_final, rng_, log_, is_silent);
  if (is_remote_) engine_->wait_for_signer();
  engine_->on_input(now, WallClockRead{{wall_->now.unix_ms + base::to_ms(now - wall_read_)}});
  engine_->start(now);
  early_of_.clear();
  early_bytes_ = 0;
  for (Early& early : std::exchange(early_, {})) {
    if (epoch_of(early.heard.message) == engine_->context().epoch) {
      engine_->on_input(now, std::move(early.heard));
    }
  }
  return recovered;
}

void Consensus::on_input(Instant now, EngineInput input) {
  if (const auto* const wall = std::get_if<WallClockRead>(&input)) {
    wall_ = *wall;
    wall_read_ = now;
  }
  if (!engine_) return;
  if (auto* const heard = std::get_if<Heard>(&input)) {
    const std::optional<Epoch> epoch = epoch_of(heard->message);
    if (epoch && *epoch != engine_->context().epoch) {
      if (std::holds_alternative<codec::Memory>(heard->message)) return;  // asked for in the last
      if (*epoch == next(engine_->context().epoch))
        hear_early(std::move(*heard));
      else if (next(*epoch) == engine_->context().epoch)
        answer_late(now, heard->from);
      return;
    }
  }
  engine_->on_input(now, std::move(input));
}

void Consensus::hear_early(Heard heard) {
  const std::size_t bytes = bytes_of(heard.message);
  Load& of_peer = early_of_[heard.from];
  if (early_.size() >= early_max || early_bytes_ + bytes > early_bytes_max ||
      of_peer.count >= early_max / 8 || of_peer.bytes + bytes > early_bytes_max / 8) {
    ++past_.dropped;
    return;
  }
  ++of_peer.count;
  of_peer.bytes += bytes;
  early_bytes_ += bytes;
  early_.push_back({std::move(heard), bytes});
}

void Consensus::answer_late(Instant now, const PeerId& from) {
  constexpr Duration pause = 200ms;
  constexpr std::size_t answered_max = 4096;
  if (last_ended_ == nullptr) return;
  if (answered_.size() >= answered_max) answered_.clear();
  const auto [at, is_new] = answered_.try_emplace(from, now);
  if (!is_new && now - at->second < pause) return;
  at->second = now;
  outputs_.push_back(ReplyTo{from, Buffer(codec::encode(codec::ConsensusMessage(*last_ended_)))});
}

void Consensus::on_deadline(Instant now) {
  if (engine_) engine_->on_deadline(now);
}

std::optional<EngineOutput> Consensus::poll_output(Instant now) {
  if (!outputs_.empty()) return outputs_.pop_front();
  return engine_ ? engine_->poll_output(now) : std::nullopt;
}

std::optional<Instant> Consensus::next_deadline() const {
  return engine_ ? engine_->next_deadline() : std::nullopt;
}

EngineStats Consensus::stats() const {
  EngineStats sum = past_;
  if (!engine_) return sum;
  const EngineStats& now = engine_->stats();
  for (const auto member :
       {&EngineStats::proposals, &EngineStats::notarize_votes, &EngineStats::nullify_votes,
        &EngineStats::finalize_votes, &EngineStats::views_entered, &EngineStats::views_nullified,
        &EngineStats::blocks_final, &EngineStats::evidence, &EngineStats::dropped,
        &EngineStats::useless, &EngineStats::standstills, &EngineStats::signatures_checked,
        &EngineStats::stale}) {
    sum.*member += now.*member;
  }
  return sum;
}

}  // namespace kith::consensus
