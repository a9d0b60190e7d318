#include "secure/session_rotation.h"

#include "base/format.h"
#include "secure/session_message.h"

namespace kith::secure {

SessionRotation::SessionRotation(const SessionConfig& config, Direction direction,
                                 SessionAgreement& agreement, Rng& rng, Instant now, Outputs& out)
    : config_(config),
      rng_(rng),
      direction_(direction),
      cipher_(agreement.cipher),
      handshake_(agreement.peer.id),
      began_(now),
      last_(now) {
  const bool is_initiator = direction == Direction::outbound;
  receive_ = std::move(is_initiator ? agreement.from_responder : agreement.from_initiator);
  send_ = std::move(is_initiator ? agreement.from_initiator : agreement.from_responder);
  say_keys(out);
}

void SessionRotation::say_keys(Outputs& out) const {
  out.push_back(KeysReady{epoch_, cipher_, SessionSecret::copy_of(receive_.view()),
                          SessionSecret::copy_of(send_.view()), may_send_});
}

Result<void> SessionRotation::on_sealed(Instant now, const Sealed& sealed, Outputs& out) {
  bytes_ += sealed.bytes;
  packets_ += sealed.packets;
  messages_ += sealed.messages;
  if (packets_ > crypto::PacketCipher::sealed_max) {
    return fail(Code::limit, base::format("{} packets were sealed under one key, at most {}",
                                          packets_, crypto::PacketCipher::sealed_max));
  }
  wants_ = wants_ || bytes_ >= config_.rotate_bytes || messages_ >= config_.rotate_messages ||
           packets_ >= packets_urgent;
  try_offer(now, out);
  return {};
}

void SessionRotation::on_rotate_now(Instant now, Outputs& out) {
  wants_ = wants_ || !is_rotating();
  try_offer(now, out);
}

void SessionRotation::try_offer(Instant now, Outputs& out) {
  if (!wants_ || is_rotating()) return;
  if (now < gap_ends() && packets_ < packets_urgent) return;
  wants_ = false;
  offer_ = std::make_unique<crypto::X25519KeyPair>(crypto::X25519KeyPair::generate(rng_));
  out.push_back(SaySession{encode_offer(SessionMessage::offer, epoch_ + 1, offer_->public_key())});
}

void SessionRotation::on_epoch_used(Instant now, std::uint64_t epoch, Outputs& out) {
  if (epoch == epoch_ && !may_send_) start_sending(now, out);
}

void SessionRotation::start_sending(Instant now, Outputs& out) {
  may_send_ = true;
  bytes_ = packets_ = messages_ = 0;
  began_ = now;
  wants_ = false;
  say_keys(out);
}

Result<void> SessionRotation::on_offer(Instant now, std::uint64_t epoch,
                                       const crypto::X25519Public& key, Outputs& out) {
  if (epoch != epoch_ + 1 || held_offer_) {
    return fail(Code::protocol,
                base::format("keys of epoch {} were offered in epoch {}", epoch, epoch_));
  }
  if (offer_ && direction_ == Direction::outbound) return {};  // they cross, and ours counts
  offer_.reset();
  if (!may_send_) start_sending(now, out);  // who offers the next has had our ACCEPT of this one
  if (now >= gap_ends()) return accept(now, key, out);
  held_offer_ = std::make_unique<crypto::X25519Public>(key);
  return {};
}

Result<void> SessionRotation::accept(Instant now, const crypto::X25519Public& key, Outputs& out) {
  const auto ours = crypto::X25519KeyPair::generate(rng_);
  TRY_VOID(advance(now, ours, key));
  may_send_ = false;
  out.push_back(SaySession{encode_offer(SessionMessage::accept, epoch_, ours.public_key())});
  say_keys(out);
  return {};
}

Result<void> SessionRotation::on_accept(Instant now, std::uint64_t epoch,
                                        const crypto::X25519Public& key, Outputs& out) {
  if (!offer_ || epoch != epoch_ + 1) {
    return fail(Code::protocol, base::format("keys of epoch {} were accepted in epoch {}{}", epoch,
                                             epoch_, offer_ ? "" : ", not offered"));
  }
  TRY_VOID(advance(now, *offer_, key));
  offer_.reset();
  start_sending(now, out);
  return {};
}

Result<void> SessionRotation::advance(Instant now, const crypto::X25519KeyPair& ours,
                                      const crypto::X25519Public& theirs) {
  crypto::X25519Shared shared = TRY(ours.agree(theirs));
  receive_ = next_secret(receive_, shared, handshake_);
  send_ = next_secret(send_, shared, handshake_);
  crypto::wipe(shared);
  ++epoch_;
  last_ = now;
  return {};
}

Result<void> SessionRotation::on_deadline(Instant now, Outputs& out) {
  if (held_offer_ && now >= gap_ends()) {
    const crypto::X25519Public key = *held_offer_;
    held_offer_.reset();
    return accept(now, key, out);
  }
  if (!is_rotating() && now - began_ >= config_.rotate_interval) wants_ = true;
  try_offer(now, out);
  return {};
}

std::optional<Instant> SessionRotation::next_deadline() const {
  if (held_offer_) return gap_ends();
  if (is_rotating()) return std::nullopt;
  const Instant by_time = std::max(began_ + config_.rotate_interval, gap_ends());
  return wants_ ? gap_ends() : by_time;
}

}  // namespace kith::secure
