// A running 64-bit hash of everything that happens in a world: two runs with one seed must agree
// on it, and the first event where they part shows where determinism was lost. Multiply-and-fold
// as in wyhash; fast (a payload costs ~0.1 ns a byte) and not cryptographic.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace kith::sim {

__extension__ using Uint128 = unsigned __int128;

/// Both halves of the product of `a` and `b`, folded.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const Uint128 product = static_cast<Uint128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline constexpr std::uint64_t hash_key_0 = 0x9e3779b97f4a7c15ULL;
inline constexpr std::uint64_t hash_key_1 = 0xd6e8feb86659fd93ULL;

/// One word out of two: for seeds of children and for shuffles that need no generator.
inline std::uint64_t mix_words(std::uint64_t a, std::uint64_t b) {
  return fold(fold(a ^ hash_key_0, b ^ hash_key_1) ^ hash_key_0, hash_key_1);
}

inline std::uint64_t hash_bytes(ByteView bytes) {
  const auto word = [&bytes](std::size_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  std::uint64_t even = hash_key_0 ^ bytes.size();
  std::uint64_t odd = hash_key_1;
  std::size_t at = 0;
  // Two independent chains keep the multiplier busy.
  for (; bytes.size() - at >= 32; at += 32) {
    even = fold(word(at) ^ hash_key_1, word(at + 8) ^ even);
    odd = fold(word(at + 16) ^ hash_key_0, word(at + 24) ^ odd);
  }
  for (; bytes.size() - at >= 8; at += 8) even = fold(word(at) ^ hash_key_1, even ^ hash_key_0);
  if (at < bytes.size()) {
    std::uint64_t last = 0;
    std::memcpy(&last, bytes.data() + at, bytes.size() - at);
    odd = fold(last ^ hash_key_0, odd ^ hash_key_1);
  }
  return fold(even ^ hash_key_1, odd ^ hash_key_0);
}

class TraceHash {
 public:
  explicit TraceHash(std::uint64_t seed) : value_(mix_words(seed, 0)) {}
  void add(std::uint64_t a, std::uint64_t b) { value_ = fold(value_ ^ a, b ^ hash_key_1) + a; }
  void add(ByteView bytes) { add(hash_bytes(bytes), bytes.size()); }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_;
};

}  // namespace kith::sim
