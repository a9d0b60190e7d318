// A token bucket in integers and virtual time: `per_second` tokens a second, at most `burst` saved
// up. Exact: what it holds depends on when and how much was taken, never on how often it was asked.
// One bucket is 24 bytes and no more than a multiplication.
//
// Tokens are counted in nano-tokens internally: one token is 10^9 of them, so that a rate of r a
// second adds exactly r a nanosecond and nothing is ever rounded. Limits: burst and rate below
// 9·10^9.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/assert.h"
#include "base/time.h"

namespace kith::base {

struct TokenRate {
  std::uint64_t per_second = 0;  // 0: only the burst, once
  std::uint64_t burst = 0;
  friend bool operator==(const TokenRate&, const TokenRate&) = default;
};

class TokenBucket {
 public:
  static constexpr std::uint64_t tokens_max = 9'000'000'000;

  /// Full at first.
  TokenBucket(const TokenRate& rate, Instant now) : updated_(now) {
    check(rate);
    held_ = rate.burst * nano;
  }

  /// Takes `count` tokens if they are there. The rate is given each time, since it changes with a
  /// peer's standing; a lower burst cuts what was saved up.
  bool take(const TokenRate& rate, Instant now, std::uint64_t count = 1) {
    refill(rate, now);
    if (count > tokens_max || held_ < count * nano) return false;
    held_ -= count * nano;
    return true;
  }
  /// Whole tokens there now.
  std::uint64_t available(const TokenRate& rate, Instant now) {
    refill(rate, now);
    return held_ / nano;
  }
  /// When `count` tokens will be there if none is taken; empty if never.
  std::optional<Instant> ready_at(const TokenRate& rate, Instant now, std::uint64_t count = 1) {
    refill(rate, now);
    if (count > rate.burst) return std::nullopt;
    if (held_ >= count * nano) return now;
    if (rate.per_second == 0) return std::nullopt;
    const std::uint64_t missing = count * nano - held_;
    const std::uint64_t wait = (missing + rate.per_second - 1) / rate.per_second;
    return now + Duration(static_cast<std::int64_t>(wait));
  }
  /// Gives tokens back, for what was not used after all.
  void give_back(const TokenRate& rate, Instant now, std::uint64_t count) {
    refill(rate, now);
    const std::uint64_t room = rate.burst * nano - held_;
    held_ += std::min(room, std::min(count, tokens_max) * nano);
  }
  /// Whether it is as good as new: then it need not be kept.
  bool is_full(const TokenRate& rate, Instant now) {
    refill(rate, now);
    return held_ == rate.burst * nano;
  }

 private:
  static constexpr std::uint64_t nano = 1'000'000'000;

  static void check(const TokenRate& rate) {
    ASSERT(rate.burst <= tokens_max && rate.per_second <= tokens_max);
  }
  void refill(const TokenRate& rate, Instant now) {
    check(rate);
    const std::uint64_t full = rate.burst * nano;
    if (now > updated_) {
      const auto passed = static_cast<std::uint64_t>((now - updated_).count());
      // passed · rate may overflow; then the bucket is full long since.
      const bool is_long = rate.per_second != 0 && passed > full / rate.per_second;
      held_ = is_long ? full : held_ + std::min(full, passed * rate.per_second);
      updated_ = now;
    }
    held_ = std::min(held_, full);
  }

  std::uint64_t held_ = 0;  // nano-tokens
  Instant updated_;
};

}  // namespace kith::base
