// For tests only: validators whose keys are numbers, and what they sign.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "codec/chain_evidence.h"
#include "codec/chain_message.h"
#include "codec/test_hashes.h"

namespace kith::codec {

inline const Hash test_genesis = tagged_hash("kith/test-genesis", {});

/// Of the seed of 32 bytes `number`.
inline crypto::KeyPair key_of_number(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(number);
  return crypto::KeyPair::from_seed(seed);
}
inline ValidatorKey validator_key(const crypto::KeyPair& key) {
  ValidatorKey bytes{};
  std::ranges::copy(key.public_key().data, bytes.begin());
  return bytes;
}

/// Validators of numbers 1 to n with these weights, and their keys by index.
struct TestValidators {
  ValidatorSet set;
  std::vector<crypto::KeyPair> keys;

  explicit TestValidators(const std::vector<Weight>& weights) : set(make(weights)) {
    keys.reserve(weights.size());
    for (const Validator& validator : set.all()) {
      for (std::size_t i = 0; i < weights.size(); ++i) {
        crypto::KeyPair key = key_of_number(static_cast<std::uint8_t>(i + 1));
        if (validator_key(key) == validator.key) keys.push_back(std::move(key));
      }
    }
  }
  explicit TestValidators(std::size_t count) : TestValidators(std::vector<Weight>(count, 1)) {}

  Vote vote(ValidatorIndex signer, const Statement& statement) const {
    return {statement, signer, keys[signer].sign(signed_bytes(test_genesis, statement))};
  }
  Certificate certificate(const Statement& statement,
                          const std::vector<ValidatorIndex>& signers) const {
    Certificate certificate{statement, std::vector<bool>(set.size()), {}};
    for (const ValidatorIndex signer : signers) {
      certificate.signers[signer] = true;
      certificate.signatures.push_back(vote(signer, statement).signature);
    }
    return certificate;
  }

 private:
  static ValidatorSet make(const std::vector<Weight>& weights) {
    std::vector<Validator> validators;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const crypto::KeyPair key = key_of_number(static_cast<std::uint8_t>(i + 1));
      validators.push_back({validator_key(key), weights[i]});
    }
    return *ValidatorSet::make(std::move(validators));
  }
};

inline Statement notarize(Epoch epoch, std::uint64_t view, std::uint64_t parent,
                          const Hash& digest) {
  return {epoch, VoteKind::notarize, {{view}, {parent}, digest}};
}
inline Statement finalize(Epoch epoch, std::uint64_t view, std::uint64_t parent,
                          const Hash& digest) {
  return {epoch, VoteKind::finalize, {{view}, {parent}, digest}};
}
inline Statement nullify(Epoch epoch, std::uint64_t view) {
  return {epoch, VoteKind::nullify, {{view}, {}, {}}};
}

/// Bodies and justifications as the header says.
inline BlockPtr make_block(BlockHeader header, ByteView body, Justification justification) {
  header.body_hash = body_hash(body);
  header.justification_root = root_of(justification);
  return std::make_shared<const Block>(header, Buffer(body), std::move(justification));
}

inline Bytes encoded(const Block& block) {
  Bytes bytes;
  Writer writer(bytes);
  encode(writer, block);
  return bytes;
}
inline Bytes encoded(const Vote& vote) {
  Bytes bytes;
  Writer writer(bytes);
  encode(writer, vote);
  return bytes;
}

}  // namespace kith::codec
