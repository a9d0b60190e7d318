// Identities, as values. PeerId is libp2p's: a multihash of the peer's public key (peer-ids spec);
// making one from a key, and its text forms, are codec/peer_id.h. NodeId is SHA-256 of the raw
// public key, the name that Kith's own protocols and JSON use beside it.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>

#include "base/bytes.h"

namespace kith::base {

class PeerId {
 public:
  /// An identity multihash of a 42-byte key is 44 bytes, a SHA-256 multihash 34.
  static constexpr std::size_t bytes_max = 44;

  PeerId() = default;
  /// `multihash` is taken as it is; codec/peer_id.h checks its form. Empty when over bytes_max.
  static std::optional<PeerId> from_multihash(ByteView multihash) {
    if (multihash.empty() || multihash.size() > bytes_max) return std::nullopt;
    PeerId id;
    id.size_ = static_cast<std::uint8_t>(multihash.size());
    std::memcpy(id.bytes_.data(), multihash.data(), multihash.size());
    return id;
  }

  ByteView bytes() const { return {bytes_.data(), size_}; }
  bool empty() const { return size_ == 0; }
  friend auto operator<=>(const PeerId&, const PeerId&) = default;

 private:
  std::uint8_t size_ = 0;
  std::array<std::uint8_t, bytes_max> bytes_{};
};

struct NodeId {
  std::array<std::uint8_t, 32> bytes{};
  friend auto operator<=>(const NodeId&, const NodeId&) = default;
};

/// A number with a meaning: Id<struct LinkTag> and Id<struct StreamTag> do not mix.
template <class Tag, class Int = std::uint64_t>
struct Id {
  Int value = 0;
  friend auto operator<=>(Id, Id) = default;
};

/// One raw transport connection of this process. Dialled links have even numbers and are named by
/// the host; accepted ones have odd numbers and are named by the shell.
using LinkId = Id<struct LinkTag>;
/// One stream of this process, whatever connection carries it. Named by the host.
using StreamId = Id<struct StreamTag>;
/// Ties an answer to its question; chosen by whoever asks.
using Token = Id<struct TokenTag>;

enum class Direction : std::uint8_t { inbound, outbound };

}  // namespace kith::base

namespace kith {
using base::Direction;
using base::LinkId;
using base::NodeId;
using base::PeerId;
using base::StreamId;
using base::Token;
}  // namespace kith

template <class Tag, class Int>
struct std::hash<kith::base::Id<Tag, Int>> {
  std::size_t operator()(kith::base::Id<Tag, Int> id) const { return std::hash<Int>()(id.value); }
};
