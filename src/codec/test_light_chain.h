// For tests, benchmarks and vectors: a chain as a light client sees it, headers and certificates
// over whatever epochs, made by whoever holds the validators' keys. A validator is a number, its
// key's seed.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "codec/chain_mmr.h"
#include "codec/chain_proof_check.h"
#include "codec/writer.h"

namespace kith::codec {

inline const crypto::KeyPair& test_key(std::uint32_t number) {
  static std::map<std::uint32_t, crypto::KeyPair> keys;
  const auto found = keys.find(number);
  if (found != keys.end()) return found->second;
  Bytes seed;
  for (int i = 0; i < 8; ++i) Writer(seed).u32(number);
  return keys
      .emplace(number, crypto::KeyPair::from_seed(
                           std::span<const std::uint8_t, 32>(seed.data(), seed.size())))
      .first->second;
}
inline ValidatorKey test_public_key(std::uint32_t number) {
  ValidatorKey key{};
  std::ranges::copy(test_key(number).public_key().data, key.begin());
  return key;
}

class LightTestChain {
 public:
  using Numbers = std::vector<std::uint32_t>;
  struct Shape {
    Numbers first;                                              // validators of epoch 0
    std::function<Numbers(std::uint64_t epoch)> of_epoch = {};  // of later ones; empty: the first
    std::uint32_t epoch_blocks = 4;
    std::uint32_t unbonding_epochs = 3;
    std::uint32_t interval_ms = 60'000;
    std::string network = "light-test";
    std::uint8_t salt = 0;  // another one: other blocks of the same genesis
    std::uint64_t salt_from = 1;
    bool has_entries = false;  // beside validators: one of a job, which each epoch changes
  };
  static constexpr std::uint64_t job = 7;
  static constexpr std::uint64_t genesis_ms = 1'800'000'000'000;
  static constexpr std::uint64_t spent_from = 3;  // output 0 is spent in this block

  explicit LightTestChain(Shape shape) : shape_(std::move(shape)) {
    ChainParams& params = genesis_.params;
    params.epoch_blocks = shape_.epoch_blocks;
    params.unbonding_epochs = shape_.unbonding_epochs;
    params.block_interval_ms = shape_.interval_ms;
    genesis_.network = shape_.network;
    genesis_.time_ms = genesis_ms;
    for (std::uint64_t i = 0; i < 3; ++i) {
      genesis_.outputs.push_back({0, 0, (i + 1) * units_per_coin, lock(i)});
    }
    for (const std::uint32_t number : shape_.first) {
      genesis_.validators.push_back({test_public_key(number), lock(number), params.min_stake});
    }
    std::ranges::sort(genesis_.validators, {}, &GenesisValidator::key);
    genesis_hash_ = codec::genesis_hash(genesis_);
    params_hash_ = codec::params_hash(params);
    digests_.push_back(genesis_hash_);
    headers_.emplace_back();
    history_.append(genesis_hash_);
  }

  const Genesis& genesis() const { return genesis_; }
  const Hash& genesis_hash() const { return genesis_hash_; }
  std::uint64_t epoch_of(std::uint64_t height) const { return (height - 1) / shape_.epoch_blocks; }
  const BlockHeader& header(std::uint64_t height) const { return headers_[height]; }
  const Hash& digest(std::uint64_t height) const { return digests_[height]; }
  std::uint64_t height() const { return headers_.size() - 1; }

  Numbers numbers(std::uint64_t epoch) const {
    return epoch == 0 || !shape_.of_epoch ? shape_.first : shape_.of_epoch(epoch);
  }
  ValidatorSet set(std::uint64_t epoch) const {
    std::vector<Validator> validators;
    const auto weight = genesis_.params.min_stake / units_per_coin;
    for (const std::uint32_t each : numbers(epoch)) {
      validators.push_back({test_public_key(each), weight});
    }
    return *ValidatorSet::make(std::move(validators));
  }

  void grow(std::uint64_t to) {
    while (height() < to) add();
  }

