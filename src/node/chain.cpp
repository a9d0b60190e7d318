#include "node/chain.h"

#include <algorithm>

#include "base/format.h"
#include "codec/chain_evidence.h"
#include "ledger/validators.h"
#include "node/chain_index.h"
#include "node/state_dump.h"

namespace kith::node {

using codec::Epoch;
using consensus::EngineOutput;
using consensus::FinalBlock;

namespace {

std::optional<codec::ValidatorKey> key_of(const ChainParts& parts) {
  if (parts.key == nullptr) return parts.remote_key;
  codec::ValidatorKey key{};
  std::ranges::copy(parts.key->public_key().data, key.begin());
  return key;
}

consensus::EngineConfig timing_of(consensus::EngineConfig config,
                                  const codec::ChainParams& params) {
  config.block_interval = std::chrono::milliseconds(params.block_interval_ms);
  config.drift_max = std::chrono::milliseconds(params.max_drift_ms);
  return config;
}

/// Ids of what a block punishes.
std::vector<Hash> evidence_in(const codec::Block& block) {
  std::vector<Hash> ids;
  const auto body = codec::decode_body(block.body().view(), block.body().size());
  if (!body) return ids;
  for (const Bytes& bytes : body->evidence) {
    if (const auto evidence = codec::decode_evidence(bytes)) ids.push_back(codec::id_of(*evidence));
  }
  return ids;
}

}  // namespace

Chain::Chain(const ChainConfig& config, ChainParts parts, Rng& rng, Log& log)
    : config_(config),
      parts_(std::move(parts)),
      key_(key_of(parts_)),
      rng_(rng),
      log_(log),
      rules_(std::make_shared<ledger::Rules>()),
      consensus_(timing_of(config.consensus, parts_.genesis.params), key_, rng_, log_,
                 has_remote_key()),
      mempool_(config.mempool) {
  rules_->params = parts_.genesis.params;
  rules_->genesis = codec::genesis_hash(parts_.genesis);
}

Chain::~Chain() = default;

Result<std::unique_ptr<Chain>> Chain::open(const ChainConfig& config, ChainParts parts, Rng& rng,
                                           Log& log) {
  TRY_VOID(ledger::check_genesis_keys(parts.genesis));
  auto chain = std::unique_ptr<Chain>(new Chain(config, std::move(parts), rng, log));
  TRY_VOID(chain->read_tip());
  TRY_VOID(chain->read_sets());
  return chain;
}

Result<void> Chain::read_tip() {
  const ledger::Store& store = *parts_.store;
  history_ = TRY(read_history(store));
  history_from_ = TRY(read_history_from(store));
  const Height height{history_.count() - 1};
  if (height.value == 0) {
    tip_ = {
        {0}, {0}, rules_->genesis, {static_cast<std::int64_t>(parts_.genesis.time_ms)}, nullptr};
  } else {
    const std::optional<FinalHeader> last =
        TRY(read_final(store, height, rules_->params.epoch_blocks));
    if (!last) {
      return fail(Code::malformed,
                  base::format("the store has no block {}, its last", height.value));
    }
    tip_ = {last->certificate->statement.view(), height, codec::digest_of(last->header),
            last->header.time, last->certificate};
  }
  floor_ = floor_written_ = reclaimed_ = TRY(read_floor(store));
  states_ = TRY(ledger::StateTree::open(store, tip_.digest, config_.state));
  if (states_->tip()->height() != height) {
    return fail(Code::malformed, base::format("the state is of height {}, the last block of {}",
                                              states_->tip()->height().value, height.value));
  }
  return {};
}

/// The validators of this epoch and of those whose lies may still be punished.
Result<void> Chain::read_sets() {
  epoch_ = {tip_.height.value / rules_->params.epoch_blocks};
  auto sets = std::make_shared<Sets>();
  const std::uint64_t kept = rules_->params.unbonding_epochs + std::uint64_t{1};
  for (std::uint64_t e = epoch_.value > kept ? epoch_.value - kept : 0; e <= epoch_.value; ++e) {
    auto set = TRY(read_validators(*parts_.store, {e}));
    if (!set) {
      if (e < epoch_.value) continue;  // older ones may be pruned
      return fail(Code::malformed, base::format("the store has no validators of epoch {}", e));
    }
    sets->emplace(Epoch{e}, std::make_shared<const codec::ValidatorSet>(*std::move(set)));
  }
  validators_ = sets->at(epoch_);
  sets_ = std::move(sets);
  return {};
}

bool Chain::is_validator() const {
  return consensus_.engine() != nullptr && consensus_.engine()->me().has_value();
}

std::optional<std::string_view> Chain::why_no_vote() const {
  const consensus::Engine* const engine = consensus_.engine();
  if (is_halted_) return "it has halted";
  if (engine == nullptr || !key_ || !validators_->index_of(*key_)) {
    return "it is no validator of this epoch";
  }
  if (engine->is_stale()) {
    return "its log is older than what it said; it follows until the next epoch";
  }
  if (!engine->me()) return "its log was lost; it follows until the next epoch";
  if (engine->is_held()) return why_signer_gone_;
  if (engine->is_silent()) return "other validators have not told yet what they hold of it";
  return std::nullopt;
}

void Chain::start(Instant now) {
  restoring_.assign(parts_.mempool.begin(), parts_.mempool.end());
  begin_epoch(now);
  note_halt_height();
  pump(now);
}

void Chain::begin_epoch(Instant now) {
  const std::uint64_t length = rules_->params.epoch_blocks;
  const Height floor_height{epoch_.value * length};
  FinalBlock floor = tip_;
  if (floor_height != tip_.height) {
    // Only at the start of the program: in between, an epoch begins where the last one ended.
    auto stored = read_final(*parts_.store, floor_height, length);
    if (floor_height.value == 0) {
      floor = {
          {0}, {0}, rules_->genesis, {static_cast<std::int64_t>(parts_.genesis.time_ms)}, nullptr};
    } else if (stored && *stored) {
      floor = {{0},
               floor_height,
               codec::digest_of((*stored)->header),
               (*stored)->header.time,
               (*stored)->certificate};
    } else {
      return halt({Code::malformed, base::format("block {}, where epoch {} begins, is not stored",
                                                 floor_height.value, epoch_.value)});
    }
  }
  floor.view = {0};
  // What ended the epoch before is for those who are still in it; nobody builds on it by name.
  FinalBlock last = tip_;
  if (tip_.height == floor_height) {
    last = floor;
    last.finalization = nullptr;
  }
  floor_digest_ = floor.digest;
  leaders_seed_ = seed_on(floor.digest);
  leaders_.emplace(*validators_, leaders_seed_, epoch_);
  proofs_asked_in_ = {};

  // What evidence needs to be judged, by whoever executes blocks of this epoch.
  auto rules = std::make_shared<ledger::Rules>(*rules_);
  rules->check_evidence = [sets = sets_,
                           genesis = rules_->genesis](ByteView bytes) -> Result<ledger::Offence> {
    const codec::Evidence evidence = TRY(codec::decode_evidence(bytes));
    const auto set = sets->find(evidence.first.statement.epoch);
    if (set == sets->end()) {
      return fail(Code::refused, base::format("evidence of epoch {}, which is too long ago",
                                              evidence.first.statement.epoch.value));
    }
    TRY_VOID(codec::verify(evidence, genesis, *set->second));
    return ledger::Offence{evidence.key, evidence.first.statement.epoch};
  };
  rules_ = std::move(rules);

  consensus::EpochContext context{rules_->genesis,
                                  epoch_,
                                  *validators_,
                                  floor,
                                  {floor_height.value + length},
                                  codec::params_hash(rules_->params),
                                  leaders_seed_};
  const auto logged = parts_.log.find(epoch_.value);
  const bool is_first = consensus_.engine() == nullptr;
  const auto& records =
      is_first && logged != parts_.log.end() ? logged->second : std::vector<Bytes>();
  if (!is_first) say(host::AppendLog{new_token(), epoch_.value, {}, true});
  const bool may_vote = !(is_first && parts_.is_log_lost);
  auto begun = consensus_.begin(now, std::move(context), last, records, may_vote);
  if (!begun || !may_vote) {
    log_.error("chain", "the log of votes is lost: this validator follows until epoch {}",
               epoch_.value + 1);
  }
  say(EpochBegan{epoch_, validators_});
}

// --- turns ---------------------------------------------------------------------------------------

void Chain::on_input(Instant now, ChainInput input) {
  const bool is_answer = std::holds_alternative<host::JobDone>(input) ||
                         std::holds_alternative<host::LogAppended>(input) ||
                         std::holds_alternative<host::ChainWritten>(input) ||
                         std::holds_alternative<host::ProofSaved>(input);
  if (is_answer) --outstanding_;
  std::visit(Overload{[&](consensus::Heard& heard) { consensus_.on_input(now, std::move(heard)); },
                      [&](consensus::BlocksHeard& heard) {
                        if (!is_at_halt_height()) consensus_.on_input(now, std::move(heard));
                      },
                      [&](consensus::ValidatorUp& up) { consensus_.on_input(now, up); },
                      [&](consensus::WallClockRead& read) {
                        wall_ = read.now;
                        wall_read_ = now;
                        consensus_.on_input(now, read);
                      },
                      [&](consensus::Signed& given) { consensus_.on_input(now, std::move(given)); },
                      [&](consensus::SignerReady& ready) {
                        proofs_asked_in_ = {};
                        consensus_.on_input(now, std::move(ready));
                      },
                      [&](consensus::SignerGone& gone) {
                        why_signer_gone_ = gone.why;
                        consensus_.on_input(now, std::move(gone));
                      },
                      [&](const HeightProven& proven) { on_proven(now, proven); },
                      [&](SubmitTx& submitted) { submit(std::move(submitted)); },
                      [&](host::JobDone& done) { on_job(now, done.job); },
                      [&](host::LogAppended& done) {
                        const auto at = logging_.find(done.token);
                        if (at == logging_.end()) return;  // the beginning of an epoch
                        const Token token = at->second;
                        logging_.erase(at);
                        consensus_.on_input(now, consensus::Persisted{token});
                      },
                      [&](host::ChainWritten&) { on_written(now); },
                      [&](host::ProofSaved& saved) {
                        if (saved.token == proof_saving_) halt({Code::protocol, halt_reason_});
                      }},
             input);
  pump(now);
}

void Chain::on_deadline(Instant now) {
  consensus_.on_deadline(now);
  pump(now);
}

std::optional<ChainOutput> Chain::poll_output(Instant) {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

void Chain::pump(Instant now) {
  if (is_pumping_) return;
  is_pumping_ = true;
  while (!is_stopped()) {
    auto output = consensus_.poll_output(now);
    if (!output) break;
    perform(now, std::move(*output));
  }
  if (!is_stopped()) ask_proofs();
  next_task(now);
  is_pumping_ = false;
}

void Chain::perform(Instant now, EngineOutput output) {
  const auto append = [&](Token token, std::vector<Bytes> records, bool begins_anew) {
    const Token ours = new_token();
    logging_.emplace(ours, token);
    say(host::AppendLog{ours, epoch_.value, std::move(records), begins_anew});
  };
  std::visit(
      Overload{
          [&](consensus::Broadcast& said) {
            tongue_ ? lie(said.message, {}) : say(std::move(said));
          },
          [&](consensus::SendTo& said) {
            tongue_ ? lie(said.message, said.validator) : say(std::move(said));
          },
          [&](consensus::ReplyTo& said) { say(std::move(said)); },
          [&](consensus::PeerFault& fault) { say(std::move(fault)); },
          [&](consensus::Behind& behind) {
            if (!is_at_halt_height()) say(std::move(behind));
          },
          [&](consensus::Verify& work) {
            say(host::RunJob{new_token(), std::make_shared<VerifyVotesJob>(std::move(work))});
          },
          // What is beyond the halt height is neither built nor judged: nobody votes for it.
          [&](consensus::Build& work) {
            if (!is_beyond_halt(work.header.height)) tasks_.push_back(std::move(work));
          },
          [&](consensus::Check& work) {
            if (is_beyond_halt(work.block->header().height)) return;
            tasks_.push_back(Check{std::move(work.block), now});
          },
          [&](consensus::Sign& work) {
            if (!is_at_halt_height()) say(work);
          },
          [&](consensus::Persist& work) { append(work.token, std::move(work.records), false); },
          [&](consensus::Compact& work) { append(work.token, std::move(work.records), true); },
          [&](consensus::Commit& work) { commit(std::move(work)); },
          [&](consensus::FoundEvidence& found) { note_evidence(found.evidence); },
          [&](consensus::Diverged& diverged) {
            halt({Code::internal,
                  base::format("a quorum certified block {}, which this node finds wrong: {}",
                               diverged.block->header().height.value, diverged.error.message)});
            dump(diverged.block);
          },
          [&](consensus::Forked& forked) { halt_for(forked); }},
      output);
}

void Chain::lie(const Buffer& message, std::optional<codec::ValidatorIndex> to) {
  for (consensus::SendTo& said : tongue_(message, to)) say(std::move(said));
}

void Chain::note_evidence(const codec::Evidence& evidence) {
  if (evidence_.size() >= evidence_max) return;
  log_.warn("chain", "validator {} contradicts itself in view {}: {}", base::to_hex(evidence.key),
            evidence.first.statement.view().value, codec::name_of(evidence.offence()));
  evidence_.emplace(codec::id_of(evidence), codec::encode(evidence));
}

WallTime Chain::wall_now(Instant now) const {
  return {wall_->unix_ms + base::to_ms(now - wall_read_)};
}

// --- building and checking -----------------------------------------------------------------------

/// Consensus asks in the order in which answers matter; one job at a time reads the states.
void Chain::next_task(Instant now) {
  if (!is_state_busy_) take_submitted(now);
  if (!is_stopped()) restore_waiting();
  while (!is_state_busy_ && !tasks_.empty() && !is_stopped()) {
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    std::visit(Overload{[&](consensus::Build& work) { build(now, std::move(work)); },
                        [&](const Check& work) { check(now, work.block, work.asked); }},
               task);
  }
}

bool Chain::is_pending(const Hash& txid) const {
  return std::ranges::any_of(pending_, [&](const auto& pending) {
    const auto state = states_->find(pending.first);
    return state != nullptr && state->is_pending({txid, 0});
  });
}

std::optional<codec::Mmr> Chain::history_of(const Hash& digest) const {
  if (digest == tip_.digest) return history_;
  const auto at = pending_.find(digest);
  return at == pending_.end() ? std::nullopt : std::optional(at->second.history);
}

/// Nothing when the parent is not here any more: a fork beside it became final.
std::optional<BlockGround> Chain::ground_of(const codec::BlockHeader& header,
                                            const codec::Justification& justification) {
  const auto state = states_->find(header.parent);
  const auto history = history_of(header.parent);
  if (state == nullptr || !history || header.epoch != epoch_) return std::nullopt;
  BlockGround ground;
  ground.rules = rules_;
  ground.parent = state;
  ground.mempool = &mempool_;
  ground.history_root = history->root();
  ground.is_last_of_epoch = codec::is_last_of_epoch(rules_->params, header.height);
  ground.context.height = header.height;
  ground.context.proposer = validators_->at(leaders_->leader(header.view)).key;
  if (justification.parent) {
    const codec::Certificate& by = *justification.parent;
    for (std::size_t i = 0; i < by.signers.size(); ++i) {
      const auto index = static_cast<codec::ValidatorIndex>(i);
      if (by.signers[i]) ground.context.signers.push_back(validators_->at(index).key);
    }
  }
  return ground;
}

void Chain::build(Instant now, consensus::Build work) {
  auto ground = ground_of(work.header, work.justification);
  if (!ground) {
    consensus_.on_input(now,
                        consensus::Built{work.token, fail(Code::closed, "the parent is gone")});
    return pump(now);
  }
  if (rules_->params.compute) {
    ground->context.proof = proofs_.find(work.header.height);
    if (!ground->context.proof) return wait_for_proof(std::move(work));
  }
  std::vector<Bytes> evidence;
  for (const auto& [id, bytes] : evidence_) evidence.push_back(bytes);
  std::vector<codec::TxPtr> candidates;
  ledger::Mempool::Walk walk(mempool_, *ground->parent);
  const std::size_t most = std::min<std::size_t>(rules_->params.block_bytes_max, body_bytes_max_);
  for (std::size_t bytes = 0; bytes < most;) {
    codec::TxPtr tx = walk.next();
    if (tx == nullptr || (bytes > 0 && bytes + tx->bytes > body_bytes_max_)) break;
    bytes += tx->bytes;
    candidates.push_back(std::move(tx));
  }
  is_state_busy_ = true;
  say(host::RunJob{new_token(),
                   std::make_shared<BuildJob>(*std::move(ground), std::move(work),
                                              std::move(candidates), std::move(evidence), now)});
}

void Chain::check(Instant now, const BlockPtr& block, Instant began) {
  auto ground = ground_of(block->header(), block->justification());
  if (!ground) {
    consensus_.on_input(
        now, consensus::Checked{block->digest(), fail(Code::closed, "its parent is gone")});
    return pump(now);
  }
  is_state_busy_ = true;
  say(host::RunJob{new_token(), std::make_shared<CheckJob>(*std::move(ground), block, began)});
}

void Chain::on_job(Instant now, const std::shared_ptr<host::Job>& job) {
  if (auto* const votes = dynamic_cast<VerifyVotesJob*>(job.get())) {
    consensus_.on_input(now, consensus::Verified{votes->token(), votes->take_verdicts()});
    return;
  }
  if (auto* const txs = dynamic_cast<VerifyTxsJob*>(job.get())) return on_txs_verified(*txs);
  if (auto* const pruned = dynamic_cast<PruneJob*>(job.get())) return on_pruned(*pruned);
  if (dynamic_cast<ReclaimJob*>(job.get()) != nullptr) return;
  if (auto* const made = dynamic_cast<MakeSnapshotJob*>(job.get())) return on_snapshot(job, *made);
  is_state_busy_ = false;
  if (auto* const checked = dynamic_cast<CheckJob*>(job.get())) {
    on_checked(now, *checked);
  } else if (auto* const built = dynamic_cast<BuildJob*>(job.get())) {
    on_built(now, *built);
  } else if (const auto* const dumped = dynamic_cast<DumpJob*>(job.get())) {
    say(StateDumped{dumped->height(), dumped->text()});
  }
  if (undumped_ != nullptr && !is_state_busy_) dump(std::exchange(undumped_, nullptr));
  if (is_written_ && !is_stopped()) finish(now);
}

/// Of a block that our own store keeps us from judging nothing may be said: not that it is wrong,
/// and not that it is right.
bool Chain::is_our_failure(const Error& error) { return error.code == Code::io; }

void Chain::on_checked(Instant now, CheckJob& checked) {
  const BlockPtr& block = checked.block();
  txs_known_ += checked.known_txs();
  if (!checked.verdict() && is_our_failure(checked.verdict().error())) {
    return halt(checked.verdict().error());
  }
  if (checked.verdict()) {
    keep(block, checked.take_state(),
         {{}, checked.take_body().transactions, checked.take_events(), checked.began()});
  }
  consensus_.on_input(now, consensus::Checked{block->digest(), checked.verdict()});
}

void Chain::on_built(Instant now, BuildJob& built) {
  if (!built.block() && is_our_failure(built.block().error())) return halt(built.block().error());
  for (const auto& [txid, why] : built.skipped()) {
    log_.debug("chain", "no block takes transaction {}: {}", base::to_hex(txid), why.message);
  }
  if (!built.block()) proofs_.forget(built.height());
  if (built.block()) {
    keep(*built.block(), built.take_state(),
         {{}, built.take_body().transactions, built.take_events(), built.began()});
  }
  consensus_.on_input(now, consensus::Built{built.token(), built.block()});
}

void Chain::keep(const BlockPtr& block, std::shared_ptr<ledger::BlockState> state,
                 Pending pending) {
  auto history = history_of(block->header().parent);
  if (!history || states_->find(block->header().parent) == nullptr) return;  // final meanwhile
  history->append(block->digest());
  pending.history = *std::move(history);
  pending_.try_emplace(block->digest(), std::move(pending));
  states_->add(block->digest(), std::move(state));
}

// --- finality ------------------------------------------------------------------------------------

void Chain::commit(consensus::Commit commit) {
  for (std::size_t i = 0; i < commit.blocks.size(); ++i) {
    const BlockPtr& block = commit.blocks[i];
    const bool is_last = i + 1 == commit.blocks.size();
    // A block in the middle stands by the certificate that its child was built on.
    CertificatePtr certificate = is_last ? commit.finalization
                                         : std::make_shared<const codec::Certificate>(
                                               *commit.blocks[i + 1]->justification().parent);
    finishing_.push_back({{block, std::move(certificate)}, is_last});
  }
  write_next();
}

void Chain::write_next() {
  if (is_writing_ || is_written_ || finishing_.empty() || is_suspended_) return;
  Finishing& next = finishing_.front();
  const Hash& digest = next.stored.block->digest();
  const auto pending = pending_.find(digest);
  ASSERT(pending != pending_.end());
  auto batch = std::make_shared<WriteBatch>(states_->batch_of(digest));
  codec::Mmr history = history_;
  std::vector<Hash> txids;
  for (const codec::TxPtr& tx : pending->second.txs) txids.push_back(tx->txid);
  add_block(*batch, next.stored, history, txids);
  if (history_from_ && config_.is_indexed) add_index(*batch, *states_->find(digest), txids);
  if (history_from_ && !config_.is_indexed) end_index(*batch);
  if (codec::is_last_of_epoch(rules_->params, next.stored.block->header().height)) {
    const auto validators = validators_after(*states_->find(digest));
    ASSERT(validators.has_value());
    add_validators(*batch, codec::next(epoch_), *validators);
    add_epoch_end(*batch, {next.stored.block->header(), next.stored.certificate});
  }
  add_pruned(*batch);
  is_writing_ = true;
  say(host::WriteChain{new_token(), std::move(batch)});
}

void Chain::on_written(Instant now) {
  if (!config_.is_indexed) history_from_.reset();
  is_writing_ = false;
  is_written_ = true;
  if (!is_state_busy_ && !is_suspended_) finish(now);
}

/// The block is durable and no job reads the states: it is final in memory too.
void Chain::finish(Instant now) {
  is_written_ = false;
  floor_ = floor_written_;
  const Finishing done = std::move(finishing_.front());
  finishing_.pop_front();
  const BlockPtr& block = done.stored.block;
  const codec::BlockHeader& header = block->header();
  const bool ends_epoch = codec::is_last_of_epoch(rules_->params, header.height);
  for (const Hash& gone : states_->finalize(block->digest())) pending_.erase(gone);
  auto pending = pending_.extract(block->digest());
  const codec::Mmr before = std::exchange(history_, std::move(pending.mapped().history));
  tip_ = {done.stored.certificate->statement.view(), header.height, block->digest(), header.time,
          done.stored.certificate};
  std::vector<codec::TxPtr>& txs = pending.mapped().txs;
  txs_final_ += txs.size();
  drop_proofs();
  hot_ = states_->hot_counters();
  mempool_.on_final(txs, wall_now(now), *rules_, *states_->tip());
  if (!evidence_.empty()) {
    for (const Hash& id : evidence_in(*block)) evidence_.erase(id);
  }
  ledger::JobLog& jobs = pending.mapped().jobs;
  tasks_accepted_ += static_cast<std::uint64_t>(
      std::ranges::count(jobs, ledger::JobEvent::Kind::accepted, &ledger::JobEvent::kind));
  say(BlockFinalized{block, std::move(txs), now - pending.mapped().seen, std::move(jobs)});
  if (ends_epoch) {
    make_snapshot(done.stored, before);
    // The next epoch's validators are a matter of the state that is final now.
    const auto validators = validators_after(*states_->tip());
    ASSERT(validators.has_value());
    epoch_ = codec::next(epoch_);
    validators_ = std::make_shared<const codec::ValidatorSet>(*validators);
    auto sets = std::make_shared<Sets>(*sets_);
    sets->emplace(epoch_, validators_);
    if (sets->size() > rules_->params.unbonding_epochs + std::size_t{2}) sets->erase(sets->begin());
    sets_ = std::move(sets);
    begin_epoch(now);
  } else if (done.is_last_of_commit) {
    consensus_.on_input(now, consensus::Committed{header.height});
  }
  prune();
  note_halt_height();
  write_next();
}

}  // namespace kith::node
