// What the roots of a block cost beside that of the outputs (txo_tree_bench): items are entries,
// changes or proofs.
//
//   <build>/bench/commitments_bench --benchmark_min_time=1 --benchmark_repetitions=5
#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "codec/chain_mmr.h"
#include "codec/chain_sparse.h"
#include "codec/chain_txo_proof.h"

namespace kith::codec {
namespace {

constexpr std::uint64_t seed = 1;

std::vector<Hash> any_hashes(std::size_t count) {
  SeededRng rng(seed);
  std::vector<Hash> hashes(count);
  for (Hash& hash : hashes) rng.fill(hash);
  return hashes;
}

void merkle_root_of(benchmark::State& state) {
  const std::vector<Hash> list = any_hashes(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(merkle_root(list));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(merkle_root_of)->Arg(5000)->Unit(benchmark::kMicrosecond);

void mmr_append(benchmark::State& state) {
  const std::vector<Hash> list = any_hashes(1024);
  Mmr mmr;
  for (auto _ : state) {
    mmr.append(list[mmr.count() % list.size()]);
    benchmark::DoNotOptimize(mmr.root());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(mmr_append);

/// Changes values in a tree of `range` keys.
void sparse_insert(benchmark::State& state) {
  const std::vector<Hash> keys = any_hashes(static_cast<std::size_t>(state.range(0)));
  SparseTree tree;
  for (const Hash& key : keys) tree.insert(key, key);
  std::size_t next = 0;
  for (auto _ : state) {
    tree.insert(keys[next % keys.size()], keys[(next + 1) % keys.size()]);
    benchmark::DoNotOptimize(tree.root());
    ++next;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(sparse_insert)->Arg(1000)->Arg(100000);

/// A light client's look at an output among 2^27.
void txo_verify(benchmark::State& state) {
  const std::vector<Hash> hashes = any_hashes(32);
  TxoProof proof;
  proof.size = 1u << 27;
  for (std::size_t i = 0; i < proof.inside.size(); ++i) proof.inside[i] = hashes[i];
  for (std::size_t i = 0; i < txo_upper_levels(proof.size); ++i) proof.upper.push_back(hashes[i]);
  for (auto _ : state) {
    benchmark::DoNotOptimize(verify_txo_proof(hashes[30], 12345, hashes[31], proof));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(txo_verify);

}  // namespace
}  // namespace kith::codec
