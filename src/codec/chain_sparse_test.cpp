#include "codec/chain_sparse.h"

#include <rapidcheck.h>

#include <map>

#include "codec/test_hashes.h"

namespace kith::codec {
namespace {

using Content = std::map<Hash, Hash>;

SparseTree tree_of(const Content& content) {
  SparseTree tree;
  for (const auto& [key, value] : content) tree.insert(key, value);
  return tree;
}

Hash near_key(std::uint8_t last) {
  Hash key{};
  key.back() = last;
  return key;
}

/// The definition itself: content whose keys agree in the first `depth` bits.
Hash naive_root(const Content& content, std::size_t depth = 0) {
  if (content.empty()) return {};
  if (content.size() == 1) return sparse_leaf(content.begin()->first, content.begin()->second);
  Content left;
  Content right;
  for (const auto& [key, value] : content) {
    ((key[depth / 8] >> (7 - depth % 8)) % 2 == 0 ? left : right).emplace(key, value);
  }
  return sparse_node(naive_root(left, depth + 1), naive_root(right, depth + 1));
}

TEST(ChainSparse, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("sparse.txt")) {
    SCOPED_TRACE(line[0] + " " + line[2]);
    const bool near = line[0] == "near";
    const std::uint64_t count = near ? 2 : std::stoull(line[0]);
    const auto key = [near](std::uint64_t i) {
      return near ? near_key(static_cast<std::uint8_t>(i)) : number_hash(i);
    };
    SparseTree tree;
    for (std::uint64_t i = 0; i < count; ++i) tree.insert(key(i), number_hash(1000 + i));
    EXPECT_EQ(base::to_hex(tree.root()), line[1]);
    const std::uint64_t asked = std::stoull(line[2]);
    const SparseProof proof = tree.prove(key(asked));
    EXPECT_EQ(base::to_hex(encode_sparse_proof(proof)), line[3]);
    EXPECT_EQ(decode_sparse_proof(unhex(line[3])).value(), proof);
    const auto value = verify_sparse_proof(tree.root(), key(asked), proof);
    ASSERT_TRUE(value);
    EXPECT_EQ(value->has_value(), asked < count);
    if (*value) {
      EXPECT_EQ(**value, number_hash(1000 + asked));
    }
  }
}

/// Keys that share long ways as well as hashes.
rc::Gen<Hash> any_key() {
  return rc::gen::map(rc::gen::pair(rc::gen::inRange(0, 2), rc::gen::inRange(0, 24)), [](auto of) {
    return of.first == 0 ? number_hash(static_cast<std::uint64_t>(of.second))
                         : near_key(static_cast<std::uint8_t>(of.second));
  });
}

void expect_proofs(const SparseTree& tree, const Content& content) {
  const auto key = *any_key();
  const auto proof = decode_sparse_proof(encode_sparse_proof(tree.prove(key)));
  RC_ASSERT(proof.has_value());
  const auto value = verify_sparse_proof(tree.root(), key, *proof);
  RC_ASSERT(value.has_value());
  const auto there = content.find(key);
  RC_ASSERT(value->has_value() == (there != content.end()));
  if (*value) RC_ASSERT(**value == there->second);
  // The same proof for another key is good only if it says the truth of that one.
  const auto other = *any_key();
  if (const auto said = verify_sparse_proof(tree.root(), other, *proof)) {
    RC_ASSERT(*said == tree.find(other));
  }
}

TEST(ChainSparse, IsTheModelAndSnapshotsStay) {
  EXPECT_TRUE(rc::check([] {
    SparseTree tree;
    Content content;
    std::vector<std::pair<SparseTree, Content>> snapshots;
    for (int step = *rc::gen::inRange(0, 40); step > 0; --step) {
      const Hash key = *any_key();
      if (*rc::gen::inRange(0, 3) == 0) {
        RC_ASSERT(tree.erase(key) == (content.erase(key) == 1));
      } else {
        const Hash value = number_hash(*rc::gen::inRange<std::uint64_t>(0, 5));
        tree.insert(key, value);
        content[key] = value;
      }
      snapshots.emplace_back(tree, content);
    }
    for (const auto& [old_tree, old_content] : snapshots) {
      RC_ASSERT(old_tree.size() == old_content.size());
      RC_ASSERT(old_tree.root() == naive_root(old_content));
      for (const auto& [key, value] : old_content) RC_ASSERT(old_tree.find(key) == value);
      expect_proofs(old_tree, old_content);
    }
  }));
}

TEST(ChainSparse, EveryBitOfAProofCounts) {
  Content content;
  for (std::uint64_t i = 0; i < 50; ++i) content[number_hash(i)] = number_hash(1000 + i);
  content[near_key(0)] = content[near_key(1)] = number_hash(1);
  const SparseTree tree = tree_of(content);
  for (const Hash& key : {number_hash(7), number_hash(51), near_key(1), near_key(2)}) {
    const Bytes good = encode_sparse_proof(tree.prove(key));
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (const std::uint8_t flip : std::initializer_list<std::uint8_t>{0x01, 0x80}) {
        Bytes bad = good;
        bad[i] ^= flip;
        const auto proof = decode_sparse_proof(bad);
        EXPECT_FALSE(proof && verify_sparse_proof(tree.root(), key, *proof)) << i;
      }
      EXPECT_FALSE(decode_sparse_proof(ByteView(good).first(i))) << i;
    }
  }
}

