#include "codec/chain_sparse.h"

#include <algorithm>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::string_view leaf_tag = "kith/sparse-leaf/1";
constexpr std::string_view node_tag = "kith/sparse-node/1";
constexpr Hash empty{};

constexpr std::uint8_t ends_in_nothing = 0;
constexpr std::uint8_t ends_in_leaf = 1;

/// Whether the way of `key` goes right at `depth`.
bool goes_right(const Hash& key, std::size_t depth) {
  return ((key[depth / 8] >> (7 - depth % 8)) & 1) != 0;
}

bool share_way(const Hash& a, const Hash& b, std::size_t depth) {
  for (std::size_t i = 0; i < depth; ++i) {
    if (goes_right(a, i) != goes_right(b, i)) return false;
  }
  return true;
}

}  // namespace

Hash sparse_leaf(const Hash& key, const Hash& value) { return tagged_hash(leaf_tag, {key, value}); }

Hash sparse_node(const Hash& left, const Hash& right) {
  return tagged_hash(node_tag, {left, right});
}

// Which siblings are there goes ahead as bits, the first in the most significant, the unused 0.
Bytes encode_sparse_proof(const SparseProof& proof) {
  const std::size_t depth = proof.siblings.size();
  ASSERT(depth <= sparse_depth_max && (depth == 0 || proof.siblings.back() != empty));
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(proof.end ? ends_in_leaf : ends_in_nothing);
  if (proof.end) {
    writer.bytes(proof.end->key);
    writer.bytes(proof.end->value);
  }
  writer.u16(static_cast<std::uint16_t>(depth));
  Bytes there((depth + 7) / 8);
  for (std::size_t i = 0; i < depth; ++i) {
    if (proof.siblings[i] == empty) continue;
    there[i / 8] = static_cast<std::uint8_t>(there[i / 8] | 0x80u >> (i % 8));
  }
  writer.bytes(there);
  for (const Hash& sibling : proof.siblings) {
    if (sibling != empty) writer.bytes(sibling);
  }
  return bytes;
}

Result<SparseProof> decode_sparse_proof(ByteView bytes) {
  Reader reader(bytes);
  SparseProof proof;
  const std::uint8_t kind = TRY(reader.u8());
  if (kind != ends_in_nothing && kind != ends_in_leaf) {
    return fail(Code::malformed, base::format("sparse proof of kind {}", kind));
  }
  if (kind == ends_in_leaf) {
    proof.end.emplace();
    std::ranges::copy(TRY(reader.bytes(32)), proof.end->key.begin());
    std::ranges::copy(TRY(reader.bytes(32)), proof.end->value.begin());
  }
  const std::size_t depth = TRY(reader.u16());
  if (depth > sparse_depth_max) {
    return fail(Code::too_large, base::format("sparse proof of {} siblings", depth));
  }
  const ByteView there = TRY(reader.bytes((depth + 7) / 8));
  proof.siblings.resize(depth);
  for (std::size_t i = 0; i < 8 * there.size(); ++i) {
    if (((there[i / 8] >> (7 - i % 8)) & 1) == 0) continue;
    if (i >= depth) return fail(Code::malformed, "sparse proof with a sibling beyond its depth");
    std::ranges::copy(TRY(reader.bytes(32)), proof.siblings[i].begin());
    if (proof.siblings[i] == empty) {
      return fail(Code::malformed,
                  base::format("sparse proof that writes out empty sibling {}", i));
    }
  }
  TRY_VOID(reader.finish());
  if (depth > 0 && proof.siblings.back() == empty) {
    return fail(Code::malformed, "sparse proof whose last sibling is empty");
  }
  return proof;
}

