// What executing one block led to here, line by line, for people: roots that its header says and
// that were found, receipts, outputs that came and went, entries of the registry. The same block on
// the same state gives the same text on every node, so that two nodes that disagree are compared by
// `diff`. Written when a quorum certified a block that this node finds wrong (node/chain.h), and by
// `kith inspect replay`. Grammar: one fact a line; docs/operations.md, "When a chain halts".
#pragma once

#include <string>

#include "node/chain_jobs.h"

namespace kith::node {

/// Executes the block on `ground`.
std::string dump_execution(const BlockGround& ground, const codec::Block& block);

/// The same as a job: it reads the ledger's state.
class DumpJob final : public host::Job {
 public:
  DumpJob(BlockGround ground, codec::BlockPtr block)
      : ground_(std::move(ground)), block_(std::move(block)) {}
  void run() override { text_ = dump_execution(ground_, *block_); }

  codec::Height height() const { return block_->header().height; }
  const std::string& text() const { return text_; }

 private:
  const BlockGround ground_;
  const codec::BlockPtr block_;
  std::string text_;
};

}  // namespace kith::node
