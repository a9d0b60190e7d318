// What light clients cost: bytes and time of a finality proof at 200 validators, and of a history
// of a million blocks, in steps over as many epochs as stake is bonded and epoch by epoch.
#include <benchmark/benchmark.h>

#include "codec/test_light_chain.h"
#include "light/client.h"

namespace {

using namespace kith;
using codec::ChainProof;
using codec::LightTestChain;

constexpr std::uint32_t validators = 200;
constexpr std::uint32_t epoch_blocks = 1024;
constexpr std::uint32_t unbonding_epochs = 14;

/// A million blocks in small: their epochs have two blocks each and the right number of steps,
/// certificates and sets. `moving` validators of the 200 are others in each epoch.
LightTestChain chain_of(std::uint64_t epochs, std::uint32_t moving) {
  LightTestChain::Numbers first(validators);
  for (std::uint32_t i = 0; i < validators; ++i) first[i] = i + 1;
  LightTestChain chain({.first = first,
                        .of_epoch =
                            [moving](std::uint64_t epoch) {
                              // Numbers come around again: keys are made once.
                              const auto from = static_cast<std::uint32_t>(epoch) * moving;
                              LightTestChain::Numbers all(validators);
                              for (std::uint32_t i = 0; i < validators; ++i) {
                                all[i] = (from + i) % 1000 + 1;
                              }
                              return all;
                            },
                        .epoch_blocks = 2,
                        .unbonding_epochs = unbonding_epochs});
  chain.grow(2 * epochs);
  return chain;
}

light::LightConfig config() {
  light::LightConfig config;
  config.trusting_period = 24h * 10'000;
  return config;
}

void verify_all(benchmark::State& state, const LightTestChain& chain, const ChainProof& proof) {
  const Bytes bytes = codec::encode_chain_proof(proof);
  const WallTime now{chain.header(chain.height()).time.unix_ms + 1};
  for (auto _ : state) {
    const auto decoded = codec::decode_chain_proof(bytes);
    auto client = light::LightClient::begin({chain.genesis_hash(), {}}, chain.genesis(), config());
    const auto verdict = client->verify(*decoded, now);
    if (!verdict) state.SkipWithError(verdict.error().message.c_str());
  }
  state.counters["bytes"] = static_cast<double>(bytes.size());
  state.counters["steps"] = static_cast<double>(proof.steps.size());
}

void light_finality(benchmark::State& state) {
  const LightTestChain chain = chain_of(1, 0);
  verify_all(state, chain, {{}, {}, chain.finality(1), {}});
}
BENCHMARK(light_finality)->Unit(benchmark::kMillisecond);

void light_payment(benchmark::State& state) {
  const LightTestChain chain = chain_of(1, 0);
  verify_all(state, chain,
             {{}, {}, chain.finality(1), {chain.tx_claim(1, 1), chain.output_claim(1, 1)}});
}
BENCHMARK(light_payment)->Unit(benchmark::kMillisecond);

constexpr std::uint64_t million_epochs = 1'000'000 / epoch_blocks + 1;  // 977

/// `moving` others in each epoch; steps over all the epochs that are allowed.
void light_million_skipping(benchmark::State& state) {
  const auto moving = static_cast<std::uint32_t>(state.range(0));
  const LightTestChain chain = chain_of(million_epochs, moving);
  ChainProof proof;
  std::uint64_t at = 0;
  // As node/chain_proofs.h finds them: the furthest at which a third of the weight is still there.
  while (at + 1 < million_epochs) {
    const auto trusted = chain.set(at);
    std::optional<codec::EpochStep> best;
    std::uint64_t low = 0;
    std::uint64_t high = std::min<std::uint64_t>(unbonding_epochs, million_epochs - 1 - at);
    for (std::uint64_t far = high; low < high; far = high - (high - low) / 2) {
      auto step = chain.skip(at, 2 * (at + far + 1));
      if (!codec::has_honest(codec::weight_in(step.finality, chain.set(at + far), trusted),
                             trusted)) {
        high = far - 1;
        continue;
      }
      best = std::move(step);
      low = far;
    }
    proof.steps.push_back(best ? *std::move(best) : chain.step(at));
    at += std::max<std::uint64_t>(low, 1);
  }
  verify_all(state, chain, proof);
}
BENCHMARK(light_million_skipping)->Arg(0)->Arg(5)->Arg(20)->Unit(benchmark::kMillisecond);

void light_million_epoch_by_epoch(benchmark::State& state) {
  const LightTestChain chain = chain_of(million_epochs, static_cast<std::uint32_t>(state.range(0)));
  ChainProof proof;
  for (std::uint64_t at = 0; at + 1 < million_epochs; ++at) proof.steps.push_back(chain.step(at));
  verify_all(state, chain, proof);
}
BENCHMARK(light_million_epoch_by_epoch)->Arg(0)->Arg(5)->Unit(benchmark::kMillisecond);

}  // namespace
