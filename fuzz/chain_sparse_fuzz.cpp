// Sparse Merkle trees: a proof that decodes encodes to the same bytes; and the bytes as changes of
// a tree, which a map follows, with proofs that say what the map says.
#include <cstdint>
#include <map>

#include "codec/chain_sparse.h"
#include "input.h"

namespace {

using namespace kith;

/// Two bytes at the ends of a key, so that ways part early and late.
codec::Hash key_of(fuzz::Input& input) {
  codec::Hash key{};
  key.front() = input.byte();
  key.back() = input.byte();
  return key;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes{data, size};
  if (const auto proof = codec::decode_sparse_proof(bytes)) {
    ASSERT(bytes.size() <= codec::sparse_proof_bytes_max);
    ASSERT(base::equal(codec::encode_sparse_proof(*proof), bytes));
    const codec::Hash hash = crypto::sha256(bytes);
    ASSERT(!codec::verify_sparse_proof(hash, proof->end ? proof->end->key : hash, *proof));
  }
  fuzz::Input input{bytes};
  codec::SparseTree tree;
  std::map<codec::Hash, codec::Hash> content;
  while (!input.rest.empty()) {
    const codec::Hash key = key_of(input);
    const std::uint8_t choice = input.byte();
    if (choice % 4 == 0) {
      ASSERT(tree.erase(key) == (content.erase(key) == 1));
    } else {
      content[key].fill(choice);
      tree.insert(key, content[key]);
    }
    ASSERT(tree.size() == content.size());
  }
  codec::SparseTree rebuilt;
  for (const auto& [key, value] : content) rebuilt.insert(key, value);
  ASSERT(rebuilt.root() == tree.root());
  input.rest = bytes;
  while (!input.rest.empty()) {
    const codec::Hash key = key_of(input);
    const auto said = codec::verify_sparse_proof(tree.root(), key, tree.prove(key));
    const auto there = content.find(key);
    ASSERT(said && said->has_value() == (there != content.end()));
    ASSERT(!*said || **said == there->second);
  }
  return 0;
}
