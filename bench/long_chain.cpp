// A home with a long chain of one validator, made as a node makes it but for the network and the
// log of votes: `chain_start.py` measures how soon a node is ready beside it.
//
//   long_chain DIR BLOCKS [computing]      DIR/genesis.kith and DIR/chain
//
// Blocks hold no transactions, and their proposer's proof where the chain computes; addresses are
// indexed. Without its log of votes the validator of that home follows until the next epoch begins.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

#include "base/log.h"
#include "base/machine.h"
#include "codec/chain_beacon.h"
#include "codec/chain_params.h"
#include "node/chain.h"
#include "rt/files.h"
#include "rt/home.h"
#include "rt/rng_system.h"
#include "rt/store_chain.h"

namespace {

using namespace kith;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "long_chain: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) die(result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

codec::Genesis genesis_of(const crypto::KeyPair& key, bool computes) {
  codec::Genesis genesis;
  genesis.network = "long";
  genesis.time_ms = 1'700'000'000'000;
  genesis.params.block_interval_ms = 0;
  if (computes) genesis.params.compute.emplace();
  codec::GenesisValidator validator;
  std::ranges::copy(key.public_key().data, validator.key.begin());
  validator.owner = codec::lock_of(validator.key);
  validator.stake = genesis.params.min_stake;
  genesis.validators.push_back(validator);
  must(codec::check(genesis));
  return genesis;
}

/// The chain and its world, one answer after the other.
class Maker {
 public:
  Maker(const codec::Genesis& genesis, rt::ChainStore& store, const crypto::KeyPair& key)
      : store_(store), key_(key), start_ms_(static_cast<std::int64_t>(genesis.time_ms)) {
    node::ChainConfig config;
    config.keeping.snapshot_interval = 0;
    chain_ = must(node::Chain::open(config, {genesis, &store, &key}, rng_, base::null_log()));
  }

  void run_to(std::uint64_t height) {
    chain_->on_input(now_, consensus::WallClockRead{{start_ms_}});
    chain_->start(now_);
    while (chain_->height().value < height) {
      drain();
      if (!answers_.empty()) {
        node::ChainInput next = std::move(answers_.front());
        answers_.pop_front();
        chain_->on_input(now_, std::move(next));
        continue;
      }
      const auto due = chain_->next_deadline();
      if (!due || chain_->is_halted()) die("the chain stands still: " + chain_->halt_reason());
      now_ = std::max(now_ + 1ms, *due);
      if (now_ > final_at_ + 1h) die("no block in an hour of its time");
      chain_->on_deadline(now_);
    }
  }

 private:
  void drain() {
    while (auto output = chain_->poll_output(now_)) {
      std::visit(
          Overload{
              [&](host::RunJob& work) {
                work.job->run();
                answers_.push_back(host::JobDone{work.token, work.job});
              },
              [&](host::AppendLog& work) { answers_.push_back(host::LogAppended{work.token}); },
              [&](host::WriteChain& work) {
                final_at_ = now_;
                must(store_.write(*work.batch));
                answers_.push_back(host::ChainWritten{work.token});
              },
              [&](const consensus::Sign& work) {
                answers_.push_back(consensus::Signed{
                    work.statement,
                    key_.sign(codec::signed_bytes(chain_->genesis_hash(), work.statement))});
              },
              [&](const codec::ProveHeight& work) {
                const codec::Hash input = codec::beacon_input(chain_->genesis_hash(), work.height);
                answers_.push_back(node::HeightProven{work.height, crypto::vrf_prove(key_, input)});
              },
              [&](const auto&) {}},
          *output);
    }
  }

  rt::ChainStore& store_;
  const crypto::KeyPair& key_;
  rt::SystemRng rng_;
  const std::int64_t start_ms_;
  std::unique_ptr<node::Chain> chain_;
  std::deque<node::ChainInput> answers_;
  Instant now_{}, final_at_{};
};

}  // namespace

int main(int argc, char** argv) {
  const bool computes = argc == 4 && std::string(argv[3]) == "computing";
  if (argc != 3 && !computes) die("usage: long_chain DIR BLOCKS [computing]");
  const std::string dir = argv[1];
  must(rt::make_dirs(dir, rt::private_dir_mode));
  rt::SystemRng rng;
  const crypto::KeyPair key = crypto::KeyPair::generate(rng);
  const codec::Genesis genesis = genesis_of(key, computes);
  must(rt::write_file_atomic(dir + "/genesis.kith", codec::encode_genesis(genesis),
                             rt::public_file_mode));
  const auto store = must(rt::ChainStore::open(dir + "/chain"));
  must(store->write(node::make_genesis_batch(genesis, true)));
  Maker(genesis, *store, key).run_to(std::strtoull(argv[2], nullptr, 10));
}
