#include "secure/session_ticket.h"

#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::secure {

namespace {

constexpr std::size_t ticket_text_bytes = ticket_bytes - ticket_key_id_bytes - 12 - 16;

void write_ticket_peer(codec::Writer& to, const PeerId& peer) {
  to.u8(static_cast<std::uint8_t>(peer.bytes().size()));
  to.bytes(peer.bytes());
  to.bytes(Bytes(PeerId::bytes_max - peer.bytes().size()));
}

std::optional<PeerId> read_ticket_peer(ByteView& text) {
  const std::size_t size = std::min<std::size_t>(text[0], PeerId::bytes_max);
  const ByteView bytes = text.subspan(1, size);
  text = text.subspan(1 + PeerId::bytes_max);
  return PeerId::from_multihash(bytes);
}

std::unexpected<Error> ticket_refused(std::string_view why) {
  return fail(Code::refused, base::format("a ticket that {}", why));
}

}  // namespace

bool Tickets::can_hold(const PeerId& peer) { return codec::key_inside(peer).has_value(); }

Tickets::IssuerKey& Tickets::issuer_key(Instant now, Rng& rng) {
  if (keys_.empty() || now - keys_.back().made >= key_lifetime ||
      keys_.back().serials == serials_a_key_) {
    if (keys_.size() == keys_max) keys_.erase(keys_.begin());
    IssuerKey made;
    rng.fill(made.id);
    rng.fill(made.key);
    made.made = now;
    keys_.push_back(std::move(made));
  }
  return keys_.back();
}

Bytes Tickets::issue(Instant now, const PeerId& own, const PeerId& holder,
                     const SessionSecret& secret, Rng& rng) {
  ASSERT(secret.size() == session_secret_bytes && can_hold(holder));
  IssuerKey& key = issuer_key(now, rng);
  crypto::AeadNonce nonce;
  rng.fill(nonce);
  Bytes ticket;
  ticket.reserve(ticket_bytes);  // so that no secret is left behind where it was
  codec::Writer to(ticket);
  to.bytes(key.id);
  to.bytes(nonce);
  to.u32(key.serials++);
  to.u64(static_cast<std::uint64_t>(now.time_since_epoch().count()));
  write_ticket_peer(to, own);
  write_ticket_peer(to, holder);
  to.bytes(secret.view());
  to.bytes(Bytes(16));
  ASSERT(ticket.size() == ticket_bytes);
  crypto::ChaChaPoly(key.key).seal_in_place(nonce, key.id,
                                            ByteSpan(ticket).subspan(ticket_key_id_bytes + 12));
  return ticket;
}

Result<Tickets::Opened> Tickets::open(Instant now, const PeerId& own, ByteView ticket) const {
  if (ticket.size() != ticket_bytes) return ticket_refused("has another size");
  const ByteView id = ticket.first(ticket_key_id_bytes);
  const auto key = std::find_if(keys_.begin(), keys_.end(),
                                [&](const IssuerKey& one) { return base::equal(one.id, id); });
  if (key == keys_.end()) return ticket_refused("was sealed under a key that is gone");
  crypto::AeadNonce nonce;
  std::copy_n(ticket.begin() + ticket_key_id_bytes, nonce.size(), nonce.begin());
  crypto::SecretBytes text =
      crypto::SecretBytes::copy_of(ticket.subspan(ticket_key_id_bytes + nonce.size()));
  if (!crypto::ChaChaPoly(key->key).open_in_place(nonce, id, text.span())) {
    return ticket_refused("does not open");
  }
  ByteView rest = text.view().first(ticket_text_bytes);
  codec::Reader numbers(rest.first(12));
  Opened opened;
  std::copy(id.begin(), id.end(), opened.key_id.begin());
  opened.serial = TRY(numbers.u32());
  const Instant issued{Duration(static_cast<std::int64_t>(TRY(numbers.u64())))};
  rest = rest.subspan(12);
  const auto issuer = read_ticket_peer(rest);
  const auto holder = read_ticket_peer(rest);
  ASSERT(issuer && holder);  // we wrote them
  if (now - issued >= lifetime) return ticket_refused("is over a day old");
  if (*issuer != own) return ticket_refused("another identity issued");
  if (opened.serial < key->used.size() && key->used[opened.serial]) {
    return ticket_refused("was used before");
  }
  opened.holder = *holder;
  opened.secret = SessionSecret::copy_of(rest);
  return opened;
}

bool Tickets::use(const Opened& opened) {
  for (IssuerKey& key : keys_) {
    if (key.id != opened.key_id) continue;
    if (opened.serial >= key.used.size()) key.used.resize(opened.serial + 1);
    if (key.used[opened.serial]) return false;
    key.used[opened.serial] = true;
    return true;
  }
  return false;
}

void Tickets::keep(Instant now, const PeerId& issuer, Bytes ticket, SessionSecret secret) {
  if (ticket.size() != ticket_bytes || secret.size() != session_secret_bytes) return;
  auto& of_peer = kept_[issuer];
  if (of_peer.size() == kept_a_peer_max) {
    of_peer.erase(of_peer.begin());
    --kept_count_;
  }
  of_peer.push_back({now, kept_order_++, {std::move(ticket), std::move(secret)}});
  if (++kept_count_ > kept_max) forget_oldest();
}

void Tickets::forget_oldest() {
  auto oldest = kept_.begin();
  for (auto it = kept_.begin(); it != kept_.end(); ++it) {
    if (it->second.front().order < oldest->second.front().order) oldest = it;
  }
  oldest->second.erase(oldest->second.begin());
  if (oldest->second.empty()) kept_.erase(oldest);
  --kept_count_;
}

std::optional<Tickets::Kept> Tickets::take(Instant now, const PeerId& issuer) {
  const auto found = kept_.find(issuer);
  if (found == kept_.end()) return std::nullopt;
  KeptTicket newest = std::move(found->second.back());
  found->second.pop_back();
  --kept_count_;
  const bool holds = now - newest.since < lifetime;
  // Those below it are older still.
  if (!holds) kept_count_ -= found->second.size();
  if (!holds || found->second.empty()) kept_.erase(found);
  if (!holds) return std::nullopt;
  return std::move(newest.ticket);
}

}  // namespace kith::secure
