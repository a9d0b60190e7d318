// Blocks of 10,000 transfers of one input and two outputs each, executed on a state of `range`
// outputs: with signatures that were verified before (items are transactions a second on one core),
// and verified on the way. Then an empty block with and without a proof, a body decoded, the batch
// of a block made, and the same transfers into a mempool of 50,000 others, out of it best first,
// and out of it by a final block.
//
//   <build>/bench/ledger_bench --benchmark_min_time=2 --benchmark_repetitions=5
#include <benchmark/benchmark.h>

#include "codec/chain_beacon.h"
#include "ledger/execute.h"
#include "ledger/memory_store.h"
#include "ledger/mempool.h"
#include "ledger/state_tree.h"

namespace kith::ledger {
namespace {

constexpr std::size_t transfers = 10'000;
constexpr Amount value = 10 * codec::units_per_coin;
constexpr Amount fee = 1'000;

Hash id_of(std::uint64_t number) {
  Hash id{};
  for (std::size_t i = 0; i < 8; ++i) id[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

crypto::KeyPair pair_of(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = number;
  return crypto::KeyPair::from_seed(seed);
}

ChainKey key_of(const crypto::KeyPair& pair) {
  ChainKey key;
  std::ranges::copy(pair.public_key().data, key.begin());
  return key;
}

/// A chain whose genesis has many outputs of one key, and a block that spends 10,000 of them.
struct Chain {
  explicit Chain(std::size_t outputs) : payer(pair_of(1)), key(key_of(payer)) {
    codec::Genesis genesis;
    genesis.network = "bench";
    genesis.params.block_bytes_max = 8 * 1024 * 1024;
    genesis.outputs.assign(outputs, {0, 0, value, codec::lock_of(key)});
    genesis.validators.push_back({key_of(pair_of(2)), {}, 1'000 * codec::units_per_coin});
    rules = {genesis.params, codec::genesis_hash(genesis), {}};
    store.write(make_genesis_state(genesis).batch);
    // The outputs that are spent were paid a moment ago, so that the cache has them.
    tree = StateTree::open(store, id_of(0), {outputs, 42}).value();
    for (std::size_t i = 0; i < transfers; ++i) {
      codec::Transaction tx;
      tx.fee = fee;
      tx.inputs = {{{rules.genesis, static_cast<std::uint32_t>(i)}, 0}};
      tx.outputs = {{0, 0, value / 2, id_of(i)}, {0, 0, value / 2 - fee, codec::lock_of(key)}};
      tx.witnesses = {{codec::witness_ed25519, key, {}}};
      codec::sign(tx, payer, rules.genesis);
      if (!tree->tip()->find(tx.inputs[0].from).value()) std::abort();
      body.transactions.push_back(codec::seal(std::move(tx)));
    }
    context.height = Height{1};
    context.proposer = genesis.validators[0].key;
  }

  Executed execute_block(const std::vector<bool>& verified) {
    return execute(rules, tree->tip(), context, body, verified).value();
  }

  crypto::KeyPair payer;
  ChainKey key;
  Rules rules;
  MemoryStore store;
  std::unique_ptr<StateTree> tree;
  codec::BlockBody body;
  BlockContext context;
};

void count_transfers(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(transfers));
}

void execute_verified(benchmark::State& state) {
  Chain chain(static_cast<std::size_t>(state.range(0)));
  const std::vector<bool> verified(transfers, true);
  for (auto _ : state) benchmark::DoNotOptimize(chain.execute_block(verified));
  count_transfers(state);
}
BENCHMARK(execute_verified)->Arg(10'000)->Arg(60'000)->Unit(benchmark::kMillisecond);

void execute_and_verify(benchmark::State& state) {
  Chain chain(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(chain.execute_block({}));
  count_transfers(state);
}
BENCHMARK(execute_and_verify)->Arg(10'000)->Unit(benchmark::kMillisecond);

/// A block with nothing in it: on a chain that computes it has its proposer's proof.
void execute_empty(benchmark::State& state, bool computes) {
  Chain chain(transfers);
  chain.body.transactions.clear();
  if (computes) {
    chain.rules.params.compute.emplace();
    chain.body.proof = crypto::vrf_prove(
        pair_of(2), codec::beacon_input(chain.rules.genesis, chain.context.height));
  }
  for (auto _ : state) benchmark::DoNotOptimize(chain.execute_block({}));
}
BENCHMARK_CAPTURE(execute_empty, plain, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(execute_empty, computing, true)->Unit(benchmark::kMicrosecond);

void decode_bodies(benchmark::State& state) {
  const Chain chain(10'000);
  const Bytes bytes = encode_body(chain.body);
  for (auto _ : state) {
    benchmark::DoNotOptimize(codec::decode_body(bytes, bytes.size()).value());
  }
  count_transfers(state);
}
BENCHMARK(decode_bodies)->Unit(benchmark::kMillisecond);

/// What finality costs: the batch as bytes, without writing it.
void make_batch(benchmark::State& state) {
  Chain chain(10'000);
  const Executed executed = chain.execute_block(std::vector<bool>(transfers, true));
  chain.tree->add(id_of(1), executed.state);
  for (auto _ : state) benchmark::DoNotOptimize(chain.tree->batch_of(id_of(1)));
  count_transfers(state);
}
BENCHMARK(make_batch)->Unit(benchmark::kMillisecond);

/// Transfers of outputs that the block does not spend wait already.
Mempool full_mempool(const Chain& chain, std::size_t others) {
  MempoolConfig config;
  config.count_max = others + transfers;
  config.bytes_max = std::size_t{1} << 30;
  Mempool pool(config);
  for (std::size_t i = 0; i < others; ++i) {
    codec::Transaction tx;
    tx.fee = fee + i % 997;
    tx.inputs = {{{chain.rules.genesis, static_cast<std::uint32_t>(transfers + i)}, 0}};
    tx.outputs = {{0, 0, value - tx.fee, id_of(i)}};
    tx.witnesses = {{codec::witness_ed25519, chain.key, {}}};  // nobody looks at the signature
    pool.add(codec::seal(std::move(tx)), {}, {0}, chain.rules, *chain.tree->tip());
  }
  if (pool.size() != others) std::abort();
  return pool;
}

void mempool_add(benchmark::State& state) {
  constexpr std::size_t others = 50'000;
  Chain chain(transfers + others);
  const Mempool full = full_mempool(chain, others);
  for (auto _ : state) {
    state.PauseTiming();
    Mempool pool = full;
    state.ResumeTiming();
    for (const codec::TxPtr& tx : chain.body.transactions) {
      pool.add(tx, {}, {0}, chain.rules, *chain.tree->tip());
    }
    state.PauseTiming();
    if (pool.size() != others + transfers) state.SkipWithError("not all accepted");
    state.ResumeTiming();
  }
  count_transfers(state);
}
BENCHMARK(mempool_add)->Unit(benchmark::kMillisecond);

void mempool_walk(benchmark::State& state) {
  constexpr std::size_t others = 50'000;
  Chain chain(transfers + others);
  const Mempool pool = full_mempool(chain, others);
  for (auto _ : state) {
    Mempool::Walk walk(pool, *chain.tree->tip());
    for (std::size_t i = 0; i < transfers; ++i) benchmark::DoNotOptimize(walk.next());
  }
  count_transfers(state);
}
BENCHMARK(mempool_walk)->Unit(benchmark::kMillisecond);

void mempool_final(benchmark::State& state) {
  constexpr std::size_t others = 50'000;
  Chain chain(transfers + others);
  Mempool full = full_mempool(chain, others);
  for (const codec::TxPtr& tx : chain.body.transactions) {
    full.add(tx, {}, {0}, chain.rules, *chain.tree->tip());
  }
  for (auto _ : state) {
    state.PauseTiming();
    Mempool pool = full;
    state.ResumeTiming();
    pool.on_final(chain.body.transactions, {0}, chain.rules, *chain.tree->tip());
    if (pool.size() != others) state.SkipWithError("not all included");
  }
  count_transfers(state);
}
BENCHMARK(mempool_final)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kith::ledger
