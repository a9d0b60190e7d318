#include "host/peer_book.h"

#include <algorithm>
#include <ranges>

namespace kith::host {
namespace {

/// A signature takes 50 us, an RSA peer's more: a book full of forgeries must not hold up a turn.
constexpr std::size_t checks_per_pick_max = 32;

}  // namespace

bool PeerBook::learn_addresses(Instant now, const PeerId& peer,
                               const std::vector<codec::Multiaddr>& addresses,
                               codec::AddrScope teller) {
  if (peer == self_ || addresses.empty()) return false;
  Entry& entry = touch(now, peer);
  if (!entry.signed_record.empty()) return false;
  bool is_news = false;
  for (const auto& address : addresses | std::views::take(config_.addresses_max)) {
    codec::Multiaddr bare = address.without_peer();
    if (codec::scope_of(bare) < teller) continue;
    if (std::ranges::find(entry.addresses, bare) != entry.addresses.end()) continue;
    if (entry.addresses.size() >= config_.addresses_max) {
      entry.addresses.erase(entry.addresses.begin());  // a peer that moved must stay reachable
    }
    entry.addresses.push_back(std::move(bare));
    is_news = true;
  }
  return is_news;
}

// Records are handed round again and again, and most peers are never dialled: the signature, which
// costs 40 us, is verified when something depends on it. Of a peer not yet known a record is kept
// on trust until then; what would replace something known must prove itself at once.
Result<std::optional<PeerId>> PeerBook::learn_record(Instant now, ByteView envelope,
                                                     codec::AddrScope teller) {
  const codec::PeerRecord claimed = TRY(codec::peek_peer_record(envelope));
  if (claimed.peer == self_) return std::optional<PeerId>();
  ++told_.records;
  if (const auto known = entries_.find(claimed.peer); known != entries_.end()) {
    ++told_.known;
    Entry& entry = known->second;
    if (base::equal(entry.signed_record, envelope)) {
      if (teller < entry.teller) keep_record(entry, claimed, envelope, teller);
      return std::optional<PeerId>();
    }
    const bool is_older = claimed.sequence <= entry.sequence;
    if (is_older && !entry.signed_record.empty() && confirm(entry)) return std::optional<PeerId>();
    TRY(codec::open_peer_record(envelope));
    keep_record(touch(now, claimed.peer), claimed, envelope, teller);
    entry.is_verified = true;
  } else {
    keep_record(touch(now, claimed.peer), claimed, envelope, teller);
  }
  return std::optional<PeerId>(claimed.peer);
}

void PeerBook::learn_from_author(Instant now, const codec::PeerRecord& record, ByteView envelope,
                                 codec::AddrScope teller) {
  if (record.peer == self_) return;
  Entry& entry = touch(now, record.peer);
  const bool is_same = base::equal(entry.signed_record, envelope);
  if (is_same && entry.teller <= teller) return;
  // An author whose clock went back, or a copy that overtook a newer one.
  if (!is_same && entry.is_verified && record.sequence <= entry.sequence) return;
  keep_record(entry, record, envelope, teller);
  if (!is_same) entry.is_verified = false;
}

void PeerBook::keep_record(Entry& entry, const codec::PeerRecord& record, ByteView envelope,
                           codec::AddrScope teller) {
  entry.teller = teller;
  entry.signed_record = base::to_bytes(envelope);
  entry.sequence = record.sequence;
  entry.addresses.clear();
  for (const auto& address : record.addresses) {
    if (entry.addresses.size() >= config_.addresses_max) break;
    if (codec::scope_of(address) >= teller) entry.addresses.push_back(address.without_peer());
  }
}

// Verifies a record that was kept on trust; one that does not hold is dropped, addresses and all.
bool PeerBook::confirm(Entry& entry) {
  if (entry.is_verified) return true;
  entry.is_verified = codec::open_peer_record(entry.signed_record).has_value();
  if (!entry.is_verified) {
    entry.signed_record.clear();
    entry.addresses.clear();
    entry.sequence = 0;
  }
  return entry.is_verified;
}

void PeerBook::restore(Instant now, const StoredPeer& stored) {
  if (stored.peer == self_ || entries_.size() >= config_.peers_max) return;
  constexpr auto ourselves = codec::AddrScope::unspecified;
  const bool is_signed = !stored.signed_record.empty() &&
                         learn_record(now, stored.signed_record, ourselves).has_value();
  if (!is_signed) learn_addresses(now, stored.peer, stored.addresses, ourselves);
  const auto found = entries_.find(stored.peer);
  if (found == entries_.end()) return;
  if (is_signed) {  // of the record's, those that were believed then
    std::erase_if(found->second.addresses, [&](const codec::Multiaddr& address) {
      return std::ranges::find(stored.addresses, address) == stored.addresses.end();
    });
    found->second.teller = codec::AddrScope::global;
  }
  evictable_.erase(rank_of(stored.peer, found->second));
  found->second.last_seen = stored.last_seen;
  touch(now, stored.peer);
}

void PeerBook::on_connected(Instant now, WallTime wall, const PeerId& peer) {
  if (peer == self_) return;
  Entry& entry = touch(now, peer);
  evictable_.erase(rank_of(peer, entry));
  entry.is_connected = true;
  entry.failures = entry.lost = 0;
  entry.last_seen = wall;
}

void PeerBook::on_disconnected(Instant now, const PeerId& peer) {
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return;
  found->second.is_connected = false;
  found->second.retry_at = now + config_.backoff_min;
  touch(now, peer);
  make_room(config_.peers_max);
}

bool PeerBook::on_dial_failed(Instant now, const PeerId& peer, bool counts) {
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return false;
  Entry& entry = found->second;
  if (counts) ++entry.lost;
  if (config_.failures_max > 0 && entry.lost >= config_.failures_max && !entry.is_connected) {
    forget(peer);
    return true;
  }
  const std::uint32_t doublings = std::min<std::uint32_t>(entry.failures, 20);
  const Duration backoff =
      std::min<Duration>(config_.backoff_max, config_.backoff_min * (std::int64_t{1} << doublings));
  // A quarter of jitter keeps a crowd that lost the same peer from coming back together.
  const auto jitter =
      static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(backoff.count()) / 4 + 1));
  entry.retry_at = now + backoff + Duration(jitter);
  ++entry.failures;
  return false;
}