Result<std::optional<Hash>> verify_sparse_proof(const Hash& root, const Hash& key,
                                                const SparseProof& proof) {
  const std::size_t depth = proof.siblings.size();
  if (depth > sparse_depth_max) {
    return fail(Code::too_large, base::format("sparse proof of {} siblings", depth));
  }
  if (proof.end && !share_way(key, proof.end->key, depth)) {
    return fail(Code::malformed, base::format("sparse proof that leaves the way of its key before "
                                              "depth {}",
                                              depth));
  }
  Hash node = proof.end ? sparse_leaf(proof.end->key, proof.end->value) : empty;
  for (std::size_t i = depth; i-- > 0;) {
    node = goes_right(key, i) ? sparse_node(proof.siblings[i], node)
                              : sparse_node(node, proof.siblings[i]);
  }
  if (node != root) return fail(Code::bad_signature, "sparse proof that leads to another root");
  if (proof.end && proof.end->key == key) return std::optional(proof.end->value);
  return std::optional<Hash>();
}

/// A leaf, or a fork with at least two leaves below it.
struct SparseTree::Node {
  Hash hash{};
  bool is_leaf = false;
  SparseEntry entry{};  // of a leaf
  Link left{};          // of a fork; one of the two may be null
  Link right{};
};

Hash SparseTree::hash_of(const Link& link) { return link ? link->hash : empty; }

SparseTree::Link SparseTree::make_leaf(const Hash& key, const Hash& value) {
  return std::make_shared<const Node>(Node{sparse_leaf(key, value), true, {key, value}, {}, {}});
}

/// Null for two nothings, and a leaf beside nothing rises.
SparseTree::Link SparseTree::make_fork(Link left, Link right) {
  if (!left && (!right || right->is_leaf)) return right;
  if (!right && left->is_leaf) return left;
  const Hash hash = sparse_node(hash_of(left), hash_of(right));
  return std::make_shared<const Node>(Node{hash, false, {}, std::move(left), std::move(right)});
}

/// Two leaves that share their way to `depth`.
SparseTree::Link SparseTree::make_split(std::size_t depth, const Link& leaf, const Link& added) {
  const bool right = goes_right(added->entry.key, depth);
  if (goes_right(leaf->entry.key, depth) != right) {
    return right ? make_fork(leaf, added) : make_fork(added, leaf);
  }
  Link below = make_split(depth + 1, leaf, added);
  return right ? make_fork({}, std::move(below)) : make_fork(std::move(below), {});
}

SparseTree::Link SparseTree::inserted(const Link& link, std::size_t depth, const Link& leaf) {
  if (!link) return leaf;
  if (link->is_leaf) {
    return link->entry.key == leaf->entry.key ? leaf : make_split(depth, link, leaf);
  }
  if (goes_right(leaf->entry.key, depth)) {
    return make_fork(link->left, inserted(link->right, depth + 1, leaf));
  }
  return make_fork(inserted(link->left, depth + 1, leaf), link->right);
}

/// The key is there.
SparseTree::Link SparseTree::erased(const Link& link, std::size_t depth, const Hash& key) {
  if (link->is_leaf) return {};
  if (goes_right(key, depth)) return make_fork(link->left, erased(link->right, depth + 1, key));
  return make_fork(erased(link->left, depth + 1, key), link->right);
}

void SparseTree::insert(const Hash& key, const Hash& value) {
  if (!find(key)) ++size_;
  top_ = inserted(top_, 0, make_leaf(key, value));
}

bool SparseTree::erase(const Hash& key) {
  if (!find(key)) return false;
  top_ = erased(top_, 0, key);
  --size_;
  return true;
}

std::optional<Hash> SparseTree::find(const Hash& key) const {
  const Node* node = top_.get();
  for (std::size_t depth = 0; node != nullptr && !node->is_leaf; ++depth) {
    node = (goes_right(key, depth) ? node->right : node->left).get();
  }
  if (node == nullptr || node->entry.key != key) return std::nullopt;
  return node->entry.value;
}

Hash SparseTree::root() const { return hash_of(top_); }

SparseProof SparseTree::prove(const Hash& key) const {
  SparseProof proof;
  const Node* node = top_.get();
  while (node != nullptr && !node->is_leaf) {
    const bool right = goes_right(key, proof.siblings.size());
    proof.siblings.push_back(hash_of(right ? node->left : node->right));
    node = (right ? node->right : node->left).get();
  }
  if (node != nullptr) proof.end = node->entry;
  return proof;
}

}  // namespace kith::codec
