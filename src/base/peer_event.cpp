#include "base/peer_event.h"

#include <array>

#include "base/assert.h"

namespace kith::base {
namespace {

constexpr std::array<std::string_view, priorities> priority_names = {
    "consensus", "blocks", "transactions", "application", "bulk"};
constexpr std::array<std::string_view, peer_event_kinds> kind_names = {
    "useful",         "ignored",         "ambiguous",   "rejected", "fatal", "request_succeeded",
    "request_failed", "probe_succeeded", "probe_failed"};
constexpr std::array<std::string_view, peer_healths> health_names = {
    "unknown", "healthy", "degraded", "unhealthy", "stale"};

template <std::size_t N, class Enum>
std::string_view name_in(const std::array<std::string_view, N>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  ASSERT(index < N);
  return names[index];
}

template <class Enum, std::size_t N>
std::optional<Enum> of_name(const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Priority priority) { return name_in(priority_names, priority); }
std::string_view name_of(PeerEventKind kind) { return name_in(kind_names, kind); }
std::string_view name_of(PeerHealth health) { return name_in(health_names, health); }

std::optional<Priority> priority_of(std::string_view name) {
  return of_name<Priority>(priority_names, name);
}

std::optional<PeerEventKind> peer_event_kind_of(std::string_view name) {
  return of_name<PeerEventKind>(kind_names, name);
}

}  // namespace kith::base
