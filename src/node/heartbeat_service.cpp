#include "node/heartbeat_service.h"

#include <algorithm>

#include "base/format.h"
#include "crypto/ed25519_zip215.h"

namespace kith::node {

using codec::Attestation;
using codec::Heartbeat;
using codec::HeartbeatMessage;
using codec::ValidatorKey;
using gossip::Verdict;

namespace {

/// Clocks differ, and messages take a while.
constexpr std::uint64_t slots_off_max = 1;

bool is_registered(const ledger::ValidatorEntry& entry) {
  return entry.status == codec::ValidatorStatus::active ||
         entry.status == codec::ValidatorStatus::jailed;
}

const Heartbeat& heartbeat_of(const HeartbeatMessage& message) {
  const auto* const attestation = std::get_if<Attestation>(&message);
  return attestation != nullptr ? attestation->heartbeat : std::get<Heartbeat>(message);
}

}  // namespace

void VerifyHeartbeatJob::run() {
  const Heartbeat& heartbeat = heartbeat_of(message_);
  const codec::Hash hash = codec::heartbeat_hash(genesis_, heartbeat);
  if (!is_known_) verdict_ = crypto::verify_zip215(heartbeat.key, hash, heartbeat.signature);
  const auto* const attestation = std::get_if<Attestation>(&message_);
  if (!verdict_ || attestation == nullptr) return;
  verdict_ = crypto::verify_zip215(attestation->witness, codec::attestation_hash(genesis_, hash),
                                   attestation->signature);
}

Heartbeats::Heartbeats(const HeartbeatConfig& config, std::optional<ValidatorKey> key)
    : config_(config), me_(key) {
  constexpr std::size_t name_bytes = 8;
  topic_ = "/kith/heartbeat/1/" + base::to_hex(ByteView(config_.genesis).first(name_bytes));
}

// --- slots ---------------------------------------------------------------------------------------

std::uint64_t Heartbeats::slot(Instant now) const {
  if (!wall_) return 0;
  const std::int64_t ms = wall_->unix_ms + base::to_ms(now - wall_read_);
  return ms <= 0 ? 0
                 : static_cast<std::uint64_t>(ms) /
                       static_cast<std::uint64_t>(base::to_ms(config_.interval));
}

bool Heartbeats::is_now(Instant now, std::uint64_t other) const {
  const std::uint64_t ours = slot(now);
  return other <= ours + slots_off_max && other + slots_off_max >= ours;
}

void Heartbeats::on_wall_clock(Instant now, WallTime wall) {
  wall_ = wall;
  wall_read_ = now;
  arm(now);
}

/// In the middle of the next slot: who is a little off is in the right one all the same.
void Heartbeats::arm(Instant now) {
  const auto interval = base::to_ms(config_.interval);
  const std::int64_t ms = wall_->unix_ms + base::to_ms(now - wall_read_);
  const std::int64_t middle = static_cast<std::int64_t>(slot(now)) * interval + interval / 2;
  const std::int64_t next = middle > ms ? middle : middle + interval;
  next_slot_at_ = now + std::chrono::milliseconds(next - ms);
}

void Heartbeats::on_deadline(Instant now) {
  if (!next_slot_at_ || now < *next_slot_at_) return;
  arm(now);
  beat(now);
}

/// This node's own, when it is one of those who give them.
void Heartbeats::beat(Instant now) {
  if (!me_ || !is_outside(*me_)) return;
  Heartbeat heartbeat{*me_, slot(now), height_, digest_, {}};
  if (!is_new(now, heartbeat)) return;  // the clock was set back
  outputs_.push_back(Ask{codec::SignHeartbeat{heartbeat.slot, heartbeat.height, heartbeat.digest}});
}

void Heartbeats::on_signed(Instant now, const codec::SignAsk& asked,
                           const Result<crypto::Signature>& signature) {
  if (!signature) return;  // whoever else has the key says it, or nobody
  if (const auto* const beat = std::get_if<codec::SignHeartbeat>(&asked)) {
    const Heartbeat heartbeat{*me_, beat->slot, beat->height, beat->digest, *signature};
    if (!is_new(now, heartbeat)) return;
    outputs_.push_back(Say{codec::encode(HeartbeatMessage(heartbeat))});
    return take(now, heartbeat);
  }
  const auto* const attests = std::get_if<codec::SignAttestation>(&asked);
  if (attests == nullptr) return;
  for (const auto& [key, entry] : entries_) {
    if (!entry.last || entry.hash != attests->heartbeat) continue;
    const Attestation attestation{*entry.last, *me_, *signature};
    outputs_.push_back(Say{codec::encode(HeartbeatMessage(attestation))});
    return take(attestation);
  }
}

// --- the chain -----------------------------------------------------------------------------------

void Heartbeats::on_final(Instant now, codec::Height height, const codec::Hash& digest,
                          const ledger::Registry& registry,
                          std::shared_ptr<const codec::ValidatorSet> active) {
  height_ = height;
  digest_ = digest;
  active_ = std::move(active);
  const auto is_expected = [&](const ValidatorKey& key, const ledger::ValidatorEntry& entry) {
    return is_registered(entry) && !active_->index_of(key);
  };
  std::erase_if(entries_, [&](const auto& each) {
    const ledger::ValidatorEntry* const entry = registry.find(each.first);
    return entry == nullptr || !is_expected(each.first, *entry);
  });
  for (const auto& [key, entry] : registry.entries()) {
    if (!is_expected(key, *entry)) continue;
    const auto [at, is_new] = entries_.try_emplace(key);
    if (is_new) at->second.watched_from = slot(now);
  }
}

std::size_t Heartbeats::needed() const {
  return std::min(config_.witnesses_needed, active_ == nullptr ? 0 : active_->size());
}

// --- messages ------------------------------------------------------------------------------------

bool Heartbeats::is_new(Instant now, const Heartbeat& heartbeat) const {
  const auto found = entries_.find(heartbeat.key);
  if (found == entries_.end() || !is_now(now, heartbeat.slot)) return false;
  return !found->second.last || found->second.last->slot < heartbeat.slot;
}

/// Of the heartbeat that is held, or of one that would be taken.
bool Heartbeats::is_wanted(Instant now, const Attestation& attestation) const {
  const auto found = entries_.find(attestation.heartbeat.key);
  if (found == entries_.end()) return false;
  const Entry& entry = found->second;
  if (entry.last == attestation.heartbeat) {
    return entry.drawn.contains(attestation.witness) &&
           !entry.witnesses.contains(attestation.witness);
  }
  if (!is_new(now, attestation.heartbeat)) return false;
  const codec::Hash hash = codec::heartbeat_hash(config_.genesis, attestation.heartbeat);
  const auto drawn = codec::witnesses_of(hash, *active_, config_.witnesses_drawn);
  return std::ranges::find(drawn, attestation.witness) != drawn.end();
}

void Heartbeats::on_message(Instant now, Token token, ByteView bytes) {
  auto message = codec::decode_heartbeat_message(bytes);
  if (!message) return outputs_.push_back(Judged{token, Verdict::reject});
  const auto* const attestation = std::get_if<Attestation>(&*message);
  const bool is_welcome = attestation != nullptr ? is_wanted(now, *attestation)
                                                 : is_new(now, std::get<Heartbeat>(*message));
  Pending waiting{token, codec::heartbeat_hash(config_.genesis, heartbeat_of(*message)), {}};
  if (attestation != nullptr) waiting.witness = attestation->witness;
  const bool is_pending = std::ranges::any_of(pending_, [&](const auto& each) {
    return each.second.hash == waiting.hash && each.second.witness == waiting.witness;
  });
  // Nobody is to blame: it may have been news where it came from.
  if (!is_welcome || is_pending || pending_.size() >= pending_max) {
    return outputs_.push_back(Judged{token, Verdict::ignore});
  }
  const auto entry = entries_.find(heartbeat_of(*message).key);
  const bool is_known = entry->second.last == heartbeat_of(*message);
  const Token ours{++last_token_};
  pending_.emplace(ours, std::move(waiting));
  outputs_.push_back(host::RunJob{ours, std::make_shared<VerifyHeartbeatJob>(
                                            ours, config_.genesis, *std::move(message), is_known)});
}

void Heartbeats::on_verified(Instant now, const VerifyHeartbeatJob& job) {
  const auto waiting = pending_.extract(job.token());
  if (waiting.empty()) return;
  const Token token = waiting.mapped().gossip;
  if (!job.verdict()) return outputs_.push_back(Judged{token, Verdict::reject});
  const HeartbeatMessage& message = job.message();
  const auto* const attestation = std::get_if<Attestation>(&message);
  // What came in between may have made it old.
  const bool is_welcome = attestation != nullptr ? is_wanted(now, *attestation)
                                                 : is_new(now, std::get<Heartbeat>(message));
  outputs_.push_back(Judged{token, is_welcome ? Verdict::accept : Verdict::ignore});
  if (!is_welcome) return;
  if (is_new(now, heartbeat_of(message))) take(now, heartbeat_of(message));
  if (attestation != nullptr) take(*attestation);
}

void Heartbeats::take(Instant now, const Heartbeat& heartbeat) {
  Entry& entry = entries_.at(heartbeat.key);
  entry.last = heartbeat;
  entry.hash = codec::heartbeat_hash(config_.genesis, heartbeat);
  entry.heard = now;
  const auto drawn = codec::witnesses_of(entry.hash, *active_, config_.witnesses_drawn);
  entry.drawn = {drawn.begin(), drawn.end()};
  entry.witnesses.clear();
  if (!me_ || !entry.drawn.contains(*me_)) return;
  outputs_.push_back(Ask{codec::SignAttestation{entry.hash}});
}

void Heartbeats::take(const Attestation& attestation) {
  Entry& entry = entries_.at(attestation.heartbeat.key);
  entry.witnesses.insert(attestation.witness);
  if (entry.witnesses.size() >= needed()) entry.attested_slot = entry.last->slot;
}

std::optional<Heartbeats::Output> Heartbeats::poll_output() {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

// --- looking -------------------------------------------------------------------------------------

std::vector<HeartbeatRow> Heartbeats::rows(Instant now) const {
  std::vector<HeartbeatRow> rows;
  const std::uint64_t present = slot(now);
  for (const auto& [key, entry] : entries_) {
    HeartbeatRow& row = rows.emplace_back();
    row.key = key;
    row.last = entry.last;
    if (entry.last) row.heard = entry.heard;
    row.witnesses = entry.witnesses.size();
    row.attested_slot = entry.attested_slot;
    // The present slot is not over, and what it lacks not missed.
    const std::uint64_t since = entry.attested_slot.value_or(entry.watched_from);
    row.missed = present > since + 1 ? present - since - 1 : 0;
    row.is_online = entry.attested_slot.has_value() && row.missed < config_.missed_max;
  }
  return rows;
}

}  // namespace kith::node
