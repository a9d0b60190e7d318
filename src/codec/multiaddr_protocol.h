// What each multiaddr protocol's value is, and its two forms. Used by multiaddr.cpp only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "codec/multiaddr.h"

namespace kith::codec {

enum class AddrValueKind : std::uint8_t { none, ip4, ip6, zone, port, name, peer, certhash };

struct AddrProtocolInfo {
  AddrProtocol protocol;
  std::string_view name;
  AddrValueKind kind;
};

/// `unsupported` with name or number in the sentence for a protocol this node does not speak.
Result<const AddrProtocolInfo*> protocol_of_code(std::uint64_t code);
Result<const AddrProtocolInfo*> protocol_of_name(std::string_view name);

/// How many bytes every value of that kind has; empty where a length goes before the value.
std::optional<std::size_t> fixed_value_bytes(AddrValueKind kind);
/// Whether `value` may stand behind the protocol.
Result<void> check_value(const AddrProtocolInfo& info, ByteView value);
/// Not for kind `none`. The value is checked.
Result<Bytes> value_from_text(const AddrProtocolInfo& info, std::string_view text);
/// Of a checked value, not of kind `none`.
std::string value_to_text(const AddrProtocolInfo& info, ByteView value);

}  // namespace kith::codec
