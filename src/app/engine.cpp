#include "app/engine.h"

#include <filesystem>

#include "base/format.h"
#include "codec/chain_fork.h"
#include "rt/files.h"
#include "rt/store_peers.h"
#include "rt/store_quality.h"

namespace kith::app {
namespace {

/// A peer that does not let go must not keep us: sockets close by themselves after 1 s of flushing.
constexpr Duration stop_max = 3s;
constexpr mode_t mempool_mode = 0600;
constexpr std::size_t fork_file_bytes_max = 1024 * 1024;

/// Whoever found a fork must not go on by itself: which of the two branches counts is for people.
Result<void> check_no_fork(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("fork-") || !name.ends_with(".proof")) continue;
    const std::string path = entry.path().string();
    const auto bytes = rt::read_file(path, fork_file_bytes_max);
    const auto proof =
        bytes ? codec::decode_fork_record(*bytes) : Result<codec::ForkRecord>(fail(bytes.error()));
    const auto holds = proof ? codec::verify(*proof) : Result<void>(fail(proof.error()));
    return fail(Code::refused,
                base::format("{} stands in the way: the chain forked after block {} ({}). Keep the "
                             "file as evidence, agree with the other operators on how to go on, "
                             "and move it out of this folder to start again",
                             path, proof ? proof->height.value : 0,
                             holds ? std::string("both certificates hold")
                                   : "which cannot be verified: " + holds.error().message));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::make(EngineConfig config, crypto::KeyPair key, Log& log) {
  std::unique_ptr<rt::PeerStore> peers;
  if (!config.peers_db.empty()) peers = TRY(rt::SqlitePeerStore::open(config.peers_db, log));
  std::unique_ptr<rt::QualityStore> quality;
  if (!config.quality_db.empty()) {
    quality = TRY(rt::SqliteQualityStore::open(config.quality_db, log));
  }
  std::unique_ptr<Engine> engine(
      new Engine(std::move(config), std::move(key), std::move(peers), std::move(quality), log));
  TRY_VOID(engine->open_chain());
  TRY_VOID(engine->start());
  TRY_VOID(engine->keep_chain());
  return engine;
}

Engine::Engine(EngineConfig config, crypto::KeyPair key, std::unique_ptr<rt::PeerStore> peers,
               std::unique_ptr<rt::QualityStore> quality, Log& log)
    : config_(std::move(config)),
      key_(std::move(key)),
      peers_(std::move(peers)),
      quality_(std::move(quality)),
      log_(log) {}

Result<void> Engine::open_chain() {
  if (config_.chain_dir.empty()) return {};
  TRY_VOID(check_no_fork(config_.chain_dir));
  chain_store_ = TRY(rt::ChainStore::open(config_.chain_dir, config_.chain));
  wal_ = TRY(rt::Wal::open(config_.chain_dir + "/votes", votes_rng_));
  votes_ = wal_->take_records();
  votes_damage_ = wal_->damage();
  if (votes_damage_) log_.error("chain", "{}", votes_damage_->message);
  chain_disk_ = std::make_unique<rt::ChainDisk>(*wal_, *chain_store_, log_);
  return {};
}

/// REQUIRES: the node has not started.
Result<void> Engine::keep_chain() {
  if (chain_store_ == nullptr || !config_.genesis) return {};
  const codec::Genesis& genesis = *config_.genesis;
  if (!TRY(node::holds_chain(*chain_store_, codec::genesis_hash(genesis)))) {
    TRY_VOID(chain_store_->write(node::make_genesis_batch(genesis, config_.indexes_addresses)));
  }
  const bool is_new = chain_store_->height() == ledger::Height{0};
  const crypto::KeyPair* const key = config_.validator_key ? &*config_.validator_key : nullptr;
  node::ChainParts parts{genesis, chain_store_.get(), key, votes_};
  parts.is_log_lost = votes_damage_.has_value() || (votes_were_empty() && !is_new);
  parts.remote_key = config_.remote_key;
  if (config_.remote_key) {
    // What was said is in the signer's log; ours has blocks and certificates, for convenience.
    if (votes_damage_) parts.log.clear();
    parts.is_log_lost = false;
  }
  parts.mempool = read_mempool();
  node::ChainConfig config;
  config.keeping = config_.node.chain.keeping;
  config.is_indexed = config_.indexes_addresses;
  config.state.seed = rng_.next();
  config.mempool = config_.node.chain.mempool;
  config.mempool.seed = rng_.next();
  config.halt_height = config_.node.chain.halt_height;
  auto chain = TRY(node::Chain::open(config, std::move(parts), rng_, log_));
  node_->keep_chain(std::move(chain), key);
  if (config_.compute) {
    compute_ =
        TRY(ComputeEngine::make(*std::move(config_.compute), genesis, *node_, *reactor_, log_));
  } else if (config_.carrier_key && genesis.params.compute) {
    node_->begin_work(nullptr,
                      std::make_unique<node::Carrier>(genesis.params, codec::genesis_hash(genesis),
                                                      *config_.carrier_key, nullptr));
  }
  return {};
}

Result<void> Engine::start() {
  node_ = std::make_unique<node::Node>(config_.node, key_, rng_, log_);
  config_.reactor.identity = &key_;
  reactor_ = std::make_unique<rt::Reactor>(*node_, config_.reactor, log_, peers_.get(),
                                           quality_.get(), chain_disk_.get());
  TRY_VOID(rt::set_web_sockets(*reactor_, config_.web_sockets));
  reactor_->set_after_turn([this] { after_turn(); });
  // Before anything that other threads ask of the node while run() begins.
  reactor_->post([this] { node_->start(reactor_->turn_now()); });
  return {};
}

Engine::~Engine() = default;

void Engine::set_on_report(std::function<void(node::Report)> on_report) {
  on_report_ = std::move(on_report);
}

void Engine::run() {
  rng_.hand_over();  // from whoever made the engine
  reactor_->run();
  save_mempool();
}

std::vector<ledger::Mempool::Waiting> Engine::read_mempool() const {
  // Twice the mempool's own limit: what is in it, and how long each waits.
  const auto bytes = rt::read_file(mempool_path(), 2 * config_.node.chain.mempool.bytes_max);
  if (!bytes) return {};  // a first start, or the last end was no clean one
  auto saved = ledger::Mempool::decode_snapshot(*bytes, bytes->size());
  if (saved) return *std::move(saved);
  log_.warn("chain", "{}: {}; transactions that waited are lost", mempool_path(),
            saved.error().message);
  return {};
}

void Engine::save_mempool() const {
  const node::Chain* const chain = node_->chain();
  if (chain == nullptr) return;
  const auto waiting = chain->waiting(reactor_->turn_now());
  // One that was halted from its start has taken nothing in: what the file holds waits on.
  if (chain->is_halted() && waiting.empty()) return;
  const auto written = rt::write_file_atomic(
      mempool_path(), ledger::Mempool::encode_snapshot(waiting), mempool_mode);
  if (!written) log_.warn("chain", "transactions that wait: {}", written.error().message);
}

void Engine::stop() {
  reactor_->post([this] { node_->on_command(reactor_->turn_now(), node::ShutDown{}); });
  reactor_->post_after(stop_max, [this] { reactor_->stop(); });
}

/// For whoever looks into it: the chain goes no further by itself.
void Engine::keep_dump(const node::StateDumped& dumped) {
  if (config_.chain_dir.empty()) return;
  const std::string path =
      base::format("{}/mismatch-{}.txt", config_.chain_dir, dumped.height.value);
  const auto written =
      rt::write_file_atomic(path, base::as_bytes(dumped.text), rt::private_file_mode);
  if (written) {
    log_.error("chain", "what this node found is in {}; compare it with that of another", path);
  } else {
    log_.error("chain", "cannot keep what this node found: {}", written.error().message);
  }
}

void Engine::after_turn() {
  while (auto report = node_->poll_report()) {
    if (const auto* dumped = std::get_if<node::StateDumped>(&*report)) keep_dump(*dumped);
    const bool is_stopped = std::holds_alternative<host::Stopped>(*report);
    if (on_report_) on_report_(std::move(*report));
    if (is_stopped) reactor_->stop();
  }
  if (compute_ != nullptr) compute_->after_turn();
}

}  // namespace kith::app
