// Long numbers in few bits, as they stand in the header: the low part goes on the wire, and the
// receiver takes the one long number with that low part that is nearest to what it expects (as QUIC
// does, RFC 9000 A.3). An offset that both sides derive from their keys hides where numbers begin.
#pragma once

#include <cstdint>
#include <optional>

namespace kith::packet {

/// Of a session, one for each direction; no key ever seals two packets of one number.
using PacketNumber = std::uint64_t;
/// Never used: so much is never sent, and arithmetic around it needs no care below.
inline constexpr PacketNumber packet_number_end = PacketNumber{1} << 62;

constexpr std::uint32_t wire_number(PacketNumber number, std::uint32_t offset) {
  return static_cast<std::uint32_t>(number) + offset;
}

/// The number nearest to `expected` (the highest received and one) whose low bits fit; empty when
/// it would be below 0 or not below packet_number_end. Right for all that are less than 2^31 away.
constexpr std::optional<PacketNumber> number_from_wire(std::uint32_t wire, std::uint32_t offset,
                                                       PacketNumber expected) {
  const std::uint32_t low = wire - offset;
  // How far ahead of `expected`, as a signed distance: one subtraction finds the nearest.
  const auto ahead = static_cast<std::int32_t>(low - static_cast<std::uint32_t>(expected));
  const auto number = static_cast<std::int64_t>(expected) + ahead;
  if (number < 0 || number >= static_cast<std::int64_t>(packet_number_end)) return std::nullopt;
  return static_cast<PacketNumber>(number);
}

/// Credit of a connection is said in every header: the low 16 bits of an absolute limit in these
/// units, so that it may come late, twice or out of order.
inline constexpr std::uint64_t window_unit_bytes = 4096;
/// A step of so many units or more is taken for an old value: twice the largest window.
inline constexpr std::uint32_t window_step_max = 1U << 15;

/// `limit`: how many bytes the peer may send in all. Rounded down.
constexpr std::uint16_t wire_window(std::uint64_t limit) {
  return static_cast<std::uint16_t>(limit / window_unit_bytes);
}

/// The limit after `wire` came: never lower than `known`.
constexpr std::uint64_t credit_from_wire(std::uint16_t wire, std::uint64_t known) {
  const std::uint64_t units = known / window_unit_bytes;
  const auto step = static_cast<std::uint16_t>(wire - static_cast<std::uint16_t>(units));
  if (step == 0 || step >= window_step_max) return known;
  return (units + step) * window_unit_bytes;
}

/// A message's number from the 16 bits of the header, nearest to the next one expected.
constexpr std::optional<std::uint64_t> message_from_wire(std::uint16_t wire,
                                                         std::uint64_t expected) {
  const auto ahead = static_cast<std::int16_t>(
      static_cast<std::uint16_t>(wire - static_cast<std::uint16_t>(expected)));
  const std::int64_t number = static_cast<std::int64_t>(expected) + ahead;
  if (number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(number);
}

}  // namespace kith::packet