  /// Signed by the first `signers` of the epoch's numbers; 0: as many as a quorum needs.
  FinalityProof finality(std::uint64_t height, std::size_t signers = 0) const {
    const std::uint64_t epoch = epoch_of(height);
    return finality_by(headers_[height], numbers(epoch), set(epoch), signers);
  }
  FinalityProof finality_by(BlockHeader header, const Numbers& numbers, const ValidatorSet& set,
                            std::size_t signers = 0) const {
    header.validators_root = set.root();
    Certificate by;
    by.statement = {header.epoch,
                    VoteKind::finalize,
                    {header.view, {header.view.value - 1}, digest_of(header)}};
    by.signers.resize(set.size());
    const Bytes message = signed_bytes(genesis_hash_, by.statement);
    const std::size_t quorum = signers > 0 ? signers : numbers.size() * 2 / 3 + 1;
    std::map<ValidatorIndex, crypto::Signature> signatures;
    for (std::size_t i = 0; i < std::min(quorum, numbers.size()); ++i) {
      const auto index = set.index_of(test_public_key(numbers[i]));
      if (index) signatures[*index] = test_key(numbers[i]).sign(message);
    }
    for (const auto& [index, signature] : signatures) {
      by.signers[index] = true;
      by.signatures.push_back(signature);
    }
    return finality_proof_of(header, by);
  }

  /// From the validators of `from`: the last block of their epoch.
  EpochStep step(std::uint64_t from) const {
    return {finality((from + 1) * shape_.epoch_blocks), set_change_of(set(from), set(from + 1))};
  }
  EpochStep skip(std::uint64_t from, std::uint64_t height) const {
    return {finality(height), set_change_of(set(from), set(epoch_of(height)))};
  }
  BlockClaim block_claim(std::uint64_t height, std::uint64_t under) const {
    const std::vector<Hash> before(digests_.begin(),
                                   digests_.begin() + static_cast<std::ptrdiff_t>(under));
    return {headers_[height], prove_merkle(before, height)};
  }
  /// Each block has one transaction, of its height.
  Transaction transaction(std::uint64_t height) const {
    Transaction tx;
    tx.expiry = height;
    tx.inputs.push_back({{genesis_hash_, static_cast<std::uint32_t>(height)}, 0});
    tx.outputs.push_back({0, 0, height * units_per_coin, lock(height)});
    TxWitness witness;
    witness.key = test_public_key(7);
    tx.witnesses.push_back(witness);
    return tx;
  }
  TxClaim tx_claim(std::uint64_t height, std::uint64_t under) const {
    TxClaim claim;
    if (height != under) claim.block = block_claim(height, under);
    claim.tx = transaction(height);
    claim.place = prove_merkle(std::vector<Hash>{wtxid_of(claim.tx)}, 0);
    return claim;
  }
  OutputClaim output_claim(std::uint32_t index, std::uint64_t height) const {
    OutputClaim claim;
    claim.outpoint = {genesis_hash_, index};
    claim.utxo = {index, genesis_.outputs[index], {0}};
    claim.proof.size = genesis_.outputs.size();
    claim.proof.bitmap = bitmap(height);
    std::vector<Hash> level = leaves();
    std::size_t at = index;
    for (std::size_t i = 0; i < txo_chunk_levels; ++i) {
      if (level.size() % 2 != 0) level.push_back(txo_absent_leaves(i));
      claim.proof.inside[i] = level[at ^ 1U];
      std::vector<Hash> above;
      for (std::size_t j = 0; j < level.size(); j += 2) {
        above.push_back(txo_leaf_node(level[j], level[j + 1]));
      }
      level = std::move(above);
      at /= 2;
    }
    return claim;
  }
  ValidatorClaim validator_claim(std::uint32_t number, std::uint64_t height) const {
    ValidatorClaim claim;
    claim.key = test_public_key(number);
    claim.proof = registry(height).prove(registry_key(claim.key));
    const auto there = numbers(epoch_of(height));
    if (std::ranges::count(there, number) > 0) claim.entry = entry(number);
    return claim;
  }
  /// Of the job of this number; there is only the one.
  EntryClaim job_claim(std::uint64_t number, std::uint64_t height) const {
    EntryClaim claim;
    claim.kind = EntryKind::job;
    claim.id = id_of(number);
    claim.proof = registry(height).prove(entry_key(claim.kind, claim.id));
    if (shape_.has_entries && number == job) claim.entry = job_entry(height);
    return claim;
  }
  CheckpointStart checkpoint(std::uint64_t height) const {
    return {headers_[height], genesis_.params, set(epoch_of(height)).all()};
  }

