// A snapshot of many outputs: made from a store on disk, then checked and imported into another
// one, part by part, as a joining node does behind its sockets (bytes are read from the maker's
// files; no network). Figures of one run: seconds, MB/s, resident memory.
//
//   snapshot_bench --benchmark_filter=/1000000   # a quick one
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "codec/writer.h"
#include "ledger/state.h"
#include "node/snapshot_jobs.h"
#include "node/snapshot_make.h"
#include "rt/store_chain.h"

namespace {

using namespace kith;
using namespace kith::node;

class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

double resident_mb() {
  std::ifstream in("/proc/self/statm");
  double size = 0;
  double resident = 0;
  in >> size >> resident;
  return resident * 4096 / 1e6;
}

Bytes key_of(std::uint64_t number) {
  Bytes key;
  codec::Writer(key).u64(number);
  return key;
}

/// `count` outputs, one in eight of the first half spent; the header that commits to them.
codec::BlockHeader fill(rt::ChainStore& store, std::uint64_t count) {
  ledger::Supply supply;
  ledger::TxoFrontier frontier;
  constexpr std::uint64_t a_batch = 64 * 256;
  for (std::uint64_t first = 0; first < count; first += a_batch) {
    ledger::WriteBatch batch;
    batch.target = first == 0 ? ledger::BatchTarget::import_anew : ledger::BatchTarget::import;
    batch.first_leaf = first;
    for (std::uint64_t chunk = first; chunk < std::min(first + a_batch, count); chunk += 256) {
      codec::TxoBitmap bitmap{};
      std::vector<codec::Hash> leaves;
      for (std::uint64_t i = chunk; i < std::min(chunk + 256, count); ++i) {
        codec::OutPoint outpoint{codec::tagged_hash("bench", {key_of(i)}), 0};
        codec::Utxo utxo{i, {0, 0, 1'000, outpoint.txid}, {i / 5'000}};
        leaves.push_back(codec::txo_leaf(outpoint, utxo));
        if (i < count / 2 && i % 8 == 0) continue;
        codec::set_bit(bitmap, i - chunk, true);
        supply.outputs += 1'000;
        const auto key = codec::encode(outpoint);
        const auto value = codec::encode(utxo);
        batch.records.push_back({ledger::Table::utxo, Bytes(key.begin(), key.end()),
                                 Bytes(value.begin(), value.end())});
      }
      const codec::Hash root = codec::txo_leaf_root(leaves);
      Bytes value(root.begin(), root.end());
      base::append(value, bitmap);
      batch.records.push_back({ledger::Table::txo_chunk, key_of(chunk / 256), value});
      frontier = {};
      if (leaves.size() < 256) {
        for (const auto& leaf : leaves) frontier.push(leaf);
      }
      batch.leaves.insert(batch.leaves.end(), leaves.begin(), leaves.end());
    }
    if (!store.write(batch)) std::abort();
  }
  supply.minted = supply.outputs;
  // The root, from the chunks.
  Bytes tree;
  codec::Writer writer(tree);
  writer.u8(1);
  writer.u64(count);
  for (const auto& peak : frontier.peaks()) writer.bytes(peak);
  if (!store.import()->scan(ledger::Table::txo_chunk,
                            [&](ByteView, ByteView value) { writer.bytes(value); })) {
    std::abort();
  }
  codec::BlockHeader header;
  header.height = {1'000};
  header.utxo_root = ledger::TxoTree::decode(tree)->root();
  ledger::Registry registry;
  header.registry_root = registry.settle(supply);
  ledger::WriteBatch last;
  last.target = ledger::BatchTarget::import;
  last.height = header.height;
  last.first_leaf = count;
  last.records.push_back({ledger::Table::meta, base::to_bytes(ledger::tip_key),
                          ledger::encode(ledger::TipRecord{header.height, supply, count,
                                                           frontier.peaks(), header.utxo_root})});
  if (!store.write(last)) std::abort();
  ledger::WriteBatch adopt;
  adopt.target = ledger::BatchTarget::adopt;
  if (!store.write(adopt)) std::abort();
  return header;
}

void snapshot(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  std::string folder = "/tmp/kith-snapshot-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) std::abort();
  for (auto _ : state) {
    auto from = rt::ChainStore::open(folder + "/from").value();
    codec::BlockHeader header = fill(*from, count);
    codec::Mmr history;
    for (std::uint64_t i = 0; i < header.height.value; ++i) history.append(codec::Hash{});
    header.history_root = history.root();
    header.epoch = {0};
    Stopwatch watch;
    MakeSnapshotJob make(from->freeze(), *from->shelf(), {header, nullptr}, history);
    double longest = 0;
    Stopwatch step;
    while (!make.is_done()) {
      step.lap();
      make.run();
      longest = std::max(longest, step.lap());
    }
    if (!make.result()) std::abort();
    state.counters["make_s"] = watch.lap();
    state.counters["longest_step_ms"] = longest * 1e3;
    state.counters["make_rss_mb"] = resident_mb();

    auto to = rt::ChainStore::open(folder + "/to").value();
    watch.lap();
    const auto manifest = std::make_shared<const codec::SnapshotManifest>(
        codec::decode_manifest(from->shelf()->manifest(header.height).value()).value());
    std::uint64_t bytes = 0;
    double check_s = 0;
    for (std::uint64_t i = 0; i < codec::snapshot_parts(manifest->outputs); ++i) {
      Bytes part = from->shelf()->part(header.height, i).value();
      bytes += part.size();
      Stopwatch check;
      CheckPartJob job({}, header.height, i, std::move(part), manifest, false);
      job.run();
      check_s += check.lap();
      if (!job.verdict()) std::abort();
      if (i == 0) job.batch()->target = ledger::BatchTarget::import_anew;
      if (!to->write(*job.batch())) std::abort();
    }
    if (!to->write(end_import(*manifest, {}))) std::abort();
    ledger::WriteBatch adopt;
    adopt.target = ledger::BatchTarget::adopt;
    if (!to->write(adopt)) std::abort();
    const double import_s = watch.lap();
    state.counters["import_s"] = import_s;
    state.counters["check_s"] = check_s;
    state.counters["import_mb"] = static_cast<double>(bytes) / 1e6;
    state.counters["import_mb_per_s"] = static_cast<double>(bytes) / 1e6 / import_s;
    state.counters["import_rss_mb"] = resident_mb();
    const auto opened = ledger::StateTree::open(*to, {}, {});
    if (!opened || (*opened)->txos().root() != header.utxo_root) std::abort();
    state.counters["open_s"] = watch.lap();
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(snapshot)
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->Iterations(1)
    ->Unit(benchmark::kSecond)
    ->UseRealTime();

}  // namespace
