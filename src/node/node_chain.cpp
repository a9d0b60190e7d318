// Of the node: the chain, and what carries its words. Consensus has streams of its own
// (node/consensus_service.h), blocks that were missed come by sync (node/sync_service.h), and
// transactions travel by gossip, each judged by the mempool before it is handed on. Consensus by
// gossip: node_talk.cpp.
#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"
#include "node/node.h"

namespace kith::node {
namespace {

constexpr Token publishing{0};  // nobody waits for the number of peers

/// Of transactions, count as one message more of gossip against their peer's limit.
constexpr std::size_t signatures_a_message = 64;

gossip::TopicOptions tx_topic_options() {
  gossip::TopicOptions options;
  // Who hands a transaction on first says nothing of whose it is; what is in it names it.
  options.policy = codec::SignaturePolicy::strict_no_sign;
  options.has_validator = true;
  options.delivers_own = false;
  options.priority = base::Priority::transactions;
  return options;
}

/// Only what can be in no block, whatever comes, counts against whoever sent it.
gossip::Verdict verdict_of(const ledger::MempoolAnswer& answer) {
  if (answer.kind != ledger::MempoolAnswer::Kind::refused) return gossip::Verdict::accept;
  return answer.refusal == ledger::Refusal::invalid ? gossip::Verdict::reject
                                                    : gossip::Verdict::ignore;
}

}  // namespace

void Node::keep_chain(std::unique_ptr<Chain> chain, const crypto::KeyPair* validator_key) {
  ASSERT(chain_ == nullptr);
  chain_ = std::move(chain);
  proofs_ = std::make_unique<ChainProofs>(*chain_);
  ConsensusServiceConfig config;
  config.genesis = chain_->genesis_hash();
  config.mesh_token = config_.chain.mesh_token;
  auto consensus =
      std::make_unique<ConsensusService>(config, host_.self(), chain_->validator_key());
  const codec::ChainParams& params = chain_->genesis().params;
  SyncConfig sync_config;
  // Between two blocks nobody need ask for one.
  sync_config.idle_after = std::max<Duration>(
      sync_config.idle_after, 2 * std::chrono::milliseconds(params.block_interval_ms));
  sync_config.serve_rate = config_.chain.keeping.serve_rate;
  auto sync = std::make_unique<SyncService>(sync_config, chain_->states().store(),
                                            params.epoch_blocks, chain_->genesis_hash(), rng_);
  SnapshotConfig snapshot_config;
  snapshot_config.behind = config_.chain.keeping.snapshot_behind;
  snapshot_config.is_indexed = chain_->config().is_indexed;
  snapshot_config.height_max = chain_->halt_height();
  snapshot_config.answers.bytes_per_second = config_.chain.keeping.serve_rate;
  auto snapshots = std::make_unique<SnapshotService>(
      snapshot_config, chain_->states().store(), params.epoch_blocks, chain_->genesis_hash(), rng_);
  snapshots_ = snapshots.get();
  consensus_ = consensus.get();
  sync_ = sync.get();
  add_service(Instant{}, std::move(consensus));
  add_service(Instant{}, std::move(sync));
  add_service(Instant{}, std::move(snapshots));
  if (params.compute) {
    auto compute = std::make_unique<ComputeService>();
    compute_ = compute.get();
    add_service(Instant{}, std::move(compute));
    verdicts_ = std::make_unique<Verdicts>(
        VerdictConfig{config.genesis, params.compute->answer_blocks}, chain_->validator_key());
    worker_peers_ = std::make_unique<WorkerPeers>(chain_->genesis_hash());
  }
  HeartbeatConfig heartbeat;
  heartbeat.genesis = config.genesis;
  heartbeat.interval = std::chrono::milliseconds(chain_->genesis().params.heartbeat_ms);
  heartbeats_ = std::make_unique<Heartbeats>(heartbeat, chain_->validator_key());
  if (!config_.chain.mesh_token) {
    talk_ = std::make_unique<ConsensusGossip>(ConsensusGossipConfig{chain_->genesis_hash()},
                                              chain_->validator_key());
  }
  if (chain_->has_remote_key()) {
    signing_ = std::make_unique<Signing>(
        SigningConfig{config.genesis, *chain_->validator_key(), codec::to_text(host_.self())},
        log_);
  } else {
    signing_ = std::make_unique<Signing>(config.genesis, validator_key);
  }
  constexpr std::size_t name_bytes = 8;
  tx_topic_ = "/kith/tx/2/" + base::to_hex(ByteView(chain_->genesis_hash()).first(name_bytes));
}

void Node::start_chain(Instant now) {
  if (chain_ == nullptr) return;
  final_at_ = now;
  chain_->start(now);
  sync_->start(now, chain_->height(), chain_->floor());
  to_router(now, gossip::Subscribe{tx_topic_, tx_topic_options()});
  gossip::TopicOptions options = tx_topic_options();
  options.priority = base::Priority::bulk;
  to_router(now, gossip::Subscribe{heartbeats_->topic(), options});
  if (verdicts_ != nullptr) to_router(now, gossip::Subscribe{verdicts_->topic(), options});
  if (worker_peers_ != nullptr) {
    to_router(now, gossip::Subscribe{worker_peers_->topic(), options});
  }
  options.priority = base::Priority::consensus;
  if (talk_ != nullptr) to_router(now, gossip::Subscribe{talk_->topic(), options});
  note_final(now);
}

bool Node::pump_chain(Instant now) {
  if (chain_ == nullptr) return false;
  bool is_busy = false;
  while (auto result = consensus_->poll_result()) {
    is_busy = true;
    std::visit(Overload{[&](consensus::Heard& heard) { chain_->on_input(now, std::move(heard)); },
                        [&](const ConsensusService::Proven& proven) {
                          const auto index = chain_->validators()->index_of(proven.key);
                          if (index) chain_->on_input(now, consensus::ValidatorUp{*index});
                        }},
               *result);
  }
  while (auto blocks = sync_->poll_blocks()) {
    is_busy = true;
    chain_->on_input(now, std::move(*blocks));
  }
  while (auto job = sync_->poll_job()) {
    is_busy = true;
    outputs_.push_back(std::move(*job));
  }
  while (auto output = chain_->poll_output(now)) {
    is_busy = true;
    on_chain(now, std::move(*output));
  }
  send_announced(now);
  proofs_->pump();
  while (auto job = proofs_->poll_job()) outputs_.push_back(std::move(*job));
  while (auto answer = proofs_->poll_answer()) reports_.push_back(std::move(*answer));
  is_busy = pump_heartbeats(now) || is_busy;
  is_busy = pump_talk(now) || is_busy;
  is_busy = pump_work(now) || is_busy;
  is_busy = pump_verdicts(now) || is_busy;
  is_busy = pump_signing(now) || is_busy;
  return pump_snapshots(now) || is_busy;
}

bool Node::pump_snapshots(Instant now) {
  bool is_busy = false;
  while (auto job = snapshots_->poll_job()) {
    is_busy = true;
    outputs_.push_back(std::move(*job));
  }
  while (auto write = snapshots_->poll_write()) {
    is_busy = true;
    outputs_.push_back(std::move(*write));
  }
  if (snapshots_->wants_adoption() && !chain_->is_halted()) {
    // Whoever reads the store is done with it before another state takes its place.
    chain_->suspend();
    if (chain_->is_quiet() && asked_.empty() && proofs_->is_quiet() && coins_asked_ == nullptr) {
      is_busy = true;
      snapshots_->adopt();
    }
  }
  if (snapshots_->take_adopted()) {
    is_busy = true;
    reopen_chain(now);
  }
  // Whoever takes no further block need not ask for any.
  const bool is_paused = snapshots_->is_importing() || chain_->is_halted();
  if (sync_->is_paused() != is_paused) {
    is_busy = true;
    sync_->pause(now, is_paused);
  }
  if (chain_->is_halted() || chain_->is_suspended()) return is_busy;
  const SnapshotService::View view{chain_->height(), sync_->target(), sync_->floor_of_peers(),
                                   chain_->epoch(), chain_->validators()};
  snapshots_->on_view(now, view);
  return is_busy;
}

/// The store has another state than the chain that was opened from it.
void Node::reopen_chain(Instant now) {
  auto chain = chain_->reopen(now);
  if (!chain) {
    log_.error("chain", "the snapshot that was taken cannot be opened: {}", chain.error().message);
    reports_.push_back(ChainHalted{chain.error()});
    answer_waiting(now);  // suspended for good
    for (AskStore& ask : std::exchange(held_, {})) {
      reports_.push_back(StoreAnswered{ask.token, std::move(ask.job)});  // as it is: not asked
    }
    return;
  }
  answer_waiting(now);
  log_.info("chain", "a snapshot brought the chain from height {} to {}", chain_->height().value,
            (*chain)->height().value);
  proofs_->close();
  while (auto answer = proofs_->poll_answer()) reports_.push_back(std::move(*answer));
  proofs_.reset();
  chain_ = *std::move(chain);
  proofs_ = std::make_unique<ChainProofs>(*chain_);
  chain_->start(now);
  sync_->on_height(now, chain_->height(), chain_->floor());
  note_final(now);
  for (AskStore& ask : std::exchange(held_, {})) ask_store(std::move(ask));
}

/// Whoever waits for the answer of a chain that gives none any more.
void Node::answer_waiting(Instant now) {
  for (const auto& [token, bundle] : std::exchange(bundles_, {})) {
    to_router(now, gossip::Validated{token, gossip::Verdict::ignore});
  }
  for (const auto& [token, whose] : std::exchange(submitted_, {})) {
    if (!whose.is_gossip && !whose.is_carrier) {
      reports_.push_back(TransactionAnswered{
          whose.token, {}, fail(Code::closed, "the chain was just brought forward: try again")});
    }
  }
}

bool Node::pump_heartbeats(Instant now) {
  bool is_busy = false;
  while (auto output = heartbeats_->poll_output()) {
    is_busy = true;
    std::visit(Overload{[&](const Heartbeats::Judged& judged) {
                          to_router(now, gossip::Validated{judged.token, judged.verdict});
                        },
                        [&](Heartbeats::Say& said) {
                          to_router(now, gossip::Publish{publishing,
                                                         heartbeats_->topic(),
                                                         Buffer(std::move(said.message)),
                                                         {}});
                        },
                        [&](Heartbeats::Ask& ask) { signing_->ask(now, std::move(ask.what)); },
                        [&](host::RunJob& work) { outputs_.push_back(std::move(work)); }},
               *output);
  }
  return is_busy;
}

/// A key that is here answers within the turn.
bool Node::pump_signing(Instant now) {
  bool is_busy = false;
  while (auto ask = consensus_->poll_ask()) signing_->ask(now, *std::move(ask));
  if (const consensus::Engine* const engine = chain_->consensus().engine(); engine != nullptr) {
    signing_->on_view(engine->last_final().view, engine->is_stale());
  }
  signing_->stand_down(chain_->is_halted() || chain_->is_suspended());
  while (auto output = signing_->poll_output()) {
    is_busy = true;
    std::visit(
        Overload{[&](Signing::Answered& answered) { on_signed(now, std::move(answered)); },
                 [&](const Signing::KeyUsable&) { consensus_->on_key_usable(); },
                 [&](consensus::SignerReady& ready) { chain_->on_input(now, std::move(ready)); },
                 [&](consensus::SignerGone& gone) { chain_->on_input(now, std::move(gone)); },
                 [&](HeightProven& proven) { chain_->on_input(now, std::move(proven)); },
                 [&](host::RunJob& work) { outputs_.push_back(std::move(work)); },
                 [&](host::TellSigner& tell) { outputs_.push_back(std::move(tell)); },
                 [&](const host::LeaveSigner& leave) { outputs_.push_back(leave); }},
        *output);
  }
  return is_busy;
}

void Node::on_signed(Instant now, Signing::Answered answered) {
  std::visit(
      Overload{
          [&](const codec::SignVote& vote) {
            chain_->on_input(now, consensus::Signed{vote.statement, std::move(answered.signature)});
          },
          [&](const codec::SignHello& hello) { consensus_->on_signed(hello, answered.signature); },
          [&](const codec::SignSaid& said) { talk_->on_signed(said, answered.signature); },
          [&](const codec::SignVerdict& verdict) {
            verdicts_->on_signed(verdict, answered.signature);
          },
          [&](const auto& beat) { heartbeats_->on_signed(now, beat, answered.signature); }},
      answered.what);
}

void Node::on_job(Instant now, host::JobDone done) {
  if (const auto asked = asked_.extract(done.job.get()); !asked.empty()) {
    reports_.push_back(StoreAnswered{asked.mapped(), std::move(done.job)});
  } else if (sync_->on_job(now, *done.job) || snapshots_->on_job(now, *done.job)) {
    // theirs
  } else if (const auto* const proved = dynamic_cast<ProveHeightJob*>(done.job.get())) {
    signing_->on_proved(*proved);
  } else if (const auto* const beat = dynamic_cast<VerifyHeartbeatJob*>(done.job.get())) {
    heartbeats_->on_verified(now, *beat);
  } else if (auto* const said = dynamic_cast<VerifySaidJob*>(done.job.get())) {
    talk_->on_verified(now, *said);
  } else if (verdicts_ != nullptr && verdicts_->on_job(*done.job)) {
    // theirs
  } else if (!on_coins(*done.job) && !proofs_->on_job(*done.job)) {
    chain_->on_input(now, std::move(done));
  }
}

void Node::ask_store(AskStore ask) {
  // What is asked while a snapshot is taken over is answered from it.
  if (chain_ != nullptr && chain_->is_suspended()) {
    held_.push_back(std::move(ask));
    return;
  }
  asked_.emplace(ask.job.get(), ask.token);
  outputs_.push_back(host::RunJob{ask.token, std::move(ask.job)});
}

/// Who is registered, and who votes, follows from the last final block.
void Node::note_final(Instant now) {
  heartbeats_->on_final(now, chain_->height(), chain_->tip().digest,
                        chain_->states().tip()->registry(), chain_->validators());
  look_at_verdicts();
  if (worker_peers_ != nullptr) worker_peers_->on_final(chain_->height());
}

void Node::on_chain(Instant now, ChainOutput output) {
  std::visit(
      Overload{[&](const consensus::Broadcast& said) {
                 consensus_->broadcast(said.message);
                 talk(now, said.message);
               },
               [&](const consensus::SendTo& said) {
                 const codec::ValidatorKey& key = chain_->validators()->at(said.validator).key;
                 consensus_->send(key, said.message);
                 if (!consensus_->peer_of(key)) talk(now, said.message);
               },
               [&](const consensus::ReplyTo& said) { reply(said); },
               [&](const consensus::PeerFault& fault) { on_fault(now, fault); },
               [&](const consensus::Behind&) { sync_->on_behind(now); },
               [&](host::RunJob& work) { outputs_.push_back(std::move(work)); },
               [&](host::AppendLog& work) { outputs_.push_back(std::move(work)); },
               [&](host::WriteChain& work) { outputs_.push_back(std::move(work)); },
               [&](host::SaveProof& work) { outputs_.push_back(std::move(work)); },
               [&](const consensus::Sign& work) {
                 signing_->ask(now, codec::SignVote{work.statement, work.holds_notarization});
               },
               [&](const codec::ProveHeight& work) { signing_->prove(now, work); },
               [&](BlockFinalized& done) {
                 final_at_ = now;
                 sync_->on_height(now, done.block->header().height, chain_->floor());
                 note_final(now);
                 work_on(now, done);
                 finality_.push_back(done.took);
                 if (finality_.size() > finality_max) finality_.pop_front();
                 reports_.push_back(std::move(done));
               },
               [&](EpochBegan& began) {
                 consensus_->set_validators(*began.validators);
                 if (talk_ != nullptr) {
                   talk_->begin_epoch(began.epoch, began.validators, chain_->leaders_seed());
                 }
                 sync_->on_epoch(now, began.epoch, began.validators);
                 signing_->on_epoch(now, began.epoch);
                 reports_.push_back(std::move(began));
               },
               [&](const TxAnswered& answered) { on_tx_answered(now, answered); },
               [&](StateDumped& dumped) { reports_.push_back(std::move(dumped)); },
               [&](ChainHalted& halted) { reports_.push_back(std::move(halted)); }},
      output);
}

bool Node::is_chain_topic(std::string_view topic) const {
  return chain_ != nullptr && (topic == tx_topic_ || topic == heartbeats_->topic() ||
                               (talk_ != nullptr && topic == talk_->topic()) ||
                               (worker_peers_ != nullptr && topic == worker_peers_->topic()) ||
                               (verdicts_ != nullptr && topic == verdicts_->topic()));
}

bool Node::on_topic_message(Instant now, const gossip::Validate& validate) {
  if (!is_chain_topic(validate.message.topic)) return false;
  if (validate.message.topic == tx_topic_) {
    on_tx_message(now, validate);
  } else if (talk_ != nullptr && validate.message.topic == talk_->topic()) {
    talk_->on_message(now, validate.token, validate.message.received_from.value_or(PeerId()),
                      validate.message.data.view());
  } else if (verdicts_ != nullptr && validate.message.topic == verdicts_->topic()) {
    verdicts_->on_message(validate.token, validate.message.received_from.value_or(PeerId()),
                          validate.message.data.view());
  } else if (worker_peers_ != nullptr && validate.message.topic == worker_peers_->topic()) {
    worker_peers_->on_message(validate.token, validate.message.data.view(),
                              chain_->states().tip()->registry().by_kind());
  } else {
    heartbeats_->on_message(now, validate.token, validate.message.data.view());
  }
  return true;
}

void Node::on_tx_message(Instant now, const gossip::Validate& validate) {
  auto txs = codec::decode_tx_bundle(validate.message.data.view());
  if (!txs) {
    to_router(now, gossip::Validated{validate.token, gossip::Verdict::reject});
    return;
  }
  owe_for_signatures(now, validate.message.received_from, *txs);
  bundles_.emplace(validate.token, Bundle{txs->size(), false, false, {}});
  for (codec::TxPtr& tx : *txs) {
    const Token token{++last_submitted_};
    submitted_.emplace(token, Submitted{validate.token, true, false, false});
    chain_->on_input(now, SubmitTx{token, std::move(tx), validate.message.received_from});
  }
}

/// A message whose transactions carry hundreds of statements takes as long to verify as many
/// others.
void Node::owe_for_signatures(Instant now, const std::optional<PeerId>& peer,
                              const std::vector<codec::TxPtr>& txs) {
  if (!peer || gossip_ == nullptr) return;
  std::size_t signatures = 0;
  for (const codec::TxPtr& tx : txs) signatures += codec::signatures_of(tx->tx);
  gossip_->owe(now, *peer, signatures / signatures_a_message);
}

void Node::submit(Instant now, SubmitTransaction submitted) {
  if (chain_ == nullptr) {
    reports_.push_back(TransactionAnswered{submitted.token, submitted.tx->txid,
                                           fail(Code::unsupported, "this node keeps no chain"),
                                           false});
    return;
  }
  const Token token{++last_submitted_};
  submitted_.emplace(token, Submitted{submitted.token, false, submitted.is_question, false});
  chain_->on_input(now, SubmitTx{token, std::move(submitted.tx), {}, {}, submitted.is_question});
}

void Node::make_proof(MakeProof work) {
  if (chain_ != nullptr && chain_->is_suspended()) {
    reports_.push_back(
        ProofAnswered{work.token, fail(Code::closed, "a snapshot is being taken over: try again")});
    return;
  }
  if (chain_ != nullptr) return proofs_->ask(work.token, std::move(work.wanted));
  reports_.push_back(
      ProofAnswered{work.token, fail(Code::unsupported, "this node keeps no chain")});
}

void Node::on_tx_answered(Instant now, const TxAnswered& answered) {
  const auto found = submitted_.extract(answered.token);
  if (found.empty()) return;
  const Submitted& whose = found.mapped();
  if (whose.is_gossip) return on_bundled_answer(now, whose.token, answered);
  const bool is_known = answered.answer.kind == ledger::MempoolAnswer::Kind::refused &&
                        answered.answer.refusal == ledger::Refusal::known;
  const bool is_refused = answered.answer.kind == ledger::MempoolAnswer::Kind::refused && !is_known;
  if (!is_refused && !is_known && !whose.is_question) announce(now, answered.tx);
  if (whose.is_carrier) {
    carrier_->on_answer(answered.tx->txid,
                        is_refused ? Result<void>(fail(answered.answer.error)) : Result<void>());
    return;
  }
  reports_.push_back(TransactionAnswered{
      whose.token, answered.tx->txid,
      is_refused ? Result<void>(fail(answered.answer.error)) : Result<void>(), is_known});
}

/// A bundle that is news as a whole goes on as it is. Of one that is so in part, only that part
/// does, in a bundle of ours: else what all have would travel again beside one new transaction.
void Node::on_bundled_answer(Instant now, Token bundle, const TxAnswered& answered) {
  const auto at = bundles_.find(bundle);
  if (at == bundles_.end()) return;
  Bundle& judged = at->second;
  --judged.waiting;
  switch (verdict_of(answered.answer)) {
    case gossip::Verdict::accept: judged.news.push_back(answered.tx); break;
    case gossip::Verdict::ignore: judged.has_old = true; break;
    case gossip::Verdict::reject: judged.has_wrong = true; break;
  }
  if (judged.waiting > 0) return;
  gossip::Verdict verdict = gossip::Verdict::accept;
  if (judged.has_wrong)
    verdict = gossip::Verdict::reject;
  else if (judged.has_old)
    verdict = gossip::Verdict::ignore;
  if (verdict != gossip::Verdict::accept) {
    for (const codec::TxPtr& tx : judged.news) announce(now, tx);
  }
  bundles_.erase(at);
  to_router(now, gossip::Validated{bundle, verdict});
}

void Node::announce(Instant now, const codec::TxPtr& tx) {
  if (announced_.size() == codec::bundle_txs_max ||
      announced_bytes_ + tx->bytes > codec::bundle_bytes_max) {
    send_announced(now);
  }
  if (!announced_ids_.insert(tx->txid).second) return;
  announced_.push_back(tx);
  announced_bytes_ += tx->bytes;
}

/// What one turn let in travels together.
void Node::send_announced(Instant now) {
  if (announced_.empty()) return;
  Bytes bundle = codec::encode_tx_bundle(std::exchange(announced_, {}));
  announced_bytes_ = codec::bundle_head_bytes;
  announced_ids_.clear();
  to_router(now, gossip::Publish{publishing, tx_topic_, Buffer(std::move(bundle)), {}});
}

}  // namespace kith::node
