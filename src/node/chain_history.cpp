// Of the chain: what it keeps of its past (node/chain_prune.h), and how it stops.
#include <algorithm>

#include "base/format.h"
#include "codec/chain_fork.h"
#include "codec/writer.h"
#include "node/chain.h"
#include "node/state_dump.h"

namespace kith::node {

void PruneJob::run() {
  WriteBatch batch;
  for (Height height = from_; height < to_; height = codec::next(height)) {
    const auto stored = read_block(store_, height);
    if (!stored) {
      result_ = fail(stored.error());
      return;
    }
    if (*stored) remove_block(batch, **stored);
  }
  result_ = Pruned{std::move(batch.records), to_};
}

void ReclaimJob::run() {
  Bytes end;
  codec::Writer(end).u64(floor_.value);
  for (const Table table : {block_table, certificate_table, first_output_table, header_table})
    store_.reclaim(table, {}, end);
}

/// One job at a time, so that the batches stay small.
void Chain::prune() {
  if (config_.keeping.retain_blocks == 0 || is_pruning_ || pruned_ || is_halted_) return;
  const std::uint64_t kept = std::max(config_.keeping.retain_blocks, retain_blocks_min);
  if (tip_.height.value < kept || floor_.value + kept > tip_.height.value) return;
  const Height to{std::min(tip_.height.value - kept + 1, floor_.value + prune_blocks_max)};
  is_pruning_ = true;
  say(host::RunJob{new_token(), std::make_shared<PruneJob>(*parts_.store, floor_, to)});
}

void Chain::on_pruned(PruneJob& job) {
  is_pruning_ = false;
  if (job.result()) {
    pruned_ = *std::move(job.result());
  } else {
    log_.warn("chain", "old blocks stay: {}", job.result().error().message);
  }
}

void Chain::add_pruned(WriteBatch& batch) {
  if (!pruned_) return;
  for (auto& record : pruned_->records) batch.records.push_back(std::move(record));
  floor_written_ = pruned_->floor;
  add_floor(batch, floor_written_);
  pruned_.reset();
  if (floor_written_.value - reclaimed_.value < reclaim_blocks) return;
  reclaimed_ = floor_written_;
  say(host::RunJob{new_token(), std::make_shared<ReclaimJob>(*parts_.store, floor_written_)});
}

// --- snapshots -----------------------------------------------------------------------------------

/// The block is final and nothing behind it is written yet: the store is as the block left it.
void Chain::make_snapshot(const StoredBlock& last, codec::Mmr history) {
  const std::uint64_t interval = config_.keeping.snapshot_interval;
  ledger::SnapshotShelf* const shelf = parts_.store->shelf();
  if (interval == 0 || (epoch_.value + 1) % interval != 0 || shelf == nullptr) return;
  if (is_making_snapshot_) {
    log_.info("chain", "no snapshot of height {}: the one before is not done yet",
              last.block->header().height.value);
    return;
  }
  auto frozen = parts_.store->freeze();
  if (frozen == nullptr) return;
  is_making_snapshot_ = true;
  say(host::RunJob{new_token(),
                   std::make_shared<MakeSnapshotJob>(
                       std::move(frozen), *shelf,
                       FinalHeader{last.block->header(), last.certificate}, std::move(history))});
}

void Chain::on_snapshot(const std::shared_ptr<host::Job>& job, const MakeSnapshotJob& made) {
  if (!made.is_done() && !is_stopped()) return say(host::RunJob{new_token(), job});
  is_making_snapshot_ = false;
  if (!made.result()) {
    log_.warn("chain", "no snapshot of height {}: {}", made.height().value,
              made.result().error().message);
  } else if (made.is_done()) {
    log_.info("chain", "snapshot of height {} with {} outputs", made.height().value,
              made.outputs());
  }
}

void Chain::say(ChainOutput output) {
  if (std::holds_alternative<host::RunJob>(output) ||
      std::holds_alternative<host::AppendLog>(output) ||
      std::holds_alternative<host::WriteChain>(output) ||
      std::holds_alternative<host::SaveProof>(output)) {
    ++outstanding_;
  }
  outputs_.push_back(std::move(output));
}

Result<std::unique_ptr<Chain>> Chain::reopen(Instant now) {
  ASSERT(is_suspended_ && is_quiet());
  ChainParts parts{parts_.genesis,     parts_.store,     parts_.key, {}, {},
                   parts_.is_log_lost, parts_.remote_key};
  parts.mempool = waiting(now);
  auto next = TRY(open(config_, std::move(parts), rng_, log_));
  next->last_token_ = last_token_;
  if (wall_) next->on_input(now, consensus::WallClockRead{wall_now(now)});
  return next;
}

// --- halting ------------------------------------------------------------------------------------

void Chain::halt(Error error) {
  is_halted_ = true;
  halt_reason_ = error.message;
  log_.error("chain", "HALT: {}", error.message);
  say(ChainHalted{std::move(error)});
}

/// It goes on to help those who are not as far, but says nothing of its own any more.
void Chain::note_halt_height() {
  if (!is_at_halt_height() || !halt_reason_.empty()) return;
  halt_reason_ =
      base::format("chain.halt_height is {}, and block {} is final: this node goes no further",
                   config_.halt_height.value, tip_.height.value);
  log_.warn("chain", "{}", halt_reason_);
  say(ChainHalted{{Code::closed, halt_reason_}});
}

/// The block is executed once more, and all that comes of it written down.
void Chain::dump(BlockPtr block) {
  if (is_state_busy_) {
    undumped_ = std::move(block);
    return;
  }
  auto ground = ground_of(block->header(), block->justification());
  if (!ground) return;
  is_state_busy_ = true;
  say(host::RunJob{new_token(), std::make_shared<DumpJob>(*std::move(ground), std::move(block))});
}

// --- forks ---------------------------------------------------------------------------------------

/// Nothing more is said or signed; that it halted is told once both certificates are on the disk.
void Chain::halt_for(const consensus::Forked& forked) {
  const codec::ForkRecord proof{
      rules_->genesis, tip_.height,
      *validators_,    forked.first == nullptr ? std::nullopt : std::optional(*forked.first),
      floor_digest_,   *forked.second};
  const std::string name = codec::fork_file_name(tip_.height);
  is_halted_ = true;
  halt_reason_ = base::format(
      "two certificates of view {} of epoch {} cannot both be: a third of the validators' weight "
      "lied. Both are kept in {}",
      forked.second->statement.view().value, epoch_.value, name);
  log_.error("chain", "{}", halt_reason_);
  proof_saving_ = new_token();
  say(host::SaveProof{proof_saving_, name, codec::encode(proof)});
}

}  // namespace kith::node
