// What a chain begins with, what it is told and what it tells. A part of node/chain.h.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/queue.h"
#include "base/rng.h"
#include "codec/chain_params.h"
#include "consensus/consensus.h"
#include "crypto/key.h"
#include "host/world_chain.h"
#include "ledger/mempool.h"
#include "ledger/state_tree.h"
#include "node/chain_jobs.h"
#include "node/chain_prune.h"
#include "node/chain_store.h"
#include "node/height_proofs.h"
#include "node/snapshot_make.h"

namespace kith::node {

struct ChainConfig {
  consensus::EngineConfig consensus;  // block_interval and drift_max are the genesis'
  ledger::StateTree::Config state;
  ledger::MempoolConfig mempool;
  ChainKeeping keeping;
  bool is_indexed = true;  // addresses, in stores that have been from the start (chain_index.h)
  /// After this block nothing more is voted for or taken as final; 0: it goes on.
  Height halt_height = {};
};

/// What a chain begins with.
struct ChainParts {
  codec::Genesis genesis;                // has passed check()
  const ledger::Store* store;            // holds_chain()
  const crypto::KeyPair* key = nullptr;  // the validator's; null: the node only follows
  std::map<std::uint64_t, std::vector<Bytes>> log = {};  // by segment
  std::vector<ledger::Mempool::Waiting> mempool = {};    // what waited when the program ended
  bool is_log_lost = false;  // nobody knows what this validator said: it follows for an epoch
  /// The validator's key when a signer elsewhere holds it, which also says when this node votes.
  std::optional<codec::ValidatorKey> remote_key = {};
};

// Outputs, beside consensus' messages and host/world_chain.h's words.
struct BlockFinalized {
  codec::BlockPtr block;
  std::vector<codec::TxPtr> txs;
  Duration took{0};          // since this node first saw it proposed
  ledger::JobLog jobs = {};  // what happened to jobs in it
};
struct EpochBegan {
  codec::Epoch epoch;
  std::shared_ptr<const codec::ValidatorSet> validators;
};
struct TxAnswered {
  Token token;
  codec::TxPtr tx;
  ledger::MempoolAnswer answer;
};
/// The chain stops: what must not be has been found.
struct ChainHalted {
  Error error;
};
/// What this node found where a quorum found something else: to be kept for whoever looks into it.
struct StateDumped {
  Height height;
  std::string text;
};

struct ChainOutput
    : std::variant<consensus::Broadcast, consensus::SendTo, consensus::ReplyTo,
                   consensus::PeerFault, consensus::Behind, host::RunJob, host::AppendLog,
                   host::WriteChain, host::SaveProof, consensus::Sign, codec::ProveHeight,
                   BlockFinalized, EpochBegan, TxAnswered, ChainHalted, StateDumped> {
  using variant::variant;
  ChainOutput(ChainOutput&&) noexcept;
  ChainOutput& operator=(ChainOutput&&) noexcept;
  ~ChainOutput();
};
struct ChainInput
    : std::variant<consensus::Heard, consensus::BlocksHeard, consensus::ValidatorUp,
                   consensus::WallClockRead, consensus::Signed, consensus::SignerReady,
                   consensus::SignerGone, HeightProven, SubmitTx, host::JobDone, host::LogAppended,
                   host::ChainWritten, host::ProofSaved> {
  using variant::variant;
  ChainInput(const ChainInput&);
  ChainInput& operator=(const ChainInput&);
  ChainInput(ChainInput&&) noexcept;
  ChainInput& operator=(ChainInput&&) noexcept;
  ~ChainInput();
};

}  // namespace kith::node
