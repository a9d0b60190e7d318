// For tests only: hashes of numbers, and of hexadecimal.
#pragma once

#include <algorithm>
#include <string>

#include "codec/chain.h"
#include "codec/golden_test_util.h"
#include "codec/writer.h"

namespace kith::codec {

/// SHA-256 of the number as u64, what the golden vectors of trees are made of.
inline Hash number_hash(std::uint64_t number) {
  Bytes bytes;
  Writer(bytes).u64(number);
  return crypto::sha256(bytes);
}

inline std::vector<Hash> number_hashes(std::uint64_t count) {
  std::vector<Hash> hashes;
  for (std::uint64_t i = 0; i < count; ++i) hashes.push_back(number_hash(i));
  return hashes;
}

inline Hash hash_from_hex(const std::string& hex) {
  const Bytes bytes = unhex(hex);
  Hash hash{};
  EXPECT_EQ(bytes.size(), hash.size());
  std::copy_n(bytes.begin(), std::min(bytes.size(), hash.size()), hash.begin());
  return hash;
}

}  // namespace kith::codec