 private:
  static Hash lock(std::uint64_t number) {
    Bytes bytes;
    Writer(bytes).u64(number);
    return crypto::sha256(bytes);
  }
  static Bytes id_of(std::uint64_t number) {
    Bytes id;
    Writer(id).u64(number);
    return id;
  }
  /// Any bytes: whoever asks knows how to read them.
  Bytes job_entry(std::uint64_t height) const {
    Bytes entry{1};
    Writer(entry).u64(epoch_of(height));
    return entry;
  }
  ValidatorEntry entry(std::uint32_t number) const {
    ValidatorEntry entry;
    entry.key = test_public_key(number);
    entry.owner = lock(number);
    entry.stake = genesis_.params.min_stake;
    entry.weight = entry.stake / units_per_coin;
    return entry;
  }
  SparseTree registry(std::uint64_t height) const {
    SparseTree tree;
    for (const std::uint32_t number : numbers(epoch_of(height))) {
      tree.insert(registry_key(test_public_key(number)), validator_hash(entry(number)));
    }
    if (shape_.has_entries) {
      tree.insert(entry_key(EntryKind::job, id_of(job)),
                  entry_hash(EntryKind::job, job_entry(height)));
    }
    return tree;
  }
  std::vector<Hash> leaves() const {
    std::vector<Hash> all;
    for (std::uint32_t i = 0; i < genesis_.outputs.size(); ++i) {
      all.push_back(txo_leaf({genesis_hash_, i}, {i, genesis_.outputs[i], {0}}));
    }
    return all;
  }
  TxoBitmap bitmap(std::uint64_t height) const {
    TxoBitmap bits{};
    for (std::size_t i = 0; i < genesis_.outputs.size(); ++i) {
      set_bit(bits, i, i > 0 || height < spent_from);
    }
    return bits;
  }

  void add() {
    const std::uint64_t at = headers_.size();
    const std::uint64_t epoch = epoch_of(at);
    BlockHeader header;
    header.height = {at};
    header.epoch = {epoch};
    header.view = {(at - 1) % shape_.epoch_blocks + 1};
    header.parent = digests_.back();
    const std::uint64_t interval = shape_.interval_ms > 0 ? shape_.interval_ms : 1'000;
    header.time = {static_cast<std::int64_t>(genesis_ms + at * interval)};
    if (at >= shape_.salt_from) header.body_hash[0] = shape_.salt;
    if (epoch != cached_epoch_ || at == 1) {
      cached_epoch_ = epoch;
      root_ = set(epoch).root();
      registry_root_ = registry(at).root();
    }
    header.validators_root = root_;
    if (at % shape_.epoch_blocks == 0) header.next_validators_root = set(epoch + 1).root();
    header.params_hash = params_hash_;
    header.tx_root = merkle_root(std::vector<Hash>{wtxid_of(transaction(at))});
    header.utxo_root =
        txo_root(genesis_.outputs.size(), txo_chunk_node(txo_leaf_root(leaves()), bitmap(at)));
    header.registry_root = registry_root_;
    header.history_root = history_.root();
    headers_.push_back(header);
    digests_.push_back(digest_of(header));
    history_.append(digests_.back());
  }

  const Shape shape_;
  Genesis genesis_;
  Hash genesis_hash_{};
  Hash params_hash_{};
  std::vector<BlockHeader> headers_;
  std::vector<Hash> digests_;
  Mmr history_;
  std::uint64_t cached_epoch_ = 0;
  Hash root_{};
  Hash registry_root_{};
};

}  // namespace kith::codec
