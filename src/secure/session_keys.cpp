#include "secure/session_keys.h"

#include <algorithm>

namespace kith::secure {

namespace {

constexpr std::string_view key_label = "kith/session/key/1";
constexpr std::string_view offset_label = "kith/session/offset/1";
constexpr std::string_view rotate_label = "kith/session/rotate/1";
constexpr std::string_view exporter_label = "kith/session/exporter/1";
constexpr std::string_view confirm_label = "kith/session/confirm/1";
constexpr std::string_view export_label = "kith/session/export/1";
constexpr std::string_view seed_label = "kith/session/seed/1";
constexpr std::string_view ticket_label = "kith/session/ticket/1";

Bytes labelled(std::string_view label, ByteView behind) {
  Bytes info = base::to_bytes(label);
  base::append(info, behind);
  return info;
}

SessionSecret derived(ByteView salt, ByteView input, ByteView info) {
  SessionSecret out(session_secret_bytes);
  crypto::hkdf_sha256(salt, input, info, out.span());
  return out;
}

}  // namespace

DirectionKeys::~DirectionKeys() {
  crypto::wipe(key);
  crypto::wipe(iv);
  crypto::wipe(offset_key);
}

DirectionKeys direction_keys(const SessionSecret& secret, std::uint8_t cipher) {
  ASSERT(secret.size() == session_secret_bytes);
  DirectionKeys keys;
  std::array<std::uint8_t, 32 + 12> both;
  crypto::hkdf_sha256({}, secret.view(), labelled(key_label, {&cipher, 1}), both);
  std::copy_n(both.begin(), keys.key.size(), keys.key.begin());
  std::copy_n(both.begin() + 32, keys.iv.size(), keys.iv.begin());
  crypto::wipe(both);
  crypto::hkdf_sha256({}, secret.view(), base::as_bytes(offset_label), keys.offset_key);
  return keys;
}

SessionSecret next_secret(const SessionSecret& secret, ByteView shared,
                          const crypto::Hash256& handshake) {
  ASSERT(secret.size() == session_secret_bytes);
  return derived(secret.view(), shared, labelled(rotate_label, handshake));
}

SessionExtras session_extras(ByteView chaining_key) {
  SessionExtras extras;
  extras.exporter = derived(chaining_key, {}, base::as_bytes(exporter_label));
  crypto::SecretBytes both(2 * session_secret_bytes);
  crypto::hkdf_sha256(chaining_key, {}, base::as_bytes(confirm_label), both.span());
  extras.confirm_initiator = SessionSecret::copy_of(both.view().first(session_secret_bytes));
  extras.confirm_responder = SessionSecret::copy_of(both.view().last(session_secret_bytes));
  return extras;
}

crypto::Hash256 confirmation(const SessionSecret& confirm, const crypto::Hash256& handshake) {
  return crypto::hmac_sha256(confirm.view(), {ByteView(handshake)});
}

void export_key(const SessionSecret& exporter, std::string_view label, ByteView context,
                ByteSpan out) {
  ASSERT(label.size() <= export_label_bytes_max && out.size() <= export_bytes_max);
  // The label's length stands before it, so that no label and context pass for another pair.
  Bytes info = base::to_bytes(export_label);
  info.push_back(static_cast<std::uint8_t>(label.size() >> 8));
  info.push_back(static_cast<std::uint8_t>(label.size()));
  base::append(info, base::as_bytes(label));
  base::append(info, context);
  crypto::hkdf_sha256({}, exporter.view(), info, out);
}

SessionSecret seed_psk(ByteView seed) { return derived({}, seed, base::as_bytes(seed_label)); }

SessionSecret ticket_psk(const SessionSecret& exporter, ByteView ticket_id) {
  return derived({}, exporter.view(), labelled(ticket_label, ticket_id));
}

}  // namespace kith::secure
