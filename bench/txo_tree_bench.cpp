// The commitment to outputs under blocks of 5,000 spends and 5,500 new outputs over `range` older
// ones, three blocks above the finalized tree: items are updates (spends and appends).
//
//   <build>/bench/txo_tree_bench --benchmark_min_time=1 --benchmark_repetitions=5
#include <benchmark/benchmark.h>

#include <deque>

#include "base/rng.h"
#include "ledger/txo_tree.h"

namespace kith::ledger {
namespace {

constexpr std::uint64_t seed = 1;
constexpr std::size_t spends = 5000;
constexpr std::size_t appends = 5500;
constexpr std::size_t unfinalized = 3;

Hash any_hash(SeededRng& rng) {
  Hash hash;
  rng.fill(hash);
  return hash;
}

TxoTree tree_of(std::uint64_t size, SeededRng& rng) {
  TxoTree tree;
  while (tree.size() < size) {
    TxoView view(tree);
    for (std::uint64_t i = 0; i < (1 << 18) && view.size() < size; ++i) view.append(any_hash(rng));
    tree.apply(view.delta());
  }
  return tree;
}

void execute_block(TxoView& view, std::uint64_t old_size, SeededRng& rng,
                   const std::vector<Hash>& leaves) {
  for (std::size_t done = 0; done < spends;) {
    Bytes choice(8);
    rng.fill(choice);
    std::uint64_t index = 0;
    for (const std::uint8_t byte : choice) index = index << 8 | byte;
    if (view.spend(index % old_size)) ++done;
  }
  for (const Hash& leaf : leaves) view.append(leaf);
  benchmark::DoNotOptimize(view.root());
}

/// A chain of blocks, each finalized when it is three deep.
void txo_blocks(benchmark::State& state) {
  SeededRng rng(seed);
  const auto size = static_cast<std::uint64_t>(state.range(0));
  TxoTree tree = tree_of(size, rng);
  std::vector<Hash> leaves(appends);
  for (Hash& leaf : leaves) leaf = any_hash(rng);
  std::deque<std::shared_ptr<TxoView>> chain;
  for (auto _ : state) {
    chain.push_back(chain.empty() ? std::make_shared<TxoView>(tree)
                                  : std::make_shared<TxoView>(chain.back()));
    execute_block(*chain.back(), size, rng, leaves);
    if (chain.size() > unfinalized) {
      tree.apply(chain.front()->delta());
      chain[1]->rebase();
      chain.pop_front();
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(spends + appends));
  state.counters["bytes_an_output"] =
      static_cast<double>(tree.memory_bytes()) / static_cast<double>(tree.size());
  state.counters["view_bytes"] = static_cast<double>(chain.back()->memory_bytes());
}
// 2^22 outputs bear 200 blocks before most of them are spent and looking for one takes the time.
BENCHMARK(txo_blocks)->Arg(1 << 18)->Arg(1 << 22)->Iterations(40)->Unit(benchmark::kMillisecond);

/// What a restart rebuilds.
void txo_decode(benchmark::State& state) {
  SeededRng rng(seed);
  const Bytes bytes = tree_of(static_cast<std::uint64_t>(state.range(0)), rng).encode();
  for (auto _ : state) benchmark::DoNotOptimize(TxoTree::decode(bytes));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(txo_decode)->Arg(1 << 22)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kith::ledger