void PeerBook::forget(const PeerId& peer) {
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return;
  evictable_.erase(rank_of(peer, found->second));
  entries_.erase(found);
}

const PeerBook::Entry* PeerBook::find(const PeerId& peer) const {
  const auto found = entries_.find(peer);
  return found == entries_.end() ? nullptr : &found->second;
}

std::optional<StoredPeer> PeerBook::to_store(const PeerId& peer) const {
  const Entry* entry = find(peer);
  if (entry == nullptr) return std::nullopt;
  return StoredPeer{peer, entry->addresses, entry->signed_record, entry->last_seen};
}

std::vector<PeerId> PeerBook::pick_to_dial(Instant now, std::size_t count) {
  std::vector<PeerId> picked;
  std::size_t checks = 0;
  auto at = random_start();
  for (std::size_t seen = 0; seen < entries_.size() && picked.size() < count; ++seen) {
    if (at == entries_.end()) at = entries_.begin();
    Entry& entry = at->second;
    if (!entry.is_connected && !entry.addresses.empty() && entry.retry_at <= now) {
      const bool is_unchecked = !entry.signed_record.empty() && !entry.is_verified;
      if (is_unchecked && ++checks > checks_per_pick_max) break;
      if (!is_unchecked || confirm(entry)) picked.push_back(at->first);
    }
    ++at;
  }
  return picked;
}

std::vector<Bytes> PeerBook::sample_records(const PeerId& except, std::size_t count) {
  std::vector<Bytes> records;
  auto at = random_start();
  for (std::size_t seen = 0; seen < entries_.size() && records.size() < count; ++seen) {
    if (at == entries_.end()) at = entries_.begin();
    // Only peers that answered us: hearsay of hearsay would let the dead live for ever.
    if (!at->second.signed_record.empty() && at->second.last_seen.unix_ms != 0 &&
        at->first != except && confirm(at->second)) {
      records.push_back(at->second.signed_record);
    }
    ++at;
  }
  return records;
}

PeerBook::Entry& PeerBook::touch(Instant now, const PeerId& peer) {
  auto found = entries_.find(peer);
  if (found == entries_.end()) {
    make_room(config_.peers_max - 1);
    found = entries_.emplace(peer, Entry{}).first;
    found->second.retry_at = now;
  } else {
    evictable_.erase(rank_of(peer, found->second));
  }
  found->second.touched = now;
  if (!found->second.is_connected) evictable_.insert(rank_of(peer, found->second));
  return found->second;
}

// Connected ones stay: connection limits bound those.
void PeerBook::make_room(std::size_t size_max) {
  while (entries_.size() > size_max && !evictable_.empty()) {
    entries_.erase(evictable_.begin()->peer);
    evictable_.erase(evictable_.begin());
  }
}

PeerBook::Entries::iterator PeerBook::random_start() {
  if (entries_.empty()) return entries_.end();
  std::array<std::uint8_t, PeerId::bytes_max> probe;
  rng_.fill(probe);
  // The first peer at or after a random point of the id space. Ids share their prefix, so the
  // random part replaces what follows the prefix of an id that is there.
  Bytes target = base::to_bytes(entries_.begin()->first.bytes());
  const std::size_t prefix = std::min<std::size_t>(6, target.size());
  std::copy_n(probe.begin(), target.size() - prefix,
              target.begin() + static_cast<std::ptrdiff_t>(prefix));
  const auto at = entries_.lower_bound(*PeerId::from_multihash(target));
  return at == entries_.end() ? entries_.begin() : at;
}

}  // namespace kith::host
