#include "packet/mtu.h"

#include <algorithm>
#include <array>

namespace kith::packet {
namespace {

/// Ethernet with PPPoE and a tunnel, Ethernet over IPv6 and IPv4, jumbo frames.
constexpr std::array<std::size_t, 4> usual_sizes = {1432, 1452, 1472, 8952};

}  // namespace

MtuSearch::MtuSearch(const MtuConfig& config, std::size_t peer_bytes_max)
    : config_(config),
      limit_(std::min(std::max(config.bytes, config.discovers ? config.bytes_max : 0),
                      peer_bytes_max)),
      bytes_(config.bytes_min) {}

std::optional<std::size_t> MtuSearch::next_size() const {
  if (bytes_ < config_.bytes && config_.bytes <= limit_) return config_.bytes;
  if (bytes_ < config_.bytes && bytes_ < limit_) return limit_;  // the peer takes less
  if (!config_.discovers) return std::nullopt;
  for (const std::size_t size : usual_sizes) {
    if (size > bytes_ && size <= limit_) return size;
  }
  return std::nullopt;
}

std::optional<std::size_t> MtuSearch::probe_due(Instant now) const {
  if (is_under_way_ || (paused_until_ && now < *paused_until_)) return std::nullopt;
  return next_size();
}

void MtuSearch::on_probe_acked(Instant now) {
  if (!is_under_way_) return;  // given up meanwhile
  if (const auto size = next_size()) bytes_ = *size;
  is_under_way_ = false;
  tries_ = 0;
  paused_until_.reset();
  if (!next_size()) pause(now);
}

void MtuSearch::on_probe_lost(Instant now) {
  if (!is_under_way_) return;
  is_under_way_ = false;
  if (++tries_ >= tries_max) pause(now);
}

void MtuSearch::on_black_hole(Instant now) {
  bytes_ = config_.bytes_min;
  is_under_way_ = false;
  pause(now);
}

void MtuSearch::reset() {
  bytes_ = config_.bytes_min;
  tries_ = 0;
  is_under_way_ = false;
  paused_until_.reset();
}

void MtuSearch::pause(Instant now) {
  tries_ = 0;
  paused_until_ = now + again_after;
}

std::optional<Instant> MtuSearch::next_deadline() const {
  if (is_under_way_ || !next_size()) return std::nullopt;
  return paused_until_;
}

}  // namespace kith::packet
