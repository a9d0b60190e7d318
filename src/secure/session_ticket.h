// Tickets: what lets two peers meet again with one round trip and no signature. A node issues them
// to peers that have proved who they are, opens each once, and keeps those that others gave it.
//
// A ticket is sealed under a key that only its issuer has, in memory alone and new each 12 hours;
// it names both identities and holds their shared secret, so the issuer remembers nothing but which
// were used: one bit each. What a ticket's holder has beside it is the same secret, which never
// travels (session_keys.h, ticket_psk).
//
// Limits: 24 hours, once; 2^20 tickets a key, then the next key early; the keys of 36 hours, three
// at most, so a flood of issues makes old tickets fail, which costs a full handshake. Kept: 2 a
// peer, 1,024 in all. Only for peers whose id holds their key (Ed25519, secp256k1).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "base/time.h"
#include "crypto/aead.h"
#include "secure/session_keys.h"

namespace kith::secure {

inline constexpr std::size_t ticket_id_bytes = 16;
inline constexpr std::size_t ticket_key_id_bytes = 8;
/// Key id, nonce, serial, time, both peer ids, secret, tag.
inline constexpr std::size_t ticket_bytes =
    ticket_key_id_bytes + 12 + 4 + 8 + 2 * (1 + PeerId::bytes_max) + session_secret_bytes + 16;
using TicketId = std::array<std::uint8_t, ticket_id_bytes>;

class Tickets {
 public:
  static constexpr Duration lifetime = 24h;
  static constexpr Duration key_lifetime = 12h;
  static constexpr std::size_t keys_max = 3;
  static constexpr std::uint32_t serials_max = 1u << 20;
  static constexpr std::size_t kept_a_peer_max = 2;
  static constexpr std::size_t kept_max = 1024;

  /// `serials_a_key` is less than its maximum in tests only.
  explicit Tickets(std::uint32_t serials_a_key = serials_max) : serials_a_key_(serials_a_key) {}

  /// Whether a ticket can be made for that peer.
  static bool can_hold(const PeerId& peer);

  /// A ticket by which `holder` comes back to `own`; `secret` is ticket_psk() of a fresh id.
  Bytes issue(Instant now, const PeerId& own, const PeerId& holder, const SessionSecret& secret,
              Rng& rng);

  struct Opened {
    PeerId holder;
    SessionSecret secret;
    std::array<std::uint8_t, ticket_key_id_bytes> key_id;
    std::uint32_t serial;
  };
  /// Looks, and uses nothing up: `refused` for one that does not open, is too old, was used, or was
  /// issued by another identity than `own`.
  Result<Opened> open(Instant now, const PeerId& own, ByteView ticket) const;
  /// Uses it up. False when that was done meanwhile.
  bool use(const Opened& opened);

  /// Of one peer the newest are kept.
  void keep(Instant now, const PeerId& issuer, Bytes ticket, SessionSecret secret);
  struct Kept {
    Bytes ticket;
    SessionSecret secret;
  };
  /// The newest that still holds; it is kept no more.
  std::optional<Kept> take(Instant now, const PeerId& issuer);
  std::size_t kept() const { return kept_count_; }

 private:
  struct IssuerKey {
    std::array<std::uint8_t, ticket_key_id_bytes> id{};
    crypto::AeadKey key{};
    Instant made;
    std::uint32_t serials = 0;
    std::vector<bool> used{};  // by serial, as long as the highest one used

    IssuerKey() = default;
    IssuerKey(const IssuerKey&) = delete;
    IssuerKey(IssuerKey&&) = default;
    IssuerKey& operator=(IssuerKey&&) = default;
    ~IssuerKey() { crypto::wipe(key); }
  };
  struct KeptTicket {
    Instant since;
    std::uint64_t order;
    Kept ticket;
  };

  IssuerKey& issuer_key(Instant now, Rng& rng);
  void forget_oldest();

  std::uint32_t serials_a_key_;
  std::vector<IssuerKey> keys_;  // the newest last
  std::map<PeerId, std::vector<KeptTicket>> kept_;
  std::size_t kept_count_ = 0;
  std::uint64_t kept_order_ = 0;
};

}  // namespace kith::secure
