// The output tree that a restart reads: damaged bytes are refused or are a state that encodes to
// them and can go on.
#include <cstdint>

#include "ledger/txo_tree.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  auto tree = ledger::TxoTree::decode(bytes);
  if (!tree) return 0;
  ASSERT(base::equal(tree->encode(), bytes));
  ledger::TxoView view(*tree);
  const std::uint64_t index = view.append(crypto::sha256(bytes));
  for (std::uint64_t i = 0; i < tree->size(); ++i) {
    ASSERT(view.spend(i).has_value() == tree->is_unspent(i));
  }
  tree->apply(view.delta());
  ASSERT(tree->is_unspent(index));
  ASSERT(index == 0 || !tree->is_unspent(0));
  return 0;
}
