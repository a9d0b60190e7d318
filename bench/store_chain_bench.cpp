// What a disk lets a chain do: appends to the log of votes, and blocks written to the state, all of
// it synced. A block is 10,000 transfers of one input and two outputs: 10,000 outputs spent (and
// indexed), 20,000 made, 20,000 leaves, 160 chunks. Items are appends, or transfers.
//
//   TMPDIR=<on the disk in question> <build>/bench/store_chain_bench
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>

#include "base/rng.h"
#include "rt/store_chain.h"
#include "rt/wal.h"

namespace kith::rt {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t transfers = 10'000;
constexpr std::size_t utxo_bytes = 64;
constexpr std::size_t spend_bytes = 41;
constexpr std::size_t chunk_bytes = 65;
constexpr std::size_t vote_bytes = 200;

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kith-bench-XXXXXX").string();
    ASSERT(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  std::string path;
};

void report(benchmark::State& state, std::vector<double> seconds) {
  std::ranges::sort(seconds);
  state.counters["p50_us"] = seconds[seconds.size() / 2] * 1e6;
  state.counters["p99_us"] = seconds[seconds.size() * 99 / 100] * 1e6;
}

// `range` votes an append.
void wal_append(benchmark::State& state) {
  const TempFolder folder;
  SeededRng rng(1);
  auto wal = Wal::open(folder.path, rng).value();
  std::vector<Bytes> records(static_cast<std::size_t>(state.range(0)), Bytes(vote_bytes, 7));
  ASSERT(wal->append(1, records));
  std::vector<double> seconds;
  for (auto _ : state) {
    const auto start = Clock::now();
    ASSERT(wal->append(1, records));
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  state.SetItemsProcessed(state.iterations());
  report(state, std::move(seconds));
}
BENCHMARK(wal_append)->Arg(1)->Arg(8)->UseRealTime();

// An outpoint: a transaction's id and a number.
Bytes outpoint(std::uint64_t number) {
  Bytes key(36);
  SeededRng(number / 2).fill(ByteSpan(key).first(32));
  key.back() = number % 2;
  return key;
}

void chain_store_block(benchmark::State& state) {
  const TempFolder folder;
  auto store = ChainStore::open(folder.path).value();
  std::uint64_t height = 0;
  std::uint64_t made = 0;
  std::uint64_t spent = 0;
  std::vector<double> seconds;
  for (auto _ : state) {
    state.PauseTiming();
    ledger::WriteBatch batch;
    batch.height = {height++};
    batch.first_leaf = made;
    batch.leaves.resize(2 * transfers);
    for (std::size_t i = 0; i < 2 * transfers; ++i) {
      batch.records.push_back({ledger::Table::utxo, outpoint(made++), Bytes(utxo_bytes, 1)});
    }
    // The oldest first; the state grows by one output a transfer.
    for (std::size_t i = 0; i < transfers && height > 1; ++i) {
      const Bytes key = outpoint(spent++);
      batch.records.push_back({ledger::Table::utxo, key, std::nullopt});
      batch.records.push_back({ledger::Table::spent, key, Bytes(spend_bytes, 2)});
    }
    for (std::uint64_t i = 0; i < 2 * transfers / 256 * 2; ++i) {
      Bytes key(8);
      SeededRng(height * 1000 + i).fill(key);
      batch.records.push_back({ledger::Table::txo_chunk, key, Bytes(chunk_bytes, 3)});
    }
    state.ResumeTiming();
    const auto start = Clock::now();
    ASSERT(store->write(batch));
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(transfers));
  report(state, std::move(seconds));
}
BENCHMARK(chain_store_block)->Unit(benchmark::kMillisecond)->UseRealTime()->MinTime(5);

}  // namespace
}  // namespace kith::rt