// Even where whoever made the root put a leaf beside its way.
TEST(ChainSparse, ALeafElsewhereProvesNothing) {
  Hash key{};
  key.front() = 0x80;
  const Hash other = near_key(1);
  const SparseProof proof{SparseEntry{other, number_hash(1)}, {number_hash(2)}};
  const Hash root = sparse_node(number_hash(2), sparse_leaf(other, number_hash(1)));
  EXPECT_EQ(verify_sparse_proof(root, key, proof).error().code, Code::malformed);
  EXPECT_FALSE(verify_sparse_proof(root, other, proof));
}

TEST(ChainSparse, PathsAreShort) {
  SparseTree tree;
  for (std::uint64_t i = 0; i < 4096; ++i) tree.insert(number_hash(i), number_hash(i));
  std::size_t sum = 0;
  for (std::uint64_t i = 0; i < 4096; ++i) sum += tree.prove(number_hash(i)).siblings.size();
  EXPECT_LT(sum / 4096, 12u + 3u);
}

TEST(ChainSparse, HasOneEncodingAndLimits) {
  const SparseTree tree = tree_of({{near_key(0), near_key(1)}, {near_key(1), near_key(1)}});
  const SparseProof deepest = tree.prove(near_key(1));
  EXPECT_EQ(deepest.siblings.size(), sparse_depth_max);
  const Bytes good = encode_sparse_proof(deepest);
  EXPECT_EQ(good.size(), 1u + 64 + 2 + 32 + 32);
  EXPECT_TRUE(decode_sparse_proof(good));
  SparseProof full = deepest;
  for (Hash& sibling : full.siblings) sibling = near_key(9);
  EXPECT_EQ(encode_sparse_proof(full).size(), sparse_proof_bytes_max);
  const std::size_t mask = 1 + 64 + 2;
  const auto refused = [](const Bytes& bytes) {
    const auto proof = decode_sparse_proof(bytes);
    EXPECT_FALSE(proof);
    return proof ? Code::internal : proof.error().code;
  };
  Bytes kind = good;
  kind[0] = 2;
  EXPECT_EQ(refused(kind), Code::malformed);
  Bytes deeper = good;
  deeper[mask - 1] = 1;  // 257
  EXPECT_EQ(refused(deeper), Code::too_large);
  Bytes spelt_out = good;  // an empty sibling, written
  spelt_out[mask] = 0x80;
  spelt_out.insert(spelt_out.begin() + mask + 32, 32, 0);
  EXPECT_EQ(refused(spelt_out), Code::malformed);
  Bytes open_end = good;  // the last sibling is left out
  open_end[mask + 31] = 0;
  open_end.resize(open_end.size() - 32);
  EXPECT_EQ(refused(open_end), Code::malformed);
  const Bytes beyond = {0, 0, 1, 0x40};  // of depth 1, with a second sibling
  EXPECT_EQ(refused(beyond), Code::malformed);
  SparseProof unencoded;
  unencoded.siblings.resize(sparse_depth_max + 1);
  EXPECT_EQ(verify_sparse_proof({}, {}, unencoded).error().code, Code::too_large);
}

TEST(ChainSparse, AnyBytesDecodeToThemselvesOrNotAtAll) {
  EXPECT_TRUE(
      rc::check([](const std::vector<std::uint8_t>& noise, std::uint8_t at, std::uint8_t flip) {
        (void)decode_sparse_proof(noise);
        Content content;
        for (std::uint64_t i = 0; i < 20; ++i) content[number_hash(i)] = number_hash(i);
        Bytes bytes = encode_sparse_proof(tree_of(content).prove(number_hash(at)));
        bytes[at % bytes.size()] ^= flip;
        if (const auto proof = decode_sparse_proof(bytes)) {
          RC_ASSERT(encode_sparse_proof(*proof) == bytes);
        }
      }));
}

}  // namespace
}  // namespace kith::codec
