// The chain's work for other threads: execute a proposed block and compare, build one, check the
// signatures of votes. Each holds all it reads, and its results once it has run.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "codec/chain_block.h"
#include "codec/chain_mmr.h"
#include "consensus/engine_io.h"
#include "host/world_chain.h"
#include "ledger/execute.h"
#include "ledger/mempool.h"

namespace kith::node {

/// What executing a block needs beside the block.
struct BlockGround {
  std::shared_ptr<const ledger::Rules> rules;
  std::shared_ptr<const ledger::BlockState> parent;
  /// Changes between jobs alone, as the states do: whose signatures it has seen verified, a block's
  /// need no more. Null: there is none.
  const ledger::Mempool* mempool = nullptr;
  ledger::BlockContext context;
  codec::Hash history_root{};
  bool is_last_of_epoch = false;
};

/// Writes the header's fields that are the application's, as this node finds them.
Result<void> fill_header(codec::BlockHeader& header, const BlockGround& ground,
                         const ledger::Executed& executed);
/// Names the first of these fields in which they differ.
Result<void> compare_headers(const codec::BlockHeader& said, const codec::BlockHeader& found);

/// Whether the block leads to the state that its header says.
class CheckJob final : public host::Job {
 public:
  /// `began`: when the block was first seen.
  CheckJob(BlockGround ground, codec::BlockPtr block, Instant began)
      : ground_(std::move(ground)), block_(std::move(block)), began_(began) {}
  void run() override;

  const codec::BlockPtr& block() const { return block_; }
  Instant began() const { return began_; }
  const Result<void>& verdict() const { return verdict_; }
  std::shared_ptr<ledger::BlockState> take_state() { return std::move(state_); }
  codec::BlockBody take_body() { return std::move(body_); }
  ledger::JobLog take_events() { return std::move(events_); }
  /// Transactions whose signatures the mempool had seen verified.
  std::size_t known_txs() const { return known_txs_; }

 private:
  Result<void> check();
  std::vector<bool> take_known();

  const BlockGround ground_;
  const codec::BlockPtr block_;
  const Instant began_;
  Result<void> verdict_;
  codec::BlockBody body_;
  std::shared_ptr<ledger::BlockState> state_;
  ledger::JobLog events_;
  std::size_t known_txs_ = 0;
};

/// Makes the block that a skeleton of a header asks for.
class BuildJob final : public host::Job {
 public:
  BuildJob(BlockGround ground, consensus::Build asked, std::vector<codec::TxPtr> candidates,
           std::vector<Bytes> evidence, Instant began)
      : ground_(std::move(ground)),
        asked_(std::move(asked)),
        candidates_(std::move(candidates)),
        evidence_(std::move(evidence)),
        began_(began) {}
  void run() override;

  Token token() const { return asked_.token; }
  codec::Height height() const { return asked_.header.height; }
  Instant began() const { return began_; }
  const Result<codec::BlockPtr>& block() const { return block_; }
  std::shared_ptr<ledger::BlockState> take_state() { return std::move(state_); }
  codec::BlockBody take_body() { return std::move(body_); }
  ledger::JobLog take_events() { return std::move(events_); }
  /// Transactions that do not apply, and why.
  const std::vector<std::pair<codec::Hash, Error>>& skipped() const { return skipped_; }

 private:
  Result<codec::BlockPtr> build();

  const BlockGround ground_;
  consensus::Build asked_;
  const std::vector<codec::TxPtr> candidates_;
  const std::vector<Bytes> evidence_;
  const Instant began_;
  Result<codec::BlockPtr> block_ = fail(Code::internal, "not built yet");
  codec::BlockBody body_;
  std::shared_ptr<ledger::BlockState> state_;
  ledger::JobLog events_;
  std::vector<std::pair<codec::Hash, Error>> skipped_;
};

/// Signatures by the rule of consensus (crypto/ed25519_zip215.h).
class VerifyVotesJob final : public host::Job {
 public:
  explicit VerifyVotesJob(consensus::Verify work) : work_(std::move(work)) {}
  void run() override;

  Token token() const { return work_.token; }
  std::vector<bool> take_verdicts() { return std::move(verdicts_); }

 private:
  const consensus::Verify work_;
  std::vector<bool> verdicts_;
};

/// A transaction, from a peer or from this node itself; answered by TxAnswered.
struct SubmitTx {
  Token token;
  codec::TxPtr tx;
  ledger::Source source;
  std::optional<WallTime> since = {};  // it waits for a block; empty: now
  /// Only what the mempool would say: nothing is verified, nothing taken in.
  bool is_question = false;
};

/// The signatures of transactions, by the same rule.
class VerifyTxsJob final : public host::Job {
 public:
  /// So many at once that waking a thread is little beside it, and none waits long for the last.
  static constexpr std::size_t size_max = 64;
  /// So that a job takes no longer when transactions carry hundreds of statements; one may have
  /// more.
  static constexpr std::size_t signatures_max = 256;

  /// `state`: whose validators' verdicts hold.
  VerifyTxsJob(std::vector<SubmitTx> submitted, const codec::Hash& genesis,
               std::shared_ptr<const ledger::BlockState> state)
      : submitted_(std::move(submitted)), genesis_(genesis), state_(std::move(state)) {}
  void run() override;

  std::vector<SubmitTx> take_submitted() { return std::move(submitted_); }
  /// One each, in their order.
  const std::vector<Result<void>>& verdicts() const { return verdicts_; }

 private:
  std::vector<SubmitTx> submitted_;
  const codec::Hash genesis_;
  const std::shared_ptr<const ledger::BlockState> state_;
  std::vector<Result<void>> verdicts_;
};

/// The validators of the epoch that follows the state of its last block.
Result<codec::ValidatorSet> validators_after(const ledger::BlockState& state);

}  // namespace kith::node
