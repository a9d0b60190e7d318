#include "node/consensus_gossip.h"

#include <algorithm>

#include "base/machine.h"

namespace kith::node {

using codec::ConsensusMessage;
using codec::Vote;
using gossip::Verdict;

namespace {

constexpr std::uint8_t said_version = 1;
constexpr std::size_t head_bytes = 5;
// Beside the kinds of votes: codec::VoteKind is 1 to 3.
constexpr std::uint8_t certificate_of = 4;  // plus the kind of what it certifies
constexpr std::uint8_t proposal_kind = 8;
constexpr std::size_t differing_max = 2;

bool is_said_by_gossip(const ConsensusMessage& message) {
  return std::holds_alternative<Vote>(message) ||
         std::holds_alternative<codec::Certificate>(message) ||
         std::holds_alternative<codec::ProposalMessage>(message);
}

}  // namespace

void VerifySaidJob::run() {
  std::visit(
      Overload{[&](const Vote& vote) { verdict_ = codec::verify(vote, genesis_, *validators_); },
               [&](const codec::Certificate& certificate) {
                 verdict_ = codec::verify(certificate, genesis_, *validators_);
               },
               [&](const codec::ProposalMessage& proposal) {
                 verdict_ = codec::verify(proposal.vote, genesis_, *validators_);
               },
               [&](const auto&) { verdict_ = fail(Code::internal, "needs a stream"); }},
      message_);
}

ConsensusGossip::ConsensusGossip(const ConsensusGossipConfig& config) : config_(config) {
  constexpr std::size_t name_bytes = 8;
  topic_ = "/kith/consensus/1/" + base::to_hex(ByteView(config_.genesis).first(name_bytes));
}

void ConsensusGossip::begin_epoch(codec::Epoch epoch,
                                  std::shared_ptr<const codec::ValidatorSet> validators,
                                  const codec::Hash& floor) {
  epoch_ = epoch;
  validators_ = std::move(validators);
  leaders_.emplace(*validators_, floor, epoch);
  final_ = view_ = {};
  seen_.clear();
  heard_at_.clear();  // they have other indices
}

void ConsensusGossip::on_views(codec::View final, codec::View now) {
  view_ = now;
  if (final <= final_) return;
  final_ = final;
  seen_.erase(seen_.begin(), seen_.lower_bound(Subject{final.value + 1, 0, 0}));
}

// --- saying --------------------------------------------------------------------------------------

bool ConsensusGossip::is_needed(Instant now, const std::vector<bool>& connected) const {
  if (validators_ == nullptr || connected.size() != validators_->size()) return false;
  codec::Weight reached = 0;
  bool is_heard = false;
  for (std::size_t i = 0; i < connected.size(); ++i) {
    const auto index = static_cast<codec::ValidatorIndex>(i);
    if (connected[i]) {
      reached += validators_->at(index).weight;
    } else if (const auto at = heard_at_.find(index); at != heard_at_.end()) {
      is_heard = is_heard || now < at->second + config_.heard_for;
    }
  }
  return is_heard || reached < validators_->quorum();
}

void ConsensusGossip::say(ByteView message) {
  if (message.size() + head_bytes > config_.message_bytes_max) return;
  const auto read = codec::decode_consensus_message(message);
  ASSERT(read.has_value());
  if (!is_said_by_gossip(*read)) return;
  // Who says the same again says it in other bytes: else nobody would hand it on.
  Bytes bytes;
  codec::Writer writer(bytes);
  writer.u8(said_version);
  writer.u32(++repeat_);
  writer.bytes(message);
  outputs_.push_back(Say{std::move(bytes)});
  ++said_;
}

// --- hearing -------------------------------------------------------------------------------------

/// Nothing: not of this epoch, or not what it says it is.
std::optional<ConsensusGossip::Saying> ConsensusGossip::saying_of(const ConsensusMessage& message) {
  if (const auto* const vote = std::get_if<Vote>(&message)) {
    const codec::Statement& said = vote->statement;
    if (said.epoch != epoch_) return std::nullopt;
    return Saying{{said.view().value, static_cast<std::uint8_t>(said.kind), vote->signer},
                  said.subject.digest};
  }
  if (const auto* const certificate = std::get_if<codec::Certificate>(&message)) {
    const codec::Statement& said = certificate->statement;
    if (said.epoch != epoch_) return std::nullopt;
    const auto kind = static_cast<std::uint8_t>(certificate_of + static_cast<int>(said.kind));
    return Saying{{said.view().value, kind, 0}, said.subject.digest};
  }
  const auto* const proposal = std::get_if<codec::ProposalMessage>(&message);
  if (proposal == nullptr) return std::nullopt;
  const codec::Statement& said = proposal->vote.statement;
  const bool is_sound = said.epoch == epoch_ && said.kind == codec::VoteKind::notarize &&
                        said.subject.digest == proposal->block->digest();
  if (!is_sound) return std::nullopt;
  return Saying{{said.view().value, proposal_kind, proposal->vote.signer}, said.subject.digest};
}

bool ConsensusGossip::is_wanted(Instant now, const Saying& saying) const {
  const auto& [subject, digest] = saying;
  if (subject.view <= final_.value || subject.view > view_.value + config_.views_ahead) {
    return false;
  }
  const auto found = seen_.find(subject);
  if (found == seen_.end()) return seen_.size() < config_.seen_max;
  const auto same = found->second.find(digest);
  if (same == found->second.end()) return found->second.size() < differing_max;
  return now >= same->second + config_.again;
}

void ConsensusGossip::on_message(Instant now, Token token, ByteView bytes) {
  const auto judge = [&](Verdict verdict) { outputs_.push_back(Judged{token, verdict}); };
  codec::Reader reader(bytes);
  const auto version = reader.u8();
  const auto repeat = reader.u32();
  if (!version || *version != said_version || !repeat || bytes.size() > config_.message_bytes_max) {
    return judge(Verdict::reject);
  }
  auto message = codec::decode_consensus_message(reader.rest());
  if (!message || !is_said_by_gossip(*message)) return judge(Verdict::reject);
  if (validators_ == nullptr) return judge(Verdict::ignore);
  const auto saying = saying_of(*message);
  // Of an epoch that others are in already, say, or no more.
  if (!saying || !is_wanted(now, *saying)) return judge(Verdict::ignore);
  const bool is_leaders = saying->subject.kind != proposal_kind ||
                          saying->subject.signer == leaders_->leader({saying->subject.view});
  if (!is_leaders) return judge(Verdict::reject);
  const bool is_being_verified = std::ranges::any_of(
      verifying_, [&](const auto& each) { return each.second.saying == *saying; });
  if (is_being_verified || verifying_.size() >= config_.verifying_max ||
      verifying_bytes_ + bytes.size() > config_.verifying_bytes_max) {
    return judge(Verdict::ignore);
  }
  const Token ours{++last_token_};
  verifying_.emplace(ours, Verifying{token, *saying, bytes.size()});
  verifying_bytes_ += bytes.size();
  outputs_.push_back(host::RunJob{
      ours,
      std::make_shared<VerifySaidJob>(ours, config_.genesis, validators_, *std::move(message))});
}

void ConsensusGossip::on_verified(Instant now, VerifySaidJob& job) {
  const auto found = verifying_.extract(job.token());
  if (found.empty()) return;
  const Verifying& waiting = found.mapped();
  verifying_bytes_ -= waiting.bytes;
  if (!job.verdict()) return outputs_.push_back(Judged{waiting.gossip, Verdict::reject});
  // It may have become old meanwhile, or the epoch another.
  const auto saying = saying_of(job.message());
  if (!saying || !is_wanted(now, *saying)) {
    return outputs_.push_back(Judged{waiting.gossip, Verdict::ignore});
  }
  seen_[saying->subject][saying->digest] = now;
  if (saying->subject.kind < certificate_of) heard_at_[saying->subject.signer] = now;
  ++heard_;
  outputs_.push_back(Judged{waiting.gossip, Verdict::accept});
  outputs_.push_back(Heard{job.take_message()});
}

std::optional<ConsensusGossip::Output> ConsensusGossip::poll_output() {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

}  // namespace kith::node
