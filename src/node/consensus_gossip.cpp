#include "node/consensus_gossip.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "crypto/ed25519_zip215.h"

namespace kith::node {

using codec::ConsensusMessage;
using codec::Vote;
using gossip::Verdict;

namespace {

constexpr std::uint8_t said_plainly = 1;  // what is in it is signed
constexpr std::uint8_t said_signed = 2;   // as a whole
constexpr std::size_t head_bytes = 1 + 4 + 2 + sizeof(crypto::Signature);
// Beside the kinds of votes: codec::VoteKind is 1 to 3.
constexpr std::uint8_t certificate_of = 4;  // plus the kind of what it certifies
constexpr std::uint8_t proposal_kind = 8;
constexpr std::uint8_t memory_request_kind = 9;
constexpr std::uint8_t memory_kind = 10;
constexpr std::size_t differing_max = 2;
constexpr std::array<std::uint8_t, 2> name_prefix{0, 'v'};

bool is_signed_inside(const ConsensusMessage& message) {
  return std::holds_alternative<Vote>(message) ||
         std::holds_alternative<codec::Certificate>(message) ||
         std::holds_alternative<codec::ProposalMessage>(message);
}
bool is_memory(const ConsensusMessage& message) {
  return std::holds_alternative<codec::MemoryRequest>(message) ||
         std::holds_alternative<codec::Memory>(message);
}

}  // namespace

Result<void> VerifySaidJob::verify_all() const {
  if (by_) {
    if (by_->signer >= validators_->size()) {
      return fail(Code::bad_signature,
                  base::format("validator {} of {}", by_->signer, validators_->size()));
    }
    return crypto::verify_zip215(validators_->at(by_->signer).key, by_->signed_bytes,
                                 by_->signature);
  }
  if (const auto* const vote = std::get_if<Vote>(&message_)) {
    return codec::verify(*vote, genesis_, *validators_);
  }
  if (const auto* const certificate = std::get_if<codec::Certificate>(&message_)) {
    return codec::verify(*certificate, genesis_, *validators_);
  }
  const auto& proposal = std::get<codec::ProposalMessage>(message_);
  TRY_VOID(codec::verify(proposal.vote, genesis_, *validators_));
  // The leader's vote covers the block, which covers what justified it the first time, but not
  // what justifies proposing it anew.
  if (!proposal.anew) return {};
  if (proposal.anew->parent) {
    TRY_VOID(codec::verify(*proposal.anew->parent, genesis_, *validators_));
  }
  for (const codec::Certificate& nullified : proposal.anew->nullified) {
    TRY_VOID(codec::verify(nullified, genesis_, *validators_));
  }
  return {};
}

void VerifySaidJob::run() { verdict_ = verify_all(); }

ConsensusGossip::ConsensusGossip(const ConsensusGossipConfig& config,
                                 const std::optional<codec::ValidatorKey>& key)
    : config_(config), key_(key) {
  constexpr std::size_t name_bytes = 8;
  topic_ = "/kith/consensus/1/" + base::to_hex(ByteView(config_.genesis).first(name_bytes));
}

PeerId ConsensusGossip::name_of(const codec::ValidatorKey& key) {
  Bytes bytes(name_prefix.begin(), name_prefix.end());
  base::append(bytes, key);
  return *PeerId::from_multihash(bytes);
}

std::optional<codec::ValidatorKey> ConsensusGossip::named(const PeerId& peer) {
  const ByteView bytes = peer.bytes();
  codec::ValidatorKey key{};
  if (bytes.size() != name_prefix.size() + key.size() ||
      !base::equal(bytes.first(name_prefix.size()), name_prefix)) {
    return std::nullopt;
  }
  std::ranges::copy(bytes.subspan(name_prefix.size()), key.begin());
  return key;
}

void ConsensusGossip::begin_epoch(codec::Epoch epoch,
                                  std::shared_ptr<const codec::ValidatorSet> validators,
                                  const codec::Hash& leaders_seed) {
  epoch_ = epoch;
  validators_ = std::move(validators);
  leaders_.emplace(*validators_, leaders_seed, epoch);
  final_ = view_ = {};
  seen_.clear();
  heard_at_.clear();  // they have other indices
  memory_buckets_.clear();
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
  if (is_signed_inside(*read)) return say(message, std::nullopt);
  if (!is_memory(*read) || !key_ || unsigned_.size() >= config_.unsigned_max) return;
  const codec::Hash hash = hash_of(message);
  const bool is_new = unsigned_.try_emplace(hash, base::to_bytes(message)).second;
  if (is_new) outputs_.push_back(Ask{codec::SignSaid{hash}});
}

/// Without a signature it is asked for again when it is said again.
void ConsensusGossip::on_signed(const codec::SignSaid& asked,
                                const Result<crypto::Signature>& signature) {
  const auto waiting = unsigned_.extract(asked.message);
  if (waiting.empty() || !signature || validators_ == nullptr) return;
  const auto index = validators_->index_of(*key_);
  if (index) say(waiting.mapped(), SaidBy{*index, *signature, {}});
}

/// Who says the same again says it in other bytes: else nobody would hand it on.
void ConsensusGossip::say(ByteView message, const std::optional<SaidBy>& by) {
  Bytes bytes;
  codec::Writer writer(bytes);
  writer.u8(by ? said_signed : said_plainly);
  writer.u32(++repeat_);
  if (by) {
    writer.u16(by->signer);
    writer.bytes(by->signature);
  }
  writer.bytes(message);
  outputs_.push_back(Say{std::move(bytes)});
  ++said_;
}

codec::Hash ConsensusGossip::hash_of(ByteView message) const {
  return codec::tagged_hash("kith/said/1", {config_.genesis, message});
}

// --- hearing -------------------------------------------------------------------------------------

Result<ConsensusGossip::Said> ConsensusGossip::read(ByteView bytes) const {
  if (bytes.size() > config_.message_bytes_max) {
    return fail(Code::too_large, base::format("{} bytes by gossip", bytes.size()));
  }
  codec::Reader reader(bytes);
  const std::uint8_t how = TRY(reader.u8());
  if (how != said_plainly && how != said_signed) {
    return fail(Code::unsupported, base::format("said in way {}", how));
  }
  [[maybe_unused]] const std::uint32_t repeat = TRY(reader.u32());  // makes it new
  std::optional<SaidBy> by;
  if (how == said_signed) {
    by.emplace().signer = TRY(reader.u16());
    std::ranges::copy(TRY(reader.bytes(sizeof(crypto::Signature))), by->signature.begin());
  }
  const ByteView said = reader.rest();
  const codec::Hash digest = hash_of(said);
  if (by) by->signed_bytes = codec::signed_bytes(config_.genesis, {}, codec::SignSaid{digest});
  ConsensusMessage message = TRY(codec::decode_consensus_message(said));
  if (by ? !is_memory(message) : !is_signed_inside(message)) {
    return fail(Code::protocol, "a message that is not said by gossip, or not so");
  }
  return Said{std::move(message), by, digest};
}

/// Nothing: not of this epoch, or not what it says it is.
std::optional<ConsensusGossip::Saying> ConsensusGossip::saying_of(const ConsensusMessage& message,
                                                                  const std::optional<SaidBy>& by,
                                                                  const codec::Hash& digest) const {
  if (by) {
    const auto* const request = std::get_if<codec::MemoryRequest>(&message);
    const codec::Epoch epoch =
        request != nullptr ? request->epoch : std::get<codec::Memory>(message).epoch;
    if (epoch != epoch_ || (request != nullptr && request->validator != by->signer)) {
      return std::nullopt;
    }
    const std::uint8_t kind = request != nullptr ? memory_request_kind : memory_kind;
    return Saying{{0, kind, by->signer}, digest};
  }
  if (const auto* const vote = std::get_if<Vote>(&message)) {
    const codec::Statement& said = vote->statement;
    if (said.epoch != epoch_) return std::nullopt;
    return Saying{{said.view().value, static_cast<std::uint8_t>(said.kind), vote->signer}, digest};
  }
  if (const auto* const certificate = std::get_if<codec::Certificate>(&message)) {
    const codec::Statement& said = certificate->statement;
    if (said.epoch != epoch_) return std::nullopt;
    const auto kind = static_cast<std::uint8_t>(certificate_of + static_cast<int>(said.kind));
    return Saying{{said.view().value, kind, 0}, digest};
  }
  const auto& proposal = std::get<codec::ProposalMessage>(message);
  const codec::Statement& said = proposal.vote.statement;
  const bool is_sound = said.epoch == epoch_ && said.kind == codec::VoteKind::notarize &&
                        said.subject.digest == proposal.block->digest();
  if (!is_sound) return std::nullopt;
  return Saying{{said.view().value, proposal_kind, proposal.vote.signer}, digest};
}

const base::TokenRate& ConsensusGossip::rate_of(const Subject& subject) const {
  return subject.kind == memory_request_kind ? config_.request_rate : config_.memory_rate;
}

base::TokenBucket& ConsensusGossip::bucket_of(Instant now, const Subject& subject) {
  return memory_buckets_.try_emplace(subject, rate_of(subject), now).first->second;
}

bool ConsensusGossip::is_wanted(Instant now, const Saying& saying) {
  const auto& [subject, digest] = saying;
  const bool is_of_a_view = subject.kind < memory_request_kind;
  if (is_of_a_view &&
      (subject.view <= final_.value || subject.view > view_.value + config_.views_ahead)) {
    return false;
  }
  // An index beyond the set is for the verification to refuse.
  if (!is_of_a_view && subject.signer < validators_->size() &&
      bucket_of(now, subject).available(rate_of(subject), now) == 0) {
    return false;
  }
  const auto found = seen_.find(subject);
  if (found == seen_.end()) return true;
  const auto same = found->second.find(digest);
  if (same != found->second.end()) return now >= same->second + config_.again;
  return !is_of_a_view || found->second.size() < differing_max;
}

/// When there is no room the lowest views go: what stands still speaks of the latest ones.
void ConsensusGossip::remember(Instant now, const Saying& saying) {
  if (seen_.size() >= config_.seen_max && !seen_.contains(saying.subject)) {
    seen_.erase(seen_.begin());
  }
  auto& digests = seen_[saying.subject];
  if (digests.size() >= config_.memories_max) digests.clear();
  digests[saying.digest] = now;
}

bool ConsensusGossip::has_room(const PeerId& from, std::size_t bytes) const {
  constexpr std::size_t peers = 8;
  const auto found = verifying_of_.find(from);
  const Load load = found == verifying_of_.end() ? Load{} : found->second;
  // One message always may, however large.
  const bool is_first = load.count == 0;
  return verifying_.size() < config_.verifying_max &&
         verifying_bytes_ + bytes <= config_.verifying_bytes_max &&
         (is_first || (load.count < config_.verifying_max / peers &&
                       load.bytes + bytes <= config_.verifying_bytes_max / peers));
}

void ConsensusGossip::on_message(Instant now, Token token, const PeerId& from, ByteView bytes) {
  const auto judge = [&](Verdict verdict) { outputs_.push_back(Judged{token, verdict}); };
  auto said = read(bytes);
  if (!said) return judge(Verdict::reject);
  if (validators_ == nullptr) return judge(Verdict::ignore);
  const auto saying = saying_of(said->message, said->by, said->digest);
  // Of an epoch that others are in already, say, or no more.
  if (!saying || !is_wanted(now, *saying)) return judge(Verdict::ignore);
  const bool is_leaders = saying->subject.kind != proposal_kind ||
                          saying->subject.signer == leaders_->leader({saying->subject.view});
  if (!is_leaders) return judge(Verdict::reject);
  const bool is_being_verified = std::ranges::any_of(
      verifying_, [&](const auto& each) { return each.second.saying == *saying; });
  if (is_being_verified || !has_room(from, bytes.size())) return judge(Verdict::ignore);
  const Token ours{++last_token_};
  verifying_.emplace(ours, Verifying{token, from, *saying, bytes.size()});
  verifying_bytes_ += bytes.size();
  Load& load = verifying_of_[from];
  ++load.count;
  load.bytes += bytes.size();
  outputs_.push_back(
      host::RunJob{ours, std::make_shared<VerifySaidJob>(ours, config_.genesis, validators_,
                                                         std::move(said->message), said->by)});
}

void ConsensusGossip::on_verified(Instant now, VerifySaidJob& job) {
  const auto found = verifying_.extract(job.token());
  if (found.empty()) return;
  const Verifying& waiting = found.mapped();
  verifying_bytes_ -= waiting.bytes;
  const auto load = verifying_of_.find(waiting.from);
  load->second.bytes -= waiting.bytes;
  if (--load->second.count == 0) verifying_of_.erase(load);
  if (!job.verdict()) return outputs_.push_back(Judged{waiting.gossip, Verdict::reject});
  // It may have become old meanwhile, or the epoch another.
  const auto saying = saying_of(job.message(), job.by(), waiting.saying.digest);
  if (!saying || !is_wanted(now, *saying)) {
    return outputs_.push_back(Judged{waiting.gossip, Verdict::ignore});
  }
  const Subject& subject = saying->subject;
  remember(now, *saying);
  const bool is_signers = subject.kind < certificate_of || subject.kind >= memory_request_kind;
  if (is_signers) heard_at_[subject.signer] = now;
  std::optional<codec::ValidatorKey> proven;
  if (job.by()) {
    bucket_of(now, subject).take(rate_of(subject), now);
    proven = validators_->at(subject.signer).key;
  }
  ++heard_;
  outputs_.push_back(Judged{waiting.gossip, Verdict::accept});
  // From nobody where whoever handed it on cannot know all that is wrong with it.
  outputs_.push_back(
      consensus::Heard{proven ? name_of(*proven) : PeerId(), job.take_message(), proven});
}

std::optional<ConsensusGossip::Output> ConsensusGossip::poll_output() {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

}  // namespace kith::node
