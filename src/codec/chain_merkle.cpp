#include "codec/chain_merkle.h"

#include <algorithm>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::string_view leaf_tag = "kith/merkle-leaf/1";
constexpr std::string_view node_tag = "kith/merkle-node/1";
constexpr std::string_view root_tag = "kith/merkle-root/1";

/// The next level up, in place: a node without a sibling rises as it is.
void rise(std::vector<Hash>& level) {
  const std::size_t pairs = level.size() / 2;
  for (std::size_t i = 0; i < pairs; ++i) level[i] = merkle_node(level[2 * i], level[2 * i + 1]);
  if (level.size() % 2 != 0) level[pairs] = level.back();
  level.resize(pairs + level.size() % 2);
}

std::vector<Hash> leaves_of(std::span<const Hash> entries) {
  std::vector<Hash> leaves(entries.size());
  std::ranges::transform(entries, leaves.begin(), merkle_leaf);
  return leaves;
}

/// Whether the node `index` of a level of `count` has a sibling, rather than rising as it is.
bool has_sibling(std::uint64_t index, std::uint64_t count) { return (index ^ 1) < count; }

bool is_place(std::uint64_t index, std::uint64_t count) {
  return index < count && count <= merkle_count_max;
}

}  // namespace

Hash merkle_leaf(const Hash& entry) { return tagged_hash(leaf_tag, {entry}); }

Hash merkle_node(const Hash& left, const Hash& right) {
  return tagged_hash(node_tag, {left, right});
}

Hash merkle_root_of_top(std::uint64_t count, const Hash& top) {
  Bytes number;
  Writer(number).u64(count);
  if (count == 0) return tagged_hash(root_tag, {number});
  return tagged_hash(root_tag, {number, top});
}

Hash merkle_root(std::span<const Hash> entries) {
  ASSERT(entries.size() <= merkle_count_max);
  std::vector<Hash> level = leaves_of(entries);
  while (level.size() > 1) rise(level);
  return merkle_root_of_top(entries.size(), level.empty() ? Hash{} : level.front());
}

std::size_t merkle_path_length(std::uint64_t index, std::uint64_t count) {
  std::size_t length = 0;
  for (; count > 1; count = count / 2 + count % 2, index /= 2) {
    if (has_sibling(index, count)) ++length;
  }
  return length;
}

MerkleProof prove_merkle(std::span<const Hash> entries, std::uint64_t index) {
  ASSERT(is_place(index, entries.size()));
  MerkleProof proof{index, entries.size(), {}};
  std::vector<Hash> level = leaves_of(entries);
  for (; level.size() > 1; rise(level), index /= 2) {
    if (has_sibling(index, level.size())) proof.path.push_back(level[index ^ 1]);
  }
  return proof;
}

Bytes encode_merkle_proof(const MerkleProof& proof) {
  ASSERT(is_place(proof.index, proof.count));
  ASSERT(proof.path.size() == merkle_path_length(proof.index, proof.count));
  Bytes bytes;
  Writer writer(bytes);
  writer.varint(proof.index);
  writer.varint(proof.count);
  for (const Hash& hash : proof.path) writer.bytes(hash);
  return bytes;
}

Result<MerkleProof> decode_merkle_proof(ByteView bytes) {
  Reader reader(bytes);
  MerkleProof proof;
  proof.index = TRY(reader.varint());
  proof.count = TRY(reader.varint());
  if (!is_place(proof.index, proof.count)) {
    return fail(Code::malformed,
                base::format("proof of entry {} in a list of {}", proof.index, proof.count));
  }
  proof.path.resize(merkle_path_length(proof.index, proof.count));
  for (Hash& hash : proof.path) std::ranges::copy(TRY(reader.bytes(32)), hash.begin());
  TRY_VOID(reader.finish());
  return proof;
}

Result<void> verify_merkle_proof(const Hash& root, const Hash& entry, const MerkleProof& proof) {
  if (!is_place(proof.index, proof.count) ||
      proof.path.size() != merkle_path_length(proof.index, proof.count)) {
    return fail(Code::malformed, base::format("proof of entry {} in a list of {} by {} hashes",
                                              proof.index, proof.count, proof.path.size()));
  }
  Hash node = merkle_leaf(entry);
  auto sibling = proof.path.begin();
  std::uint64_t index = proof.index;
  for (std::uint64_t count = proof.count; count > 1; count = count / 2 + count % 2, index /= 2) {
    if (!has_sibling(index, count)) continue;
    node = index % 2 == 0 ? merkle_node(node, *sibling) : merkle_node(*sibling, node);
    ++sibling;
  }
  if (merkle_root_of_top(proof.count, node) == root) return {};
  return fail(Code::bad_signature, base::format("proof of entry {} in a list of {} leads to "
                                                "another root",
                                                proof.index, proof.count));
}

}  // namespace kith::codec
